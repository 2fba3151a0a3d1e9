//! How often the allocator is asked, both ends together, each time the work of a row is done in steady state.

use super::{Counter, Found};
use crate::{plan, row::Setup, target::Target};

/// The number of steps of the row that are done to warm up, and then counted.
const STEPS: u64 = 1000;

fn per_time(counter: Counter, setup: &Setup, step: u64) -> f64 {
    let mut bench = setup();
    bench(STEPS * step);
    let before = (counter.allocations)();
    bench(STEPS * step);
    ((counter.allocations)() - before) as f64 / (STEPS * step) as f64
}

pub fn all(counter: Counter) -> Vec<Found> {
    let mut found = Vec::new();
    for row in plan::rows().into_iter().filter(|row| row.counted) {
        let ours = per_time(counter, &row.ours, row.step);
        let target = row.targets.iter().find_map(|target| match target {
            Target::Allocations(most) => Some(*most as f64),
            _ => None,
        });
        for peer in row.peers {
            let theirs = per_time(counter, &peer.setup, row.step);
            let what = format!("allocations, {}", row.work);
            found.push(Found { what, ours, peer: peer.name, theirs, target });
        }
    }
    found
}
