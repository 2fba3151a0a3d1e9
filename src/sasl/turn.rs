//! Whose turn it is in a mechanism of one message, from the client.

use bytes::Bytes;

use super::step::{Input, Step};

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    Fresh,
    Waiting,
    Over,
}

/// The client's side.
#[derive(Default)]
pub(super) struct Sending(Turn);

impl Sending {
    /// The message if it is to go out now, `done` if it was accepted.
    pub(super) fn step(
        &mut self,
        input: Input<'_>,
        message: Option<Bytes>,
        done: impl FnOnce() -> Step,
    ) -> Step {
        let (turn, step) = match (self.0, input, message) {
            (Turn::Fresh, Input::Start(_), Some(message)) => (Turn::Waiting, Step::Reply(message)),
            // RFC 4422, 3.6: additional data is the mechanism's to define, and these define none. But Azure Service
            // Bus sends a greeting with its ok, so what comes is ignored.
            (Turn::Waiting, Input::Outcome(_), _) => (Turn::Over, done()),
            _ => (Turn::Over, Step::refuse()),
        };
        self.0 = turn;
        step
    }
}

/// The server's side.
#[derive(Default)]
pub(super) struct Receiving(Turn);

impl Receiving {
    /// The message if this is it, or else the step to answer with.
    pub(super) fn step<'a>(&mut self, input: Input<'a>) -> Result<&'a [u8], Step> {
        let (turn, result) = match (self.0, input) {
            (Turn::Fresh, Input::Start(Some(message))) | (Turn::Waiting, Input::Data(message)) => {
                (Turn::Over, Ok(message))
            }
            // RFC 4422, 3: a client that speaks first but sent no initial response is asked for it with an
            // empty challenge.
            (Turn::Fresh, Input::Start(None)) => (Turn::Waiting, Err(Step::Reply(Bytes::new()))),
            _ => (Turn::Over, Err(Step::refuse())),
        };
        self.0 = turn;
        result
    }
}
