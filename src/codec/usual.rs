//! The short way through values: in their usual encodings, without a reason where they are something else.
//!
//! [`Decode::usual`] gives way, by `None`, wherever a value has another shape or is wrong, and the caller reads it
//! again on the general way, which says what is wrong and where. What it does not give way to it reads as the general
//! way would; the tests of [`spec`](crate::spec) see to that for every type there is.
//!
//! It is quick because there is nothing in it but the bytes left: no error to hold, no place to note.

use bytes::Bytes;

use super::{Decode, Decoder, Element, format_code};
use crate::types::{DeliveryTag, Multiple, Str, Symbol, Timestamp, Uuid};

/// A value and the bytes behind it.
pub(crate) type Taken<'a, T> = Option<(T, &'a [u8])>;

/// Reads the value on the general way, and forgets the reason where it fails.
pub(crate) fn general<'a, T: Decode>(rest: &'a [u8], decoder: &mut Decoder<'a>) -> Taken<'a, T> {
    decoder.set_rest(rest);
    let code = decoder.code().ok()?;
    let value = T::decode_as(code, decoder).ok()?;
    Some((value, decoder.rest()))
}

#[inline(always)]
pub(crate) fn boolean(rest: &[u8]) -> Taken<'_, bool> {
    match rest {
        [format_code::TRUE, rest @ ..] | [format_code::BOOLEAN, 1, rest @ ..] => Some((true, rest)),
        [format_code::FALSE, rest @ ..] | [format_code::BOOLEAN, 0, rest @ ..] => Some((false, rest)),
        _ => None,
    }
}

#[inline(always)]
pub(super) fn ubyte(rest: &[u8]) -> Taken<'_, u8> {
    match rest {
        [format_code::UBYTE, value, rest @ ..] => Some((*value, rest)),
        _ => None,
    }
}

#[inline(always)]
pub(crate) fn uint(rest: &[u8]) -> Taken<'_, u32> {
    match rest {
        [format_code::SMALLUINT, value, rest @ ..] => Some(((*value).into(), rest)),
        [format_code::UINT0, rest @ ..] => Some((0, rest)),
        [format_code::UINT, rest @ ..] => {
            let (bytes, rest) = rest.split_first_chunk()?;
            Some((u32::from_be_bytes(*bytes), rest))
        }
        _ => None,
    }
}

#[inline(always)]
pub(crate) fn ulong(rest: &[u8]) -> Taken<'_, u64> {
    match rest {
        [format_code::SMALLULONG, value, rest @ ..] => Some(((*value).into(), rest)),
        [format_code::ULONG0, rest @ ..] => Some((0, rest)),
        [format_code::ULONG, rest @ ..] => {
            let (bytes, rest) = rest.split_first_chunk()?;
            Some((u64::from_be_bytes(*bytes), rest))
        }
        _ => None,
    }
}

#[inline(always)]
pub(crate) fn timestamp(rest: &[u8]) -> Taken<'_, Timestamp> {
    let [format_code::TIMESTAMP, rest @ ..] = rest else { return None };
    let (bytes, rest) = rest.split_first_chunk()?;
    Some((Timestamp::from_millis(i64::from_be_bytes(*bytes)), rest))
}

#[inline(always)]
pub(crate) fn uuid(rest: &[u8]) -> Taken<'_, Uuid> {
    let [format_code::UUID, rest @ ..] = rest else { return None };
    let (bytes, rest) = rest.split_first_chunk()?;
    Some((Uuid::from_bytes(*bytes), rest))
}

/// The bytes of a binary, a string or a symbol.
#[inline]
pub(crate) fn variable(rest: &[u8], narrow: u8, wide: u8) -> Taken<'_, &[u8]> {
    let [found, rest @ ..] = rest else { return None };
    let (length, rest) = if *found == narrow {
        let (length, rest) = rest.split_first()?;
        (usize::from(*length), rest)
    } else if *found == wide {
        let (length, rest) = rest.split_first_chunk()?;
        (usize::try_from(u32::from_be_bytes(*length)).ok()?, rest)
    } else {
        return None;
    };
    rest.split_at_checked(length)
}

#[inline]
pub(super) fn binary<'a>(rest: &'a [u8], decoder: &Decoder<'a>) -> Taken<'a, Bytes> {
    let (bytes, rest) = variable(rest, format_code::VBIN8, format_code::VBIN32)?;
    Some((decoder.shared(bytes), rest))
}

#[inline]
pub(super) fn string<'a>(rest: &'a [u8], decoder: &Decoder<'a>) -> Taken<'a, Str> {
    let (bytes, rest) = variable(rest, format_code::STR8, format_code::STR32)?;
    Some((Str::try_from(decoder.shared(bytes)).ok()?, rest))
}

#[inline]
pub(super) fn symbol<'a>(rest: &'a [u8], decoder: &Decoder<'a>) -> Taken<'a, Symbol> {
    let (bytes, rest) = variable(rest, format_code::SYM8, format_code::SYM32)?;
    Some((Symbol::try_from(decoder.shared(bytes)).ok()?, rest))
}

#[inline(always)]
pub(crate) fn delivery_tag(rest: &[u8]) -> Taken<'_, DeliveryTag> {
    let [format_code::VBIN8, length, rest @ ..] = rest else { return None };
    let (bytes, rest) = rest.split_at_checked((*length).into())?;
    Some((DeliveryTag::try_copy(bytes)?, rest))
}

/// What a field declared `multiple` holds most often, beside nothing: one value.
#[inline]
pub(super) fn multiple<'a, T: Decode + Element>(
    rest: &'a [u8],
    decoder: &mut Decoder<'a>,
) -> Taken<'a, Multiple<T>> {
    match rest.first() {
        Some(&(format_code::ARRAY8 | format_code::ARRAY32)) => general(rest, decoder),
        _ => T::usual(rest, decoder).map(|(one, rest)| (one.into(), rest)),
    }
}

/// The fields of a composite, in order, as far as they are there (1.4).
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Fields<'a> {
    /// Enters a list of `min` to `max` fields, and gives the bytes behind it.
    #[inline(always)]
    pub(crate) fn enter(rest: &'a [u8], min: u32, max: u32) -> Option<(Self, &'a [u8])> {
        let (size, left, rest) = match rest {
            [format_code::LIST8, size, count, rest @ ..] => {
                (usize::from(*size).checked_sub(1)?, u32::from(*count), rest)
            }
            [format_code::LIST0, rest @ ..] => (0, 0, rest),
            [format_code::LIST32, a, b, c, d, e, f, g, h, rest @ ..] => {
                let size = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?;
                (size.checked_sub(4)?, u32::from_be_bytes([*e, *f, *g, *h]), rest)
            }
            _ => return None,
        };
        if left < min || left > max {
            return None;
        }
        let (rest, after) = rest.split_at_checked(size)?;
        Some((Self { rest, left }, after))
    }

    /// How many fields are left, and their bytes.
    #[inline(always)]
    pub(crate) fn rest(&self) -> (u32, &'a [u8]) {
        (self.left, self.rest)
    }

    /// Whether no field is left.
    #[inline(always)]
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The next of the fields that are left, or `None` within where it is null.
    #[inline(always)]
    pub(crate) fn next<T: Decode>(&mut self, decoder: &mut Decoder<'a>) -> Option<Option<T>> {
        self.next_by(|rest| T::usual(rest, decoder))
    }

    /// The next of the fields that are left, as it is read by `read`.
    #[inline(always)]
    pub(crate) fn next_by<T>(&mut self, read: impl FnOnce(&'a [u8]) -> Taken<'a, T>) -> Option<Option<T>> {
        self.left = self.left.wrapping_sub(1);
        if let [format_code::NULL, rest @ ..] = self.rest {
            self.rest = rest;
            return Some(None);
        }
        let (value, rest) = read(self.rest)?;
        self.rest = rest;
        Some(Some(value))
    }

    /// The next field, or `None` within where it is null or left out.
    #[inline(always)]
    pub(crate) fn optional<T>(&mut self, read: impl FnOnce(&'a [u8]) -> Taken<'a, T>) -> Option<Option<T>> {
        if self.is_done() { Some(None) } else { self.next_by(read) }
    }

    /// Whether the list has been read to its end.
    #[inline(always)]
    pub(crate) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Takes a descriptor in its smallest form.
#[inline(always)]
pub(crate) fn descriptor(rest: &[u8]) -> Taken<'_, u64> {
    match rest {
        [format_code::DESCRIBED, format_code::SMALLULONG, number, rest @ ..] => {
            Some((u64::from(*number), rest))
        }
        _ => None,
    }
}
