//! An agent, a server in memory for each of its connections, and a log of what callbacks were told.

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, LinkId, ReceiverConfig, ReceiverId,
    SenderConfig, SenderId, SessionConfig, SessionId,
    callback::{Agent, Callback, ConnectionHandle, ConnectionId, Settings},
    sasl::Offer,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        terminus::TargetArchetype,
    },
};
use bytes::BytesMut;
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

pub(crate) const URL: &str = "amqp://broker.example";

type Log = Rc<RefCell<Vec<String>>>;

pub(crate) struct Bench {
    pub(crate) agent: Agent,
    pub(crate) server_config: ConnectionConfig,
    pub(crate) now: Instant,
    servers: BTreeMap<ConnectionId, Server>,
    log: Log,
}

/// A server that takes all links but those to `missing`.
pub(crate) struct Server {
    pub(crate) engine: Connection,
    up: BytesMut,
    down: BytesMut,
    sessions: Vec<SessionId>,
    senders: Vec<SenderId>,
    receivers: BTreeMap<ReceiverId, String>,
    pub(crate) received: Vec<Vec<u8>>,
    /// How deliveries fared.
    pub(crate) outcomes: Vec<String>,
    /// Events by name.
    pub(crate) told: Vec<String>,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new(Settings::new("agent"))
    }
}

impl Bench {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            agent: Agent::new(settings),
            server_config: ConnectionConfig::server("server")
                .auto_accept_sessions(true)
                .sasl(Offer::accept_anonymous()),
            now: Instant::default(),
            servers: BTreeMap::new(),
            log: Log::default(),
        }
    }

    /// A callback that logs what it is told under this name.
    pub(crate) fn callback(&self, name: &'static str) -> Option<Callback> {
        let log = self.log.clone();
        Some(Box::new(move |event, detail| {
            assert_eq!(event.ends_with("_ERROR"), detail.is_some(), "{event}");
            let detail = detail.map(|detail| format!(" {detail}")).unwrap_or_default();
            log.borrow_mut().push(format!("{name} {event}{detail}"));
        }))
    }

    pub(crate) fn connect(&mut self) -> ConnectionHandle {
        let callback = self.callback("connection").unwrap();
        self.agent.open_connection(URL, callback).unwrap()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    pub(crate) fn take_log(&self) -> Vec<String> {
        self.log.take()
    }

    /// How many callbacks of [`callback`](Self::callback) have not been dropped.
    pub(crate) fn callbacks_alive(&self) -> usize {
        Rc::strong_count(&self.log) - 1
    }

    pub(crate) fn has_server(&self) -> bool {
        !self.servers.is_empty()
    }

    /// The server of the first connection.
    pub(crate) fn server(&mut self) -> &mut Server {
        self.servers.values_mut().next().unwrap()
    }

    /// Lets everything come to rest.
    pub(crate) fn run(&mut self) {
        self.run_rounds(20);
    }

    pub(crate) fn run_rounds(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.now = Instant::from_millis(self.now.as_millis() + 1);
            self.agent.pump(self.now);
            let ids: Vec<_> = self.agent.connections().collect();
            for id in ids {
                self.exchange(id);
            }
            self.agent.pump(self.now);
        }
    }

    fn exchange(&mut self, id: ConnectionId) {
        let server = self.servers.entry(id).or_insert_with(|| Server::new(self.server_config.clone()));
        if let Some(mut output) = self.agent.output(id, self.now) {
            while let Some(chunk) = output.next_chunk() {
                server.up.extend_from_slice(&chunk);
            }
        }
        let _ = server.engine.handle_input(self.now, &mut server.up);
        server.serve();
        let mut output = server.engine.poll_transmit(self.now);
        while let Some(chunk) = output.next_chunk() {
            server.down.extend_from_slice(&chunk);
        }
        let _ = self.agent.input(id, self.now, &mut server.down);
    }
}

impl Server {
    fn new(config: ConnectionConfig) -> Self {
        Self {
            engine: Connection::new(config),
            up: BytesMut::new(),
            down: BytesMut::new(),
            sessions: Vec::new(),
            senders: Vec::new(),
            receivers: BTreeMap::new(),
            received: Vec::new(),
            outcomes: Vec::new(),
            told: Vec::new(),
        }
    }

    fn serve(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.told.push(event.name().to_owned());
            match event {
                Event::SessionOpen { session } => self.sessions.push(session),
                Event::SenderRequested { sender, .. } => self.serve_sender(sender),
                Event::ReceiverRequested { receiver, .. } => self.serve_receiver(receiver),
                Event::Delivery { receiver, delivery } => {
                    let Ok(mut link) = self.engine.receiver(receiver) else { continue };
                    self.received.push(link.take(delivery).unwrap().payload.into_bytes().to_vec());
                    match self.receivers[&receiver].as_str() {
                        "reject" => link.reject(delivery, None).unwrap(),
                        _ => link.accept(delivery).unwrap(),
                    }
                }
                Event::DeliverySettled { link: LinkId::Sender(_), first, last, state } => {
                    let count = first.through(last);
                    self.outcomes.extend((0..count).map(|_| format!("{state:?}")));
                }
                _ => {}
            }
        }
    }

    fn serve_sender(&mut self, sender: SenderId) {
        let Ok(link) = self.engine.sender(sender) else { return };
        let attach = link.remote_attach().unwrap();
        if attach.source.and_then(|source| source.address).is_some_and(|address| address == "missing") {
            let error = AmqpError::described(ErrorCondition::NotFound, "no such node");
            return self.engine.refuse_sender(sender, error).unwrap();
        }
        self.engine.accept_sender(sender, SenderConfig::new()).unwrap();
        self.senders.push(sender);
    }

    fn serve_receiver(&mut self, receiver: ReceiverId) {
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
            "small" => ReceiverConfig::new().credit(CreditPolicy::Auto(10)).max_message_size(64),
            _ => ReceiverConfig::new().credit(CreditPolicy::Auto(10)),
        };
        self.engine.accept_receiver(receiver, accept).unwrap();
        self.receivers.insert(receiver, address);
    }

    /// Ends the connection (0), the first session (1), or our end of the client's sender (2) or receiver (3).
    pub(crate) fn end(&mut self, which: usize, error: Option<AmqpError>) {
        let receiver = self.receivers.keys().next().copied();
        // What the client has closed already can't be ended any more.
        let _ = match which {
            0 => self.engine.close(error),
            1 => self.engine.session(self.sessions[0]).and_then(|mut session| session.end(error)),
            2 => self.engine.receiver(receiver.unwrap()).and_then(|mut link| link.close(error)),
            _ => self.engine.sender(self.senders[0]).and_then(|mut link| link.close(error)),
        };
    }

    /// Detaches both of our links without closing them.
    pub(crate) fn detach(&mut self) {
        self.engine.sender(self.senders[0]).unwrap().detach(None).unwrap();
        let receiver = *self.receivers.keys().next().unwrap();
        self.engine.receiver(receiver).unwrap().detach(None).unwrap();
    }

    /// Sends a message to the client's first receiver, if it is still there.
    pub(crate) fn deliver(&mut self, text: &str) {
        let tag = u32::try_from(self.told.len() + self.outcomes.len()).unwrap();
        if let Some(sender) = self.senders.first()
            && let Ok(mut link) = self.engine.sender(*sender)
        {
            let _ = link.send(tag, text.as_bytes().to_vec());
        }
    }

    pub(crate) fn credit(&mut self) -> u32 {
        self.engine.sender(self.senders[0]).unwrap().credit()
    }

    /// Asks the client for a session, and for links on the one that there is.
    pub(crate) fn ask(&mut self) {
        self.engine.begin(SessionConfig::new()).unwrap();
        let mut session = self.engine.session(self.sessions[0]).unwrap();
        session.attach_sender(SenderConfig::to("here")).unwrap();
        session.attach_receiver(ReceiverConfig::from("here")).unwrap();
    }
}

/// How many `*_CLOSED` there are; nothing else may have ended.
#[track_caller]
pub(crate) fn all_closed(log: &[String]) -> usize {
    assert!(!log.iter().any(|line| line.contains("_ERROR") && !line.contains("no such node")), "{log:?}");
    log.iter().filter(|line| line.ends_with("_CLOSED")).count()
}

/// For a connection with one object of each kind: an open at most once and before the end, one end at most, nothing
/// after it, and children end before their parents.
pub(crate) fn assert_grammar(log: &[String]) {
    let at = |kind: &str, ends: &[&str]| -> Option<usize> {
        let is = |line: &String| ends.iter().any(|end| line.contains(&format!(" {kind}_{end}")));
        assert!(log.iter().filter(|line| is(line)).count() <= 1, "{kind} twice in {log:?}");
        log.iter().position(is)
    };
    let ends = ["CONNECTION", "SESSION", "SENDER", "RECEIVER"].map(|kind| {
        let (open, end) = (at(kind, &["OPEN"]), at(kind, &["CLOSED", "ERROR"]));
        assert!(open.is_none() || end.is_none() || open < end, "{kind} opens after its end in {log:?}");
        end
    });
    for (parent, child) in [(0, 1), (1, 2), (1, 3)] {
        if let Some(parent) = ends[parent] {
            assert!(ends[child].is_none_or(|child| child < parent), "{log:?}");
        }
    }
}
