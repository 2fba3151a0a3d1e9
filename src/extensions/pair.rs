//! Link pairs: OASIS linkpair v1.0 CS01.

use alloc::{collections::VecDeque, sync::Arc};
use core::time::Duration;

use super::{ReplyTo, RequestConfig, Requests, link_of};
use crate::{
    CommandError, Connection, CreditPolicy, Event, Failure, Instant, LinkId, ReceiverConfig, ReceiverId,
    SenderConfig, SenderId, SessionId,
    spec::{
        definitions::{AmqpError, ErrorCondition, SenderSettleMode},
        performatives::{Attach, Open},
        terminus::{Source, Target, TargetArchetype},
    },
    types::{Fields, Str, Symbol, Value},
};

/// The link property that makes a link one of a pair.
const PAIRED: Symbol = Symbol::from_static("paired");

/// Settings of a link pair that a peer asks for.
#[derive(Clone, Copy, Debug)]
pub struct PairConfig {
    credit: u32,
    timeout: Duration,
}

impl Default for PairConfig {
    fn default() -> Self {
        Self { credit: 100, timeout: Duration::from_secs(30) }
    }
}

impl PairConfig {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many requests the peer may send ahead. Default 100.
    #[must_use]
    pub fn credit(mut self, credit: u32) -> Self {
        self.credit = credit;
        self
    }

    /// Sets how long the first link waits for the second one. Default 30 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Something that happened to a [`LinkPair`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairEvent {
    /// Both links are open.
    Open,
    /// One of the links has ended, or the second one was not attached in time. The other was closed. The last event.
    Closed {
        /// The reason, unless the link was closed without an error.
        failure: Option<Arc<Failure>>,
    },
}

/// Two links of one name in opposite directions, for requests and their answers.
///
/// A client attaches both by [`attach`](Self::attach), which returns [`Requests`]. A server accepts the first one that a
/// peer asks for, and passes events on until the second one is there:
///
/// ```
/// use amqp_proto::{
///     Connection, Event, Instant,
///     extensions::{LinkPair, PairConfig},
/// };
///
/// fn on_event(now: Instant, connection: &mut Connection, pairs: &mut Vec<LinkPair>, mut event: Event) {
///     for pair in pairs.iter_mut() {
///         match pair.handle(now, connection, event) {
///             Some(other) => event = other,
///             None => return,
///         }
///     }
///     if LinkPair::is_requested(connection, &event) {
///         pairs.extend(LinkPair::accept(now, connection, &event, PairConfig::new()));
///     } else if let Event::Delivery { delivery, .. } = &event {
///         println!("a request for one of the pairs: {:?}", delivery.payload);
///     }
/// }
/// ```
#[derive(Debug)]
pub struct LinkPair {
    session: SessionId,
    name: Str,
    /// The node that the first link is for.
    node: Option<Str>,
    config: PairConfig,
    sender: Option<SenderId>,
    receiver: Option<ReceiverId>,
    sender_open: bool,
    receiver_open: bool,
    closed: bool,
    /// When the second link must have been asked for; none once it was.
    deadline: Option<Instant>,
    events: VecDeque<PairEvent>,
}

impl LinkPair {
    /// The capability that a container offers in its open.
    pub const CAPABILITY: Symbol = Symbol::from_static("LINK_PAIR_V1_0");
    /// The `reply-to` of a request whose answer goes to the other link of the pair.
    pub const REPLY_TO: &'static str = "$me";

    /// True if the peer's open offers link pairs.
    pub fn is_offered(open: &Open) -> bool {
        open.offered_capabilities.contains(&Self::CAPABILITY)
    }

    /// Attaches a pair to a node, and returns what sends requests over it. `config` decides all but the `reply-to`.
    ///
    /// # Errors
    /// Those of [`Requests::attach`].
    pub fn attach(
        connection: &mut Connection,
        session: SessionId,
        name: impl Into<Str>,
        node: impl Into<Str>,
        config: RequestConfig,
    ) -> Result<Requests, CommandError> {
        let (name, node) = (name.into(), node.into());
        let config = config.reply_to(ReplyTo::Named(Str::from_static(Self::REPLY_TO)));
        let sender = SenderConfig::new()
            .name(name.clone())
            .source(Source::at(node.clone()))
            .target(Target::at(node.clone()))
            .snd_settle_mode(SenderSettleMode::Settled)
            .properties(paired());
        let receiver = ReceiverConfig::new()
            .name(name)
            .source(Source::at(node.clone()))
            .target(Target::at(node))
            .snd_settle_mode(SenderSettleMode::Settled)
            .properties(paired());
        let receiver = config.receiver(receiver);
        Requests::attach_links(connection, session, sender, receiver, config)
    }

    /// True if the event is a peer's request for a link of a pair.
    pub fn is_requested(connection: &Connection, event: &Event) -> bool {
        requested(connection, event).is_some()
    }

    /// Accepts the first link of a pair, at the server.
    ///
    /// The second one is accepted by [`handle`](Self::handle). Requests arrive as deliveries of the receiver, which the
    /// application settles; it sends the answers on the sender, settled.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if the event is no request for a link of a pair, and the errors of
    /// [`accept_sender`](Connection::accept_sender).
    pub fn accept(
        now: Instant,
        connection: &mut Connection,
        event: &Event,
        config: PairConfig,
    ) -> Result<Self, CommandError> {
        let Some((session, link, attach)) = requested(connection, event) else {
            return Err(CommandError::IllegalState("the link is not one of a pair"));
        };
        let mut pair = Self {
            session,
            node: node_of(link, &attach).map(|node| node.detach()),
            name: attach.name.detach(),
            config,
            sender: None,
            receiver: None,
            sender_open: false,
            receiver_open: false,
            closed: false,
            deadline: Some(now.saturating_add(config.timeout)),
            events: VecDeque::new(),
        };
        pair.accept_link(connection, link)?;
        Ok(pair)
    }

    /// Returns the link that answers are sent on, once the peer has asked for it.
    pub fn sender(&self) -> Option<SenderId> {
        self.sender
    }

    /// Returns the link that requests arrive on, once the peer has asked for it.
    pub fn receiver(&self) -> Option<ReceiverId> {
        self.receiver
    }

    /// True if both links are open.
    pub fn is_open(&self) -> bool {
        self.sender_open && self.receiver_open && !self.closed
    }

    /// Returns the name that both links have.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes an event of the connection, and returns it if it is not about the pair.
    ///
    /// Deliveries, their settlement, and credit are returned too: they are the application's. So is a request for the second
    /// link that cannot be accepted, because the answer does not fit the peer's frames: it is to be refused.
    pub fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event> {
        if let Some((session, link, attach)) = requested(connection, &event) {
            let is_free = match link {
                LinkId::Sender(_) => self.sender.is_none(),
                LinkId::Receiver(_) => self.receiver.is_none(),
            };
            // Another node is not one that the first link has been accepted for.
            let is_second = attach.name == self.name.as_str() && node_of(link, &attach) == self.node;
            if self.closed || !is_free || session != self.session || !is_second {
                return Some(event);
            }
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                self.handle_timeout(now, connection);
                return Some(event);
            }
            if self.accept_link(connection, link).is_ok() {
                return None;
            }
            // It is still to be answered, and a refusal may fit the peer's frames.
            self.end(connection, None, None);
            return Some(event);
        }
        let is_ours = match link_of(&event) {
            Some(LinkId::Sender(sender)) => Some(sender) == self.sender,
            Some(LinkId::Receiver(receiver)) => Some(receiver) == self.receiver,
            None => false,
        };
        if !is_ours {
            return Some(event);
        }
        let was_open = self.is_open();
        match event {
            Event::SenderOpen { .. } => self.sender_open = true,
            Event::ReceiverOpen { .. } => self.receiver_open = true,
            Event::SenderError { failure, .. } | Event::ReceiverError { failure, .. } => {
                self.end(connection, Some(failure), None);
            }
            Event::SenderClosed { .. }
            | Event::SenderDetached { .. }
            | Event::ReceiverClosed { .. }
            | Event::ReceiverDetached { .. } => self.end(connection, None, None),
            other => return Some(other),
        }
        if self.is_open() && !was_open {
            self.events.push_back(PairEvent::Open);
        }
        None
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<PairEvent> {
        self.events.pop_front()
    }

    /// Returns the time by which the peer must have asked for the second link.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Closes the first link if the second one was not asked for in time.
    pub fn handle_timeout(&mut self, now: Instant, connection: &mut Connection) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            let why = "the other link of the pair was not attached in time";
            let error = AmqpError::described(ErrorCondition::PreconditionFailed, Str::from_static(why));
            self.end(connection, None, Some(error));
        }
    }

    fn accept_link(&mut self, connection: &mut Connection, link: LinkId) -> Result<(), CommandError> {
        match link {
            LinkId::Sender(sender) => {
                let config =
                    SenderConfig::new().snd_settle_mode(SenderSettleMode::Settled).properties(paired());
                connection.accept_sender(sender, config)?;
                self.sender = Some(sender);
            }
            LinkId::Receiver(receiver) => {
                let credit = CreditPolicy::Auto(self.config.credit);
                let config = ReceiverConfig::new().credit(credit).properties(paired());
                connection.accept_receiver(receiver, config)?;
                self.receiver = Some(receiver);
            }
        }
        if self.sender.is_some() && self.receiver.is_some() {
            self.deadline = None;
        }
        Ok(())
    }

    fn end(&mut self, connection: &mut Connection, failure: Option<Arc<Failure>>, error: Option<AmqpError>) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.deadline = None;
        if let Some(sender) = self.sender {
            let _ = connection.sender(sender).and_then(|mut sender| sender.close(error.clone()));
        }
        if let Some(receiver) = self.receiver {
            let _ = connection.receiver(receiver).and_then(|mut receiver| receiver.close(error));
        }
        self.events.push_back(PairEvent::Closed { failure });
    }
}

fn paired() -> Fields {
    Fields::new().with(PAIRED, true)
}

/// Returns the address of our end of a link that the peer asks for.
fn node_of(link: LinkId, attach: &Attach) -> Option<Str> {
    match link {
        LinkId::Sender(_) => attach.source.as_ref()?.address.clone(),
        LinkId::Receiver(_) => match attach.target.as_deref()? {
            TargetArchetype::Target(target) => target.address.clone(),
            TargetArchetype::Coordinator(_) => None,
        },
    }
}

/// Returns the link that the peer asks for as one of a pair.
fn requested(connection: &Connection, event: &Event) -> Option<(SessionId, LinkId, Attach)> {
    let (session, link, attach) = match event {
        Event::SenderRequested { session, sender } => {
            (*session, (*sender).into(), connection.sender_ref(*sender).ok()?.remote_attach()?)
        }
        Event::ReceiverRequested { session, receiver } => {
            (*session, (*receiver).into(), connection.receiver_ref(*receiver).ok()?.remote_attach()?)
        }
        _ => return None,
    };
    let is_paired = attach.properties.as_ref()?.get("paired").and_then(Value::as_bool) == Some(true);
    is_paired.then_some((session, link, attach))
}
