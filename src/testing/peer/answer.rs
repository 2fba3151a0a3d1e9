//! The answers that accept what a frame asks for.

use alloc::vec::Vec;

use crate::{
    codec::Encode,
    frame::ProtocolHeader,
    spec::{
        definitions::Role,
        performatives::{Attach, Begin, Close, Detach, Disposition, End, Flow, Open, Transfer},
        sasl::{SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse},
    },
    testing::frames::{
        accepted, begin_answer, flow, frame, link_flow, open, sasl_frame, sasl_init, sasl_outcome,
    },
    types::{SequenceNo, Symbol},
};

/// The bytes that accept what this asks for; none if nothing is asked.
pub trait Answer {
    /// Returns the bytes that answer one received on a channel.
    fn answer(channel: u16, received: &Self) -> Vec<u8>;
}

fn unless(condition: bool, channel: u16, answer: &impl Encode) -> Vec<u8> {
    if condition { Vec::new() } else { frame(channel, answer) }
}

const fn other(role: Role) -> Role {
    match role {
        Role::Sender => Role::Receiver,
        Role::Receiver => Role::Sender,
    }
}

impl Answer for ProtocolHeader {
    fn answer(_: u16, header: &Self) -> Vec<u8> {
        header.to_bytes().into()
    }
}

impl Answer for Open {
    fn answer(channel: u16, _: &Self) -> Vec<u8> {
        frame(channel, &open())
    }
}

impl Answer for Begin {
    fn answer(channel: u16, begin: &Self) -> Vec<u8> {
        unless(begin.remote_channel.is_some(), channel, &begin_answer(channel))
    }
}

impl Answer for Attach {
    fn answer(channel: u16, attach: &Self) -> Vec<u8> {
        let role = other(attach.role);
        let answer = Self {
            role,
            unsettled: None,
            incomplete_unsettled: false,
            // 2.7.3: a sender must set it.
            initial_delivery_count: (role == Role::Sender).then(|| SequenceNo::new(0)),
            max_message_size: None,
            properties: None,
            ..attach.clone()
        };
        frame(channel, &answer)
    }
}

impl Answer for Flow {
    fn answer(channel: u16, received: &Self) -> Vec<u8> {
        let answer = received.handle.map_or_else(flow, |handle| Self {
            delivery_count: received.delivery_count,
            ..link_flow(handle.get(), 0)
        });
        // All that was sent before it has arrived.
        let answer = Self { next_incoming_id: Some(received.next_outgoing_id), ..answer };
        unless(!received.echo, channel, &answer)
    }
}

impl Answer for Transfer {
    fn answer(channel: u16, transfer: &Self) -> Vec<u8> {
        match transfer.delivery_id {
            Some(id) if !transfer.more && !transfer.aborted && transfer.settled != Some(true) => {
                frame(channel, &accepted(id.get(), None))
            }
            _ => Vec::new(),
        }
    }
}

impl Answer for Disposition {
    fn answer(channel: u16, disposition: &Self) -> Vec<u8> {
        let answer = Self { role: other(disposition.role), settled: true, ..disposition.clone() };
        unless(disposition.settled, channel, &answer)
    }
}

impl Answer for Detach {
    fn answer(channel: u16, detach: &Self) -> Vec<u8> {
        frame(channel, &Self { error: None, ..detach.clone() })
    }
}

impl Answer for End {
    fn answer(channel: u16, _: &Self) -> Vec<u8> {
        frame(channel, &Self::default())
    }
}

impl Answer for Close {
    fn answer(channel: u16, _: &Self) -> Vec<u8> {
        frame(channel, &Self::default())
    }
}

impl Answer for SaslMechanisms {
    fn answer(_: u16, _: &Self) -> Vec<u8> {
        sasl_frame(&sasl_init(const { Symbol::from_static("ANONYMOUS") }))
    }
}

impl Answer for SaslInit {
    fn answer(_: u16, _: &Self) -> Vec<u8> {
        sasl_frame(&sasl_outcome(SaslCode::Ok))
    }
}

impl Answer for SaslChallenge {
    fn answer(_: u16, _: &Self) -> Vec<u8> {
        sasl_frame(&SaslResponse { response: Default::default() })
    }
}

impl Answer for SaslResponse {
    fn answer(_: u16, _: &Self) -> Vec<u8> {
        sasl_frame(&sasl_outcome(SaslCode::Ok))
    }
}

impl Answer for SaslOutcome {
    fn answer(_: u16, _: &Self) -> Vec<u8> {
        ProtocolHeader::AMQP.to_bytes().into()
    }
}
