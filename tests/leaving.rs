//! A detach, an end and a close wait for messages that have been taken whole; answers that do not come in time.

mod common;

use core::time::Duration;

use amqp_proto::{
    Cause, CommandError, ConnectionConfig, CreditPolicy, Event, Instant, Limits, ReceiverConfig, SendOptions,
    SenderConfig, SessionConfig, Timeouts,
    spec::definitions::{AmqpError, ErrorCondition},
};
use bytes::{Buf, Bytes};
use common::{Linked, Pair, names};

/// Far more bytes than the client's outbox takes, in frames of 512.
const LARGE: usize = 100_000;

fn timeouts() -> Timeouts {
    let some = Some(Duration::from_secs(3));
    Timeouts::default().close(some).end(some).detach(some).drain(some)
}

/// A link from a client that has room for few bytes at a time.
fn linked() -> Linked {
    let limits = Limits::default().max_outbox_bytes(4096);
    let client = ConnectionConfig::client("c").limits(limits).timeouts(timeouts());
    let server =
        ConnectionConfig::server("s").auto_accept_sessions(true).max_frame_size(512).timeouts(timeouts());
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    Linked::with(Pair::new(client, server).opened(), SessionConfig::new(), SenderConfig::to("q"), theirs)
}

fn send_large(linked: &mut Linked) {
    let options = SendOptions::new().settled(true);
    let payload = Bytes::from(vec![7; LARGE]);
    linked.pair.client.sender(linked.sender).unwrap().send_with(1_u32, payload, &options).unwrap();
    assert!(linked.pair.client.sender(linked.sender).unwrap().is_sending());
}

/// Carries bytes until nothing moves, takes what is delivered, and gives the server's events.
fn run(pair: &mut Pair) -> (Vec<Event>, Vec<usize>) {
    let (mut events, mut sizes) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        pair.run();
        for event in pair.server_events() {
            if let Event::Delivery { delivery, .. } = &event {
                sizes.push(delivery.payload.len());
            }
            events.push(event);
        }
    }
    (events, sizes)
}

fn drop_output(pair: &mut Pair, now: Instant) {
    loop {
        let mut transmit = pair.client.poll_transmit(now);
        let count = transmit.remaining();
        if count == 0 {
            return;
        }
        transmit.advance(count);
    }
}

#[test]
fn a_close_waits_for_a_message_in_progress() {
    let mut linked = linked();
    send_large(&mut linked);
    let Linked { mut pair, session, sender, receiver: _ } = linked;
    pair.client.close(None).unwrap();
    // What is being closed can be closed again, to no effect.
    pair.client.close(None).unwrap();
    assert!(matches!(pair.client.begin(SessionConfig::new()), Err(CommandError::IllegalState(_))));
    let attached = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("other"));
    assert!(matches!(attached, Err(CommandError::IllegalState(_))));
    let sent = pair.client.sender(sender).unwrap().send(2_u32, b"x".as_slice());
    assert!(matches!(sent, Err(CommandError::IllegalState(_))));
    let (events, sizes) = run(&mut pair);
    assert_eq!(sizes, [LARGE]);
    assert_eq!(names(&events), ["DELIVERY", "RECEIVER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"]);
    assert_eq!(names(&pair.client_events()), ["SENDER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"]);
    assert!(pair.client.is_closed() && pair.server.is_closed());
}

/// The time that the message took was taken from the peer's, and what had not been written by then was dropped.
#[test]
fn the_peer_has_all_of_its_time_behind_a_close_that_has_waited() {
    let mut linked = linked();
    send_large(&mut linked);
    let mut pair = linked.pair;
    pair.client.close(None).unwrap();
    pair.now += 2_900;
    let now = Instant::from_millis(pair.now);
    drop_output(&mut pair, now);
    assert!(pair.client.is_write_closed());
    assert_eq!(pair.client.poll_timeout(), Some(now.saturating_add(Duration::from_secs(3))));
    pair.client.handle_timeout(now.saturating_add(Duration::from_millis(2_999)));
    assert_eq!(names(&pair.client_events()), [""; 0]);
    pair.client.handle_timeout(now.saturating_add(Duration::from_secs(3)));
    assert_eq!(names(&pair.client_events()).last(), Some(&"CONNECTION_CLOSED"));
}

#[test]
fn an_end_waits_for_a_message_in_progress() {
    let mut linked = linked();
    send_large(&mut linked);
    let Linked { mut pair, session, sender, receiver: _ } = linked;
    pair.client.session(session).unwrap().end(None).unwrap();
    pair.client.session(session).unwrap().end(None).unwrap();
    let attached = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("other"));
    assert!(matches!(attached, Err(CommandError::IllegalState(_))));
    let sent = pair.client.sender(sender).unwrap().send(2_u32, b"x".as_slice());
    assert!(matches!(sent, Err(CommandError::IllegalState(_))));
    let (events, sizes) = run(&mut pair);
    assert_eq!(sizes, [LARGE]);
    assert_eq!(names(&events), ["DELIVERY", "RECEIVER_CLOSED", "SESSION_CLOSED"]);
    assert_eq!(names(&pair.client_events()), ["SENDER_CLOSED", "SESSION_CLOSED"]);
    assert!(pair.client.is_open());
    assert_eq!(pair.client.poll_timeout(), None);
}

#[test]
fn a_detach_waits_for_a_message_in_progress() {
    for closed in [false, true] {
        let mut linked = linked();
        send_large(&mut linked);
        let Linked { mut pair, session, sender, receiver: _ } = linked;
        let mut link = pair.client.sender(sender).unwrap();
        if closed {
            link.close(None).unwrap()
        } else {
            link.detach(None).unwrap()
        }
        if closed {
            link.close(None).unwrap();
        } else {
            link.detach(None).unwrap();
        }
        assert!(matches!(link.send(2_u32, b"x".as_slice()), Err(CommandError::IllegalState(_))));
        // Other links of the session come and go as before.
        pair.client.session(session).unwrap().attach_sender(SenderConfig::to("other")).unwrap();
        let (events, sizes) = run(&mut pair);
        assert_eq!(sizes, [LARGE]);
        let end = if closed { "RECEIVER_CLOSED" } else { "RECEIVER_DETACHED" };
        assert_eq!(names(&events), ["RECEIVER_REQUESTED", "DELIVERY", end]);
        let end = if closed { "SENDER_CLOSED" } else { "SENDER_DETACHED" };
        assert_eq!(names(&pair.client_events()), [end]);
        // That the other link is attached is what is left to wait for.
        let waits = pair.client.poll_timeout().unwrap().saturating_since(Instant::from_millis(pair.now));
        assert!((55..=60).contains(&waits.as_secs()), "{waits:?}");
    }
}

#[test]
fn an_error_cuts_a_message_in_progress_off() {
    let error = || Some(AmqpError::new(ErrorCondition::InternalError));
    type Leave = fn(&mut Linked, Option<AmqpError>);
    let ways: [Leave; 3] = [
        |linked, error| linked.pair.client.sender(linked.sender).unwrap().close(error).unwrap(),
        |linked, error| linked.pair.client.session(linked.session).unwrap().end(error).unwrap(),
        |linked, error| linked.pair.client.close(error).unwrap(),
    ];
    for leave in ways {
        for first_in_order in [false, true] {
            let mut linked = linked();
            send_large(&mut linked);
            if first_in_order {
                leave(&mut linked, None);
            }
            leave(&mut linked, error());
            let _receiver = linked.receiver;
            let (events, sizes) = run(&mut linked.pair);
            assert_eq!(sizes, [0_usize; 0]);
            assert!(names(&events).contains(&"RECEIVER_ERROR"), "{events:?}");
            assert!(names(&linked.pair.client_events()).contains(&"SENDER_CLOSED"));
        }
    }
}

#[test]
fn stream_in_progress_does_not_delay_a_close() {
    let Linked { mut pair, sender, .. } = linked();
    let started = pair.client.sender(sender).unwrap().send_streaming(1_u32, &SendOptions::new());
    assert!(started.is_ok());
    pair.client.close(None).unwrap();
    let (events, sizes) = run(&mut pair);
    assert_eq!(sizes, [0_usize; 0]);
    assert_eq!(names(&events), ["RECEIVER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"]);
    assert_eq!(names(&pair.client_events()), ["SENDER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"]);
}

#[test]
fn peer_that_detaches_first_ends_a_waiting_close_once() {
    for closed in [false, true] {
        let mut linked = linked();
        send_large(&mut linked);
        let Linked { mut pair, sender, receiver, .. } = linked;
        pair.client.sender(sender).unwrap().close(None).unwrap();
        let mut link = pair.server.receiver(receiver).unwrap();
        if closed {
            link.close(None).unwrap()
        } else {
            link.detach(None).unwrap()
        }
        pair.run();
        assert_eq!(names(&pair.client_events()), ["SENDER_CLOSED"]);
        let events = names(&pair.server_events());
        assert_eq!(events.iter().filter(|name| **name == "RECEIVER_CLOSED").count(), 1, "{events:?}");
    }
}

/// The client's window is never opened: the peer takes its time, until there is none left.
#[test]
fn message_not_sent_within_the_timeout_is_cut_off() {
    type Leave = fn(&mut Linked);
    let ways: [(Leave, &[&str]); 3] = [
        (|linked| linked.pair.client.sender(linked.sender).unwrap().close(None).unwrap(), &["SENDER_ERROR"]),
        (
            |linked| linked.pair.client.session(linked.session).unwrap().end(None).unwrap(),
            &["SENDER_ERROR", "SESSION_ERROR"],
        ),
        (
            |linked| linked.pair.client.close(None).unwrap(),
            &["SENDER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"],
        ),
    ];
    for (leave, last) in ways {
        let mut linked = linked();
        send_large(&mut linked);
        leave(&mut linked);
        let pair = &mut linked.pair;
        // Nothing is written, so that the outbox stays full.
        let start = Instant::from_millis(pair.now + 1);
        pair.client.handle_timeout(start);
        let due = Instant::from_millis(pair.now + 1 + 3000);
        assert_eq!(pair.client.poll_timeout(), Some(due));
        let before = pair.client.outbox_len();
        pair.client.handle_timeout(due);
        assert!(pair.client.outbox_len() > before, "the message is cut off");
        assert_eq!(pair.client_events(), []);
        drop_output(pair, due);
        let end = pair.client.poll_timeout().unwrap();
        assert_eq!(end.as_millis(), due.as_millis() + 3000);
        pair.client.handle_timeout(end);
        let events = pair.client_events();
        assert_eq!(names(&events), last);
        if let Some(Event::SenderError { failure, .. }) = events.first() {
            // The link itself, or its session.
            assert_eq!(failure.cause, if last.len() == 1 { Cause::TimedOut } else { Cause::Parent });
        }
    }
}

#[test]
fn detach_after_its_timeout_changes_nothing() {
    let Linked { mut pair, sender, .. } = linked();
    pair.client.sender(sender).unwrap().close(None).unwrap();
    // What the client writes is not carried until its patience has ended.
    let start = Instant::from_millis(pair.now);
    pair.client.handle_timeout(start);
    pair.now += 3000;
    pair.client.handle_timeout(Instant::from_millis(pair.now));
    assert_eq!(names(&pair.client_events()), ["SENDER_ERROR"]);
    pair.run();
    assert_eq!(names(&pair.server_events()), ["RECEIVER_CLOSED"]);
    assert_eq!(pair.client_events(), []);
    assert_eq!(pair.client.poll_timeout(), None);
}

#[test]
fn drain_without_an_answer_revokes_the_credit() {
    let Linked { mut pair, sender, receiver, .. } = Linked::with(
        Pair::new(
            ConnectionConfig::client("c"),
            ConnectionConfig::server("s").auto_accept_sessions(true).timeouts(timeouts()),
        )
        .opened(),
        SessionConfig::new(),
        SenderConfig::to("q"),
        ReceiverConfig::new(),
    );
    pair.server.receiver(receiver).unwrap().set_credit(5).unwrap();
    pair.run();
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_DRAIN", "SENDER_READY"]);
    assert_eq!(pair.server_events(), []);
    // A message that is on its way when the time is up has its credit still.
    pair.client.sender(sender).unwrap().send(1_u32, b"late".as_slice()).unwrap();
    pair.now += 3000;
    pair.server.handle_timeout(Instant::from_millis(pair.now));
    assert_eq!(
        pair.server_events(),
        [Event::ReceiverDrained { receiver, unused_credit: 0, timed_out: true }]
    );
    assert_eq!(pair.server.receiver(receiver).unwrap().credit(), 0);
    pair.run();
    assert_eq!(names(&pair.server_events()), ["DELIVERY"]);
    assert_eq!(pair.client.sender(sender).unwrap().credit(), 0);
    // The drain is over, so that new credit is plain credit.
    pair.server.receiver(receiver).unwrap().set_credit(2).unwrap();
    pair.run();
    assert_eq!(pair.client.sender(sender).unwrap().credit(), 2);
}

/// A sender that answers no drain may answer no echo either (2.7.4), so no other flow of its is waited for.
#[test]
fn drain_without_an_answer_leaves_the_policy_its_credit() {
    let theirs = ConnectionConfig::server("s").auto_accept_sessions(true).timeouts(timeouts());
    let Linked { mut pair, sender, receiver, .. } = Linked::with(
        Pair::new(ConnectionConfig::client("c"), theirs).opened(),
        SessionConfig::new(),
        SenderConfig::to("q"),
        ReceiverConfig::new().credit(CreditPolicy::Auto(10)),
    );
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.run();
    pair.now += 3000;
    pair.server.handle_timeout(Instant::from_millis(pair.now));
    assert_eq!(
        pair.server_events(),
        [Event::ReceiverDrained { receiver, unused_credit: 0, timed_out: true }]
    );
    assert_eq!(pair.server.receiver(receiver).unwrap().credit(), 10);
    pair.run();
    assert_eq!(pair.client.sender(sender).unwrap().credit(), 10);
    assert!(pair.client.sender(sender).unwrap().drained().is_err(), "the drain is over");
}

#[test]
fn ended_sessions_and_links_leave_no_timer() {
    // Neither has gone out when it is given up: they wait for the peer's limits.
    let mut pair = Pair::new(
        ConnectionConfig::client("c").timeouts(timeouts()),
        ConnectionConfig::server("s").auto_accept_sessions(true),
    );
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let sender = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    pair.client.sender(sender).unwrap().close(None).unwrap();
    pair.client.session(session).unwrap().end(None).unwrap();
    assert_eq!(names(&pair.client_events()), ["SENDER_CLOSED", "SESSION_CLOSED"]);
    assert_eq!(pair.client.poll_timeout(), None);

    // A drain and a detach are waited for until their session ends.
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).timeouts(timeouts());
    let pair = Pair::new(ConnectionConfig::client("c"), server).opened();
    let Linked { mut pair, session, receiver, .. } =
        Linked::with(pair, SessionConfig::new(), SenderConfig::to("q"), ReceiverConfig::new());
    pair.server.receiver(receiver).unwrap().set_credit(5).unwrap();
    pair.server.receiver(receiver).unwrap().drain().unwrap();
    pair.server.handle_timeout(Instant::from_millis(pair.now));
    assert!(pair.server.poll_timeout().is_some());
    pair.client.session(session).unwrap().end(None).unwrap();
    pair.run();
    assert_eq!(names(&pair.server_events()), ["RECEIVER_CLOSED", "SESSION_CLOSED"]);
    assert_eq!(pair.server.poll_timeout(), None);
}
