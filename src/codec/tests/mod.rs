//! The codec against bytes written out by hand.

mod compound;
mod errors;
mod limits;
mod multiple;
mod primitive;

use alloc::{format, string::String, vec::Vec};

use bytes::Bytes;

use super::*;
use crate::types::Value;

/// Bytes from hex, with spaces for reading.
pub(crate) fn bytes(hex: &str) -> Bytes {
    let digits: Vec<u8> = hex.bytes().filter(|digit| *digit != b' ').collect();
    assert_eq!(digits.len() % 2, 0, "{hex}");
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect::<Vec<_>>()
        .into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Decodes all of the bytes, or tells what is wrong with them and where.
pub(crate) fn decoded<T: Decode>(hex: &str) -> Result<T, (DecodeErrorKind, usize)> {
    from_bytes(&bytes(hex), DecodeLimits::DEFAULT).map_err(|error| (error.kind, error.offset))
}

fn value(hex: &str) -> Result<Value, (DecodeErrorKind, usize)> {
    decoded(hex)
}

/// That `smallest` is how the value is written, and that it and every one of `others` is read as the value.
#[track_caller]
pub(crate) fn both_ways<T>(value: impl Into<T>, smallest: &str, others: &[&str])
where
    T: Decode + Encode + core::fmt::Debug + PartialEq,
{
    let value = value.into();
    assert_eq!(hex(&to_vec(&value)), smallest.replace(' ', ""));
    for form in [smallest].iter().chain(others) {
        assert_eq!(decoded::<T>(form).as_ref(), Ok(&value), "{form}");
        // Cut anywhere it is no value, and followed by anything it is the same value.
        let whole = bytes(form);
        for end in 0..whole.len() {
            assert!(from_bytes::<T>(&whole.slice(..end), DecodeLimits::DEFAULT).is_err(), "{form} to {end}");
        }
        let longer = Bytes::from([&whole[..], b"\x40\xff"].concat());
        let mut decoder = Decoder::new(&longer, DecodeLimits::DEFAULT);
        assert_eq!(T::decode(&mut decoder).as_ref(), Ok(&value), "{form}");
        assert_eq!(decoder.offset(), whole.len(), "{form}");
    }
}
