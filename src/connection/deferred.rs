//! Frames that wait until the application has answered the peer's open, or the begin on their channel.

use alloc::vec::Vec;

use bytes::Bytes;

use super::{
    Connection, Progress,
    receive::{Expected, kind_of, next_frame},
};
use crate::{
    frame::{FrameHeader, FrameKind},
    session::SessionEndpoint,
    state::ConnectionState,
};

impl Connection {
    /// True if there is room to defer a frame.
    pub(super) fn can_defer(&self, header: FrameHeader) -> bool {
        let deferred = if self.state == ConnectionState::OpenRcvd {
            self.deferred.len()
        } else {
            let session = self.local_channel(header.channel).and_then(|channel| self.sessions.get(channel));
            session.map_or(0, SessionEndpoint::deferred_bytes)
        };
        // A buffer that grows has up to twice the room.
        let has_room = self.cx.account.has_room_for(header.size.saturating_mul(2));
        deferred == 0
            || (has_room
                && deferred.saturating_add(header.size) <= self.cx.config.limits.max_unanswered_bytes)
    }

    /// Keeps a copy of a frame, the peer's end or another, so that it keeps no read buffer alive.
    pub(super) fn defer(&mut self, remote: u16, frame: &[u8], is_end: bool) {
        if self.state == ConnectionState::OpenRcvd {
            let before = self.deferred.capacity();
            self.deferred.extend_from_slice(frame);
            self.cx.account.keep(before, self.deferred.capacity());
        } else if let Some(channel) = self.local_channel(remote)
            && let Some((session, cx)) = self.session_on(channel)
        {
            session.defer(frame, is_end);
            // Within the limit for this, so that there is nothing to end the session for.
            let _ = session.charge(cx);
        }
    }

    /// Handles frames that were deferred, now that the application has answered.
    pub(super) fn receive_deferred(&mut self, frames: Vec<u8>) {
        if frames.is_empty() {
            return;
        }
        self.push_resumed(Bytes::from(frames));
        let _ = self.resume_deferred();
    }

    /// Has frames handled before those that have been resumed, which are behind them if they are of the same session.
    fn push_resumed(&mut self, frames: Bytes) {
        self.cx.account.keep(0, frames.len());
        self.resumed.push(frames);
    }

    /// Handles frames that were deferred, as far as there is room. Returns what the rest waits for.
    #[cold]
    pub(super) fn resume_deferred(&mut self) -> Option<Progress> {
        while let Some(frames) = self.resumed.pop() {
            self.cx.account.keep(frames.len(), 0);
            if let Some((left, progress)) = self.resume_frames(frames) {
                self.push_resumed(left);
                return Some(progress);
            }
        }
        self.resumed = Vec::new();
        None
    }

    /// Handles frames that were deferred, as far as there is room. Returns the rest, if any, and what it waits for.
    fn resume_frames(&mut self, mut frames: Bytes) -> Option<(Bytes, Progress)> {
        while let Ok(header) = next_frame(self.cx.config.max_frame_size, &mut frames)
            && matches!(self.expected(), Expected::Frames(FrameKind::Amqp))
        {
            let kind = kind_of(header, &mut frames);
            if let Some(progress) = self.must_wait(header, kind) {
                return Some((frames, progress));
            }
            let received = match self.receive_in_session(header, kind, &mut frames) {
                Some(received) => received,
                None => {
                    let owed = self.owed(header.channel, kind).is_some();
                    self.receive_answering(header, (kind, owed), &frames.split_to(header.size))
                }
            };
            if let Err(error) = received {
                self.on_faulty_frame(error, header, kind);
            }
        }
        None
    }
}
