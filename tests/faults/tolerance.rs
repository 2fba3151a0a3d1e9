//! Peers as they are: strict in what is sent, tolerant where it is safe (FE). Each test shows the letter too, which is
//! what the engine always did before.

use amqp_proto::{
    CommandError, ConnectionConfig, Event, ReceiverConfig, ReceiverId, SenderConfig, SenderId, SessionConfig,
    Tolerance,
    codec::{Decode, Encode, from_bytes, to_vec},
    frame::Payload,
    message::{Message, ParseOptions},
    spec::{
        definitions::{AmqpError, Role},
        delivery_state::DeliveryState,
        performatives::{Attach, Close, Detach, Disposition, End, Flow, Open, Transfer},
        terminus::Source,
    },
    types::{DeliveryTag, Fields, Handle, Symbol, Value},
};

use crate::support::{ATTACH_RECEIVER, ATTACH_SENDER, Fed, HEAD, frame, hex};

/// The peer attaches a receiver, on its handle 1.
const ATTACH_RECEIVER_1: &str = "0000001f02000000005312c01207a1026e6f52014140400053284500532945";

fn both() -> [(bool, Tolerance); 2] {
    [(false, Tolerance::default()), (true, Tolerance::strict())]
}

fn server(tolerance: Tolerance) -> Fed {
    Fed::server_with(ConnectionConfig::server("s").tolerance(tolerance))
}

fn requested_sender(fed: &mut Fed) -> SenderId {
    let events = fed.events();
    events
        .iter()
        .find_map(|event| match event {
            Event::SenderRequested { sender, .. } => Some(*sender),
            _ => None,
        })
        .unwrap_or_else(|| panic!("{events:?}"))
}

fn requested_receiver(fed: &mut Fed) -> ReceiverId {
    let events = fed.events();
    events
        .iter()
        .find_map(|event| match event {
            Event::ReceiverRequested { receiver, .. } => Some(*receiver),
            _ => None,
        })
        .unwrap_or_else(|| panic!("{events:?}"))
}

/// A server with a sender, whose peer's handle is 1.
fn sending(tolerance: Tolerance) -> (Fed, SenderId) {
    let mut fed = server(tolerance);
    fed.feed(ATTACH_RECEIVER_1);
    let sender = requested_sender(&mut fed);
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    fed.write();
    fed.events();
    (fed, sender)
}

/// A server with a receiver that has given credit.
fn receiving(tolerance: Tolerance) -> (Fed, ReceiverId) {
    let mut fed = server(tolerance);
    fed.feed(ATTACH_SENDER);
    let receiver = requested_receiver(&mut fed);
    fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
    fed.connection.receiver(receiver).unwrap().set_credit(10).unwrap();
    fed.write();
    fed.events();
    (fed, receiver)
}

/// The last written frame of this type.
fn last_written<T: Decode>(fed: &Fed) -> Option<T> {
    let mut rest = &fed.output[8..];
    let mut last = None;
    while let Some((size, _)) = rest.split_first_chunk() {
        let (frame, behind) = rest.split_at(u32::from_be_bytes(*size).try_into().unwrap());
        if let Ok(found) = amqp_proto::codec::from_slice(&frame[8..], Default::default()) {
            last = Some(found);
        }
        rest = behind;
    }
    last
}

fn written_condition(fed: &Fed) -> Option<String> {
    let detach = last_written::<Detach>(fed).and_then(|detach| detach.error);
    detach.map(|error| error.condition.as_str().into())
}

fn performative(value: &impl Encode) -> Vec<u8> {
    frame(0, &to_vec(value))
}

/// A transfer on handle 0 with this number and one byte of payload.
fn untagged_transfer(number: u32, transfer: Transfer) -> Vec<u8> {
    let transfer = Transfer { delivery_id: Some(number.into()), ..transfer };
    frame(0, &[&to_vec(&transfer)[..], b"x"].concat())
}

fn transfer(number: u32, transfer: Transfer) -> Vec<u8> {
    untagged_transfer(number, Transfer { delivery_tag: Some(number.into()), ..transfer })
}

#[test]
fn fe1_frames_for_a_link_that_we_failed_are_dropped_until_the_peers_detach() {
    for (strict, tolerance) in both() {
        let mut fed = server(tolerance);
        fed.feed(ATTACH_RECEIVER);
        let sender = requested_sender(&mut fed);
        fed.connection.refuse_sender(sender, AmqpError::default()).unwrap();
        fed.write();
        fed.events();
        fed.feed("0000001902000000005313c00c07435264435264520243520a");
        assert_eq!(fed.names(), if strict { vec!["SESSION_ERROR"] } else { vec![] });
        if !strict {
            // The peer's detach ends it; then the name can be had again.
            fed.feed_bytes(&performative(&Detach { handle: Handle::new(2), closed: true, error: None }));
            fed.feed(ATTACH_RECEIVER);
            requested_sender(&mut fed);
        }
    }
}

#[test]
fn fe1b_transfers_and_attaches_for_a_failed_link_are_dropped_too() {
    for (strict, tolerance) in both() {
        let (mut fed, receiver) = receiving(tolerance);
        fed.connection.receiver(receiver).unwrap().close(Some(AmqpError::default())).unwrap();
        fed.write();
        fed.events();
        fed.feed_bytes(&transfer(0, Transfer::default()));
        assert_eq!(fed.names(), if strict { vec!["RECEIVER_ERROR", "SESSION_ERROR"] } else { vec![] });
        if strict {
            continue;
        }
        // The detach does not close the link, and the attach behind it asks for a new one.
        fed.feed_bytes(&performative(&Detach { handle: Handle::new(0), closed: false, error: None }));
        fed.feed(ATTACH_SENDER);
        let again = requested_receiver(&mut fed);
        assert_ne!(again, receiver);
        fed.connection.accept_receiver(again, ReceiverConfig::new()).unwrap();
        fed.connection.receiver(again).unwrap().set_credit(1).unwrap();
        fed.write();
        fed.events();
        // The delivery-id of the transfer that was dropped is used up.
        fed.feed_bytes(&transfer(1, Transfer::default()));
        assert_eq!(fed.names(), ["DELIVERY"]);
    }
}

#[test]
fn fe1c_an_outcome_for_a_failed_link_is_noted_and_ends_nothing() {
    for (strict, tolerance) in both() {
        let (mut fed, sender) = sending(tolerance);
        fed.feed("0000001902000000005313c00c07435264435264520143520a");
        let delivery = fed.connection.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
        fed.connection.sender(sender).unwrap().close(Some(AmqpError::default())).unwrap();
        fed.write();
        fed.events();
        let accepted = Some(DeliveryState::ACCEPTED);
        let (role, state) = (Role::Receiver, accepted.clone());
        fed.feed_bytes(&performative(&Disposition { role, settled: true, state, ..Disposition::default() }));
        assert_eq!(fed.names(), if strict { vec!["SENDER_ERROR", "SESSION_ERROR"] } else { vec![] });
        let left: Vec<_> =
            fed.connection.unsettled(sender).into_iter().map(|left| (left.id, left.state)).collect();
        assert_eq!(left, [(delivery, accepted)]);
    }
}

#[test]
fn fe2_a_settled_transfer_without_a_tag_has_an_empty_one() {
    for (strict, tolerance) in both() {
        let (mut fed, _) = receiving(tolerance);
        fed.feed("0000001402000000005314c00605434340434178");
        let events = fed.events();
        match (&events[..], strict) {
            ([Event::Delivery { delivery, .. }], false) => {
                assert_eq!((delivery.tag, delivery.settled), (DeliveryTag::default(), true));
                assert_eq!(delivery.payload, Payload::from(b"x".as_slice()));
            }
            ([Event::ReceiverError { .. }], true) => {
                assert_eq!(written_condition(&fed).as_deref(), Some("amqp:invalid-field"));
            }
            _ => panic!("{strict}: {events:?}"),
        }
    }
}

#[test]
fn fe2b_of_a_settled_delivery_in_parts_the_first_may_lack_its_tag_and_no_unsettled_one_may() {
    let (mut fed, _) = receiving(Tolerance::default());
    let untagged = |settled, more| Transfer { settled, more, ..Transfer::default() };
    fed.feed_bytes(&untagged_transfer(0, untagged(Some(true), true)));
    fed.feed_bytes(&untagged_transfer(0, untagged(None, false)));
    let events = fed.events();
    let [Event::Delivery { delivery, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(delivery.payload.len(), 2);
    // Unsettled: nobody could name it.
    fed.feed_bytes(&untagged_transfer(1, untagged(Some(false), false)));
    assert_eq!(fed.names(), ["RECEIVER_ERROR"]);
}

#[test]
fn fe3_a_delivery_count_ahead_of_ours_gives_no_more_than_the_link_credit() {
    for (strict, tolerance) in both() {
        let (mut fed, sender) = sending(tolerance);
        fed.feed("0000001902000000005313c00c07435264435264520143520a");
        fed.connection.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
        fed.write();
        fed.events();
        // It has seen the one message, and counts four.
        fed.feed("0000001b02000000005313c00e075201526443526452015204520a");
        let names = fed.names();
        if strict {
            assert_eq!(names, ["SENDER_ERROR"]);
            assert_eq!(written_condition(&fed).as_deref(), Some("amqp:invalid-field"));
        } else {
            assert!(!names.contains(&"SENDER_ERROR"), "{names:?}");
            assert_eq!(fed.connection.sender(sender).unwrap().credit(), 10);
        }
    }
}

#[test]
fn fe3b_a_delivery_count_behind_ours_leaves_the_difference() {
    let (mut fed, sender) = sending(Tolerance::default());
    fed.feed("0000001902000000005313c00c07435264435264520143520a");
    for tag in 0..4_u32 {
        fed.connection.sender(sender).unwrap().send(tag, b"x".as_slice()).unwrap();
    }
    // Credit 10 from the first delivery on, of which four are in flight; then 2, which are all in flight.
    fed.feed("0000001902000000005313c00c07435264435264520143520a");
    assert_eq!(fed.connection.sender(sender).unwrap().credit(), 6);
    fed.feed("0000001902000000005313c00c074352644352645201435202");
    assert_eq!(fed.connection.sender(sender).unwrap().credit(), 0);
}

fn parsed<T: Decode>(tolerant: bool, digits: &str) -> Option<T> {
    let limits = amqp_proto::DecodeLimits::DEFAULT.tolerant(tolerant);
    from_bytes(&hex(digits).into(), limits).ok()
}

#[test]
fn fe4_an_array_of_nothing_needs_no_constructor() {
    for digits in ["e00100", "f00000000400000000"] {
        let array = parsed::<Value>(true, digits).unwrap_or_else(|| panic!("{digits}"));
        assert!(matches!(&array, Value::Array(array) if array.items().is_empty()), "{array:?}");
        // What is sent has one.
        assert_eq!(to_vec(&array), hex("e0020040"));
        assert_eq!(parsed::<Value>(false, digits), None);
        for (strict, tolerance) in both() {
            let mut fed =
                Fed::new(ConnectionConfig::server("s").auto_accept_sessions(true).tolerance(tolerance));
            fed.feed(&HEAD[..16]);
            fed.feed_bytes(&open_with(digits));
            assert_eq!(
                fed.names(),
                [if strict { "CONNECTION_ERROR" } else { "CONNECTION_OPEN" }],
                "{digits}"
            );
        }
    }
    // Elements without a constructor, or a descriptor without one, are none of this.
    for digits in ["e00101", "e0020100", "e003000040", "e00400 00 53 70"] {
        assert_eq!(parsed::<Value>(true, digits), None, "{digits}");
    }
}

#[test]
fn fe4b_a_message_with_an_array_of_nothing_is_read() {
    // The body is the array alone.
    let payload = hex("005377e00100");
    let message = Message::parse(payload.clone(), &ParseOptions::default()).unwrap();
    let body: Value = message.body_as().unwrap();
    assert!(matches!(&body, Value::Array(array) if array.items().is_empty()), "{body:?}");
    let strict = ParseOptions { limits: amqp_proto::DecodeLimits::DEFAULT, ..ParseOptions::default() };
    let message = Message::parse(payload, &strict).unwrap();
    assert!(message.body_as::<Value>().is_err());
}

/// An open whose offered capabilities are these bytes.
fn open_with(capabilities: &str) -> Vec<u8> {
    let fields = [&hex("a1017040404040 4040")[..], &hex(capabilities)].concat();
    let size = u8::try_from(fields.len() + 1).unwrap();
    frame(0, &[&[0, 0x53, 0x10, 0xc0, size, 8], &fields[..]].concat())
}

#[test]
fn fe5_a_list_of_symbols_is_as_good_as_an_array() {
    // Two symbols; none, in each form of a list.
    let cases = [("c00702a30161a30162", 2), ("45", 0), ("c00100", 0), ("d00000000a00000002a30161a30162", 2)];
    for (digits, count) in cases {
        for (strict, tolerance) in both() {
            let mut fed =
                Fed::new(ConnectionConfig::server("s").auto_accept_sessions(true).tolerance(tolerance));
            fed.feed(&HEAD[..16]);
            fed.feed_bytes(&open_with(digits));
            if strict {
                assert_eq!(fed.names(), ["CONNECTION_ERROR"]);
            } else {
                assert_eq!(fed.names(), ["CONNECTION_OPEN"], "{digits}");
                let open: &Open = fed.connection.remote_open().unwrap();
                assert_eq!(open.offered_capabilities.len(), count);
            }
        }
    }
}

#[test]
fn fe5b_a_list_with_anything_but_symbols_is_refused_and_an_attachs_outcomes_may_be_one() {
    for digits in ["c00602a30161 40", "c00602a30161 a10162", "c00401c00100"] {
        let mut fed = Fed::new(ConnectionConfig::server("s").auto_accept_sessions(true));
        fed.feed(&HEAD[..16]);
        fed.feed_bytes(&open_with(digits));
        assert_eq!(fed.names(), ["CONNECTION_ERROR"], "{digits}");
    }
    // A source with outcomes as a list: name, handle, role, modes, source, target.
    let accepted = to_vec(&Symbol::from_static("amqp:accepted:list"));
    let outcomes = [&[0xc0, u8::try_from(accepted.len() + 1).unwrap(), 1][..], &accepted].concat();
    let source = [&hex("40 40404040 40 40 40 40")[..], &outcomes].concat();
    let source = [&[0, 0x53, 0x28, 0xc0, u8::try_from(source.len() + 1).unwrap(), 10][..], &source].concat();
    let fields = [&hex("a1016c 43 41 40 40")[..], &source, &hex("00532945")].concat();
    let attach = [&[0, 0x53, 0x12, 0xc0, u8::try_from(fields.len() + 1).unwrap(), 7][..], &fields].concat();
    let mut fed = server(Tolerance::default());
    fed.feed_bytes(&frame(0, &attach));
    let sender = requested_sender(&mut fed);
    let remote: Attach = fed.connection.sender(sender).unwrap().remote_attach().unwrap();
    let outcomes = &remote.source.unwrap().outcomes;
    assert_eq!(outcomes.as_slice(), [Symbol::from_static("amqp:accepted:list")]);
}

/// Sends 100 messages into a window of 100, and takes a flow without next-incoming-id. Returns the window then.
fn window_after_a_flow_without_next_incoming_id(tolerance: Tolerance) -> u32 {
    let (mut fed, sender) = sending(tolerance);
    // Credit 200.
    fed.feed("0000001902000000005313c00c0743526443526452014352c8");
    for tag in 0..100_u32 {
        fed.connection.sender(sender).unwrap().send(tag, b"x".as_slice()).unwrap();
    }
    assert_eq!(
        fed.connection.sender(sender).unwrap().send(100_u32, b"x".as_slice()),
        Err(CommandError::WindowClosed)
    );
    fed.write();
    fed.feed("0000001a02000000005313c00d0740526443526452015264520a");
    let id = fed.connection.session_ids().next().unwrap();
    fed.connection.session_ref(id).unwrap().remote_incoming_window()
}

#[test]
fn fe7_a_flow_without_next_incoming_id_opens_the_window_once_our_begin_was_seen() {
    assert_eq!(window_after_a_flow_without_next_incoming_id(Tolerance::default()), 100);
    assert_eq!(window_after_a_flow_without_next_incoming_id(Tolerance::strict()), 0);
}

/// A client knows from the answer that the peer has seen its begin; a server does not before the peer shows it.
#[test]
fn fe7b_whoever_may_not_have_seen_our_begin_has_seen_nothing() {
    let bare = |window| Flow {
        incoming_window: window,
        outgoing_window: 100,
        next_outgoing_id: 100.into(),
        ..Flow::default()
    };
    let (mut fed, sender) = sending(Tolerance::default());
    // Credit, without next-incoming-id and delivery-count: from before our begin and attach were seen.
    let pipelined = Flow { handle: Some(Handle::new(1)), link_credit: Some(10), ..bare(100) };
    fed.feed_bytes(&performative(&pipelined));
    for tag in 0..4_u32 {
        fed.connection.sender(sender).unwrap().send(tag, b"x".as_slice()).unwrap();
    }
    fed.feed_bytes(&performative(&bare(100)));
    let id = fed.connection.session_ids().next().unwrap();
    assert_eq!(fed.connection.session_ref(id).unwrap().remote_incoming_window(), 96);

    let mut fed = Fed::new(ConnectionConfig::client("c"));
    fed.connection.open().unwrap();
    let session = fed.connection.begin(SessionConfig::new()).unwrap();
    let sender =
        fed.connection.session(session).unwrap().attach_sender(SenderConfig::to("q").name("no")).unwrap();
    fed.write();
    fed.feed("414d515000010000 0000001402000000005310c00701a10470656572");
    // The begin that answers ours, and the attach.
    fed.feed("0000001602000000005311c009046000004352645264");
    fed.feed("0000001f02000000005312c01207a1026e6f52014140400053284500532945");
    fed.feed_bytes(&performative(&pipelined));
    for tag in 0..4_u32 {
        fed.connection.sender(sender).unwrap().send(tag, b"x".as_slice()).unwrap();
    }
    fed.feed_bytes(&performative(&bare(100)));
    assert_eq!(fed.connection.session_ref(session).unwrap().remote_incoming_window(), 100);
}

fn source_with_filter(value: impl Into<Value>) -> Source {
    let filter = Fields::from([(Symbol::from_static("f"), value.into())]);
    Source { filter: Some(filter), ..Source::at("q") }
}

/// A client that asks for a link, and is answered with a filter.
fn answered_with(value: Value, tolerance: Tolerance) -> Vec<&'static str> {
    let mut fed = Fed::new(ConnectionConfig::client("c").tolerance(tolerance));
    fed.connection.open().unwrap();
    let session = fed.connection.begin(SessionConfig::new()).unwrap();
    let config = ReceiverConfig::from("q").name("l");
    fed.connection.session(session).unwrap().attach_receiver(config).unwrap();
    fed.write();
    fed.feed("414d515000010000 0000001402000000005310c00701a10470656572");
    fed.feed("0000001602000000005311c009046000004352645264");
    fed.events();
    let answer = Attach {
        name: "l".into(),
        role: Role::Sender,
        source: Some(Box::new(source_with_filter(value))),
        initial_delivery_count: Some(0.into()),
        ..Attach::default()
    };
    fed.feed_bytes(&performative(&answer));
    fed.names()
}

#[test]
fn fe8_an_answer_may_have_a_filter_without_a_descriptor_and_a_request_may_not() {
    let value = || Value::from("session-1");
    assert_eq!(answered_with(value(), Tolerance::default()), ["RECEIVER_OPEN"]);
    assert_eq!(answered_with(value(), Tolerance::strict()), ["RECEIVER_ERROR"]);
    for (_, tolerance) in both() {
        let mut fed = server(tolerance);
        let attach = Attach {
            name: "l".into(),
            role: Role::Receiver,
            source: Some(Box::new(source_with_filter("session-1"))),
            ..Attach::default()
        };
        fed.events();
        fed.feed_bytes(&performative(&attach));
        assert_eq!(fed.names(), Vec::<&str>::new());
        assert_eq!(written_condition(&fed).as_deref(), Some("amqp:invalid-field"));
    }
}

#[test]
fn fe8b_described_and_null_filters_are_taken_anywhere() {
    let described =
        || Value::from(amqp_proto::types::Described { descriptor: Value::Ulong(7), value: "x".into() });
    for value in [described(), Value::Null] {
        for (_, tolerance) in both() {
            assert_eq!(answered_with(value.clone(), tolerance), ["RECEIVER_OPEN"], "{value:?}");
            let mut fed = server(tolerance);
            let attach = Attach {
                name: "l".into(),
                role: Role::Receiver,
                source: Some(Box::new(source_with_filter(value.clone()))),
                ..Attach::default()
            };
            fed.feed_bytes(&performative(&attach));
            requested_sender(&mut fed);
        }
    }
}

#[test]
fn fe9_string_keys_of_an_errors_info_are_symbols() {
    // A detach with an error, whose info has the string "k" as its key.
    let info = "c10702a1016ba10176".replace(' ', "");
    let error = format!("00531dc0{:02x}03a30161 40 {info}", 1 + 3 + 1 + info.len() / 2);
    let fields = format!("4341{error}").replace(' ', "");
    let detach = hex(&format!("005316c0{:02x}03{fields}", 1 + fields.len() / 2));
    for (strict, tolerance) in both() {
        let (mut fed, _) = receiving(tolerance);
        fed.feed_bytes(&frame(0, &detach));
        let events = fed.events();
        let Some(Event::ReceiverError { failure, .. }) = events.first() else { panic!("{events:?}") };
        if strict {
            assert_eq!(events.last().unwrap().name(), "CONNECTION_ERROR");
        } else {
            assert_eq!(events.len(), 1);
            let info = failure.error.info.as_ref().unwrap();
            assert_eq!(info.get("k").and_then(Value::as_str), Some("v"));
        }
    }
}

#[test]
fn fe9b_other_maps_of_fields_may_have_string_keys_and_no_other_types_or_doubles() {
    let key = |digits: &str| parsed::<Fields>(true, digits);
    assert!(key("c10702a1016ba10176").is_some_and(|map| map.contains_key("k")));
    // A long string.
    assert!(key("c10a02b1000000016ba10176").is_some_and(|map| map.contains_key("k")));
    assert_eq!(parsed::<Fields>(false, "c10702a1016ba10176"), None);
    // A number; text that is not ASCII; a string and a symbol of the same text.
    for digits in ["c10402540140", "c10602a102c3a440", "c10904a1016b40a3016b40"] {
        assert_eq!(key(digits), None, "{digits}");
    }
    // Annotations have their own rule (3.2.10).
    assert_eq!(parsed::<amqp_proto::types::Annotations>(true, "c10702a1016ba10176"), None);
}

#[test]
fn fe10_a_detach_behind_an_end_is_dropped_and_other_frames_never_are() {
    let detach = performative(&Detach { handle: Handle::new(0), closed: true, error: None });
    let others = [transfer(0, Transfer::default()), flow(0, None, None)];
    for (strict, tolerance) in both() {
        for (late, dropped) in [(&detach, !strict), (&others[0], false), (&others[1], false)] {
            let mut fed = server(tolerance);
            fed.feed_bytes(&performative(&End::default()));
            fed.write();
            fed.events();
            fed.feed_bytes(&[&late[..], late].concat());
            assert_eq!(fed.names(), if dropped { vec![] } else { vec!["CONNECTION_ERROR"] });
            let error = last_written::<Close>(&fed).and_then(|close| close.error);
            assert_eq!(
                error.as_ref().map(|error| error.condition.as_str()),
                (!dropped).then_some("amqp:not-allowed")
            );
        }
    }
}

fn flow(handle: u32, properties: Option<Fields>, available: Option<u32>) -> Vec<u8> {
    performative(&Flow {
        next_incoming_id: Some(0.into()),
        incoming_window: 100,
        outgoing_window: 100,
        handle: Some(Handle::new(handle)),
        delivery_count: Some(0.into()),
        link_credit: Some(0),
        available,
        properties,
        ..Flow::default()
    })
}

fn active(active: bool) -> Fields {
    Fields::from([(Symbol::from_static("rabbitmq:active"), active)])
}

#[test]
fn fe6_properties_of_a_links_flow_are_an_event_and_can_be_read() {
    let (mut fed, receiver) = receiving(Tolerance::default());
    assert_eq!(fed.connection.receiver(receiver).unwrap().remote_flow_properties(), None);
    let event = || Event::LinkProperties { link: receiver.into() };
    for (properties, raised) in [(active(true), true), (active(true), false), (active(false), true)] {
        fed.feed_bytes(&flow(0, Some(properties.clone()), None));
        assert_eq!(fed.events(), if raised { vec![event()] } else { vec![] });
        // A flow without any changes nothing.
        fed.feed_bytes(&flow(0, None, None));
        assert_eq!(fed.names(), Vec::<&str>::new());
        let known = fed.connection.receiver_ref(receiver).unwrap().remote_flow_properties();
        assert_eq!(known, Some(properties));
    }
}

#[test]
fn fe6b_properties_that_come_before_a_link_is_accepted_are_told_with_its_opening() {
    let mut fed = server(Tolerance::default());
    fed.feed(ATTACH_RECEIVER_1);
    fed.feed_bytes(&flow(1, Some(active(true)), None));
    let sender = requested_sender(&mut fed);
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    assert_eq!(fed.names(), ["SENDER_OPEN", "LINK_PROPERTIES"]);
    assert_eq!(fed.connection.sender(sender).unwrap().remote_flow_properties(), Some(active(true)));
    // They end with the link, and are none of the next.
    fed.feed_bytes(&performative(&Detach { handle: Handle::new(1), closed: true, error: None }));
    fed.feed(ATTACH_RECEIVER_1);
    let next = requested_sender(&mut fed);
    fed.connection.accept_sender(next, SenderConfig::new()).unwrap();
    assert_eq!(fed.names(), ["SENDER_OPEN"]);
    assert_eq!(fed.connection.sender(next).unwrap().remote_flow_properties(), None);
}

#[test]
fn fe6c_what_a_sender_has_available_is_an_event_and_can_be_read() {
    let (mut fed, receiver) = receiving(Tolerance::default());
    for (available, raised) in [(7, true), (7, false), (3, true)] {
        fed.feed_bytes(&flow(0, None, Some(available)));
        let event = Event::ReceiverAvailable { receiver };
        assert_eq!(fed.events(), if raised { vec![event] } else { vec![] });
        assert_eq!(fed.connection.receiver(receiver).unwrap().available(), available);
    }
    // Each message that comes is one less, and no event.
    fed.feed_bytes(&transfer(0, Transfer::default()));
    assert_eq!(fed.names(), ["DELIVERY"]);
    assert_eq!(fed.connection.receiver(receiver).unwrap().available(), 2);
}
