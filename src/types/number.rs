//! The protocol's numbers as newtypes (2.8): a handle is not a channel is not a window.

use core::fmt;

use super::Serial;

macro_rules! numbers {
    ($($(#[$meta:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// The largest value.
            pub const MAX: Self = Self(<$inner>::MAX);

            /// Wraps the number.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The number itself.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// A channel number (2.1): marks the frames of one session in one direction.
    Channel(u16);
    /// A link handle (2.8.4): stands for a link in the frames of one session in one direction.
    Handle(u32);
    /// A duration in seconds (2.8.5).
    Seconds(u32);
    /// A duration in milliseconds (2.8.6).
    Milliseconds(u32);
    /// A message format (2.8.11): the upper three octets name the format, the lowest its version. 0 is the
    /// standard's own format (3.2.16).
    MessageFormat(u32);
}

macro_rules! serials {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Hash)]
        pub struct $name(Serial);

        impl $name {
            /// The sequence number with this value.
            pub const fn new(value: u32) -> Self {
                Self(Serial::new(value))
            }

            /// The value on the wire.
            pub const fn get(self) -> u32 {
                self.0.get()
            }

            /// The number `n` places later ([`Serial::plus`]).
            #[must_use]
            pub const fn plus(self, n: u32) -> Self {
                Self(self.0.plus(n))
            }

            /// The number `n` places earlier ([`Serial::minus`]).
            #[must_use]
            pub const fn minus(self, n: u32) -> Self {
                Self(self.0.minus(n))
            }

            /// The next number.
            #[must_use]
            pub const fn next(self) -> Self {
                self.plus(1)
            }

            /// Steps forward from `earlier` to `self`, modulo 2³² ([`Serial::since`]).
            pub const fn since(self, earlier: Self) -> u32 {
                self.0.since(earlier.0)
            }

            /// The signed distance from `other` to `self` ([`Serial::offset_from`]).
            pub const fn offset_from(self, other: Self) -> i32 {
                self.0.offset_from(other.0)
            }
        }

        impl From<u32> for $name {
            fn from(value: u32) -> Self {
                Self::new(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.get().fmt(f)
            }
        }
    )*};
}

serials! {
    /// A sequence number (2.8.10), as used for a link's delivery-count.
    SequenceNo;
    /// A delivery's number in its session (2.8.8).
    DeliveryNumber;
    /// A transfer frame's implicit number in its session (2.8.9).
    TransferNumber;
}
