//! Serial-number arithmetic (RFC 1982, 32 bits): the only wrapping arithmetic of the crate.

use core::cmp::Ordering;

/// A 32-bit serial number (RFC 1982; 2.8.10).
///
/// There is no [`Ord`]: two numbers exactly 2³¹ apart have no order, so comparison is partial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Serial(u32);

impl Serial {
    /// The serial number with this value.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The value on the wire.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number `n` places later, wrapping past 2³²-1 to 0.
    #[must_use]
    pub const fn plus(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// The number `n` places earlier, wrapping below 0.
    #[must_use]
    pub const fn minus(self, n: u32) -> Self {
        Self(self.0.wrapping_sub(n))
    }

    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// How many steps forward lead from `earlier` to `self`, modulo 2³².
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// The signed distance from `other` to `self`: positive where `self` is later, `i32::MIN` where the two are
    /// 2³¹ apart and have no order.
    pub const fn offset_from(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

impl PartialOrd for Serial {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.offset_from(*other) {
            i32::MIN => None,
            distance => Some(distance.cmp(&0)),
        }
    }
}
