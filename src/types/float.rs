//! Floats that keep every bit, so that a NaN equals itself and a value can be a map key.

macro_rules! floats {
    ($($(#[$meta:meta])* $name:ident, $float:ty, $bits:ty;)*) => {$(
        $(#[$meta])*
        ///
        /// Equality and order are those of the bit pattern, so that all values, NaN too, come back as they went.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($bits);

        impl $name {
            /// From the number.
            pub const fn new(value: $float) -> Self {
                Self(value.to_bits())
            }

            /// The number.
            pub const fn get(self) -> $float {
                <$float>::from_bits(self.0)
            }

            /// From the IEEE 754 bit pattern.
            pub const fn from_bits(bits: $bits) -> Self {
                Self(bits)
            }

            /// The IEEE 754 bit pattern.
            pub const fn to_bits(self) -> $bits {
                self.0
            }
        }

        impl From<$float> for $name {
            fn from(value: $float) -> Self {
                Self::new(value)
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
