//! The rows. None of them copies much: valgrind may count a copy byte by byte.

use amqp_proto::{
    spec::{
        definitions::Role,
        delivery_state::DeliveryState,
        performatives::{Disposition, Flow},
    },
    types::Handle,
};

use crate::ours::{
    Transfers, Wire, churn,
    load::{CREDIT, FRAME, Load, Shape, Standing},
    message, performatives,
};

/// Does the work the given number of times, on a state that was set up beforehand.
type Work = Box<dyn FnMut(u64)>;

/// One kind of work.
pub struct Row {
    pub name: &'static str,
    /// Repetitions to warm up, and again to be counted. A multiple of the batch, and enough messages to fill both
    /// blocks of the pipe.
    pub count: u64,
    /// Sets up the state.
    pub setup: fn() -> Work,
}

const MESSAGES: u64 = 12_800;
const LARGE_MESSAGES: u64 = 2_000;
const CODINGS: u64 = 5_000;
const LIVES: u64 = 1_000;

const fn row(name: &'static str, count: u64, setup: fn() -> Work) -> Row {
    Row { name, count, setup }
}

pub const ROWS: &[Row] = &[
    row("32 B pre-settled, batch 64", MESSAGES, || transfers(true, 64)),
    row("32 B unsettled and accepted, batch 64", MESSAGES, || transfers(false, 64)),
    row("32 B pre-settled, batch 1", MESSAGES, || transfers(true, 1)),
    row("32 B unsettled and accepted, batch 1", MESSAGES, || transfers(false, 1)),
    row("64 KiB pre-settled, handed over in 1 frame", LARGE_MESSAGES, || handed_over(128 << 10)),
    row("64 KiB pre-settled, handed over in 5 frames", LARGE_MESSAGES, || handed_over(16 << 10)),
    row("typical message: build and encode", CODINGS, || Box::new(message::encode())),
    row("typical message: decode all", CODINGS, || Box::new(message::decode_all())),
    row("typical message: decode one property", CODINGS, || Box::new(message::decode_one())),
    row("transfer: encode", CODINGS, || Box::new(performatives::encode_transfer())),
    row("transfer: decode", CODINGS, || Box::new(performatives::decode_transfer())),
    row("disposition: encode", CODINGS, || Box::new(performatives::encode(disposition()))),
    row("disposition: decode", CODINGS, || Box::new(performatives::decode(disposition()))),
    row("flow: encode", CODINGS, || Box::new(performatives::encode(flow()))),
    row("flow: decode", CODINGS, || Box::new(performatives::decode(flow()))),
    row("attach: encode", CODINGS, || Box::new(performatives::encode_attach())),
    row("attach: decode", CODINGS, || Box::new(performatives::decode_attach())),
    row("begin and end", LIVES, || Box::new(churn::begin_end(Standing(0)))),
    row("attach and detach", LIVES, || Box::new(churn::attach_detach(Standing(0)))),
];

fn transfers(settled: bool, batch: u64) -> Work {
    let load = Load { payload: 32, settled, batch, max_frame_size: FRAME };
    let mut transfers = Transfers::new(load, Shape::PLAIN, Wire::Copied);
    Box::new(move |count| transfers.run(count))
}

/// Large messages, whose payload is not copied. Five frames of 16 KiB are needed, as four have no room for headers.
fn handed_over(max_frame_size: u32) -> Work {
    let load = Load { payload: 64 << 10, settled: true, batch: 1, max_frame_size };
    let mut transfers = Transfers::new(load, Shape::PLAIN, Wire::HandedOver);
    Box::new(move |count| transfers.run(count))
}

/// A batch of deliveries, accepted and settled.
fn disposition() -> Disposition {
    Disposition {
        role: Role::Receiver,
        first: 70_000.into(),
        last: Some(70_063.into()),
        settled: true,
        state: Some(DeliveryState::ACCEPTED),
        ..Disposition::default()
    }
}

/// Credit for a link, with the session's windows.
fn flow() -> Flow {
    Flow {
        next_incoming_id: Some(70_000.into()),
        incoming_window: 2048,
        next_outgoing_id: 1.into(),
        outgoing_window: 2048,
        handle: Some(Handle::new(0)),
        delivery_count: Some(70_000.into()),
        link_credit: Some(CREDIT),
        ..Flow::default()
    }
}
