//! Values to bytes and back (1.2 to 1.6).
//!
//! [`Encoder`] writes the smallest legal encoding, [`Decoder`] reads every legal one within [`DecodeLimits`].
//! [`Encode`] and [`Decode`] are how a type says what it looks like on the wire.

mod arrays;
mod compounds;
mod decoder;
mod encoder;
mod error;
pub mod format_code;
mod primitives;
pub(crate) mod usual;
mod value;

#[cfg(test)]
pub(crate) mod tests;

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use bytes::Bytes;

pub use crate::limits::DecodeLimits;
pub use arrays::Element;
pub use compounds::FieldDecoder;
pub use decoder::{Decoder, Descriptor};
pub use encoder::{CompoundEncoder, Encoder};
pub use error::{DecodeError, DecodeErrorKind};

/// A type that can be read from the wire.
pub trait Decode: Sized {
    /// Reads the rest of a value whose format code has been read already; [`format_code::DESCRIBED`] stands for a
    /// descriptor and a value that follow.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are not a value of this type.
    fn decode_as(code: u8, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError>;

    /// Reads a value with its constructor.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are not a value of this type.
    #[inline]
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let code = decoder.code()?;
        Self::decode_as(code, decoder)
    }

    /// Reads a value with its constructor off the front of what is left of the decoder's bytes, and gives what is
    /// left behind it. `None` stands for an error, which [`decode`](Self::decode) tells; what the decoder is at then,
    /// and how much of its limits is used up, is not said.
    ///
    /// This is for types that have a shorter way to read their usual encodings; others leave it as it is.
    fn usual<'a>(rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        usual::general(rest, decoder)
    }
}

/// A type that can be written to the wire.
pub trait Encode {
    /// Writes the value with its constructor, in its smallest legal encoding.
    fn encode(&self, encoder: &mut Encoder<'_>);
}

impl<T: Decode> Decode for Box<T> {
    #[inline]
    fn decode_as(code: u8, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        T::decode_as(code, decoder).map(Self::new)
    }

    #[inline]
    fn usual<'a>(rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        T::usual(rest, decoder).map(|(value, rest)| (Self::new(value), rest))
    }
}

impl<T: Encode + ?Sized> Encode for Box<T> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        (**self).encode(encoder);
    }
}

impl<T: Decode> Decode for Arc<T> {
    #[inline]
    fn decode_as(code: u8, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        T::decode_as(code, decoder).map(Self::new)
    }

    #[inline]
    fn usual<'a>(rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        T::usual(rest, decoder).map(|(value, rest)| (Self::new(value), rest))
    }
}

impl<T: Encode + ?Sized> Encode for Arc<T> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        (**self).encode(encoder);
    }
}

/// A value that may be null, outside the fields of a composite.
impl<T: Decode> Decode for Option<T> {
    fn decode_as(code: u8, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        if code == format_code::NULL { Ok(None) } else { T::decode_as(code, decoder).map(Some) }
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        match self {
            Some(value) => value.encode(encoder),
            None => encoder.null(),
        }
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        (**self).encode(encoder);
    }
}

/// Reads one value that takes up all of the bytes.
///
/// # Errors
/// [`DecodeError`] where the bytes are not a `T`, or where bytes are left over.
pub fn from_bytes<T: Decode>(bytes: &Bytes, limits: DecodeLimits) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes, limits);
    let value = T::decode(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}

/// The value in its smallest legal encoding.
pub fn to_vec(value: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut Encoder::new(&mut out));
    out
}
