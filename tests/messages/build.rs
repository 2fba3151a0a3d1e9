//! What the builder writes.

use super::{ALL_SECTIONS, bytes, hex, symbol};
use amqp_proto::{
    message::{Body, Message, ParseOptions, SimpleValue, SimpleValueError},
    types::{Kind, Map, Milliseconds, Value},
};
use bytes::Bytes;

#[test]
fn all_sections_in_their_smallest_encoding() {
    // Set in another order than the one in which they are written.
    let builder = Message::builder()
        .data("hi")
        .footer_entry(symbol("h"), true)
        .application_property("k", "v")
        .to("q")
        .message_id(7_u64)
        .message_annotation(5_u64, Value::Null)
        .delivery_annotation(symbol("x-opt-a"), 1_i32)
        .durable(true);
    assert_eq!(bytes(&builder.build()), hex(ALL_SECTIONS));
    let mut out = vec![1, 2];
    builder.encode_into(&mut out);
    assert_eq!(out[..2], [1, 2]);
    assert_eq!(out[2..], hex(ALL_SECTIONS));
}

#[test]
fn what_is_not_set_is_not_written() {
    assert_eq!(bytes(&Message::builder().value(Value::Null).build()), hex("00 53 77 40"));
    assert_eq!(bytes(&Message::builder().data("").build()), hex("00 53 75 a0 00"));
    let two = Message::builder().sequence(&[Value::Uint(0), "a".into()]).sequence(&[]).build();
    assert_eq!(bytes(&two), hex(super::TWO_SEQUENCES));
    let header = Message::builder().header(Default::default()).value(true).build();
    assert_eq!(bytes(&header), hex("00 53 70 45 00 53 77 41"));
}

#[test]
fn a_key_set_again_replaces_its_value() {
    let build = |builder: amqp_proto::message::MessageBuilder| builder.value(Value::Null).build();
    let twice = Message::builder()
        .application_property("a", 1_u8)
        .application_property("b", "x")
        .application_property("a", 2_u8)
        .to("first")
        .to("second");
    let once = Message::builder().application_property("b", "x").application_property("a", 2_u8).to("second");
    assert_eq!(build(twice), build(once));
}

#[test]
fn cleared_builders_leave_nothing_behind() {
    let full = Message::builder()
        .priority(9)
        .ttl(Milliseconds::new(1))
        .subject("s")
        .application_property("k", 1_u64)
        .delivery_annotation(1_u64, 1_u8)
        .message_annotation(1_u64, 1_u8)
        .footer_entry(1_u64, 1_u8)
        .data("x");
    assert_eq!(full.clear().value(1_u32).build(), Message::builder().value(1_u32).build());
}

#[test]
fn data_of_a_kibibyte_is_shared_not_copied() {
    let big = Bytes::from(vec![1_u8; 1024]);
    let small = Bytes::from(vec![2_u8; 1023]);
    let payload = Message::builder()
        .to("q")
        .data(big.clone())
        .data(small.clone())
        .data(big.clone())
        .footer_entry(1_u64, true)
        .build();
    let chunks: Vec<&Bytes> = payload.chunks().collect();
    assert_eq!(chunks.len(), 5);
    assert_eq!((chunks[1].as_ptr(), chunks[3].as_ptr()), (big.as_ptr(), big.as_ptr()));
    let message = Message::parse(payload, &ParseOptions::default()).unwrap();
    assert_eq!(message.validate(), Ok(()));
    assert_eq!(message.body(), Ok(Body::Data([&big[..], &small, &big].concat().into())));
    let sizes: Vec<_> = message.data_sections().map(|section| section.len()).collect();
    assert_eq!(sizes, [1024, 1023, 1024]);
}

#[test]
fn sections_beyond_255_bytes_or_pairs_take_the_wide_form() {
    let mut builder = Message::builder().subject("s".repeat(300)).value(Value::Null);
    for number in 0..200_u32 {
        builder = builder.application_property(number.to_string(), number);
    }
    let message = Message::parse(builder.build(), &ParseOptions::default()).unwrap();
    assert_eq!(message.validate(), Ok(()));
    assert_eq!(message.subject().unwrap().unwrap().len(), 300);
    assert_eq!(message.application_properties().unwrap().unwrap().len(), 200);
    let value = message.application_property("199").unwrap().unwrap();
    assert_eq!(*value, Value::Uint(199));
}

#[test]
fn simple_values_are_no_lists_maps_or_arrays() {
    assert_eq!(SimpleValue::try_from(Value::List(vec![])), Err(SimpleValueError(Kind::List)));
    let described = amqp_proto::types::Described::new(1_u64, <Map>::new());
    assert_eq!(SimpleValue::try_from(Value::from(described)), Err(SimpleValueError(Kind::Map)));
    assert_eq!(SimpleValueError(Kind::Map).to_string(), "a value of a simple type is due, not a map");
    assert_eq!(SimpleValue::try_from(Value::Uint(1)), Ok(1_u32.into()));
    assert_eq!(Value::from(SimpleValue::NULL), Value::Null);
}
