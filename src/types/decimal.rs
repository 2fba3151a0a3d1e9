//! IEEE 754-2008 decimals (1.6.13 to 1.6.15): opaque octets, carried exactly.

macro_rules! decimals {
    ($($(#[$meta:meta])* $name:ident, $width:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $width]);

        impl $name {
            /// From the octets, most significant first, in the Binary Integer Decimal encoding.
            pub const fn from_be_bytes(octets: [u8; $width]) -> Self {
                Self(octets)
            }

            /// The octets, most significant first.
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
