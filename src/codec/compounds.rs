//! Lists and maps (1.2.3), and the fields of composites (1.4).

use alloc::vec::Vec;

use super::{Decode, DecodeError, DecodeErrorKind, Decoder, Element, Encode, Encoder, format_code};
use crate::types::{Map, Multiple, Value};

/// Reads a size and a count of one byte or four each, checks them against each other and against the bytes,
/// and narrows the decoder to the elements. Gives the count and what follows the compound.
#[inline]
pub(super) fn enter<'a>(wide: bool, decoder: &mut Decoder<'a>) -> Result<(u32, &'a [u8]), DecodeError> {
    let size = if wide { decoder.u32()? } else { decoder.u8()?.into() };
    let at = decoder.offset();
    let size = usize::try_from(size).map_err(|_| DecodeErrorKind::Truncated.at(at))?;
    let width = if wide { 4 } else { 1 };
    if size > decoder.remaining() {
        return Err(DecodeErrorKind::Truncated.at(at));
    }
    if size < width {
        return Err(DecodeErrorKind::SizeMismatch.at(at));
    }
    let after = decoder.enter(size)?;
    let count = if wide { decoder.u32()? } else { decoder.u8()?.into() };
    Ok((count, after))
}

/// Enters a list or a map, whose elements each take at least one byte.
#[inline]
fn enter_elements<'a>(wide: bool, decoder: &mut Decoder<'a>) -> Result<(u32, &'a [u8]), DecodeError> {
    let (count, after) = enter(wide, decoder)?;
    if usize::try_from(count).is_ok_and(|count| count <= decoder.remaining()) {
        Ok((count, after))
    } else {
        Err(decoder.error(DecodeErrorKind::CountExceedsData))
    }
}

impl Decode for Vec<Value> {
    fn decode_as(code: u8, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let wide = match code {
            format_code::LIST0 => return Ok(Self::new()),
            format_code::LIST8 => false,
            format_code::LIST32 => true,
            found => return Err(decoder.wrong_type("list", found)),
        };
        decoder.nested(|decoder| {
            let (count, after) = enter_elements(wide, decoder)?;
            decoder.spend(count)?;
            let mut items = Self::new();
            for _ in 0..count {
                items.push(Value::decode(decoder)?);
            }
            decoder.leave(after)?;
            Ok(items)
        })
    }
}

impl Encode for [Value] {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        let mut list = encoder.list();
        for item in self {
            list.item(encoder, item);
        }
        list.end(encoder);
    }
}

impl Encode for Vec<Value> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        self.as_slice().encode(encoder);
    }
}

/// Pairs that room is made for at once.
const RESERVED: usize = 16;

impl<K: Decode + Ord, V: Decode> Decode for Map<K, V> {
    fn decode_as(code: u8, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let wide = match code {
            format_code::MAP8 => false,
            format_code::MAP32 => true,
            found => return Err(decoder.wrong_type("map", found)),
        };
        decoder.nested(|decoder| {
            let at = decoder.offset();
            let (count, after) = enter_elements(wide, decoder)?;
            if count % 2 != 0 {
                return Err(DecodeErrorKind::OddMap.at(at));
            }
            decoder.spend(count)?;
            // Each pair takes up two bytes that are there; what many take is reserved as they are read.
            let expected = usize::try_from(count / 2).unwrap_or(usize::MAX).min(RESERVED);
            let mut pairs = Vec::with_capacity(expected);
            for _ in 0..count / 2 {
                pairs.push((K::decode(decoder)?, V::decode(decoder)?));
            }
            decoder.leave(after)?;
            Self::from_pairs(pairs).ok_or(DecodeErrorKind::DuplicateKey.at(at))
        })
    }
}

impl<K: Encode, V: Encode> Encode for Map<K, V> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        let mut map = encoder.map();
        for (key, value) in self.iter() {
            map.item(encoder, key);
            map.item(encoder, value);
        }
        map.end(encoder);
    }
}

/// The fields of a composite, in order, as far as they are there (1.4).
///
/// Dropping it before [`end`](Self::end) leaves the decoder inside the list, so a composite always ends it.
#[derive(Debug)]
pub struct FieldDecoder<'a> {
    left: u32,
    after: &'a [u8],
    composite: &'static str,
}

impl<'a> Decoder<'a> {
    /// Enters the list that carries a composite's fields.
    ///
    /// # Errors
    /// [`DecodeErrorKind::TooManyFields`] for more than `max` fields, or what is wrong with the list itself.
    #[inline]
    pub fn fields(&mut self, composite: &'static str, max: usize) -> Result<FieldDecoder<'a>, DecodeError> {
        let wide = match self.code()? {
            format_code::LIST0 => {
                // What follows the list is all that is left, and the list itself is empty.
                let after = self.enter(0)?;
                return Ok(FieldDecoder { left: 0, after, composite });
            }
            format_code::LIST8 => false,
            format_code::LIST32 => true,
            found => return Err(self.wrong_type("list", found)),
        };
        let (left, after) = enter_elements(wide, self)?;
        if usize::try_from(left).is_ok_and(|left| left <= max) {
            Ok(FieldDecoder { left, after, composite })
        } else {
            Err(self.error(DecodeErrorKind::TooManyFields(composite)))
        }
    }
}

impl<'a> FieldDecoder<'a> {
    /// The next field, or `None` where it is null or left out.
    ///
    /// # Errors
    /// [`DecodeError`] where it is there but not a `T`.
    #[inline]
    pub fn optional<T: Decode>(&mut self, decoder: &mut Decoder<'a>) -> Result<Option<T>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        if decoder.skip_null() { Ok(None) } else { T::decode(decoder).map(Some) }
    }

    /// The next field, which has to be there.
    ///
    /// # Errors
    /// [`DecodeErrorKind::MissingField`] where it is null or left out.
    #[inline]
    pub fn mandatory<T: Decode>(
        &mut self,
        decoder: &mut Decoder<'a>,
        field: &'static str,
    ) -> Result<T, DecodeError> {
        let at = decoder.offset();
        let missing = DecodeErrorKind::MissingField { composite: self.composite, field };
        self.optional(decoder)?.ok_or(missing.at(at))
    }

    /// The next field, of which at least one value has to be there.
    ///
    /// # Errors
    /// [`DecodeErrorKind::MissingField`] where it is null, left out or an array of none.
    pub fn mandatory_multiple<T: Decode + Element>(
        &mut self,
        decoder: &mut Decoder<'a>,
        field: &'static str,
    ) -> Result<Multiple<T>, DecodeError> {
        let at = decoder.offset();
        let missing = DecodeErrorKind::MissingField { composite: self.composite, field };
        // 1.3: for a field both multiple and mandatory an array without entries is as invalid as null.
        let values: Option<Multiple<T>> = self.optional(decoder)?;
        values.filter(|values| !values.is_empty()).ok_or(missing.at(at))
    }

    /// Ends the list, which must have no field left.
    ///
    /// # Errors
    /// [`DecodeErrorKind::SizeMismatch`] where bytes are left over inside the list.
    #[inline]
    pub fn end(self, decoder: &mut Decoder<'a>) -> Result<(), DecodeError> {
        decoder.leave(self.after)
    }
}
