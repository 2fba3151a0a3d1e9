//! How much there is of what: messages, links, deliveries held.

/// The credit that a receiver keeps each of its links topped up to, here and at the peers.
pub const CREDIT: u32 = 1000;

/// The max-frame-size of both ends where nothing else is said, in bytes.
pub const FRAME: u32 = 64 << 10;

/// Messages of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Bytes of each message.
    pub payload: usize,
    /// Whether they are settled by being sent.
    pub settled: bool,
    /// Messages that are sent before bytes are carried.
    pub batch: u64,
    /// The max-frame-size of both ends.
    pub max_frame_size: u32,
}

/// What the messages go over, and what the receiver holds of them.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub sessions: usize,
    /// Links of each session; the messages go over all links in turn.
    pub links: usize,
    /// Deliveries that the receiver holds unsettled.
    pub held: usize,
    /// Which of them gives way to a new one: any, or the oldest.
    pub at_random: bool,
}

impl Shape {
    /// One link, and nothing held.
    pub const PLAIN: Self = Self { sessions: 1, links: 1, held: 0, at_random: false };
}

/// Sessions or links that stay open beside what is measured.
#[derive(Clone, Copy, Debug)]
pub struct Standing(pub usize);
