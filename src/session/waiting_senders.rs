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
