//! The untyped [`Value`] tree, decoded and encoded by its format codes.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;

use super::{Decode, Decoder, Encode, Encoder, format_code};
use crate::types::{
    Array, Decimal32, Decimal64, Decimal128, Described, Double, Float, Kind, Map, Str, Symbol, Timestamp,
    Uuid, Value,
};

/// Decodes a value by the kind that its format code belongs to, and encodes it by its variant.
macro_rules! by_kind {
    ($($kind:ident: $ty:ty,)*) => {
        impl Decode for Value {
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                if code == format_code::DESCRIBED {
                    return described(rest, decoder);
                }
                let Some(row) = format_code::lookup(code) else {
                    return decoder.wrong_type("value", code, rest);
                };
                match row.kind {
                    $(Kind::$kind => {
                        <$ty>::decode_as(code, rest, decoder).map(|(value, rest)| (Self::$kind(value.into()), rest))
                    })*
                    Kind::Null => Some((Self::Null, rest)),
                    Kind::Described => described(rest, decoder),
                }
            }
        }

        impl Encode for Value {
            fn encode(&self, encoder: &mut Encoder<'_>) {
                match self {
                    $(Self::$kind(value) => value.encode(encoder),)*
                    Self::Null => encoder.null(),
                    Self::Described(value) => value.encode(encoder),
                }
            }
        }
    };
}

by_kind! {
    Boolean: bool,
    Ubyte: u8,
    Ushort: u16,
    Uint: u32,
    Ulong: u64,
    Byte: i8,
    Short: i16,
    Int: i32,
    Long: i64,
    Float: Float,
    Double: Double,
    Decimal32: Decimal32,
    Decimal64: Decimal64,
    Decimal128: Decimal128,
    Char: char,
    Timestamp: Timestamp,
    Uuid: Uuid,
    Binary: Bytes,
    String: Str,
    Symbol: Symbol,
    List: Vec<Value>,
    Map: Map,
    Array: Array,
}

fn described<'a>(rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Value, &'a [u8])> {
    let (described, rest) = Described::decode_as(format_code::DESCRIBED, rest, decoder)?;
    Some((Value::Described(Box::new(described)), rest))
}

impl Decode for Described {
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        if code != format_code::DESCRIBED {
            return decoder.wrong_type("described value", code, rest);
        }
        decoder.descend(rest)?;
        let (descriptor, rest) = decoder.value(rest)?;
        let (value, rest) = decoder.value(rest)?;
        decoder.ascend();
        Some((Self { descriptor, value }, rest))
    }
}

impl Encode for Described {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        encoder.u8(format_code::DESCRIBED);
        self.descriptor.encode(encoder);
        self.value.encode(encoder);
    }
}
