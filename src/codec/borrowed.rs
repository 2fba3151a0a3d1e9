//! Values that are not taken out of the encoded bytes: borrowed from them, or only checked.

use alloc::vec::Vec;

use super::{Decode, Decoder, Element, format_code};
use crate::types::{Map, Multiple, Value};

/// A type that can be decoded without making a value of it. The errors and their offsets are those of decoding.
/// Nothing is allocated, and only the parts that the tables name are kept.
pub(crate) trait DecodeRef<'a>: Decode {
    /// The value kept: the value itself, its bytes, or [`Checked`].
    type Ref;

    /// Decodes the value with this format code from the front of `rest`, as [`Decode::decode_as`] does.
    fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self::Ref, &'a [u8])>;
}

/// A value that was present and valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked;

/// Checks by decoding and dropping the value.
pub(crate) fn check<'a, T: Decode>(
    code: u8,
    rest: &'a [u8],
    decoder: &mut Decoder<'a>,
) -> Option<(Checked, &'a [u8])> {
    T::decode_as(code, rest, decoder).map(|(_, rest)| (Checked, rest))
}

impl<'a, T: DecodeRef<'a> + Element> DecodeRef<'a> for Multiple<T> {
    type Ref = Checked;

    #[inline]
    fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Checked, &'a [u8])> {
        match code {
            format_code::NULL
            | format_code::ARRAY8
            | format_code::ARRAY32
            | format_code::LIST0
            | format_code::LIST8
            | format_code::LIST32 => check::<Self>(code, rest, decoder),
            single => T::decode_ref(single, rest, decoder).map(|(_, rest)| (Checked, rest)),
        }
    }
}

macro_rules! checked_by_decoding {
    ($([$($parameters:tt)*] $ty:ty;)*) => {$(
        impl<'a, $($parameters)*> DecodeRef<'a> for $ty {
            type Ref = Checked;

            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Checked, &'a [u8])> {
                check::<Self>(code, rest, decoder)
            }
        }
    )*};
}

checked_by_decoding! {
    [] Value;
    [] Vec<Value>;
    // 1.6.23: that no key stands twice shows only when all are there.
    [K: Decode + Ord, V: Decode] Map<K, V>;
}
