//! The end of a buffer, with the primitive layouts (1.2) in their smallest forms.

use alloc::vec::Vec;

use super::{Encode, format_code};

/// Writes values to the end of a buffer.
#[derive(Debug)]
pub struct Encoder<'a> {
    buffer: &'a mut Vec<u8>,
}

impl<'a> Encoder<'a> {
    /// Returns an encoder at the end of the buffer.
    #[inline]
    pub fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self { buffer }
    }

    /// Returns the length of the buffer in bytes.
    #[inline]
    pub fn position(&self) -> usize {
        self.buffer.len()
    }

    /// Removes the bytes behind `position`.
    #[inline]
    pub fn truncate(&mut self, position: usize) {
        self.buffer.truncate(position);
    }

    /// Removes the bytes behind `position`, and returns them.
    pub(super) fn split_off(&mut self, position: usize) -> Vec<u8> {
        self.buffer.split_off(position.min(self.buffer.len()))
    }

    /// Writes bytes of a number that is known when compiling, which is one store.
    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self, bytes: [u8; N]) {
        self.buffer.extend_from_slice(&bytes);
    }

    /// Writes the first `used` of the bytes: all of them are stored, and those behind are taken back.
    #[inline(always)]
    pub(crate) fn array_start<const N: usize>(&mut self, bytes: &[u8; N], used: usize) {
        let end = self.buffer.len().wrapping_add(used);
        self.buffer.extend_from_slice(bytes);
        self.buffer.truncate(end);
    }

    #[inline]
    pub(crate) fn u8(&mut self, byte: u8) {
        self.buffer.push(byte);
    }

    /// Writes bytes as they are, with no constructor.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Writes a value of fixed width behind its format code.
    #[inline]
    pub(crate) fn fixed<const N: usize>(&mut self, code: u8, bytes: [u8; N]) {
        self.u8(code);
        self.array(bytes);
    }

    /// Writes a value of four bytes behind its format code, which is one store.
    #[inline(always)]
    pub(super) fn word(&mut self, code: u8, [a, b, c, d]: [u8; 4]) {
        self.array([code, a, b, c, d]);
    }

    /// Writes a value of variable width behind its narrow or its wide format code.
    #[inline]
    pub(crate) fn variable(&mut self, [narrow, wide]: [u8; 2], bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(length) => self.array([narrow, length]),
            Err(_) => self.fixed(wide, length32(bytes.len()).to_be_bytes()),
        }
        self.raw(bytes);
    }

    /// Writes a null.
    pub fn null(&mut self) {
        self.u8(format_code::NULL);
    }

    /// Writes the start of a described value with a numeric descriptor; the value comes next.
    #[inline]
    pub fn describe(&mut self, descriptor: u64) {
        self.u8(format_code::DESCRIBED);
        descriptor.encode(self);
    }

    /// Starts a described list: a composite (1.4), whose fields are the items.
    #[inline(always)]
    pub fn composite(&mut self, descriptor: u64) -> CompoundEncoder {
        let [.., low] = descriptor.to_be_bytes();
        if descriptor == 0 || descriptor > u64::from(low) {
            self.describe(descriptor);
            return self.list();
        }
        let head = [format_code::DESCRIBED, format_code::SMALLULONG, low, format_code::LIST8, 0, 0];
        self.array(head);
        let start = self.position().saturating_sub(SMALL_HEAD);
        CompoundEncoder { start, wide: format_code::LIST32, count: 0, nulls: 0 }
    }

    /// Starts a list. The compound returned writes its items and ends it.
    #[inline]
    pub fn list(&mut self) -> CompoundEncoder {
        CompoundEncoder::start(self, format_code::LIST8, format_code::LIST32)
    }

    /// Starts a map, whose items are keys and values in turn.
    pub fn map(&mut self) -> CompoundEncoder {
        CompoundEncoder::start(self, format_code::MAP8, format_code::MAP32)
    }

    /// Writes over bytes that have been written.
    #[inline]
    pub(crate) fn patch<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        if let Some(place) = self.buffer.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *place = bytes;
        }
    }
}

/// A length as the wire has it. A buffer of 4 GiB cannot become a frame (2.3.1), so saturating hides nothing.
pub(super) fn length32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A list or map being written: the head is reserved in its small form and widened at the end if need be.
#[derive(Debug)]
pub struct CompoundEncoder {
    start: usize,
    wide: u8,
    pub(super) count: u32,
    nulls: u32,
}

/// Bytes of a small head: code, size, count.
const SMALL_HEAD: usize = 3;

/// No composite of the standard has more fields that can be left out.
const MOST_NULLS: usize = 16;

impl CompoundEncoder {
    #[inline]
    pub(super) fn start(encoder: &mut Encoder<'_>, narrow: u8, wide: u8) -> Self {
        let start = encoder.position();
        encoder.array([narrow, 0, 0]);
        Self { start, wide, count: 0, nulls: 0 }
    }

    /// Writes an item.
    #[inline]
    pub fn item<T: Encode + ?Sized>(&mut self, encoder: &mut Encoder<'_>, item: &T) {
        if self.nulls > 0 {
            self.flush_nulls(encoder);
        }
        self.count = self.count.wrapping_add(1);
        item.encode(encoder);
    }

    /// Leaves a field out: it becomes null if another item follows and nothing if none does (1.4).
    #[inline]
    pub fn skip(&mut self) {
        self.nulls = self.nulls.wrapping_add(1);
    }

    #[inline]
    fn flush_nulls(&mut self, encoder: &mut Encoder<'_>) {
        match usize::try_from(self.nulls) {
            Ok(nulls @ ..=MOST_NULLS) => encoder.array_start(&[format_code::NULL; MOST_NULLS], nulls),
            _ => (0..self.nulls).for_each(|_| encoder.null()),
        }
        self.count = self.count.wrapping_add(self.nulls);
        self.nulls = 0;
    }

    /// Completes the head.
    #[inline]
    pub fn end(self, encoder: &mut Encoder<'_>) {
        if self.count == 0 && self.wide == format_code::LIST32 {
            encoder.truncate(self.start);
            return encoder.u8(format_code::LIST0);
        }
        let body = self.start.saturating_add(SMALL_HEAD);
        let length = encoder.position().saturating_sub(body);
        match (u8::try_from(length.saturating_add(1)), u8::try_from(self.count)) {
            (Ok(size), Ok(count)) => encoder.patch(self.start.saturating_add(1), [size, count]),
            _ => self.widen(encoder, body, length),
        }
    }

    #[cold]
    fn widen(self, encoder: &mut Encoder<'_>, body: usize, length: usize) {
        let size = length32(length.saturating_add(4)).to_be_bytes();
        let head = [&[self.wide][..], &size, &self.count.to_be_bytes()].concat();
        let body = body.min(encoder.position());
        encoder.buffer.splice(self.start.min(body)..body, head);
    }
}
