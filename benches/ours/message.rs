//! The typical message in this crate's hands.

use std::hint::black_box;

use amqp_proto::{
    frame::Payload,
    message::{DataBody, Message, MessageBuilder, NoBody, ParseOptions},
};
use bytes::Bytes;

fn typical(builder: MessageBuilder<NoBody>, number: u64, data: Bytes) -> MessageBuilder<DataBody> {
    builder
        .message_id(number)
        .to("amqp://broker.example.com/queue/orders")
        .subject("order.created")
        .application_property("tenant", "acme-corp")
        .application_property("seq", number)
        .application_property("priority", 5_i32)
        .application_property("retry", false)
        .data(data)
}

fn encoded() -> Payload {
    typical(Message::builder(), 70_000, Bytes::from(vec![b'x'; 256])).build()
}

fn parse(payload: &Payload) -> Message {
    Message::parse(black_box(payload).clone(), &ParseOptions::default()).expect("it was built here")
}

/// Builds the message and encodes it, in the same memory as the one before.
pub fn encode() -> impl FnMut(u64) {
    let data = Bytes::from(vec![b'x'; 256]);
    let mut builder = Some(Message::builder());
    let mut out = Vec::new();
    move |count| {
        for number in 0..count {
            let full = typical(builder.take().unwrap_or_default(), 70_000 + number, data.clone());
            out.clear();
            full.encode_into(&mut out);
            black_box(&out);
            builder = Some(full.clear());
        }
    }
}

/// Decodes all of the message, and leaves its texts and bytes where they are.
pub fn decode_all() -> impl FnMut(u64) {
    let payload = encoded();
    move |count| {
        for _ in 0..count {
            let message = parse(&payload);
            let properties = message.properties_ref().expect("it was built here");
            black_box(&properties);
            for property in message.application_properties_ref().expect("it was built here") {
                black_box(property).expect("it was built here");
            }
            message.data_chunks().for_each(|piece| {
                black_box(piece);
            });
        }
    }
}

/// Decodes one property of the message.
pub fn decode_one() -> impl FnMut(u64) {
    let payload = encoded();
    move |count| {
        for _ in 0..count {
            black_box(parse(&payload).to()).expect("it was built here");
        }
    }
}
