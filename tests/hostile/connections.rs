//! C: open and close (2.4), P: what an open announces (2.7.1), and R: what a whole connection costs.

use core::time::Duration;

use amqp_proto::{
    CommandError, ConnectionConfig, Event, Instant, SessionConfig, Timeouts,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        performatives::{Close, End, Open},
    },
    types::Symbol,
};

use crate::{
    bench::{ALL_BROKEN, ALL_CLOSED, Bench, Case, FRAMING, Fate, Setup, server},
    peer::{AMQP, begin, begin_answer, flow, frame, open, raw, settled, transfer, with_payload},
};

fn fresh() -> Bench {
    Bench::bare(server())
}

fn narrow() -> Bench {
    Bench::linked_with(Setup {
        config: ConnectionConfig::server("server").channel_max(10),
        ..Setup::default()
    })
}

fn wide() -> Bench {
    Bench::linked_with(Setup {
        config: ConnectionConfig::server("server").channel_max(u16::MAX),
        ..Setup::default()
    })
}

fn impatient() -> Bench {
    let timeouts = Timeouts::default().close(Some(Duration::from_secs(3)));
    let config = ConnectionConfig::server("server").timeouts(timeouts).idle_timeout(Duration::from_secs(1));
    Bench::linked_with(Setup { config, ..Setup::default() })
}

fn demanding() -> Bench {
    Bench::bare(server().required_capabilities(vec![Symbol::try_from("shared-subs").unwrap()]))
}

fn failed() -> Option<AmqpError> {
    Some(AmqpError::new(ErrorCondition::InternalError))
}

fn time_out(b: &mut Bench, at: u64) {
    b.now = at;
    b.conn.handle_timeout(Instant::from_millis(at));
}

/// Behind the headers, the first frame of the peer and all that it says in the same breath.
fn greeted_by(b: &mut Bench, frames: &[u8]) {
    b.feed(&[AMQP, frames].concat());
}

fn timed(millis: u32) -> Vec<u8> {
    frame(0, &Open { idle_time_out: Some(millis.into()), ..open() })
}

const OPENED: &[&str] = &["AMQP 1.0.0", "OPEN"];

pub const CASES: &[Case] = &[
    Case {
        id: "C01",
        start: fresh,
        steps: |b| greeted_by(b, &frame(0, &begin())),
        output: &["AMQP 1.0.0", "OPEN", "CLOSE amqp:not-allowed"],
        events: &["CONNECTION_ERROR"],
        fate: Fate::Closing,
    },
    Case {
        id: "C02",
        start: || {
            let mut bench = Bench::client(ConnectionConfig::client("client"));
            bench.feed(AMQP);
            bench
        },
        steps: |b| b.feed_frame(0, &Close::default()),
        output: &["CLOSE"],
        events: &["CONNECTION_CLOSED"],
        fate: Fate::Closed,
    },
    Case {
        id: "C03",
        start: Bench::linked,
        steps: |b| b.feed_frame(0, &open()),
        output: &["CLOSE amqp:illegal-state"],
        events: ALL_BROKEN,
        fate: Fate::Closing,
    },
    Case {
        id: "C04",
        start: fresh,
        steps: |b| {
            let close = Close::default();
            greeted_by(b, &[frame(0, &open()), frame(0, &close), frame(0, &begin())].concat());
        },
        output: &["AMQP 1.0.0", "OPEN", "CLOSE"],
        events: &["CONNECTION_OPEN", "CONNECTION_CLOSED"],
        fate: Fate::Closed,
    },
    Case {
        id: "C06",
        start: Bench::linked,
        steps: |b| b.feed(&frame(0, &Close::default()).repeat(2)),
        output: &["CLOSE"],
        events: ALL_CLOSED,
        fate: Fate::Closed,
    },
    Case {
        id: "C07",
        start: Bench::linked,
        steps: |b| b.feed_frame(5, &Close::default()),
        output: &["CLOSE"],
        events: ALL_CLOSED,
        fate: Fate::Closed,
    },
    Case {
        id: "C09",
        start: Bench::opened,
        steps: |b| {
            b.conn.close(None).unwrap();
            b.pump();
            b.feed_frame(0, &Close { error: failed().map(Box::new) });
        },
        output: &["CLOSE"],
        events: &["CONNECTION_ERROR"],
        fate: Fate::Closed,
    },
    Case {
        id: "C10",
        start: Bench::opened,
        steps: |b| {
            b.feed_frame(0, &begin());
            b.forget();
            b.conn.close(failed()).unwrap();
            b.feed(&with_payload(0, &transfer(0, 0), b"late"));
            b.feed_frame(0, &flow());
            b.feed(&raw(0, 0, b"\x00\x53\x11junk"));
            assert!(b.events.is_empty());
            b.feed_frame(0, &Close::default());
        },
        output: &["CLOSE amqp:internal-error"],
        events: &["SESSION_CLOSED", "CONNECTION_CLOSED"],
        fate: Fate::Closed,
    },
    Case {
        id: "C10b",
        start: Bench::linked,
        steps: |b| b.feed(&[raw(0, 0, b"junk"), frame(0, &flow()), frame(0, &Close::default())].concat()),
        output: &["CLOSE amqp:decode-error"],
        events: ALL_BROKEN,
        fate: Fate::Closed,
    },
    Case {
        id: "C11",
        start: impatient,
        steps: |b| {
            b.conn.close(None).unwrap();
            b.pump();
            time_out(b, 3001);
        },
        output: &["CLOSE"],
        events: ALL_CLOSED,
        fate: Fate::Closed,
    },
    Case {
        id: "C13",
        start: narrow,
        steps: |b| b.feed_frame(11, &begin()),
        output: FRAMING,
        events: ALL_BROKEN,
        fate: Fate::Closing,
    },
    Case {
        id: "C14",
        start: wide,
        steps: |b| {
            b.feed_frame(65535, &begin());
            let ids: Vec<_> = b.conn.session_ids().collect();
            b.conn.accept_session(ids[2], SessionConfig::new()).unwrap();
        },
        output: &["BEGIN@2 to 65535"],
        events: &["SESSION_REQUESTED", "SESSION_OPEN"],
        fate: Fate::Alive,
    },
    Case {
        id: "C16",
        start: impatient,
        steps: |b| {
            time_out(b, 1000);
            assert!(b.conn.is_open());
            time_out(b, 1001);
        },
        output: &["CLOSE amqp:resource-limit-exceeded"],
        events: ALL_BROKEN,
        fate: Fate::Closing,
    },
    Case {
        id: "C21",
        start: fresh,
        steps: |b| {
            let capability = Symbol::try_from("no-such-thing").unwrap();
            greeted_by(b, &frame(0, &Open { desired_capabilities: vec![capability].into(), ..open() }));
        },
        output: OPENED,
        events: &["CONNECTION_OPEN"],
        fate: Fate::Alive,
    },
    Case {
        id: "C22",
        start: demanding,
        steps: |b| greeted_by(b, &frame(0, &open())),
        output: &["AMQP 1.0.0", "OPEN", "CLOSE amqp:not-implemented"],
        events: &["CONNECTION_ERROR"],
        fate: Fate::Closing,
    },
    Case {
        id: "C25",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &Close::default());
            b.conn.handle_eof(Instant::from_millis(2));
        },
        output: &["CLOSE"],
        events: ALL_CLOSED,
        fate: Fate::Closed,
    },
];

const fn too_small(id: &'static str, steps: fn(&mut Bench)) -> Case {
    Case {
        id,
        start: fresh,
        steps,
        output: &["AMQP 1.0.0", "OPEN", "CLOSE amqp:invalid-field"],
        events: &["CONNECTION_ERROR"],
        fate: Fate::Closing,
    }
}

/// What an open may announce.
pub const OPENS: &[Case] = &[
    too_small("P09", |b| greeted_by(b, &frame(0, &Open { max_frame_size: 511, ..open() }))),
    too_small("P09b", |b| greeted_by(b, &frame(0, &Open { max_frame_size: 0, ..open() }))),
    Case {
        id: "P11",
        start: fresh,
        steps: |b| {
            greeted_by(b, &frame(0, &Open { channel_max: 0.into(), ..open() }));
            let session = b.conn.begin(SessionConfig::new()).unwrap();
            assert_eq!(b.conn.begin(SessionConfig::new()), Err(CommandError::LimitReached("channel-max")));
            b.pump();
            b.feed_frame(0, &begin_answer(0));
            b.conn.session(session).unwrap().end(None).unwrap();
            b.feed_frame(0, &End::default());
        },
        output: &["AMQP 1.0.0", "OPEN", "BEGIN@0", "END@0"],
        events: &["CONNECTION_OPEN", "SESSION_OPEN", "SESSION_CLOSED"],
        fate: Fate::Alive,
    },
    Case {
        id: "P12",
        start: fresh,
        steps: |b| {
            greeted_by(b, &timed(0));
            b.pump();
            assert_eq!(b.conn.poll_timeout(), None);
        },
        output: OPENED,
        events: &["CONNECTION_OPEN"],
        fate: Fate::Alive,
    },
    Case {
        id: "P13",
        start: fresh,
        steps: |b| greeted_by(b, &timed(1)),
        output: &["AMQP 1.0.0", "OPEN", "CLOSE amqp:not-allowed"],
        events: &["CONNECTION_ERROR"],
        fate: Fate::Closing,
    },
    Case {
        id: "P14",
        start: fresh,
        steps: |b| {
            greeted_by(b, &timed(u32::MAX));
            b.pump();
            assert_eq!(b.conn.poll_timeout(), Some(Instant::from_millis(1 + (1 << 31))));
        },
        output: OPENED,
        events: &["CONNECTION_OPEN"],
        fate: Fate::Alive,
    },
    Case {
        id: "P22",
        start: Bench::opened,
        steps: |b| {
            let ours_not: ErrorCondition = ErrorCondition::Other("not: ours".try_into().unwrap());
            b.feed_frame(0, &Close { error: Some(Box::new(AmqpError::new(ours_not.clone()))) });
            let [Event::ConnectionError(failure)] = &b.events[..] else { panic!("{:?}", b.events) };
            assert_eq!(failure.error.condition, ours_not);
        },
        output: &["CLOSE"],
        events: &["CONNECTION_ERROR"],
        fate: Fate::Closed,
    },
];

/// What a whole connection costs.
pub const RESOURCES: &[Case] = &[
    Case {
        id: "R02",
        start: fresh,
        steps: |b| {
            greeted_by(b, &frame(0, &open()));
            b.feed(&65537_u32.to_be_bytes());
            b.feed(&[2, 0, 0, 0]);
        },
        output: &["AMQP 1.0.0", "OPEN", FRAMING[0]],
        events: &["CONNECTION_OPEN", "CONNECTION_ERROR"],
        fate: Fate::Closing,
    },
    Case {
        id: "R04",
        start: Bench::linked,
        steps: |b| {
            b.receiver().set_credit(2000).unwrap();
            b.forget();
            for id in 0..2000 {
                b.feed(&frame(0, &settled(0, id)));
                assert_eq!(b.accept_all().len(), 1);
                b.events.clear();
            }
            let receiver = b.receiver.unwrap();
            assert!(b.conn.unsettled(receiver).is_empty());
        },
        output: &["FLOW@0 next=2000 window=2048"],
        events: &[],
        fate: Fate::Alive,
    },
    Case {
        id: "R10",
        start: impatient,
        steps: |b| {
            // Half a frame every half second, and no frame for a second.
            b.feed(&[0, 0, 0, 8]);
            b.now = 501;
            b.feed(&[2, 0, 0]);
            time_out(b, 1001);
            b.feed(&[0]);
        },
        output: &["CLOSE amqp:resource-limit-exceeded"],
        events: ALL_BROKEN,
        fate: Fate::Closing,
    },
];
