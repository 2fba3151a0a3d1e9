//! The broker's queues and links. Events are handled in `events.rs`, and links are attached in `attach.rs`.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use amqp_proto::{
    LinkId,
    spec::definitions::{AmqpError, ErrorCondition},
    types::{Str, Timestamp},
};

use crate::{
    peers::Peers,
    queue::Queue,
    room::{Charge, Room},
    services::Services,
    share::Shares,
    stored::{Stored, now},
};

/// Bytes for a queue beside its name and its messages: its entry in a map that may be half full, and the first blocks of the
/// maps of its messages, which have room for 11.
const QUEUE: usize =
    2 * size_of::<(Str, Queue)>() + 12 * (size_of::<(u64, Box<Stored>)>() + size_of::<(u64, u64)>());

/// Copies of a queue's name: with the queue, with those that may have something to hand out, and with the alarms.
const NAMES: usize = 3;

/// A link of one of the connections.
pub type Key = (usize, LinkId);

/// A link's queue, or the anonymous terminus.
pub struct Link {
    pub name: Option<Str>,
    /// True if the peer understands that a message is rejected (3.5.3 `outcomes`).
    pub takes_rejected: bool,
    /// What the link takes up of its connection's room.
    pub _charge: Charge,
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
    queues: BTreeMap<Str, Queue>,
    pub(crate) links: BTreeMap<Key, Link>,
    /// Queues that may have something to hand out, in turn.
    noted: VecDeque<Str>,
    /// The time of the first scheduled message of each queue.
    alarms: BTreeSet<(Timestamp, Str)>,
    /// Links to end, each with the reason.
    pub(crate) stranded: Vec<(usize, LinkId, AmqpError)>,
    pub(crate) dynamic: u64,
    /// The last message-id that was made.
    pub(crate) last_id: u64,
    /// True if no more messages are handed out.
    stopping: bool,
    /// True if messages have to keep to the letter of 3.2.
    pub(crate) strict: bool,
    pub(crate) room: Arc<Room>,
    pub(crate) shares: Shares,
    pub(crate) bounds: Bounds,
    pub(crate) services: Services,
    /// Looks that requests to the services may still take in this turn.
    pub(crate) request_looks: usize,
}

impl Node {
    /// Makes a node without queues. If there is a `token`, `$cbs` takes no other, and without it no link is attached.
    /// With `strict`, messages keep to the letter of 3.2.
    pub fn new(bounds: Bounds, token: Option<String>, strict: bool) -> Self {
        Self {
            queues: BTreeMap::new(),
            links: BTreeMap::new(),
            noted: VecDeque::new(),
            alarms: BTreeSet::new(),
            stranded: Vec::new(),
            dynamic: 0,
            last_id: 0,
            stopping: false,
            strict,
            room: Room::new(bounds.all, None),
            shares: Shares::new(bounds.connection),
            bounds,
            services: Services::new(token),
            request_looks: 0,
        }
    }

    /// Sends from the queues that may have messages, each in its turn, and ends links whose queue is gone. What is left
    /// then is for the next call. Each look at a message is taken from the number that is left of this turn.
    pub fn serve(&mut self, peers: &mut Peers, looks: &mut usize) {
        self.wake_scheduled();
        while *looks > 0 {
            let Some(name) = self.noted.pop_front() else { break };
            let Some(queue) = self.queues.get_mut(&name) else { continue };
            queue.is_noted = false;
            let is_done = self.stopping || queue.serve(peers, looks);
            self.end_if_over(&name);
            if !is_done {
                self.note(&name);
            }
        }
        for (peer, link, error) in std::mem::take(&mut self.stranded) {
            let Some(peer) = peers.touch(peer) else { continue };
            // An error means that the link has ended.
            let _ = match link {
                LinkId::Sender(id) => peer.connection.sender(id).and_then(|mut link| link.close(Some(error))),
                LinkId::Receiver(id) => {
                    peer.connection.receiver(id).and_then(|mut link| link.close(Some(error)))
                }
            };
        }
    }

    /// Returns the longest time until [`serve`](Self::serve) has something to do.
    pub fn timeout(&self) -> Option<Duration> {
        if !self.noted.is_empty() {
            return Some(Duration::ZERO);
        }
        let (time, _) = self.alarms.first()?;
        let millis = time.as_millis().saturating_sub(now().as_millis());
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
    }

    /// Makes the scheduled messages available that are due.
    fn wake_scheduled(&mut self) {
        let now = now();
        while self.alarms.first().is_some_and(|(time, _)| *time <= now)
            && let Some((_, name)) = self.alarms.pop_first()
        {
            let Some(queue) = self.queues.get_mut(&name) else { continue };
            queue.alarm = None;
            while let Some(mut message) = queue.parked.take_due(now) {
                message.enqueued = now;
                queue.push(message);
            }
            self.set_alarm(&name);
            self.note(&name);
        }
    }

    /// Sets the time at which a queue has its next scheduled message.
    pub(crate) fn set_alarm(&mut self, name: &Str) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        let first = queue.parked.first_time();
        if first == queue.alarm {
            return;
        }
        if let Some(time) = std::mem::replace(&mut queue.alarm, first) {
            self.alarms.remove(&(time, name.clone()));
        }
        self.alarms.extend(first.map(|time| (time, name.detach())));
    }

    /// Hands out no more messages.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Returns the connections with deliveries that are not settled.
    pub fn unsettled(&self) -> BTreeSet<usize> {
        self.queues.values().flat_map(Queue::unsettled).collect()
    }

    /// Returns the number of messages in all queues, those at consumers included.
    pub fn messages(&self) -> usize {
        self.queues.values().map(|queue| queue.len() + queue.acquired).sum()
    }

    pub(crate) fn get(&self, name: &Str) -> Option<&Queue> {
        self.queues.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &Str) -> Option<&mut Queue> {
        self.queues.get_mut(name)
    }

    /// Returns all queues in the order of their names.
    pub(crate) fn queues(&self) -> impl ExactSizeIterator<Item = (&Str, &Queue)> {
        self.queues.iter()
    }

    /// Returns a queue, made on first use, or the reason why there is no room for it.
    pub(crate) fn queue(&mut self, name: &Str) -> Result<&mut Queue, AmqpError> {
        if !self.queues.contains_key(name) {
            let charge = self.room.take(QUEUE + NAMES * name.len()).ok_or_else(no_room)?;
            let room = Room::new(self.bounds.queue, Some(Arc::clone(&self.room)));
            // The name is copied, or it would keep the block that it was read into.
            self.queues.insert(name.detach(), Queue::new(room, charge));
        }
        self.queues.get_mut(name).ok_or_else(no_room)
    }

    /// Returns the name of a link's queue.
    pub(crate) fn name_of(&self, peer: usize, link: LinkId) -> Option<Str> {
        self.links.get(&(peer, link))?.name.clone()
    }

    /// Puts a queue among those that may have something to hand out, or may be over.
    pub(crate) fn note(&mut self, name: &Str) {
        if let Some(queue) = self.queues.get_mut(name)
            && !queue.is_noted
        {
            queue.is_noted = true;
            self.noted.push_back(name.detach());
        }
    }

    /// Deletes a queue if its lifetime is over. Links that are left are closed.
    pub(crate) fn end_if_over(&mut self, name: &Str) {
        if !self.queues.get(name).is_some_and(Queue::is_over) {
            return;
        }
        let Some(queue) = self.queues.remove(name) else { return };
        if let Some(time) = queue.alarm {
            self.alarms.remove(&(time, name.clone()));
        }
        let left = queue.links();
        // Messages on their way to the queue must not make it again.
        left.iter().for_each(|key| drop(self.links.remove(key)));
        let deleted = || AmqpError::described(ErrorCondition::ResourceDeleted, "the queue was deleted");
        self.stranded.extend(left.into_iter().map(|(peer, link)| (peer, link, deleted())));
    }

    pub(crate) fn forget(&mut self, peer: usize, link: LinkId) {
        self.services.forget_link(peer, link);
        let Some(Link { name: Some(name), .. }) = self.links.remove(&(peer, link)) else { return };
        if let Some(queue) = self.queues.get_mut(&name) {
            let rejections = queue.remove_link(peer, link);
            self.bury(&name, rejections);
        }
        self.note(&name);
        self.end_if_over(&name);
    }
}

pub fn no_room() -> AmqpError {
    AmqpError::described(ErrorCondition::ResourceLimitExceeded, "the queue or the broker is full")
}
