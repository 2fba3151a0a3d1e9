//! S: sessions and their windows (2.5).

use amqp_proto::{
    CommandError, ConnectionConfig, SessionConfig,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        performatives::{self as p, End},
    },
};

use crate::{
    bench::{ALL_BROKEN, Bench, Case, FRAMING, Fate, Setup, server},
    peer::{AMQP, attach, begin, begin_answer, flow, frame, link_flow, open, transfer},
};

fn begun(begin: p::Begin) -> Bench {
    Bench::linked_with(Setup { begin, ..Setup::default() })
}

fn window(size: u32) -> Bench {
    Bench::linked_with(Setup { our_begin: SessionConfig::new().incoming_window(size), ..Setup::default() })
}

fn client() -> Bench {
    let mut bench = Bench::client(ConnectionConfig::client("client"));
    bench.feed(&[AMQP, &frame(0, &open())].concat());
    bench.forget();
    bench
}

fn send(b: &mut Bench) -> Result<(), CommandError> {
    b.sender().send(1_u32, b"x".as_slice()).map(drop)
}

const VIOLATED: &[&str] = &["END@0 amqp:session:window-violation"];

const ENDED: &[&str] = &["RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"];

fn failed() -> End {
    End { error: Some(Box::new(AmqpError::new(ErrorCondition::InternalError))) }
}

const fn not_allowed(id: &'static str, steps: fn(&mut Bench)) -> Case {
    Case {
        id,
        start: Bench::linked,
        steps,
        output: &["CLOSE amqp:not-allowed"],
        events: ALL_BROKEN,
        fate: Fate::Closing,
    }
}

pub const CASES: &[Case] = &[
    not_allowed("S01", |b| b.feed_frame(0, &begin())),
    not_allowed("S02", |b| b.feed_frame(2, &begin_answer(7))),
    Case {
        id: "S04",
        start: client,
        steps: |b| {
            let session = b.conn.begin(SessionConfig::new()).unwrap();
            b.conn.session(session).unwrap().end(None).unwrap();
            b.feed_frame(0, &begin_answer(0));
            b.feed_frame(0, &End::default());
            assert_eq!(b.conn.session_ids().count(), 0);
            b.conn.begin(SessionConfig::new()).unwrap();
        },
        output: &["BEGIN@0", "END@0", "BEGIN@0"],
        events: &["SESSION_CLOSED"],
        fate: Fate::Alive,
    },
    Case {
        id: "S06",
        start: || begun(p::Begin { next_outgoing_id: u32::MAX.into(), ..begin() }),
        steps: |b| {
            b.feed_frame(0, &transfer(0, 0));
            b.feed_frame(0, &transfer(0, 1));
            b.feed_frame(0, &p::Flow { next_outgoing_id: 1.into(), echo: true, ..flow() });
        },
        output: &["FLOW@0 next=1 window=2048"],
        events: &["DELIVERY", "DELIVERY"],
        fate: Fate::Alive,
    },
    Case {
        id: "S07",
        start: || begun(p::Begin { incoming_window: 0, ..begin() }),
        steps: |b| {
            b.feed_frame(0, &p::Flow { incoming_window: 0, ..link_flow(1, 10) });
            assert_eq!(b.sender().credit(), 10);
            assert_eq!(send(b), Err(CommandError::WindowClosed));
        },
        output: &[],
        events: &[],
        fate: Fate::Alive,
    },
    Case {
        id: "S08",
        start: || begun(p::Begin { incoming_window: u32::MAX, ..begin() }),
        steps: |b| {
            assert_eq!(b.session().remote_incoming_window(), u32::MAX);
            b.feed_frame(0, &p::Flow { incoming_window: u32::MAX, ..link_flow(1, 10) });
            send(b).unwrap();
        },
        output: &["TRANSFER@0 1 1 bytes"],
        events: &["SENDER_READY"],
        fate: Fate::Alive,
    },
    Case {
        id: "S09",
        start: Bench::opened,
        steps: |b| {
            b.feed_frame(0, &p::Begin { handle_max: 0.into(), ..begin() });
            let session = b.conn.session_ids().next().unwrap();
            let link = amqp_proto::SenderConfig::to("q").name("one");
            b.conn.session(session).unwrap().attach_sender(link).unwrap();
            let second = b.conn.session(session).unwrap().attach_sender(amqp_proto::SenderConfig::to("q"));
            assert_eq!(second, Err(CommandError::LimitReached("handle-max")));
        },
        output: &["BEGIN@0 to 0", "ATTACH@0 0 one"],
        events: &["SESSION_OPEN"],
        fate: Fate::Alive,
    },
    Case {
        id: "S10",
        start: || Bench::opened_with(server().channel_max(2)),
        steps: |b| (0..4).for_each(|channel| b.feed_frame(channel, &begin())),
        output: &["BEGIN@0 to 0", "BEGIN@1 to 1", "BEGIN@2 to 2", FRAMING[0]],
        events: &[
            "SESSION_OPEN",
            "SESSION_OPEN",
            "SESSION_OPEN",
            "SESSION_ERROR",
            "SESSION_ERROR",
            "SESSION_ERROR",
            "CONNECTION_ERROR",
        ],
        fate: Fate::Closing,
    },
    Case {
        id: "S11",
        start: Bench::linked,
        steps: |b| {
            for _ in 0..1000 {
                b.feed_frame(2, &begin());
                let asked = b.conn.session_ids().last().unwrap();
                b.conn.accept_session(asked, SessionConfig::new()).unwrap();
                b.feed_frame(2, &End::default());
                b.pump();
                assert_eq!(b.output, ["BEGIN@2 to 2", "END@2"]);
                assert_eq!(b.conn.session_ids().count(), 2);
                b.forget();
            }
        },
        output: &[],
        events: &[],
        fate: Fate::Alive,
    },
    Case {
        id: "S03",
        start: Bench::client_session,
        steps: |b| b.feed_frame(1, &begin_answer(0)),
        output: &["CLOSE amqp:not-allowed"],
        events: &["SESSION_ERROR", "CONNECTION_ERROR"],
        fate: Fate::Closing,
    },
    not_allowed("S12", |b| b.feed_frame(3, &failed())),
    Case {
        id: "S13",
        start: Bench::opened,
        steps: |b| b.feed(&[frame(0, &begin()), frame(0, &End::default()).repeat(2)].concat()),
        output: &["BEGIN@0 to 0", "END@0", "CLOSE amqp:not-allowed"],
        events: &["SESSION_OPEN", "SESSION_CLOSED", "CONNECTION_ERROR"],
        fate: Fate::Closing,
    },
    Case {
        id: "S14",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &transfer(0, 0));
            b.feed_frame(0, &link_flow(1, 10));
            send(b).unwrap();
            b.forget();
            b.feed_frame(0, &failed());
            assert_eq!(b.conn.unsettled(b.receiver.unwrap()).len(), 1);
            assert_eq!(b.conn.unsettled(b.sender.unwrap()).len(), 1);
        },
        output: &["END@0"],
        events: ENDED,
        fate: Fate::Alive,
    },
    Case {
        id: "S15",
        start: Bench::linked,
        steps: |b| {
            b.session().end(Some(AmqpError::new(ErrorCondition::InternalError))).unwrap();
            b.feed_frame(0, &transfer(0, 0));
            b.feed_frame(0, &link_flow(9, 1));
            b.feed_frame(0, &attach("new", 0, Role::Sender));
            assert!(b.events.is_empty());
            b.feed_frame(0, &End::default());
        },
        output: &["END@0 amqp:internal-error"],
        events: &["RECEIVER_CLOSED", "SENDER_CLOSED", "SESSION_CLOSED"],
        fate: Fate::Alive,
    },
    Case {
        id: "S15b",
        start: Bench::linked,
        steps: |b| {
            b.feed(&[frame(0, &transfer(9, 0)), frame(0, &transfer(9, 1)), frame(0, &flow())].concat());
        },
        output: &["END@0 amqp:session:unattached-handle"],
        events: ENDED,
        fate: Fate::SessionEnded,
    },
    Case {
        id: "S16",
        start: Bench::linked,
        steps: |b| {
            b.session().end(None).unwrap();
            b.feed_frame(0, &transfer(0, 0));
            b.feed_frame(0, &p::Flow { echo: true, ..flow() });
            b.feed_frame(0, &attach("new", 7, Role::Sender));
            b.feed_frame(0, &End::default());
        },
        output: &["END@0"],
        events: &["RECEIVER_CLOSED", "SENDER_CLOSED", "SESSION_CLOSED"],
        fate: Fate::Alive,
    },
    Case {
        id: "S17",
        start: Bench::opened,
        steps: |b| b.feed(&[frame(0, &begin()), frame(0, &End::default()), frame(0, &flow())].concat()),
        output: &["BEGIN@0 to 0", "END@0", "CLOSE amqp:not-allowed"],
        events: &["SESSION_OPEN", "SESSION_CLOSED", "CONNECTION_ERROR"],
        fate: Fate::Closing,
    },
    Case {
        id: "S18",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &End::default());
            b.feed_frame(0, &begin());
            let again = b.conn.session_ids().next().unwrap();
            b.conn.accept_session(again, SessionConfig::new()).unwrap();
            // Nothing is left of the session before.
            b.feed_frame(0, &attach("link", 0, Role::Sender));
        },
        output: &["END@0", "BEGIN@0 to 0"],
        events: &[
            "RECEIVER_CLOSED",
            "SENDER_CLOSED",
            "SESSION_CLOSED",
            "SESSION_REQUESTED",
            "SESSION_OPEN",
            "RECEIVER_REQUESTED",
        ],
        fate: Fate::Alive,
    },
    Case {
        id: "S18b",
        start: Bench::opened,
        steps: |b| b.feed(&[frame(0, &begin()), frame(0, &failed()), frame(0, &begin())].concat()),
        output: &["BEGIN@0 to 0", "END@0", "BEGIN@0 to 0"],
        events: &["SESSION_OPEN", "SESSION_ERROR", "SESSION_OPEN"],
        fate: Fate::Alive,
    },
    Case {
        id: "S19",
        start: || window(0),
        steps: |b| b.feed_frame(0, &transfer(0, 0)),
        output: VIOLATED,
        events: ENDED,
        fate: Fate::SessionEnded,
    },
    Case {
        id: "S20",
        start: || window(2),
        steps: |b| b.feed(&(0..3).flat_map(|id| frame(0, &transfer(0, id))).collect::<Vec<u8>>()),
        output: VIOLATED,
        events: &["DELIVERY", "DELIVERY", "RECEIVER_ERROR", "SENDER_ERROR", "SESSION_ERROR"],
        fate: Fate::SessionEnded,
    },
    Case {
        id: "S22",
        start: Bench::linked,
        steps: |b| b.feed_frame(0, &p::Flow { next_incoming_id: Some(1.into()), ..flow() }),
        output: &["END@0 amqp:invalid-field"],
        events: ENDED,
        fate: Fate::SessionEnded,
    },
    Case {
        id: "S24",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &link_flow(1, 10));
            send(b).unwrap();
            b.feed_frame(0, &p::Flow { next_incoming_id: None, incoming_window: 7, ..flow() });
            assert_eq!(b.session().remote_incoming_window(), 6);
        },
        output: &["TRANSFER@0 1 1 bytes"],
        events: &["SENDER_READY"],
        fate: Fate::Alive,
    },
    Case {
        id: "S26",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &link_flow(1, 10));
            send(b).unwrap();
            let flow = p::Flow { incoming_window: u32::MAX, ..flow() };
            b.feed_frame(0, &flow);
            assert_eq!(b.session().remote_incoming_window(), u32::MAX - 1);
            let flow = p::Flow { next_incoming_id: Some(1.into()), ..flow };
            b.feed_frame(0, &flow);
            assert_eq!(b.session().remote_incoming_window(), u32::MAX);
        },
        output: &["TRANSFER@0 1 1 bytes"],
        events: &["SENDER_READY"],
        fate: Fate::Alive,
    },
    Case {
        id: "S27",
        start: Bench::linked,
        steps: |b| {
            for next in [1000, 5, u32::MAX] {
                b.feed_frame(0, &p::Flow { next_outgoing_id: next.into(), echo: true, ..flow() });
                b.pump();
            }
            b.feed_frame(0, &transfer(0, 0));
        },
        output: &[
            "FLOW@0 next=1000 window=2048",
            "FLOW@0 next=5 window=2048",
            "FLOW@0 next=4294967295 window=2048",
        ],
        events: &["DELIVERY"],
        fate: Fate::Alive,
    },
    Case {
        id: "S28",
        start: Bench::linked,
        steps: |b| b.feed(&frame(0, &p::Flow { echo: true, ..flow() }).repeat(100)),
        output: &["FLOW@0 next=0 window=2048"],
        events: &[],
        fate: Fate::Alive,
    },
];
