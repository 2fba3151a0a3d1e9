//! A peer that is nothing but bytes: frames are fed as they would come off the wire, and the answers are decoded.
#![allow(dead_code, reason = "each module uses its part")]

use amqp_proto::{
    Connection, ConnectionConfig, Event, Instant, Progress, ReceiverId, SenderId, testing::frames,
};
use bytes::{Buf, BytesMut};

/// The header, open and begin of a peer.
pub const HEAD: &str =
    "414d515000010000 0000001402000000005310c00701a104706565720000001402000000005311c00704404352645264";
/// The peer attaches a sender, on its handle 0.
pub const ATTACH_SENDER: &str = "0000002302000000005312c0160aa1046c696e6b434240400053284500532945404043";
/// The peer attaches a receiver, on its handle 2.
pub const ATTACH_RECEIVER: &str = "0000001f02000000005312c01207a1026e6f52024140400053284500532945";

/// Returns the bytes that the digits stand for; blanks are left out.
pub fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        digits.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).expect("a hex digit")).collect();
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte")).collect()
}

/// Returns a frame with this body.
pub fn frame(channel: u16, body: &[u8]) -> Vec<u8> {
    frames::raw(0, channel, body)
}

/// A connection whose peer is what a test feeds.
pub struct Fed {
    pub connection: Connection,
    pub now: u64,
    /// What the last call that took input returned.
    pub progress: Progress,
    input: BytesMut,
    /// All that the connection has written and no test has looked at.
    pub output: BytesMut,
}

impl Fed {
    pub fn new(config: ConnectionConfig) -> Self {
        let connection = Connection::new(config);
        Self {
            connection,
            now: 0,
            progress: Progress::NeedInput,
            input: BytesMut::new(),
            output: BytesMut::new(),
        }
    }

    /// A server that accepts sessions by itself and has been sent [`HEAD`].
    pub fn server() -> Self {
        Self::server_with(ConnectionConfig::server("s"))
    }

    /// As [`server`](Self::server), with these settings.
    pub fn server_with(config: ConnectionConfig) -> Self {
        let mut this = Self::new(config.auto_accept_sessions(true));
        this.feed(HEAD);
        this
    }

    pub fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// Feeds bytes given in hex.
    pub fn feed(&mut self, digits: &str) {
        self.feed_bytes(&hex(digits));
    }

    pub fn feed_bytes(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.progress = self.connection.handle_input(Instant::from_millis(self.now), &mut self.input);
        self.write();
    }

    /// The bytes that have been fed and not handled.
    pub fn unread(&self) -> usize {
        self.input.len()
    }

    /// Moves what waits to be written into `output`.
    pub fn write(&mut self) {
        let mut transmit = self.connection.poll_transmit(Instant::from_millis(self.now));
        while transmit.has_remaining() {
            let chunk = transmit.chunk();
            let count = chunk.len();
            self.output.extend_from_slice(chunk);
            transmit.advance(count);
        }
    }

    /// Lets time pass.
    pub fn pass(&mut self, millis: u64) {
        self.now += millis;
        self.connection.handle_timeout(Instant::from_millis(self.now));
        self.write();
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    /// The link of the peer's that the application is asked to receive on.
    pub fn receiver_asked_for(&mut self) -> ReceiverId {
        let asked = self.events().into_iter().find_map(|event| match event {
            Event::ReceiverRequested { receiver, .. } => Some(receiver),
            _ => None,
        });
        asked.expect("an attach of the peer's")
    }

    /// The link of the peer's that the application is asked to send on.
    pub fn sender_asked_for(&mut self) -> SenderId {
        let asked = self.events().into_iter().find_map(|event| match event {
            Event::SenderRequested { sender, .. } => Some(sender),
            _ => None,
        });
        asked.expect("an attach of the peer's")
    }

    pub fn names(&mut self) -> Vec<&'static str> {
        self.events().iter().map(Event::name).collect()
    }
}
