//! Two connections joined in memory, on a clock of their own.

use alloc::vec::Vec;

use bytes::{Buf, BytesMut};

use crate::{Connection, ConnectionConfig, Event, Instant, Progress};

/// One of the two ends.
#[derive(Debug)]
pub struct End {
    /// The connection.
    pub connection: Connection,
    /// Bytes that have come and not been taken.
    input: BytesMut,
    /// Bytes that are on their way to this end.
    wire: BytesMut,
    /// How many more bytes reach this end before the pipe breaks.
    left: usize,
    arrived: usize,
}

/// Two connections and the pipe between them, which carries what it is told to, or breaks where it is told to.
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
    /// The end that speaks first.
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

    /// Takes the events that wait.
    pub fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    /// Lets so many more bytes reach this end, and no more.
    pub fn cut_after(&mut self, bytes: usize) {
        self.left = bytes;
    }

    /// Bytes that have arrived at this end.
    pub fn arrived(&self) -> usize {
        self.arrived
    }

    /// Whether nothing can reach this end any more of what has been written.
    pub fn is_quiet(&self) -> bool {
        self.wire.is_empty() || self.left == 0
    }

    /// Writes what is to be written into the pipe to the other end.
    fn write(&mut self, now: Instant, to: &mut BytesMut) {
        let mut transmit = self.connection.poll_transmit(now);
        while transmit.has_remaining() {
            let count = transmit.chunk().len();
            to.extend_from_slice(transmit.chunk());
            transmit.advance(count);
        }
    }

    /// Takes up to so many bytes out of the pipe; says how many came.
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
    /// Two connections at their start; the first must be a client, the second a server.
    pub fn new(client: ConnectionConfig, server: ConnectionConfig) -> Self {
        Self { client: End::new(client), server: End::new(server), now: Instant::default() }
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Moves the clock on, and calls `handle_timeout` where it is due.
    pub fn advance(&mut self, time: core::time::Duration) {
        self.now = self.now.saturating_add(time);
        for end in [&mut self.client, &mut self.server] {
            if end.connection.poll_timeout().is_some_and(|due| due <= self.now) {
                end.connection.handle_timeout(self.now);
            }
        }
    }

    /// Carries up to so many bytes to the server; says whether any came.
    pub fn up(&mut self, max: usize) -> bool {
        self.client.write(self.now, &mut self.server.wire);
        self.server.read(self.now, max) > 0
    }

    /// Carries up to so many bytes to the client; says whether any came.
    pub fn down(&mut self, max: usize) -> bool {
        self.server.write(self.now, &mut self.client.wire);
        self.client.read(self.now, max) > 0
    }

    /// Carries bytes both ways until nothing moves, for no time at all.
    ///
    /// Events are left to be polled. Where one end's queue of them is full its input stops, so take them with
    /// [`End::events`], answer them, and run again.
    pub fn run(&mut self) {
        let mut moved = true;
        while moved {
            moved = self.up(usize::MAX) | self.down(usize::MAX);
        }
    }

    /// Breaks the pipe: both ends are told that nothing more will come.
    pub fn lose(&mut self) {
        for end in [&mut self.client, &mut self.server] {
            end.wire.clear();
            end.connection.handle_eof(self.now);
        }
    }
}
