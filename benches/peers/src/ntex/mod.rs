//! ntex-amqp-codec, and the whole library around it, ntex-amqp, on a tokio runtime of one thread.

pub mod codec;
pub mod message;
pub mod transfers;

use ntex_amqp_codec::Encode;
use ntex_bytes::{BytePages, Bytes};

fn encoded(value: &impl Encode) -> Bytes {
    let mut pages = BytePages::default();
    value.encode(&mut pages);
    pages.freeze()
}
