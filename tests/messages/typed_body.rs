//! The body as one type, and its sections one by one.

use super::{TWO_SEQUENCES, bytes, hex, in_chunks};
use amqp_proto::{
    codec::{Decode, DecodeErrorKind, Decoder},
    frame::Payload,
    message::{
        Body, BodyError, BodyKind, FromBody, Message, MessageError, MessageErrorKind, ParseOptions,
        SectionKind,
    },
    types::{Map, Str, Timestamp, Value},
};
use bytes::Bytes;
use std::{borrow::Cow, error::Error};

fn parse(payload: impl Into<Payload>) -> Message {
    Message::parse(payload, &ParseOptions { body_required: false, ..ParseOptions::default() }).unwrap()
}

fn wrong(expected: &'static str, found: u8) -> MessageErrorKind {
    MessageErrorKind::Decode(DecodeErrorKind::WrongType { expected, found })
}

/// Reads a body of these bytes, whole and in chunks of one byte.
fn read<T>(body: &str) -> Result<T, BodyError>
where
    T: for<'a> FromBody<'a> + PartialEq + std::fmt::Debug,
{
    let body = hex(body);
    let cut = parse(in_chunks(&body, &vec![1; body.len()]));
    let whole = parse(body).body_as::<T>();
    assert_eq!(cut.body_as::<T>(), whole);
    whole
}

const DATA: &str = "00 53 75 a0 02 68 69";
const TWO_DATA: &str = "00 53 75 a0 02 68 69 00 53 75 a0 00 00 53 75 b0 00 00 00 01 21";
const STRING: &str = "00 53 77 a1 02 68 69";
const BINARY: &str = "00 53 77 a0 02 68 69";
const LIST: &str = "00 53 77 c0 05 02 43 a1 01 61";

#[test]
fn amqp_value_body_is_read_as_its_type() {
    assert_eq!(read("00 53 77 52 07"), Ok(7_u32));
    assert_eq!(read("00 53 77 56 01"), Ok(true));
    assert_eq!(read("00 53 77 83 00 00 00 00 00 00 00 01"), Ok(Timestamp::from_millis(1)));
    assert_eq!(read("00 53 77 40"), Ok(None::<u32>));
    assert_eq!(read("00 53 77 40"), Ok(Value::Null));
    assert_eq!(read(STRING), Ok(Str::from("hi")));
    assert_eq!(read(STRING), Ok("hi".to_owned()));
    assert_eq!(read("00 53 77 c1 06 02 a1 01 6b 52 07"), Ok(Map::<Str, u32>::new().with("k", 7_u32)));
    assert_eq!(read(LIST), Ok(vec![Value::Uint(0), "a".into()]));
}

#[test]
fn data_body_is_read_as_one_binary() {
    for (body, joined) in [(DATA, "hi"), (BINARY, "hi"), (TWO_DATA, "hi!"), ("00 53 75 a0 00", "")] {
        assert_eq!(read(body), Ok(Bytes::from(joined)), "{body}");
        assert_eq!(read(body), Ok(joined.as_bytes().to_vec()), "{body}");
        assert_eq!(read(body), Ok(Payload::from(Bytes::from(joined))), "{body}");
        assert_eq!(read(body), Ok(Value::Binary(joined.into())), "{body}");
        assert_eq!(parse(hex(body)).body_as::<Cow<'_, [u8]>>().as_deref(), Ok(joined.as_bytes()), "{body}");
    }
}

#[test]
fn sequence_body_is_read_as_one_list() {
    let items = vec![Value::Uint(0), "a".into()];
    assert_eq!(read(TWO_SEQUENCES), Ok(items.clone()));
    assert_eq!(read(TWO_SEQUENCES), Ok(Value::List(items.clone())));
    // The three encodings of a list (1.6.22), each with its number of elements.
    let three = "00 53 76 c0 02 01 43 00 53 76 45 00 53 76 d0 00 00 00 07 00 00 00 01 a1 01 61";
    assert_eq!(read(three), Ok(items));
    let many: Vec<Value> = (0..300_u32).map(Value::from).collect();
    let message = parse(Message::builder().sequence(&many).sequence(&many).build());
    assert_eq!(message.body_as::<Vec<Value>>(), Ok([&many[..], &many].concat()));
}

#[test]
fn body_of_another_type_is_an_error_with_the_kind_found() {
    use BodyKind::{Data, Sequence, Value};
    let rows = [
        ("a string of data", read::<String>(DATA).map(drop), Data, wrong("string", 0xa0), 3),
        ("a number of data", read::<u32>(TWO_DATA).map(drop), Data, wrong("uint", 0xb0), 3),
        ("bytes of a string", read::<Bytes>(STRING).map(drop), Value, wrong("binary", 0xa1), 3),
        ("a vector of a string", read::<Vec<u8>>(STRING).map(drop), Value, wrong("binary", 0xa1), 3),
        ("chunks of a string", read::<Payload>(STRING).map(drop), Value, wrong("binary", 0xa1), 3),
        ("text of a binary", read::<Str>(BINARY).map(drop), Value, wrong("string", 0xa0), 3),
        ("a list of data", read::<Vec<super::Value>>(DATA).map(drop), Data, wrong("list", 0xa0), 3),
        ("bytes of sequences", read::<Bytes>(TWO_SEQUENCES).map(drop), Sequence, wrong("binary", 0xd0), 3),
        ("a map of numbers", read::<Map<u32, u32>>(STRING).map(drop), Value, wrong("map", 0xa1), 3),
    ];
    for (name, result, found, kind, offset) in rows {
        assert_eq!(result, Err(BodyError { found: Some(found), error: kind.at(offset) }), "{name}");
    }
}

#[test]
fn missing_body_is_an_error_without_a_kind() {
    let error = read::<Value>("00 53 70 45").unwrap_err();
    assert_eq!(error, BodyError { found: None, error: MessageErrorKind::NoBody.at(4) });
    assert_eq!(error.to_string(), "the message has no body (3.2) at byte 4");
    assert_eq!(parse(hex("00 53 70 45")).body_as::<Payload>(), Err(error));
    assert_eq!(parse(hex("00 53 70 45")).body_as::<Cow<'_, [u8]>>(), Err(error));
}

#[test]
fn body_error_names_kind_reason_and_offset() {
    let error = read::<String>(DATA).unwrap_err();
    let text =
        "the data body is not of the requested type: a string is due, not format code 0xa0 (1.3) at byte 3";
    assert_eq!(error.to_string(), text);
    assert_eq!(error.source().unwrap().to_string(), error.error.to_string());
    assert_eq!(MessageError::from(error), error.error);
}

#[test]
fn malformed_sequence_is_an_error_at_its_place_in_the_payload() {
    let decode = |kind: DecodeErrorKind, offset| MessageErrorKind::Decode(kind).at(offset);
    let rows = [
        // A boolean of 2 in the second section, behind an element.
        (
            "00 53 76 c0 02 01 43 00 53 76 d0 00 00 00 07 00 00 00 02 43 56 02",
            decode(DecodeErrorKind::InvalidBoolean(2), 21),
        ),
        // Two elements are declared and one is there; the next section has one too many.
        ("00 53 76 c0 02 02 43 00 53 76 c0 03 01 43 43", decode(DecodeErrorKind::Truncated, 7)),
        ("00 53 76 c0 03 01 43 43 00 53 76 c0 02 02 43", decode(DecodeErrorKind::SizeMismatch, 7)),
    ];
    for (body, error) in rows {
        assert_eq!(read::<Vec<Value>>(body).unwrap_err().error, error, "{body}");
        let elements: Vec<_> = parse(hex(body)).sequence_elements::<Value>().collect();
        assert_eq!(elements.last(), Some(&Err(error)), "{body}");
        assert_eq!(elements.iter().filter(|element| element.is_err()).count(), 1, "{body}");
    }
}

#[test]
fn limits_apply_to_the_joined_body() {
    let mut options = ParseOptions::default();
    options.limits.max_elements = 3;
    let two = Message::builder().sequence(&[1_u32.into(), 2_u32.into()]);
    let message = Message::parse(two.clone().sequence(&[3_u32.into()]).build(), &options).unwrap();
    assert_eq!(message.body_as::<Vec<Value>>().map(|list| list.len()), Ok(3));
    let message =
        Message::parse(two.clone().sequence(&[3_u32.into(), 4_u32.into()]).build(), &options).unwrap();
    let error = message.body_as::<Vec<Value>>().unwrap_err().error.kind;
    assert_eq!(error, MessageErrorKind::Decode(DecodeErrorKind::TooManyElements));
    options.limits.max_depth = 0;
    let flat = Message::parse(two.build(), &options).unwrap();
    let error = flat.sequence_elements::<u32>().next().unwrap().unwrap_err().kind;
    assert_eq!(error, MessageErrorKind::Decode(DecodeErrorKind::TooDeep));
}

#[test]
fn sequence_elements_are_those_of_all_sections() {
    let message = parse(hex(TWO_SEQUENCES));
    assert_eq!(
        message.sequences().collect::<Result<Vec<_>, _>>(),
        Ok(vec![vec![Value::Uint(0), "a".into()], vec![]])
    );
    let elements: Result<Vec<Value>, _> = message.sequence_elements().collect();
    assert_eq!(elements, Ok(vec![Value::Uint(0), "a".into()]));
    // The second element is not of the type, and ends the iteration.
    let numbers: Vec<_> = message.sequence_elements::<u32>().collect();
    assert_eq!(numbers, [Ok(0), Err(wrong("uint", 0xa1).at(7))]);
    assert_eq!(parse(hex(DATA)).sequence_elements::<Value>().count(), 0);
    assert_eq!(parse(hex(LIST)).sequences().count(), 0);
}

#[test]
fn contiguous_body_is_shared_not_copied() {
    let big = Bytes::from(vec![7_u8; 5000]);
    let message = parse(Message::builder().data(big.clone()).build());
    assert_eq!(message.body_as::<Payload>().unwrap().chunks().next().unwrap().as_ptr(), big.as_ptr());
    let Ok(Cow::Borrowed(bytes)) = message.body_as::<Cow<'_, [u8]>>() else { panic!("copied") };
    assert_eq!(bytes.as_ptr(), big.as_ptr());
    let whole = message.payload().into_bytes();
    let shared = parse(whole.clone()).body_as::<Bytes>().unwrap();
    assert!(whole.as_ptr_range().contains(&shared.as_ptr()));
    // Two sections are contiguous only in a copy.
    let two = parse(Message::builder().data(big.clone()).data(big.clone()).build());
    assert!(matches!(two.body_as::<Cow<'_, [u8]>>(), Ok(Cow::Owned(bytes)) if bytes.len() == 10_000));
    assert_eq!(two.body_as::<Payload>().unwrap().chunks().count(), 2);
}

#[test]
fn body_kind_is_the_form_of_the_body() {
    for (body, kind, section) in [
        (DATA, BodyKind::Data, SectionKind::Data),
        (TWO_SEQUENCES, BodyKind::Sequence, SectionKind::Sequence),
        (STRING, BodyKind::Value, SectionKind::Value),
    ] {
        let message = parse(hex(body));
        assert_eq!(message.body_kind(), Some(kind));
        assert_eq!(message.body().as_ref().map(Body::kind), Ok(kind));
        assert_eq!(SectionKind::from(kind), section);
        assert_eq!(kind.to_string(), section.name());
    }
    assert_eq!(parse(hex("00 53 70 45")).body_kind(), None);
}

#[test]
fn data_section_in_chunks_keeps_its_chunks() {
    let message = parse(in_chunks(&hex(TWO_DATA), &[6]));
    let sections: Vec<Payload> = message.data_sections().collect();
    assert_eq!(sections.iter().map(bytes).collect::<Vec<_>>(), [b"hi".to_vec(), vec![], b"!".to_vec()]);
    assert_eq!(sections[0].chunks().count(), 2);
}

/// A type that reads the format code of a value and leaves the rest.
#[derive(Debug, PartialEq)]
struct FormatCode(u8);

impl Decode for FormatCode {
    fn decode_as<'a>(code: u8, rest: &'a [u8], _: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        Some((Self(code), rest))
    }
}

#[test]
fn own_type_that_leaves_bytes_of_the_body_is_an_error() {
    assert_eq!(read("00 53 77 40"), Ok(FormatCode(0x40)));
    let error = read::<FormatCode>("00 53 77 52 07").unwrap_err().error;
    assert_eq!(error, MessageErrorKind::Decode(DecodeErrorKind::TrailingBytes).at(4));
}
