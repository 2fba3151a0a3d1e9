//! New messages from received ones: copies with changes, and replies.

use super::{ALL_SECTIONS, TWO_SEQUENCES, bytes, hex, in_chunks, symbol};
use amqp_proto::{
    codec::DecodeErrorKind,
    message::{Body, Message, MessageErrorKind, ParseOptions},
    spec::messaging::Header,
    types::{Milliseconds, Value},
};
use bytes::Bytes;

fn parse(bytes: impl Into<amqp_proto::frame::Payload>) -> Message {
    Message::parse(bytes, &ParseOptions { body_required: false, ..ParseOptions::default() }).unwrap()
}

#[test]
fn copy_has_all_sections_but_the_delivery_annotations() {
    let whole = hex(ALL_SECTIONS);
    let copy = parse(whole.clone()).to_builder().unwrap().build();
    assert_eq!(bytes(&copy), [&whole[..7], &whole[24..]].concat());
    for body in [TWO_SEQUENCES, "00 53 77 00 53 01 45", "00 53 75 a0 01 61 00 53 75 b0 00 00 00 01 62"] {
        assert_eq!(bytes(&parse(hex(body)).to_builder().unwrap().build()), hex(body), "{body}");
    }
}

#[test]
fn copy_lacks_the_header_fields_of_the_delivery() {
    let header = Header {
        durable: Some(true),
        priority: Some(7),
        ttl: Some(Milliseconds::new(5)),
        first_acquirer: Some(true),
        delivery_count: Some(3),
    };
    let message = parse(Message::builder().header(header.clone()).value(1_u8).build());
    let copy = parse(message.to_builder().unwrap().build()).header().unwrap();
    assert_eq!(copy, Some(Header { first_acquirer: None, delivery_count: None, ..header }));
    let message = parse(Message::builder().delivery_count(3).value(1_u8).build());
    assert_eq!(parse(message.to_builder().unwrap().build()).header(), Ok(None));
}

#[test]
fn copy_is_changed_section_by_section() {
    let message = parse(hex(ALL_SECTIONS));
    let copy = || message.to_builder().unwrap();
    let sent = parse(
        copy()
            .to("other")
            .application_property("k", 1_u8)
            .application_property("l", 2_u8)
            .message_annotation(5, 3_u8)
            .footer_entry(symbol("h"), 4_u8)
            .build(),
    );
    assert_eq!((sent.to(), sent.message_id()), (Ok(Some("other".into())), message.message_id()));
    assert_eq!(sent.application_property("k"), Ok(Some(1_u8.into())));
    assert_eq!(sent.application_properties().unwrap().unwrap().len(), 2);
    assert_eq!(sent.message_annotations().unwrap().unwrap().into_pairs(), [(5.into(), Value::Ubyte(3))]);
    assert_eq!(sent.footer().unwrap().unwrap().into_pairs(), [(symbol("h").into(), Value::Ubyte(4))]);

    let single = copy()
        .without_application_property("k")
        .without_message_annotation(5)
        .without_footer_entry("h")
        .without_header()
        .without_properties();
    let sections = copy()
        .without_application_properties()
        .without_message_annotations()
        .without_footer()
        .without_header()
        .without_properties();
    let body = &hex(ALL_SECTIONS)[57..64];
    assert_eq!((&bytes(&single.build())[..], &bytes(&sections.build())[..]), (body, body));
    let sent = parse(copy().without_body().value(1_u8).build());
    assert_eq!((sent.body(), sent.to()), (Ok(Body::Value(Value::Ubyte(1))), message.to()));
}

#[test]
fn dropped_entry_leaves_the_others_and_can_be_set_again() {
    let three = Message::builder()
        .delivery_annotation(1_u64, 1_u8)
        .delivery_annotation(symbol("b"), 2_u8)
        .delivery_annotation(3_u64, 3_u8);
    let build = |builder: amqp_proto::message::MessageBuilder| builder.value(Value::Null).build();
    for absent in
        [three.clone().without_delivery_annotation("c"), three.clone().without_delivery_annotation(2)]
    {
        assert_eq!(build(absent), build(three.clone()));
    }
    let two = Message::builder().delivery_annotation(1_u64, 1_u8).delivery_annotation(3_u64, 3_u8);
    assert_eq!(build(three.clone().without_delivery_annotation("b")), build(two.clone()));
    let again = three.without_delivery_annotation("b").delivery_annotation(symbol("b"), 4_u8);
    assert_eq!(build(again), build(two.clone().delivery_annotation(symbol("b"), 4_u8)));
    assert_eq!(build(two.without_delivery_annotations()), build(Message::builder()));
}

#[test]
fn copied_body_is_shared() {
    let big = Bytes::from(vec![7_u8; 5000]);
    let message = parse(Message::builder().to("q").data(big.clone()).data("small").build());
    let copy = message.to_builder().unwrap().to("other").build();
    assert!(copy.chunks().any(|chunk| chunk.as_ptr() == big.as_ptr()));
    assert_eq!(parse(copy).body(), message.body());
    // Small chunks are copied together.
    let small = hex(TWO_SEQUENCES);
    let copy = parse(in_chunks(&small, &[1; 20])).to_builder().unwrap().build();
    assert_eq!((copy.chunks().count(), bytes(&copy)), (1, small));
}

#[test]
fn copy_of_a_message_without_a_body_has_none() {
    let copy = parse(hex("00 53 70 c0 02 01 41")).to_builder().unwrap();
    assert_eq!(bytes(&copy.build()), hex("00 53 70 c0 02 01 41"));
}

#[test]
fn copy_of_a_malformed_message_is_an_error() {
    let string = DecodeErrorKind::WrongType { expected: "symbol or ulong", found: 0xa1 };
    let message = parse(hex("00 53 72 c1 05 02 a1 01 78 40 00 53 77 40"));
    assert_eq!(message.to_builder().unwrap_err(), MessageErrorKind::Decode(string).at(6));
    let message = parse(hex("00 53 73 c0 03 01 a3 00 00 53 77 40"));
    let id = DecodeErrorKind::WrongType { expected: "message-id", found: 0xa3 };
    assert_eq!(message.reply().unwrap_err(), MessageErrorKind::Decode(id).at(6));
}

#[test]
fn reply_goes_to_the_reply_to_with_the_id_of_the_request() {
    let request = Message::builder()
        .message_id(7_u64)
        .correlation_id("conversation")
        .reply_to("answers")
        .reply_to_group_id("group")
        .to("service")
        .subject("question");
    let reply = parse(parse(request.value(1_u8).build()).reply().unwrap().value(2_u8).build());
    let expected =
        Message::builder().to("answers").correlation_id(7_u64).group_id("group").value(2_u8).build();
    assert_eq!(reply.payload(), expected);
    let request = parse(Message::builder().correlation_id("conversation").value(1_u8).build());
    let reply = parse(request.reply().unwrap().value(2_u8).build());
    assert_eq!(reply.correlation_id(), Ok(Some("conversation".into())));
    assert_eq!((reply.to(), reply.group_id()), (Ok(None), Ok(None)));
    // A request without properties.
    assert_eq!(parse(hex("00 53 77 40")).reply().unwrap().value(2_u8).build(), hex("00 53 77 50 02").into());
}
