//! The flows of a receiver, and the parts of them that its sender is known to have read (2.6.7).

use crate::{spec::performatives::Flow, types::SequenceNo};

/// The flows of a receiver, and the parts of them that its sender is known to have read.
///
/// A flow of the sender's may have been on its way for long. It shows two things of the last of our flows that the sender
/// had read: its `drain`, and the sum of its delivery-count and credit.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    /// `drain` in the last flow.
    pub(crate) drain: bool,
    /// The delivery-count up to which the last flow lets the sender send.
    last: SequenceNo,
    /// That up to which it may send if it has not read that there is less credit.
    limit: SequenceNo,
    /// The changes of `drain` that the sender may not have read.
    unread: u32,
    /// Those of them behind the newest credit.
    behind: u32,
    /// The changes that the sender has to have read before it is known to have read of the newest credit.
    awaited: u32,
    /// The sum that only a sender shows which has read of the newest credit.
    proof: Option<SequenceNo>,
}

impl Announced {
    /// Returns the number of deliveries that may be on their way to a receiver with this delivery-count.
    pub(crate) fn in_flight(&self, count: SequenceNo) -> u32 {
        u32::try_from(self.limit.offset_from(count)).unwrap_or(0)
    }

    /// Counts from the sender's first delivery-count, in place of 0.
    pub(crate) fn begin_count(&mut self, first: SequenceNo) {
        let moved = |count: SequenceNo| count.plus(first.get());
        (self.last, self.limit, self.proof) = (moved(self.last), moved(self.limit), self.proof.map(moved));
    }

    /// Notes a flow that is written.
    pub(crate) fn write(&mut self, count: SequenceNo, credit: u32, drain: bool) {
        let limit = count.plus(credit);
        let changes = drain != self.drain;
        if changes {
            self.drain = drain;
            self.unread = self.unread.wrapping_add(1);
            self.behind = self.behind.wrapping_add(1);
        }
        if credit > 0 && limit.offset_from(self.last) > 0 {
            // A change that this flow itself brings shows that it has been read, else only the next one will.
            self.awaited = self.unread.wrapping_add((!changes).into());
            self.behind = 0;
            self.proof = Some(self.limit.next());
        }
        self.last = limit;
        self.limit = count.plus(self.in_flight(count).max(credit));
    }

    /// Notes a delivery-count up to which the sender has sent.
    pub(crate) fn note_count(&mut self, count: SequenceNo) {
        if self.proof.is_some_and(|proof| count.offset_from(proof) >= 0) {
            (self.proof, self.awaited) = (None, 0);
            self.unread = self.unread.min(self.behind);
        }
    }

    /// Notes a flow of the sender's. `count` is the delivery-count of this end, which may be ahead of theirs in the middle of
    /// a delivery.
    pub(crate) fn read(&mut self, flow: &Flow, count: SequenceNo) {
        let theirs = flow.delivery_count.unwrap_or(count);
        let (credit, drain) = (flow.link_credit, flow.drain);
        self.note_count(theirs.plus(credit.unwrap_or(0)));
        if self.unread > 0 && drain != self.is_drain_read() {
            self.unread = self.unread.wrapping_sub(1);
            self.awaited = self.awaited.saturating_sub(1);
        }
        // A sender without credit, that has read of all there was, has used it or has read that it is gone.
        if self.awaited == 0 && credit.map_or(drain, |credit| credit == 0) {
            self.limit = if theirs.offset_from(count) > 0 { theirs } else { count };
        }
    }

    /// Returns the `drain` that the sender has read at least. Its next flow with the other one shows that it has read more.
    pub(crate) fn is_drain_read(&self) -> bool {
        self.drain != (self.unread % 2 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(count: u32, credit: u32, drain: bool) -> Flow {
        let delivery_count = Some(SequenceNo::new(count));
        Flow { delivery_count, link_credit: Some(credit), drain, ..Flow::default() }
    }

    /// Each answer shows the newest credit, so that a drain without credit takes no longer behind many others.
    #[test]
    fn answered_drains_leave_nothing_unread() {
        let (mut announced, mut count) = (Announced::default(), SequenceNo::default());
        for _ in 0..50 {
            announced.write(count, 5, false);
            announced.write(count, 5, true);
            count = count.plus(5);
            announced.read(&flow(count.get(), 0, true), count);
            assert_eq!((announced.unread, announced.in_flight(count)), (0, 0));
        }
        announced.write(count, 5, false);
        announced.write(count, 0, false);
        assert_eq!(announced.in_flight(count), 5);
        announced.read(&flow(count.get(), 0, false), count);
        assert_eq!(announced.in_flight(count), 0);
    }
}
