//! Messages on their way back: what an outcome changes (3.4.3, 3.4.5), and what a node has to look at (3.2.1, 3.2.10).

use amqp_proto::{
    message::{Message, MessageError, ParseOptions},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::{Accepted, DeliveryState, Modified, Outcome, Received, Rejected},
        messaging::Header,
        transaction::TransactionalState,
    },
    types::{AnnotationKey, Annotations, Described, Fields, Value},
};

use super::symbol;

fn parse(bytes: impl Into<amqp_proto::frame::Payload>) -> Message {
    Message::parse(bytes, &ParseOptions::default()).unwrap()
}

/// A message that has a priority, one failed attempt, two message-annotations and a delivery-annotation.
fn message() -> Message {
    let header = Header { priority: Some(7), delivery_count: Some(1), ..Header::default() };
    let builder = Message::builder().header(header).delivery_annotation(9_u64, "hop");
    let builder =
        builder.message_annotation(symbol("x-opt-a"), "a").message_annotation(symbol("x-opt-b"), "b");
    parse(builder.data("body").build())
}

fn after(message: &Message, state: &DeliveryState) -> Message {
    parse(message.forward().after(state).build().unwrap())
}

fn modified(failed: Option<bool>, annotations: &[(&'static str, &str)]) -> Modified {
    let pairs = annotations.iter().map(|(key, value)| (symbol(key), Value::from(*value)));
    Modified {
        delivery_failed: failed,
        undeliverable_here: Some(true),
        message_annotations: Some(Fields::from_pairs(pairs.collect()).unwrap()),
    }
}

fn annotations(entries: &[(&'static str, &str)]) -> Annotations {
    entries.iter().fold(Annotations::new(), |map, (key, value)| map.with(symbol(key), *value))
}

#[test]
fn rejected_counts_an_attempt_and_leaves_its_error() {
    let error = AmqpError::described(ErrorCondition::PreconditionFailed, "because");
    let rejected = Rejected { error: Some(error.clone()) };
    let again = after(&message(), &rejected.into());
    let header = Header { priority: Some(7), delivery_count: Some(2), ..Header::default() };
    assert_eq!(again.header(), Ok(Some(header)));
    let left = again.delivery_annotations().unwrap().unwrap();
    assert_eq!(left.len(), 1, "those of the last hop are gone: {left:?}");
    let Some(Value::Described(described)) = left.get("rejected") else { panic!("{left:?}") };
    assert_eq!(described.descriptor, Value::Ulong(AmqpError::CODE));
    let Value::List(fields) = &described.value else { panic!("{described:?}") };
    assert_eq!(fields[..2], [Value::Symbol(symbol("amqp:precondition-failed")), "because".into()]);
    assert_eq!(again.bare_message(), message().bare_message());
    // Without an error there is nothing to leave.
    let again = after(&message(), &Rejected::default().into());
    assert_eq!((again.delivery_count(), again.delivery_annotations()), (Ok(2), Ok(None)));
}

#[test]
fn modified_counts_an_attempt_if_it_failed_and_merges_its_annotations() {
    for (failed, count) in [(Some(true), 2), (Some(false), 1), (None, 1)] {
        let state = modified(failed, &[("x-opt-b", "new"), ("x-opt-c", "c")]);
        let again = after(&message(), &state.into());
        assert_eq!((again.delivery_count(), again.priority()), (Ok(count), Ok(7)), "{failed:?}");
        let merged = annotations(&[("x-opt-a", "a"), ("x-opt-b", "new"), ("x-opt-c", "c")]);
        assert_eq!(again.message_annotations(), Ok(Some(merged)));
        assert_eq!(again.delivery_annotations(), Ok(None));
    }
    let again = after(&message(), &Modified::default().into());
    assert_eq!(again.message_annotations(), message().message_annotations());
}

#[test]
fn other_states_change_nothing() {
    let other = DeliveryState::Other(Described::new(9_u64, "state").into());
    for state in [DeliveryState::ACCEPTED, DeliveryState::RELEASED, Received::default().into(), other] {
        let forwarded = message().forward().after(&state).build().unwrap();
        assert_eq!(forwarded.into_bytes(), message().forward().build().unwrap().into_bytes(), "{state:?}");
    }
}

#[test]
fn of_a_transactional_state_the_outcome_in_it_counts() {
    let within = |outcome: Option<Outcome>| {
        let txn_id = [7_u8].as_slice().try_into().unwrap();
        DeliveryState::from(TransactionalState { txn_id, outcome })
    };
    let failed = Outcome::Modified(modified(Some(true), &[("x-opt-c", "c")]).into());
    let again = after(&message(), &within(Some(failed)));
    assert_eq!(again.delivery_count(), Ok(2));
    assert_eq!(again.message_annotation("x-opt-c"), Ok(Some("c".into())));
    let again = after(&message(), &within(Some(Outcome::Rejected(Box::default()))));
    assert_eq!(again.delivery_count(), Ok(2));
    for outcome in [None, Some(Outcome::Accepted(Accepted {}))] {
        assert_eq!(after(&message(), &within(outcome)).delivery_count(), Ok(1));
    }
}

#[test]
fn attempts_are_added_to_the_header_that_is_written_and_stop_at_the_largest_number() {
    let rejected = DeliveryState::from(Rejected::default());
    let twice =
        |message: &Message| parse(message.forward().after(&rejected).after(&rejected).build().unwrap());
    assert_eq!(twice(&message()).delivery_count(), Ok(3));
    let bare = parse(Message::builder().data("body").build());
    assert_eq!(twice(&bare).header(), Ok(Some(Header { delivery_count: Some(2), ..Header::default() })));
    let most = Header { delivery_count: Some(u32::MAX - 1), ..Header::default() };
    for forward in [
        message().forward().after(&rejected).after(&rejected).header(most.clone()),
        message().forward().header(most).after(&rejected).after(&rejected),
    ] {
        assert_eq!(parse(forward.build().unwrap()).delivery_count(), Ok(u32::MAX));
    }
    let omitted = message().forward().without_header().after(&rejected).build().unwrap();
    assert_eq!(parse(omitted).header(), Ok(Some(Header { delivery_count: Some(1), ..Header::default() })));
}

#[test]
fn an_attempt_cannot_be_counted_in_a_header_that_is_none() {
    // A header whose first field is a number.
    let bytes =
        [&[0x00, 0x53, 0x70, 0xc0, 0x03, 0x01, 0x52, 0x07][..], &[0x00, 0x53, 0x75, 0xa0, 0x01, b'x']];
    let message = parse(bytes.concat());
    let refused: Result<_, MessageError> = message.forward().after(&Rejected::default().into()).build();
    assert!(refused.is_err());
    assert!(message.forward().after(&DeliveryState::RELEASED).build().is_ok());
}

#[test]
fn m13_unknown_annotation_keys_are_those_that_may_not_be_ignored() {
    let known = |key: &AnnotationKey| *key == "x-known" || *key == 7_u64;
    let all = annotations(&[
        ("x-known", "k"),
        ("x-opt-any", "o"),
        ("x-option", "n"),
        ("reserved", "r"),
        ("x-", "s"),
    ])
    .with(7_u64, "seven")
    .with(8_u64, "eight");
    let payload = Message::builder().message_annotations(&all).data("body").build();
    let read = parse(payload).message_annotations().unwrap().unwrap();
    let unknown: Vec<String> = read.unknown_keys(known).map(ToString::to_string).collect();
    assert_eq!(unknown, ["x-option", "reserved", "x-", "8"]);
    assert!(AnnotationKey::from(symbol("x-opt-")).is_optional() && !AnnotationKey::from(8).is_optional());
}

#[test]
fn m14_a_target_that_keeps_nothing_can_tell_a_durable_message() {
    let durable = |value: Option<bool>| {
        let header = Header { durable: value, ..Header::default() };
        parse(Message::builder().header(header).data("body").build()).durable()
    };
    assert_eq!([Some(true), Some(false), None].map(durable), [Ok(true), Ok(false), Ok(false)]);
    assert_eq!(parse(Message::builder().data("body").build()).durable(), Ok(false));
}
