//! Settings, ids and events of requests.

use alloc::{boxed::Box, sync::Arc};
use core::{fmt, time::Duration};

use crate::{
    CreditPolicy, Delivery, Failure, ReceiverConfig, spec::delivery_state::DeliveryState, types::Str,
};

/// A request of one [`Requests`](super::Requests).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The address in `reply-to`, to which the peer sends its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyTo {
    /// A name of our own, which is also the target address of the receiving link. Azure takes any.
    Named(Str),
    /// The address of a node that the peer makes for the receiving link (3.5.3 `dynamic`).
    Dynamic,
}

/// Settings of [`Requests`](super::Requests).
#[derive(Clone, Debug)]
pub struct RequestConfig {
    pub(super) prefix: Str,
    pub(super) reply_to: ReplyTo,
    pub(super) max_pending: usize,
    pub(super) timeout: Duration,
    max_reply_size: u64,
}

impl RequestConfig {
    /// Returns the defaults. The message-ids are this prefix and a number; the prefix is also the default of
    /// [`reply_to`](Self::reply_to), so choose one that nobody else at this node has.
    pub fn new(prefix: impl Into<Str>) -> Self {
        let prefix = prefix.into();
        Self {
            reply_to: ReplyTo::Named(prefix.clone()),
            prefix,
            max_pending: 256,
            timeout: Duration::from_secs(30),
            max_reply_size: 0,
        }
    }

    /// Sets where answers go. Default [`ReplyTo::Named`], with the prefix.
    #[must_use]
    pub fn reply_to(mut self, reply_to: ReplyTo) -> Self {
        self.reply_to = reply_to;
        self
    }

    /// Sets how many requests may wait for an answer at the same time. Default 256.
    #[must_use]
    pub fn max_pending(mut self, max_pending: usize) -> Self {
        self.max_pending = max_pending;
        self
    }

    /// Sets how long a request waits for its answer unless it has a timeout of its own. Default 30 seconds.
    ///
    /// The links wait as long until a request can be sent: for the peer's credit and its session's window, or for room in
    /// the outbox. Then they are closed, unless requests wait for their answers.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the largest answer in bytes, as the receiving link's max-message-size. Default 0: no limit but
    /// [`max_buffered_bytes_per_delivery`](crate::Limits::max_buffered_bytes_per_delivery).
    #[must_use]
    pub fn max_reply_size(mut self, max_reply_size: u64) -> Self {
        self.max_reply_size = max_reply_size;
        self
    }

    pub(in crate::extensions) fn receiver(&self, config: ReceiverConfig) -> ReceiverConfig {
        // A reply always has room: there are never more outstanding than pending requests.
        let credit = u32::try_from(self.max_pending).unwrap_or(u32::MAX).max(1);
        config.credit(CreditPolicy::Auto(credit)).max_message_size(self.max_reply_size)
    }
}

/// Something that happened to [`Requests`](super::Requests).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestEvent {
    /// A request can be sent: the links are open, or a [temporary](crate::CommandError::is_temporary) error is over.
    Ready,
    /// The answer to a request has arrived. It is settled.
    Answered {
        /// The request.
        id: RequestId,
        /// The answer.
        delivery: Box<Delivery>,
    },
    /// The peer has accepted a request to which no message is the answer: see [`Requests::over`](super::Requests::over).
    Accepted {
        /// The request.
        id: RequestId,
    },
    /// There will be no answer.
    Failed {
        /// The request.
        id: RequestId,
        /// The reason.
        why: RequestFailure,
    },
    /// One of the links has ended, and the other was closed for it; or no request could be sent in time. The last event.
    Closed {
        /// The reason, unless the link was closed without an error.
        failure: Option<Arc<Failure>>,
    },
}

/// The reason why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestFailure {
    /// No answer arrived in time. A later one is settled and counted by [`Requests::unmatched`](super::Requests::unmatched).
    TimedOut,
    /// The peer did not accept the request. Without a state it has settled it without an outcome.
    NotAccepted(Option<DeliveryState>),
    /// A link ended first.
    LinkLost,
    /// The answer is not in the form that the extension demands.
    Malformed,
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer arrived in time"),
            Self::NotAccepted(Some(DeliveryState::Rejected(rejected))) => match &rejected.error {
                Some(error) => write!(f, "the peer rejected the request: {error}"),
                None => f.write_str("the peer rejected the request"),
            },
            Self::NotAccepted(Some(state)) => write!(f, "the peer answered with {}", state.type_name()),
            Self::NotAccepted(None) => f.write_str("the peer settled the request without an outcome"),
            Self::LinkLost => f.write_str("a link ended before the answer"),
            Self::Malformed => f.write_str("the answer is malformed"),
        }
    }
}

impl core::error::Error for RequestFailure {}
