//! Performatives with the fewest sensible fields, and the bytes of the frames around them.
//!
//! Each function fills what the standard requires and what most tests want; the rest is set by struct update.
//!
//! ```
//! use amqp_proto::{spec::performatives::Transfer, testing::frames};
//!
//! let aborted = Transfer { aborted: true, ..frames::transfer(0, 7) };
//! let bytes = [frames::AMQP, &frames::frame(0, &frames::open()), &frames::frame(1, &aborted)].concat();
//! assert!(bytes.starts_with(b"AMQP\x00\x01\x00\x00\x00\x00\x00\x14\x02\x00\x00\x00"));
//! ```

use alloc::{boxed::Box, vec::Vec};

use crate::{
    codec::{Encode, to_vec},
    frame::ProtocolHeader,
    spec::{
        definitions::Role,
        delivery_state::DeliveryState,
        performatives::{Attach, Begin, Detach, Disposition, Flow, Open, Transfer},
        sasl::{SaslCode, SaslInit, SaslMechanisms, SaslOutcome},
        terminus::{Source, Target, TargetArchetype},
    },
    types::{DeliveryTag, Handle, SequenceNo, Symbol, TransferNumber},
};

/// The protocol header of AMQP 1.0.0 (2.2).
pub const AMQP: &[u8] = &ProtocolHeader::AMQP.to_bytes();
/// The protocol header of a SASL layer (5.3.1).
pub const SASL: &[u8] = &ProtocolHeader::SASL.to_bytes();

/// The windows of [`begin`] and [`flow`], in transfers.
const WINDOW: u32 = 100;

/// Returns an open of the container `peer`.
pub fn open() -> Open {
    Open { container_id: "peer".into(), ..Open::default() }
}

/// Returns a begin that requests a session, with windows of 100 transfers.
pub fn begin() -> Begin {
    Begin { incoming_window: WINDOW, outgoing_window: WINDOW, ..Begin::default() }
}

/// Returns a begin that answers the one received on channel `remote` (2.5.1).
pub fn begin_answer(remote: u16) -> Begin {
    Begin { remote_channel: Some(remote.into()), ..begin() }
}

/// Returns an attach with a source and a target without address. `role` is that of the end which sends it.
pub fn attach(name: &str, handle: u32, role: Role) -> Attach {
    Attach {
        name: name.into(),
        handle: Handle::new(handle),
        role,
        source: Some(Box::new(Source::default())),
        target: Some(Box::new(TargetArchetype::Target(Target::default()))),
        // 2.7.3: a sender must set it.
        initial_delivery_count: (role == Role::Sender).then(|| SequenceNo::new(0)),
        ..Attach::default()
    }
}

/// Returns a flow of a session's windows alone: 100 transfers each, none received yet.
pub fn flow() -> Flow {
    Flow {
        next_incoming_id: Some(TransferNumber::new(0)),
        incoming_window: WINDOW,
        outgoing_window: WINDOW,
        ..Flow::default()
    }
}

/// Returns the flow of a link on which nothing has been delivered, with this credit.
pub fn link_flow(handle: u32, credit: u32) -> Flow {
    Flow {
        handle: Some(Handle::new(handle)),
        delivery_count: Some(SequenceNo::new(0)),
        link_credit: Some(credit),
        ..flow()
    }
}

/// Returns the only transfer of an unsettled delivery. Its number is its tag too.
pub fn transfer(handle: u32, id: u32) -> Transfer {
    Transfer {
        handle: Handle::new(handle),
        delivery_id: Some(id.into()),
        delivery_tag: Some(DeliveryTag::from(id)),
        message_format: Some(Default::default()),
        ..Transfer::default()
    }
}

/// Returns the only transfer of a settled delivery.
pub fn settled(handle: u32, id: u32) -> Transfer {
    Transfer { settled: Some(true), ..transfer(handle, id) }
}

/// Returns the first of several transfers of a delivery.
pub fn more(handle: u32, id: u32) -> Transfer {
    Transfer { more: true, ..transfer(handle, id) }
}

/// Returns the last of several transfers of a delivery.
pub fn continuation(handle: u32) -> Transfer {
    Transfer { handle: Handle::new(handle), ..Transfer::default() }
}

/// Returns the disposition of a receiver that accepts and settles the deliveries from `first` to `last`.
pub fn accepted(first: u32, last: Option<u32>) -> Disposition {
    Disposition {
        role: Role::Receiver,
        first: first.into(),
        last: last.map(Into::into),
        settled: true,
        state: Some(DeliveryState::ACCEPTED),
        batchable: false,
    }
}

/// Returns a detach without an error.
pub fn detach(handle: u32, closed: bool) -> Detach {
    Detach { handle: Handle::new(handle), closed, error: None }
}

/// Returns a server's list of this one mechanism.
pub fn sasl_mechanisms(mechanism: Symbol) -> SaslMechanisms {
    SaslMechanisms { sasl_server_mechanisms: [mechanism].into_iter().collect() }
}

/// Returns a client's choice of this mechanism, without an initial response.
pub fn sasl_init(mechanism: Symbol) -> SaslInit {
    SaslInit { mechanism, initial_response: None, hostname: None }
}

/// Returns the end of a SASL exchange, with this result.
pub fn sasl_outcome(code: SaslCode) -> SaslOutcome {
    SaslOutcome { code, additional_data: None }
}

/// Returns the bytes of a frame with this performative.
pub fn frame(channel: u16, performative: &impl Encode) -> Vec<u8> {
    with_payload(channel, performative, &[])
}

/// Returns the bytes of a frame with this performative, usually a transfer, and a payload behind it.
pub fn with_payload(channel: u16, performative: &impl Encode, payload: &[u8]) -> Vec<u8> {
    raw(0, channel, &[&to_vec(performative), payload].concat())
}

/// Returns the bytes of a SASL frame.
pub fn sasl_frame(body: &impl Encode) -> Vec<u8> {
    raw(1, 0, &to_vec(body))
}

/// Returns the bytes of a frame of any type (2.3.1), with any body: none makes an empty frame.
pub fn raw(kind: u8, channel: u16, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len().saturating_add(8)).unwrap_or(u32::MAX);
    [&size.to_be_bytes(), [2, kind].as_slice(), &channel.to_be_bytes(), body].concat()
}
