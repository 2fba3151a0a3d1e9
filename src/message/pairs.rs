//! The entries of a map section of a message that is built.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use super::{
    borrowed::name_bit,
    encoded::{compound_head, reserve_first},
};
use crate::codec::{Encode, Encoder, format_code, skip::skip_value};

/// The number of entries up to which comparing each in turn is faster than an index. A peer's message may have many.
pub(super) const COMPARED_IN_TURN: usize = 16;

/// The entries of a map, encoded, with distinct keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    bytes: Vec<u8>,
    count: usize,
    /// The [`name_bit`]s of the keys.
    key_bits: u64,
    /// There are many entries, and keys may occur more than once. The last one of each counts.
    may_repeat: bool,
}

impl Pairs {
    /// Sets the value of a key. Keys are compared as they are encoded: equal keys have the same smallest encoding.
    #[inline]
    pub(super) fn set(&mut self, key: &(impl Encode + ?Sized), value: &(impl Encode + ?Sized)) {
        reserve_first(&mut self.bytes);
        let start = self.bytes.len();
        key.encode(&mut Encoder::new(&mut self.bytes));
        let bit = self.bytes.get(start..).map_or(0, name_bit);
        let previous = if self.key_bits & bit == 0 { None } else { self.find_among_few(start) };
        self.key_bits |= bit;
        value.encode(&mut Encoder::new(&mut self.bytes));
        match previous {
            // 1.6.23: keys are distinct.
            Some(old) => drop(self.bytes.drain(old)),
            None => self.count = self.count.saturating_add(1),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_among_few(&mut self, start: usize) -> Option<Range<usize>> {
        self.may_repeat |= self.count > COMPARED_IN_TURN;
        if self.may_repeat { None } else { self.find(start) }
    }

    /// Returns the range of the entry before `start` that has the key at `start`.
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

    /// Removes the entry of a key, if present.
    pub(super) fn remove(&mut self, key: &(impl Encode + ?Sized)) {
        let end = self.bytes.len();
        key.encode(&mut Encoder::new(&mut self.bytes));
        let key = self.bytes.split_off(end);
        let others = || self.entries().filter(|(other, _)| *other != key);
        let (count, mut bytes) = (others().count(), Vec::new());
        if count < self.count {
            others()
                .for_each(|(key, value)| [key, value].iter().for_each(|part| bytes.extend_from_slice(part)));
            (self.bytes, self.count) = (bytes, count);
        }
    }

    /// Returns the keys and values, in the order in which they were set.
    fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &self.bytes[..];
        core::iter::from_fn(move || Some((take_value(&mut rest)?, take_value(&mut rest)?)))
    }

    /// Returns the bytes of the entries, those of repeated keys included.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        (self.count, self.key_bits, self.may_repeat) = (0, 0, false);
    }

    /// Writes the section, or nothing if there is no entry. Keys that repeat are written as they are.
    #[inline]
    pub(super) fn write(&self, descriptor: u64, encoder: &mut Encoder<'_>) {
        if self.count == 0 {
            return;
        }
        encoder.describe(descriptor);
        let count = self.count.saturating_mul(2);
        compound_head([format_code::MAP8, format_code::MAP32], self.bytes.len(), count, encoder);
        encoder.raw(&self.bytes);
    }

    /// True if [`distinct`](Self::distinct) is needed before this is written.
    #[inline]
    pub(super) fn may_repeat(&self) -> bool {
        self.may_repeat
    }

    /// Returns the last entry of each key.
    pub(super) fn distinct(&self) -> Self {
        let last: BTreeMap<&[u8], usize> = self.entries().map(|(key, _)| key).zip(0..).collect();
        let mut distinct = Self { key_bits: self.key_bits, ..Self::default() };
        for (at, (key, value)) in self.entries().enumerate() {
            if last.get(key) == Some(&at) {
                distinct.bytes.extend_from_slice(key);
                distinct.bytes.extend_from_slice(value);
                distinct.count = distinct.count.saturating_add(1);
            }
        }
        distinct
    }
}

/// Takes an encoded value off the front. The bytes were encoded here, so there is one as long as there are any.
fn take_value<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let all = *rest;
    skip_value(rest).ok().filter(|()| !all.is_empty())?;
    all.get(..all.len().saturating_sub(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{Message, ParseOptions},
        types::AnnotationKey,
    };
    use alloc::format;

    /// The last value of each key, in the order in which they were set.
    #[test]
    fn few_and_many_entries_are_those_of_a_list() {
        let mut random = 88_172_645_463_325_252_u64;
        let mut next = |max: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 20) % max
        };
        for keys in [3, 20, 60] {
            let (mut pairs, mut model) = (Pairs::default(), Vec::<(u64, u64)>::new());
            for value in 0..400 {
                let key = next(keys);
                model.retain(|(other, _)| *other != key);
                if next(4) == 0 {
                    pairs.remove(&key);
                } else {
                    pairs.set(&key, &value);
                    model.push((key, value));
                }
                let (mut bytes, mut due) = (Vec::new(), Vec::new());
                pairs.distinct().write(0x72, &mut Encoder::new(&mut bytes));
                for (key, value) in &model {
                    key.encode(&mut Encoder::new(&mut due));
                    value.encode(&mut Encoder::new(&mut due));
                }
                assert!(pairs.len() >= due.len());
                assert!(bytes.ends_with(&due) && bytes.is_empty() == due.is_empty());
            }
            pairs.clear();
            assert_eq!((pairs.len(), pairs.count, pairs.may_repeat), (0, 0, false));
        }
    }

    /// Each was compared with all others: a peer's message of 2 MB took minutes.
    #[test]
    fn many_entries_take_no_time() {
        const COUNT: u64 = 100_000;
        let key = |number: u64| AnnotationKey::Ulong(number);
        let names = (0..COUNT).map(|number| format!("{number}"));
        let builder =
            names.fold(Message::builder(), |builder, name| builder.application_property(name, 1_u32));
        let builder =
            (0..COUNT).fold(builder, |builder, number| builder.message_annotation(key(number), 1_u32));
        let message = Message::parse(builder.data("body").build(), &ParseOptions::default()).unwrap();
        let again = message.to_builder().unwrap().try_build().unwrap();
        assert_eq!(again.len(), message.payload().len());
        let forward = (0..COUNT).fold(message.forward(), |forward, number| {
            forward.message_annotation(key(number.wrapping_add(COUNT / 2)), 2_u32)
        });
        let changed = Message::parse(forward.build().unwrap(), &ParseOptions::default()).unwrap();
        let value = |number: u64| changed.message_annotation(number).unwrap();
        assert_eq!(
            [value(0), value(COUNT), value(COUNT * 2)],
            [Some(1_u32.into()), Some(2_u32.into()), None]
        );
    }
}
