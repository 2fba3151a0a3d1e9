//! Every bound on what a peer could otherwise drive.

use core::time::Duration;

/// Bounds on the values read from one piece of input, a frame body or a message section.
///
/// The standard sets none. Without them a few bytes could nest or multiply without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DecodeLimits {
    /// Levels of lists, maps, arrays and descriptors within each other; each descriptor of an array is one. Default 32: the standard's own types need 6,
    /// and each level costs stack.
    pub max_depth: u16,
    /// Values in all lists, maps and arrays together. Default 1 048 576. Outside arrays each takes at least one byte
    /// of input, and about 40 bytes of memory as a [`Value`](crate::types::Value).
    ///
    /// A connection allows an open, a close, an end, a detach, a disposition and a transfer with a state fewer: 256,
    /// and one more for each 8 bytes of the frame.
    pub max_elements: u32,
    /// Array elements of no bytes, such as null or true, together. Default 4 096: their count is the only thing in
    /// the encoding that multiplies memory without input to match.
    ///
    /// If an array has several descriptors, each after the first counts as often as there are elements.
    pub max_zero_width_elements: u32,
    /// The departures from the standard that are taken, beside the legal encodings.
    pub(crate) deviations: Deviations,
}

/// Departures from the standard in the encoding of values, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deviations(u8);

impl Deviations {
    pub(crate) const NONE: Self = Self(0);
    /// An array of no elements lacks the constructor of its elements.
    pub(crate) const ARRAY_WITHOUT_CONSTRUCTOR: Self = Self(1);
    /// A field of several values is a list.
    pub(crate) const LIST_AS_ARRAY: Self = Self(2);
    /// The key of a map of fields is a string.
    pub(crate) const STRING_KEY: Self = Self(4);
    const ALL: Self = Self(7);

    pub(crate) const fn with(self, other: Self, included: bool) -> Self {
        if included { Self(self.0 | other.0) } else { self }
    }

    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl DecodeLimits {
    /// The default bounds.
    pub const DEFAULT: Self = Self {
        max_depth: 32,
        max_elements: 1 << 20,
        max_zero_width_elements: 4096,
        deviations: Deviations::NONE,
    };

    /// Returns the bounds for values that are held decoded, out of a body of `size` bytes. They let memory grow with the
    /// bytes: a few hundred small elements are many for an error, a state or the properties of a connection.
    pub(crate) fn for_held(self, size: usize) -> Self {
        const FREE: u32 = 256;
        let by_size = u32::try_from(size / 8).unwrap_or(u32::MAX).saturating_add(FREE);
        Self { max_elements: self.max_elements.min(by_size), ..self }
    }

    field_setters! {
        max_depth: u16;
        max_elements: u32;
        max_zero_width_elements: u32;
    }

    /// Takes departures from the standard that are harmless and that common peers write, if true: arrays without
    /// elements and constructor (1.2.4), lists for arrays in fields of several values (1.3), and strings as keys of
    /// [`Fields`](crate::types::Fields) (2.8.13). Default false; true in
    /// [`ParseOptions`](crate::message::ParseOptions).
    ///
    /// On a connection [`Tolerance`](crate::Tolerance) decides, and this is ignored.
    #[must_use]
    pub const fn tolerant(mut self, tolerant: bool) -> Self {
        self.deviations = if tolerant { Deviations::ALL } else { Deviations::NONE };
        self
    }
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Bounds on what a connection holds for its peer.
///
/// The numbers of sessions and links and the sizes of frames and messages are negotiated, so they are set in
/// [`ConnectionConfig`](crate::ConnectionConfig), [`SessionConfig`](crate::SessionConfig) and
/// [`ReceiverConfig`](crate::ReceiverConfig).
///
/// ```
/// use amqp_proto::Limits;
///
/// let limits = Limits::default().max_events(256).max_outbox_bytes(64 << 10);
/// assert_eq!(limits.max_events, 256);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bounds on the values decoded from one frame. Beyond them the connection is closed with `amqp:decode-error`.
    pub decode: DecodeLimits,
    /// Events queued before input is no longer taken. Default 1 024; 0 takes no input. An event takes 120
    /// bytes.
    ///
    /// There are at most one for each 2 KiB that the connection may [hold](Self::max_held_bytes), or 16 if that is less.
    /// There are never more than 65 535.
    ///
    /// A disposition may exceed it by as many events, but at most 256, one for each contiguous range of deliveries. The
    /// rest of it is handled once they have been polled.
    pub max_events: usize,
    /// Bytes queued for output before messages are refused or held. Default 1 MiB; 0 sends none.
    ///
    /// It bounds what the application sends, but for messages and chunks that have begun: what the peer's window has no room
    /// for waits beside it, of one for each link ([`is_sending`](crate::Sender::is_sending)). None begins while the window is
    /// closed. Messages in progress and new ones take turns at it. What answers the peer may exceed it, up to [`max_reply_bytes`](Self::max_reply_bytes). Input goes on being
    /// taken.
    pub max_outbox_bytes: usize,
    /// Bytes queued in answer to the peer's frames, such as attach and detach, before input is no longer taken.
    /// Default 256 KiB. With 0 the peer reads each answer before more is taken.
    ///
    /// Beyond it the peer has [`Timeouts::unread_replies`](crate::Timeouts::unread_replies) to read. As many bytes of
    /// dispositions and flows are queued apart from that. Beyond it they wait in a short form, and take up nothing of
    /// the peer's: it may send no more than the window of the last flow (2.5.6).
    pub max_reply_bytes: usize,
    /// Bytes of frames kept until the application answers an open or a begin, for the connection and for each
    /// session. Default 64 KiB. Beyond it input is no longer taken.
    pub max_unanswered_bytes: usize,
    /// Bytes of the heap that the connection holds for its peer, once it is open. Default 64 MiB.
    ///
    /// They are the peer's begins and attaches, link names, incomplete deliveries, unsettled deliveries with their
    /// states, the tables of all these, and events that have not been polled, with their payloads. Sizes are those on
    /// the heap, not on the wire. While events that are not polled, or bytes of streamed deliveries that are not read,
    /// take up what is left of it, input is no longer taken. If the rest alone exceeds it, the session that does so is
    /// ended with `amqp:resource-limit-exceeded`, and one that the peer begins then is refused so, without an event. A peer
    /// that does not answer many such refusals, or begins with more than an eighth of it, has the connection closed.
    ///
    /// Messages of ours that stay unsettled have what all of these leave, but a quarter of it stays for the peer, and of
    /// each session's share. Beyond that they are refused by
    /// [`CommandError::TooManyUnsettled`](crate::CommandError::TooManyUnsettled).
    ///
    /// One frame may exceed it. Payloads of messages to send do not count, nor do links that we attach before the peer's
    /// begin has arrived.
    pub max_held_bytes: usize,
    /// The part of [`max_held_bytes`](Self::max_held_bytes) that one session may take up, without its unpolled
    /// events and unread streams. Default 48 MiB. Beyond it the session is ended with `amqp:resource-limit-exceeded`.
    pub max_held_bytes_per_session: usize,
    /// As [`max_held_bytes`](Self::max_held_bytes), before the connection is open: the peer's open, and frames that
    /// wait behind it. Sessions and links of ours do not count. Default 256 KiB. An open that takes up more closes the connection with
    /// `amqp:resource-limit-exceeded`.
    pub max_held_bytes_before_open: usize,
    /// Bytes of a delivery that is not complete yet, on a link that is not read as a stream. Default 32 MiB. Beyond
    /// it the link is detached with `amqp:link:message-size-exceeded`.
    pub max_buffered_bytes_per_delivery: u64,
    /// Unsettled deliveries of a session, in each direction; one that arrives in parts counts until it is complete.
    /// Default 262 144. Beyond it the session is ended with
    /// `amqp:resource-limit-exceeded` if the peer sends, and
    /// [`CommandError::TooManyUnsettled`](crate::CommandError::TooManyUnsettled) refuses messages of ours.
    pub max_unsettled: usize,
    /// How often dispositions may name a delivery and leave it unsettled, or find it settled while others before it are not,
    /// on average. Default 64. Beyond it the session is ended with `amqp:resource-limit-exceeded`.
    ///
    /// The deliveries that have been sent in the session count, and 8 of each disposition are free. So it matters if
    /// one names more, again and again: by states such as [`Received`](crate::spec::delivery_state::Received), by
    /// outcomes for a sender that has [`settle_on_outcome`](crate::SenderConfig::settle_on_outcome) off, or for links
    /// that are closed. Each costs some 200 instructions, a tenth of what the transfer took.
    pub max_updates_per_delivery: u32,
    /// Unsettled deliveries kept for [`Connection::unsettled`](crate::Connection::unsettled): those of all ended sessions
    /// together, and as many of the closed links of each session. Default 65 536. Beyond it the oldest are dropped; the
    /// event that ended the link has counted them.
    ///
    /// All of a session are dropped once a link of it needs their room, by [`max_unsettled`](Self::max_unsettled) or in
    /// bytes. A link or a session that ends while half of [`max_held_bytes`](Self::max_held_bytes) is taken up leaves none.
    /// Looking for them takes a look at each unsettled delivery: of closed links, fewer than one in 64 of all stay and count
    /// whatever the limits are, unless states have come that take up as much as these looks.
    pub max_retained_unsettled: usize,
    /// Bytes of a SASL frame that is received. Default 16 KiB: the standard's 512 (5.3.1) are too few for the tokens of
    /// some mechanisms. Beyond it the connection ends with `CONNECTION_ERROR`.
    pub max_sasl_frame_size: u32,
    /// Bytes of a SASL frame that is sent. Default 16 KiB. A larger one is not sent: the connection ends with
    /// `CONNECTION_ERROR`, `amqp:frame-size-too-small`. Raise it for longer tokens, if the peer takes them.
    pub max_sasl_frame_size_sent: u32,
    /// Challenges in one SASL exchange. Default 16. Beyond it the connection ends with `CONNECTION_ERROR`.
    pub max_sasl_rounds: u32,
    /// The shortest idle-time-out of a peer that is obeyed. Default 20 ms. A shorter one is refused: the connection is
    /// closed with `amqp:not-allowed` (2.4.5).
    pub min_peer_idle_timeout: Duration,
}

impl Limits {
    field_setters! {
        decode: DecodeLimits;
        max_events: usize;
        max_outbox_bytes: usize;
        max_reply_bytes: usize;
        max_unanswered_bytes: usize;
        max_held_bytes: usize;
        max_held_bytes_per_session: usize;
        max_held_bytes_before_open: usize;
        max_buffered_bytes_per_delivery: u64;
        max_unsettled: usize;
        max_updates_per_delivery: u32;
        max_retained_unsettled: usize;
        max_sasl_frame_size: u32;
        max_sasl_frame_size_sent: u32;
        max_sasl_rounds: u32;
        min_peer_idle_timeout: Duration;
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            decode: DecodeLimits::DEFAULT,
            max_events: 1024,
            max_outbox_bytes: 1 << 20,
            max_reply_bytes: 256 << 10,
            max_unanswered_bytes: 64 << 10,
            max_held_bytes: 64 << 20,
            max_held_bytes_per_session: 48 << 20,
            max_held_bytes_before_open: 256 << 10,
            max_buffered_bytes_per_delivery: 32 << 20,
            max_unsettled: 1 << 18,
            max_updates_per_delivery: 64,
            max_retained_unsettled: 65_536,
            max_sasl_frame_size: 16 << 10,
            max_sasl_frame_size_sent: 16 << 10,
            max_sasl_rounds: 16,
            min_peer_idle_timeout: Duration::from_millis(20),
        }
    }
}
