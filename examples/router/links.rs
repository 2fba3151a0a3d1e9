//! Links through the router: their requests and their events, each handed to the right [`Route`].

use amqp_proto::{
    CommandError, Connection, Event, LinkId, ReceiverId, SenderId, SessionId,
    spec::definitions::{AmqpError, ErrorCondition},
};

use crate::{
    configs::{receiver_config, sender_config},
    credit::Flow,
    mirror::Mirror,
    route::{End, Route},
};

impl Mirror {
    /// Attaches a sender on the far side, because the near side's peer wants to send.
    pub fn attach_sender(
        &mut self,
        side: usize,
        near: &Connection,
        far: &mut Connection,
        session: SessionId,
        receiver: ReceiverId,
    ) -> Result<(), CommandError> {
        let attach = near.receiver_ref(receiver)?.remote_attach();
        let other = *self.0[side].sessions.get(&session).ok_or(CommandError::UnknownSession)?;
        let sender = far.session(other)?.attach_sender(sender_config(attach))?;
        let tally = self.0[side].tally.clone();
        self.0[side].insert(Route::new(session, receiver, sender, tally));
        self.0[1 - side].senders.insert(sender, receiver);
        Ok(())
    }

    /// Attaches a receiver on the far side, because the near side's peer wants to receive.
    pub fn attach_receiver(
        &mut self,
        side: usize,
        near: &Connection,
        far: &mut Connection,
        session: SessionId,
        sender: SenderId,
    ) -> Result<(), CommandError> {
        let attach = near.sender_ref(sender)?.remote_attach();
        let other = *self.0[side].sessions.get(&session).ok_or(CommandError::UnknownSession)?;
        let receiver = far.session(other)?.attach_receiver(receiver_config(attach))?;
        let tally = self.0[1 - side].tally.clone();
        self.0[1 - side].insert(Route::new(other, receiver, sender, tally));
        self.0[side].senders.insert(sender, receiver);
        Ok(())
    }

    /// Passes on an event of a link that arrives on this side.
    pub fn on_receiver(
        &mut self,
        side: usize,
        near: &mut Connection,
        far: &mut Connection,
        receiver: ReceiverId,
        event: Event,
    ) {
        let has_room = self.0[side].with(receiver, |route, most| {
            on_arrival(route, near, far, event, most);
        });
        if !has_room {
            let what = "the messages that wait here for a slow receiver take up too much";
            let error = AmqpError::described(ErrorCondition::ResourceLimitExceeded, what);
            // An error means that the connection is ending already.
            let _ = near.close(Some(error.clone())).and(far.close(Some(error)));
        }
    }

    /// Passes on an event of a link that leaves on this side.
    pub fn on_sender(
        &mut self,
        side: usize,
        near: &mut Connection,
        far: &mut Connection,
        sender: SenderId,
        event: Event,
    ) {
        let Some(&receiver) = self.0[side].senders.get(&sender) else { return };
        let end = match event {
            Event::SenderOpen { .. } => {
                let attach = near.sender_ref(sender).ok().and_then(|link| link.remote_attach());
                let accepted = far.accept_receiver(receiver, receiver_config(attach));
                if let Some(error) = unanswerable(accepted) {
                    let _ = far.refuse_receiver(receiver, error.clone());
                    let _ = near.sender(sender).and_then(|mut link| link.close(Some(error)));
                }
                return;
            }
            Event::SenderReady { .. }
            | Event::SenderCredit { .. }
            | Event::SenderDrain { .. }
            | Event::DeliveryUpdated { .. }
            | Event::DeliverySettled { .. } => {
                self.0[1 - side].with(receiver, |route, most| on_departure(route, far, near, &event, most));
                return;
            }
            Event::LinkProperties { .. } => {
                let state = near.sender_ref(sender).ok().and_then(|link| link.remote_flow_properties());
                let _ = far.receiver(receiver).and_then(|mut link| link.set_flow_properties(state));
                return;
            }
            Event::SenderDetached { .. } => End::Detached,
            Event::SenderError { failure, .. } => End::Closed(Some(failure.error.clone())),
            _ => End::Closed(None),
        };
        self.0[side].senders.remove(&sender);
        self.0[1 - side].remove(receiver);
        let _ = match end {
            End::Detached => far.receiver(receiver).and_then(|mut link| link.detach(None)),
            End::Closed(error) => far
                .refuse_receiver(receiver, error.clone().unwrap_or_default())
                .or_else(|_| far.receiver(receiver)?.close(error)),
        };
    }
}

/// Passes on an event of a link that arrives.
fn on_arrival(route: &mut Route, near: &mut Connection, far: &mut Connection, event: Event, most: u32) {
    match event {
        Event::ReceiverOpen { .. } => {
            let attach = near.receiver_ref(route.receiver).ok().and_then(|link| link.remote_attach());
            let accepted = far.accept_sender(route.sender, sender_config(attach));
            if let Some(error) = unanswerable(accepted) {
                let _ = far.refuse_sender(route.sender, error.clone());
                let _ = near.receiver(route.receiver).and_then(|mut link| link.close(Some(error)));
            }
        }
        event @ (Event::Delivery { .. } | Event::DeliveryBegun { .. }) => route.take(event),
        Event::DeliveryData { delivery, complete: true, .. } => route.complete(delivery, false),
        Event::DeliveryAborted { delivery, .. } => route.complete(delivery, true),
        Event::DeliverySettled { first, last, state, .. } => {
            route.on_settled(far, first, last, state.as_ref());
        }
        Event::DeliveryUpdated { first, last, state, .. } => {
            route.on_updated(far, first, last, state.as_ref());
        }
        Event::LinkProperties { .. } => {
            let state = near.receiver_ref(route.receiver).ok().and_then(|link| link.remote_flow_properties());
            let _ = far.sender(route.sender).and_then(|mut link| link.set_flow_properties(state));
        }
        Event::ReceiverDrained { .. } => route.follow(near, far, Flow::Drained, most),
        Event::ReceiverAvailable { .. } => {
            let available = near.receiver_ref(route.receiver).map_or(0, |link| link.available());
            let _ = far.sender(route.sender).and_then(|mut link| link.set_available(available));
        }
        Event::ReceiverDetached { .. } => route.end = Some(End::Detached),
        Event::ReceiverClosed { .. } => route.end = Some(End::Closed(None)),
        Event::ReceiverError { failure, .. } => route.end = Some(End::Closed(Some(failure.error.clone()))),
        _ => {}
    }
    if route.end.is_some() {
        route.cut_off(near);
    }
    route.forward(near, far, most);
}

/// Passes on an event of a link that leaves, and that goes on.
fn on_departure(route: &mut Route, near: &mut Connection, far: &mut Connection, event: &Event, most: u32) {
    route.settle_late(far);
    match event {
        Event::SenderReady { .. } => {
            route.forward(near, far, most);
            route.follow(near, far, Flow::Credit, most);
        }
        Event::SenderCredit { .. } => route.follow(near, far, Flow::Credit, most),
        Event::SenderDrain { .. } => route.follow(near, far, Flow::Drain, most),
        Event::DeliveryUpdated { first, last, state, .. } => {
            route.on_outcome(near, (*first, *last), false, state.as_ref());
        }
        Event::DeliverySettled { first, last, state, .. } => {
            route.on_outcome(near, (*first, *last), true, state.as_ref());
        }
        _ => {}
    }
}

/// Returns the error to refuse a session or a link with, if its request cannot be accepted. Otherwise it is, or its end
/// follows.
pub fn unanswerable(accepted: Result<(), CommandError>) -> Option<AmqpError> {
    let condition = match accepted {
        Err(CommandError::FrameTooLarge { .. }) => ErrorCondition::FrameSizeTooSmall,
        Err(CommandError::LimitReached(_)) => ErrorCondition::ResourceLimitExceeded,
        _ => return None,
    };
    Some(AmqpError::described(condition, "the other end's answer does not fit"))
}

/// Returns the link of an event, if it is one that arrives.
pub fn receiver_of(event: &Event) -> Option<ReceiverId> {
    match event {
        Event::ReceiverOpen { receiver }
        | Event::ReceiverClosed { receiver, .. }
        | Event::ReceiverError { receiver, .. }
        | Event::ReceiverDetached { receiver }
        | Event::ReceiverDrained { receiver, .. }
        | Event::ReceiverAvailable { receiver }
        | Event::Delivery { receiver, .. }
        | Event::DeliveryBegun { receiver, .. }
        | Event::DeliveryData { receiver, .. }
        | Event::DeliveryAborted { receiver, .. }
        | Event::DeliverySettled { link: LinkId::Receiver(receiver), .. }
        | Event::DeliveryUpdated { link: LinkId::Receiver(receiver), .. }
        | Event::LinkProperties { link: LinkId::Receiver(receiver) } => Some(*receiver),
        _ => None,
    }
}

/// Returns the link of an event, if it is one that leaves.
pub fn sender_of(event: &Event) -> Option<SenderId> {
    match event {
        Event::SenderOpen { sender }
        | Event::SenderClosed { sender, .. }
        | Event::SenderError { sender, .. }
        | Event::SenderDetached { sender, .. }
        | Event::SenderReady { sender }
        | Event::SenderCredit { sender }
        | Event::SenderDrain { sender }
        | Event::DeliverySettled { link: LinkId::Sender(sender), .. }
        | Event::DeliveryUpdated { link: LinkId::Sender(sender), .. }
        | Event::LinkProperties { link: LinkId::Sender(sender) } => Some(*sender),
        _ => None,
    }
}
