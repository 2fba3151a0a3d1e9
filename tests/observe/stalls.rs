//! A case for each stall: it is found at its threshold, and again when it is over.

use std::{collections::BTreeSet, time::Duration};

use amqp_proto::{
    Instant, Side,
    observe::{StallKind, Thresholds},
    spec::{
        definitions::Role,
        performatives::{Close, End, Flow, Open},
    },
    types::{Milliseconds, TransferNumber},
};

use crate::wire::*;

/// The wait, the end that is waited for, how it starts, its threshold, and how it ends.
type Case = (StallKind, Side, fn() -> Wire, u64, fn(&mut Wire));

fn with(mut wire: Wire, act: impl FnOnce(&mut Wire)) -> Wire {
    act(&mut wire);
    wire
}

fn seen(next: u32) -> Flow {
    Flow { next_incoming_id: Some(TransferNumber::new(next)), ..flow() }
}

/// Three transfers have used up the credit, and more messages wait.
fn starved() -> Wire {
    with(Wire::attached(), |wire| {
        (0..3).for_each(|number| wire.up(transfer(number)));
        wire.down(disposition(0, 2));
        wire.up(available(3, 17));
    })
}

const CASES: &[Case] = &[
    (StallKind::Credit, Side::Server, starved, 1000, |wire| {
        wire.down(Flow { next_incoming_id: Some(TransferNumber::new(3)), ..credit(3, 9) })
    }),
    (
        StallKind::Window,
        Side::Server,
        || with(Wire::attached(), |wire| wire.down(Flow { incoming_window: 0, ..flow() })),
        1000,
        |wire| wire.down(flow()),
    ),
    (
        StallKind::Open,
        Side::Server,
        || {
            with(Wire::new(), |wire| {
                wire.bytes(Side::Client, &AMQP);
                wire.up(open());
            })
        },
        2000,
        |wire| {
            wire.bytes(Side::Server, &AMQP);
            wire.down(open());
        },
    ),
    (
        StallKind::Close,
        Side::Client,
        || with(Wire::opened(), |wire| wire.down(Close::default())),
        2000,
        |wire| wire.up(Close::default()),
    ),
    (
        StallKind::Begin,
        Side::Server,
        || with(Wire::opened(), |wire| wire.up(begin(None))),
        2000,
        |wire| wire.down(begin(Some(0))),
    ),
    (
        StallKind::End,
        Side::Client,
        || with(Wire::begun(), |wire| wire.down(End::default())),
        2000,
        |wire| wire.up(End::default()),
    ),
    (
        StallKind::Attach,
        Side::Client,
        || with(Wire::begun(), |wire| wire.down(attach(Role::Receiver))),
        2000,
        |wire| wire.up(attach(Role::Sender)),
    ),
    (
        StallKind::Detach,
        Side::Server,
        || with(Wire::attached(), |wire| wire.up(detach())),
        2000,
        |wire| wire.down(detach()),
    ),
    (
        StallKind::Drain,
        Side::Client,
        || with(Wire::attached(), |wire| wire.down(Flow { drain: true, ..credit(0, 3) })),
        2000,
        |wire| (0..3).for_each(|number| wire.up(transfer(number))),
    ),
    (
        StallKind::Echo,
        Side::Server,
        || with(Wire::begun(), |wire| wire.up(Flow { echo: true, ..flow() })),
        2000,
        |wire| wire.down(seen(0)),
    ),
    (
        StallKind::Echo,
        Side::Client,
        || with(Wire::attached(), |wire| wire.down(Flow { echo: true, ..credit(0, 3) })),
        2000,
        |wire| wire.up(available(0, 0)),
    ),
    (
        StallKind::Unsettled,
        Side::Server,
        || with(Wire::attached(), |wire| wire.up(transfer(0))),
        10_000,
        |wire| wire.down(disposition(0, 0)),
    ),
    (
        StallKind::Idle,
        Side::Server,
        || {
            with(Wire::new(), |wire| {
                wire.bytes(Side::Client, &AMQP);
                wire.bytes(Side::Server, &AMQP);
                wire.up(Open { idle_time_out: Some(Milliseconds::new(700)), ..open() });
                wire.down(open());
            })
        },
        700,
        |wire| wire.bytes(Side::Server, &raw(0, 0, &[])),
    ),
];

#[test]
fn each_wait_is_found_at_its_threshold_and_when_it_is_over() {
    for (index, (kind, waits_for, start, threshold, end)) in CASES.iter().enumerate() {
        let mut wire = start();
        wire.wait(threshold - 1);
        assert_eq!(wire.stalls(), [], "case {index} is early");
        assert_eq!(wire.observer.poll_timeout(), Some(Instant::from_millis(*threshold)), "case {index}");
        wire.wait(501);
        let found = wire.stalls();
        assert_eq!(found.len(), 1, "case {index}: {found:?}");
        let stall = &found[0];
        assert_eq!((stall.kind, stall.waits_for, stall.over), (*kind, *waits_for, false), "case {index}");
        assert_eq!(stall.lasted, Duration::from_millis(*threshold), "case {index}");
        end(&mut wire);
        assert_eq!(wire.violations(), [], "case {index}");
        let over: Vec<_> =
            wire.stalls().into_iter().filter(|stall| stall.kind == *kind && stall.over).collect();
        assert_eq!(over.len(), 1, "case {index}");
        assert_eq!(over[0].lasted, Duration::from_millis(threshold + 500), "case {index}");
    }
}

#[test]
fn a_wait_that_is_over_in_time_is_no_stall() {
    for (index, (kind, _, start, threshold, end)) in CASES.iter().enumerate() {
        let mut wire = start();
        wire.wait(threshold - 1);
        end(&mut wire);
        // What the end of this wait has started may take its time.
        wire.wait(600);
        let found = wire.stalls();
        assert!(found.iter().all(|stall| stall.kind != *kind), "case {index}: {found:?}");
    }
}

#[test]
fn every_kind_of_stall_has_a_case() {
    let cases: BTreeSet<_> = CASES.iter().map(|case| case.0).collect();
    assert_eq!(cases, StallKind::ALL.iter().copied().collect());
}

#[test]
fn a_stall_reads_as_people_would_write_it() {
    let mut wire = starved();
    wire.wait(4200);
    wire.observer.finish(Instant::from_millis(wire.now), |seen| wire.seen.push(seen));
    let found = wire.stalls();
    assert_eq!(found[0].to_string(), "credit 0 for 1.0 s, 17 messages waiting");
    assert_eq!(found.last().unwrap().to_string(), "credit 0 for 4.2 s, 17 messages waiting");
    assert_eq!(found[0].kind.section(), "2.6.7");
}

#[test]
fn the_oldest_unsettled_delivery_counts() {
    let mut wire = Wire::attached();
    wire.up(transfer(0));
    wire.wait(6000);
    wire.up(transfer(1));
    wire.wait(3000);
    wire.down(disposition(0, 0));
    wire.wait(6000);
    assert_eq!(wire.stalls(), [], "the second has waited for nine seconds");
    wire.wait(1000);
    assert_eq!(wire.stalls().len(), 1);
}

#[test]
fn thresholds_are_settings() {
    let mut thresholds = Thresholds::default();
    thresholds.answer = Duration::MAX;
    let mut wire = Wire::with(Default::default(), thresholds);
    wire.bytes(Side::Client, &AMQP);
    wire.up(open());
    assert_eq!(wire.observer.poll_timeout(), None);
    wire.wait(1_000_000);
    assert_eq!(wire.stalls(), []);
}

#[test]
fn a_close_ends_every_wait() {
    let mut wire = starved();
    wire.up(Close::default());
    wire.down(Close::default());
    assert_eq!(wire.observer.poll_timeout(), None);
}
