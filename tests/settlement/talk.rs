//! Two engines with one link, and what passes between them.

use amqp_proto::{
    Connection, CreditPolicy, DeliveryId, Event, Instant, ReceiverConfig, Sender, SenderConfig,
    spec::definitions::{ReceiverSettleMode, SenderSettleMode},
};
use bytes::{Buf, BytesMut};

use crate::{
    common::{Linked, names},
    lines::next_line,
};

pub use ReceiverSettleMode::{First, Second};
pub use SenderSettleMode::{Mixed, Settled, Unsettled};

/// How the ends of a link settle.
#[derive(Clone, Copy, Debug)]
pub struct Modes {
    pub snd: SenderSettleMode,
    pub rcv: ReceiverSettleMode,
    pub settles_on_outcome: bool,
}

/// All pairs of modes, with and without settlement by the engine.
pub fn all_modes() -> impl Iterator<Item = Modes> {
    let pairs = [Mixed, Unsettled, Settled].into_iter().flat_map(|snd| [First, Second].map(|rcv| (snd, rcv)));
    pairs
        .flat_map(|(snd, rcv)| [true, false].map(|settles_on_outcome| Modes { snd, rcv, settles_on_outcome }))
}

/// Those in which deliveries are sent unsettled.
pub fn unsettled_modes() -> impl Iterator<Item = Modes> {
    all_modes().filter(|modes| modes.snd != Settled)
}

/// A link from the client to the server.
pub struct Talk {
    pub linked: Linked,
}

fn carry(from: &mut Connection, to: &mut Connection, now: Instant) -> Vec<String> {
    let mut wire = BytesMut::new();
    let mut transmit = from.poll_transmit(now);
    while transmit.has_remaining() {
        let count = transmit.chunk().len();
        wire.extend_from_slice(transmit.chunk());
        transmit.advance(count);
    }
    let mut copy = wire.clone();
    let _ = to.handle_input(now, &mut wire);
    assert!(wire.is_empty());
    std::iter::from_fn(|| next_line(&mut copy)).filter(|line| !line.starts_with("FLOW")).collect()
}

impl Talk {
    pub fn new(modes: Modes) -> Self {
        let ours = SenderConfig::to("queue")
            .snd_settle_mode(modes.snd)
            .rcv_settle_mode(modes.rcv)
            .settle_on_outcome(modes.settles_on_outcome);
        let theirs = ReceiverConfig::new().rcv_settle_mode(modes.rcv).credit(CreditPolicy::Auto(100));
        Self { linked: Linked::new(ours, theirs) }
    }

    /// A link over which one message has been sent and taken.
    pub fn with_delivery(modes: Modes) -> (Self, DeliveryId, DeliveryId) {
        let mut talk = Self::new(modes);
        let sent = talk.sender().send(1_u32, b"message".as_slice()).unwrap();
        talk.up();
        let taken = talk.taken();
        (talk, sent, taken)
    }

    fn now(&mut self) -> Instant {
        self.linked.pair.now += 1;
        Instant::from_millis(self.linked.pair.now)
    }

    /// Carries what the sender has written, and returns it.
    pub fn up(&mut self) -> Vec<String> {
        let now = self.now();
        carry(&mut self.linked.pair.client, &mut self.linked.pair.server, now)
    }

    /// Carries what the receiver has written, and returns it.
    pub fn down(&mut self) -> Vec<String> {
        let now = self.now();
        carry(&mut self.linked.pair.server, &mut self.linked.pair.client, now)
    }

    pub fn sender(&mut self) -> Sender<'_> {
        self.linked.pair.client.sender(self.linked.sender).unwrap()
    }

    pub fn receiver(&mut self) -> amqp_proto::Receiver<'_> {
        self.linked.pair.server.receiver(self.linked.receiver).unwrap()
    }

    /// The delivery that has arrived.
    pub fn taken(&mut self) -> DeliveryId {
        let events = self.linked.pair.server_events();
        let [Event::Delivery { delivery, .. }] = &events[..] else { panic!("{events:?}") };
        delivery.id
    }

    pub fn sender_events(&mut self) -> Vec<Event> {
        let mut events = self.linked.pair.client_events();
        events.retain(|event| !matches!(event, Event::SenderReady { .. } | Event::SenderCredit { .. }));
        events
    }

    pub fn receiver_events(&mut self) -> Vec<Event> {
        self.linked.pair.server_events()
    }

    pub fn names_at_both(&mut self) -> (Vec<&'static str>, Vec<&'static str>) {
        (names(&self.sender_events()), names(&self.receiver_events()))
    }

    /// The number of unsettled deliveries, as the lists of both ends and the counts of both have it.
    pub fn unsettled(&mut self) -> (usize, usize) {
        let (sender, receiver) = (self.linked.sender, self.linked.receiver);
        let pair = &self.linked.pair;
        let listed = (pair.client.unsettled(sender).len(), pair.server.unsettled(receiver).len());
        let counted = (self.sender().unsettled_len(), self.receiver().unsettled_len());
        assert_eq!((listed.0 as u32, listed.1 as u32), counted);
        listed
    }
}
