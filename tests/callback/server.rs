//! The server in memory: all that these tests call of the engine itself.

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, LinkId, ReceiverConfig, ReceiverId,
    SendOptions, SenderConfig, SenderId, SessionConfig, SessionId,
    extensions::{Status, StatusSpelling, cbs::Token},
    frame::{Payload, Transmit},
    message::{Message, ParseOptions},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        terminus::{Source, TargetArchetype},
    },
    types::{Symbol, Value},
};
use bytes::{BufMut, BytesMut};
use std::collections::BTreeMap;

/// A server that accepts all links but those to `missing`, and all messages but those to `reject`. Senders to `slow`
/// get no credit, and messages to `small` may have 64 bytes at most.
///
/// It answers at `$cbs` and `$management`: with success, but to a token `bad` with 401, and to one `silent` not at all.
pub(crate) struct Server {
    engine: Connection,
    input: BytesMut,
    output: BytesMut,
    sessions: Vec<SessionId>,
    senders: Vec<SenderId>,
    receivers: BTreeMap<ReceiverId, String>,
    deliveries: u32,
    /// The link from `$cbs` or `$management`.
    answers: Option<SenderId>,
    /// Requests at `$cbs` and `$management` get no credit.
    pub(crate) is_busy: bool,
    /// The audience and the text of each token.
    pub(crate) tokens: Vec<String>,
    pub(crate) received: Vec<Vec<u8>>,
    /// The states with which the client settled deliveries.
    pub(crate) outcomes: Vec<String>,
    /// The names of all events.
    pub(crate) events: Vec<&'static str>,
}

impl Server {
    pub(crate) fn new(config: ConnectionConfig) -> Self {
        Self {
            engine: Connection::new(config),
            input: BytesMut::new(),
            output: BytesMut::new(),
            sessions: Vec::new(),
            senders: Vec::new(),
            receivers: BTreeMap::new(),
            deliveries: 0,
            answers: None,
            is_busy: false,
            tokens: Vec::new(),
            received: Vec::new(),
            outcomes: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Takes the client's output and returns the server's, behind what the client left of it before.
    pub(crate) fn exchange(&mut self, output: Option<Transmit<'_>>, now: Instant) -> &mut BytesMut {
        if let Some(output) = output {
            self.input.put(output);
        }
        let _ = self.engine.handle_input(now, &mut self.input);
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event.name());
            self.on_event(event);
        }
        self.output.put(self.engine.poll_transmit(now));
        &mut self.output
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::SessionOpen { session } => self.sessions.push(session),
            Event::SenderRequested { sender, .. } => self.on_sender_requested(sender),
            Event::ReceiverRequested { receiver, .. } => self.on_receiver_requested(receiver),
            Event::Delivery { receiver, delivery } => {
                let Ok(mut link) = self.engine.receiver(receiver) else { return };
                if self.receivers[&receiver].starts_with('$') {
                    let is_rejected = delivery.payload.clone().into_bytes().ends_with(b"rejected");
                    if is_rejected {
                        return link.reject(delivery.id, None).unwrap();
                    }
                    link.accept(delivery.id).unwrap();
                    return self.answer(delivery.payload);
                }
                self.received.push(delivery.payload.into_bytes().to_vec());
                match self.receivers[&receiver].as_str() {
                    "reject" => link.reject(delivery.id, None).unwrap(),
                    _ => link.accept(delivery.id).unwrap(),
                }
            }
            Event::DeliverySettled { link: LinkId::Sender(_), first, last, state } => {
                let count = first.through(last);
                self.outcomes.extend((0..count).map(|_| format!("{state:?}")));
            }
            _ => {}
        }
    }

    fn on_sender_requested(&mut self, sender: SenderId) {
        let Ok(link) = self.engine.sender(sender) else { return };
        let attach = link.remote_attach().unwrap();
        let address = attach.source.and_then(|source| source.address);
        if address.as_ref().is_some_and(|address| *address == "missing") {
            let error = AmqpError::described(ErrorCondition::NotFound, "no such node");
            return self.engine.refuse_sender(sender, error).unwrap();
        }
        let mut config = SenderConfig::new();
        if let Some(outcome) = address.as_ref().and_then(|address| address.strip_prefix("only ")) {
            let outcomes = Symbol::try_from(format!("amqp:{outcome}:list")).unwrap().into();
            config = config.source(Source { outcomes, ..Source::at("only") });
        }
        self.engine.accept_sender(sender, config).unwrap();
        if address.is_some_and(|address| address.starts_with('$')) {
            self.answers = Some(sender);
        } else {
            self.senders.push(sender);
        }
    }

    fn answer(&mut self, request: Payload) {
        let request = Message::parse(request, &ParseOptions::default()).unwrap();
        let token = Token::parse(&request).unwrap().map(|(_, token)| token);
        self.tokens.extend(token.iter().map(|token| format!("{} {}", token.audience(), token.text())));
        let status = match token.as_ref().map(Token::text) {
            _ if self.answers.is_none() => return, // A set-token is answered by its outcome.
            Some("silent") => return,
            Some("bad") => Status::new(401).condition("amqp:unauthorized-access").description("no"),
            Some("rude") => Status::new(401).condition("a\u{1b}[2Jb").description("c\u{202e}d\ne"),
            _ => Status::new(202),
        };
        let reply = status.reply(&request, StatusSpelling::Hyphenated).unwrap().value(Value::Null).build();
        self.deliveries += 1;
        self.engine.sender(self.answers.unwrap()).unwrap().send(self.deliveries, reply).unwrap();
    }

    /// Closes the link from `$cbs`.
    pub(crate) fn close_answers(&mut self) {
        self.engine.sender(self.answers.unwrap()).unwrap().close(None).unwrap();
    }

    fn on_receiver_requested(&mut self, receiver: ReceiverId) {
        let Ok(link) = self.engine.receiver(receiver) else { return };
        let attach = link.remote_attach().unwrap();
        let address = match attach.target.as_deref() {
            Some(TargetArchetype::Target(target)) => target.address.as_deref().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let accept = match address.as_str() {
            "missing" => {
                let error = AmqpError::described(ErrorCondition::NotFound, "no such node");
                return self.engine.refuse_receiver(receiver, error).unwrap();
            }
            "slow" => ReceiverConfig::new(),
            node if node.starts_with('$') && self.is_busy => ReceiverConfig::new(),
            "small" => ReceiverConfig::new().credit(CreditPolicy::Auto(10)).max_message_size(64),
            _ => ReceiverConfig::new().credit(CreditPolicy::Auto(10)),
        };
        self.engine.accept_receiver(receiver, accept).unwrap();
        self.receivers.insert(receiver, address);
    }

    /// Ends the connection (0), the first session (1), or the server's end of the client's first sender (2) or
    /// receiver (3).
    pub(crate) fn end(&mut self, which: usize, error: Option<AmqpError>) {
        let receiver = self.receivers.keys().next().copied();
        // The client may have closed it already.
        let _ = match which {
            0 => self.engine.close(error),
            1 => self.engine.session(self.sessions[0]).and_then(|mut session| session.end(error)),
            2 => self.engine.receiver(receiver.unwrap()).and_then(|mut link| link.close(error)),
            _ => self.engine.sender(self.senders[0]).and_then(|mut link| link.close(error)),
        };
    }

    /// Detaches both links of the client without closing them.
    pub(crate) fn detach(&mut self) {
        self.engine.sender(self.senders[0]).unwrap().detach(None).unwrap();
        let receiver = *self.receivers.keys().next().unwrap();
        self.engine.receiver(receiver).unwrap().detach(None).unwrap();
    }

    /// Sends an unsettled message to the client's first receiver, if that is still attached.
    pub(crate) fn deliver(&mut self, text: &str) {
        self.deliver_with(text, SendOptions::new());
    }

    pub(crate) fn deliver_settled(&mut self, text: &str) {
        self.deliver_with(text, SendOptions::new().settled(true));
    }

    fn deliver_with(&mut self, text: &str, options: SendOptions) {
        if let Some(sender) = self.senders.first()
            && let Ok(mut link) = self.engine.sender(*sender)
        {
            self.deliveries += 1;
            let _ = link.send_with(self.deliveries, text.as_bytes().to_vec(), &options);
        }
    }

    /// Grants credit to the client's first sender, and requests that it is used or returned.
    pub(crate) fn drain(&mut self, credit: u32) {
        let receiver = *self.receivers.keys().next().unwrap();
        let mut link = self.engine.receiver(receiver).unwrap();
        link.set_credit(credit).unwrap();
        link.drain().unwrap();
    }

    /// The credit that the client's first receiver has granted.
    pub(crate) fn credit(&mut self) -> u32 {
        self.engine.sender(self.senders[0]).unwrap().credit()
    }

    /// The host name in the client's open.
    pub(crate) fn hostname(&self) -> Option<String> {
        self.engine.remote_open().and_then(|open| open.hostname.as_deref()).map(str::to_owned)
    }

    /// The highest handle that the client accepts on its first session.
    pub(crate) fn handle_max(&mut self) -> u32 {
        self.engine.session(self.sessions[0]).unwrap().remote_begin().unwrap().handle_max.get()
    }

    /// Requests a session of the client, and links on the session that the client began.
    pub(crate) fn request_session_and_links(&mut self) {
        self.engine.begin(SessionConfig::new()).unwrap();
        let mut session = self.engine.session(self.sessions[0]).unwrap();
        session.attach_sender(SenderConfig::to("here")).unwrap();
        session.attach_receiver(ReceiverConfig::from("here")).unwrap();
    }
}
