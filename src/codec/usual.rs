//! The short way through values: in their usual encodings, without a reason where they are something else.
//!
//! [`Decode::usual`] gives way, by `None`, wherever a value has another shape or is wrong, and the caller reads it
//! again on the general way, which says what is wrong and where. What it does not give way to it reads as the general
//! way would; the tests of [`spec`](crate::spec) see to that for every type there is.
//!
//! It is quick because there is nothing in it but the octets left: no error to hold, no place to note.

use bytes::Bytes;

use super::{Decode, Element, Reader, code};
use crate::types::{DeliveryTag, Multiple, Str, Symbol, Timestamp, Uuid};

/// A value and the octets behind it.
pub(crate) type Taken<'a, T> = Option<(T, &'a [u8])>;

/// Reads the value on the general way, and forgets the reason where it fails.
pub(crate) fn general<'a, T: Decode>(rest: &'a [u8], reader: &mut Reader<'a>) -> Taken<'a, T> {
    reader.set_rest(rest);
    let code = reader.code().ok()?;
    let value = T::decode_as(code, reader).ok()?;
    Some((value, reader.rest()))
}

#[inline(always)]
pub(crate) fn boolean(rest: &[u8]) -> Taken<'_, bool> {
    match rest {
        [code::TRUE, rest @ ..] | [code::BOOLEAN, 1, rest @ ..] => Some((true, rest)),
        [code::FALSE, rest @ ..] | [code::BOOLEAN, 0, rest @ ..] => Some((false, rest)),
        _ => None,
    }
}

#[inline(always)]
pub(super) fn ubyte(rest: &[u8]) -> Taken<'_, u8> {
    match rest {
        [code::UBYTE, value, rest @ ..] => Some((*value, rest)),
        _ => None,
    }
}

#[inline(always)]
pub(crate) fn uint(rest: &[u8]) -> Taken<'_, u32> {
    match rest {
        [code::SMALLUINT, value, rest @ ..] => Some(((*value).into(), rest)),
        [code::UINT0, rest @ ..] => Some((0, rest)),
        [code::UINT, rest @ ..] => {
            let (octets, rest) = rest.split_first_chunk()?;
            Some((u32::from_be_bytes(*octets), rest))
        }
        _ => None,
    }
}

#[inline(always)]
pub(crate) fn ulong(rest: &[u8]) -> Taken<'_, u64> {
    match rest {
        [code::SMALLULONG, value, rest @ ..] => Some(((*value).into(), rest)),
        [code::ULONG0, rest @ ..] => Some((0, rest)),
        [code::ULONG, rest @ ..] => {
            let (octets, rest) = rest.split_first_chunk()?;
            Some((u64::from_be_bytes(*octets), rest))
        }
        _ => None,
    }
}

#[inline(always)]
pub(crate) fn timestamp(rest: &[u8]) -> Taken<'_, Timestamp> {
    let [code::TIMESTAMP, rest @ ..] = rest else { return None };
    let (octets, rest) = rest.split_first_chunk()?;
    Some((Timestamp::from_millis(i64::from_be_bytes(*octets)), rest))
}

#[inline(always)]
pub(crate) fn uuid(rest: &[u8]) -> Taken<'_, Uuid> {
    let [code::UUID, rest @ ..] = rest else { return None };
    let (octets, rest) = rest.split_first_chunk()?;
    Some((Uuid::from_bytes(*octets), rest))
}

/// The octets of a binary, a string or a symbol.
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
pub(super) fn binary<'a>(rest: &'a [u8], reader: &Reader<'a>) -> Taken<'a, Bytes> {
    let (octets, rest) = variable(rest, code::VBIN8, code::VBIN32)?;
    Some((reader.shared(octets), rest))
}

#[inline]
pub(super) fn string<'a>(rest: &'a [u8], reader: &Reader<'a>) -> Taken<'a, Str> {
    let (octets, rest) = variable(rest, code::STR8, code::STR32)?;
    Some((Str::try_from(reader.shared(octets)).ok()?, rest))
}

#[inline]
pub(super) fn symbol<'a>(rest: &'a [u8], reader: &Reader<'a>) -> Taken<'a, Symbol> {
    let (octets, rest) = variable(rest, code::SYM8, code::SYM32)?;
    Some((Symbol::try_from(reader.shared(octets)).ok()?, rest))
}

#[inline(always)]
pub(crate) fn delivery_tag(rest: &[u8]) -> Taken<'_, DeliveryTag> {
    let [code::VBIN8, length, rest @ ..] = rest else { return None };
    let (octets, rest) = rest.split_at_checked((*length).into())?;
    Some((DeliveryTag::try_copy(octets)?, rest))
}

/// What a field declared `multiple` holds most often, beside nothing: one value.
#[inline]
pub(super) fn multiple<'a, T: Decode + Element>(
    rest: &'a [u8],
    reader: &mut Reader<'a>,
) -> Taken<'a, Multiple<T>> {
    match rest.first() {
        Some(&(code::ARRAY8 | code::ARRAY32)) => general(rest, reader),
        _ => T::usual(rest, reader).map(|(one, rest)| (one.into(), rest)),
    }
}

/// The fields of a composite, in order, as far as they are there (1.4).
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Fields<'a> {
    /// Enters a list of `min` to `max` fields, and gives the octets behind it.
    #[inline(always)]
    pub(crate) fn enter(rest: &'a [u8], min: u32, max: u32) -> Option<(Self, &'a [u8])> {
        let (size, left, rest) = match rest {
            [code::LIST8, size, count, rest @ ..] => {
                (usize::from(*size).checked_sub(1)?, u32::from(*count), rest)
            }
            [code::LIST0, rest @ ..] => (0, 0, rest),
            [code::LIST32, a, b, c, d, e, f, g, h, rest @ ..] => {
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

    /// How many fields are left, and their octets.
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
    pub(crate) fn next<T: Decode>(&mut self, reader: &mut Reader<'a>) -> Option<Option<T>> {
        self.next_by(|rest| T::usual(rest, reader))
    }

    /// The next of the fields that are left, as it is read by `read`.
    #[inline(always)]
    pub(crate) fn next_by<T>(&mut self, read: impl FnOnce(&'a [u8]) -> Taken<'a, T>) -> Option<Option<T>> {
        self.left = self.left.wrapping_sub(1);
        if let [code::NULL, rest @ ..] = self.rest {
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
        [code::DESCRIBED, code::SMALLULONG, number, rest @ ..] => Some((u64::from(*number), rest)),
        _ => None,
    }
}
