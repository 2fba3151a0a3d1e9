//! What the engine does beside carrying messages: time, drains, streams, refusals, suspension, back-pressure.

mod common;

use core::time::Duration;

use amqp_proto::{
    Cause, CommandError, Connection, ConnectionConfig, CreditPolicy, Event, Instant, LinkId, Progress,
    ReceiverConfig, SendOptions, SenderConfig, SessionConfig, Timeouts,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, SenderSettleMode},
        delivery_state::DeliveryState,
    },
};
use bytes::{Buf, Bytes, BytesMut};
use common::{Linked, Pair, names};

fn linked() -> Linked {
    Linked::new(SenderConfig::to("q"), ReceiverConfig::new().credit(CreditPolicy::Auto(10)))
}

#[test]
fn silent_peer_is_closed_and_heartbeats_keep_its_own_timeout() {
    let server =
        ConnectionConfig::server("s").auto_accept_sessions(true).idle_timeout(Duration::from_secs(1));
    let mut pair = Pair::new(ConnectionConfig::client("c"), server);
    pair.client.open().unwrap();
    pair.run();
    let opened = pair.now;
    // 2.4.5: half the threshold is announced, and half of that is when a heartbeat goes.
    assert_eq!(pair.client.remote_open().unwrap().idle_time_out.unwrap().get(), 500);
    let beat = pair.client.poll_timeout().unwrap().as_millis();
    assert!((1..=opened + 250).contains(&beat), "{beat} after {opened}");
    pair.client.handle_timeout(Instant::from_millis(beat));
    let mut wire = BytesMut::new();
    let mut transmit = pair.client.poll_transmit(Instant::from_millis(beat));
    wire.extend_from_slice(transmit.chunk());
    transmit.advance(wire.len());
    assert_eq!(wire[..], [0, 0, 0, 8, 2, 0, 0, 0]);
    let _ = pair.server.handle_input(Instant::from_millis(beat), &mut wire);

    let late = pair.server.poll_timeout().unwrap().as_millis();
    assert_eq!(late, beat + 1000);
    pair.server.handle_timeout(Instant::from_millis(late - 1));
    assert!(pair.server.is_open());
    pair.server.handle_timeout(Instant::from_millis(late));
    let events = pair.server_events();
    let Some(Event::ConnectionError(failure)) = events.last() else { panic!("{events:?}") };
    assert_eq!(failure.cause, Cause::TimedOut);
    pair.now = late;
    pair.run();
    assert_eq!(names(&pair.client_events()), ["CONNECTION_OPEN", "CONNECTION_ERROR"]);
}

/// 2.4.5: silence counts from our open, however long the application took for it.
#[test]
fn peer_is_not_silent_while_the_application_thinks_about_its_open() {
    let server = ConnectionConfig::server("s").idle_timeout(Duration::from_secs(1));
    let mut pair = Pair::new(ConnectionConfig::client("c"), server);
    pair.client.open().unwrap();
    pair.run();
    assert_eq!(names(&pair.server_events()), ["CONNECTION_REQUESTED"]);
    let late = Instant::from_millis(pair.now + 5000);
    pair.server.open().unwrap();
    pair.server.handle_timeout(late);
    assert!(pair.server.is_open());
    let count = pair.server.poll_transmit(late).remaining();
    pair.server.poll_transmit(late).advance(count);
    assert_eq!(pair.server.poll_timeout(), Some(Instant::from_millis(late.as_millis() + 1000)));
    pair.server.handle_timeout(Instant::from_millis(late.as_millis() + 1000));
    assert_eq!(names(&pair.server_events()), ["CONNECTION_OPEN", "CONNECTION_ERROR"]);
}

/// A peer that is silent and does not read either: what it would have to read keeps nothing waiting.
#[test]
fn connection_whose_close_is_neither_read_nor_answered_is_closed() {
    let timeouts = Timeouts::default().close(Some(Duration::from_secs(3)));
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).timeouts(timeouts);
    let mut pair = Pair::new(ConnectionConfig::client("c"), server.idle_timeout(Duration::from_secs(1)));
    pair.client.open().unwrap();
    pair.run();
    let silent = Instant::from_millis(pair.now + 1000);
    pair.server.handle_timeout(silent);
    assert!(!pair.server.poll_transmit(silent).is_empty());
    let close = pair.server.poll_timeout().unwrap();
    assert_eq!(close, Instant::from_millis(silent.as_millis() + 3000));
    assert!(!pair.server.is_closed());
    pair.server.handle_timeout(close);
    assert!(pair.server.is_closed());
    assert_eq!(names(&pair.server_events()), ["CONNECTION_OPEN", "CONNECTION_ERROR"]);
}

#[test]
fn peer_that_does_not_answer_close_times_out() {
    let timeouts = Timeouts::default().close(Some(Duration::from_secs(3)));
    let mut pair = Pair::new(
        ConnectionConfig::client("c").timeouts(timeouts),
        ConnectionConfig::server("s").auto_accept_sessions(true),
    );
    pair.client.open().unwrap();
    pair.run();
    pair.client_events();
    pair.client.close(None).unwrap();
    let now = Instant::from_millis(1000);
    let mut transmit = pair.client.poll_transmit(now);
    let count = transmit.remaining();
    transmit.advance(count);
    assert_eq!(pair.client.poll_timeout(), Some(Instant::from_millis(4000)));
    pair.client.handle_timeout(Instant::from_millis(4000));
    assert_eq!(names(&pair.client_events()), ["CONNECTION_CLOSED"]);
    assert!(pair.client.is_closed());
}

#[test]
fn drain_ends_when_the_sender_relinquishes_its_credit() {
    let Linked { mut pair, sender, receiver, .. } = Linked::new(SenderConfig::to("q"), ReceiverConfig::new());
    pair.server.receiver(receiver).unwrap().set_credit(5).unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_READY"]);
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.run();
    assert_eq!(pair.client_events(), [Event::SenderDrain { sender }]);
    pair.client.sender(sender).unwrap().send(1_u32, b"last".as_slice()).unwrap();
    pair.client.sender(sender).unwrap().drained().unwrap();
    assert_eq!(pair.client.sender(sender).unwrap().send(2_u32, b"x".as_slice()), Err(CommandError::NoCredit));
    pair.run();
    let events = pair.server_events();
    assert_eq!(names(&events), ["DELIVERY", "RECEIVER_DRAINED"]);
    assert_eq!(events[1], Event::ReceiverDrained { receiver, unused_credit: 4, timed_out: false });
    assert_eq!(pair.server.receiver(receiver).unwrap().credit(), 0);
    // The two ends agree on the count: new credit is worth what it says.
    pair.server.receiver(receiver).unwrap().set_credit(2).unwrap();
    pair.run();
    assert_eq!(pair.client.sender(sender).unwrap().credit(), 2);
}

/// An application took credit that an aborted message had used for the sign that there are no more messages.
#[test]
fn drain_whose_credit_is_used_up_by_aborted_messages_leaves_none_unused() {
    let Linked { mut pair, sender, receiver, .. } = Linked::new(SenderConfig::to("q"), ReceiverConfig::new());
    for unused in [0_u32, 1] {
        let mut link = pair.server.receiver(receiver).unwrap();
        link.set_credit(2 + unused).and_then(|()| link.drain()).unwrap();
        pair.run();
        for tag in 0..2 {
            let mut link = pair.client.sender(sender).unwrap();
            let delivery = link.send_streaming(10 * unused + tag, &SendOptions::new()).unwrap();
            link.write(delivery, Bytes::from_static(b"part")).unwrap();
            pair.run();
            pair.client.sender(sender).unwrap().abort(delivery).unwrap();
            pair.run();
        }
        let _ = pair.client.sender(sender).unwrap().drained();
        pair.run();
        let drained = Event::ReceiverDrained { receiver, unused_credit: unused, timed_out: false };
        assert_eq!(pair.server_events(), [drained]);
    }
}

#[test]
fn streamed_delivery_is_written_and_read_in_chunks() {
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10)).streaming(true);
    let Linked { mut pair, sender, receiver, .. } = Linked::new(SenderConfig::to("q"), theirs);
    let delivery = pair.client.sender(sender).unwrap().send_streaming(1_u32, &SendOptions::new()).unwrap();
    pair.client.sender(sender).unwrap().write(delivery, Bytes::from_static(b"one")).unwrap();
    pair.run();
    let events = pair.server_events();
    let Event::DeliveryBegun { delivery: coming, .. } = events[0] else { panic!("{events:?}") };
    assert_eq!(names(&events), ["DELIVERY_BEGUN", "DELIVERY_DATA"]);
    let read = |pair: &mut Pair| pair.server.receiver(receiver).unwrap().read_chunk(coming).unwrap();
    assert_eq!(read(&mut pair), Some(Bytes::from_static(b"one")));
    assert_eq!(read(&mut pair), None);
    assert_eq!(pair.client.sender(sender).unwrap().send(2_u32, b"".as_slice()), Err(CommandError::Busy));
    pair.client.sender(sender).unwrap().write(delivery, Bytes::from_static(b"two")).unwrap();
    pair.client.sender(sender).unwrap().finish(delivery).unwrap();
    pair.run();
    let events = pair.server_events();
    assert_eq!(names(&events), ["DELIVERY_DATA", "DELIVERY_DATA"]);
    assert!(matches!(events[1], Event::DeliveryData { complete: true, .. }));
    assert_eq!(read(&mut pair), Some(Bytes::from_static(b"two")));
    pair.server.receiver(receiver).unwrap().accept(coming).unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["DELIVERY_SETTLED", "SENDER_READY"]);
}

#[test]
fn aborted_delivery_is_settled_and_leaves_nothing_unsettled() {
    for streaming in [true, false] {
        let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10)).streaming(streaming);
        let Linked { mut pair, sender, receiver, .. } = Linked::new(SenderConfig::to("q"), theirs);
        let delivery =
            pair.client.sender(sender).unwrap().send_streaming(1_u32, &SendOptions::new()).unwrap();
        pair.client.sender(sender).unwrap().write(delivery, Bytes::from_static(b"half")).unwrap();
        pair.run();
        pair.client.sender(sender).unwrap().abort(delivery).unwrap();
        pair.run();
        let due: &[&str] =
            if streaming { &["DELIVERY_BEGUN", "DELIVERY_DATA", "DELIVERY_ABORTED"] } else { &[] };
        assert_eq!(names(&pair.server_events()), due);
        assert_eq!(pair.client.unsettled(sender), []);
        assert_eq!(pair.server.unsettled(receiver), []);
        pair.client.sender(sender).unwrap().send(2_u32, b"whole".as_slice()).unwrap();
        pair.run();
        assert_eq!(names(&pair.server_events()), ["DELIVERY"]);
    }
}

#[test]
fn refused_link_never_raises_open() {
    let mut pair = Pair::plain();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let sender = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("nowhere")).unwrap();
    pair.run();
    let events = pair.server_events();
    let Some(Event::ReceiverRequested { receiver, .. }) = events.last() else { panic!("{events:?}") };
    let error = AmqpError::described(ErrorCondition::NotFound, "no such node");
    pair.server.refuse_receiver(*receiver, error).unwrap();
    pair.run();
    let events = pair.client_events();
    assert_eq!(names(&events), ["CONNECTION_OPEN", "SESSION_OPEN", "SENDER_ERROR"]);
    assert_eq!(events[2].error_detail().as_deref(), Some("amqp:not-found: no such node"));
    assert_eq!(pair.client.sender(sender).err(), Some(CommandError::UnknownLink));
    assert_eq!(pair.server_events(), []);
    assert!(pair.client.session_ref(session).unwrap().is_open());
    assert_eq!(pair.client.session(session).unwrap().links().count(), 0);
}

#[test]
fn deliveries_of_a_detached_link_can_still_be_settled() {
    let Linked { mut pair, sender, receiver, .. } = linked();
    let delivery = pair.client.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
    pair.run();
    let events = pair.server_events();
    let Event::Delivery { delivery: arrived, .. } = &events[0] else { panic!("{events:?}") };
    pair.client.sender(sender).unwrap().detach(None).unwrap();
    // The answer to the delivery is on its way before the detach is known.
    pair.server.receiver(receiver).unwrap().accept(arrived.id).unwrap();
    pair.run();
    let state = Some(DeliveryState::ACCEPTED);
    assert_eq!(
        pair.client_events(),
        [
            Event::DeliverySettled { link: LinkId::Sender(sender), first: delivery, last: delivery, state },
            Event::SenderDetached { sender, cut_off: None }
        ]
    );
    assert_eq!(names(&pair.server_events()), ["RECEIVER_DETACHED"]);
}

#[test]
fn close_crossing_a_detach_attaches_again_to_close() {
    let Linked { mut pair, session, sender, receiver } = linked();
    pair.client.sender(sender).unwrap().detach(None).unwrap();
    pair.server.receiver(receiver).unwrap().close(None).unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_CLOSED"]);
    assert_eq!(names(&pair.server_events()), ["RECEIVER_CLOSED"]);
    assert_eq!(pair.client.session(session).unwrap().links().count(), 0, "both handles are free again");
    let id = pair.server.session_ids().next().unwrap();
    assert_eq!(pair.server.session(id).unwrap().links().count(), 0);
}

#[test]
fn sender_in_rcv_settle_mode_second_settles_first() {
    let ours = SenderConfig::to("q").rcv_settle_mode(ReceiverSettleMode::Second).settle_on_outcome(false);
    let theirs =
        ReceiverConfig::new().rcv_settle_mode(ReceiverSettleMode::Second).credit(CreditPolicy::Auto(9));
    let Linked { mut pair, sender, receiver, .. } = Linked::new(ours, theirs);
    let delivery = pair.client.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
    pair.run();
    let events = pair.server_events();
    let Event::Delivery { delivery: arrived, .. } = &events[0] else { panic!("{events:?}") };
    pair.server.receiver(receiver).unwrap().accept(arrived.id).unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["DELIVERY_UPDATED"]);
    assert_eq!(pair.client.unsettled(sender)[0].state, Some(DeliveryState::ACCEPTED));
    assert_eq!(pair.server.unsettled(receiver).len(), 1);
    pair.client.sender(sender).unwrap().settle(delivery, Some(DeliveryState::ACCEPTED)).unwrap();
    pair.run();
    assert_eq!(names(&pair.server_events()), ["DELIVERY_SETTLED"]);
    assert_eq!(pair.server.unsettled(receiver), []);
}

#[test]
fn unsettled_message_on_a_settled_link_is_refused() {
    let ours = SenderConfig::to("q").snd_settle_mode(SenderSettleMode::Settled);
    let Linked { mut pair, sender, .. } =
        Linked::new(ours, ReceiverConfig::new().credit(CreditPolicy::Auto(10)));
    let unsettled = SendOptions::new().settled(false);
    let refused = pair.client.sender(sender).unwrap().send_with(1_u32, b"x".as_slice(), &unsettled);
    assert_eq!(refused, Err(CommandError::SettleMode));
    pair.client.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
    assert_eq!(pair.client.unsettled(sender), []);
}

#[test]
fn sessions_and_links_requested_before_the_peer_opens_are_begun_later() {
    let mut client = Connection::new(ConnectionConfig::client("c"));
    let begun: Vec<_> = (0..3).map(|_| client.begin(SessionConfig::new()).unwrap()).collect();
    for session in &begun {
        for _ in 0..3 {
            client.session(*session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
        }
    }
    let dropped = client.begin(SessionConfig::new()).unwrap();
    client.session(dropped).unwrap().end(None).unwrap();
    assert_eq!(client.poll_event(), Some(Event::SessionClosed { session: dropped }));
    let mut pair = Pair::new(
        ConnectionConfig::client("unused"),
        ConnectionConfig::server("s").auto_accept_sessions(true),
    );
    pair.client = client;
    pair.client.open().unwrap();
    pair.run();
    assert_eq!(
        names(&pair.client_events()),
        ["CONNECTION_OPEN", "SESSION_OPEN", "SESSION_OPEN", "SESSION_OPEN"]
    );
    let requested = pair.server_events().iter().filter(|event| event.name() == "RECEIVER_REQUESTED").count();
    assert_eq!(requested, 9);
}

#[test]
fn lost_transport_leaves_every_delivery_settled_or_listed_as_unsettled() {
    let Linked { mut pair, session, sender, .. } = linked();
    for tag in 0..3_u32 {
        pair.client.sender(sender).unwrap().send(tag, b"x".as_slice()).unwrap();
    }
    pair.client.handle_eof(Instant::from_millis(pair.now));
    let events = pair.client_events();
    assert_eq!(names(&events), ["SENDER_ERROR", "SESSION_ERROR", "CONNECTION_ERROR"]);
    assert!(matches!(events[0], Event::SenderError { unsettled: 3, .. }));
    let tags: Vec<_> = pair.client.unsettled(sender).into_iter().map(|unsettled| unsettled.tag).collect();
    assert_eq!(tags, [0_u32.into(), 1_u32.into(), 2_u32.into()]);
    assert!(pair.client.session(session).is_err());
    assert!(pair.client.is_closed());
    assert_eq!(pair.client.poll_timeout(), None);
}

#[test]
fn full_outbox_refuses_a_message_and_raises_sender_ready_once_drained() {
    let limits = amqp_proto::Limits::default().max_outbox_bytes(10_000);
    let mut pair = Pair::new(
        ConnectionConfig::client("c").limits(limits),
        ConnectionConfig::server("s").auto_accept_sessions(true),
    );
    pair.client.open().unwrap();
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(1000));
    let Linked { mut pair, sender, .. } =
        Linked::with(pair, SessionConfig::new(), SenderConfig::to("q"), theirs);
    let mut sent = 0_u32;
    let refused = loop {
        match pair.client.sender(sender).unwrap().send(sent, vec![7; 900]) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, CommandError::OutboxFull);
    assert!((10..=12).contains(&sent), "{sent}");
    assert_eq!(pair.client_events(), []);
    pair.run();
    assert_eq!(pair.client_events(), [Event::SenderReady { sender }]);
    assert_eq!(pair.server_events().len(), sent as usize);
}

#[test]
fn input_stops_while_the_event_queue_is_full() {
    let limits = amqp_proto::Limits::default().max_events(4);
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits);
    let mut pair = Pair::new(ConnectionConfig::client("c"), server);
    pair.client.open().unwrap();
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(100));
    let Linked { mut pair, sender, .. } =
        Linked::with(pair, SessionConfig::new(), SenderConfig::to("q"), theirs);
    for tag in 0..10_u32 {
        pair.client.sender(sender).unwrap().send(tag, b"x".as_slice()).unwrap();
    }
    let now = Instant::from_millis(pair.now);
    let mut wire = BytesMut::new();
    let mut transmit = pair.client.poll_transmit(now);
    while transmit.has_remaining() {
        wire.extend_from_slice(transmit.chunk());
        let count = transmit.chunk().len();
        transmit.advance(count);
    }
    let mut got = 0;
    while !wire.is_empty() {
        assert_eq!(
            pair.server.handle_input(now, &mut wire),
            if got < 8 { Progress::DrainEvents } else { Progress::NeedInput }
        );
        let events = pair.server_events();
        assert!(events.len() <= 4);
        got += events.len();
    }
    assert_eq!(got, 10);
}
