//! Bytes of the heap that each end keeps for a connection, a session, a link and an unsettled delivery.

use super::{Counter, Found};
use crate::{
    ours::{self, Wire},
    plan::{FRAME, Load, Shape},
    proton, versions,
};

const LOAD: Load = Load { payload: 32, settled: false, batch: 64, max_frame_size: FRAME };

/// The number of each that is made.
struct Many {
    connections: usize,
    sessions: usize,
    links: usize,
    deliveries: usize,
}

/// Bytes that `make` leaves in use for each of `count` things, at each of the two ends.
fn per_end<T>(counter: Counter, count: usize, make: impl FnOnce() -> T) -> f64 {
    let before = (counter.live)();
    let made = make();
    let after = (counter.live)();
    drop(made);
    after.saturating_sub(before) as f64 / (2 * count) as f64
}

/// Connections without a session. Their read buffers go, unless the engine keeps them.
fn connections(counter: Counter, count: usize, wire: Wire) -> (f64, f64) {
    let ours = per_end(counter, count, || {
        let pairs = (0..count).map(|_| {
            let mut pair = ours::Pair::new(FRAME, 0, wire);
            pair.drop_pipes();
            pair
        });
        pairs.collect::<Vec<_>>()
    });
    let theirs =
        per_end(counter, count, || (0..count).map(|_| proton::Pair::new(FRAME, 0)).collect::<Vec<_>>());
    (ours, theirs)
}

fn sessions(counter: Counter, count: usize) -> (f64, f64) {
    let mut pair = ours::Pair::new(FRAME, 0, Wire::Lent);
    let ours = per_end(counter, count, || {
        for _ in 0..count {
            pair.add_session(0);
        }
    });
    let mut pair = proton::Pair::new(FRAME, 0);
    let theirs = per_end(counter, count, || (0..count).for_each(|_| pair.add_session(0)));
    (ours, theirs)
}

/// Links with a source, a target and a name of 13 characters. The lists that the comparison keeps of them go.
fn links(counter: Counter, count: usize) -> (f64, f64) {
    let mut pair = ours::Pair::new(FRAME, 0, Wire::Lent);
    let ours = per_end(counter, count, || {
        pair.add_session(count);
        pair.senders = Vec::new();
    });
    let mut pair = proton::Pair::new(FRAME, 0);
    let theirs = per_end(counter, count, || {
        pair.add_session(count);
        pair.forget_links();
    });
    (ours, theirs)
}

/// Deliveries whose payload has been taken, with tags of 8 bytes.
fn deliveries(counter: Counter, count: usize) -> (f64, f64) {
    let shape = Shape { held: count, ..Shape::PLAIN };
    let mut transfers = ours::Transfers::new(LOAD, shape, Wire::Copied);
    let ours = per_end(counter, count, || transfers.run(count as u64));
    let mut pair = proton::Pair::new(FRAME, crate::plan::CREDIT);
    pair.add_session(1);
    pair.hold(count, false);
    let payload = vec![b'x'; LOAD.payload];
    let theirs = per_end(counter, count, || pair.send(&payload, LOAD, count as u64));
    (ours, theirs)
}

pub fn all(counter: Counter, quick: bool) -> Vec<Found> {
    let many = match quick {
        true => Many { connections: 100, sessions: 1000, links: 1000, deliveries: 100_000 },
        false => Many { connections: 1000, sessions: 10_000, links: 10_000, deliveries: 100_000 },
    };
    let found = |what: &str, count: usize, target, (ours, theirs)| Found {
        what: format!("bytes per end, {what}, {count} at once"),
        ours,
        peer: versions::proton(),
        theirs,
        target,
    };
    vec![
        found(
            "idle connection",
            many.connections,
            Some(2048.0),
            connections(counter, many.connections, Wire::Lent),
        ),
        found(
            "idle connection whose input was shared, not copied",
            many.connections,
            None,
            connections(counter, many.connections, Wire::Copied),
        ),
        found("session", many.sessions, Some(512.0), sessions(counter, many.sessions)),
        found("link", many.links, Some(512.0), links(counter, many.links)),
        found("unsettled delivery", many.deliveries, Some(96.0), deliveries(counter, many.deliveries)),
    ]
}
