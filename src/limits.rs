//! Every bound on what a peer could otherwise drive, in one place.

/// Bounds on the values read from one piece of input, be it a frame body or a message section.
///
/// The standard sets none; without them a few bytes could nest or multiply without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Levels of lists, maps, arrays and descriptors within each other. Default 32: the standard's own types
    /// need 6, and each level costs stack.
    pub max_depth: u16,
    /// Values in all lists, maps and arrays together. Default 1 048 576. Outside arrays each takes at least one
    /// byte of input, and about 40 bytes of memory where it becomes a [`Value`](crate::types::Value).
    pub max_elements: u32,
    /// Array elements that take up no bytes, such as null or true, together. Default 4 096: a count of them
    /// is the only thing in the encoding that multiplies memory without paying for it in input.
    pub max_zero_width_elements: u32,
}

impl DecodeLimits {
    /// The default bounds.
    pub const DEFAULT: Self = Self { max_depth: 32, max_elements: 1 << 20, max_zero_width_elements: 4096 };
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Bounds on what a connection holds for its peer. The counts of sessions and links, and the sizes of frames and
/// messages, are negotiated and so are settings of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Values decoded from one frame.
    pub decode: DecodeLimits,
    /// Events queued before input is no longer taken. Default 1 024: an event takes 120 bytes. One frame can exceed it by as many events as
    /// it settles runs of deliveries.
    pub max_events: usize,
    /// Bytes queued for output before input is no longer taken and messages are refused or held. Default 1 MiB.
    /// Replies that the standard demands can exceed it by the size of their frames.
    pub max_outbox_bytes: usize,
    /// Bytes of frames kept while the application has not answered an open or a begin, for the connection and
    /// for each session. Default 64 KiB; beyond it input is no longer taken.
    pub max_unanswered_bytes: usize,
    /// Bytes of a delivery that is not complete yet, on a link that is not read as a stream. Default 64 MiB;
    /// beyond it the link is detached with `amqp:link:message-size-exceeded`.
    pub max_buffered_bytes_per_delivery: u64,
    /// Bytes of all such deliveries of a session. Default 256 MiB; beyond it the session is ended with
    /// `amqp:resource-limit-exceeded`.
    pub max_buffered_bytes_per_session: u64,
    /// Unsettled incoming deliveries of a session. Default 1 048 576; beyond it the session is ended with
    /// `amqp:resource-limit-exceeded`.
    pub max_unsettled: usize,
    /// Unsettled deliveries of ended sessions and closed links that are kept to be asked for. Default 65 536; the
    /// oldest go first, their number having been told by an event.
    pub max_retained_unsettled: usize,
    /// Bytes of a SASL frame. Default 4 096: the standard's 512 (5.3.1) are too few for the tokens of some
    /// mechanisms.
    pub max_sasl_frame_size: u32,
    /// Challenges in one SASL exchange. Default 16.
    pub max_sasl_rounds: u32,
    /// The shortest idle-time-out of a peer that is obeyed, in milliseconds. Default 20; a shorter one is
    /// refused by closing the connection (2.4.5).
    pub min_peer_idle_timeout: u32,
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
            max_sasl_frame_size: 4096,
            max_sasl_rounds: 16,
            min_peer_idle_timeout: 20,
        }
    }
}
