//! Restricted types, the error type and constants (2.8).

use core::fmt;

use crate::types::{Escaped, Fields, HeapSize, Str};

/// The lower bound for the agreed maximum frame size, in bytes (2.8.19).
pub const MIN_MAX_FRAME_SIZE: u32 = 512;
/// The IANA port of AMQP (2.8.19).
pub const PORT: u16 = 5672;
/// The IANA port of AMQP over TLS (2.8.19).
pub const SECURE_PORT: u16 = 5671;
/// The major protocol version (2.8.19).
pub const MAJOR: u8 = 1;
/// The minor protocol version (2.8.19).
pub const MINOR: u8 = 0;
/// The protocol revision (2.8.19).
pub const REVISION: u8 = 0;

restricted! {
    closed {
        /// Which end of a link an endpoint is.
        Role: bool in "2.8.1" {
            /// Sends messages.
            #[default]
            Sender = false;
            /// Receives messages.
            Receiver = true;
        }
    }
    closed {
        /// How a sender settles its deliveries.
        SenderSettleMode: u8 in "2.8.2" {
            /// All deliveries are sent unsettled.
            Unsettled = 0;
            /// All deliveries are sent settled.
            Settled = 1;
            /// As the sender decides for each delivery.
            #[default]
            Mixed = 2;
        }
    }
    closed {
        /// When a receiver settles its deliveries.
        ReceiverSettleMode: u8 in "2.8.3" {
            /// At once, on its own.
            #[default]
            First = 0;
            /// After the sender has settled.
            Second = 1;
        }
    }
    open {
        /// The reason for which a connection, session, link or delivery failed (2.8.15 to 2.8.18, 4.5.8).
        ErrorCondition: Symbol in "2.8.15" {
            /// An internal error; operator intervention may be required.
            #[default]
            InternalError = "amqp:internal-error";
            /// The peer asked for something that does not exist.
            NotFound = "amqp:not-found";
            /// The peer is not allowed to do this.
            UnauthorizedAccess = "amqp:unauthorized-access";
            /// Data could not be decoded.
            DecodeError = "amqp:decode-error";
            /// The peer has used more than it may.
            ResourceLimitExceeded = "amqp:resource-limit-exceeded";
            /// The peer did something not permitted.
            NotAllowed = "amqp:not-allowed";
            /// A field of a frame had an invalid value.
            InvalidField = "amqp:invalid-field";
            /// The peer used functionality that is not implemented.
            NotImplemented = "amqp:not-implemented";
            /// Somebody else works with the resource.
            ResourceLocked = "amqp:resource-locked";
            /// A precondition did not hold.
            PreconditionFailed = "amqp:precondition-failed";
            /// A server entity that the peer works with has been deleted.
            ResourceDeleted = "amqp:resource-deleted";
            /// The peer sent a frame that its state does not permit.
            IllegalState = "amqp:illegal-state";
            /// A frame does not fit the peer's maximum frame size.
            FrameSizeTooSmall = "amqp:frame-size-too-small";
            /// An operator intervened to close the connection.
            ConnectionForced = "amqp:connection:forced";
            /// A valid frame header cannot be formed from the bytes.
            FramingError = "amqp:connection:framing-error";
            /// The container is no longer available here.
            ConnectionRedirect = "amqp:connection:redirect";
            /// The peer sent more transfers than the incoming window allows.
            WindowViolation = "amqp:session:window-violation";
            /// Input was received for a link that was detached with an error.
            ErrantLink = "amqp:session:errant-link";
            /// An attach used a handle that is in use.
            HandleInUse = "amqp:session:handle-in-use";
            /// A frame referred to a handle that is not attached.
            UnattachedHandle = "amqp:session:unattached-handle";
            /// An operator intervened to detach the link.
            DetachForced = "amqp:link:detach-forced";
            /// The peer sent more messages than the link credit allows.
            TransferLimitExceeded = "amqp:link:transfer-limit-exceeded";
            /// The peer sent a larger message than the link supports.
            MessageSizeExceeded = "amqp:link:message-size-exceeded";
            /// The address is served elsewhere.
            LinkRedirect = "amqp:link:redirect";
            /// The link has been attached elsewhere.
            Stolen = "amqp:link:stolen";
            /// The transaction id is not known.
            UnknownTransaction = "amqp:transaction:unknown-id";
            /// The transaction was rolled back.
            TransactionRollback = "amqp:transaction:rollback";
            /// The transaction ran out of time.
            TransactionTimeout = "amqp:transaction:timeout";
        }
    }
}

impl Role {
    /// Returns the role of the other end.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}

standard_composites! {
    /// Details of an error.
    AmqpError = "amqp:error:list" (0x1d) in "2.8.14" {
        /// The name of the error.
        condition: ErrorCondition, mandatory;
        /// A description for people.
        description: Str;
        /// Further facts.
        info: Fields;
    }
}

impl AmqpError {
    /// Returns an error with this condition and no further detail.
    pub fn new(condition: ErrorCondition) -> Self {
        Self { condition, ..Self::default() }
    }

    /// Returns an error with a description.
    pub fn described(condition: ErrorCondition, description: impl Into<Str>) -> Self {
        Self { condition, description: Some(description.into()), info: None }
    }
}

impl HeapSize for AmqpError {
    fn heap_size(&self) -> usize {
        let condition = match &self.condition {
            ErrorCondition::Other(symbol) => symbol.heap_size(),
            _ => 0,
        };
        condition.saturating_add(self.description.heap_size()).saturating_add(self.info.heap_size())
    }
}

impl fmt::Display for AmqpError {
    /// Writes the condition, then the description. Both are the peer's text, so what would not be seen is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.condition)?;
        match self.description.as_deref().filter(|text| !text.is_empty()) {
            Some(description) => write!(f, ": {}", Escaped(description)),
            None => Ok(()),
        }
    }
}
