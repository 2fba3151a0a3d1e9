//! The senders of a session that may owe their application a `SENDER_READY`.

use alloc::boxed::Box;

use crate::ready_queue::ReadyQueue;

/// Handles of senders whose wait may be over, each kind in order.
#[derive(Debug, Default)]
pub(super) struct WaitingSenders(Option<Box<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    to_check: ReadyQueue,
    /// Those whose next message needs memory, or a place among the unsettled deliveries. They are not looked at while there
    /// is none.
    lack_memory: ReadyQueue,
}

/// Flags for all that is left to senders that have been refused for want of it. Others could take all of it before they are
/// woken, again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owed(u8);

impl Owed {
    pub(super) const NOTHING: Self = Self(0);
    /// The peer's window.
    pub(super) const WINDOW: Self = Self(1);
    /// Memory for unsettled deliveries, or their places.
    pub(super) const MEMORY: Self = Self(2);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn set(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) fn clear(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

impl WaitingSenders {
    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|waiting| waiting.to_check.is_empty() && waiting.lack_memory.is_empty())
    }

    pub(super) fn push(&mut self, handle: u16) {
        self.0.get_or_insert_default().to_check.push(handle);
    }

    /// Puts a sender aside until there is memory.
    pub(super) fn push_without_memory(&mut self, handle: u16) {
        self.0.get_or_insert_default().lack_memory.push(handle);
    }

    /// Removes and returns the next one. Those that have waited for memory are first, if there is some.
    pub(super) fn pop(&mut self, has_memory: bool) -> Option<u16> {
        let waiting = self.0.as_mut()?;
        let first = if has_memory { waiting.lack_memory.pop() } else { None };
        first.or_else(|| waiting.to_check.pop())
    }

    /// True if there are some that have been put aside.
    pub(super) fn lack_memory(&self) -> bool {
        self.0.as_ref().is_some_and(|waiting| !waiting.lack_memory.is_empty())
    }

    /// Returns the first of those to check.
    pub(super) fn first(&self) -> Option<u16> {
        self.0.as_ref()?.to_check.first()
    }

    /// Returns the first of those that wait for memory, or may.
    pub(super) fn first_without_memory(&self) -> Option<u16> {
        let waiting = self.0.as_ref()?;
        waiting.lack_memory.first().or_else(|| waiting.to_check.first())
    }

    /// Moves the first one behind the others, as [`pop`](Self::pop) has them.
    pub(super) fn pass_turn(&mut self, has_memory: bool) {
        if let Some(first) = self.pop(has_memory) {
            self.push(first);
        }
    }

    pub(super) fn remove(&mut self, handle: u16) {
        if let Some(waiting) = &mut self.0 {
            waiting.to_check.remove(handle);
            waiting.lack_memory.remove(handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many lack memory, they cost nothing while there is none.
    #[test]
    fn senders_without_memory_are_the_first_once_there_is_some() {
        let mut waiting = WaitingSenders::default();
        assert!(waiting.is_empty() && waiting.pop(true).is_none());
        for handle in 0..4 {
            waiting.push(handle);
        }
        for _ in 0..3 {
            let handle = waiting.pop(false).unwrap();
            waiting.push_without_memory(handle);
        }
        waiting.remove(1);
        assert_eq!(waiting.pop(false), Some(3));
        assert_eq!(waiting.pop(false), None);
        assert!(!waiting.is_empty());
        waiting.push(3);
        assert_eq!([(); 4].map(|()| waiting.pop(true)), [Some(0), Some(2), Some(3), None]);
        assert!(waiting.is_empty());
    }
}
