//! A program without `std` that uses the crate. It exits with 0 when what it wrote comes back as it was, and
//! two connections of it understand each other.
#![no_std]
#![no_main]

extern crate alloc;

mod conversation;
mod platform;

use amqp_proto::codec::{DecodeLimits, from_bytes, to_vec};
use amqp_proto::spec::performatives::Begin;
use bytes::Bytes;

/// A begin to its bytes and back.
fn round_trip() -> bool {
    let begin = Begin { incoming_window: 2048, outgoing_window: 1024, ..Begin::default() };
    let bytes = Bytes::from(to_vec(&begin));
    from_bytes::<Begin>(&bytes, DecodeLimits::default()).is_ok_and(|read| read == begin)
}

/// Cut input is an error, not a panic.
fn refuses_cut_input() -> bool {
    let whole = Bytes::from(to_vec(&Begin::default()));
    (0..whole.len()).all(|cut| from_bytes::<Begin>(&whole.slice(..cut), DecodeLimits::default()).is_err())
}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    i32::from(!(round_trip() && refuses_cut_input() && conversation::holds() == Ok(true)))
}
