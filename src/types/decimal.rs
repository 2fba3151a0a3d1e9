//! Decimals (1.6.13 to 1.6.15): opaque bytes, carried exactly.

macro_rules! decimals {
    ($($(#[$meta:meta])* $name:ident, $width:literal;)*) => {$(
        $(#[$meta])*
        ///
        /// The bytes are carried, not computed with. Equality and order are those of the bytes, not of the numbers.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $width]);

        impl $name {
            /// Wraps the bytes of the Binary Integer Decimal encoding (IEEE 754-2008), most significant first.
            pub const fn from_be_bytes(bytes: [u8; $width]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes of the Binary Integer Decimal encoding, most significant first.
            pub const fn to_be_bytes(self) -> [u8; $width] {
                self.0
            }
        }
    )*};
}

decimals! {
    /// A 32-bit decimal (1.6.13).
    Decimal32, 4;
    /// A 64-bit decimal (1.6.14).
    Decimal64, 8;
    /// A 128-bit decimal (1.6.15).
    Decimal128, 16;
}
