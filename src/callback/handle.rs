//! Handles: how an application refers to the endpoints of an agent.

use alloc::{
    boxed::Box,
    rc::{Rc, Weak},
};
use core::fmt;

use super::{
    delivery::ReceivedDelivery,
    error::AgentError,
    handler::EventHandler,
    registry::{
        Callback, Command, ConnectionId, EndpointKey, EndpointKind, OutcomeCallback, Registry, SharedRegistry,
    },
    url::{ServerAddress, Url},
};
use crate::{extensions::cbs::Token, frame::Payload, spec::delivery_state::DeliveryState, types::Str};

macro_rules! handles {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        ///
        /// Dropping the handle does the same as [`close`](Self::close). A handle that outlives its agent refers to
        /// nothing: it is not open, and its calls return [`AgentError::Closed`].
        #[must_use = "dropping the handle closes what it stands for"]
        pub struct $name {
            key: EndpointKey,
            registry: Weak<SharedRegistry>,
        }

        impl $name {
            /// True from the `*_OPEN` event, its callback included, until the handle is closed or the `*_CLOSED` or
            /// `*_ERROR` event.
            pub fn is_open(&self) -> bool {
                self.with_registry(|registry| registry.is_open(self.key)).unwrap_or(false)
            }

            /// Closes it, and everything in it first. Their `*_CLOSED` events follow.
            ///
            /// From here on calls through this handle return [`AgentError::Closed`]. Closing twice has no effect.
            pub fn close(&self) {
                self.with_registry(|registry| registry.request_close(self.key));
            }

            /// Returns `None` if the agent is gone. No callback runs or is dropped while the registry is borrowed, so
            /// it can always be borrowed here.
            fn with_registry<T>(&self, f: impl FnOnce(&mut Registry) -> T) -> Option<T> {
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
                f.debug_struct(stringify!($name)).field("key", &self.key).field("open", &self.is_open()).finish()
            }
        }
    )*};
}

handles! {
    /// A connection of an agent, from [`Agent::open_connection`](super::Agent::open_connection).
    ///
    /// Its events are `CONNECTION_OPEN`, `CONNECTION_CLOSED` and `CONNECTION_ERROR`.
    ConnectionHandle;
    /// A session of an agent, from [`ConnectionHandle::open_session`].
    ///
    /// Its events are `SESSION_OPEN`, `SESSION_CLOSED` and `SESSION_ERROR`.
    SessionHandle;
    /// A sender of an agent, from [`SessionHandle::open_sender`].
    ///
    /// Its events are `SENDER_OPEN`, `SENDER_CLOSED` and `SENDER_ERROR`.
    SenderHandle;
    /// A receiver of an agent, from [`SessionHandle::open_receiver`].
    ///
    /// Its events are `RECEIVER_OPEN`, `RECEIVER_CLOSED` and `RECEIVER_ERROR`.
    ReceiverHandle;
}

impl ConnectionHandle {
    pub(super) fn open(
        registry: &Rc<SharedRegistry>,
        url: &str,
        callback: Callback,
    ) -> Result<Self, AgentError> {
        let url = Url::parse(url)?;
        let key = registry.borrow_mut().insert_connection(url.server.clone())?;
        registry.borrow_mut().push_command(key, Command::OpenConnection { url, callback });
        Ok(Self { key, registry: Rc::downgrade(registry) })
    }

    /// Returns the id by which the [`Agent`](super::Agent) knows this connection.
    pub fn id(&self) -> ConnectionId {
        ConnectionId(self.key)
    }

    /// Returns the address to connect a transport to, or `None` once the connection has ended.
    pub fn server_address(&self) -> Option<ServerAddress> {
        self.with_registry(|registry| registry.server_address(self.key)).flatten()
    }

    /// Opens a session, and returns its handle at once, before the session is open (2.5.1).
    ///
    /// `callback` receives the session's events; without one the connection's callback does. `SESSION_OPEN` or
    /// `SESSION_ERROR` follows. Links can be opened on the session at once.
    ///
    /// ```
    /// # use amqp_proto::callback::{Agent, AgentConfig};
    /// # fn main() -> Result<(), amqp_proto::callback::AgentError> {
    /// # let mut agent = Agent::new(AgentConfig::new("container-1"));
    /// # let connection = agent.open_connection("amqp://broker.example", |_, _| {})?;
    /// let session = connection.open_session(Some(Box::new(|event, error_detail| {
    ///     println!("{event} {}", error_detail.unwrap_or_default());
    /// })))?;
    /// let other = connection.open_session(None)?;
    /// assert!(!session.is_open() && !other.is_open());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AgentError::MaxSessions`], or [`AgentError::Closed`] if the connection is closed or closing.
    pub fn open_session(&self, callback: Option<Callback>) -> Result<SessionHandle, AgentError> {
        let insert = |registry: &mut Registry| registry.insert_child(EndpointKind::Session, self.key);
        let key = self.with_registry(insert).unwrap_or(Err(AgentError::Closed))?;
        self.with_registry(|registry| registry.push_command(key, Command::OpenSession { callback }));
        Ok(SessionHandle { key, registry: self.registry.clone() })
    }

    /// Authorizes the connection for an audience, by claims-based security: see [`cbs`](crate::extensions::cbs).
    ///
    /// `provider` is asked for the audience's token when one is due: once the connection has opened, and for each renewal.
    /// It returns the token, or `None` and hands it to [`put_token`](Self::put_token) later. A token is renewed if it has a
    /// [`lifetime`](Token::lifetime).
    ///
    /// `callback` receives the events; without one the connection's callback does. `TOKEN_GRANTED` follows each token that
    /// the peer has taken. `TOKEN_ERROR` has the audience and the reason, if the peer refuses a token or none can be put.
    /// An earlier token stays in force then, until `TOKEN_EXPIRED`. No event follows once this handle is closed.
    ///
    /// The call repeated for an audience replaces provider and callback, and the token is due again.
    ///
    /// Tokens take a session and two links, which no limit of the agent counts.
    ///
    /// ```
    /// # use amqp_proto::{callback::{Agent, AgentConfig}, extensions::cbs::Token};
    /// use core::time::Duration;
    /// # fn mint(_audience: &str) -> String { String::new() }
    /// # fn main() -> Result<(), amqp_proto::callback::AgentError> {
    /// # let mut agent = Agent::new(AgentConfig::new("container-1"));
    /// # let connection = agent.open_connection("amqps://ns.example", |_, _| {})?;
    /// connection.authorize("amqps://ns.example/orders", None, |audience| {
    ///     Some(Token::sas(audience, mint(audience)).lifetime(Duration::from_secs(3600)))
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AgentError::Closed`] if the connection is closed or closing.
    pub fn authorize(
        &self,
        audience: &str,
        callback: Option<Callback>,
        provider: impl FnMut(&str) -> Option<Token> + 'static,
    ) -> Result<(), AgentError> {
        let (audience, provider) = (Str::from(audience), Box::new(provider));
        self.command(Command::Authorize { audience, callback, provider })
    }

    /// Puts a token that its provider has left for later, or another one before it is due.
    ///
    /// `TOKEN_ERROR` follows if the audience is not one of [`authorize`](Self::authorize).
    ///
    /// # Errors
    /// [`AgentError::Closed`] if the connection is closed or closing.
    pub fn put_token(&self, token: Token) -> Result<(), AgentError> {
        self.command(Command::PutToken(token))
    }

    /// Forgets an audience: its token is not renewed, and no event follows for it.
    ///
    /// # Errors
    /// [`AgentError::Closed`] if the connection is closed or closing.
    pub fn forget_token(&self, audience: &str) -> Result<(), AgentError> {
        self.command(Command::ForgetToken { audience: audience.into() })
    }

    /// Adds a handler of events, behind those added before. It is dropped when the connection has ended.
    ///
    /// # Errors
    /// [`AgentError::Closed`] if the connection is closed or closing.
    pub fn add_event_handler(&self, handler: impl EventHandler + 'static) -> Result<(), AgentError> {
        self.command(Command::AddEventHandler(Box::new(handler)))
    }

    fn command(&self, command: Command) -> Result<(), AgentError> {
        // A command that is refused is dropped after the borrow: what it owns may be handles.
        if !self.with_registry(|registry| registry.accepts_calls(self.key)).unwrap_or(false) {
            return Err(AgentError::Closed);
        }
        self.with_registry(|registry| registry.push_command(self.key, command));
        Ok(())
    }
}

impl SessionHandle {
    /// Opens a sender to the node at `address`, and returns its handle at once, before the sender is open (2.6.3).
    ///
    /// `callback` receives the sender's events; without one the connection's callback does, even if the session has
    /// one. `SENDER_OPEN` or `SENDER_ERROR` follows. Messages can be sent at once: the sender holds them until it is
    /// open and has credit.
    ///
    /// ```
    /// # use amqp_proto::{callback::{Agent, AgentConfig}, message::Message};
    /// # fn main() -> Result<(), amqp_proto::callback::AgentError> {
    /// # let mut agent = Agent::new(AgentConfig::new("container-1"));
    /// # let connection = agent.open_connection("amqp://broker.example", |_, _| {})?;
    /// # let session = connection.open_session(None)?;
    /// let sender = session.open_sender("queue", None)?;
    /// sender.send(Message::builder().data("hello").build())?;
    /// assert_eq!((sender.is_open(), sender.queued_messages()), (false, 1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AgentError::MaxLinks`], or [`AgentError::Closed`] if the session or its connection is closed or closing.
    pub fn open_sender(&self, address: &str, callback: Option<Callback>) -> Result<SenderHandle, AgentError> {
        let (key, session, address) = (self.insert_link()?, self.key, Str::from(address));
        let command = Command::OpenSender { session, address, callback };
        self.with_registry(|registry| registry.push_command(key, command));
        Ok(SenderHandle { key, registry: self.registry.clone() })
    }

    /// Opens a receiver from the node at `address`, and returns its handle at once, before the receiver is open
    /// (2.6.3).
    ///
    /// `callback` receives the receiver's events; without one the connection's callback does, even if the session
    /// has one. `RECEIVER_OPEN` or `RECEIVER_ERROR` follows. `on_message` receives each message, in order, until the
    /// handle is closed. The agent grants credit by itself: see
    /// [`receiver_credit`](super::AgentConfig::receiver_credit).
    ///
    /// ```
    /// # use amqp_proto::callback::{Agent, AgentConfig};
    /// # fn main() -> Result<(), amqp_proto::callback::AgentError> {
    /// # let mut agent = Agent::new(AgentConfig::new("container-1"));
    /// # let connection = agent.open_connection("amqp://broker.example", |_, _| {})?;
    /// # let session = connection.open_session(None)?;
    /// let receiver = session.open_receiver("queue", None, |delivery| {
    ///     println!("{} bytes", delivery.payload().len());
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`AgentError::MaxLinks`], or [`AgentError::Closed`] if the session or its connection is closed or closing.
    pub fn open_receiver(
        &self,
        address: &str,
        callback: Option<Callback>,
        on_message: impl FnMut(&ReceivedDelivery) + 'static,
    ) -> Result<ReceiverHandle, AgentError> {
        let (key, session, address) = (self.insert_link()?, self.key, Str::from(address));
        let on_message = Box::new(on_message);
        let command = Command::OpenReceiver { session, address, callback, on_message };
        self.with_registry(|registry| registry.push_command(key, command));
        Ok(ReceiverHandle { key, registry: self.registry.clone() })
    }

    fn insert_link(&self) -> Result<EndpointKey, AgentError> {
        let insert = |registry: &mut Registry| registry.insert_child(EndpointKind::Link, self.key);
        self.with_registry(insert).unwrap_or(Err(AgentError::Closed))
    }
}

impl SenderHandle {
    /// Sends an encoded message as soon as the receiver has granted credit, after those sent before.
    ///
    /// Messages still held when the sender is closed are not sent. A message larger than the peer accepts ends the
    /// sender with `SENDER_ERROR`.
    ///
    /// # Errors
    /// [`AgentError::MaxQueuedMessages`], or [`AgentError::Closed`] if the sender, its session or its connection is
    /// closed or closing.
    pub fn send(&self, payload: impl Into<Payload>) -> Result<(), AgentError> {
        self.queue(payload.into(), None)
    }

    /// Sends a message like [`send`](Self::send), and calls `on_outcome` once with its outcome.
    ///
    /// The outcome is the delivery's state at the receiver when it was settled (3.4). It is `None` if the receiver
    /// settled without a state, or if the sender ended first. In that case the message may have arrived or not.
    ///
    /// ```
    /// # use amqp_proto::{callback::{Agent, AgentConfig}, message::Message};
    /// use amqp_proto::spec::delivery_state::DeliveryState;
    /// # fn main() -> Result<(), amqp_proto::callback::AgentError> {
    /// # let mut agent = Agent::new(AgentConfig::new("container-1"));
    /// # let connection = agent.open_connection("amqp://broker.example", |_, _| {})?;
    /// # let session = connection.open_session(None)?;
    /// # let sender = session.open_sender("queue", None)?;
    /// sender.send_with_outcome(Message::builder().data("hello").build(), |outcome| match outcome {
    ///     Some(DeliveryState::Accepted(_)) => println!("accepted"),
    ///     other => println!("not accepted: {other:?}"),
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`send`](Self::send); `on_outcome` is not called then.
    pub fn send_with_outcome(
        &self,
        payload: impl Into<Payload>,
        on_outcome: impl FnOnce(Option<&DeliveryState>) + 'static,
    ) -> Result<(), AgentError> {
        self.queue(payload.into(), Some(Box::new(on_outcome)))
    }

    fn queue(&self, payload: Payload, on_outcome: Option<OutcomeCallback>) -> Result<(), AgentError> {
        let add = |registry: &mut Registry| registry.add_queued_message(self.key);
        self.with_registry(add).unwrap_or(Err(AgentError::Closed))?;
        let command = Command::Send { payload, on_outcome };
        self.with_registry(|registry| registry.push_command(self.key, command));
        Ok(())
    }

    /// Returns how many messages the sender holds until there is credit for them; 0 once it has ended.
    ///
    /// At most [`max_queued_messages`](super::AgentConfig::max_queued_messages).
    pub fn queued_messages(&self) -> usize {
        self.with_registry(|registry| registry.queued_messages(self.key)).unwrap_or(0)
    }
}
