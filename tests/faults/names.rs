//! Secrets, names and texts (FF).

mod places;
mod secrets;
mod texts;

use std::time::Duration;

use amqp_proto::{
    Connection, ConnectionConfig, Event, Failure, ReceiverConfig, SenderConfig,
    message::Message,
    spec::{
        definitions::{AmqpError, Role},
        delivery_state::DeliveryState,
        performatives::{Attach, Flow, Transfer},
        sasl::SaslMechanisms,
    },
    types::{Handle, Milliseconds, Seconds, Symbol, Value},
};

use crate::support::{ATTACH_SENDER, Fed, frame};

fn performative(value: &impl amqp_proto::codec::Encode) -> Vec<u8> {
    frame(0, &amqp_proto::codec::to_vec(value))
}

/// A frame of the SASL layer (5.3.1).
fn sasl_frame(body: &impl amqp_proto::codec::Encode) -> Vec<u8> {
    let mut bytes = performative(body);
    bytes[5] = 1;
    bytes
}

/// The mechanisms of a server that has PLAIN.
fn plain_offer() -> Vec<u8> {
    sasl_frame(&SaslMechanisms { sasl_server_mechanisms: Symbol::from_static("PLAIN").into() })
}

/// A server with a sender, whose peer's handle is 1.
fn sending() -> (Fed, amqp_proto::SenderId) {
    let mut fed = Fed::server();
    let attach =
        Attach { name: "no".into(), handle: Handle::new(1), role: Role::Receiver, ..Attach::default() };
    fed.feed_bytes(&performative(&attach));
    let events = fed.events();
    let Some(Event::SenderRequested { sender, .. }) = events.last() else { panic!("{events:?}") };
    fed.connection.accept_sender(*sender, SenderConfig::new()).unwrap();
    fed.write();
    fed.events();
    (fed, *sender)
}

fn credit(count: u32, credit: u32) -> Vec<u8> {
    performative(&Flow {
        next_incoming_id: Some(0.into()),
        incoming_window: 100,
        outgoing_window: 100,
        handle: Some(Handle::new(1)),
        delivery_count: Some(count.into()),
        link_credit: Some(credit),
        ..Flow::default()
    })
}

#[test]
fn ff5_each_change_of_a_senders_credit_is_news_once_it_has_been_ready() {
    let (mut fed, sender) = sending();
    fed.feed_bytes(&credit(0, 10));
    assert_eq!(fed.names(), ["SENDER_READY"]);
    for (credited, raised) in [(20, true), (20, false), (5, true), (0, true), (7, true)] {
        fed.feed_bytes(&credit(0, credited));
        assert_eq!(fed.events(), if raised { vec![Event::SenderCredit { sender }] } else { vec![] });
        assert_eq!(fed.connection.sender(sender).unwrap().credit(), credited);
    }
    // Of many changes nobody has looked at there is one event.
    for credited in 1..=5 {
        fed.feed_bytes(&credit(0, credited));
    }
    assert_eq!(fed.names(), ["SENDER_CREDIT"]);
}

#[test]
fn ff5b_credit_that_a_sender_waits_for_is_sender_ready_alone() {
    let (mut fed, sender) = sending();
    fed.feed_bytes(&credit(0, 1));
    fed.events();
    fed.connection.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
    fed.connection.sender(sender).unwrap().send(2_u32, b"x".as_slice()).unwrap_err();
    fed.feed_bytes(&credit(1, 5));
    assert_eq!(fed.names(), ["SENDER_READY"]);
    // What messages use is no event, and neither is a flow that only confirms it.
    fed.connection.sender(sender).unwrap().send(2_u32, b"x".as_slice()).unwrap();
    fed.feed_bytes(&credit(2, 4));
    assert_eq!(fed.names(), Vec::<&str>::new());
}

// Right since ee9999b.
#[test]
fn ff5c_a_streaming_receiver_sees_tag_format_settlement_and_state() {
    let mut fed = Fed::server();
    fed.feed(ATTACH_SENDER);
    let events = fed.events();
    let Some(Event::ReceiverRequested { receiver, .. }) = events.last() else { panic!("{events:?}") };
    fed.connection.accept_receiver(*receiver, ReceiverConfig::new().streaming(true)).unwrap();
    fed.connection.receiver(*receiver).unwrap().set_credit(10).unwrap();
    fed.write();
    fed.events();
    let state = DeliveryState::ACCEPTED;
    let transfer = Transfer {
        delivery_id: Some(0.into()),
        delivery_tag: Some(7_u32.into()),
        message_format: Some(9.into()),
        settled: Some(true),
        more: true,
        state: Some(state.clone()),
        ..Transfer::default()
    };
    fed.feed_bytes(&frame(0, &[&amqp_proto::codec::to_vec(&transfer)[..], b"x"].concat()));
    let events = fed.events();
    let [Event::DeliveryBegun { tag, message_format, settled, state: seen, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((*tag, message_format.get(), *settled), (7_u32.into(), 9, true));
    assert_eq!(seen.as_ref(), Some(&state));
}

// Right since ee9999b.
#[test]
fn ff6_types_are_what_a_rust_user_expects() {
    fn is_shared<T: Send + Sync>() {}
    fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    is_shared::<Connection>();
    is_shared::<ConnectionConfig>();
    is_error::<Failure>();
    is_error::<AmqpError>();

    let (fed, _) = sending();
    let shown = format!("{:?}", fed.connection);
    assert!(shown.len() < 1000, "{shown}");

    const NAME: Symbol = Symbol::from_static("name");
    assert_eq!(NAME.as_str(), "name");
    assert_eq!(Value::from(String::from("text")), Value::from("text"));
    assert_eq!(Value::from(0.5_f64).as_f64(), Some(0.5));
    assert_eq!(Milliseconds::saturating_from(Duration::from_secs(2)).get(), 2000);
    assert_eq!(Seconds::try_from(Duration::from_millis(1500)).map(Seconds::get), Ok(2));
    assert_eq!(Duration::from(Seconds::new(3)), Duration::from_secs(3));
}

// Right since ee9999b.
#[test]
fn ff6b_bodies_are_read_as_types_and_forwarding_changes_single_entries_and_the_footer() {
    let key = Symbol::from_static("x-opt-hops");
    let payload = Message::builder().message_annotation(key.clone(), 1_u32).value("body").build();
    let message = Message::parse(payload, &Default::default()).unwrap();
    assert_eq!(message.body_as::<String>().unwrap(), "body");
    let changed = message
        .forward()
        .message_annotation(key, 2_u32)
        .footer_entry(Symbol::from_static("x-opt-sum"), 3_u32)
        .build()
        .unwrap();
    let next = Message::parse(changed, &Default::default()).unwrap();
    assert_eq!(next.message_annotation("x-opt-hops").unwrap().and_then(|hops| hops.as_u64()), Some(2));
    assert_eq!(next.footer().unwrap().unwrap().get("x-opt-sum").and_then(Value::as_u64), Some(3));
    assert_eq!(next.body_as::<String>().unwrap(), "body");
}
