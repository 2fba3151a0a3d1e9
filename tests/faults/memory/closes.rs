//! Links that close beside many unsettled deliveries: what each leaves is not looked for by itself.

use std::sync::Arc;

use amqp_proto::{
    CommandError, ConnectionConfig, Limits, ReceiverConfig, ReceiverId, SenderConfig, SenderId,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        delivery_state::{DeliveryState, Rejected},
        performatives::{Disposition, Flow},
    },
    testing::frames,
    types::Handle,
};

use crate::support::Fed;

/// A server that receives on a link that stays, on handle 0.
struct Beside {
    fed: Fed,
    receiver: ReceiverId,
    /// Deliveries so far.
    received: u32,
}

impl Beside {
    fn new(limits: Limits) -> Self {
        let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
        Self { receiver: receive(&mut fed, "long", 0), fed, received: 0 }
    }

    /// Takes in a delivery that stays unsettled.
    fn take(&mut self, handle: u32) {
        self.fed.feed_bytes(&frames::with_payload(0, &frames::transfer(handle, self.received), b"x"));
        self.received += 1;
        self.fed.output.clear();
        assert!(self.fed.names().contains(&"DELIVERY"));
        self.fed.write();
    }

    /// Opens a link, takes a delivery on it that stays unsettled, and closes it.
    fn come_and_go(&mut self) -> ReceiverId {
        let link = receive(&mut self.fed, "short", 2);
        self.take(2);
        self.fed.feed_bytes(&frames::frame(0, &frames::detach(2, true)));
        let names = self.fed.names();
        assert!(names.contains(&"RECEIVER_CLOSED"), "{names:?}");
        self.fed.write();
        link
    }
}

/// Accepts a link that the peer attaches to send on.
fn receive(fed: &mut Fed, name: &str, handle: u32) -> ReceiverId {
    fed.feed_bytes(&frames::frame(0, &frames::attach(name, handle, Role::Sender)));
    let receiver = fed.receiver_asked_for();
    fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
    fed.connection.receiver(receiver).unwrap().set_credit(1_000_000).unwrap();
    fed.events();
    fed.write();
    receiver
}

/// Accepts a link that the peer attaches to receive on, with credit and window enough.
fn attach_sender(fed: &mut Fed, name: &str, handle: u32) -> SenderId {
    fed.feed_bytes(&frames::frame(0, &frames::attach(name, handle, Role::Receiver)));
    let sender = fed.sender_asked_for();
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    let credit = Flow {
        handle: Some(Handle::new(handle)),
        delivery_count: Some(0.into()),
        link_credit: Some(100_000),
        incoming_window: 100_000,
        ..frames::flow()
    };
    fed.feed_bytes(&frames::frame(0, &credit));
    fed.events();
    sender
}

fn send(fed: &mut Fed, sender: SenderId, tag: u32) -> Result<(), CommandError> {
    let sent = fed.connection.sender(sender).unwrap().send(tag, b"x".as_slice());
    fed.write();
    fed.output.clear();
    sent.map(drop)
}

/// Each close looked at all deliveries of its session.
#[test]
fn fb8zc_deliveries_that_closed_links_left_are_dropped_together() {
    const LIVE: u32 = 1280;
    let full = usize::try_from(LIVE).unwrap() + 40;
    for (limits, most) in [
        (Limits::default().max_retained_unsettled(0), 20),
        // More than half of it is taken.
        (Limits::default().max_held_bytes(150 << 10).max_held_bytes_per_session(150 << 10), 20),
        // All places are taken.
        (Limits::default().max_unsettled(full), 40),
    ] {
        let mut beside = Beside::new(limits);
        (0..LIVE).for_each(|_| beside.take(0));
        let mut closed = vec![];
        let (mut before, mut drops) = (0, 0);
        for _ in 0..100 {
            closed.push(beside.come_and_go());
            closed.retain(|link| !beside.fed.connection.unsettled(*link).is_empty());
            let left = closed.len();
            assert!(left <= most, "{left}");
            drops += usize::from(left <= before);
            before = left;
        }
        assert_eq!(drops, 100 / (most + 1));
        assert_eq!(beside.fed.connection.unsettled(beside.receiver).len(), usize::try_from(LIVE).unwrap());
    }
}

/// Each close had the deliveries copied to free the room that the next one took again.
#[test]
fn fb8zd_a_link_that_closes_moves_no_deliveries_of_others() {
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(1 << 20);
    let mut beside = Beside::new(limits);
    // One more than a power of two, so that the table is half empty.
    (0..4097).for_each(|_| beside.take(0));
    let moved = allocation_counter::measure(|| {
        for _ in 0..60 {
            beside.come_and_go();
        }
    });
    assert!(moved.bytes_total < 1 << 20, "{moved:?}");
}

/// Each message of ours that had no room took the spare room of the peer's deliveries, in vain. The next one took it again.
#[test]
fn fb8zf_a_message_that_is_refused_moves_no_deliveries_of_the_peers() {
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(1 << 20);
    let mut beside = Beside::new(limits);
    let sender = attach_sender(&mut beside.fed, "ours", 2);
    (0..1100).for_each(|_| beside.take(0));
    let sent = (0..).find(|tag| send(&mut beside.fed, sender, *tag).is_err()).unwrap();
    let moved = allocation_counter::measure(|| {
        for _ in 0..100 {
            assert_eq!(send(&mut beside.fed, sender, sent), Err(CommandError::TooManyUnsettled));
            beside.take(0);
            // The newest, so that the others keep their places.
            let newest = frames::accepted(beside.received - 1, None);
            let settled = Disposition { role: Role::Sender, ..newest };
            beside.fed.feed_bytes(&frames::frame(0, &settled));
            beside.fed.events();
        }
    });
    assert!(sent > 1000 && moved.bytes_total < 1 << 20, "{sent}: {moved:?}");
}

/// It was refused, although places were free then, and no `SENDER_READY` came.
#[test]
fn fb8zg_a_message_has_the_place_of_one_that_a_closed_link_left() {
    let limits = Limits::default().max_held_bytes(40 << 10).max_held_bytes_per_session(40 << 10);
    let mut beside = Beside::new(limits);
    let senders = [("first", 2), ("second", 3)].map(|(name, handle)| {
        let sender = attach_sender(&mut beside.fed, name, handle);
        (0..16).for_each(|tag| send(&mut beside.fed, sender, tag).unwrap());
        sender
    });
    beside.fed.feed_bytes(&frames::frame(0, &frames::detach(2, true)));
    assert_eq!(beside.fed.names(), ["SENDER_CLOSED"]);
    beside.fed.write();
    // More memory is taken than messages of ours may have.
    (0..450).for_each(|_| beside.take(0));
    assert_eq!(beside.fed.connection.unsettled(senders[0]).len(), 16);
    for tag in 16..32 {
        assert_eq!(send(&mut beside.fed, senders[1], tag), Ok(()));
    }
    assert_eq!(send(&mut beside.fed, senders[1], 32), Err(CommandError::TooManyUnsettled));
}

/// What few deliveries hold may be much.
#[test]
fn fb8ze_states_that_a_closed_link_left_leave_room_for_others() {
    let limits = Limits::default().max_held_bytes(400 << 10).max_held_bytes_per_session(400 << 10);
    let mut beside = Beside::new(limits);
    (0..1280).for_each(|_| beside.take(0));
    let error = AmqpError::described(ErrorCondition::NotFound, "x".repeat(60_000));
    for _ in 0..20 {
        receive(&mut beside.fed, "short", 2);
        beside.take(2);
        let state = Some(DeliveryState::Rejected(Arc::new(Rejected { error: Some(error.clone()) })));
        let first = (beside.received - 1).into();
        let update = Disposition { role: Role::Sender, first, state, ..Disposition::default() };
        beside.fed.feed_bytes(&frames::frame(0, &update));
        assert_eq!(beside.fed.names(), ["DELIVERY_UPDATED"]);
        beside.fed.feed_bytes(&frames::frame(0, &frames::detach(2, true)));
        assert_eq!(beside.fed.names(), ["RECEIVER_CLOSED"]);
        beside.fed.write();
    }
}
