//! The outcomes of deliveries (3.4): what becomes of the messages that a link has acquired.

use std::collections::BTreeSet;

use amqp_proto::{
    DeliveryId,
    codec::to_vec,
    spec::{
        definitions::AmqpError,
        delivery_state::{DeliveryState, Modified, Outcome, Rejected, Released},
    },
};

use crate::{
    consumer::{Acquired, Outlet},
    dead_letter,
    queue::Queue,
    stored::Stored,
};

/// Bytes of annotations that one disposition may add to messages. Others wait meanwhile.
const ANNOTATED: usize = 2 << 20;

/// Messages that their receiver has rejected as dead letters, with their places in the queue.
#[derive(Default)]
pub struct Rejections {
    /// The reason of all: it may be large, and they may be many.
    pub error: AmqpError,
    pub messages: Vec<(u64, Box<Stored>)>,
}

impl Rejections {
    pub fn with(outcome: Option<&Outcome>, messages: Vec<(u64, Box<Stored>)>) -> Self {
        let error = match outcome {
            Some(Outcome::Rejected(rejected)) if !messages.is_empty() => rejected.error.clone(),
            _ => None,
        };
        Self { error: error.unwrap_or_default(), messages }
    }
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
    ) -> Rejections {
        let ids = self.unsettled_of(outlet, range);
        let Some(consumer) = self.consumers.get_mut(&outlet) else { return Rejections::default() };
        let is_azure = consumer.is_azure;
        let settled: Vec<_> = ids.iter().filter_map(|id| consumer.unsettled.remove(id)).collect();
        // 3.5.3: the default outcome is that of deliveries without a terminal state.
        let outcome = state.and_then(outcome).or_else(|| consumer.default_outcome.clone());
        let size = outcome.as_ref().map_or(0, size_of);
        let annotates = matches!(&outcome, Some(Outcome::Modified(it)) if it.message_annotations.is_some());
        let most = if annotates { ANNOTATED / size } else { usize::MAX };
        consumer.is_overfull |= settled.len() > most;
        let rejected = settled.into_iter().enumerate().filter_map(|(count, it)| {
            // Nothing has room for more annotations than there are bytes.
            let size = if count < most { size } else { usize::MAX };
            self.settle(outlet, is_azure, it, outcome.as_ref(), size)
        });
        Rejections::with(outcome.as_ref(), rejected.collect())
    }

    /// Gives an acquired message its outcome (3.4): it is available again, deferred, or done with. Returns a dead letter.
    /// The outcome has this encoded `size` in bytes.
    pub fn settle(
        &mut self,
        outlet: Outlet,
        is_azure: bool,
        acquired: Acquired,
        outcome: Option<&Outcome>,
        size: usize,
    ) -> Option<(u64, Box<Stored>)> {
        let Acquired { place, mut message, token } = acquired;
        self.tokens.remove(&token);
        self.acquired -= 1;
        let released = Modified::default();
        let change = match outcome {
            Some(Outcome::Released(_)) => &released,
            Some(Outcome::Modified(modified)) => modified,
            Some(Outcome::Rejected(rejected)) if dead_letter::is_asked_for(rejected.error.as_ref()) => {
                return Some((place, message));
            }
            // Accepted, rejected, or settled without an outcome.
            _ => return None,
        };
        message.give_back(change, size);
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

    /// True if a link has given outcomes that are too much to keep.
    pub fn is_overfull(&self, outlet: Outlet) -> bool {
        self.consumers.get(&outlet).is_some_and(|it| it.is_overfull || it.barred.is_full())
    }
}

/// Returns the bytes of an outcome's encoding.
pub fn size_of(outcome: &Outcome) -> usize {
    to_vec(outcome).len()
}

/// Returns a state without what its receiver has to say for many messages at once.
pub fn bare(state: &DeliveryState) -> DeliveryState {
    match state {
        // The error is the receiver's, and some take it for one of ours if it is sent back.
        DeliveryState::Rejected(_) => DeliveryState::from(Rejected::default()),
        DeliveryState::Modified(modified) => {
            let Modified { delivery_failed, undeliverable_here, .. } = **modified;
            DeliveryState::from(Modified { delivery_failed, undeliverable_here, ..Modified::default() })
        }
        DeliveryState::Accepted(_) => DeliveryState::ACCEPTED,
        // There is no transaction that it could be a part of.
        _ => DeliveryState::from(Released::default()),
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
