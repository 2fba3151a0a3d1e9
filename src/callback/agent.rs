//! The agent: owns the connections, and is driven by the code that moves their bytes.

use alloc::{boxed::Box, collections::BTreeMap, rc::Rc, vec::Vec};
use core::{cell::RefCell, fmt};

use super::{
    config::AgentConfig,
    connection::AgentConnection,
    error::AgentError,
    handle::ConnectionHandle,
    registry::{
        Callback, Command, ConnectionId, Counts, EndpointKey, QueuedCommand, Registry, SharedRegistry,
    },
};
use crate::{
    Connection, Instant, Progress,
    frame::{Input, Transmit},
};

/// The owner of connections and of everything in them. See the [module](super) for how to drive it.
///
/// Calls that take the time must get it from one clock. An earlier time than before counts as the latest.
///
/// ```
/// use amqp_proto::{Instant, callback::{Agent, AgentConfig}};
/// use std::{cell::RefCell, rc::Rc};
///
/// # fn main() -> Result<(), amqp_proto::callback::AgentError> {
/// let events = Rc::new(RefCell::new(Vec::new()));
/// let (log, now) = (events.clone(), Instant::default());
/// let mut agent = Agent::new(AgentConfig::new("container-1"));
/// let connection = agent.open_connection("amqp://broker.example", move |event, error_detail| {
///     log.borrow_mut().push(format!("{event}: {}", error_detail.unwrap_or("no error")));
/// })?;
/// let session = connection.open_session(None)?;
/// assert!(!connection.is_open() && !session.is_open());
///
/// // These bytes would go to the transport. This one is lost before the broker answers.
/// assert!(agent.poll_transmit(connection.id(), now).is_some_and(|output| !output.is_empty()));
/// agent.handle_eof(connection.id(), now);
/// agent.run_callbacks(now);
/// assert_eq!(*events.borrow(), [
///     "SESSION_ERROR: amqp:connection:forced: the connection failed",
///     "CONNECTION_ERROR: amqp:connection:forced: the transport was lost during the SASL exchange",
/// ]);
/// # Ok(())
/// # }
/// ```
pub struct Agent {
    connections: BTreeMap<EndpointKey, AgentConnection>,
    registry: Rc<SharedRegistry>,
    /// The latest time that a call brought.
    now: Instant,
}

impl Agent {
    /// Creates an agent without connections.
    pub fn new(config: AgentConfig) -> Self {
        Self {
            connections: BTreeMap::new(),
            registry: Rc::new(RefCell::new(Registry::new(config))),
            now: Instant::default(),
        }
    }

    /// Opens a connection to the broker at `amqp[s]://[user:password@]host[:port]`, and returns its handle at once,
    /// before the connection is open (2.4.1).
    ///
    /// `callback` receives the connection's events, and those of all sessions, senders and receivers in it that have
    /// no callback of their own. `CONNECTION_OPEN` or `CONNECTION_ERROR` follows. The caller connects a transport to
    /// [`server_address`](ConnectionHandle::server_address), with TLS for `amqps`, and moves the bytes.
    ///
    /// ```
    /// # use amqp_proto::callback::{Agent, AgentConfig};
    /// # fn main() -> Result<(), amqp_proto::callback::AgentError> {
    /// let mut agent = Agent::new(AgentConfig::new("container-1"));
    /// let connection = agent.open_connection("amqps://broker.example:5671", |event, error_detail| {
    ///     println!("{event} {}", error_detail.unwrap_or_default());
    /// })?;
    /// assert!(!connection.is_open());
    /// assert!(connection.server_address().is_some_and(|server| server.tls && server.port == 5671));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AgentError::Url`] if the URL is invalid, or [`AgentError::MaxConnections`].
    pub fn open_connection(
        &mut self,
        url: &str,
        callback: impl FnMut(&str, Option<&str>) + 'static,
    ) -> Result<ConnectionHandle, AgentError> {
        let callback: Callback = Box::new(callback);
        ConnectionHandle::open(&self.registry, url, callback)
    }

    /// Takes bytes that were read from a connection's transport, as whole frames, off the front of `bytes`.
    ///
    /// No callback runs here: the events wait for [`run_callbacks`](Self::run_callbacks). Unless the result is
    /// [`Progress::NeedInput`], run callbacks and write output, then call again with the bytes that are left before
    /// reading more. Returns [`Progress::Closed`] if the connection has ended.
    pub fn handle_input(&mut self, id: ConnectionId, now: Instant, bytes: &mut impl Input) -> Progress {
        self.advance(now);
        let connection = self.connections.get_mut(&id.0);
        connection.map_or(Progress::Closed, |connection| connection.engine.handle_input(now, bytes))
    }

    /// Ends a connection whose transport has ended, or could not be connected. Pass the input that is left first.
    ///
    /// Its endpoints end with `*_ERROR` events, unless the connection was closed in order before.
    pub fn handle_eof(&mut self, id: ConnectionId, now: Instant) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(&id.0) {
            connection.engine.handle_eof(now);
        }
    }

    /// Drops a connection's output from now on, because its transport takes none any more. Input goes on, and the
    /// connection ends with it or after a while: see [`Connection::output_lost`](crate::Connection::output_lost).
    pub fn output_lost(&mut self, id: ConnectionId, now: Instant) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(&id.0) {
            connection.engine.output_lost(now);
        }
    }

    /// Returns the bytes to write to a connection's transport, or `None` once the connection has ended.
    ///
    /// Call it until it returns no bytes: a large message is put into frames as the bytes before it are written.
    pub fn poll_transmit(&mut self, id: ConnectionId, now: Instant) -> Option<Transmit<'_>> {
        self.advance(now);
        self.connections.get_mut(&id.0).map(|connection| connection.engine.poll_transmit(now))
    }

    /// Handles the timers that are due, and runs the callbacks of everything that has happened.
    ///
    /// Callbacks run here and nowhere else. The calls that they make take effect when they return. A connection
    /// opened by a callback, and an open repeated by one after it failed, have their turn at the next call.
    pub fn run_callbacks(&mut self, now: Instant) {
        self.advance(now);
        // Connections that a callback opens are left for the next call: whatever callbacks do, this one returns.
        let keys: Vec<EndpointKey> = self.connections.keys().copied().collect();
        for key in keys {
            if let Some(connection) = self.connections.get_mut(&key) {
                connection.handle_timeout(now, &self.registry);
            }
            self.run_commands();
            while let Some(connection) = self.connections.get_mut(&key)
                && let Some(event) = connection.engine.poll_event()
            {
                connection.on_event(now, event, &self.registry);
                self.run_commands();
            }
            if let Some(connection) = self.connections.get_mut(&key) {
                connection.run_tokens(now, &self.registry);
            }
            if let Some(connection) = self.connections.get(&key)
                && connection.is_over()
            {
                let ended = self.connections.remove(&key);
                self.registry.borrow_mut().remove(key);
                drop(ended);
            }
        }
        self.run_commands();
    }

    /// Returns when to call [`run_callbacks`](Self::run_callbacks) at the latest, or `None` if nothing is due.
    ///
    /// It is exact once the output of all connections has been taken.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due_now =
            self.registry.borrow().has_commands() || self.connections.values().any(AgentConnection::is_due);
        let now = due_now.then_some(self.now);
        self.connections.values().filter_map(AgentConnection::poll_timeout).chain(now).min()
    }

    /// Reaches the engine of a connection, for all that the callback API lacks. Returns `None` if the connection has ended.
    ///
    /// It answers [`SASL_PENDING`](crate::Event::SaslPending) and [`TLS_READY`](crate::Event::TlsReady), which the
    /// connection's callback receives by these names, and [describes the transport](Connection::set_tunnel). Sessions
    /// and links opened here report to the connection's callback too, without a handle. An
    /// [`EventHandler`](super::EventHandler) receives all that their events carry.
    ///
    /// What it raises reaches the callbacks at the next [`run_callbacks`](Self::run_callbacks). Leave
    /// [`poll_event`](Connection::poll_event) to that function: an event taken here reaches no callback.
    ///
    /// ```
    /// # use amqp_proto::callback::{Agent, AgentConfig};
    /// use amqp_proto::sasl::Tunnel;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut agent = Agent::new(AgentConfig::new("container-1"));
    /// let connection = agent.open_connection("amqps://broker.example", |event, _| println!("{event}"))?;
    /// // The TLS handshake has ended, and the certificate is good.
    /// let engine = agent.connection_mut(connection.id()).ok_or("the connection has ended")?;
    /// engine.set_tunnel(Tunnel::new().protected(true).server_name("broker.example"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connection_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.run_commands();
        let connection = self.connections.get_mut(&id.0)?;
        connection.is_touched = true;
        Some(&mut connection.engine)
    }

    /// True if nothing is left to read or write on a connection, so that its transport can be closed.
    pub fn is_closed(&self, id: ConnectionId) -> bool {
        match self.connections.get(&id.0) {
            Some(connection) => connection.engine.is_closed(),
            // A connection that the registry knows is about to be opened.
            None => !self.registry.borrow().contains(id.0),
        }
    }

    /// Returns the connections that have bytes to move, those about to be opened excepted.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.keys().copied().map(ConnectionId)
    }

    /// Returns how many connections, sessions and links there are.
    pub fn counts(&self) -> Counts {
        self.registry.borrow().counts()
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.run_commands();
    }

    /// Carries out the commands of handles, in order.
    fn run_commands(&mut self) {
        loop {
            // A statement of its own ends the borrow: a command that drops handles adds further commands.
            let next = self.registry.borrow_mut().pop_command();
            let Some(queued) = next else { return };
            if let Some(connection) = self.connections.get_mut(&queued.connection) {
                connection.run_command(queued, &self.registry);
            } else if let QueuedCommand {
                target: key,
                command: Command::OpenConnection { url, callback },
                ..
            } = queued
            {
                let connection = AgentConnection::open(key, &self.registry.borrow().config, &url, callback);
                self.connections.insert(key, connection);
            }
        }
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
