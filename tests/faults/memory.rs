//! Memory: what a peer can make us hold is counted as it is held (FB).

mod answers;
mod closes;
mod left_behind;
mod waiting;
mod woken;

use amqp_proto::{
    ConnectionConfig, CreditPolicy, DecodeLimits, Event, Limits, ReceiverConfig, ReceiverId, SenderConfig,
    SessionConfig,
    codec::{DecodeErrorKind, from_bytes, to_vec},
    message::{Message, MessageErrorKind},
    spec::{
        definitions::AmqpError,
        performatives::{Close, End},
    },
    testing::{Grammar, Pair},
    types::{DeliveryTag, Described, Fields, Symbol, Value},
};
use bytes::Bytes;

use crate::support::{ATTACH_SENDER, Fed, HEAD, frame, hex};

/// An array of `count` elements under one constructor with these descriptors.
fn array(descriptors: &str, count: u32, code: &str, elements: &[u8]) -> Bytes {
    let body = [hex(descriptors), hex(code), elements.to_vec()].concat();
    let size = u32::try_from(body.len() + 4).expect("a short array");
    [&hex("f0")[..], &size.to_be_bytes(), &count.to_be_bytes(), &body].concat().into()
}

fn decode(bytes: &Bytes) -> Result<Value, DecodeErrorKind> {
    from_bytes(bytes, DecodeLimits::DEFAULT).map_err(|error| error.kind)
}

/// Overflowed the stack: each descriptor made the values one level deeper, and none counted.
#[test]
fn fb4_array_descriptors_count_as_depth() {
    let error = |bytes: &Bytes| decode(bytes).err();
    assert_eq!(error(&array(&"0040".repeat(12_000), 1, "50", &[7])), Some(DecodeErrorKind::TooDeep));
    // As deep as allowed: made into values they can be read again.
    let Ok(Value::Array(deep)) = decode(&array(&"0040".repeat(31), 1, "50", &[7])) else {
        panic!("an array")
    };
    let values = Value::List(deep.into_values());
    assert!(decode(&to_vec(&values).into()).is_ok());
    assert_eq!(error(&array(&"0040".repeat(32), 1, "50", &[7])), Some(DecodeErrorKind::TooDeep));
}

#[test]
fn fb4b_array_descriptors_are_bounded_together_with_the_elements() {
    let many = Some(DecodeErrorKind::TooManyElements);
    // 31 descriptors for each of 4,000 elements of no bytes, and of one byte.
    assert_eq!(decode(&array(&"0040".repeat(31), 4000, "41", &[])).err(), many);
    assert_eq!(decode(&array(&"0040".repeat(31), 4000, "50", &[7; 4000])).err(), many);
    // One descriptor that is a list of 200 nulls.
    let list = format!("00c0c9c8{}", "40".repeat(200));
    assert_eq!(decode(&array(&list, 4000, "50", &[7; 4000])).err(), many);
    // An array of one described type may be as long as any other.
    assert!(decode(&array("005377", 100_000, "50", &[7; 100_000])).is_ok());
    assert!(decode(&array("00537700537800", 100, "50", &[7; 100])).is_err(), "a code that is none");
    assert!(decode(&array("005377005378", 100, "50", &[7; 100])).is_ok());
}

fn nested(levels: usize, wrap: impl Fn(Value) -> Value) -> Value {
    (0..levels).fold(Value::Null, |value, _| wrap(value))
}

#[test]
fn fb9_a_message_that_the_reader_refuses_is_not_built() {
    let list = |value| Value::List(vec![value]);
    let deep = Message::builder().value(nested(33, list)).try_build();
    assert_eq!(deep.unwrap_err().kind, MessageErrorKind::Decode(DecodeErrorKind::TooDeep));
    let most = Message::builder().value(nested(31, list)).try_build().expect("within the limit");
    assert!(Message::parse(most, &Default::default()).is_ok_and(|message| message.validate().is_ok()));
}

#[test]
fn fb9b_nor_one_with_too_deep_annotations_or_sequences() {
    let described = |value| Value::Described(Box::new(Described::new(1_u64, value)));
    let annotated =
        Message::builder().message_annotation(Symbol::from_static("x"), nested(33, described)).data("x");
    assert!(annotated.try_build().is_err());
    let footed = Message::builder().footer_entry(Symbol::from_static("x"), nested(33, described)).data("x");
    assert!(footed.try_build().is_err());
    assert!(Message::builder().sequence(&[nested(33, described)]).try_build().is_err());
    assert!(
        Message::builder()
            .message_annotation(Symbol::from_static("x"), nested(9, described))
            .data("x")
            .try_build()
            .is_ok()
    );
}

/// The peer's close or end with an error whose info has a text of this many bytes.
fn ending(code: u8, bytes: usize) -> Vec<u8> {
    let list = Value::from("t".repeat(bytes));
    let error =
        AmqpError { info: Some(Fields::from([(Symbol::from_static("i"), list)])), ..AmqpError::default() };
    if code == 0x18 {
        to_vec(&Close { error: Some(error.into()) })
    } else {
        to_vec(&End { error: Some(error.into()) })
    }
}

/// Returns how many bytes of the heap are more in use afterwards.
fn held(work: impl FnOnce()) -> i64 {
    allocation_counter::measure(work).bytes_current
}

fn begin(channel: u16) -> Vec<u8> {
    frame(channel, &hex("005311c00704404352645264"))
}

fn attach_sender(channel: u16, handle: u8) -> Vec<u8> {
    let name = format!("link{handle:02}");
    let mut body = hex("005312c0190aa106");
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(&[0x52, handle]);
    body.extend_from_slice(&hex("4240400053284500532945404043"));
    frame(channel, &body)
}

/// Each last event had a copy of the peer's error.
#[test]
fn fb1_an_error_of_the_peer_is_held_once() {
    let grown = |nulls: usize, sessions: u16| {
        let mut fed = Fed::server();
        (1..sessions).for_each(|channel| fed.feed_bytes(&begin(channel)));
        (0..sessions).for_each(|channel| (0..8).for_each(|at| fed.feed_bytes(&attach_sender(channel, at))));
        drop(fed.events());
        let close = frame(0, &ending(0x18, nulls));
        let bytes = held(|| fed.feed_bytes(&close));
        assert_eq!(fed.events().len(), usize::from(sessions) * 9 + 1);
        bytes
    };
    let (few, many) = (grown(60_000, 2), grown(60_000, 100));
    assert!(many < few + 900 * 512, "{few} grew to {many}");
    // Nor does it depend on what the peer says, beside that.
    let short = grown(0, 100);
    assert!(many < short + 60_000 * 48, "{short} grew to {many}");
}

#[test]
fn fb1b_nor_is_that_of_an_end_for_each_link() {
    let grown = |links: u8| {
        let mut fed = Fed::server();
        (0..links).for_each(|at| fed.feed_bytes(&attach_sender(0, at)));
        drop(fed.events());
        let end = frame(0, &ending(0x17, 60_000));
        let bytes = held(|| fed.feed_bytes(&end));
        assert_eq!(fed.events().len(), usize::from(links) + 1);
        bytes
    };
    let (one, many) = (grown(1), grown(100));
    assert!(many < one + 100 * 512, "{one} grew to {many}");
}

/// A handle of 65,535 took 262 KB.
#[test]
fn fb5_a_high_handle_or_channel_takes_no_more_than_a_low_one() {
    let config = || ConnectionConfig::server("s").channel_max(u16::MAX);
    let mut fed = Fed::new(config());
    fed.feed(HEAD);
    fed.connection.open().unwrap();
    let session = {
        fed.events();
        fed.connection.session_ids().next().unwrap()
    };
    fed.connection.accept_session(session, SessionConfig::new().handle_max(65_535)).unwrap();
    let attach = |handle: u32| {
        let body = [
            &hex("005312c01a0aa1046c696e6b70")[..],
            &handle.to_be_bytes(),
            &hex("4240400053284500532945404043"),
        ];
        frame(0, &body.concat())
    };
    let bytes = held(|| fed.feed_bytes(&attach(65_535)));
    assert_eq!(fed.names().last(), Some(&"RECEIVER_REQUESTED"));
    assert!(bytes < 2048, "{bytes}");

    let mut fed = Fed::server_with(config());
    let bytes = held(|| fed.feed_bytes(&begin(65_535)));
    assert_eq!(fed.names().last(), Some(&"SESSION_OPEN"));
    assert!(bytes < 2048, "{bytes}");
}

/// Deliveries of one link, unsettled, with these numbers.
fn transfers(numbers: std::ops::Range<u32>) -> Vec<u8> {
    numbers
        .flat_map(|number| {
            let number = number.to_be_bytes();
            let body = [&hex("005314c010055200 70")[..], &number, &hex("a004"), &number, &hex("4342")];
            frame(0, &[&body.concat()[..], &hex("005377a10178")].concat())
        })
        .collect()
}

/// A server with a receiver that has given credit, and `limits`.
fn receiving(limits: Limits) -> (Fed, ReceiverId) {
    let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
    fed.feed(ATTACH_SENDER);
    let receiver = fed.events().into_iter().find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(receiver),
        _ => None,
    });
    let receiver = receiver.expect("an attach");
    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(1000));
    fed.connection.accept_receiver(receiver, config).unwrap();
    fed.write();
    (fed, receiver)
}

/// All were dropped.
#[test]
fn fb8_a_session_that_ends_leaves_its_newest_deliveries() {
    let (mut fed, receiver) = receiving(Limits::default().max_retained_unsettled(10));
    fed.feed_bytes(&transfers(0..15));
    let ids: Vec<_> = fed.connection.unsettled(receiver).iter().map(|delivery| delivery.id).collect();
    assert_eq!(ids.len(), 15);
    fed.events();
    fed.feed("0000000c0200000000531745");
    let left: Vec<_> = fed.connection.unsettled(receiver).iter().map(|delivery| delivery.id).collect();
    assert_eq!(left, ids[5..]);
}

#[test]
fn fb8b_so_do_links_that_are_gone_and_sessions_after_each_other() {
    let (mut fed, receiver) = receiving(Limits::default().max_retained_unsettled(80));
    fed.feed_bytes(&transfers(0..100));
    fed.events();
    // 2.6.6: closed by the peer.
    fed.feed("0000001002000000005316c003024341");
    fed.feed("0000001602000000005313c009045200520152645201");
    let left = fed.connection.unsettled(receiver);
    // An eighth at a time.
    assert_eq!((left.len(), fed.names()), (70, vec!["RECEIVER_CLOSED"]));
    assert_eq!(left[0].tag, DeliveryTag::from(30_u32));
    fed.feed("0000000c0200000000531745");
    assert_eq!(fed.connection.unsettled(receiver).len(), 70);
}

/// Had the last event of a link that no event had announced.
#[test]
fn fb5f_a_link_that_does_not_fit_has_no_event() {
    let limits = Limits::default().max_held_bytes(20_000).max_held_bytes_per_session(16_000);
    let config = ConnectionConfig::server("s").auto_accept_sessions(true).limits(limits);
    let mut pair = Pair::new(ConnectionConfig::client("c"), config);
    pair.client.connection.open().unwrap();
    let session = pair.client.connection.begin(SessionConfig::new()).unwrap();
    let (mut grammar, mut requested, mut ended) = (Grammar::new(), 0, 0);
    for number in 0..60 {
        let name = format!("{number}{}", "x".repeat(300));
        let attached = pair
            .client
            .connection
            .session(session)
            .and_then(|mut session| session.attach_sender(SenderConfig::to("q").name(name)));
        if attached.is_err() {
            break;
        }
        pair.run();
        for event in pair.server.events() {
            grammar.note(&event);
            match event {
                Event::ReceiverRequested { receiver, .. } => {
                    requested += 1;
                    pair.server.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
                }
                Event::ReceiverError { .. } => ended += 1,
                _ => {}
            }
        }
    }
    assert!(requested > 10 && requested == ended, "{requested} {ended}");
}
