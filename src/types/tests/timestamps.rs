use std::time::SystemTime;

use core::time::Duration;

use proptest::prelude::*;

use crate::types::{Timestamp, TimestampError};

const EPOCH: SystemTime = SystemTime::UNIX_EPOCH;

/// The finest step that every platform's `SystemTime` represents.
const TICK: Duration = Duration::from_nanos(100);

#[test]
fn system_time_rounds_down_to_milliseconds() {
    let millis = Duration::from_millis;
    for (time, expected) in [
        (EPOCH, 0),
        (EPOCH + TICK, 0),
        (EPOCH + millis(1) - TICK, 0),
        (EPOCH + millis(1), 1),
        // 1.6.17: 2011-07-26T18:21:03.521Z
        (EPOCH + millis(1_311_704_463_521), 1_311_704_463_521),
        (EPOCH - TICK, -1),
        (EPOCH - millis(1), -1),
        (EPOCH - millis(1) - TICK, -2),
        (EPOCH - Duration::from_secs(86_400), -86_400_000),
    ] {
        assert_eq!(Timestamp::try_from(time), Ok(Timestamp::from_millis(expected)), "{time:?}");
    }
}

#[test]
fn system_time_out_of_range_is_refused() {
    let max = Duration::from_millis(i64::MAX.unsigned_abs());
    let min = Duration::from_millis(i64::MIN.unsigned_abs());
    for (time, expected) in [
        (EPOCH.checked_add(max), Ok(Timestamp::MAX)),
        (EPOCH.checked_add(max + Duration::from_millis(1)), Err(TimestampError)),
        (EPOCH.checked_sub(min), Ok(Timestamp::MIN)),
        (EPOCH.checked_sub(min + TICK), Err(TimestampError)),
    ] {
        // Some platforms cannot represent these times at all.
        if let Some(time) = time {
            assert_eq!(Timestamp::try_from(time), expected);
        }
    }
}

#[test]
fn timestamp_out_of_the_platforms_range_is_refused() {
    for timestamp in [Timestamp::MIN, Timestamp::MAX] {
        let distance = Duration::from_millis(timestamp.as_millis().unsigned_abs());
        let negative = timestamp < Timestamp::default();
        let expected = if negative { EPOCH.checked_sub(distance) } else { EPOCH.checked_add(distance) };
        assert_eq!(SystemTime::try_from(timestamp), expected.ok_or(TimestampError));
    }
}

proptest! {
    #[test]
    fn timestamp_survives_system_time(millis in prop_oneof![any::<i64>(), -10_000_i64..10_000]) {
        let timestamp = Timestamp::from_millis(millis);
        if let Ok(time) = SystemTime::try_from(timestamp) {
            prop_assert_eq!(Timestamp::try_from(time), Ok(timestamp));
        }
    }
}

#[test]
fn timestamp_near_the_epoch_becomes_system_time() {
    let day = Duration::from_secs(86_400);
    assert_eq!(SystemTime::try_from(Timestamp::from_millis(-86_400_000)), Ok(EPOCH - day));
    assert_eq!(SystemTime::try_from(Timestamp::default()), Ok(EPOCH));
    assert_eq!(SystemTime::try_from(Timestamp::from_millis(86_400_000)), Ok(EPOCH + day));
}
