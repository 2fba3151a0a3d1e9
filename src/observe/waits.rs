//! Waits by name, each with the moment at which it becomes a stall.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::time::Duration;

use super::{Thresholds, finding::StallKind};
use crate::{Instant, Side};

/// The name of a wait. Session and link are 0 if it is not for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaitKey {
    pub(super) session: u32,
    pub(super) link: u32,
    pub(super) kind: StallKind,
    pub(super) for_client: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) since: Instant,
    due: Instant,
    /// It has become a stall.
    pub(super) reported: bool,
    pub(super) count: Option<u32>,
}

#[derive(Debug, Default)]
pub(super) struct Waits {
    waits: BTreeMap<WaitKey, Wait>,
    due: BTreeSet<(Instant, WaitKey)>,
    /// Stalls that are over.
    pub(super) over: Vec<(WaitKey, Wait)>,
}

impl WaitKey {
    pub(super) fn new(session: u32, link: u32, kind: StallKind, waits_for: Side) -> Self {
        Self { session, link, kind, for_client: waits_for == Side::Client }
    }

    pub(super) fn waits_for(&self) -> Side {
        if self.for_client { Side::Client } else { Side::Server }
    }
}

impl Waits {
    /// Starts the wait if there is a reason to, goes on with it if it has started, ends it if there is no reason.
    pub(super) fn set(&mut self, key: WaitKey, since: Option<Instant>, count: Option<u32>, after: Duration) {
        let Some(since) = since else { return self.end(key) };
        if let Some(wait) = self.waits.get_mut(&key) {
            wait.count = count;
            if wait.since == since || key.kind != StallKind::Unsettled {
                return;
            }
            // The oldest delivery is settled, and the next oldest has waited for less.
            self.end(key);
        }
        let due = since.saturating_add(after);
        self.waits.insert(key, Wait { since, due, reported: false, count });
        self.due.insert((due, key));
    }

    /// Ends the wait, if it has started.
    pub(super) fn end(&mut self, key: WaitKey) {
        let Some(wait) = self.waits.remove(&key) else { return };
        self.due.remove(&(wait.due, key));
        if wait.reported {
            self.over.push((key, wait));
        }
    }

    /// Ends all waits of a session, or of one of its links.
    pub(super) fn end_all(&mut self, session: u32, link: Option<u32>) {
        let first = WaitKey::new(session, link.unwrap_or(0), StallKind::Credit, Side::Server);
        let keys = self.waits.range(first..).map(|(key, _)| *key);
        let keys: Vec<_> = keys
            .take_while(|key| key.session == session && link.is_none_or(|link| key.link == link))
            .collect();
        keys.into_iter().for_each(|key| self.end(key));
    }

    /// Ends every wait.
    pub(super) fn end_every(&mut self) {
        let keys: Vec<_> = self.waits.keys().copied().collect();
        keys.into_iter().for_each(|key| self.end(key));
    }

    /// Returns the next wait that is a stall by now, and the moment at which it became one.
    pub(super) fn expire(&mut self, now: Instant) -> Option<(Instant, WaitKey, Wait)> {
        let (due, key) = *self.due.first()?;
        if due > now || due == Instant::from_millis(u64::MAX) {
            return None;
        }
        self.due.pop_first();
        let wait = self.waits.get_mut(&key)?;
        wait.reported = true;
        Some((due, key, *wait))
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due).filter(|due| *due < Instant::from_millis(u64::MAX))
    }
}

impl Thresholds {
    pub(super) fn of(&self, kind: StallKind) -> Duration {
        match kind {
            StallKind::Credit => self.credit,
            StallKind::Window => self.window,
            StallKind::Unsettled => self.unsettled,
            _ => self.answer,
        }
    }
}
