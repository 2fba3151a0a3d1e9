//! Both ends of a mechanism with a single message, from the client (RFC 4422, 5).

use bytes::Bytes;

use super::{Credentials, Exchange, Step, StepInput, Success};
use crate::types::Str;

/// The progress of either end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    /// A client waits for the outcome, a server for the message.
    Waiting,
    Done,
}

/// The client's end.
pub(super) struct OneShotClient {
    message: Option<Bytes>,
    identity: Option<Str>,
    /// Why there is no message.
    unusable: Option<&'static str>,
    state: State,
}

impl OneShotClient {
    /// Creates a client that sends `message`. `None` stands for a message that the mechanism cannot express, because of
    /// the reason `unusable`: the exchange fails at its start.
    pub(super) fn new(message: Option<Bytes>, identity: Option<Str>, unusable: &'static str) -> Self {
        let unusable = message.is_none().then_some(unusable);
        Self { message, identity, unusable, state: State::Start }
    }
}

impl Exchange for OneShotClient {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        let (state, step) = match (self.state, input, self.message.take()) {
            (State::Start, StepInput::Start(_), Some(message)) => (State::Waiting, Step::Reply(message)),
            // RFC 4422, 3.6: the mechanism defines additional data, and these define none. Azure Service Bus sends a
            // greeting with its ok, so additional data is ignored.
            (State::Waiting, StepInput::Outcome(_), _) => {
                let identity = self.identity.take();
                (State::Done, Step::Done(Success { identity, ..Success::default() }))
            }
            _ => (State::Done, Step::refuse()),
        };
        self.state = state;
        step
    }

    fn reason(&self) -> Option<&str> {
        self.unusable
    }
}

/// The part of a server that receives the message.
pub(super) struct Receiver(State);

impl Receiver {
    pub(super) fn new() -> Self {
        Self(State::Start)
    }

    /// Returns the message if `input` holds it, or else the step to answer with.
    pub(super) fn message<'a>(&mut self, input: StepInput<'a>) -> Result<&'a [u8], Step> {
        let (state, result) = match (self.0, input) {
            (State::Start, StepInput::Start(Some(message))) | (State::Waiting, StepInput::Data(message)) => {
                (State::Done, Ok(message))
            }
            // RFC 4422, 3: an empty challenge asks for the initial response that the client did not send.
            (State::Start, StepInput::Start(None)) => (State::Waiting, Err(Step::Reply(Bytes::new()))),
            _ => (State::Done, Err(Step::refuse())),
        };
        self.0 = state;
        result
    }
}

/// The server's end, if `check` can decide at once.
pub(super) struct OneShotServer<F> {
    check: F,
    receiver: Receiver,
}

impl<F: Fn(&[u8]) -> Step> OneShotServer<F> {
    pub(super) fn new(check: F) -> Self {
        Self { check, receiver: Receiver::new() }
    }
}

impl<F: Fn(&[u8]) -> Step + Send + Sync> Exchange for OneShotServer<F> {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        match self.receiver.message(input) {
            Ok(message) => (self.check)(message),
            Err(step) => step,
        }
    }
}

/// The server's end of a mechanism that lets every client in.
pub(super) struct OpenServer {
    /// The client may send a message, which has no meaning.
    takes_message: bool,
    done: bool,
}

impl OpenServer {
    pub(super) fn new(takes_message: bool) -> Self {
        Self { takes_message, done: false }
    }
}

impl Exchange for OpenServer {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        let first = !core::mem::replace(&mut self.done, true);
        match input {
            // RFC 4422, 3: the server would ask for a missing message. Clients in use send none and do not understand
            // the question, so a missing one counts as empty.
            StepInput::Start(message)
                if first && (self.takes_message || message.is_none_or(<[u8]>::is_empty)) =>
            {
                Step::Done(Success::new())
            }
            _ => Step::refuse(),
        }
    }
}

/// The server's end, if the application decides later.
pub(super) struct DeferredServer {
    parse: Parse,
    /// A well-formed message, until the next step.
    message: Option<Bytes>,
    receiver: Receiver,
}

/// Reads the credentials from a message; `None` if it is malformed.
type Parse = fn(&[u8]) -> Option<Credentials<'_>>;

impl DeferredServer {
    pub(super) fn new(parse: Parse) -> Self {
        Self { parse, message: None, receiver: Receiver::new() }
    }
}

impl Exchange for DeferredServer {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        self.message = None;
        match self.receiver.message(input) {
            Ok(message) if (self.parse)(message).is_some() => {
                self.message = Some(Bytes::copy_from_slice(message));
                Step::Pending
            }
            Ok(_) => Step::refuse(),
            Err(step) => step,
        }
    }

    fn credentials(&self) -> Option<Credentials<'_>> {
        self.message.as_deref().and_then(self.parse)
    }
}
