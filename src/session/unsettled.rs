//! Deliveries by their numbers: a ring of the recent ones, and a map for the few that stay behind.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};

use crate::{
    codec::{DecodeLimits, from_bytes, to_vec},
    error::CommandError,
    ids::DeliveryId,
    spec::delivery_state::{Accepted, DeliveryState, Released},
    types::{DeliveryNumber, DeliveryTag},
};

/// What is kept of an unsettled delivery: whose it is, its tag and its state, never its payload. It is as large as a
/// cache line, and does not lie across two.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct UnsettledEntry<L> {
    pub(crate) link: L,
    pub(crate) tag: DeliveryTag,
    pub(crate) state: StoredState,
}

/// A delivery state as it is kept: the usual ones without a place in the heap.
#[derive(Clone, Debug, Default)]
pub(crate) enum StoredState {
    #[default]
    Unknown,
    Accepted,
    Released,
    Other(Arc<DeliveryState>),
}

impl StoredState {
    pub(crate) fn new(state: Option<&DeliveryState>) -> Self {
        match state {
            None => Self::Unknown,
            Some(DeliveryState::Accepted(_)) => Self::Accepted,
            Some(DeliveryState::Released(_)) => Self::Released,
            Some(other) => Self::Other(Arc::new(other.clone())),
        }
    }

    /// A state of the peer's that has been decoded by these limits. Its bytes are copied, so that it keeps no read
    /// buffer alive.
    pub(crate) fn copied(state: Option<&DeliveryState>, limits: DecodeLimits) -> Self {
        let kept = Self::new(state);
        let Self::Other(shared) = &kept else { return kept };
        from_bytes(&to_vec(&**shared).into(), limits).map_or(kept, |copy| Self::Other(Arc::new(copy)))
    }

    pub(crate) fn get(&self) -> Option<DeliveryState> {
        match self {
            Self::Unknown => None,
            Self::Accepted => Some(DeliveryState::Accepted(Accepted {})),
            Self::Released => Some(DeliveryState::Released(Released {})),
            Self::Other(state) => Some((**state).clone()),
        }
    }

    /// 3.4: a terminal state is the last; it may be told again.
    pub(crate) fn check_change(&self, next: Option<&DeliveryState>) -> Result<(), CommandError> {
        if self.is_terminal() && next.is_some_and(|next| self.get().as_ref() != Some(next)) {
            return Err(CommandError::IllegalState("the delivery has another outcome already"));
        }
        Ok(())
    }

    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::Accepted | Self::Released => true,
            Self::Other(state) => state.is_terminal(),
        }
    }
}

/// The ring may be this long, however few of its deliveries are still unsettled.
const SHORT: usize = 64;
/// Beyond that it is at most so many times as long as the number unsettled in it, so that memory follows that
/// number and never the span between the oldest and the newest.
const SPARSE: usize = 4;

/// The deliveries of one direction of a session, numbered without gaps (2.8.8).
///
/// A place is the delivery's number extended to 64 bits, so that order needs no serial arithmetic in here.
#[derive(Debug)]
pub(crate) struct UnsettledMap<T> {
    /// The place of the next delivery, which is the one behind the ring.
    next: u64,
    ring: VecDeque<Option<T>>,
    #[expect(
        clippy::box_collection,
        reason = "mostly there are none, and then it takes a third of the room"
    )]
    old: Option<Box<BTreeMap<u64, T>>>,
    live: u32,
    /// The high halves of the ids since the number last wrapped, and before that.
    epochs: (u32, u32),
}

impl<T> UnsettledMap<T> {
    /// A ledger whose first delivery has this number.
    pub(crate) fn new(first: DeliveryNumber, epoch: u32) -> Self {
        // Beginning one turn up leaves room for a peer to speak of numbers before the first.
        let next = (1 << 32) | u64::from(first.get());
        Self { next, ring: VecDeque::new(), old: None, live: 0, epochs: (epoch, epoch) }
    }

    /// The place of the ring's front.
    #[inline]
    fn base(&self) -> u64 {
        self.next.saturating_sub(u64::try_from(self.ring.len()).unwrap_or(u64::MAX))
    }

    /// How many unsettled deliveries are in the ring.
    #[inline]
    fn live(&self) -> usize {
        usize::try_from(self.live).unwrap_or(usize::MAX)
    }

    /// How many are unsettled.
    pub(crate) fn len(&self) -> usize {
        self.live().saturating_add(self.old.as_ref().map_or(0, |old| old.len()))
    }

    /// The number of the next delivery.
    pub(crate) fn next_number(&self) -> DeliveryNumber {
        number(self.next)
    }

    /// The id of the next delivery.
    pub(crate) fn next_id(&self) -> DeliveryId {
        DeliveryId::new(self.epochs.0, number(self.next).get())
    }

    /// Takes the next number.
    #[inline]
    fn step(&mut self, epochs: &mut u32) -> DeliveryId {
        let id = self.next_id();
        self.next = self.next.saturating_add(1);
        if number(self.next).get() == 0 {
            *epochs = epochs.saturating_add(1);
            self.epochs = (*epochs, self.epochs.0);
        }
        id
    }

    /// Takes the next number for a delivery that is settled from the start.
    #[inline]
    pub(crate) fn skip(&mut self, epochs: &mut u32) -> DeliveryId {
        let id = self.step(epochs);
        if !self.ring.is_empty() {
            self.ring.push_back(None);
            self.shorten();
        }
        id
    }

    /// Takes the next number for a delivery.
    #[inline]
    pub(crate) fn push(&mut self, delivery: T, epochs: &mut u32) -> DeliveryId {
        let id = self.step(epochs);
        self.live = self.live.saturating_add(1);
        self.ring.push_back(Some(delivery));
        self.shorten();
        id
    }

    /// Moves deliveries that stay behind out of the ring.
    #[inline]
    fn shorten(&mut self) {
        if self.ring.len() > SHORT {
            self.move_stragglers();
        }
    }

    fn move_stragglers(&mut self) {
        while self.ring.len() > SHORT && self.ring.len() > self.live().saturating_mul(SPARSE) {
            let place = self.base();
            if let Some(Some(straggler)) = self.ring.pop_front() {
                self.live = self.live.saturating_sub(1);
                self.old.get_or_insert_default().insert(place, straggler);
            }
        }
    }

    pub(crate) fn get_mut(&mut self, id: DeliveryId) -> Option<&mut T> {
        let place = self.place_of(id)?;
        match place.checked_sub(self.base()) {
            Some(at) => self.ring.get_mut(usize::try_from(at).ok()?)?.as_mut(),
            None => self.old.as_mut()?.get_mut(&place),
        }
    }

    /// Forgets a delivery; says whether there was one.
    pub(crate) fn remove(&mut self, id: DeliveryId) -> bool {
        self.visit(id, |_| (false, ())).is_some()
    }

    /// Visits a delivery, if it is there, and forgets it if `visit` gives false.
    #[inline]
    pub(crate) fn visit<R>(&mut self, id: DeliveryId, visit: impl FnOnce(&mut T) -> (bool, R)) -> Option<R> {
        self.visit_place(self.place_of(id)?, visit)
    }

    #[inline]
    fn visit_place<R>(&mut self, place: u64, visit: impl FnOnce(&mut T) -> (bool, R)) -> Option<R> {
        let Some(at) = place.checked_sub(self.base()) else {
            let old = self.old.as_mut()?;
            let (keep, result) = visit(old.get_mut(&place)?);
            if !keep {
                old.remove(&place);
            }
            return Some(result);
        };
        let slot = self.ring.get_mut(usize::try_from(at).ok()?)?;
        let (keep, result) = visit(slot.as_mut()?);
        if !keep {
            *slot = None;
            self.live = self.live.saturating_sub(1);
            self.trim();
        }
        Some(result)
    }

    /// Visits the unsettled deliveries from one number to another, in order, and forgets those for which `visit`
    /// gives false. The caller has made sure that the range is shorter than 2³¹.
    pub(crate) fn retain(
        &mut self,
        first: DeliveryNumber,
        last: DeliveryNumber,
        mut visit: impl FnMut(DeliveryId, &mut T) -> bool,
    ) {
        let from = self.next.saturating_add_signed(first.offset_from(number(self.next)).into());
        let to = from.saturating_add(last.since(first).into());
        let epochs = self.epochs;
        let wraps = self.next >> 32;
        let id = |place: u64| id_at(place, wraps, epochs);
        if from == to {
            self.visit_place(from, |delivery| (visit(id(from), delivery), ()));
            return;
        }
        if let Some(old) = &mut self.old {
            let mut gone = Vec::new();
            for (place, delivery) in old.range_mut(from..=to) {
                if !visit(id(*place), delivery) {
                    gone.push(*place);
                }
            }
            for place in gone {
                old.remove(&place);
            }
        }
        let base = self.base();
        let start = usize::try_from(from.saturating_sub(base)).unwrap_or(usize::MAX);
        let Some(length) = to.checked_sub(base) else { return };
        let end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(1).min(self.ring.len());
        if start >= end {
            return;
        }
        let mut place = base.max(from);
        for slot in self.ring.range_mut(start..end) {
            if slot.as_mut().is_some_and(|delivery| !visit(id(place), delivery)) {
                *slot = None;
                self.live = self.live.saturating_sub(1);
            }
            place = place.saturating_add(1);
        }
        self.trim();
    }

    /// All unsettled deliveries, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (DeliveryId, &T)> {
        let wraps = self.next >> 32;
        let old = self.old.iter().flat_map(|old| old.iter()).map(|(place, delivery)| (*place, delivery));
        let ring = (self.base()..).zip(&self.ring).filter_map(|(place, slot)| Some((place, slot.as_ref()?)));
        old.chain(ring).map(move |(place, delivery)| (id_at(place, wraps, self.epochs), delivery))
    }

    /// Forgets the deliveries for which `keep` gives false.
    pub(crate) fn purge(&mut self, mut keep: impl FnMut(&T) -> bool) {
        if let Some(old) = &mut self.old {
            old.retain(|_, delivery| keep(delivery));
        }
        for slot in &mut self.ring {
            if slot.as_ref().is_some_and(|delivery| !keep(delivery)) {
                *slot = None;
                self.live = self.live.saturating_sub(1);
            }
        }
        self.trim();
    }

    fn trim(&mut self) {
        self.shorten();
        while let Some(None) = self.ring.front() {
            self.ring.pop_front();
        }
    }

    fn place_of(&self, id: DeliveryId) -> Option<u64> {
        let wraps = self.next >> 32;
        let wraps = match id.epoch() {
            epoch if epoch == self.epochs.0 => wraps,
            epoch if epoch == self.epochs.1 => wraps.checked_sub(1)?,
            _ => return None,
        };
        let place = (wraps << 32) | u64::from(id.number());
        (place < self.next).then_some(place)
    }
}

/// The low half of a place: the number on the wire.
fn number(place: u64) -> DeliveryNumber {
    let [.., a, b, c, d] = place.to_be_bytes();
    DeliveryNumber::new(u32::from_be_bytes([a, b, c, d]))
}

fn id_at(place: u64, wraps: u64, (now, before): (u32, u32)) -> DeliveryId {
    let epoch = if place >> 32 == wraps { now } else { before };
    DeliveryId::new(epoch, number(place).get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn numbers(ledger: &UnsettledMap<u32>) -> Vec<u32> {
        ledger.iter().map(|(_, n)| *n).collect()
    }

    #[test]
    fn deliveries_are_found_by_id_and_gone_once_removed() {
        let mut epochs = 7;
        let mut ledger = UnsettledMap::new(DeliveryNumber::new(u32::MAX), 7);
        let ids: Vec<_> = (0..4).map(|n| ledger.push(n, &mut epochs)).collect();
        assert_eq!(epochs, 8, "the number wrapped once");
        assert_eq!(ids.iter().map(|id| id.number()).collect::<Vec<_>>(), [u32::MAX, 0, 1, 2]);
        assert_eq!(ledger.get_mut(ids[0]), Some(&mut 0));
        assert!(ledger.remove(ids[1]));
        assert!(!ledger.remove(ids[1]));
        assert_eq!(ledger.get_mut(DeliveryId::new(9, 0)), None, "another epoch");
        assert_eq!(ledger.get_mut(ledger.next_id()), None, "not sent yet");
        assert_eq!(ledger.iter().map(|(id, _)| id).collect::<Vec<_>>(), [ids[0], ids[2], ids[3]]);
    }

    #[test]
    fn a_range_visits_what_is_unsettled_across_the_wrap() {
        let mut epochs = 0;
        let mut ledger = UnsettledMap::new(DeliveryNumber::new(u32::MAX - 1), 0);
        for n in 0..5 {
            if n == 2 {
                ledger.skip(&mut epochs);
            } else {
                ledger.push(n, &mut epochs);
            }
        }
        let mut seen = vec![];
        ledger.retain(DeliveryNumber::new(u32::MAX), DeliveryNumber::new(1), |_, n| {
            seen.push(*n);
            *n != 3
        });
        assert_eq!(seen, [1, 3]);
        assert_eq!(numbers(&ledger), [0, 1, 4]);
        ledger.retain(DeliveryNumber::new(100), DeliveryNumber::new(200), |_, _| false);
        ledger.retain(DeliveryNumber::new(u32::MAX - 9), DeliveryNumber::new(u32::MAX - 2), |_, _| false);
        assert_eq!(ledger.len(), 3, "numbers never used and numbers long gone touch nothing");
    }

    #[test]
    fn memory_follows_the_number_unsettled_not_the_span() {
        let mut epochs = 0;
        let mut ledger = UnsettledMap::new(DeliveryNumber::new(0), 0);
        let straggler = ledger.push(0, &mut epochs);
        for n in 1..10_000 {
            let id = ledger.push(n, &mut epochs);
            ledger.remove(id);
        }
        assert!(ledger.ring.len() <= SHORT, "{}", ledger.ring.len());
        assert_eq!(ledger.len(), 1);
        assert!(ledger.remove(straggler));
        // Nor does it stay when the newest are settled first.
        let ids: Vec<_> = (0..10_000).map(|n| ledger.push(n, &mut epochs)).collect();
        for id in ids.iter().skip(1).rev() {
            ledger.remove(*id);
        }
        assert!(ledger.ring.len() <= SHORT, "{}", ledger.ring.len());
        assert_eq!(numbers(&ledger), [0]);
    }
}
