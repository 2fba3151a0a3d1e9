//! Links and their credit (L, W).

use crate::harness::{Case, From::*, attach, case, flow, frame, transfer};
use amqp_proto::{
    spec::{definitions::Role, performatives as p},
    types::{Fields, Handle, SequenceNo},
};

fn detach(handle: u32, closed: bool) -> p::Detach {
    p::Detach { handle: Handle::new(handle), closed, error: None }
}

fn link_flow(handle: u32) -> p::Flow {
    p::Flow {
        handle: Some(Handle::new(handle)),
        delivery_count: Some(SequenceNo::new(0)),
        link_credit: Some(5),
        ..flow()
    }
}

const UNATTACHED: &[&str] = &["END@0 amqp:session:unattached-handle"];
const ENDED: &[&str] = &["SESSION_ERROR"];
const LINK_ENDED: &[&str] = &["RECEIVER_ERROR", "SESSION_ERROR"];
const ALL_ENDED: &[&str] =
    &["RECEIVER_ERROR", "SESSION_ERROR", "RECEIVER_ERROR", "SESSION_ERROR", "CONNECTION_ERROR"];

pub fn cases() -> Vec<Case> {
    let txn = Fields::new().with(amqp_proto::types::Symbol::try_from("txn-id").unwrap(), 1_u32);
    vec![
        case(
            "L01",
            Receiving,
            frame(0, &attach("other", 256, Role::Sender), &[]),
            &["CLOSE amqp:connection:framing-error"],
            ALL_ENDED,
        ),
        case(
            "L03",
            Receiving,
            frame(0, &attach("other", 0, Role::Sender), &[]),
            &["CLOSE amqp:session:handle-in-use"],
            ALL_ENDED,
        ),
        case(
            "L06",
            Receiving,
            frame(0, &attach("link", 1, Role::Receiver), &[]),
            &["ATTACH@0#1"],
            &["SENDER_REQUESTED", "SENDER_OPEN"],
        ),
        case(
            "L07",
            Mapped,
            frame(0, &attach("", 0, Role::Receiver), &[]),
            &["ATTACH@0#0"],
            &["SENDER_REQUESTED", "SENDER_OPEN"],
        ),
        case(
            "L08",
            Mapped,
            frame(0, &attach(&"n".repeat(3000), 0, Role::Receiver), &[]),
            &["ATTACH@0#0"],
            &["SENDER_REQUESTED", "SENDER_OPEN"],
        ),
        case(
            "L10",
            Mapped,
            frame(0, &p::Attach { initial_delivery_count: None, ..attach("link", 0, Role::Sender) }, &[]),
            &["ATTACH@0#0", "DETACH@0#0 closed amqp:invalid-field"],
            &[],
        ),
        case(
            "L11",
            Mapped,
            frame(0, &attach("link", 0, Role::Receiver), &[]),
            &["ATTACH@0#0"],
            &["SENDER_REQUESTED", "SENDER_OPEN"],
        ),
        case("L31", Mapped, frame(0, &detach(4, true), &[]), UNATTACHED, ENDED),
        case(
            "L32",
            Receiving,
            [frame(0, &detach(0, true), &[]), frame(0, &detach(0, true), &[])].concat(),
            &["DETACH@0#0 closed", "END@0 amqp:session:unattached-handle"],
            &["RECEIVER_CLOSED", "SESSION_ERROR"],
        ),
        case(
            "L35",
            Receiving,
            [frame(0, &detach(0, false), &[]), frame(0, &transfer(0, 0), b"x")].concat(),
            &["DETACH@0#0", "END@0 amqp:session:unattached-handle"],
            &["RECEIVER_DETACHED", "SESSION_ERROR"],
        ),
        case(
            "L36",
            Receiving,
            [
                frame(0, &p::Transfer { delivery_tag: None, ..transfer(0, 0) }, b"x"),
                frame(0, &transfer(0, 1), b"x"),
            ]
            .concat(),
            &["DETACH@0#0 closed amqp:invalid-field", "END@0 amqp:session:errant-link"],
            LINK_ENDED,
        ),
        case(
            "L24",
            Receiving,
            [
                frame(0, &p::Transfer { delivery_tag: None, ..transfer(0, 0) }, b"x"),
                frame(0, &detach(0, false), &[]),
                frame(0, &attach("link", 0, Role::Sender), &[]),
            ]
            .concat(),
            &["DETACH@0#0 closed amqp:invalid-field", "END@0 amqp:session:errant-link"],
            LINK_ENDED,
        ),
        case("W01", Mapped, frame(0, &link_flow(4), &[]), UNATTACHED, ENDED),
        case(
            "W03",
            Sending,
            frame(0, &p::Flow { link_credit: Some(u32::MAX), ..link_flow(0) }, &[]),
            &[],
            &["SENDER_READY"],
        ),
        case(
            "W04",
            Sending,
            frame(0, &p::Flow { delivery_count: Some(SequenceNo::new(9)), ..link_flow(0) }, &[]),
            &["DETACH@0#0 closed amqp:invalid-field"],
            &["SENDER_ERROR"],
        ),
        case(
            "W05",
            Sending,
            frame(0, &p::Flow { delivery_count: None, ..link_flow(0) }, &[]),
            &[],
            &["SENDER_READY"],
        ),
        case(
            "W08",
            Sending,
            frame(0, &p::Flow { link_credit: Some(u32::MAX), drain: true, ..link_flow(0) }, &[]),
            &["FLOW@0#0 0"],
            &["SENDER_DRAIN", "SENDER_READY"],
        ),
        case("W10", Receiving, frame(0, &p::Flow { drain: true, ..link_flow(0) }, &[]), &[], &[]),
        case(
            "W11",
            Receiving,
            frame(0, &p::Flow { available: Some(u32::MAX), ..link_flow(0) }, &[]),
            &[],
            &[],
        ),
        case(
            "W13",
            Sending,
            frame(0, &p::Flow { properties: Some(txn), ..link_flow(0) }, &[]),
            &["DETACH@0#0 closed amqp:not-implemented"],
            &["SENDER_ERROR"],
        ),
    ]
}
