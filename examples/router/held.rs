//! A delivery inside the router.

use amqp_proto::{Delivery, DeliveryId, spec::delivery_state::DeliveryState};
use bytes::Bytes;

/// A delivery that has arrived and is not sent to its end.
pub struct Held {
    pub delivery: Delivery,
    /// Set for a delivery that is passed on while it arrives.
    pub stream: Option<Stream>,
}

#[derive(Default)]
pub struct Stream {
    /// The delivery at the far end, once it has begun.
    pub sent: Option<DeliveryId>,
    /// A chunk that was read, and that the far end does not take yet.
    pub chunk: Option<Bytes>,
    pub is_complete: bool,
    pub is_aborted: bool,
    /// The receiver's state, and whether it has settled. An outcome would end the reading, so it waits.
    pub outcome: Option<(bool, Option<DeliveryState>)>,
}

impl Held {
    /// True if it has used credit of the far end already.
    pub fn is_begun(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.sent.is_some())
    }
}
