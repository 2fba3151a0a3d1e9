//! F: frames and their bodies (2.3).

use amqp_proto::{Config, codec::to_vec};

use crate::bench::{
    ALL_BROKEN, AMQP, Bench, Case, FRAMING, Fate, Setup, open, raw, server, transfer, with_payload,
};

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
    let config = Config::server("server").max_frame_size(512).channel_max(10);
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

const OPENED: &[&str] = &["AMQP 0 1.0.0", "OPEN"];

pub const CASES: &[Case] = &[
    closes("F01", Bench::linked, |b| b.feed(&[0, 0, 0, 0, 2, 0, 0, 0])),
    legal("F08", Bench::linked, |b| b.feed(&[0, 0, 0, 12, 3, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef])),
    closes("F09", Bench::linked, |b| b.feed(&[0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0])),
    closes("F10", small, |b| b.feed(&sized(513)[..8])),
    Case {
        id: "F11",
        start: small,
        steps: |b| b.feed(&sized(512)),
        output: &[],
        events: &["DELIVERY"],
        fate: Fate::Any,
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
        fate: Fate::Any,
    },
    Case {
        id: "F26",
        start: fresh,
        steps: |b| b.feed(&open_with(b"\xa3\x0eamqp:open:list")),
        output: OPENED,
        events: &["CONNECTION_OPEN"],
        fate: Fate::Any,
    },
    Case {
        id: "F27",
        start: fresh,
        steps: |b| b.feed(&open_with(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0x10])),
        output: OPENED,
        events: &["CONNECTION_OPEN"],
        fate: Fate::Any,
    },
];
