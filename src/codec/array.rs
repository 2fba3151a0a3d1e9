//! Arrays (1.2.4): one constructor for all elements, so the smallest form that fits every one of them.

use alloc::vec::Vec;

use super::{
    Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer, code, compound, usual, writer::length32,
};
use crate::types::{Array, Kind, Multiple, Symbol, Value};

/// A type whose values can be the elements of an array.
pub trait Element: Encode {
    /// The format codes of the elements: the small form, and the one that every value fits.
    const CODES: (u8, u8);

    /// Writes the element without its constructor, in the small form or in the one that always fits. Gives
    /// `false` where the small form does not fit; what was written then is taken back by the caller.
    fn encode_body(&self, wide: bool, writer: &mut Writer<'_>) -> bool;
}

impl Element for Symbol {
    const CODES: (u8, u8) = (code::SYM8, code::SYM32);

    fn encode_body(&self, wide: bool, writer: &mut Writer<'_>) -> bool {
        variable_body(self.as_bytes(), wide, writer)
    }
}

pub(super) fn variable_body(octets: &[u8], wide: bool, writer: &mut Writer<'_>) -> bool {
    if wide {
        writer.octets(&length32(octets.len()).to_be_bytes());
    } else {
        let Ok(length) = u8::try_from(octets.len()) else { return false };
        writer.u8(length);
    }
    writer.octets(octets);
    true
}

/// Writes an array: its constructor by `constructor`, which is told whether elements are wide, then `bodies`,
/// which gives `false` where the small form does not fit them.
pub(super) fn encode_array(
    writer: &mut Writer<'_>,
    count: usize,
    constructor: impl Fn(bool, &mut Writer<'_>),
    bodies: impl Fn(bool, &mut Writer<'_>) -> bool,
) {
    let start = writer.position();
    for wide in [false, true] {
        writer.truncate(start);
        writer.octets(&[code::ARRAY32, 0, 0, 0, 0]);
        writer.octets(&length32(count).to_be_bytes());
        constructor(wide, writer);
        if bodies(wide, writer) {
            break;
        }
    }
    let body = start.saturating_add(9);
    let length = writer.position().saturating_sub(body);
    match (u8::try_from(length.saturating_add(1)), u8::try_from(count)) {
        (Ok(size), Ok(count)) => {
            writer.close_gap(start.saturating_add(3), body);
            writer.patch(start, &[code::ARRAY8, size, count]);
        }
        _ => writer.patch(start.saturating_add(1), &length32(length.saturating_add(4)).to_be_bytes()),
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

fn enter<'a>(code: u8, reader: &mut Reader<'a>) -> Result<Entered<'a>, DecodeError> {
    let wide = match code {
        code::ARRAY8 => false,
        code::ARRAY32 => true,
        found => return Err(reader.wrong_type("array", found)),
    };
    let (count, after) = compound::enter(wide, reader)?;
    let mut descriptors = Vec::new();
    let mut element = reader.code()?;
    while element == code::DESCRIBED {
        reader.spend(1)?;
        descriptors.push(Value::decode(reader)?);
        element = reader.code()?;
    }
    if code::lookup(element).is_none() {
        return Err(reader.wrong_type("array element", element));
    }
    if code::is_zero_width(element) {
        reader.spend_zero_width(count)?;
    } else if usize::try_from(count).is_ok_and(|count| count <= reader.remaining()) {
        reader.spend(count)?;
    } else {
        return Err(reader.error(DecodeErrorKind::CountExceedsData));
    }
    Ok(Entered { descriptors, code: element, count, after })
}

impl Decode for Array {
    fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.nested(|reader| {
            let Entered { descriptors, code, count, after } = enter(code, reader)?;
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(Value::decode_as(code, reader)?);
            }
            let kind = code::lookup(code).map_or(Kind::Null, |row| row.kind);
            reader.leave(after)?;
            // One code for all elements is one type for all of them, so this cannot fail.
            Self::described(descriptors, kind, items).map_err(|_| reader.error(DecodeErrorKind::SizeMismatch))
        })
    }
}

impl Encode for Array {
    fn encode(&self, writer: &mut Writer<'_>) {
        let (narrow, wide) = element_codes(self.kind());
        let constructor = |is_wide: bool, writer: &mut Writer<'_>| {
            for descriptor in self.descriptors() {
                writer.u8(code::DESCRIBED);
                descriptor.encode(writer);
            }
            writer.u8(if is_wide { wide } else { narrow });
        };
        if let Kind::List | Kind::Map | Kind::Array = self.kind() {
            return encode_compounds(self.items(), constructor, writer);
        }
        encode_array(writer, self.items().len(), constructor, |wide, writer| {
            self.items().iter().all(|item| encode_body(item, wide, writer))
        });
    }
}

/// Writes an array of lists, maps or arrays. Each item is encoded once, whatever form it is to take in the end:
/// to try the small form first would double the work at every level of nesting.
fn encode_compounds(items: &[Value], constructor: impl Fn(bool, &mut Writer<'_>), writer: &mut Writer<'_>) {
    let start = writer.position();
    let ends: Vec<usize> = items
        .iter()
        .map(|item| {
            item.encode(writer);
            writer.position().saturating_sub(start)
        })
        .collect();
    let encoded = writer.split_off(start);
    let parts = || {
        let starts = core::iter::once(0).chain(ends.iter().copied());
        starts.zip(&ends).map(|(from, to)| encoded.get(from..*to).unwrap_or_default())
    };
    let all_small =
        parts().all(|part| !matches!(part.first(), Some(&(code::LIST32 | code::MAP32 | code::ARRAY32))));
    encode_array(writer, items.len(), constructor, |wide, writer| {
        let fits = wide || all_small;
        if fits {
            parts().for_each(|part| compound_body(part, wide, writer));
        }
        fits
    });
}

/// The small and the general format code of an array's elements. Booleans always take their octet: the
/// zero-width codes would make a count that costs nothing, which peers rightly refuse.
fn element_codes(kind: Kind) -> (u8, u8) {
    match kind {
        Kind::Null => (code::NULL, code::NULL),
        Kind::Boolean => (code::BOOLEAN, code::BOOLEAN),
        Kind::Ubyte => (code::UBYTE, code::UBYTE),
        Kind::Ushort => (code::USHORT, code::USHORT),
        Kind::Uint => (code::SMALLUINT, code::UINT),
        Kind::Ulong => (code::SMALLULONG, code::ULONG),
        Kind::Byte => (code::BYTE, code::BYTE),
        Kind::Short => (code::SHORT, code::SHORT),
        Kind::Int => (code::SMALLINT, code::INT),
        Kind::Long => (code::SMALLLONG, code::LONG),
        Kind::Float => (code::FLOAT, code::FLOAT),
        Kind::Double => (code::DOUBLE, code::DOUBLE),
        Kind::Decimal32 => (code::DECIMAL32, code::DECIMAL32),
        Kind::Decimal64 => (code::DECIMAL64, code::DECIMAL64),
        Kind::Decimal128 => (code::DECIMAL128, code::DECIMAL128),
        Kind::Char => (code::CHAR, code::CHAR),
        Kind::Timestamp => (code::TIMESTAMP, code::TIMESTAMP),
        Kind::Uuid => (code::UUID, code::UUID),
        Kind::Binary => (code::VBIN8, code::VBIN32),
        Kind::String => (code::STR8, code::STR32),
        Kind::Symbol => (code::SYM8, code::SYM32),
        Kind::List => (code::LIST8, code::LIST32),
        Kind::Map => (code::MAP8, code::MAP32),
        // `Array` refuses items of the kind Described, so only arrays come here.
        Kind::Array | Kind::Described => (code::ARRAY8, code::ARRAY32),
    }
}

/// Writes a value without its constructor; `false` where the small form does not fit it.
fn encode_body(item: &Value, wide: bool, writer: &mut Writer<'_>) -> bool {
    let number = |small: Option<u8>, full: &[u8], writer: &mut Writer<'_>| match (wide, small) {
        (true, _) => {
            writer.octets(full);
            true
        }
        (false, Some(octet)) => {
            writer.u8(octet);
            true
        }
        (false, None) => false,
    };
    let small_signed = |small: Result<i8, _>| small.ok().map(i8::cast_unsigned);
    match item {
        Value::Null => true,
        Value::Boolean(value) => number(Some((*value).into()), &[(*value).into()], writer),
        Value::Uint(value) => number(u8::try_from(*value).ok(), &value.to_be_bytes(), writer),
        Value::Ulong(value) => number(u8::try_from(*value).ok(), &value.to_be_bytes(), writer),
        Value::Int(value) => number(small_signed(i8::try_from(*value)), &value.to_be_bytes(), writer),
        Value::Long(value) => number(small_signed(i8::try_from(*value)), &value.to_be_bytes(), writer),
        Value::Binary(octets) => variable_body(octets, wide, writer),
        Value::String(text) => variable_body(text.as_bytes(), wide, writer),
        Value::Symbol(text) => variable_body(text.as_bytes(), wide, writer),
        // The rest have one format code, so the body is all but the first octet of the encoding.
        _ => {
            let start = writer.position();
            item.encode(writer);
            writer.close_gap(start, start.saturating_add(1));
            true
        }
    }
}

/// Writes an encoded list, map or array without its format code, in the form that the array's constructor calls
/// for.
fn compound_body(encoded: &[u8], wide: bool, writer: &mut Writer<'_>) {
    match (encoded, wide) {
        ([code::LIST0, ..], true) => writer.octets(&[0, 0, 0, 4, 0, 0, 0, 0]),
        ([code::LIST0, ..], false) => writer.octets(&[1, 0]),
        ([code::LIST8 | code::MAP8 | code::ARRAY8, _, count, elements @ ..], true) => {
            writer.octets(&length32(elements.len().saturating_add(4)).to_be_bytes());
            writer.octets(&u32::from(*count).to_be_bytes());
            writer.octets(elements);
        }
        // The form is the one called for already.
        ([_, body @ ..], _) => writer.octets(body),
        ([], _) => {}
    }
}

impl<T: Decode + Element> Decode for Multiple<T> {
    fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match code {
            code::NULL => Ok(Self::new()),
            code::ARRAY8 | code::ARRAY32 => reader.nested(|reader| {
                let at = reader.offset();
                let Entered { descriptors, code, count, after } = enter(code, reader)?;
                if !descriptors.is_empty() {
                    return Err(
                        DecodeErrorKind::WrongType { expected: "array", found: code::DESCRIBED }.at(at)
                    );
                }
                // 1.3: an array of none is as good as null, whatever type its constructor names.
                let mut items = Vec::new();
                for _ in 0..count {
                    items.push(T::decode_as(code, reader)?);
                }
                reader.leave(after)?;
                Ok(items.into())
            }),
            single => T::decode_as(single, reader).map(Self::from),
        }
    }

    #[inline]
    fn usual<'a>(rest: &'a [u8], reader: &mut Reader<'a>) -> Option<(Self, &'a [u8])> {
        usual::multiple(rest, reader)
    }
}

impl<T: Element> Encode for Multiple<T> {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self.as_slice() {
            [] => writer.null(),
            [one] => one.encode(writer),
            all => encode_array(
                writer,
                all.len(),
                |wide, writer| writer.u8(if wide { T::CODES.1 } else { T::CODES.0 }),
                |wide, writer| all.iter().all(|item| item.encode_body(wide, writer)),
            ),
        }
    }
}
