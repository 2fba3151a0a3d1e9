//! Three kinds of wrong, three types: the caller's misuse, the peer's fault, and how something came to its end.

use alloc::boxed::Box;
use core::fmt;

use thiserror::Error;

use crate::{
    codec::DecodeError,
    frame::FrameError,
    spec::definitions::{AmqpError, ErrorCondition},
    types::Str,
};

/// A command that could not be carried out. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The session, link or delivery is gone, or was never on this connection.
    #[error("the id is not in use (any more)")]
    UnknownId,
    /// The endpoint's state does not allow the command.
    #[error("not possible in this state: {0}")]
    IllegalState(&'static str),
    /// The link has no credit (2.6.7). `SENDER_READY` follows once there is some.
    #[error("the link has no credit")]
    NoCredit,
    /// The peer's incoming window is used up (2.5.6). `SENDER_READY` follows once it opens.
    #[error("the session's window is closed")]
    WindowClosed,
    /// Too much waits to be written. `SENDER_READY` follows once it has drained.
    #[error("too many bytes wait to be written")]
    OutboxFull,
    /// The link is still sending an earlier message. `SENDER_READY` follows once that is done.
    #[error("an earlier message is still being sent")]
    Busy,
    /// The message is larger than the peer's max-message-size (2.7.3).
    #[error("the message is larger than the peer's maximum of {max} bytes")]
    TooLarge {
        /// The peer's max-message-size, in bytes.
        max: u64,
    },
    /// The frame would be larger than the peer accepts (2.8.15 `frame-size-too-small`).
    #[error("a frame of {size} bytes does not fit the peer's maximum of {max}")]
    FrameTooLarge {
        /// The frame's size, in bytes.
        size: usize,
        /// The largest allowed, in bytes.
        max: u32,
    },
    /// A limit that was negotiated or set is reached.
    #[error("the limit is reached: {0}")]
    LimitReached(&'static str),
    /// The settle mode does not go with what was negotiated (2.7.5).
    #[error("not allowed by the link's settle mode")]
    SettleMode,
}

/// The peer's fault, by what has to end for it (2.4.3, 2.5.4, 2.6.5).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ProtocolError {
    Connection(Box<AmqpError>),
    Session(Box<AmqpError>),
    Link(Box<AmqpError>),
}

impl ProtocolError {
    pub(crate) fn connection(condition: ErrorCondition, why: &str) -> Self {
        Self::Connection(Box::new(AmqpError::described(condition, why)))
    }

    pub(crate) fn session(condition: ErrorCondition, why: &str) -> Self {
        Self::Session(Box::new(AmqpError::described(condition, why)))
    }

    pub(crate) fn link(condition: ErrorCondition, why: &str) -> Self {
        Self::Link(Box::new(AmqpError::described(condition, why)))
    }
}

/// 2.8.15: bytes that do not decode are the connection's end, since what follows them has lost its place.
impl From<DecodeError> for ProtocolError {
    fn from(error: DecodeError) -> Self {
        Self::connection(ErrorCondition::DecodeError, &alloc::format!("{error}"))
    }
}

impl From<FrameError> for ProtocolError {
    fn from(error: FrameError) -> Self {
        Self::connection(ErrorCondition::FramingError, &alloc::format!("{error}"))
    }
}

/// Who or what brought an endpoint to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The peer ended it with an error.
    Peer,
    /// The peer broke the protocol, and we ended it.
    Violation,
    /// The peer did not accept the link.
    Refused,
    /// The transport was lost.
    Lost,
    /// The peer took too long.
    TimedOut,
    /// The peer speaks another protocol or version, or asks for another security layer (2.2).
    Header,
    /// The SASL exchange failed (5.3).
    Sasl,
}

/// Why an endpoint came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Who or what brought it about.
    pub cause: Cause,
    /// The error on the wire, or the one that says it best where none was.
    pub error: AmqpError,
}

impl Failure {
    pub(crate) fn new(cause: Cause, condition: ErrorCondition, why: impl Into<Str>) -> Self {
        Self { cause, error: AmqpError::described(condition, why) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}
