//! Facts that few links have, kept apart from the links: properties of their flows, settlements out of turn.

use alloc::vec::Vec;

use super::{ColdState, SessionEndpoint, held::MAP_ENTRY, unsettled::UnsettledEntry};
use crate::{
    codec::{Encoded, to_vec},
    context::Context,
    error::{CommandError, ProtocolError},
    event::Event,
    ids::{LinkId, LinkKey, SenderId},
    spec::performatives::Flow,
    state::LinkState,
    types::{Fields, Handle, SequenceNo, TransferNumber},
};

/// Facts about a link.
#[derive(Debug, Default)]
pub(super) struct LinkFacts {
    /// Properties that flows of the peer have brought, the last of them.
    remote_flow_properties: Option<Encoded<Fields>>,
    /// Properties that our next flow takes along.
    flow_properties: Option<Fields>,
    /// Deliveries of ours that the receiver settled before we did, in rcv-settle-mode second.
    early_settlements: u64,
}

impl LinkFacts {
    /// Returns the bytes of the heap that they take up because of the peer.
    pub(super) fn charged_size(&self) -> usize {
        match (&self.remote_flow_properties, self.early_settlements) {
            (None, 0) => 0,
            (properties, _) => size_of::<(LinkId, Self)>()
                .saturating_add(MAP_ENTRY)
                .saturating_add(properties.as_ref().map_or(0, Encoded::len)),
        }
    }
}

/// Removes and returns the properties that the link's next flow takes along.
#[inline]
pub(super) fn take_flow_properties(cold: Option<&mut ColdState>, link: LinkId) -> Option<Fields> {
    cold?.link_facts.get_mut(&link)?.flow_properties.take()
}

/// Counts a delivery that its receiver settles before us, unless its own mode is first. The counts are in the order in
/// which the links appear.
#[cold]
#[inline(never)]
pub(super) fn count_early(counts: &mut Vec<(SenderId, u64)>, entry: &UnsettledEntry<SenderId>) {
    if entry.state.settles_first() {
        return;
    }
    let link = entry.link;
    match counts.last_mut() {
        Some((last, count)) if *last == link => *count = count.saturating_add(1),
        _ => counts.push((link, 1)),
    }
}

impl SessionEndpoint {
    fn facts(&mut self, link: LinkId) -> &mut LinkFacts {
        self.cold().link_facts.entry(link).or_default()
    }

    /// Changes the facts of a link for the peer, and charges what they take up then.
    fn change_facts(
        &mut self,
        link: LinkId,
        change: impl FnOnce(&mut LinkFacts),
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let facts = self.facts(link);
        let before = facts.charged_size();
        change(facts);
        let now = facts.charged_size();
        self.charge_link(before, now, cx)
    }

    /// Keeps the properties that a flow brings for a link, and raises an event if they are others than before.
    #[cold]
    pub(super) fn on_flow_properties(
        &mut self,
        handle: u16,
        properties: &Fields,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        let Some(common) = self.links.get(handle).map(|link| &link.common) else { return Ok(()) };
        let (link, is_open) = (common.id, common.is_open());
        let properties = Encoded::new(&to_vec(properties));
        if self.remote_flow_properties(link) == Some(&properties) {
            return Ok(());
        }
        self.change_facts(link, |facts| facts.remote_flow_properties = Some(properties), cx)?;
        // Before the link is open it has no events.
        if is_open {
            cx.event(Event::LinkProperties { link });
        }
        Ok(())
    }

    /// Returns the properties that the peer's last flow with any brought for a link.
    pub(crate) fn remote_flow_properties(&self, link: LinkId) -> Option<&Encoded<Fields>> {
        self.cold.as_ref()?.link_facts.get(&link)?.remote_flow_properties.as_ref()
    }

    /// Has the link's next flow take these properties along, once. `None` takes back those that have not been written.
    pub(crate) fn set_flow_properties(
        &mut self,
        id: LinkId,
        properties: Option<Fields>,
        cx: &Context,
    ) -> Result<(), CommandError> {
        let link = self.staying_link(id)?;
        if properties.is_some() {
            // As it cannot be refused when it is written, it has to fit with any numbers.
            let largest = largest_flow(properties.clone());
            Context::check_fits(&largest, cx.max_frame_size)?;
            let is_written_now = matches!(link.common.state, LinkState::AttachSent | LinkState::Attached);
            link.common.flow_owed |= !is_written_now;
            self.schedule_link_flow(LinkKey::from(id).handle);
        }
        self.facts(id).flow_properties = properties;
        Ok(())
    }

    /// Puts back the properties of a flow that could not be written.
    #[cold]
    pub(super) fn put_back_flow_properties(&mut self, link: LinkId, properties: Fields) {
        self.facts(link).flow_properties = Some(properties);
    }

    /// Counts deliveries that the receiver settled before we did, in rcv-settle-mode second.
    #[cold]
    pub(super) fn count_early_settlements(
        &mut self,
        counts: Vec<(SenderId, u64)>,
        cx: &mut Context,
    ) -> Result<(), ProtocolError> {
        for (link, count) in counts {
            let add = |facts: &mut LinkFacts| {
                facts.early_settlements = facts.early_settlements.saturating_add(count);
            };
            self.change_facts(link.into(), add, cx)?;
        }
        Ok(())
    }

    /// Returns how many deliveries the receiver settled before we did, in rcv-settle-mode second.
    pub(crate) fn early_settlements(&self, link: LinkId) -> u64 {
        let facts = self.cold.as_ref().and_then(|cold| cold.link_facts.get(&link));
        facts.map_or(0, |facts| facts.early_settlements)
    }

    /// Forgets the facts of a link that is gone. Returns the bytes that were charged for them.
    pub(super) fn forget_facts(&mut self, link: LinkId) -> usize {
        let facts = self.cold.as_mut().and_then(|cold| cold.link_facts.remove(&link));
        facts.map_or(0, |facts| facts.charged_size())
    }
}

/// Returns the flow that takes up the most bytes with these properties.
fn largest_flow(properties: Option<Fields>) -> Flow {
    let (transfer, count) = (TransferNumber::new(u32::MAX), SequenceNo::new(u32::MAX));
    Flow {
        next_incoming_id: Some(transfer),
        incoming_window: u32::MAX,
        next_outgoing_id: transfer,
        outgoing_window: u32::MAX,
        handle: Some(Handle::new(u32::MAX)),
        delivery_count: Some(count),
        link_credit: Some(u32::MAX),
        available: Some(u32::MAX),
        drain: true,
        echo: true,
        properties,
    }
}
