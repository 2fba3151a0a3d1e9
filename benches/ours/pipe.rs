//! Where one end's bytes are read to: two blocks of memory in turn. The engine's payloads are slices of a block, so
//! one is filled while what lies in the other is still being used, and neither has to be allocated anew.

use amqp_proto::frame::Chunks;
use bytes::BytesMut;

/// Bytes of a block: more than the messages under way take up.
const BLOCK: usize = 256 << 10;

/// What has been read and not been taken, and the block that is filled next.
#[derive(Default)]
pub struct Pipe {
    pub block: BytesMut,
    /// What is handed over and not copied.
    pub segments: Chunks,
    spare: BytesMut,
}

impl Pipe {
    /// Whether everything has been taken.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty() && self.segments.is_empty()
    }

    /// Bytes that the block has room for.
    pub fn room(&self) -> usize {
        self.block.capacity() - self.block.len()
    }

    /// Copies bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.room() < bytes.len() {
            self.turn_over(bytes.len());
        }
        self.block.extend_from_slice(bytes);
    }

    /// Goes on in the other block, with what has not been taken of this one.
    #[cold]
    fn turn_over(&mut self, room: usize) {
        self.spare.reserve(BLOCK.max(self.block.len() + room));
        self.spare.extend_from_slice(&self.block);
        self.block.clear();
        std::mem::swap(&mut self.block, &mut self.spare);
    }
}
