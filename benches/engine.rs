//! The performatives of the steady state to bytes and back, and two engines in memory that move messages.

#[expect(dead_code, reason = "the comparison with peers has other rows too")]
mod ours;

use std::{hint::black_box, time::Instant};

use amqp_proto::{
    codec::{Decode, DecodeLimits, Decoder, Encode, Encoder, to_vec},
    spec::{
        definitions::Role,
        delivery_state::DeliveryState,
        performatives::{self, Disposition, Flow, Performative, Transfer},
    },
    types::{Handle, MessageFormat},
};
use bytes::Bytes;
use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use ours::{
    Transfers, Wire,
    load::{FRAME, Load, Shape, Standing},
};

/// Encodes into a buffer that is kept, and decodes as the engine does.
fn both_ways(c: &mut Criterion, name: &str, value: &impl Encode) {
    let mut out = Vec::new();
    c.bench_function(&format!("encode/{name}"), |b| {
        b.iter(|| {
            out.clear();
            black_box(value).encode(&mut Encoder::new(&mut out));
            out.len()
        });
    });
    let bytes = Bytes::from(to_vec(value));
    c.bench_function(&format!("decode/{name}"), |b| {
        b.iter(|| {
            let mut reader = Decoder::new(black_box(&bytes), DecodeLimits::default());
            Performative::decode(&mut reader).unwrap()
        });
    });
}

fn codec(c: &mut Criterion) {
    let transfer = Transfer {
        handle: Handle::new(1),
        delivery_id: Some(70_000.into()),
        delivery_tag: Some(70_000_u32.into()),
        message_format: Some(MessageFormat::default()),
        settled: Some(false),
        ..Transfer::default()
    };
    both_ways(c, "transfer", &transfer);
    let flow = Flow {
        next_incoming_id: Some(70_000.into()),
        incoming_window: 2048,
        next_outgoing_id: 1.into(),
        outgoing_window: 2048,
        handle: Some(Handle::new(1)),
        delivery_count: Some(70_000.into()),
        link_credit: Some(100),
        ..Flow::default()
    };
    both_ways(c, "flow", &flow);
    let disposition = Disposition {
        role: Role::Receiver,
        first: 70_000.into(),
        last: Some(70_099.into()),
        settled: true,
        state: Some(DeliveryState::ACCEPTED),
        ..Disposition::default()
    };
    both_ways(c, "disposition", &disposition);
    let attach = performatives::Attach {
        name: "orders-1".into(),
        role: Role::Sender,
        initial_delivery_count: Some(0.into()),
        ..performatives::Attach::default()
    };
    both_ways(c, "attach", &attach);
}

/// Work that is done so many times, on a state that was set up beforehand, in multiples of `step`.
fn timed(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, step: u64, mut work: impl FnMut(u64)) {
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |b| {
        b.iter_custom(|times| {
            let count = times.next_multiple_of(step);
            let start = Instant::now();
            work(count);
            start.elapsed().mul_f64(times as f64 / count as f64)
        });
    });
}

fn transfers(load: Load, shape: Shape, wire: Wire) -> impl FnMut(u64) {
    let mut transfers = Transfers::new(load, shape, wire);
    // Whatever is held is held before anything is measured.
    transfers.run(shape.held as u64);
    move |count| transfers.run(count)
}

fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("message");
    for (payload, settled, batch) in
        [(32, true, 64), (32, false, 64), (32, true, 1), (32, false, 1), (1024, true, 64), (1024, false, 64)]
    {
        let load = Load { payload, settled, batch, max_frame_size: FRAME };
        let name = format!("{payload} B {}, batch {batch}", if settled { "settled" } else { "unsettled" });
        timed(&mut group, &name, batch, transfers(load, Shape::PLAIN, Wire::Copied));
    }
    for (payload, frame) in [(64 << 10, 16 << 10), (64 << 10, 128 << 10), (1 << 10, 128 << 10)] {
        let load = Load { payload, settled: true, batch: 8, max_frame_size: frame };
        for (how, wire) in [("copied", Wire::Copied), ("handed over", Wire::HandedOver)] {
            let name = format!("{} KiB in frames of {} KiB, {how}", payload >> 10, frame >> 10);
            timed(&mut group, &name, load.batch, transfers(load, Shape::PLAIN, wire));
        }
    }
    group.finish();
}

/// What a message costs beside many links and unsettled deliveries.
fn scaling(c: &mut Criterion) {
    const LOAD: Load = Load { payload: 32, settled: false, batch: 64, max_frame_size: FRAME };
    let mut group = c.benchmark_group("scaling");
    for links in [1, 10_000] {
        let shape = Shape { links, ..Shape::PLAIN };
        let work = transfers(LOAD, shape, Wire::Copied);
        timed(&mut group, &format!("{links} links in turn"), LOAD.batch, work);
    }
    for (at_random, how) in [(false, "in order"), (true, "at random")] {
        for held in [1, 1000, 100_000] {
            let shape = Shape { held, at_random, ..Shape::PLAIN };
            let work = transfers(LOAD, shape, Wire::Copied);
            timed(&mut group, &format!("{held} unsettled, {how}"), LOAD.batch, work);
        }
    }
    group.finish();
}

fn churn(c: &mut Criterion) {
    let mut group = c.benchmark_group("churn");
    for standing in [0, 10_000] {
        let sessions = ours::churn::begin_end(Standing(standing));
        timed(&mut group, &format!("begin and end beside {standing} sessions"), 1, sessions);
        let links = ours::churn::attach_detach(Standing(standing));
        timed(&mut group, &format!("attach and detach beside {standing} links"), 1, links);
    }
    group.finish();
}

criterion_group!(benches, codec, messages, scaling, churn);
criterion_main!(benches);
