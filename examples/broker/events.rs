//! The events of connections: what the broker does about each.

use amqp_proto::{
    CommandError, Connection, DeliveryId, Event, LinkId, SenderId, SessionId,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::DeliveryState,
    },
};

use crate::{
    node::Node,
    settle::{bare, outcome},
};

/// Ends a session on which a request for a link has an answer, or a refusal, that the peer's frames have no room for.
fn end_if_unanswerable(
    connection: &mut Connection,
    session: SessionId,
    answered: Result<(), CommandError>,
) -> Result<(), CommandError> {
    if let Err(CommandError::FrameTooLarge { .. }) = answered {
        let what = "the answer to the attach does not fit a frame";
        let error = AmqpError::described(ErrorCondition::FrameSizeTooSmall, what);
        connection.session(session)?.end(Some(error))?;
    }
    answered
}

impl Node {
    pub fn handle(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        event: Event,
    ) -> Result<(), CommandError> {
        match event {
            Event::SenderRequested { session, sender } => {
                let answered = self.attach_consumer(peer, connection, sender);
                end_if_unanswerable(connection, session, answered)
            }
            Event::ReceiverRequested { session, receiver } => {
                let answered = self.attach_producer(peer, connection, receiver);
                end_if_unanswerable(connection, session, answered)
            }
            Event::Delivery { receiver, delivery } if self.services.has_inlet(peer, receiver) => {
                self.answer(peer, connection, receiver, &delivery)
            }
            Event::Delivery { receiver, delivery } => self.store(peer, connection, receiver, delivery),
            Event::DeliveryUpdated { link: LinkId::Sender(sender), first, last, state } => {
                self.decide(peer, connection, sender, (first, last), state)
            }
            Event::DeliverySettled { link: LinkId::Sender(sender), first, last, state } => {
                self.settled(peer, sender, (first, last), state.as_ref());
                Ok(())
            }
            Event::SenderReady { sender } | Event::SenderDrain { sender } => {
                self.services.send_waiting(peer, connection, sender);
                if let Some(name) = self.name_of(peer, sender.into())
                    && let Some(queue) = self.get_mut(&name)
                {
                    if matches!(event, Event::SenderDrain { .. }) {
                        queue.drain((peer, sender));
                    } else {
                        queue.ready((peer, sender));
                    }
                    self.note(&name);
                }
                Ok(())
            }
            Event::SenderClosed { sender, .. }
            | Event::SenderError { sender, .. }
            | Event::SenderDetached { sender, .. } => {
                self.forget(peer, sender.into());
                Ok(())
            }
            Event::ReceiverClosed { receiver, .. }
            | Event::ReceiverError { receiver, .. }
            | Event::ReceiverDetached { receiver } => {
                self.forget(peer, receiver.into());
                Ok(())
            }
            Event::ConnectionClosed | Event::ConnectionError(_) => {
                self.services.forget(peer);
                self.shares.forget(peer);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Applies the outcome of deliveries that are settled.
    fn settled(
        &mut self,
        peer: usize,
        id: SenderId,
        range: (DeliveryId, DeliveryId),
        state: Option<&DeliveryState>,
    ) {
        let Some(name) = self.name_of(peer, id.into()) else { return };
        let Some(queue) = self.get_mut(&name) else { return };
        let rejections = queue.settled((peer, id), range, state);
        let is_overfull = queue.is_overfull((peer, id));
        self.bury(&name, rejections);
        if is_overfull {
            let why = "the outcomes of the link's messages are too much to keep";
            let error = AmqpError::described(ErrorCondition::ResourceLimitExceeded, why);
            self.stranded.push((peer, id.into(), error));
        }
        self.note(&name);
    }

    /// Gives deliveries the outcome that a receiver in mode second has for them, and settles them with it.
    fn decide(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: SenderId,
        range: (DeliveryId, DeliveryId),
        state: Option<DeliveryState>,
    ) -> Result<(), CommandError> {
        let is_outcome = |state: &DeliveryState| state.is_terminal() && outcome(state).is_some();
        let Some(state) = state.filter(is_outcome) else { return Ok(()) };
        let Some(queue) = self.name_of(peer, id.into()).and_then(|name| self.get_mut(&name)) else {
            return Ok(());
        };
        let deliveries = queue.unsettled_of((peer, id), range);
        self.settled(peer, id, range, Some(&state));
        let state = bare(&state);
        let mut sender = connection.sender(id)?;
        deliveries.into_iter().try_for_each(|delivery| sender.settle(delivery, Some(state.clone())))
    }
}
