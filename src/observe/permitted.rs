//! The flows by which a sender may go (2.6.7), as seen from between the ends of its link.

use alloc::collections::VecDeque;

use crate::types::SequenceNo;

/// Flows of which the sender may have read any one last. Older ones only count as the most that they permitted.
const MAX_FLOWS: usize = 64;

/// The delivery-counts up to which the flows of a receiver permit its sender to send.
///
/// The sender goes by the last flow that it has read. Its own frames show which that may be, and the oldest one counts.
#[derive(Debug)]
pub(super) struct Permitted {
    /// Of the flows that it may have read last, in their order. The first stands for none at all.
    limits: VecDeque<SequenceNo>,
    /// The most of older flows, which may be meant still.
    dropped: Option<SequenceNo>,
}

impl Permitted {
    pub(super) fn new() -> Self {
        Self { limits: VecDeque::from([SequenceNo::default()]), dropped: None }
    }

    /// Counts from the sender's first delivery-count, in place of 0.
    pub(super) fn begin_count(&mut self, first: SequenceNo) {
        let counts = self.limits.iter_mut().chain(&mut self.dropped);
        counts.for_each(|limit| *limit = limit.plus(first.get()));
    }

    /// Returns the limit of the last flow.
    pub(super) fn latest(&self) -> SequenceNo {
        self.limits.back().copied().unwrap_or_default()
    }

    /// Returns the highest limit by which the sender may go.
    pub(super) fn highest(&self) -> SequenceNo {
        self.limits.iter().copied().chain(self.dropped).fold(self.latest(), higher)
    }

    /// Notes the limit of a flow.
    pub(super) fn permit(&mut self, limit: SequenceNo) {
        if limit == self.latest() {
            return;
        }
        if self.limits.len() >= MAX_FLOWS
            && let Some(oldest) = self.limits.pop_front()
        {
            self.dropped = Some(self.dropped.map_or(oldest, |dropped| higher(dropped, oldest)));
        }
        self.limits.push_back(limit);
    }

    /// Notes a delivery that the sender begins at this delivery-count. Returns the limit that it breaks.
    pub(super) fn on_delivery(&mut self, count: SequenceNo) -> Result<(), SequenceNo> {
        let allows = |limit: &SequenceNo| limit.offset_from(count) > 0;
        if self.dropped.is_some_and(|dropped| allows(&dropped)) {
            return Ok(());
        }
        let highest = self.highest();
        let read = self.limits.iter().position(allows).ok_or(highest)?;
        self.limits.drain(..read);
        Ok(())
    }

    /// Notes a flow of the sender's, whose credit is that of the last flow that it has read, less what it has used.
    pub(super) fn on_flow(&mut self, count: SequenceNo, credit: u32) {
        let is_meant = |limit: &SequenceNo| match credit {
            0 => limit.offset_from(count) <= 0,
            credit => *limit == count.plus(credit),
        };
        if self.dropped.is_none()
            && let Some(read) = self.limits.iter().position(is_meant)
        {
            self.limits.drain(..read);
        }
    }
}

fn higher(one: SequenceNo, other: SequenceNo) -> SequenceNo {
    if one.offset_from(other) > 0 { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the limits behind flows that each permit one delivery more, or one less, than the one before.
    fn many(limits: impl Iterator<Item = u32>) -> Permitted {
        let mut permitted = Permitted::new();
        limits.for_each(|limit| permitted.permit(SequenceNo::new(limit)));
        permitted
    }

    #[test]
    fn flows_that_are_kept_are_bounded() {
        assert_eq!(many(1..=100_000).limits.len(), MAX_FLOWS);
    }

    #[test]
    fn an_older_flow_counts_as_the_most_that_was_permitted() {
        let mut permitted = many((1..=1000).rev());
        assert_eq!(permitted.on_delivery(SequenceNo::new(999)), Ok(()));
        assert_eq!(permitted.on_delivery(SequenceNo::new(1000)), Err(SequenceNo::new(1000)));
    }

    #[test]
    fn a_delivery_shows_which_flows_the_sender_has_read() {
        let mut permitted = many([5, 20, 10].into_iter());
        assert_eq!(permitted.on_delivery(SequenceNo::new(15)), Ok(()));
        assert_eq!(
            permitted.highest(),
            SequenceNo::new(20),
            "the flow of 5 is behind it, that of 10 may be ahead"
        );
        permitted.on_flow(SequenceNo::new(16), 0);
        assert_eq!(permitted.highest(), SequenceNo::new(10));
    }
}
