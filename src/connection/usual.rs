//! The short way for the frames that come by the million, transfers and dispositions of an open session.
//!
//! What it takes it does as the general path in `input.rs` would; all else it leaves alone.

use super::Connection;
use crate::{
    codec::from_slice,
    context::Context,
    error::ProtocolError,
    frame::{HEADER_SIZE, Input, usual_header},
    session::SessionEndpoint,
    spec::{
        performatives::{self, Disposition},
        transfer_fast_path::{self, FastTransfer},
    },
    state::ConnectionState,
};

impl Connection {
    /// Takes the frames at the front that are of these and for the same session, as many as there is room for what
    /// they come to. `false` where there was none.
    #[inline]
    pub(super) fn take_usual(&mut self, input: &mut impl Input) -> bool {
        if self.state != ConnectionState::Opened || self.input_closed {
            return false;
        }
        let max = self.shared.config.max_frame_size;
        let Some((_, remote)) = usual_header(input.chunk(), max) else { return false };
        let Some(channel) = self.channels.get(usize::from(remote)).copied().flatten() else { return false };
        #[cfg(feature = "testing")]
        let reached = &mut self.reached.received;
        let Some(session) = self.sessions.get_mut(channel) else { return false };
        let (cx, shared) = (&mut self.cx, &mut self.shared);
        cx.channel = channel;
        let (mut taken, mut received) = (false, Ok(()));
        while received.is_ok() && session.is_open() && cx.has_room() {
            let Some((size, _)) = usual_header(input.chunk(), max).filter(|(_, from)| *from == remote) else {
                break;
            };
            let Some((name, done)) = take_one(size, input, session, cx, &mut shared.epochs) else { break };
            #[cfg(feature = "testing")]
            reached.insert(name);
            let _ = name;
            (taken, received) = (true, done);
        }
        if !taken {
            return false;
        }
        shared.timers.note_frame();
        session.purge_orphans(cx.limits.retained);
        shared.queue(session);
        if let Err(error) = received {
            self.violate(error);
        }
        true
    }
}

/// Takes one frame, gives its performative's name and what came of it; or none, and nothing has been done.
#[inline]
fn take_one(
    size: usize,
    input: &mut impl Input,
    session: &mut SessionEndpoint,
    cx: &mut Context,
    epochs: &mut u32,
) -> Option<(&'static str, Result<(), ProtocolError>)> {
    let bytes = input.chunk();
    if size > input.remaining() {
        return None;
    }
    // Of a frame in several pieces, as far as the first goes.
    let body = bytes.get(HEADER_SIZE..size.min(bytes.len()))?;
    if let Some((transfer, head)) = transfer_fast_path::decode(body) {
        let payload = input.take_behind(HEADER_SIZE.saturating_add(head), size);
        let received = match transfer {
            FastTransfer::Whole(whole) => session.receive_whole(&whole, payload, cx, epochs),
            FastTransfer::Part(mut part) => session.receive_transfer(&mut part, payload, cx, epochs),
        };
        return Some(("Transfer", received));
    }
    if body.len() < size.saturating_sub(HEADER_SIZE) || performatives::number(body) != Some(Disposition::CODE)
    {
        return None;
    }
    let disposition: Disposition = from_slice(body, cx.limits.decode).ok()?;
    input.skip(size);
    Some(("Disposition", session.receive_disposition(&disposition, cx)))
}
