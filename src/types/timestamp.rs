//! Points in time as they are on the wire (1.6.17).

use core::fmt;

/// A point in time (1.6.17): milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted; negative before it.
///
/// The range is that of `i64`, about 292 million years either way. With the feature `std` it converts to and from
/// `SystemTime`.
///
/// ```
/// # #[cfg(feature = "std")] {
/// use amqp_proto::types::Timestamp;
/// use std::time::{Duration, SystemTime};
///
/// let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_311_704_463_521);
/// let timestamp = Timestamp::try_from(time).unwrap();
/// assert_eq!(timestamp.as_millis(), 1_311_704_463_521);
/// assert_eq!(SystemTime::try_from(timestamp), Ok(time));
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest point in time.
    pub const MIN: Self = Self(i64::MIN);

    /// The latest point in time.
    pub const MAX: Self = Self(i64::MAX);

    /// Wraps milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
