//! Lists and maps (1.2.3), and the fields of composites (1.4).

use alloc::vec::Vec;

use super::{Decode, DecodeError, DecodeErrorKind, Element, Encode, Reader, Writer, code};
use crate::types::{Map, Multiple, Value};

/// Reads a size and a count of one octet or four each, checks them against each other and against the bytes,
/// and narrows the reader to the elements. Gives the count and what follows the compound.
#[inline]
pub(super) fn enter<'a>(wide: bool, reader: &mut Reader<'a>) -> Result<(u32, &'a [u8]), DecodeError> {
    let size = if wide { reader.u32()? } else { reader.u8()?.into() };
    let at = reader.offset();
    let size = usize::try_from(size).map_err(|_| DecodeErrorKind::Truncated.at(at))?;
    let width = if wide { 4 } else { 1 };
    if size > reader.remaining() {
        return Err(DecodeErrorKind::Truncated.at(at));
    }
    if size < width {
        return Err(DecodeErrorKind::SizeMismatch.at(at));
    }
    let after = reader.enter(size)?;
    let count = if wide { reader.u32()? } else { reader.u8()?.into() };
    Ok((count, after))
}

/// Enters a list or a map, whose elements each take at least one octet.
#[inline]
fn enter_elements<'a>(wide: bool, reader: &mut Reader<'a>) -> Result<(u32, &'a [u8]), DecodeError> {
    let (count, after) = enter(wide, reader)?;
    if usize::try_from(count).is_ok_and(|count| count <= reader.remaining()) {
        Ok((count, after))
    } else {
        Err(reader.error(DecodeErrorKind::CountExceedsData))
    }
}

impl Decode for Vec<Value> {
    fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let wide = match code {
            code::LIST0 => return Ok(Self::new()),
            code::LIST8 => false,
            code::LIST32 => true,
            found => return Err(reader.wrong_type("list", found)),
        };
        reader.nested(|reader| {
            let (count, after) = enter_elements(wide, reader)?;
            reader.spend(count)?;
            let mut items = Self::new();
            for _ in 0..count {
                items.push(Value::decode(reader)?);
            }
            reader.leave(after)?;
            Ok(items)
        })
    }
}

impl Encode for [Value] {
    fn encode(&self, writer: &mut Writer<'_>) {
        let mut list = writer.list();
        for item in self {
            list.item(writer, item);
        }
        list.end(writer);
    }
}

impl Encode for Vec<Value> {
    fn encode(&self, writer: &mut Writer<'_>) {
        self.as_slice().encode(writer);
    }
}

/// Pairs that room is made for at once.
const RESERVED: usize = 16;

impl<K: Decode + Ord, V: Decode> Decode for Map<K, V> {
    fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let wide = match code {
            code::MAP8 => false,
            code::MAP32 => true,
            found => return Err(reader.wrong_type("map", found)),
        };
        reader.nested(|reader| {
            let at = reader.offset();
            let (count, after) = enter_elements(wide, reader)?;
            if count % 2 != 0 {
                return Err(DecodeErrorKind::OddMap.at(at));
            }
            reader.spend(count)?;
            // Each pair takes up two octets that are there; what many take is reserved as they are read.
            let expected = usize::try_from(count / 2).unwrap_or(usize::MAX).min(RESERVED);
            let mut pairs = Vec::with_capacity(expected);
            for _ in 0..count / 2 {
                pairs.push((K::decode(reader)?, V::decode(reader)?));
            }
            reader.leave(after)?;
            Self::from_pairs(pairs).ok_or(DecodeErrorKind::DuplicateKey.at(at))
        })
    }
}

impl<K: Encode, V: Encode> Encode for Map<K, V> {
    fn encode(&self, writer: &mut Writer<'_>) {
        let mut map = writer.map();
        for (key, value) in self.iter() {
            map.item(writer, key);
            map.item(writer, value);
        }
        map.end(writer);
    }
}

/// The fields of a composite, in order, as far as they are there (1.4).
///
/// Dropping it before [`end`](Self::end) leaves the reader inside the list, so a composite always ends it.
#[derive(Debug)]
pub struct ListReader<'a> {
    left: u32,
    after: &'a [u8],
    composite: &'static str,
}

impl<'a> Reader<'a> {
    /// Enters the list that carries a composite's fields.
    ///
    /// # Errors
    /// [`DecodeErrorKind::TooManyFields`] for more than `max` fields, or what is wrong with the list itself.
    #[inline]
    pub fn fields(&mut self, composite: &'static str, max: usize) -> Result<ListReader<'a>, DecodeError> {
        let wide = match self.code()? {
            code::LIST0 => {
                // What follows the list is all that is left, and the list itself is empty.
                let after = self.enter(0)?;
                return Ok(ListReader { left: 0, after, composite });
            }
            code::LIST8 => false,
            code::LIST32 => true,
            found => return Err(self.wrong_type("list", found)),
        };
        let (left, after) = enter_elements(wide, self)?;
        if usize::try_from(left).is_ok_and(|left| left <= max) {
            Ok(ListReader { left, after, composite })
        } else {
            Err(self.error(DecodeErrorKind::TooManyFields(composite)))
        }
    }
}

impl<'a> ListReader<'a> {
    /// The next field, or `None` where it is null or left out.
    ///
    /// # Errors
    /// [`DecodeError`] where it is there but not a `T`.
    #[inline]
    pub fn optional<T: Decode>(&mut self, reader: &mut Reader<'a>) -> Result<Option<T>, DecodeError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        if reader.skip_null() { Ok(None) } else { T::decode(reader).map(Some) }
    }

    /// The next field, which has to be there.
    ///
    /// # Errors
    /// [`DecodeErrorKind::MissingField`] where it is null or left out.
    #[inline]
    pub fn mandatory<T: Decode>(
        &mut self,
        reader: &mut Reader<'a>,
        field: &'static str,
    ) -> Result<T, DecodeError> {
        let at = reader.offset();
        let missing = DecodeErrorKind::MissingField { composite: self.composite, field };
        self.optional(reader)?.ok_or(missing.at(at))
    }

    /// The next field, of which at least one value has to be there.
    ///
    /// # Errors
    /// [`DecodeErrorKind::MissingField`] where it is null, left out or an array of none.
    pub fn mandatory_multiple<T: Decode + Element>(
        &mut self,
        reader: &mut Reader<'a>,
        field: &'static str,
    ) -> Result<Multiple<T>, DecodeError> {
        let at = reader.offset();
        let missing = DecodeErrorKind::MissingField { composite: self.composite, field };
        // 1.3: for a field both multiple and mandatory an array without entries is as invalid as null.
        let values: Option<Multiple<T>> = self.optional(reader)?;
        values.filter(|values| !values.is_empty()).ok_or(missing.at(at))
    }

    /// Ends the list, which must have no field left.
    ///
    /// # Errors
    /// [`DecodeErrorKind::SizeMismatch`] where octets are left over inside the list.
    #[inline]
    pub fn end(self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        reader.leave(self.after)
    }
}
