//! W: credit and the flows that carry it (2.6.7, 2.7.4).

use amqp_proto::{
    Instant,
    spec::performatives as p,
    types::{Fields, Symbol, Value},
};

use crate::{
    bench::{Bench, Case, Fate},
    peer::{continuation, flow, frame, link_flow, more, settled, transfer, with_payload},
};

fn send(b: &mut Bench) {
    b.sender().send(1_u32, b"x".as_slice()).unwrap();
}

fn fields(key: &str) -> Option<Fields> {
    let blob = Value::from("v".repeat(4096).as_str());
    Some(Fields::default().with(Symbol::try_from(key).unwrap(), blob))
}

const fn legal(id: &'static str, steps: fn(&mut Bench), events: &'static [&'static str]) -> Case {
    Case { id, start: Bench::linked, steps, output: &[], events, fate: Fate::Alive }
}

pub const CASES: &[Case] = &[
    Case {
        id: "W01",
        start: Bench::linked,
        steps: |b| b.feed_frame(0, &link_flow(9, 10)),
        output: &["END@0 amqp:session:unattached-handle"],
        events: &["RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
    Case {
        id: "W03",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &link_flow(1, u32::MAX));
            assert_eq!(b.sender().credit(), u32::MAX);
            send(b);
            b.feed_frame(0, &link_flow(1, u32::MAX));
            assert_eq!(b.sender().credit(), u32::MAX - 1);
        },
        output: &["TRANSFER@0 1 1 bytes"],
        events: &["SENDER_READY"],
        fate: Fate::Alive,
    },
    Case {
        id: "W04",
        start: Bench::linked,
        steps: |b| b.feed_frame(0, &p::Flow { delivery_count: Some(9.into()), ..link_flow(1, 10) }),
        output: &["DETACH@0 1 closed amqp:invalid-field"],
        events: &["SENDER_ERROR"],
        fate: Fate::Alive,
    },
    Case {
        id: "W05",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &p::Flow { delivery_count: None, ..link_flow(1, 10) });
            assert_eq!(b.sender().credit(), 10);
            send(b);
            b.feed_frame(0, &p::Flow { delivery_count: None, ..link_flow(1, 10) });
            assert_eq!(b.sender().credit(), 9);
        },
        output: &["TRANSFER@0 1 1 bytes"],
        events: &["SENDER_READY"],
        fate: Fate::Alive,
    },
    legal(
        "W06",
        |b| {
            b.feed_frame(0, &link_flow(0, 5));
            assert_eq!(b.receiver().credit(), 10);
        },
        &[],
    ),
    Case {
        id: "W07",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &link_flow(1, 3));
            (0..3).for_each(|_| send(b));
            b.feed_frame(0, &link_flow(1, 1));
            assert_eq!(b.sender().credit(), 0);
            b.feed_frame(0, &link_flow(1, 4));
            assert_eq!(b.sender().credit(), 1);
        },
        output: &["TRANSFER@0 1 1 bytes", "TRANSFER@0 1 1 bytes", "TRANSFER@0 1 1 bytes"],
        events: &["SENDER_READY", "SENDER_CREDIT"],
        fate: Fate::Alive,
    },
    Case {
        id: "W08",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &p::Flow { drain: true, ..link_flow(1, u32::MAX) });
            b.sender().drained().unwrap();
            assert_eq!(b.sender().credit(), 0);
        },
        output: &["FLOW@0 1 count=4294967295 credit=0 drain"],
        events: &["SENDER_DRAIN", "SENDER_READY"],
        fate: Fate::Alive,
    },
    Case {
        id: "W09",
        start: Bench::linked,
        steps: |b| {
            let drain = p::Flow { drain: true, ..link_flow(1, 2) };
            b.feed(&frame(0, &drain).repeat(3));
            b.sender().drained().unwrap();
            b.pump();
            b.feed(&frame(0, &drain).repeat(3));
        },
        output: &["FLOW@0 1 count=2 credit=0 drain", "FLOW@0 1 count=2 credit=0 drain"],
        events: &["SENDER_DRAIN", "SENDER_READY"],
        fate: Fate::Alive,
    },
    Case {
        id: "W10",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &p::Flow { drain: true, ..link_flow(0, 0) });
            b.receiver().set_credit(20).unwrap();
        },
        output: &["FLOW@0 0 count=0 credit=20"],
        events: &[],
        fate: Fate::Alive,
    },
    legal(
        "W11",
        |b| b.feed_frame(0, &p::Flow { available: Some(u32::MAX), ..link_flow(0, 10) }),
        &["RECEIVER_AVAILABLE"],
    ),
    legal(
        "W12",
        |b| b.feed_frame(0, &p::Flow { properties: fields("x-opt-blob"), ..link_flow(0, 10) }),
        &["LINK_PROPERTIES"],
    ),
    Case {
        id: "W13",
        start: Bench::linked,
        steps: |b| b.feed_frame(0, &p::Flow { properties: fields("txn-id"), ..link_flow(1, 10) }),
        output: &["DETACH@0 1 closed amqp:not-implemented"],
        events: &["SENDER_ERROR"],
        fate: Fate::Alive,
    },
    Case {
        id: "W14",
        start: Bench::linked,
        steps: |b| {
            (0..10).for_each(|id| b.feed_frame(0, &settled(0, id)));
            b.accept_all();
            b.forget();
            assert_eq!(b.receiver().credit(), 0);
            b.feed_frame(0, &settled(0, 10));
        },
        output: &["DETACH@0 0 closed amqp:link:transfer-limit-exceeded"],
        events: &["RECEIVER_ERROR"],
        fate: Fate::Alive,
    },
    Case {
        id: "W15",
        start: Bench::linked,
        steps: |b| {
            b.receiver().set_credit(1).unwrap();
            b.pump();
            // Ten were granted before, so ten may be on their way.
            (0..11).for_each(|id| b.feed_frame(0, &transfer(0, id)));
        },
        output: &["FLOW@0 0 count=0 credit=1", "DETACH@0 0 closed amqp:link:transfer-limit-exceeded"],
        events: &[
            "DELIVERY",
            "DELIVERY",
            "DELIVERY",
            "DELIVERY",
            "DELIVERY",
            "DELIVERY",
            "DELIVERY",
            "DELIVERY",
            "DELIVERY",
            "DELIVERY",
            "RECEIVER_ERROR",
        ],
        fate: Fate::Alive,
    },
    legal(
        "W16",
        |b| {
            for id in 0..9 {
                b.feed_frame(0, &transfer(0, id));
                b.accept_all();
                b.forget();
            }
            b.feed(&with_payload(0, &more(0, 9), b"one "));
            assert_eq!(b.receiver().credit(), 0);
            b.feed(&with_payload(0, &p::Transfer { more: true, ..continuation(0) }, b"two "));
            b.feed(&with_payload(0, &continuation(0), b"three"));
            assert_eq!(b.accept_all(), [b"one two three".as_slice()]);
            b.pump();
            b.output.clear();
        },
        &["DELIVERY"],
    ),
    Case {
        id: "W17",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &more(0, 0));
            b.feed_frame(0, &p::Transfer { aborted: true, ..continuation(0) });
            assert_eq!(b.receiver().credit(), 9);
            b.receiver().set_credit(4).unwrap();
        },
        output: &["FLOW@0 0 count=1 credit=4"],
        events: &[],
        fate: Fate::Alive,
    },
    legal(
        "W18",
        |b| {
            b.now = 24 * 3600 * 1000;
            b.conn.handle_timeout(Instant::from_millis(b.now));
            b.feed_frame(0, &flow());
            assert!(b.sender().is_open());
        },
        &[],
    ),
];
