//! Handles: what an application holds of an agent's objects.

use alloc::{
    boxed::Box,
    rc::{Rc, Weak},
};
use core::{cell::RefCell, fmt};

use super::{
    delivery::Delivery,
    registry::{Callback, Command, ConnectionId, Kind, OnOutcome, Registry},
    settings::AgentError,
    url::{Endpoint, Url},
};
use crate::{frame::Payload, spec::delivery_state::DeliveryState, types::Str};

macro_rules! handles {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        ///
        /// Dropping the handle is the same as [`close`](Self::close).
        #[must_use = "dropping the handle closes what it stands for"]
        pub struct $name {
            key: u64,
            registry: Weak<RefCell<Registry>>,
        }

        impl $name {
            /// Whether it is open at both ends: true from its `*_OPEN` event on, until it is closed or its
            /// `*_CLOSED` or `*_ERROR` event.
            pub fn is_open(&self) -> bool {
                self.with(|registry| registry.is_open(self.key)).unwrap_or(false)
            }

            /// Closes it and all that lies in it. The events that tell of the end still come.
            pub fn close(&self) {
                self.with(|registry| registry.ask_to_close(self.key));
            }

            /// Nothing that runs while the registry is borrowed comes back to it, so there is always a way in until
            /// the agent is gone.
            fn with<T>(&self, f: impl FnOnce(&mut Registry) -> T) -> Option<T> {
                let registry = self.registry.upgrade()?;
                let mut registry = registry.try_borrow_mut().ok()?;
                Some(f(&mut registry))
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.close();
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.key).finish()
            }
        }
    )*};
}

handles! {
    /// A connection of an agent.
    ConnectionHandle;
    /// A session of an agent.
    SessionHandle;
    /// A sender of an agent.
    SenderHandle;
    /// A receiver of an agent.
    ReceiverHandle;
}

impl ConnectionHandle {
    pub(super) fn open(
        registry: &Rc<RefCell<Registry>>,
        url: &str,
        callback: Callback,
    ) -> Result<Self, AgentError> {
        let url = Url::parse(url)?;
        let key = {
            let mut registry = registry.borrow_mut();
            let key = registry.insert(Kind::Connection, None)?;
            registry.set_endpoint(key, url.endpoint.clone());
            registry.push(key, Command::Connect { url, callback });
            key
        };
        Ok(Self { key, registry: Rc::downgrade(registry) })
    }

    /// What [`Agent`](super::Agent) knows the connection by.
    pub fn id(&self) -> ConnectionId {
        ConnectionId(self.key)
    }

    /// Where its octets are to go; `None` once the connection is over.
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.with(|registry| registry.endpoint(self.key)).flatten()
    }

    /// Begins a session. It can be used at once; `SESSION_OPEN` or `SESSION_ERROR` follows, told to `callback`, or
    /// without one to the connection's.
    ///
    /// # Errors
    /// [`AgentError::MaxSessions`], and [`AgentError::Closed`] where the connection is closed or being closed.
    pub fn open_session(&self, callback: Option<Callback>) -> Result<SessionHandle, AgentError> {
        let insert = |registry: &mut Registry| registry.insert(Kind::Session, Some(self.key));
        let key = self.with(insert).unwrap_or(Err(AgentError::Closed))?;
        self.with(|registry| registry.push(key, Command::Begin { key, callback }));
        Ok(SessionHandle { key, registry: self.registry.clone() })
    }
}

impl SessionHandle {
    fn insert_link(&self) -> Result<u64, AgentError> {
        let insert = |registry: &mut Registry| registry.insert(Kind::Link, Some(self.key));
        self.with(insert).unwrap_or(Err(AgentError::Closed))
    }

    /// Attaches a sender to the node at `path`. It can be used at once; `SENDER_OPEN` or `SENDER_ERROR` follows,
    /// told to `callback`, or without one to the connection's.
    ///
    /// # Errors
    /// [`AgentError::MaxLinks`], and [`AgentError::Closed`] where the session is closed or being closed.
    pub fn open_sender(&self, path: &str, callback: Option<Callback>) -> Result<SenderHandle, AgentError> {
        let (key, session, path) = (self.insert_link()?, self.key, Str::from(path));
        self.with(|registry| registry.push(key, Command::AttachSender { key, session, path, callback }));
        Ok(SenderHandle { key, registry: self.registry.clone() })
    }

    /// Attaches a receiver to the node at `path`. `RECEIVER_OPEN` or `RECEIVER_ERROR` follows, told to `callback`,
    /// or without one to the connection's. Each message that comes is told to `on_message`.
    ///
    /// # Errors
    /// [`AgentError::MaxLinks`], and [`AgentError::Closed`] where the session is closed or being closed.
    pub fn open_receiver(
        &self,
        path: &str,
        callback: Option<Callback>,
        on_message: impl FnMut(&Delivery) + 'static,
    ) -> Result<ReceiverHandle, AgentError> {
        let (key, session, path) = (self.insert_link()?, self.key, Str::from(path));
        let on_message = Box::new(on_message);
        let command = Command::AttachReceiver { key, session, path, callback, on_message };
        self.with(|registry| registry.push(key, command));
        Ok(ReceiverHandle { key, registry: self.registry.clone() })
    }
}

impl SenderHandle {
    /// Queues an encoded message; it goes as soon as the receiver gives credit. What is still queued when the sender
    /// is closed is not sent.
    ///
    /// # Errors
    /// [`AgentError::MaxQueued`], and [`AgentError::Closed`] where the sender is closed or being closed.
    pub fn send(&self, payload: impl Into<Payload>) -> Result<(), AgentError> {
        self.queue(payload.into(), None)
    }

    /// Like [`send`](Self::send); `on_outcome` is told, once, how the message fared: its state at the receiver when
    /// it was settled, or `None` if there is none or the sender's end came first.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn send_then(
        &self,
        payload: impl Into<Payload>,
        on_outcome: impl FnOnce(Option<&DeliveryState>) + 'static,
    ) -> Result<(), AgentError> {
        self.queue(payload.into(), Some(Box::new(on_outcome)))
    }

    fn queue(&self, payload: Payload, on_outcome: Option<OnOutcome>) -> Result<(), AgentError> {
        let key = self.key;
        self.with(|registry| registry.queue(key)).unwrap_or(Err(AgentError::Closed))?;
        self.with(|registry| registry.push(key, Command::Send { key, payload, on_outcome }));
        Ok(())
    }

    /// Messages that wait for credit.
    pub fn queued(&self) -> usize {
        self.with(|registry| registry.queued(self.key)).unwrap_or(0)
    }
}
