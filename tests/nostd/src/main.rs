//! The engine on a device without an operating system: no `std`, a heap of fixed size, a timer that counts ticks.
//!
//! ```sh
//! cargo run --manifest-path tests/nostd/Cargo.toml
//! ```
//!
//! [`conversation`] is the program: two ends, joined by a serial line of a few bytes per tick. [`platform`] is what such a
//! program brings itself. On a real device only that file differs. It exits with 0 if all went well.
#![no_std]
#![no_main]

extern crate alloc;

mod conversation;
mod platform;

use core::fmt::Write as _;

use amqp_proto::codec::{DecodeLimits, from_bytes, to_vec};
use amqp_proto::spec::performatives::Begin;
use bytes::Bytes;
use platform::{Console, HEAP, HEAP_SIZE};

/// True if a begin is read as it was written.
fn round_trip() -> bool {
    let begin = Begin { incoming_window: 2048, outgoing_window: 1024, ..Begin::default() };
    let bytes = Bytes::from(to_vec(&begin));
    from_bytes::<Begin>(&bytes, DecodeLimits::default()).is_ok_and(|read| read == begin)
}

/// True if cut input is an error.
fn refuses_cut_input() -> bool {
    let whole = Bytes::from(to_vec(&Begin::default()));
    (0..whole.len()).all(|cut| from_bytes::<Begin>(&whole.slice(..cut), DecodeLimits::default()).is_err())
}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    platform::init();
    let result = conversation::run();
    let is_good = round_trip() && refuses_cut_input() && result == Ok(true);
    // An error of the console cannot be reported anywhere.
    let _ = match result {
        Ok(_) => writeln!(Console, "{} messages in {} ticks", conversation::COUNT, platform::ticks()),
        Err(error) => writeln!(Console, "{error}"),
    };
    let _ = writeln!(Console, "at most {} of {HEAP_SIZE} bytes of heap were in use", HEAP.peak());
    i32::from(!is_good)
}
