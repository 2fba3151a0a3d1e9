//! Time, which the caller supplies.

use core::{fmt, time::Duration};

/// A point in time, in milliseconds since an origin that the caller picks.
///
/// The crate has no clock: the caller passes the current time. All times passed to one connection must come from one
/// clock. A time earlier than the last one passed counts as the last.
///
/// ```
/// # #[cfg(feature = "std")] {
/// use amqp_proto::Instant;
/// let start = std::time::Instant::now();
/// let now = Instant::from_millis(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
/// assert!(now >= Instant::default());
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Returns the time this many milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the origin.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the time elapsed since `earlier`, or zero if that is later than `self`.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Adds a duration, rounded up to whole milliseconds. Saturates at the largest `Instant`.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let below_a_second = u64::from(duration.subsec_nanos().div_ceil(1_000_000));
        Self(self.0.saturating_add(duration.as_secs().saturating_mul(1000)).saturating_add(below_a_second))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
