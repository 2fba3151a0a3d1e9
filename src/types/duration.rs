//! Durations in whole seconds or milliseconds (2.8.5, 2.8.6), from and to Rust's.

use core::time::Duration;

use thiserror::Error;

use super::{Milliseconds, Seconds};

/// The error of a [`Duration`] that is too long for [`Seconds`] or [`Milliseconds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{duration:?} is longer than {max:?}")]
pub struct DurationError {
    /// The duration.
    pub duration: Duration,
    /// The longest duration that fits.
    pub max: Duration,
}

macro_rules! durations {
    ($($name:ident, $nanos_per_unit:literal, $unit:literal, $max:literal, $to_duration:path;)*) => {$(
        impl $name {
            #[doc = concat!("Returns the duration in whole ", $unit, ", rounded up, and at most ", $max, ".")]
            ///
            /// Rounding up keeps a short timeout from becoming 0, which often means none at all.
            pub fn saturating_from(duration: Duration) -> Self {
                Self::try_from(duration).unwrap_or(Self::MAX)
            }
        }

        impl TryFrom<Duration> for $name {
            type Error = DurationError;

            #[doc = concat!("Returns the duration in whole ", $unit, ", rounded up.")]
            ///
            /// # Errors
            #[doc = concat!("[`DurationError`] for more than ", $max, ".")]
            fn try_from(duration: Duration) -> Result<Self, DurationError> {
                let units = duration.as_nanos().div_ceil($nanos_per_unit);
                match u32::try_from(units) {
                    Ok(units) => Ok(Self::new(units)),
                    Err(_) => Err(DurationError { duration, max: Self::MAX.into() }),
                }
            }
        }

        impl From<$name> for Duration {
            fn from(value: $name) -> Self {
                $to_duration(value.get().into())
            }
        }
    )*};
}

durations! {
    Seconds, 1_000_000_000, "seconds", "2³²-1 s", Duration::from_secs;
    Milliseconds, 1_000_000, "milliseconds", "2³²-1 ms", Duration::from_millis;
}
