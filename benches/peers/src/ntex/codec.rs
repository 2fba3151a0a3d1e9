//! Transfer and attach to bytes and back.

use std::hint::black_box;

use ntex_amqp_codec::{
    Decode, Encode,
    protocol::{
        Accepted, Attach, AttachInner, DeliveryState, Frame, ReceiverSettleMode, Role, Source, Target,
        TerminusDurability, TerminusExpiryPolicy, Transfer, TransferInner,
    },
};
use ntex_bytes::{BytePages, ByteString, Bytes};

use super::encoded;

fn transfer() -> Transfer {
    Transfer(Box::new(TransferInner {
        handle: 0,
        delivery_id: Some(70_000),
        delivery_tag: Some(Bytes::copy_from_slice(&1_u64.to_be_bytes())),
        message_format: Some(0),
        settled: Some(false),
        ..TransferInner::default()
    }))
}

fn resumed() -> Transfer {
    let Transfer(usual) = transfer();
    Transfer(Box::new(TransferInner {
        rcv_settle_mode: Some(ReceiverSettleMode::First),
        state: Some(DeliveryState::Accepted(Accepted {})),
        batchable: true,
        ..*usual
    }))
}

fn source() -> Source {
    Source {
        address: Some(ByteString::from_static("src")),
        durable: TerminusDurability::None,
        expiry_policy: TerminusExpiryPolicy::SessionEnd,
        timeout: 0,
        dynamic: false,
        dynamic_node_properties: None,
        distribution_mode: None,
        filter: None,
        default_outcome: None,
        outcomes: None,
        capabilities: None,
    }
}

fn target() -> Target {
    Target {
        address: Some(ByteString::from_static("queue/orders")),
        durable: TerminusDurability::None,
        expiry_policy: TerminusExpiryPolicy::SessionEnd,
        timeout: 0,
        dynamic: false,
        dynamic_node_properties: None,
        capabilities: None,
    }
}

fn attach() -> Attach {
    Attach(Box::new(AttachInner {
        name: ByteString::from_static("link-00000000"),
        handle: 0,
        role: Role::Sender,
        source: Some(source()),
        target: Some(target()),
        initial_delivery_count: Some(0),
        ..AttachInner::default()
    }))
}

/// Encodes to pages that are kept.
fn encode(value: impl Encode) -> impl FnMut(u64) {
    let mut pages = BytePages::default();
    move |count| {
        for _ in 0..count {
            pages.clear();
            black_box(&value).encode(&mut pages);
            black_box(&pages);
        }
    }
}

/// Decodes whichever performative comes.
fn decode(value: impl Encode) -> impl FnMut(u64) {
    let bytes = encoded(&value);
    move |count| {
        for _ in 0..count {
            black_box(Frame::decode(&mut black_box(&bytes).clone())).expect("it was encoded here");
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
