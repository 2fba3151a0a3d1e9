//! Arrays (1.2.4): one constructor for all elements, so the smallest form that fits every one of them.

use alloc::vec::Vec;

use super::{
    Decode, DecodeError, DecodeErrorKind, Decoder, Encode, Encoder, compounds, encoder::length32,
    format_code, usual,
};
use crate::types::{Array, Kind, Multiple, Symbol, Value};

/// A type whose values can be the elements of an array.
pub trait Element: Encode {
    /// The format codes of the elements: the small form, and the one that every value fits.
    const CODES: (u8, u8);

    /// Writes the element without its constructor, in the small form or in the one that always fits. Gives
    /// `false` where the small form does not fit; what was written then is taken back by the caller.
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

/// Writes an array: its constructor by `constructor`, which is told whether elements are wide, then `bodies`,
/// which gives `false` where the small form does not fit them.
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
            encoder.patch(start, &[format_code::ARRAY8, size, count]);
        }
        _ => encoder.patch(start.saturating_add(1), &length32(length.saturating_add(4)).to_be_bytes()),
    }
}

/// Enters an array and reads its constructor: the descriptors, the element's format code, how many elements
/// there are and what follows the array.
struct Entered<'a> {
    descriptors: Vec<Value>,
    code: u8,
    count: u32,
    after: &'a [u8],
}

fn enter<'a>(code: u8, decoder: &mut Decoder<'a>) -> Result<Entered<'a>, DecodeError> {
    let wide = match code {
        format_code::ARRAY8 => false,
        format_code::ARRAY32 => true,
        found => return Err(decoder.wrong_type("array", found)),
    };
    let (count, after) = compounds::enter(wide, decoder)?;
    let mut descriptors = Vec::new();
    let mut element = decoder.code()?;
    while element == format_code::DESCRIBED {
        decoder.spend(1)?;
        descriptors.push(Value::decode(decoder)?);
        element = decoder.code()?;
    }
    if format_code::lookup(element).is_none() {
        return Err(decoder.wrong_type("array element", element));
    }
    if format_code::is_zero_width(element) {
        decoder.spend_zero_width(count)?;
    } else if usize::try_from(count).is_ok_and(|count| count <= decoder.remaining()) {
        decoder.spend(count)?;
    } else {
        return Err(decoder.error(DecodeErrorKind::CountExceedsData));
    }
    Ok(Entered { descriptors, code: element, count, after })
}

impl Decode for Array {
    fn decode_as(code: u8, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.nested(|decoder| {
            let Entered { descriptors, code, count, after } = enter(code, decoder)?;
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(Value::decode_as(code, decoder)?);
            }
            let kind = format_code::lookup(code).map_or(Kind::Null, |row| row.kind);
            decoder.leave(after)?;
            // One code for all elements is one type for all of them, so this cannot fail.
            Self::described(descriptors, kind, items)
                .map_err(|_| decoder.error(DecodeErrorKind::SizeMismatch))
        })
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

/// Writes a value without its constructor; `false` where the small form does not fit it.
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
    fn decode_as(code: u8, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match code {
            format_code::NULL => Ok(Self::new()),
            format_code::ARRAY8 | format_code::ARRAY32 => decoder.nested(|decoder| {
                let at = decoder.offset();
                let Entered { descriptors, code, count, after } = enter(code, decoder)?;
                if !descriptors.is_empty() {
                    return Err(DecodeErrorKind::WrongType {
                        expected: "array",
                        found: format_code::DESCRIBED,
                    }
                    .at(at));
                }
                // 1.3: an array of none is as good as null, whatever type its constructor names.
                let mut items = Vec::new();
                for _ in 0..count {
                    items.push(T::decode_as(code, decoder)?);
                }
                decoder.leave(after)?;
                Ok(items.into())
            }),
            single => T::decode_as(single, decoder).map(Self::from),
        }
    }

    #[inline]
    fn usual<'a>(rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        usual::multiple(rest, decoder)
    }
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
