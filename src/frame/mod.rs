//! Bytes to frames and back (2.2, 2.3).
//!
#![doc = include_str!("../../docs/intercept.md")]

mod frame_header;
mod input;
mod outbox;
mod payload;
mod protocol_header;

pub(crate) use frame_header::peek_header;
pub use frame_header::{FrameError, FrameHeader, FrameKind, HEADER_SIZE, parse_header};
pub use input::{Chunks, Input};
pub use outbox::{Outbox, Transmit};
pub(crate) use payload::CHUNK_SIZE;
pub use payload::Payload;
pub use protocol_header::{ProtocolHeader, ProtocolId};
