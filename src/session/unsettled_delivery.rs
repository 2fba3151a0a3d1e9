//! The unsettled deliveries of a link, as the application sees them.

use alloc::vec::Vec;

use super::{
    SessionEndpoint,
    stored_state::StateDecoder,
    unsettled::{UnsettledEntry, UnsettledMap},
};
use crate::{
    codec::DecodeLimits,
    ids::{DeliveryId, LinkId},
    spec::delivery_state::DeliveryState,
    types::DeliveryTag,
};

/// An unsettled delivery of a link, which may be gone (2.6.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsettledDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// Its delivery-tag.
    pub tag: DeliveryTag,
    /// Its last known state.
    pub state: Option<DeliveryState>,
}

impl SessionEndpoint {
    /// Returns the unsettled deliveries of a link, in order. `limits` are those that states were decoded with.
    pub(crate) fn unsettled(&self, link: LinkId, limits: DecodeLimits) -> Vec<UnsettledDelivery> {
        match link {
            LinkId::Sender(sender) => unsettled_of(Some(&self.outgoing), sender, limits),
            LinkId::Receiver(receiver) => unsettled_of(self.incoming.as_ref(), receiver, limits),
        }
    }

    /// Returns the number of unsettled deliveries in both directions.
    pub(crate) fn unsettled_len(&self) -> usize {
        self.outgoing.len().saturating_add(self.incoming.as_ref().map_or(0, |incoming| incoming.len()))
    }
}

fn unsettled_of<L: PartialEq>(
    deliveries: Option<&UnsettledMap<UnsettledEntry<L>>>,
    link: L,
    limits: DecodeLimits,
) -> Vec<UnsettledDelivery> {
    let entries = deliveries.into_iter().flat_map(UnsettledMap::iter);
    let of_link = entries.filter(|(_, entry)| entry.link == link);
    let mut decoder = StateDecoder::default();
    let mut state = |entry: &UnsettledEntry<L>| decoder.last_known(&entry.state, limits);
    of_link.map(|(id, entry)| UnsettledDelivery { id, tag: entry.tag, state: state(entry) }).collect()
}
