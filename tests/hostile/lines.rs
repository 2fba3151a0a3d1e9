//! What the engine says, a line for each header and frame.

use amqp_proto::{
    DecodeLimits,
    codec::{Decode, Reader},
    spec::{
        definitions::{Error, Role},
        delivery_state::DeliveryState,
        performatives::Performative,
        sasl::SaslFrame,
    },
};
use bytes::BytesMut;

/// Takes a header or a frame off the front, as a line.
pub fn next_line(wire: &mut BytesMut) -> Option<String> {
    if wire.len() < 8 {
        assert!(wire.is_empty(), "a cut frame");
        return None;
    }
    if wire.starts_with(b"AMQP") {
        let header = wire.split_to(8);
        return Some(format!("AMQP {} {}.{}.{}", header[4], header[5], header[6], header[7]));
    }
    let frame = wire.split_to(u32::from_be_bytes(wire[..4].try_into().unwrap()) as usize).freeze();
    assert_eq!(frame[4], 2, "our frames have no extended header");
    let channel = u16::from_be_bytes([frame[6], frame[7]]);
    let body = frame.slice(8..);
    if body.is_empty() {
        return Some("EMPTY".into());
    }
    let mut reader = Reader::new(&body, DecodeLimits::DEFAULT);
    if frame[5] == 1 {
        return Some(match SaslFrame::decode(&mut reader).unwrap() {
            SaslFrame::SaslOutcome(outcome) => format!("SASL-OUTCOME {:?}", outcome.code),
            SaslFrame::SaslInit(init) => format!("SASL-INIT {}", init.mechanism),
            other => format!("{other:?}").split('(').next().unwrap().to_uppercase(),
        });
    }
    let performative = Performative::decode(&mut reader).unwrap();
    Some(line_of(channel, &performative, reader.take_rest().len()))
}

fn condition(error: Option<&Error>) -> String {
    error.map_or_else(String::new, |error| format!(" {}", error.condition.as_str()))
}

fn line_of(channel: u16, performative: &Performative, payload: usize) -> String {
    match performative {
        Performative::Open(open) if open.max_frame_size == u32::MAX => "OPEN without limit".into(),
        Performative::Open(_) => "OPEN".into(),
        Performative::Begin(begin) => {
            let answers = begin.remote_channel.map_or_else(String::new, |to| format!(" to {to}"));
            format!("BEGIN@{channel}{answers}")
        }
        Performative::Attach(attach) => {
            let lacks = match attach.role {
                Role::Sender if attach.source.is_none() => " without source",
                Role::Receiver if attach.target.is_none() => " without target",
                _ => "",
            };
            format!("ATTACH@{channel} {} {}{lacks}", attach.handle, attach.name)
        }
        Performative::Flow(flow) => match flow.handle {
            None => format!(
                "FLOW@{channel} next={} window={}",
                flow.next_incoming_id.map_or_else(|| "-".into(), |next| next.to_string()),
                flow.incoming_window
            ),
            Some(handle) => format!(
                "FLOW@{channel} {handle} count={} credit={}{}{}",
                flow.delivery_count.map_or_else(|| "-".into(), |count| count.to_string()),
                flow.link_credit.unwrap_or(0),
                if flow.drain { " drain" } else { "" },
                if flow.next_incoming_id.is_none() { " unbegun" } else { "" }
            ),
        },
        Performative::Transfer(transfer) => format!(
            "TRANSFER@{channel} {} {payload} octets{}{}{}",
            transfer.handle,
            if transfer.settled == Some(true) { " settled" } else { "" },
            if transfer.more { " more" } else { "" },
            if transfer.aborted { " aborted" } else { "" }
        ),
        Performative::Disposition(told) => format!(
            "DISPOSITION@{channel} {} {}{}{}{}",
            if told.role == Role::Receiver { "receiver" } else { "sender" },
            told.first,
            told.last.map_or_else(String::new, |last| format!("..{last}")),
            if told.settled { " settled" } else { "" },
            if told.state == Some(DeliveryState::ACCEPTED) { " accepted" } else { "" }
        ),
        Performative::Detach(detach) => format!(
            "DETACH@{channel} {}{}{}",
            detach.handle,
            if detach.closed { " closed" } else { "" },
            condition(detach.error.as_deref())
        ),
        Performative::End(end) => format!("END@{channel}{}", condition(end.error.as_deref())),
        Performative::Close(close) => format!("CLOSE{}", condition(close.error.as_deref())),
    }
}
