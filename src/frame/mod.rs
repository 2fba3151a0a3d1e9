//! Bytes to frames and back (2.2, 2.3).

mod header;
mod input;
mod outbox;
mod payload;
mod split;

pub use header::{ProtocolHeader, ProtocolId};
pub use input::{Input, Segments};
pub(crate) use outbox::header;
pub use outbox::{Outbox, Transmit};
pub use payload::Payload;
pub use split::{FrameError, FrameHead, FrameKind, HEADER_SIZE, split};
pub(crate) use split::{peek, usual_header};
