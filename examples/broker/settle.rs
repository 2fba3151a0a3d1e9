//! The outcomes of deliveries (3.4): what becomes of the messages that a link has acquired.

use std::collections::BTreeSet;

use amqp_proto::{
    DeliveryId,
    spec::{
        definitions::AmqpError,
        delivery_state::{DeliveryState, Modified, Outcome},
    },
};

use crate::{
    consumer::{Acquired, Outlet},
    dead_letter,
    queue::Queue,
    stored::Stored,
};

/// A message that its receiver has rejected as a dead letter.
pub struct Rejection {
    pub place: u64,
    pub message: Box<Stored>,
    pub error: AmqpError,
}

impl Queue {
    /// Returns those of a range that are unsettled deliveries of a link.
    pub fn unsettled_of(&self, outlet: Outlet, (first, last): (DeliveryId, DeliveryId)) -> Vec<DeliveryId> {
        let consumer = self.consumers.get(&outlet);
        consumer.map(|it| it.unsettled.range(first..=last).map(|(id, _)| *id).collect()).unwrap_or_default()
    }

    /// Settles a range of a link's unsettled deliveries. Returns those that are dead letters.
    pub fn settled(
        &mut self,
        outlet: Outlet,
        range: (DeliveryId, DeliveryId),
        state: Option<&DeliveryState>,
    ) -> Vec<Rejection> {
        let ids = self.unsettled_of(outlet, range);
        let Some(consumer) = self.consumers.get_mut(&outlet) else { return Vec::new() };
        let is_azure = consumer.is_azure;
        let settled: Vec<_> = ids.iter().filter_map(|id| consumer.unsettled.remove(id)).collect();
        // 3.5.3: the default outcome is that of deliveries without a terminal state.
        let outcome = state.and_then(outcome).or_else(|| consumer.default_outcome.clone());
        let rejections =
            settled.into_iter().filter_map(|it| self.settle(outlet, is_azure, it, outcome.as_ref()));
        rejections.collect()
    }

    /// Gives an acquired message its outcome (3.4): it is available again, deferred, or done with. Returns a dead letter.
    pub fn settle(
        &mut self,
        outlet: Outlet,
        is_azure: bool,
        acquired: Acquired,
        outcome: Option<&Outcome>,
    ) -> Option<Rejection> {
        let Acquired { place, mut message, token } = acquired;
        self.tokens.remove(&token);
        self.acquired -= 1;
        let released = Modified::default();
        let change = match outcome {
            Some(Outcome::Released(_)) => &released,
            Some(Outcome::Modified(modified)) => modified,
            Some(Outcome::Rejected(rejected)) if dead_letter::is_asked_for(rejected.error.as_ref()) => {
                let error = rejected.error.clone().unwrap_or_default();
                return Some(Rejection { place, message, error });
            }
            // Accepted, rejected, or settled without an outcome.
            _ => return None,
        };
        message.give_back(change);
        if change.undeliverable_here == Some(true) {
            if is_azure {
                // Service Bus hands it out again by its number alone.
                self.parked.defer(place, message);
                return None;
            }
            self.bar(outlet, place);
        }
        self.put_back(place, message);
        None
    }

    /// Bars a message from a link.
    fn bar(&mut self, outlet: Outlet, place: u64) {
        let Some(consumer) = self.consumers.get_mut(&outlet) else { return };
        if consumer.barred.is_due() {
            let acquired: BTreeSet<u64> = self.acquired_places().collect();
            let Some(consumer) = self.consumers.get_mut(&outlet) else { return };
            consumer.barred.retain(&acquired, |place| self.available.get(place).is_some());
        }
        if let Some(consumer) = self.consumers.get_mut(&outlet) {
            consumer.barred.insert(place);
        }
    }

    fn acquired_places(&self) -> impl Iterator<Item = u64> {
        self.consumers.values().flat_map(|consumer| consumer.unsettled.values().map(|it| it.place))
    }

    /// True if a link has more undeliverable messages than there is room for.
    pub fn is_overfull(&self, outlet: Outlet) -> bool {
        self.consumers.get(&outlet).is_some_and(|consumer| consumer.barred.is_full())
    }
}

/// Returns the outcome that a terminal state is, or one of a transaction.
pub fn outcome(state: &DeliveryState) -> Option<Outcome> {
    match state {
        DeliveryState::Accepted(_) => Some(Outcome::Accepted(Default::default())),
        DeliveryState::Rejected(rejected) => Some(Outcome::Rejected(Box::new((**rejected).clone()))),
        DeliveryState::Released(_) => Some(Outcome::Released(Default::default())),
        DeliveryState::Modified(modified) => Some(Outcome::Modified(Box::new((**modified).clone()))),
        // There is no such transaction, so that nothing of it takes effect.
        DeliveryState::TransactionalState(_) => Some(Outcome::Released(Default::default())),
        _ => None,
    }
}
