//! Rounds in turn: this engine, then each peer, and again.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::row::{Bench, Row};

/// The time to spend on measuring.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds; the median of them counts.
    pub rounds: usize,
    /// The approximate time of one side in a round.
    pub slice: Duration,
}

/// The time of one side, in nanoseconds for each time the work was done.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// The time that this thread has run: everybody runs on one thread, and what else runs on the machine is no
/// part of the cost.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

fn timed(bench: &mut Bench, count: u64) -> Duration {
    let start = thread_time();
    bench(count);
    thread_time().saturating_sub(start)
}

/// Warms a side up, and finds how often it does the work in a slice.
fn calibrate(bench: &mut Bench, step: u64, slice: Duration) -> u64 {
    let mut count = step;
    loop {
        let took = timed(bench, count);
        if took >= slice / 4 {
            let fits = count as f64 * slice.as_secs_f64() / took.as_secs_f64();
            return (fits as u64).div_ceil(step).max(1) * step;
        }
        count *= 2;
    }
}

fn cost(mut rounds: Vec<f64>) -> Cost {
    rounds.sort_by(f64::total_cmp);
    let at = |index: usize| rounds.get(index).copied().unwrap_or(f64::NAN);
    Cost { median: at(rounds.len() / 2), least: at(0), most: at(rounds.len() - 1) }
}

/// Measures a row for this engine, and then for each peer.
pub fn measure(row: &Row, effort: Effort) -> Vec<Cost> {
    let setups = std::iter::once(&row.ours).chain(row.peers.iter().map(|peer| &peer.setup));
    let mut sides: Vec<(Bench, u64, Vec<f64>)> = setups
        .map(|setup| {
            let mut bench = setup();
            let count = calibrate(&mut bench, row.step, effort.slice);
            (bench, count, Vec::new())
        })
        .collect();
    for _ in 0..effort.rounds {
        for (bench, count, rounds) in &mut sides {
            rounds.push(timed(bench, *count).as_nanos() as f64 / *count as f64);
        }
    }
    sides.into_iter().map(|(_, _, rounds)| cost(rounds)).collect()
}
