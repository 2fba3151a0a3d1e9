//! What the engine says, a line for each header and frame.

use amqp_proto::{
    DecodeLimits,
    codec::{Decode, Decoder},
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        delivery_state::DeliveryState,
        performatives::Performative,
        sasl::SaslFrame,
    },
    types::Str,
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
        return Some(format!("EMPTY@{channel}"));
    }
    let mut reader = Decoder::new(&body, DecodeLimits::DEFAULT);
    if frame[5] == 1 {
        assert_eq!(channel, 0, "SASL frames have no channel");
        return Some(match SaslFrame::decode(&mut reader).unwrap() {
            SaslFrame::SaslOutcome(outcome) => format!("SASL-OUTCOME {:?}", outcome.code),
            SaslFrame::SaslInit(init) => format!("SASL-INIT {}{}", init.mechanism, host(init.hostname)),
            other => format!("{other:?}").split('(').next().unwrap().to_uppercase(),
        });
    }
    let performative = Performative::decode(&mut reader).unwrap();
    Some(line_of(channel, &performative, reader.take_rest().len()))
}

/// True if a text names the section that was broken, or the limit or the time that was exceeded.
fn names_a_rule(text: &str) -> bool {
    let mut parts = text.split('(').skip(1);
    let has_section = parts.any(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    has_section || text.contains("max_") || text.ends_with(" ms")
}

fn condition(error: Option<&AmqpError>) -> String {
    error.map_or_else(String::new, |error| {
        // What the engine finds fault with it says in words; the rows give these two for an application, bare.
        let ours = !matches!(error.condition, ErrorCondition::InternalError | ErrorCondition::NotFound);
        let why = error.description.as_deref().unwrap_or_default();
        assert!(!ours || names_a_rule(why), "{error} without a rule");
        assert!(why.len() < 170, "{} bytes: {error}", why.len());
        format!(" {}", error.condition.as_str())
    })
}

fn host(name: Option<Str>) -> String {
    name.map_or_else(String::new, |name| format!(" to {name}"))
}

fn line_of(channel: u16, performative: &Performative, payload: usize) -> String {
    match performative {
        Performative::Open(open) => {
            assert_eq!(channel, 0, "open goes on channel 0");
            assert!(open.outgoing_locales.is_empty() && open.incoming_locales.is_empty());
            format!("OPEN{}", host(open.hostname.clone()))
        }
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
            None => {
                let of_link = (flow.delivery_count, flow.link_credit, flow.available, flow.drain);
                assert_eq!(of_link, (None, None, None, false), "no link is spoken of");
                format!(
                    "FLOW@{channel} next={} window={}",
                    flow.next_incoming_id.map_or_else(|| "-".into(), |next| next.to_string()),
                    flow.incoming_window
                )
            }
            Some(handle) => format!(
                "FLOW@{channel} {handle} count={} credit={}{}{}{}",
                flow.delivery_count.map_or_else(|| "-".into(), |count| count.to_string()),
                flow.link_credit.unwrap_or(0),
                match flow.available {
                    None | Some(0) => String::new(),
                    Some(available) => format!(" available={available}"),
                },
                if flow.drain { " drain" } else { "" },
                if flow.next_incoming_id.is_none() { " unbegun" } else { "" }
            ),
        },
        Performative::Transfer(transfer) => {
            let first = transfer.delivery_id.is_some();
            let named = (transfer.delivery_tag.is_some(), transfer.message_format.is_some());
            assert_eq!(named, (first, first), "a first transfer has all three, a continuation none");
            format!(
                "TRANSFER@{channel} {} {payload} bytes{}{}{}",
                transfer.handle,
                if transfer.settled == Some(true) { " settled" } else { "" },
                if transfer.more { " more" } else { "" },
                if transfer.aborted { " aborted" } else { "" }
            )
        }
        Performative::Disposition(disposition) => format!(
            "DISPOSITION@{channel} {} {}{}{}{}",
            if disposition.role == Role::Receiver { "receiver" } else { "sender" },
            disposition.first,
            disposition.last.map_or_else(String::new, |last| format!("..{last}")),
            if disposition.settled { " settled" } else { "" },
            match &disposition.state {
                Some(DeliveryState::Accepted(_)) => " accepted",
                Some(DeliveryState::Rejected(_)) => " rejected",
                Some(_) => " other",
                None => "",
            }
        ),
        Performative::Detach(detach) => format!(
            "DETACH@{channel} {}{}{}",
            detach.handle,
            if detach.closed { " closed" } else { "" },
            condition(detach.error.as_deref())
        ),
        Performative::End(end) => format!("END@{channel}{}", condition(end.error.as_deref())),
        Performative::Close(close) => {
            assert_eq!(channel, 0, "close goes on channel 0");
            format!("CLOSE{}", condition(close.error.as_deref()))
        }
    }
}
