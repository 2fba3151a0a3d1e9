//! What goes into a mechanism and what comes out.

use core::fmt;

use bytes::Bytes;

use crate::{spec::sasl::SaslCode, types::Str};

/// What a mechanism is told.
///
/// Its `Debug` shows no octets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// The exchange begins. On the client always `None`: what is the initial response? On the server the
    /// client's initial response, `None` if it sent none; an empty one is not the same as none.
    Start(Option<&'a [u8]>),
    /// On the client a challenge, on the server a response.
    Data(&'a [u8]),
    /// On the client only: the server said ok, with this additional data (5.3.3.5). [`Step::Done`] believes it,
    /// [`Step::Fail`] does not.
    Outcome(Option<&'a [u8]>),
}

/// What a mechanism answers.
///
/// Its `Debug` shows no octets.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this and wait for more. On the client the initial response or a response, on the server a
    /// challenge.
    Reply(Bytes),
    /// On the client, as the answer to [`Input::Start`] only: begin without an initial response.
    NoReply,
    /// The exchange succeeded. The server sends the outcome ok; the client says so only in answer to
    /// [`Input::Outcome`].
    Done(Success),
    /// The exchange failed. The server sends this outcome, and the client gives up.
    Fail(SaslCode),
    /// The answer comes later, from outside: the engine raises an event, and the caller hands in a step.
    Pending,
}

impl Step {
    /// A [`Reply`](Self::Reply) of these octets.
    pub fn reply(octets: impl Into<Bytes>) -> Self {
        Self::Reply(octets.into())
    }

    /// The answer to what came out of turn or could not be understood.
    pub(super) fn refuse() -> Self {
        // 5.3.3.6: auth is the code for an unspecified problem; it tells a guesser nothing.
        Self::Fail(SaslCode::Auth)
    }
}

/// What a successful exchange established.
///
/// Its `Debug` shows the names, not the additional data.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Success {
    /// Who the client has shown to be; `None` if it is anonymous.
    pub identity: Option<Str>,
    /// Whom the client asked to act as, and may. `None` leaves it at what the identity stands for (RFC 4422, 3.4.1).
    pub authorization: Option<Str>,
    /// From the server, to go with the outcome (5.3.3.5).
    pub additional_data: Option<Bytes>,
}

impl Success {
    /// Nothing but the success.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`identity`](Self::identity).
    #[must_use]
    pub fn identity(mut self, identity: impl Into<Str>) -> Self {
        self.identity = Some(identity.into());
        self
    }

    /// Sets [`authorization`](Self::authorization).
    #[must_use]
    pub fn authorization(mut self, authorization: impl Into<Str>) -> Self {
        self.authorization = Some(authorization.into());
        self
    }

    /// Sets [`additional_data`](Self::additional_data).
    #[must_use]
    pub fn additional_data(mut self, additional_data: impl Into<Bytes>) -> Self {
        self.additional_data = Some(additional_data.into());
        self
    }
}

/// Stands for octets in a `Debug`. Not even their number is shown: with the user's name it gives away the length of
/// a PLAIN password.
pub(super) struct Redacted;

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(octets) => f.debug_tuple("Start").field(&octets.map(|_| Redacted)).finish(),
            Self::Data(_) => f.debug_tuple("Data").field(&Redacted).finish(),
            Self::Outcome(octets) => f.debug_tuple("Outcome").field(&octets.map(|_| Redacted)).finish(),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(_) => f.debug_tuple("Reply").field(&Redacted).finish(),
            Self::NoReply => f.write_str("NoReply"),
            Self::Done(success) => f.debug_tuple("Done").field(success).finish(),
            Self::Fail(code) => f.debug_tuple("Fail").field(code).finish(),
            Self::Pending => f.write_str("Pending"),
        }
    }
}

impl fmt::Debug for Success {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Success")
            .field("identity", &self.identity)
            .field("authorization", &self.authorization)
            .field("additional_data", &self.additional_data.as_ref().map(|_| Redacted))
            .finish()
    }
}
