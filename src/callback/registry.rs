//! The state that the handles share with their agent: which endpoints exist, and the commands not yet carried out.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
};
use core::{cell::RefCell, fmt};

use super::{
    config::AgentConfig,
    delivery::ReceivedDelivery,
    error::AgentError,
    handler::EventHandler,
    tokens::TokenProvider,
    url::{ServerAddress, Url},
};
use crate::{extensions::cbs::Token, frame::Payload, spec::delivery_state::DeliveryState, types::Str};

/// A function that receives events: the event's name, and the reason for an `*_ERROR` event.
///
/// ```
/// use amqp_proto::callback::Callback;
/// let callback: Callback = Box::new(|event, error_detail| match error_detail {
///     Some(reason) => eprintln!("{event}: {reason}"),
///     None => println!("{event}"),
/// });
/// ```
pub type Callback = Box<dyn FnMut(&str, Option<&str>)>;
pub(super) type MessageCallback = Box<dyn FnMut(&ReceivedDelivery)>;
pub(super) type OutcomeCallback = Box<dyn FnOnce(Option<&DeliveryState>)>;

/// The id of an agent's connection. An agent never uses an id twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(super) EndpointKey);

/// The numbers of endpoints that an agent has. An endpoint counts until the event that ends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections. A connection counts until its last bytes have been taken for writing.
    pub connections: usize,
    /// Sessions.
    pub sessions: usize,
    /// Senders and receivers.
    pub links: usize,
}

/// The key of a connection, session, sender or receiver of an agent. Keys are never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EndpointKey(u64);

impl fmt::Debug for EndpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A request of a handle, carried out at the next call to the agent, or after the callback that made it returns.
pub(super) enum Command {
    OpenConnection {
        url: Url,
        callback: Callback,
    },
    OpenSession {
        callback: Option<Callback>,
    },
    OpenSender {
        session: EndpointKey,
        address: Str,
        callback: Option<Callback>,
    },
    OpenReceiver {
        session: EndpointKey,
        address: Str,
        callback: Option<Callback>,
        on_message: MessageCallback,
    },
    Send {
        payload: Payload,
        on_outcome: Option<OutcomeCallback>,
    },
    Authorize {
        audience: Str,
        callback: Option<Callback>,
        provider: TokenProvider,
    },
    PutToken(Token),
    ForgetToken {
        audience: Str,
    },
    AddEventHandler(Box<dyn EventHandler>),
    Close,
}

/// A command, the endpoint it is for, and the connection of that endpoint.
pub(super) struct QueuedCommand {
    pub(super) connection: EndpointKey,
    pub(super) target: EndpointKey,
    pub(super) command: Command,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EndpointKind {
    Connection,
    Session,
    Link,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Open,
    /// The handle was closed or dropped, or the event that ends the endpoint has been raised.
    Closing,
}

struct Endpoint {
    kind: EndpointKind,
    phase: Phase,
    /// The session of a link, the connection of a session.
    parent: Option<EndpointKey>,
    connection: EndpointKey,
    /// Messages that a sender holds until there is credit.
    queued_messages: usize,
    /// The broker's address, of a connection.
    server: Option<ServerAddress>,
}

/// The registry behind the cell that the agent and its handles share.
pub(super) type SharedRegistry = RefCell<Registry>;

/// Knows every endpoint until its end.
///
/// Nothing here calls or drops a callback while the registry is borrowed: a callback may own handles, and their
/// `Drop` borrows the registry.
pub(super) struct Registry {
    pub(super) config: AgentConfig,
    counts: Counts,
    commands: VecDeque<QueuedCommand>,
    endpoints: BTreeMap<EndpointKey, Endpoint>,
    last_key: u64,
}

impl Registry {
    pub(super) fn new(config: AgentConfig) -> Self {
        Self {
            config,
            counts: Counts::default(),
            commands: VecDeque::new(),
            endpoints: BTreeMap::new(),
            last_key: 0,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn insert_connection(&mut self, server: ServerAddress) -> Result<EndpointKey, AgentError> {
        let key = self.take_key(EndpointKind::Connection)?;
        self.insert(key, EndpointKind::Connection, None, key, Some(server));
        Ok(key)
    }

    pub(super) fn insert_child(
        &mut self,
        kind: EndpointKind,
        parent: EndpointKey,
    ) -> Result<EndpointKey, AgentError> {
        let connection = self.endpoints.get(&parent).ok_or(AgentError::Closed)?.connection;
        if !self.accepts_calls(parent) {
            return Err(AgentError::Closed);
        }
        let key = self.take_key(kind)?;
        self.insert(key, kind, Some(parent), connection, None);
        Ok(key)
    }

    fn insert(
        &mut self,
        key: EndpointKey,
        kind: EndpointKind,
        parent: Option<EndpointKey>,
        connection: EndpointKey,
        server: Option<ServerAddress>,
    ) {
        let endpoint =
            Endpoint { kind, phase: Phase::Opening, parent, connection, queued_messages: 0, server };
        self.endpoints.insert(key, endpoint);
    }

    /// Counts one more endpoint and returns a new key for it, or the error of the limit that is reached.
    fn take_key(&mut self, kind: EndpointKind) -> Result<EndpointKey, AgentError> {
        let (limit, error) = match kind {
            EndpointKind::Connection => (self.config.max_connections, AgentError::MaxConnections),
            EndpointKind::Session => (self.config.max_sessions, AgentError::MaxSessions),
            EndpointKind::Link => (self.config.max_links, AgentError::MaxLinks),
        };
        let count = self.count_mut(kind);
        if *count >= limit {
            return Err(error);
        }
        *count = count.saturating_add(1);
        self.last_key = self.last_key.saturating_add(1);
        Ok(EndpointKey(self.last_key))
    }

    fn count_mut(&mut self, kind: EndpointKind) -> &mut usize {
        match kind {
            EndpointKind::Connection => &mut self.counts.connections,
            EndpointKind::Session => &mut self.counts.sessions,
            EndpointKind::Link => &mut self.counts.links,
        }
    }

    /// Forgets an endpoint that has ended.
    pub(super) fn remove(&mut self, key: EndpointKey) {
        if let Some(endpoint) = self.endpoints.remove(&key) {
            let count = self.count_mut(endpoint.kind);
            *count = count.saturating_sub(1);
        }
    }

    pub(super) fn contains(&self, key: EndpointKey) -> bool {
        self.endpoints.contains_key(&key)
    }

    /// True if neither the endpoint nor one that contains it is closed or closing.
    pub(super) fn accepts_calls(&self, key: EndpointKey) -> bool {
        let mut next = Some(key);
        while let Some(key) = next {
            match self.endpoints.get(&key) {
                Some(endpoint) if endpoint.phase != Phase::Closing => next = endpoint.parent,
                _ => return false,
            }
        }
        true
    }

    pub(super) fn is_open(&self, key: EndpointKey) -> bool {
        self.endpoints.get(&key).is_some_and(|endpoint| endpoint.phase == Phase::Open)
    }

    /// Notes that both ends are open, unless the handle was closed before that.
    pub(super) fn set_open(&mut self, key: EndpointKey) {
        if let Some(endpoint) =
            self.endpoints.get_mut(&key).filter(|endpoint| endpoint.phase == Phase::Opening)
        {
            endpoint.phase = Phase::Open;
        }
    }

    /// Refuses further calls to the endpoint. Returns false if they were refused already.
    pub(super) fn set_closing(&mut self, key: EndpointKey) -> bool {
        let open = self.endpoints.get_mut(&key).filter(|endpoint| endpoint.phase != Phase::Closing);
        open.map(|endpoint| endpoint.phase = Phase::Closing).is_some()
    }

    /// Requests the end of an endpoint. Does nothing if that was requested before.
    pub(super) fn request_close(&mut self, key: EndpointKey) {
        if self.set_closing(key) {
            self.push_command(key, Command::Close);
        }
    }

    /// Queues a command for an endpoint that exists.
    pub(super) fn push_command(&mut self, target: EndpointKey, command: Command) {
        if let Some(endpoint) = self.endpoints.get(&target) {
            let connection = endpoint.connection;
            self.commands.push_back(QueuedCommand { connection, target, command });
        }
    }

    pub(super) fn pop_command(&mut self) -> Option<QueuedCommand> {
        self.commands.pop_front()
    }

    pub(super) fn has_commands(&self) -> bool {
        !self.commands.is_empty()
    }

    /// Counts one more message that a sender holds.
    pub(super) fn add_queued_message(&mut self, sender: EndpointKey) -> Result<(), AgentError> {
        if !self.accepts_calls(sender) {
            return Err(AgentError::Closed);
        }
        let max = self.config.max_queued_messages;
        let endpoint = self.endpoints.get_mut(&sender).ok_or(AgentError::Closed)?;
        if endpoint.queued_messages >= max {
            return Err(AgentError::MaxQueuedMessages);
        }
        endpoint.queued_messages = endpoint.queued_messages.saturating_add(1);
        Ok(())
    }

    /// Counts one message less that a sender holds, because it was sent.
    pub(super) fn remove_queued_message(&mut self, sender: EndpointKey) {
        if let Some(endpoint) = self.endpoints.get_mut(&sender) {
            endpoint.queued_messages = endpoint.queued_messages.saturating_sub(1);
        }
    }

    pub(super) fn queued_messages(&self, sender: EndpointKey) -> usize {
        self.endpoints.get(&sender).map_or(0, |endpoint| endpoint.queued_messages)
    }

    pub(super) fn server_address(&self, connection: EndpointKey) -> Option<ServerAddress> {
        self.endpoints.get(&connection).and_then(|endpoint| endpoint.server.clone())
    }
}
