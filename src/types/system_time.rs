//! [`Timestamp`] from and to the standard library's time. Nothing here reads a clock.

use std::time::SystemTime;

use core::time::Duration;

use thiserror::Error;

use super::Timestamp;

/// The error of a conversion between [`Timestamp`] and [`SystemTime`]: one cannot represent the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the point in time is out of range")]
pub struct TimestampError;

const NANOS_PER_MILLI: u128 = 1_000_000;

impl TryFrom<SystemTime> for Timestamp {
    type Error = TimestampError;

    /// Rounds down to whole milliseconds, also before 1970.
    ///
    /// # Errors
    /// [`TimestampError`] if the milliseconds since the Unix epoch are out of the range of `i64`.
    fn try_from(time: SystemTime) -> Result<Self, TimestampError> {
        let millis = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).ok(),
            Err(before) => {
                // The negation of `i64::MIN` is not an i64, so the sign is applied in 128 bits.
                let millis = before.duration().as_nanos().div_ceil(NANOS_PER_MILLI);
                i128::try_from(millis)
                    .ok()
                    .and_then(i128::checked_neg)
                    .and_then(|millis| millis.try_into().ok())
            }
        };
        millis.map(Self::from_millis).ok_or(TimestampError)
    }
}

impl TryFrom<Timestamp> for SystemTime {
    type Error = TimestampError;

    /// Returns the same point in time.
    ///
    /// # Errors
    /// [`TimestampError`] if the platform's clock cannot represent it.
    fn try_from(timestamp: Timestamp) -> Result<Self, TimestampError> {
        let millis = timestamp.as_millis();
        let distance = Duration::from_millis(millis.unsigned_abs());
        let time = if millis < 0 {
            Self::UNIX_EPOCH.checked_sub(distance)
        } else {
            Self::UNIX_EPOCH.checked_add(distance)
        };
        time.ok_or(TimestampError)
    }
}
