//! EncodedStrategy of values, put together for the tests that read them.

use alloc::vec::Vec;

use proptest::{prelude::*, sample::select};

pub(crate) type EncodedStrategy = BoxedStrategy<Vec<u8>>;

/// Items behind a size and a count, in one form or the other.
pub(crate) fn compound(
    narrow: u8,
    wide: u8,
    items: impl Strategy<Value = Vec<Vec<u8>>> + 'static,
) -> EncodedStrategy {
    (items, proptest::bool::weighted(0.2))
        .prop_map(move |(items, is_wide)| {
            let body = items.concat();
            if is_wide || body.len() > 254 || items.len() > 255 {
                let size = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
                let count = u32::try_from(items.len()).unwrap().to_be_bytes();
                [&[wide][..], &size, &count, &body].concat()
            } else {
                let (size, count) =
                    (u8::try_from(body.len() + 1).unwrap(), u8::try_from(items.len()).unwrap());
                [&[narrow, size, count][..], &body].concat()
            }
        })
        .boxed()
}

/// A value of fixed width, of any of these codes and the encoded behind them.
pub(crate) fn fixed(codes: &'static [(u8, usize)]) -> EncodedStrategy {
    (select(codes), any::<[u8; 16]>())
        .prop_map(|((code, width), encoded)| [&[code], encoded.get(..width).unwrap()].concat())
        .boxed()
}
