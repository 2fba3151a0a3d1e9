//! The typical message.

use std::hint::black_box;

use fe2o3_amqp_types::{
    messaging::{
        ApplicationProperties, Data, Message, Properties,
        message::__private::{Deserializable, Serializable},
    },
    primitives::SimpleValue,
};
use serde::Serialize;
use serde_amqp::{from_slice, ser::Serializer, to_vec};

fn typical(number: u64, data: &[u8]) -> Message<Data> {
    let properties = Properties::builder()
        .message_id(number)
        .to("amqp://broker.example.com/queue/orders")
        .subject("order.created")
        .build();
    let application_properties = ApplicationProperties::builder()
        .insert("tenant", SimpleValue::String("acme-corp".into()))
        .insert("seq", SimpleValue::Ulong(number))
        .insert("priority", SimpleValue::Int(5))
        .insert("retry", SimpleValue::Bool(false))
        .build();
    Message::builder()
        .properties(properties)
        .application_properties(application_properties)
        .data(data)
        .build()
}

/// Builds the message and encodes it to a buffer that is kept.
pub fn encode() -> impl FnMut(u64) {
    let mut out: Vec<u8> = Vec::new();
    move |count| {
        for number in 0..count {
            let message = typical(70_000 + number, black_box(&[b'x'; 256]));
            out.clear();
            Serializable(message).serialize(&mut Serializer::from(&mut out)).expect("it can be encoded");
            black_box(&out);
        }
    }
}

/// Decodes the message, of which it can only do all.
pub fn decode() -> impl FnMut(u64) {
    let bytes = to_vec(&Serializable(typical(70_000, &[b'x'; 256]))).expect("it can be encoded");
    move |count| {
        for _ in 0..count {
            let message = from_slice::<Deserializable<Message<Data>>>(black_box(&bytes));
            black_box(message.expect("it was encoded here").0);
        }
    }
}
