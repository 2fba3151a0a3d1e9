//! The bytes of the heap that a connection holds for its peer, against a budget.

use alloc::{boxed::Box, collections::VecDeque};
use core::ops::Range;

/// The bytes that an unpolled event takes up beside its payload.
pub(crate) const EVENT_SIZE: usize = 128;

/// Events with details of as many bytes are polled before more input is handled: decoded values take up many times what
/// they do on the wire.
pub(crate) const MAX_DETAILS: usize = 32 << 10;

/// Read buffers may be kept alive with this many bytes more than is held, within [`WASTE`].
const MAX_PINNED: usize = 64 << 10;

/// One part in this many of the budget, at most, may be bytes of read buffers beside the payloads in them.
const WASTE: usize = 8;

/// One part in this many of the budget, and of a session's share, is not taken up by messages of ours, so that the peer
/// can send some too.
const PEERS_PART: usize = 4;

/// One part in this many of the budget, at most, is kept beyond it for sessions that are refused.
const RESERVE: usize = 8;

/// The account of one connection. Sizes are those on the heap, as near as can be known, and rather too high.
///
/// Memory that the peer drives alone is [kept](Self::keep): beyond the budget the endpoint that keeps it ends with
/// `amqp:resource-limit-exceeded`. Events and streamed deliveries wait for the application, so beyond the budget input
/// waits too.
#[derive(Debug)]
pub(crate) struct Account {
    budget: usize,
    kept: usize,
    /// Bytes of streamed deliveries that the application has not read.
    unread: usize,
    /// The part of the budget that they leave.
    rest: usize,
    /// The events that carry a delivery or a part of one, with the payloads of whole ones.
    deliveries: usize,
    /// Input stops once `deliveries` is as much.
    max_deliveries: usize,
    /// The size of the read buffers that were in use while payloads were held, which share them and keep them alive.
    pinned: usize,
    /// The addresses of the read buffer that was used last while payloads were held.
    block: Range<usize>,
    /// The payloads are compared with the read buffers once `pinned` is above this.
    next_check: usize,
    /// Incomplete deliveries that sessions hold.
    parts: u32,
    /// Input waits for something else.
    stopped: bool,
    /// Made with the first event that has details.
    details: Option<Box<Details>>,
    /// The least that something waits for to be left.
    awaited: usize,
}

/// The parts of events that the peer sent beside payloads: states and errors.
#[derive(Debug, Default)]
struct Details {
    /// The number of events from one with details to the next, and the bytes of those details.
    queue: VecDeque<(usize, usize)>,
    /// The number of events up to the last with details.
    events: usize,
    bytes: usize,
}

/// Returns the part of these bytes that messages of ours may take up.
pub(crate) const fn without_peers_part(bytes: usize) -> usize {
    bytes.saturating_sub(bytes / PEERS_PART)
}

impl Account {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            budget,
            kept: 0,
            unread: 0,
            rest: budget,
            deliveries: 0,
            max_deliveries: budget.max(1),
            pinned: 0,
            block: 0..0,
            next_check: 0,
            parts: 0,
            stopped: false,
            details: None,
            awaited: usize::MAX,
        }
    }

    pub(crate) fn set_budget(&mut self, budget: usize) {
        self.budget = budget;
        self.replace_unread(0, 0);
    }

    /// Replaces an amount of unread bytes of streamed deliveries by another. Beyond the budget input waits for the
    /// application to read some.
    pub(crate) fn replace_unread(&mut self, before: usize, now: usize) {
        // What is taken off has been added before.
        self.unread = self.unread.wrapping_sub(before).wrapping_add(now);
        self.rest = self.budget.saturating_sub(self.unread);
        self.update_room();
    }

    /// True if unread bytes of streamed deliveries, and what is kept, leave no room for more.
    pub(crate) fn waits_for_reading(&self) -> bool {
        self.unread > 0 && self.kept >= self.rest
    }

    /// Replaces an amount that is kept by another; returns true if all that is kept is within the budget.
    #[inline]
    pub(crate) fn keep(&mut self, before: usize, now: usize) -> bool {
        // What is taken off has been added before.
        self.kept = self.kept.wrapping_sub(before).wrapping_add(now);
        self.update_room();
        self.kept <= self.budget
    }

    /// True if this much more can be kept.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        self.kept.saturating_add(bytes) <= self.budget
    }

    /// True if this much more can be kept beyond the budget, for as long as it takes to refuse what needs it.
    pub(crate) fn has_reserve_for(&self, bytes: usize) -> bool {
        self.kept.saturating_add(bytes) <= self.budget.saturating_add(self.budget / RESERVE)
    }

    /// Returns how much more can be kept, in bytes, if nothing waits for the application.
    pub(crate) fn left_to_keep(&self) -> usize {
        self.budget.saturating_sub(self.kept)
    }

    /// Returns how much more messages of ours can take up, in bytes.
    pub(crate) fn left_for_own(&self) -> usize {
        without_peers_part(self.budget).saturating_sub(self.held())
    }

    /// True if more is held than messages of ours may take up, without `freed` bytes that are not taken off yet.
    pub(crate) fn owns_too_much(&self, freed: usize) -> bool {
        self.held().saturating_sub(freed) > without_peers_part(self.budget)
    }

    /// Returns how much more can be held, in bytes, beside what waits for the application.
    pub(crate) fn left_to_hold(&self) -> usize {
        self.budget.saturating_sub(self.held())
    }

    /// Returns how much is kept, in bytes.
    #[cfg(feature = "testing")]
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Has something wait until this much more can be held, or less that something else waits for.
    pub(crate) fn await_room(&mut self, bytes: usize) {
        self.awaited = self.awaited.min(bytes);
    }

    /// True if there is room for one of those that wait for it.
    #[inline]
    pub(crate) fn has_awaited_room(&self) -> bool {
        self.awaited != usize::MAX && self.awaited <= self.left_for_own()
    }

    /// Ends the wait for room.
    pub(crate) fn await_nothing(&mut self) {
        self.awaited = usize::MAX;
    }

    /// True if retained deliveries and spare room have to make room.
    pub(crate) fn is_half_full(&self) -> bool {
        self.kept > self.budget / 2
    }

    /// Has input wait, or go on.
    pub(crate) fn stop(&mut self, stopped: bool) {
        self.stopped = stopped;
        self.update_room();
    }

    #[inline]
    fn update_room(&mut self) {
        let must_stop =
            self.stopped || self.details.as_ref().is_some_and(|details| details.bytes >= MAX_DETAILS);
        // Without an event to poll, or bytes to read, input never waits for one.
        let least = usize::from(self.unread == 0);
        self.max_deliveries = if must_stop { 0 } else { self.rest.saturating_sub(self.kept).max(least) };
    }

    /// True if the unpolled events leave room for more.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.deliveries < self.max_deliveries
    }

    /// Adds an event that carries `bytes` of a delivery.
    #[inline]
    pub(crate) fn add_delivery(&mut self, bytes: usize) {
        self.deliveries = self.deliveries.wrapping_add(bytes.wrapping_add(EVENT_SIZE));
    }

    /// Removes an event that carries `bytes` of a delivery.
    #[inline]
    pub(crate) fn remove_delivery(&mut self, bytes: usize) {
        // What is taken off has been added before.
        self.deliveries = self.deliveries.wrapping_sub(bytes.wrapping_add(EVENT_SIZE));
    }

    /// True if payloads are held, which may share the caller's read buffers.
    #[inline]
    pub(crate) fn holds_payloads(&self) -> bool {
        self.deliveries > 0 || self.parts > 0
    }

    /// Takes note that `bytes` of input, in this block if it is known, have been handled while payloads were held.
    /// Returns true if read buffers may be kept alive that are much larger than the payloads in them:
    /// [`must_copy`](Self::must_copy) decides.
    pub(crate) fn on_input(&mut self, bytes: usize, block: Option<Range<usize>>) -> bool {
        let more = block.map_or(bytes, |block| self.enter(block));
        if self.pinned == 0 {
            self.next_check = 0;
        }
        self.pinned = self.pinned.saturating_add(more);
        let (held, waste) = (self.held(), self.max_waste());
        self.pinned > waste && (self.pinned > self.next_check || self.pinned > held.saturating_add(waste))
    }

    /// Returns the bytes that a block keeps alive and that are not in `pinned`.
    fn enter(&mut self, block: Range<usize>) -> usize {
        // A payload keeps a part from being allocated again, so a block that begins in the last one is the same.
        if !self.block.contains(&block.start) {
            let size = block.len();
            self.block = block;
            return size;
        }
        // A copy was made since the block was entered; more payloads can share it.
        let counted = if self.pinned == 0 { 0 } else { self.block.len() };
        self.block.end = self.block.end.max(block.end);
        self.block.len().saturating_sub(counted)
    }

    fn held(&self) -> usize {
        self.kept.saturating_add(self.unread).saturating_add(self.deliveries)
    }

    fn max_waste(&self) -> usize {
        self.held().saturating_add(MAX_PINNED).min(self.budget / WASTE)
    }

    /// True if payloads, of which `shared` bytes are in read buffers, must be [copied](Self::on_copied). If not, they
    /// are compared again once there are more buffers.
    pub(crate) fn must_copy(&mut self, shared: usize) -> bool {
        let waste = self.max_waste();
        self.next_check = self.pinned.saturating_add(waste / 2);
        self.pinned.saturating_sub(shared) > waste
    }

    /// Takes note that no payload shares a read buffer.
    #[inline]
    pub(crate) fn on_copied(&mut self) {
        self.pinned = 0;
    }

    /// Adds to the number of incomplete deliveries, and takes off it.
    #[inline]
    pub(crate) fn count_parts(&mut self, more: u32, fewer: u32) {
        self.parts = self.parts.wrapping_add(more).saturating_sub(fewer);
    }

    /// True if an event carries a delivery, or a part of one.
    #[inline]
    pub(crate) fn has_deliveries(&self) -> bool {
        self.deliveries > 0
    }

    /// Adds the details of the last of `events` queued events.
    #[cold]
    pub(crate) fn add_details(&mut self, events: usize, bytes: usize) {
        if events == 0 || bytes == 0 {
            return;
        }
        let details = self.details.get_or_insert_default();
        details.queue.push_back((events.saturating_sub(details.events), bytes));
        details.events = events;
        details.bytes = details.bytes.saturating_add(bytes);
        self.update_room();
    }

    /// Takes note that the first event leaves the queue.
    #[inline]
    pub(crate) fn on_polled(&mut self) {
        if self.details.is_some() {
            self.remove_details();
        }
    }

    /// Takes note that an event is removed from this place in the queue.
    #[cold]
    pub(crate) fn remove_event(&mut self, at: usize) {
        let Some(details) = &mut self.details else { return };
        let mut end = 0_usize;
        for (events, bytes) in &mut details.queue {
            end = end.saturating_add(*events);
            if at >= end {
                continue;
            }
            *events = events.saturating_sub(1);
            details.events = details.events.saturating_sub(1);
            if at.saturating_add(1) == end {
                // The details are its own. The entry stays, as one without any.
                details.bytes = details.bytes.saturating_sub(core::mem::take(bytes));
            }
            break;
        }
        self.trim_details();
    }

    #[cold]
    fn remove_details(&mut self) {
        let Some(details) = &mut self.details else { return };
        details.events = details.events.saturating_sub(1);
        if let Some((events, _)) = details.queue.front_mut() {
            *events = events.saturating_sub(1);
        }
        self.trim_details();
    }

    /// Removes the details of events that have left the queue.
    fn trim_details(&mut self) {
        let Some(details) = &mut self.details else { return };
        while let Some((0, bytes)) = details.queue.front().copied() {
            details.bytes = details.bytes.saturating_sub(bytes);
            details.queue.pop_front();
        }
        if details.queue.is_empty() {
            self.details = None;
        }
        self.update_room();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_stops_for_events_and_what_is_kept_has_the_whole_budget() {
        let mut account = Account::new(1000);
        assert!(account.keep(0, 1000) && !account.keep(0, 1) && account.has_room());
        account.add_delivery(0);
        assert!(!account.has_room() && account.has_deliveries());
        account.remove_delivery(0);
        assert!(account.has_room() && !account.has_deliveries() && account.keep(1001, 600));
        assert!(account.has_room_for(400) && !account.has_room_for(401) && account.is_half_full());
        account.add_delivery(250);
        assert!(account.has_room());
        account.add_delivery(0);
        assert!(!account.has_room());
        account.set_budget(2000);
        assert!(account.has_room() && !account.is_half_full());
    }

    #[test]
    fn there_is_awaited_room_once_the_least_of_those_that_wait_has_it() {
        let mut account = Account::new(1000);
        account.keep(0, 600);
        account.replace_unread(0, 200);
        account.add_delivery(200 - EVENT_SIZE);
        assert!(!account.has_awaited_room());
        account.await_room(100);
        account.await_room(500);
        account.replace_unread(200, 0);
        assert!(!account.has_awaited_room());
        account.remove_delivery(200 - EVENT_SIZE);
        assert!(account.has_awaited_room());
        account.await_nothing();
        account.keep(600, 0);
        assert!(!account.has_awaited_room());
    }

    #[test]
    fn a_block_is_counted_once_until_its_payloads_are_copied() {
        let mut account = Account::new(8000);
        assert!(!account.on_input(10, Some(1000..1900)) && !account.on_input(10, Some(1010..1900)));
        assert_eq!(account.pinned, 900);
        assert!(!account.on_input(100, Some(1500..2000)));
        assert_eq!(account.pinned, 1000);
        assert!(account.on_input(1, Some(2000..2001)));
        assert!(!account.must_copy(1) && account.must_copy(0));

        account.on_copied();
        assert!(!account.on_input(1, Some(2000..2001)));
        assert_eq!(account.pinned, 1);
        assert!(!account.on_input(10, None));
        assert_eq!(account.pinned, 11);
    }

    #[test]
    fn payloads_are_compared_in_steps_and_if_less_is_held_at_once() {
        let mut account = Account::new(80_000);
        account.add_delivery(30_000);
        assert!(account.on_input(20_000, None) && !account.must_copy(20_000));
        assert!(!account.on_input(5000, None));
        assert!(account.on_input(1, None) && !account.must_copy(25_001));
        assert!(!account.on_input(1, None));
        account.remove_delivery(30_000);
        assert!(account.on_input(1, None));
    }

    #[test]
    fn an_event_that_is_removed_takes_its_details_along() {
        let mut account = Account::new(100_000);
        account.add_details(2, 10);
        account.add_details(4, MAX_DETAILS);
        assert!(!account.has_room());
        account.remove_event(0);
        account.remove_event(2);
        account.remove_event(9);
        assert!(account.has_room());
        assert_eq!(account.details.as_ref().map(|details| (details.events, details.bytes)), Some((2, 10)));
        account.remove_event(0);
        account.on_polled();
        assert!(account.details.is_none());
    }

    #[test]
    fn details_are_held_until_their_event_is_polled() {
        let mut account = Account::new(100_000);
        account.add_details(0, 100_000);
        account.add_details(1, 0);
        assert!(account.has_room());
        account.add_details(3, MAX_DETAILS / 2);
        assert!(account.has_room());
        account.add_details(3, MAX_DETAILS / 4);
        account.add_details(4, MAX_DETAILS / 4);
        assert!(!account.has_room());
        (0..2).for_each(|_| account.on_polled());
        assert!(!account.has_room());
        account.on_polled();
        assert!(account.has_room());
        account.on_polled();
        assert!(account.details.is_none() && account.max_deliveries == 100_000);
        account.on_polled();
    }
}
