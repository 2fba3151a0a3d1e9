//! An agent with a server in memory for each of its connections, and a log of the events that callbacks received.

use crate::server::Server;
use amqp_proto::{
    ConnectionConfig, Instant,
    callback::{
        Agent, AgentConfig, Callback, ConnectionHandle, ConnectionId, Counts, ReceiverHandle, SenderHandle,
        SessionHandle,
    },
    sasl::Mechanism,
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

pub(crate) const URL: &str = "amqp://broker.example";

pub(crate) const NO_ENDPOINTS: Counts = Counts { connections: 0, sessions: 0, links: 0 };

type Log = Rc<RefCell<Vec<String>>>;

pub(crate) struct Harness {
    pub(crate) agent: Agent,
    pub(crate) server_config: ConnectionConfig,
    pub(crate) now: Instant,
    servers: BTreeMap<ConnectionId, Server>,
    log: Log,
}

impl Default for Harness {
    fn default() -> Self {
        Self::new(AgentConfig::new("agent"))
    }
}

impl Harness {
    pub(crate) fn new(config: AgentConfig) -> Self {
        Self {
            agent: Agent::new(config),
            server_config: ConnectionConfig::server("server")
                .auto_accept_sessions(true)
                .sasl(Mechanism::anonymous_server()),
            now: Instant::default(),
            servers: BTreeMap::new(),
            log: Log::default(),
        }
    }

    /// A callback that logs its events, `name` in front. It also checks that errors, and they alone, have a detail.
    pub(crate) fn callback(&self, name: &'static str) -> Callback {
        let log = self.log.clone();
        Box::new(move |event, detail| {
            assert_eq!(event.ends_with("_ERROR"), detail.is_some(), "{event}");
            let detail = detail.map(|detail| format!(" {detail}")).unwrap_or_default();
            log.borrow_mut().push(format!("{name} {event}{detail}"));
        })
    }

    /// Opens a connection that logs as `connection`.
    pub(crate) fn connect(&mut self) -> ConnectionHandle {
        let callback = self.callback("connection");
        self.agent.open_connection(URL, callback).unwrap()
    }

    /// Opens a connection and, on it, a session without a callback.
    pub(crate) fn connect_with_session(&mut self) -> (ConnectionHandle, SessionHandle) {
        let connection = self.connect();
        let session = connection.open_session(None).unwrap();
        (connection, session)
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

    /// Exchanges bytes until nothing changes any more.
    pub(crate) fn run(&mut self) {
        self.run_rounds(20);
    }

    pub(crate) fn run_rounds(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.now = Instant::from_millis(self.now.as_millis() + 1);
            self.agent.run_callbacks(self.now);
            let ids: Vec<_> = self.agent.connections().collect();
            for id in ids {
                self.exchange(id);
            }
            self.agent.run_callbacks(self.now);
        }
    }

    /// Lets time pass in one step, and then exchanges bytes.
    pub(crate) fn advance(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.run();
    }

    fn exchange(&mut self, id: ConnectionId) {
        let server = self.servers.entry(id).or_insert_with(|| Server::new(self.server_config.clone()));
        let output = self.agent.poll_transmit(id, self.now);
        let input = server.exchange(output, self.now);
        let _ = self.agent.handle_input(id, self.now, input);
    }
}

/// The last millisecond before a deadline.
pub(crate) fn before(deadline: Instant) -> Instant {
    Instant::from_millis(deadline.as_millis() - 1)
}

/// One handle of each kind.
#[derive(Default)]
pub(crate) struct Handles {
    pub(crate) connection: Option<ConnectionHandle>,
    pub(crate) session: Option<SessionHandle>,
    pub(crate) sender: Option<SenderHandle>,
    pub(crate) receiver: Option<ReceiverHandle>,
}

impl Handles {
    /// Opens all four at once, each with a callback that logs under its own name.
    pub(crate) fn open(harness: &mut Harness) -> Self {
        let connection = harness.connect();
        let session = connection.open_session(Some(harness.callback("session"))).unwrap();
        let sender = session.open_sender("queue", Some(harness.callback("sender"))).unwrap();
        let receiver = session.open_receiver("queue", Some(harness.callback("receiver")), |_| {}).unwrap();
        Self {
            connection: Some(connection),
            session: Some(session),
            sender: Some(sender),
            receiver: Some(receiver),
        }
    }

    pub(crate) fn are_open(&self) -> [bool; 4] {
        [
            self.connection.as_ref().is_some_and(ConnectionHandle::is_open),
            self.session.as_ref().is_some_and(SessionHandle::is_open),
            self.sender.as_ref().is_some_and(SenderHandle::is_open),
            self.receiver.as_ref().is_some_and(ReceiverHandle::is_open),
        ]
    }

    /// Sets the connection (0), session (1), sender (2) or receiver (3) to none.
    pub(crate) fn set_to_none(&mut self, which: usize) {
        match which {
            0 => self.connection = None,
            1 => self.session = None,
            2 => self.sender = None,
            _ => self.receiver = None,
        }
    }
}

/// The 24 orders of the four handles.
pub(crate) fn orders() -> Vec<[usize; 4]> {
    let mut orders = Vec::new();
    for n in 0..256_usize {
        let order = [n % 4, n / 4 % 4, n / 16 % 4, n / 64];
        if order.iter().collect::<BTreeSet<_>>().len() == 4 {
            orders.push(order);
        }
    }
    assert_eq!(orders.len(), 24);
    orders
}

/// Counts the `*_CLOSED` events. No endpoint may have ended otherwise, but for those that the server refuses.
#[track_caller]
pub(crate) fn count_closed(log: &[String]) -> usize {
    assert!(!log.iter().any(|line| line.contains("_ERROR") && !line.contains("no such node")), "{log:?}");
    log.iter().filter(|line| line.ends_with("_CLOSED")).count()
}

/// Checks the log of a connection with one endpoint of each kind. Each has at most one OPEN, then at most one end.
/// Children end before their parents.
#[track_caller]
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
