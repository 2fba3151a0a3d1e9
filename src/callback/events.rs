//! The actions of an agent's connection for each event of its engine.

use alloc::{string::ToString, vec::Vec};

use super::{
    connection::{AgentConnection, EngineId},
    delivery::{Outcome, ReceivedDelivery},
    registry::{EndpointKey, SharedRegistry},
};
use crate::{
    CommandError, Delivery, DeliveryId, Event, Instant, LinkId, ReceiverId, SenderId, SessionId,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::DeliveryState,
    },
};

impl AgentConnection {
    /// Acts upon an event of the engine, and reports it to the callback that it concerns.
    ///
    /// Events of sessions and links without a handle are those of the application, which has reached the engine itself.
    pub(super) fn on_event(&mut self, now: Instant, event: Event, registry: &SharedRegistry) {
        if let Some(event) = self.offer(now, event) {
            self.report(event, registry);
        }
        self.report_tokens(registry);
    }

    fn report(&mut self, event: Event, registry: &SharedRegistry) {
        let (name, detail) = (event.name(), event.error_detail());
        let detail = detail.as_deref();
        match event {
            Event::ConnectionOpen => self.on_open(Some(self.observer.key), name, registry),
            Event::ConnectionClosed | Event::ConnectionError(_) => {
                self.on_connection_end(name, detail, registry);
            }
            Event::SessionOpen { session } => {
                let key = self.sessions.get(&session).map(|session| session.key);
                self.on_open(key, name, registry);
            }
            Event::SessionClosed { session } | Event::SessionError { session, .. } => {
                self.on_session_end(session, name, detail, registry);
            }
            Event::SenderOpen { sender } => {
                let key = self.senders.get(&sender).map(|sender| sender.observer.key);
                self.on_open(key, name, registry);
                self.send_queued(sender, registry);
            }
            Event::SenderReady { sender } => self.send_queued(sender, registry),
            Event::SenderDrain { sender } => self.on_drain(sender, registry),
            Event::SenderClosed { sender, .. }
            | Event::SenderDetached { sender, .. }
            | Event::SenderError { sender, .. } => self.on_sender_end(sender, name, detail, registry),
            Event::ReceiverOpen { receiver } => {
                let key = self.receivers.get(&receiver).map(|receiver| receiver.observer.key);
                self.on_open(key, name, registry);
            }
            Event::ReceiverClosed { receiver, .. }
            | Event::ReceiverDetached { receiver }
            | Event::ReceiverError { receiver, .. } => self.on_receiver_end(receiver, name, detail, registry),
            Event::Delivery { receiver, delivery } => self.on_delivery(receiver, delivery, registry),
            Event::DeliverySettled { link: LinkId::Sender(sender), first, last, state } => {
                self.on_settled(sender, (first, last), state.as_ref());
            }
            Event::SaslPending | Event::TlsReady => self.observer.notify(&mut None, name, detail),
            other => self.refuse_request(&other),
        }
    }

    /// Refuses the sessions and links that the peer requests: an agent only initiates them.
    fn refuse_request(&mut self, event: &Event) {
        let error =
            AmqpError::described(ErrorCondition::NotAllowed, "this container accepts no sessions or links");
        let _ = match event {
            Event::SessionRequested { session } => self.engine.refuse_session(*session, error),
            Event::SenderRequested { sender, .. } => self.engine.refuse_sender(*sender, error),
            Event::ReceiverRequested { receiver, .. } => self.engine.refuse_receiver(*receiver, error),
            _ => Ok(()),
        };
    }

    fn on_open(&mut self, key: Option<EndpointKey>, event: &str, registry: &SharedRegistry) {
        if let Some(key) = key {
            registry.borrow_mut().set_open(key);
        }
        let observer = match key.and_then(|key| self.engine_ids.get(&key)) {
            Some(EngineId::Session(id)) => self.sessions.get_mut(id),
            Some(EngineId::Sender(id)) => self.senders.get_mut(id).map(|sender| &mut sender.observer),
            Some(EngineId::Receiver(id)) => self.receivers.get_mut(id).map(|receiver| &mut receiver.observer),
            Some(EngineId::Connection) | None => None,
        };
        match observer {
            Some(observer) => observer.notify(&mut self.observer.callback, event, None),
            None => self.observer.notify(&mut None, event, None),
        }
    }

    fn on_connection_end(&mut self, event: &str, detail: Option<&str>, registry: &SharedRegistry) {
        self.end_tokens_and_handlers(registry);
        // No call is accepted from here on, so the failed opens reported here are the last.
        registry.borrow_mut().set_closing(self.observer.key);
        self.report_failed_opens(registry);
        self.ended = true;
        // The callback may own handles; dropping it ends what they stand for.
        if let Some(mut callback) = self.observer.callback.take() {
            callback(event, detail);
        }
    }

    fn forget(&mut self, key: EndpointKey, registry: &SharedRegistry) {
        self.engine_ids.remove(&key);
        registry.borrow_mut().remove(key);
    }

    fn on_session_end(
        &mut self,
        id: SessionId,
        event: &str,
        detail: Option<&str>,
        registry: &SharedRegistry,
    ) {
        let Some(mut observer) = self.sessions.remove(&id) else {
            return self.observer.notify(&mut None, event, detail);
        };
        self.forget(observer.key, registry);
        self.report_failed_links(observer.key, registry);
        observer.notify(&mut self.observer.callback, event, detail);
    }

    fn on_sender_end(&mut self, id: SenderId, event: &str, detail: Option<&str>, registry: &SharedRegistry) {
        let Some(mut sender) = self.senders.remove(&id) else {
            return self.observer.notify(&mut None, event, detail);
        };
        self.forget(sender.observer.key, registry);
        let unsent = sender.queue.into_iter().filter_map(|(_, on_outcome)| on_outcome);
        sender.outcomes.into_values().chain(unsent).for_each(|on_outcome| on_outcome(None));
        let failure = sender.failure.map(|failure| failure.to_string());
        let detail = detail.or(failure.as_deref());
        // 2.6.4: an agent does not resume links, so a detach without closing ends them too.
        let event = if detail.is_some() { "SENDER_ERROR" } else { "SENDER_CLOSED" };
        sender.observer.notify(&mut self.observer.callback, event, detail);
    }

    fn on_receiver_end(
        &mut self,
        id: ReceiverId,
        event: &str,
        detail: Option<&str>,
        registry: &SharedRegistry,
    ) {
        let Some(mut receiver) = self.receivers.remove(&id) else {
            return self.observer.notify(&mut None, event, detail);
        };
        self.forget(receiver.observer.key, registry);
        let event = if detail.is_some() { "RECEIVER_ERROR" } else { "RECEIVER_CLOSED" };
        receiver.observer.notify(&mut self.observer.callback, event, detail);
    }

    /// 2.6.7: sends the messages held, and then returns the credit that is left.
    fn on_drain(&mut self, id: SenderId, registry: &SharedRegistry) {
        if let Some(sender) = self.senders.get_mut(&id) {
            sender.drains = true;
        }
        self.send_queued(id, registry);
    }

    fn on_delivery(&mut self, id: ReceiverId, delivery: Delivery, registry: &SharedRegistry) {
        let Some(receiver) = self.receivers.get_mut(&id) else { return };
        // After a close the application expects no message. The sender keeps those that are not settled.
        if !registry.borrow().accepts_calls(receiver.observer.key) {
            return;
        }
        let Ok(mut link) = self.engine.receiver(id) else { return };
        let delivery = ReceivedDelivery::new(delivery);
        (receiver.on_message)(&delivery);
        let id = delivery.id();
        // Other errors mean that there is nothing to settle: the sender settled the delivery, or the link has ended.
        let _ = match delivery.into_outcome() {
            Outcome::Accepted => link.accept(id).or_else(|_| link.settle(id, None)),
            Outcome::Rejected(error) => match link.reject(id, error) {
                // The outcome matters more than its reason.
                Err(CommandError::FrameTooLarge { .. } | CommandError::LimitReached(_)) => {
                    link.reject(id, None)
                }
                rejected => rejected,
            },
            Outcome::Released => link.release(id),
            Outcome::Modified(modified) => link.modify(id, modified),
        }
        .or_else(|error| match error {
            CommandError::IllegalState(_) => link.close(Some(unlisted())),
            error => Err(error),
        });
    }

    fn on_settled(
        &mut self,
        id: SenderId,
        (first, last): (DeliveryId, DeliveryId),
        state: Option<&DeliveryState>,
    ) {
        // `range` panics if its bounds are out of order, and the engine never raises such an event.
        let Some(sender) = self.senders.get_mut(&id).filter(|_| first <= last) else { return };
        let settled: Vec<DeliveryId> = sender.outcomes.range(first..=last).map(|(id, _)| *id).collect();
        for delivery in settled {
            if let Some(on_outcome) = sender.outcomes.remove(&delivery) {
                on_outcome(state);
            }
        }
    }
}

/// The error of a link whose message has an outcome that the peer's source does not list, if that is not tolerated.
#[cold]
fn unlisted() -> AmqpError {
    let why = "the source does not list the outcome of a message (3.5.3)";
    AmqpError::described(ErrorCondition::NotAllowed, why)
}
