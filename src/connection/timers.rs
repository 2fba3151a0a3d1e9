//! The timers of a connection: the next deadline, and what each does when it fires (2.4.3, 2.4.5).

use super::{Connection, end::ConnectionEnd};
use crate::{
    error::{Cause, Failure},
    ids::{LinkId, LinkKey},
    session::{LinkEnd, SessionEnd},
    spec::definitions::ErrorCondition,
    state::{ConnectionState, LinkState, SessionState},
    time::Instant,
    timer::Timer,
};

/// Returns the failure of an endpoint whose peer did not answer in time.
fn timed_out(why: &'static str) -> Failure {
    Failure::new(Cause::TimedOut, ErrorCondition::ResourceLimitExceeded, why)
}

impl Connection {
    /// Returns when to call [`handle_timeout`](Self::handle_timeout) at the latest, if nothing else happens.
    ///
    /// It is exact after `poll_transmit`. Timers set since the last call with a time begin at the next one.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        let heartbeat = self.keepalive.heartbeat_deadline(&self.cx.outbox);
        let silence = self.keepalive.silence_deadline(self.cx.config.idle_timeout);
        self.cx.timers.next_deadline().into_iter().chain(heartbeat).chain(silence).min()
    }

    /// Does what is due at this time. Harmless if nothing is.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.cx.timers.advance(now);
        while let Some(timer) = self.cx.timers.pop_expired() {
            self.on_timer(timer);
        }
        self.check_keepalive();
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::Open => self.end(ConnectionEnd::Lost(timed_out("the peer did not open in time"))),
            Timer::Sasl => self.end(ConnectionEnd::Lost(timed_out("the SASL exchange took too long"))),
            // Our close does not wait for the peer to read answers.
            Timer::UnreadReplies if self.cx.close_sent => {}
            Timer::UnreadReplies => {
                self.end(ConnectionEnd::Failure(timed_out("the peer does not read its answers")));
            }
            Timer::Close if self.cx.close_pending => {
                // The messages in progress are cut off.
                self.write_close(None);
                self.cx.timers.set(Timer::Close, self.cx.config.timeouts.close);
            }
            // The peer does not read the last output.
            Timer::Close if self.state == ConnectionState::End => self.drop_output(),
            Timer::Close if self.cx.output_lost => {
                self.end_unanswered("the transport took no more output");
            }
            Timer::Close => self.end(ConnectionEnd::Unanswered),
            Timer::Session(id) => {
                let Some((session, cx)) = self.session_on(id.slot()).filter(|(session, _)| session.id == id)
                else {
                    return;
                };
                let why = match session.state {
                    _ if session.end_pending => SessionEnd::WaitOver,
                    SessionState::BeginSent => {
                        SessionEnd::Failure(timed_out("the peer did not answer begin in time"))
                    }
                    _ => SessionEnd::Failure(timed_out("the peer did not answer end in time")),
                };
                let _ = session.end(why, cx);
            }
            Timer::Link(id) => {
                let key = LinkKey::from(id);
                let Some((session, cx)) = self.session_on(key.session) else { return };
                let Some(link) = session.link_ref(id) else { return };
                let why = match link.common.state {
                    _ if link.common.pending_detach.is_some() => LinkEnd::WaitOver,
                    LinkState::AttachSent => {
                        LinkEnd::Unanswered(timed_out("the peer did not answer attach in time"))
                    }
                    LinkState::Attached => LinkEnd::Unanswered(timed_out(
                        "the peer refused the link, and did not detach it in time",
                    )),
                    _ => LinkEnd::Unanswered(timed_out("the peer did not answer detach in time")),
                };
                let _ = session.end_link(key.handle, why, cx);
                session.schedule(cx);
            }
            Timer::SessionEcho(id) => {
                if let Some((session, cx)) =
                    self.session_on(id.slot()).filter(|(session, _)| session.id == id)
                {
                    session.give_up_session_echo(cx);
                }
            }
            Timer::LinkEcho(id) => {
                if let Some((session, cx)) = self.session_on(LinkKey::from(id).session) {
                    session.give_up_link_echo(id, cx);
                }
            }
            Timer::Drain(id) => {
                let Some((session, cx)) = self.session_on(LinkKey::from(LinkId::from(id)).session) else {
                    return;
                };
                session.give_up_drain(id, cx);
                session.schedule(cx);
            }
        }
    }
}
