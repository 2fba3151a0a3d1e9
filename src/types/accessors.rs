//! [`Value`] looked at as one of its types.

use super::{Array, Described, Map, Symbol, Timestamp, Uuid, Value};

/// Integers that a wider type holds without loss, whatever the number.
macro_rules! integers {
    ($($(#[$meta:meta])* $name:ident -> $integer:ty { $($variant:ident)* })*) => {
        /// # Integers
        ///
        /// Each of these methods accepts the integer types whose whole range its result can hold, and returns `None`
        /// for any other value. So success depends on the type that the peer has chosen, never on the number.
        /// [`as_i128`](Self::as_i128) accepts all integer types.
        ///
        /// ```
        /// use amqp_proto::types::Value;
        ///
        /// assert_eq!(Value::Ubyte(7).as_u64(), Some(7));
        /// assert_eq!(Value::Uint(7).as_i64(), Some(7));
        /// assert_eq!(Value::Long(7).as_u64(), None);
        /// assert_eq!(Value::Ulong(7).as_u32(), None);
        /// ```
        impl Value {
            $(
                $(#[$meta])*
                pub fn $name(&self) -> Option<$integer> {
                    match self {
                        $(Self::$variant(number) => Some((*number).into()),)*
                        _ => None,
                    }
                }
            )*
        }
    };
}

integers! {
    /// Returns the number if the value is a ubyte.
    as_u8 -> u8 { Ubyte }
    /// Returns the number if the value is a ubyte or ushort.
    as_u16 -> u16 { Ubyte Ushort }
    /// Returns the number if the value is a ubyte, ushort or uint.
    as_u32 -> u32 { Ubyte Ushort Uint }
    /// Returns the number if the value is a ubyte, ushort, uint or ulong: any unsigned integer.
    as_u64 -> u64 { Ubyte Ushort Uint Ulong }
    /// Returns the number if the value is a byte.
    as_i8 -> i8 { Byte }
    /// Returns the number if the value is a byte, short or ubyte.
    as_i16 -> i16 { Byte Short Ubyte }
    /// Returns the number if the value is a byte, short, int, ubyte or ushort.
    as_i32 -> i32 { Byte Short Int Ubyte Ushort }
    /// Returns the number if the value is a byte, short, int, long, ubyte, ushort or uint: any integer but a ulong.
    as_i64 -> i64 { Byte Short Int Long Ubyte Ushort Uint }
    /// Returns the number if the value is an integer of any type.
    as_i128 -> i128 { Byte Short Int Long Ubyte Ushort Uint Ulong }
}

/// # Other types
///
/// Each of these methods returns `None` for a value of a type that it does not name.
impl Value {
    /// True for null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the value of a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the number if the value is a float. A double is not narrowed.
    pub fn as_f32(&self) -> Option<f32> {
        match self {
            Self::Float(number) => Some(number.get()),
            _ => None,
        }
    }

    /// Returns the number if the value is a double or a float, which widens without loss. Integers are not converted.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Double(number) => Some(number.get()),
            Self::Float(number) => Some(number.get().into()),
            _ => None,
        }
    }

    /// Returns the character of a char.
    pub fn as_char(&self) -> Option<char> {
        match self {
            Self::Char(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the point in time of a timestamp.
    pub fn as_timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::Timestamp(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the UUID of a uuid.
    pub fn as_uuid(&self) -> Option<Uuid> {
        match self {
            Self::Uuid(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the bytes of a binary. To share them, match [`Value::Binary`].
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Returns the text of a string or a symbol: senders disagree about which of the two to use.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the symbol if the value is one. A string is not converted.
    pub fn as_symbol(&self) -> Option<&Symbol> {
        match self {
            Self::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    /// Returns the items of a list. Those of an array are in [`as_array`](Self::as_array).
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the map if the value is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the array if the value is one.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// Returns the value described and its descriptor if the value is a described one.
    pub fn as_described(&self) -> Option<&Described> {
        match self {
            Self::Described(described) => Some(described),
            _ => None,
        }
    }
}
