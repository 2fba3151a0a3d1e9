//! What a message costs beside many links, sessions and unsettled deliveries.

use super::{
    FRAME, Load, Shape,
    transfers::{ours, proton},
};
use crate::{
    ours::Wire,
    row::{Curve, Row},
    versions,
};

const LOAD: Load = Load { payload: 32, settled: false, batch: 64, max_frame_size: FRAME };

fn row(work: String, shape: Shape, curve: Curve, at: usize) -> Row {
    Row::new(work, ours(LOAD, shape, Wire::Copied))
        .against(versions::proton(), proton(LOAD, shape))
        .step(LOAD.batch)
        .point(curve, at as u64)
}

fn links(count: usize) -> Row {
    let shape = Shape { links: count, ..Shape::PLAIN };
    row(format!("32 B unsettled over {count} links in turn"), shape, Curve::Links, count)
}

fn sessions(count: usize) -> Row {
    let shape = Shape { sessions: count, ..Shape::PLAIN };
    row(format!("32 B unsettled over {count} sessions in turn"), shape, Curve::Sessions, count)
}

fn in_order(count: usize) -> Row {
    let shape = Shape { held: count, ..Shape::PLAIN };
    row(format!("{count} unsettled, settled in order"), shape, Curve::UnsettledInOrder, count)
}

fn at_random(count: usize) -> Row {
    let shape = Shape { held: count, at_random: true, ..Shape::PLAIN };
    row(format!("{count} unsettled, settled at random"), shape, Curve::UnsettledAtRandom, count)
}

pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = [1, 10, 100, 1000].map(links).into();
    rows.push(links(10_000).main());
    rows.extend([1, 10, 100, 1000].map(sessions));
    rows.extend([1, 10, 100, 1000, 10_000].map(in_order));
    rows.push(in_order(100_000).main());
    rows.extend([10, 100].map(at_random));
    rows.push(at_random(1000).main());
    rows.push(at_random(10_000));
    rows.push(at_random(100_000).main());
    rows
}
