//! A queue that holds each number at most once.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

/// Channels or handles with something to do, in order, each at most once. All operations are O(1).
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue(Option<Box<Queue>>);

/// The queue itself, made with the first push.
#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<u16>,
    /// Numbers in `order`.
    queued: BitSet,
    /// Numbers in `order` that have been removed: finding them in there would take as long as it is.
    removed: BitSet,
    removed_count: usize,
}

impl ReadyQueue {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|queue| queue.order.len() == queue.removed_count)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| queue.order.len().saturating_sub(queue.removed_count))
    }

    /// Appends the number unless it is queued. A removed number that has not been popped yet keeps its position.
    #[inline]
    pub(crate) fn push(&mut self, number: u16) {
        self.0.get_or_insert_default().push(number);
    }

    /// Removes and returns the first number.
    pub(crate) fn pop(&mut self) -> Option<u16> {
        let queue = self.0.as_mut()?;
        loop {
            let number = queue.order.pop_front()?;
            queue.queued.remove(number);
            if queue.removed_count == 0 || !queue.removed.remove(number) {
                return Some(number);
            }
            queue.removed_count = queue.removed_count.saturating_sub(1);
        }
    }

    pub(crate) fn first(&self) -> Option<u16> {
        self.iter().next()
    }

    /// Frees a queue that is empty and has become large.
    #[inline]
    pub(crate) fn free_spare(&mut self) {
        if self.0.as_ref().is_some_and(|queue| queue.order.is_empty() && queue.is_large()) {
            self.0 = None;
        }
    }

    /// Returns the bytes of the heap that the queue takes up.
    #[cfg(test)]
    pub(crate) fn heap_size(&self) -> usize {
        self.0.as_ref().map_or(0, |queue| size_of::<Queue>().saturating_add(queue.heap_size()))
    }

    #[inline]
    pub(crate) fn remove(&mut self, number: u16) {
        if let Some(queue) = &mut self.0 {
            queue.remove(number);
        }
    }

    /// Removes a number that is not used any more, and frees the queue if it is empty and has become large.
    pub(crate) fn remove_and_free(&mut self, number: u16) {
        if !self.is_empty() {
            self.remove(number);
        }
        self.free_spare();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        self.0
            .iter()
            .flat_map(|queue| queue.order.iter().copied().filter(|number| !queue.removed.contains(*number)))
    }
}

/// A queue of this many bytes is given back once it is empty.
const LARGE: usize = 512;

impl Queue {
    #[cfg(test)]
    fn heap_size(&self) -> usize {
        let bits = self.queued.0.capacity().saturating_add(self.removed.0.capacity());
        self.order.capacity().saturating_mul(2).saturating_add(bits.saturating_mul(8))
    }

    #[inline]
    fn is_large(&self) -> bool {
        self.order.capacity().saturating_add(self.queued.0.len()) > LARGE / 8
    }

    fn remove(&mut self, number: u16) {
        if self.queued.contains(number) && self.removed.insert(number) {
            self.removed_count = self.removed_count.saturating_add(1);
        }
    }

    #[inline]
    fn push(&mut self, number: u16) {
        // The common case is a number that is queued already.
        if self.removed_count > 0 || !self.queued.contains(number) {
            self.push_uncommon(number);
        }
    }

    fn push_uncommon(&mut self, number: u16) {
        if self.queued.insert(number) {
            self.order.push_back(number);
        } else if self.removed_count > 0 && self.removed.remove(number) {
            self.removed_count = self.removed_count.saturating_sub(1);
        }
    }
}

/// A set of numbers, as many bits as the highest needs.
#[derive(Debug, Default)]
struct BitSet(Vec<u64>);

impl BitSet {
    /// Returns the index of the word that holds a number's bit, and the bit.
    #[inline]
    fn position(number: u16) -> (usize, u64) {
        (usize::from(number / 64), 1 << (number % 64))
    }

    #[inline]
    fn contains(&self, number: u16) -> bool {
        let (word, bit) = Self::position(number);
        self.0.get(word).is_some_and(|word| word & bit > 0)
    }

    /// Adds a number; returns true if it was not in the set.
    fn insert(&mut self, number: u16) -> bool {
        let (word, bit) = Self::position(number);
        if self.0.len() <= word {
            self.0.resize(word.saturating_add(1), 0);
        }
        let Some(word) = self.0.get_mut(word) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Removes a number; returns true if it was in the set.
    fn remove(&mut self, number: u16) -> bool {
        let (word, bit) = Self::position(number);
        let Some(word) = self.0.get_mut(word) else { return false };
        let was_in = *word & bit > 0;
        *word &= !bit;
        was_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_gives_back_what_a_burst_took() {
        let mut queue = ReadyQueue::default();
        (0..=u16::MAX).for_each(|at| queue.push(at));
        while queue.pop().is_some() {}
        queue.free_spare();
        assert_eq!(queue.heap_size(), 0);
        queue.push(u16::MAX);
        queue.free_spare();
        assert!((8192..9000).contains(&queue.heap_size()));
        assert_eq!(queue.pop(), Some(u16::MAX));
        queue.free_spare();
        assert_eq!(queue.heap_size(), 0);
    }

    #[test]
    fn a_number_is_queued_once_and_popped_in_order() {
        let mut queue = ReadyQueue::default();
        for at in [700, 3, 700, 64, 3] {
            queue.push(at);
        }
        assert_eq!((queue.len(), queue.iter().collect::<Vec<_>>()), (3, [700, 3, 64].into()));
        queue.remove(3);
        queue.remove(5);
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(700), Some(64), None));
        queue.push(3);
        assert_eq!((queue.pop(), queue.is_empty()), (Some(3), true));
        // Those that no longer wait are passed over, and wait again once they are to.
        (0..5).for_each(|at| queue.push(at));
        [0, 2, 2, 4].into_iter().for_each(|at| queue.remove(at));
        queue.push(4);
        queue.push(0);
        queue.remove(0);
        assert_eq!((queue.len(), queue.iter().collect::<Vec<_>>()), (3, [1, 3, 4].into()));
        assert_eq!([(); 4].map(|()| queue.pop()), [Some(1), Some(3), Some(4), None]);
        queue.push(2);
        assert_eq!((queue.len(), queue.pop(), queue.pop(), queue.len()), (1, Some(2), None, 0));
    }
}
