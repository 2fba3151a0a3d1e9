//! What lies between the two ends.

use amqp_proto::{Connection, Instant};
use bytes::Buf;

use super::pipe::Pipe;

/// The one moment at which everything happens.
pub const NOW: Instant = Instant::from_millis(0);

/// Bytes that are handed over at a time, at least.
const READ: usize = 128 << 10;

/// How bytes get from one end to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Each byte is copied once.
    Copied,
    /// Each byte is copied once, and once more by the engine, which then keeps nothing of what was read.
    Lent,
    /// Owned segments are handed over.
    HandedOver,
}

impl Wire {
    /// Carries one read's worth of what one end has to say to the other; says whether that was anything. What the
    /// other can't take before its events are taken stays in `pipe`.
    pub fn carry(self, from: &mut Connection, to: &mut Connection, pipe: &mut Pipe) -> bool {
        match self {
            Self::Copied => {
                let said = copy(from, pipe);
                if !pipe.block.is_empty() {
                    let _ = to.handle_input(NOW, &mut pipe.block);
                }
                said
            }
            Self::Lent => {
                let said = copy(from, pipe);
                let mut lent = pipe.block.as_ref();
                let _ = to.handle_input(NOW, &mut lent);
                let left = lent.len();
                pipe.block.advance(pipe.block.len() - left);
                said
            }
            Self::HandedOver => hand_over(from, to, pipe),
        }
    }
}

fn copy(from: &mut Connection, pipe: &mut Pipe) -> bool {
    let mut transmit = from.poll_transmit(NOW);
    let mut read = 0;
    while transmit.has_remaining() {
        let chunk = transmit.chunk();
        let count = chunk.len();
        // A read ends with its block. What does not fit as a whole waits for the next: a frame that was cut in two
        // would have to be copied once more, to the block that its rest is read to.
        if read > 0 && count > pipe.room() {
            break;
        }
        pipe.push(chunk);
        transmit.advance(count);
        read += count;
    }
    read > 0
}

fn hand_over(from: &mut Connection, to: &mut Connection, pipe: &mut Pipe) -> bool {
    let mut transmit = from.poll_transmit(NOW);
    let mut read = 0;
    while read < READ
        && let Some(segment) = transmit.next_chunk()
    {
        read += segment.len();
        pipe.segments.push(segment);
    }
    let _ = to.handle_input(NOW, &mut pipe.segments);
    read > 0
}
