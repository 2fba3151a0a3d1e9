//! Reading well-formed messages: lazily, in chunks, and without copying.

use super::{ALL_SECTIONS, TWO_SEQUENCES, WIDE_ENCODINGS, bytes, hex, in_chunks, same_in_all_chunks, symbol};
use amqp_proto::{
    message::{Body, Message, ParseOptions, SectionKind},
    spec::messaging::{Header, MESSAGE_FORMAT, MessageId, Properties, SECTIONS},
    types::{AnnotationKey, Annotations, Milliseconds, Value},
};
use bytes::Bytes;

fn parse(bytes: impl Into<amqp_proto::frame::Payload>) -> Message {
    Message::parse(bytes, &ParseOptions::default()).unwrap()
}

#[test]
fn every_section_is_found_and_decoded() {
    let message = parse(hex(ALL_SECTIONS));
    let at = |kind| message.range(kind).unwrap();
    let ranges: Vec<_> = message.sections().map(|section| (section.kind, section.range)).collect();
    let expected = [
        (SectionKind::Header, 0..7),
        (SectionKind::DeliveryAnnotations, 7..24),
        (SectionKind::MessageAnnotations, 24..33),
        (SectionKind::Properties, 33..45),
        (SectionKind::ApplicationProperties, 45..57),
        (SectionKind::Data, 57..64),
        (SectionKind::Footer, 64..74),
    ];
    assert_eq!(ranges, expected);
    expected.iter().for_each(|(kind, range)| assert_eq!(at(*kind), *range));
    assert_eq!((message.range(SectionKind::Value), message.range(SectionKind::Sequence)), (None, None));
    assert_eq!((message.bare_message_range(), message.len()), (33..64, 74));

    assert_eq!(message.header(), Ok(Some(Header { durable: Some(true), ..Header::default() })));
    let delivery = Annotations::new().with(symbol("x-opt-a"), 1_i32);
    assert_eq!(message.delivery_annotations(), Ok(Some(delivery)));
    let annotations = Annotations::new().with(5_u64, Value::Null);
    assert_eq!(message.message_annotations(), Ok(Some(annotations)));
    let properties =
        Properties { message_id: Some(7_u64.into()), to: Some("q".into()), ..Properties::default() };
    assert_eq!(message.properties(), Ok(Some(properties)));
    let application = message.application_properties().unwrap().unwrap();
    assert_eq!((application.len(), application.get("k").map(|value| &**value)), (1, Some(&Value::from("v"))));
    assert_eq!(message.body(), Ok(Body::Data(b"hi".to_vec().into())));
    let footer = Annotations::new().with(AnnotationKey::Symbol(symbol("h")), true);
    assert_eq!(message.footer(), Ok(Some(footer)));
    assert_eq!(message.validate(), Ok(()));
}

#[test]
fn single_properties_are_those_of_the_whole_section() {
    for vector in [ALL_SECTIONS, WIDE_ENCODINGS] {
        let message = parse(hex(vector));
        assert_eq!(message.message_id(), Ok(Some(MessageId::Ulong(7))));
        assert_eq!(message.to(), Ok(Some("q".into())));
        assert_eq!((message.subject(), message.reply_to_group_id()), (Ok(None), Ok(None)));
        let value = message.application_property("k").unwrap();
        assert_eq!(value.as_deref(), Some(&Value::from("v")));
        assert_eq!(message.application_property("K"), Ok(None));
    }
    let message = parse(hex(ALL_SECTIONS));
    assert_eq!(message.delivery_annotation("x-opt-a"), Ok(Some(Value::Int(1))));
    assert_eq!(message.message_annotation("x-opt-a"), Ok(None));
}

#[test]
fn the_widest_encodings_read_like_the_smallest() {
    let (wide, small) = (parse(hex(WIDE_ENCODINGS)), parse(hex(ALL_SECTIONS)));
    assert_eq!(wide.header(), small.header());
    assert_eq!(wide.properties(), small.properties());
    assert_eq!(wide.application_properties(), small.application_properties());
    assert_eq!(wide.body(), small.body());
}

#[test]
fn sequences_keep_their_sections_apart() {
    let message = parse(hex(TWO_SEQUENCES));
    let expected = vec![vec![Value::Uint(0), "a".into()], vec![]];
    assert_eq!(message.body(), Ok(Body::Sequence(expected)));
    assert_eq!(message.data_sections().count(), 0);
}

#[test]
fn chunks_make_no_difference() {
    for vector in [ALL_SECTIONS, WIDE_ENCODINGS, TWO_SEQUENCES] {
        same_in_all_chunks(vector, &hex(vector), &ParseOptions::default());
    }
    let data = hex("00 53 75 a0 02 61 62 00 53 75 a0 00 00 53 75 b0 00 00 00 03 63 64 65");
    same_in_all_chunks("several data sections", &data, &ParseOptions::default());
    let message = parse(data);
    assert_eq!(message.body(), Ok(Body::Data(b"abcde".to_vec().into())));
    let sections: Vec<_> = message.data_sections().map(|section| bytes(&section)).collect();
    assert_eq!(sections, [b"ab".to_vec(), vec![], b"cde".to_vec()]);
    let value = hex("00 53 77 c0 0a 02 a1 02 61 62 c0 03 02 41 42");
    same_in_all_chunks("a value", &value, &ParseOptions::default());
}

/// True if `part` is a slice of `whole`, by its address.
fn shares(whole: &Bytes, part: &[u8]) -> bool {
    let range = whole.as_ptr_range();
    range.contains(&part.as_ptr()) && part.as_ptr_range().end <= range.end
}

#[test]
fn what_is_read_shares_the_payload() {
    let whole = Bytes::from(hex(ALL_SECTIONS));
    let message = parse(whole.clone());
    assert!(shares(&whole, message.to().unwrap().unwrap().as_bytes()));
    let Body::Data(data) = message.body().unwrap() else { panic!("data") };
    assert!(shares(&whole, data.chunks().next().unwrap()));
    assert!(shares(&whole, message.bare_message().chunks().next().unwrap()));
    let copy = message.detach();
    assert!(!shares(&whole, copy.to().unwrap().unwrap().as_bytes()));
    assert_eq!((copy.payload(), copy.footer()), (message.payload(), message.footer()));
}

#[test]
fn a_body_in_chunks_is_not_joined() {
    let big = vec![7_u8; 5000];
    let built = Message::builder().to("q").data(big.clone()).footer_entry(symbol("h"), 1_u8).build();
    let encoded = bytes(&built);
    // The cuts lie in the data, and one in the footer.
    let payload = in_chunks(&encoded, &[1000, 1000, encoded.len() - 2003]);
    let chunks: Vec<Bytes> = payload.chunks().cloned().collect();
    let message = parse(payload);
    let Body::Data(data) = message.body().unwrap() else { panic!("data") };
    assert_eq!((data.len(), data.chunks().count()), (5000, 3));
    for (part, chunk) in data.chunks().zip(&chunks) {
        assert!(shares(chunk, part));
    }
    assert!(shares(&chunks[0], message.to().unwrap().unwrap().as_bytes()));
    assert_eq!(message.footer(), Ok(Some(Annotations::new().with(symbol("h"), 1_u8))));
}

#[test]
fn the_next_hop_gets_the_bare_message_untouched() {
    let whole = Bytes::from(hex(ALL_SECTIONS));
    let message = parse(whole.clone());
    let header = Header { ttl: Some(Milliseconds::new(9)), ..Header::default() };
    let next = message.with_header(header.clone());
    // The header is new, the delivery-annotations are gone, the rest is as it came.
    assert_eq!(bytes(&next), [&hex("00 53 70 c0 05 03 40 40 52 09")[..], &whole[24..]].concat());
    assert!(next.chunks().skip(1).all(|chunk| shares(&whole, chunk)));

    let annotations = Annotations::new().with(symbol("x-opt-b"), 2_u8);
    let next = message
        .forward()
        .without_header()
        .delivery_annotations(annotations.clone())
        .message_annotations(annotations.clone())
        .build()
        .unwrap();
    let read = parse(next.clone());
    assert_eq!(read.header(), Ok(None));
    assert_eq!(read.delivery_annotations(), Ok(Some(annotations.clone())));
    assert_eq!(read.message_annotations(), Ok(Some(annotations)));
    assert_eq!(bytes(&read.bare_message()), &whole[33..64]);
    assert_eq!(bytes(&next)[bytes(&next).len() - 41..], whole[33..]);

    assert_eq!(message.forward().keep_delivery_annotations().build(), Ok(message.payload()));
    let bodies = parse(hex(TWO_SEQUENCES)).with_header(header);
    assert_eq!(parse(bodies).bare_message(), hex(TWO_SEQUENCES).into());
}

#[test]
fn kinds_of_section_are_those_of_the_table() {
    let names: Vec<_> = SectionKind::ALL.iter().map(|kind| (kind.name(), kind.code())).collect();
    let table: Vec<_> = SECTIONS.iter().map(|(name, code, _)| (*name, *code)).collect();
    assert_eq!(names, table);
    for kind in SectionKind::ALL {
        assert_eq!(SectionKind::from_code(kind.code()), Some(*kind));
    }
    assert_eq!(MESSAGE_FORMAT.get(), 0);
}

#[test]
fn errors_say_what_and_where() {
    let error = Message::parse(hex("00 53 75 a0 00 00 53 70 45"), &ParseOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "a header section after the data section (3.2) at byte 5");
}
