//! The untyped [`Value`] tree, decoded and encoded by its format codes.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;

use super::{Decode, Decoder, Encode, Encoder, format_code};
use crate::types::{Described, Kind, Map, Str, Symbol, Value};

/// Decodes by the kind that a format code belongs to.
macro_rules! by_kind {
    ($kind:expr, $code:expr, $rest:expr, $decoder:expr, { $($variant:ident: $ty:ty,)* }) => {
        match $kind {
            $(Kind::$variant => {
                <$ty>::decode_as($code, $rest, $decoder).map(|(value, rest)| (Value::$variant(value.into()), rest))
            })*
            Kind::Null => Some((Value::Null, $rest)),
            Kind::Described => described($rest, $decoder),
        }
    };
}

impl Decode for Value {
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        if code == format_code::DESCRIBED {
            return described(rest, decoder);
        }
        let Some(row) = format_code::lookup(code) else {
            return decoder.wrong_type("value", code, rest);
        };
        by_kind!(row.kind, code, rest, decoder, {
            Boolean: bool,
            Ubyte: u8,
            Ushort: u16,
            Uint: u32,
            Ulong: u64,
            Byte: i8,
            Short: i16,
            Int: i32,
            Long: i64,
            Float: crate::types::Float,
            Double: crate::types::Double,
            Decimal32: crate::types::Decimal32,
            Decimal64: crate::types::Decimal64,
            Decimal128: crate::types::Decimal128,
            Char: char,
            Timestamp: crate::types::Timestamp,
            Uuid: crate::types::Uuid,
            Binary: Bytes,
            String: Str,
            Symbol: Symbol,
            List: Vec<Value>,
            Map: Map,
            Array: crate::types::Array,
        })
    }
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

impl Encode for Value {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        match self {
            Self::Null => encoder.null(),
            Self::Boolean(value) => value.encode(encoder),
            Self::Ubyte(value) => value.encode(encoder),
            Self::Ushort(value) => value.encode(encoder),
            Self::Uint(value) => value.encode(encoder),
            Self::Ulong(value) => value.encode(encoder),
            Self::Byte(value) => value.encode(encoder),
            Self::Short(value) => value.encode(encoder),
            Self::Int(value) => value.encode(encoder),
            Self::Long(value) => value.encode(encoder),
            Self::Float(value) => value.encode(encoder),
            Self::Double(value) => value.encode(encoder),
            Self::Decimal32(value) => value.encode(encoder),
            Self::Decimal64(value) => value.encode(encoder),
            Self::Decimal128(value) => value.encode(encoder),
            Self::Char(value) => value.encode(encoder),
            Self::Timestamp(value) => value.encode(encoder),
            Self::Uuid(value) => value.encode(encoder),
            Self::Binary(value) => value.encode(encoder),
            Self::String(value) => value.encode(encoder),
            Self::Symbol(value) => value.encode(encoder),
            Self::List(value) => value.encode(encoder),
            Self::Map(value) => value.encode(encoder),
            Self::Array(value) => value.encode(encoder),
            Self::Described(value) => value.encode(encoder),
        }
    }
}
