//! Values of simple types, the only ones allowed in application-properties (3.2.5).

use alloc::string::String;
use core::ops::Deref;

use bytes::Bytes;
use thiserror::Error;

use crate::{
    codec::{Decode, Decoder, Encode, Encoder, format_code},
    types::{
        Decimal32, Decimal64, Decimal128, Double, Float, Kind, Map, Str, Symbol, Timestamp, Uuid, Value,
    },
};

/// The application-properties of a message (3.2.5).
pub type ApplicationProperties = Map<Str, SimpleValue>;

/// A value of a simple type (3.2.5): not a list, a map or an array, with a descriptor or without.
///
/// ```
/// use amqp_proto::{message::SimpleValue, types::Value};
///
/// assert_eq!(SimpleValue::from(7_u32).into_value(), Value::Uint(7));
/// assert!(SimpleValue::try_from(Value::List(vec![])).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimpleValue(Value);

/// The value is a list, a map or an array, so not of a simple type (3.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a value of a simple type is due, not a {}", .0.name())]
pub struct SimpleValueError(pub Kind);

/// A type whose values are allowed in application-properties (3.2.5).
pub trait SimpleType: Encode + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

impl<T: SimpleType + ?Sized> SimpleType for &T {}
impl<T: SimpleType + ?Sized> sealed::Sealed for &T {}

macro_rules! simple_types {
    ($($ty:ty)*; $($unsized:ty)*) => {
        $(
            impl From<$ty> for SimpleValue {
                fn from(value: $ty) -> Self {
                    Self(value.into())
                }
            }
            impl SimpleType for $ty {}
            impl sealed::Sealed for $ty {}
        )*
        $(
            impl SimpleType for $unsized {}
            impl sealed::Sealed for $unsized {}
        )*
    };
}

simple_types! {
    bool u8 u16 u32 u64 i8 i16 i32 i64 Float Double Decimal32 Decimal64 Decimal128 char Timestamp Uuid Bytes Str
    Symbol;
    str [u8] SimpleValue
}

impl From<&str> for SimpleValue {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for SimpleValue {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl SimpleValue {
    /// The null value (1.6.1), which 3.2.5 does not exclude.
    pub const NULL: Self = Self(Value::Null);

    /// Returns the value as one of any type.
    pub fn into_value(self) -> Value {
        self.0
    }
}

impl From<SimpleValue> for Value {
    fn from(value: SimpleValue) -> Self {
        value.0
    }
}

impl Deref for SimpleValue {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

/// Returns the kind of the list, map or array that a value is, with or without descriptors.
fn compound(mut value: &Value) -> Option<Kind> {
    while let Value::Described(described) = value {
        value = &described.value;
    }
    matches!(value, Value::List(_) | Value::Map(_) | Value::Array(_)).then(|| value.kind())
}

impl TryFrom<Value> for SimpleValue {
    type Error = SimpleValueError;

    fn try_from(value: Value) -> Result<Self, SimpleValueError> {
        match compound(&value) {
            Some(kind) => Err(SimpleValueError(kind)),
            None => Ok(Self(value)),
        }
    }
}

impl Decode for SimpleValue {
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        let (value, after) = match code {
            format_code::LIST0
            | format_code::LIST8
            | format_code::LIST32
            | format_code::MAP8
            | format_code::MAP32
            | format_code::ARRAY8
            | format_code::ARRAY32 => return decoder.wrong_type(EXPECTED, code, rest),
            // The most common types directly, which is faster.
            format_code::STR8 | format_code::STR32 => simple(Str::decode_as(code, rest, decoder)?),
            format_code::TRUE | format_code::FALSE | format_code::BOOLEAN => {
                simple(bool::decode_as(code, rest, decoder)?)
            }
            format_code::SMALLINT | format_code::INT => simple(i32::decode_as(code, rest, decoder)?),
            format_code::SMALLLONG | format_code::LONG => simple(i64::decode_as(code, rest, decoder)?),
            format_code::SMALLULONG | format_code::ULONG => simple(u64::decode_as(code, rest, decoder)?),
            _ => {
                let (value, after) = Value::decode_as(code, rest, decoder)?;
                let Ok(value) = Self::try_from(value) else {
                    return decoder.wrong_type(EXPECTED, code, rest);
                };
                (value, after)
            }
        };
        Some((value, after))
    }
}

/// The name of the expected type in errors.
pub(super) const EXPECTED: &str = "value of a simple type";

#[inline]
fn simple<T: Into<SimpleValue>>((value, after): (T, &[u8])) -> (SimpleValue, &[u8]) {
    (value.into(), after)
}

impl Encode for SimpleValue {
    fn encode(&self, writer: &mut Encoder<'_>) {
        self.0.encode(writer);
    }
}
