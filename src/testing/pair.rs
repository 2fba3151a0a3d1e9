//! Two connections joined in memory, on a simulated clock.

use alloc::vec::Vec;

use bytes::{Buf, BytesMut};

use crate::{Connection, ConnectionConfig, Event, Instant, Progress};

/// One of the two ends of a [`Pair`].
#[derive(Debug)]
pub struct End {
    /// The connection.
    pub connection: Connection,
    /// Bytes that have arrived and were not consumed.
    input: BytesMut,
    /// Bytes in flight to this end.
    wire: BytesMut,
    /// The number of bytes that still reach this end before the pipe breaks.
    left: usize,
    arrived: usize,
}

/// Two connections and the pipe between them, which carries bytes on demand, and can be broken at any byte.
///
/// Time passes only by [`advance`](Self::advance).
///
/// ```
/// use amqp_proto::{ConnectionConfig, testing::Pair};
/// let mut pair = Pair::new(ConnectionConfig::client("a"), ConnectionConfig::server("b").auto_accept_sessions(true));
/// pair.client.connection.open()?;
/// pair.run();
/// assert!(pair.client.connection.is_open() && pair.server.connection.is_open());
/// # Ok::<(), amqp_proto::CommandError>(())
/// ```
#[derive(Debug)]
pub struct Pair {
    /// The end that sends its header first.
    pub client: End,
    /// The end that answers.
    pub server: End,
    now: Instant,
}

impl End {
    fn new(config: ConnectionConfig) -> Self {
        Self {
            connection: Connection::new(config),
            input: BytesMut::new(),
            wire: BytesMut::new(),
            left: usize::MAX,
            arrived: 0,
        }
    }

    /// Polls all queued events.
    pub fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    /// Breaks the pipe to this end after this many more bytes: later ones never arrive. No end learns of it:
    /// [`Pair::lose`] is for that.
    pub fn break_after(&mut self, bytes: usize) {
        self.left = bytes;
    }

    /// Returns the number of bytes that have arrived at this end.
    pub fn arrived(&self) -> usize {
        self.arrived
    }

    /// True if no byte in flight can reach this end.
    pub fn is_quiet(&self) -> bool {
        self.wire.is_empty() || self.left == 0
    }

    /// Moves this end's output into the pipe to the other end.
    fn write(&mut self, now: Instant, to: &mut BytesMut) {
        let mut transmit = self.connection.poll_transmit(now);
        while transmit.has_remaining() {
            let count = transmit.chunk().len();
            to.extend_from_slice(transmit.chunk());
            transmit.advance(count);
        }
    }

    /// Moves up to `max` bytes from the pipe to the connection, and returns their number.
    fn read(&mut self, now: Instant, max: usize) -> usize {
        let count = self.wire.len().min(max).min(self.left);
        self.arrived = self.arrived.saturating_add(count);
        self.input.extend_from_slice(&self.wire.split_to(count));
        self.left = self.left.saturating_sub(if self.left == usize::MAX { 0 } else { count });
        let _: Progress = self.connection.handle_input(now, &mut self.input);
        count
    }
}

impl Pair {
    /// Creates two connections; the first must be a client, the second a server.
    pub fn new(client: ConnectionConfig, server: ConnectionConfig) -> Self {
        Self { client: End::new(client), server: End::new(server), now: Instant::default() }
    }

    /// Returns the simulated time, which starts at 0.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Advances the clock, and calls `handle_timeout` on each end that is due.
    pub fn advance(&mut self, time: core::time::Duration) {
        self.now = self.now.saturating_add(time);
        for end in [&mut self.client, &mut self.server] {
            if end.connection.poll_timeout().is_some_and(|due| due <= self.now) {
                end.connection.handle_timeout(self.now);
            }
        }
    }

    /// Carries up to `max` bytes to the server; returns true if any arrived.
    pub fn up(&mut self, max: usize) -> bool {
        self.client.write(self.now, &mut self.server.wire);
        self.server.read(self.now, max) > 0
    }

    /// Carries up to `max` bytes to the client; returns true if any arrived.
    pub fn down(&mut self, max: usize) -> bool {
        self.server.write(self.now, &mut self.client.wire);
        self.client.read(self.now, max) > 0
    }

    /// Carries bytes both ways until nothing moves. No time passes.
    ///
    /// Events are left to be polled. If an end's queue of events is full, its input stops: poll them with
    /// [`End::events`], answer them, and run again.
    pub fn run(&mut self) {
        let mut moved = true;
        while moved {
            moved = self.up(usize::MAX) | self.down(usize::MAX);
        }
    }

    /// Loses the transport: drops the bytes in flight, and calls `handle_eof` on both ends.
    pub fn lose(&mut self) {
        for end in [&mut self.client, &mut self.server] {
            end.wire.clear();
            end.connection.handle_eof(self.now);
        }
    }
}
