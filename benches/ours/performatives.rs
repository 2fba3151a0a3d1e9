//! Transfer and attach to bytes and back.

use std::hint::black_box;

use amqp_proto::{
    DecodeLimits,
    codec::{Decode, Decoder, Encode, Encoder, to_vec},
    spec::{
        definitions::{ReceiverSettleMode, Role},
        delivery_state::DeliveryState,
        performatives::{Attach, Performative, Transfer},
        terminus::{Source, Target},
    },
    types::{Handle, MessageFormat},
};
use bytes::Bytes;

fn transfer() -> Transfer {
    Transfer {
        handle: Handle::new(0),
        delivery_id: Some(70_000.into()),
        delivery_tag: Some(1_u64.into()),
        message_format: Some(MessageFormat::default()),
        settled: Some(false),
        ..Transfer::default()
    }
}

/// A shape that is not the usual one: with a state, as where a delivery is resumed.
fn resumed() -> Transfer {
    Transfer {
        rcv_settle_mode: Some(ReceiverSettleMode::First),
        state: Some(DeliveryState::ACCEPTED),
        batchable: true,
        ..transfer()
    }
}

fn attach() -> Attach {
    Attach {
        name: "link-00000000".into(),
        role: Role::Sender,
        source: Some(Box::new(Source::at("src"))),
        target: Some(Target::at("queue/orders").into()),
        initial_delivery_count: Some(0.into()),
        ..Attach::default()
    }
}

/// Encodes to a buffer that is kept.
pub fn encode(value: impl Encode) -> impl FnMut(u64) {
    let mut out = Vec::new();
    move |count| {
        for _ in 0..count {
            out.clear();
            black_box(&value).encode(&mut Encoder::new(&mut out));
            black_box(&out);
        }
    }
}

/// Decodes as the engine does: whichever performative comes.
pub fn decode(value: impl Encode) -> impl FnMut(u64) {
    let bytes = Bytes::from(to_vec(&value));
    move |count| {
        for _ in 0..count {
            let mut reader = Decoder::new(black_box(&bytes), DecodeLimits::default());
            black_box(Performative::decode(&mut reader)).expect("it was encoded here");
        }
    }
}

pub fn encode_transfer() -> impl FnMut(u64) {
    encode(transfer())
}

pub fn decode_transfer() -> impl FnMut(u64) {
    decode(transfer())
}

pub fn encode_resumed() -> impl FnMut(u64) {
    encode(resumed())
}

pub fn decode_resumed() -> impl FnMut(u64) {
    decode(resumed())
}

pub fn encode_attach() -> impl FnMut(u64) {
    encode(attach())
}

pub fn decode_attach() -> impl FnMut(u64) {
    decode(attach())
}
