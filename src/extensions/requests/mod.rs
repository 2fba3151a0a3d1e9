//! Requests and their answers: correlation, deadlines and bounds.
//!
//! Source: AMQP Management, working draft 16, section 3; used in the same form by `$cbs` and by link pairs.

mod types;

pub use types::{ReplyTo, RequestConfig, RequestEvent, RequestFailure, RequestId};

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

use super::{link_of, status::parse_answer};
use crate::{
    Cause, CommandError, Connection, Delivery, DeliveryId, Event, Failure, Instant, LinkId, ReceiverConfig,
    ReceiverId, SendOptions, SenderConfig, SenderId, SessionId,
    message::{HasBody, MessageBuilder, MessageIdRef},
    spec::{
        definitions::ErrorCondition,
        delivery_state::DeliveryState,
        messaging::{MESSAGE_FORMAT, MessageId},
        terminus::{Source, Target},
    },
    types::Str,
};

/// A sending link for requests and a receiving link for their answers.
///
/// An answer belongs to the request whose message-id is its correlation-id. An answer to nothing, a late or second one
/// too, is accepted, settled and counted. If either link ends, all pending requests fail and the other link is closed.
///
/// A request that takes too long is settled, or aborted if it is partly unsent.
///
/// ```
/// use amqp_proto::{
///     CommandError, Connection, Event, Instant, SessionId,
///     extensions::{RequestConfig, RequestEvent, Requests},
///     message::Message,
/// };
///
/// fn attach(connection: &mut Connection, session: SessionId) -> Result<Requests, CommandError> {
///     Requests::attach(connection, session, "calculator", RequestConfig::new("client-7"))
/// }
///
/// fn on_event(now: Instant, connection: &mut Connection, requests: &mut Requests, event: Event) {
///     let _of_somebody_else = requests.handle(now, connection, event);
///     while let Some(event) = requests.poll_event() {
///         match event {
///             RequestEvent::Ready => {
///                 let request = Message::builder().subject("add").sequence(&[1.into(), 2.into()]);
///                 requests.send(now, connection, request, None).expect("it is ready");
///             }
///             RequestEvent::Answered { delivery, .. } => println!("{:?}", delivery.payload),
///             RequestEvent::Failed { why, .. } => println!("{why}"),
///             _ => {}
///         }
///     }
/// }
/// ```
///
#[doc = include_str!("../../../docs/requests.md")]
#[derive(Debug)]
pub struct Requests {
    sender: SenderId,
    /// None if the outcome of a request is its answer.
    receiver: Option<ReceiverId>,
    sender_open: bool,
    receiver_open: bool,
    closed: bool,
    /// The sender can send, and `Ready` has not been raised for it.
    ready_owed: bool,
    /// `Ready` has been raised, and no request has been refused for want of credit or room since.
    is_ready: bool,
    /// The time at which the links end unless they are ready.
    ready_by: Option<Instant>,
    prefix: Str,
    /// None until the peer has named a dynamic node.
    reply_to: Option<Str>,
    max_pending: usize,
    timeout: Duration,
    last_id: u64,
    pending: BTreeMap<RequestId, Pending>,
    deadlines: BTreeSet<(Instant, RequestId)>,
    /// Requests that the peer has not settled, those that are no longer pending too.
    unsettled: BTreeMap<DeliveryId, RequestId>,
    events: VecDeque<RequestEvent>,
    unmatched: u64,
}

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug)]
struct Pending {
    deadline: Instant,
    /// None if it was sent settled.
    delivery: Option<DeliveryId>,
}

impl Requests {
    /// Attaches both links to a node: a sender to it, and a receiver from it, or from a dynamic one.
    ///
    /// # Errors
    /// Those of [`attach_sender`](crate::Session::attach_sender). If the second link cannot be attached, the first is
    /// closed again.
    pub fn attach(
        connection: &mut Connection,
        session: SessionId,
        node: impl Into<Str>,
        config: RequestConfig,
    ) -> Result<Self, CommandError> {
        let node = node.into();
        let (source, target) = match &config.reply_to {
            ReplyTo::Named(address) => (Source::at(node.clone()), Target::at(address.clone())),
            ReplyTo::Dynamic => (Source { dynamic: true, ..Source::default() }, Target::default()),
        };
        let receiver = config.receiver(ReceiverConfig::new().source(source).target(target));
        Self::attach_links(connection, session, SenderConfig::to(node), receiver, config)
    }

    pub(super) fn attach_links(
        connection: &mut Connection,
        session: SessionId,
        sender: SenderConfig,
        receiver: ReceiverConfig,
        config: RequestConfig,
    ) -> Result<Self, CommandError> {
        let mut session = connection.session(session)?;
        // RabbitMQ's clients attach the receiver first.
        let receiver = session.attach_receiver(receiver)?;
        match session.attach_sender(sender) {
            Ok(sender) => Ok(Self::new(sender, Some(receiver), config)),
            Err(error) => {
                let _ = connection.receiver(receiver).and_then(|mut receiver| receiver.close(None));
                Err(error)
            }
        }
    }

    /// Takes over links that are attached already. Without a receiver the outcome of a request is its answer.
    ///
    /// The receiver must grant credit by itself. Pass all events of the two links to [`handle`](Self::handle) from then on.
    ///
    /// # Errors
    /// [`CommandError::UnknownLink`] if one of the links is gone.
    pub fn over(
        connection: &mut Connection,
        sender: SenderId,
        receiver: Option<ReceiverId>,
        config: RequestConfig,
    ) -> Result<Self, CommandError> {
        let (sender_open, ready) = {
            let sender = connection.sender_ref(sender)?;
            (sender.is_open(), sender.is_sendable())
        };
        let mut requests = Self::new(sender, receiver, config);
        requests.sender_open = sender_open;
        requests.ready_owed = ready;
        if let Some(receiver) = receiver
            && connection.receiver_ref(receiver)?.is_open()
        {
            requests.on_receiver_open(connection, receiver);
        }
        requests.raise_ready();
        Ok(requests)
    }

    fn new(sender: SenderId, receiver: Option<ReceiverId>, config: RequestConfig) -> Self {
        Self {
            sender,
            receiver,
            sender_open: false,
            receiver_open: receiver.is_none(),
            closed: false,
            ready_owed: false,
            is_ready: false,
            ready_by: None,
            prefix: config.prefix,
            reply_to: match config.reply_to {
                ReplyTo::Named(address) => Some(address),
                ReplyTo::Dynamic => None,
            },
            max_pending: config.max_pending,
            timeout: config.timeout,
            last_id: 0,
            pending: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            unsettled: BTreeMap::new(),
            events: VecDeque::new(),
            unmatched: 0,
        }
    }

    /// Returns the link that requests are sent on.
    pub fn sender(&self) -> SenderId {
        self.sender
    }

    /// Returns the link that answers arrive on, if there is one.
    pub fn receiver(&self) -> Option<ReceiverId> {
        self.receiver
    }

    /// True if both links are open.
    pub fn is_open(&self) -> bool {
        self.sender_open && self.receiver_open && !self.closed
    }

    /// True once one of the links has ended.
    pub(in crate::extensions) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Continues the message-ids of links that have ended.
    pub(in crate::extensions) fn numbered_after(mut self, previous: &Self) -> Self {
        self.last_id = previous.last_id;
        self
    }

    /// Returns the number of requests that wait for an answer.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Returns the number of answers that arrived and belong to no pending request.
    pub fn unmatched(&self) -> u64 {
        self.unmatched
    }

    /// Sends a request with a message-id and a `reply-to` of ours; those that the message has are replaced.
    ///
    /// [`Answered`](RequestEvent::Answered) or [`Failed`](RequestEvent::Failed) follows, the latter at
    /// `now` and the timeout at the latest.
    ///
    /// # Errors
    /// [`CommandError::LimitReached`] if [`max_pending`](RequestConfig::max_pending) requests wait,
    /// [`CommandError::IllegalState`] if the links are not open, and those of [`send`](crate::Sender::send).
    /// [`Ready`](RequestEvent::Ready) follows once a [temporary](CommandError::is_temporary) one is over, or
    /// [`Closed`](RequestEvent::Closed) if that takes longer than [`timeout`](RequestConfig::timeout).
    pub fn send<B: HasBody>(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        message: MessageBuilder<B>,
        timeout: Option<Duration>,
    ) -> Result<RequestId, CommandError> {
        if !self.is_open() {
            return Err(CommandError::IllegalState("the links for requests are not open"));
        }
        if self.pending.len() >= self.max_pending {
            return Err(CommandError::LimitReached("max_pending"));
        }
        let id = RequestId(self.last_id.saturating_add(1));
        let message = match (&self.receiver, &self.reply_to) {
            (Some(_), Some(reply_to)) => {
                let text: String = alloc::format!("{}-{}", self.prefix, id);
                message.message_id(MessageId::String(text.into())).reply_to(reply_to)
            }
            _ => message,
        };
        if let Some(receiver) = self.receiver {
            // RabbitMQ ends the session if a request is there before the credit for its answer.
            connection.receiver(receiver)?.write_updates()?;
        }
        let mut sender = connection.sender(self.sender)?;
        let delivery = match sender.send_with(id.0, message.build(), &SendOptions::new()) {
            Ok(delivery) => delivery,
            Err(error) => {
                self.is_ready &= !error.is_temporary();
                self.limit_wait(now);
                return Err(error);
            }
        };
        self.last_id = id.0;
        let deadline = now.saturating_add(timeout.unwrap_or(self.timeout));
        // A link pair sends settled, by the mode of its link, and then nothing is ever unsettled.
        let delivery = (sender.unsettled_len() > 0).then_some(delivery);
        self.pending.insert(id, Pending { deadline, delivery });
        self.deadlines.insert((deadline, id));
        self.unsettled.extend(delivery.map(|delivery| (delivery, id)));
        Ok(id)
    }

    /// Closes both links. All pending requests fail.
    pub fn close(&mut self, connection: &mut Connection) {
        self.end(connection, None);
    }

    /// Takes an event of the connection, and returns it if it is not about one of the two links.
    pub fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event> {
        let is_ours = match link_of(&event) {
            Some(LinkId::Sender(sender)) => sender == self.sender,
            Some(LinkId::Receiver(receiver)) => Some(receiver) == self.receiver,
            None => false,
        };
        let mut rest = Some(event);
        if is_ours && let Some(event) = rest.take() {
            self.on_event(connection, event);
        }
        self.raise_ready();
        self.limit_wait(now);
        rest
    }

    fn on_event(&mut self, connection: &mut Connection, event: Event) {
        match event {
            Event::SenderOpen { .. } => self.sender_open = true,
            // The first one may be known from `over` already.
            Event::SenderReady { .. } => self.ready_owed = !self.is_ready,
            // 2.6.7: there is never a request that waits here, so the credit can go back at once.
            Event::SenderDrain { sender } => {
                let _ = connection.sender(sender).and_then(|mut sender| sender.drained());
            }
            Event::ReceiverOpen { receiver } => self.on_receiver_open(connection, receiver),
            Event::Delivery { receiver, delivery } => self.on_reply(connection, receiver, delivery),
            Event::DeliverySettled { link: LinkId::Sender(_), first, last, state } => {
                self.on_settled(first, last, state.as_ref());
            }
            Event::SenderError { failure, .. } | Event::ReceiverError { failure, .. } => {
                self.end(connection, Some(failure));
            }
            Event::SenderClosed { .. }
            | Event::SenderDetached { .. }
            | Event::ReceiverClosed { .. }
            | Event::ReceiverDetached { .. } => self.end(connection, None),
            _ => {}
        }
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<RequestEvent> {
        self.events.pop_front()
    }

    /// Returns the earliest deadline of a request, or of the wait until one can be sent.
    ///
    /// A wait that begins by [`over`](Self::over) has its deadline from the next [`handle`](Self::handle) or
    /// [`handle_timeout`](Self::handle_timeout), which is due at once.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let first = self.deadlines.first().map(|(deadline, _)| *deadline);
        let ready_by = if self.waits() { self.ready_by.or(Some(Instant::from_millis(0))) } else { None };
        [first, ready_by].into_iter().flatten().min()
    }

    /// Fails the requests whose deadline has been reached, and closes links on which none could be sent in time.
    pub fn handle_timeout(&mut self, now: Instant, connection: &mut Connection) {
        while self.deadlines.first().is_some_and(|(deadline, _)| *deadline <= now) {
            let Some((_, id)) = self.deadlines.pop_first() else { return };
            let delivery = self.pending.get(&id).and_then(|pending| pending.delivery);
            self.fail(id, RequestFailure::TimedOut);
            if let Some(delivery) = delivery.filter(|delivery| self.unsettled.contains_key(delivery)) {
                self.give_up(connection, delivery);
            }
        }
        if self.ready_by.is_some_and(|deadline| deadline <= now) {
            self.ready_by = None;
            if self.pending.is_empty() {
                let why = "the peer let no request be sent in time: its credit or window stayed 0 (2.6.7)";
                let (cause, condition) = (Cause::TimedOut, ErrorCondition::ResourceLimitExceeded);
                return self.end(connection, Some(Arc::new(Failure::new(cause, condition, why))));
            }
            // A node may take one request at a time. Those that wait have deadlines of their own.
        }
        self.limit_wait(now);
    }

    /// True if the links are open and no request can be sent.
    fn waits(&self) -> bool {
        self.is_open() && !self.is_ready
    }

    /// Sets the time at which the links end, if no request can be sent.
    fn limit_wait(&mut self, now: Instant) {
        if self.waits() && self.ready_by.is_none() {
            self.ready_by = Some(now.saturating_add(self.timeout));
        }
    }

    /// Learns the address of a dynamic node. Without one the links are of no use.
    fn on_receiver_open(&mut self, connection: &mut Connection, receiver: ReceiverId) {
        if self.reply_to.is_none() {
            let attach = connection.receiver_ref(receiver).ok().and_then(|receiver| receiver.remote_attach());
            // 3.5.3: the sending end names the node that it made.
            self.reply_to = attach.and_then(|attach| attach.source?.address).map(|address| address.detach());
        }
        self.receiver_open = self.reply_to.is_some();
        if !self.receiver_open {
            self.end(connection, None);
        }
    }

    fn raise_ready(&mut self) {
        if self.ready_owed && self.is_open() {
            self.ready_owed = false;
            (self.is_ready, self.ready_by) = (true, None);
            self.events.push_back(RequestEvent::Ready);
        }
    }

    fn on_reply(&mut self, connection: &mut Connection, receiver: ReceiverId, delivery: Delivery) {
        if !delivery.settled {
            // 3.5.3: the source may not list the outcome, and may be held to that.
            let _ = connection.receiver(receiver).and_then(|mut receiver| {
                receiver.accept(delivery.id).or_else(|_| receiver.settle(delivery.id, None))
            });
        }
        match self.request_of(&delivery).filter(|id| self.forget(*id)) {
            Some(id) => {
                self.events.push_back(RequestEvent::Answered { id, delivery: Box::new(delivery) });
                self.bound_unsettled(connection);
            }
            None => self.unmatched = self.unmatched.saturating_add(1),
        }
    }

    /// Returns the request that a delivery is correlated with.
    fn request_of(&self, delivery: &Delivery) -> Option<RequestId> {
        if delivery.message_format != MESSAGE_FORMAT {
            return None;
        }
        let message = parse_answer(delivery.payload.clone()).ok()?;
        let id = message.properties_ref().ok()??.correlation_id?;
        // Compared by value: some peers turn a string into a binary.
        let text = match id {
            MessageIdRef::String(text) => text.as_bytes(),
            MessageIdRef::Binary(bytes) => bytes,
            MessageIdRef::Ulong(_) | MessageIdRef::Uuid(_) => return None,
        };
        let digits = text.strip_prefix(self.prefix.as_bytes())?.strip_prefix(b"-")?;
        let number: u64 = core::str::from_utf8(digits).ok()?.parse().ok()?;
        // `parse` takes a sign and leading zeros, which no id of ours has.
        digits.first().is_some_and(|digit| matches!(digit, b'1'..=b'9')).then_some(RequestId(number))
    }

    fn on_settled(&mut self, first: DeliveryId, last: DeliveryId, state: Option<&DeliveryState>) {
        let settled: Vec<(DeliveryId, RequestId)> =
            self.unsettled.range(first..=last).map(|(delivery, id)| (*delivery, *id)).collect();
        for (delivery, id) in settled {
            self.unsettled.remove(&delivery);
            match state {
                Some(DeliveryState::Accepted(_)) if self.receiver.is_some() => {}
                Some(DeliveryState::Accepted(_)) => {
                    if self.forget(id) {
                        self.events.push_back(RequestEvent::Accepted { id });
                    }
                }
                // The answer may still arrive.
                None if self.receiver.is_some() => {}
                state => self.fail(id, RequestFailure::NotAccepted(state.cloned())),
            }
        }
    }

    /// Removes a pending request. Returns false if it is not pending.
    fn forget(&mut self, id: RequestId) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        self.deadlines.remove(&(pending.deadline, id));
        true
    }

    fn fail(&mut self, id: RequestId, why: RequestFailure) {
        if self.forget(id) {
            self.events.push_back(RequestEvent::Failed { id, why });
        }
    }

    /// Settles the oldest request that is unsettled and no longer pending, if there are too many of them.
    fn bound_unsettled(&mut self, connection: &mut Connection) {
        let beside_pending = self.unsettled.len().saturating_sub(self.pending.len());
        if beside_pending > self.max_pending {
            let oldest = self.unsettled.iter().find(|(_, id)| !self.pending.contains_key(id));
            if let Some(delivery) = oldest.map(|(delivery, _)| *delivery) {
                self.give_up(connection, delivery);
            }
        }
    }

    /// Settles a delivery whose outcome no longer matters, or aborts it if it is partly unsent.
    fn give_up(&mut self, connection: &mut Connection, delivery: DeliveryId) {
        let Ok(mut sender) = connection.sender(self.sender) else { return };
        self.unsettled.remove(&delivery);
        let _ = sender.settle(delivery, None).or_else(|_| sender.abort(delivery));
    }

    fn end(&mut self, connection: &mut Connection, failure: Option<Arc<Failure>>) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.ready_by = None;
        let _ = connection.sender(self.sender).and_then(|mut sender| sender.close(None));
        if let Some(receiver) = self.receiver {
            let _ = connection.receiver(receiver).and_then(|mut receiver| receiver.close(None));
        }
        for id in core::mem::take(&mut self.pending).into_keys() {
            self.events.push_back(RequestEvent::Failed { id, why: RequestFailure::LinkLost });
        }
        self.deadlines.clear();
        self.unsettled.clear();
        self.events.push_back(RequestEvent::Closed { failure });
    }
}
