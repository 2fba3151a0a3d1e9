//! What the engine finds wrong is described with the thing that it is about, the state or number, and the section.

use amqp_proto::{
    ConnectionConfig, CreditPolicy, Event, Limits, ReceiverConfig, Timeouts,
    codec::Encode,
    spec::{
        definitions::Role,
        performatives::{Attach, Begin, Detach, Disposition, Flow, Open, Transfer},
    },
    types::{Channel, DeliveryTag, Handle},
};

use super::performative;
use crate::support::{Fed, frame};

const LINK: &str = "events of 2026, for the auditors \u{202e}";

fn config() -> ConnectionConfig {
    ConnectionConfig::server("s").channel_max(7).limits(Limits::default().max_unsettled(4))
}

/// A server with a link that it receives on, of the peer's handle 3, with two credits.
fn receiving() -> Fed {
    let mut fed = Fed::server_with(config());
    let (name, role) = (LINK.into(), Role::Sender);
    let attach = Attach { name, handle: Handle::new(3), role, ..Attach::default() };
    fed.feed_bytes(&performative(&Attach { initial_delivery_count: Some(9.into()), ..attach }));
    let receiver = fed.receiver_asked_for();
    let settings = ReceiverConfig::new().credit(CreditPolicy::Manual).max_message_size(10);
    fed.connection.accept_receiver(receiver, settings).unwrap();
    fed.connection.receiver(receiver).unwrap().set_credit(2).unwrap();
    fed.write();
    fed.events();
    fed
}

fn transfer(handle: u32, id: u32, payload: &[u8]) -> Vec<u8> {
    let (handle, delivery_id) = (Handle::new(handle), Some(id.into()));
    let delivery_tag = Some(DeliveryTag::try_from(&b"tag"[..]).unwrap());
    let mut body =
        amqp_proto::codec::to_vec(&Transfer { handle, delivery_id, delivery_tag, ..Transfer::default() });
    body.extend_from_slice(payload);
    frame(0, &body)
}

fn on(channel: u16, body: &impl Encode) -> Vec<u8> {
    frame(channel, &amqp_proto::codec::to_vec(body))
}

/// Feeds frames, and returns the details of the errors that they cause.
fn details(fed: &mut Fed, frames: &[u8]) -> Vec<String> {
    fed.feed_bytes(frames);
    fed.events().iter().filter_map(Event::error_detail).collect()
}

#[test]
fn fault_of_a_frame_is_described_with_its_handle_channel_or_delivery_id() {
    let flow =
        |next: u32| Flow { next_incoming_id: Some(next.into()), incoming_window: 9, ..Flow::default() };
    let disposition = Disposition { first: 5.into(), last: Some(3.into()), ..Disposition::default() };
    let begin = |remote| Begin { remote_channel: Some(Channel::new(remote)), ..Begin::default() };
    let link = "link \"events of 2026, for the auditors…\": ";
    for (frames, condition, text) in [
        (
            [transfer(3, 0, b""), transfer(3, 1, b""), transfer(3, 2, b"")].concat(),
            "amqp:link:transfer-limit-exceeded",
            &*format!("{link}a delivery beyond the link-credit, 0 at delivery-count 11 (2.6.7)"),
        ),
        (
            transfer(3, 0, &[0; 11]),
            "amqp:link:message-size-exceeded",
            &format!("{link}a message of 11 bytes or more exceeds the maximum of 10 (2.7.3)"),
        ),
        (
            [transfer(3, 0, b""), transfer(3, 2, b"")].concat(),
            "amqp:invalid-field",
            "a delivery of delivery-id 2, and 1 is the next (2.8.8)",
        ),
        (transfer(4, 0, b""), "amqp:session:unattached-handle", "handle 4 is not attached (2.8.17)"),
        (
            on(0, &disposition),
            "amqp:not-allowed",
            "a disposition whose last, 3, is before its first, 5 (2.7.6)",
        ),
        (
            on(0, &flow(8)),
            "amqp:invalid-field",
            "next-incoming-id 8 in a flow is ahead of next-outgoing-id 0 (2.5.6)",
        ),
        (
            on(0, &Attach { name: "other".into(), handle: Handle::new(3), ..Attach::default() }),
            "amqp:session:handle-in-use",
            "handle 3 is in use by another link (2.7.3)",
        ),
        (on(2, &flow(0)), "amqp:not-allowed", "a frame on channel 2, which has no session (2.5.1)"),
        (
            on(9, &Begin::default()),
            "amqp:connection:framing-error",
            "channel 9 is above our channel-max of 7 (2.7.1)",
        ),
        (on(0, &Begin::default()), "amqp:not-allowed", "a begin on channel 0, which a session uses (2.5.1)"),
        (
            on(1, &begin(0)),
            "amqp:not-allowed",
            "a begin with remote-channel 0, which answers none: MAPPED (2.7.2)",
        ),
        (on(0, &Open::default()), "amqp:illegal-state", "a second open (2.4.1)"),
        (
            frame(0, b"\x00\x53\x16\xc0\x03\x01\x43"),
            "amqp:decode-error",
            "the value is cut short (1.2) at byte 5",
        ),
    ] {
        let details = details(&mut receiving(), &frames);
        let expected = format!("{condition}: {text}");
        assert!(details.contains(&expected), "no {expected:?} in {details:?}");
    }
}

#[test]
fn deliveries_beyond_the_window_or_the_limit_are_described_with_both_numbers() {
    let mut fed = Fed::server_with(config().limits(Limits::default().max_unsettled(1)));
    let attach = Attach { name: "l".into(), role: Role::Sender, ..Attach::default() };
    fed.feed_bytes(&performative(&Attach { initial_delivery_count: Some(0.into()), ..attach }));
    let receiver = fed.receiver_asked_for();
    fed.connection.accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(100))).unwrap();
    fed.write();
    let transfers: Vec<u8> = (0..100).flat_map(|id| transfer(0, id, b"")).collect();
    let details = details(&mut fed, &transfers);
    let text = "more deliveries are unsettled than max_unsettled or the memory allows: 1";
    assert!(details.contains(&format!("amqp:resource-limit-exceeded: {text}")), "{details:?}");
}

#[test]
fn frame_before_open_is_described_with_the_state() {
    let mut fed = Fed::new(ConnectionConfig::server("s"));
    fed.feed("414d515000010000");
    let details = details(&mut fed, &performative(&Detach::default()));
    let text = "amqp:not-allowed: open is due, not Detach: the connection is HDR_EXCH (2.4.7)";
    assert_eq!(details, [text]);
}

#[test]
fn peer_that_does_not_answer_is_described_with_the_state_and_the_time() {
    let timeouts = Timeouts::default().open(std::time::Duration::from_millis(700));
    let mut fed = Fed::new(ConnectionConfig::client("c").timeouts(timeouts));
    fed.connection.open().unwrap();
    fed.write();
    fed.pass(700);
    let details: Vec<String> = fed.events().iter().filter_map(Event::error_detail).collect();
    let text = "the peer did not open in time: OPEN_PIPE for 700 ms";
    assert_eq!(details, [format!("amqp:resource-limit-exceeded: {text}")]);
}
