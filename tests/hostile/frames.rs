//! F: frames and their bodies (2.3).

use amqp_proto::{ConnectionConfig, codec::to_vec};

use crate::{
    bench::{ALL_BROKEN, Bench, Case, FRAMING, Fate, Setup, server},
    peer::{AMQP, flow, frame, open, raw, transfer, with_payload},
};

const fn broken(id: &'static str, steps: fn(&mut Bench)) -> Case {
    closes(id, Bench::linked, steps)
}

/// A frame that stands apart from the next, but whose body is no performative.
const fn unread(id: &'static str, steps: fn(&mut Bench)) -> Case {
    Case {
        id,
        start: Bench::linked,
        steps,
        output: &["CLOSE amqp:decode-error"],
        events: ALL_BROKEN,
        fate: Fate::Closing,
    }
}

const fn closes(id: &'static str, start: fn() -> Bench, steps: fn(&mut Bench)) -> Case {
    Case { id, start, steps, output: FRAMING, events: ALL_BROKEN, fate: Fate::Closing }
}

const fn legal(id: &'static str, start: fn() -> Bench, steps: fn(&mut Bench)) -> Case {
    Case { id, start, steps, output: &[], events: &[], fate: Fate::Alive }
}

fn fresh() -> Bench {
    Bench::bare(server())
}

fn small() -> Bench {
    let config = ConnectionConfig::server("server").max_frame_size(512).channel_max(10);
    Bench::linked_with(Setup { config, ..Setup::default() })
}

/// The body of an open, under another encoding of its descriptor.
fn open_with(descriptor: &[u8]) -> Vec<u8> {
    let body = to_vec(&open());
    assert_eq!(body[..3], [0x00, 0x53, 0x10]);
    [AMQP, &raw(0, 0, &[&[0x00], descriptor, &body[3..]].concat())].concat()
}

/// A transfer in a frame of just this size, by its payload.
fn sized(size: usize) -> Vec<u8> {
    let bare = with_payload(0, &transfer(0, 0), b"").len();
    with_payload(0, &transfer(0, 0), &vec![0; size - bare])
}

const NOT_ALLOWED: &[&str] = &["CLOSE amqp:not-allowed"];
const OPENED: &[&str] = &["AMQP 1.0.0", "OPEN"];

pub const CASES: &[Case] = &[
    broken("F01", |b| b.feed(&[0, 0, 0, 0, 2, 0, 0, 0])),
    broken("F02", |b| b.feed(&[0, 0, 0, 4, 2, 0, 0, 0])),
    broken("F03", |b| b.feed(&[0, 0, 0, 7, 2, 0, 0, 0])),
    broken("F04", |b| b.feed(&[0, 0, 0, 8, 0, 0, 0, 0])),
    broken("F05", |b| b.feed(&[0, 0, 0, 8, 1, 0, 0, 0])),
    broken("F06", |b| b.feed(&[0, 0, 0, 8, 3, 0, 0, 0])),
    broken("F07", |b| b.feed(&[0, 0, 0, 12, 0xff, 0, 0, 0, 0, 0, 0, 0])),
    legal("F08", Bench::linked, |b| b.feed(&[0, 0, 0, 12, 3, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef])),
    // As large as an extended header can be: 255 words, and no body.
    legal("F08b", Bench::linked, |b| b.feed(&[&[0, 0, 3, 0xfc, 0xff, 0, 0, 0], &[0xee; 1012][..]].concat())),
    broken("F09", |b| b.feed(&[0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0])),
    // The size alone is enough.
    closes("F10", small, |b| b.feed(&sized(513)[..4])),
    Case {
        id: "F11",
        start: small,
        steps: |b| b.feed(&sized(512)),
        output: &[],
        events: &["DELIVERY"],
        fate: Fate::Alive,
    },
    broken("F13", |b| b.feed(&[0, 0, 0, 8, 2, 2, 0, 0])),
    Case {
        id: "F14",
        start: Bench::linked,
        steps: |b| b.feed(&[0, 0, 0, 8, 2, 1, 0, 0]),
        output: NOT_ALLOWED,
        events: ALL_BROKEN,
        fate: Fate::Closing,
    },
    closes("F16", small, |b| b.feed(&[0, 0, 0, 8, 2, 0, 0xff, 0xff])),
    legal("F18", Bench::linked, |b| b.feed(&[0, 0, 0, 8, 2, 0, 0, 0].repeat(20_000))),
    Case {
        id: "F20",
        start: Bench::linked,
        steps: |b| {
            b.drip = true;
            b.feed(&sized(2000));
        },
        output: &[],
        events: &["DELIVERY"],
        fate: Fate::Alive,
    },
    unread("F21", |b| b.feed(&raw(0, 0, &[&to_vec(&flow())[..], b"junk"].concat()))),
    unread("F22", |b| b.feed(&raw(0, 0, &to_vec(&flow()).repeat(2)))),
    unread("F23", |b| b.feed(&raw(0, 0, &[0x40, 0x40]))),
    unread("F24", |b| b.feed(&raw(0, 0, &[0x00, 0x53, 0x19, 0x45]))),
    unread("F25", |b| b.feed(&raw(0, 0, &[0x00, 0x53, 0x40, 0x45]))),
    Case {
        id: "F26",
        start: fresh,
        steps: |b| b.feed(&open_with(b"\xa3\x0eamqp:open:list")),
        output: OPENED,
        events: &["CONNECTION_OPEN"],
        fate: Fate::Alive,
    },
    Case {
        id: "F27",
        start: fresh,
        steps: |b| b.feed(&open_with(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0x10])),
        output: OPENED,
        events: &["CONNECTION_OPEN"],
        fate: Fate::Alive,
    },
    Case {
        id: "F28",
        start: fresh,
        steps: |b| b.feed(&open_with(&[0x52, 0x10])),
        output: &["AMQP 1.0.0", "OPEN", "CLOSE amqp:decode-error"],
        events: &["CONNECTION_ERROR"],
        fate: Fate::Closing,
    },
    Case {
        id: "F29",
        start: fresh,
        steps: |b| b.feed(&[AMQP, &frame(1, &open())].concat()),
        output: &["AMQP 1.0.0", "OPEN", NOT_ALLOWED[0]],
        events: &["CONNECTION_ERROR"],
        fate: Fate::Closing,
    },
];
