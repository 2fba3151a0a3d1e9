//! A queue: messages in order, and the links that take them.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

use amqp_proto::{
    CommandError, Connection, DeliveryId, ReceiverId, SendOptions, SenderId,
    spec::delivery_state::{DeliveryState, Modified, Outcome},
};

use crate::{
    peers::Peers,
    room::{Charge, Room},
    stored::Stored,
};

/// A sending link of one of the connections.
pub type Outlet = (usize, SenderId);

/// A receiving link of one of the connections.
pub type Inlet = (usize, ReceiverId);

/// The number of links that a message is barred from before those that are gone are forgotten.
const BARRED: usize = 16;

/// A link that messages go out on.
#[derive(Default)]
pub struct Consumer {
    /// True if messages stay in the queue (3.5.7 `copy`).
    browse: bool,
    /// True if deliveries are sent settled.
    settled: bool,
    /// The outcome of deliveries that get none (3.5.3 `default-outcome`).
    default_outcome: Option<Outcome>,
    /// True if the peer drains its credit (2.6.7).
    pub drain: bool,
    /// The first message that a browser has not seen.
    seen: u64,
    /// Unsettled messages, with their places in the queue.
    unsettled: BTreeMap<DeliveryId, (u64, Stored)>,
}

/// A queue, which is there as long as it has messages or links.
pub struct Queue {
    /// By place: a message that is released returns to its place.
    messages: BTreeMap<u64, Stored>,
    next: u64,
    consumers: BTreeMap<Outlet, Consumer>,
    producers: BTreeSet<Inlet>,
    /// Links in the order of their turns.
    turns: VecDeque<Outlet>,
    tag: u64,
    room: Rc<Room>,
    _charge: Charge,
}

impl Consumer {
    pub fn new(browse: bool, settled: bool, default_outcome: Option<Outcome>) -> Self {
        Self { browse, settled, default_outcome, ..Self::default() }
    }
}

impl Queue {
    /// Makes a queue with room of its own, and with a charge for itself.
    pub fn new(room: Rc<Room>, charge: Charge) -> Self {
        Self {
            messages: BTreeMap::new(),
            next: 0,
            consumers: BTreeMap::new(),
            producers: BTreeSet::new(),
            turns: VecDeque::new(),
            tag: 0,
            room,
            _charge: charge,
        }
    }

    pub fn room(&self) -> &Rc<Room> {
        &self.room
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    pub fn is_unused(&self) -> bool {
        self.messages.is_empty() && self.consumers.is_empty() && self.producers.is_empty()
    }

    pub fn push(&mut self, message: Stored) {
        self.messages.insert(self.next, message);
        self.next += 1;
    }

    pub fn add_producer(&mut self, inlet: Inlet) {
        self.producers.insert(inlet);
    }

    pub fn remove_producer(&mut self, inlet: Inlet) {
        self.producers.remove(&inlet);
    }

    pub fn add_consumer(&mut self, outlet: Outlet, consumer: Consumer) {
        self.consumers.insert(outlet, consumer);
        self.turns.push_back(outlet);
    }

    /// Removes a link. Its unsettled messages get its default outcome, or are available again.
    pub fn remove_consumer(&mut self, outlet: Outlet) {
        self.turns.retain(|other| *other != outlet);
        let Some(consumer) = self.consumers.remove(&outlet) else { return };
        // Nobody knows what became of them, so the next delivery may be a duplicate (3.2.1).
        let failed = Modified { delivery_failed: Some(true), ..Modified::default() };
        let outcome = consumer.default_outcome.unwrap_or(failed.into());
        for (place, message) in consumer.unsettled.into_values() {
            self.settle(outlet, place, message, Some(&outcome));
        }
    }

    pub fn consumer(&mut self, outlet: Outlet) -> Option<&mut Consumer> {
        self.consumers.get_mut(&outlet)
    }

    pub fn consumers(&self) -> impl Iterator<Item = Outlet> + '_ {
        self.consumers.keys().copied()
    }

    pub fn producers(&self) -> impl Iterator<Item = Inlet> + '_ {
        self.producers.iter().copied()
    }

    /// Returns the connections with deliveries that are not settled.
    pub fn unsettled(&self) -> impl Iterator<Item = usize> + '_ {
        let waiting = self.consumers.iter().filter(|(_, consumer)| !consumer.unsettled.is_empty());
        waiting.map(|((peer, _), _)| *peer)
    }

    /// Settles a range of a link's unsettled deliveries.
    pub fn settled(
        &mut self,
        outlet: Outlet,
        (first, last): (DeliveryId, DeliveryId),
        state: Option<&DeliveryState>,
    ) {
        let Some(consumer) = self.consumers.get_mut(&outlet) else { return };
        let ids: Vec<_> = consumer.unsettled.range(first..=last).map(|(id, _)| *id).collect();
        let settled: Vec<_> = ids.iter().filter_map(|id| consumer.unsettled.remove(id)).collect();
        // 3.5.3: the default outcome is that of deliveries without a terminal state.
        let outcome = state.and_then(outcome).or_else(|| consumer.default_outcome.clone());
        for (place, message) in settled {
            self.settle(outlet, place, message, outcome.as_ref());
        }
    }

    /// Gives an acquired message its outcome (3.4): it is available again, or done with.
    fn settle(&mut self, outlet: Outlet, place: u64, mut message: Stored, outcome: Option<&Outcome>) {
        let released = Modified::default();
        let change = match outcome {
            Some(Outcome::Released(_)) => &released,
            Some(Outcome::Modified(modified)) => modified,
            // Accepted, rejected, or settled without an outcome.
            _ => return,
        };
        message.give_back(change);
        if change.undeliverable_here == Some(true) && self.consumers.contains_key(&outlet) {
            self.bar(outlet, &mut message);
        }
        self.messages.insert(place, message);
    }

    fn bar(&self, outlet: Outlet, message: &mut Stored) {
        if message.barred.len() >= BARRED {
            message.barred.retain(|other| self.consumers.contains_key(other));
        }
        message.barred.push(outlet);
    }

    /// Sends messages, one per link in turn, until no link takes one.
    pub fn serve(&mut self, peers: &mut Peers) {
        let mut idle = 0;
        while idle < self.turns.len() {
            let Some(outlet) = self.turns.pop_front() else { break };
            self.turns.push_back(outlet);
            let peer = peers.touch(outlet.0);
            let sent = peer.is_some_and(|peer| self.serve_one(outlet, &mut peer.connection));
            idle = if sent { 0 } else { idle + 1 };
        }
    }

    fn serve_one(&mut self, outlet: Outlet, connection: &mut Connection) -> bool {
        let Some(consumer) = self.consumers.get_mut(&outlet) else { return false };
        let Ok(mut sender) = connection.sender(outlet.1) else { return false };
        let from = if consumer.browse { consumer.seen } else { 0 };
        let next = self.messages.range(from..).find(|(_, message)| !message.barred.contains(&outlet));
        let Some((&place, message)) = next else {
            if std::mem::take(&mut consumer.drain) {
                // An error means that the peer has ended the drain.
                let _ = sender.drained();
            }
            return false;
        };
        let options = SendOptions::new().settled(consumer.settled).message_format(message.format);
        // The payload is shared, not copied.
        match sender.send_with(self.tag, message.payload.clone(), &options) {
            Ok(delivery) => {
                self.tag += 1;
                consumer.seen = place + 1;
                if !consumer.browse
                    && let Some(message) = self.messages.remove(&place)
                    && !consumer.settled
                {
                    consumer.unsettled.insert(delivery, (place, message));
                }
                true
            }
            Err(CommandError::TooLarge { .. }) => {
                if let Some(mut message) = self.messages.remove(&place) {
                    self.bar(outlet, &mut message);
                    self.messages.insert(place, message);
                }
                true
            }
            // SENDER_READY follows when it can go on; a drain ends with the credit.
            Err(_) => {
                consumer.drain &= sender.credit() > 0;
                false
            }
        }
    }
}

/// Returns the outcome that a terminal state is.
fn outcome(state: &DeliveryState) -> Option<Outcome> {
    match state {
        DeliveryState::Accepted(_) => Some(Outcome::Accepted(Default::default())),
        DeliveryState::Rejected(_) => Some(Outcome::Rejected(Default::default())),
        DeliveryState::Released(_) => Some(Outcome::Released(Default::default())),
        DeliveryState::Modified(modified) => Some(Outcome::Modified(Box::new((**modified).clone()))),
        _ => None,
    }
}
