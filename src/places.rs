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
    /// Which places are in the queue.
    queued: Bits,
    /// Which of those no longer wait: to look for them would take as long as the queue is.
    gone: Bits,
    /// How many those are.
    left: usize,
}

impl Turns {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |turns| turns.queue.len().saturating_sub(turns.left))
    }

    /// Comes last, unless it waits already, or has not been passed over since it did.
    #[inline]
    pub(crate) fn push(&mut self, at: u16) {
        self.0.get_or_insert_default().push(at);
    }

    /// The first.
    pub(crate) fn pop(&mut self) -> Option<u16> {
        let turns = self.0.as_mut()?;
        loop {
            let at = turns.queue.pop_front()?;
            turns.queued.clear(at);
            if turns.left == 0 || !turns.gone.clear(at) {
                return Some(at);
            }
            turns.left = turns.left.saturating_sub(1);
        }
    }

    /// No longer waits.
    pub(crate) fn remove(&mut self, at: u16) {
        if let Some(turns) = &mut self.0
            && turns.queued.has(at)
            && turns.gone.set(at)
        {
            turns.left = turns.left.saturating_add(1);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().flat_map(|turns| turns.queue.iter().copied().filter(|at| !turns.gone.has(*at)))
    }
}

impl Queue {
    #[inline]
    fn push(&mut self, at: u16) {
        // Mostly it waits.
        if self.left > 0 || !self.queued.has(at) {
            self.push_again(at);
        }
    }

    fn push_again(&mut self, at: u16) {
        if self.queued.set(at) {
            self.queue.push_back(at);
        } else if self.left > 0 && self.gone.clear(at) {
            self.left = self.left.saturating_sub(1);
        }
    }
}

/// Places, as many bits as are needed.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    /// The word and the bit in it that stand for a place.
    #[inline]
    fn bit(at: u16) -> (usize, u64) {
        (usize::from(at / 64), 1 << (at % 64))
    }

    #[inline]
    fn has(&self, at: u16) -> bool {
        let (word, bit) = Self::bit(at);
        self.0.get(word).is_some_and(|word| word & bit > 0)
    }

    /// Whether it was not in there.
    fn set(&mut self, at: u16) -> bool {
        let (word, bit) = Self::bit(at);
        if self.0.len() <= word {
            self.0.resize(word.saturating_add(1), 0);
        }
        let Some(word) = self.0.get_mut(word) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Whether it was in there.
    fn clear(&mut self, at: u16) -> bool {
        let (word, bit) = Self::bit(at);
        let Some(word) = self.0.get_mut(word) else { return false };
        let was = *word & bit > 0;
        *word &= !bit;
        was
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
        // Those that no longer wait are passed over, and wait again once they are to.
        (0..5).for_each(|at| turns.push(at));
        [0, 2, 2, 4].into_iter().for_each(|at| turns.remove(at));
        turns.push(4);
        turns.push(0);
        turns.remove(0);
        assert_eq!((turns.len(), turns.iter().collect::<Vec<_>>()), (3, [1, 3, 4].into()));
        assert_eq!([(); 4].map(|()| turns.pop()), [Some(1), Some(3), Some(4), None]);
        turns.push(2);
        assert_eq!((turns.len(), turns.pop(), turns.pop(), turns.len()), (1, Some(2), None, 0));
    }
}
