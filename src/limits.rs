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
    pub max_elements: u32,
    /// Array elements of no bytes, such as null or true, together. Default 4 096: their count is the only thing in
    /// the encoding that multiplies memory without input to match.
    ///
    /// If an array has several descriptors, each after the first counts as often as there are elements.
    pub max_zero_width_elements: u32,
}

impl DecodeLimits {
    /// The default bounds.
    pub const DEFAULT: Self = Self { max_depth: 32, max_elements: 1 << 20, max_zero_width_elements: 4096 };

    field_setters! {
        max_depth: u16;
        max_elements: u32;
        max_zero_width_elements: u32;
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
    /// One disposition may exceed it by one event per contiguous range of deliveries.
    pub max_events: usize,
    /// Bytes queued for output before input is no longer taken and messages are refused or held. Default 1 MiB; 0
    /// takes no input.
    ///
    /// Replies that the standard demands may exceed it by the size of their frames.
    pub max_outbox_bytes: usize,
    /// Bytes of frames kept until the application answers an open or a begin, for the connection and for each
    /// session. Default 64 KiB. Beyond it input is no longer taken.
    pub max_unanswered_bytes: usize,
    /// Bytes of a delivery that is not complete yet, on a link that is not read as a stream. Default 64 MiB. Beyond
    /// it the link is detached with `amqp:link:message-size-exceeded`.
    pub max_buffered_bytes_per_delivery: u64,
    /// Bytes of all such deliveries of a session. Default 256 MiB. Beyond it the session is ended with
    /// `amqp:resource-limit-exceeded`.
    pub max_buffered_bytes_per_session: u64,
    /// Unsettled incoming deliveries of a session. Default 1 048 576. Beyond it the session is ended with
    /// `amqp:resource-limit-exceeded`.
    pub max_unsettled: usize,
    /// Unsettled deliveries of ended sessions and closed links kept for
    /// [`Connection::unsettled`](crate::Connection::unsettled). Default 65 536. Beyond it the oldest are dropped; the
    /// event that ended the link has counted them.
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
        max_unanswered_bytes: usize;
        max_buffered_bytes_per_delivery: u64;
        max_buffered_bytes_per_session: u64;
        max_unsettled: usize;
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
            max_unanswered_bytes: 64 << 10,
            max_buffered_bytes_per_delivery: 64 << 20,
            max_buffered_bytes_per_session: 256 << 20,
            max_unsettled: 1 << 20,
            max_retained_unsettled: 65_536,
            max_sasl_frame_size: 16 << 10,
            max_sasl_frame_size_sent: 16 << 10,
            max_sasl_rounds: 16,
            min_peer_idle_timeout: Duration::from_millis(20),
        }
    }
}
