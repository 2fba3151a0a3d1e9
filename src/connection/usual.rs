//! The short way for the frames that come by the million, transfers and dispositions of an open session.
//!
//! What it takes it does as the general path in `input.rs` would; all else it leaves alone.

use super::Connection;
use crate::{
    frame::{FrameKind, Input, peek},
    spec::usual,
    state::{ConnectionState, SessionState},
};

impl Connection {
    /// Takes the next frame and acts on it, if it is one of these. `false` where nothing has been done.
    #[inline]
    pub(super) fn next_usual(&mut self, input: &mut impl Input) -> bool {
        if self.state != ConnectionState::Opened || self.deaf {
            return false;
        }
        let octets = input.octets();
        let Ok(Some(head)) = peek(octets, self.shared.config.max_frame_size) else { return false };
        // Of a frame in several pieces, as far as the first goes.
        let body = octets.get(head.body..head.size.min(octets.len())).unwrap_or_default();
        if head.kind != FrameKind::Amqp || head.size > input.remaining() {
            return false;
        }
        let Some(channel) = self.channels.get(usize::from(head.channel)).copied().flatten() else {
            return false;
        };
        let session = self.sessions.get(channel);
        if session.is_none_or(|session| session.state != SessionState::Mapped) {
            return false;
        }
        if let Some((mut transfer, size)) = usual::read_transfer(body) {
            let start = head.body.saturating_add(size);
            input.skip(start);
            let payload = input.take(head.size.saturating_sub(start));
            self.shared.timers.note_frame();
            #[cfg(feature = "testing")]
            self.reached.received.insert("Transfer");
            self.in_session(channel, |session, out, shared| {
                session.receive_transfer(&mut transfer, payload, out, &mut shared.epochs)
            });
            return true;
        }
        let whole = body.len() == head.size.saturating_sub(head.body);
        let Some(disposition) = usual::read_disposition(body).filter(|_| whole) else { return false };
        input.skip(head.size);
        self.shared.timers.note_frame();
        #[cfg(feature = "testing")]
        self.reached.received.insert("Disposition");
        self.in_session(channel, |session, out, _| session.receive_disposition(&disposition, out));
        true
    }
}
