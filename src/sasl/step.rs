//! Input and result of one step of an exchange.

use core::fmt;

use bytes::Bytes;

use crate::{
    spec::sasl::{Redacted, SaslCode},
    types::Str,
};

/// The input of one step of an [`Exchange`](super::Exchange).
///
/// More variants may follow; an exchange refuses those that it does not know. `Debug` shows no bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepInput<'a> {
    /// The exchange begins.
    ///
    /// At a server, the client's initial response (5.3.3.2). `None` means that the client sent none, which differs
    /// from an empty one. At a client, always `None`: the step returns the initial response.
    Start(Option<&'a [u8]>),
    /// A challenge at a client (5.3.3.3), a response at a server (5.3.3.4).
    Data(&'a [u8]),
    /// The outcome `ok` at a client, with the server's additional data (5.3.3.5).
    ///
    /// [`Step::Done`] accepts the outcome. [`Step::Fail`] rejects it, for example because the server's proof is wrong.
    Outcome(Option<&'a [u8]>),
}

/// The result of one step of an [`Exchange`](super::Exchange).
///
/// `Debug` shows no bytes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Send these bytes and wait for the peer: an initial response or a response of the client, a challenge of the
    /// server.
    Reply(Bytes),
    /// Begin without an initial response. Only a client returns it, and only for [`StepInput::Start`].
    NoInitialResponse,
    /// The exchange succeeded. A server sends the outcome `ok`. A client returns it only for [`StepInput::Outcome`].
    Done(Success),
    /// The exchange failed. A server sends this code in the outcome (5.3.3.5). A client ends the connection.
    Fail(SaslCode),
    /// The application decides later, in any step of either end. The engine raises `SASL_PENDING`, and the application
    /// calls [`Connection::sasl_answer`](crate::Connection::sasl_answer) with the step that this one stands for, or
    /// [`Connection::sasl_supply`](crate::Connection::sasl_supply) with what the exchange needs for it. Input waits
    /// until then, and [`Timeouts::sasl`](crate::Timeouts::sasl) runs on.
    Pending,
}

impl Step {
    /// Returns a [`Reply`](Self::Reply) with these bytes.
    pub fn reply(bytes: impl Into<Bytes>) -> Self {
        Self::Reply(bytes.into())
    }

    /// Returns a [`Fail`](Self::Fail) with the code `auth`, for bad credentials and for input that is wrong.
    pub fn refuse() -> Self {
        // 5.3.3.6: auth stands for an unspecified problem, so a guesser learns nothing from it.
        Self::Fail(SaslCode::Auth)
    }
}

/// The result of a successful exchange.
///
/// `Debug` shows the names, and no additional data.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Success {
    /// The identity that the client has proved; `None` if it is anonymous.
    pub identity: Option<Str>,
    /// The identity that the client may act as, at its own request. `None` leaves it at that of `identity`
    /// (RFC 4422, 3.4.1).
    pub authorization: Option<Str>,
    /// Data that a server sends with the outcome (5.3.3.5).
    pub additional_data: Option<Bytes>,
}

impl Success {
    /// Creates a success without an identity and without data.
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

impl fmt::Debug for StepInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(bytes) => f.debug_tuple("Start").field(&bytes.map(|_| Redacted)).finish(),
            Self::Data(_) => f.debug_tuple("Data").field(&Redacted).finish(),
            Self::Outcome(bytes) => f.debug_tuple("Outcome").field(&bytes.map(|_| Redacted)).finish(),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(_) => f.debug_tuple("Reply").field(&Redacted).finish(),
            Self::NoInitialResponse => f.write_str("NoInitialResponse"),
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
