//! Values to bytes and back (1.2 to 1.6).
//!
//! [`Encoder`] writes the smallest legal encoding, [`Decoder`] takes every legal one within [`DecodeLimits`].
//! [`Encode`] and [`Decode`] define how a type looks on the wire.

mod arrays;
mod borrowed;
mod compounds;
mod decoder;
mod descriptors;
mod encoded;
mod encoder;
mod error;
pub mod format_code;
mod primitives;
pub(crate) mod skip;
mod value;

#[cfg(test)]
pub(crate) mod tests;

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use bytes::Bytes;

pub use crate::limits::DecodeLimits;
pub use arrays::Element;
pub(crate) use borrowed::{Checked, DecodeRef, check};
pub use compounds::FieldDecoder;
pub use decoder::Decoder;
pub use descriptors::Descriptor;
pub(crate) use descriptors::Known;
pub(crate) use encoded::{Encoded, EncodedField};
pub use encoder::{CompoundEncoder, Encoder};
pub use error::{DecodeError, DecodeErrorKind};

/// A type that can be decoded from the wire.
///
/// A type of your own often restricts another one:
///
/// ```
/// use amqp_proto::codec::{Decode, DecodeErrorKind, DecodeLimits, Decoder, from_bytes};
///
/// #[derive(Debug, PartialEq)]
/// struct Percent(u8);
///
/// impl Decode for Percent {
///     fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
///         match u8::decode_as(code, rest, decoder)? {
///             (percent @ ..=100, rest) => Some((Self(percent), rest)),
///             _ => decoder.fail(DecodeErrorKind::InvalidChoice("Percent"), rest),
///         }
///     }
/// }
///
/// assert_eq!(from_bytes(&vec![0x50, 7].into(), DecodeLimits::DEFAULT), Ok(Percent(7)));
/// let error = from_bytes::<Percent>(&vec![0x50, 101].into(), DecodeLimits::DEFAULT).unwrap_err();
/// assert_eq!((error.kind, error.offset), (DecodeErrorKind::InvalidChoice("Percent"), 1));
/// ```
pub trait Decode: Sized {
    /// Decodes the value with this format code from the front of `rest`. Returns it, and the bytes behind it.
    ///
    /// [`format_code::DESCRIBED`] stands for a descriptor and a value. `None` is an error that
    /// has been noted by [`Decoder::fail`], either here or by the `decode_as` of another type.
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])>;

    /// Decodes the next value, with its constructor. After an error the decoder is where it was, but part of its
    /// limits may be used up.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a value of this type.
    #[inline]
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.run(|rest, decoder| decoder.value(rest))
    }
}

/// A type that can be written to the wire.
pub trait Encode {
    /// Writes the value with its constructor, in its smallest legal encoding.
    fn encode(&self, encoder: &mut Encoder<'_>);
}

/// Pointers, which are not seen on the wire.
macro_rules! pointers {
    ($($pointer:ident),*) => {$(
        impl<T: Decode> Decode for $pointer<T> {
            #[inline]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                T::decode_as(code, rest, decoder).map(|(value, rest)| (Self::new(value), rest))
            }
        }

        impl<'a, T: DecodeRef<'a>> DecodeRef<'a> for $pointer<T> {
            type Ref = T::Ref;

            #[inline]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(T::Ref, &'a [u8])> {
                T::decode_ref(code, rest, decoder)
            }
        }

        impl<T: Encode + ?Sized> Encode for $pointer<T> {
            fn encode(&self, encoder: &mut Encoder<'_>) {
                (**self).encode(encoder);
            }
        }
    )*};
}

pointers!(Box, Arc);

/// A value that may be null, outside the fields of a composite.
impl<T: Decode> Decode for Option<T> {
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        if code == format_code::NULL {
            return Some((None, rest));
        }
        T::decode_as(code, rest, decoder).map(|(value, rest)| (Some(value), rest))
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

/// Decodes one value that takes up all of the bytes, and shares them.
///
/// # Errors
/// [`DecodeError`] if the bytes are not a `T`, or if bytes are left over.
pub fn from_bytes<T: Decode>(bytes: &Bytes, limits: DecodeLimits) -> Result<T, DecodeError> {
    only_value(&mut Decoder::new(bytes, limits))
}

/// Decodes one value that takes up all of the bytes, and copies the parts that it keeps.
///
/// # Errors
/// [`DecodeError`] if the bytes are not a `T`, or if bytes are left over.
pub fn from_slice<T: Decode>(bytes: &[u8], limits: DecodeLimits) -> Result<T, DecodeError> {
    only_value(&mut Decoder::from_slice(bytes, limits))
}

#[inline]
fn only_value<T: Decode>(decoder: &mut Decoder<'_>) -> Result<T, DecodeError> {
    let value = T::decode(decoder)?;
    decoder.finish()?;
    Ok(value)
}

/// Returns the value in its smallest legal encoding.
pub fn to_vec(value: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut Encoder::new(&mut out));
    out
}
