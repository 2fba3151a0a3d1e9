//! The sending end of a link: credit, drain, and the message in progress (2.6.7, 2.6.12, 2.6.14).

use alloc::{boxed::Box, format};

use crate::{
    config::Tolerance,
    error::{CommandError, ProtocolError},
    frame::Payload,
    ids::DeliveryId,
    spec::{
        definitions::{ErrorCondition, ReceiverSettleMode, SenderSettleMode},
        delivery_state::DeliveryState,
        performatives::Flow,
    },
    types::{MessageFormat, SequenceNo},
};

/// Options of one message; the defaults are those of the link.
#[derive(Clone, Debug, Default)]
pub struct SendOptions {
    pub(crate) settled: Option<bool>,
    pub(crate) message_format: MessageFormat,
    pub(crate) delivery_state: Option<DeliveryState>,
    pub(crate) rcv_settle_mode: Option<ReceiverSettleMode>,
    pub(crate) batchable: bool,
}

impl SendOptions {
    /// The link's defaults: settled where its mode is `settled`, message format 0, no state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends the delivery settled or unsettled (2.7.5 `settled`). Default: as the link's mode has it, unsettled if mixed.
    #[must_use]
    pub fn settled(mut self, settled: bool) -> Self {
        self.settled = Some(settled);
        self
    }

    /// Sets the message-format (2.8.11). Default 0, the standard's own.
    #[must_use]
    pub fn message_format(mut self, format: MessageFormat) -> Self {
        self.message_format = format;
        self
    }

    /// Sets the delivery's state at the sender (2.7.5). Default none.
    ///
    /// An outcome is final: [`settle`](crate::Sender::settle) can give no other. A transactional state is in every
    /// frame of the delivery (4.4.1).
    #[must_use]
    pub fn state(mut self, state: DeliveryState) -> Self {
        self.delivery_state = Some(state);
        self
    }

    /// Sets when the receiver settles this delivery (2.7.5 `rcv-settle-mode`): with its outcome, or after us. Default:
    /// as the link's mode has it. A link of mode second can have deliveries of mode first, but not the other way
    /// round. Without meaning for a delivery that is sent settled.
    #[must_use]
    pub fn rcv_settle_mode(mut self, mode: ReceiverSettleMode) -> Self {
        self.rcv_settle_mode = Some(mode);
        self
    }

    /// Allows the peer to delay the outcome so that it can batch outcomes (2.7.5). Default false.
    #[must_use]
    pub fn batchable(mut self, batchable: bool) -> Self {
        self.batchable = batchable;
        self
    }
}

/// A delivery whose last frame has not been written.
#[derive(Debug)]
pub(crate) struct UnsentMessage {
    pub(crate) id: DeliveryId,
    pub(crate) settled: bool,
    /// The bytes left to write.
    pub(crate) payload: Payload,
    /// The application will add more.
    pub(crate) streaming: bool,
    /// The bytes that the application has added piece by piece.
    pub(crate) size: u64,
    /// The state that every frame has to carry.
    pub(crate) state: Option<DeliveryState>,
    /// The application has aborted it, and the frame that does so waits for the peer's window.
    pub(crate) is_aborted: bool,
    /// `SENDER_READY` is owed as soon as bytes may be added.
    pub(crate) chunk_owed: bool,
}

/// The sending end of a link.
#[derive(Debug, Default)]
pub(crate) struct SenderEndpoint {
    delivery_count: SequenceNo,
    /// The delivery-count of our attach.
    initial_count: SequenceNo,
    pub(crate) link_credit: u32,
    drain: bool,
    /// `SENDER_DRAIN` has been raised for the credit there is.
    drain_raised: bool,
    /// `SENDER_DRAIN` is owed once the peer's attach is answered.
    pub(crate) drain_event_owed: bool,
    /// The answer to a drain is owed once the message in progress is out.
    pub(crate) drain_answer_owed: bool,
    /// The next flow answers a drain, and has `drain` set even if the drain has been taken back since. Credit that is given
    /// up moves the delivery-count, and the receiver must learn why.
    answers_drain: bool,
    pub(crate) available: u32,
    /// `SENDER_READY` is owed as soon as a message can be sent.
    pub(crate) ready_owed: bool,
    /// It is owed since there was no room for an unsettled message.
    pub(crate) lacks_memory: bool,
    /// `SENDER_CREDIT` waits to be polled.
    pub(crate) credit_event_waits: bool,
    pub(crate) unsent: Option<Box<UnsentMessage>>,
    /// The delivery in progress when our detach was written.
    cut_off: Option<DeliveryId>,
    pub(crate) max_message_size: u64,
    pub(crate) mode: SenderSettleMode,
}

impl SenderEndpoint {
    pub(crate) fn new(mode: SenderSettleMode, initial_count: SequenceNo) -> Self {
        Self { ready_owed: true, mode, delivery_count: initial_count, initial_count, ..Self::default() }
    }

    /// Applies the settings with which the application accepts the link. Its credit stays: the receiver may have given
    /// some already.
    pub(crate) fn configure(&mut self, mode: SenderSettleMode, initial_count: SequenceNo) {
        self.mode = mode;
        (self.delivery_count, self.initial_count) = (initial_count, initial_count);
    }

    /// 2.6.7: `link-credit_snd := delivery-count_rcv + link-credit_rcv - delivery-count_snd`. Returns true if the
    /// application is to be asked for a drain.
    pub(crate) fn on_flow(&mut self, flow: &Flow, tolerance: &Tolerance) -> Result<bool, ProtocolError> {
        if let Some(credit) = flow.link_credit {
            // 2.6.7: a receiver that has not seen our attach does not know the count, and means the initial one.
            let theirs = flow.delivery_count.unwrap_or(self.initial_count);
            let ahead = self.delivery_count.offset_from(theirs);
            let in_flight = match u32::try_from(ahead) {
                Ok(in_flight) => in_flight,
                // The formula would add to the credit what the peer is ahead; it has not given that.
                Err(_) if tolerance.delivery_count_ahead => 0,
                Err(_) => return self.refuse_count(theirs),
            };
            // A receiver that lowers its credit below what is in flight leaves none, not a negative amount.
            self.link_credit = credit.saturating_sub(in_flight);
        }
        self.drain = flow.drain;
        let asked = flow.drain && self.link_credit > 0;
        let drain = asked && !self.drain_raised;
        self.drain_raised = asked;
        Ok(drain)
    }

    #[cold]
    #[inline(never)]
    fn refuse_count<T>(&self, theirs: SequenceNo) -> Result<T, ProtocolError> {
        let ours = self.delivery_count;
        let why = format!("delivery-count {theirs} in a flow is ahead of its sender's, {ours} (2.6.7)");
        Err(ProtocolError::link(ErrorCondition::InvalidField, &why))
    }

    /// Returns true if a flow of the receiver's is to be answered now. A drain that finds no credit is: there is nothing
    /// to give up. But its answer follows a message in progress, as that of any drain does.
    pub(crate) fn answers_now(&mut self, flow: &Flow) -> bool {
        // The flow of a drain that is taken back may have asked for an echo, which is still owed.
        let is_taken_back = self.drain_answer_owed && !flow.drain;
        self.drain_answer_owed &= flow.drain;
        let is_drained = flow.drain && self.link_credit == 0;
        self.drain_answer_owed |= is_drained && self.unsent.is_some();
        if is_drained { self.unsent.is_none() } else { flow.echo | is_taken_back }
    }

    /// Relinquishes the credit left (2.6.7): the delivery-count advances as if it had been used.
    pub(crate) fn give_up_credit(&mut self) {
        self.delivery_count = self.delivery_count.plus(self.link_credit);
        self.link_credit = 0;
        self.drain_raised = false;
        self.answers_drain = true;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain
    }

    /// Drops the delivery in progress, since our detach has been written.
    pub(crate) fn cut_off_unsent(&mut self) {
        self.cut_off = self.cut_off();
        self.unsent = None;
    }

    /// Returns the delivery that the end of the link cuts off.
    pub(crate) fn cut_off(&self) -> Option<DeliveryId> {
        self.cut_off.or(self.in_progress())
    }

    /// Returns the delivery that is partly unsent, unless it is aborted.
    pub(crate) fn in_progress(&self) -> Option<DeliveryId> {
        self.unsent.as_ref().filter(|unsent| !unsent.is_aborted).map(|unsent| unsent.id)
    }

    /// True if a complete message is still partly unsent.
    pub(crate) fn has_unsent_message(&self) -> bool {
        self.unsent.as_ref().is_some_and(|unsent| !unsent.streaming && !unsent.is_aborted)
    }

    /// Has `SENDER_READY` follow once bytes may be added to the delivery that is sent as a stream.
    #[cold]
    pub(crate) fn await_chunk(&mut self) {
        if let Some(unsent) = &mut self.unsent {
            unsent.chunk_owed = true;
        }
    }

    /// Has the `SENDER_READY` that is owed for more bytes of a delivery follow once a message can be sent: there are no more.
    pub(crate) fn await_message(&mut self) {
        if let Some(unsent) = &mut self.unsent {
            self.ready_owed |= core::mem::take(&mut unsent.chunk_owed);
        }
    }

    /// True once if bytes may be added that had to wait: all that was added before is in frames.
    pub(crate) fn takes_awaited_chunk(&mut self) -> bool {
        let unsent = self.unsent.as_mut().filter(|unsent| unsent.streaming && !unsent.is_aborted);
        unsent.is_some_and(|unsent| unsent.payload.is_empty() && core::mem::take(&mut unsent.chunk_owed))
    }

    /// Fails if the peer takes no message of this size (2.7.3).
    #[inline]
    pub(crate) fn check_size(&self, size: u64) -> Result<(), CommandError> {
        let max = self.max_message_size;
        if max > 0 && size > max { Err(CommandError::TooLarge { max }) } else { Ok(()) }
    }

    /// True if [`check`](Self::check) succeeds.
    #[inline]
    pub(crate) fn is_ready(&self, size: usize) -> bool {
        self.link_credit > 0
            && self.unsent.is_none()
            && self.check_size(u64::try_from(size).unwrap_or(u64::MAX)).is_ok()
    }

    /// Fails if the link does not allow a message of this size now.
    #[inline]
    pub(crate) fn check(&self, size: usize) -> Result<(), CommandError> {
        self.check_size(u64::try_from(size).unwrap_or(u64::MAX))?;
        if self.unsent.is_some() {
            return Err(CommandError::Busy);
        }
        if self.link_credit == 0 {
            return Err(CommandError::NoCredit);
        }
        Ok(())
    }

    /// Returns whether a delivery is sent settled, given the negotiated mode and the caller's preference (2.7.5).
    pub(crate) fn settles(&self, preference: Option<bool>) -> Result<bool, CommandError> {
        match (self.mode, preference) {
            (SenderSettleMode::Settled, Some(false)) | (SenderSettleMode::Unsettled, Some(true)) => {
                Err(CommandError::SettleMode)
            }
            (SenderSettleMode::Settled, _) => Ok(true),
            (SenderSettleMode::Unsettled, _) => Ok(false),
            (SenderSettleMode::Mixed, preference) => Ok(preference.unwrap_or(false)),
        }
    }

    /// Uses credit for a delivery whose first frame has been written.
    pub(crate) fn on_first_frame(&mut self) {
        self.delivery_count = self.delivery_count.next();
        self.link_credit = self.link_credit.saturating_sub(1);
        self.drain_raised &= self.link_credit > 0;
        self.available = self.available.saturating_sub(1);
    }

    /// Fills in the link's fields of a flow (2.7.4). Returns true if another one has to follow: this one answers a drain that
    /// has been taken back, and the receiver may wait to hear that the sender has left it.
    pub(crate) fn fill_flow(&mut self, flow: &mut Flow) -> bool {
        flow.delivery_count = Some(self.delivery_count);
        flow.link_credit = Some(self.link_credit);
        flow.available = Some(self.available);
        // 2.7.4: the drain mode that the sender is in.
        flow.drain = self.drain | core::mem::take(&mut self.answers_drain);
        flow.drain != self.drain
    }
}
