//! The receiving end: credit given, deliveries put together and handed over (2.6.7, 2.6.12, 2.6.14).

use alloc::collections::VecDeque;

use bytes::Bytes;

use crate::{
    config::{self, CreditPolicy},
    error::{CommandError, ProtocolError},
    frame::Payload,
    ids::DeliveryId,
    spec::{
        definitions::{ErrorCondition, ReceiverSettleMode, SenderSettleMode},
        delivery_state::DeliveryState,
        performatives::{Flow, Transfer},
        whole::Whole,
    },
    types::{DeliveryTag, MessageFormat, SequenceNo},
};

/// A delivery as it is handed to the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Its name on the link.
    pub tag: DeliveryTag,
    /// The message's format: 0 for the standard's own, which [`Message`](crate::message::Message) reads.
    pub message_format: MessageFormat,
    /// Whether the sender has settled it, so that it needs no disposition.
    pub settled: bool,
    /// Its state at the sender.
    pub state: Option<DeliveryState>,
    /// The message.
    pub payload: Payload,
}

/// A delivery that has come, or is coming. It does not lie across more cache lines than it fills.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct IncomingDelivery {
    pub(crate) delivery: Delivery,
    pub(crate) complete: bool,
    /// Transfer frames whose bytes the application has not taken.
    pub(crate) frames: u32,
    /// Bytes so far, taken or not.
    size: u64,
}

/// The receiving end of a link.
#[derive(Debug, Default)]
pub(crate) struct ReceiverEndpoint {
    count: SequenceNo,
    credit: u32,
    /// Messages that may still come on credit since taken back or replaced (2.6.7).
    revoked_credit: u32,
    /// A window of the session: more can't be on its way.
    window: u32,
    strict: bool,
    drain: bool,
    available: u32,
    pub(crate) policy: CreditPolicy,
    pub(crate) streaming: bool,
    max_message_size: u64,
    pub(crate) snd_mode: SenderSettleMode,
    pub(crate) rcv_mode: ReceiverSettleMode,
    /// In the order they came; only the last can be incomplete.
    pub(crate) queue: VecDeque<IncomingDelivery>,
}

/// What a transfer frame came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TransferResult {
    /// It is part of a delivery that is still incomplete.
    Partial { first: bool },
    /// It completes a delivery, of which so many bytes had come before.
    Complete { first: bool, earlier: u64 },
    /// It gives its delivery up; so many frames of it had not been taken.
    Aborted { frames: u32, bytes: u64, first: bool },
}

impl ReceiverEndpoint {
    /// A receiver of a session with such an incoming window.
    pub(crate) fn new(local: &config::LinkConfig, window: u32) -> Self {
        let mut this = Self { window, ..Self::default() };
        this.configure(local);
        this
    }

    /// Takes the link's settings; credit that has been given stays.
    pub(crate) fn configure(&mut self, local: &config::LinkConfig) {
        self.policy = local.credit;
        self.streaming = local.streaming;
        self.max_message_size = local.max_message_size;
        self.strict = local.strict_credit;
    }

    pub(crate) fn on_attach(&mut self, initial: SequenceNo) {
        self.count = initial;
    }

    pub(crate) fn credit(&self) -> u32 {
        self.credit
    }

    /// Sets the credit. What is taken back of it may have been used already by messages on their way; and some
    /// senders, RabbitMQ among them, don't count those against the new credit.
    pub(crate) fn set_credit(&mut self, credit: u32) {
        let late = match self.credit.checked_sub(credit) {
            Some(taken_back) => taken_back,
            None if self.strict => 0,
            None => self.credit,
        };
        self.revoked_credit = self.revoked_credit.saturating_add(late).min(self.window);
        self.credit = credit;
    }

    /// The id of the delivery that is still incomplete.
    #[inline]
    pub(crate) fn current(&self) -> Option<DeliveryId> {
        self.queue.back().filter(|incoming| !incoming.complete).map(|incoming| incoming.delivery.id)
    }

    /// Takes a delivery that comes whole in one transfer.
    #[inline]
    pub(crate) fn receive_whole(
        &mut self,
        id: DeliveryId,
        whole: &Whole,
        payload: Bytes,
    ) -> Result<(), ProtocolError> {
        self.use_credit()?;
        self.check_settlement(whole.settled, false)?;
        let size = len_u64(&payload);
        if self.max_message_size > 0 && size > self.max_message_size {
            return too_large();
        }
        let delivery = Delivery {
            id,
            tag: whole.tag,
            message_format: whole.format,
            settled: whole.settled,
            state: None,
            payload: payload.into(),
        };
        self.queue.push_back(IncomingDelivery { delivery, complete: true, frames: 1, size });
        Ok(())
    }

    /// A delivery uses its credit with its first transfer.
    #[inline]
    fn use_credit(&mut self) -> Result<(), ProtocolError> {
        match (self.credit.checked_sub(1), self.revoked_credit.checked_sub(1)) {
            (Some(credit), _) => self.credit = credit,
            (None, Some(revoked_credit)) => self.revoked_credit = revoked_credit,
            (None, None) => {
                let why = "a message beyond the link's credit";
                return Err(ProtocolError::link(ErrorCondition::TransferLimitExceeded, why));
            }
        }
        self.count = self.count.next();
        self.available = self.available.saturating_sub(1);
        Ok(())
    }

    /// Whether a transfer keeps to the modes of its link (2.7.5), its delivery being settled or not by now.
    fn check_modes(&self, transfer: &Transfer, settled: bool) -> Result<(), ProtocolError> {
        self.check_settlement(settled, transfer.more)?;
        if self.rcv_mode == ReceiverSettleMode::First
            && transfer.rcv_settle_mode == Some(ReceiverSettleMode::Second)
        {
            return invalid("rcv-settle-mode second on a link attached with first");
        }
        Ok(())
    }

    /// The same, for what the sender chooses.
    #[inline]
    fn check_settlement(&self, settled: bool, more: bool) -> Result<(), ProtocolError> {
        match self.snd_mode {
            SenderSettleMode::Unsettled if settled => {
                invalid("a settled transfer on a link that sends unsettled")
            }
            SenderSettleMode::Settled if !settled && !more => {
                invalid("an unsettled delivery on a link that sends settled")
            }
            _ => Ok(()),
        }
    }

    /// Begins a delivery with its first transfer.
    pub(crate) fn begin(&mut self, id: DeliveryId, transfer: &Transfer) -> Result<(), ProtocolError> {
        // 2.7.5
        let Some(tag) = transfer.delivery_tag else {
            return invalid("a first transfer without delivery-tag");
        };
        self.use_credit()?;
        let delivery = Delivery {
            id,
            tag,
            message_format: transfer.message_format.unwrap_or_default(),
            settled: false,
            state: None,
            payload: Payload::new(),
        };
        self.queue.push_back(IncomingDelivery { delivery, complete: false, frames: 0, size: 0 });
        Ok(())
    }

    /// Adds a transfer to the delivery in progress. `limit` bounds a delivery that nobody reads as it comes.
    pub(crate) fn admit(
        &mut self,
        transfer: &mut Transfer,
        payload: Bytes,
        first: bool,
        limit: u64,
    ) -> Result<TransferResult, ProtocolError> {
        // 2.7.5: aborted overrides more, and its payload is ignored.
        if transfer.aborted {
            let Some(given_up) = self.queue.pop_back() else { return invalid("nothing to abort") };
            let bytes = u64::try_from(given_up.delivery.payload.len()).unwrap_or(u64::MAX);
            return Ok(TransferResult::Aborted { frames: given_up.frames, bytes, first });
        }
        // 2.7.5: once true it stays true.
        let was_settled = self.queue.back().is_some_and(|last| last.delivery.settled);
        let settled = was_settled || transfer.settled.unwrap_or(false);
        self.check_modes(transfer, settled)?;
        let (streaming, max) = (self.streaming, self.max_message_size);
        let Some(incoming) = self.queue.back_mut() else { return invalid("no delivery in progress") };
        let delivery = &mut incoming.delivery;
        delivery.settled = settled;
        if transfer.state.is_some() {
            delivery.state = transfer.state.take();
        }
        let earlier = incoming.size;
        incoming.size = incoming.size.saturating_add(len_u64(&payload));
        if (max > 0 && incoming.size > max) || (!streaming && transfer.more && incoming.size > limit) {
            return too_large();
        }
        delivery.payload.push(payload);
        incoming.frames = incoming.frames.saturating_add(1);
        incoming.complete = !transfer.more;
        Ok(if transfer.more {
            TransferResult::Partial { first }
        } else {
            TransferResult::Complete { first, earlier }
        })
    }

    /// Hands a complete delivery over, with the number of its frames that leave the window now.
    pub(crate) fn take(&mut self, id: DeliveryId) -> Result<(Delivery, u32), CommandError> {
        // They are mostly taken in the order in which they came.
        let front = self.queue.front();
        if front.is_some_and(|incoming| incoming.delivery.id == id && incoming.complete)
            && let Some(incoming) = self.queue.pop_front()
        {
            if self.queue.is_empty() {
                // Else the queue of each of many links would be gone round, and none of it be in the cache.
                self.queue.clear();
            }
            return Ok((incoming.delivery, incoming.frames));
        }
        let at = self.find(id)?;
        if !self.queue.get(at).is_some_and(|incoming| incoming.complete) {
            return Err(CommandError::IllegalState("the delivery is not complete"));
        }
        let incoming = self.queue.remove(at).ok_or(CommandError::UnknownId)?;
        Ok((incoming.delivery, incoming.frames))
    }

    /// Hands over what has come of a delivery, with the number of frames that leave the window now.
    pub(crate) fn read(&mut self, id: DeliveryId) -> Result<(Option<Bytes>, u32), CommandError> {
        let at = self.find(id)?;
        let incoming = self.queue.get_mut(at).ok_or(CommandError::UnknownId)?;
        let chunk = incoming.delivery.payload.take_chunk(usize::MAX);
        let frames =
            if incoming.delivery.payload.is_empty() { core::mem::take(&mut incoming.frames) } else { 0 };
        if chunk.is_empty() && incoming.complete {
            self.queue.remove(at);
        }
        Ok(((!chunk.is_empty()).then_some(chunk), frames))
    }

    /// Drops what has come and not been taken: so many frames of the window, so many bytes of incomplete
    /// deliveries.
    pub(crate) fn abandon(&mut self) -> (u32, u64) {
        let streaming = self.streaming;
        self.queue.drain(..).fold((0, 0), |(frames, bytes): (u32, u64), incoming| {
            let buffered = if incoming.complete || streaming { 0 } else { incoming.size };
            (frames.saturating_add(incoming.frames), bytes.saturating_add(buffered))
        })
    }

    fn find(&self, id: DeliveryId) -> Result<usize, CommandError> {
        let first = self.queue.front().is_some_and(|incoming| incoming.delivery.id == id);
        if first {
            return Ok(0);
        }
        self.queue
            .binary_search_by_key(&id, |incoming| incoming.delivery.id)
            .map_err(|_| CommandError::UnknownId)
    }

    /// Whether the credit is to be topped up, by the policy; it then has been.
    #[inline]
    pub(crate) fn top_up(&mut self) -> bool {
        let CreditPolicy::Auto(full) = self.policy else { return false };
        if self.credit > full / 2 || self.drain {
            return false;
        }
        let waiting = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        let wanted = full.saturating_sub(waiting);
        if wanted <= self.credit {
            return false;
        }
        self.set_credit(wanted);
        true
    }

    /// Asks for the credit to be used or given up.
    pub(crate) fn start_drain(&mut self) {
        self.drain = true;
    }

    /// Ends a drain that is not answered, and takes the credit back; messages on their way may still use it.
    pub(crate) fn give_up_drain(&mut self) -> bool {
        if self.drain {
            self.set_credit(0);
        }
        core::mem::take(&mut self.drain)
    }

    /// Whether a drain has come to its end; it then is over.
    pub(crate) fn end_drain(&mut self) -> bool {
        if !self.drain || self.credit > 0 {
            return false;
        }
        self.drain = false;
        true
    }

    /// 2.6.7: what the sender says of its count. Its credit is what we gave it, so that field is not read.
    pub(crate) fn on_flow(&mut self, flow: &Flow) {
        self.available = flow.available.unwrap_or(self.available);
        let Some(theirs) = flow.delivery_count else { return };
        // Some count a delivery when it begins and some when it is complete, so only a lead means anything. It is
        // credit given up where the flow answers a drain, be that over by now; else it is messages still on their
        // way, which RabbitMQ counts before it sends them.
        if flow.drain
            && let Ok(ahead) = u32::try_from(theirs.offset_from(self.count))
        {
            self.credit = self.credit.saturating_sub(ahead);
            self.count = theirs;
            self.revoked_credit = 0;
        }
    }

    /// 2.7.4: the link's part of a flow; the count is unset until the sender's attach has told it.
    pub(crate) fn fill(&self, flow: &mut Flow, attached: bool) {
        flow.delivery_count = attached.then_some(self.count);
        flow.link_credit = Some(self.credit);
        flow.available = Some(self.available);
        flow.drain = self.drain;
    }
}

fn len_u64(payload: &Bytes) -> u64 {
    u64::try_from(payload.len()).unwrap_or(u64::MAX)
}

#[cold]
fn invalid<T>(why: &'static str) -> Result<T, ProtocolError> {
    Err(ProtocolError::link(ErrorCondition::InvalidField, why))
}

#[cold]
fn too_large<T>() -> Result<T, ProtocolError> {
    Err(ProtocolError::link(ErrorCondition::MessageSizeExceeded, "the message is too large"))
}
