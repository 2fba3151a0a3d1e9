//! Idle time-outs in both directions (2.4.5).

use alloc::format;
use core::time::Duration;

use super::{Connection, end::ConnectionEnd};
use crate::{
    error::{Cause, Failure},
    frame::Outbox,
    spec::definitions::ErrorCondition,
    time::Instant,
};

/// When the peer has been silent for too long, and when we have been.
#[derive(Debug, Default)]
pub(super) struct Keepalive {
    /// The peer may be silent for the configuration's idle time-out.
    limits_silence: bool,
    last_input: Instant,
    /// How long we may be silent: half of the peer's idle time-out, so that a frame arrives in time.
    heartbeat_interval: Option<Duration>,
    last_output: Instant,
    /// The connection opened with the output that waits. Silence counts from the time that this is polled, because a
    /// command that opens brings no time.
    opens_with_output: bool,
}

impl Keepalive {
    /// Starts both directions, as the connection opens. `remote_idle_timeout` is in milliseconds, 0 for none.
    pub(super) fn start(&mut self, remote_idle_timeout: u32, now: Instant, outbox: &Outbox) {
        (self.limits_silence, self.opens_with_output) = (true, !outbox.is_empty());
        let half = u64::from(remote_idle_timeout).saturating_mul(500);
        self.heartbeat_interval = (half > 0).then(|| Duration::from_micros(half));
        self.last_input = now;
        self.last_output = now;
    }

    pub(super) fn stop(&mut self) {
        self.limits_silence = false;
        self.heartbeat_interval = None;
    }

    /// Heartbeats have nowhere to go any more.
    pub(super) fn stop_heartbeats(&mut self) {
        (self.heartbeat_interval, self.opens_with_output) = (None, false);
    }

    #[inline]
    pub(super) fn on_input(&mut self, now: Instant) {
        self.last_input = now;
    }

    #[inline]
    pub(super) fn on_output(&mut self, now: Instant) {
        self.last_output = now;
        if core::mem::take(&mut self.opens_with_output) {
            self.last_input = self.last_input.max(now);
        }
    }

    /// Returns when the peer has been silent for too long.
    pub(super) fn silence_deadline(&self, idle_timeout: Option<Duration>) -> Option<Instant> {
        let timeout = idle_timeout.filter(|_| self.limits_silence && !self.opens_with_output)?;
        Some(self.last_input.saturating_add(timeout))
    }

    /// Returns when a heartbeat is due: never while output waits, which will do as well.
    pub(super) fn heartbeat_deadline(&self, outbox: &Outbox) -> Option<Instant> {
        self.heartbeat_interval
            .filter(|_| outbox.is_empty())
            .map(|interval| self.last_output.saturating_add(interval))
    }
}

impl Connection {
    /// Ends the connection if the peer has been silent for too long, and writes a heartbeat if one is due.
    pub(super) fn check_keepalive(&mut self) {
        let now = self.cx.timers.now();
        if self
            .keepalive
            .silence_deadline(self.cx.config.idle_timeout)
            .is_some_and(|deadline| deadline <= now)
        {
            // 2.4.5: we close with an error that has the reason, and give up the transport if that is not answered.
            let timeout = self.cx.config.idle_timeout.unwrap_or_default().as_millis();
            let why = format!("no frame arrived within the idle-time-out of {timeout} ms (2.4.5)");
            let failure = Failure::new(Cause::TimedOut, ErrorCondition::ResourceLimitExceeded, why);
            self.end(ConnectionEnd::Failure(failure));
        }
        if self.keepalive.heartbeat_deadline(&self.cx.outbox).is_some_and(|deadline| deadline <= now) {
            self.cx.outbox.empty_frame();
            self.cx.trace.sent_empty();
            self.keepalive.on_output(now);
        }
    }
}
