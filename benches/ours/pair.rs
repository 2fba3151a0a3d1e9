//! Two ends of a connection.

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Delivery, Event, ReceiverConfig, ReceiverId, SenderConfig,
    SenderId, SessionConfig, SessionId, spec::terminus::Source,
};

use super::{Wire, pipe::Pipe};

/// The settings of a session at either end: as many links as there may be.
fn begin() -> SessionConfig {
    SessionConfig::new().handle_max(u16::MAX.into())
}

/// Two ends of a connection, and what lies between them.
pub struct Pair {
    pub client: Connection,
    server: Connection,
    wire: Wire,
    up: Pipe,
    down: Pipe,
    /// What the receiver keeps the credit of each link topped up to.
    credit: u32,
    next_name: u64,
    /// Links that messages can go over.
    pub senders: Vec<SenderId>,
    /// Sessions and links that have opened at the client, and that have closed.
    pub opened: u64,
    pub closed: u64,
    /// Deliveries that the client has been told the outcome of.
    pub outcomes: u64,
}

impl Pair {
    /// An open connection; links on it are kept at so much credit.
    pub fn new(max_frame_size: u32, credit: u32, wire: Wire) -> Self {
        let set = |config: ConnectionConfig| {
            Connection::new(config.max_frame_size(max_frame_size).channel_max(u16::MAX))
        };
        let mut pair = Self {
            client: set(ConnectionConfig::client("client")),
            server: set(ConnectionConfig::server("server")),
            wire,
            up: Pipe::default(),
            down: Pipe::default(),
            credit,
            next_name: 0,
            senders: Vec::new(),
            opened: 0,
            closed: 0,
            outcomes: 0,
        };
        pair.client.open().expect("it has not been opened");
        pair.quiet();
        assert!(pair.client.is_open() && pair.server.is_open());
        pair
    }

    /// Carries what there is both ways once, and handles the events; says whether anything moved.
    pub fn turn(&mut self, mut deliver: impl FnMut(&mut Connection, ReceiverId, Delivery)) -> bool {
        let mut moved = false;
        while self.wire.carry(&mut self.client, &mut self.server, &mut self.up) {
            self.server_events(&mut deliver);
            moved = true;
        }
        while self.wire.carry(&mut self.server, &mut self.client, &mut self.down) {
            self.client_events();
            moved = true;
        }
        moved
    }

    fn server_events(&mut self, deliver: &mut impl FnMut(&mut Connection, ReceiverId, Delivery)) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Delivery { receiver, delivery } => deliver(&mut self.server, receiver, delivery),
                Event::ConnectionRequested => self.server.open().expect("it was asked for"),
                Event::SessionRequested { session } => {
                    self.server.accept_session(session, begin()).expect("it was asked for");
                }
                Event::ReceiverRequested { receiver, .. } => {
                    let attach = ReceiverConfig::new().credit(match self.credit {
                        0 => CreditPolicy::Manual,
                        credit => CreditPolicy::Auto(credit),
                    });
                    self.server.accept_receiver(receiver, attach).expect("it was asked for");
                }
                Event::ConnectionError(failure) => panic!("{failure}: {}", failure.error),
                _ => {}
            }
        }
    }

    fn client_events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::DeliverySettled { first, last, .. } => {
                    self.outcomes += u64::from(last) - u64::from(first) + 1
                }
                Event::SessionOpen { .. } | Event::SenderOpen { .. } => self.opened += 1,
                Event::SessionClosed { .. } | Event::SenderClosed { .. } => self.closed += 1,
                Event::ConnectionError(failure) => panic!("{failure}: {}", failure.error),
                _ => {}
            }
        }
    }

    /// Gives back the memory of the pipes, which must be empty.
    pub fn drop_pipes(&mut self) {
        assert!(self.up.is_empty() && self.down.is_empty());
        (self.up, self.down) = (Pipe::default(), Pipe::default());
    }

    /// Turns until nothing moves; no delivery may be under way.
    pub fn quiet(&mut self) {
        while self.turn(|_, _, _| panic!("a delivery that nobody waits for")) {}
    }

    /// Begins a session, without waiting for the answer.
    pub fn begin(&mut self) -> SessionId {
        self.client.begin(begin()).expect("channels are left")
    }

    /// Attaches a link with a name of its own, without waiting for the answer.
    pub fn attach(&mut self, session: SessionId) -> SenderId {
        let name = format!("link-{:08}", self.next_name);
        self.next_name += 1;
        let attach = SenderConfig::to("queue/orders").source(Source::at("src")).name(name);
        let mut session = self.client.session(session).expect("the session lives");
        session.attach_sender(attach).expect("handles are left")
    }

    /// Adds a session with so many links that messages can go over, or that just stay.
    pub fn add_session(&mut self, links: usize) -> SessionId {
        let goal = self.opened + links as u64 + 1;
        let session = self.begin();
        self.quiet();
        for at in 0..links {
            let sender = self.attach(session);
            self.senders.push(sender);
            if at % 64 == 63 {
                self.quiet();
            }
        }
        self.quiet();
        assert_eq!(self.opened, goal);
        session
    }
}
