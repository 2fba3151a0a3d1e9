//! Transfers and dispositions (T, D).

use crate::harness::{Case, From::*, case, frame, transfer};
use amqp_proto::{
    spec::{definitions::Role, delivery_state::DeliveryState, performatives as p},
    types::DeliveryTag,
};

fn disposition(first: u32, last: u32) -> p::Disposition {
    p::Disposition {
        role: Role::Receiver,
        first: first.into(),
        last: Some(last.into()),
        settled: true,
        state: Some(DeliveryState::ACCEPTED),
        batchable: false,
    }
}

const LINK_ERROR: &[&str] = &["RECEIVER_ERROR"];
const ENDED: &[&str] = &["RECEIVER_ERROR", "SESSION_ERROR"];
const TAKEN: &[&str] = &["DELIVERY"];
const SETTLED: &[&str] = &["DISPOSITION@0 0..0"];

pub fn cases() -> Vec<Case> {
    let more = |id| p::Transfer { more: true, ..transfer(0, id) };
    let settled = |id| p::Transfer { settled: Some(true), ..transfer(0, id) };
    let rest = || p::Transfer { handle: 0.into(), ..p::Transfer::default() };
    let aborted = || p::Transfer { aborted: true, ..rest() };
    let not_allowed: &[&str] = &["END@0 amqp:not-allowed"];
    let invalid: &[&str] = &["END@0 amqp:invalid-field"];
    let detached: &[&str] = &["DETACH@0#0 closed amqp:invalid-field"];
    let mut cases = vec![
        case(
            "T01",
            Receiving,
            frame(0, &transfer(4, 0), b"x"),
            &["END@0 amqp:session:unattached-handle"],
            ENDED,
        ),
        case(
            "T02",
            Sending,
            frame(0, &transfer(0, 0), b"x"),
            not_allowed,
            &["SENDER_ERROR", "SESSION_ERROR"],
        ),
        case(
            "T04",
            Receiving,
            frame(0, &p::Transfer { delivery_id: None, ..transfer(0, 0) }, b"x"),
            invalid,
            ENDED,
        ),
        case(
            "T05",
            Receiving,
            frame(0, &p::Transfer { delivery_tag: None, ..transfer(0, 0) }, b"x"),
            detached,
            LINK_ERROR,
        ),
        case(
            "T06",
            Receiving,
            frame(0, &p::Transfer { message_format: None, ..transfer(0, 0) }, b"x"),
            SETTLED,
            TAKEN,
        ),
        case(
            "T08",
            Receiving,
            frame(0, &p::Transfer { delivery_tag: Some(DeliveryTag::default()), ..transfer(0, 0) }, b"x"),
            SETTLED,
            TAKEN,
        ),
        case(
            "T10",
            Receiving,
            [frame(0, &settled(5), b"x"), frame(0, &settled(7), b"x")].concat(),
            &["END@0 amqp:invalid-field"],
            &["DELIVERY", "RECEIVER_ERROR", "SESSION_ERROR"],
        ),
        case(
            "T13",
            Receiving,
            [
                frame(0, &more(0), b"x"),
                frame(0, &p::Transfer { delivery_id: Some(1.into()), ..rest() }, b"y"),
            ]
            .concat(),
            detached,
            LINK_ERROR,
        ),
        case(
            "T16",
            Receiving,
            [frame(0, &more(0), b"x"), frame(0, &transfer(0, 1), b"y")].concat(),
            detached,
            LINK_ERROR,
        ),
        case("T22", Receiving, [frame(0, &more(0), b"x"), frame(0, &aborted(), b"")].concat(), &[], &[]),
        case("T23", Receiving, frame(0, &p::Transfer { aborted: true, ..transfer(0, 0) }, b"x"), &[], &[]),
        case(
            "T24",
            Receiving,
            [
                frame(0, &more(0), b"x"),
                frame(0, &p::Transfer { more: true, ..aborted() }, b""),
                frame(0, &transfer(0, 1), b"y"),
            ]
            .concat(),
            &["DISPOSITION@0 1..1"],
            TAKEN,
        ),
        case("T25", Receiving, [frame(0, &more(0), b"x"), frame(0, &aborted(), b"junk")].concat(), &[], &[]),
        case(
            "T27",
            Receiving,
            [frame(0, &more(0), b"x"), frame(0, &p::Transfer { settled: Some(true), ..rest() }, b"y")]
                .concat(),
            &[],
            TAKEN,
        ),
        case("T37", Receiving, frame(0, &transfer(0, 0), b""), SETTLED, TAKEN),
        case(
            "T38",
            Receiving,
            frame(0, &p::Transfer { message_format: Some(0x100.into()), ..transfer(0, 0) }, b"x"),
            SETTLED,
            TAKEN,
        ),
        case(
            "W14",
            Receiving,
            (0..4).flat_map(|id| frame(0, &settled(id), b"x")).collect::<Vec<_>>(),
            &["DETACH@0#0 closed amqp:link:transfer-limit-exceeded"],
            &["DELIVERY", "DELIVERY", "DELIVERY", "RECEIVER_ERROR"],
        ),
        case(
            "W16",
            Receiving,
            [
                frame(0, &transfer(0, 0), b"x"),
                frame(0, &transfer(0, 1), b"x"),
                frame(0, &more(2), b"x"),
                frame(0, &p::Transfer { more: true, ..rest() }, b"y"),
                frame(0, &rest(), b"z"),
            ]
            .concat(),
            &["DISPOSITION@0 0..2"],
            &["DELIVERY", "DELIVERY", "DELIVERY"],
        ),
    ];
    let legal = |id, first, last| case(id, Sending, frame(0, &disposition(first, last), &[]), &[], &[]);
    let wrong = |id, first, last| {
        case(
            id,
            Sending,
            frame(0, &disposition(first, last), &[]),
            not_allowed,
            &["SENDER_ERROR", "SESSION_ERROR"],
        )
    };
    cases.extend([
        legal("D01", 100, 100),
        legal("D03", 0, i32::MAX.cast_unsigned()),
        legal("D06", u32::MAX - 5, 5),
        wrong("D02", 0, u32::MAX),
        wrong("D04", 0, 1 << 31),
        wrong("D05", 10, 5),
        case(
            "D07",
            Sending,
            frame(0, &p::Disposition { role: Role::Sender, ..disposition(0, 0) }, &[]),
            &[],
            &[],
        ),
        case(
            "D11",
            Sending,
            frame(0, &p::Disposition { settled: false, state: None, ..disposition(0, 9) }, &[]).repeat(100),
            &[],
            &[],
        ),
    ]);
    cases
}
