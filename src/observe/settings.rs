//! The observer's settings: what it keeps at most, and how long a wait may last.

use core::time::Duration;

use crate::codec::DecodeLimits;

/// Bounds on what an [`Observer`](super::Observer) keeps of one connection.
///
/// Beyond a bound the observer goes on, knows less, and finds less: it never reports what it can't know.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ObserverLimits {
    /// Bytes of a frame. A larger frame is skipped, undecoded. 1 MiB by default.
    pub max_frame_bytes: u32,
    /// Sessions at a time. The frames of further ones are decoded and not checked. 1,024 by default.
    pub max_sessions: usize,
    /// Links at a time, over all sessions. The frames of further ones are decoded and not checked. 4,096 by default.
    pub max_links: usize,
    /// Bytes of a link's name, and of an address. A link with a longer name is not checked, a longer address is cut.
    /// 1,024 by default.
    pub max_name_bytes: usize,
    /// Unsettled deliveries of a session, in each direction. Further ones are not counted. 65,536 by default.
    pub max_unsettled: usize,
    /// Bounds on a frame's values.
    pub decode: DecodeLimits,
}

impl Default for ObserverLimits {
    fn default() -> Self {
        Self {
            max_frame_bytes: 1 << 20,
            max_sessions: 1024,
            max_links: 4096,
            max_name_bytes: 1024,
            max_unsettled: 1 << 16,
            decode: DecodeLimits::DEFAULT,
        }
    }
}

/// How long each kind of wait may last before it is a stall.
///
/// `Duration::MAX` finds none. For silence the threshold is the peer's idle-time-out.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Thresholds {
    /// A sender with messages and without credit. One second by default.
    pub credit: Duration,
    /// A closed window. One second by default.
    pub window: Duration,
    /// An open, begin, attach, detach, end, close, drain or echo without its answer. Two seconds by default.
    pub answer: Duration,
    /// Unsettled deliveries, by the oldest. Ten seconds by default.
    pub unsettled: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            credit: Duration::from_secs(1),
            window: Duration::from_secs(1),
            answer: Duration::from_secs(2),
            unsettled: Duration::from_secs(10),
        }
    }
}
