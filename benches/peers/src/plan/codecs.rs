//! Bytes in memory: the typical message, and two performatives.

use crate::{
    fe2o3, ntex, ours,
    proton::Messages,
    ramqp,
    row::{Bench, Row},
    target::Target::{Instructions, Nanoseconds},
    versions,
};

/// Proton's message object, doing one thing with it.
fn proton(work: fn(&mut Messages, u64)) -> impl Fn() -> Bench {
    move || {
        let mut messages = Messages::new();
        Box::new(move |count| work(&mut messages, count))
    }
}

/// The typical message: properties, four application-properties, 256 bytes of data.
fn messages() -> Vec<Row> {
    let encode = Row::new("typical message: build and encode", || Box::new(ours::message::encode()))
        .against(versions::proton(), proton(Messages::encode))
        .against(versions::SERDE_AMQP, || Box::new(fe2o3::message::encode()))
        .against(versions::NTEX, || Box::new(ntex::message::encode()))
        .against(versions::RAMQP_CORE, || Box::new(ramqp::message::encode()));
    let all = Row::new("typical message: decode all", || Box::new(ours::message::decode_all()))
        .against(versions::proton(), proton(Messages::decode_all))
        .against(versions::SERDE_AMQP, || Box::new(fe2o3::message::decode()))
        .against(versions::NTEX, || Box::new(ntex::message::decode()))
        .against(versions::RAMQP_CORE, || Box::new(ramqp::message::decode()));
    let one = Row::new("typical message: decode one property", || Box::new(ours::message::decode_one()))
        .against(versions::proton(), proton(Messages::decode_one))
        .against(versions::SERDE_AMQP, || Box::new(fe2o3::message::decode()))
        .against(versions::NTEX, || Box::new(ntex::message::decode()))
        .against(versions::RAMQP_CORE, || Box::new(ramqp::message::decode()));
    let targets = [(encode, 130.0), (all, 150.0), (one, 40.0)];
    targets.map(|(row, most)| row.target(Nanoseconds(most)).target(Instructions(1500))).into()
}

/// Performatives alone, which Proton does not offer.
fn performatives() -> Vec<Row> {
    macro_rules! row {
        ($work:literal, $function:ident, $most:literal) => {
            Row::new($work, || Box::new(ours::performatives::$function()))
                .against(versions::SERDE_AMQP, || Box::new(fe2o3::codec::$function()))
                .against(versions::NTEX, || Box::new(ntex::codec::$function()))
                .against(versions::RAMQP_CORE, || Box::new(ramqp::codec::$function()))
                .target(Nanoseconds($most))
        };
    }
    vec![
        row!("transfer: encode", encode_transfer, 12.0),
        row!("transfer: decode", decode_transfer, 10.0),
        row!("transfer with a state: encode", encode_resumed, 25.0),
        row!("transfer with a state: decode", decode_resumed, 25.0),
        row!("attach: encode", encode_attach, 100.0),
        row!("attach: decode", decode_attach, 150.0),
    ]
}

pub fn rows() -> Vec<Row> {
    messages().into_iter().chain(performatives()).map(|row| row.main().counted()).collect()
}
