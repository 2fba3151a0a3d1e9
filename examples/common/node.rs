//! The broker's side of links: which queue each belongs to, and what their events mean to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use amqp_proto::{
    Attach, CommandError, Connection, CreditPolicy, DeliveryId, Event, LinkId, ReceiverId, SenderId,
    message::{Message, ParseOptions},
    spec::{
        definitions::{Error, ErrorCondition, SenderSettleMode},
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
    /// The address of each link; none for one to the anonymous terminus.
    addresses: BTreeMap<Key, Option<Str>>,
    /// Links that their queue goes with.
    owners: BTreeMap<Key, Str>,
    /// Queues that may have something to hand out.
    ready: BTreeSet<Vec<u8>>,
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
            Event::Settled { link: LinkId::Sender(sender), first, last, state } => {
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
            | Event::SenderDetached { sender } => {
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

    /// Hands out what can be handed out.
    pub fn serve(&mut self, peers: &mut Peers) {
        for address in std::mem::take(&mut self.ready) {
            if let Some(queue) = self.queues.get_mut(address.as_slice()) {
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
        let link = connection.sender(id)?;
        let remote = link.remote_attach();
        let mode = remote.as_ref().map(|attach| attach.snd_settle_mode).unwrap_or_default();
        let source = remote.and_then(|attach| attach.source).map(|source| *source);
        let Some(mut source) = source else {
            return connection
                .refuse_sender(id, Error::described(ErrorCondition::InvalidField, "a source is due"));
        };
        if source.dynamic {
            source.address = Some(self.make_address(peer, id.into()));
        }
        let Some(address) = source.address.clone().filter(|address| !address.is_empty()) else {
            return connection
                .refuse_sender(id, Error::described(ErrorCondition::NotFound, "the source has no address"));
        };
        let browse = source.distribution_mode == Some(DistributionMode::Copy);
        let settled = mode == SenderSettleMode::Settled;
        // 3.5.3: the answer tells what is in force, and no filter is.
        let source = Source { filter: None, ..source };
        connection.accept_sender(id, Attach::new().source(source).snd_settle_mode(mode))?;
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
        let link = connection.receiver(id)?;
        let mut target = match link.remote_attach().and_then(|attach| attach.target).map(|target| *target) {
            Some(TargetArchetype::Target(target)) => target,
            Some(TargetArchetype::Coordinator(_)) => {
                let error =
                    Error::described(ErrorCondition::NotImplemented, "there are no transactions here");
                return connection.refuse_receiver(id, error);
            }
            None => {
                let error = Error::described(ErrorCondition::InvalidField, "a target is due");
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
        let attach = Attach::new().target(target).credit(CreditPolicy::Auto(CREDIT));
        connection.accept_receiver(id, attach)
    }

    /// 3.5.4: a dynamic node is made, and named, by us; it goes with the link that asked for it.
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
        delivery: DeliveryId,
    ) -> Result<(), CommandError> {
        let mut receiver = connection.receiver(id)?;
        let taken = receiver.take(delivery)?;
        let fixed = self.addresses.get(&(peer, id.into())).cloned().flatten();
        let message = Stored { format: taken.message_format, payload: taken.payload, barred: Vec::new() };
        let Some(address) = fixed.or_else(|| destination(&message)) else {
            let error =
                Error::described(ErrorCondition::NotFound, "the message does not say where it is to go");
            return receiver.reject(delivery, Some(error));
        };
        note(&mut self.ready, &address);
        match self.queues.get_mut(address.as_bytes()) {
            Some(queue) => queue.push(message),
            // The map keeps the address for long, and not the block that the message was read into.
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
            // Accepted and rejected ones are done with, and so are those settled without an outcome.
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
        self.queues.get_mut(address.as_bytes())
    }

    fn mark(&mut self, peer: usize, link: LinkId) {
        if let Some(Some(address)) = self.addresses.get(&(peer, link)) {
            note(&mut self.ready, address);
        }
    }

    fn forget(&mut self, peer: usize, link: LinkId) {
        self.addresses.remove(&(peer, link));
        if let Some(address) = self.owners.remove(&(peer, link)) {
            self.queues.remove(address.as_bytes());
        }
    }
}

/// Puts an address among those of queues that may have something to hand out: mostly it is there.
fn note(ready: &mut BTreeSet<Vec<u8>>, address: &Str) {
    if !ready.contains(address.as_bytes()) {
        ready.insert(address.as_bytes().to_vec());
    }
}

/// Where a message to the anonymous terminus is to go.
fn destination(message: &Stored) -> Option<Str> {
    let settings = ParseOptions { body_required: false, ..ParseOptions::default() };
    let readable = message.format == MESSAGE_FORMAT;
    let parsed = readable.then(|| Message::parse(message.payload.clone(), &settings).ok())??;
    parsed.to().ok()?.filter(|address| !address.is_empty())
}
