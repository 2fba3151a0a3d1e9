//! Places by number, the lowest free one first, and turns that each place takes at most once.

use alloc::{
    boxed::Box,
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};

/// Things in numbered places: a channel's session (2.5.1), a handle's link (2.6.2).
#[derive(Debug)]
pub(crate) struct Places<T> {
    places: Vec<Option<Box<T>>>,
    /// Places before the last that are free, once there have been any.
    #[expect(
        clippy::box_collection,
        reason = "mostly there are none, and then it takes a third of the room"
    )]
    free: Option<Box<BTreeSet<u16>>>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: None }
    }
}

impl<T> Places<T> {
    /// The lowest free place, of all that a number can name.
    pub(crate) fn lowest_free(&self) -> Option<u16> {
        let hole = self.free.as_ref().and_then(|free| free.first().copied());
        hole.or_else(|| u16::try_from(self.places.len()).ok())
    }

    /// Puts a thing into the [lowest free place](Self::lowest_free).
    pub(crate) fn insert(&mut self, thing: T) {
        let thing = Some(Box::new(thing));
        let hole = self.free.as_mut().and_then(|free| free.pop_first());
        match hole.and_then(|at| self.places.get_mut(usize::from(at))) {
            Some(place) => *place = thing,
            None => self.places.push(thing),
        }
    }

    pub(crate) fn remove(&mut self, at: u16) -> Option<Box<T>> {
        let thing = self.places.get_mut(usize::from(at))?.take()?;
        if usize::from(at).saturating_add(1) < self.places.len() {
            self.free.get_or_insert_default().insert(at);
            return Some(thing);
        }
        // Behind the last thing there are no places.
        self.places.pop();
        while let Some(None) = self.places.last() {
            self.places.pop();
            self.free.as_mut().and_then(|free| free.pop_last());
        }
        Some(thing)
    }

    #[inline]
    pub(crate) fn get(&self, at: u16) -> Option<&T> {
        self.places.get(usize::from(at))?.as_deref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: u16) -> Option<&mut T> {
        self.places.get_mut(usize::from(at))?.as_deref_mut()
    }

    /// The numbers up to the highest in use.
    pub(crate) fn numbers(&self) -> impl DoubleEndedIterator<Item = u16> + use<T> {
        (0..self.places.len()).filter_map(|at| u16::try_from(at).ok())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(Option::as_deref)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(Option::as_deref_mut)
    }
}

/// Places that wait for something, in turn, each of them once.
#[derive(Debug, Default)]
pub(crate) struct Turns(Option<Box<Queue>>);

/// Made when something waits for the first time.
#[derive(Debug, Default)]
struct Queue {
    queue: VecDeque<u16>,
    /// By place, as many bits as are needed.
    waits: Vec<u64>,
}

impl Turns {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |turns| turns.queue.len())
    }

    /// Comes last, unless it waits already.
    #[inline]
    pub(crate) fn push(&mut self, at: u16) {
        let (word, bit) = bit(at);
        let known = self.0.as_ref().and_then(|turns| turns.waits.get(word));
        if known.is_none_or(|word| word & bit == 0) {
            self.0.get_or_insert_default().push(at);
        }
    }

    /// The first.
    pub(crate) fn pop(&mut self) -> Option<u16> {
        let turns = self.0.as_mut()?;
        let at = turns.queue.pop_front()?;
        turns.clear(at);
        Some(at)
    }

    /// No longer waits.
    pub(crate) fn remove(&mut self, at: u16) {
        if let Some(turns) = &mut self.0
            && turns.clear(at)
        {
            turns.queue.retain(|waiting| *waiting != at);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().flat_map(|turns| turns.queue.iter().copied())
    }
}

/// The word and the bit in it that stand for a place.
fn bit(at: u16) -> (usize, u64) {
    (usize::from(at / 64), 1 << (at % 64))
}

impl Queue {
    fn push(&mut self, at: u16) {
        let (word, bit) = bit(at);
        if self.waits.len() <= word {
            self.waits.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.waits.get_mut(word) {
            *word |= bit;
            self.queue.push_back(at);
        }
    }

    /// Whether it waited.
    fn clear(&mut self, at: u16) -> bool {
        let (word, bit) = bit(at);
        let Some(word) = self.waits.get_mut(word) else { return false };
        let waited = *word & bit > 0;
        *word &= !bit;
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_place_is_taken() {
        let mut places = Places::default();
        for n in 0..5 {
            assert_eq!(places.lowest_free(), Some(n));
            places.insert(n);
        }
        assert_eq!((places.remove(3), places.remove(1)), (Some(Box::new(3)), Some(Box::new(1))));
        assert_eq!(places.remove(1), None);
        assert_eq!((places.get(1), places.get(2), places.lowest_free()), (None, Some(&2), Some(1)));
        places.insert(10);
        assert_eq!((places.get(1), places.lowest_free()), (Some(&10), Some(3)));
        // Behind the last thing there are no places.
        places.remove(4);
        assert_eq!((places.numbers().collect(), places.lowest_free()), (Vec::from([0, 1, 2]), Some(3)));
        places.insert(11);
        assert_eq!(places.get(3), Some(&11));
        assert_eq!(places.iter().copied().collect::<Vec<_>>(), [0, 10, 2, 11]);
    }

    #[test]
    fn there_are_as_many_places_as_numbers() {
        let mut places = Places::default();
        for n in 0..=u16::MAX {
            assert_eq!(places.lowest_free(), Some(n));
            places.insert(());
        }
        assert_eq!(places.lowest_free(), None);
        assert!(places.numbers().eq(0..=u16::MAX) && places.numbers().next_back() == Some(u16::MAX));
        places.remove(7);
        assert_eq!(places.lowest_free(), Some(7));
    }

    #[test]
    fn each_place_has_one_turn() {
        let mut turns = Turns::default();
        for at in [700, 3, 700, 64, 3] {
            turns.push(at);
        }
        assert_eq!((turns.len(), turns.iter().collect::<Vec<_>>()), (3, [700, 3, 64].into()));
        turns.remove(3);
        turns.remove(5);
        assert_eq!((turns.pop(), turns.pop(), turns.pop()), (Some(700), Some(64), None));
        turns.push(3);
        assert_eq!((turns.pop(), turns.is_empty()), (Some(3), true));
    }
}
