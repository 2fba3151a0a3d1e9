//! Transfer and attach to bytes and back.

use std::hint::black_box;

use fe2o3_amqp_types::{
    definitions::{DeliveryTag, Handle, ReceiverSettleMode, Role, SenderSettleMode},
    messaging::{Accepted, DeliveryState, Source, Target},
    performatives::{Attach, Performative, Transfer},
};
use serde::Serialize;
use serde_amqp::{from_slice, ser::Serializer, to_vec};

fn transfer() -> Transfer {
    Transfer {
        handle: Handle(0),
        delivery_id: Some(70_000),
        delivery_tag: Some(DeliveryTag::from(1_u64.to_be_bytes())),
        message_format: Some(0),
        settled: Some(false),
        more: false,
        rcv_settle_mode: None,
        state: None,
        resume: false,
        aborted: false,
        batchable: false,
    }
}

fn resumed() -> Transfer {
    Transfer {
        rcv_settle_mode: Some(ReceiverSettleMode::First),
        state: Some(DeliveryState::Accepted(Accepted {})),
        batchable: true,
        ..transfer()
    }
}

fn attach() -> Attach {
    Attach {
        name: "link-00000000".into(),
        handle: Handle(0),
        role: Role::Sender,
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Box::new(Source::builder().address("src").build())),
        target: Some(Box::new(Target::builder().address("queue/orders").build().into())),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: Some(0),
        max_message_size: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

/// Encodes to a buffer that is kept.
fn encode(value: impl Serialize) -> impl FnMut(u64) {
    let mut out: Vec<u8> = Vec::new();
    move |count| {
        for _ in 0..count {
            out.clear();
            black_box(&value).serialize(&mut Serializer::from(&mut out)).expect("it can be encoded");
            black_box(&out);
        }
    }
}

/// Decodes whichever performative comes.
fn decode(value: impl Serialize) -> impl FnMut(u64) {
    let bytes = to_vec(&value).expect("it can be encoded");
    move |count| {
        for _ in 0..count {
            black_box(from_slice::<Performative>(black_box(&bytes))).expect("it was encoded here");
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
