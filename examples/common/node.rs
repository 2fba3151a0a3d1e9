//! The broker's queues, and the handling of events. Links are attached in `attach.rs`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use amqp_proto::{
    CommandError, Connection, Delivery, Event, LinkId, ReceiverId,
    spec::definitions::{AmqpError, ErrorCondition},
    types::{Fields, Str, Symbol, Value},
};

use crate::{
    address::node_name,
    peers::Peers,
    queue::Queue,
    room::Room,
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
}

impl Node {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            queues: HashMap::new(),
            links: BTreeMap::new(),
            ready: BTreeSet::new(),
            stranded: Vec::new(),
            dynamic: 0,
            stopping: false,
            room: Room::new(bounds.all, None),
            bounds,
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
            Event::Delivery { receiver, delivery } => self.store(peer, connection, receiver, delivery),
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
                self.mark(peer, sender.into());
                Ok(())
            }
            Event::SenderDrain { sender } => {
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
            _ => Ok(()),
        }
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
        match self.push(name, &delivery) {
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
    fn push(&mut self, name: Option<Str>, delivery: &Delivery) -> Result<(), AmqpError> {
        let (format, payload) = (delivery.message_format, delivery.payload.clone());
        let name = name.or_else(|| node_name(&destination(format, &payload)?));
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
