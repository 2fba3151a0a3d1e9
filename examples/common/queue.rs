//! A queue: messages in order, and the links that take them.

use std::collections::{BTreeMap, VecDeque};

use amqp_proto::{
    CommandError, Connection, DeliveryId, SendOptions, SenderId, frame::Payload, types::MessageFormat,
};

use crate::peers::Peers;

/// A sending link of one of the connections.
pub type Outlet = (usize, SenderId);

/// A message in its original encoding.
#[derive(Clone)]
pub struct Stored {
    pub format: MessageFormat,
    pub payload: Payload,
    /// Links that it cannot be delivered on (3.4.5 `undeliverable-here`).
    pub barred: Vec<Outlet>,
}

/// A link that messages go out on.
#[derive(Default)]
pub struct Consumer {
    /// True if messages stay in the queue (3.5.7 `copy`).
    browse: bool,
    /// True if deliveries are sent settled.
    settled: bool,
    /// True if the peer drains its credit (2.6.7).
    pub drain: bool,
    /// The first message that a browser has not seen.
    seen: u64,
    /// Unsettled messages, with their places in the queue.
    unsettled: BTreeMap<DeliveryId, (u64, Stored)>,
}

#[derive(Default)]
pub struct Queue {
    /// By place: a message that is released returns to its place.
    messages: BTreeMap<u64, Stored>,
    next: u64,
    consumers: BTreeMap<Outlet, Consumer>,
    /// Links in the order of their turns.
    turns: VecDeque<Outlet>,
    tag: u64,
}

impl Consumer {
    pub fn new(browse: bool, settled: bool) -> Self {
        Self { browse, settled, ..Self::default() }
    }
}

impl Queue {
    pub fn push(&mut self, message: Stored) {
        self.messages.insert(self.next, message);
        self.next += 1;
    }

    pub fn add(&mut self, outlet: Outlet, consumer: Consumer) {
        self.consumers.insert(outlet, consumer);
        self.turns.push_back(outlet);
    }

    /// Removes a link. Its unsettled messages go to others.
    pub fn remove(&mut self, outlet: Outlet) {
        self.turns.retain(|other| *other != outlet);
        if let Some(consumer) = self.consumers.remove(&outlet) {
            self.messages.extend(consumer.unsettled.into_values());
        }
    }

    pub fn consumer(&mut self, outlet: Outlet) -> Option<&mut Consumer> {
        self.consumers.get_mut(&outlet)
    }

    /// Removes a settled range from a link's unsettled deliveries.
    pub fn settled(&mut self, outlet: Outlet, first: DeliveryId, last: DeliveryId) -> Vec<(u64, Stored)> {
        let Some(consumer) = self.consumers.get_mut(&outlet) else { return Vec::new() };
        let ids: Vec<_> = consumer.unsettled.range(first..=last).map(|(id, _)| *id).collect();
        ids.iter().filter_map(|id| consumer.unsettled.remove(id)).collect()
    }

    pub fn put_back(&mut self, place: u64, message: Stored) {
        self.messages.insert(place, message);
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
                if let Some(message) = self.messages.get_mut(&place) {
                    message.barred.push(outlet);
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
