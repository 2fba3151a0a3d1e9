//! The forms in which a caller can hold what it has read.

use alloc::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

/// Bytes read from a transport, from which whole frames are taken off the front.
///
/// Implemented for [`BytesMut`], [`Bytes`] and [`Chunks`], whose bytes are shared and not copied, and for `&[u8]`,
/// from which each frame is copied once. An incomplete frame stays there.
pub trait Input: sealed::Sealed {
    /// Bytes not taken yet: all of them, or as many as lie together.
    fn chunk(&self) -> &[u8];

    /// How many bytes have not been taken.
    fn remaining(&self) -> usize {
        self.chunk().len()
    }

    /// Puts the first `count` bytes into one chunk, or all if there are fewer.
    fn gather(&mut self, count: usize) {
        let _ = count;
    }

    /// Takes as many bytes off the front; all of them if there are fewer.
    fn take(&mut self, count: usize) -> Bytes;

    /// Drops as many bytes off the front; all of them if there are fewer.
    fn skip(&mut self, count: usize);

    /// Takes those from `start` up to `end`, and drops what lies before them.
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

/// Bytes in several pieces, such as another connection hands out by
/// [`Transmit::next_chunk`](super::Transmit::next_chunk).
///
/// The payload of a transfer that is a piece of its own, or lies within one, is shared and not copied. Other frames
/// that lie in several pieces are put together first.
#[derive(Clone, Debug, Default)]
pub struct Chunks {
    pieces: VecDeque<Bytes>,
    len: usize,
}

impl Chunks {
    /// No bytes.
    pub const fn new() -> Self {
        Self { pieces: VecDeque::new(), len: 0 }
    }

    /// Adds bytes at the end.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len = self.len.saturating_add(piece.len());
            self.pieces.push_back(piece);
        }
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Input for Chunks {
    fn chunk(&self) -> &[u8] {
        self.pieces.front().map(|piece| &**piece).unwrap_or_default()
    }

    fn remaining(&self) -> usize {
        self.len
    }

    fn gather(&mut self, count: usize) {
        let count = count.min(self.len);
        if self.chunk().len() < count {
            let gathered = self.take(count);
            self.len = self.len.saturating_add(gathered.len());
            self.pieces.push_front(gathered);
        }
    }

    fn take(&mut self, count: usize) -> Bytes {
        let count = count.min(self.len);
        let Some(front) = self.pieces.front_mut() else { return Bytes::new() };
        if count < front.len() {
            self.len = self.len.saturating_sub(count);
            return front.split_to(count);
        }
        if count == front.len() {
            self.len = self.len.saturating_sub(count);
            return self.pieces.pop_front().unwrap_or_default();
        }
        let mut joined = BytesMut::with_capacity(count);
        while joined.len() < count {
            let piece = self.take(count.saturating_sub(joined.len()).min(self.chunk().len()));
            joined.extend_from_slice(&piece);
        }
        joined.freeze()
    }

    fn skip(&mut self, mut count: usize) {
        while count > 0
            && let Some(front) = self.pieces.front_mut()
        {
            let step = count.min(front.len());
            front.advance(step);
            count = count.saturating_sub(step);
            self.len = self.len.saturating_sub(step);
            if front.is_empty() {
                self.pieces.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(cuts: &[&'static [u8]]) -> Chunks {
        let mut chunks = Chunks::new();
        cuts.iter().for_each(|piece| chunks.push(Bytes::from_static(piece)));
        chunks
    }

    #[test]
    fn pieces_are_taken_as_they_are_and_joined_where_they_must_be() {
        let whole: &'static [u8] = b"payload";
        let mut chunks = pieces(&[b"head", b"", whole, b"tail"]);
        assert_eq!((chunks.len(), chunks.chunk()), (15, b"head".as_slice()));
        assert_eq!(chunks.take(2), b"he".as_slice());
        chunks.skip(2);
        assert_eq!(chunks.take(7).as_ptr(), whole.as_ptr());
        assert_eq!(chunks.take(99), b"tail".as_slice());
        assert!(chunks.is_empty());

        let mut chunks = pieces(&[b"ab", b"cd", b"ef"]);
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
