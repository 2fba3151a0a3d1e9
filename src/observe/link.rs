//! A link, as seen from between its ends (2.6).

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    sync::Arc,
};

use super::{
    finding::Rule,
    machine::Machine,
    permitted::Permitted,
    seen::{Both, LinkView, other},
    session::FARTHEST,
};
use crate::{
    Instant, Side,
    spec::{
        definitions::{Role, SenderSettleMode},
        performatives::{Attach, Flow, Transfer},
        terminus::TargetArchetype,
    },
    state::{LinkState, LinkTrigger},
    types::{DeliveryNumber, DeliveryTag, SequenceNo},
};

/// The rules that a frame breaks, with the numbers of the case.
pub(super) type Broken = alloc::vec::Vec<(Rule, String)>;

/// The settings in an end's attach, and when it detached.
#[derive(Debug)]
pub(super) struct LinkEnd {
    pub(super) handle: u32,
    max_message_size: Option<u64>,
    snd_settle_mode: SenderSettleMode,
    pub(super) detached: Option<Instant>,
    pub(super) attached: Instant,
}

/// A delivery of which more frames are to come.
#[derive(Debug)]
struct Partial {
    id: Option<DeliveryNumber>,
    tag: Option<DeliveryTag>,
    size: u64,
    settled: bool,
    oversize: bool,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: u32,
    pub(super) name: Arc<str>,
    pub(super) sender: Side,
    pub(super) machines: Both<Machine<LinkState, LinkTrigger>>,
    pub(super) ends: Both<Option<LinkEnd>>,
    source: Option<Arc<str>>,
    target: Option<Arc<str>>,
    delivery_count: Option<SequenceNo>,
    first_count: SequenceNo,
    permitted: Permitted,
    available: Option<u32>,
    drain: bool,
    /// The receiver has asked to drain at least once.
    ever_drained: bool,
    partial: Option<Partial>,
    pub(super) tags: BTreeMap<DeliveryTag, u32>,
    /// The numbers of its unsettled deliveries.
    pub(super) unsettled: BTreeSet<u32>,
    /// The sender has had messages and no credit since then.
    pub(super) starved_since: Option<Instant>,
    pub(super) draining_since: Option<Instant>,
}

/// A delivery that begins with a transfer.
pub(super) struct Begun {
    pub(super) id: DeliveryNumber,
    pub(super) tag: Option<DeliveryTag>,
}

pub(super) enum Progress {
    Begun(Begun),
    /// The delivery has become settled, or is given up.
    Settled(DeliveryNumber),
    Nothing,
}

fn text(text: &str, max: usize) -> Arc<str> {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().into()
}

impl Link {
    pub(super) fn new(id: u32, name: Arc<str>, sender: Side) -> Self {
        let machine = || Machine::new(LinkState::Detached, LinkState::next);
        Self {
            id,
            name,
            sender,
            machines: Both { client: machine(), server: machine() },
            ends: Both { client: None, server: None },
            source: None,
            target: None,
            delivery_count: None,
            first_count: SequenceNo::default(),
            permitted: Permitted::new(),
            available: None,
            drain: false,
            ever_drained: false,
            partial: None,
            tags: BTreeMap::new(),
            unsettled: BTreeSet::new(),
            starved_since: None,
            draining_since: None,
        }
    }

    pub(super) fn is_attached(&self, side: Side) -> bool {
        self.ends.get(side).as_ref().is_some_and(|end| end.detached.is_none())
    }

    /// True once both ends have detached.
    pub(super) fn is_over(&self) -> bool {
        self.ends.all(|end| end.as_ref().is_some_and(|end| end.detached.is_some()))
    }

    pub(super) fn on_attach(
        &mut self,
        from: Side,
        attach: &Attach,
        now: Instant,
        max_name: usize,
        broken: &mut Broken,
    ) {
        if !self.machines.get_mut(from).send(LinkTrigger::SendAttach) {
            broken.push((Rule::LinkSequence, format!("attach of link {:?}", self.name)));
            return;
        }
        self.machines.get_mut(other(from)).receive(LinkTrigger::RecvAttach);
        *self.ends.get_mut(from) = Some(LinkEnd {
            handle: attach.handle.get(),
            max_message_size: attach.max_message_size.filter(|size| *size > 0),
            snd_settle_mode: attach.snd_settle_mode,
            detached: None,
            attached: now,
        });
        if let Some(address) = attach.source.as_ref().and_then(|source| source.address.as_ref()) {
            self.source = Some(text(address, max_name));
        }
        if let Some(TargetArchetype::Target(target)) = attach.target.as_deref()
            && let Some(address) = &target.address
        {
            self.target = Some(text(address, max_name));
        }
        if attach.role == Role::Sender {
            if attach.initial_delivery_count.is_none() {
                broken.push((Rule::InitialDeliveryCount, format!("link {:?}", self.name)));
            }
            let first = attach.initial_delivery_count.unwrap_or_default();
            (self.delivery_count, self.first_count) = (Some(first), first);
            self.permitted.begin_count(first);
            self.note_credit(now);
        }
    }

    /// Returns the credit by the receiver's last flow.
    fn credit(&self) -> u32 {
        let left = self.delivery_count.map(|count| self.permitted.latest().offset_from(count));
        left.and_then(|left| u32::try_from(left).ok()).unwrap_or(0)
    }

    fn note_credit(&mut self, now: Instant) {
        let starved = self.credit() == 0
            && self.available.is_some_and(|available| available > 0)
            && self.partial.is_none()
            && self.is_attached(self.sender)
            && self.is_attached(other(self.sender));
        self.starved_since = starved.then(|| self.starved_since.unwrap_or(now));
        let draining = self.drain && self.credit() > 0;
        self.draining_since = draining.then(|| self.draining_since.unwrap_or(now));
    }

    /// True if no delivery is in progress.
    pub(super) fn is_idle(&self) -> bool {
        self.partial.is_none()
    }

    pub(super) fn available(&self) -> Option<u32> {
        self.available
    }

    pub(super) fn on_flow(&mut self, from: Side, flow: &Flow, now: Instant, broken: &mut Broken) {
        if from == self.sender {
            self.on_sender_flow(flow, broken);
        } else {
            self.on_receiver_flow(flow, now, broken);
        }
        self.note_credit(now);
    }

    fn on_sender_flow(&mut self, flow: &Flow, broken: &mut Broken) {
        if let Some(available) = flow.available {
            self.available = Some(available);
        }
        let Some((count, held)) = flow.delivery_count.zip(self.delivery_count) else { return };
        let ahead = count.offset_from(held);
        // 2.6.7: a drained sender moves its count up to the limit.
        let may_advance = self.ever_drained && count.offset_from(self.permitted.highest()) <= 0;
        // A message is sent by its first frame or by its last: the standard does not decide.
        if ahead == -1 && self.partial.is_some() {
            return;
        }
        if ahead < 0 || (ahead > 0 && !may_advance) {
            broken
                .push((Rule::DeliveryCount, format!("delivery-count {count}, and {held} by the transfers")));
        }
        self.delivery_count = Some(count);
        if let Some(credit) = flow.link_credit {
            self.permitted.on_flow(count, credit.min(FARTHEST));
        }
    }

    fn on_receiver_flow(&mut self, flow: &Flow, now: Instant, broken: &mut Broken) {
        self.drain = flow.drain;
        self.ever_drained |= flow.drain;
        if let (Some(count), Some(held)) = (flow.delivery_count, self.delivery_count)
            && count.offset_from(held) > 0
        {
            broken
                .push((Rule::DeliveryCount, format!("delivery-count {count}, and {held} by the transfers")));
        }
        let Some(credit) = flow.link_credit else { return };
        // 2.6.7: a receiver that has not read the sender's attach counts from there.
        let count = flow.delivery_count.unwrap_or(self.first_count);
        self.permitted.permit(count.plus(credit.min(FARTHEST)));
        self.note_credit(now);
    }

    pub(super) fn on_transfer(
        &mut self,
        from: Side,
        transfer: &Transfer,
        payload: usize,
        now: Instant,
        broken: &mut Broken,
    ) -> Progress {
        if from != self.sender {
            broken.push((Rule::TransferByReceiver, format!("link {:?}", self.name)));
            return Progress::Nothing;
        }
        let is_first = self.partial.is_none();
        let mut partial = match self.partial.take() {
            Some(partial) => {
                let changed = transfer
                    .delivery_id
                    .is_some_and(|id| partial.id.is_some_and(|held| held != id))
                    || transfer.delivery_tag.is_some_and(|tag| partial.tag.is_some_and(|held| held != tag));
                if changed {
                    broken.push((Rule::DeliveryChanged, format!("link {:?}", self.name)));
                }
                partial
            }
            None => self.begin_delivery(transfer, now, broken),
        };
        partial.settled |= transfer.settled.unwrap_or(false);
        partial.size = partial.size.saturating_add(u64::try_from(payload).unwrap_or(u64::MAX));
        let max = self.ends.get(other(from)).as_ref().and_then(|end| end.max_message_size);
        if let Some(max) = max.filter(|max| partial.size > *max && !partial.oversize) {
            partial.oversize = true;
            broken.push((Rule::MessageTooLarge, format!("{} bytes, and {max} at most", partial.size)));
        }
        let id = partial.id;
        let over = !transfer.more || transfer.aborted;
        let settled = partial.settled || transfer.aborted;
        if over && !transfer.aborted {
            self.check_settled(from, partial.settled, broken);
        }
        let tag = partial.tag;
        self.partial = (!over).then_some(partial);
        match id {
            Some(id) if is_first && !(over && settled) => Progress::Begun(Begun { id, tag }),
            Some(id) if over && settled => Progress::Settled(id),
            _ => Progress::Nothing,
        }
    }

    fn begin_delivery(&mut self, transfer: &Transfer, now: Instant, broken: &mut Broken) -> Partial {
        let (id, tag) = (transfer.delivery_id, transfer.delivery_tag);
        if id.is_none() || tag.is_none() {
            broken.push((Rule::FirstTransfer, format!("link {:?}", self.name)));
        }
        // A delivery that is resumed has its tag in the unsettled map.
        if let Some(id) = tag.filter(|_| !transfer.resume).and_then(|tag| self.tags.get(&tag)) {
            broken.push((Rule::TagInUse, format!("delivery {id} has it")));
        }
        if let Some(count) = self.delivery_count {
            if let Err(limit) = self.permitted.on_delivery(count) {
                broken.push((Rule::CreditExceeded, format!("delivery-count {count} at the limit {limit}")));
            }
            self.delivery_count = Some(count.next());
        }
        self.available = self.available.map(|available| available.saturating_sub(1));
        self.note_credit(now);
        Partial { id, tag, size: 0, settled: false, oversize: false }
    }

    fn check_settled(&self, from: Side, settled: bool, broken: &mut Broken) {
        let Some(end) = self.ends.get(from) else { return };
        let wrong = match end.snd_settle_mode {
            SenderSettleMode::Settled => !settled,
            SenderSettleMode::Unsettled => settled,
            SenderSettleMode::Mixed => false,
        };
        if wrong {
            let sent = if settled { "settled" } else { "unsettled" };
            broken.push((Rule::SettleMode, format!("sent {sent}, with mode {:?}", end.snd_settle_mode)));
        }
    }

    pub(super) fn view(&self, session: u32) -> LinkView {
        LinkView {
            id: self.id,
            session,
            name: self.name.clone(),
            sender: self.sender,
            handles: Both::from_fn(|side| self.ends.get(side).as_ref().map(|end| end.handle)),
            source: self.source.clone(),
            target: self.target.clone(),
            states: Both::from_fn(|side| self.machines.get(side).latest()),
            credit: self.credit(),
            delivery_count: self.delivery_count.map(SequenceNo::get),
            available: self.available,
            drain: self.drain,
        }
    }
}
