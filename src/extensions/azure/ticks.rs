//! Times of .NET: ticks of 100 nanoseconds since the start of the year 1.

use crate::types::Timestamp;

/// The ticks at the start of 1970.
const UNIX_EPOCH: i64 = 621_355_968_000_000_000;
const PER_MILLISECOND: i64 = 10_000;

/// Returns the time of a number of ticks, rounded down to a millisecond.
///
/// ```
/// use amqp_proto::{extensions::azure::timestamp_from_ticks, types::Timestamp};
///
/// assert_eq!(timestamp_from_ticks(621_355_968_000_000_000), Timestamp::from_millis(0));
/// ```
pub const fn timestamp_from_ticks(ticks: i64) -> Timestamp {
    // Both are rounded down to milliseconds first, because the difference of the ticks may be out of range.
    let epoch = UNIX_EPOCH.div_euclid(PER_MILLISECOND);
    Timestamp::from_millis(ticks.div_euclid(PER_MILLISECOND).saturating_sub(epoch))
}

/// Returns the ticks at a time, or `None` if they are out of range.
///
/// ```
/// use amqp_proto::{extensions::azure::ticks_from_timestamp, types::Timestamp};
///
/// assert_eq!(ticks_from_timestamp(Timestamp::from_millis(1)), Some(621_355_968_000_010_000));
/// assert_eq!(ticks_from_timestamp(Timestamp::MAX), None);
/// ```
pub fn ticks_from_timestamp(time: Timestamp) -> Option<i64> {
    // A negative product may be out of range although the sum is not.
    let ticks = i128::from(time.as_millis()).checked_mul(PER_MILLISECOND.into())?;
    ticks.checked_add(UNIX_EPOCH.into())?.try_into().ok()
}
