//! Transfer and attach to bytes and back.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use ramqp_core::{
    codec::{Decode as _, Encode, to_bytes},
    types::{
        definitions::{ReceiverSettleMode, Role},
        messaging::{Accepted, DeliveryState, Source, Target, TargetArchetype},
        performatives::{Attach, Performative, Transfer},
    },
};

fn transfer() -> Transfer {
    Transfer {
        handle: 0,
        delivery_id: Some(70_000),
        delivery_tag: Some(Bytes::copy_from_slice(&1_u64.to_be_bytes())),
        message_format: Some(0),
        settled: Some(false),
        ..Transfer::default()
    }
}

fn resumed() -> Transfer {
    Transfer {
        rcv_settle_mode: Some(ReceiverSettleMode::First),
        state: Some(DeliveryState::Accepted(Accepted::default())),
        batchable: true,
        ..transfer()
    }
}

fn attach() -> Attach {
    Attach {
        name: "link-00000000".into(),
        handle: 0,
        role: Role::Sender,
        source: Some(Source::new("src")),
        target: Some(TargetArchetype::from(Target::new("queue/orders"))),
        initial_delivery_count: Some(0),
        ..Attach::default()
    }
}

/// Encodes to a buffer that is kept.
fn encode(value: impl Encode) -> impl FnMut(u64) {
    let mut out = BytesMut::new();
    move |count| {
        for _ in 0..count {
            out.clear();
            black_box(&value).encode(&mut out);
            black_box(&out);
        }
    }
}

/// Decodes whichever performative comes, from bytes that it may share.
fn decode(value: impl Encode) -> impl FnMut(u64) {
    let bytes = to_bytes(&value).freeze();
    move |count| {
        for _ in 0..count {
            black_box(Performative::decode(&mut black_box(&bytes).clone()).expect("it was encoded here"));
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
