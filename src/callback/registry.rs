//! What handles and agent share: which objects there are, and what has been asked of them.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
};

use super::{
    delivery::Delivery,
    settings::{AgentError, Settings},
    url::{Endpoint, Url},
};
use crate::{frame::Payload, spec::delivery_state::DeliveryState, types::Str};

/// A connection of an agent, to the caller who moves its octets. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(super) u64);

/// How many objects an agent has that have not come to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections; one counts until its last octets have been written too.
    pub connections: usize,
    /// Sessions.
    pub sessions: usize,
    /// Senders and receivers.
    pub links: usize,
}

/// A function that is told of events: the event's name, and for an `*_ERROR` the reason.
pub type Callback = Box<dyn FnMut(&str, Option<&str>)>;
pub(super) type OnMessage = Box<dyn FnMut(&Delivery)>;
pub(super) type OnOutcome = Box<dyn FnOnce(Option<&DeliveryState>)>;

/// Something asked of the agent that takes effect the next time it has its turn.
pub(super) enum Command {
    Connect { url: Url, callback: Callback },
    Begin { key: u64, callback: Option<Callback> },
    AttachSender { key: u64, session: u64, path: Str, callback: Option<Callback> },
    AttachReceiver { key: u64, session: u64, path: Str, callback: Option<Callback>, on_message: OnMessage },
    Send { key: u64, payload: Payload, on_outcome: Option<OnOutcome> },
    Close { key: u64 },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connection,
    Session,
    Link,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Open,
    /// The handle is gone, or the callback has been told of the end.
    Closing,
}

struct Node {
    kind: Kind,
    phase: Phase,
    /// What it lies in; itself for a connection.
    parent: u64,
    /// The connection that it lies on; itself for a connection.
    connection: u64,
    /// Messages that wait at a sender.
    queued: usize,
    endpoint: Option<Endpoint>,
}

/// Holds no function that the agent calls while it is borrowed, and drops none either: a callback can own handles,
/// whose end is told here.
pub(super) struct Registry {
    pub(super) settings: Settings,
    pub(super) counts: Counts,
    /// By connection.
    commands: VecDeque<(u64, Command)>,
    nodes: BTreeMap<u64, Node>,
    last_key: u64,
}

impl Registry {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            counts: Counts::default(),
            commands: VecDeque::new(),
            nodes: BTreeMap::new(),
            last_key: 0,
        }
    }

    /// Makes room for an object in `parent`, or says why there is none.
    pub(super) fn insert(&mut self, kind: Kind, parent: Option<u64>) -> Result<u64, AgentError> {
        if parent.is_some_and(|parent| !self.is_alive(parent)) {
            return Err(AgentError::Closed);
        }
        let (limit, full) = match kind {
            Kind::Connection => (self.settings.max_connections, AgentError::MaxConnections),
            Kind::Session => (self.settings.max_sessions, AgentError::MaxSessions),
            Kind::Link => (self.settings.max_links, AgentError::MaxLinks),
        };
        let count = self.count(kind);
        if *count >= limit {
            return Err(full);
        }
        *count = count.saturating_add(1);
        self.last_key = self.last_key.saturating_add(1);
        let key = self.last_key;
        let connection =
            parent.and_then(|parent| self.nodes.get(&parent)).map_or(key, |node| node.connection);
        let parent = parent.unwrap_or(key);
        let node = Node { kind, phase: Phase::Opening, parent, connection, queued: 0, endpoint: None };
        self.nodes.insert(key, node);
        Ok(key)
    }

    fn count(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Connection => &mut self.counts.connections,
            Kind::Session => &mut self.counts.sessions,
            Kind::Link => &mut self.counts.links,
        }
    }

    /// Whether neither the object nor what it lies in is closed or being closed.
    pub(super) fn is_alive(&self, mut key: u64) -> bool {
        while let Some(node) = self.nodes.get(&key) {
            if node.phase == Phase::Closing {
                return false;
            }
            if node.parent == key {
                return true;
            }
            key = node.parent;
        }
        false
    }

    pub(super) fn is_open(&self, key: u64) -> bool {
        self.nodes.get(&key).is_some_and(|node| node.phase == Phase::Open)
    }

    /// Both ends are open. Returns false where that comes too late.
    pub(super) fn opened(&mut self, key: u64) -> bool {
        match self.nodes.get_mut(&key) {
            Some(node) if node.phase == Phase::Opening => {
                node.phase = Phase::Open;
                true
            }
            _ => false,
        }
    }

    /// Takes no more calls for the object. Returns whether it took them until now.
    pub(super) fn close(&mut self, key: u64) -> bool {
        let Some(node) = self.nodes.get_mut(&key).filter(|node| node.phase != Phase::Closing) else {
            return false;
        };
        node.phase = Phase::Closing;
        true
    }

    /// Asks for the object's end; does nothing the second time.
    pub(super) fn ask_to_close(&mut self, key: u64) {
        if self.close(key) {
            self.push(key, Command::Close { key });
        }
    }

    pub(super) fn remove(&mut self, key: u64) {
        if let Some(node) = self.nodes.remove(&key) {
            let count = self.count(node.kind);
            *count = count.saturating_sub(1);
        }
    }

    /// Queues a command for the connection that `key` lies on.
    pub(super) fn push(&mut self, key: u64, command: Command) {
        if let Some(node) = self.nodes.get(&key) {
            self.commands.push_back((node.connection, command));
        }
    }

    pub(super) fn pop(&mut self) -> Option<(u64, Command)> {
        self.commands.pop_front()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.commands.is_empty()
    }

    /// Counts one more message at a sender.
    pub(super) fn queue(&mut self, key: u64) -> Result<(), AgentError> {
        if !self.is_alive(key) {
            return Err(AgentError::Closed);
        }
        let max = self.settings.max_queued;
        let node = self.nodes.get_mut(&key).ok_or(AgentError::Closed)?;
        if node.queued >= max {
            return Err(AgentError::MaxQueued);
        }
        node.queued = node.queued.saturating_add(1);
        Ok(())
    }

    /// Counts one message less at a sender: it is on its way.
    pub(super) fn unqueue(&mut self, key: u64) {
        if let Some(node) = self.nodes.get_mut(&key) {
            node.queued = node.queued.saturating_sub(1);
        }
    }

    pub(super) fn queued(&self, key: u64) -> usize {
        self.nodes.get(&key).map_or(0, |node| node.queued)
    }

    pub(super) fn set_endpoint(&mut self, key: u64, endpoint: Endpoint) {
        if let Some(node) = self.nodes.get_mut(&key) {
            node.endpoint = Some(endpoint);
        }
    }

    pub(super) fn endpoint(&self, key: u64) -> Option<Endpoint> {
        self.nodes.get(&key).and_then(|node| node.endpoint.clone())
    }
}
