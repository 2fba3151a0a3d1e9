//! Encoded fields and entries, from which the builder writes its sections.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use crate::{
    codec::{Encode, Encoder, format_code, skip::skip_value},
    spec::{Composite, Field, messaging::Properties},
};

const FIELD_COUNT: usize = Properties::FIELDS.len();

/// The fields of the properties section (3.2.4), each encoded. If they are set in the order of the section, as nearly
/// always, `bytes` is the content of the list, with nulls for absent fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    /// The number of fields in `bytes`, absent ones included.
    count: u8,
    /// The range of each field in `bytes`, once one has been set out of order. It is empty if the field is absent.
    ranges: Option<Box<[Range<usize>; FIELD_COUNT]>>,
}

/// Bytes that are an encoded value.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawValue<'a>(pub(super) &'a [u8]);

impl Encode for RawValue<'_> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        encoder.raw(self.0);
    }
}

impl Fields {
    pub(super) const COUNT: usize = FIELD_COUNT;

    /// Returns the index of a field by its name in the standard's table, or [`COUNT`](Self::COUNT) for another name.
    pub(super) const fn index_of(name: &str) -> usize {
        let mut fields: &[Field] = Properties::FIELDS;
        let mut index = 0_usize;
        while let [field, rest @ ..] = fields {
            if equal(field.name.as_bytes(), name.as_bytes()) {
                return index;
            }
            fields = rest;
            index = index.saturating_add(1);
        }
        index
    }

    #[inline]
    pub(super) fn set(&mut self, index: usize, value: &(impl Encode + ?Sized)) {
        reserve_first(&mut self.bytes);
        let skipped = index.checked_sub(self.count.into()).filter(|_| self.ranges.is_none());
        let Some(skipped) = skipped else {
            return self.set_out_of_order(index, |encoder| value.encode(encoder));
        };
        for _ in 0..skipped {
            self.bytes.push(format_code::NULL);
        }
        value.encode(&mut Encoder::new(&mut self.bytes));
        self.count = u8::try_from(index).unwrap_or(u8::MAX).saturating_add(1);
    }

    /// Sets a field out of order, or after one that was set out of order.
    #[cold]
    fn set_out_of_order(&mut self, index: usize, encode: impl FnOnce(&mut Encoder<'_>)) {
        let ranges = self.ranges.get_or_insert_with(|| Box::new(ranges_of(&self.bytes)));
        let start = self.bytes.len();
        encode(&mut Encoder::new(&mut self.bytes));
        if let Some(range) = ranges.get_mut(index) {
            *range = start..self.bytes.len();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.ranges = None;
    }

    /// Writes the section, or nothing if no field is set.
    pub(super) fn write(&self, encoder: &mut Encoder<'_>) {
        if self.bytes.is_empty() {
            return;
        }
        encoder.describe(Properties::CODE);
        let Some(ranges) = &self.ranges else {
            compound_head(
                [format_code::LIST8, format_code::LIST32],
                self.bytes.len(),
                self.count.into(),
                encoder,
            );
            return encoder.raw(&self.bytes);
        };
        let mut list = encoder.list();
        for range in ranges.iter() {
            match self.bytes.get(range.clone()) {
                Some(field) if !field.is_empty() => list.item(encoder, &RawValue(field)),
                _ => list.skip(),
            }
        }
        list.end(encoder);
    }
}

/// Returns the range of each field in the content of a list.
fn ranges_of(bytes: &[u8]) -> [Range<usize>; FIELD_COUNT] {
    let mut ranges: [Range<usize>; FIELD_COUNT] = Default::default();
    let mut rest = bytes;
    for range in &mut ranges {
        let start = bytes.len().saturating_sub(rest.len());
        let is_null = rest.first() == Some(&format_code::NULL);
        // `bytes` was encoded here, so this fails only after its last field.
        if skip_value(&mut rest).is_ok() && !is_null {
            *range = start..bytes.len().saturating_sub(rest.len());
        }
    }
    ranges
}

/// Writes the format code, size and count of a list or map in the smallest form. `codes` are the narrow and the wide
/// format code.
#[inline]
pub(super) fn compound_head(codes: [u8; 2], size: usize, count: usize, encoder: &mut Encoder<'_>) {
    let [narrow, wide_code] = codes;
    match (u8::try_from(size.saturating_add(1)), u8::try_from(count)) {
        (Ok(size), Ok(count)) => encoder.raw(&[narrow, size, count]),
        _ => {
            encoder.raw(&[wide_code]);
            encoder.raw(&wide(size.saturating_add(4)));
            encoder.raw(&wide(count));
        }
    }
}

const fn equal(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([a, one_rest @ ..], [b, other_rest @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (one_rest, other_rest);
    }
    one.is_empty() && other.is_empty()
}

/// Reserves memory for a typical section at once, which saves the first few reallocations.
#[inline]
pub(super) fn reserve_first(bytes: &mut Vec<u8>) {
    if bytes.capacity() == 0 {
        bytes.reserve(128);
    }
}

/// Returns a size as four bytes. No buffer holds a message of 4 GiB, so saturating hides nothing.
fn wide(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes()
}

/// Writes the format code and size of a binary, without its bytes.
pub(super) fn binary_head(size: usize, out: &mut Vec<u8>) {
    out.push(format_code::VBIN32);
    out.extend_from_slice(&wide(size));
}
