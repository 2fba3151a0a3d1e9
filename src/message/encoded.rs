//! Fields and pairs that have been encoded already and wait for their section's head.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use super::borrowed::name_bit;
use crate::{
    codec::{Encode, Encoder, format_code, skip::skip_value},
    spec::{Composite, Field, messaging::Properties},
};

const FIELD_COUNT: usize = Properties::FIELDS.len();

/// The fields of the properties section (3.2.4), each encoded. As long as they are set in the order of the section,
/// which is nearly always, their bytes are the list as it is to be written, with nulls for the fields that are not set.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    /// How many fields the bytes are, in their order.
    count: u8,
    /// The range of each field, once one has been set out of order; empty if it is not set.
    places: Option<Box<[Range<usize>; FIELD_COUNT]>>,
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

    /// Where a field stands in the list, by the standard's table; [`COUNT`](Self::COUNT) for a name not in it.
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
        let skipped = index.checked_sub(self.count.into()).filter(|_| self.places.is_none());
        let Some(skipped) = skipped else { return self.set_again(index, |writer| value.encode(writer)) };
        for _ in 0..skipped {
            self.bytes.push(format_code::NULL);
        }
        value.encode(&mut Encoder::new(&mut self.bytes));
        self.count = u8::try_from(index).unwrap_or(u8::MAX).saturating_add(1);
    }

    /// Sets a field out of order, or after one that was.
    #[cold]
    fn set_again(&mut self, index: usize, encode: impl FnOnce(&mut Encoder<'_>)) {
        let places = self.places.get_or_insert_with(|| Box::new(places_of(&self.bytes)));
        let start = self.bytes.len();
        encode(&mut Encoder::new(&mut self.bytes));
        if let Some(place) = places.get_mut(index) {
            *place = start..self.bytes.len();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.places = None;
    }

    /// Writes the section, or nothing if no field is set.
    pub(super) fn write(&self, writer: &mut Encoder<'_>) {
        if self.bytes.is_empty() {
            return;
        }
        writer.describe(Properties::CODE);
        let Some(places) = &self.places else {
            compound_head(
                [format_code::LIST8, format_code::LIST32],
                self.bytes.len(),
                self.count.into(),
                writer,
            );
            return writer.raw(&self.bytes);
        };
        let mut list = writer.list();
        for place in places.iter() {
            match self.bytes.get(place.clone()) {
                Some(field) if !field.is_empty() => list.item(writer, &RawValue(field)),
                _ => list.skip(),
            }
        }
        list.end(writer);
    }
}

/// Returns the range of each field in a list of them.
fn places_of(bytes: &[u8]) -> [Range<usize>; FIELD_COUNT] {
    let mut places: [Range<usize>; FIELD_COUNT] = Default::default();
    let mut rest = bytes;
    for place in &mut places {
        let start = bytes.len().saturating_sub(rest.len());
        let is_null = rest.first() == Some(&format_code::NULL);
        // What has been written here can be stepped over, as far as there is something left.
        if skip_value(&mut rest).is_ok() && !is_null {
            *place = start..bytes.len().saturating_sub(rest.len());
        }
    }
    places
}

/// Writes the head of a list or map in its smallest form; `codes` are the small and the wide format code.
#[inline]
fn compound_head(codes: [u8; 2], size: usize, count: usize, writer: &mut Encoder<'_>) {
    let [narrow, wide_code] = codes;
    match (u8::try_from(size.saturating_add(1)), u8::try_from(count)) {
        (Ok(size), Ok(count)) => writer.raw(&[narrow, size, count]),
        _ => {
            writer.raw(&[wide_code]);
            writer.raw(&wide(size.saturating_add(4)));
            writer.raw(&wide(count));
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

/// The pairs of a map, encoded, with distinct keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    bytes: Vec<u8>,
    count: usize,
    /// Bits for the keys there are.
    keys: u64,
}

impl Pairs {
    /// Sets the value of a key. Keys are compared as they are encoded: equal keys have the same smallest encoding.
    #[inline]
    pub(super) fn set(&mut self, key: &(impl Encode + ?Sized), value: &(impl Encode + ?Sized)) {
        reserve_first(&mut self.bytes);
        let start = self.bytes.len();
        key.encode(&mut Encoder::new(&mut self.bytes));
        let bit = self.bytes.get(start..).map_or(0, name_bit);
        let twin = if self.keys & bit == 0 { None } else { self.find(start) };
        self.keys |= bit;
        value.encode(&mut Encoder::new(&mut self.bytes));
        match twin {
            // 1.6.23: a key stands once.
            Some(old) => drop(self.bytes.drain(old)),
            None => self.count = self.count.saturating_add(1),
        }
    }

    /// The pair before `start` that has the key which begins there.
    #[cold]
    fn find(&self, start: usize) -> Option<Range<usize>> {
        let key = self.bytes.get(start..)?;
        let mut rest = self.bytes.get(..start)?;
        while !rest.is_empty() {
            let from = start.saturating_sub(rest.len());
            skip_value(&mut rest).ok()?;
            let same = self.bytes.get(from..start.saturating_sub(rest.len())) == Some(key);
            skip_value(&mut rest).ok()?;
            if same {
                return Some(from..start.saturating_sub(rest.len()));
            }
        }
        None
    }

    /// Removes the pair of a key, if present.
    pub(super) fn remove(&mut self, key: &(impl Encode + ?Sized)) {
        let end = self.bytes.len();
        key.encode(&mut Encoder::new(&mut self.bytes));
        let pair = self.find(end);
        self.bytes.truncate(end);
        if let Some(pair) = pair {
            self.bytes.drain(pair);
            self.count = self.count.saturating_sub(1);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.keys = 0;
    }

    /// Writes the section, or nothing if there is no pair.
    #[inline]
    pub(super) fn write(&self, descriptor: u64, writer: &mut Encoder<'_>) {
        if self.count == 0 {
            return;
        }
        writer.describe(descriptor);
        let count = self.count.saturating_mul(2);
        compound_head([format_code::MAP8, format_code::MAP32], self.bytes.len(), count, writer);
        writer.raw(&self.bytes);
    }
}

/// Reserves room for a usual section at once, so that it does not grow by doubling from nothing.
#[inline]
fn reserve_first(bytes: &mut Vec<u8>) {
    if bytes.capacity() == 0 {
        bytes.reserve(128);
    }
}

/// A size in four bytes. No buffer holds a message of 4 GiB, so saturating hides nothing.
fn wide(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes()
}

/// Writes the head of a binary whose bytes follow elsewhere.
pub(super) fn binary_head(size: usize, out: &mut Vec<u8>) {
    out.push(format_code::VBIN32);
    out.extend_from_slice(&wide(size));
}
