//! Errors of payloads that are not messages.

use thiserror::Error;

use super::SectionKind;
use crate::codec::{DecodeError, DecodeErrorKind};

/// The payload is not a message in the standard's format: `amqp:decode-error` on the wire (2.8.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {offset}")]
pub struct MessageError {
    /// The reason.
    pub kind: MessageErrorKind,
    /// The offset of the fault, in bytes from the start of the payload.
    pub offset: usize,
}

/// The reason why a payload is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageErrorKind {
    /// The bytes are not the expected value.
    #[error("{0}")]
    Decode(DecodeErrorKind),
    /// A section that may occur once occurs twice (3.2).
    #[error("a second {0} section (3.2)")]
    Duplicate(SectionKind),
    /// A section follows one that it must precede (3.2).
    #[error("a {section} section after the {after} section (3.2)")]
    OutOfOrder {
        /// The section.
        section: SectionKind,
        /// The section before it.
        after: SectionKind,
    },
    /// The body has sections of two kinds (3.2).
    #[error("a {section} section in a body of {body} sections (3.2)")]
    MixedBody {
        /// The kind of the first section of the body.
        body: SectionKind,
        /// The other kind.
        section: SectionKind,
    },
    /// The message has no body (3.2).
    #[error("the message has no body (3.2)")]
    NoBody,
    /// The message has more than [`max_sections`](super::ParseOptions::max_sections) sections.
    #[error("there are more sections than max_sections")]
    TooManySections,
}

impl MessageErrorKind {
    /// Returns the error for this reason, at an offset.
    pub const fn at(self, offset: usize) -> MessageError {
        MessageError { kind: self, offset }
    }
}

impl MessageError {
    /// Returns the error of a part that begins at `start` in the payload.
    #[cold]
    pub(super) const fn in_part(error: DecodeError, start: usize) -> Self {
        MessageErrorKind::Decode(error.kind).at(error.offset.saturating_add(start))
    }
}

impl From<DecodeError> for MessageError {
    fn from(error: DecodeError) -> Self {
        Self::in_part(error, 0)
    }
}
