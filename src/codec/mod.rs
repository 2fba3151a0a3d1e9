//! Values to bytes and back (1.2 to 1.6).
//!
//! [`Writer`] writes the smallest legal encoding, [`Reader`] reads every legal one within [`DecodeLimits`].
//! [`Encode`] and [`Decode`] are how a type says what it looks like on the wire.

mod array;
pub mod code;
mod compound;
mod error;
mod primitive;
mod reader;
pub(crate) mod usual;
mod value;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use bytes::Bytes;

pub use crate::limits::DecodeLimits;
pub use array::Element;
pub use compound::ListReader;
pub use error::{DecodeError, DecodeErrorKind};
pub use reader::{Descriptor, Reader};
pub use writer::{OpenCompound, Writer};

/// A type that can be read from the wire.
pub trait Decode: Sized {
    /// Reads the rest of a value whose format code has been read already; [`code::DESCRIBED`] stands for a
    /// descriptor and a value that follow.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are not a value of this type.
    fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads a value with its constructor.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are not a value of this type.
    #[inline]
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = reader.code()?;
        Self::decode_as(code, reader)
    }

    /// Reads a value with its constructor off the front of what is left of the reader's octets, and gives what is
    /// left behind it. `None` stands for an error, which [`decode`](Self::decode) tells; what the reader is at then,
    /// and how much of its limits is used up, is not said.
    ///
    /// This is for types that have a shorter way to read their usual encodings; others leave it as it is.
    fn usual<'a>(rest: &'a [u8], reader: &mut Reader<'a>) -> Option<(Self, &'a [u8])> {
        usual::general(rest, reader)
    }
}

/// A type that can be written to the wire.
pub trait Encode {
    /// Writes the value with its constructor, in its smallest legal encoding.
    fn encode(&self, writer: &mut Writer<'_>);
}

impl<T: Decode> Decode for Box<T> {
    #[inline]
    fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::decode_as(code, reader).map(Self::new)
    }

    #[inline]
    fn usual<'a>(rest: &'a [u8], reader: &mut Reader<'a>) -> Option<(Self, &'a [u8])> {
        T::usual(rest, reader).map(|(value, rest)| (Self::new(value), rest))
    }
}

impl<T: Encode + ?Sized> Encode for Box<T> {
    fn encode(&self, writer: &mut Writer<'_>) {
        (**self).encode(writer);
    }
}

impl<T: Decode> Decode for Arc<T> {
    #[inline]
    fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::decode_as(code, reader).map(Self::new)
    }

    #[inline]
    fn usual<'a>(rest: &'a [u8], reader: &mut Reader<'a>) -> Option<(Self, &'a [u8])> {
        T::usual(rest, reader).map(|(value, rest)| (Self::new(value), rest))
    }
}

impl<T: Encode + ?Sized> Encode for Arc<T> {
    fn encode(&self, writer: &mut Writer<'_>) {
        (**self).encode(writer);
    }
}

/// A value that may be null, outside the fields of a composite.
impl<T: Decode> Decode for Option<T> {
    fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if code == code::NULL { Ok(None) } else { T::decode_as(code, reader).map(Some) }
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Some(value) => value.encode(writer),
            None => writer.null(),
        }
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, writer: &mut Writer<'_>) {
        (**self).encode(writer);
    }
}

/// Reads one value that takes up all of the bytes.
///
/// # Errors
/// [`DecodeError`] where the bytes are not a `T`, or where octets are left over.
pub fn from_bytes<T: Decode>(bytes: &Bytes, limits: DecodeLimits) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes, limits);
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

/// The value in its smallest legal encoding.
pub fn to_vec(value: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut Writer::new(&mut out));
    out
}
