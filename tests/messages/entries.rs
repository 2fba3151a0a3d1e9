//! Single entries of the map sections: read by their key, and changed for the next hop. Defaults of the header.

use super::{ALL_SECTIONS, bytes, hex, in_chunks, symbol};
use amqp_proto::{
    codec::DecodeErrorKind,
    message::{AnnotationKeyRef, Message, MessageError, MessageErrorKind, ParseOptions, SectionKind},
    spec::messaging::Header,
    types::{AnnotationKey, Annotations, Milliseconds, Value},
};
use bytes::Bytes;

const BODY: &str = "00 53 77 40";

fn parse(bytes: impl Into<amqp_proto::frame::Payload>) -> Message {
    Message::parse(bytes, &ParseOptions::default()).unwrap()
}

/// The sections whose keys are symbols or ulongs, with their descriptor and what reads an entry.
type Lookup = fn(&Message, AnnotationKeyRef<'_>) -> Result<Option<Value>, MessageError>;
const SECTIONS: [(&str, SectionKind, Lookup); 3] = [
    ("71", SectionKind::DeliveryAnnotations, |message, key| message.delivery_annotation(key)),
    ("72", SectionKind::MessageAnnotations, |message, key| message.message_annotation(key)),
    ("78", SectionKind::Footer, |message, key| message.footer_entry(key)),
];

/// A message with these pairs in one section.
fn with_pairs(descriptor: &str, count: u8, pairs: &str) -> Vec<u8> {
    let size = hex(pairs).len() + 1;
    let map = format!("00 53 {descriptor} c1 {size:02x} {count:02x} {pairs}");
    hex(&if descriptor == "78" { format!("{BODY} {map}") } else { format!("{map} {BODY}") })
}

fn key(text: &str) -> AnnotationKeyRef<'_> {
    text.into()
}

#[test]
fn entry_is_found_by_its_key_in_every_encoding() {
    // Symbols in both encodings, ulongs in all three, and a value that looks like a key.
    let pairs = "a3 01 61 52 01 b3 00 00 00 01 62 52 02 44 52 03 53 07 52 04 80 00 00 00 00 00 00 00 09 52 05 \
                 a3 01 63 a3 01 64";
    let numbers: [(AnnotationKeyRef<'_>, u32); 5] =
        [(key("a"), 1), (key("b"), 2), (0.into(), 3), (7.into(), 4), (9.into(), 5)];
    for (descriptor, _, lookup) in SECTIONS {
        let encoded = with_pairs(descriptor, 12, pairs);
        for message in [parse(encoded.clone()), parse(in_chunks(&encoded, &vec![1; encoded.len()]))] {
            for (key, value) in numbers {
                assert_eq!(lookup(&message, key), Ok(Some(Value::Uint(value))), "{descriptor} {key:?}");
            }
            assert_eq!(lookup(&message, key("c")), Ok(Some(symbol("d").into())), "{descriptor}");
            for absent in [key("d"), key(""), 1.into(), 256.into()] {
                assert_eq!(lookup(&message, absent), Ok(None), "{descriptor} {absent:?}");
            }
        }
        assert_eq!(lookup(&parse(hex(BODY)), key("a")), Ok(None), "{descriptor}");
    }
}

#[test]
fn entry_that_stands_twice_is_the_first() {
    for (descriptor, _, lookup) in SECTIONS {
        let message = parse(with_pairs(descriptor, 4, "a3 01 61 52 01 a3 01 61 52 02"));
        assert_eq!(lookup(&message, key("a")), Ok(Some(Value::Uint(1))), "{descriptor}");
    }
}

#[test]
fn entry_behind_a_malformed_one_is_an_error_with_its_offset() {
    let decode = |kind: DecodeErrorKind, offset| MessageErrorKind::Decode(kind).at(offset);
    for (descriptor, kind, lookup) in SECTIONS {
        let start = if kind == SectionKind::Footer { 4 } else { 0 };
        let rows = [
            // A string is no key of annotations (3.2.10).
            (
                "a1 01 78 40 a3 01 61 40",
                decode(DecodeErrorKind::WrongType { expected: "symbol or ulong", found: 0xa1 }, 6),
            ),
            ("a3 01 78 0f a3 01 61 40", decode(DecodeErrorKind::UnknownCode(0x0f), 9)),
            ("a3 01 61 56 02 a3 01 78 40", decode(DecodeErrorKind::InvalidBoolean(2), 10)),
            // The value reaches beyond the section.
            ("a3 01 78 40 a3 01 61 a0 09", decode(DecodeErrorKind::Truncated, 15)),
        ];
        for (pairs, error) in rows {
            let encoded = with_pairs(descriptor, 4, pairs);
            let error = error.kind.at(error.offset + start);
            for message in [parse(encoded.clone()), parse(in_chunks(&encoded, &vec![1; encoded.len()]))] {
                assert_eq!(lookup(&message, key("a")), Err(error), "{descriptor} {pairs}");
            }
        }
        // What follows the entry is not read.
        let message = parse(with_pairs(descriptor, 4, "a3 01 61 52 01 a1 01 78 40"));
        assert_eq!(lookup(&message, key("a")), Ok(Some(Value::Uint(1))), "{descriptor}");
    }
}

#[test]
fn annotation_key_converts_to_its_borrowed_form() {
    let text = symbol("x-opt-a");
    assert_eq!(AnnotationKeyRef::from(&text), AnnotationKeyRef::Symbol("x-opt-a"));
    assert_eq!(AnnotationKeyRef::from(&AnnotationKey::Symbol(text)), AnnotationKeyRef::Symbol("x-opt-a"));
    assert_eq!(AnnotationKeyRef::from(&AnnotationKey::Ulong(7)), AnnotationKeyRef::from(7));
}

/// A message whose sections around the body are encoded as no encoder here would.
fn odd_encodings() -> Vec<u8> {
    let pairs = "a3 01 61 70 00 00 00 01 80 00 00 00 00 00 00 00 07 56 01 b3 00 00 00 01 62 40";
    let map = |descriptor: &str| format!("00 53 {descriptor} d1 00 00 00 1e 00 00 00 06 {pairs} ");
    hex(&[
        map("71"),
        map("72"),
        "00 80 00 00 00 00 00 00 00 73 45 ".into(),
        BODY.into(),
        " ".into(),
        map("78"),
    ]
    .concat())
}

/// The section of the descriptor after forwarding, without its descriptor.
fn section(payload: &amqp_proto::frame::Payload, kind: SectionKind) -> Option<Vec<u8>> {
    let message = parse(payload.clone());
    message.range(kind).map(|range| bytes(payload)[range][3..].to_vec())
}

#[test]
fn changed_entry_leaves_the_other_bytes_as_they_are() {
    let encoded = odd_encodings();
    let (a, seven, b) =
        ("a3 01 61 70 00 00 00 01", "80 00 00 00 00 00 00 00 07 56 01", "b3 00 00 00 01 62 40");
    let new = "a3 01 63 52 09";
    for message in [parse(encoded.clone()), parse(in_chunks(&encoded, &[9; 20]))] {
        let forward = || message.forward().keep_delivery_annotations();
        let set = |key: AnnotationKey| {
            forward()
                .delivery_annotation(key.clone(), 9_u32)
                .message_annotation(key.clone(), 9_u32)
                .footer_entry(key, 9_u32)
                .build()
        };
        let drop = |key: AnnotationKey| {
            forward()
                .without_delivery_annotation(key.clone())
                .without_message_annotation(key.clone())
                .without_footer_entry(key)
                .build()
        };
        let rows = [
            (set(symbol("c").into()), 8, format!("{a} {seven} {b} {new}")),
            (set(symbol("a").into()), 6, format!("a3 01 61 52 09 {seven} {b}")),
            (set(7.into()), 6, format!("{a} 80 00 00 00 00 00 00 00 07 52 09 {b}")),
            (drop(symbol("a").into()), 4, format!("{seven} {b}")),
            (drop(7.into()), 4, format!("{a} {b}")),
            (drop(symbol("b").into()), 4, format!("{a} {seven}")),
            (drop(symbol("c").into()), 6, format!("{a} {seven} {b}")),
        ];
        for (payload, count, pairs) in rows {
            let payload = payload.unwrap();
            let size = hex(&pairs).len() + 1;
            let map = hex(&format!("c1 {size:02x} {count:02x} {pairs}"));
            for (_, kind, _) in SECTIONS {
                assert_eq!(section(&payload, kind).as_ref(), Some(&map), "{kind}: {pairs}");
            }
            assert_eq!(parse(payload).bare_message(), message.bare_message());
        }
    }
}

#[test]
fn section_whose_last_entry_is_dropped_is_left_out() {
    let message = parse(hex(ALL_SECTIONS));
    let payload = message
        .forward()
        .keep_delivery_annotations()
        .without_delivery_annotation(symbol("x-opt-a"))
        .without_message_annotation(5)
        .without_footer_entry(symbol("h"))
        .build()
        .unwrap();
    let whole = hex(ALL_SECTIONS);
    assert_eq!(bytes(&payload), [&whole[..7], &whole[33..64]].concat());
}

#[test]
fn later_change_of_a_key_replaces_the_earlier_one() {
    let message = parse(hex(ALL_SECTIONS));
    let forward = message.forward().message_annotation(5, 1_u8).message_annotation(5, 2_u8);
    let sent = parse(forward.clone().build().unwrap());
    assert_eq!(sent.message_annotations(), Ok(Some(Annotations::new().with(5, 2_u8))));
    let sent = parse(forward.clone().without_message_annotation(5).build().unwrap());
    assert_eq!(sent.message_annotations(), Ok(None));
    // A whole section undoes what was set before it, and can be changed again.
    let annotations = Annotations::new().with(1, 1_u8).with(2, 2_u8);
    let forward =
        forward.message_annotations(annotations).without_message_annotation(1).message_annotation(3, 3_u8);
    let sent = parse(forward.clone().build().unwrap());
    assert_eq!(sent.message_annotations(), Ok(Some(Annotations::new().with(2, 2_u8).with(3, 3_u8))));
    let sent = parse(forward.without_message_annotations().build().unwrap());
    assert_eq!(sent.message_annotations(), Ok(None));
    // Delivery-annotations of the previous hop stay out unless kept.
    let sent = parse(message.forward().delivery_annotation(1, 1_u8).build().unwrap());
    assert_eq!(sent.delivery_annotations(), Ok(Some(Annotations::new().with(1, 1_u8))));
    let sent = parse(message.forward().footer(Annotations::new().with(1, 1_u8)).build().unwrap());
    assert_eq!(sent.footer(), Ok(Some(Annotations::new().with(1, 1_u8))));
    assert_eq!(parse(message.forward().without_footer().build().unwrap()).footer(), Ok(None));
}

#[test]
fn key_that_stands_twice_is_set_or_dropped_at_once() {
    let message = parse(with_pairs("72", 6, "a3 01 61 52 01 a3 01 62 52 02 a3 01 61 52 03"));
    let sent = parse(message.forward().message_annotation(symbol("a"), 9_u32).build().unwrap());
    let expected = Annotations::new().with(symbol("a"), 9_u32).with(symbol("b"), 2_u32);
    assert_eq!(sent.message_annotations(), Ok(Some(expected)));
    let sent = parse(message.forward().without_message_annotation(symbol("a")).build().unwrap());
    assert_eq!(sent.message_annotations(), Ok(Some(Annotations::new().with(symbol("b"), 2_u32))));
}

#[test]
fn malformed_section_can_be_kept_but_not_changed() {
    let decode = |kind: DecodeErrorKind, offset| MessageErrorKind::Decode(kind).at(offset);
    let string = DecodeErrorKind::WrongType { expected: "symbol or ulong", found: 0xa1 };
    let rows = [
        ("a key that is a string", with_pairs("72", 2, "a1 01 78 40"), decode(string, 6)),
        (
            "a key without a value",
            with_pairs("72", 3, "a3 01 61 40 53 01"),
            decode(DecodeErrorKind::OddMap, 10),
        ),
        (
            "bytes behind the pairs",
            with_pairs("72", 2, "a3 01 61 40 40"),
            decode(DecodeErrorKind::SizeMismatch, 10),
        ),
        ("too few pairs", with_pairs("72", 4, "a3 01 61 40"), decode(DecodeErrorKind::Truncated, 10)),
        ("a footer", with_pairs("78", 2, "a1 01 78 40"), decode(string, 10)),
    ];
    for (name, encoded, error) in rows {
        let message = parse(encoded.clone());
        let kept = message.forward().build().unwrap();
        assert_eq!(bytes(&kept), encoded, "{name}");
        let changed = message.forward().without_message_annotation(1).without_footer_entry(1).build();
        assert_eq!(changed, Err(error), "{name}");
        let replaced =
            message.forward().message_annotations(Annotations::new().with(1, 1_u8)).without_footer().build();
        assert!(replaced.is_ok(), "{name}");
    }
}

#[test]
fn forwarded_bare_message_is_shared_not_copied() {
    let big = vec![7_u8; 5000];
    let whole =
        Bytes::from(bytes(&Message::builder().to("q").message_annotation(1_u64, 1_u8).data(big).build()));
    let message = parse(whole.clone());
    let payload = message.forward().message_annotation(2, 2_u8).footer_entry(1, 1_u8).build().unwrap();
    let chunks: Vec<&Bytes> = payload.chunks().collect();
    let bare = whole.slice(message.bare_message_range());
    assert_eq!((chunks.len(), chunks[1].as_ptr(), chunks[1].len()), (3, bare.as_ptr(), bare.len()));
}

#[test]
fn forwarded_section_beyond_255_bytes_takes_the_wide_form() {
    let message =
        parse(Message::builder().message_annotation(1_u64, "v".repeat(250).as_str()).value(1_u8).build());
    let payload = message.forward().message_annotation(2, "w".repeat(250).as_str()).build().unwrap();
    assert_eq!(section(&payload, SectionKind::MessageAnnotations).unwrap()[0], 0xd1);
    let sent = parse(payload);
    assert_eq!(sent.message_annotation(1), Ok(Some("v".repeat(250).into())));
    assert_eq!(sent.message_annotation(2), Ok(Some("w".repeat(250).into())));
    assert_eq!(sent.validate(), Ok(()));
}

#[test]
fn header_field_that_is_absent_has_its_default() {
    // 3.2.1: no section, no field, or null.
    for header in ["", "00 53 70 45", "00 53 70 c0 06 05 40 40 40 40 40", "00 53 70 c0 03 02 40 40"] {
        let message = parse(hex(&format!("{header} {BODY}")));
        assert_eq!((message.durable(), message.priority()), (Ok(false), Ok(4)), "{header}");
        assert_eq!(message.ttl(), Ok(None), "{header}");
        assert_eq!((message.first_acquirer(), message.delivery_count()), (Ok(false), Ok(0)), "{header}");
    }
    for (encoded, durable, first_acquirer) in
        [("41 50 09 52 64 56 00 52 03", true, false), ("42 50 09 52 64 56 01 52 03", false, true)]
    {
        let message = parse(hex(&format!("00 53 70 c0 0a 05 {encoded} {BODY}")));
        assert_eq!((message.durable(), message.priority()), (Ok(durable), Ok(9)), "{encoded}");
        assert_eq!(message.ttl(), Ok(Some(Milliseconds::new(100))), "{encoded}");
        assert_eq!(
            (message.first_acquirer(), message.delivery_count()),
            (Ok(first_acquirer), Ok(3)),
            "{encoded}"
        );
    }
    let header = Header { priority: Some(0), ..Header::default() };
    assert_eq!(
        (header.priority_or_default(), Header::default().priority_or_default()),
        (0, Header::DEFAULT_PRIORITY)
    );
}

#[test]
fn header_field_of_a_malformed_header_is_an_error() {
    let message = parse(hex(&format!("00 53 70 c0 02 01 43 {BODY}")));
    let wrong = DecodeErrorKind::WrongType { expected: "boolean", found: 0x43 };
    assert_eq!(message.priority(), Err(MessageErrorKind::Decode(wrong).at(6)));
}
