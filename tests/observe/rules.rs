//! A case for each rule.

use std::collections::BTreeSet;

use amqp_proto::{
    Instant, Side,
    codec::to_vec,
    observe::{Observer, Rule, SaslSeen, Seen},
    spec::{
        definitions::{Role, SenderSettleMode},
        performatives::{Attach, Begin, Close, End, Flow, Transfer},
        sasl::{SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse},
    },
    types::{DeliveryNumber, DeliveryTag, Handle, SequenceNo, TransferNumber},
};

use crate::wire::*;

type Case = (Rule, fn() -> Wire);

/// A conversation without a fault, but for what the caller does at its end.
fn up(mut wire: Wire, frame: impl Into<Frame>) -> Wire {
    wire.up(frame);
    wire
}

fn down(mut wire: Wire, frame: impl Into<Frame>) -> Wire {
    wire.down(frame);
    wire
}

fn bytes(mut wire: Wire, bytes: &[u8]) -> Wire {
    wire.bytes(Side::Client, bytes);
    wire
}

fn sent(count: u32) -> Wire {
    (0..count).fold(Wire::attached(), |wire, number| up(wire, transfer(number)))
}

/// Credit beyond the window of 5.
fn with_credit() -> Wire {
    down(Wire::attached(), credit(0, 100))
}

fn ended() -> Wire {
    up(Wire::begun(), End::default())
}

const CASES: &[Case] = &[
    (Rule::Malformed, || bytes(bytes(Wire::new(), &SASL), &raw(1, 0, &[0, 0x53, 0x41, 0x45]))),
    (Rule::ConnectionSequence, || up(bytes(Wire::new(), &AMQP), Close::default())),
    (Rule::NextIncomingId, || up(up(Wire::opened(), begin(None)), flow())),
    (Rule::SaslSequence, || bytes(bytes(Wire::new(), &SASL), &SASL)),
    (Rule::SaslFrame, || {
        let hostname = Some("h".repeat(600).as_str().into());
        bytes(bytes(Wire::new(), &SASL), &raw(1, 0, &to_vec(&SaslInit { hostname, ..init() })))
    }),
    (Rule::ProtocolHeader, || bytes(Wire::new(), b"GET / HTTP/1.1\r\n")),
    (Rule::ProtocolHeader, || bytes(Wire::new(), b"AMQP\0\0\x09\x01")),
    (Rule::FrameHeader, || bytes(Wire::opened(), &[0, 0, 0, 9, 1, 0, 0, 0, 0])),
    (Rule::Malformed, || bytes(Wire::opened(), &raw(0, 0, &[0, 0x53, 0x11, 0x45]))),
    (Rule::ConnectionSequence, || bytes(Wire::opened(), &AMQP)),
    (Rule::FrameBeforeOpen, || up(bytes(Wire::new(), &AMQP), begin(None))),
    (Rule::SecondOpen, || up(Wire::opened(), open())),
    (Rule::AfterClose, || up(up(Wire::begun(), Close::default()), flow())),
    (Rule::AfterClose, || up(up(Wire::opened(), Close::default()), Close::default())),
    (Rule::FrameTooLarge, || {
        // The padding is an extended header, which no one reads (2.3.1).
        let mut padded = frame(0, &Frame::from(flow()).0, &[]);
        padded.splice(8..8, vec![0; 600]);
        padded[4] = 152;
        let size = u32::try_from(padded.len()).unwrap();
        padded[..4].copy_from_slice(&size.to_be_bytes());
        bytes(Wire::begun(), &padded)
    }),
    (Rule::ChannelTooHigh, || bytes(Wire::opened(), &frame(8, &Frame::from(begin(None)).0, &[]))),
    (Rule::ChannelInUse, || up(Wire::begun(), begin(None))),
    (Rule::ChannelInUse, || up(ended(), begin(None))),
    (Rule::UnmatchedBegin, || down(Wire::opened(), begin(Some(3)))),
    (Rule::NotBegun, || up(Wire::opened(), flow())),
    (Rule::AfterEnd, || up(ended(), flow())),
    (Rule::AfterEnd, || up(ended(), End::default())),
    (Rule::WindowExceeded, || (0..6).fold(with_credit(), |wire, number| up(wire, transfer(number)))),
    (Rule::NextIncomingId, || {
        down(sent(1), Flow { next_incoming_id: Some(TransferNumber::new(2)), ..flow() })
    }),
    (Rule::NextOutgoingId, || up(sent(1), flow())),
    (Rule::HandleInUse, || up(Wire::attached(), Attach { name: "other".into(), ..attach(Role::Sender) })),
    (Rule::HandleTooHigh, || {
        let high = Attach { handle: Handle::new(10), ..attach(Role::Sender) };
        up(Wire::begun(), high)
    }),
    (Rule::UnattachedHandle, || up(Wire::attached(), Transfer { handle: Handle::new(1), ..transfer(0) })),
    (Rule::AfterDetach, || up(up(Wire::attached(), detach()), transfer(0))),
    (Rule::AfterDetach, || up(up(Wire::attached(), detach()), detach())),
    (Rule::InitialDeliveryCount, || {
        let unset = Attach { initial_delivery_count: None, ..attach(Role::Sender) };
        up(Wire::begun(), unset)
    }),
    (Rule::TransferByReceiver, || down(Wire::attached(), transfer(0))),
    (Rule::CreditExceeded, || sent(4)),
    (Rule::DeliveryCount, || {
        up(sent(1), Flow { delivery_count: Some(SequenceNo::new(2)), ..available(1, 0) })
    }),
    (Rule::DeliveryCount, || {
        up(sent(1), Flow { delivery_count: Some(SequenceNo::new(0)), ..available(1, 0) })
    }),
    (Rule::DeliveryCount, || down(sent(1), credit(2, 3))),
    (Rule::LinkFieldsWithoutHandle, || down(Wire::attached(), Flow { handle: None, ..credit(0, 3) })),
    (Rule::FirstTransfer, || up(Wire::attached(), Transfer { delivery_id: None, ..transfer(0) })),
    (Rule::FirstTransfer, || up(Wire::attached(), Transfer { delivery_tag: None, ..transfer(0) })),
    (Rule::DeliveryChanged, || {
        up(
            up(Wire::attached(), Transfer { more: true, ..transfer(0) }),
            Transfer { delivery_tag: None, ..transfer(1) },
        )
    }),
    (Rule::DeliveryChanged, || {
        let other = Transfer { delivery_tag: DeliveryTag::new(b"x").ok(), ..transfer(0) };
        up(up(Wire::attached(), Transfer { more: true, ..transfer(0) }), other)
    }),
    (Rule::TagInUse, || up(sent(1), Transfer { delivery_tag: transfer(0).delivery_tag, ..transfer(1) })),
    (Rule::DeliverySequence, || {
        up(sent(1), Transfer { delivery_id: Some(DeliveryNumber::new(2)), ..transfer(1) })
    }),
    (Rule::SettleMode, || {
        let mode = SenderSettleMode::Settled;
        let settled = Attach { snd_settle_mode: mode, ..attach(Role::Sender) };
        up(down(down(up(Wire::begun(), settled), attach(Role::Receiver)), credit(0, 3)), transfer(0))
    }),
    (Rule::SettleMode, || {
        let mode = SenderSettleMode::Unsettled;
        let unsettled = Attach { snd_settle_mode: mode, ..attach(Role::Sender) };
        let wire = down(down(up(Wire::begun(), unsettled), attach(Role::Receiver)), credit(0, 3));
        up(wire, Transfer { settled: Some(true), ..transfer(0) })
    }),
    (Rule::MessageTooLarge, || {
        let begun = Frame::from(Transfer { more: true, ..transfer(0) }).0;
        bytes(
            bytes(Wire::attached(), &frame(0, &begun, &[0; 11])),
            &frame(0, &Frame::from(transfer(0)).0, &[0; 10]),
        )
    }),
    (Rule::DispositionRange, || down(sent(2), disposition(1, 0))),
    (Rule::UnknownDelivery, || down(sent(2), disposition(0, 2))),
    (Rule::UnknownDelivery, || down(Wire::attached(), disposition(0, 0))),
    (Rule::SaslFrame, || bytes(Wire::opened(), &raw(1, 0, &to_vec(&init())))),
    (Rule::SaslSequence, || bytes(bytes(Wire::new(), &SASL), &raw(1, 0, &to_vec(&init())))),
    (Rule::SaslSequence, || bytes(bytes(Wire::new(), &SASL), &raw(1, 0, &to_vec(&outcome())))),
];

fn init() -> SaslInit {
    SaslInit {
        mechanism: "PLAIN".try_into().unwrap(),
        initial_response: Some(b"\0user\0pass-word"[..].into()),
        hostname: Some("secret-host".into()),
    }
}

fn outcome() -> SaslOutcome {
    SaslOutcome { code: SaslCode::Ok, additional_data: Some(b"pass-word"[..].into()) }
}

#[test]
fn each_case_breaks_its_rule_first() {
    for (index, (rule, case)) in CASES.iter().enumerate() {
        let broken = case().broken();
        assert_eq!(broken.first(), Some(rule), "case {index}: {broken:?}");
    }
}

#[test]
fn every_rule_has_a_case() {
    let cases: BTreeSet<_> = CASES.iter().map(|(rule, _)| *rule).collect();
    let without: Vec<_> = Rule::ALL.iter().filter(|rule| !cases.contains(rule)).collect();
    // The channels, handles and names decide first whether a frame fits: the tables stand behind them.
    assert_eq!(without, [&Rule::SessionSequence, &Rule::LinkSequence]);
}

#[test]
fn conversations_before_the_fault_break_nothing() {
    for wire in [Wire::opened(), Wire::begun(), Wire::attached(), with_credit(), sent(3), ended()] {
        assert_eq!(wire.violations(), []);
    }
}

#[test]
fn frames_that_cross_break_nothing() {
    // The client detaches, ends and closes, while the server, which has not read it, goes on.
    let mut wire = sent(2);
    wire.up(detach());
    wire.down(Flow { next_incoming_id: Some(TransferNumber::new(2)), ..credit(2, 3) });
    wire.down(disposition(0, 1));
    wire.up(End::default());
    wire.down(detach());
    wire.up(Close::default());
    wire.down(End::default());
    wire.down(Close::default());
    assert_eq!(wire.violations(), []);
}

#[test]
fn credit_taken_back_counts_once_the_sender_shows_that_it_knows() {
    let mut wire = Wire::attached();
    wire.down(credit(0, 1));
    wire.up(transfer(0));
    wire.up(transfer(1));
    assert_eq!(wire.broken(), [], "the client may not have read the second flow");
    let mut wire = Wire::attached();
    wire.down(credit(0, 1));
    wire.up(Flow { link_credit: Some(1), ..available(0, 5) });
    wire.up(transfer(0));
    wire.up(transfer(1));
    assert_eq!(wire.broken(), [Rule::CreditExceeded]);
}

/// Flows that say the same may be the answer to one that was read long ago.
#[test]
fn a_flow_of_the_sender_answers_the_oldest_flow_that_it_may_have_read() {
    let drain = |count, credits| Flow { drain: true, ..credit(count, credits) };
    let answer = Flow { delivery_count: Some(SequenceNo::new(3)), ..available(0, 0) };
    // The receiver gives credit and takes it back, before the sender's attach and behind it.
    for credits in [[0, 3, 0], [3, 0, 0], [3, 1, 0]] {
        let mut wire = Wire::attached();
        credits.iter().for_each(|credits| wire.down(drain(0, *credits)));
        wire.up(available(0, 0));
        wire.up(answer.clone());
        assert_eq!(wire.broken(), [], "{credits:?}");
        let mut wire = Wire::begun();
        wire.down(attach(Role::Receiver));
        for credits in credits {
            wire.down(Flow { delivery_count: None, ..credit(0, credits) });
        }
        wire.up(attach(Role::Sender));
        (0..3).for_each(|number| wire.up(transfer(number)));
        assert_eq!(wire.broken(), [], "{credits:?}");
        wire.up(transfer(3));
        assert_eq!(wire.broken(), [Rule::CreditExceeded], "{credits:?}");
    }
}

/// What the sender begins shows that it has read of that much credit at least, and of none before.
#[test]
fn many_flows_without_an_answer_break_nothing() {
    let mut wire = Wire::attached();
    for round in 0..200 {
        wire.down(credit(0, 3 - round % 4));
    }
    wire.up(transfer(0));
    wire.up(transfer(1));
    assert_eq!(wire.broken(), []);
}

#[test]
fn a_drained_sender_moves_its_count_up_to_the_limit_and_no_further() {
    for (count, broken) in [(3, &[][..]), (4, &[Rule::DeliveryCount])] {
        let mut wire = Wire::attached();
        wire.down(Flow { drain: true, ..credit(0, 3) });
        wire.up(Flow { delivery_count: Some(SequenceNo::new(count)), ..available(0, 0) });
        assert_eq!(wire.broken(), broken);
    }
}

#[test]
fn numbers_that_wrap_break_nothing() {
    let mut wire = Wire::opened();
    let start = u32::MAX - 1;
    let first = TransferNumber::new(start);
    wire.up(Begin { next_outgoing_id: first, ..begin(None) });
    wire.down(begin(Some(0)));
    let count = Some(SequenceNo::new(start));
    let sender = Attach { initial_delivery_count: count, ..attach(Role::Sender) };
    wire.up(sender);
    wire.down(attach(Role::Receiver));
    wire.down(Flow { next_incoming_id: Some(first), ..credit(start, 4) });
    for number in 0..4_u32 {
        wire.up(transfer(start.wrapping_add(number)));
    }
    let sessions: Vec<_> = wire.observer.sessions().collect();
    assert_eq!((sessions[0].unsettled.client, sessions[0].windows.client.left), (4, 1));
    wire.down(disposition(start, 1));
    assert_eq!(wire.observer.sessions().next().unwrap().unsettled.client, 0);
    assert_eq!(wire.violations(), []);
    wire.up(transfer(2));
    assert_eq!(wire.broken(), [Rule::CreditExceeded]);
}

#[test]
fn secrets_of_sasl_are_not_shown() {
    let mut wire = Wire::new();
    let mechanisms = SaslMechanisms { sasl_server_mechanisms: vec!["PLAIN".try_into().unwrap()].into() };
    let challenge = SaslChallenge { challenge: b"pass-word"[..].into() };
    wire.bytes(Side::Client, &SASL);
    wire.bytes(Side::Server, &SASL);
    wire.bytes(Side::Server, &raw(1, 0, &to_vec(&mechanisms)));
    wire.bytes(Side::Client, &raw(1, 0, &to_vec(&init())));
    wire.bytes(Side::Server, &raw(1, 0, &to_vec(&challenge)));
    // A response of which the last byte is missing.
    let response = raw(1, 0, &to_vec(&SaslResponse { response: b"pass-word"[..].into() }));
    let mut partly = Observer::new();
    partly.observe(
        Side::Client,
        Instant::default(),
        &[&SASL[..], &response[..response.len() - 1]].concat(),
        |_| {},
    );
    let text = format!("{partly:?}");
    assert!(!text.contains("pass-wor"), "{text}");
    wire.bytes(
        Side::Client,
        &raw(
            1,
            0,
            &[
                0x00, 0x53, 0x43, 0xc0, 0x0c, 0x01, 0xa0, 0x09, b'p', b'a', b's', b's', b'-', b'w', b'o',
                b'r', b'd',
            ],
        ),
    );
    wire.bytes(Side::Server, &raw(1, 0, &to_vec(&outcome())));
    wire.open();
    assert_eq!(wire.violations(), []);
    let text = format!("{:?} {:?}", wire.seen, wire.observer);
    assert!(!text.contains("pass-word") && !text.contains("secret-host"), "{text}");
    let frames = wire.seen.iter().filter_map(|seen| match &seen.seen {
        Seen::Sasl(frame) => Some(frame.clone()),
        _ => None,
    });
    let plain = || "PLAIN".try_into().unwrap();
    let due = [
        SaslSeen::Mechanisms(vec![plain()]),
        SaslSeen::Init(plain()),
        SaslSeen::Challenge,
        SaslSeen::Response,
        SaslSeen::Outcome(SaslCode::Ok),
    ];
    assert_eq!(frames.collect::<Vec<_>>(), due);
}

#[test]
fn what_was_begun_before_the_observation_breaks_nothing() {
    let mut wire = Wire::new();
    wire.up(transfer(7));
    wire.down(disposition(7, 7));
    wire.bytes(Side::Client, &frame(900, &Frame::from(flow()).0, &[0; 0]));
    wire.bytes(Side::Server, &frame(3, &Frame::from(begin(Some(12))).0, &[]));
    assert_eq!(wire.violations(), []);
    // What begins later is followed.
    wire.bytes(Side::Client, &frame(5, &Frame::from(begin(None)).0, &[]));
    assert_eq!(wire.observer.sessions().count(), 1);
    wire.bytes(Side::Client, &frame(5, &Frame::from(transfer(0)).0, &[]));
    assert_eq!(wire.broken(), [Rule::WindowExceeded, Rule::UnattachedHandle]);
    let channels = wire.observer.sessions().next().unwrap().channels;
    assert_eq!((channels.client, channels.server), (Some(5), None));
}

#[test]
fn the_largest_window_and_credit_break_nothing() {
    let mut wire = Wire::opened();
    wire.up(begin(None));
    wire.down(Begin { incoming_window: u32::MAX, ..begin(Some(0)) });
    wire.up(attach(Role::Sender));
    wire.down(attach(Role::Receiver));
    wire.down(Flow { incoming_window: u32::MAX, ..credit(0, u32::MAX) });
    wire.up(transfer(0));
    assert_eq!(wire.violations(), []);
    let window = wire.observer.sessions().next().unwrap().windows.client;
    assert_eq!((window.incoming_window, window.left), (u32::MAX, i32::MAX.cast_unsigned() - 1));
}
