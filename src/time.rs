//! Time as the caller tells it.

use core::{fmt, time::Duration};

/// A moment, in milliseconds since one that the caller picks.
///
/// The crate has no clock: whoever drives a connection says what time it is. All that counts is that the
/// moments given to one connection come from one clock; one earlier than the last counts as the last.
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
    /// So many milliseconds after the caller's moment 0.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds after the caller's moment 0.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`; zero where `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment so much later, in whole milliseconds rounded up; at most the last one there is.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        Self(self.0.saturating_add(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
