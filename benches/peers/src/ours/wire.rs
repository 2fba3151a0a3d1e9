//! What lies between the two ends.

use amqp_proto::{Connection, Instant, Progress};
use bytes::{Buf, BytesMut};

/// The one moment at which everything happens.
pub const NOW: Instant = Instant::from_millis(0);

/// How octets get from one end to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Each octet is copied once.
    Copied,
    /// Owned segments are handed over; only what does not end with a frame is joined to what follows it.
    HandedOver,
}

impl Wire {
    /// Carries what one end has to say to the other; says whether that was anything. What the other can't take
    /// before its events are taken stays in `pipe`.
    pub fn carry(self, from: &mut Connection, to: &mut Connection, pipe: &mut BytesMut) -> bool {
        let mut moved = !pipe.is_empty();
        loop {
            let said = match self {
                Self::Copied => copy(from, pipe),
                Self::HandedOver => hand_over(from, to, pipe),
            };
            let progress = if pipe.is_empty() { Progress::NeedInput } else { to.handle_input(NOW, pipe) };
            moved |= said;
            if !said || progress != Progress::NeedInput {
                return moved;
            }
        }
    }
}

fn copy(from: &mut Connection, pipe: &mut BytesMut) -> bool {
    let mut transmit = from.transmit(NOW);
    let said = transmit.has_remaining();
    while transmit.has_remaining() {
        let chunk = transmit.chunk();
        let count = chunk.len();
        pipe.extend_from_slice(chunk);
        transmit.advance(count);
    }
    said
}

fn hand_over(from: &mut Connection, to: &mut Connection, pipe: &mut BytesMut) -> bool {
    let mut transmit = from.transmit(NOW);
    let mut said = false;
    while let Some(mut segment) = transmit.next_chunk() {
        said = true;
        if pipe.is_empty() {
            let _ = to.handle_input(NOW, &mut segment);
            pipe.extend_from_slice(&segment);
        } else {
            pipe.extend_from_slice(&segment);
            let _ = to.handle_input(NOW, pipe);
        }
    }
    said
}
