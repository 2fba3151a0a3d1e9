//! What a peer says: performatives with the least in them, and the frames around them.

use amqp_proto::{
    codec::{Encode, to_vec},
    spec::{
        definitions::Role,
        delivery_state::DeliveryState,
        performatives as p,
        terminus::{Source, Target, TargetArchetype},
    },
    types::{DeliveryTag, Handle, SequenceNo, TransferNumber},
};

pub const AMQP: &[u8] = b"AMQP\x00\x01\x00\x00";
pub const SASL: &[u8] = b"AMQP\x03\x01\x00\x00";

pub fn open() -> p::Open {
    p::Open { container_id: "peer".into(), ..p::Open::default() }
}

pub fn begin() -> p::Begin {
    p::Begin { incoming_window: 100, outgoing_window: 100, ..p::Begin::default() }
}

pub fn answer(remote: u16) -> p::Begin {
    p::Begin { remote_channel: Some(remote.into()), ..begin() }
}

pub fn attach(name: &str, handle: u32, role: Role) -> p::Attach {
    p::Attach {
        name: name.into(),
        handle: Handle::new(handle),
        role,
        source: Some(Box::new(Source::default())),
        target: Some(Box::new(TargetArchetype::Target(Target::default()))),
        initial_delivery_count: (role == Role::Sender).then(|| SequenceNo::new(0)),
        ..p::Attach::default()
    }
}

pub fn flow() -> p::Flow {
    p::Flow {
        next_incoming_id: Some(TransferNumber::new(0)),
        incoming_window: 100,
        outgoing_window: 100,
        ..p::Flow::default()
    }
}

pub fn link_flow(handle: u32, credit: u32) -> p::Flow {
    p::Flow {
        handle: Some(Handle::new(handle)),
        delivery_count: Some(SequenceNo::new(0)),
        link_credit: Some(credit),
        ..flow()
    }
}

/// The first transfer of a delivery; its number is its tag.
pub fn transfer(handle: u32, id: u32) -> p::Transfer {
    p::Transfer {
        handle: Handle::new(handle),
        delivery_id: Some(id.into()),
        delivery_tag: Some(DeliveryTag::from(id)),
        message_format: Some(Default::default()),
        ..p::Transfer::default()
    }
}

pub fn settled(handle: u32, id: u32) -> p::Transfer {
    p::Transfer { settled: Some(true), ..transfer(handle, id) }
}

pub fn more(handle: u32, id: u32) -> p::Transfer {
    p::Transfer { more: true, ..transfer(handle, id) }
}

pub fn continuation(handle: u32) -> p::Transfer {
    p::Transfer { handle: Handle::new(handle), ..p::Transfer::default() }
}

pub fn detach(handle: u32, closed: bool) -> p::Detach {
    p::Detach { handle: Handle::new(handle), closed, error: None }
}

pub fn outcome(first: u32, last: Option<u32>) -> p::Disposition {
    p::Disposition {
        role: Role::Receiver,
        first: first.into(),
        last: last.map(Into::into),
        settled: true,
        state: Some(DeliveryState::ACCEPTED),
        batchable: false,
    }
}

pub fn frame(channel: u16, performative: &impl Encode) -> Vec<u8> {
    with_payload(channel, performative, &[])
}

pub fn with_payload(channel: u16, performative: &impl Encode, payload: &[u8]) -> Vec<u8> {
    raw(0, channel, &[&to_vec(performative), payload].concat())
}

pub fn sasl_frame(performative: &impl Encode) -> Vec<u8> {
    raw(1, 0, &to_vec(performative))
}

pub fn raw(kind: u8, channel: u16, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes(), [2, kind].as_slice(), &channel.to_be_bytes(), body].concat()
}
