//! Timers by name, and the queue that fires them in order.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use crate::{
    ids::{LinkId, LinkKey, ReceiverId, SessionId},
    time::Instant,
};

/// A wait for the peer that has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The peer's open.
    Open,
    /// The end of the SASL exchange.
    Sasl,
    /// The peer's close.
    Close,
    /// The peer's end.
    // The first of the timers of a session: `cancel_session` starts its search here.
    End(SessionId),
    /// The peer's detach.
    Detach(LinkId),
    /// The answer to a drain.
    Drain(ReceiverId),
}

impl Timer {
    /// Returns our channel of the session that the timer belongs to.
    fn channel(self) -> Option<u16> {
        match self {
            Self::Open | Self::Sasl | Self::Close => None,
            Self::End(session) => Some(session.slot()),
            Self::Detach(link) => Some(LinkKey::from(link).session),
            Self::Drain(receiver) => Some(LinkKey::from(LinkId::from(receiver)).session),
        }
    }
}

/// Sorts the timers of one session next to each other.
type Key = (Option<u16>, Timer);

/// The timers that run, by name and by deadline.
///
/// Commands bring no time, so a timer that one of them starts has a duration first, and gets its deadline at the next
/// [`advance`](Self::advance).
#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    now: Instant,
    deadlines: BTreeMap<Key, Instant>,
    by_deadline: BTreeSet<(Instant, Timer)>,
    unstarted: BTreeMap<Key, Duration>,
}

impl TimerQueue {
    /// Returns the latest time that the caller has passed in.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Moves the time forward, and starts the timers set since the last call. Time never goes back.
    #[inline]
    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if !self.unstarted.is_empty() {
            self.start_pending();
        }
    }

    fn start_pending(&mut self) {
        for (key, after) in core::mem::take(&mut self.unstarted) {
            let deadline = self.now.saturating_add(after);
            self.deadlines.insert(key, deadline);
            self.by_deadline.insert((deadline, key.1));
        }
    }

    /// Sets a timer, in place of an earlier one of its name. `None` sets none and leaves the earlier one.
    pub(crate) fn set(&mut self, timer: Timer, after: Option<Duration>) {
        let Some(after) = after else { return };
        self.cancel(timer);
        self.unstarted.insert((timer.channel(), timer), after);
    }

    pub(crate) fn cancel(&mut self, timer: Timer) {
        if self.is_empty() {
            return;
        }
        let key = (timer.channel(), timer);
        self.unstarted.remove(&key);
        if let Some(deadline) = self.deadlines.remove(&key) {
            self.by_deadline.remove(&(deadline, timer));
        }
    }

    /// Cancels the timers of a link that is gone.
    pub(crate) fn cancel_link(&mut self, link: LinkId) {
        self.cancel(Timer::Detach(link));
        if let LinkId::Receiver(receiver) = link {
            self.cancel(Timer::Drain(receiver));
        }
    }

    /// Cancels the timers of the session on a channel, and of its links.
    pub(crate) fn cancel_session(&mut self, channel: u16) {
        if self.is_empty() {
            return;
        }
        let first = (Some(channel), Timer::End(SessionId::new(0, 0)));
        let next = |keys: &mut dyn Iterator<Item = Key>| keys.next().filter(|(of, _)| *of == Some(channel));
        while let Some((_, timer)) = next(&mut self.deadlines.range(first..).map(|(key, _)| *key))
            .or_else(|| next(&mut self.unstarted.range(first..).map(|(key, _)| *key)))
        {
            self.cancel(timer);
        }
    }

    pub(crate) fn cancel_all(&mut self) {
        *self = Self { now: self.now, ..Self::default() };
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.deadlines.is_empty() && self.unstarted.is_empty()
    }

    /// Returns the next deadline; timers without one count from now.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let unstarted = self.unstarted.values().min().map(|after| self.now.saturating_add(*after));
        self.by_deadline.first().map(|(deadline, _)| *deadline).into_iter().chain(unstarted).min()
    }

    /// Removes and returns a timer whose deadline has passed.
    pub(crate) fn pop_expired(&mut self) -> Option<Timer> {
        let (_, timer) = self.by_deadline.first().copied().filter(|(deadline, _)| *deadline <= self.now)?;
        self.cancel(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const SECOND: Option<Duration> = Some(Duration::from_secs(1));

    fn link(session: u16, generation: u32) -> LinkId {
        LinkKey { generation, session, handle: 0 }.sender().into()
    }

    #[test]
    fn timers_fire_in_order_and_count_from_the_next_time_known() {
        let mut timers = TimerQueue::default();
        let at = Instant::from_millis;
        timers.advance(at(5));
        timers.set(Timer::Close, Some(Duration::from_secs(2)));
        timers.set(Timer::Open, SECOND);
        assert_eq!(timers.next_deadline(), Some(at(1005)));
        timers.advance(at(10));
        assert_eq!(timers.next_deadline(), Some(at(1010)));
        timers.advance(at(1009));
        assert_eq!(timers.pop_expired(), None);
        timers.advance(at(3000));
        assert_eq!(timers.pop_expired(), Some(Timer::Open));
        // Set again, it does not fire at its earlier deadline.
        timers.set(Timer::Close, Some(Duration::from_secs(9)));
        timers.advance(at(2000));
        assert_eq!((timers.pop_expired(), timers.now()), (None, at(3000)), "time does not go back");
        assert_eq!(timers.next_deadline(), Some(at(12_000)));
        timers.set(Timer::Close, None);
        assert_eq!(timers.next_deadline(), Some(at(12_000)), "no duration, no change");
        timers.cancel(Timer::Close);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn cancelling_a_session_leaves_the_timers_of_others() {
        let mut timers = TimerQueue::default();
        let all = [0_u16, 1, 2].into_iter().flat_map(|channel| {
            let drain = LinkKey { generation: 7, session: channel, handle: 3 }.receiver();
            [
                Timer::End(SessionId::new(u32::MAX, channel)),
                Timer::Detach(link(channel, u32::MAX)),
                Timer::Detach(link(channel, 0)),
                Timer::Drain(drain),
            ]
        });
        let all = [Timer::Open, Timer::Sasl, Timer::Close].into_iter().chain(all);
        for (at, timer) in all.clone().enumerate() {
            timers.set(timer, SECOND);
            if at % 2 == 0 {
                timers.advance(Instant::from_millis(0));
            }
        }
        timers.cancel_session(1);
        timers.advance(Instant::from_millis(0));
        timers.advance(Instant::from_millis(1000));
        let mut left: Vec<_> = core::iter::from_fn(|| timers.pop_expired()).collect();
        left.sort_unstable();
        let mut others: Vec<_> = all.filter(|timer| timer.channel() != Some(1)).collect();
        others.sort_unstable();
        assert_eq!(left, others);
        assert!(timers.is_empty());
    }
}
