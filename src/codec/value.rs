//! The untyped [`Value`] tree, read and written by its format codes.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;

use super::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer, code};
use crate::types::{Described, Kind, Map, Str, Symbol, Value};

/// Reads by the kind that a format code belongs to.
macro_rules! by_kind {
    ($kind:expr, $code:expr, $reader:expr, { $($variant:ident: $ty:ty,)* }) => {
        match $kind {
            $(Kind::$variant => <$ty>::decode_as($code, $reader).map(|value| Value::$variant(value.into())),)*
            Kind::Null => Ok(Value::Null),
            Kind::Described => described($reader),
        }
    };
}

impl Decode for Value {
    fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if code == code::DESCRIBED {
            return described(reader);
        }
        let Some(row) = code::lookup(code) else {
            return Err(DecodeErrorKind::UnknownCode(code).at(reader.offset().saturating_sub(1)));
        };
        by_kind!(row.kind, code, reader, {
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

fn described(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    Described::decode_as(code::DESCRIBED, reader).map(|value| Value::Described(Box::new(value)))
}

impl Decode for Described {
    fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if code != code::DESCRIBED {
            return Err(reader.wrong_type("described value", code));
        }
        reader.nested(|reader| Ok(Self { descriptor: Value::decode(reader)?, value: Value::decode(reader)? }))
    }
}

impl Encode for Described {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.u8(code::DESCRIBED);
        self.descriptor.encode(writer);
        self.value.encode(writer);
    }
}

impl Encode for Value {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Null => writer.null(),
            Self::Boolean(value) => value.encode(writer),
            Self::Ubyte(value) => value.encode(writer),
            Self::Ushort(value) => value.encode(writer),
            Self::Uint(value) => value.encode(writer),
            Self::Ulong(value) => value.encode(writer),
            Self::Byte(value) => value.encode(writer),
            Self::Short(value) => value.encode(writer),
            Self::Int(value) => value.encode(writer),
            Self::Long(value) => value.encode(writer),
            Self::Float(value) => value.encode(writer),
            Self::Double(value) => value.encode(writer),
            Self::Decimal32(value) => value.encode(writer),
            Self::Decimal64(value) => value.encode(writer),
            Self::Decimal128(value) => value.encode(writer),
            Self::Char(value) => value.encode(writer),
            Self::Timestamp(value) => value.encode(writer),
            Self::Uuid(value) => value.encode(writer),
            Self::Binary(value) => value.encode(writer),
            Self::String(value) => value.encode(writer),
            Self::Symbol(value) => value.encode(writer),
            Self::List(value) => value.encode(writer),
            Self::Map(value) => value.encode(writer),
            Self::Array(value) => value.encode(writer),
            Self::Described(value) => value.encode(writer),
        }
    }
}
