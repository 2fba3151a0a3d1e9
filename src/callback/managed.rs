//! One connection of an agent: the engine, and the callbacks of what lies in it.

use alloc::{
    collections::{BTreeMap, VecDeque},
    string::{String, ToString},
    vec::Vec,
};
use core::cell::RefCell;

use super::{
    delivery::{Delivery, Verdict},
    registry::{Callback, Command, OnMessage, OnOutcome, Registry},
    url::Url,
};
use crate::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, DeliveryId, Event, LinkId, ReceiverConfig,
    ReceiverId, SenderConfig, SenderId, SessionId,
    frame::Payload,
    sasl::Offer,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::DeliveryState,
    },
    types::Str,
};

/// What a key stands for in the engine.
#[derive(Clone, Copy)]
enum Id {
    Connection,
    Session(SessionId),
    Sender(SenderId),
    Receiver(ReceiverId),
}

/// What every object has.
struct Object {
    key: u64,
    callback: Option<Callback>,
}

struct SenderObject {
    object: Object,
    queue: VecDeque<(Payload, Option<OnOutcome>)>,
    outcomes: BTreeMap<DeliveryId, OnOutcome>,
    next_tag: u32,
    /// Why we closed the link, where a message could not be sent at all.
    failure: Option<CommandError>,
}

struct ReceiverObject {
    object: Object,
    on_message: OnMessage,
}

/// A session or link that the engine did not take, to be reported at the next occasion.
struct Failed {
    object: Object,
    /// The session that a link was to lie in.
    session: Option<u64>,
    event: &'static str,
    why: String,
}

type Shared = RefCell<Registry>;

pub(super) struct Managed {
    pub(super) engine: Connection,
    object: Object,
    ended: bool,
    ids: BTreeMap<u64, Id>,
    sessions: BTreeMap<SessionId, Object>,
    senders: BTreeMap<SenderId, SenderObject>,
    receivers: BTreeMap<ReceiverId, ReceiverObject>,
    failed: VecDeque<Failed>,
}

impl Object {
    /// Tells of an event, to the connection's callback where there is no other.
    fn tell(&mut self, fallback: &mut Option<Callback>, event: &str, detail: Option<&str>) {
        if let Some(callback) = self.callback.as_mut().or(fallback.as_mut()) {
            callback(event, detail);
        }
    }
}

impl Managed {
    pub(super) fn open(key: u64, config: ConnectionConfig, url: &Url, callback: Callback) -> Self {
        let offer = match &url.credentials {
            Some((user, password)) => Offer::plain(user, password),
            None => Offer::anonymous(),
        };
        let config = config.hostname(url.endpoint.host.as_str()).sasl(offer);
        let mut engine = Connection::new(config);
        // A new connection with a SASL mechanism can always start; one that could not has come to its end.
        if engine.open().is_err() {
            let _ = engine.close(None);
        }
        Self {
            engine,
            object: Object { key, callback: Some(callback) },
            ended: false,
            ids: BTreeMap::from([(key, Id::Connection)]),
            sessions: BTreeMap::new(),
            senders: BTreeMap::new(),
            receivers: BTreeMap::new(),
            failed: VecDeque::new(),
        }
    }

    /// Whether the last event has been told and the last octet written.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.engine.is_closed()
    }

    pub(super) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    pub(super) fn command(&mut self, command: Command, registry: &Shared) {
        match command {
            // The agent's own to carry out.
            Command::Connect { .. } => {}
            Command::Begin { key, callback } => self.begin(Object { key, callback }, registry),
            Command::AttachSender { key, session, path, callback } => {
                self.attach_sender(Object { key, callback }, session, path);
            }
            Command::AttachReceiver { key, session, path, callback, on_message } => {
                let credit = registry.borrow().settings.credit;
                let object = ReceiverObject { object: Object { key, callback }, on_message };
                self.attach_receiver(object, session, path, credit);
            }
            Command::Send { key, payload, on_outcome } => {
                if let Some(Id::Sender(id)) = self.ids.get(&key).copied()
                    && let Some(sender) = self.senders.get_mut(&id)
                {
                    sender.queue.push_back((payload, on_outcome));
                    self.flush(id, registry);
                }
            }
            Command::Close { key } => self.close(key),
        }
    }

    fn begin(&mut self, object: Object, registry: &Shared) {
        let begin = registry.borrow().settings.begin.clone();
        match self.engine.begin(begin) {
            Ok(id) => {
                self.ids.insert(object.key, Id::Session(id));
                self.sessions.insert(id, object);
            }
            Err(error) => self.fail(object, None, "SESSION_ERROR", error),
        }
    }

    fn attach_sender(&mut self, object: Object, session: u64, path: Str) {
        let attached = self.session(session).and_then(|id| {
            let mut session = self.engine.session(id)?;
            session.attach_sender(SenderConfig::to(path))
        });
        match attached {
            Ok(id) => {
                self.ids.insert(object.key, Id::Sender(id));
                let sender = SenderObject {
                    object,
                    queue: VecDeque::new(),
                    outcomes: BTreeMap::new(),
                    next_tag: 0,
                    failure: None,
                };
                self.senders.insert(id, sender);
            }
            Err(error) => self.fail(object, Some(session), "SENDER_ERROR", error),
        }
    }

    fn attach_receiver(&mut self, receiver: ReceiverObject, session: u64, path: Str, credit: u32) {
        let attached = self.session(session).and_then(|id| {
            let mut session = self.engine.session(id)?;
            session.attach_receiver(ReceiverConfig::from(path).credit(CreditPolicy::Auto(credit)))
        });
        match attached {
            Ok(id) => {
                self.ids.insert(receiver.object.key, Id::Receiver(id));
                self.receivers.insert(id, receiver);
            }
            Err(error) => self.fail(receiver.object, Some(session), "RECEIVER_ERROR", error),
        }
    }

    fn session(&self, key: u64) -> Result<SessionId, CommandError> {
        match self.ids.get(&key) {
            Some(Id::Session(id)) => Ok(*id),
            _ => Err(CommandError::UnknownId),
        }
    }

    /// Links go before their session here too.
    fn fail(&mut self, object: Object, session: Option<u64>, event: &'static str, error: CommandError) {
        let failed = Failed { object, session, event, why: error.to_string() };
        if session.is_some() { self.failed.push_front(failed) } else { self.failed.push_back(failed) }
    }

    /// Closes the object, if it is not closed. What can't be closed yet is when it opens.
    fn close(&mut self, key: u64) {
        let _ = match self.ids.get(&key) {
            Some(Id::Connection) => self.engine.close(None),
            Some(Id::Session(id)) => self.engine.session(*id).and_then(|mut session| session.end(None)),
            Some(Id::Sender(id)) => self.engine.sender(*id).and_then(|mut sender| sender.close(None)),
            Some(Id::Receiver(id)) => self.engine.receiver(*id).and_then(|mut receiver| receiver.close(None)),
            None => Ok(()),
        };
    }

    /// Sends what is queued, as far as it goes.
    fn flush(&mut self, id: SenderId, registry: &Shared) {
        let Some(sender) = self.senders.get_mut(&id) else { return };
        while let Some((payload, _)) = sender.queue.front()
            && let Ok(mut link) = self.engine.sender(id)
        {
            match link.send(sender.next_tag, payload.clone()) {
                Ok(delivery) => {
                    sender.next_tag = sender.next_tag.wrapping_add(1);
                    registry.borrow_mut().unqueue(sender.object.key);
                    let sent = sender.queue.pop_front();
                    if let Some(on_outcome) = sent.and_then(|(_, on_outcome)| on_outcome) {
                        sender.outcomes.insert(delivery, on_outcome);
                    }
                }
                Err(error @ (CommandError::TooLarge { .. } | CommandError::FrameTooLarge { .. })) => {
                    // It would stand in the way of all others for good, and must not vanish either.
                    sender.failure = Some(error);
                    let _ = link.close(None);
                    return;
                }
                Err(_) => return,
            }
        }
    }

    /// Reports what the engine did not take until now.
    pub(super) fn report_failed(&mut self, registry: &Shared) {
        for _ in 0..self.failed.len() {
            if let Some(failed) = self.failed.pop_front() {
                self.report(failed, registry);
            }
        }
    }

    fn report(&mut self, mut failed: Failed, registry: &Shared) {
        registry.borrow_mut().remove(failed.object.key);
        failed.object.tell(&mut self.object.callback, failed.event, Some(&failed.why));
    }

    /// Reports what the engine did not take of a session's links, before the session's own end.
    fn report_failed_links(&mut self, session: u64, registry: &Shared) {
        let of_session = |failed: &Failed| failed.session == Some(session);
        while let Some(at) = self.failed.iter().position(of_session) {
            if let Some(failed) = self.failed.remove(at) {
                self.report(failed, registry);
            }
        }
    }

    /// Does what an event asks for, and tells it to whom it concerns.
    pub(super) fn dispatch(&mut self, event: &Event, registry: &Shared) {
        match event {
            Event::ConnectionOpen => self.opened(self.object.key, event, registry),
            Event::ConnectionClosed | Event::ConnectionError(_) => self.connection_ended(event, registry),
            Event::SessionOpen { session } => {
                if let Some(object) = self.sessions.get(session) {
                    self.opened(object.key, event, registry);
                }
            }
            Event::SessionClosed { session } | Event::SessionError { session, .. } => {
                self.session_ended(*session, event, registry);
            }
            Event::SenderOpen { sender } => {
                if let Some(object) = self.senders.get(sender) {
                    self.opened(object.object.key, event, registry);
                    self.flush(*sender, registry);
                }
            }
            Event::SenderReady { sender } => self.flush(*sender, registry),
            Event::SenderDrain { sender } => {
                self.flush(*sender, registry);
                if let Ok(mut link) = self.engine.sender(*sender) {
                    let _ = link.drained();
                }
            }
            Event::SenderClosed { sender, .. }
            | Event::SenderDetached { sender }
            | Event::SenderError { sender, .. } => self.sender_ended(*sender, event, registry),
            Event::ReceiverOpen { receiver } => {
                if let Some(object) = self.receivers.get(receiver) {
                    self.opened(object.object.key, event, registry);
                }
            }
            Event::ReceiverClosed { receiver, .. }
            | Event::ReceiverDetached { receiver }
            | Event::ReceiverError { receiver, .. } => self.receiver_ended(*receiver, event, registry),
            Event::Delivery { receiver, delivery } => self.deliver(*receiver, *delivery, registry),
            Event::DeliverySettled { link: LinkId::Sender(sender), first, last, state } => {
                self.settled(*sender, (*first, *last), state.as_ref());
            }
            other => self.refuse(other),
        }
    }

    /// An agent asks, it is not asked.
    fn refuse(&mut self, event: &Event) {
        let error = AmqpError::described(ErrorCondition::NotAllowed, "nothing is served here");
        let _ = match event {
            Event::SessionRequested { session } => self.engine.refuse_session(*session, error),
            Event::SenderRequested { sender, .. } => self.engine.refuse_sender(*sender, error),
            Event::ReceiverRequested { receiver, .. } => self.engine.refuse_receiver(*receiver, error),
            _ => Ok(()),
        };
    }

    fn opened(&mut self, key: u64, event: &Event, registry: &Shared) {
        if !registry.borrow_mut().opened(key) {
            self.close(key);
        }
        let object = match self.ids.get(&key) {
            Some(Id::Session(id)) => self.sessions.get_mut(id),
            Some(Id::Sender(id)) => self.senders.get_mut(id).map(|sender| &mut sender.object),
            Some(Id::Receiver(id)) => self.receivers.get_mut(id).map(|receiver| &mut receiver.object),
            Some(Id::Connection) | None => None,
        };
        match (object, &mut self.object.callback) {
            (Some(object), fallback) => object.tell(fallback, event.name(), None),
            (None, Some(callback)) => callback(event.name(), None),
            (None, None) => {}
        }
    }

    fn connection_ended(&mut self, event: &Event, registry: &Shared) {
        // No more calls are taken, so that what is reported here is all there is to report.
        let key = self.object.key;
        registry.borrow_mut().close(key);
        while let Some(failed) = self.failed.pop_front() {
            self.report(failed, registry);
        }
        self.ended = true;
        if self.engine.is_closed() {
            registry.borrow_mut().remove(key);
        }
        if let Some(mut callback) = self.object.callback.take() {
            callback(event.name(), event.error_detail().as_deref());
        }
    }

    fn session_ended(&mut self, id: SessionId, event: &Event, registry: &Shared) {
        let Some(mut object) = self.sessions.remove(&id) else { return };
        self.ids.remove(&object.key);
        registry.borrow_mut().remove(object.key);
        self.report_failed_links(object.key, registry);
        object.tell(&mut self.object.callback, event.name(), event.error_detail().as_deref());
    }

    fn sender_ended(&mut self, id: SenderId, event: &Event, registry: &Shared) {
        let Some(mut sender) = self.senders.remove(&id) else { return };
        self.ids.remove(&sender.object.key);
        registry.borrow_mut().remove(sender.object.key);
        let waiting = sender.queue.into_iter().filter_map(|(_, on_outcome)| on_outcome);
        sender.outcomes.into_values().chain(waiting).for_each(|on_outcome| on_outcome(None));
        let detail = event.error_detail().or_else(|| sender.failure.map(|failure| failure.to_string()));
        let name = if detail.is_some() { "SENDER_ERROR" } else { "SENDER_CLOSED" };
        sender.object.tell(&mut self.object.callback, name, detail.as_deref());
    }

    fn receiver_ended(&mut self, id: ReceiverId, event: &Event, registry: &Shared) {
        let Some(mut receiver) = self.receivers.remove(&id) else { return };
        self.ids.remove(&receiver.object.key);
        registry.borrow_mut().remove(receiver.object.key);
        let detail = event.error_detail();
        let name = if detail.is_some() { "RECEIVER_ERROR" } else { "RECEIVER_CLOSED" };
        receiver.object.tell(&mut self.object.callback, name, detail.as_deref());
    }

    fn deliver(&mut self, id: ReceiverId, delivery: DeliveryId, registry: &Shared) {
        let Some(receiver) = self.receivers.get_mut(&id) else { return };
        // Whoever closed the receiver wants no more of it; the sender keeps what is not settled.
        if !registry.borrow().is_alive(receiver.object.key) {
            return;
        }
        let Ok(mut link) = self.engine.receiver(id) else { return };
        let Ok(taken) = link.take(delivery) else { return };
        let delivery = Delivery::new(taken);
        (receiver.on_message)(&delivery);
        let (id, settled) = (delivery.id(), delivery.is_settled());
        if settled {
            return;
        }
        // Where the link has ended meanwhile there is nobody left to tell.
        let _ = match delivery.into_verdict() {
            Verdict::Accept => link.accept(id),
            Verdict::Reject(error) => link.reject(id, error),
            Verdict::Release => link.release(id),
            Verdict::Modify(modified) => link.modify(id, modified),
        };
    }

    fn settled(&mut self, id: SenderId, range: (DeliveryId, DeliveryId), state: Option<&DeliveryState>) {
        let Some(sender) = self.senders.get_mut(&id).filter(|_| range.0 <= range.1) else { return };
        let told: Vec<DeliveryId> = sender.outcomes.range(range.0..=range.1).map(|(id, _)| *id).collect();
        for id in told {
            if let Some(on_outcome) = sender.outcomes.remove(&id) {
                on_outcome(state);
            }
        }
    }
}
