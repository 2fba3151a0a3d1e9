//! Observations: frames, and the state of sessions and links behind each.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use bytes::Bytes;

use super::finding::Finding;
use crate::{
    Instant, Side,
    frame::ProtocolHeader,
    spec::{performatives::Performative, sasl::SaslCode},
    state::{LinkState, SessionState},
    types::Symbol,
};

/// The numbers of an end: what it has sent.
///
/// ```
/// use amqp_proto::{Instant, Side, observe::Observer};
///
/// let mut observer = Observer::new();
/// let header = b"AMQP\x00\x01\x00\x00";
/// observer.observe(Side::Client, Instant::default(), header, |_| {});
/// assert_eq!((observer.counts(Side::Client).bytes, observer.counts(Side::Client).frames), (8, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Bytes, with headers and those that could not be read.
    pub bytes: u64,
    /// Whole frames, of AMQP and of SASL.
    pub frames: u64,
}

/// A value for each end of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Both<T> {
    /// The client's.
    pub client: T,
    /// The server's.
    pub server: T,
}

impl<T> Both<T> {
    /// Returns the value of an end.
    pub const fn get(&self, side: Side) -> &T {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    pub(super) const fn get_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    pub(super) fn from_fn(mut value: impl FnMut(Side) -> T) -> Self {
        Self { client: value(Side::Client), server: value(Side::Server) }
    }

    pub(super) fn all(&self, mut check: impl FnMut(&T) -> bool) -> bool {
        check(&self.client) && check(&self.server)
    }
}

/// Returns the other end.
pub(super) const fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// Something that was seen on the wire, or found.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The time. For a stall it is the moment of the threshold, or of the end.
    pub at: Instant,
    /// The end that sent the bytes, broke the rule, or is waited for.
    pub from: Side,
    /// The place in that end's stream: bytes before the header or frame.
    pub offset: u64,
    /// Bytes of the header or frame; 0 for a stall.
    pub size: u32,
    /// The header, frame or finding.
    pub seen: Seen,
}

/// A header, a frame or a finding.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Seen {
    /// A protocol header.
    Header(ProtocolHeader),
    /// A SASL frame, without its secrets.
    Sasl(SaslSeen),
    /// An AMQP frame. What it breaks follows as findings of the same offset.
    Frame(Box<FrameSeen>),
    /// A violation or a stall.
    Finding(Finding),
}

/// A SASL frame. Nothing of challenges, responses and additional data is kept, as they hold credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslSeen {
    /// The server's mechanisms.
    Mechanisms(Vec<Symbol>),
    /// The client's choice.
    Init(Symbol),
    /// A challenge.
    Challenge,
    /// A response.
    Response,
    /// The result.
    Outcome(SaslCode),
    /// A malformed frame, or one that is too large to be decoded.
    Unknown,
}

/// An AMQP frame.
#[derive(Clone, Debug)]
pub struct FrameSeen {
    /// The channel.
    pub channel: u16,
    /// The performative. `None` for an empty frame (2.4.5), a malformed one, or one that was skipped for its size.
    pub performative: Option<Performative>,
    /// The encoding of the performative.
    pub body: Bytes,
    /// The bytes behind the performative; only a transfer has any.
    pub payload: Bytes,
    /// The session behind this frame.
    pub session: Option<SessionView>,
    /// The link behind this frame, if it is about one.
    pub link: Option<LinkView>,
}

/// A session as both ends must believe it to be once all frames have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// The session's number, in the order of the sessions' first begins, from 1.
    pub id: u32,
    /// The channel of each end's frames.
    pub channels: Both<Option<u16>>,
    /// The state of each end, by the table of [`SessionState`].
    pub states: Both<SessionState>,
    /// The windows by which each end sends.
    pub windows: Both<WindowView>,
    /// Deliveries of each sending end that neither end has settled.
    pub unsettled: Both<usize>,
}

/// The window by which an end sends its transfers (2.5.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowView {
    /// The transfer-id of its next transfer.
    pub next_outgoing_id: u32,
    /// The outgoing-window that it announced.
    pub outgoing_window: u32,
    /// The next-incoming-id that its peer announced last.
    pub next_incoming_id: Option<u32>,
    /// The incoming-window that its peer announced last.
    pub incoming_window: u32,
    /// The transfers that it may still send by that.
    pub left: u32,
}

/// A link as both ends must believe it to be once all frames have arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// The link's number, in the order of the links' first attaches, from 1.
    pub id: u32,
    /// The session's number.
    pub session: u32,
    /// The name.
    pub name: Arc<str>,
    /// The end that sends messages.
    pub sender: Side,
    /// The handle at each end.
    pub handles: Both<Option<u32>>,
    /// The source's address.
    pub source: Option<Arc<str>>,
    /// The target's address.
    pub target: Option<Arc<str>>,
    /// The state of each end, by the table of [`LinkState`].
    pub states: Both<LinkState>,
    /// The messages that the sender may still send.
    pub credit: u32,
    /// The delivery-count of the sender; `None` before its attach.
    pub delivery_count: Option<u32>,
    /// The messages that wait for credit, by the sender's last flow and its transfers since.
    pub available: Option<u32>,
    /// True if the receiver asks for its credit to be used or returned.
    pub drain: bool,
}
