//! Any AMQP value.

use alloc::{boxed::Box, string::String, vec::Vec};

use bytes::Bytes;

use super::{
    Array, Decimal32, Decimal64, Decimal128, Described, Double, Fields, Float, Map, Str, Symbol, Timestamp,
    Uuid,
};

macro_rules! values {
    ($($(#[$meta:meta])* $name:ident($inner:ty) = $standard:literal;)*) => {
        /// Any AMQP value (1.6), where its type is not known beforehand.
        ///
        /// Equality and order are structural: values of different types differ even where their numbers agree,
        /// and floats compare by their bits.
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Value {
            /// No value (1.6.1).
            #[default]
            Null,
            $($(#[$meta])* $name($inner),)*
        }

        /// The type of a [`Value`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            /// `null`
            Null,
            $(#[doc = concat!("`", $standard, "`")] $name,)*
        }

        impl Value {
            /// The value's type.
            pub fn kind(&self) -> Kind {
                match self {
                    Self::Null => Kind::Null,
                    $(Self::$name(_) => Kind::$name,)*
                }
            }
        }

        impl Kind {
            /// Every type, in the standard's order.
            pub const ALL: &'static [Self] = &[Self::Null, $(Self::$name,)*];

            /// The standard's name of the type.
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Null => "null",
                    $(Self::$name => $standard,)*
                }
            }
        }
    };
}

values! {
    /// True or false (1.6.2).
    Boolean(bool) = "boolean";
    /// 0 to 2⁸-1 (1.6.3).
    Ubyte(u8) = "ubyte";
    /// 0 to 2¹⁶-1 (1.6.4).
    Ushort(u16) = "ushort";
    /// 0 to 2³²-1 (1.6.5).
    Uint(u32) = "uint";
    /// 0 to 2⁶⁴-1 (1.6.6).
    Ulong(u64) = "ulong";
    /// -2⁷ to 2⁷-1 (1.6.7).
    Byte(i8) = "byte";
    /// -2¹⁵ to 2¹⁵-1 (1.6.8).
    Short(i16) = "short";
    /// -2³¹ to 2³¹-1 (1.6.9).
    Int(i32) = "int";
    /// -2⁶³ to 2⁶³-1 (1.6.10).
    Long(i64) = "long";
    /// A 32-bit float (1.6.11).
    Float(Float) = "float";
    /// A 64-bit float (1.6.12).
    Double(Double) = "double";
    /// A 32-bit decimal (1.6.13).
    Decimal32(Decimal32) = "decimal32";
    /// A 64-bit decimal (1.6.14).
    Decimal64(Decimal64) = "decimal64";
    /// A 128-bit decimal (1.6.15).
    Decimal128(Decimal128) = "decimal128";
    /// A Unicode character (1.6.16).
    Char(char) = "char";
    /// A point in time (1.6.17).
    Timestamp(Timestamp) = "timestamp";
    /// A UUID (1.6.18).
    Uuid(Uuid) = "uuid";
    /// Octets (1.6.19).
    Binary(Bytes) = "binary";
    /// UTF-8 text (1.6.20).
    String(Str) = "string";
    /// ASCII text from a constrained domain (1.6.21).
    Symbol(Symbol) = "symbol";
    /// Values in order (1.6.22).
    List(Vec<Value>) = "list";
    /// Pairs in order (1.6.23).
    Map(Map) = "map";
    /// Values of one type (1.6.24).
    Array(Box<Array>) = "array";
    /// A value with a descriptor (1.2).
    Described(Box<Described>) = "described";
}

macro_rules! conversions {
    ($($from:ty => $name:ident;)*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$name(value.into())
            }
        }
    )*};
}

conversions! {
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
    &str => String;
    String => String;
    Symbol => Symbol;
    Vec<Value> => List;
    Map => Map;
    Map<Str> => Map;
    Fields => Map;
    Array => Array;
    Described => Described;
}
