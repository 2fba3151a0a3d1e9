//! Deliveries that closed links leave unsettled take no room that the links after them need.

use amqp_proto::{
    ConnectionConfig, Event, Limits, ReceiverConfig, ReceiverId, SenderConfig, SenderId, SessionConfig,
    SessionId,
    frame::ProtocolHeader,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        performatives::{Detach, Transfer},
    },
    testing::{Frame, Pair, frames},
    types::Handle,
};

use bytes::BytesMut;

use crate::support::Fed;

/// A server that sends until it is refused, and a client whose links leave what they receive unsettled.
struct Leaving {
    pair: Pair,
    sent: u32,
    received: u32,
    /// Of the link that was closed last.
    left: usize,
    /// Sessions of the client that ended with an error.
    refused: u32,
}

impl Leaving {
    fn new(client: Limits, server: Limits) -> Self {
        let server = ConnectionConfig::server("s").auto_accept_sessions(true).limits(server);
        let mut pair = Pair::new(ConnectionConfig::client("c").limits(client), server);
        pair.client.connection.open().expect("a connection to open");
        pair.run();
        pair.client.events();
        pair.server.events();
        Self { pair, sent: 0, received: 0, left: 0, refused: 0 }
    }

    fn begin(&mut self) -> SessionId {
        let config = SessionConfig::new().incoming_window(1 << 20);
        self.pair.client.connection.begin(config).expect("a session")
    }

    fn serve(&mut self) {
        for event in self.pair.server.events() {
            match event {
                Event::SenderRequested { sender, .. } => {
                    let accepted = self.pair.server.connection.accept_sender(sender, SenderConfig::new());
                    accepted.expect("a request");
                }
                Event::SessionRequested { session } => {
                    let accepted = self.pair.server.connection.accept_session(session, SessionConfig::new());
                    accepted.expect("a request");
                }
                Event::SenderReady { sender } => self.send(sender),
                _ => {}
            }
        }
    }

    fn send(&mut self, sender: SenderId) {
        let mut sender = self.pair.server.connection.sender(sender).expect("a sender");
        while sender.send(self.sent, b"x".as_slice()).is_ok() {
            self.sent += 1;
        }
    }

    fn run(&mut self) {
        let mut is_busy = true;
        while is_busy {
            is_busy = self.pair.up(usize::MAX) | self.pair.down(usize::MAX);
            self.serve();
            for event in self.pair.client.events() {
                is_busy = true;
                match event {
                    Event::Delivery { .. } => self.received += 1,
                    Event::SessionError { failure, .. } => {
                        assert_eq!(failure.error.condition, ErrorCondition::ResourceLimitExceeded);
                        self.refused += 1;
                    }
                    Event::ReceiverClosed { unsettled, .. } => {
                        self.left = usize::try_from(unsettled).expect("few");
                    }
                    _ => {}
                }
            }
        }
    }

    /// Receives `credit` messages on a new link, and returns it with their number.
    fn receive(&mut self, session: SessionId, credit: u32) -> (ReceiverId, u32) {
        let mut session = self.pair.client.connection.session(session).expect("the session is open");
        let receiver = session.attach_receiver(ReceiverConfig::from("q")).expect("a link");
        self.pair
            .client
            .connection
            .receiver(receiver)
            .and_then(|mut link| link.set_credit(credit))
            .expect("credit");
        let before = self.received;
        self.run();
        (receiver, self.received - before)
    }

    /// Takes back the link's credit, and accepts all that it has received.
    fn settle(&mut self, receiver: ReceiverId) {
        let client = &mut self.pair.client.connection;
        let ids: Vec<_> = client.unsettled(receiver).iter().map(|delivery| delivery.id).collect();
        let mut link = client.receiver(receiver).expect("it is attached");
        link.set_credit(0).expect("credit");
        for id in ids {
            link.accept(id).expect("it is unsettled");
        }
        self.run();
    }

    fn close(&mut self, receiver: ReceiverId) {
        self.pair.client.connection.receiver(receiver).and_then(|mut link| link.close(None)).expect("a link");
        self.run();
    }

    /// Has `rounds` links after each other receive `credit` messages each, and checks that each does.
    fn rounds(&mut self, session: SessionId, rounds: u32, credit: u32) {
        for round in 0..rounds {
            let (receiver, received) = self.receive(session, credit);
            assert_eq!(received, credit, "in round {round}");
            self.close(receiver);
            assert_eq!(self.left, usize::try_from(credit).expect("few"));
        }
    }
}

/// Room for 25 unsettled deliveries in each direction.
fn few() -> Limits {
    Limits::default().max_unsettled(25)
}

/// What docs/limits.md shows for a server of many small clients.
fn small() -> Limits {
    Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(512 << 10)
}

/// Was refused for good: `TooManyUnsettled`, and no `SENDER_READY`.
#[test]
fn fb8c_a_sender_goes_on_behind_closed_links_whatever_they_left_unsettled() {
    for limits in [few(), small()] {
        let mut leaving = Leaving::new(Limits::default(), limits);
        let session = leaving.begin();
        let credit = if limits.max_unsettled == 25 { 10 } else { 1000 };
        leaving.rounds(session, 20, credit);
    }
}

/// The session was ended, with `amqp:resource-limit-exceeded`, for deliveries that no link had.
#[test]
fn fb8d_a_receiver_goes_on_behind_closed_links_whatever_they_left_unsettled() {
    for limits in [few(), small()] {
        let mut leaving = Leaving::new(limits, Limits::default());
        let session = leaving.begin();
        let credit = if limits.max_unsettled == 25 { 10 } else { 1000 };
        leaving.rounds(session, 20, credit);
    }
}

/// The deliveries of a link that is there have all of the limit, and no more.
#[test]
fn fb8e_what_closed_links_left_takes_nothing_of_the_limit_of_those_that_are_there() {
    let mut leaving = Leaving::new(Limits::default(), few());
    let session = leaving.begin();
    leaving.rounds(session, 2, 10);
    let (_, received) = leaving.receive(session, 1000);
    assert_eq!(received, 25);
}

/// What was left is kept for as long as nothing needs its room.
#[test]
fn fb8f_what_a_closed_link_left_can_be_asked_for_until_its_room_is_needed() {
    let mut leaving = Leaving::new(few(), Limits::default());
    let session = leaving.begin();
    let (first, _) = leaving.receive(session, 20);
    leaving.close(first);
    let (second, received) = leaving.receive(session, 5);
    assert_eq!((received, leaving.pair.client.connection.unsettled(first).len()), (5, 20));
    let more = leaving.pair.client.connection.receiver(second).and_then(|mut link| link.set_credit(1));
    more.expect("the link is attached");
    leaving.run();
    assert_eq!(leaving.received, 26);
    assert!(leaving.pair.client.connection.unsettled(first).is_empty());
    assert_eq!(leaving.pair.client.connection.unsettled(second).len(), 6);
}

/// The third session could not even begin.
#[test]
fn fb8g_sessions_leave_half_of_the_memory_to_those_after_them() {
    for (client, server) in [(small(), Limits::default()), (Limits::default(), small())] {
        let mut leaving = Leaving::new(client, server);
        for _ in 0..5 {
            let session = leaving.begin();
            leaving.rounds(session, 4, 1000);
        }
    }
}

/// Two sessions share the memory: what one gives back, the other has. It had to wait for good.
#[test]
fn fb8h_a_sender_without_memory_is_ready_once_another_session_settles() {
    let limits = Limits::default().max_held_bytes(64 << 10).max_held_bytes_per_session(60 << 10);
    let mut leaving = Leaving::new(Limits::default(), limits);
    let (first, second) = (leaving.begin(), leaving.begin());
    let (filling, filled) = leaving.receive(first, 10_000);
    let (_, received) = leaving.receive(second, 10_000);
    assert!(filled > 100 && received < 10_000, "{filled} and {received}");
    let before = leaving.received;
    leaving.settle(filling);
    assert!(leaving.received > before);
}

/// What settled deliveries took up stayed charged, so that sessions that were idle ended the next one that was not.
#[test]
fn fb8i_idle_sessions_leave_the_memory_to_others() {
    let large = Limits::default().max_held_bytes(4 << 20).max_held_bytes_per_session(3 << 20);
    for (limits, sessions, credit) in [(small(), 30, 700), (large, 5, 20_000)] {
        for (client, server) in [(limits, Limits::default()), (Limits::default(), limits)] {
            let mut leaving = Leaving::new(client, server);
            for session in 0..sessions {
                let id = leaving.begin();
                let (receiver, received) = leaving.receive(id, credit);
                assert_eq!(received, credit, "on session {session}");
                leaving.settle(receiver);
            }
        }
    }
}

/// The connection was closed, while a session kept what nobody needed.
#[test]
fn fb8l_what_closed_links_left_takes_no_room_of_a_session_to_begin() {
    let limits = Limits::default().max_held_bytes(64 << 10).max_held_bytes_per_session(60 << 10);
    let mut leaving = Leaving::new(Limits::default(), limits);
    let (first, second) = (leaving.begin(), leaving.begin());
    let (receiver, received) = leaving.receive(first, 200);
    leaving.close(receiver);
    let (_, filled) = leaving.receive(second, 10_000);
    assert!(received == 200 && filled > 200, "{received}, {filled}");
    for _ in 0..45 {
        leaving.begin();
        leaving.run();
    }
    assert!(leaving.pair.client.connection.is_open());
    assert_eq!((leaving.pair.server.connection.session_ids().count(), leaving.refused), (47, 0));
}

/// The connection was closed, with all sessions, for a server's own deliveries that waited for their outcomes.
#[test]
fn fb8n_a_session_without_memory_is_refused_and_the_others_go_on() {
    for is_auto in [true, false] {
        let limits = Limits::default().max_held_bytes(64 << 10).max_held_bytes_per_session(60 << 10);
        let mut leaving = Leaving::new(Limits::default(), limits);
        if !is_auto {
            let server = ConnectionConfig::server("s").limits(limits);
            leaving.pair = Pair::new(ConnectionConfig::client("c"), server);
            leaving.pair.client.connection.open().expect("a connection to open");
            leaving.pair.run();
            leaving.pair.server.connection.open().expect("a request");
        }
        let first = leaving.begin();
        let (filling, _) = leaving.receive(first, 10_000);
        let mut refused = 0;
        for _ in 0..100 {
            leaving.begin();
            leaving.run();
            refused += core::mem::take(&mut leaving.refused);
        }
        let before = leaving.received;
        assert!(refused > 10, "{refused}");
        assert!(leaving.pair.client.connection.is_open() && leaving.pair.server.connection.is_open());
        leaving.settle(filling);
        let (_, received) = leaving.receive(first, 100);
        assert_eq!((leaving.received - before, received), (100, 100));
    }
}

#[test]
fn fb8o_a_peer_that_answers_no_refusal_is_closed() {
    let limits = Limits::default().max_held_bytes(16 << 10);
    let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
    fed.events();
    let mut refused = 0;
    for channel in 100..200 {
        fed.output.clear();
        fed.feed_bytes(&frames::frame(channel, &frames::begin()));
        let mut wire = BytesMut::from(&fed.output[..]);
        while let Ok(Some(frame)) = Frame::take(&mut wire) {
            refused += u32::from(frame.to_string().starts_with("END"));
        }
        if !fed.connection.is_open() {
            break;
        }
        fed.events();
    }
    let last = fed.events().pop().expect("an event");
    assert!(
        matches!(&last, Event::ConnectionError(failure) if failure.error.condition == ErrorCondition::ResourceLimitExceeded),
        "{last:?}"
    );
    assert!((2..10).contains(&refused), "{refused}");
}

/// What a closed link had left was dropped, and stayed charged: other sessions had no room for it.
#[test]
fn fb8p_room_of_dropped_deliveries_is_there_for_other_sessions_at_once() {
    let half = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(1 << 20);
    for (client, server) in [(half, Limits::default()), (Limits::default(), half)] {
        let mut leaving = Leaving::new(client, server);
        let (first, second) = (leaving.begin(), leaving.begin());
        let (receiver, received) = leaving.receive(second, 8000);
        leaving.close(receiver);
        assert_eq!((received, leaving.left), (8000, 8000));
        assert!(
            leaving.pair.client.connection.unsettled(receiver).len() < 8000 || client == Limits::default()
        );
        assert_eq!(leaving.receive(first, 8000).1, 8000);
    }
}

#[test]
fn fb8q_a_sender_without_memory_is_ready_once_another_link_is_closed() {
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(1 << 20);
    let mut leaving = Leaving::new(Limits::default(), limits);
    let (first, second) = (leaving.begin(), leaving.begin());
    let (filling, _) = leaving.receive(second, 8000);
    let (_, received) = leaving.receive(first, 8000);
    assert!(received < 8000);
    let before = leaving.received;
    leaving.close(filling);
    assert!(leaving.received > before);
}

/// Settled whole, a ring that was not full kept all of its room, however short memory was.
#[test]
fn fb8r_a_ring_that_was_not_full_gives_its_room_back() {
    let limits = Limits::default().max_held_bytes(100 << 10).max_held_bytes_per_session(90 << 10);
    let mut leaving = Leaving::new(Limits::default(), limits);
    let (first, second) = (leaving.begin(), leaving.begin());
    let (filling, received) = leaving.receive(second, 800);
    assert_eq!(received, 800);
    leaving.settle(filling);
    assert_eq!(leaving.receive(first, 800).1, 800);
}

/// A session that was full ended when three in four of its deliveries had been settled, in no order.
#[test]
fn fb8s_deliveries_that_are_settled_in_any_order_end_no_session() {
    for (budget, sessions) in [(166_422, 1), (300_000, 1), (1 << 20, 4), (256 << 10, 3)] {
        let limits = Limits::default().max_held_bytes(budget).max_held_bytes_per_session(budget);
        let mut leaving = Leaving::new(Limits::default(), limits);
        let mut ids = Vec::new();
        for _ in 0..sessions {
            let session = leaving.begin();
            let (receiver, _) = leaving.receive(session, 20_000);
            let unsettled = leaving.pair.client.connection.unsettled(receiver);
            ids.extend(unsettled.into_iter().map(|delivery| (receiver, delivery.id)));
            let mut link = leaving.pair.client.connection.receiver(receiver).expect("it is attached");
            link.set_credit(0).expect("credit");
        }
        leaving.run();
        let mut random = 88_172_645_463_325_252_u64;
        let before = ids.len();
        while !ids.is_empty() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let at = usize::try_from(random % ids.len() as u64).expect("few");
            let (receiver, id) = ids.swap_remove(at);
            leaving
                .pair
                .client
                .connection
                .receiver(receiver)
                .and_then(|mut link| link.accept(id))
                .expect("unsettled");
            leaving.run();
            assert_eq!(leaving.refused, 0, "with {} of {before} left", ids.len());
        }
    }
}

/// The errors of outcomes stayed charged when their deliveries were settled.
#[test]
fn fb8j_states_of_settled_deliveries_take_nothing_of_later_sessions() {
    let mut leaving = Leaving::new(Limits::default(), small());
    let error = AmqpError::described(ErrorCondition::InternalError, "x".repeat(2000));
    for session in 0..20 {
        let id = leaving.begin();
        let (receiver, received) = leaving.receive(id, 60);
        assert_eq!(received, 60, "on session {session}");
        let client = &mut leaving.pair.client.connection;
        let ids: Vec<_> = client.unsettled(receiver).iter().map(|delivery| delivery.id).collect();
        for id in ids {
            let mut link = leaving.pair.client.connection.receiver(receiver).expect("it is attached");
            link.reject(id, Some(error.clone())).expect("it is unsettled");
            leaving.run();
        }
    }
}

/// Frames that waited for the answer to their session's begin are not charged any more. Right since 5c0c02b.
#[test]
fn fb8k_frames_that_waited_take_nothing_of_later_sessions() {
    let server = ConnectionConfig::server("s").limits(small());
    let mut pair = Pair::new(ConnectionConfig::client("c"), server);
    pair.client.connection.open().expect("a connection to open");
    pair.run();
    pair.server.connection.open().expect("a request");
    for round in 0..20 {
        let id = pair.client.connection.begin(SessionConfig::new()).expect("a session");
        let mut session = pair.client.connection.session(id).expect("a session");
        for link in 0..100 {
            let name = format!("{}{link}", "n".repeat(400));
            session.attach_receiver(ReceiverConfig::from("q").name(&*name)).expect("a link");
        }
        pair.run();
        let (mut refused, mut is_open) = (0, false);
        for _ in 0..5 {
            for event in pair.server.events() {
                match event {
                    Event::SessionRequested { session } => {
                        let accepted = pair.server.connection.accept_session(session, SessionConfig::new());
                        accepted.expect("a request");
                    }
                    Event::SenderRequested { sender, .. } => {
                        refused += 1;
                        let error = AmqpError::new(ErrorCondition::NotFound);
                        pair.server.connection.refuse_sender(sender, error).expect("a request");
                    }
                    _ => {}
                }
            }
            pair.run();
            is_open |= pair.client.events().iter().any(|event| matches!(event, Event::SessionOpen { .. }));
        }
        assert_eq!((refused, is_open), (100, true), "in round {round}");
    }
}

/// A message that could not be sent for another reason made room for itself.
#[test]
fn fb8x_a_message_that_is_refused_drops_nothing_of_closed_links() {
    let mut leaving = Leaving::new(Limits::default(), Limits::default().max_unsettled(5));
    let session = leaving.begin();
    let (receiver, received) = leaving.receive(session, 5);
    assert_eq!(received, 5);
    let of_server = |leaving: &Leaving| leaving.pair.server.connection.session_ids().next();
    let theirs = of_server(&leaving).expect("a session");
    let mut session = leaving.pair.server.connection.session(theirs).expect("a session");
    let links: Vec<_> = session.links().collect();
    let other = session.attach_sender(SenderConfig::to("other")).expect("a link");
    leaving.close(receiver);
    assert_eq!(leaving.pair.server.connection.unsettled(links[0]).len(), 5);
    // It has no credit, or is not attached.
    let refused =
        leaving.pair.server.connection.sender(other).and_then(|mut link| link.send(9_u32, b"x".as_slice()));
    assert!(refused.is_err());
    assert_eq!(leaving.pair.server.connection.unsettled(links[0]).len(), 5);
}

/// A server with links 0 and 1 that it receives on, of which at most 3 deliveries may be unsettled, and are.
fn full_of_unsettled() -> (Fed, [ReceiverId; 2]) {
    let limits = Limits::default().max_unsettled(3);
    let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
    let links = [0, 1].map(|handle| {
        fed.feed_bytes(&frames::frame(0, &frames::attach(["a", "b"][handle as usize], handle, Role::Sender)));
        let receiver = fed.receiver_asked_for();
        fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
        fed.connection.receiver(receiver).unwrap().set_credit(10).unwrap();
        receiver
    });
    fed.events();
    fed.write();
    for id in 0..3 {
        fed.feed_bytes(&frames::with_payload(0, &frames::transfer(0, id), b"x"));
    }
    assert_eq!(fed.names(), ["DELIVERY"; 3]);
    (fed, links)
}

/// One for a link that had been closed was dropped, and ended the session if there was no room for it.
#[test]
fn fb8y_a_late_transfer_for_a_closed_link_needs_no_room() {
    for closed in [true, false] {
        let (mut fed, [_, link]) = full_of_unsettled();
        let mut link = fed.connection.receiver(link).unwrap();
        if closed { link.close(None) } else { link.detach(None) }.unwrap();
        fed.write();
        fed.feed_bytes(&frames::with_payload(0, &frames::transfer(1, 3), b"x"));
        assert_eq!(fed.names(), [""; 0]);
        // The next is one too many.
        fed.feed_bytes(&frames::with_payload(0, &frames::transfer(0, 4), b"x"));
        assert_eq!(fed.names().last(), Some(&"SESSION_ERROR"));
    }
}

/// It counted until it was complete.
#[test]
fn fb8z_a_settled_delivery_is_not_unsettled_while_it_arrives() {
    let (mut fed, links) = full_of_unsettled();
    for (settled, id) in [(frames::settled(1, 3), 3), (frames::settled(0, 4), 4)] {
        fed.feed_bytes(&frames::with_payload(0, &Transfer { more: true, ..settled }, b"one"));
        assert_eq!(links.map(|link| fed.connection.unsettled(link).len()), [3, 0]);
        let handle = u32::from(id == 3);
        fed.feed_bytes(&frames::with_payload(0, &frames::continuation(handle), b"two"));
        let events = fed.events();
        let [Event::Delivery { delivery, .. }] = &events[..] else { panic!("{events:?}") };
        assert!(delivery.settled && delivery.payload.len() == 6);
        // It needs no outcome, and an outcome is no error.
        fed.connection.receiver(links[handle as usize]).unwrap().accept(delivery.id).unwrap();
        fed.write();
    }
    // A disposition leaves the others alone.
    assert_eq!(links.map(|link| fed.connection.unsettled(link).len()), [3, 0]);
    fed.feed_bytes(&frames::with_payload(0, &frames::transfer(1, 5), b"x"));
    assert_eq!(fed.names().last(), Some(&"SESSION_ERROR"));
}

/// The session ended: what the link had left counted until the peer had answered its second attach (2.6.6).
#[test]
fn fb8zb_what_a_link_left_takes_no_room_while_it_is_attached_again_to_be_closed() {
    let limits = Limits::default().max_unsettled(1);
    let mut fed = Fed::new(ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits));
    let opening = [&ProtocolHeader::AMQP.to_bytes()[..], &frames::frame(0, &frames::open())].concat();
    fed.feed_bytes(&[opening, frames::frame(0, &frames::begin())].concat());
    let receivers = [("a", 0), ("b", 1)].map(|(name, handle)| {
        fed.feed_bytes(&frames::frame(0, &frames::attach(name, handle, Role::Sender)));
        let receiver = fed.receiver_asked_for();
        fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
        fed.connection.receiver(receiver).unwrap().set_credit(10).unwrap();
        fed.write();
        receiver
    });
    fed.feed_bytes(&frames::with_payload(0, &frames::transfer(0, 0), b"x"));
    fed.events();
    fed.connection.receiver(receivers[0]).unwrap().detach(None).unwrap();
    fed.write();
    let closing =
        |handle| frames::frame(0, &Detach { handle: Handle::new(handle), closed: true, error: None });
    fed.feed_bytes(&closing(0));
    assert_eq!(fed.names(), ["RECEIVER_CLOSED"]);
    assert_eq!(fed.connection.unsettled(receivers[0]).len(), 1);
    let session = fed.connection.session_ids().next().unwrap();
    assert_eq!(
        fed.connection.session_ref(session).unwrap().links().collect::<Vec<_>>(),
        [receivers[1].into()]
    );
    fed.feed_bytes(&frames::with_payload(0, &frames::transfer(1, 1), b"x"));
    assert_eq!(fed.names(), ["DELIVERY"]);
    assert_eq!(fed.connection.unsettled(receivers[0]), []);
    // The answer to the second attach is no link of the application's, and nothing is left to wait for.
    fed.feed_bytes(&[frames::frame(0, &frames::attach("a", 2, Role::Sender)), closing(2)].concat());
    assert_eq!(fed.names(), [""; 0]);
    assert_eq!(fed.connection.poll_timeout(), None);
}
