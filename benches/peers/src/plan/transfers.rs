//! Messages end to end.

use bytes::BytesMut;
use std::hint::black_box;

use super::{CREDIT, FRAME, Load, Shape};
use crate::{
    fe2o3, ntex,
    ours::{Transfers, Wire},
    proton, ramqp,
    row::{Bench, Curve, Row},
    target::Target,
    versions,
};

/// Messages per turn of the wire where they are large.
const FEW: u64 = 8;

const LARGE: usize = 64 << 10;

const MEMCPY: &str = "memcpy of the payload";

pub fn ours(load: Load, shape: Shape, wire: Wire) -> impl Fn() -> Bench {
    move || {
        let mut transfers = Transfers::new(load, shape, wire);
        // Whatever is held is held before anything is measured.
        transfers.run(shape.held as u64);
        Box::new(move |count| transfers.run(count))
    }
}

pub fn proton(load: Load, shape: Shape) -> impl Fn() -> Bench {
    move || {
        let mut pair = proton::Pair::new(load.max_frame_size, CREDIT);
        for _ in 0..shape.sessions {
            pair.add_session(shape.links);
        }
        if shape.held > 0 {
            pair.hold(shape.held, shape.at_random);
        }
        let payload = vec![b'x'; load.payload];
        pair.send(&payload, load, shape.held as u64);
        Box::new(move |count| pair.send(&payload, load, count))
    }
}

fn fe2o3(load: Load) -> impl Fn() -> Bench {
    move || Box::new(fe2o3::transfers::transfers(load))
}

fn ramqp(load: Load) -> impl Fn() -> Bench {
    move || Box::new(ramqp::transfers::transfers(load))
}

fn ntex(load: Load) -> impl Fn() -> Bench {
    move || Box::new(ntex::transfers::transfers(load))
}

/// The pipe alone: as many bytes from the message to the same place.
fn memcpy(load: Load) -> impl Fn() -> Bench {
    move || {
        let payload = vec![b'x'; load.payload];
        let mut pipe = BytesMut::with_capacity(load.payload);
        Box::new(move |count| {
            for _ in 0..count {
                pipe.clear();
                pipe.extend_from_slice(black_box(&payload));
                black_box(&pipe);
            }
        })
    }
}

/// A row of plain messages on one link, here and in Proton.
pub fn row(work: impl Into<String>, load: Load) -> Row {
    Row::new(work, ours(load, Shape::PLAIN, Wire::Copied))
        .against(versions::proton(), proton(load, Shape::PLAIN))
        .step(load.batch)
}

fn words(load: Load) -> String {
    let size = match load.payload {
        bytes @ ..1024 => format!("{bytes} B"),
        bytes => format!("{} KiB", bytes >> 10),
    };
    let settled = if load.settled { "pre-settled" } else { "unsettled and accepted" };
    format!("{size} {settled}, batch {}", load.batch)
}

fn small() -> Vec<Row> {
    let load = |payload, settled, batch| Load { payload, settled, batch, max_frame_size: FRAME };
    let plain = |load| {
        let row = row(words(load), load)
            .against(versions::FE2O3, fe2o3(load))
            .against(versions::RAMQP, ramqp(load));
        // Its stream for tests copies byte by byte, which only small messages do not suffer from.
        let row = if load.payload <= 32 { row.against(versions::NTEX_AMQP, ntex(load)) } else { row };
        row.main().counted().target(Target::Allocations(0))
    };
    vec![
        plain(load(32, true, 64)).target(Target::Nanoseconds(80.0)).target(Target::Instructions(900)),
        plain(load(32, false, 64)).target(Target::Nanoseconds(110.0)),
        plain(load(32, true, 1)),
        plain(load(32, false, 1)).target(Target::Nanoseconds(220.0)),
        plain(load(1024, true, 64)).target(Target::Nanoseconds(115.0)),
    ]
}

fn frames(load: Load) -> String {
    format!("{}, frames of {} KiB", words(load), load.max_frame_size >> 10)
}

fn copied(load: Load) -> Row {
    row(format!("{}, copied", frames(load)), load)
        .against(MEMCPY, memcpy(load))
        .main()
        .target(Target::TimesPeer(1.15, MEMCPY))
}

fn handed_over_words(load: Load) -> String {
    format!("{}, handed over", frames(load))
}

fn handed_over(load: Load) -> Row {
    Row::new(handed_over_words(load), ours(load, Shape::PLAIN, Wire::HandedOver))
        .against(format!("{} (copied)", versions::proton()), proton(load, Shape::PLAIN))
        .step(load.batch)
        .main()
}

fn large() -> Vec<Row> {
    let load = |payload, frame| Load { payload, settled: true, batch: FEW, max_frame_size: frame };
    let (several, one) = (load(LARGE, 16 << 10), load(LARGE, 128 << 10));
    // What is handed over is not touched: 1 KiB and 64 KiB in one frame each take the same.
    let small = load(1024, 128 << 10);
    vec![
        copied(several),
        handed_over(several).target(Target::Nanoseconds(550.0)),
        copied(one),
        handed_over(small).counted(),
        handed_over(one)
            .counted()
            .target(Target::Nanoseconds(120.0))
            .target(Target::Allocations(0))
            .target(Target::TimesInstructions(1.05, handed_over_words(small))),
    ]
}

/// The cost against the size of the payload.
fn sizes() -> Vec<Row> {
    let size = |payload: usize| {
        let load = Load { payload, settled: true, batch: FEW, max_frame_size: FRAME };
        row(words(load), load).point(Curve::Payload, payload as u64)
    };
    [32, 128, 512, 2048, 8192, 32_768, 131_072].map(size).into()
}

pub fn rows() -> Vec<Row> {
    [small(), large(), sizes()].into_iter().flatten().collect()
}
