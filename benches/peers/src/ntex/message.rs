//! The typical message.

use std::hint::black_box;

use ntex_amqp_codec::{Decode, Encode, Message, protocol::MessageId};
use ntex_bytes::{BytePages, ByteString, Bytes};

use super::encoded;

fn typical(number: u64, data: &Bytes) -> Message {
    let mut message = Message::with_body(data.clone());
    message.set_properties(|properties| {
        properties.message_id = Some(MessageId::Ulong(number));
        properties.to = Some(ByteString::from_static("amqp://broker.example.com/queue/orders"));
        properties.subject = Some(ByteString::from_static("order.created"));
    });
    message
        .set_app_property("tenant", ByteString::from_static("acme-corp"))
        .set_app_property("seq", number)
        .set_app_property("priority", 5_i32)
        .set_app_property("retry", false);
    message
}

fn data() -> Bytes {
    Bytes::from(vec![b'x'; 256])
}

/// Builds the message and encodes it to pages that are kept.
pub fn encode() -> impl FnMut(u64) {
    let data = data();
    let mut pages = BytePages::default();
    move |count| {
        for number in 0..count {
            let message = typical(70_000 + number, black_box(&data));
            pages.clear();
            message.encode(&mut pages);
            black_box(&pages);
        }
    }
}

/// Decodes the message, of which it can only do all.
pub fn decode() -> impl FnMut(u64) {
    let bytes = encoded(&typical(70_000, &data()));
    move |count| {
        for _ in 0..count {
            black_box(Message::decode(&mut black_box(&bytes).clone())).expect("it was encoded here");
        }
    }
}
