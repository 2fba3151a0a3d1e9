//! Unsettled deliveries by delivery-id: a ring of the recent ones, and a list of those that stay behind.

mod old;

use alloc::{boxed::Box, collections::VecDeque};
use core::ops::ControlFlow;

use self::old::OldDeliveries;
use super::stored_state::StoredState;
use crate::{
    ids::DeliveryId,
    types::{DeliveryNumber, DeliveryTag},
};

/// An unsettled delivery: its link, tag and state, never its payload. One entry fills one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct UnsettledEntry<L> {
    pub(crate) link: L,
    pub(crate) tag: DeliveryTag,
    /// The receiver's, and the sender's once that is terminal.
    pub(crate) state: StoredState,
}

/// The ring may have this many slots however few of them hold an unsettled delivery.
const MIN_RING: usize = 64;
/// Beyond [`MIN_RING`], at most this many times as many slots as unsettled deliveries in the ring: so memory does not
/// depend on the gap between the oldest and the newest.
const MAX_SPARSENESS: usize = 4;
/// The ring grows by as many slots at least.
const MIN_GROWTH: usize = 4;
/// Spare room is counted in as many slots.
const SPARE_STEP: usize = 8;
/// Room for as many steps stays, unless the connection is short of memory: 1,024 slots.
const MAX_SPARE: u8 = 128;
/// Room for as many steps stays even then.
const MIN_SPARE: u8 = 1;
/// One part in this many of a ring is spare when it has been freed, or has grown in a small step.
const SMALL_PART: usize = 8;
/// One part in this many may be spare and not worth freeing. So whatever frees it, and however often, a ring moves only once a
/// part of it has been added or removed since it last did.
const SPARE_PART: usize = 4;
/// The distance to the oldest delivery is checked before each delivery whose number is a multiple of this: numbers 2³¹ or
/// more apart have no order (2.8.10).
const QUARTER_TURN: u32 = 1 << 30;

/// The extent of a walk over a range of deliveries.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walk {
    /// The delivery at which it was broken off, which has not been removed.
    pub(crate) stopped: Option<DeliveryNumber>,
    /// The number of places that were looked at, those of deliveries that were settled before among them.
    pub(crate) places: usize,
}

/// The unsettled deliveries of one direction of a session, whose numbers have no gaps (2.8.8).
///
/// A position is a delivery's number extended to 64 bits, so that comparing positions needs no serial arithmetic.
#[derive(Debug)]
pub(crate) struct UnsettledMap<T> {
    /// The position of the next delivery, which is the one after the ring's last.
    next: u64,
    ring: VecDeque<Option<T>>,
    /// In a box: mostly there are none.
    old: Option<Box<OldDeliveries<T>>>,
    /// Unsettled deliveries in the ring.
    in_ring: u32,
    /// The number of the first delivery.
    first: u32,
    /// The ring may have as many unsettled deliveries before the map has to [grow](Self::grow).
    max_in_ring: u32,
    /// Room for as many slots stays, in steps of [`SPARE_STEP`].
    max_spare: u8,
    /// Its spare room was freed, and it has not grown since: it grows in a small step, which is not freed again.
    is_freed: bool,
    is_charge_due: bool,
    /// The epoch of ids now, and the one before the delivery number last wrapped.
    epochs: (u32, u32),
}

impl<T> UnsettledMap<T> {
    /// Creates a map whose first delivery has this number.
    pub(crate) fn new(first: DeliveryNumber, epoch: u32) -> Self {
        // One turn up, so that numbers before the first, which a peer may name, have positions too.
        let next = (1 << 32) | u64::from(first.get());
        Self {
            next,
            first: first.get(),
            ring: VecDeque::new(),
            old: None,
            in_ring: 0,
            max_in_ring: 0,
            epochs: (epoch, epoch),
            max_spare: MAX_SPARE,
            is_freed: false,
            is_charge_due: false,
        }
    }

    /// Returns the position of the ring's front.
    #[inline]
    fn base(&self) -> u64 {
        self.next.saturating_sub(u64::try_from(self.ring.len()).unwrap_or(u64::MAX))
    }

    /// Returns the position of the oldest delivery.
    fn oldest(&self) -> u64 {
        self.old.as_ref().and_then(|old| old.first()).unwrap_or(self.base())
    }

    /// True if no delivery may be added while the oldest is unsettled, as numbers would soon have no order. All that are
    /// unsettled stay less than half a turn apart.
    #[cold]
    #[inline(never)]
    pub(crate) fn is_too_far(&self) -> bool {
        self.may_be_too_far() && self.next.saturating_sub(self.oldest()) >= QUARTER_TURN.into()
    }

    /// True if [`is_too_far`](Self::is_too_far) has to be asked before a delivery is added.
    #[inline]
    pub(crate) fn may_be_too_far(&self) -> bool {
        number(self.next).get().is_multiple_of(QUARTER_TURN)
    }

    #[inline]
    fn in_ring(&self) -> usize {
        usize::try_from(self.in_ring).unwrap_or(usize::MAX)
    }

    /// Returns the number of unsettled deliveries.
    pub(crate) fn len(&self) -> usize {
        self.in_ring().saturating_add(self.old.as_ref().map_or(0, |old| old.len()))
    }

    /// Returns the bytes of the heap that the deliveries take up, without their states.
    pub(crate) fn heap_size(&self) -> usize {
        let ring = self.ring.capacity().saturating_mul(size_of::<Option<T>>());
        ring.saturating_add(self.old_size())
    }

    #[cfg(test)]
    fn old_len(&self) -> usize {
        self.old.as_ref().map_or(0, |old| old.len())
    }

    /// True if the map has to [grow](Self::grow) before another delivery is added that is unsettled.
    #[inline]
    pub(crate) fn must_grow(&self) -> bool {
        self.in_ring >= self.max_in_ring || self.ring.len() == self.ring.capacity()
    }

    /// Makes room for more deliveries, to be charged by [`heap_size`](Self::heap_size) at once. Returns false if there are
    /// `max` unsettled ones, or if it takes up more than `left` bytes. Grows in small steps if twice the room takes up more
    /// than `at_once`, or behind [`free_spare`](Self::free_spare). If it takes up more than `left`, the oldest move out of a
    /// ring that is half empty.
    #[cold]
    pub(crate) fn grow(&mut self, max: usize, left: usize, at_once: usize) -> bool {
        if !self.can_grow(max, left) {
            return false;
        }
        let (double, bytes) = self.growth();
        if self.ring.len() < self.ring.capacity() {
            // There is a place.
        } else if bytes <= left {
            let is_small = core::mem::take(&mut self.is_freed) || bytes > at_once;
            self.ring.reserve_exact(if is_small { (double / SMALL_PART).max(MIN_GROWTH) } else { double });
        } else {
            (0..self.step()).for_each(|_| self.move_first());
        }
        let more = max.saturating_sub(self.len());
        self.max_in_ring = u32::try_from(self.in_ring().saturating_add(more)).unwrap_or(u32::MAX);
        true
    }

    /// Returns the number of the oldest places that a ring moves out if it cannot grow.
    fn step(&self) -> usize {
        (self.ring.len() / 8).max(1)
    }

    /// Returns the bytes that it takes to move them, at most. Only where hardly half of the places are taken: from a ring that
    /// is full, it would move each of the deliveries that come.
    fn cost_of_step(&self) -> usize {
        if self.in_ring() > self.ring.len() / 2 {
            return usize::MAX;
        }
        let deliveries = self.step().min(self.in_ring());
        let size = match &self.old {
            Some(old) => old.size_with(deliveries),
            None => OldDeliveries::<T>::default().size_with(deliveries),
        };
        size.saturating_sub(self.old_size())
    }

    fn old_size(&self) -> usize {
        self.old.as_ref().map_or(0, |old| old.heap_size())
    }

    /// True if [`grow`](Self::grow) succeeds.
    pub(crate) fn can_grow(&self, max: usize, left: usize) -> bool {
        self.len() < max && (self.ring.len() < self.ring.capacity() || self.needed() <= left)
    }

    /// Returns the number of places by which a full ring grows, and their bytes.
    fn growth(&self) -> (usize, usize) {
        let more = self.ring.capacity().max(MIN_GROWTH);
        (more, more.saturating_mul(size_of::<Option<T>>()))
    }

    /// Returns the bytes that must be left for the map to [grow](Self::grow), at least one.
    pub(crate) fn needed(&self) -> usize {
        // With places left, it is enough that not too much is held.
        if self.ring.len() < self.ring.capacity() {
            return 1;
        }
        self.growth().1.min(self.cost_of_step()).max(1)
    }

    /// Sets how much spare room stays, by whether the connection is short of memory.
    pub(crate) fn limit_spare(&mut self, is_short: bool) {
        self.max_spare = if is_short { MIN_SPARE } else { MAX_SPARE };
    }

    /// Takes note that the map is charged now.
    pub(crate) fn on_charge(&mut self) {
        self.is_charge_due = false;
    }

    /// True if the map takes up more or much less than it did when it was charged, and has not [grown](Self::grow).
    #[inline]
    pub(crate) fn is_charge_due(&self) -> bool {
        self.is_charge_due
    }

    /// Has the session charged again, for what it holds beside the map.
    pub(crate) fn request_charge(&mut self) {
        self.is_charge_due = true;
    }

    /// Returns how many deliveries there have been.
    pub(crate) fn count(&self) -> u64 {
        self.next.saturating_sub((1 << 32) | u64::from(self.first))
    }

    /// Returns the number of the next delivery.
    pub(crate) fn next_number(&self) -> DeliveryNumber {
        number(self.next)
    }

    /// Returns the id of the next delivery.
    pub(crate) fn next_id(&self) -> DeliveryId {
        DeliveryId::new(self.epochs.0, number(self.next).get())
    }

    /// Uses the next number. `last_epoch` is the newest epoch of the connection.
    #[inline]
    fn advance(&mut self, last_epoch: &mut u32) -> DeliveryId {
        let id = self.next_id();
        self.next = self.next.saturating_add(1);
        if number(self.next).get() == 0 {
            *last_epoch = last_epoch.saturating_add(1);
            self.epochs = (*last_epoch, self.epochs.0);
        }
        id
    }

    /// Goes on as if this number of settled deliveries had been added, which passes no quarter of a turn.
    #[cfg(test)]
    pub(crate) fn skip(&mut self, count: u64) {
        while !self.ring.is_empty() {
            self.move_first();
        }
        self.next += count;
    }

    /// Uses the next number for a delivery that is settled from the start. Returns true if the map has to be charged.
    #[inline(always)]
    pub(crate) fn push_settled(&mut self, last_epoch: &mut u32) -> bool {
        if self.ring.is_empty() {
            self.advance(last_epoch);
            return false;
        }
        self.push_gap(last_epoch)
    }

    /// Adds a place without a delivery to the ring, which does not grow for it. Returns true if the map has to be charged.
    #[inline(never)]
    fn push_gap(&mut self, last_epoch: &mut u32) -> bool {
        if self.ring.len() == self.ring.capacity() {
            self.make_place();
        }
        self.advance(last_epoch);
        self.ring.push_back(None);
        self.shorten();
        self.is_charge_due()
    }

    /// Makes a place in a ring that is full. If memory is short, half of it moves out at once, and takes its room along:
    /// one by one they would take up twice as much before the ring is sparse.
    #[cold]
    fn make_place(&mut self) {
        self.move_first();
        if self.max_spare == MIN_SPARE && self.ring.len() > MIN_RING {
            for _ in 0..self.ring.len() / 2 {
                self.move_first();
            }
            self.shrink_to(self.ring.len().saturating_add(SPARE_STEP));
        }
    }

    /// Adds a delivery under the next number.
    #[inline]
    pub(crate) fn push(&mut self, delivery: T, last_epoch: &mut u32) -> DeliveryId {
        let id = self.advance(last_epoch);
        self.in_ring = self.in_ring.saturating_add(1);
        self.ring.push_back(Some(delivery));
        self.shorten();
        id
    }

    /// Moves the oldest deliveries out of a ring that is too sparse.
    #[inline(always)]
    fn shorten(&mut self) {
        while self.ring.len() > MIN_RING && self.ring.len() > self.in_ring().saturating_mul(MAX_SPARSENESS) {
            self.move_first();
        }
    }

    /// Moves the delivery at the front out of the ring, if there is one.
    #[inline(never)]
    fn move_first(&mut self) {
        let position = self.base();
        if let Some(Some(delivery)) = self.ring.pop_front() {
            self.in_ring = self.in_ring.saturating_sub(1);
            self.max_in_ring = self.max_in_ring.saturating_sub(1);
            if self.old.get_or_insert_default().push(position, delivery) {
                // Whether there is room for more has to be asked again, although the ring has places.
                (self.is_charge_due, self.max_in_ring) = (true, 0);
            }
        }
    }

    pub(crate) fn get_mut(&mut self, id: DeliveryId) -> Option<&mut T> {
        let position = self.position_of(id)?;
        match position.checked_sub(self.base()) {
            Some(at) => self.ring.get_mut(usize::try_from(at).ok()?)?.as_mut(),
            None => self.old.as_mut()?.place_mut(position)?.as_mut(),
        }
    }

    /// Removes a delivery; returns true if it was unsettled.
    pub(crate) fn remove(&mut self, id: DeliveryId) -> bool {
        self.update(id, |_| (false, ())).is_some()
    }

    /// Calls `visit` on a delivery if it is unsettled, and removes it if `visit` returns false first.
    #[inline]
    pub(crate) fn update<R>(&mut self, id: DeliveryId, visit: impl FnOnce(&mut T) -> (bool, R)) -> Option<R> {
        self.update_at(self.position_of(id)?, visit)
    }

    /// As [`update`](Self::update), for the newest delivery with a number.
    #[inline]
    pub(crate) fn update_number<R>(
        &mut self,
        number: DeliveryNumber,
        visit: impl FnOnce(DeliveryId, &mut T) -> (bool, R),
    ) -> Option<R> {
        let (position, turn, epochs) = (self.position_of_number(number), self.next >> 32, self.epochs);
        self.update_at(position, |delivery| visit(id_at(position, turn, epochs), delivery))
    }

    /// Returns the position of a number: of the newest delivery that has it, or would have it if there had been more.
    #[inline]
    fn position_of_number(&self, of: DeliveryNumber) -> u64 {
        let last = self.next.saturating_sub(1);
        last.saturating_sub(number(last).since(of).into())
    }

    #[inline]
    fn update_at<R>(&mut self, position: u64, visit: impl FnOnce(&mut T) -> (bool, R)) -> Option<R> {
        let in_ring = position.checked_sub(self.base());
        let place = match in_ring {
            Some(at) => self.ring.get_mut(usize::try_from(at).ok()?)?,
            None => self.old.as_mut()?.place_mut(position)?,
        };
        let (keep, result) = visit(place.as_mut()?);
        if !keep {
            *place = None;
            if in_ring.is_some() {
                self.in_ring = self.in_ring.saturating_sub(1);
                self.trim();
            } else {
                self.on_old_removed();
            }
        }
        Some(result)
    }

    #[cold]
    #[inline(never)]
    fn on_old_removed(&mut self) {
        self.is_charge_due |= self.old.as_mut().is_some_and(|old| old.on_removed());
    }

    /// Calls `visit` on the unsettled deliveries in `first..=last`, in order, and removes those for which it returns
    /// false. The caller has checked that the range is shorter than 2³¹.
    pub(crate) fn retain_range(
        &mut self,
        first: DeliveryNumber,
        last: DeliveryNumber,
        mut visit: impl FnMut(DeliveryId, &mut T) -> bool,
    ) {
        let _ = self.retain_until(first, last, |id, delivery| ControlFlow::Continue(visit(id, delivery)));
    }

    /// As [`retain_range`](Self::retain_range), until `visit` breaks off.
    #[inline]
    pub(crate) fn retain_until(
        &mut self,
        first: DeliveryNumber,
        last: DeliveryNumber,
        mut visit: impl FnMut(DeliveryId, &mut T) -> ControlFlow<(), bool>,
    ) -> Walk {
        let from = self.position_of_number(first);
        let to = from.saturating_add(last.since(first).into());
        let epochs = self.epochs;
        let turn = self.next >> 32;
        let id = |position: u64| id_at(position, turn, epochs);
        if from == to {
            // A caller does not break off at its first.
            self.update_at(from, |delivery| (visit(id(from), delivery) != ControlFlow::Continue(false), ()));
            return Walk { stopped: None, places: 1 };
        }
        let mut walk = Walk::default();
        if let Some(old) = &mut self.old {
            let (at, places, is_less) =
                old.retain_range(from, to, |position, delivery| match visit(id(position), delivery) {
                    ControlFlow::Continue(keep) => Some(keep),
                    ControlFlow::Break(()) => None,
                });
            walk = Walk { stopped: at.map(number), places };
            self.is_charge_due |= is_less;
        }
        let base = self.base();
        let start = usize::try_from(from.saturating_sub(base)).unwrap_or(usize::MAX);
        let Some(length) = to.checked_sub(base).filter(|_| walk.stopped.is_none()) else { return walk };
        let end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(1).min(self.ring.len());
        if start >= end {
            return walk;
        }
        let begin = base.max(from);
        let mut position = begin;
        for entry in self.ring.range_mut(start..end) {
            if let Some(delivery) = entry {
                match visit(id(position), delivery) {
                    ControlFlow::Continue(true) => {}
                    ControlFlow::Continue(false) => {
                        *entry = None;
                        self.in_ring = self.in_ring.saturating_sub(1);
                    }
                    ControlFlow::Break(()) => {
                        walk.stopped = Some(number(position));
                        break;
                    }
                }
            }
            position = position.saturating_add(1);
        }
        let looked = usize::try_from(position.saturating_sub(begin)).unwrap_or(usize::MAX);
        walk.places = walk.places.saturating_add(looked);
        self.trim();
        walk
    }

    /// Returns all unsettled deliveries, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (DeliveryId, &T)> {
        let turn = self.next >> 32;
        let old = self.old.iter().flat_map(|old| old.iter());
        let ring = (self.base()..).zip(&self.ring);
        let ring = ring.filter_map(|(position, entry)| Some((position, entry.as_ref()?)));
        old.chain(ring).map(move |(position, delivery)| (id_at(position, turn, self.epochs), delivery))
    }

    /// Removes the deliveries for which `keep` returns false.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        if let Some(old) = &mut self.old {
            let (_, _, is_less) = old.retain_range(0, u64::MAX, |_, delivery| Some(keep(delivery)));
            self.is_charge_due |= is_less;
        }
        for entry in &mut self.ring {
            if entry.as_ref().is_some_and(|delivery| !keep(delivery)) {
                *entry = None;
                self.in_ring = self.in_ring.saturating_sub(1);
            }
        }
        self.trim();
    }

    #[inline(always)]
    fn trim(&mut self) {
        self.shorten();
        while let Some(None) = self.ring.front() {
            self.ring.pop_front();
        }
        if self.ring.capacity() > usize::from(self.max_spare).saturating_mul(SPARE_STEP) {
            self.shrink();
        }
    }

    #[cold]
    #[inline(never)]
    fn shrink(&mut self) {
        if self.ring.capacity() / 8 > self.ring.len() {
            self.shrink_to(self.ring.len().saturating_mul(2));
        }
    }

    /// Frees room that no delivery needs. Returns false if that is less than one part in [`SPARE_PART`].
    pub(crate) fn free_spare(&mut self) -> bool {
        let has_spare = self.has_spare();
        if has_spare {
            self.shrink_to(self.kept_places());
            self.is_freed = true;
        }
        has_spare
    }

    fn kept_places(&self) -> usize {
        let places = self.ring.len();
        places.saturating_add(places / SMALL_PART).max(SPARE_STEP)
    }

    /// True if [`free_spare`](Self::free_spare) has something to free.
    pub(crate) fn has_spare(&self) -> bool {
        let (kept, capacity) = (self.kept_places(), self.ring.capacity());
        kept < capacity && capacity.saturating_sub(self.ring.len()) > capacity / SPARE_PART
    }

    fn shrink_to(&mut self, capacity: usize) {
        self.ring.shrink_to(capacity);
        self.is_charge_due = true;
    }

    /// True if the id is of a delivery of this session and direction, settled or not.
    pub(crate) fn contains(&self, id: DeliveryId) -> bool {
        self.position_of(id).is_some()
    }

    fn position_of(&self, id: DeliveryId) -> Option<u64> {
        let turn = self.next >> 32;
        let turn = match id.epoch() {
            epoch if epoch == self.epochs.0 => turn,
            epoch if epoch == self.epochs.1 => turn.checked_sub(1)?,
            _ => return None,
        };
        let position = (turn << 32) | u64::from(id.number());
        (position < self.next).then_some(position)
    }
}

/// Returns the low half of a position: the delivery-id on the wire.
fn number(position: u64) -> DeliveryNumber {
    let [.., a, b, c, d] = position.to_be_bytes();
    DeliveryNumber::new(u32::from_be_bytes([a, b, c, d]))
}

fn id_at(position: u64, turn: u64, (now, before): (u32, u32)) -> DeliveryId {
    let epoch = if position >> 32 == turn { now } else { before };
    DeliveryId::new(epoch, number(position).get())
}

#[cfg(test)]
mod tests;
