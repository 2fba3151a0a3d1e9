//! The bytes of a message: one chunk, or several in order.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use bytes::{Buf, Bytes, BytesMut};

/// The bytes that a chunk takes up beside its own.
pub(crate) const CHUNK_SIZE: usize = 64;

/// The bytes of a message, received or to be sent, as shared chunks in order.
///
/// A message received in one frame is one chunk, a slice of the read buffer. A message of several frames has a chunk
/// for each. Reading through [`Buf`] consumes it; a clone shares the chunks.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    first: Bytes,
    /// The chunks after the first; most messages have none.
    rest: Option<Box<Rest>>,
}

#[derive(Clone, Debug, Default)]
struct Rest {
    chunks: VecDeque<Bytes>,
    /// Their total size, in bytes.
    len: usize,
    /// The number of chunks, from the first of the payload on, that are copies with allocations of their own.
    detached: usize,
    /// The bytes of other chunks that are copies too.
    copied: usize,
    /// The number of chunks that copies have joined to others. They count as they did, because whether there are copies
    /// depends on the caller's buffers, and what the account has room for must not.
    joined: usize,
}

impl Rest {
    fn pop(&mut self) -> Bytes {
        let chunk = self.chunks.pop_front().unwrap_or_default();
        self.detached = self.detached.saturating_sub(1);
        self.len = self.len.saturating_sub(chunk.len());
        chunk
    }
}

impl Payload {
    /// Creates an empty payload.
    pub const fn new() -> Self {
        Self { first: Bytes::new(), rest: None }
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.first.len().saturating_add(self.rest.as_ref().map_or(0, |rest| rest.len))
    }

    /// Returns the bytes that the payload takes up, if no larger buffer keeps them.
    #[inline]
    pub(crate) fn heap_size(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| {
            let chunks = rest.chunks.len().saturating_add(rest.joined);
            rest.len.saturating_add(chunks.saturating_mul(CHUNK_SIZE))
        });
        self.first.len().saturating_add(rest)
    }

    /// True if there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    fn is_one_chunk(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.chunks.is_empty())
    }

    /// Returns all bytes, if they are one chunk.
    #[inline]
    pub(crate) fn only_chunk(&self) -> Option<&Bytes> {
        self.is_one_chunk().then_some(&self.first)
    }

    /// Returns all bytes if they are one chunk, else the payload.
    #[inline]
    pub(crate) fn into_only_chunk(self) -> Result<Bytes, Self> {
        if self.is_one_chunk() { Ok(self.first) } else { Err(self) }
    }

    /// Returns the chunks in order. None of them is empty.
    pub fn chunks(&self) -> impl Iterator<Item = &Bytes> {
        let rest = self.rest.iter().flat_map(|rest| rest.chunks.iter());
        core::iter::once(&self.first).chain(rest).filter(|chunk| !chunk.is_empty())
    }

    /// Appends a chunk.
    pub fn push(&mut self, chunk: Bytes) {
        if self.first.is_empty() {
            self.first = chunk;
        } else if !chunk.is_empty() {
            let rest = self.rest.get_or_insert_default();
            rest.len = rest.len.saturating_add(chunk.len());
            rest.chunks.push_back(chunk);
        }
    }

    /// Appends a chunk that is a copy, and shares no read buffer.
    pub(crate) fn push_copy(&mut self, chunk: Bytes) {
        let is_first = self.is_empty();
        let rest = self.rest.get_or_insert_default();
        rest.copied = rest.copied.saturating_add(chunk.len());
        // The list of chunks takes up room, which is not needed for one chunk otherwise.
        rest.joined = rest.joined.saturating_add(is_first.into());
        self.push(chunk);
    }

    /// Removes and returns the first chunk, or its first `max` bytes if it is longer.
    pub fn take_chunk(&mut self, max: usize) -> Bytes {
        if let Some(rest) = &mut self.rest {
            // It may be no copy. Then those that are left count as shared, and are copied once more at worst.
            rest.copied = rest.copied.saturating_sub(max.min(self.first.len()));
        }
        if max >= self.first.len() {
            let next = self.rest.as_mut().map(|rest| rest.pop()).unwrap_or_default();
            return core::mem::replace(&mut self.first, next);
        }
        self.first.split_to(max)
    }

    /// Returns all bytes as one slice: shared if they are one chunk, copied if they are several.
    pub fn into_bytes(self) -> Bytes {
        self.into_only_chunk().unwrap_or_else(|mut payload| {
            let mut joined = BytesMut::with_capacity(payload.len());
            while payload.has_remaining() {
                joined.extend_from_slice(&payload.take_chunk(usize::MAX));
            }
            joined.freeze()
        })
    }

    /// Returns a copy in one chunk with an allocation of its own.
    ///
    /// A received payload shares the buffer that it was read into, so a few bytes can keep the whole buffer allocated.
    /// A detached copy does not.
    #[must_use]
    pub fn detach(&self) -> Self {
        let mut copy = Vec::with_capacity(self.len());
        self.chunks().for_each(|chunk| copy.extend_from_slice(chunk));
        Self::from(copy)
    }

    /// Returns the number of bytes that may share read buffers: those that [`detach_shared`](Self::detach_shared) would
    /// copy.
    pub(crate) fn shared_len(&self) -> usize {
        let copied = self.rest.as_ref().map_or(0, |rest| rest.copied);
        self.attached_len().saturating_sub(copied)
    }

    /// Returns the number of bytes behind the chunks that were copied together.
    fn attached_len(&self) -> usize {
        match &self.rest {
            Some(rest) if rest.detached > 0 => {
                let shared = rest.chunks.iter().skip(rest.detached.saturating_sub(1));
                shared.fold(0, |sum, chunk| sum.saturating_add(chunk.len()))
            }
            _ => self.len(),
        }
    }

    /// Replaces the chunks that may share read buffers by one copy. A chunk that is a copy is not copied again.
    pub(crate) fn detach_shared(&mut self) {
        if self.shared_len() == 0 {
            return;
        }
        let mut copy = Vec::with_capacity(self.attached_len());
        let rest = self.rest.get_or_insert_default();
        rest.copied = 0;
        let kept = rest.detached.saturating_sub(1);
        if rest.detached == 0 {
            copy.extend_from_slice(&self.first);
        }
        rest.chunks.iter().skip(kept).for_each(|chunk| copy.extend_from_slice(chunk));
        let copy = Bytes::from(copy);
        if rest.detached == 0 {
            self.first = copy;
            rest.joined = rest.joined.saturating_add(rest.chunks.len());
            (rest.chunks, rest.len) = (VecDeque::new(), 0);
        } else {
            let joined = rest.chunks.len().saturating_sub(kept).saturating_sub(1);
            rest.joined = rest.joined.saturating_add(joined);
            rest.chunks.truncate(kept);
            rest.chunks.push_back(copy);
        }
        rest.detached = rest.detached.saturating_add(1);
    }
}

impl Buf for Payload {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 && !self.first.is_empty() {
            count = count.saturating_sub(self.take_chunk(count).len());
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self { first: bytes, rest: None }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static [u8]> for Payload {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let mut payload = Self::new();
        chunks.into_iter().for_each(|chunk| payload.push(chunk));
        payload
    }
}

impl PartialEq for Payload {
    /// True if the bytes are the same, however they are cut into chunks.
    fn eq(&self, other: &Self) -> bool {
        let bytes = |payload: &Self| payload.chunks().flat_map(|chunk| chunk.to_vec()).collect::<Vec<u8>>();
        self.len() == other.len() && bytes(self) == bytes(other)
    }
}

impl Eq for Payload {}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(payload: &Payload) -> Vec<*const u8> {
        payload.chunks().map(|chunk| chunk.as_ptr()).collect()
    }

    #[test]
    fn detach_shared_copies_each_chunk_once() {
        let block: &'static [u8] = b"some bytes of a block";
        let range = block.as_ptr_range();
        let chunks = [&block[..4], &block[5..10]];
        let mut payload: Payload = chunks.into_iter().map(Bytes::from_static).collect();
        assert_eq!(payload.shared_len(), 9);
        let size = payload.heap_size();
        payload.detach_shared();
        assert_eq!(payload.heap_size(), size);
        assert_eq!((payload.shared_len(), payload.len(), payload.chunks().count()), (0, 9, 1));
        let first = places(&payload);
        assert!(!range.contains(&first[0]));

        payload.detach_shared();
        assert_eq!(places(&payload), first);
        [&block[11..13], &block[14..15]]
            .into_iter()
            .for_each(|chunk| payload.push(Bytes::from_static(chunk)));
        assert_eq!((payload.shared_len(), payload.len()), (3, 12));
        let size = payload.heap_size();
        payload.detach_shared();
        assert_eq!(payload.heap_size(), size);
        let both = places(&payload);
        assert_eq!((payload.shared_len(), payload.len(), both.len()), (0, 12, 2));
        assert!(both[0] == first[0] && both.iter().all(|place| !range.contains(place)));

        payload.push(Bytes::from_static(&block[16..]));
        assert_eq!(payload.take_chunk(2), b"so".as_slice());
        assert_eq!(payload.shared_len(), 5);
        payload.take_chunk(usize::MAX);
        payload.take_chunk(usize::MAX);
        assert_eq!((payload.shared_len(), payload.len()), (5, 5));
        payload.detach_shared();
        assert_eq!((payload.shared_len(), payload.into_bytes()), (0, Bytes::from_static(b"block")));
    }

    /// Gathered bytes counted as if they kept read buffers, so that those beside them were not copied.
    #[test]
    fn copies_share_no_buffer() {
        let mut payload = Payload::new();
        payload.push_copy(Bytes::from_static(b"copy"));
        assert_eq!((payload.shared_len(), payload.heap_size()), (0, 4 + CHUNK_SIZE));
        payload.push(Bytes::from_static(b"shared"));
        payload.push_copy(Bytes::from_static(b"another"));
        assert_eq!((payload.shared_len(), payload.len()), (6, 17));
        let size = payload.heap_size();
        payload.detach_shared();
        assert_eq!((payload.shared_len(), payload.heap_size()), (0, size));
        assert_eq!(payload.into_bytes(), Bytes::from_static(b"copysharedanother"));
    }

    /// Bytes that were read counted on as copies, in place of those that are not.
    #[test]
    fn copies_that_have_been_read_hide_no_chunk_that_shares() {
        let mut payload = Payload::new();
        payload.push_copy(Bytes::from_static(b"a long copy"));
        payload.push(Bytes::from_static(b"shared"));
        payload.take_chunk(9);
        assert_eq!(payload.shared_len(), 6);
        payload.take_chunk(usize::MAX);
        assert_eq!(payload.shared_len(), 6);
        let before = places(&payload);
        payload.detach_shared();
        assert!(payload.shared_len() == 0 && places(&payload) != before);
    }
}
