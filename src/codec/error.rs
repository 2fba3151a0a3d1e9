//! The faults of bytes that should be a value.

use thiserror::Error;

/// A fault of encoded bytes, which is `amqp:decode-error` on the wire (2.8.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {offset}")]
pub struct DecodeError {
    /// The fault.
    pub kind: DecodeErrorKind,
    /// The place, in bytes from the start of the decoder's source.
    pub offset: usize,
}

/// The faults that bytes can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end inside a value, or a declared size reaches past their end (1.2).
    #[error("the value is cut short (1.2)")]
    Truncated,
    /// A format code that the standard assigns to no type (1.6).
    #[error("format code {0:#04x} is not assigned (1.6)")]
    UnknownCode(u8),
    /// A value of another type than the one due here (1.3).
    #[error("a {expected} is due, not format code {found:#04x} (1.3)")]
    WrongType {
        /// The type due.
        expected: &'static str,
        /// The format code found.
        found: u8,
    },
    /// A boolean's byte is neither 0 nor 1 (1.6.2).
    #[error("a boolean's byte is 0 or 1, not {0} (1.6.2)")]
    InvalidBoolean(u8),
    /// A char is no Unicode scalar value (1.6.16).
    #[error("{0:#x} is not a Unicode character (1.6.16)")]
    InvalidChar(u32),
    /// A string is not UTF-8 (1.6.20).
    #[error("a string is not UTF-8 (1.6.20)")]
    InvalidUtf8,
    /// A symbol is not ASCII (1.6.21).
    #[error("a symbol is not ASCII (1.6.21)")]
    InvalidSymbol,
    /// A compound's or array's size does not fit its elements (1.2.3, 1.2.4).
    #[error("the declared size does not fit the elements (1.2.3)")]
    SizeMismatch,
    /// A compound declares more elements than bytes (1.2.3).
    #[error("more elements are declared than there are bytes (1.2.3)")]
    CountExceedsData,
    /// A map with an odd number of elements (1.6.23).
    #[error("a map has a key without a value (1.6.23)")]
    OddMap,
    /// A map has a key twice (1.6.23).
    #[error("a map has a key twice (1.6.23)")]
    DuplicateKey,
    /// Values nested more deeply than the limit allows.
    #[error("values are nested more deeply than max_depth")]
    TooDeep,
    /// More elements than the limit allows.
    #[error("there are more elements than max_elements or max_zero_width_elements")]
    TooManyElements,
    /// A mandatory field is null or not there (1.4).
    #[error("{composite} lacks its mandatory field {field} (1.4)")]
    MissingField {
        /// The composite type.
        composite: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A composite has more fields than its definition (1.4).
    #[error("{0} has more fields than are defined (1.4)")]
    TooManyFields(&'static str),
    /// A descriptor that names none of the types allowed here (1.5).
    #[error("the descriptor names no {0} (1.5)")]
    UnknownDescriptor(&'static str),
    /// A value that is not one of a restricted type's choices (1.4).
    #[error("the value is not one of those defined for {0} (1.4)")]
    InvalidChoice(&'static str),
    /// A binary longer than its type allows (2.8.7, 4.5.4).
    #[error("a {0} is longer than 32 bytes (2.8.7)")]
    TooLong(&'static str),
    /// Bytes are left over behind the value that should have been the last.
    #[error("bytes are left over (1.2)")]
    TrailingBytes,
}

impl DecodeErrorKind {
    /// Returns the error at this offset.
    pub const fn at(self, offset: usize) -> DecodeError {
        DecodeError { kind: self, offset }
    }
}
