//! A queue: messages in order, and the links that take and bring them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use amqp_proto::{
    LinkId,
    spec::{
        delivery_state::Modified,
        terminus::{DeleteOnNoLinksOrMessages, LifetimePolicy},
    },
    types::Timestamp,
};

use crate::{
    available::{Available, Turns},
    consumer::{Consumer, Inlet, Outlet},
    parked::Parked,
    room::{Charge, Room},
    settle::{Rejections, size_of},
    stored::Stored,
};

/// A queue, which is there as long as its lifetime policy says.
pub struct Queue {
    pub available: Available,
    /// Deferred and scheduled messages.
    pub parked: Parked,
    /// The number of the next message. The first is 1, as at Service Bus.
    next: u64,
    pub consumers: BTreeMap<Outlet, Consumer>,
    producers: BTreeSet<Inlet>,
    pub turns: Turns,
    /// The tag of the next delivery.
    pub tag: u128,
    /// Tags of unsettled deliveries that are lock tokens.
    pub tokens: BTreeSet<u128>,
    /// Messages that are acquired.
    pub acquired: usize,
    /// The time of the first scheduled message, if the node knows of it.
    pub alarm: Option<Timestamp>,
    policy: LifetimePolicy,
    /// The link that a dynamic queue was made for, as long as it is there.
    creator: Option<(usize, LinkId)>,
    /// True if the queue is among those that may have something to hand out.
    pub is_noted: bool,
    room: Arc<Room>,
    _charge: Charge,
}

impl Queue {
    /// Makes a queue with room of its own, and with a charge for itself.
    pub fn new(room: Arc<Room>, charge: Charge) -> Self {
        Self {
            available: Available::default(),
            parked: Parked::default(),
            next: 1,
            consumers: BTreeMap::new(),
            producers: BTreeSet::new(),
            turns: Turns::default(),
            tag: 1,
            tokens: BTreeSet::new(),
            acquired: 0,
            alarm: None,
            policy: LifetimePolicy::DeleteOnNoLinksOrMessages(DeleteOnNoLinksOrMessages {}),
            creator: None,
            is_noted: false,
            room,
            _charge: charge,
        }
    }

    /// Makes the queue one that ends by the policy of a dynamic node.
    pub fn set_policy(&mut self, policy: LifetimePolicy, creator: (usize, LinkId)) {
        self.policy = policy;
        self.creator = Some(creator);
    }

    pub fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Returns the number of messages that are not acquired.
    pub fn len(&self) -> usize {
        self.available.len() + self.parked.len()
    }

    /// Returns the number of the last message.
    pub fn last_number(&self) -> u64 {
        self.next - 1
    }

    /// Returns a number for a message.
    pub fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// True if the queue is to be deleted, by its lifetime policy (3.5.10 to 3.5.13).
    pub fn is_over(&self) -> bool {
        let has_links = !self.consumers.is_empty() || !self.producers.is_empty();
        let has_messages = self.len() + self.acquired > 0;
        match self.policy {
            LifetimePolicy::DeleteOnClose(_) => self.creator.is_none(),
            LifetimePolicy::DeleteOnNoLinks(_) => !has_links,
            LifetimePolicy::DeleteOnNoMessages(_) => self.creator.is_none() && !has_messages,
            LifetimePolicy::DeleteOnNoLinksOrMessages(_) => !has_links && !has_messages,
        }
    }

    pub fn push(&mut self, message: Box<Stored>) {
        let number = self.take_number();
        self.put_back(number, message);
    }

    /// Adds a message that is not to be handed out before this time, if there is one.
    pub fn push_at(&mut self, time: Option<Timestamp>, message: Box<Stored>) {
        match time {
            None => self.push(message),
            Some(time) => {
                let number = self.take_number();
                self.parked.schedule(number, time, message);
            }
        }
    }

    /// Makes a message available at its place.
    pub fn put_back(&mut self, place: u64, message: Box<Stored>) {
        self.available.insert(place, message);
        self.turns.wake();
    }

    pub fn add_producer(&mut self, inlet: Inlet) {
        self.producers.insert(inlet);
    }

    /// Adds a link. Its first turn comes with `SENDER_READY`.
    pub fn add_consumer(&mut self, outlet: Outlet, consumer: Consumer) {
        self.consumers.insert(outlet, consumer);
    }

    /// Takes note that a link may be able to send.
    pub fn ready(&mut self, outlet: Outlet) {
        if let Some(consumer) = self.consumers.get_mut(&outlet) {
            self.turns.ready(outlet, consumer);
        }
    }

    /// Takes note that a link's peer drains its credit (2.6.7).
    pub fn drain(&mut self, outlet: Outlet) {
        if self.consumers.contains_key(&outlet) {
            self.turns.draining.insert(outlet);
            self.ready(outlet);
        }
    }

    /// Removes a link. The unsettled messages of a consumer get its default outcome, or are available again.
    #[must_use]
    pub fn remove_link(&mut self, peer: usize, link: LinkId) -> Rejections {
        self.creator.take_if(|creator| *creator == (peer, link));
        let id = match link {
            LinkId::Receiver(id) => {
                self.producers.remove(&(peer, id));
                return Rejections::default();
            }
            LinkId::Sender(id) => id,
        };
        let outlet = (peer, id);
        let Some(consumer) = self.consumers.remove(&outlet) else { return Rejections::default() };
        self.turns.remove(outlet, consumer.turn);
        // Nobody knows what became of them, so the next delivery may be a duplicate (3.2.1).
        let failed = Modified { delivery_failed: Some(true), ..Modified::default() };
        let outcome = Some(consumer.default_outcome.unwrap_or(failed.into()));
        let unsettled = consumer.unsettled.into_values();
        let size = outcome.as_ref().map_or(0, size_of);
        let rejected = unsettled.filter_map(|it| self.settle(outlet, false, it, outcome.as_ref(), size));
        Rejections::with(outcome.as_ref(), rejected.collect())
    }

    /// Returns the queue's links.
    pub fn links(&self) -> Vec<(usize, LinkId)> {
        let consumers = self.consumers.keys().map(|(peer, id)| (*peer, (*id).into()));
        consumers.chain(self.producers.iter().map(|(peer, id)| (*peer, (*id).into()))).collect()
    }

    pub fn producers_len(&self) -> usize {
        self.producers.len()
    }

    /// Returns the connections with deliveries that are not settled.
    pub fn unsettled(&self) -> impl Iterator<Item = usize> + '_ {
        let waiting = self.consumers.iter().filter(|(_, consumer)| !consumer.unsettled.is_empty());
        waiting.map(|((peer, _), _)| *peer)
    }
}
