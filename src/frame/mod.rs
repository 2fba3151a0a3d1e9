//! Bytes to frames and back (2.2, 2.3).

mod payload;

pub use payload::Payload;
