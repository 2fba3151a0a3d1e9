//! The sessions that wait for something that a connection's sessions share.

use alloc::boxed::Box;

use crate::ready_queue::ReadyQueue;

/// Channels of sessions, in order, by what each waits for. They cost nothing while there is none of it.
#[derive(Debug, Default)]
pub(crate) struct WaitingSessions(Option<Box<Queues>>);

/// The thing that a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// Room in the outbox, for messages in progress.
    Outbox,
    /// The peer, to read the dispositions and flows that have been written.
    Updates,
    /// Room in the account, for messages that stay unsettled.
    Memory,
}

#[derive(Debug, Default)]
struct Queues {
    outbox: ReadyQueue,
    updates: ReadyQueue,
    memory: ReadyQueue,
}

impl Queues {
    fn queue(&mut self, what: WaitsFor) -> &mut ReadyQueue {
        match what {
            WaitsFor::Outbox => &mut self.outbox,
            WaitsFor::Updates => &mut self.updates,
            WaitsFor::Memory => &mut self.memory,
        }
    }
}

impl WaitingSessions {
    /// Appends a session, unless it waits for that already.
    #[cold]
    pub(crate) fn push(&mut self, what: WaitsFor, channel: u16) {
        self.0.get_or_insert_default().queue(what).push(channel);
    }

    /// Returns the first session that waits for this.
    pub(crate) fn first(&mut self, what: WaitsFor) -> Option<u16> {
        self.0.as_mut()?.queue(what).first()
    }

    /// Removes and returns the first session that waits for this.
    pub(crate) fn pop(&mut self, what: WaitsFor) -> Option<u16> {
        self.0.as_mut()?.queue(what).pop()
    }

    /// Returns how many sessions wait for this.
    pub(crate) fn len(&mut self, what: WaitsFor) -> usize {
        self.0.as_mut().map_or(0, |queues| queues.queue(what).len())
    }

    /// True if no session has waited yet.
    #[inline]
    pub(crate) fn is_unused(&self) -> bool {
        self.0.is_none()
    }

    /// Removes a session that is gone, and frees what a burst took.
    pub(crate) fn remove(&mut self, channel: u16) {
        let Some(queues) = &mut self.0 else { return };
        let Queues { outbox, updates, memory } = &mut **queues;
        for queue in [&mut *outbox, &mut *updates, &mut *memory] {
            queue.remove_and_free(channel);
        }
        if outbox.is_empty() && updates.is_empty() && memory.is_empty() {
            self.0 = None;
        }
    }
}
