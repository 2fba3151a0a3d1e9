//! The requests for links: which queue each is for, and why some are refused.

use amqp_proto::{
    CommandError, Connection, CreditPolicy, LinkId, ReceiverConfig, ReceiverId, SenderConfig, SenderId,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, SenderSettleMode},
        terminus::{DistributionMode, Source, Target, TargetArchetype},
    },
    types::Str,
};

use crate::{
    address::{is_consumer_group, node_name},
    barred::Barred,
    consumer::Consumer,
    filters::Filters,
    lifetime,
    node::{Bounds, Link, Node},
    queue::Queue,
    room::Charge,
    services::Service,
    settle::size_of,
    share::{size_of_address, size_of_source},
    stored::OVERHEAD,
};

/// Bytes that a connection may need beside a message that it holds: parts of other links and their overhead.
const HELD: usize = 64 << 10;

/// Bytes of a source's default outcome, in its encoding.
const DEFAULT_OUTCOME: usize = 1024;

/// Messages that a producer may send ahead.
const CREDIT: u32 = 1000;

impl Node {
    /// Answers a peer that wants to receive.
    pub(crate) fn attach_consumer(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: SenderId,
    ) -> Result<(), CommandError> {
        let remote = connection.sender_ref(id)?.remote_attach();
        let mode = remote.as_ref().map(|attach| attach.snd_settle_mode).unwrap_or_default();
        let second =
            remote.as_ref().is_some_and(|attach| attach.rcv_settle_mode == ReceiverSettleMode::Second);
        let (source, target) = remote.map(|attach| (attach.source, attach.target)).unwrap_or_default();
        let source = source.map(|source| *source);
        let service = service_at(source.as_ref().and_then(|source| source.address.as_ref()));
        if let Err(error) = self.services.check(peer, service.as_ref()) {
            return connection.refuse_sender(id, error);
        }
        if let Some(service) = service {
            let addresses =
                [source.and_then(|it| it.address), target.as_deref().and_then(address_of).cloned()];
            let size = addresses.iter().map(|address| size_of_address(address.as_ref())).sum();
            return match self.shares.take(peer, size) {
                Ok(charge) => self.services.attach_answers(peer, connection, id, service, charge),
                Err(error) => connection.refuse_sender(id, error),
            };
        }
        match self.consumer(peer, id, source, mode) {
            Ok(source) => {
                // 2.8.3: such a receiver settles after us. Deliveries to a browser have no outcome here, and are left to
                // the engine.
                let decides = second && source.distribution_mode != Some(DistributionMode::Copy);
                let config =
                    SenderConfig::new().source(source).snd_settle_mode(mode).settle_on_outcome(!decides);
                connection.accept_sender(id, config).inspect_err(|_| self.forget(peer, id.into()))
            }
            Err(error) => connection.refuse_sender(id, error),
        }
    }

    /// Adds a consumer to its queue. Returns the source in force.
    fn consumer(
        &mut self,
        peer: usize,
        id: SenderId,
        source: Option<Source>,
        mode: SenderSettleMode,
    ) -> Result<Source, AmqpError> {
        let mut source = source.ok_or_else(|| invalid("the source is missing"))?;
        let policy = source.dynamic.then(|| lifetime::policy(source.dynamic_node_properties.as_ref()));
        if let Some(policy) = &policy {
            source.address = Some(self.make_address());
            source.dynamic_node_properties = Some(lifetime::properties(policy));
        }
        let name = source.address.as_ref().and_then(node_name);
        let name = name.ok_or_else(|| not_found("the source names no queue"))?;
        if source.address.as_ref().is_some_and(is_consumer_group) {
            source.distribution_mode = Some(DistributionMode::Copy);
        }
        // It is kept for the link, decoded.
        if source.default_outcome.as_ref().is_some_and(|outcome| size_of(outcome) > DEFAULT_OUTCOME) {
            let why = format!("the default outcome has more than {DEFAULT_OUTCOME} bytes");
            return Err(AmqpError::described(ErrorCondition::ResourceLimitExceeded, why));
        }
        let is_azure = self.services.is_azure(peer);
        let barred = Barred::new(self.shares.barred(peer));
        // 3.5.3: the answer lists the filters in force.
        let last = self.get(&name).map_or(0, Queue::last_number);
        let (filters, in_force) = Filters::of(source.filter.as_ref(), last);
        source.filter = in_force;
        let charge = self.shares.take(peer, size_of_source(&source, filters.comparisons()))?;
        let queue = self.queue(&name)?;
        let settled = mode == SenderSettleMode::Settled;
        let consumer = Consumer::new(settled, source.default_outcome.clone(), filters, is_azure, barred);
        let browse = source.distribution_mode == Some(DistributionMode::Copy);
        queue.add_consumer((peer, id), if browse { consumer.browser() } else { consumer });
        if let Some(policy) = policy {
            queue.set_policy(policy, (peer, id.into()));
        }
        self.add(peer, id.into(), Some(name), false, charge);
        Ok(source)
    }

    /// Answers a peer that wants to send.
    pub(crate) fn attach_producer(
        &mut self,
        peer: usize,
        connection: &mut Connection,
        id: ReceiverId,
    ) -> Result<(), CommandError> {
        let remote = connection.receiver_ref(id)?.remote_attach();
        let (source, target) = remote.map(|attach| (attach.source, attach.target)).unwrap_or_default();
        let service = service_at(target.as_deref().and_then(address_of));
        if let Err(error) = self.services.check(peer, service.as_ref()) {
            return connection.refuse_receiver(id, error);
        }
        if let Some(service) = service {
            let size = size_of_address(target.as_deref().and_then(address_of));
            return match self.shares.take(peer, size) {
                Ok(charge) => self.services.attach_requests(peer, connection, id, service, charge),
                Err(error) => connection.refuse_receiver(id, error),
            };
        }
        match self.producer(peer, id, source.as_deref(), target.map(|target| *target)) {
            Ok(target) => {
                let size = self.largest_message();
                let config = ReceiverConfig::new().target(target).max_message_size(size);
                let config = config.credit(CreditPolicy::Auto(CREDIT));
                connection.accept_receiver(id, config).inspect_err(|_| self.forget(peer, id.into()))
            }
            Err(error) => connection.refuse_receiver(id, error),
        }
    }

    /// Adds a producer to its queue. Returns the target in force.
    fn producer(
        &mut self,
        peer: usize,
        id: ReceiverId,
        source: Option<&Source>,
        target: Option<TargetArchetype>,
    ) -> Result<Target, AmqpError> {
        let mut target = match target {
            Some(TargetArchetype::Target(target)) => target,
            Some(TargetArchetype::Coordinator(_)) => {
                let error = "there are no transactions here";
                return Err(AmqpError::described(ErrorCondition::NotImplemented, error));
            }
            None => return Err(invalid("the target is missing")),
        };
        let policy = target.dynamic.then(|| lifetime::policy(target.dynamic_node_properties.as_ref()));
        if let Some(policy) = &policy {
            target.address = Some(self.make_address());
            target.dynamic_node_properties = Some(lifetime::properties(policy));
        }
        // Without an address it is the anonymous terminus: each message names its queue.
        let name = match target.address.as_ref().filter(|address| !address.is_empty()) {
            Some(address) => Some(node_name(address).ok_or_else(|| not_found("the target names no queue"))?),
            None => None,
        };
        let charge = self.shares.take(peer, size_of_address(target.address.as_ref()))?;
        if let Some(name) = &name {
            let queue = self.queue(name)?;
            queue.add_producer((peer, id));
            if let Some(policy) = policy {
                queue.set_policy(policy, (peer, id.into()));
            }
        }
        // Without a list of outcomes the source takes all (3.5.3).
        let outcomes = source.map(|source| &source.outcomes).filter(|outcomes| !outcomes.is_empty());
        let takes_rejected =
            outcomes.is_none_or(|outcomes| outcomes.iter().any(|outcome| outcome == "amqp:rejected:list"));
        self.add(peer, id.into(), name, takes_rejected, charge);
        Ok(target)
    }

    fn add(&mut self, peer: usize, id: LinkId, name: Option<Str>, takes_rejected: bool, charge: Charge) {
        if let Some(name) = &name {
            self.note(name);
        }
        // The name is copied, or it would keep the block that it was read into.
        let name = name.as_ref().map(Str::detach);
        self.links.insert((peer, id), Link { name, takes_rejected, _charge: charge });
    }

    /// Returns the most bytes of a message that a connection, a queue and the broker have room for.
    fn largest_message(&self) -> u64 {
        let Bounds { queue, all, connection } = self.bounds;
        let most = queue.min(all).saturating_sub(OVERHEAD).min(connection.saturating_sub(HELD));
        // 2.7.3: 0 would be no limit at all.
        most.max(1) as u64
    }

    /// Makes the address of a dynamic node (3.5.3, 3.5.4).
    fn make_address(&mut self) -> Str {
        loop {
            self.dynamic += 1;
            let name = Str::from(format!("dynamic-{}", self.dynamic));
            if self.get(&name).is_none() {
                return name;
            }
        }
    }
}

/// Returns the address of a target that is not a coordinator.
pub fn address_of(target: &TargetArchetype) -> Option<&Str> {
    match target {
        TargetArchetype::Target(target) => target.address.as_ref(),
        TargetArchetype::Coordinator(_) => None,
    }
}

/// Returns the service that an address names.
fn service_at(address: Option<&Str>) -> Option<Service> {
    Service::named(&node_name(address?)?)
}

fn invalid(what: &'static str) -> AmqpError {
    AmqpError::described(ErrorCondition::InvalidField, what)
}

fn not_found(what: &'static str) -> AmqpError {
    AmqpError::described(ErrorCondition::NotFound, what)
}
