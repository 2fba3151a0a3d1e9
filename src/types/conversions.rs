//! [`Value`] from Rust's types and back.

use alloc::{borrow::Cow, string::String, vec::Vec};

use bytes::Bytes;
use thiserror::Error;

use super::{
    AnnotationKey, Annotations, Array, Decimal32, Decimal64, Decimal128, Described, Double, Fields, Float,
    Kind, Map, Str, Symbol, Timestamp, Uuid, Value,
};

/// The error of a [`Value`] converted to a type that it is not.
///
/// The value is lost: to keep it, look at it first, with [`Value::kind`] or the `as_` methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected {expected}, found {found}")]
pub struct ValueTypeError {
    /// The standard's name of the type asked for.
    pub expected: &'static str,
    /// The type of the value.
    pub found: Kind,
}

macro_rules! from_types {
    ($($from:ty => $name:ident;)*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$name(value.into())
            }
        }
    )*};
}

/// Invokes a macro with the Rust types that stand for one AMQP type each.
macro_rules! for_each_type {
    ($macro:ident) => {
        $macro! {
            bool => Boolean;
            u8 => Ubyte;
            u16 => Ushort;
            u32 => Uint;
            u64 => Ulong;
            i8 => Byte;
            i16 => Short;
            i32 => Int;
            i64 => Long;
            f32 => Float;
            f64 => Double;
            Float => Float;
            Double => Double;
            Decimal32 => Decimal32;
            Decimal64 => Decimal64;
            Decimal128 => Decimal128;
            char => Char;
            Timestamp => Timestamp;
            Uuid => Uuid;
            Bytes => Binary;
            Str => String;
            Symbol => Symbol;
        }
    };
}

for_each_type!(from_types);

from_types! {
    Vec<u8> => Binary;
    &str => String;
    String => String;
    &String => String;
    Cow<'_, str> => String;
    Vec<Value> => List;
    Map => Map;
    Map<Str> => Map;
    Fields => Map;
    Annotations => Map;
    Array => Array;
    Described => Described;
}

impl From<&[u8]> for Value {
    /// Copies the bytes into a binary.
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    /// Copies the bytes into a binary.
    fn from(bytes: &[u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl From<()> for Value {
    /// Returns null.
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    /// Returns the value, or null for `None`.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<AnnotationKey> for Value {
    fn from(key: AnnotationKey) -> Self {
        match key {
            AnnotationKey::Symbol(key) => Self::Symbol(key),
            AnnotationKey::Ulong(key) => Self::Ulong(key),
        }
    }
}

impl<T: Into<Self>> FromIterator<T> for Value {
    /// Returns a list of the items.
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl PartialEq<str> for Value {
    /// True for a string or a symbol with this text.
    fn eq(&self, other: &str) -> bool {
        match self {
            Self::String(text) => text == other,
            Self::Symbol(text) => text == other,
            _ => false,
        }
    }
}

impl PartialEq<&str> for Value {
    /// True for a string or a symbol with this text.
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

/// The types that a method of [`Value`] returns: the conversion accepts what that method does.
macro_rules! into_accessed_types {
    ($($to:ty, $standard:literal, $accessor:ident;)*) => {$(
        impl TryFrom<Value> for $to {
            type Error = ValueTypeError;

            #[doc = concat!("Accepts the types that [`Value::", stringify!($accessor), "`] does.")]
            fn try_from(value: Value) -> Result<Self, ValueTypeError> {
                value.$accessor().ok_or(ValueTypeError { expected: $standard, found: value.kind() })
            }
        }
    )*};
}

into_accessed_types! {
    bool, "boolean", as_bool;
    u8, "ubyte", as_u8;
    u16, "ushort", as_u16;
    u32, "uint", as_u32;
    u64, "ulong", as_u64;
    i8, "byte", as_i8;
    i16, "short", as_i16;
    i32, "int", as_i32;
    i64, "long", as_i64;
    f32, "float", as_f32;
    f64, "double", as_f64;
    char, "char", as_char;
    Timestamp, "timestamp", as_timestamp;
    Uuid, "uuid", as_uuid;
}

/// The types that a value is taken apart into.
macro_rules! into_inner_types {
    ($($to:ty, $standard:literal { $($pattern:pat => $inner:expr,)* })*) => {$(
        impl TryFrom<Value> for $to {
            type Error = ValueTypeError;

            #[doc = concat!("Accepts ", $standard, " values.")]
            fn try_from(value: Value) -> Result<Self, ValueTypeError> {
                match value {
                    $($pattern => Ok($inner),)*
                    other => Err(ValueTypeError { expected: $standard, found: other.kind() }),
                }
            }
        }
    )*};
}

into_inner_types! {
    Float, "float" { Value::Float(number) => number, }
    Double, "double" { Value::Double(number) => number, }
    Decimal32, "decimal32" { Value::Decimal32(number) => number, }
    Decimal64, "decimal64" { Value::Decimal64(number) => number, }
    Decimal128, "decimal128" { Value::Decimal128(number) => number, }
    Bytes, "binary" { Value::Binary(bytes) => bytes, }
    Vec<u8>, "binary" { Value::Binary(bytes) => bytes.into(), }
    Str, "string or symbol" {
        Value::String(text) => text,
        Value::Symbol(text) => text.into(),
    }
    String, "string or symbol" {
        Value::String(text) => text.into(),
        Value::Symbol(text) => text.into(),
    }
    Symbol, "symbol" { Value::Symbol(symbol) => symbol, }
    AnnotationKey, "symbol or ulong" {
        Value::Symbol(key) => Self::Symbol(key),
        Value::Ulong(key) => Self::Ulong(key),
    }
    Vec<Value>, "list" { Value::List(items) => items, }
    Map, "map" { Value::Map(map) => map, }
    Array, "array" { Value::Array(array) => *array, }
    Described, "described" { Value::Described(described) => *described, }
}

/// The maps with keys of one type: from a map whose keys all are.
macro_rules! into_keyed_maps {
    ($($to:ty;)*) => {$(
        impl TryFrom<Value> for $to {
            type Error = ValueTypeError;

            /// Accepts maps.
            ///
            /// # Errors
            /// [`ValueTypeError`] for a value that is no map, and for the first key of another type.
            fn try_from(value: Value) -> Result<Self, ValueTypeError> {
                <Map>::try_from(value)?.try_into()
            }
        }
    )*};
}

into_keyed_maps! {
    Map<Str>;
    Fields;
    Annotations;
}

/// Arrays of items whose AMQP type is known from their Rust type.
macro_rules! uniform_arrays {
    ($($item:ty => $kind:ident;)*) => {$(
        impl FromIterator<$item> for Array {
            fn from_iter<I: IntoIterator<Item = $item>>(items: I) -> Self {
                Self::uniform(Kind::$kind, items.into_iter().map(Value::from).collect())
            }
        }

        impl From<Vec<$item>> for Array {
            fn from(items: Vec<$item>) -> Self {
                items.into_iter().collect()
            }
        }
    )*};
}

for_each_type!(uniform_arrays);
