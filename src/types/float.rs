//! Floats that keep every bit, so that a NaN equals itself and a value can be the key of a map.

use core::fmt;

macro_rules! floats {
    ($($(#[$meta:meta])* $name:ident, $float:ty, $bits:ty;)*) => {$(
        $(#[$meta])*
        ///
        /// Equality and order are those of the bit pattern: a NaN equals itself, and 0.0 differs from -0.0.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($bits);

        impl $name {
            /// Wraps the number.
            pub const fn new(value: $float) -> Self {
                Self(value.to_bits())
            }

            /// Returns the number.
            pub const fn get(self) -> $float {
                <$float>::from_bits(self.0)
            }

            /// Wraps the number with this IEEE 754 bit pattern.
            pub const fn from_bits(bits: $bits) -> Self {
                Self(bits)
            }

            /// Returns the IEEE 754 bit pattern.
            pub const fn to_bits(self) -> $bits {
                self.0
            }
        }

        impl From<$float> for $name {
            fn from(value: $float) -> Self {
                Self::new(value)
            }
        }

        impl From<$name> for $float {
            fn from(value: $name) -> Self {
                value.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.get().fmt(f)
            }
        }
    )*};
}

floats! {
    /// A 32-bit float (1.6.11).
    Float, f32, u32;
    /// A 64-bit float (1.6.12).
    Double, f64, u64;
}
