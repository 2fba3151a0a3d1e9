//! The end of a buffer, with the primitive layouts (1.2) in their smallest forms.

use alloc::vec::Vec;

use super::{Encode, format_code};

/// Writes values to the end of a buffer.
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Encoder<'a> {
    /// A encoder at the end of the buffer.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// How long the buffer is now, in bytes.
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Takes back what was written after `position`.
    pub fn truncate(&mut self, position: usize) {
        self.out.truncate(position);
    }

    /// Takes what was written after `position` out of the buffer.
    pub(super) fn split_off(&mut self, position: usize) -> Vec<u8> {
        self.out.split_off(position.min(self.out.len()))
    }

    #[inline]
    pub(crate) fn u8(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// Writes bytes as they are, with no constructor.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    pub(crate) fn fixed<const N: usize>(&mut self, code: u8, bytes: [u8; N]) {
        self.out.push(code);
        self.out.extend_from_slice(&bytes);
    }

    #[inline]
    pub(crate) fn variable(&mut self, narrow: u8, wide: u8, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(length) => self.raw(&[narrow, length]),
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

    /// Starts a list; its items are written by the answer, which ends it too.
    #[inline]
    pub fn list(&mut self) -> CompoundEncoder {
        CompoundEncoder::start(self, format_code::LIST8, format_code::LIST32)
    }

    /// Starts a map, whose items are keys and values in turn.
    pub fn map(&mut self) -> CompoundEncoder {
        CompoundEncoder::start(self, format_code::MAP8, format_code::MAP32)
    }

    pub(crate) fn patch(&mut self, at: usize, bytes: &[u8]) {
        let end = at.saturating_add(bytes.len());
        if let Some(place) = self.out.get_mut(at..end) {
            place.copy_from_slice(bytes);
        }
    }

    /// Makes room for `count` bytes at `at`, moving what was written after it.
    pub(super) fn open_gap(&mut self, at: usize, count: usize) {
        let old = self.out.len();
        self.out.resize(old.saturating_add(count), 0);
        self.out.copy_within(at.min(old)..old, at.min(old).saturating_add(count));
    }

    /// Removes the bytes from `from` to `to`.
    pub(super) fn close_gap(&mut self, from: usize, to: usize) {
        let end = self.out.len();
        let (from, to) = (from.min(end), to.min(end));
        self.out.copy_within(to..end, from);
        self.out.truncate(end.saturating_sub(to.saturating_sub(from)));
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
    count: u32,
    nulls: u32,
}

/// Bytes of a small head: code, size, count.
const SMALL_HEAD: usize = 3;
/// What a wide head takes beyond a small one.
const WIDER: usize = 6;

impl CompoundEncoder {
    #[inline]
    fn start(encoder: &mut Encoder<'_>, narrow: u8, wide: u8) -> Self {
        let start = encoder.position();
        encoder.raw(&[narrow, 0, 0]);
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

    fn flush_nulls(&mut self, encoder: &mut Encoder<'_>) {
        for _ in 0..self.nulls {
            encoder.null();
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
            (Ok(size), Ok(count)) => encoder.patch(self.start.saturating_add(1), &[size, count]),
            _ => self.widen(encoder, body, length),
        }
    }

    #[cold]
    fn widen(self, encoder: &mut Encoder<'_>, body: usize, length: usize) {
        encoder.open_gap(body, WIDER);
        let size = length32(length.saturating_add(4)).to_be_bytes();
        let count = self.count.to_be_bytes();
        encoder.patch(self.start, &[self.wide]);
        encoder.patch(self.start.saturating_add(1), &size);
        encoder.patch(self.start.saturating_add(5), &count);
    }
}
