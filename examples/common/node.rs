//! The broker's links: the queue of each, and the handling of their events.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use amqp_proto::{
    CommandError, Connection, CreditPolicy, Delivery, DeliveryId, Event, LinkId, ReceiverConfig, ReceiverId,
    SenderConfig, SenderId,
    message::{Message, ParseOptions},
    spec::{
        definitions::{AmqpError, ErrorCondition, SenderSettleMode},
        delivery_state::DeliveryState,
        messaging::MESSAGE_FORMAT,
        terminus::{DistributionMode, Source, TargetArchetype},
    },
    types::Str,
};

use crate::{
    peers::Peers,
    queue::{Consumer, Queue, Stored},
};

/// Messages that a producer may send ahead.
const CREDIT: u32 = 1000;

/// A link of one of the connections.
type Key = (usize, LinkId);

/// All queues, and the links to and from them.
#[derive(Default)]
pub struct Node {
    queues: HashMap<Str, Queue>,
    /// The address of each link; `None` for a link to the anonymous terminus.
    addresses: BTreeMap<Key, Option<Str>>,
    /// Links whose queue is deleted with them.
    owners: BTreeMap<Key, Str>,
    /// Queues that may have something to hand out.
    ready: BTreeSet<Str>,
    dynamic: u64,
}

impl Node {
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
                self.settled(peer, sender, (first, last), state.as_ref());
                Ok(())
            }
            Event::SenderReady { sender } => {
                self.mark(peer, sender.into());
                Ok(())
            }
            Event::SenderDrain { sender } => {
                if let Some(consumer) =
                    self.queue(peer, sender.into()).and_then(|queue| queue.consumer((peer, sender)))
                {
                    consumer.drain = true;
                }
                self.mark(peer, sender.into());
                Ok(())
            }
            Event::SenderClosed { sender, .. }
            | Event::SenderError { sender, .. }
            | Event::SenderDetached { sender, .. } => {
                self.mark(peer, sender.into());
                if let Some(queue) = self.queue(peer, sender.into()) {
                    queue.remove((peer, sender));
                }
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

    /// Sends from the queues that may have messages.
    pub fn serve(&mut self, peers: &mut Peers) {
        for address in std::mem::take(&mut self.ready) {
            if let Some(queue) = self.queues.get_mut(&address) {
                queue.serve(peers);
            }
        }
    }

    fn attach_consumer(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: SenderId,
    ) -> Result<(), CommandError> {
        let link = connection.sender_ref(id)?;
        let remote = link.remote_attach();
        let mode = remote.as_ref().map(|attach| attach.snd_settle_mode).unwrap_or_default();
        let source = remote.and_then(|attach| attach.source).map(|source| *source);
        let Some(mut source) = source else {
            return connection.refuse_sender(
                id,
                AmqpError::described(ErrorCondition::InvalidField, "the source is missing"),
            );
        };
        if source.dynamic {
            source.address = Some(self.make_address(peer, id.into()));
        }
        let Some(address) = source.address.clone().filter(|address| !address.is_empty()) else {
            return connection.refuse_sender(
                id,
                AmqpError::described(ErrorCondition::NotFound, "the source has no address"),
            );
        };
        let browse = source.distribution_mode == Some(DistributionMode::Copy);
        let settled = mode == SenderSettleMode::Settled;
        // 3.5.3: the answer lists the filters in force, and there are none.
        let source = Source { filter: None, ..source };
        connection.accept_sender(id, SenderConfig::new().source(source).snd_settle_mode(mode))?;
        let queue = self.queues.entry(address.clone()).or_default();
        queue.add((peer, id), Consumer::new(browse, settled));
        self.addresses.insert((peer, id.into()), Some(address));
        self.mark(peer, id.into());
        Ok(())
    }

    fn attach_producer(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: ReceiverId,
    ) -> Result<(), CommandError> {
        let link = connection.receiver_ref(id)?;
        let mut target = match link.remote_attach().and_then(|attach| attach.target).map(|target| *target) {
            Some(TargetArchetype::Target(target)) => target,
            Some(TargetArchetype::Coordinator(_)) => {
                let error =
                    AmqpError::described(ErrorCondition::NotImplemented, "there are no transactions here");
                return connection.refuse_receiver(id, error);
            }
            None => {
                let error = AmqpError::described(ErrorCondition::InvalidField, "the target is missing");
                return connection.refuse_receiver(id, error);
            }
        };
        if target.dynamic {
            target.address = Some(self.make_address(peer, id.into()));
        }
        let address = target.address.clone().filter(|address| !address.is_empty());
        if let Some(address) = &address {
            self.queues.entry(address.clone()).or_default();
        }
        self.addresses.insert((peer, id.into()), address);
        let config = ReceiverConfig::new().target(target).credit(CreditPolicy::Auto(CREDIT));
        connection.accept_receiver(id, config)
    }

    /// Makes a dynamic node, which is deleted with the link that asked for it (3.5.4).
    fn make_address(&mut self, peer: usize, link: LinkId) -> Str {
        self.dynamic += 1;
        let address = Str::from(format!("dynamic-{}", self.dynamic));
        self.owners.insert((peer, link), address.clone());
        address
    }

    fn store(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: ReceiverId,
        taken: Delivery,
    ) -> Result<(), CommandError> {
        let mut receiver = connection.receiver(id)?;
        let delivery = taken.id;
        let fixed = self.addresses.get(&(peer, id.into())).cloned().flatten();
        let message = Stored { format: taken.message_format, payload: taken.payload, barred: Vec::new() };
        let Some(address) = fixed.or_else(|| destination(&message)) else {
            let error = AmqpError::described(ErrorCondition::NotFound, "the message has no address");
            return receiver.reject(delivery, Some(error));
        };
        note(&mut self.ready, &address);
        match self.queues.get_mut(&address) {
            Some(queue) => queue.push(message),
            // The address is copied, or it would keep the block that the message was read into.
            None => self.queues.entry(address.detach()).or_default().push(message),
        }
        receiver.accept(delivery)
    }

    fn settled(
        &mut self,
        peer: usize,
        sender: SenderId,
        (first, last): (DeliveryId, DeliveryId),
        state: Option<&DeliveryState>,
    ) {
        let Some(queue) = self.queue(peer, sender.into()) else { return };
        let settled = queue.settled((peer, sender), first, last);
        let barred = match state {
            Some(DeliveryState::Released(_)) => false,
            Some(DeliveryState::Modified(modified)) => modified.undeliverable_here == Some(true),
            // Accepted, rejected, or settled without an outcome: the message is done with.
            _ => return,
        };
        for (place, mut message) in settled {
            if barred {
                message.barred.push((peer, sender));
            }
            queue.put_back(place, message);
        }
        self.mark(peer, sender.into());
    }

    fn queue(&mut self, peer: usize, link: LinkId) -> Option<&mut Queue> {
        let address = self.addresses.get(&(peer, link))?.as_ref()?;
        self.queues.get_mut(address)
    }

    fn mark(&mut self, peer: usize, link: LinkId) {
        if let Some(Some(address)) = self.addresses.get(&(peer, link)) {
            note(&mut self.ready, address);
        }
    }

    fn forget(&mut self, peer: usize, link: LinkId) {
        self.addresses.remove(&(peer, link));
        if let Some(address) = self.owners.remove(&(peer, link)) {
            self.queues.remove(&address);
        }
    }
}

/// Puts an address among those of queues that may have something to hand out: mostly it is there.
fn note(ready: &mut BTreeSet<Str>, address: &Str) {
    if !ready.contains(address) {
        ready.insert(address.detach());
    }
}

/// Returns the address in a message to the anonymous terminus.
fn destination(message: &Stored) -> Option<Str> {
    let settings = ParseOptions { body_required: false, ..ParseOptions::default() };
    let readable = message.format == MESSAGE_FORMAT;
    let parsed = readable.then(|| Message::parse(message.payload.clone(), &settings).ok())??;
    parsed.to().ok()?.filter(|address| !address.is_empty())
}
