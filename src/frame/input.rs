//! The types in which a caller can pass input.

use alloc::collections::VecDeque;
use core::fmt;

use bytes::{Buf, Bytes, BytesMut};

/// Bytes read from a transport. A connection removes whole frames from the front; an incomplete frame stays.
///
/// Implemented for [`BytesMut`], [`Bytes`] and [`Chunks`], whose bytes are shared and not copied. For `&[u8]` the
/// payload of each transfer is copied once.
pub trait Input: sealed::Sealed {
    /// Returns the contiguous bytes at the front: all that remain, or the first chunk.
    fn chunk(&self) -> &[u8];

    /// Returns the number of bytes that remain.
    fn remaining(&self) -> usize {
        self.chunk().len()
    }

    /// Returns the size of the allocated block from the front on, spare room included, if it is known.
    fn block_size(&self) -> Option<usize> {
        None
    }

    /// Joins the first `count` bytes into one chunk, or all if there are fewer.
    fn gather(&mut self, count: usize) {
        let _ = count;
    }

    /// Removes and returns the first `count` bytes, or all if there are fewer.
    fn take(&mut self, count: usize) -> Bytes;

    /// Drops the first `count` bytes, or all if there are fewer.
    fn skip(&mut self, count: usize);

    /// Drops the bytes before `start`, and removes and returns those up to `end`.
    fn take_behind(&mut self, start: usize, end: usize) -> Bytes {
        self.skip(start);
        self.take(end.saturating_sub(start))
    }
}

mod sealed {
    use bytes::{Bytes, BytesMut};

    pub trait Sealed {}
    impl Sealed for super::Chunks {}
    impl Sealed for BytesMut {}
    impl Sealed for Bytes {}
    impl Sealed for &[u8] {}
}

impl Input for BytesMut {
    #[inline]
    fn chunk(&self) -> &[u8] {
        self
    }

    #[inline]
    fn block_size(&self) -> Option<usize> {
        Some(self.capacity())
    }

    #[inline]
    fn take(&mut self, count: usize) -> Bytes {
        self.split_to(count.min(self.len())).freeze()
    }

    #[inline]
    fn skip(&mut self, count: usize) {
        self.advance(count.min(self.len()));
    }

    #[inline]
    fn take_behind(&mut self, start: usize, end: usize) -> Bytes {
        let mut taken = Input::take(self, end);
        taken.advance(start.min(taken.len()));
        taken
    }
}

impl Input for Bytes {
    fn chunk(&self) -> &[u8] {
        self
    }

    fn take(&mut self, count: usize) -> Bytes {
        self.split_to(count.min(self.len()))
    }

    fn skip(&mut self, count: usize) {
        self.advance(count.min(self.len()));
    }
}

impl Input for &[u8] {
    fn chunk(&self) -> &[u8] {
        self
    }

    fn take(&mut self, count: usize) -> Bytes {
        let (taken, rest) = self.split_at_checked(count).unwrap_or((*self, &[]));
        *self = rest;
        Bytes::copy_from_slice(taken)
    }

    fn skip(&mut self, count: usize) {
        *self = self.get(count..).unwrap_or_default();
    }
}

/// Bytes in several chunks, such as [`Transmit::next_chunk`](super::Transmit::next_chunk) of another connection returns.
///
/// The payload of a transfer is shared and not copied if one chunk contains it. The bytes of other frames that span
/// chunks are joined first.
#[derive(Clone, Default)]
pub struct Chunks {
    chunks: VecDeque<Bytes>,
    len: usize,
}

/// Shows the number of bytes alone: a password can be among them.
impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Chunks {
    /// Creates an empty sequence.
    pub const fn new() -> Self {
        Self { chunks: VecDeque::new(), len: 0 }
    }

    /// Appends a chunk.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len = self.len.saturating_add(chunk.len());
            self.chunks.push_back(chunk);
        }
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Input for Chunks {
    fn chunk(&self) -> &[u8] {
        self.chunks.front().map(|chunk| &**chunk).unwrap_or_default()
    }

    fn remaining(&self) -> usize {
        self.len
    }

    fn gather(&mut self, count: usize) {
        let count = count.min(self.len);
        if self.chunk().len() < count {
            let gathered = self.take(count);
            self.len = self.len.saturating_add(gathered.len());
            self.chunks.push_front(gathered);
        }
    }

    fn take(&mut self, count: usize) -> Bytes {
        let count = count.min(self.len);
        let Some(front) = self.chunks.front_mut() else { return Bytes::new() };
        if count < front.len() {
            self.len = self.len.saturating_sub(count);
            return front.split_to(count);
        }
        if count == front.len() {
            self.len = self.len.saturating_sub(count);
            return self.chunks.pop_front().unwrap_or_default();
        }
        let mut joined = BytesMut::with_capacity(count);
        while joined.len() < count {
            let chunk = self.take(count.saturating_sub(joined.len()).min(self.chunk().len()));
            joined.extend_from_slice(&chunk);
        }
        joined.freeze()
    }

    fn skip(&mut self, mut count: usize) {
        while count > 0
            && let Some(front) = self.chunks.front_mut()
        {
            let step = count.min(front.len());
            front.advance(step);
            count = count.saturating_sub(step);
            self.len = self.len.saturating_sub(step);
            if front.is_empty() {
                self.chunks.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks_of(parts: &[&'static [u8]]) -> Chunks {
        let mut chunks = Chunks::new();
        parts.iter().for_each(|part| chunks.push(Bytes::from_static(part)));
        chunks
    }

    #[test]
    fn chunks_are_shared_whole_and_joined_if_the_range_spans_them() {
        let whole: &'static [u8] = b"payload";
        let mut chunks = chunks_of(&[b"head", b"", whole, b"tail"]);
        assert_eq!((chunks.len(), chunks.chunk()), (15, b"head".as_slice()));
        assert_eq!(chunks.take(2), b"he".as_slice());
        chunks.skip(2);
        assert_eq!(chunks.take(7).as_ptr(), whole.as_ptr());
        assert_eq!(chunks.take(99), b"tail".as_slice());
        assert!(chunks.is_empty());

        let mut chunks = chunks_of(&[b"ab", b"cd", b"ef"]);
        chunks.gather(3);
        assert_eq!((chunks.chunk(), chunks.remaining()), (b"abc".as_slice(), 6));
        assert_eq!(chunks.take(5), b"abcde".as_slice());
        chunks.gather(9);
        assert_eq!(chunks.chunk(), b"f");
        chunks.skip(9);
        assert_eq!(chunks.chunk(), b"");
        assert!(chunks.take(1).is_empty());
    }
}
