//! Spans and events for subscribers of the `tracing` crate: nothing at all without the feature of that name.
//!
//! There is a span for a connection, within it one for each session, and within that one for each link. They follow the
//! frames alone, so the engine knows nothing of them.

#[cfg(not(feature = "tracing"))]
mod off;
#[cfg(feature = "tracing")]
mod spans;

#[cfg(not(feature = "tracing"))]
pub(crate) use off::Trace;
#[cfg(feature = "tracing")]
pub(crate) use spans::Trace;

/// The way of a frame or a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    Sent,
    Received,
}
