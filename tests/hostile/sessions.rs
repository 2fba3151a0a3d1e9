//! Sessions and their windows (S).

use crate::harness::{Case, From::*, begin, case, flow, frame, transfer};
use amqp_proto::{
    spec::{
        definitions::{Error, ErrorCondition},
        performatives as p,
    },
    types::{Channel, Handle, TransferNumber},
};

fn end() -> p::End {
    p::End { error: Some(Box::new(Error::new(ErrorCondition::InternalError))) }
}

const NOT_ALLOWED: &[&str] = &["CLOSE amqp:not-allowed"];
const LOST: &[&str] = &["CONNECTION_ERROR"];

pub fn cases() -> Vec<Case> {
    vec![
        case(
            "S02",
            Opened,
            frame(0, &p::Begin { remote_channel: Some(Channel::new(7)), ..begin() }, &[]),
            NOT_ALLOWED,
            LOST,
        ),
        case(
            "S07",
            Opened,
            frame(0, &p::Begin { incoming_window: 0, ..begin() }, &[]),
            &["BEGIN@0>0"],
            &["SESSION_OPEN"],
        ),
        case(
            "S08",
            Opened,
            frame(0, &p::Begin { incoming_window: u32::MAX, ..begin() }, &[]),
            &["BEGIN@0>0"],
            &["SESSION_OPEN"],
        ),
        case(
            "S09",
            Opened,
            frame(0, &p::Begin { handle_max: Handle::new(0), ..begin() }, &[]),
            &["BEGIN@0>0"],
            &["SESSION_OPEN"],
        ),
        case("S12", Opened, frame(3, &end(), &[]), NOT_ALLOWED, LOST),
        case("S14", Receiving, frame(0, &end(), &[]), &["END@0"], &["RECEIVER_ERROR", "SESSION_ERROR"]),
        case(
            "S15",
            Mapped,
            [frame(0, &transfer(9, 0), &[]), frame(0, &transfer(9, 1), &[]), frame(0, &flow(), &[])].concat(),
            &["END@0 amqp:session:unattached-handle"],
            &["SESSION_ERROR"],
        ),
        case(
            "S18",
            Mapped,
            [frame(0, &end(), &[]), frame(0, &begin(), &[])].concat(),
            &["END@0", "BEGIN@0>0"],
            &["SESSION_ERROR", "SESSION_OPEN"],
        ),
        case("S26", Mapped, frame(0, &p::Flow { incoming_window: u32::MAX, ..flow() }, &[]), &[], &[]),
        case(
            "S27",
            Mapped,
            frame(0, &p::Flow { next_outgoing_id: TransferNumber::new(77), echo: true, ..flow() }, &[]),
            &["FLOW@0"],
            &[],
        ),
        case("S28", Mapped, frame(0, &p::Flow { echo: true, ..flow() }, &[]).repeat(100), &["FLOW@0"], &[]),
        case(
            "S22",
            Mapped,
            frame(0, &p::Flow { next_incoming_id: Some(TransferNumber::new(1)), ..flow() }, &[]),
            &["END@0 amqp:invalid-field"],
            &["SESSION_ERROR"],
        ),
    ]
}
