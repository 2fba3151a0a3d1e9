//! The receiving end of a link: the credit it has given, and deliveries that arrive in parts (2.6.7, 2.6.12, 2.6.14).

use alloc::{collections::VecDeque, format};

use bytes::Bytes;

use super::{
    announced::Announced,
    partial::{Finished, Part, PartialDelivery, ReadChunk, transaction},
};
use crate::{
    codec::DecodeLimits,
    config::{self, CreditPolicy},
    error::{CommandError, ProtocolError},
    event::Delivery,
    frame::{CHUNK_SIZE, Payload},
    ids::DeliveryId,
    spec::{
        definitions::{ErrorCondition, ReceiverSettleMode, SenderSettleMode},
        delivery_state::DeliveryState,
        performatives::{Flow, Transfer},
    },
    types::{DeliveryTag, SequenceNo},
};

/// The most credit that there can be: delivery-counts 2³¹ or more apart have no order (2.8.10), so the answer to a drain
/// of more could not be understood.
pub(crate) const MAX_CREDIT: u32 = i32::MAX.cast_unsigned();

/// The receiving end of a link.
#[derive(Debug, Default)]
pub(crate) struct ReceiverEndpoint {
    pub(crate) delivery_count: SequenceNo,
    pub(crate) link_credit: u32,
    /// Credit that has been taken back or replaced, and that messages in flight may still use (2.6.7).
    revoked_credit: u32,
    /// The session's incoming window, in frames: no more messages can be in flight.
    window: u32,
    /// Messages may still arrive on credit that has been replaced.
    replaced_credit: bool,
    pub(crate) drain: bool,
    /// There is no credit to drain: only the sender's flow ends the drain, behind all that it has sent.
    drains_nothing: bool,
    /// Credit that the sender has given up since the drain was asked for.
    pub(crate) unused_credit: u32,
    announced: Announced,
    /// Messages that await credit at the sender, by its last word less those that have come since.
    pub(crate) available: u32,
    policy: CreditPolicy,
    /// The credit from which the policy tops up, and at most which a drain can have ended.
    low_credit: u32,
    pub(crate) streaming: bool,
    /// Outcomes that the source does not list are refused.
    pub(crate) checks_outcomes: bool,
    /// The bytes of the largest message that is taken.
    max_message_size: u64,
    pub(crate) snd_mode: SenderSettleMode,
    pub(crate) rcv_mode: ReceiverSettleMode,
    /// Whole deliveries whose events have not been polled. Each occupies one frame of the session's window.
    unpolled: u32,
    /// Deliveries that arrive in parts, in order; only the last can be incomplete, and without streaming it is the
    /// only one.
    partial: VecDeque<PartialDelivery>,
}

impl ReceiverEndpoint {
    /// Creates the receiver of a session that holds `window` transfer frames at a time.
    pub(crate) fn new(local: &config::LinkConfig, window: u32, tolerance: &config::Tolerance) -> Self {
        let mut this = Self {
            window,
            replaced_credit: tolerance.replaced_credit,
            checks_outcomes: !tolerance.unlisted_outcomes,
            ..Self::default()
        };
        this.configure(local);
        this
    }

    /// Applies the link's settings. Credit that has been given stays.
    pub(crate) fn configure(&mut self, local: &config::LinkConfig) {
        (self.policy, self.low_credit) = match local.credit {
            CreditPolicy::Auto(full) => {
                let full = full.min(MAX_CREDIT);
                (CreditPolicy::Auto(full), full / 2)
            }
            CreditPolicy::Manual => (CreditPolicy::Manual, 0),
        };
        self.streaming = local.streaming;
        // 2.7.3: 0 is no limit.
        self.max_message_size = if local.max_message_size == 0 { u64::MAX } else { local.max_message_size };
    }

    /// Sets the link credit. Messages in flight may still use credit that this revokes; and some senders, RabbitMQ
    /// among them, do not count such messages against the new credit.
    pub(crate) fn set_credit(&mut self, credit: u32) {
        let revoked = match self.link_credit.checked_sub(credit) {
            Some(taken_back) => taken_back,
            None if self.replaced_credit => self.link_credit,
            None => 0,
        };
        self.revoked_credit = self.revoked_credit.saturating_add(revoked).min(self.window);
        self.link_credit = credit;
        self.note_barrier();
    }

    /// Asks the sender to use the credit or give it up (2.6.7).
    pub(crate) fn start_drain(&mut self) {
        (self.drain, self.unused_credit) = (true, 0);
        self.note_barrier();
    }

    fn note_barrier(&mut self) {
        self.drains_nothing = self.drain && self.link_credit == 0;
        self.announced.note_count(self.delivery_count);
    }

    /// Returns the number of deliveries that may be on their way.
    fn in_flight(&self) -> u32 {
        self.announced.in_flight(self.delivery_count)
    }

    /// Returns the `drain` of the next flow.
    ///
    /// A drain without credit ends once the sender is known to have read that there is none. It may be in an earlier drain,
    /// and its flows look alike in both. So as long as messages may be on their way it is asked for a change.
    fn asks_drain(&self) -> bool {
        self.drain && (!self.drains_nothing || self.in_flight() == 0 || !self.announced.is_drain_read())
    }

    /// Sets the delivery-count that the sender's attach has.
    pub(crate) fn begin_count(&mut self, count: SequenceNo) {
        self.announced.begin_count(count);
        self.delivery_count = count;
    }

    /// Returns the id of the delivery in progress.
    #[inline(always)]
    pub(crate) fn current(&self) -> Option<DeliveryId> {
        self.partial.back().filter(|partial| !partial.complete).map(|partial| partial.delivery.id)
    }

    /// Accepts a delivery of `size` bytes that is one transfer. Its credit is used even if it breaks another rule.
    #[inline]
    pub(crate) fn accept_whole(&mut self, settled: bool, size: u64) -> Result<(), ProtocolError> {
        self.use_credit()?;
        self.check_settlement(settled, false)?;
        if size > self.max_message_size {
            return too_large(size, self.max_message_size);
        }
        self.unpolled = self.unpolled.saturating_add(1);
        Ok(())
    }

    /// Uses credit for one delivery, as its first transfer does.
    #[inline]
    fn use_credit(&mut self) -> Result<(), ProtocolError> {
        match (self.link_credit.checked_sub(1), self.revoked_credit.checked_sub(1)) {
            (Some(credit), _) => self.link_credit = credit,
            (None, Some(revoked)) => self.revoked_credit = revoked,
            (None, None) => return beyond_credit(self.delivery_count),
        }
        self.delivery_count = self.delivery_count.next();
        self.available = self.available.saturating_sub(1);
        Ok(())
    }

    /// Fails unless a transfer keeps to the modes of its link (2.7.5). `settled` is what holds for its delivery now.
    #[inline(always)]
    fn check_modes(&self, transfer: &Transfer, settled: bool) -> Result<(), ProtocolError> {
        self.check_settlement(settled, transfer.more)?;
        // 2.7.5: the mode of a message that is sent settled is ignored.
        if transfer.rcv_settle_mode == Some(ReceiverSettleMode::Second)
            && !settled
            && self.snd_mode != SenderSettleMode::Settled
            && self.rcv_mode == ReceiverSettleMode::First
        {
            return invalid(
                "a transfer has rcv-settle-mode second, and the link was attached with first (2.7.5)",
            );
        }
        Ok(())
    }

    /// Fails if a transfer is no continuation of the delivery in progress: its tag or format is another (2.7.5), or it
    /// belongs to another transaction or leaves its own (4.4.1).
    #[inline(always)]
    pub(crate) fn check_continuation(&self, transfer: &Transfer) -> Result<(), ProtocolError> {
        if transfer.delivery_tag.is_none() && transfer.message_format.is_none() && transfer.state.is_none() {
            return Ok(());
        }
        self.check_fields(transfer)
    }

    #[cold]
    fn check_fields(&self, transfer: &Transfer) -> Result<(), ProtocolError> {
        let Some(partial) = self.partial.back() else { return Ok(()) };
        let delivery = &partial.delivery;
        if transfer.delivery_tag.is_some_and(|tag| tag != delivery.tag) {
            return invalid("a later transfer of a delivery has another delivery-tag (2.7.5)");
        }
        if transfer.message_format.is_some_and(|format| format != delivery.message_format) {
            return invalid("a later transfer of a delivery has another message-format (2.7.5)");
        }
        match &transfer.state {
            // Left out, it is as before: many senders name the transaction once.
            None => Ok(()),
            Some(now) if partial.transaction() == transaction(now) => Ok(()),
            _ => Err(ProtocolError::link(
                ErrorCondition::NotAllowed,
                "the transfers of a delivery are of different transactions (4.4.1)",
            )),
        }
    }

    /// Fails unless the settlement suits the link's snd-settle-mode (2.7.5).
    #[inline]
    fn check_settlement(&self, settled: bool, more: bool) -> Result<(), ProtocolError> {
        match self.snd_mode {
            SenderSettleMode::Unsettled if settled => {
                invalid("a settled transfer on a link of snd-settle-mode unsettled (2.7.5)")
            }
            SenderSettleMode::Settled if !settled && !more => {
                invalid("an unsettled delivery on a link of snd-settle-mode settled (2.7.5)")
            }
            _ => Ok(()),
        }
    }

    /// Begins a delivery with its first transfer.
    pub(crate) fn begin(
        &mut self,
        id: DeliveryId,
        transfer: &Transfer,
        tolerance: &config::Tolerance,
    ) -> Result<(), ProtocolError> {
        // 2.7.5: mandatory on the first transfer of a delivery. Nobody can refer to a settled one, so the tag names
        // nothing there.
        let may_lack_tag = tolerance.missing_delivery_tags && transfer.settled == Some(true);
        let tag = match transfer.delivery_tag {
            Some(tag) => tag,
            None if may_lack_tag => DeliveryTag::default(),
            None => return invalid("the first transfer of a delivery has no delivery-tag (2.7.5)"),
        };
        self.use_credit()?;
        let delivery = Delivery {
            id,
            tag,
            message_format: transfer.message_format.unwrap_or_default(),
            settled: transfer.settled == Some(true),
            state: None,
            rcv_settle_mode: self.rcv_mode,
            batchable: false,
            payload: Payload::new(),
        };
        if self.partial.capacity() == 0 {
            // Mostly it is the only one.
            self.partial.reserve_exact(1);
        }
        self.partial.push_back(PartialDelivery::new(delivery, transfer.resume));
        Ok(())
    }

    /// Notes the state and mode in a transfer of the delivery in progress.
    pub(crate) fn note(&mut self, transfer: &mut Transfer) {
        let Some(partial) = self.partial.back_mut() else { return };
        if let Some(state) = transfer.state.take().filter(|_| !partial.finished) {
            partial.note(&state);
        }
        // 2.7.5: it counts for this delivery.
        if transfer.rcv_settle_mode == Some(ReceiverSettleMode::First) {
            partial.delivery.rcv_settle_mode = ReceiverSettleMode::First;
        }
    }

    /// True if a delivery is here that the application has not finished.
    #[cold]
    pub(crate) fn is_unfinished(&self, id: DeliveryId) -> bool {
        self.partial.iter().any(|partial| partial.delivery.id == id && !partial.finished)
    }

    /// Returns the id of the delivery in progress if no event has announced it.
    #[cold]
    pub(crate) fn arriving(&self) -> Option<DeliveryId> {
        self.current().filter(|_| !self.streaming)
    }

    /// Notes a disposition for the delivery in progress. Returns the bytes that it took up before, and those that it does
    /// now.
    #[cold]
    pub(crate) fn note_disposition(
        &mut self,
        settled: bool,
        state: Option<&DeliveryState>,
    ) -> Option<(usize, usize)> {
        let partial = self.partial.back_mut().filter(|partial| !partial.finished)?;
        partial.settled_apart |= settled;
        if let Some(state) = state {
            partial.note(state);
        }
        let now = partial.heap_size();
        Some((core::mem::replace(&mut partial.charged, now), now))
    }

    /// Adds a transfer to the delivery in progress. Without streaming, `max_buffered` bounds its bytes.
    #[inline]
    pub(crate) fn add(
        &mut self,
        transfer: &Transfer,
        payload: Bytes,
        max_buffered: u64,
    ) -> Result<Part, ProtocolError> {
        let Some(last) = self.partial.back() else {
            return invalid("a transfer continues a delivery, and none is in progress (2.7.5)");
        };
        // 2.7.5: settled stays true once it has been.
        let settled = last.delivery.settled || transfer.settled == Some(true);
        let (finished, earlier) = (last.finished, last.charged);
        let size = last.size.saturating_add(len_u64(&payload));
        self.check_modes(transfer, settled)?;
        let (streaming, max) = (self.streaming, self.max_message_size);
        let buffers = !streaming && !finished && transfer.more;
        if size > max || (buffers && size > max_buffered) {
            return too_large(size, if buffers { max.min(max_buffered) } else { max });
        }
        let complete = !transfer.more;
        let mut part = Part { complete, finished, settled, earlier, held: 0 };
        let Some(partial) = self.partial.back_mut() else { return Ok(part) };
        (partial.size, partial.complete, partial.delivery.settled) = (size, complete, settled);
        // 2.7.5: set in one transfer, it is set in all of them.
        partial.delivery.batchable |= transfer.batchable;
        if finished {
            return Ok(part);
        }
        // Without streaming nobody can read a part, so it must not occupy the window: a small one could never carry
        // the whole message.
        if streaming || complete {
            partial.frames = partial.frames.saturating_add(1);
        }
        if streaming {
            let first = if earlier == 0 { size_of::<PartialDelivery>() } else { 0 };
            part.held =
                [payload.len(), CHUNK_SIZE, first].iter().fold(earlier, |sum, it| sum.saturating_add(*it));
            partial.delivery.payload.push(payload);
        } else {
            partial.push(payload, complete);
            part.held = partial.heap_size();
        }
        partial.charged = part.held;
        Ok(part)
    }

    /// Copies the payloads of deliveries that arrive in parts, unless they are copies.
    pub(crate) fn copy_parts(&mut self) {
        self.partial.iter_mut().for_each(|partial| partial.delivery.payload.detach_shared());
    }

    /// Returns the bytes of incomplete deliveries that may share read buffers.
    pub(crate) fn shared_bytes(&self) -> usize {
        let shared = self.partial.iter().map(|partial| partial.delivery.payload.shared_len());
        shared.fold(0, usize::saturating_add)
    }

    /// True if deliveries that arrive in parts are here.
    #[inline]
    pub(crate) fn has_parts(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Finishes the deliveries in `first..=last` that have not been read to their end: the application has given their
    /// outcome. Returns `None` if there are none.
    pub(crate) fn finish(&mut self, first: DeliveryId, last: DeliveryId) -> Option<Finished> {
        let mut finished = None;
        for partial in self.partial.iter_mut().filter(|partial| partial.is_finished_by(first, last)) {
            let Finished { frames, bytes, settled } = finished.get_or_insert_default();
            *frames = frames.saturating_add(core::mem::take(&mut partial.frames));
            *bytes = bytes.saturating_add(core::mem::take(&mut partial.charged));
            *settled = partial.delivery.settled;
            partial.finish();
        }
        self.partial.retain(|partial| !(partial.finished && partial.complete));
        finished
    }

    /// Returns the deliveries in `first..=last` that are not finished, in order.
    pub(crate) fn unfinished(&self, first: DeliveryId, last: DeliveryId) -> impl Iterator<Item = DeliveryId> {
        let unfinished = self.partial.iter().filter(|partial| !partial.finished);
        unfinished.map(|partial| partial.delivery.id).filter(move |id| (first..=last).contains(id))
    }

    /// Removes the newest delivery, which is finished and complete.
    pub(crate) fn drop_finished(&mut self) {
        self.partial.pop_back();
    }

    /// Removes and returns the delivery in progress, which its sender aborts.
    pub(crate) fn abort(&mut self) -> Option<PartialDelivery> {
        self.partial.pop_back()
    }

    /// Hands over the state of the newest delivery, which is announced.
    pub(crate) fn announce(&mut self, limits: DecodeLimits) -> Option<(&Delivery, Option<DeliveryState>)> {
        let partial = self.partial.back_mut()?;
        let state = partial.state(limits);
        partial.drop_state();
        Some((&partial.delivery, state))
    }

    /// Removes and returns the delivery that has become complete, to be handed over whole.
    pub(crate) fn take_complete(&mut self, limits: DecodeLimits) -> Option<Delivery> {
        if let Some(partial) = self.partial.back_mut().filter(|partial| partial.has_state()) {
            partial.delivery.state = partial.state(limits);
        }
        let mut partial = self.partial.pop_back()?;
        partial.delivery.settled |= partial.settled_apart;
        self.unpolled = self.unpolled.saturating_add(1);
        Some(partial.delivery)
    }

    /// Takes note that the events of `count` whole deliveries have been polled. Returns how many frames leave the
    /// window.
    pub(crate) fn on_polled(&mut self, count: u32) -> u32 {
        let known = count.min(self.unpolled);
        self.unpolled = self.unpolled.saturating_sub(known);
        known
    }

    /// Takes the next bytes of a streamed delivery off the front.
    pub(crate) fn read_chunk(&mut self, id: DeliveryId) -> Result<ReadChunk, CommandError> {
        let at = self
            .partial
            .binary_search_by_key(&id, |partial| partial.delivery.id)
            .map_err(|_| CommandError::UnknownId)?;
        let partial = self.partial.get_mut(at).filter(|partial| self.streaming && !partial.finished);
        let partial = partial.ok_or(CommandError::UnknownId)?;
        let chunk = partial.delivery.payload.take_chunk(usize::MAX);
        let all_read = partial.delivery.payload.is_empty();
        let frames = if all_read { core::mem::take(&mut partial.frames) } else { 0 };
        let earlier = partial.charged;
        let read = chunk.len().saturating_add(CHUNK_SIZE);
        let is_over = chunk.is_empty() && partial.complete;
        partial.charged = match all_read {
            false => earlier.saturating_sub(read).max(1),
            // It stays until the application has seen its end.
            true if partial.complete && !is_over => size_of::<PartialDelivery>(),
            true => 0,
        };
        let held = partial.charged;
        if is_over {
            self.partial.remove(at);
        }
        Ok(ReadChunk { bytes: (!chunk.is_empty()).then_some(chunk), frames, earlier, held })
    }

    /// True if streamed deliveries have bytes that have not been read.
    pub(crate) fn has_unread(&self) -> bool {
        self.streaming && self.partial.iter().any(|partial| partial.charged > 0)
    }

    /// Takes what has arrived of streamed deliveries and has not been read.
    pub(crate) fn take_unread(&mut self) -> impl Iterator<Item = (DeliveryId, Payload)> {
        let streamed = self.partial.iter_mut().filter(|_| self.streaming);
        let unread = streamed.filter(|partial| !partial.delivery.payload.is_empty());
        unread.map(|partial| (partial.delivery.id, core::mem::take(&mut partial.delivery.payload)))
    }

    /// Returns the bytes that unread streamed deliveries have been charged with, and are no longer.
    pub(crate) fn take_charge_of_unread(&mut self) -> usize {
        let streamed = self.partial.iter_mut().filter(|_| self.streaming);
        streamed.fold(0, |sum, partial| sum.saturating_add(core::mem::take(&mut partial.charged)))
    }

    /// Drops the deliveries that have not been handed over. Returns the frames of the window that they occupied, and
    /// what incomplete ones took up, in bytes.
    pub(crate) fn abandon(&mut self) -> (u32, usize) {
        // An event in the queue keeps its delivery.
        let unpolled = core::mem::take(&mut self.unpolled);
        if self.partial.is_empty() {
            return (unpolled, 0);
        }
        let partial = core::mem::take(&mut self.partial);
        partial.iter().fold((unpolled, 0), |(frames, bytes), partial| {
            (partial.frames.saturating_add(frames), partial.charged.saturating_add(bytes))
        })
    }

    /// True if [`top_up`](Self::top_up) or [`end_drain`](Self::end_drain) may have something to do.
    #[inline]
    pub(crate) fn is_credit_low(&self) -> bool {
        self.link_credit <= self.low_credit
    }

    /// Tops up the credit if the policy asks for it; returns true if it did.
    #[inline]
    pub(crate) fn top_up(&mut self) -> bool {
        let CreditPolicy::Auto(full) = self.policy else { return false };
        if !self.is_credit_low() || self.drain {
            return false;
        }
        let finished = self.partial.back().is_some_and(|partial| partial.finished);
        let partial = u32::try_from(self.partial.len()).unwrap_or(u32::MAX).saturating_sub(finished.into());
        let wanted = full.saturating_sub(partial.saturating_add(self.unpolled));
        if wanted <= self.link_credit {
            return false;
        }
        self.set_credit(wanted);
        true
    }

    /// Ends a drain that was not answered, and revokes the credit; the policy grants it again. Returns true if there was one.
    pub(crate) fn give_up_drain(&mut self) -> bool {
        if !core::mem::take(&mut self.drain) {
            return false;
        }
        self.set_credit(0);
        // A sender that has not answered this may answer nothing.
        self.top_up();
        true
    }

    /// Ends a drain that has used up the credit, behind the delivery in progress; returns true if it did.
    pub(crate) fn end_drain(&mut self) -> bool {
        let ends = self.drain && self.link_credit == 0 && !self.drains_nothing && self.current().is_none();
        self.drain &= !ends;
        ends
    }

    /// 2.6.7: updates the delivery-count and `available`. The credit is what we gave; what the sender knows of it shows
    /// only whether it answers a drain. Returns true if a flow is due.
    pub(crate) fn on_flow(&mut self, flow: &Flow) -> bool {
        self.available = flow.available.unwrap_or(self.available);
        let is_answer = flow.drain && flow.link_credit.is_none_or(|credit| credit == 0);
        // Some senders count a delivery when it begins and some when it is complete, so only a lead means anything.
        // It is credit given up if the flow answers a drain, even one that is over by now; else it is messages in
        // flight, which RabbitMQ counts before it sends them.
        if flow.drain
            && let Some(theirs) = flow.delivery_count
            && let Ok(ahead) = u32::try_from(theirs.offset_from(self.delivery_count))
        {
            let given_up = ahead.min(self.link_credit);
            self.link_credit = self.link_credit.saturating_sub(given_up);
            self.unused_credit = self.unused_credit.saturating_add(given_up);
            self.delivery_count = theirs;
        }
        self.announced.read(flow, self.delivery_count);
        if is_answer && self.in_flight() == 0 {
            (self.drains_nothing, self.revoked_credit) = (false, 0);
        }
        self.drain && self.drains_nothing && self.asks_drain() != self.announced.drain
    }

    /// Fills in the link's fields of a flow that is written (2.7.4). The count is unset until the sender's attach has brought
    /// it.
    pub(crate) fn fill_flow(&mut self, flow: &mut Flow, attached: bool) {
        flow.delivery_count = attached.then_some(self.delivery_count);
        flow.link_credit = Some(self.link_credit);
        flow.available = Some(self.available);
        flow.drain = self.asks_drain();
        // Some senders have nothing to say to a drain without credit.
        flow.echo = self.drains_nothing;
        self.announced.write(self.delivery_count, self.link_credit, flow.drain);
    }
}

pub(crate) fn len_u64(payload: &Bytes) -> u64 {
    u64::try_from(payload.len()).unwrap_or(u64::MAX)
}

#[cold]
#[inline(never)]
fn invalid<T>(why: &'static str) -> Result<T, ProtocolError> {
    Err(ProtocolError::link(ErrorCondition::InvalidField, why))
}

#[cold]
#[inline(never)]
fn beyond_credit<T>(count: SequenceNo) -> Result<T, ProtocolError> {
    let why = format!("a delivery beyond the link-credit, 0 at delivery-count {count} (2.6.7)");
    Err(ProtocolError::link(ErrorCondition::TransferLimitExceeded, &why))
}

#[cold]
#[inline(never)]
fn too_large<T>(size: u64, max: u64) -> Result<T, ProtocolError> {
    let why = format!("a message of {size} bytes or more exceeds the maximum of {max} (2.7.3)");
    Err(ProtocolError::link(ErrorCondition::MessageSizeExceeded, &why))
}
