//! Lists and maps (1.2.3), and the fields of composites (1.4).

use alloc::vec::Vec;

use super::{
    Decode, DecodeErrorKind, DecodeRef, Decoder, Element, Encode, Encoder, encoder::length32, format_code,
    skip::Source as _,
};
use crate::{
    limits::Deviations,
    types::{Map, Multiple, Value},
};

/// A list, map or array that has been entered.
#[derive(Clone, Copy)]
pub(crate) struct Entered<'a> {
    /// The declared number of elements.
    pub(crate) count: u32,
    /// The bytes of the elements.
    pub(crate) elements: &'a [u8],
    /// The bytes behind the compound.
    pub(crate) after: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Returns true for the wide of two format codes and false for the narrow one. Refuses any other.
    #[inline]
    pub(super) fn is_wide(
        &mut self,
        code: u8,
        [narrow, wide]: [u8; 2],
        expected: &'static str,
        rest: &[u8],
    ) -> Option<bool> {
        match code {
            code if code == narrow => Some(false),
            code if code == wide => Some(true),
            found => self.wrong_type(expected, found, rest),
        }
    }

    /// Reads a size and a count, of one byte or four each, and checks the size against the bytes.
    #[inline]
    pub(super) fn enter(&mut self, wide: bool, rest: &'a [u8]) -> Option<Entered<'a>> {
        let (body, after) = self.sized(wide, rest)?;
        let mut elements = body;
        // 1.2.3, 1.2.4: the size counts the field that holds the count.
        let Some(count) = elements.size(wide) else { return self.fail(DecodeErrorKind::SizeMismatch, body) };
        Some(Entered { count: length32(count), elements, after })
    }

    /// Takes the bytes behind a size of one byte or four, and returns them and those behind them.
    #[inline(always)]
    pub(crate) fn sized(&mut self, wide: bool, rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let mut bytes = rest;
        let Some(size) = bytes.size(wide) else { return self.truncated(rest) };
        match bytes.split_at_checked(size) {
            Some(both) => Some(both),
            None => self.truncated(bytes),
        }
    }

    /// Enters a list or a map, whose elements each take at least one byte.
    #[inline]
    pub(crate) fn enter_elements(&mut self, wide: bool, rest: &'a [u8]) -> Option<Entered<'a>> {
        let entered = self.enter(wide, rest)?;
        if usize::try_from(entered.count).is_ok_and(|count| count <= entered.elements.len()) {
            Some(entered)
        } else {
            self.fail(DecodeErrorKind::CountExceedsData, entered.elements)
        }
    }

    /// Enters a map behind its format code, one level down, and spends its elements.
    #[inline]
    pub(crate) fn enter_map(&mut self, code: u8, rest: &'a [u8]) -> Option<Entered<'a>> {
        let wide = self.is_wide(code, [format_code::MAP8, format_code::MAP32], "map", rest)?;
        self.descend(rest)?;
        let entered = self.enter_elements(wide, rest)?;
        if entered.count % 2 != 0 {
            return self.fail(DecodeErrorKind::OddMap, rest);
        }
        self.spend(entered.count, entered.elements)?;
        Some(entered)
    }

    /// Enters a list or a map of any length without checking its count; `codes` are the narrow and the wide format code.
    /// Returns the count and the elements, or `None` within for the list that has neither.
    #[inline]
    pub(crate) fn enter_any(
        &mut self,
        codes: [u8; 2],
        expected: &'static str,
        rest: &'a [u8],
    ) -> Option<Option<(u32, &'a [u8])>> {
        let Some((code, behind)) = rest.split_first() else { return self.truncated(rest) };
        if *code == format_code::LIST0 && codes == LIST {
            return Some(None);
        }
        let wide = self.is_wide(*code, codes, expected, behind)?;
        let entered = self.enter(wide, behind)?;
        Some(Some((entered.count, entered.elements)))
    }

    /// Ends a list, map or array. `rest` is the part of its elements that is left, which must be empty.
    #[inline(always)]
    pub(crate) fn end_compound(&mut self, rest: &'a [u8]) -> Option<()> {
        if rest.is_empty() { Some(()) } else { self.fail(DecodeErrorKind::SizeMismatch, rest) }
    }
}

/// The small and the wide format code of a list.
const LIST: [u8; 2] = [format_code::LIST8, format_code::LIST32];

impl<'a> Decoder<'a> {
    /// Decodes a list of values of one type, whose format code is `code`.
    #[inline]
    pub(super) fn list<T: Decode>(&mut self, code: u8, rest: &'a [u8]) -> Option<(Vec<T>, &'a [u8])> {
        if code == format_code::LIST0 {
            return Some((Vec::new(), rest));
        }
        let wide = self.is_wide(code, LIST, "list", rest)?;
        self.descend(rest)?;
        let Entered { count, elements: mut rest, after } = self.enter_elements(wide, rest)?;
        self.spend(count, rest)?;
        let mut items = Vec::new();
        for _ in 0..count {
            let (item, behind) = self.value(rest)?;
            items.push(item);
            rest = behind;
        }
        self.end_compound(rest)?;
        self.ascend();
        Some((items, after))
    }

    /// Decodes the key of a map. If symbols are due, a string can be one where that is tolerated.
    #[inline(always)]
    fn map_key<K: Decode>(&mut self, rest: &'a [u8]) -> Option<(K, &'a [u8])> {
        match self.value(rest) {
            None => self.string_key(rest),
            key => key,
        }
    }

    /// Decodes a key that was refused once more, as the symbol that a string stands for.
    #[cold]
    #[inline(never)]
    fn string_key<K: Decode>(&mut self, rest: &'a [u8]) -> Option<(K, &'a [u8])> {
        if !(self.takes(Deviations::STRING_KEY) && self.symbol_was_due()) {
            return None;
        }
        // Strings and symbols have the same layout behind their codes.
        let (code, rest) = match rest {
            [format_code::STR8, rest @ ..] => (format_code::SYM8, rest),
            [format_code::STR32, rest @ ..] => (format_code::SYM32, rest),
            _ => return None,
        };
        self.forget_error();
        K::decode_as(code, rest, self)
    }
}

impl Decode for Vec<Value> {
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        decoder.list(code, rest)
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

/// The most pairs of a map that room is reserved for in advance.
const RESERVED: usize = 16;

impl<K: Decode + Ord, V: Decode> Decode for Map<K, V> {
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        let start = rest;
        let Entered { count, elements: mut rest, after } = decoder.enter_map(code, rest)?;
        // Each pair takes up two bytes that are there; room for many is reserved as they are decoded.
        let expected = usize::try_from(count / 2).unwrap_or(usize::MAX).min(RESERVED);
        let mut pairs = Vec::with_capacity(expected);
        for _ in 0..count / 2 {
            let (key, behind) = decoder.map_key(rest)?;
            let (value, behind) = decoder.value(behind)?;
            pairs.push((key, value));
            rest = behind;
        }
        decoder.end_compound(rest)?;
        let Some(map) = Self::from_pairs(pairs) else {
            return decoder.fail(DecodeErrorKind::DuplicateKey, start);
        };
        decoder.ascend();
        Some((map, after))
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

/// The fields of a composite that have not been decoded, in order (1.4).
#[derive(Debug)]
pub struct FieldDecoder<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> FieldDecoder<'a> {
    /// Enters the list of a composite's fields, of which there are at most `max`. Returns the fields, and the bytes
    /// behind the list.
    #[inline(always)]
    pub(crate) fn enter(
        rest: &'a [u8],
        decoder: &mut Decoder<'a>,
        composite: &'static str,
        max: usize,
    ) -> Option<(Self, &'a [u8])> {
        match rest {
            [format_code::LIST8, size, count, rest @ ..] => {
                if let Some(size) = usize::from(*size).checked_sub(1)
                    && let Some((rest, after)) = rest.split_at_checked(size)
                    && usize::from(*count) <= max
                    && usize::from(*count) <= size
                {
                    return Some((Self { rest, left: u32::from(*count) }, after));
                }
            }
            [format_code::LIST0, rest @ ..] => return Some((Self { rest: &[], left: 0 }, rest)),
            _ => {}
        }
        Self::enter_wide(rest, decoder, composite, max)
    }

    /// Enters a list of the wide form, or notes the fault of a small one.
    #[cold]
    #[inline(never)]
    fn enter_wide(
        rest: &'a [u8],
        decoder: &mut Decoder<'a>,
        composite: &'static str,
        max: usize,
    ) -> Option<(Self, &'a [u8])> {
        let Some((code, list)) = rest.split_first() else { return decoder.truncated(rest) };
        let wide = decoder.is_wide(*code, LIST, "list", list)?;
        let Entered { count, elements, after } = decoder.enter_elements(wide, list)?;
        if usize::try_from(count).is_ok_and(|count| count <= max) {
            Some((Self { rest: elements, left: count }, after))
        } else {
            decoder.fail(DecodeErrorKind::TooManyFields(composite), elements)
        }
    }

    /// True if no field is left.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Returns the bytes of the fields that are left.
    #[inline(always)]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns the format code of the next field, and the bytes behind it: `None` within if it is null or left out.
    #[inline(always)]
    fn next_code(&mut self, decoder: &mut Decoder<'a>) -> Option<Option<(u8, &'a [u8])>> {
        if self.is_empty() {
            return Some(None);
        }
        self.left = self.left.wrapping_sub(1);
        let Some((code, rest)) = self.rest.split_first() else { return decoder.truncated(self.rest) };
        if *code == format_code::NULL {
            self.rest = rest;
            return Some(None);
        }
        Some(Some((*code, rest)))
    }

    /// Decodes the next field: `None` within if it is null or left out.
    #[inline(always)]
    pub fn optional<T: Decode>(&mut self, decoder: &mut Decoder<'a>) -> Option<Option<T>> {
        let Some((code, rest)) = self.next_code(decoder)? else { return Some(None) };
        let (value, rest) = T::decode_as(code, rest, decoder)?;
        self.rest = rest;
        Some(Some(value))
    }

    /// Decodes the next field without making a value of it.
    #[inline(always)]
    pub(crate) fn optional_ref<T: DecodeRef<'a>>(
        &mut self,
        decoder: &mut Decoder<'a>,
    ) -> Option<Option<T::Ref>> {
        let Some((code, rest)) = self.next_code(decoder)? else { return Some(None) };
        let (value, rest) = T::decode_ref(code, rest, decoder)?;
        self.rest = rest;
        Some(Some(value))
    }

    /// Steps over the next field, and returns its bytes.
    #[inline(always)]
    pub(super) fn optional_encoded(&mut self, decoder: &mut Decoder<'a>) -> Option<Option<&'a [u8]>> {
        let start = self.rest;
        if self.next_code(decoder)?.is_none() {
            return Some(None);
        }
        self.rest = decoder.skip(start)?;
        Some(start.get(..start.len().saturating_sub(self.rest.len())))
    }

    /// Decodes the next field, which fails with [`DecodeErrorKind::MissingField`] if it is null or left out.
    pub fn mandatory<T: Decode>(
        &mut self,
        decoder: &mut Decoder<'a>,
        composite: &'static str,
        field: &'static str,
    ) -> Option<T> {
        let at = self.rest;
        match self.optional(decoder)? {
            Some(value) => Some(value),
            None => decoder.missing_field(composite, field, at),
        }
    }

    /// Decodes the next field, which has one value or several: [`DecodeErrorKind::MissingField`] if it has none.
    #[inline(always)]
    pub fn mandatory_multiple<T: Decode + Element>(
        &mut self,
        decoder: &mut Decoder<'a>,
        composite: &'static str,
        field: &'static str,
    ) -> Option<Multiple<T>> {
        let at = self.rest;
        // 1.3: for a field both multiple and mandatory an array without entries is as invalid as null.
        match self.optional::<Multiple<T>>(decoder)?.filter(|values| !values.is_empty()) {
            Some(values) => Some(values),
            None => decoder.missing_field(composite, field, at),
        }
    }
}

impl<'a> Decoder<'a> {
    /// Decodes a composite (1.4) of a type that the standard does not have: a list of at most `max` fields under
    /// the numeric or the symbolic descriptor. `fields` decodes them, in order.
    ///
    /// `known` has the type's name for errors, and its descriptors. [`composites!`](crate::composites) writes the call.
    pub fn composite<T>(
        &mut self,
        code: u8,
        rest: &'a [u8],
        known: (&'static str, u64, &'static str),
        max: usize,
        fields: impl FnOnce(&mut FieldDecoder<'a>, &mut Self) -> Option<T>,
    ) -> Option<(T, &'a [u8])> {
        self.described(code, rest, &known, |rest, decoder| {
            let (mut list, after) = FieldDecoder::enter(rest, decoder, known.0, max)?;
            let value = fields(&mut list, decoder)?;
            decoder.end_compound(list.rest)?;
            Some((value, after))
        })
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn missing_field<T>(
        &mut self,
        composite: &'static str,
        field: &'static str,
        at: &[u8],
    ) -> Option<T> {
        self.fail(DecodeErrorKind::MissingField { composite, field }, at)
    }
}
