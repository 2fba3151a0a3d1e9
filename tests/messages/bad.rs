//! The hostile and broken messages, by their ids in the list of bad inputs.

use super::{hex, same_in_all_chunks};
use amqp_proto::{
    codec::{DecodeErrorKind, to_vec},
    message::{Body, Message, MessageErrorKind, ParseOptions, SectionKind},
    types::{Timestamp, Value},
};

const STRICT: ParseOptions =
    ParseOptions { limits: amqp_proto::DecodeLimits::DEFAULT, max_sections: 10_000, body_required: true };

const HEADER: &str = "00 53 70 45 ";
const PROPERTIES: &str = "00 53 73 45 ";
const APPLICATION: &str = "00 53 74 c1 01 00 ";
const DATA: &str = "00 53 75 a0 00 ";
const VALUE: &str = "00 53 77 40 ";
const FOOTER: &str = "00 53 78 c1 01 00 ";

/// Refused, by `parse` or by `validate`, with this error at this offset.
fn refused(id: &str, message: &[u8], kind: MessageErrorKind, offset: usize) {
    let error = Message::parse(message.to_vec(), &STRICT).and_then(|message| message.validate());
    assert_eq!(error, Err(kind.at(offset)), "{id}");
    if message.len() < 100 {
        same_in_all_chunks(id, message, &STRICT);
    }
}

fn accepted(id: &str, message: &[u8]) -> Message {
    same_in_all_chunks(id, message, &STRICT);
    let message = Message::parse(message.to_vec(), &STRICT).unwrap_or_else(|error| panic!("{id}: {error}"));
    assert_eq!(message.validate(), Ok(()), "{id}");
    message
}

fn wrong(expected: &'static str, found: u8) -> MessageErrorKind {
    MessageErrorKind::Decode(DecodeErrorKind::WrongType { expected, found })
}

fn order(section: SectionKind, after: SectionKind) -> MessageErrorKind {
    MessageErrorKind::OutOfOrder { section, after }
}

#[test]
fn m01_to_m05_sections_out_of_order_doubled_mixed_or_missing() {
    use MessageErrorKind::{Duplicate, MixedBody, NoBody};
    use SectionKind::{ApplicationProperties, Data, Footer, Header, Properties, Sequence, Value};
    let rows: &[(&str, &[&str], MessageErrorKind, usize)] = &[
        ("M01", &[PROPERTIES, HEADER, DATA], order(Header, Properties), 4),
        ("M01", &[APPLICATION, PROPERTIES, DATA], order(Properties, ApplicationProperties), 6),
        ("M02", &[HEADER, HEADER, DATA], Duplicate(Header), 4),
        ("M02", &[PROPERTIES, PROPERTIES, DATA], Duplicate(Properties), 4),
        ("M02", &[APPLICATION, APPLICATION, DATA], Duplicate(ApplicationProperties), 6),
        ("M02", &[HEADER, PROPERTIES, HEADER, DATA], Duplicate(Header), 8),
        ("M02", &[DATA, FOOTER, FOOTER], Duplicate(Footer), 11),
        ("M03", &[DATA, PROPERTIES], order(Properties, Data), 5),
        ("M03", &[PROPERTIES, DATA, PROPERTIES], Duplicate(Properties), 9),
        ("M03", &[DATA, FOOTER, PROPERTIES], order(Properties, Footer), 11),
        ("M03", &[DATA, FOOTER, DATA], order(Data, Footer), 11),
        ("M03", &[FOOTER, DATA], order(Data, Footer), 6),
        ("M04", &[], NoBody, 0),
        ("M04", &[HEADER, PROPERTIES], NoBody, 8),
        ("M04", &[HEADER, FOOTER], NoBody, 10),
        ("M05", &[VALUE, VALUE], Duplicate(Value), 4),
        ("M05", &[VALUE, FOOTER, VALUE], Duplicate(Value), 10),
        ("M05", &[DATA, VALUE], MixedBody { body: Data, section: Value }, 5),
        ("M05", &[VALUE, DATA], MixedBody { body: Value, section: Data }, 4),
        ("M05", &["00 53 76 45 ", DATA], MixedBody { body: Sequence, section: Data }, 4),
    ];
    for (id, sections, kind, offset) in rows {
        refused(id, &hex(&sections.concat()), *kind, *offset);
    }
}

#[test]
fn m04_a_missing_body_is_let_pass_where_the_setting_says_so() {
    let lenient = ParseOptions { body_required: false, ..STRICT };
    for sections in ["", "00 53 70 45", "00 53 70 45 00 53 78 c1 01 00"] {
        let message = Message::parse(hex(sections), &lenient).unwrap();
        assert_eq!((message.body_kind(), message.validate()), (None, Ok(())));
        assert_eq!(message.body().unwrap_err().kind, MessageErrorKind::NoBody);
        assert!(message.bare_message().is_empty());
        same_in_all_chunks("M04", &hex(sections), &lenient);
    }
}

#[test]
fn m06_sections_without_end_are_cut_off_at_the_limit() {
    let many = |count: usize| hex(DATA).repeat(count);
    refused("M06", &many(100_000), MessageErrorKind::TooManySections, 50_000);
    let most = Message::parse(many(10_000), &STRICT).unwrap();
    assert_eq!((most.section_count(), most.data_sections().count()), (10_000, 10_000));
    assert_eq!(most.body(), Ok(Body::Data(Vec::new().into())));
}

#[test]
fn m07_unknown_descriptors() {
    let unknown = MessageErrorKind::Decode(DecodeErrorKind::UnknownDescriptor("section"));
    for descriptor in [
        "53 79",
        "53 6f",
        "44",
        "80 00 00 00 01 00 00 00 70",
        "a3 03 61 6d 71",
        "b3 00 00 00 01 78",
        "40",
        "70 00 00 00 75",
        "00 53 75 53 75",
    ] {
        refused("M07", &hex(&format!("{HEADER} 00 {descriptor} a0 00")), unknown, 5);
    }
    refused("M07", &hex(&format!("00 a3 64 {}", "61 ".repeat(100))), unknown, 1);
    refused("M07", &hex("45"), wrong("section", 0x45), 0);
    refused("M07", &hex("3f"), MessageErrorKind::Decode(DecodeErrorKind::UnknownCode(0x3f)), 0);
}

#[test]
fn m08_section_values_of_the_wrong_type() {
    for (descriptor, value, expected, found) in [
        ("70", "c1 01 00", "list", 0xc1),
        ("71", "45", "map", 0x45),
        ("72", "a0 00", "map", 0xa0),
        ("73", "40", "list", 0x40),
        ("74", "c0 01 00", "map", 0xc0),
        ("75", "45", "binary", 0x45),
        ("75", "a1 00", "binary", 0xa1),
        ("76", "a0 00", "list", 0xa0),
        ("78", "00 53 78 c1 01 00", "map", 0x00),
    ] {
        refused("M08", &hex(&format!("00 53 {descriptor} {value}")), wrong(expected, found), 3);
    }
    let unassigned = MessageErrorKind::Decode(DecodeErrorKind::UnknownCode(0x57));
    refused("M08", &hex("00 53 75 57 00"), unassigned, 3);
    refused("M08", &hex("00 53 77 57 00"), unassigned, 3);
}

#[test]
fn m09_a_described_value_inside_a_section_is_no_section() {
    let message = accepted("M09", &hex("00 53 77 00 53 73 c0 03 01 53 07"));
    assert_eq!(message.section_count(), 1);
    assert_eq!((message.message_id(), message.properties()), (Ok(None), Ok(None)));
    assert!(matches!(message.body(), Ok(Body::Value(Value::Described(_)))));
    let message = accepted("M09", &hex("00 53 75 a0 04 00 53 70 45"));
    assert_eq!((message.header(), message.section_count()), (Ok(None), 1));
}

#[test]
fn m10_to_m12_keys_and_values_that_the_maps_may_not_have() {
    let map = |descriptor: &str, pair: &str| {
        let size = hex(pair).len() + 1;
        hex(&format!("00 53 {descriptor} c1 {size:02x} 02 {pair} {DATA}"))
    };
    for (value, found) in [("45", 0x45), ("c1 01 00", 0xc1), ("e0 02 00 40", 0xe0), ("00 53 01 45", 0x00)] {
        let error = wrong("value of a simple type", found);
        let message = map("74", &format!("a1 01 6b {value}"));
        refused("M10", &message, error, 9);
        let message = Message::parse(message, &STRICT).unwrap();
        assert_eq!(message.application_property("k"), Err(error.at(9)), "M10");
        assert_eq!(message.application_property("other"), Ok(None));
    }
    accepted("M10", &map("74", "a1 01 6b 00 53 01 53 02"));
    for (key, found) in [("a3 01 6b", 0xa3), ("40", 0x40), ("53 01", 0x53)] {
        refused("M11", &map("74", &format!("{key} 40")), wrong("string", found), 6);
    }
    for (descriptor, key, found) in [("71", "a1 01 6b", 0xa1), ("72", "40", 0x40), ("72", "52 01", 0x52)] {
        refused("M12", &map(descriptor, &format!("{key} 40")), wrong("symbol or ulong", found), 6);
    }
    refused("M12", &hex("00 53 77 40 00 53 78 c1 03 02 56 40"), wrong("symbol or ulong", 0x56), 10);
    accepted("M12", &map("71", "80 00 00 00 00 00 00 00 01 40"));
    let twice = hex("00 53 74 c1 09 04 a1 01 6b 40 a1 01 6b 41 00 53 77 40");
    let error = MessageErrorKind::Decode(DecodeErrorKind::DuplicateKey);
    refused("M11", &twice, error, 4);
    let first = Message::parse(twice, &STRICT).unwrap().application_property("k");
    assert_eq!(first.map(|value| value.map(Value::from)), Ok(Some(Value::Null)));
}

#[test]
fn m15_and_m17_extremes_are_legal() {
    let header = hex("00 53 70 c0 0e 05 40 40 70 ff ff ff ff 40 70 ff ff ff ff 00 53 75 a0 00");
    let header = accepted("M15", &header).header().unwrap().unwrap();
    assert_eq!((header.ttl.unwrap().get(), header.delivery_count), (u32::MAX, Some(u32::MAX)));
    let nulls = "40 ".repeat(8);
    let times = hex(&format!(
        "00 53 73 c0 1b 0a {nulls} 83 80 00 00 00 00 00 00 00 83 7f ff ff ff ff ff ff ff 00 53 77 40"
    ));
    let message = accepted("M17", &times);
    assert_eq!(message.absolute_expiry_time(), Ok(Some(Timestamp::from_millis(i64::MIN))));
    assert_eq!(message.creation_time(), Ok(Some(Timestamp::from_millis(i64::MAX))));
}

#[test]
fn m16_a_message_id_has_one_of_four_types() {
    for (id, found) in [("45", 0x45), ("54 01", 0x54), ("a3 01 61", 0xa3), ("41", 0x41)] {
        let size = hex(id).len() + 1;
        let message = hex(&format!("00 53 73 c0 {size:02x} 01 {id} {DATA}"));
        let error = wrong("message-id", found);
        refused("M16", &message, error, 6);
        assert_eq!(Message::parse(message, &STRICT).unwrap().message_id(), Err(error.at(6)), "M16");
    }
}

#[test]
fn m18_nesting_is_limited() {
    let nested = |depth: usize| (1..depth).fold(Value::List(vec![]), |inner, _| Value::List(vec![inner]));
    let mut value = nested(32);
    accepted("M18", &[hex("00 53 77"), to_vec(&value)].concat());
    value = nested(34);
    let too_deep = MessageErrorKind::Decode(DecodeErrorKind::TooDeep);
    let message = [hex("00 53 77"), to_vec(&value)].concat();
    let error = Message::parse(message, &STRICT).unwrap().validate().unwrap_err();
    assert_eq!(error.kind, too_deep, "M18");
    // Ten thousand lists, each with one element, written from the inside out.
    let mut lists = vec![0x45];
    for _ in 0..10_000 {
        let size = u32::try_from(lists.len() + 4).unwrap();
        lists = [&[0xd0], &size.to_be_bytes()[..], &1_u32.to_be_bytes(), &lists].concat();
    }
    // Descriptors of descriptors, each with a null as its value.
    let descriptors = [vec![0x00; 10_000], vec![0x40; 10_001]].concat();
    for value in [lists, descriptors] {
        let message = Message::parse([hex("00 53 77"), value].concat(), &STRICT).unwrap();
        assert_eq!(message.validate().unwrap_err().kind, too_deep, "M18");
        assert_eq!(message.body().unwrap_err().kind, too_deep, "M18");
    }
}

#[test]
fn m19_a_message_cut_anywhere_is_refused() {
    for message in [super::ALL_SECTIONS, super::WIDE_ENCODINGS, super::TWO_SEQUENCES] {
        let message = hex(message);
        let whole = accepted("M19", &message);
        let ends: Vec<usize> = whole.sections().filter(|s| s.kind.is_body()).map(|s| s.range.end).collect();
        for cut in 0..message.len() {
            let short = &message[..cut];
            same_in_all_chunks("M19", short, &STRICT);
            let result = Message::parse(short.to_vec(), &STRICT).and_then(|message| message.validate());
            // Cut between the sections of the body, or before the footer, it is a message still.
            assert_eq!(result.is_ok(), ends.contains(&cut), "M19: cut at {cut}: {result:?}");
        }
    }
    let truncated = MessageErrorKind::Decode(DecodeErrorKind::Truncated);
    refused("M19", &hex("00 53 75 b0 ff ff ff ff 00"), truncated, 8);
    refused("M19", &hex("00 53 76 d0 ff ff ff ff 00 00 00 00"), truncated, 8);
    refused(
        "M19",
        &hex("00 53 76 d0 00 00 00 03 00 00 00"),
        MessageErrorKind::Decode(DecodeErrorKind::SizeMismatch),
        8,
    );
}

#[test]
fn m20_bytes_after_the_message_or_hidden_in_a_section_are_refused() {
    let truncated = MessageErrorKind::Decode(DecodeErrorKind::Truncated);
    let message = hex(super::TWO_SEQUENCES);
    refused("M20", &[&message[..], &[0x00]].concat(), truncated, 15);
    refused("M20", &[&message[..], &[0x40]].concat(), wrong("section", 0x40), 14);
    let hidden = MessageErrorKind::Decode(DecodeErrorKind::SizeMismatch);
    refused("M20", &hex("00 53 70 c0 03 01 41 40 00 53 77 40"), hidden, 7);
    refused("M20", &hex("00 53 74 c1 02 00 40 00 53 77 40"), hidden, 6);
    refused("M20", &hex("00 53 77 c0 03 01 41 40"), hidden, 7);
}

#[test]
fn a_field_that_reaches_out_of_its_section_is_not_read() {
    // The message-id declares nine bytes, but the section has room for two of them.
    let message = hex("00 53 73 c0 05 01 a1 09 61 62 00 53 75 a0 05 63 64 65 66 67");
    let error = MessageErrorKind::Decode(DecodeErrorKind::Truncated).at(8);
    let message = Message::parse(message, &STRICT).unwrap();
    assert_eq!(message.message_id(), Err(error));
    assert_eq!(message.properties().map(|_| ()), Err(error));
}
