//! Timers by name, and the queue that fires them in order.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
};
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
    /// The peer's close, or that it reads the last of our output.
    Close,
    /// The peer reads its answers.
    UnreadReplies,
    /// The answer to our begin, or to our end.
    // The first of the timers of a session: `cancel_session` starts its search here.
    Session(SessionId),
    /// The answer to our attach, or to our detach.
    Link(LinkId),
    /// The answer to a drain.
    Drain(ReceiverId),
    /// The answer to an echo of a session.
    SessionEcho(SessionId),
    /// The answer to an echo of a link.
    LinkEcho(LinkId),
}

impl Timer {
    /// Returns our channel of the session that the timer belongs to.
    fn channel(self) -> Option<u16> {
        match self {
            Self::Open | Self::Sasl | Self::Close | Self::UnreadReplies => None,
            Self::Session(session) | Self::SessionEcho(session) => Some(session.slot()),
            Self::Link(link) | Self::LinkEcho(link) => Some(LinkKey::from(link).session),
            Self::Drain(receiver) => Some(LinkKey::from(LinkId::from(receiver)).session),
        }
    }

    /// Returns the set of its kind alone.
    #[inline]
    fn kind(self) -> u16 {
        match self {
            Self::Open => 1,
            Self::Sasl => 1 << 1,
            Self::Close => 1 << 2,
            Self::UnreadReplies => 1 << 3,
            Self::Session(_) => 1 << 4,
            Self::SessionEcho(_) => 1 << 5,
            Self::Link(_) => 1 << 6,
            Self::LinkEcho(_) => 1 << 7,
            Self::Drain(_) => 1 << 8,
        }
    }
}

/// The kinds of timers that belong to a link.
const OF_LINKS: u16 = 0b1_1100_0000;

/// The kinds of timers that belong to a session or its links.
const OF_SESSIONS: u16 = OF_LINKS | 0b11_0000;

/// The timers that run, by name and by deadline.
///
/// Commands bring no time, so a timer that one of them starts has a duration first, and gets its deadline at the next
/// [`advance`](Self::advance).
///
/// Most connections never wait for more than two answers at once, so two timers have places of their own.
#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    now: Instant,
    /// The first timers with their deadlines. One that has not started counts its deadline from 0.
    few: [Option<(Timer, Instant)>; 2],
    /// Which of `few` have not started.
    unstarted: [bool; 2],
    /// A timer of `few` or `many` has not started.
    has_unstarted: bool,
    /// The kinds of timers set since none ran, so that most need no search for one to cancel.
    kinds: u16,
    many: Option<Box<ManyTimers>>,
}

/// Sorts the timers of one session next to each other.
type Key = (Option<u16>, Timer);

/// Any number of timers.
#[derive(Debug, Default)]
struct ManyTimers {
    deadlines: BTreeMap<Key, Instant>,
    by_deadline: BTreeSet<(Instant, Timer)>,
    /// Deadlines that count from 0.
    unstarted: BTreeMap<Key, Instant>,
}

/// Returns a deadline that counted from 0.
fn counted_from(now: Instant, deadline: Instant) -> Instant {
    Instant::from_millis(now.as_millis().saturating_add(deadline.as_millis()))
}

impl ManyTimers {
    fn start(&mut self, now: Instant) {
        for (key, deadline) in core::mem::take(&mut self.unstarted) {
            let deadline = counted_from(now, deadline);
            self.deadlines.insert(key, deadline);
            self.by_deadline.insert((deadline, key.1));
        }
    }

    fn cancel(&mut self, timer: Timer) {
        let key = (timer.channel(), timer);
        self.unstarted.remove(&key);
        if let Some(deadline) = self.deadlines.remove(&key) {
            self.by_deadline.remove(&(deadline, timer));
        }
    }

    fn cancel_session(&mut self, channel: u16) {
        let first = (Some(channel), Timer::Session(SessionId::new(0, 0)));
        let next = |keys: &mut dyn Iterator<Item = Key>| keys.next().filter(|(of, _)| *of == Some(channel));
        while let Some((_, timer)) = next(&mut self.deadlines.range(first..).map(|(key, _)| *key))
            .or_else(|| next(&mut self.unstarted.range(first..).map(|(key, _)| *key)))
        {
            self.cancel(timer);
        }
    }

    fn is_empty(&self) -> bool {
        self.deadlines.is_empty() && self.unstarted.is_empty()
    }
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
        if self.has_unstarted {
            self.start_pending();
        }
    }

    #[inline(never)]
    fn start_pending(&mut self) {
        self.has_unstarted = false;
        let now = self.now;
        let start = |slot: &mut Option<(Timer, Instant)>, unstarted: &mut bool| {
            if core::mem::take(unstarted)
                && let Some((_, deadline)) = slot
            {
                *deadline = counted_from(now, *deadline);
            }
        };
        let ([first, second], [first_unstarted, second_unstarted]) = (&mut self.few, &mut self.unstarted);
        start(first, first_unstarted);
        start(second, second_unstarted);
        if let Some(many) = &mut self.many {
            many.start(now);
        }
    }

    /// Sets a timer, in place of an earlier one of its name. `None` sets none.
    pub(crate) fn set(&mut self, timer: Timer, after: Option<Duration>) {
        self.cancel(timer);
        let Some(after) = after else { return };
        let deadline = Instant::default().saturating_add(after);
        self.has_unstarted = true;
        self.kinds |= timer.kind();
        let ([first, second], [first_unstarted, second_unstarted]) = (&mut self.few, &mut self.unstarted);
        if first.is_none() {
            (*first, *first_unstarted) = (Some((timer, deadline)), true);
        } else if second.is_none() {
            (*second, *second_unstarted) = (Some((timer, deadline)), true);
        } else {
            self.set_one_of_many(timer, deadline);
        }
    }

    #[cold]
    fn set_one_of_many(&mut self, timer: Timer, deadline: Instant) {
        let many = self.many.get_or_insert_default();
        many.unstarted.insert((timer.channel(), timer), deadline);
    }

    #[inline]
    pub(crate) fn cancel(&mut self, timer: Timer) {
        if self.kinds & timer.kind() != 0 {
            self.cancel_where(|other| other == timer, |many| many.cancel(timer));
        }
    }

    /// Cancels the timers of a link that is gone.
    #[inline]
    pub(crate) fn cancel_link(&mut self, link: LinkId) {
        if self.kinds & OF_LINKS == 0 {
            return;
        }
        self.cancel(Timer::Link(link));
        self.cancel(Timer::LinkEcho(link));
        if let LinkId::Receiver(receiver) = link {
            self.cancel(Timer::Drain(receiver));
        }
    }

    /// Cancels the timers of the session on a channel, and of its links.
    #[inline]
    pub(crate) fn cancel_session(&mut self, channel: u16) {
        if self.kinds & OF_SESSIONS != 0 {
            self.cancel_where(|timer| timer.channel() == Some(channel), |many| many.cancel_session(channel));
        }
    }

    /// Cancels timers of `few`, and those that `cancel_many` does.
    #[inline(never)]
    fn cancel_where(&mut self, is_over: impl Fn(Timer) -> bool, cancel_many: impl FnOnce(&mut ManyTimers)) {
        for (slot, unstarted) in self.few.iter_mut().zip(&mut self.unstarted) {
            if slot.is_some_and(|(timer, _)| is_over(timer)) {
                (*slot, *unstarted) = (None, false);
            }
        }
        if self.many.is_some() {
            self.cancel_of_many(cancel_many);
        } else if self.few.iter().all(Option::is_none) {
            self.kinds = 0;
        }
    }

    #[cold]
    #[inline(never)]
    fn cancel_of_many(&mut self, cancel: impl FnOnce(&mut ManyTimers)) {
        if let Some(many) = &mut self.many {
            cancel(many);
        }
        // An idle connection keeps no memory for it.
        if self.many.take_if(|many| many.is_empty()).is_some() && self.few.iter().all(Option::is_none) {
            self.kinds = 0;
        }
    }

    pub(crate) fn cancel_all(&mut self) {
        *self = Self { now: self.now, ..Self::default() };
    }

    /// Returns the next deadline; timers without one count from now.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let many = self.many.as_deref();
        let unstarted = many.and_then(|many| many.unstarted.values().min());
        let started = many.and_then(|many| many.by_deadline.first()).map(|(deadline, _)| *deadline);
        let few = self.few.iter().zip(self.unstarted).filter_map(|(slot, unstarted)| {
            let (_, deadline) = (*slot)?;
            Some(if unstarted { counted_from(self.now, deadline) } else { deadline })
        });
        few.chain(unstarted.map(|deadline| counted_from(self.now, *deadline))).chain(started).min()
    }

    /// Removes and returns a timer whose deadline has passed.
    pub(crate) fn pop_expired(&mut self) -> Option<Timer> {
        let few = self.few.iter().zip(self.unstarted).filter(|(_, unstarted)| !unstarted);
        let few = few.filter_map(|(slot, _)| slot.map(|(timer, deadline)| (deadline, timer)));
        let many = self.many.as_deref().and_then(|many| many.by_deadline.first().copied());
        let (_, timer) = few.chain(many).min().filter(|(deadline, _)| *deadline <= self.now)?;
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
        assert_eq!(timers.next_deadline(), None, "no duration, no timer");
        timers.set(Timer::Close, SECOND);
        timers.cancel(Timer::Close);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn cancelling_a_session_leaves_the_timers_of_others() {
        let mut timers = TimerQueue::default();
        let all = [0_u16, 1, 2].into_iter().flat_map(|channel| {
            let drain = LinkKey { generation: 7, session: channel, handle: 3 }.receiver();
            [
                Timer::Session(SessionId::new(u32::MAX, channel)),
                Timer::Link(link(channel, u32::MAX)),
                Timer::Link(link(channel, 0)),
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
        assert!(timers.many.is_none() && timers.few == [None, None]);
    }
}
