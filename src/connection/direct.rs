//! The straight way for the frames by which sessions and links come and go: decoded where they are acted upon.
//!
//! What it takes it does by the same functions as the general path in `input.rs`; all else it leaves alone.

use bytes::Bytes;

use super::Connection;
use crate::{
    codec::{Decode, format_code, from_bytes},
    error::ProtocolError,
    spec::performatives::{Attach, Begin, Detach, End},
    state::{ConnectionState, SessionState},
};

impl Connection {
    /// Acts on the body of a frame, if it is one of these; `None` where nothing has been done.
    pub(super) fn on_direct(&mut self, remote: u16, body: &Bytes) -> Option<Result<(), ProtocolError>> {
        let [format_code::DESCRIBED, format_code::SMALLULONG, number, ..] = **body else { return None };
        if self.state != ConnectionState::Opened {
            return None;
        }
        match u64::from(number) {
            Begin::CODE => Some(self.decoded(body).and_then(|begin| {
                self.note_direct("Begin");
                self.on_begin(remote, &begin, body)
            })),
            End::CODE => Some(self.decoded(body).and_then(|end| {
                self.note_direct("End");
                self.on_end(remote, end)
            })),
            Attach::CODE => self.open_channel(remote).map(|channel| {
                self.decoded(body).map(|attach: Attach| {
                    self.note_direct("Attach");
                    self.in_session(channel, |session, cx, shared| {
                        session.receive_attach(&attach, body, cx, &mut shared.links)
                    });
                })
            }),
            Detach::CODE => self.open_channel(remote).map(|channel| {
                self.decoded(body).map(|detach: Detach| {
                    self.note_direct("Detach");
                    self.on_detach(channel, detach);
                })
            }),
            _ => None,
        }
    }

    fn decoded<T: Decode>(&self, body: &Bytes) -> Result<T, ProtocolError> {
        Ok(from_bytes(body, self.cx.limits.decode)?)
    }

    /// Our channel of the session that the peer's stands for, if both ends have begun it.
    fn open_channel(&self, remote: u16) -> Option<u16> {
        let session = self.session_on(remote)?;
        (session.state == SessionState::Mapped).then_some(session.channel)
    }

    #[cfg_attr(not(feature = "testing"), expect(clippy::unused_self, reason = "noted for tests alone"))]
    fn note_direct(&mut self, name: &'static str) {
        #[cfg(feature = "testing")]
        self.reached.received.insert(name);
        let _ = name;
    }
}
