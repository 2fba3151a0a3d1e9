//! T: deliveries that arrive (2.6.12, 2.6.14, 2.7.5), and D: what becomes of them (2.7.6).

use amqp_proto::{
    ConnectionConfig, Event, Limits, ReceiverConfig, ReceiverId, SendOptions, SenderConfig,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, Role, SenderSettleMode},
        delivery_state::{DeliveryState, Modified, Received},
        performatives as p,
        transaction::Declared,
    },
    types::{Fields, Symbol},
};

use crate::{
    bench::{ALL_BROKEN, Bench, Case, Fate, Setup},
    peer::{
        accepted, attach, continuation, detach, frame, link_flow, more, raw, settled, transfer, with_payload,
    },
};

fn limited() -> Bench {
    Bench::linked_with(Setup { ours: ReceiverConfig::new().max_message_size(100), ..Setup::default() })
}

/// Another link to the server on the first session, under handle 2.
fn second_link(b: &mut Bench) -> ReceiverId {
    b.feed_frame(0, &attach("second", 2, Role::Sender));
    let Some(&Event::ReceiverRequested { receiver, .. }) = b.events.last() else { panic!("{:?}", b.events) };
    b.conn.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
    b.conn.receiver(receiver).unwrap().set_credit(10).unwrap();
    b.forget();
    receiver
}

/// What is taken up without an answer, and the payloads that come of it.
const fn taken(id: &'static str, steps: fn(&mut Bench), events: &'static [&'static str]) -> Case {
    Case { id, start: Bench::linked, steps, output: &[], events, fate: Fate::Alive }
}

/// A delivery given up in the way of this transfer leaves no trace, and the next is whole.
fn aborted(b: &mut Bench, last: &p::Transfer, payload: &[u8]) {
    b.feed(&with_payload(0, last, payload));
    assert_eq!(b.conn.unsettled(b.receiver.unwrap()), []);
    b.feed(&with_payload(0, &settled(0, 1), b"whole"));
    assert_eq!(b.accept_all(), [b"whole".as_slice()]);
}

fn start_and_abort(b: &mut Bench, last: &p::Transfer, payload: &[u8]) {
    b.feed(&with_payload(0, &more(0, 0), b"half"));
    aborted(b, last, payload);
}

fn abort() -> p::Transfer {
    p::Transfer { aborted: true, ..continuation(0) }
}

const TOO_LARGE: &[&str] = &["DETACH@0 0 closed amqp:link:message-size-exceeded"];

const fn detached(id: &'static str, steps: fn(&mut Bench)) -> Case {
    Case {
        id,
        start: Bench::linked,
        steps,
        output: &["DETACH@0 0 closed amqp:invalid-field"],
        events: &["RECEIVER_ERROR"],
        fate: Fate::Alive,
    }
}

/// A link whose sender has said how it settles.
fn sends(mode: SenderSettleMode) -> Bench {
    let attach = p::Attach { snd_settle_mode: mode, ..attach("link", 0, Role::Sender) };
    Bench::linked_with(Setup { attach, ..Setup::default() })
}

const fn against_mode(id: &'static str, start: fn() -> Bench, steps: fn(&mut Bench)) -> Case {
    Case { start, ..detached(id, steps) }
}

const fn ended(id: &'static str, steps: fn(&mut Bench), output: &'static [&'static str]) -> Case {
    Case { id, start: Bench::linked, steps, output, events: ENDED, fate: Fate::SessionEnded }
}

const NOT_ALLOWED: &[&str] = &["END@0 amqp:not-allowed"];
const INVALID: &[&str] = &["END@0 amqp:invalid-field"];
const ENDED: &[&str] = &["RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"];
const SETTLED: &[&str] = &["DISPOSITION@0 receiver 0 settled accepted"];

pub const TRANSFERS: &[Case] = &[
    ended("T01", |b| b.feed_frame(0, &transfer(4, 0)), &["END@0 amqp:session:unattached-handle"]),
    ended("T02", |b| b.feed_frame(0, &transfer(1, 0)), NOT_ALLOWED),
    ended("T04", |b| b.feed_frame(0, &p::Transfer { delivery_id: None, ..transfer(0, 0) }), INVALID),
    detached("T05", |b| b.feed_frame(0, &p::Transfer { delivery_tag: None, ..transfer(0, 0) })),
    Case {
        id: "T06",
        start: Bench::linked,
        steps: |b| {
            let bare = p::Transfer { message_format: None, ..transfer(0, 0) };
            b.feed(&with_payload(0, &bare, b"x"));
            assert_eq!(b.accept_all(), [b"x".as_slice()]);
        },
        output: SETTLED,
        events: &["DELIVERY"],
        fate: Fate::Alive,
    },
    Case {
        id: "T07",
        start: Bench::linked,
        steps: |b| {
            let tag = [&[0xa0, 33][..], &[7; 33]].concat();
            b.feed(&raw(0, 0, &[&[0x00, 0x53, 0x14, 0xc0, 38, 3, 0x43, 0x43][..], &tag].concat()));
        },
        output: &["CLOSE amqp:decode-error"],
        events: ALL_BROKEN,
        fate: Fate::Closing,
    },
    Case {
        id: "T08",
        start: Bench::linked,
        steps: |b| {
            let empty = p::Transfer { delivery_tag: Some(Default::default()), ..transfer(0, 0) };
            b.feed(&with_payload(0, &empty, b"x"));
            assert_eq!(b.accept_all().len(), 1);
        },
        output: SETTLED,
        events: &["DELIVERY"],
        fate: Fate::Alive,
    },
    Case {
        id: "T09",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &transfer(0, 0));
            b.feed_frame(0, &p::Transfer { delivery_tag: transfer(0, 0).delivery_tag, ..transfer(0, 1) });
            assert_eq!(b.accept_all().len(), 2);
        },
        output: &["DISPOSITION@0 receiver 0..1 settled accepted"],
        events: &["DELIVERY", "DELIVERY"],
        fate: Fate::Alive,
    },
    Case {
        id: "T10",
        start: Bench::linked,
        steps: |b| b.feed(&[frame(0, &settled(0, 5)), frame(0, &settled(0, 7))].concat()),
        output: INVALID,
        events: &["DELIVERY", "RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
    Case {
        id: "T12",
        start: Bench::linked,
        steps: |b| {
            b.feed(&with_payload(0, &transfer(0, u32::MAX), b"one"));
            b.feed(&with_payload(0, &transfer(0, 0), b"two"));
            assert_eq!(b.accept_all(), [b"one".as_slice(), b"two"]);
        },
        output: &[
            "DISPOSITION@0 receiver 4294967295 settled accepted",
            "DISPOSITION@0 receiver 0 settled accepted",
        ],
        events: &["DELIVERY", "DELIVERY"],
        fate: Fate::Alive,
    },
    Case {
        id: "T11",
        start: Bench::linked,
        steps: |b| b.feed(&frame(0, &transfer(0, 0)).repeat(2)),
        output: INVALID,
        events: &["DELIVERY", "RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
    detached("T13", |b| {
        b.feed_frame(0, &more(0, 0));
        b.feed_frame(0, &p::Transfer { delivery_id: Some(1.into()), ..continuation(0) });
    }),
    detached("T14", |b| {
        b.feed_frame(0, &more(0, 0));
        b.feed_frame(0, &p::Transfer { delivery_tag: Some(9_u32.into()), ..continuation(0) });
    }),
    detached("T15", |b| {
        b.feed_frame(0, &more(0, 0));
        b.feed_frame(0, &p::Transfer { message_format: Some(7.into()), ..continuation(0) });
    }),
    detached("T16", |b| {
        b.feed_frame(0, &more(0, 0));
        b.feed_frame(0, &transfer(0, 1));
    }),
    taken(
        "T17",
        |b| {
            let second = second_link(b);
            b.feed(&with_payload(0, &p::Transfer { more: true, ..settled(0, 0) }, b"a1"));
            b.feed(&with_payload(0, &p::Transfer { more: true, ..settled(2, 1) }, b"b1"));
            b.feed(&with_payload(0, &continuation(0), b"a2"));
            b.feed(&with_payload(0, &continuation(2), b"b2"));
            assert!(matches!(b.events[1], Event::Delivery { receiver, .. } if receiver == second));
            assert_eq!(b.accept_all(), [b"a1a2".as_slice(), b"b1b2"]);
        },
        &["DELIVERY", "DELIVERY"],
    ),
    Case {
        id: "T18",
        start: limited,
        steps: |b| {
            b.feed(&with_payload(0, &more(0, 0), b"x"));
            (0..100)
                .for_each(|_| b.feed(&with_payload(0, &p::Transfer { more: true, ..continuation(0) }, b"x")));
        },
        output: TOO_LARGE,
        events: &["RECEIVER_ERROR"],
        fate: Fate::Alive,
    },
    taken("T22", |b| start_and_abort(b, &abort(), b""), &["DELIVERY"]),
    taken("T23", |b| aborted(b, &p::Transfer { aborted: true, ..transfer(0, 0) }, b"x"), &["DELIVERY"]),
    taken("T24", |b| start_and_abort(b, &p::Transfer { more: true, ..abort() }, b""), &["DELIVERY"]),
    taken("T25", |b| start_and_abort(b, &abort(), b"ignored"), &["DELIVERY"]),
    taken(
        "T26",
        |b| {
            b.feed(&with_payload(0, &p::Transfer { settled: Some(true), ..more(0, 0) }, b"one"));
            b.feed(&with_payload(0, &p::Transfer { settled: Some(false), ..continuation(0) }, b"two"));
            assert_eq!(b.conn.unsettled(b.receiver.unwrap()), []);
        },
        &["DELIVERY"],
    ),
    taken(
        "T27",
        |b| {
            let first = p::Transfer { settled: Some(false), ..more(0, 0) };
            b.feed(&with_payload(0, &first, b"one"));
            b.feed(&with_payload(0, &p::Transfer { settled: Some(true), ..continuation(0) }, b"two"));
            let [Event::Delivery { delivery, .. }] = &b.events[..] else { panic!("{:?}", b.events) };
            assert!(delivery.settled);
            assert_eq!(b.conn.unsettled(b.receiver.unwrap()), []);
        },
        &["DELIVERY"],
    ),
    against_mode("T28", || sends(SenderSettleMode::Unsettled), |b| b.feed_frame(0, &settled(0, 0))),
    against_mode("T29", || sends(SenderSettleMode::Settled), |b| b.feed_frame(0, &transfer(0, 0))),
    against_mode("T30", Bench::linked, |b| {
        let second = Some(ReceiverSettleMode::Second);
        b.feed_frame(0, &p::Transfer { rcv_settle_mode: second, ..transfer(0, 0) });
    }),
    Case {
        id: "T31",
        start: limited,
        steps: |b| {
            b.feed(&with_payload(0, &settled(0, 0), &[0; 100]));
            b.feed(&with_payload(0, &settled(0, 1), &[0; 101]));
        },
        output: TOO_LARGE,
        events: &["DELIVERY", "RECEIVER_ERROR"],
        fate: Fate::Alive,
    },
    Case {
        id: "T37",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &transfer(0, 0));
            assert_eq!(b.accept_all(), [b"".as_slice()]);
        },
        output: SETTLED,
        events: &["DELIVERY"],
        fate: Fate::Alive,
    },
    taken(
        "T32",
        |b| {
            b.feed(&with_payload(0, &p::Transfer { resume: true, ..transfer(0, 0) }, b"resumed"));
            b.feed(&with_payload(0, &settled(0, 1), b"new"));
            assert_eq!(b.accept_all(), [b"new".as_slice()]);
        },
        &["DELIVERY"],
    ),
    taken(
        "T34",
        |b| {
            let [first, last] = [DeliveryState::ACCEPTED, DeliveryState::Rejected(Default::default())];
            b.feed(&with_payload(0, &p::Transfer { state: Some(first.clone()), ..more(0, 0) }, b"one "));
            b.feed(&with_payload(0, &p::Transfer { state: Some(last), ..continuation(0) }, b"two"));
            let [Event::Delivery { delivery, .. }] = &b.events[..] else { panic!("{:?}", b.events) };
            assert_eq!(delivery.state, Some(first));
        },
        &["DELIVERY"],
    ),
    taken(
        "T35",
        |b| {
            let state = Some(Received { section_number: 0, section_offset: 7 }.into());
            b.feed(&with_payload(0, &p::Transfer { state, ..transfer(0, 0) }, b"whole"));
            let [Event::Delivery { delivery, .. }] = &b.events[..] else { panic!("{:?}", b.events) };
            assert_eq!(delivery.state, None);
            assert_eq!(delivery.payload.clone().into_bytes(), b"whole".as_slice());
        },
        &["DELIVERY"],
    ),
    taken(
        "T38",
        |b| {
            let strange = p::Transfer { message_format: Some(0x100.into()), ..settled(0, 0) };
            b.feed(&with_payload(0, &strange, b"\xff\x00no sections"));
            let [Event::Delivery { delivery: taken, .. }] = &b.events[..] else { panic!("{:?}", b.events) };
            assert_eq!(taken.message_format, 0x100.into());
            assert_eq!(taken.payload.clone().into_bytes(), b"\xff\x00no sections".as_slice());
        },
        &["DELIVERY"],
    ),
];

/// Two deliveries, 0 and 1, have gone to the peer and await their outcome.
fn sent() -> Bench {
    let mut bench = Bench::linked();
    bench.feed_frame(0, &link_flow(1, 10));
    bench.sender().send(1_u32, b"one".as_slice()).unwrap();
    bench.sender().send(2_u32, b"two".as_slice()).unwrap();
    bench.forget();
    bench
}

fn left(b: &Bench) -> usize {
    b.conn.unsettled(b.sender.unwrap()).len()
}

const fn outcomes(id: &'static str, steps: fn(&mut Bench), events: &'static [&'static str]) -> Case {
    Case { id, start: sent, steps, output: &[], events, fate: Fate::Alive }
}

/// A range that cannot be one.
const fn no_range(id: &'static str, steps: fn(&mut Bench)) -> Case {
    Case { id, start: sent, steps, output: NOT_ALLOWED, events: ENDED, fate: Fate::SessionEnded }
}

pub const DISPOSITIONS: &[Case] = &[
    outcomes(
        "D01",
        |b| {
            b.feed_frame(0, &accepted(100, None));
            assert_eq!(left(b), 2);
        },
        &[],
    ),
    no_range("D02", |b| b.feed_frame(0, &accepted(0, Some(u32::MAX)))),
    outcomes(
        "D03",
        |b| {
            b.feed_frame(0, &accepted(0, Some(i32::MAX as u32)));
            assert_eq!(left(b), 0);
        },
        &["DELIVERY_SETTLED"],
    ),
    no_range("D04", |b| b.feed_frame(0, &accepted(0, Some(1 << 31)))),
    no_range("D05", |b| b.feed_frame(0, &accepted(10, Some(5)))),
    outcomes(
        "D06",
        |b| {
            b.feed_frame(0, &accepted(u32::MAX - 5, Some(5)));
            assert_eq!(left(b), 0);
        },
        &["DELIVERY_SETTLED"],
    ),
    outcomes(
        "D07",
        |b| {
            b.feed_frame(0, &p::Disposition { role: Role::Sender, ..accepted(0, Some(1)) });
            assert_eq!(left(b), 2);
        },
        &[],
    ),
    Case {
        id: "D08",
        start: sent,
        steps: |b| {
            b.sender().detach(None).unwrap();
            b.feed_frame(0, &detach(1, false));
            assert_eq!(left(b), 2);
            b.feed_frame(0, &accepted(0, Some(1)));
            assert_eq!(left(b), 0);
        },
        output: &["DETACH@0 1"],
        events: &["SENDER_DETACHED", "DELIVERY_SETTLED"],
        fate: Fate::Alive,
    },
    Case {
        id: "D09",
        start: sent,
        steps: |b| {
            b.sender().close(Some(AmqpError::new(ErrorCondition::InternalError))).unwrap();
            b.feed_frame(0, &accepted(0, Some(1)));
        },
        output: &["DETACH@0 1 closed amqp:internal-error", "END@0 amqp:session:errant-link"],
        events: &["RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
    Case {
        id: "D10",
        start: sent,
        steps: |b| {
            let delivery = b.sender().send_streaming(3_u32, &SendOptions::new()).unwrap();
            b.sender().write(delivery, b"begun".as_slice()).unwrap();
            b.pump();
            b.feed_frame(0, &accepted(2, None));
            b.sender().write(delivery, b"ended".as_slice()).unwrap();
            b.sender().finish(delivery).unwrap();
            b.pump();
            b.sender().send(4_u32, b"next".as_slice()).unwrap();
            assert_eq!(left(b), 3);
        },
        output: &[
            "TRANSFER@0 1 0 bytes more",
            "TRANSFER@0 1 5 bytes more",
            "TRANSFER@0 1 5 bytes more",
            "TRANSFER@0 1 0 bytes",
            "TRANSFER@0 1 4 bytes",
        ],
        events: &["DELIVERY_SETTLED"],
        fate: Fate::Alive,
    },
    outcomes(
        "D11",
        |b| {
            let nothing = p::Disposition { settled: false, state: None, ..accepted(0, Some(1)) };
            (0..1000).for_each(|_| b.feed_frame(0, &nothing));
            assert_eq!(left(b), 2);
        },
        &[],
    ),
    Case {
        id: "D12",
        start: sent,
        steps: |b| {
            b.feed_frame(0, &p::Disposition { settled: false, ..accepted(0, None) });
            b.pump();
            let rejected = DeliveryState::Rejected(Default::default());
            b.feed_frame(0, &p::Disposition { state: Some(rejected), ..accepted(0, None) });
            assert_eq!(left(b), 1);
        },
        output: &["DISPOSITION@0 sender 0 settled accepted"],
        events: &["DELIVERY_SETTLED"],
        fate: Fate::Alive,
    },
    Case {
        id: "D13",
        start: sent,
        steps: |b| {
            let txn_id = [7_u8].as_slice().try_into().unwrap();
            let state = Some(DeliveryState::from(Declared { txn_id }));
            b.feed_frame(0, &p::Disposition { state, ..accepted(0, None) });
            assert_eq!(left(b), 2);
        },
        output: &["DETACH@0 1 closed amqp:invalid-field"],
        events: &["SENDER_ERROR"],
        fate: Fate::Alive,
    },
    Case {
        id: "D14",
        start: sent,
        steps: |b| {
            let why = Fields::from([(Symbol::from_static("x-opt-why"), "a".repeat(60 << 10).as_str())]);
            let modified = Modified { message_annotations: Some(why), ..Modified::default() };
            let state = Some(DeliveryState::from(modified));
            b.feed_frame(0, &p::Disposition { settled: false, state, ..accepted(0, Some(100_000)) });
            assert_eq!(left(b), 0);
        },
        output: &["DISPOSITION@0 sender 0..1 settled other"],
        events: &["DELIVERY_SETTLED"],
        fate: Fate::Alive,
    },
    outcomes(
        "D15",
        |b| {
            (0..2000).for_each(|n| b.feed_frame(0, &accepted(n * 2 + 10, None)));
            b.feed_frame(0, &accepted(1, None));
            assert_eq!(left(b), 1);
        },
        &["DELIVERY_SETTLED"],
    ),
    Case {
        id: "D16",
        start: || {
            let mut bench = Bench::linked();
            let mode = ReceiverSettleMode::Second;
            let theirs = p::Attach { rcv_settle_mode: mode, ..attach("second", 2, Role::Receiver) };
            bench.feed_frame(0, &theirs);
            let Some(&Event::SenderRequested { sender, .. }) = bench.events.last() else { panic!() };
            bench.conn.accept_sender(sender, SenderConfig::new()).unwrap();
            bench.sender = Some(sender);
            bench.feed_frame(0, &link_flow(2, 10));
            for tag in 0..3_u32 {
                bench.sender().send(tag, b"x".as_slice()).unwrap();
            }
            bench.forget();
            bench
        },
        steps: |b| {
            b.feed_frame(0, &accepted(0, None));
            b.feed_frame(0, &accepted(1, Some(2)));
            assert_eq!((left(b), b.sender().early_settlements()), (0, 3));
        },
        output: &[],
        events: &["DELIVERY_SETTLED", "DELIVERY_SETTLED"],
        fate: Fate::Alive,
    },
    Case {
        id: "D17",
        start: || {
            let limits = Limits::default().max_unsettled(2);
            Bench::linked_with(Setup {
                config: ConnectionConfig::server("server").limits(limits),
                ..Setup::default()
            })
        },
        steps: |b| (0..3).for_each(|id| b.feed_frame(0, &transfer(0, id))),
        output: &["END@0 amqp:resource-limit-exceeded"],
        events: &["DELIVERY", "DELIVERY", "RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
];
