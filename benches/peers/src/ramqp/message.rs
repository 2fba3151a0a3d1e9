//! The typical message.

use std::hint::black_box;

use bytes::BytesMut;
use ramqp_core::{
    codec::{Decode as _, Encode as _, OrderedMap, Value, to_bytes},
    types::messaging::{ApplicationProperties, Message, MessageId, Properties},
};

fn typical(number: u64, data: &[u8]) -> Message {
    let properties = Properties {
        message_id: Some(MessageId::Ulong(number)),
        to: Some("amqp://broker.example.com/queue/orders".into()),
        subject: Some("order.created".into()),
        ..Properties::default()
    };
    let application_properties = vec![
        ("tenant".to_owned(), Value::String("acme-corp".into())),
        ("seq".to_owned(), Value::Ulong(number)),
        ("priority".to_owned(), Value::Int(5)),
        ("retry".to_owned(), Value::Bool(false)),
    ];
    Message {
        properties: Some(properties),
        application_properties: Some(ApplicationProperties(OrderedMap::from(application_properties))),
        ..Message::data(data.to_vec())
    }
}

/// Builds the message and encodes it to a buffer that is kept.
pub fn encode() -> impl FnMut(u64) {
    let mut out = BytesMut::new();
    move |count| {
        for number in 0..count {
            let message = typical(70_000 + number, black_box(&[b'x'; 256]));
            out.clear();
            message.encode(&mut out);
            black_box(&out);
        }
    }
}

/// Decodes the message, of which it can only do all.
pub fn decode() -> impl FnMut(u64) {
    let bytes = to_bytes(&typical(70_000, &[b'x'; 256])).freeze();
    move |count| {
        for _ in 0..count {
            black_box(Message::decode(&mut black_box(&bytes).clone()).expect("it was encoded here"));
        }
    }
}
