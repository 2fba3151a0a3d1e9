//! Numbers of the protocol as types of their own (2.8): a handle is neither a channel nor a window.

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

            /// Returns the number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $inner {
            fn from(value: $name) -> Self {
                value.0
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
    /// A channel number (2.1): identifies a session in the frames of one direction.
    Channel(u16);
    /// A link handle (2.8.4): identifies a link in the frames of one session and one direction.
    Handle(u32);
    /// A duration in seconds (2.8.5): at most 2³²-1, about 136 years.
    ///
    /// Converts to and from [`Duration`](core::time::Duration); see [`saturating_from`](Self::saturating_from).
    Seconds(u32);
    /// A duration in milliseconds (2.8.6): at most 2³²-1, about 49 days and 17 hours.
    ///
    /// Converts to and from [`Duration`](core::time::Duration); see [`saturating_from`](Self::saturating_from).
    ///
    /// ```
    /// use amqp_proto::types::Milliseconds;
    /// use core::time::Duration;
    ///
    /// assert_eq!(Milliseconds::try_from(Duration::from_secs(30)), Ok(Milliseconds::new(30_000)));
    /// assert!(Milliseconds::try_from(Duration::from_secs(50 * 24 * 60 * 60)).is_err());
    /// assert_eq!(Duration::from(Milliseconds::new(1_500)), Duration::from_millis(1_500));
    /// ```
    Milliseconds(u32);
    /// A message format (2.8.11): the format in the upper three bytes, its version in the lowest. The standard's own
    /// format is 0 (3.2.16).
    MessageFormat(u32);
}

macro_rules! sequence_numbers {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        ///
        /// A [`Serial`] number: it wraps past 2³²-1 to 0, and comparison is partial.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Hash)]
        pub struct $name(Serial);

        impl $name {
            /// Wraps the number.
            pub const fn new(value: u32) -> Self {
                Self(Serial::new(value))
            }

            /// Returns the number as it is on the wire.
            pub const fn get(self) -> u32 {
                self.0.get()
            }

            /// Returns the number `n` places later ([`Serial::plus`]).
            #[must_use]
            pub const fn plus(self, n: u32) -> Self {
                Self(self.0.plus(n))
            }

            /// Returns the number `n` places earlier ([`Serial::minus`]).
            #[must_use]
            pub const fn minus(self, n: u32) -> Self {
                Self(self.0.minus(n))
            }

            /// Returns the next number.
            #[must_use]
            pub const fn next(self) -> Self {
                self.plus(1)
            }

            /// Returns the number of steps forward from `earlier` to `self`, modulo 2³² ([`Serial::since`]).
            pub const fn since(self, earlier: Self) -> u32 {
                self.0.since(earlier.0)
            }

            /// Returns the signed distance from `other` to `self` ([`Serial::offset_from`]).
            pub const fn offset_from(self, other: Self) -> i32 {
                self.0.offset_from(other.0)
            }
        }

        impl From<u32> for $name {
            fn from(value: u32) -> Self {
                Self::new(value)
            }
        }

        impl From<$name> for u32 {
            fn from(value: $name) -> Self {
                value.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

sequence_numbers! {
    /// A sequence number (2.8.10), as in the delivery-count of a link.
    SequenceNo;
    /// The number of a delivery in its session (2.8.8).
    DeliveryNumber;
    /// The number of a transfer frame in its session (2.8.9), counted by both ends and never sent in a transfer.
    TransferNumber;
}
