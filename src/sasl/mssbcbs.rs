//! MSSBCBS: a client without an identity, which authorizes itself by claims later.

use alloc::boxed::Box;

use super::{Exchange, Mechanism, Step, StepInput, Success, one_shot::OpenServer};
use crate::types::Symbol;

const NAME: Symbol = Symbol::from_static("MSSBCBS");

impl Mechanism {
    /// Creates MSSBCBS for a client: it opens the connection without an identity, and hands in tokens over a link of
    /// claims-based security later. Azure's services offer it.
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, sasl::Mechanism};
    ///
    /// let config = ConnectionConfig::client("client")
    ///     .hostname("hub.example")
    ///     .sasl(Mechanism::mssbcbs())
    ///     .sasl(Mechanism::anonymous());
    /// ```
    pub fn mssbcbs() -> Self {
        Self::client(NAME, || Box::new(Client { state: State::Start }))
    }

    /// Creates MSSBCBS for a server that lets every client in, and serves it as its claims allow.
    ///
    /// The [`Success`] has no identity.
    pub fn mssbcbs_server() -> Self {
        Self::server(NAME, || Box::new(OpenServer::new(false)))
    }
}

#[derive(Clone, Copy)]
enum State {
    Start,
    Sent,
    Done,
}

struct Client {
    state: State,
}

impl Exchange for Client {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        match (core::mem::replace(&mut self.state, State::Done), input) {
            (State::Start, StepInput::Start(_)) => {
                self.state = State::Sent;
                Step::NoInitialResponse
            }
            (State::Sent, StepInput::Outcome(_)) => Step::Done(Success::new()),
            _ => Step::refuse(),
        }
    }
}
