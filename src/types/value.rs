//! Any AMQP value.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use bytes::Bytes;

use super::{
    Array, Decimal32, Decimal64, Decimal128, Described, Double, Float, Map, Str, Symbol, Timestamp, Uuid,
};

macro_rules! values {
    ($($(#[$meta:meta])* $name:ident($inner:ty) = $standard:literal;)*) => {
        /// Any AMQP value (1.1.1, 1.6), if its type is not known beforehand.
        ///
        /// Equality and order are structural: values of different types differ even if their numbers agree, and floats
        /// compare by their bits. `Debug` abbreviates binaries of more than 64 bytes.
        ///
        /// Rust's own types convert with `From`, and back with `TryFrom` or the `as_` methods. `None` is null:
        ///
        /// ```
        /// use amqp_proto::types::{Symbol, Value, ValueTypeError};
        ///
        /// let list = Value::List(vec![
        ///     1_u8.into(),
        ///     2.5_f64.into(),
        ///     "text".into(),
        ///     Symbol::from_static("symbol").into(),
        ///     None::<u32>.into(),
        /// ]);
        /// let [number, .., nothing] = list.as_list().unwrap_or_default() else { unreachable!() };
        /// assert_eq!(number.as_u64(), Some(1));
        /// assert!(nothing.is_null());
        ///
        /// assert_eq!(u64::try_from(Value::Ubyte(1))?, 1);
        /// let error = u64::try_from(Value::from("one")).unwrap_err();
        /// assert_eq!(error.to_string(), "expected ulong, found string");
        /// # Ok::<(), ValueTypeError>(())
        /// ```
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
            /// Returns the type of the value.
            pub fn kind(&self) -> Kind {
                match self {
                    Self::Null => Kind::Null,
                    $(Self::$name(_) => Kind::$name,)*
                }
            }
        }

        impl fmt::Debug for Value {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Null => f.write_str("Null"),
                    Self::Binary(bytes) if bytes.len() > DEBUG_BYTES => {
                        f.debug_tuple("Binary").field(&Abbreviated(bytes)).finish()
                    }
                    $(Self::$name(inner) => f.debug_tuple(stringify!($name)).field(inner).finish(),)*
                }
            }
        }

        impl Kind {
            /// Every type, in the order of 1.6.
            pub const ALL: &'static [Self] = &[Self::Null, $(Self::$name,)*];

            /// Returns the standard's name of the type.
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
    /// At most 2³²-1 bytes (1.6.19).
    Binary(Bytes) = "binary";
    /// UTF-8 text (1.6.20).
    String(Str) = "string";
    /// ASCII text from a constrained domain (1.6.21).
    Symbol(Symbol) = "symbol";
    /// Values in order (1.6.22).
    List(Vec<Value>) = "list";
    /// Pairs with distinct keys in order (1.6.23).
    Map(Map) = "map";
    /// Values of one type (1.6.24).
    Array(Box<Array>) = "array";
    /// A value with a descriptor (1.1.2).
    Described(Box<Described>) = "described";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The number of bytes of a binary that `Debug` writes.
const DEBUG_BYTES: usize = 64;

struct Abbreviated<'a>(&'a Bytes);

impl fmt::Debug for Abbreviated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.0.slice(..DEBUG_BYTES.min(self.0.len()));
        write!(f, "{first:?}... of {} bytes", self.0.len())
    }
}
