//! ANONYMOUS (RFC 4505): nobody in particular.

use alloc::boxed::Box;

use bytes::Bytes;

use super::{
    Input, Mechanism, Offer, Step, Success,
    turn::{Receiving, Sending},
};
use crate::types::{Str, Symbol};

const NAME: Symbol = Symbol::from_static("ANONYMOUS");

/// RFC 4505, 2: the length of a token, in characters.
const MAX_TRACE: usize = 255;

impl Offer {
    /// ANONYMOUS, for a client that says nothing about itself.
    pub fn anonymous() -> Self {
        Self::anonymous_with_trace(Str::empty())
    }

    /// ANONYMOUS, for a client that leaves a trace, such as an e-mail address or a token without an `@`. One that
    /// is longer than 255 characters or contains a NUL is not sent: the exchange fails at its start.
    pub fn anonymous_with_trace(trace: impl Into<Str>) -> Self {
        let trace = trace.into();
        let sound = trace.chars().count() <= MAX_TRACE && !trace.contains('\0');
        let message = sound.then(|| trace.into_bytes());
        Self::new(NAME, move || Box::new(Client { message: message.clone(), turn: Sending::default() }))
    }

    /// ANONYMOUS, for a server that lets in anybody. The [`Success`] has no identity; the client's trace means
    /// nothing and is not kept.
    pub fn accept_anonymous() -> Self {
        Self::new(NAME, || Box::new(Server { turn: Receiving::default() }))
    }
}

struct Client {
    message: Option<Bytes>,
    turn: Sending,
}

impl Mechanism for Client {
    fn step(&mut self, input: Input<'_>) -> Step {
        // Empty, not absent: the client speaks first.
        self.turn.step(input, self.message.take(), || Step::Done(Success::new()))
    }
}

struct Server {
    turn: Receiving,
}

impl Mechanism for Server {
    fn step(&mut self, input: Input<'_>) -> Step {
        // RFC 4422, 3 would have a missing message asked for. Clients in use send none and don't understand the
        // question, and the trace has no meaning (RFC 4505, 2), so it counts as an empty one.
        let input = match input {
            Input::Start(None) => Input::Start(Some(&[])),
            other => other,
        };
        match self.turn.step(input) {
            Ok(_trace) => Step::Done(Success::new()),
            Err(step) => step,
        }
    }
}
