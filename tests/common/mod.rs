//! Two engines joined in memory, on a clock of their own.
#![allow(dead_code, reason = "each test file uses its part")]

use amqp_proto::{
    Connection, ConnectionConfig, Event, Instant, Progress, ReceiverConfig, ReceiverId, SenderConfig,
    SenderId, SessionConfig, SessionId,
};
use bytes::{Buf, BytesMut};

/// Two connections and the bytes between them.
pub struct Pair {
    pub client: Connection,
    pub server: Connection,
    up: BytesMut,
    down: BytesMut,
    pub now: u64,
}

fn carry(from: &mut Connection, wire: &mut BytesMut, to: &mut Connection, now: Instant) {
    let mut transmit = from.poll_transmit(now);
    while transmit.has_remaining() {
        let count = transmit.chunk().len();
        wire.extend_from_slice(transmit.chunk());
        transmit.advance(count);
    }
    let _: Progress = to.handle_input(now, wire);
}

impl Pair {
    pub fn new(client: ConnectionConfig, server: ConnectionConfig) -> Self {
        Self {
            client: Connection::new(client),
            server: Connection::new(server),
            up: BytesMut::new(),
            down: BytesMut::new(),
            now: 0,
        }
    }

    pub fn plain() -> Self {
        Self::new(
            ConnectionConfig::client("client"),
            ConnectionConfig::server("server").auto_accept_sessions(true),
        )
        .opened()
    }

    /// The client's open is on its way.
    pub fn opened(mut self) -> Self {
        self.client.open().unwrap();
        self
    }

    /// Carries bytes both ways until nothing moves.
    pub fn run(&mut self) {
        for _ in 0..50 {
            self.now += 1;
            let now = Instant::from_millis(self.now);
            carry(&mut self.client, &mut self.up, &mut self.server, now);
            carry(&mut self.server, &mut self.down, &mut self.client, now);
        }
    }

    /// Carries what the client has written to the server, once.
    pub fn up(&mut self) {
        self.now += 1;
        carry(&mut self.client, &mut self.up, &mut self.server, Instant::from_millis(self.now));
    }

    /// Carries what the server has written to the client, once.
    pub fn down(&mut self) {
        self.now += 1;
        carry(&mut self.server, &mut self.down, &mut self.client, Instant::from_millis(self.now));
    }

    /// Has the server handle what has been carried to it, and returns what it waits for.
    pub fn turn_of_server(&mut self) -> Progress {
        self.server.handle_input(Instant::from_millis(self.now), &mut self.up)
    }

    pub fn client_events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    pub fn server_events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }
}

pub fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(Event::name).collect()
}

/// A session with one link from the client to the server, open and without events left.
pub struct Linked {
    pub pair: Pair,
    pub session: SessionId,
    pub sender: SenderId,
    pub receiver: ReceiverId,
}

impl Linked {
    /// `ours` is how the client attaches, `theirs` how the server answers.
    pub fn new(ours: SenderConfig, theirs: ReceiverConfig) -> Self {
        Self::with(Pair::plain(), SessionConfig::new(), ours, theirs)
    }

    pub fn with(mut pair: Pair, begin: SessionConfig, ours: SenderConfig, theirs: ReceiverConfig) -> Self {
        let session = pair.client.begin(begin).unwrap();
        let sender = pair.client.session(session).unwrap().attach_sender(ours).unwrap();
        pair.run();
        let requested = pair.server_events().into_iter().find_map(|event| match event {
            Event::ReceiverRequested { receiver, .. } => Some(receiver),
            _ => None,
        });
        let receiver = requested.expect("the server is asked for a link");
        pair.server.accept_receiver(receiver, theirs).unwrap();
        pair.run();
        pair.client_events();
        pair.server_events();
        Self { pair, session, sender, receiver }
    }
}
