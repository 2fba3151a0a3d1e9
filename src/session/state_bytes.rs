//! The bytes that the states of a session's unsettled deliveries take up, and those in dispositions that wait.

use alloc::boxed::Box;

use super::stored_state::{STATE_SIZE, StoredState};

/// The end that has given a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Giver {
    Us,
    Peer,
}

impl Giver {
    const fn other(self) -> Self {
        match self {
            Self::Us => Self::Peer,
            Self::Peer => Self::Us,
        }
    }
}

/// The account of a session's states. Each counts once, however many deliveries share it.
///
/// Whoever drops or replaces a state has it [freed](Self::free) before.
// In a box: most sessions have no states that take up memory.
#[derive(Debug, Default)]
pub(crate) struct StateBytes(Option<Box<Totals>>);

#[derive(Debug, Default)]
struct Totals {
    ours: usize,
    peers: usize,
    /// Those of facts about both ends.
    facts: usize,
    /// Those in dispositions that have not been written.
    waiting: usize,
    /// Those of states that were added since the deliveries of links that are gone were last looked for.
    added: usize,
    /// There are more or fewer than the connection's account has been charged.
    is_charge_due: bool,
}

impl StateBytes {
    /// Returns the bytes of the states that an end has given.
    pub(super) fn of(&self, giver: Giver) -> usize {
        self.0.as_ref().map_or(0, |totals| match giver {
            Giver::Us => totals.ours,
            Giver::Peer => totals.peers,
        })
    }

    /// Returns the bytes of all states.
    pub(super) fn total(&self) -> usize {
        self.0.as_ref().map_or(0, |totals| {
            let parts = [totals.ours, totals.peers, totals.facts, totals.waiting];
            parts.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))
        })
    }

    /// Returns the bytes of those in dispositions that have not been written.
    pub(super) fn waiting(&self) -> usize {
        self.0.as_ref().map_or(0, |totals| totals.waiting)
    }

    /// Counts the state of a disposition, which takes up `bytes` until it is written.
    pub(super) fn add_waiting(&mut self, bytes: usize) {
        if bytes > 0 {
            self.change(|totals| &mut totals.waiting, |before| before.saturating_add(bytes));
        }
    }

    /// Takes the states of dispositions off the account: they have been written, or dropped.
    #[inline]
    pub(super) fn free_waiting(&mut self) {
        if self.0.is_some() && self.waiting() > 0 {
            self.change(|totals| &mut totals.waiting, |_| 0);
        }
    }

    /// True if there are more or fewer than the connection's account has been charged.
    #[inline]
    pub(super) fn is_charge_due(&self) -> bool {
        self.0.as_ref().is_some_and(|totals| totals.is_charge_due)
    }

    /// Notes that the connection's account is charged all of them.
    pub(super) fn on_charge(&mut self) {
        if let Some(totals) = &mut self.0 {
            totals.is_charge_due = false;
        }
    }

    #[cold]
    fn change(&mut self, which: impl FnOnce(&mut Totals) -> &mut usize, change: impl FnOnce(usize) -> usize) {
        let totals = self.0.get_or_insert_default();
        totals.is_charge_due = true;
        let bytes = which(totals);
        *bytes = change(*bytes);
    }

    /// Counts a state that is new.
    pub(super) fn add(&mut self, giver: Giver, bytes: usize) {
        self.change(|totals| totals.of(giver), |before| before.saturating_add(bytes));
        if let Some(totals) = &mut self.0 {
            totals.added = totals.added.saturating_add(bytes);
        }
    }

    /// Returns the bytes of the states that were added since the deliveries of links that are gone were last looked for.
    pub(super) fn added(&self) -> usize {
        self.0.as_ref().map_or(0, |totals| totals.added)
    }

    /// Takes note that they are looked for.
    pub(super) fn on_look(&mut self) {
        if let Some(totals) = &mut self.0 {
            totals.added = 0;
        }
    }

    /// Counts facts about both ends that are new.
    pub(super) fn add_facts(&mut self) {
        self.change(|totals| &mut totals.facts, |before| before.saturating_add(STATE_SIZE));
    }

    /// Takes the state of one end off the account, if nobody shares it.
    pub(super) fn free(&mut self, giver: Giver, state: &StoredState) {
        if state.is_last() {
            self.change(|totals| totals.of(giver), |before| before.saturating_sub(state.heap_size()));
        }
    }

    /// Returns `keep`, and frees the states of a delivery that is not kept.
    #[inline]
    pub(super) fn kept(&mut self, keep: bool, receiver: Giver, state: &StoredState) -> bool {
        if !keep && !state.is_unknown() {
            self.free_both(receiver, state);
        }
        keep
    }

    /// Takes the states of a delivery off the account, if nobody shares them; `receiver` has given that of the receiver.
    #[cold]
    #[inline(never)]
    pub(super) fn free_both(&mut self, receiver: Giver, state: &StoredState) {
        let Some(both) = state.both_ends() else { return self.free(receiver, state) };
        if state.is_last() {
            self.change(|totals| &mut totals.facts, |before| before.saturating_sub(STATE_SIZE));
            self.free(receiver, &both.receivers);
            self.free(receiver.other(), &both.senders);
        }
    }
}

impl Totals {
    fn of(&mut self, giver: Giver) -> &mut usize {
        match giver {
            Giver::Us => &mut self.ours,
            Giver::Peer => &mut self.peers,
        }
    }
}
