//! Octets in memory: the typical message, and two performatives.

use crate::{
    ours::{message, performatives},
    proton::Messages,
    row::Row,
    versions,
};

/// The typical message: properties, four application-properties, 256 octets of data.
fn messages() -> Vec<Row> {
    vec![
        Row::new("typical message: build and encode", || Box::new(message::encode())).against(
            versions::proton(),
            || {
                let mut messages = Messages::new();
                Box::new(move |count| messages.encode(count))
            },
        ),
        Row::new("typical message: decode all", || Box::new(message::decode_all())).against(
            versions::proton(),
            || {
                let mut messages = Messages::new();
                Box::new(move |count| messages.decode_all(count))
            },
        ),
        Row::new("typical message: decode one property", || Box::new(message::decode_one())).against(
            versions::proton(),
            || {
                let mut messages = Messages::new();
                Box::new(move |count| messages.decode_one(count))
            },
        ),
    ]
}

fn performatives() -> Vec<Row> {
    vec![
        Row::new("transfer: encode", || Box::new(performatives::encode_transfer())),
        Row::new("transfer: decode", || Box::new(performatives::decode_transfer())),
        Row::new("attach: encode", || Box::new(performatives::encode_attach())),
        Row::new("attach: decode", || Box::new(performatives::decode_attach())),
    ]
}

pub fn rows() -> Vec<Row> {
    messages().into_iter().chain(performatives()).map(|row| row.main().counted()).collect()
}
