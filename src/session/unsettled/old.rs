//! Unsettled deliveries that have stayed behind the recent ones, in the order of their positions.

use alloc::collections::VecDeque;

/// The capacity grows by this many places at least, or an eighth.
const MIN_GROWTH: usize = 16;

/// Deliveries by position. Each is behind all that were added before it.
///
/// A delivery that is removed leaves its place until a quarter of the places are empty.
#[derive(Debug)]
pub(super) struct OldDeliveries<T> {
    positions: VecDeque<u64>,
    deliveries: VecDeque<Option<T>>,
    len: usize,
}

impl<T> Default for OldDeliveries<T> {
    fn default() -> Self {
        Self { positions: VecDeque::new(), deliveries: VecDeque::new(), len: 0 }
    }
}

impl<T> OldDeliveries<T> {
    /// Returns the number of deliveries.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the bytes of the heap that they take up.
    pub(super) fn heap_size(&self) -> usize {
        let positions = self.positions.capacity().saturating_mul(size_of::<u64>());
        positions.saturating_add(self.deliveries.capacity().saturating_mul(size_of::<Option<T>>()))
    }

    /// Returns the bytes that they take up at most with as many more.
    pub(super) fn size_with(&self, more: usize) -> usize {
        let places = self.deliveries.len().saturating_add(more);
        let places = places.saturating_add(MIN_GROWTH.max(places / 8)).max(self.deliveries.capacity());
        places.saturating_mul(size_of::<u64>().saturating_add(size_of::<Option<T>>()))
    }

    /// Returns the first position.
    pub(super) fn first(&self) -> Option<u64> {
        self.positions.front().copied()
    }

    /// Adds a delivery behind all others. Returns true if it takes up more memory now.
    pub(super) fn push(&mut self, position: u64, delivery: T) -> bool {
        let grows = self.deliveries.len() == self.deliveries.capacity();
        if grows {
            let more = MIN_GROWTH.max(self.deliveries.len() / 8);
            self.positions.reserve_exact(more);
            self.deliveries.reserve_exact(more);
        }
        self.positions.push_back(position);
        self.deliveries.push_back(Some(delivery));
        self.len = self.len.saturating_add(1);
        grows
    }

    /// Returns the place of a delivery. If one is taken out of it, [`on_removed`](Self::on_removed) has to follow.
    #[cold]
    #[inline(never)]
    pub(super) fn place_mut(&mut self, position: u64) -> Option<&mut Option<T>> {
        self.deliveries.get_mut(self.positions.binary_search(&position).ok()?)
    }

    /// Takes note that a place is empty now. Returns true if less memory is taken up.
    pub(super) fn on_removed(&mut self) -> bool {
        self.len = self.len.saturating_sub(1);
        self.trim()
    }

    /// Calls `visit` on the deliveries in `from..=to`, in order, and removes those for which it returns `Some(false)`, until
    /// it returns `None`. Returns the position at which it did, the number of places it has looked at, and whether less memory
    /// is taken up.
    pub(super) fn retain_range(
        &mut self,
        from: u64,
        to: u64,
        mut visit: impl FnMut(u64, &mut T) -> Option<bool>,
    ) -> (Option<u64>, usize, bool) {
        let start = self.positions.partition_point(|position| *position < from);
        let (mut stopped, mut places) = (None, 0_usize);
        for (position, place) in self.positions.range(start..).zip(self.deliveries.range_mut(start..)) {
            if *position > to {
                break;
            }
            places = places.saturating_add(1);
            let Some(delivery) = place else { continue };
            match visit(*position, delivery) {
                Some(true) => {}
                Some(false) => {
                    *place = None;
                    self.len = self.len.saturating_sub(1);
                }
                None => {
                    stopped = Some(*position);
                    break;
                }
            }
        }
        (stopped, places, self.trim())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        let places = self.positions.iter().zip(&self.deliveries);
        places.filter_map(|(position, place)| Some((*position, place.as_ref()?)))
    }

    /// Frees empty places. Returns true if less memory is taken up.
    fn trim(&mut self) -> bool {
        while let Some(None) = self.deliveries.front() {
            self.deliveries.pop_front();
            self.positions.pop_front();
        }
        if self.deliveries.len().saturating_sub(self.len) > self.deliveries.len() / 4 {
            let mut places = self.deliveries.iter();
            self.positions.retain(|_| places.next().is_some_and(Option::is_some));
            self.deliveries.retain(Option::is_some);
        }
        let is_spare = self.deliveries.capacity() / 2 > self.deliveries.len().saturating_add(MIN_GROWTH);
        if is_spare {
            let kept = self.deliveries.len().saturating_add(self.deliveries.len() / 8);
            self.positions.shrink_to(kept.max(MIN_GROWTH));
            self.deliveries.shrink_to(kept.max(MIN_GROWTH));
        }
        is_spare
    }
}
