//! What a message costs beside many links, sessions and unsettled deliveries.

use super::{
    FRAME, Load, Shape,
    transfers::{ours, proton},
};
use crate::{
    ours::Wire,
    row::{Curve, Row},
    target::Target,
    versions,
};

const LOAD: Load = Load { payload: 32, settled: false, batch: 64, max_frame_size: FRAME };

fn row(work: String, shape: Shape, curve: Curve, at: usize) -> Row {
    Row::new(work, ours(LOAD, shape, Wire::Copied))
        .against(versions::proton(), proton(LOAD, shape))
        .step(LOAD.batch)
        .point(curve, at as u64)
}

/// Returns a count and its noun, in words.
fn some(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn links_words(count: usize) -> String {
    format!("32 B unsettled over {} in turn", some(count, "link"))
}

fn links(count: usize) -> Row {
    let shape = Shape { links: count, ..Shape::PLAIN };
    row(links_words(count), shape, Curve::Links, count)
}

fn sessions(count: usize) -> Row {
    let shape = Shape { sessions: count, ..Shape::PLAIN };
    row(format!("32 B unsettled over {} in turn", some(count, "session")), shape, Curve::Sessions, count)
}

fn in_order_words(count: usize) -> String {
    format!("{count} unsettled, settled in order")
}

fn in_order(count: usize) -> Row {
    let shape = Shape { held: count, ..Shape::PLAIN };
    row(in_order_words(count), shape, Curve::UnsettledInOrder, count)
}

fn at_random_words(count: usize) -> String {
    format!("{count} unsettled, settled at random")
}

fn at_random(count: usize) -> Row {
    let shape = Shape { held: count, at_random: true, ..Shape::PLAIN };
    row(at_random_words(count), shape, Curve::UnsettledAtRandom, count)
}

pub fn rows() -> Vec<Row> {
    let mut rows = vec![links(1).main()];
    rows.extend([10, 100, 1000].map(links));
    rows.push(links(10_000).main().target(Target::TimesRow(1.15, links_words(1))));
    rows.extend([1, 10, 100, 1000].map(sessions));
    rows.push(in_order(1).main());
    rows.extend([10, 100, 1000, 10_000].map(in_order));
    rows.push(in_order(100_000).main().target(Target::TimesRow(1.15, in_order_words(1))));
    rows.push(at_random(1).main());
    rows.extend([10, 100].map(at_random));
    rows.push(at_random(1000).main().target(Target::TimesRow(1.3, at_random_words(1))));
    rows.push(at_random(10_000));
    rows.push(at_random(100_000).main().target(Target::TimesRow(3.0, at_random_words(1))));
    rows
}
