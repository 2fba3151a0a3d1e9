//! What can be wrong with a payload that should be a message.

use thiserror::Error;

use super::SectionKind;
use crate::codec::{DecodeError, DecodeErrorKind};

/// A payload that is no message of the standard's format: `amqp:decode-error` on the wire (2.8.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {offset}")]
pub struct MessageError {
    /// What is wrong.
    pub kind: MessageErrorKind,
    /// Where, in bytes from the start of the payload.
    pub offset: usize,
}

/// What is wrong with the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageErrorKind {
    /// The bytes are not the value due at this place.
    #[error("{0}")]
    Decode(DecodeErrorKind),
    /// A section that may come once comes again (3.2).
    #[error("a second {0} section")]
    Duplicate(SectionKind),
    /// A section comes after one that it has to precede (3.2).
    #[error("a {section} section after the {after} section")]
    OutOfOrder {
        /// The section.
        section: SectionKind,
        /// The one before it.
        after: SectionKind,
    },
    /// The body has sections of two kinds (3.2).
    #[error("a {section} section in a body of {body} sections")]
    MixedBody {
        /// What the body began with.
        body: SectionKind,
        /// What came then.
        section: SectionKind,
    },
    /// There is no body (3.2).
    #[error("the message has no body")]
    NoBody,
    /// More sections than the setting allows.
    #[error("there are too many sections")]
    TooManySections,
}

impl MessageErrorKind {
    /// The error at this offset.
    pub const fn at(self, offset: usize) -> MessageError {
        MessageError { kind: self, offset }
    }
}

impl From<DecodeError> for MessageError {
    fn from(error: DecodeError) -> Self {
        MessageErrorKind::Decode(error.kind).at(error.offset)
    }
}
