//! Memory: what a peer can make us hold is counted as it is held (FB).

use amqp_proto::{
    DecodeLimits,
    codec::{DecodeErrorKind, from_bytes},
    message::{Message, MessageErrorKind},
    types::{Described, Symbol, Value},
};
use bytes::Bytes;

use crate::support::hex;

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
    assert_eq!(decode(&array(&"0040".repeat(12_000), 1, "50", &[7])), Err(DecodeErrorKind::TooDeep));
    // As deep as allowed: made into values they can be read again.
    let Ok(Value::Array(deep)) = decode(&array(&"0040".repeat(31), 1, "50", &[7])) else { panic!("an array") };
    let values = Value::List(deep.into_values());
    assert!(decode(&amqp_proto::codec::to_vec(&values).into()).is_ok());
    assert_eq!(decode(&array(&"0040".repeat(32), 1, "50", &[7])), Err(DecodeErrorKind::TooDeep));
}

#[test]
fn fb4b_array_descriptors_are_bounded_together_with_the_elements() {
    let many = DecodeErrorKind::TooManyElements;
    // 31 descriptors for each of 4,000 elements of no bytes, and of one byte.
    assert_eq!(decode(&array(&"0040".repeat(31), 4000, "41", &[])), Err(many));
    assert_eq!(decode(&array(&"0040".repeat(31), 4000, "50", &[7; 4000])), Err(many));
    // One descriptor that is a list of 200 nulls.
    let list = format!("00c0c9c8{}", "40".repeat(200));
    assert_eq!(decode(&array(&list, 4000, "50", &[7; 4000])), Err(many));
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
    let annotated = Message::builder().message_annotation(Symbol::from_static("x"), nested(33, described)).data("x");
    assert!(annotated.try_build().is_err());
    let footed = Message::builder().footer_entry(Symbol::from_static("x"), nested(33, described)).data("x");
    assert!(footed.try_build().is_err());
    assert!(Message::builder().sequence(&[nested(33, described)]).try_build().is_err());
    assert!(Message::builder().message_annotation(Symbol::from_static("x"), nested(9, described)).data("x").try_build().is_ok());
}
