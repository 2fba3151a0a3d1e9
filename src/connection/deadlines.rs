//! Deadlines, in the order in which they come: any number of them, and none is looked at before its time.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use crate::{
    ids::{LinkId, LinkKey, ReceiverId, SessionId},
    time::Instant,
};

/// What has its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The peer's open.
    Open,
    /// The end of the SASL exchange.
    Sasl,
    /// The peer's close.
    Close,
    /// The peer's end.
    End(SessionId),
    /// The peer's detach.
    Detach(LinkId),
    /// The end of a drain.
    Drain(ReceiverId),
}

impl Due {
    /// The channel of the session that it belongs to.
    fn channel(self) -> Option<u16> {
        match self {
            Self::Open | Self::Sasl | Self::Close => None,
            Self::End(session) => Some(session.slot()),
            Self::Detach(link) => Some(LinkKey::from(link).session),
            Self::Drain(receiver) => Some(LinkKey::from(LinkId::from(receiver)).session),
        }
    }
}

/// Sorted by session, so that those of one are found together.
type Key = (Option<u16>, Due);

/// What is due when.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    at: BTreeMap<Key, Instant>,
    /// The same, by time.
    order: BTreeSet<(Instant, Due)>,
    /// Armed since the last moment that is known: they count from the next.
    fresh: BTreeMap<Key, Duration>,
}

impl Deadlines {
    /// So long after the next moment that is known; instead of what there was.
    pub(super) fn arm(&mut self, due: Due, after: Duration) {
        self.disarm(due);
        self.fresh.insert((due.channel(), due), after);
    }

    pub(super) fn disarm(&mut self, due: Due) {
        if self.is_empty() {
            return;
        }
        let key = (due.channel(), due);
        self.fresh.remove(&key);
        if let Some(at) = self.at.remove(&key) {
            self.order.remove(&(at, due));
        }
    }

    /// Disarms all that belongs to the session on a channel.
    pub(super) fn disarm_session(&mut self, channel: u16) {
        if self.is_empty() {
            return;
        }
        // Of all that a session has, an end comes first.
        let first = (Some(channel), Due::End(SessionId::new(0, 0)));
        let next = |map: &mut dyn Iterator<Item = Key>| map.next().filter(|(of, _)| *of == Some(channel));
        while let Some((_, due)) = next(&mut self.at.range(first..).map(|(key, _)| *key))
            .or_else(|| next(&mut self.fresh.range(first..).map(|(key, _)| *key)))
        {
            self.disarm(due);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.at.is_empty() && self.fresh.is_empty()
    }

    /// A moment is known: what has been armed since the last counts from it.
    #[inline]
    pub(super) fn start(&mut self, now: Instant) {
        if !self.fresh.is_empty() {
            self.start_fresh(now);
        }
    }

    fn start_fresh(&mut self, now: Instant) {
        for (key, after) in core::mem::take(&mut self.fresh) {
            let at = now.saturating_add(after);
            self.at.insert(key, at);
            self.order.insert((at, key.1));
        }
    }

    /// The next of them; what has not begun to count does so now.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let fresh = self.fresh.values().min().map(|after| now.saturating_add(*after));
        self.order.first().map(|(at, _)| *at).into_iter().chain(fresh).min()
    }

    /// Takes one whose time has come.
    pub(super) fn pop_past(&mut self, now: Instant) -> Option<Due> {
        let (_, due) = self.order.first().copied().filter(|(at, _)| *at <= now)?;
        self.disarm(due);
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const SECOND: Duration = Duration::from_secs(1);

    fn link(session: u16, generation: u32) -> LinkId {
        LinkKey { generation, session, handle: 0 }.sender().into()
    }

    #[test]
    fn they_come_in_order_and_count_from_the_moment_after() {
        let mut deadlines = Deadlines::default();
        let at = Instant::from_millis;
        deadlines.arm(Due::Close, SECOND * 2);
        deadlines.arm(Due::Open, SECOND);
        assert_eq!(deadlines.next(at(5)), Some(at(1005)));
        deadlines.start(at(10));
        assert_eq!(deadlines.next(at(700)), Some(at(1010)));
        assert_eq!(deadlines.pop_past(at(1009)), None);
        assert_eq!(deadlines.pop_past(at(3000)), Some(Due::Open));
        // Armed anew, it is not due as it was before.
        deadlines.arm(Due::Close, SECOND * 9);
        deadlines.start(at(3000));
        assert_eq!(deadlines.pop_past(at(3000)), None);
        assert_eq!(deadlines.next(at(3000)), Some(at(12_000)));
        deadlines.disarm(Due::Close);
        assert_eq!(deadlines.next(at(3000)), None);
    }

    #[test]
    fn those_of_a_session_go_with_it_and_no_others() {
        let mut deadlines = Deadlines::default();
        let all = [0_u16, 1, 2].into_iter().flat_map(|channel| {
            let drain = LinkKey { generation: 7, session: channel, handle: 3 }.receiver();
            [
                Due::End(SessionId::new(u32::MAX, channel)),
                Due::Detach(link(channel, u32::MAX)),
                Due::Detach(link(channel, 0)),
                Due::Drain(drain),
            ]
        });
        let all = [Due::Open, Due::Sasl, Due::Close].into_iter().chain(all);
        for (at, due) in all.clone().enumerate() {
            deadlines.arm(due, SECOND);
            if at % 2 == 0 {
                deadlines.start(Instant::from_millis(0));
            }
        }
        deadlines.disarm_session(1);
        deadlines.start(Instant::from_millis(0));
        let mut left: Vec<_> =
            core::iter::from_fn(|| deadlines.pop_past(Instant::from_millis(1000))).collect();
        left.sort_unstable();
        let mut others: Vec<_> = all.filter(|due| due.channel() != Some(1)).collect();
        others.sort_unstable();
        assert_eq!(left, others);
        assert!(deadlines.is_empty() && deadlines.order.is_empty());
    }
}
