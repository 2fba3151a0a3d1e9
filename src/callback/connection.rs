//! One connection of an agent: an engine, the callbacks of its endpoints, and the commands of their handles.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    string::{String, ToString},
    vec::Vec,
};
use core::mem;

use super::{
    config::AgentConfig,
    handler::EventHandler,
    registry::{
        Callback, Command, EndpointKey, MessageCallback, OutcomeCallback, QueuedCommand, SharedRegistry,
    },
    tokens::{TokenEvent, Tokens},
    url::Url,
};
use crate::{
    CommandError, Connection, DeliveryId, Event, Instant, ReceiverId, SenderId, SessionId, frame::Payload,
    types::Str,
};

/// The engine's id of an endpoint.
#[derive(Clone, Copy)]
pub(super) enum EngineId {
    Connection,
    Session(SessionId),
    Sender(SenderId),
    Receiver(ReceiverId),
}

/// An endpoint's key, and its callback if it has one of its own.
pub(super) struct Observer {
    pub(super) key: EndpointKey,
    pub(super) callback: Option<Callback>,
}

impl Observer {
    /// Reports an event to the endpoint's callback, or else to that of the connection.
    pub(super) fn notify(&mut self, fallback: &mut Option<Callback>, event: &str, detail: Option<&str>) {
        if let Some(callback) = self.callback.as_mut().or(fallback.as_mut()) {
            callback(event, detail);
        }
    }
}

pub(super) struct AgentSender {
    pub(super) observer: Observer,
    pub(super) queue: VecDeque<(Payload, Option<OutcomeCallback>)>,
    /// The callbacks of the messages sent and not settled.
    pub(super) outcomes: BTreeMap<DeliveryId, OutcomeCallback>,
    next_tag: u32,
    /// The receiver drains its credit: what is left of it is given up when the queue is empty (2.6.7).
    pub(super) drains: bool,
    /// The reason for which the agent itself closed the link: a message that can never be sent.
    pub(super) failure: Option<CommandError>,
}

pub(super) struct AgentReceiver {
    pub(super) observer: Observer,
    pub(super) on_message: MessageCallback,
}

/// A session or link that the engine refused to open. Its `*_ERROR` event is reported when callbacks run.
struct FailedOpen {
    observer: Observer,
    event: &'static str,
    detail: String,
    /// The callbacks of messages that a sender was given before.
    outcomes: Vec<OutcomeCallback>,
}

impl FailedOpen {
    /// Refuses further calls to the endpoint, so that the commands queued before are its last.
    fn new(observer: Observer, event: &'static str, error: CommandError, registry: &SharedRegistry) -> Self {
        registry.borrow_mut().set_closing(observer.key);
        Self { observer, event, detail: error.to_string(), outcomes: Vec::new() }
    }

    fn report(mut self, fallback: &mut Option<Callback>, registry: &SharedRegistry) {
        registry.borrow_mut().remove(self.observer.key);
        self.outcomes.drain(..).for_each(|on_outcome| on_outcome(None));
        self.observer.notify(fallback, self.event, Some(&self.detail));
    }
}

pub(super) struct AgentConnection {
    pub(super) engine: Connection,
    pub(super) observer: Observer,
    /// The event that ends the connection has been reported.
    pub(super) ended: bool,
    pub(super) engine_ids: BTreeMap<EndpointKey, EngineId>,
    pub(super) sessions: BTreeMap<SessionId, Observer>,
    pub(super) senders: BTreeMap<SenderId, AgentSender>,
    pub(super) receivers: BTreeMap<ReceiverId, AgentReceiver>,
    /// None until a token is asked for.
    tokens: Option<Box<Tokens>>,
    handlers: Vec<Box<dyn EventHandler>>,
    /// The application has reached the engine, which may have raised events.
    pub(super) is_touched: bool,
    failed_sessions: Vec<FailedOpen>,
    /// With the session that each is in.
    failed_links: Vec<(EndpointKey, FailedOpen)>,
}

impl AgentConnection {
    pub(super) fn open(key: EndpointKey, config: &AgentConfig, url: &Url, callback: Callback) -> Self {
        let mut engine = Connection::new(config.connection_to(url));
        // A new client with a SASL mechanism can always open; `close` turns the impossible into an ordinary end.
        if engine.open().is_err() {
            let _ = engine.close(None);
        }
        Self {
            engine,
            observer: Observer { key, callback: Some(callback) },
            ended: false,
            engine_ids: BTreeMap::from([(key, EngineId::Connection)]),
            sessions: BTreeMap::new(),
            senders: BTreeMap::new(),
            receivers: BTreeMap::new(),
            tokens: None,
            handlers: Vec::new(),
            is_touched: false,
            failed_sessions: Vec::new(),
            failed_links: Vec::new(),
        }
    }

    /// True once the last event has been reported and the last byte has been taken for writing.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.engine.is_closed()
    }

    /// True if callbacks have something to do whatever the time is.
    pub(super) fn is_due(&self) -> bool {
        let has_failed_opens = !self.failed_sessions.is_empty() || !self.failed_links.is_empty();
        let has_tokens = self.tokens.as_ref().is_some_and(|tokens| tokens.is_due(&self.engine));
        has_failed_opens || has_tokens || self.is_touched || self.is_over()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let tokens = self.tokens.as_ref().and_then(|tokens| tokens.poll_timeout());
        let handlers = self.handlers.iter().filter_map(|handler| handler.poll_timeout());
        [self.engine.poll_timeout(), tokens].into_iter().flatten().chain(handlers).min()
    }

    /// Handles the timers that are due, and reports the opens that failed.
    pub(super) fn handle_timeout(&mut self, now: Instant, registry: &SharedRegistry) {
        self.is_touched = false;
        self.engine.handle_timeout(now);
        for handler in &mut self.handlers {
            if handler.poll_timeout().is_some_and(|due| due <= now) {
                handler.handle_timeout(now, &mut self.engine);
            }
        }
        self.report_failed_opens(registry);
    }

    /// Passes an event to the tokens and to the handlers, and returns it if it is none of theirs.
    pub(super) fn offer(&mut self, now: Instant, event: Event) -> Option<Event> {
        let mut event = match &mut self.tokens {
            Some(tokens) => tokens.handle(now, &mut self.engine, event)?,
            None => event,
        };
        for handler in &mut self.handlers {
            event = handler.handle(now, &mut self.engine, event)?;
        }
        Some(event)
    }

    /// Asks for the tokens that are due, puts them, and reports those that failed or expired.
    pub(super) fn run_tokens(&mut self, now: Instant, registry: &SharedRegistry) {
        if let Some(tokens) = &mut self.tokens {
            tokens.run(now, &mut self.engine);
        }
        self.report_tokens(registry);
    }

    pub(super) fn report_tokens(&mut self, registry: &SharedRegistry) {
        let Some(tokens) = &mut self.tokens else { return };
        while let Some(TokenEvent { audience, name, detail }) = tokens.poll_event() {
            // After a close the application waits for no token.
            if !registry.borrow().accepts_calls(self.observer.key) {
                continue;
            }
            if let Some(callback) = tokens.callback(&audience).or(self.observer.callback.as_mut()) {
                callback(name, detail.as_deref());
            }
        }
    }

    /// Reports the tokens that were due, at the end of the connection, and drops what the application has added.
    pub(super) fn end_tokens_and_handlers(&mut self, registry: &SharedRegistry) {
        if let Some(tokens) = &mut self.tokens {
            tokens.fail_due(&"the connection has ended");
        }
        self.report_tokens(registry);
        self.tokens = None;
        self.handlers.clear();
    }

    pub(super) fn run_command(&mut self, queued: QueuedCommand, registry: &SharedRegistry) {
        let key = queued.target;
        match queued.command {
            // The agent carries this one out: the connection does not exist before it.
            Command::OpenConnection { .. } => {}
            Command::OpenSession { callback } => self.open_session(Observer { key, callback }, registry),
            Command::OpenSender { session, address, callback } => {
                self.open_sender(Observer { key, callback }, session, address, registry);
            }
            Command::OpenReceiver { session, address, callback, on_message } => {
                let receiver = AgentReceiver { observer: Observer { key, callback }, on_message };
                self.open_receiver(receiver, session, address, registry);
            }
            Command::Send { payload, on_outcome } => self.queue(key, payload, on_outcome, registry),
            // Nothing is added to a connection that has ended.
            _ if self.ended => {}
            Command::Authorize { audience, callback, provider } => {
                let new = || Box::new(Tokens::new(registry.borrow().config.cbs()));
                self.tokens.get_or_insert_with(new).authorize(audience, provider, callback);
            }
            Command::PutToken(token) => {
                let new = || Box::new(Tokens::new(registry.borrow().config.cbs()));
                self.tokens.get_or_insert_with(new).put(token);
            }
            Command::ForgetToken { audience } => {
                if let Some(tokens) = &mut self.tokens {
                    tokens.forget(&audience);
                }
            }
            Command::AddEventHandler(handler) => self.handlers.push(handler),
            Command::Close => self.close(key),
        }
    }

    fn open_session(&mut self, observer: Observer, registry: &SharedRegistry) {
        let config = registry.borrow().config.session();
        match self.engine.begin(config) {
            Ok(id) => {
                self.engine_ids.insert(observer.key, EngineId::Session(id));
                self.sessions.insert(id, observer);
            }
            Err(error) => {
                let failed = FailedOpen::new(observer, "SESSION_ERROR", error, registry);
                self.failed_sessions.push(failed);
            }
        }
    }

    fn open_sender(
        &mut self,
        observer: Observer,
        session: EndpointKey,
        address: Str,
        registry: &SharedRegistry,
    ) {
        let config = AgentConfig::sender_to(address);
        let attached = self
            .session_id(session)
            .and_then(|id| self.engine.session(id).and_then(|mut session| session.attach_sender(config)));
        match attached {
            Ok(id) => {
                self.engine_ids.insert(observer.key, EngineId::Sender(id));
                let sender = AgentSender {
                    observer,
                    queue: VecDeque::new(),
                    outcomes: BTreeMap::new(),
                    next_tag: 0,
                    drains: false,
                    failure: None,
                };
                self.senders.insert(id, sender);
            }
            Err(error) => {
                let failed = FailedOpen::new(observer, "SENDER_ERROR", error, registry);
                self.failed_links.push((session, failed));
            }
        }
    }

    fn open_receiver(
        &mut self,
        receiver: AgentReceiver,
        session: EndpointKey,
        address: Str,
        registry: &SharedRegistry,
    ) {
        let config = registry.borrow().config.receiver_from(address);
        let attached = self
            .session_id(session)
            .and_then(|id| self.engine.session(id).and_then(|mut session| session.attach_receiver(config)));
        match attached {
            Ok(id) => {
                self.engine_ids.insert(receiver.observer.key, EngineId::Receiver(id));
                self.receivers.insert(id, receiver);
            }
            Err(error) => {
                let failed = FailedOpen::new(receiver.observer, "RECEIVER_ERROR", error, registry);
                self.failed_links.push((session, failed));
            }
        }
    }

    fn session_id(&self, key: EndpointKey) -> Result<SessionId, CommandError> {
        match self.engine_ids.get(&key) {
            Some(EngineId::Session(id)) => Ok(*id),
            _ => Err(CommandError::UnknownSession),
        }
    }

    /// Closes the endpoint in the engine, which does so at any time from its request to its end.
    fn close(&mut self, key: EndpointKey) {
        // An error means that the endpoint is ending already.
        let _ = match self.engine_ids.get(&key).copied() {
            Some(EngineId::Connection) => self.engine.close(None),
            Some(EngineId::Session(id)) => self.engine.session(id).and_then(|mut session| session.end(None)),
            Some(EngineId::Sender(id)) => self.engine.sender(id).and_then(|mut sender| sender.close(None)),
            Some(EngineId::Receiver(id)) => {
                self.engine.receiver(id).and_then(|mut receiver| receiver.close(None))
            }
            None => Ok(()),
        };
    }

    fn queue(
        &mut self,
        key: EndpointKey,
        payload: Payload,
        on_outcome: Option<OutcomeCallback>,
        registry: &SharedRegistry,
    ) {
        if let Some(EngineId::Sender(id)) = self.engine_ids.get(&key).copied()
            && let Some(sender) = self.senders.get_mut(&id)
        {
            sender.queue.push_back((payload, on_outcome));
            self.send_queued(id, registry);
        } else if let Some((_, failed)) =
            self.failed_links.iter_mut().find(|(_, failed)| failed.observer.key == key)
        {
            failed.outcomes.extend(on_outcome);
        }
    }

    /// Sends the messages that a sender holds until the engine refuses one.
    pub(super) fn send_queued(&mut self, id: SenderId, registry: &SharedRegistry) {
        let Some(sender) = self.senders.get_mut(&id) else { return };
        while let Some((payload, _)) = sender.queue.front()
            && let Ok(mut link) = self.engine.sender(id)
        {
            match link.send(sender.next_tag, payload.clone()) {
                Ok(delivery) => {
                    sender.next_tag = sender.next_tag.wrapping_add(1);
                    registry.borrow_mut().remove_queued_message(sender.observer.key);
                    let sent = sender.queue.pop_front();
                    if let Some(on_outcome) = sent.and_then(|(_, on_outcome)| on_outcome) {
                        sender.outcomes.insert(delivery, on_outcome);
                    }
                }
                Err(error @ (CommandError::TooLarge { .. } | CommandError::FrameTooLarge { .. })) => {
                    // The message would block those behind it forever, and must not be dropped silently either.
                    sender.failure = Some(error);
                    let _ = link.close(None);
                    return;
                }
                // The engine raises `SENDER_READY` when it may accept the message.
                Err(_) => return,
            }
        }
        if core::mem::take(&mut sender.drains)
            && let Ok(mut link) = self.engine.sender(id)
        {
            // An error means that the drain is over.
            let _ = link.drained();
        }
    }

    /// Reports the opens that have failed, links first, since they may be in a session that failed too.
    ///
    /// Those that fail because a callback tries again wait for the next call, so that this one returns.
    pub(super) fn report_failed_opens(&mut self, registry: &SharedRegistry) {
        let links = mem::take(&mut self.failed_links).into_iter().map(|(_, failed)| failed);
        for failed in links.chain(mem::take(&mut self.failed_sessions)) {
            failed.report(&mut self.observer.callback, registry);
        }
    }

    /// Reports the links of a session that could not be opened, before the session's own end.
    pub(super) fn report_failed_links(&mut self, session: EndpointKey, registry: &SharedRegistry) {
        let failed_links = mem::take(&mut self.failed_links).into_iter();
        let (in_session, others): (Vec<_>, Vec<_>) = failed_links.partition(|(parent, _)| *parent == session);
        self.failed_links = others;
        for (_, failed) in in_session {
            failed.report(&mut self.observer.callback, registry);
        }
    }
}
