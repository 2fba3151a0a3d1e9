//! `SENDER_READY` for senders that wait for memory, of several sessions that share it.

use std::collections::BTreeSet;

use amqp_proto::{
    CommandError, ConnectionConfig, CreditPolicy, DeliveryId, Event, Limits, ReceiverConfig, ReceiverId,
    SenderConfig, SenderId, SessionConfig,
};

use crate::common::Pair;

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        (!choices.is_empty()).then(|| choices[self.below(choices.len())])
    }
}

/// Two ends that send to each other. The client has little memory.
struct Ends {
    pair: Pair,
    senders: Vec<SenderId>,
    /// The client's senders whose last message had no room, and that have had no event since.
    waiting: BTreeSet<SenderId>,
    /// Deliveries that the client, and the server, have not answered.
    at_client: Vec<(ReceiverId, DeliveryId)>,
    at_server: Vec<(ReceiverId, DeliveryId)>,
    server_senders: Vec<SenderId>,
    tag: u64,
    has_failed: bool,
}

impl Ends {
    fn new(random: &mut Random) -> Self {
        let budget = random.one_of(&[70_000, 100_000, 200_000]).unwrap();
        let share = random.one_of(&[budget / 2, budget / 4 * 3, budget]).unwrap();
        let limits = Limits::default().max_held_bytes(budget).max_held_bytes_per_session(share);
        let server = ConnectionConfig::server("s").auto_accept_sessions(true);
        let pair = Pair::new(ConnectionConfig::client("c").limits(limits), server).opened();
        let mut ends = Self {
            pair,
            senders: Vec::new(),
            waiting: BTreeSet::new(),
            at_client: Vec::new(),
            at_server: Vec::new(),
            server_senders: Vec::new(),
            tag: 0,
            has_failed: false,
        };
        for _ in 0..1 + random.below(4) {
            let id = ends.pair.client.begin(SessionConfig::new()).unwrap();
            let mut session = ends.pair.client.session(id).unwrap();
            for _ in 0..1 + random.below(3) {
                ends.senders.push(session.attach_sender(SenderConfig::to("q")).unwrap());
            }
            for _ in 0..random.below(3) {
                let credit = CreditPolicy::Auto(1 + random.below(200) as u32);
                session.attach_receiver(ReceiverConfig::from("q").credit(credit)).unwrap();
            }
        }
        ends.carry();
        ends
    }

    /// Carries everything, and answers requests, until nothing moves.
    fn carry(&mut self) {
        loop {
            self.pair.run();
            let (ours, theirs) = (self.pair.client_events(), self.pair.server_events());
            if ours.is_empty() && theirs.is_empty() {
                return;
            }
            for event in ours {
                match event {
                    Event::SenderReady { sender } => drop(self.waiting.remove(&sender)),
                    Event::Delivery { receiver, delivery } => self.at_client.push((receiver, delivery.id)),
                    Event::SessionError { .. } | Event::ConnectionError(_) => self.has_failed = true,
                    _ => {}
                }
            }
            for event in theirs {
                match event {
                    Event::ReceiverRequested { receiver, .. } => {
                        let config = ReceiverConfig::new().credit(CreditPolicy::Auto(5000));
                        self.pair.server.accept_receiver(receiver, config).unwrap();
                    }
                    Event::SenderRequested { sender, .. } => {
                        self.pair.server.accept_sender(sender, SenderConfig::new()).unwrap();
                        self.server_senders.push(sender);
                    }
                    Event::Delivery { receiver, delivery } => self.at_server.push((receiver, delivery.id)),
                    _ => {}
                }
            }
        }
    }

    fn send(&mut self, sender: SenderId, most: usize) {
        for _ in 0..most {
            self.tag += 1;
            match self.pair.client.sender(sender).unwrap().send(self.tag, b"message".as_slice()) {
                Ok(_) => drop(self.waiting.remove(&sender)),
                Err(CommandError::TooManyUnsettled) => {
                    self.waiting.insert(sender);
                    return;
                }
                Err(_) => return,
            }
        }
    }

    fn step(&mut self, random: &mut Random) {
        let count = random.one_of(&[3, 50, 1000]).unwrap();
        match random.below(5) {
            0 | 1 => {
                if let Some(sender) = random.one_of(&self.senders) {
                    self.send(sender, count);
                }
            }
            2 => {
                for _ in 0..random.below(30) {
                    let Some(sender) = random.one_of(&self.server_senders) else { return };
                    self.tag += 1;
                    let _ =
                        self.pair.server.sender(sender).unwrap().send(self.tag, vec![7; random.below(2000)]);
                }
            }
            3 => {
                for _ in 0..count.min(self.at_client.len()) {
                    let (link, id) = self.at_client.swap_remove(random.below(self.at_client.len()));
                    let _ = self.pair.client.receiver(link).unwrap().accept(id);
                }
            }
            _ => {
                for _ in 0..count.min(self.at_server.len()) {
                    let (link, id) = self.at_server.swap_remove(random.below(self.at_server.len()));
                    let _ = self.pair.server.receiver(link).unwrap().accept(id);
                }
            }
        }
    }
}

/// What a session freed in vain stayed charged, so that nobody heard of it.
#[test]
fn fb8za_room_that_another_session_gives_back_is_heard_of() {
    let mut waits = 0;
    // It was missing with the seed 803 among these.
    for seed in 760..860 {
        let mut random = Random(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut ends = Ends::new(&mut random);
        for step in 0..60 {
            ends.step(&mut random);
            if random.below(2) == 0 {
                continue;
            }
            ends.carry();
            if ends.has_failed {
                break;
            }
            waits += ends.waiting.len();
            for sender in &ends.waiting {
                let is_sendable = ends.pair.client.sender_ref(*sender).unwrap().is_sendable();
                assert!(!is_sendable, "seed {seed}, step {step}: {sender:?} was not told");
            }
        }
    }
    assert!(waits > 1000, "{waits}");
}
