//! Headers, frames and the connection's own state (H, F, C, R).

use crate::harness::{Case, From::*, MAX_FRAME, case, frame, hex, open};
use amqp_proto::{
    spec::{
        definitions::{Error, ErrorCondition},
        performatives as p,
    },
    types::Milliseconds,
};

const LOST: &[&str] = &["CONNECTION_ERROR"];
const FRAMING: &[&str] = &["CLOSE amqp:connection:framing-error"];

fn close(error: Option<ErrorCondition>) -> p::Close {
    p::Close { error: error.map(|condition| Box::new(Error::new(condition))) }
}

pub fn cases() -> Vec<Case> {
    let mut cases = headers();
    cases.extend(frames());
    cases.extend(connections());
    cases
}

fn headers() -> Vec<Case> {
    let refused = |id, input: &str| case(id, Start, hex(input), &["AMQP 0 1.0.0"], LOST);
    vec![
        refused("H01", "48545450 2f312e31"),
        refused("H02", "414d5150 00 010100"),
        refused("H03", "414d5150 0000 0901"),
        refused("H04", "414d5150 01 010000"),
        refused("H05", "414d5150 02 010000"),
        refused("H07", "414d5150 03 010000"),
        refused("H14", "616d7170 00 010000"),
        case(
            "H12",
            Header,
            hex("414d5150 00 010000"),
            &["OPEN", "CLOSE amqp:connection:framing-error"],
            LOST,
        ),
        case(
            "H15",
            Start,
            [hex("414d5150 00 010000"), frame(0, &open(), &[])].concat(),
            &["AMQP 0 1.0.0", "OPEN"],
            &["CONNECTION_OPEN"],
        ),
    ]
}

fn frames() -> Vec<Case> {
    let broken = |id, input: &str| case(id, Opened, hex(input), FRAMING, LOST);
    let mut whole = vec![0; MAX_FRAME];
    whole[..8].copy_from_slice(&hex("00001000 02 00 0000"));
    // A frame with nothing but an extended header, as large as frames may be: 255 words at most.
    whole.truncate(255 * 4);
    whole[..8].copy_from_slice(&hex("000003fc ff 00 0000"));
    vec![
        broken("F01", "00000000 02 00 0000"),
        broken("F02", "00000004 02 00 0000"),
        broken("F03", "00000007 02 00 0000"),
        broken("F04", "00000008 00 00 0000"),
        broken("F05", "00000008 01 00 0000"),
        broken("F06", "00000008 03 00 0000"),
        broken("F09", "ffffffff 02 00 0000"),
        broken("F10", "00001001"),
        broken("F13", "00000008 02 02 0000"),
        broken("F16", "00000008 02 00 ffff"),
        case("F08", Opened, hex("0000000c 03 00 0000 deadbeef"), &[], &[]),
        case("F11", Opened, whole, &[], &[]),
        case("F18", Opened, hex("00000008 02 00 0000").repeat(1000), &[], &[]),
        case("F23", Opened, hex("0000000a 02 00 0000 4040"), &["CLOSE amqp:decode-error"], LOST),
        case("F24", Opened, hex("0000000c 02 00 0000 00531945"), &["CLOSE amqp:decode-error"], LOST),
        case("F26", Header, symbolic_open(), &["OPEN"], &["CONNECTION_OPEN"]),
        case("F27", Header, wide_open(), &["OPEN"], &["CONNECTION_OPEN"]),
    ]
}

/// An open by its symbolic descriptor.
fn symbolic_open() -> Vec<u8> {
    let mut octets = hex("00000000 02 00 0000 00a30e");
    octets.extend(b"amqp:open:list");
    octets.extend(hex("c00401a10170"));
    let size = u8::try_from(octets.len()).unwrap();
    octets[3] = size;
    octets
}

/// An open by its numeric descriptor in eight octets.
fn wide_open() -> Vec<u8> {
    let mut octets = hex("00000000 02 00 0000 00800000000000000010 c00401a10170");
    let size = u8::try_from(octets.len()).unwrap();
    octets[3] = size;
    octets
}

fn connections() -> Vec<Case> {
    let timed = |millis| p::Open { idle_time_out: Some(Milliseconds::new(millis)), ..open() };
    let closed = || frame(0, &close(None), &[]);
    vec![
        case(
            "C01",
            Header,
            frame(0, &crate::harness::begin(), &[]),
            &["OPEN", "CLOSE amqp:not-allowed"],
            LOST,
        ),
        case("C03", Opened, frame(0, &open(), &[]), &["CLOSE amqp:illegal-state"], LOST),
        case(
            "C04",
            Header,
            [frame(0, &open(), &[]), closed(), frame(0, &crate::harness::begin(), &[])].concat(),
            &["OPEN", "CLOSE"],
            &["CONNECTION_OPEN", "CONNECTION_CLOSED"],
        ),
        case("C06", Opened, [closed(), closed()].concat(), &["CLOSE"], &["CONNECTION_CLOSED"]),
        case("C07", Opened, frame(5, &close(None), &[]), &["CLOSE"], &["CONNECTION_CLOSED"]),
        case(
            "C10",
            Mapped,
            [hex("0000000c 02 00 0000 00531945"), frame(0, &crate::harness::flow(), &[]), closed()].concat(),
            &["CLOSE amqp:decode-error"],
            &["SESSION_ERROR", "RECEIVER_ERROR", "SESSION_ERROR", "CONNECTION_ERROR"],
        ),
        case("C13", Opened, frame(11, &crate::harness::begin(), &[]), FRAMING, LOST),
        case("P13", Header, frame(0, &timed(1), &[]), &["OPEN", "CLOSE amqp:not-allowed"], LOST),
        case("P12", Header, frame(0, &timed(0), &[]), &["OPEN"], &["CONNECTION_OPEN"]),
        case("P14", Header, frame(0, &timed(u32::MAX), &[]), &["OPEN"], &["CONNECTION_OPEN"]),
        case(
            "P22",
            Opened,
            frame(0, &close(Some(ErrorCondition::Other("x:y".try_into().unwrap()))), &[]),
            &["CLOSE"],
            LOST,
        ),
    ]
}
