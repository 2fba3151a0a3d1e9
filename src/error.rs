//! Error types: the caller's misuse, the peer's fault, and the reason why an endpoint ended.

use alloc::boxed::Box;
use core::fmt;

use thiserror::Error;

use crate::{
    codec::DecodeError,
    frame::FrameError,
    spec::definitions::{AmqpError, ErrorCondition},
    types::Str,
};

/// A command that was not carried out. Nothing has changed.
///
/// It displays the state that does not allow the command and the section of the standard, such as "not possible in this
/// state: the session is ending (2.5.5)". It is small and owns nothing, so it does not repeat an argument of the call:
/// the id of the session, link or delivery is in the caller's hand, and belongs in a report beside the error.
///
/// ```
/// use amqp_proto::{CommandError, Connection, ConnectionConfig};
///
/// let mut server = Connection::new(ConnectionConfig::server("server"));
/// let refused = server.close(None).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "not possible in this state: the connection has not been opened (2.4.7)"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The session has ended, or was never on this connection.
    #[error("the session has ended or is unknown")]
    UnknownSession,
    /// The link has been closed or detached, or was never on this connection.
    #[error("the link has ended or is unknown")]
    UnknownLink,
    /// The delivery is settled or has been read, or was never on this link.
    #[error("the delivery is settled or unknown")]
    UnknownId,
    /// The endpoint's state does not allow the command, for the reason given.
    #[error("not possible in this state: {0}")]
    IllegalState(&'static str),
    /// The link has no credit (2.6.7). `SENDER_READY` follows once there is some.
    #[error("the link has no credit (2.6.7)")]
    NoCredit,
    /// The peer's incoming window is used up (2.5.6), or left to links that have been refused before. `SENDER_READY` follows
    /// once it opens, in turn.
    #[error("the session's remote-incoming-window is closed (2.5.6)")]
    WindowClosed,
    /// As many bytes wait to be written as [`Limits::max_outbox_bytes`](crate::Limits::max_outbox_bytes) allows, or the next
    /// turn is that of messages in progress, or of links that have been refused before. `SENDER_READY` follows, in turn.
    #[error("as many bytes wait to be written as max_outbox_bytes allows")]
    OutboxFull,
    /// As many deliveries of the session are unsettled as [`Limits::max_unsettled`](crate::Limits::max_unsettled) or the
    /// memory for them allows, beside unpolled events and unread streams, or the next place is for a link that has been
    /// refused before. `SENDER_READY` follows, in turn, once some have been settled, or what waits has been polled or read.
    /// Messages can still be sent settled.
    ///
    /// Also if a delivery is unsettled behind which 2³⁰ others or more have been sent: numbers that are 2³¹ apart have no
    /// order (2.8.10). Then messages wait that are sent settled, too. What links that
    /// are gone have left unsettled is dropped first.
    #[error("as many deliveries are unsettled as max_unsettled or the memory allows")]
    TooManyUnsettled,
    /// The link is still sending an earlier message. `SENDER_READY` follows once that is done.
    #[error("an earlier message is still being sent on the link (2.6.14)")]
    Busy,
    /// The message is larger than the peer's max-message-size (2.7.3).
    #[error("the message is larger than the peer's max-message-size of {max} bytes (2.7.3)")]
    TooLarge {
        /// The peer's max-message-size, in bytes.
        max: u64,
    },
    /// The frame would be larger than the peer accepts (2.8.15 `frame-size-too-small`).
    #[error("a frame of {size} bytes does not fit the peer's max-frame-size of {max} (2.7.1)")]
    FrameTooLarge {
        /// The frame's size, in bytes.
        size: usize,
        /// The largest allowed, in bytes.
        max: u32,
    },
    /// A limit that was negotiated or set is reached, by name.
    #[error("the limit is reached: {0}")]
    LimitReached(&'static str),
    /// The link's negotiated settle mode does not allow this settlement (2.7.5).
    #[error("the link's snd-settle-mode does not allow this settlement (2.7.5)")]
    SettleMode,
}

impl CommandError {
    /// True if a message could not be sent only for now: [`NoCredit`](Self::NoCredit),
    /// [`WindowClosed`](Self::WindowClosed), [`OutboxFull`](Self::OutboxFull),
    /// [`TooManyUnsettled`](Self::TooManyUnsettled) or [`Busy`](Self::Busy). `SENDER_READY` follows once when it may be.
    pub const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::NoCredit | Self::WindowClosed | Self::OutboxFull | Self::TooManyUnsettled | Self::Busy
        )
    }
}

/// The peer's fault, by the endpoint that has to end for it (2.4.3, 2.5.4, 2.6.5).
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

/// The error to write, whatever it ends.
impl From<ProtocolError> for AmqpError {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Connection(error) | ProtocolError::Session(error) | ProtocolError::Link(error) => {
                *error
            }
        }
    }
}

/// 2.8.15: bytes that do not decode end the connection, since no later frame can be found.
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

/// The cause of an endpoint's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The peer ended it with an error.
    Peer,
    /// The peer broke the protocol, and we ended it.
    Violation,
    /// The link was refused: by the peer, because our attach does not fit the limits in the peer's open and begin, or
    /// because the peer asks for a coordinator of transactions and there is none.
    Refused,
    /// The transport was lost.
    Lost,
    /// The peer took too long to answer, or was silent for too long.
    TimedOut,
    /// The peer asks for another protocol, version or security layer (2.2).
    Header,
    /// The SASL exchange failed (5.3).
    Sasl,
    /// The session or connection of the endpoint failed. The event of that, which follows, has the reason.
    Parent,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peer => "ended by the peer with an error",
            Self::Violation => "the peer broke the protocol",
            Self::Refused => "the link was refused",
            Self::Lost => "the transport was lost",
            Self::TimedOut => "the peer took too long",
            Self::Header => "the peer asks for another protocol",
            Self::Sasl => "the SASL exchange failed",
            Self::Parent => "the session or connection failed",
        })
    }
}

/// The reason why an endpoint ended: the error that an `*_ERROR` event carries.
///
/// It displays as its cause. Its [`source`](core::error::Error::source) is [`error`](Self::error), and
/// [`Event::error_detail`](crate::Event::error_detail) returns that as text.
///
/// The description of an error of ours names the handle, channel, delivery-id or link that it is about, the state or limit
/// if that is the reason, and the section of the standard. It repeats at most 32 bytes of a peer's name, and no secret.
///
/// ```
/// use amqp_proto::Event;
///
/// fn report(event: &Event) {
///     if let Event::ConnectionError(failure) = event {
///         // For example "the link was refused: amqp:not-found: no such node".
///         eprintln!("{failure}: {}", failure.error);
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The cause of the end.
    pub cause: Cause,
    /// The error sent or received on the wire, or the nearest one if there was none.
    ///
    /// For [`Cause::Parent`] it has the condition of the parent's error, and not its description or info.
    pub error: AmqpError,
}

impl Failure {
    pub(crate) fn new(cause: Cause, condition: ErrorCondition, why: impl Into<Str>) -> Self {
        Self { cause, error: AmqpError::described(condition, why) }
    }

    /// Returns the failure of an endpoint whose parent has failed for this one.
    #[cold]
    pub(crate) fn of_child(&self, why: &'static str) -> Self {
        Self::new(Cause::Parent, self.error.condition.clone(), Str::from_static(why))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl core::error::Error for Failure {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl core::error::Error for AmqpError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use core::error::Error as _;

    #[test]
    fn a_failure_displays_its_cause_and_has_the_wire_error_as_source() {
        let failure = Failure::new(Cause::Refused, ErrorCondition::NotFound, "no such node");
        assert_eq!(failure.to_string(), "the link was refused");
        let source = failure.source().unwrap();
        assert_eq!(source.to_string(), "amqp:not-found: no such node");
        assert!(source.downcast_ref::<AmqpError>().is_some_and(|error| *error == failure.error));
    }
}
