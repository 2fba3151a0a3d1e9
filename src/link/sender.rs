//! The sending end: credit used up, drain answered, a message in progress (2.6.7, 2.6.12, 2.6.14).

use alloc::boxed::Box;

use crate::{
    error::{CommandError, ProtocolError},
    frame::Payload,
    ids::DeliveryId,
    spec::{
        definitions::{ErrorCondition, SenderSettleMode},
        delivery_state::DeliveryState,
        performatives::Flow,
    },
    types::{MessageFormat, SequenceNo},
};

/// How a message is to be sent, where it is not by the link's defaults.
#[derive(Clone, Debug, Default)]
pub struct SendOptions {
    pub(crate) settled: Option<bool>,
    pub(crate) message_format: MessageFormat,
    pub(crate) delivery_state: Option<DeliveryState>,
    pub(crate) batchable: bool,
}

impl SendOptions {
    /// The link's defaults: settled where its mode is `settled`, message format 0, no state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the delivery is settled by being sent.
    #[must_use]
    pub fn settled(mut self, settled: bool) -> Self {
        self.settled = Some(settled);
        self
    }

    /// The message's format (2.8.11). Default 0, the standard's own.
    #[must_use]
    pub fn message_format(mut self, format: MessageFormat) -> Self {
        self.message_format = format;
        self
    }

    /// The delivery's state at the sender (2.7.5).
    #[must_use]
    pub fn state(mut self, state: DeliveryState) -> Self {
        self.delivery_state = Some(state);
        self
    }

    /// Whether the peer may take its time with the outcome (2.7.5).
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
    /// What is left to write.
    pub(crate) payload: Payload,
    /// Whether the application will bring more.
    pub(crate) streaming: bool,
}

/// The sending end of a link.
#[derive(Debug, Default)]
pub(crate) struct SenderEndpoint {
    count: SequenceNo,
    pub(crate) credit: u32,
    drain: bool,
    /// `SENDER_DRAIN` has been raised for the credit there is.
    drain_raised: bool,
    /// `SENDER_DRAIN` is owed once the peer's attach is answered.
    pub(crate) drain_event_owed: bool,
    pub(crate) available: u32,
    /// `SENDER_READY` is owed as soon as a message can be sent.
    pub(crate) wants_ready: bool,
    pub(crate) held: Option<Box<UnsentMessage>>,
    pub(crate) max_message_size: u64,
    pub(crate) mode: SenderSettleMode,
}

/// What a flow from the receiver means to the application.
pub(crate) struct FlowEffect {
    pub(crate) drain: bool,
}

const INITIAL_COUNT: SequenceNo = SequenceNo::new(0);

impl SenderEndpoint {
    pub(crate) fn new(mode: SenderSettleMode) -> Self {
        Self { wants_ready: true, mode, ..Self::default() }
    }

    pub(crate) fn initial_count(&self) -> SequenceNo {
        INITIAL_COUNT
    }

    /// 2.6.7: `link-credit_snd := delivery-count_rcv + link-credit_rcv - delivery-count_snd`.
    pub(crate) fn on_flow(&mut self, flow: &Flow) -> Result<FlowEffect, ProtocolError> {
        if let Some(credit) = flow.link_credit {
            // 2.6.7: a receiver that has not seen our attach does not know the count, and means the first one.
            let theirs = flow.delivery_count.unwrap_or(INITIAL_COUNT);
            let ahead = self.count.offset_from(theirs);
            let Ok(in_flight) = u32::try_from(ahead) else {
                return Err(ProtocolError::link(
                    ErrorCondition::InvalidField,
                    "delivery-count is ahead of the sender's",
                ));
            };
            // A receiver that lowers its credit below what is in flight leaves none, not a negative amount.
            self.credit = credit.saturating_sub(in_flight);
        }
        self.drain = flow.drain;
        let asked = flow.drain && self.credit > 0;
        let drain = asked && !self.drain_raised;
        self.drain_raised = asked;
        Ok(FlowEffect { drain })
    }

    /// Whether a drain has nothing left to give up, and wants saying so.
    pub(crate) fn is_drained(&self) -> bool {
        self.drain && self.credit == 0
    }

    /// Gives up the credit left (2.6.7): the count moves as if it had been used, in one step.
    pub(crate) fn give_up_credit(&mut self) {
        self.count = self.count.plus(self.credit);
        self.credit = 0;
        self.drain_raised = false;
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain
    }

    /// Whether a message that has been taken whole is not in frames to its end.
    pub(crate) fn holds_message(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.streaming)
    }

    /// Whether a message of this size could be sent now, as far as the link is concerned.
    pub(crate) fn check(&self, size: usize) -> Result<(), CommandError> {
        let max = self.max_message_size;
        if max > 0 && u64::try_from(size).unwrap_or(u64::MAX) > max {
            return Err(CommandError::TooLarge { max });
        }
        if self.held.is_some() {
            return Err(CommandError::Busy);
        }
        if self.credit == 0 {
            return Err(CommandError::NoCredit);
        }
        Ok(())
    }

    /// 2.7.5: what the negotiated mode makes of a wish to settle.
    pub(crate) fn settles(&self, wish: Option<bool>) -> Result<bool, CommandError> {
        match (self.mode, wish) {
            (SenderSettleMode::Settled, Some(false)) | (SenderSettleMode::Unsettled, Some(true)) => {
                Err(CommandError::SettleMode)
            }
            (SenderSettleMode::Settled, _) => Ok(true),
            (SenderSettleMode::Unsettled, _) => Ok(false),
            (SenderSettleMode::Mixed, wish) => Ok(wish.unwrap_or(false)),
        }
    }

    /// A delivery's first frame has been written: that is when it uses its credit.
    pub(crate) fn on_first_frame(&mut self) {
        self.count = self.count.next();
        self.credit = self.credit.saturating_sub(1);
        self.drain_raised &= self.credit > 0;
        self.available = self.available.saturating_sub(1);
    }

    /// 2.7.4: the link's part of a flow.
    pub(crate) fn fill(&self, flow: &mut Flow) {
        flow.delivery_count = Some(self.count);
        flow.link_credit = Some(self.credit);
        flow.available = Some(self.available);
        flow.drain = self.drain;
    }
}
