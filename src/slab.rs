//! Tables by number: of values under numbers of ours, lowest first, and from the peer's numbers to ours.

use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};

/// Values by number: a channel's session (2.5.1), a handle's link (2.6.2).
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Option<Box<T>>>,
    /// Free numbers below the highest in use; made when there is one for the first time.
    #[expect(
        clippy::box_collection,
        reason = "mostly there are none, and then it takes a third of the room"
    )]
    free: Option<Box<BTreeSet<u16>>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: None }
    }
}

impl<T> Slab<T> {
    /// Returns the lowest free number, or `None` if all 65,536 are in use.
    pub(crate) fn lowest_free(&self) -> Option<u16> {
        let gap = self.free.as_ref().and_then(|free| free.first().copied());
        gap.or_else(|| u16::try_from(self.entries.len()).ok())
    }

    /// Stores a value under the [lowest free number](Self::lowest_free).
    pub(crate) fn insert(&mut self, value: Box<T>) {
        let value = Some(value);
        let gap = self.free.as_mut().and_then(|free| free.pop_first());
        match gap.and_then(|at| self.entries.get_mut(usize::from(at))) {
            Some(entry) => *entry = value,
            None => self.entries.push(value),
        }
    }

    /// Removes and returns the value of a number.
    pub(crate) fn remove(&mut self, at: u16) -> Option<Box<T>> {
        let value = self.entries.get_mut(usize::from(at))?.take()?;
        if usize::from(at).saturating_add(1) < self.entries.len() {
            self.free.get_or_insert_default().insert(at);
            return Some(value);
        }
        // The table ends with a value, so that its length follows the highest number in use.
        self.entries.pop();
        while let Some(None) = self.entries.last() {
            self.entries.pop();
            self.free.as_mut().and_then(|free| free.pop_last());
        }
        shrink(&mut self.entries);
        Some(value)
    }

    #[inline]
    pub(crate) fn get(&self, at: u16) -> Option<&T> {
        self.entries.get(usize::from(at))?.as_deref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: u16) -> Option<&mut T> {
        self.entries.get_mut(usize::from(at))?.as_deref_mut()
    }

    /// Returns the numbers up to the highest in use, free ones included.
    pub(crate) fn numbers(&self) -> impl DoubleEndedIterator<Item = u16> + use<T> {
        (0..self.entries.len()).filter_map(|at| u16::try_from(at).ok())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().filter_map(Option::as_deref)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().filter_map(Option::as_deref_mut)
    }
}

/// Frees the spare memory of a table that has become much shorter.
fn shrink<T>(entries: &mut Vec<T>) {
    if entries.capacity() / 4 > entries.len().max(MIN_SPARE) {
        entries.shrink_to(entries.len().saturating_mul(2));
    }
}

/// Room for this many entries is not given back.
const MIN_SPARE: usize = 16;

/// Our numbers by the peer's, of channels (2.5.1) and handles (2.6.2), in the order of the peer's. The peer chooses its
/// numbers, so memory follows how many are in use and not the highest. An insertion moves at most 256 KiB.
#[derive(Debug, Default)]
pub(crate) struct NumberMap(Vec<(u16, u16)>);

impl NumberMap {
    /// Returns our number for the peer's.
    #[inline]
    pub(crate) fn get(&self, theirs: u16) -> Option<u16> {
        let at = self.position(theirs).ok()?;
        self.0.get(at).map(|(_, ours)| *ours)
    }

    /// Returns the place of a number, or the place that it would have.
    #[inline]
    fn position(&self, theirs: u16) -> Result<usize, usize> {
        // Nearly all peers use the lowest numbers, so that each is its own place, and a new one is the last.
        let at = usize::from(theirs);
        match self.0.get(at) {
            Some((number, _)) if *number == theirs => Ok(at),
            None if at == self.0.len() && self.0.last().is_none_or(|(last, _)| *last < theirs) => Err(at),
            _ => self.search(theirs),
        }
    }

    #[cold]
    fn search(&self, theirs: u16) -> Result<usize, usize> {
        self.0.binary_search_by_key(&theirs, |(number, _)| *number)
    }

    /// Sets our number for the peer's, in place of an earlier one.
    pub(crate) fn insert(&mut self, theirs: u16, ours: u16) {
        match self.position(theirs) {
            Ok(at) => {
                if let Some(entry) = self.0.get_mut(at) {
                    entry.1 = ours;
                }
            }
            Err(at) if at == self.0.len() => self.0.push((theirs, ours)),
            Err(at) => self.0.insert(at, (theirs, ours)),
        }
    }

    pub(crate) fn remove(&mut self, theirs: u16) {
        if let Ok(at) = self.position(theirs) {
            if at.saturating_add(1) == self.0.len() {
                self.0.pop();
            } else {
                self.0.remove(at);
            }
            shrink(&mut self.0);
        }
    }

    /// Returns the bytes of the heap that the table takes up.
    #[cfg(test)]
    pub(crate) fn heap_size(&self) -> usize {
        self.0.capacity().saturating_mul(size_of::<(u16, u16)>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fb5_a_table_follows_the_numbers_in_use() {
        let mut map = NumberMap::default();
        for theirs in [0, 65_535, 3, 17, 18, 19, 65_534] {
            assert_eq!(map.get(theirs), None);
            map.insert(theirs, theirs);
        }
        assert!(map.heap_size() < 64, "{}", map.heap_size());
        (0..5000).for_each(|theirs| map.insert(theirs, 7));
        let found = [18, 4999, 5000, 65_535].map(|theirs| map.get(theirs));
        assert_eq!(found, [Some(7), Some(7), None, Some(65_535)]);
        assert!(map.heap_size() < 65_536, "{}", map.heap_size());
        (0..u16::MAX).for_each(|theirs| map.remove(theirs));
        let found = [0, 18, 65_534, 65_535].map(|theirs| map.get(theirs));
        assert_eq!(found, [None, None, None, Some(65_535)]);
        assert!(map.heap_size() < 256, "{}", map.heap_size());
    }

    #[test]
    fn insert_takes_the_lowest_free_number() {
        let mut slab = Slab::default();
        for n in 0..5 {
            assert_eq!(slab.lowest_free(), Some(n));
            slab.insert(Box::new(n));
        }
        assert_eq!((slab.remove(3), slab.remove(1)), (Some(Box::new(3)), Some(Box::new(1))));
        assert_eq!(slab.remove(1), None);
        assert_eq!((slab.get(1), slab.get(2), slab.lowest_free()), (None, Some(&2), Some(1)));
        slab.insert(Box::new(10));
        assert_eq!((slab.get(1), slab.lowest_free()), (Some(&10), Some(3)));
        // The table shrinks to the highest number in use.
        slab.remove(4);
        assert_eq!((slab.numbers().collect(), slab.lowest_free()), (Vec::from([0, 1, 2]), Some(3)));
        slab.insert(Box::new(11));
        assert_eq!(slab.get(3), Some(&11));
        assert_eq!(slab.iter().copied().collect::<Vec<_>>(), [0, 10, 2, 11]);
    }

    #[test]
    fn a_slab_holds_a_value_for_each_u16() {
        let mut slab = Slab::default();
        for n in 0..=u16::MAX {
            assert_eq!(slab.lowest_free(), Some(n));
            slab.insert(Box::new(()));
        }
        assert_eq!(slab.lowest_free(), None);
        assert!(slab.numbers().eq(0..=u16::MAX) && slab.numbers().next_back() == Some(u16::MAX));
        slab.remove(7);
        assert_eq!(slab.lowest_free(), Some(7));
    }
}
