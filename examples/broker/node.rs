//! The broker's queues, and the handling of events. Links are attached in `attach.rs`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use amqp_proto::{
    CommandError, Connection, Delivery, DeliveryId, Event, LinkId, ReceiverId, SenderId,
    frame::Payload,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::{DeliveryState, Rejected},
        messaging::MESSAGE_FORMAT,
    },
    types::{Fields, MessageFormat, Str, Symbol, Value},
};

use crate::{
    address::node_name,
    peers::Peers,
    queue::{Queue, outcome},
    reads::Depth,
    room::Room,
    services::{Service, Services},
    stored::{Stored, destination},
};

/// Bytes for a queue beside its name and its messages.
const QUEUE: usize = 1024;

/// A link of one of the connections.
pub type Key = (usize, LinkId);

/// A link's queue, or the anonymous terminus.
pub struct Link {
    pub name: Option<Str>,
    /// True if the queue is deleted with the link (3.5.3, 3.5.4 `dynamic`).
    pub owner: bool,
    /// True if the peer understands that a message is rejected (3.5.3 `outcomes`).
    pub takes_rejected: bool,
}

/// Bounds on what queues hold, in bytes.
pub struct Bounds {
    pub queue: usize,
    pub all: usize,
    /// The bound on what a connection holds.
    pub connection: usize,
}

/// All queues, and the links to and from them.
pub struct Node {
    queues: HashMap<Str, Queue>,
    pub(crate) links: BTreeMap<Key, Link>,
    /// Queues that may have something to hand out.
    ready: BTreeSet<Str>,
    /// Links whose queue was deleted under them.
    stranded: Vec<Key>,
    pub(crate) dynamic: u64,
    /// True if no more messages are handed out.
    stopping: bool,
    room: Rc<Room>,
    pub(crate) bounds: Bounds,
    pub(crate) services: Services,
}

impl Node {
    /// Makes a node without queues. If there is a `token`, `$cbs` takes no other, and without it no link is attached.
    pub fn new(bounds: Bounds, token: Option<String>) -> Self {
        Self {
            queues: HashMap::new(),
            links: BTreeMap::new(),
            ready: BTreeSet::new(),
            stranded: Vec::new(),
            dynamic: 0,
            stopping: false,
            room: Room::new(bounds.all, None),
            bounds,
            services: Services::new(token),
        }
    }

    pub fn handle(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        event: Event,
    ) -> Result<(), CommandError> {
        match event {
            Event::SenderRequested { sender, .. } => self.attach_consumer(peer, connection, sender),
            Event::ReceiverRequested { receiver, .. } => self.attach_producer(peer, connection, receiver),
            Event::Delivery { receiver, delivery } if self.services.has_inlet(peer, receiver) => {
                self.answer(peer, connection, receiver, &delivery)
            }
            Event::Delivery { receiver, delivery } => self.store(peer, connection, receiver, delivery),
            Event::DeliveryUpdated { link: LinkId::Sender(sender), first, last, state } => {
                self.decide(peer, connection, sender, (first, last), state)
            }
            Event::DeliverySettled { link: LinkId::Sender(sender), first, last, state } => {
                if let Some(queue) = self.queue_of(peer, sender.into()) {
                    queue.settled((peer, sender), (first, last), state.as_ref());
                }
                self.mark(peer, sender.into());
                Ok(())
            }
            Event::SenderReady { sender } => {
                if let Some(queue) = self.queue_of(peer, sender.into()) {
                    queue.ready((peer, sender));
                }
                self.services.send_waiting(peer, connection, sender);
                self.mark(peer, sender.into());
                Ok(())
            }
            Event::SenderDrain { sender } => {
                self.services.send_waiting(peer, connection, sender);
                if let Some(queue) = self.queue_of(peer, sender.into()) {
                    queue.drain((peer, sender));
                }
                self.mark(peer, sender.into());
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
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Answers a request for a service.
    fn answer(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: ReceiverId,
        delivery: &Delivery,
    ) -> Result<(), CommandError> {
        let depth = |name: &Str| {
            let queue = self.queues.get(&node_name(name)?)?;
            Some(Depth { messages: queue.len(), consumers: queue.consumers().count() })
        };
        let done = self.services.answer(peer, connection, id, delivery, (depth, &self.room));
        let done = done.and_then(|answer| match answer {
            // The client has no link from the service, but a queue of its own for answers.
            Some((address, answer)) => {
                let name = node_name(&address).filter(|name| self.has_queue(name));
                let name = name.ok_or_else(|| {
                    AmqpError::described(ErrorCondition::NotFound, "`reply-to` names no link and no queue")
                })?;
                self.services.check(peer, None)?;
                self.push(Some(name), MESSAGE_FORMAT, answer)
            }
            None => Ok(()),
        });
        let mut receiver = connection.receiver(id)?;
        match done {
            Ok(()) => receiver.accept(delivery.id),
            Err(error) => receiver.reject(delivery.id, Some(error)),
        }
    }

    /// Gives deliveries the outcome that a receiver in mode second has for them, and settles them with it.
    fn decide(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: SenderId,
        (first, last): (DeliveryId, DeliveryId),
        state: Option<DeliveryState>,
    ) -> Result<(), CommandError> {
        let Some(state) = state.filter(|state| outcome(state).is_some()) else { return Ok(()) };
        // The error is the receiver's, and some take it for one of ours if it is sent back.
        let state = match state {
            DeliveryState::Rejected(_) => DeliveryState::from(Rejected::default()),
            state => state,
        };
        let Some(queue) = self.queue_of(peer, id.into()) else { return Ok(()) };
        let deliveries = queue.unsettled_of((peer, id), (first, last));
        queue.settled((peer, id), (first, last), Some(&state));
        self.mark(peer, id.into());
        let mut sender = connection.sender(id)?;
        deliveries.into_iter().try_for_each(|delivery| sender.settle(delivery, Some(state.clone())))
    }

    /// Sends from the queues that may have messages, and ends links whose queue is gone.
    pub fn serve(&mut self, peers: &mut Peers) {
        for name in std::mem::take(&mut self.ready) {
            if let Some(queue) = self.queues.get_mut(&name)
                && !self.stopping
            {
                queue.serve(peers);
            }
        }
        for (peer, link) in std::mem::take(&mut self.stranded) {
            let Some(peer) = peers.touch(peer) else { continue };
            let error = AmqpError::described(ErrorCondition::ResourceDeleted, "the queue was deleted");
            // An error means that the link has ended.
            let _ = match link {
                LinkId::Sender(id) => peer.connection.sender(id).and_then(|mut link| link.close(Some(error))),
                LinkId::Receiver(id) => {
                    peer.connection.receiver(id).and_then(|mut link| link.close(Some(error)))
                }
            };
        }
    }

    /// Hands out no more messages.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Returns the connections with deliveries that are not settled.
    pub fn unsettled(&self) -> BTreeSet<usize> {
        self.queues.values().flat_map(Queue::unsettled).collect()
    }

    /// Returns the number of messages in all queues.
    pub fn messages(&self) -> usize {
        self.queues.values().map(Queue::len).sum()
    }

    pub(crate) fn has_queue(&self, name: &Str) -> bool {
        self.queues.contains_key(name)
    }

    /// Returns a queue, made on first use, or the reason why there is no room for it.
    pub(crate) fn queue(&mut self, name: &Str) -> Result<&mut Queue, AmqpError> {
        if !self.queues.contains_key(name) {
            let charge = self.room.take(QUEUE.saturating_add(name.len())).ok_or_else(no_room)?;
            let room = Room::new(self.bounds.queue, Some(Rc::clone(&self.room)));
            // The name is copied, or it would keep the block that it was read into.
            self.queues.insert(name.detach(), Queue::new(room, charge));
        }
        self.queues.get_mut(name).ok_or_else(no_room)
    }

    fn store(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: ReceiverId,
        delivery: Delivery,
    ) -> Result<(), CommandError> {
        let mut receiver = connection.receiver(id)?;
        let Some(link) = self.links.get(&(peer, id.into())) else { return receiver.release(delivery.id) };
        let can_reject = link.takes_rejected && !delivery.settled;
        let name = link.name.clone();
        match self.push(name, delivery.message_format, delivery.payload.clone()) {
            Ok(()) => receiver.accept(delivery.id),
            Err(error) if can_reject => receiver.reject(delivery.id, Some(error)),
            // There is no other way to report what became of the message.
            Err(error) => {
                let tag = Value::from(delivery.tag.as_bytes().to_vec());
                let info = Fields::new().with(Symbol::from_static("delivery-tag"), tag);
                receiver.close(Some(AmqpError { info: Some(info), ..error }))
            }
        }
    }

    /// Puts a message into the queue with this name, or into the one that the message names.
    fn push(&mut self, name: Option<Str>, format: MessageFormat, payload: Payload) -> Result<(), AmqpError> {
        let named =
            || node_name(&destination(format, &payload)?).filter(|name| Service::named(name).is_none());
        let name = name.or_else(named);
        let name = name.ok_or_else(|| {
            AmqpError::described(ErrorCondition::NotFound, "the message's field `to` names no queue")
        })?;
        let queue = self.queue(&name)?;
        let message = Stored::new(format, payload, queue.room());
        let stored = message.is_some();
        match message {
            Some(message) => queue.push(message),
            None if queue.is_unused() => drop(self.queues.remove(&name)),
            None => {}
        }
        note(&mut self.ready, &name);
        if stored { Ok(()) } else { Err(no_room()) }
    }

    fn queue_of(&mut self, peer: usize, link: LinkId) -> Option<&mut Queue> {
        let name = self.links.get(&(peer, link))?.name.as_ref()?;
        self.queues.get_mut(name)
    }

    /// Puts a link's queue among those that may have something to hand out.
    pub(crate) fn mark(&mut self, peer: usize, link: LinkId) {
        if let Some(Link { name: Some(name), .. }) = self.links.get(&(peer, link)) {
            note(&mut self.ready, name);
        }
    }

    pub(crate) fn forget(&mut self, peer: usize, link: LinkId) {
        self.services.forget_link(peer, link);
        self.mark(peer, link);
        let Some(Link { name: Some(name), owner, .. }) = self.links.remove(&(peer, link)) else { return };
        let Some(queue) = self.queues.get_mut(&name) else { return };
        match link {
            LinkId::Sender(id) => queue.remove_consumer((peer, id)),
            LinkId::Receiver(id) => queue.remove_producer((peer, id)),
        }
        if owner {
            let consumers = queue.consumers().map(|(peer, id)| (peer, id.into()));
            let left: Vec<Key> =
                consumers.chain(queue.producers().map(|(peer, id)| (peer, id.into()))).collect();
            // Messages on their way to the queue must not make it again.
            left.iter().for_each(|key| drop(self.links.remove(key)));
            self.stranded.extend(left);
        }
        if owner || queue.is_unused() {
            self.queues.remove(&name);
        }
    }
}

fn no_room() -> AmqpError {
    AmqpError::described(ErrorCondition::ResourceLimitExceeded, "the queue or the broker is full")
}

/// Puts a name among those of queues that may have something to hand out: mostly it is there.
fn note(ready: &mut BTreeSet<Str>, name: &Str) {
    if !ready.contains(name) {
        ready.insert(name.detach());
    }
}
