//! Arrays (1.2.4): one constructor for all elements, so the smallest form that fits every one of them.

use alloc::vec::Vec;

use super::{
    CompoundEncoder, Decode, DecodeErrorKind, Decoder, Encode, Encoder,
    compounds::Entered,
    encoder::length32,
    format_code::{self, FORMAT_CODES, FormatCode},
};
use crate::{
    limits::Deviations,
    types::{Array, Kind, Multiple, Symbol, Value},
};

/// A type whose values can be the elements of an array.
pub trait Element: Encode {
    /// The type of the elements.
    const KIND: Kind;
}

impl Element for Symbol {
    const KIND: Kind = Kind::Symbol;
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
    let wide = decoder.is_wide(code, [format_code::ARRAY8, format_code::ARRAY32], "array", rest)?;
    let Entered { count, elements: mut rest, after } = decoder.enter(wide, rest)?;
    let mut descriptors = Vec::new();
    let left = decoder.elements_left();
    let (code, elements) = loop {
        match rest.split_first() {
            Some((&format_code::DESCRIBED, behind)) => {
                // Each element nests in as many described values as there are descriptors.
                decoder.descend(behind)?;
                decoder.spend(1, behind)?;
                let (descriptor, behind) = decoder.value(behind)?;
                descriptors.push(descriptor);
                rest = behind;
            }
            Some((code, behind)) => break (*code, behind),
            // No elements to have one: the type of none is as good as any.
            None if count == 0
                && descriptors.is_empty()
                && decoder.takes(Deviations::ARRAY_WITHOUT_CONSTRUCTOR) =>
            {
                break (format_code::NULL, rest);
            }
            None => return decoder.truncated(rest),
        }
    };
    let Some(row) = format_code::lookup(code) else {
        return decoder.wrong_type("array element", code, elements);
    };
    if row.width == 0 {
        decoder.spend_zero_width(count, elements)?;
    } else if usize::try_from(count).is_ok_and(|count| count <= elements.len()) {
        decoder.spend(count, elements)?;
    } else {
        return decoder.fail(DecodeErrorKind::CountExceedsData, elements);
    }
    // 1.2.4: every element has all the descriptors, though they are encoded once. So they multiply too; one of a
    // single value, which most arrays have, no more than the elements do.
    let shared = left.saturating_sub(decoder.elements_left()).saturating_sub(count);
    if let Some(extra) = shared.checked_sub(1).filter(|extra| *extra > 0) {
        decoder.spend_zero_width(extra.saturating_mul(count), elements)?;
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
        self.descriptors.iter().for_each(|_| decoder.ascend());
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
        encode_array(self.kind(), self.descriptors(), self.items(), encoder);
    }
}

/// Writes an array. Each item is encoded once, whatever form it takes in the end: to try the small form first would
/// double the work at every level of nesting.
fn encode_array<T: Encode>(kind: Kind, descriptors: &[Value], items: &[T], encoder: &mut Encoder<'_>) {
    let start = encoder.position();
    let mut ends = Vec::with_capacity(items.len());
    for item in items {
        item.encode(encoder);
        ends.push(encoder.position().saturating_sub(start));
    }
    let encoded = encoder.split_off(start);
    let starts = core::iter::once(0).chain(ends.iter().copied());
    let parts = starts.zip(&ends).map(|(from, to)| encoded.get(from..*to).unwrap_or_default());
    let (narrow, wide) = element_codes(kind);
    let is_wide = narrow != wide && parts.clone().any(|item| item.first() == Some(&wide));

    let mut array = CompoundEncoder::start(encoder, format_code::ARRAY8, format_code::ARRAY32);
    for descriptor in descriptors {
        encoder.u8(format_code::DESCRIBED);
        descriptor.encode(encoder);
    }
    encoder.u8(if is_wide { wide } else { narrow });
    for item in parts {
        encode_element(item, is_wide, encoder);
        array.count = array.count.saturating_add(1);
    }
    array.end(encoder);
}

/// Returns the small and the general format code of an array's elements.
fn element_codes(kind: Kind) -> (u8, u8) {
    // A count of elements without bytes costs nothing to declare, and peers rightly refuse it. A null has no others.
    let rows = FORMAT_CODES.iter().filter(|row| row.kind == kind && (row.width > 0 || kind == Kind::Null));
    let code = |row: Option<&FormatCode>| row.map_or(format_code::NULL, |row| row.code);
    (code(rows.clone().min_by_key(|row| row.width)), code(rows.max_by_key(|row| row.width)))
}

/// Writes an encoded value without its format code, in the small or in the general form of its type.
fn encode_element(encoded: &[u8], wide: bool, encoder: &mut Encoder<'_>) {
    use format_code::*;
    match (encoded, wide) {
        ([TRUE], _) => encoder.u8(1),
        ([FALSE], _) | ([UINT0 | ULONG0], false) => encoder.u8(0),
        ([UINT0], true) => encoder.array([0; 4]),
        ([ULONG0], true) => encoder.array([0; 8]),
        ([SMALLUINT, value], true) => encoder.array(u32::from(*value).to_be_bytes()),
        ([SMALLULONG, value], true) => encoder.array(u64::from(*value).to_be_bytes()),
        ([SMALLINT, value], true) => encoder.array(i32::from(value.cast_signed()).to_be_bytes()),
        ([SMALLLONG, value], true) => encoder.array(i64::from(value.cast_signed()).to_be_bytes()),
        ([VBIN8 | STR8 | SYM8, length, bytes @ ..], true) => {
            encoder.array(u32::from(*length).to_be_bytes());
            encoder.raw(bytes);
        }
        ([LIST0], true) => encoder.array([0, 0, 0, 4, 0, 0, 0, 0]),
        ([LIST0], false) => encoder.array([1, 0]),
        ([LIST8 | MAP8 | ARRAY8, _, count, elements @ ..], true) => {
            encoder.array(length32(elements.len().saturating_add(4)).to_be_bytes());
            encoder.array(u32::from(*count).to_be_bytes());
            encoder.raw(elements);
        }
        // The value has the form already.
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
            format_code::LIST0 | format_code::LIST8 | format_code::LIST32 => listed(code, rest, decoder),
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

/// Decodes the values of a field that a peer wrote as a list, if that is tolerated.
#[cold]
fn listed<'a, T: Decode>(
    code: u8,
    rest: &'a [u8],
    decoder: &mut Decoder<'a>,
) -> Option<(Multiple<T>, &'a [u8])> {
    if !decoder.takes(Deviations::LIST_AS_ARRAY) {
        return T::decode_as(code, rest, decoder).map(|(one, rest)| (one.into(), rest));
    }
    decoder.list(code, rest).map(|(items, rest)| (items.into(), rest))
}

impl<T: Element> Encode for Multiple<T> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        match self.as_slice() {
            [] => encoder.null(),
            [one] => one.encode(encoder),
            all => encode_array(T::KIND, &[], all, encoder),
        }
    }
}
