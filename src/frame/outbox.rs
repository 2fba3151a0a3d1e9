//! Output that waits for the transport: heads in one buffer, large payloads between them by reference.

use alloc::{collections::VecDeque, vec::Vec};
use core::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::{FrameKind, HEADER_SIZE, Payload, ProtocolHeader};
use crate::codec::{Encode, Encoder};

/// Payload chunks below this many bytes are copied beside their heads: a separate write would cost more.
const BY_REFERENCE: usize = 1024;

/// Sizes of the blocks that heads are copied to, in bytes: the first, and the largest. Larger heads are not copied.
const SMALLEST_BLOCK: usize = 256;
const LARGEST_BLOCK: usize = 4096;

/// Bytes of room for heads that stay for the next burst. Less than twice as much is not freed at once.
const MOST_KEPT: usize = 256 << 10;

/// Bytes of a frame's size, which its header begins with.
const SIZE: usize = 4;

/// Returns a frame header (2.3.1) without the size, which is known at the end.
#[inline]
const fn header(kind: FrameKind, channel: u16) -> [u8; HEADER_SIZE] {
    let [high, low] = channel.to_be_bytes();
    [0, 0, 0, 0, 2, kind.code(), high, low]
}

/// Returns the size of a frame as its header has it.
#[inline]
fn size_field(size: usize) -> [u8; SIZE] {
    u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes()
}

/// The body of an empty frame (2.4.5).
struct EmptyBody;

impl Encode for EmptyBody {
    fn encode(&self, _encoder: &mut Encoder<'_>) {}
}

/// Output of one kind that waits, counted until the last of it has left.
#[derive(Debug, Default)]
struct Waiting {
    /// Bytes added since none waited.
    bytes: u32,
    /// There were more of them than the limit when they were counted last.
    is_over: bool,
    /// The place of the end of the last, as [`Outbox::removed`] counts.
    end: u64,
}

impl Waiting {
    /// Counts `bytes` more, at the end of `outbox` bytes of which `removed` came before.
    #[inline(never)]
    fn add(&mut self, bytes: usize, removed: u64, outbox: usize, max: usize) {
        if removed >= self.end {
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.end = removed.saturating_add(u64::try_from(outbox).unwrap_or(u64::MAX));
        self.is_over = usize::try_from(self.bytes).unwrap_or(usize::MAX) > max;
    }

    /// Returns the number of bytes up to the end of the last if more of them wait than the limit.
    #[cold]
    fn unread(&mut self, removed: u64) -> Option<u64> {
        let unread = self.end.checked_sub(removed).filter(|unread| *unread > 0);
        self.is_over = unread.is_some();
        unread
    }
}

/// Bytes waiting to be written, in order.
#[derive(Default)]
pub struct Outbox {
    /// Frame heads and small payloads, those before `read` written already.
    heads: Vec<u8>,
    read: usize,
    /// Chunks by reference, each with the place in `heads` that it follows.
    chunks: VecDeque<(usize, Bytes)>,
    /// Bytes of the chunks together.
    referenced: usize,
    /// Room for heads that are handed out, behind those handed out before.
    block: BytesMut,
    /// The size of the last block made. Each is twice as large as the one before.
    block_size: usize,
    /// Bytes that have been removed.
    removed: u64,
    /// Frames that answer the peer's, but for those in `updates`.
    answers: Waiting,
    /// Dispositions and flows.
    updates: Waiting,
}

impl Outbox {
    /// Returns the number of bytes that wait.
    pub fn len(&self) -> usize {
        self.heads.len().saturating_sub(self.read).saturating_add(self.referenced)
    }

    /// Returns the number of bytes that have been removed.
    pub(crate) fn removed(&self) -> u64 {
        self.removed
    }

    /// True if no byte waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts as answers what has been written since the length was `len` and the updates had `updates` bytes.
    pub(crate) fn count_answers(&mut self, len: usize, updates: u32, max: usize) {
        let now = self.len();
        if now <= len {
            return;
        }
        let updates = usize::try_from(self.updates.bytes.saturating_sub(updates)).unwrap_or(usize::MAX);
        let bytes = now.saturating_sub(len).saturating_sub(updates);
        if bytes > 0 {
            self.answers.add(bytes, self.removed, now, max);
        }
    }

    /// Counts as updates what has been written since the length was `len`.
    pub(crate) fn count_updates(&mut self, len: usize, max: usize) {
        let now = self.len();
        self.updates.add(now.saturating_sub(len), self.removed, now, max);
    }

    /// Returns the bytes of answers that have been counted since none waited.
    #[inline]
    pub(crate) fn counted_answers(&self) -> u32 {
        self.answers.bytes
    }

    /// True if an answer waits.
    pub(crate) fn has_answers(&self) -> bool {
        self.answers.end > self.removed
    }

    /// Returns the bytes of updates that have been counted since none waited.
    pub(crate) fn counted_updates(&self) -> u32 {
        self.updates.bytes
    }

    /// True if more bytes of answers may wait than the limit.
    ///
    /// Output that the application makes does not count: two ends that both stopped for it would never read again.
    #[inline]
    pub(crate) fn has_many_answers(&self) -> bool {
        self.answers.is_over
    }

    /// Returns the number of bytes up to the end of the last answer, if more bytes of answers wait than the limit.
    pub(crate) fn unread_answers(&mut self) -> Option<u64> {
        self.answers.unread(self.removed)
    }

    /// True if more bytes of updates wait than the limit.
    #[inline]
    pub(crate) fn has_too_many_updates(&mut self) -> bool {
        self.updates.is_over && self.updates.unread(self.removed).is_some()
    }

    #[inline]
    fn on_removed(&mut self, count: usize) {
        // No connection lives to see it wrap.
        self.removed = self.removed.wrapping_add(u64::try_from(count).unwrap_or_default());
    }

    pub(crate) fn protocol_header(&mut self, header: ProtocolHeader) {
        self.heads.extend_from_slice(&header.to_bytes());
    }

    /// Writes a frame with this body. Returns its size; or, if it is larger than `max`, takes it back and returns the
    /// size as the error.
    #[inline]
    pub(crate) fn frame(
        &mut self,
        kind: FrameKind,
        channel: u16,
        body: &impl Encode,
        max: u32,
    ) -> Result<usize, usize> {
        let start = self.heads.len();
        let mut encoder = Encoder::new(&mut self.heads);
        encoder.array(header(kind, channel));
        body.encode(&mut encoder);
        let size = encoder.position().saturating_sub(start);
        if u32::try_from(size).is_ok_and(|size| size <= max) {
            encoder.patch(start, size_field(size));
            Ok(size)
        } else {
            encoder.truncate(start);
            Err(size)
        }
    }

    /// Drops all but what is left of a protocol header at the front.
    pub(crate) fn keep_header(&mut self) {
        let Self { mut heads, read, .. } = core::mem::take(self);
        // Heads that have been written stay until the buffer is reused, so a header is still at its front.
        if ProtocolHeader::may_begin(heads.get(..SIZE).unwrap_or(&[0])) {
            heads.truncate(ProtocolHeader::SIZE);
            (self.heads, self.read) = (heads, read.min(ProtocolHeader::SIZE));
        }
    }

    /// Writes an empty frame (2.4.5).
    pub(crate) fn empty_frame(&mut self) {
        let _ = self.frame(FrameKind::Amqp, 0, &EmptyBody, u32::MAX);
    }

    /// Writes a frame of at most `max` bytes with as much of the payload as it has room for. `head` appends the frame
    /// header and a transfer, and returns the size of both; `more` is its field of this name. `head_with` does the same
    /// with any value of the field. Returns true if payload is left over, and `payload` is what is left; if none is, it
    /// must not be used any more. Returns the head's size as the error, and writes nothing, if there is no room for
    /// payload.
    #[inline(always)]
    pub(crate) fn transfer(
        &mut self,
        channel: u16,
        head: impl FnOnce(&mut Vec<u8>, [u8; HEADER_SIZE]) -> usize,
        (more, head_with): (bool, impl Fn(&mut Vec<u8>, [u8; HEADER_SIZE], bool) -> usize),
        payload: &mut Payload,
        max: u32,
    ) -> Result<bool, usize> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let header = header(FrameKind::Amqp, channel);
        let large_head = |heads: &mut Vec<u8>, more| head_with(heads, header, more);
        let Some(bytes) = payload.only_chunk().filter(|bytes| bytes.len() < BY_REFERENCE) else {
            return self.large_transfer(large_head, more, payload, max);
        };
        let start = self.heads.len();
        let size = head(&mut self.heads, header).saturating_add(bytes.len());
        if size > max {
            self.heads.truncate(start);
            return self.large_transfer(large_head, more, payload, max);
        }
        // Most often: to copy it is enough, and the caller drops it.
        self.set_size(start, size);
        self.heads.extend_from_slice(bytes);
        Ok(false)
    }

    /// Writes any other frame than one with a small payload that fits.
    #[inline(never)]
    fn large_transfer(
        &mut self,
        head: impl Fn(&mut Vec<u8>, bool) -> usize,
        more: bool,
        payload: &mut Payload,
        max: usize,
    ) -> Result<bool, usize> {
        let start = self.heads.len();
        let is_split = payload.len() > max;
        let mut head_size = head(&mut self.heads, more || is_split);
        let left_over = head_size.saturating_add(payload.len()) > max;
        if left_over && !more && !is_split {
            self.heads.truncate(start);
            head_size = head(&mut self.heads, true);
        }
        let mut to_go = payload.len().min(max.saturating_sub(head_size));
        if left_over && to_go == 0 {
            self.heads.truncate(start);
            return Err(head_size);
        }
        self.set_size(start, head_size.saturating_add(to_go));
        while to_go > 0 {
            let chunk = payload.take_chunk(to_go);
            to_go = to_go.saturating_sub(chunk.len());
            self.payload(chunk);
        }
        Ok(left_over)
    }

    /// Fills in the size of the frame that begins at `start`.
    #[inline(always)]
    fn set_size(&mut self, start: usize, size: usize) {
        if let Some(place) = self.heads.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *place = size_field(size);
        }
    }

    /// Adds payload to the frame being written.
    #[inline]
    fn payload(&mut self, chunk: Bytes) {
        if chunk.len() < BY_REFERENCE {
            self.heads.extend_from_slice(&chunk);
        } else {
            self.referenced = self.referenced.saturating_add(chunk.len());
            self.chunks.push_back((self.heads.len(), chunk));
        }
    }

    /// Frees the room of written heads, so that it does not grow under a peer that never catches up.
    #[inline]
    fn reclaim(&mut self) {
        if self.read == self.heads.len() && self.chunks.is_empty() {
            self.heads.clear();
            if self.heads.capacity() > 2 * LARGEST_BLOCK {
                self.shrink(self.read);
            }
            self.read = 0;
        } else if self.read > 65_536 {
            self.remove_written_half();
        }
    }

    /// Removes the heads that have been written, if they are half of all: each byte is moved once on average.
    #[cold]
    #[inline(never)]
    fn remove_written_half(&mut self) {
        if self.read >= self.heads.len() / 2 {
            self.heads.drain(..self.read);
            for (place, _) in &mut self.chunks {
                *place = place.saturating_sub(self.read);
            }
            self.read = 0;
        }
    }

    /// Frees what a burst took, once much less has been written, and at once if it was a large one.
    #[cold]
    #[inline(never)]
    fn shrink(&mut self, written: usize) {
        let capacity = self.heads.capacity();
        if capacity / 8 > written || capacity > 2 * MOST_KEPT {
            self.heads.shrink_to(written.min(MOST_KEPT));
        }
    }

    /// Makes room for heads of as many bytes, and no more than an eighth of what there are.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        let len = self.heads.len();
        if self.heads.capacity().saturating_sub(len) < bytes {
            self.heads.reserve_exact(bytes.max(len / 8));
        }
    }

    /// Returns the bytes up to the next chunk by reference, or that chunk.
    fn front(&self) -> &[u8] {
        match self.chunks.front() {
            Some((place, chunk)) if *place <= self.read => chunk,
            Some((place, _)) => self.heads.get(self.read..*place).unwrap_or_default(),
            None => self.heads.get(self.read..).unwrap_or_default(),
        }
    }

    fn consume(&mut self, count: usize) {
        self.on_removed(count);
        let mut left = count;
        while left > 0 {
            let step = left.min(self.front().len());
            if step == 0 {
                break;
            }
            left = left.saturating_sub(step);
            match self.chunks.front_mut() {
                Some((place, chunk)) if *place <= self.read => {
                    chunk.advance(step);
                    self.referenced = self.referenced.saturating_sub(step);
                    if chunk.is_empty() {
                        self.chunks.pop_front();
                    }
                }
                _ => self.read = self.read.saturating_add(step),
            }
        }
        self.reclaim();
    }

    /// Returns the heads at the front, copied into a block that many of them share.
    fn pop_heads(&mut self) -> Bytes {
        let end = self.chunks.front().map_or(self.heads.len(), |(place, _)| *place);
        let heads = self.heads.get(self.read..end).unwrap_or_default();
        if self.block.capacity() < heads.len() && !self.block.try_reclaim(heads.len()) {
            self.block_size = self.block_size.saturating_mul(2).clamp(SMALLEST_BLOCK, LARGEST_BLOCK);
            self.block = BytesMut::with_capacity(self.block_size.max(heads.len()));
        }
        self.block.extend_from_slice(heads);
        self.read = self.read.saturating_add(heads.len());
        self.block.split().freeze()
    }

    /// Removes and returns the next bytes.
    fn pop(&mut self) -> Option<Bytes> {
        if self.is_empty() {
            return None;
        }
        let by_reference = self.chunks.front().is_some_and(|(place, _)| *place <= self.read);
        let chunk = if by_reference {
            let (_, chunk) = self.chunks.pop_front()?;
            self.referenced = self.referenced.saturating_sub(chunk.len());
            chunk
        } else if self.read == 0 && self.chunks.is_empty() && self.heads.len() >= LARGEST_BLOCK {
            Bytes::from(core::mem::take(&mut self.heads))
        } else {
            self.pop_heads()
        };
        self.reclaim();
        self.on_removed(chunk.len());
        Some(chunk)
    }
}

/// Bytes to write to the transport. Bytes advanced over count as written.
///
/// Read it as a [`Buf`], with [`chunks_vectored`](Buf::chunks_vectored) for a gathering write, or take
/// owned pieces with [`next_chunk`](Self::next_chunk) for I/O that keeps buffers while it writes. Nothing more is
/// added while it is borrowed, so do not hold it across a wait.
pub struct Transmit<'a> {
    pub(crate) outbox: &'a mut Outbox,
}

/// Shows the number of bytes alone: a password can be among them.
impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Shows the number of bytes alone: a password can be among them.
impl fmt::Debug for Transmit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmit").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Transmit<'_> {
    /// Removes and returns the next chunk, which then counts as written, or `None` at the end. A large payload is the
    /// sender's own memory, everything else a buffer of its own.
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        self.outbox.pop()
    }

    /// Returns the number of bytes that wait.
    pub fn len(&self) -> usize {
        self.outbox.len()
    }

    /// True if there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }
}

impl Buf for Transmit<'_> {
    fn remaining(&self) -> usize {
        self.outbox.len()
    }

    fn chunk(&self) -> &[u8] {
        self.outbox.front()
    }

    fn advance(&mut self, count: usize) {
        self.outbox.consume(count);
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'b>(&'b self, slices: &mut [std::io::IoSlice<'b>]) -> usize {
        let outbox = &*self.outbox;
        let mut read = outbox.read;
        let pieces = outbox.chunks.iter().flat_map(|(place, chunk)| {
            let head = outbox.heads.get(read..*place).unwrap_or_default();
            read = *place;
            [head, chunk.as_ref()]
        });
        let last = outbox.chunks.back().map_or(outbox.read, |(place, _)| *place);
        let tail = outbox.heads.get(last..).unwrap_or_default();
        let mut filled: usize = 0;
        let pieces = pieces.chain(core::iter::once(tail)).filter(|piece| !piece.is_empty());
        for (slot, piece) in slices.iter_mut().zip(pieces) {
            *slot = std::io::IoSlice::new(piece);
            filled = filled.saturating_add(1);
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Value;
    use alloc::vec;

    fn filled() -> (Outbox, Vec<u8>, Bytes) {
        let mut outbox = Outbox::default();
        let large = Bytes::from(vec![7; 3000]);
        let mut expected = Vec::new();
        for small in [1_u8, 2] {
            assert_eq!(outbox.frame(FrameKind::Amqp, 1, &Value::Ubyte(small), 512), Ok(10));
            expected.extend([0, 0, 0, 10, 2, 0, 0, 1, 0x50, small]);
            let mut payload = Payload::from(large.clone());
            let head = |heads: &mut Vec<u8>, header: [u8; 8], _| {
                heads.extend(header);
                header.len()
            };
            assert_eq!(
                outbox.transfer(
                    2,
                    |heads, header| head(heads, header, false),
                    (false, head),
                    &mut payload,
                    4096
                ),
                Ok(false)
            );
            expected.extend([0, 0, 0x0b, 0xc0, 2, 0, 0, 2]);
            expected.extend_from_slice(&large);
        }
        (outbox, expected, large)
    }

    #[test]
    fn output_advanced_in_steps_of_any_size_is_in_order() {
        for step in [1, 7, 4096] {
            let (mut outbox, expected, _) = filled();
            assert_eq!(outbox.len(), expected.len());
            let (mut transmit, mut got) = (Transmit { outbox: &mut outbox }, Vec::new());
            while transmit.has_remaining() {
                let chunk = transmit.chunk();
                let count = chunk.len().min(step);
                got.extend_from_slice(&chunk[..count]);
                transmit.advance(count);
            }
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn owned_chunks_hand_over_large_payloads_uncopied() {
        let (mut outbox, expected, large) = filled();
        let (mut transmit, mut got, mut same) = (Transmit { outbox: &mut outbox }, Vec::new(), 0);
        while let Some(chunk) = transmit.next_chunk() {
            same += usize::from(chunk.as_ptr() == large.as_ptr());
            got.extend_from_slice(&chunk);
        }
        assert_eq!(got, expected);
        assert_eq!(same, 2);
        assert!(outbox.is_empty());
    }

    #[cfg(feature = "std")]
    #[test]
    fn vectored_chunks_cover_all_output() {
        let (mut outbox, expected, _) = filled();
        let transmit = Transmit { outbox: &mut outbox };
        let mut slices = [std::io::IoSlice::new(&[]); 8];
        let count = transmit.chunks_vectored(&mut slices);
        assert_eq!(count, 4);
        let joined: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
        assert_eq!(joined, expected);
    }

    #[test]
    fn frame_larger_than_the_maximum_leaves_the_outbox_unchanged() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.frame(FrameKind::Amqp, 0, &Bytes::from(vec![0; 600]), 512), Err(613));
        assert!(outbox.is_empty());
    }
}
