//! Messages from the client to the server.

use amqp_proto::{Connection, DeliveryId, ReceiverId, SendOptions};
use bytes::Bytes;
use std::hint::black_box;

use super::{
    Pair, Wire,
    load::{CREDIT, Load, Shape},
};

/// The deliveries that the receiver holds unsettled: a new one takes the place of the oldest, or of any.
struct Held {
    deliveries: Vec<(ReceiverId, DeliveryId)>,
    most: usize,
    at_random: bool,
    oldest: usize,
    random: u64,
}

impl Held {
    /// Xorshift, the same as on the other side of the comparison.
    fn place(&mut self) -> usize {
        if !self.at_random {
            self.oldest += 1;
            return (self.oldest - 1) % self.most;
        }
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % self.most as u64) as usize
    }

    fn take_in(&mut self, connection: &mut Connection, receiver: ReceiverId, delivery: DeliveryId) {
        if self.deliveries.len() < self.most {
            self.deliveries.push((receiver, delivery));
            return;
        }
        let at = if self.most == 0 { None } else { Some(self.place()) };
        let mut due = (receiver, delivery);
        if let Some(held) = at.and_then(|at| self.deliveries.get_mut(at)) {
            std::mem::swap(held, &mut due);
        }
        let mut link = connection.receiver(due.0).expect("the link lives");
        link.accept(due.1).expect("the delivery is unsettled");
    }
}

/// Messages of one size over the links of a connection, in turn.
pub struct Transfers {
    pair: Pair,
    payload: Bytes,
    options: SendOptions,
    load: Load,
    held: Held,
    next_tag: u64,
    next_link: usize,
}

impl Transfers {
    /// Opens what the shape asks for.
    pub fn new(load: Load, shape: Shape, wire: Wire) -> Self {
        let mut pair = Pair::new(load.max_frame_size, CREDIT, wire);
        for _ in 0..shape.sessions {
            pair.add_session(shape.links);
        }
        Self {
            pair,
            payload: Bytes::from(vec![b'x'; load.payload]),
            options: SendOptions::new().settled(load.settled),
            load,
            held: Held {
                deliveries: Vec::with_capacity(shape.held),
                most: shape.held,
                at_random: shape.at_random,
                oldest: 0,
                random: 88_172_645_463_325_252,
            },
            next_tag: 0,
            next_link: 0,
        }
    }

    fn send_one(&mut self) -> bool {
        let Some(id) = self.pair.senders.get(self.next_link) else { return false };
        let mut link = self.pair.client.sender(*id).expect("the link lives");
        if link.send_with(self.next_tag, self.payload.clone(), &self.options).is_err() {
            return false;
        }
        self.next_tag += 1;
        self.next_link = if self.next_link + 1 == self.pair.senders.len() { 0 } else { self.next_link + 1 };
        true
    }

    /// Both ways once; gives the number of messages that arrived.
    fn turn(&mut self) -> (u64, bool) {
        let mut arrived = 0;
        let Self { pair, held, load, .. } = self;
        let moved = pair.turn(|connection, receiver, delivery| {
            let delivery = black_box(delivery).id;
            arrived += 1;
            if !load.settled {
                held.take_in(connection, receiver, delivery);
            }
        });
        (arrived, moved)
    }

    /// Sends messages until so many more have arrived, and their outcomes have come back.
    pub fn run(&mut self, count: u64) {
        let (mut sent, mut arrived) = (0, 0);
        while arrived < count {
            let mut queued = 0;
            while queued < self.load.batch && sent < count && self.send_one() {
                queued += 1;
                sent += 1;
            }
            let (more, moved) = self.turn();
            assert!(moved, "messages do not move");
            arrived += more;
        }
        while self.turn().1 {}
        if !self.load.settled {
            assert_eq!(self.next_tag - self.pair.outcomes, self.held.deliveries.len() as u64);
        }
    }
}
