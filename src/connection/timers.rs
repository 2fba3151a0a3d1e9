//! Deadlines: the peer's silence, our own, and answers that are due (2.4.3, 2.4.5).

use core::time::Duration;

use super::{
    Connection,
    deadlines::{Deadlines, Due},
};
use crate::{
    error::{Cause, Failure},
    event::Event,
    frame::Outbox,
    ids::{LinkId, LinkKey, SessionId},
    spec::definitions::{AmqpError, ErrorCondition},
    state::{ConnectionState, ConnectionTrigger},
    time::Instant,
};

/// The deadlines of a connection.
#[derive(Debug, Default)]
pub(super) struct Timers {
    now: Instant,
    due: Deadlines,
    /// How long the peer may be end_raised, once it has opened.
    silence: Option<Duration>,
    last_frame: Instant,
    /// How long we may be: half of what the peer announced, so that a frame comes in time (2.4.5).
    heartbeat: Option<Duration>,
    last_output: Instant,
}

impl Timers {
    /// Moves on to a moment; one that is past counts as the last.
    #[inline]
    pub(super) fn tick(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.due.start(self.now);
    }

    pub(super) fn arm(&mut self, due: Due, after: Option<Duration>) {
        if let Some(after) = after {
            self.due.arm(due, after);
        }
    }

    pub(super) fn disarm(&mut self, due: Due) {
        self.due.disarm(due);
    }

    /// Nothing is waited for on a link that is gone.
    pub(super) fn forget_link(&mut self, link: LinkId) {
        self.due.disarm(Due::Detach(link));
        if let LinkId::Receiver(receiver) = link {
            self.due.disarm(Due::Drain(receiver));
        }
    }

    /// Nothing is waited for on a session that is gone.
    pub(super) fn forget_session(&mut self, session: SessionId) {
        self.due.disarm_session(session.slot());
    }

    pub(super) fn note_frame(&mut self) {
        self.last_frame = self.now;
    }

    /// Both ends are open: the clocks of silence start.
    pub(super) fn start_idle(&mut self, silence: Option<Duration>, heartbeat: u32) {
        self.silence = silence;
        let heartbeat = u64::from(heartbeat).saturating_mul(500);
        self.heartbeat = (heartbeat > 0).then(|| Duration::from_micros(heartbeat));
        self.last_frame = self.now;
        self.last_output = self.now;
    }

    /// Silence no longer matters.
    pub(super) fn stop_idle(&mut self) {
        self.silence = None;
        self.heartbeat = None;
    }

    pub(super) fn stop(&mut self) {
        self.stop_idle();
        self.due.clear();
    }

    /// What waits now is taken away now.
    pub(super) fn note_output(&mut self, outbox: &Outbox) {
        if !outbox.is_empty() {
            self.last_output = self.now;
        }
    }

    fn silence_ends(&self) -> Option<Instant> {
        self.silence.map(|silence| self.last_frame.saturating_add(silence))
    }

    /// While bytes wait to be written there is no need of a heartbeat, and no use for one.
    fn heartbeat_is_due(&self, outbox: &Outbox) -> Option<Instant> {
        self.heartbeat
            .filter(|_| outbox.is_empty())
            .map(|heartbeat| self.last_output.saturating_add(heartbeat))
    }

    pub(super) fn next(&self, outbox: &Outbox) -> Option<Instant> {
        let due = self.due.next(self.now).into_iter();
        due.chain(self.silence_ends()).chain(self.heartbeat_is_due(outbox)).min()
    }

    fn pop_past(&mut self) -> Option<Due> {
        self.due.pop_past(self.now)
    }
}

/// An answer that did not come in time.
fn lost(why: &'static str) -> Failure {
    Failure::new(Cause::TimedOut, ErrorCondition::ResourceLimitExceeded, why)
}

impl Connection {
    #[inline]
    pub(super) fn tick(&mut self, now: Instant) {
        self.shared.timers.tick(now);
    }

    /// Does what is due at this moment. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tick(now);
        while let Some(due) = self.shared.timers.pop_past() {
            self.on_due(due);
        }
        let now = self.shared.timers.now;
        if self.shared.timers.silence_ends().is_some_and(|at| at <= now) {
            // 2.4.5: close with an error that says why; the transport goes once the peer does not answer either.
            let why = "no frame came within the idle-time-out";
            self.fail(Cause::TimedOut, AmqpError::described(ErrorCondition::ResourceLimitExceeded, why));
        }
        if self.shared.timers.heartbeat_is_due(&self.cx.outbox).is_some_and(|at| at <= now) {
            self.cx.outbox.empty_frame();
            self.shared.timers.last_output = now;
        }
    }

    fn on_due(&mut self, due: Due) {
        let timeouts = self.shared.config.timeouts;
        match due {
            Due::Open => self.lose(&lost("the peer did not open in time")),
            Due::Sasl => self.lose(&lost("the SASL exchange took too long")),
            Due::Close if self.cx.closing => {
                self.send_close(None);
                self.shared.timers.arm(due, timeouts.close);
            }
            // 2.4.3: a peer that does not answer close is not waited for.
            Due::Close => {
                if self.state != ConnectionState::End {
                    let applied = self.apply(ConnectionTrigger::Lost);
                    debug_assert!(applied, "a transport can be lost in any state");
                    self.shared.timers.stop();
                    self.input_closed = true;
                    self.raise_end(None);
                }
            }
            Due::End(id) => {
                let Some((session, cx, shared)) = self.on_channel(id.slot()) else { return };
                if session.id != id {
                    return;
                }
                if session.ending {
                    let _ = session.end(None, cx);
                    shared.timers.arm(due, timeouts.end);
                    return;
                }
                session.raise_end(Some(&lost("the peer did not answer end in time")), cx);
            }
            Due::Detach(id) => {
                let Some((session, cx, shared)) = self.on_channel(LinkKey::from(id).session) else {
                    return;
                };
                if session.detach_waits(id) {
                    session.detach_in_time(id, cx);
                    shared.timers.arm(due, timeouts.detach);
                    return;
                }
                session.raise_link_lost(id, lost("the peer did not answer detach in time"), cx);
                shared.queue(session);
            }
            Due::Drain(id) => {
                let Some((session, cx, shared)) = self.on_channel(LinkKey::from(LinkId::from(id)).session)
                else {
                    return;
                };
                session.give_up_drain(id, cx);
                shared.queue(session);
            }
        }
    }

    /// The transport has ended. What is still to be written cannot be.
    pub fn handle_eof(&mut self, now: Instant) {
        self.tick(now);
        if self.state == ConnectionState::End {
            // 2.4.6: the peer has no more to say, and may still read the last of ours.
            return;
        }
        // 2.4.3: a close that was sent is as good as answered.
        if self.is_write_closed() && !self.end_raised {
            let _ = self.apply(ConnectionTrigger::Lost);
            self.shared.timers.stop();
            self.raise_end(None);
        } else {
            self.lose(&Failure::new(Cause::Lost, ErrorCondition::ConnectionForced, "the transport was lost"));
        }
        self.cx.outbox = Outbox::default();
    }

    /// Gives the transport up.
    pub(super) fn lose(&mut self, failure: &Failure) {
        if self.state == ConnectionState::End {
            return;
        }
        let applied = self.apply(ConnectionTrigger::Lost);
        debug_assert!(applied, "a transport can be lost in any state");
        self.input_closed = true;
        self.shared.timers.stop();
        self.raise_end(Some(failure));
    }

    /// Raises the last events: links, sessions, then the connection's own.
    pub(super) fn raise_end(&mut self, failure: Option<&Failure>) {
        if core::mem::replace(&mut self.end_raised, true) {
            return;
        }
        for channel in self.sessions.numbers() {
            if let Some((session, cx, _)) = self.on_channel(channel) {
                session.raise_end(failure, cx);
            }
        }
        // Nothing of a connection lives on but what can be asked of it.
        for channel in self.sessions.numbers().rev() {
            self.remove(channel);
        }
        self.cx.events.push_back(match failure {
            None => Event::ConnectionClosed,
            Some(failure) => Event::ConnectionError(alloc::boxed::Box::new(failure.clone())),
        });
    }
}
