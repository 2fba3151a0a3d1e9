//! Changes to the engine that no other test noticed (FH): each test fails if the line that it is about is changed.

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, Limits, ReceiverConfig, ReceiverId,
    SenderConfig, SenderId, SessionConfig, SessionId, Timeouts, Tolerance,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        performatives::{self as p, Performative},
    },
    types::{Handle, SequenceNo},
};
use core::time::Duration;

use crate::{
    common::names,
    outcomes::deliveries,
    peer::{
        attach, begin, begin_answer, continuation, detach, flow, frame, link_flow, more, open, raw, transfer,
        with_payload,
    },
    support::Fed,
    written::written,
};

const AMQP: &str = "414d515000010000";

/// Feeds a performative on channel 0, and returns what is written then.
fn feed(fed: &mut Fed, performative: &impl amqp_proto::codec::Encode) -> Vec<Performative> {
    fed.feed_bytes(&frame(0, performative));
    written(fed)
}

fn server() -> Fed {
    with_limits(Limits::default())
}

fn with_limits(limits: Limits) -> Fed {
    with_config(ConnectionConfig::server("s").limits(limits))
}

fn with_config(config: ConnectionConfig) -> Fed {
    let mut fed = Fed::new(config.auto_accept_sessions(true));
    fed.feed(AMQP);
    feed(&mut fed, &open());
    feed(&mut fed, &begin());
    fed.events();
    fed
}

/// A client that has been opened and has begun a session, neither of them answered.
fn client(config: ConnectionConfig) -> (Fed, SessionId) {
    let mut fed = Fed::new(config);
    fed.connection.open().unwrap();
    let session = fed.connection.begin(SessionConfig::new()).unwrap();
    fed.write();
    (fed, session)
}

fn opened_client() -> (Fed, SessionId) {
    let (mut fed, session) = client(ConnectionConfig::client("c"));
    fed.feed(AMQP);
    feed(&mut fed, &open());
    feed(&mut fed, &begin_answer(0));
    assert_eq!(fed.names(), ["CONNECTION_OPEN", "SESSION_OPEN"]);
    (fed, session)
}

/// The session of the server, once a link is there.
fn session(fed: &Fed) -> SessionId {
    fed.connection.session_ids().next().expect("a session")
}

fn receiver(fed: &mut Fed, config: ReceiverConfig) -> ReceiverId {
    feed(fed, &attach("in", 0, Role::Sender));
    let mut events = fed.events().into_iter();
    let requested = events.find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(receiver),
        _ => None,
    });
    let receiver = requested.expect("a receiver is asked for");
    fed.connection.accept_receiver(receiver, config).unwrap();
    fed.write();
    written(fed);
    fed.events();
    receiver
}

fn sender(fed: &mut Fed) -> SenderId {
    feed(fed, &attach("out", 0, Role::Receiver));
    let mut events = fed.events().into_iter();
    let requested = events.find_map(|event| match event {
        Event::SenderRequested { sender, .. } => Some(sender),
        _ => None,
    });
    let sender = requested.expect("a sender is asked for");
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    fed.write();
    written(fed);
    fed.events();
    sender
}

fn flows(written: Vec<Performative>) -> Vec<p::Flow> {
    let only = |performative| match performative {
        Performative::Flow(flow) => Some(flow),
        _ => None,
    };
    written.into_iter().filter_map(only).collect()
}

fn auto(credit: u32) -> ReceiverConfig {
    ReceiverConfig::new().credit(CreditPolicy::Auto(credit))
}

/// The place of a session in a window of one: the next transfer is taken only if the one before has left it.
fn window_of_one() -> (Fed, ReceiverId) {
    let mut fed = Fed::new(ConnectionConfig::server("s"));
    fed.feed(AMQP);
    feed(&mut fed, &open());
    fed.connection.open().unwrap();
    feed(&mut fed, &begin());
    let id = session(&fed);
    fed.connection.accept_session(id, SessionConfig::new().incoming_window(1)).unwrap();
    fed.write();
    let receiver = receiver(&mut fed, auto(100));
    (fed, receiver)
}

/// Feeds transfers, each its own read with its answers written, and fails if one of them ends the session.
fn feed_all(fed: &mut Fed, transfers: &[p::Transfer]) {
    for transfer in transfers {
        fed.feed_bytes(&with_payload(0, transfer, b"x"));
        fed.write();
    }
    assert!(!fed.names().contains(&"SESSION_ERROR"));
}

#[test]
fn fh01_the_remote_outgoing_window_is_taken_from_a_flow() {
    let mut fed = server();
    feed(&mut fed, &p::Flow { outgoing_window: 7, ..flow() });
    let id = session(&fed);
    assert_eq!(fed.connection.session_ref(id).unwrap().remote_outgoing_window(), 7);
}

#[test]
fn fh02_an_aborted_transfer_frees_the_window() {
    let (mut fed, _) = window_of_one();
    let aborted = |id| p::Transfer { aborted: true, ..transfer(0, id) };
    feed_all(&mut fed, &[aborted(0), aborted(1), more(0, 2)]);
    feed_all(&mut fed, &[p::Transfer { aborted: true, ..continuation(0) }, aborted(3)]);
}

#[test]
fn fh03_a_late_transfer_frees_the_window() {
    let (mut fed, receiver) = window_of_one();
    fed.connection.receiver(receiver).unwrap().close(None).unwrap();
    feed_all(&mut fed, &[transfer(0, 0), transfer(0, 1), transfer(0, 2)]);
}

#[test]
fn fh04_a_close_for_a_violation_has_a_deadline() {
    let timeouts = Timeouts::default().close(Duration::from_millis(700));
    let mut fed = Fed::new(ConnectionConfig::server("s").timeouts(timeouts));
    fed.feed(AMQP);
    feed(&mut fed, &open());
    fed.connection.open().unwrap();
    feed(&mut fed, &open());
    fed.write();
    assert!(!fed.connection.is_closed());
    assert_eq!(fed.connection.poll_timeout().map(Instant::as_millis), Some(700));
    fed.pass(700);
    assert!(fed.connection.is_closed());
}

#[test]
fn fh05_an_answering_attach_of_a_sender_needs_its_initial_delivery_count() {
    let (mut fed, session) = opened_client();
    let receiver = fed.connection.session(session).unwrap();
    let receiver = { receiver }.attach_receiver(ReceiverConfig::from("q").name("in")).unwrap();
    fed.write();
    written(&mut fed);
    let answered =
        feed(&mut fed, &p::Attach { initial_delivery_count: None, ..attach("in", 0, Role::Sender) });
    let [Performative::Detach(p::Detach { error: Some(error), .. })] = answered.as_slice() else {
        panic!("{answered:?}")
    };
    assert_eq!(error.condition, ErrorCondition::InvalidField);
    assert!(
        matches!(fed.events().as_slice(), [Event::ReceiverError { receiver: id, .. }] if *id == receiver)
    );
}

#[test]
fn fh06_a_close_is_seen_behind_a_violation_in_any_encoding() {
    // 2.4.6: in DISCARDING only close is seen. Its descriptor: a smallulong, a ulong, a symbol.
    let symbol = [&[0, 0xa3, 15], b"amqp:close:list".as_slice(), &[0x45]].concat();
    for body in [vec![0, 0x53, 0x18, 0x45], vec![0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x18, 0x45], symbol] {
        let mut fed = server();
        feed(&mut fed, &open());
        assert!(!fed.connection.is_closed());
        fed.feed_bytes(&raw(0, 0, &body));
        assert!(fed.connection.is_closed(), "{body:x?}");
    }
}

#[test]
fn fh07_a_detach_with_an_error_closes_the_link() {
    let mut fed = server();
    let sender = sender(&mut fed);
    let error = AmqpError::new(ErrorCondition::InternalError);
    fed.connection.sender(sender).unwrap().detach(Some(error)).unwrap();
    fed.write();
    let detached = written(&mut fed);
    assert!(matches!(detached.as_slice(), [Performative::Detach(p::Detach { closed: true, .. })]));
}

/// Sends half of what a session may hold, ends it with `last`, and has room for as much again.
fn buffered_bytes_come_back(last: impl Fn(u32) -> Vec<u8>) {
    let mut fed = with_limits(Limits::default().max_held_bytes_per_session(60_000));
    receiver(&mut fed, auto(100));
    for id in 0..4 {
        fed.feed_bytes(&with_payload(0, &more(0, id), &[1; 30_000]));
        fed.feed_bytes(&last(id));
        let raised = fed.names();
        assert!(!raised.contains(&"SESSION_ERROR"), "delivery {id}: {raised:?}");
    }
}

#[test]
fn fh08_buffered_bytes_are_given_back_when_a_delivery_is_aborted() {
    buffered_bytes_come_back(|_| frame(0, &p::Transfer { aborted: true, ..continuation(0) }));
}

#[test]
fn fh09_buffered_bytes_are_given_back_when_a_delivery_is_complete() {
    buffered_bytes_come_back(|_| with_payload(0, &continuation(0), &[2; 30_000]));
}

#[test]
fn fh10_no_revoked_credit_is_left_once_a_drain_is_answered() {
    let mut fed = server();
    let receiver = receiver(&mut fed, ReceiverConfig::new());
    let mut receiver_mut = fed.connection.receiver(receiver).unwrap();
    receiver_mut.set_credit(5).unwrap();
    // Two of them are taken back, and messages in flight may still use those.
    receiver_mut.set_credit(3).unwrap();
    receiver_mut.drain().unwrap();
    fed.write();
    let answer = p::Flow { drain: true, delivery_count: Some(SequenceNo::new(3)), ..link_flow(0, 0) };
    feed(&mut fed, &answer);
    assert_eq!(fed.names(), ["RECEIVER_DRAINED"]);
    // Nothing is in flight behind the answer, so no credit is left for this.
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"x"));
    let refused = fed.names();
    assert!(refused.contains(&"RECEIVER_ERROR"), "{refused:?}");
}

#[test]
fn fh11_a_sender_announces_drain_only_while_it_is_asked_for() {
    let mut fed = server();
    sender(&mut fed);
    let seen = flows(feed(&mut fed, &p::Flow { echo: true, ..link_flow(0, 5) }));
    assert_eq!(seen.iter().map(|flow| flow.drain).collect::<Vec<_>>(), [false]);
    let seen = flows(feed(&mut fed, &p::Flow { echo: true, drain: true, ..link_flow(0, 5) }));
    assert_eq!(seen.iter().map(|flow| flow.drain).collect::<Vec<_>>(), [true]);
}

#[test]
fn fh12_a_drain_is_over_when_the_receiver_takes_it_back() {
    let mut fed = server();
    let sender = sender(&mut fed);
    feed(&mut fed, &p::Flow { drain: true, ..link_flow(0, 5) });
    let seen = flows(feed(&mut fed, &p::Flow { echo: true, ..link_flow(0, 5) }));
    assert_eq!(seen.iter().map(|flow| flow.drain).collect::<Vec<_>>(), [false]);
    assert!(fed.connection.sender(sender).unwrap().drained().is_err(), "no drain is asked for any more");
}

#[test]
fn fh13_a_receiver_answers_the_echo_of_a_link_flow() {
    let mut fed = server();
    receiver(&mut fed, auto(10));
    let seen = flows(feed(&mut fed, &p::Flow { echo: true, link_credit: None, ..link_flow(0, 0) }));
    let [seen] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((seen.handle, seen.link_credit, seen.echo), (Some(Handle::new(0)), Some(10), false));
}

#[test]
fn fh14_a_sender_answers_the_echo_of_a_link_flow() {
    let mut fed = server();
    sender(&mut fed);
    let seen = flows(feed(&mut fed, &p::Flow { echo: true, ..link_flow(0, 4) }));
    let [seen] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((seen.handle, seen.link_credit, seen.echo), (Some(Handle::new(0)), Some(4), false));
}

#[test]
fn fh15_begins_that_waited_keep_to_the_peers_channel_max() {
    let (mut fed, first) = client(ConnectionConfig::client("c"));
    let second = fed.connection.begin(SessionConfig::new()).unwrap();
    fed.write();
    written(&mut fed);
    fed.feed(AMQP);
    let begun = feed(&mut fed, &p::Open { channel_max: 0.into(), ..open() });
    assert_eq!(begun, [], "the first begin went ahead of the peer's open, and no other may follow");
    let events = fed.events();
    assert_eq!(names(&events), ["CONNECTION_OPEN", "SESSION_ERROR"]);
    assert!(matches!(events[1], Event::SessionError { session, .. } if session == second));
    assert!(fed.connection.session_ref(first).is_ok());
}

#[test]
fn fh16_attaches_that_waited_keep_to_the_peers_handle_max() {
    let (mut fed, session) = client(ConnectionConfig::client("c"));
    let mut attach = |name: &str| {
        let mut session = fed.connection.session(session).unwrap();
        session.attach_sender(SenderConfig::to("q").name(name)).unwrap()
    };
    let (first, second) = (attach("a"), attach("b"));
    fed.write();
    fed.feed(AMQP);
    feed(&mut fed, &open());
    let attached = feed(&mut fed, &p::Begin { handle_max: Handle::new(0), ..begin_answer(0) });
    assert_eq!(attached, [], "the first attach went ahead of the peer's begin, and no other may follow");
    let events = fed.events();
    assert_eq!(names(&events), ["CONNECTION_OPEN", "SESSION_OPEN", "SENDER_ERROR"]);
    assert!(matches!(events[2], Event::SenderError { sender, .. } if sender == second));
    assert!(fed.connection.sender_ref(first).is_ok());
}

#[test]
fn fh17_a_streaming_receiver_has_its_max_message_size() {
    let mut fed = server();
    receiver(&mut fed, auto(10).streaming(true).max_message_size(10));
    fed.feed_bytes(&with_payload(0, &more(0, 0), &[1; 6]));
    assert_eq!(fed.names(), ["DELIVERY_BEGUN"]);
    fed.feed_bytes(&with_payload(0, &continuation(0), &[1; 5]));
    let refused = written(&mut fed);
    let detach = refused.iter().find_map(|performative| match performative {
        Performative::Detach(detach) => detach.error.as_ref(),
        _ => None,
    });
    assert_eq!(detach.expect("a detach").condition, ErrorCondition::MessageSizeExceeded);
}

#[test]
fn fh18_an_outcome_lowers_the_number_of_unsettled_deliveries() {
    let mut fed = server();
    let receiver = receiver(&mut fed, auto(10));
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"x"));
    fed.feed_bytes(&with_payload(0, &transfer(0, 1), b"x"));
    let came = deliveries(fed.events());
    let unsettled = |fed: &Fed| fed.connection.receiver_ref(receiver).unwrap().unsettled_len();
    assert_eq!(unsettled(&fed), 2);
    fed.connection.receiver(receiver).unwrap().accept(came[0].id).unwrap();
    assert_eq!(unsettled(&fed), 1);
}

#[test]
fn fh19_the_name_of_a_link_in_error_is_free_once_it_has_been_attached_again() {
    // By the letter of 2.6.5: else the name is free at once.
    let mut fed = with_config(ConnectionConfig::server("s").tolerance(Tolerance::strict()));
    let first = receiver(&mut fed, auto(10));
    let error = AmqpError::new(ErrorCondition::InternalError);
    fed.connection.receiver(first).unwrap().close(Some(error)).unwrap();
    // The peer detaches without closing, so it has not seen the error yet.
    feed(&mut fed, &detach(0, false));
    // 2.6.5: it resumes the link, and from then on the name is as good as any.
    let resumed = p::Attach { unsettled: Some(p::Unsettled::default()), ..attach("in", 0, Role::Sender) };
    feed(&mut fed, &resumed);
    // A detach waits until the request before it has been polled.
    assert_eq!(fed.names(), ["RECEIVER_CLOSED", "RECEIVER_REQUESTED"]);
    feed(&mut fed, &detach(0, true));
    feed(&mut fed, &attach("in", 0, Role::Sender));
    assert_eq!(fed.names(), ["RECEIVER_CLOSED", "RECEIVER_REQUESTED"]);
}

#[test]
fn fh20_no_heartbeat_is_written_before_our_open() {
    let mut fed = Fed::new(ConnectionConfig::server("s").timeouts(Timeouts::default().open(None)));
    fed.feed(AMQP);
    feed(&mut fed, &p::Open { idle_time_out: Some(1000.into()), ..open() });
    assert_eq!(fed.output.len(), 0);
    for _ in 0..10 {
        fed.pass(500);
    }
    assert_eq!(fed.output.len(), 0, "2.4.1: the first frame is open");
    fed.connection.open().unwrap();
    fed.write();
    written(&mut fed);
    fed.pass(500);
    assert_eq!(fed.output[..], [0, 0, 0, 8, 2, 0, 0, 0]);
}

#[test]
fn fh21_a_settlement_by_the_sender_is_not_answered() {
    let mut fed = server();
    let receiver = receiver(&mut fed, auto(10));
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"x"));
    let settlement =
        p::Disposition { role: Role::Sender, first: 0.into(), settled: true, ..p::Disposition::default() };
    assert_eq!(feed(&mut fed, &settlement), []);
    assert_eq!(fed.names(), ["DELIVERY", "DELIVERY_SETTLED"]);
    assert_eq!(fed.connection.receiver_ref(receiver).unwrap().unsettled_len(), 0);
    fed.write();
    assert_eq!(written(&mut fed), []);
}

#[test]
fn fh22_no_less_than_512_is_announced_as_max_frame_size() {
    let mut connection = Connection::new(ConnectionConfig::client("c").max_frame_size(100));
    connection.open().unwrap();
    let mut fed = Fed::new(ConnectionConfig::client("c"));
    fed.connection = connection;
    fed.write();
    let announced = written(&mut fed);
    let [Performative::Open(open)] = announced.as_slice() else { panic!("{announced:?}") };
    assert_eq!(open.max_frame_size, 512);
}
