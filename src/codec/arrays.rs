//! Arrays (1.2.4): one constructor for all elements, so the smallest form that fits every one of them.

use alloc::vec::Vec;

use super::{
    Decode, DecodeErrorKind, Decoder, Encode, Encoder, compounds::Entered, encoder::length32, format_code,
};
use crate::types::{Array, Kind, Multiple, Symbol, Value};

/// A type whose values can be the elements of an array.
pub trait Element: Encode {
    /// The format codes of the elements: the small form, and the one that every value fits.
    const CODES: (u8, u8);

    /// Writes the element without its constructor, in the small form or in the one that always fits. Returns false if
    /// the small form does not fit; the caller then takes back what was written.
    fn encode_body(&self, wide: bool, encoder: &mut Encoder<'_>) -> bool;
}

impl Element for Symbol {
    const CODES: (u8, u8) = (format_code::SYM8, format_code::SYM32);

    fn encode_body(&self, wide: bool, encoder: &mut Encoder<'_>) -> bool {
        variable_body(self.as_bytes(), wide, encoder)
    }
}

pub(super) fn variable_body(bytes: &[u8], wide: bool, encoder: &mut Encoder<'_>) -> bool {
    if wide {
        encoder.raw(&length32(bytes.len()).to_be_bytes());
    } else {
        let Ok(length) = u8::try_from(bytes.len()) else { return false };
        encoder.u8(length);
    }
    encoder.raw(bytes);
    true
}

/// Writes an array: its constructor by `constructor`, then its elements by `bodies`. Both are given true if elements are
/// wide; `bodies` returns false if the small form does not fit them.
pub(super) fn encode_array(
    encoder: &mut Encoder<'_>,
    count: usize,
    constructor: impl Fn(bool, &mut Encoder<'_>),
    bodies: impl Fn(bool, &mut Encoder<'_>) -> bool,
) {
    let start = encoder.position();
    for wide in [false, true] {
        encoder.truncate(start);
        encoder.raw(&[format_code::ARRAY32, 0, 0, 0, 0]);
        encoder.raw(&length32(count).to_be_bytes());
        constructor(wide, encoder);
        if bodies(wide, encoder) {
            break;
        }
    }
    let body = start.saturating_add(9);
    let length = encoder.position().saturating_sub(body);
    match (u8::try_from(length.saturating_add(1)), u8::try_from(count)) {
        (Ok(size), Ok(count)) => {
            encoder.close_gap(start.saturating_add(3), body);
            encoder.patch(start, [format_code::ARRAY8, size, count]);
        }
        _ => encoder.patch(start.saturating_add(1), length32(length.saturating_add(4)).to_be_bytes()),
    }
}

/// An array that has been entered, and its constructor read.
struct EnteredArray<'a> {
    descriptors: Vec<Value>,
    /// The format code of the elements.
    code: u8,
    count: u32,
    /// The bytes of the elements.
    elements: &'a [u8],
    /// The bytes behind the array.
    after: &'a [u8],
}

/// Enters an array behind its format code, one level down.
fn enter<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<EnteredArray<'a>> {
    let wide = match code {
        format_code::ARRAY8 => false,
        format_code::ARRAY32 => true,
        found => return decoder.wrong_type("array", found, rest),
    };
    let Entered { count, elements: mut rest, after } = decoder.enter(wide, rest)?;
    let mut descriptors = Vec::new();
    let (code, elements) = loop {
        match rest.split_first() {
            Some((&format_code::DESCRIBED, behind)) => {
                decoder.spend(1, behind)?;
                let (descriptor, behind) = decoder.value(behind)?;
                descriptors.push(descriptor);
                rest = behind;
            }
            Some((code, behind)) => break (*code, behind),
            None => return decoder.truncated(rest),
        }
    };
    if format_code::lookup(code).is_none() {
        return decoder.wrong_type("array element", code, elements);
    }
    if format_code::is_zero_width(code) {
        decoder.spend_zero_width(count, elements)?;
    } else if usize::try_from(count).is_ok_and(|count| count <= elements.len()) {
        decoder.spend(count, elements)?;
    } else {
        return decoder.fail(DecodeErrorKind::CountExceedsData, elements);
    }
    Some(EnteredArray { descriptors, code, count, elements, after })
}

impl<'a> EnteredArray<'a> {
    /// Decodes the elements, which are all that the array has, and comes back up.
    fn items<T: Decode>(&self, decoder: &mut Decoder<'a>) -> Option<Vec<T>> {
        let mut rest = self.elements;
        let mut items = Vec::new();
        for _ in 0..self.count {
            let (item, behind) = T::decode_as(self.code, rest, decoder)?;
            items.push(item);
            rest = behind;
        }
        decoder.end_compound(rest)?;
        decoder.ascend();
        Some(items)
    }
}

impl Decode for Array {
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        decoder.descend(rest)?;
        let entered = enter(code, rest, decoder)?;
        let items = entered.items(decoder)?;
        let EnteredArray { descriptors, code, after, .. } = entered;
        let kind = format_code::lookup(code).map_or(Kind::Null, |row| row.kind);
        // One code for all elements is one type for all of them, so this cannot fail.
        match Self::described(descriptors, kind, items) {
            Ok(array) => Some((array, after)),
            Err(_) => decoder.fail(DecodeErrorKind::SizeMismatch, after),
        }
    }
}

impl Encode for Array {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        let (narrow, wide) = element_codes(self.kind());
        let constructor = |is_wide: bool, encoder: &mut Encoder<'_>| {
            for descriptor in self.descriptors() {
                encoder.u8(format_code::DESCRIBED);
                descriptor.encode(encoder);
            }
            encoder.u8(if is_wide { wide } else { narrow });
        };
        if let Kind::List | Kind::Map | Kind::Array = self.kind() {
            return encode_compounds(self.items(), constructor, encoder);
        }
        encode_array(encoder, self.items().len(), constructor, |wide, encoder| {
            self.items().iter().all(|item| encode_body(item, wide, encoder))
        });
    }
}

/// Writes an array of lists, maps or arrays. Each item is encoded once, whatever form it is to take in the end:
/// to try the small form first would double the work at every level of nesting.
fn encode_compounds(
    items: &[Value],
    constructor: impl Fn(bool, &mut Encoder<'_>),
    encoder: &mut Encoder<'_>,
) {
    let start = encoder.position();
    let ends: Vec<usize> = items
        .iter()
        .map(|item| {
            item.encode(encoder);
            encoder.position().saturating_sub(start)
        })
        .collect();
    let encoded = encoder.split_off(start);
    let parts = || {
        let starts = core::iter::once(0).chain(ends.iter().copied());
        starts.zip(&ends).map(|(from, to)| encoded.get(from..*to).unwrap_or_default())
    };
    let all_small = parts().all(|part| {
        !matches!(part.first(), Some(&(format_code::LIST32 | format_code::MAP32 | format_code::ARRAY32)))
    });
    encode_array(encoder, items.len(), constructor, |wide, encoder| {
        let fits = wide || all_small;
        if fits {
            parts().for_each(|part| compound_body(part, wide, encoder));
        }
        fits
    });
}

/// The small and the general format code of an array's elements. Booleans always take their byte: the
/// zero-width codes would make a count that costs nothing, which peers rightly refuse.
fn element_codes(kind: Kind) -> (u8, u8) {
    match kind {
        Kind::Null => (format_code::NULL, format_code::NULL),
        Kind::Boolean => (format_code::BOOLEAN, format_code::BOOLEAN),
        Kind::Ubyte => (format_code::UBYTE, format_code::UBYTE),
        Kind::Ushort => (format_code::USHORT, format_code::USHORT),
        Kind::Uint => (format_code::SMALLUINT, format_code::UINT),
        Kind::Ulong => (format_code::SMALLULONG, format_code::ULONG),
        Kind::Byte => (format_code::BYTE, format_code::BYTE),
        Kind::Short => (format_code::SHORT, format_code::SHORT),
        Kind::Int => (format_code::SMALLINT, format_code::INT),
        Kind::Long => (format_code::SMALLLONG, format_code::LONG),
        Kind::Float => (format_code::FLOAT, format_code::FLOAT),
        Kind::Double => (format_code::DOUBLE, format_code::DOUBLE),
        Kind::Decimal32 => (format_code::DECIMAL32, format_code::DECIMAL32),
        Kind::Decimal64 => (format_code::DECIMAL64, format_code::DECIMAL64),
        Kind::Decimal128 => (format_code::DECIMAL128, format_code::DECIMAL128),
        Kind::Char => (format_code::CHAR, format_code::CHAR),
        Kind::Timestamp => (format_code::TIMESTAMP, format_code::TIMESTAMP),
        Kind::Uuid => (format_code::UUID, format_code::UUID),
        Kind::Binary => (format_code::VBIN8, format_code::VBIN32),
        Kind::String => (format_code::STR8, format_code::STR32),
        Kind::Symbol => (format_code::SYM8, format_code::SYM32),
        Kind::List => (format_code::LIST8, format_code::LIST32),
        Kind::Map => (format_code::MAP8, format_code::MAP32),
        // `Array` refuses items of the kind Described, so only arrays come here.
        Kind::Array | Kind::Described => (format_code::ARRAY8, format_code::ARRAY32),
    }
}

/// Writes a value without its constructor. Returns false if the small form does not fit it.
fn encode_body(item: &Value, wide: bool, encoder: &mut Encoder<'_>) -> bool {
    let number = |small: Option<u8>, full: &[u8], encoder: &mut Encoder<'_>| match (wide, small) {
        (true, _) => {
            encoder.raw(full);
            true
        }
        (false, Some(byte)) => {
            encoder.u8(byte);
            true
        }
        (false, None) => false,
    };
    let small_signed = |small: Result<i8, _>| small.ok().map(i8::cast_unsigned);
    match item {
        Value::Null => true,
        Value::Boolean(value) => number(Some((*value).into()), &[(*value).into()], encoder),
        Value::Uint(value) => number(u8::try_from(*value).ok(), &value.to_be_bytes(), encoder),
        Value::Ulong(value) => number(u8::try_from(*value).ok(), &value.to_be_bytes(), encoder),
        Value::Int(value) => number(small_signed(i8::try_from(*value)), &value.to_be_bytes(), encoder),
        Value::Long(value) => number(small_signed(i8::try_from(*value)), &value.to_be_bytes(), encoder),
        Value::Binary(bytes) => variable_body(bytes, wide, encoder),
        Value::String(text) => variable_body(text.as_bytes(), wide, encoder),
        Value::Symbol(text) => variable_body(text.as_bytes(), wide, encoder),
        // The rest have one format code, so the body is all but the first byte of the encoding.
        _ => {
            let start = encoder.position();
            item.encode(encoder);
            encoder.close_gap(start, start.saturating_add(1));
            true
        }
    }
}

/// Writes an encoded list, map or array without its format code, in the form that the array's constructor calls
/// for.
fn compound_body(encoded: &[u8], wide: bool, encoder: &mut Encoder<'_>) {
    match (encoded, wide) {
        ([format_code::LIST0, ..], true) => encoder.raw(&[0, 0, 0, 4, 0, 0, 0, 0]),
        ([format_code::LIST0, ..], false) => encoder.raw(&[1, 0]),
        ([format_code::LIST8 | format_code::MAP8 | format_code::ARRAY8, _, count, elements @ ..], true) => {
            encoder.raw(&length32(elements.len().saturating_add(4)).to_be_bytes());
            encoder.raw(&u32::from(*count).to_be_bytes());
            encoder.raw(elements);
        }
        // The form is the one called for already.
        ([_, body @ ..], _) => encoder.raw(body),
        ([], _) => {}
    }
}

impl<T: Decode + Element> Decode for Multiple<T> {
    #[inline]
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        match code {
            format_code::NULL => Some((Self::new(), rest)),
            format_code::ARRAY8 | format_code::ARRAY32 => several(code, rest, decoder),
            // Most often there is one value.
            single => T::decode_as(single, rest, decoder).map(|(one, rest)| (one.into(), rest)),
        }
    }
}

fn several<'a, T: Decode>(
    code: u8,
    rest: &'a [u8],
    decoder: &mut Decoder<'a>,
) -> Option<(Multiple<T>, &'a [u8])> {
    decoder.descend(rest)?;
    let entered = enter(code, rest, decoder)?;
    if !entered.descriptors.is_empty() {
        let kind = DecodeErrorKind::WrongType { expected: "array", found: format_code::DESCRIBED };
        return decoder.fail(kind, rest);
    }
    // 1.3: an array of none is as good as null, whatever type its constructor names.
    let items = entered.items(decoder)?;
    Some((items.into(), entered.after))
}

impl<T: Element> Encode for Multiple<T> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        match self.as_slice() {
            [] => encoder.null(),
            [one] => one.encode(encoder),
            all => encode_array(
                encoder,
                all.len(),
                |wide, encoder| encoder.u8(if wide { T::CODES.1 } else { T::CODES.0 }),
                |wide, encoder| all.iter().all(|item| item.encode_body(wide, encoder)),
            ),
        }
    }
}
