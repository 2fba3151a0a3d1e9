//! What has been written to the peer, as performatives.

use amqp_proto::{
    codec::{Decode, DecodeLimits, Decoder},
    spec::performatives::Performative,
};

use crate::support::Fed;

/// Removes and returns the performatives that have been written; headers and empty frames are left out.
pub fn written(fed: &mut Fed) -> Vec<Performative> {
    let mut written = Vec::new();
    while let Some(size) = fed.output.first_chunk::<4>() {
        if size == b"AMQP" {
            let _ = fed.output.split_to(8);
            continue;
        }
        let size = u32::from_be_bytes(*size) as usize;
        let body = fed.output.split_to(size).split_off(8).freeze();
        if !body.is_empty() {
            let mut decoder = Decoder::new(&body, DecodeLimits::DEFAULT);
            written.push(Performative::decode(&mut decoder).expect("a performative"));
        }
    }
    written
}
