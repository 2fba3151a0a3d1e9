//! Messages: what is read and refused, whole and in chunks, and what the builder writes.

#[path = "messages/attempts.rs"]
mod attempts;
#[path = "messages/bad.rs"]
mod bad;
#[path = "messages/build.rs"]
mod build;
#[path = "messages/copies.rs"]
mod copies;
#[path = "messages/entries.rs"]
mod entries;
#[path = "messages/heads.rs"]
mod heads;
#[path = "messages/read.rs"]
mod read;
#[path = "messages/round_trip.rs"]
mod round_trip;
#[path = "messages/typed_body.rs"]
mod typed_body;

use amqp_proto::{
    frame::Payload,
    message::{ApplicationProperties, Body, BodyError, Message, MessageError, ParseOptions, Section},
    spec::messaging::{Header, MessageId, Properties},
    types::{Annotations, Milliseconds, SequenceNo, Str, Symbol, Timestamp, Value},
};
use bytes::Bytes;

type Read<T> = Result<Option<T>, MessageError>;

/// Everything that can be asked of a message, so that two ways of reading it can be compared.
#[derive(Debug, PartialEq)]
struct Seen {
    sections: Vec<Section>,
    header: Read<Header>,
    delivery_annotations: Read<Annotations>,
    message_annotations: Read<Annotations>,
    properties: Read<Properties>,
    application_properties: Read<ApplicationProperties>,
    body: Result<Body, MessageError>,
    footer: Read<Annotations>,
    validate: Result<(), MessageError>,
    data_sections: Vec<Payload>,
    sequences: Vec<Result<Vec<Value>, MessageError>>,
    elements: Vec<Result<Value, MessageError>>,
    body_as: Typed,
    whole: Payload,
    bare: Payload,
    next_hop: Payload,
    single: Single,
}

/// The body as several types.
#[derive(Debug, PartialEq)]
struct Typed {
    value: Result<Value, BodyError>,
    bytes: Result<Bytes, BodyError>,
    joined: Result<Vec<u8>, BodyError>,
    chunks: Result<Payload, BodyError>,
    text: Result<String, BodyError>,
    list: Result<Vec<Value>, BodyError>,
}

/// The accessors of single properties.
#[derive(Debug, PartialEq)]
struct Single {
    ids: [Read<MessageId>; 2],
    user_id: Read<Bytes>,
    texts: [Read<Str>; 5],
    symbols: [Read<Symbol>; 2],
    times: [Read<Timestamp>; 2],
    group_sequence: Read<SequenceNo>,
    application_property: Read<Value>,
    annotations: [Read<Value>; 5],
    header: Result<(bool, u8, Option<Milliseconds>, bool, u32), MessageError>,
}

fn see(payload: impl Into<Payload>, settings: &ParseOptions) -> Result<Seen, MessageError> {
    let message = Message::parse(payload, settings)?;
    let seen = Seen {
        sections: message.sections().collect(),
        header: message.header(),
        delivery_annotations: message.delivery_annotations(),
        message_annotations: message.message_annotations(),
        properties: message.properties(),
        application_properties: message.application_properties(),
        body: message.body(),
        footer: message.footer(),
        validate: message.validate(),
        data_sections: message.data_sections().collect(),
        sequences: message.sequences().collect(),
        elements: message.sequence_elements().collect(),
        body_as: Typed {
            value: message.body_as(),
            bytes: message.body_as(),
            joined: message.body_as(),
            chunks: message.body_as(),
            text: message.body_as(),
            list: message.body_as(),
        },
        whole: message.payload(),
        bare: message.bare_message(),
        next_hop: message.with_header(Header { durable: Some(true), ..Header::default() }),
        single: single(&message),
    };
    assert_eq!(seen.sections.len(), message.section_count() as usize);
    Ok(seen)
}

fn single(message: &Message) -> Single {
    Single {
        ids: [message.message_id(), message.correlation_id()],
        user_id: message.user_id(),
        texts: [
            message.to(),
            message.subject(),
            message.reply_to(),
            message.group_id(),
            message.reply_to_group_id(),
        ],
        symbols: [message.content_type(), message.content_encoding()],
        times: [message.absolute_expiry_time(), message.creation_time()],
        group_sequence: message.group_sequence(),
        application_property: message.application_property("k").map(|value| value.map(Value::from)),
        annotations: [
            message.delivery_annotation("x-opt-a"),
            message.message_annotation("x-opt-a"),
            message.message_annotation(5),
            message.footer_entry("h"),
            message.footer_entry(5),
        ],
        header: header(message),
    }
}

fn header(message: &Message) -> Result<(bool, u8, Option<Milliseconds>, bool, u32), MessageError> {
    Ok((
        message.durable()?,
        message.priority()?,
        message.ttl()?,
        message.first_acquirer()?,
        message.delivery_count()?,
    ))
}

/// The bytes of a payload.
fn bytes(payload: &Payload) -> Vec<u8> {
    payload.chunks().flat_map(|chunk| chunk.to_vec()).collect()
}

/// The bytes in chunks of these sizes, and what is left over in one more.
fn in_chunks(bytes: &[u8], sizes: &[usize]) -> Payload {
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut payload = Payload::new();
    for size in sizes {
        payload.push(rest.split_to((*size).min(rest.len())));
    }
    payload.push(rest);
    payload
}

/// Asserts that the bytes read the same however they are cut in two or three, and byte by byte.
fn same_in_all_chunks(name: &str, bytes: &[u8], settings: &ParseOptions) {
    let whole = see(bytes.to_vec(), settings);
    for cut in 1..bytes.len() {
        assert_eq!(see(in_chunks(bytes, &[cut]), settings), whole, "{name}: cut at {cut}");
        let middle = in_chunks(bytes, &[cut, 3]);
        assert_eq!(see(middle, settings), whole, "{name}: cut at {cut} and 3 bytes later");
    }
    let each = in_chunks(bytes, &vec![1; bytes.len()]);
    assert_eq!(see(each, settings), whole, "{name}: byte by byte");
}

fn hex(text: &str) -> Vec<u8> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

const ALL_SECTIONS: &str = include_str!("data/messages/all_sections.hex");
const WIDE_ENCODINGS: &str = include_str!("data/messages/wide_encodings.hex");
const TWO_SEQUENCES: &str = include_str!("data/messages/two_sequences.hex");

fn symbol(text: &str) -> Symbol {
    Symbol::try_from(text).unwrap()
}
