//! Two connections, a server with one node, and an encoder of its own for the bytes that are due.

use amqp_proto::{
    Connection, ConnectionConfig, Delivery, Event, Instant, ReceiverConfig, ReceiverId, SendOptions,
    SenderConfig, SenderId, SessionConfig, SessionId,
    extensions::{LinkPair, Requests, cbs::Cbs, management::Management},
    frame::Payload,
    message::{HasBody, Message, MessageBuilder, ParseOptions},
    spec::{
        delivery_state::DeliveryState,
        performatives::Attach,
        terminus::{Source, TargetArchetype},
    },
    testing::Pair,
    types::Symbol,
};
use core::time::Duration;

/// The shape that all extensions have.
pub trait Extension {
    fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn handle_timeout(&mut self, now: Instant, connection: &mut Connection);
}

macro_rules! extensions {
    ($($name:ty)*) => {$(
        impl Extension for $name {
            fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event> {
                self.handle(now, connection, event)
            }
            fn poll_timeout(&self) -> Option<Instant> {
                self.poll_timeout()
            }
            fn handle_timeout(&mut self, now: Instant, connection: &mut Connection) {
                self.handle_timeout(now, connection);
            }
        }
    )*};
}

extensions! { Requests LinkPair Management Cbs }

/// How the server behaves.
pub struct Behaviour {
    /// The credit that it grants for requests.
    pub credit: u32,
    /// The outcome of each request; none leaves it unsettled.
    pub outcome: Option<DeliveryState>,
    /// The address of a dynamic node.
    pub dynamic: Option<&'static str>,
    /// The outcomes that the source of the answers lists.
    pub outcomes: Option<Symbol>,
}

pub struct World {
    pub pair: Pair,
    pub session: SessionId,
    pub behaviour: Behaviour,
    /// The server's ends.
    pub replies: Option<SenderId>,
    pub asked: Option<ReceiverId>,
    /// The requests that have arrived.
    pub requests: Vec<Delivery>,
    /// All other events of the server.
    pub server_events: Vec<Event>,
    last_tag: u32,
}

impl World {
    pub fn new() -> Self {
        Self::with(ConnectionConfig::server("server"))
    }

    pub fn with(server: ConnectionConfig) -> Self {
        Self::between(ConnectionConfig::client("client"), server)
    }

    pub fn between(client: ConnectionConfig, server: ConnectionConfig) -> Self {
        let mut pair = Pair::new(client, server.auto_accept_sessions(true));
        pair.client.connection.open().unwrap();
        let session = pair.client.connection.begin(SessionConfig::new()).unwrap();
        pair.run();
        pair.client.events();
        pair.server.events();
        let behaviour = Behaviour {
            credit: 100,
            outcome: Some(DeliveryState::ACCEPTED),
            dynamic: Some("made-1"),
            outcomes: None,
        };
        Self {
            pair,
            session,
            behaviour,
            replies: None,
            asked: None,
            requests: Vec::new(),
            server_events: Vec::new(),
            last_tag: 0,
        }
    }

    pub fn now(&self) -> Instant {
        self.pair.now()
    }

    pub fn client(&mut self) -> &mut Connection {
        &mut self.pair.client.connection
    }

    pub fn server(&mut self) -> &mut Connection {
        &mut self.pair.server.connection
    }

    /// Carries bytes and passes events on until nothing happens. Returns what the extension has no use for.
    pub fn turn(&mut self, extension: &mut impl Extension) -> Vec<Event> {
        let mut left = Vec::new();
        loop {
            self.pair.run();
            let (asked, answered) = (self.pair.server.events(), self.pair.client.events());
            if asked.is_empty() && answered.is_empty() {
                return left;
            }
            asked.into_iter().for_each(|event| self.serve(event));
            let now = self.now();
            for event in answered {
                left.extend(extension.handle(now, &mut self.pair.client.connection, event));
            }
        }
    }

    /// Lets time pass in one step.
    pub fn advance(&mut self, extension: &mut impl Extension, time: Duration) {
        self.pair.advance(time);
        let now = self.now();
        if extension.poll_timeout().is_some_and(|due| due <= now) {
            extension.handle_timeout(now, &mut self.pair.client.connection);
        }
        self.turn(extension);
    }

    pub fn serve(&mut self, event: Event) {
        let server = &mut self.pair.server.connection;
        match event {
            Event::SenderRequested { sender, .. } => {
                let attach = server.sender(sender).unwrap().remote_attach().unwrap();
                let mut config = SenderConfig::new();
                if attach.source.is_some_and(|source| source.dynamic) {
                    let address = self.behaviour.dynamic.map(Into::into);
                    config = config.source(Source { address, dynamic: true, ..Source::default() });
                }
                if let Some(outcome) = self.behaviour.outcomes.clone() {
                    config = config.source(Source { outcomes: outcome.into(), ..Source::at("node") });
                }
                server.accept_sender(sender, config).unwrap();
                self.replies = Some(sender);
            }
            Event::ReceiverRequested { receiver, .. } => {
                server.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
                if self.behaviour.credit > 0 {
                    server.receiver(receiver).unwrap().set_credit(self.behaviour.credit).unwrap();
                }
                self.asked = Some(receiver);
            }
            Event::Delivery { receiver, delivery } => {
                let mut receiver = server.receiver(receiver).unwrap();
                if let Some(outcome) = self.behaviour.outcome.clone().filter(|_| !delivery.settled) {
                    receiver.settle(delivery.id, Some(outcome)).unwrap();
                }
                receiver.add_credit(1).unwrap();
                self.requests.push(delivery);
            }
            event => self.server_events.push(event),
        }
    }

    /// The request that arrived with this index.
    pub fn request(&self, index: usize) -> Message {
        Message::parse(self.requests[index].payload.clone(), &ParseOptions::default()).unwrap()
    }

    /// Sends an answer, whatever it is, unsettled.
    pub fn send(&mut self, payload: Payload, options: &SendOptions) {
        self.last_tag += 1;
        let (tag, replies) = (self.last_tag, self.replies.unwrap());
        self.server().sender(replies).unwrap().send_with(tag, payload, options).unwrap();
    }

    pub fn reply<B: HasBody>(&mut self, message: MessageBuilder<B>) {
        self.send(message.build(), &SendOptions::new());
    }

    /// The outcomes of the answers, in the order in which they arrived at the server.
    pub fn outcomes(&self) -> Vec<Option<DeliveryState>> {
        let outcomes = self.server_events.iter().filter_map(|event| match event {
            Event::DeliverySettled { first, last, state, .. } => {
                Some(core::iter::repeat_n(state.clone(), first.through(*last) as usize))
            }
            _ => None,
        });
        outcomes.flatten().collect()
    }

    pub fn server_names(&self) -> Vec<&'static str> {
        self.server_events.iter().map(Event::name).collect()
    }

    /// The attaches of the client: that of its sender, and that of its receiver.
    pub fn attaches(&mut self) -> (Option<Attach>, Option<Attach>) {
        let server = &self.pair.server.connection;
        (
            self.asked.map(|receiver| server.receiver_ref(receiver).unwrap().remote_attach().unwrap()),
            self.replies.map(|sender| server.sender_ref(sender).unwrap().remote_attach().unwrap()),
        )
    }
}

pub fn target_address(attach: &Attach) -> Option<String> {
    match attach.target.as_deref() {
        Some(TargetArchetype::Target(target)) => target.address.as_ref().map(|text| text.to_string()),
        _ => None,
    }
}

pub fn source_address(attach: &Attach) -> Option<String> {
    attach.source.as_ref()?.address.as_ref().map(|text| text.to_string())
}

pub fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Encodes by hand, in the short forms.
pub const NULL: &[u8] = &[0x40];

pub fn string(text: &str) -> Vec<u8> {
    [&[0xa1, text.len() as u8], text.as_bytes()].concat()
}

pub fn list(items: &[Vec<u8>]) -> Vec<u8> {
    if items.is_empty() { vec![0x45] } else { compound(0xc0, items) }
}

pub fn map(items: &[Vec<u8>]) -> Vec<u8> {
    compound(0xc1, items)
}

fn compound(code: u8, items: &[Vec<u8>]) -> Vec<u8> {
    let content = items.concat();
    [&[code, content.len() as u8 + 1, items.len() as u8], &content[..]].concat()
}

pub fn section(descriptor: u8, content: Vec<u8>) -> Vec<u8> {
    [vec![0x00, 0x53, descriptor], content].concat()
}

pub fn bytes(delivery: &Delivery) -> Vec<u8> {
    delivery.payload.clone().into_bytes().to_vec()
}
