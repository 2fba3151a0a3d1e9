//! An observer between the two ends of a connection: what each must believe, which rules are broken, and who waits.
//!
//! [`Observer::observe`] takes the bytes of both directions, cut anyhow, with the time of each. It decodes the frames,
//! walks the tables of [`state`](crate::state), counts credit, windows and deliveries, and passes on what it sees as
//! [`Observation`]s: headers, frames, and [`Finding`]s.
//!
//! A [`Violation`] is a frame that its sender could not have sent by the rules, whatever it had read of the peer's
//! frames by then. So frames that cross on the wire are no violation. A [`Stall`] is a wait that reached a threshold.
//!
//! The observer must see the frames in an order that both ends could have seen. A capture taken at one end, or between
//! them, has such an order. If the beginning of a connection is missing, the observer decodes frames and follows the
//! sessions that begin later.
//!
//! ```
//! use amqp_proto::{ConnectionConfig, Instant, Side, observe::{Observer, Seen}};
//! use bytes::Buf;
//!
//! let mut client = amqp_proto::Connection::new(ConnectionConfig::client("client"));
//! client.open()?;
//! let now = Instant::from_millis(5);
//! let mut output = client.poll_transmit(now);
//! let bytes = output.copy_to_bytes(output.remaining());
//!
//! let mut observer = Observer::new();
//! let mut lines = Vec::new();
//! observer.observe(Side::Client, now, &bytes, |observation| {
//!     lines.push(match observation.seen {
//!         Seen::Header(header) => header.to_string(),
//!         Seen::Frame(frame) => frame.performative.map_or("empty", |performative| performative.type_name()).into(),
//!         other => format!("{other:?}"),
//!     });
//! });
//! assert_eq!(lines, ["AMQP 1.0.0", "Open"]);
//! # Ok::<(), amqp_proto::CommandError>(())
//! ```

mod connection;
mod finding;
mod link;
mod machine;
mod observer;
mod permitted;
mod seen;
mod session;
mod settings;
mod stream;
mod waits;

pub use finding::{Finding, Rule, Stall, StallKind, Violation};
pub use observer::Observer;
pub use seen::{Both, Counts, FrameSeen, LinkView, Observation, SaslSeen, Seen, SessionView, WindowView};
pub use settings::{ObserverLimits, Thresholds};
