//! Every bound on what a peer could otherwise drive, in one place.

/// Bounds on the values read from one piece of input, be it a frame body or a message section.
///
/// The standard sets none; without them a few bytes could nest or multiply without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Levels of lists, maps, arrays and descriptors within each other. Default 32: the standard's own types
    /// need 6, and each level costs stack.
    pub depth: u16,
    /// Values in all lists, maps and arrays together. Default 1 048 576. Outside arrays each takes at least one
    /// byte of input, and about 40 bytes of memory where it becomes a [`Value`](crate::types::Value).
    pub elements: u32,
    /// Array elements that take up no bytes, such as null or true, together. Default 4 096: a count of them
    /// is the only thing in the encoding that multiplies memory without paying for it in input.
    pub zero_width_elements: u32,
}

impl DecodeLimits {
    /// The default bounds.
    pub const DEFAULT: Self = Self { depth: 32, elements: 1 << 20, zero_width_elements: 4096 };
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
    /// Events queued before input is no longer taken. Default 4 096. One frame can exceed it by as many events as
    /// it settles runs of deliveries.
    pub events: usize,
    /// Bytes queued for output before input is no longer taken and messages are refused or held. Default 1 MiB.
    /// Replies that the standard demands can exceed it by the size of their frames.
    pub outbox: usize,
    /// Bytes of frames kept while the application has not answered an open or a begin, for the connection and
    /// for each session. Default 64 KiB; beyond it input is no longer taken.
    pub unanswered: usize,
    /// Bytes of a delivery that is not complete yet, on a link that is not read as a stream. Default 64 MiB;
    /// beyond it the link is detached with `amqp:link:message-size-exceeded`.
    pub buffered_per_delivery: u64,
    /// Bytes of all such deliveries of a session. Default 256 MiB; beyond it the session is ended with
    /// `amqp:resource-limit-exceeded`.
    pub buffered_per_session: u64,
    /// Unsettled incoming deliveries of a session. Default 1 048 576; beyond it the session is ended with
    /// `amqp:resource-limit-exceeded`.
    pub unsettled: usize,
    /// Unsettled deliveries of ended sessions and closed links that are kept to be asked for. Default 65 536; the
    /// oldest go first, their number having been told by an event.
    pub retained: usize,
    /// Bytes of a SASL frame. Default 4 096: the standard's 512 (5.3.1) are too few for the tokens of some
    /// mechanisms.
    pub sasl_frame: u32,
    /// Challenges in one SASL exchange. Default 16.
    pub sasl_rounds: u32,
    /// The shortest idle-time-out of a peer that is obeyed, in milliseconds. Default 20; a shorter one is
    /// refused by closing the connection (2.4.5).
    pub idle_time_out: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            decode: DecodeLimits::DEFAULT,
            events: 4096,
            outbox: 1 << 20,
            unanswered: 64 << 10,
            buffered_per_delivery: 64 << 20,
            buffered_per_session: 256 << 20,
            unsettled: 1 << 20,
            retained: 65_536,
            sasl_frame: 4096,
            sasl_rounds: 16,
            idle_time_out: 20,
        }
    }
}
