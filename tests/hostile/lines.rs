//! What the engine writes, a line for each header and frame, and the rules that hold for each.

use amqp_proto::{
    spec::{
        definitions::{AmqpError, ErrorCondition},
        performatives::Performative,
    },
    testing::Frame,
};
use bytes::BytesMut;

/// Takes a header or a frame off the front, as a line.
pub fn next_line(wire: &mut BytesMut) -> Option<String> {
    if wire.len() >= 8 && !wire.starts_with(b"AMQP") {
        assert_eq!(wire[4], 2, "our frames have no extended header");
        assert!(wire[5] != 1 || wire[6..8] == [0, 0], "SASL frames have no channel");
    }
    let Some(frame) = Frame::take(wire).unwrap() else {
        assert!(wire.is_empty(), "a cut frame");
        return None;
    };
    if let Frame::Amqp { channel, performative, .. } = &frame {
        check(*channel, performative);
    }
    Some(frame.to_string())
}

fn check(channel: u16, performative: &Performative) {
    match performative {
        Performative::Open(open) => {
            assert_eq!(channel, 0, "open goes on channel 0");
            assert!(open.outgoing_locales.is_empty() && open.incoming_locales.is_empty());
        }
        Performative::Flow(flow) if flow.handle.is_none() => {
            let of_link = (flow.delivery_count, flow.link_credit, flow.available, flow.drain);
            assert_eq!(of_link, (None, None, None, false), "the flow is of no link");
        }
        Performative::Transfer(transfer) => {
            let first = transfer.delivery_id.is_some();
            let named = (transfer.delivery_tag.is_some(), transfer.message_format.is_some());
            assert_eq!(named, (first, first), "a first transfer has all three, a continuation none");
        }
        Performative::Detach(detach) => check_error(detach.error.as_deref()),
        Performative::End(end) => check_error(end.error.as_deref()),
        Performative::Close(close) => {
            assert_eq!(channel, 0, "close goes on channel 0");
            check_error(close.error.as_deref());
        }
        Performative::Begin(_)
        | Performative::Attach(_)
        | Performative::Flow(_)
        | Performative::Disposition(_) => {}
    }
}

/// True if a text names the section that was broken, or the limit or the time that was exceeded.
fn names_a_rule(text: &str) -> bool {
    let mut parts = text.split('(').skip(1);
    let has_section = parts.any(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    has_section || text.contains("max_") || text.ends_with(" ms")
}

/// Fails if an error of the engine's own does not say in words what is wrong, or says too much. The rows use the two
/// conditions of an application, bare.
fn check_error(error: Option<&AmqpError>) {
    let Some(error) = error else { return };
    let ours = !matches!(error.condition, ErrorCondition::InternalError | ErrorCondition::NotFound);
    let why = error.description.as_deref().unwrap_or_default();
    assert!(!ours || names_a_rule(why), "{error} without a rule");
    assert!(why.len() < 170, "{} bytes: {error}", why.len());
}
