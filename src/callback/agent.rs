//! The owner of everything, for the caller who moves octets and time.

use alloc::{boxed::Box, collections::BTreeMap, rc::Rc, vec::Vec};
use core::{cell::RefCell, fmt};

use super::{
    handle::ConnectionHandle,
    managed::Managed,
    registry::{Callback, Command, ConnectionId, Counts, Registry},
    settings::{AgentError, Settings},
};
use crate::{
    Instant, Progress,
    frame::{Input, Transmit},
};

/// The owner of connections and of all that lies in them; see the [module](super) for how to drive it.
pub struct Agent {
    connections: BTreeMap<u64, Managed>,
    registry: Rc<RefCell<Registry>>,
    now: Instant,
}

impl Agent {
    /// An agent without connections.
    pub fn new(settings: Settings) -> Self {
        Self {
            connections: BTreeMap::new(),
            registry: Rc::new(RefCell::new(Registry::new(settings))),
            now: Instant::default(),
        }
    }

    /// Opens a connection to the broker at `amqp[s]://[user:password@]host[:port]`. The octets are the caller's to
    /// move, TLS included. `callback` is told of the connection's events, and of those of everything in it that has
    /// no callback of its own.
    ///
    /// # Errors
    /// [`AgentError::Url`] or [`AgentError::MaxConnections`].
    pub fn open_connection(
        &mut self,
        url: &str,
        callback: impl FnMut(&str, Option<&str>) + 'static,
    ) -> Result<ConnectionHandle, AgentError> {
        let callback: Callback = Box::new(callback);
        ConnectionHandle::open(&self.registry, url, callback)
    }

    /// Takes octets that were read from a connection's transport. They lead to callbacks at the next
    /// [`pump`](Self::pump); after [`Progress::DrainEvents`], call again with the rest then.
    pub fn input(&mut self, id: ConnectionId, now: Instant, octets: &mut impl Input) -> Progress {
        self.turn(now);
        self.connections
            .get_mut(&id.0)
            .map_or(Progress::Closed, |managed| managed.engine.handle_input(now, octets))
    }

    /// A connection's transport has ended, or could not be had.
    pub fn eof(&mut self, id: ConnectionId, now: Instant) {
        self.turn(now);
        if let Some(managed) = self.connections.get_mut(&id.0) {
            managed.engine.handle_eof(now);
        }
    }

    /// What is to be written to a connection's transport; `None` once the connection is gone.
    pub fn output(&mut self, id: ConnectionId, now: Instant) -> Option<Transmit<'_>> {
        self.turn(now);
        self.connections.get_mut(&id.0).map(|managed| managed.engine.transmit(now))
    }

    /// Whether nothing is left to be read from a connection's transport or written to it.
    pub fn is_closed(&self, id: ConnectionId) -> bool {
        let pending = || self.registry.borrow().endpoint(id.0).is_some();
        self.connections.get(&id.0).map_or_else(|| !pending(), |managed| managed.engine.is_closed())
    }

    /// Does what is due at this time, and runs callbacks for what has happened.
    pub fn pump(&mut self, now: Instant) {
        self.turn(now);
        // Connections that a callback opens have their turn the next time: whatever callbacks do, this ends.
        let keys: Vec<u64> = self.connections.keys().copied().collect();
        for key in keys {
            if let Some(managed) = self.connections.get_mut(&key) {
                managed.engine.handle_timeout(now);
                managed.report_failed(&self.registry);
            }
            self.apply();
            while let Some(managed) = self.connections.get_mut(&key)
                && let Some(event) = managed.engine.poll_event()
            {
                managed.dispatch(&event, &self.registry);
                self.apply();
            }
            if let Some(managed) = self.connections.get(&key)
                && managed.is_over()
            {
                let ended = self.connections.remove(&key);
                self.registry.borrow_mut().remove(key);
                drop(ended);
            }
        }
        self.apply();
    }

    /// When [`pump`](Self::pump) is to be called at the latest, if nothing else happens. Ask after the
    /// [`output`](Self::output) of all connections has been taken.
    pub fn next_timeout(&self) -> Option<Instant> {
        let due = self.connections.values().any(|managed| managed.has_failed() || managed.is_over());
        let now = (due || !self.registry.borrow().is_idle()).then_some(self.now);
        self.connections.values().filter_map(|managed| managed.engine.poll_timeout()).chain(now).min()
    }

    /// The connections that the caller has octets to move for.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.keys().copied().map(ConnectionId)
    }

    /// How many objects there are.
    pub fn counts(&self) -> Counts {
        self.registry.borrow().counts
    }

    fn turn(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.apply();
    }

    /// Carries out what has been asked of the agent, in order.
    fn apply(&mut self) {
        loop {
            // A statement of its own: what a command drops can ask for more.
            let next = self.registry.borrow_mut().pop();
            match next {
                None => return,
                Some((key, Command::Connect { url, callback })) => {
                    let config = self.registry.borrow().settings.config.clone();
                    self.connections.insert(key, Managed::open(key, config, &url, callback));
                }
                Some((key, command)) => {
                    if let Some(managed) = self.connections.get_mut(&key) {
                        managed.command(command, &self.registry);
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
