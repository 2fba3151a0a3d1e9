//! A queue: messages in order, and the links that take them.

use std::{
    collections::{BTreeMap, BTreeSet},
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

/// A link that messages go out on.
#[derive(Default)]
pub struct Consumer {
    /// True if messages stay in the queue (3.5.7 `copy`).
    browse: bool,
    /// True if deliveries are sent settled.
    settled: bool,
    /// The outcome of deliveries that get none (3.5.3 `default-outcome`).
    default_outcome: Option<Outcome>,
    /// The link's turn, if it may be able to send.
    turn: Option<u64>,
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
    /// Links that may be able to send, in the order of their turns.
    turns: BTreeMap<u64, Outlet>,
    next_turn: u64,
    /// Links whose peers drain their credit (2.6.7).
    draining: BTreeSet<Outlet>,
    tag: u128,
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
            turns: BTreeMap::new(),
            next_turn: 0,
            draining: BTreeSet::new(),
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

    /// Adds a link. Its first turn comes with `SENDER_READY`.
    pub fn add_consumer(&mut self, outlet: Outlet, consumer: Consumer) {
        self.consumers.insert(outlet, consumer);
    }

    /// Takes note that a link may be able to send.
    pub fn ready(&mut self, outlet: Outlet) {
        if let Some(consumer) = self.consumers.get_mut(&outlet)
            && consumer.turn.is_none()
        {
            consumer.turn = Some(self.next_turn);
            self.turns.insert(self.next_turn, outlet);
            self.next_turn += 1;
        }
    }

    /// Takes note that a link's peer drains its credit (2.6.7).
    pub fn drain(&mut self, outlet: Outlet) {
        if self.consumers.contains_key(&outlet) {
            self.draining.insert(outlet);
            self.ready(outlet);
        }
    }

    /// Removes a link. Its unsettled messages get its default outcome, or are available again.
    pub fn remove_consumer(&mut self, outlet: Outlet) {
        let Some(consumer) = self.consumers.remove(&outlet) else { return };
        if let Some(turn) = consumer.turn {
            self.turns.remove(&turn);
        }
        self.draining.remove(&outlet);
        // Nobody knows what became of them, so the next delivery may be a duplicate (3.2.1).
        let failed = Modified { delivery_failed: Some(true), ..Modified::default() };
        let outcome = consumer.default_outcome.unwrap_or(failed.into());
        for (place, message) in consumer.unsettled.into_values() {
            self.settle(outlet, place, message, Some(&outcome));
        }
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

    /// Returns those of a range that are unsettled deliveries of a link.
    pub fn unsettled_of(&self, outlet: Outlet, (first, last): (DeliveryId, DeliveryId)) -> Vec<DeliveryId> {
        let consumer = self.consumers.get(&outlet);
        consumer.map(|it| it.unsettled.range(first..=last).map(|(id, _)| *id).collect()).unwrap_or_default()
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
            message.bar(outlet, |other| self.consumers.contains_key(other));
        }
        self.messages.insert(place, message);
    }

    /// Sends messages, one per link in turn, until no link takes one. A link without a message for it, or one that
    /// cannot send, has one turn.
    pub fn serve(&mut self, peers: &mut Peers) {
        let mut idle = Vec::new();
        while !self.messages.is_empty()
            && let Some((turn, outlet)) = self.turns.pop_first()
        {
            let peer = peers.touch(outlet.0);
            match peer.map_or(Served::CannotSend, |peer| self.serve_one(outlet, &mut peer.connection)) {
                Served::NoMessage => idle.push((turn, outlet)),
                served => {
                    if let Some(consumer) = self.consumers.get_mut(&outlet) {
                        consumer.turn = None;
                    }
                    if served == Served::Sent {
                        self.ready(outlet);
                    }
                }
            }
        }
        self.turns.extend(idle);
        if self.messages.is_empty() {
            for outlet in std::mem::take(&mut self.draining) {
                if let Some(peer) = peers.touch(outlet.0) {
                    drained(outlet, &mut peer.connection);
                }
            }
        }
    }

    fn serve_one(&mut self, outlet: Outlet, connection: &mut Connection) -> Served {
        let Some(consumer) = self.consumers.get_mut(&outlet) else { return Served::CannotSend };
        let Ok(mut sender) = connection.sender(outlet.1) else { return Served::CannotSend };
        let from = if consumer.browse { consumer.seen } else { 0 };
        let next = self.messages.range(from..).find(|(_, message)| !message.is_barred(outlet));
        let Some((&place, message)) = next else {
            if self.draining.remove(&outlet) {
                drained(outlet, connection);
            }
            return Served::NoMessage;
        };
        let options = SendOptions::new().settled(consumer.settled).message_format(message.format);
        // The payload is shared, not copied. The tag has the size of a lock token, which clients of Azure look for.
        match sender.send_with(self.tag.to_be_bytes(), message.payload.clone(), &options) {
            Ok(delivery) => {
                self.tag += 1;
                consumer.seen = place + 1;
                if !consumer.browse
                    && let Some(message) = self.messages.remove(&place)
                    && !consumer.settled
                {
                    consumer.unsettled.insert(delivery, (place, message));
                }
                Served::Sent
            }
            Err(CommandError::TooLarge { .. }) => {
                if let Some(message) = self.messages.get_mut(&place) {
                    message.bar(outlet, |other| self.consumers.contains_key(other));
                }
                Served::Sent
            }
            // SENDER_READY follows when it can go on; a drain ends with the credit.
            Err(_) => {
                if sender.credit() == 0 {
                    self.draining.remove(&outlet);
                }
                Served::CannotSend
            }
        }
    }
}

/// The outcome of a link's turn.
#[derive(PartialEq, Eq)]
enum Served {
    /// The link may be able to send another message.
    Sent,
    NoMessage,
    /// `SENDER_READY` follows when the link can send.
    CannotSend,
}

/// Ends a drain, with the credit that is left.
fn drained((_, id): Outlet, connection: &mut Connection) {
    // An error means that the link or the drain has ended.
    let _ = connection.sender(id).and_then(|mut sender| sender.drained());
}

/// Returns the outcome that a terminal state is.
pub fn outcome(state: &DeliveryState) -> Option<Outcome> {
    match state {
        DeliveryState::Accepted(_) => Some(Outcome::Accepted(Default::default())),
        DeliveryState::Rejected(_) => Some(Outcome::Rejected(Default::default())),
        DeliveryState::Released(_) => Some(Outcome::Released(Default::default())),
        DeliveryState::Modified(modified) => Some(Outcome::Modified(Box::new((**modified).clone()))),
        _ => None,
    }
}
