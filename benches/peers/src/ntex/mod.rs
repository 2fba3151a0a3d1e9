//! ntex-amqp-codec: octets in memory. The library around it needs a runtime and sockets of its own.

pub mod codec;
pub mod message;

use ntex_amqp_codec::Encode;
use ntex_bytes::{BytePages, Bytes};

fn encoded(value: &impl Encode) -> Bytes {
    let mut pages = BytePages::default();
    value.encode(&mut pages);
    pages.freeze()
}
