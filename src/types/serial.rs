//! Serial number arithmetic (RFC 1982 with 32 bits): the only wrapping arithmetic of the crate.

use core::{cmp::Ordering, fmt};

/// A 32-bit serial number (RFC 1982; 2.8.10): a count that wraps past 2³²-1 to 0.
///
/// A number is later than the 2³¹-1 numbers before it and earlier than the 2³¹-1 after it. Two numbers exactly
/// 2³¹ apart have no order (RFC 1982, 3.2), so comparison is partial. It is not transitive either: do not sort by it.
///
/// ```
/// use amqp_proto::types::Serial;
///
/// let last = Serial::new(u32::MAX);
/// assert_eq!(last.next(), Serial::new(0));
/// assert!(last < last.next());
/// assert_eq!(Serial::new(2).since(last), 3);
/// assert_eq!(last.offset_from(Serial::new(2)), -3);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Serial(u32);

impl Serial {
    /// Wraps the number.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// Returns the number as it is on the wire.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Returns the number `n` places later, modulo 2³². It compares as later only if `n` is from 1 to 2³¹-1.
    #[must_use]
    pub const fn plus(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// Returns the number `n` places earlier, modulo 2³². It compares as earlier only if `n` is from 1 to 2³¹-1.
    #[must_use]
    pub const fn minus(self, n: u32) -> Self {
        Self(self.0.wrapping_sub(n))
    }

    /// Returns the next number.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// Returns the number of steps forward from `earlier` to `self`, modulo 2³².
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// Returns the signed distance from `other` to `self`: positive if `self` is later.
    ///
    /// `i32::MIN` if the two are 2³¹ apart and have no order.
    pub const fn offset_from(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

impl PartialOrd for Serial {
    /// Compares by position on the circle; `None` for numbers 2³¹ apart.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.offset_from(*other) {
            i32::MIN => None,
            distance => Some(distance.cmp(&0)),
        }
    }
}

impl From<u32> for Serial {
    fn from(value: u32) -> Self {
        Self::new(value)
    }
}

impl From<Serial> for u32 {
    fn from(serial: Serial) -> Self {
        serial.get()
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
