//! The timers of a connection: the next deadline, and what each does when it fires (2.4.3, 2.4.5).

use alloc::format;
use core::time::Duration;

use super::{Connection, end::ConnectionEnd};
use crate::{
    error::{Cause, Failure},
    ids::{LinkId, LinkKey, SessionId},
    session::{LinkEnd, SessionEnd},
    spec::definitions::ErrorCondition,
    state::{ConnectionState, LinkState, SessionState},
    time::Instant,
    timer::Timer,
    types::Quoted,
};

/// Returns the failure of an endpoint whose peer was in this state for longer than the time-out.
#[cold]
fn timed_out(why: &str, state: &str, timeout: Option<Duration>) -> Failure {
    let millis = timeout.unwrap_or_default().as_millis();
    let why = format!("{why}: {state} for {millis} ms");
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
        let (timeouts, state) = (self.cx.config.timeouts, self.state.name());
        match timer {
            Timer::Open => {
                let failure = timed_out("the peer did not open in time", state, timeouts.open);
                self.end(ConnectionEnd::Lost(failure));
            }
            Timer::Sasl => {
                let failure =
                    timed_out("the SASL exchange took too long", self.sasl.state_name(), timeouts.sasl);
                self.end(ConnectionEnd::Lost(failure));
            }
            // Our close does not wait for the peer to read answers, nor does a transport that takes none.
            Timer::UnreadReplies if self.cx.close_sent || self.cx.output_lost => {}
            // No input has been handled since.
            Timer::UnreadReplies if self.has_read_since_stop() => {
                self.stops_for_answers();
            }
            Timer::UnreadReplies => {
                let failure = timed_out("the peer does not read its answers", state, timeouts.unread_replies);
                self.end(ConnectionEnd::Failure(failure));
            }
            Timer::Close if self.cx.close_pending => {
                // The messages in progress are cut off.
                self.write_close(None);
                self.cx.timers.set(Timer::Close, timeouts.close);
            }
            // The peer does not read the last output.
            Timer::Close if self.state == ConnectionState::End => self.drop_output(),
            Timer::Close if self.cx.output_lost => {
                self.end_unanswered("the transport took no more output");
            }
            Timer::Close => self.end(ConnectionEnd::Unanswered),
            Timer::Session(id) => self.on_session_timer(id),
            Timer::Link(id) => self.on_link_timer(id),
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

    /// Ends a session whose peer does not answer.
    fn on_session_timer(&mut self, id: SessionId) {
        let timeouts = self.cx.config.timeouts;
        let found = self.session_on(id.slot()).filter(|(session, _)| session.id == id);
        let Some((session, cx)) = found else { return };
        let (state, channel) = (session.state.name(), session.channel);
        let why = match session.state {
            _ if session.end_pending => SessionEnd::WaitOver,
            SessionState::BeginSent => {
                let why = format!("the peer did not answer begin on channel {channel} in time");
                SessionEnd::Failure(timed_out(&why, state, timeouts.begin).into())
            }
            _ => {
                let why = format!("the peer did not answer end on channel {channel} in time");
                SessionEnd::Failure(timed_out(&why, state, timeouts.end).into())
            }
        };
        let _ = session.end(why, cx);
    }

    /// Ends a link whose peer does not answer.
    fn on_link_timer(&mut self, id: LinkId) {
        let timeouts = self.cx.config.timeouts;
        let key = LinkKey::from(id);
        let Some((session, cx)) = self.session_on(key.session) else { return };
        let Some(link) = session.link_ref(id) else { return };
        let (state, name) = (link.common.state.name(), Quoted(link.common.identity.name()));
        let why = match link.common.state {
            _ if link.common.pending_detach.is_some() => LinkEnd::WaitOver,
            LinkState::AttachSent => {
                let why = format!("the peer did not answer attach of link {name} in time");
                LinkEnd::Unanswered(timed_out(&why, state, timeouts.attach).into())
            }
            LinkState::Attached => {
                let why = format!("the peer refused link {name}, and did not detach it in time");
                LinkEnd::Unanswered(timed_out(&why, state, timeouts.attach).into())
            }
            _ => {
                let why = format!("the peer did not answer detach of link {name} in time");
                LinkEnd::Unanswered(timed_out(&why, state, timeouts.detach).into())
            }
        };
        let _ = session.end_link(key.handle, why, cx);
        session.schedule(cx);
    }
}
