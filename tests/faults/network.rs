//! Two engines and the pipes between them, which hold as many bytes as a test says.
#![allow(dead_code, reason = "each module uses its part")]

use amqp_proto::{Connection, ConnectionConfig, Event, Instant, Progress};
use bytes::{Buf, BytesMut};

/// One end.
pub struct Node {
    pub connection: Connection,
    /// Bytes on the way to this end.
    pub pipe: BytesMut,
    /// Bytes that this end has read and not handled.
    pub input: BytesMut,
    /// What the last call that took input returned.
    pub progress: Progress,
}

impl Node {
    fn new(config: ConnectionConfig) -> Self {
        let (pipe, input) = (BytesMut::new(), BytesMut::new());
        Self { connection: Connection::new(config), pipe, input, progress: Progress::NeedInput }
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.connection.poll_event()).collect()
    }
}

/// The client is the first end, the server the second.
pub struct Network {
    pub ends: [Node; 2],
    /// Bytes that each pipe holds.
    pub capacity: usize,
    pub now: u64,
}

impl Network {
    pub fn new(client: ConnectionConfig, server: ConnectionConfig, capacity: usize) -> Self {
        let server = server.auto_accept_sessions(true);
        let mut this = Self { ends: [Node::new(client), Node::new(server)], capacity, now: 0 };
        this.ends[0].connection.open().unwrap();
        this
    }

    pub fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// Writes up to `max` bytes of an end's output to the pipe; returns how many.
    pub fn write(&mut self, from: usize, max: usize) -> usize {
        let now = self.instant();
        let [client, server] = &mut self.ends;
        let (from, to) = if from == 0 { (client, server) } else { (server, client) };
        let room = max.min(self.capacity.saturating_sub(to.pipe.len()));
        let (mut transmit, mut written) = (from.connection.poll_transmit(now), 0);
        while written < room && transmit.has_remaining() {
            let count = transmit.chunk().len().min(room - written);
            to.pipe.extend_from_slice(&transmit.chunk()[..count]);
            transmit.advance(count);
            written += count;
        }
        written
    }

    /// Reads up to `max` bytes from the pipe, unless earlier ones cannot be handled yet; returns how many were read or
    /// handled.
    pub fn read(&mut self, to: usize, max: usize) -> usize {
        let now = self.instant();
        let end = &mut self.ends[to];
        let before = end.input.len();
        if end.progress != Progress::NeedInput {
            end.progress = end.connection.handle_input(now, &mut end.input);
        }
        let mut moved = before - end.input.len();
        if end.progress == Progress::NeedInput {
            let count = end.pipe.len().min(max);
            end.input.extend_from_slice(&end.pipe.split_to(count));
            end.progress = end.connection.handle_input(now, &mut end.input);
            moved += count;
        }
        moved
    }

    /// Each end writes and reads what it can; returns how many bytes moved.
    pub fn turn(&mut self) -> usize {
        [0, 1].map(|end| self.write(end, usize::MAX) + self.read(end, usize::MAX)).iter().sum()
    }

    /// Lets time pass.
    pub fn pass(&mut self, millis: u64) {
        self.now += millis;
        let now = self.instant();
        for end in &mut self.ends {
            if end.connection.poll_timeout().is_some_and(|due| due <= now) {
                end.connection.handle_timeout(now);
            }
        }
    }
}
