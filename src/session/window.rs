//! Session flow control (2.5.6), counted in transfer frames.

use alloc::format;

use crate::{
    config,
    error::ProtocolError,
    spec::{
        definitions::ErrorCondition,
        performatives::{Begin, Flow},
    },
    types::TransferNumber,
};

/// The windows of a session endpoint, under the standard's names.
#[derive(Debug)]
pub(crate) struct Window {
    next_incoming_id: Option<TransferNumber>,
    /// Transfers that the peer may still send, as last announced.
    pub(crate) incoming_window: u32,
    /// Transfers that we hold at most.
    pub(crate) size: u32,
    /// Transfers that the application has not polled or read.
    occupied: u32,
    /// The peer has seen our begin.
    pub(super) begin_seen: bool,
    initial_outgoing_id: TransferNumber,
    pub(crate) next_outgoing_id: TransferNumber,
    pub(crate) outgoing_window: u32,
    pub(crate) remote_incoming_window: u32,
    pub(crate) remote_outgoing_window: u32,
    /// A message or chunk has been begun since messages in progress had their turn.
    pub(super) new_begun: bool,
}

impl Window {
    pub(crate) fn new(local: &config::SessionConfig) -> Self {
        let first = TransferNumber::new(local.next_outgoing_id);
        Self {
            next_incoming_id: None,
            incoming_window: local.incoming_window,
            size: local.incoming_window,
            occupied: 0,
            begin_seen: false,
            initial_outgoing_id: first,
            next_outgoing_id: first,
            outgoing_window: local.outgoing_window,
            remote_incoming_window: 0,
            remote_outgoing_window: 0,
            new_begun: false,
        }
    }

    /// Replaces the settings, before anything has been sent by them.
    pub(crate) fn configure(&mut self, local: &config::SessionConfig) {
        *self = Self {
            next_incoming_id: self.next_incoming_id,
            remote_incoming_window: self.remote_incoming_window,
            remote_outgoing_window: self.remote_outgoing_window,
            ..Self::new(local)
        };
    }

    pub(crate) fn on_begin(&mut self, begin: &Begin) {
        self.next_incoming_id = Some(begin.next_outgoing_id);
        self.remote_incoming_window = begin.incoming_window;
        self.remote_outgoing_window = begin.outgoing_window;
    }

    /// 2.5.6 "receiving a transfer": each frame counts, not each delivery.
    #[inline(always)]
    pub(crate) fn on_transfer(&mut self) -> Result<(), ProtocolError> {
        let Some(left) = self.incoming_window.checked_sub(1) else {
            return self.refuse_transfer();
        };
        self.incoming_window = left;
        self.occupied = self.occupied.saturating_add(1);
        self.next_incoming_id = self.next_incoming_id.map(TransferNumber::next);
        self.remote_outgoing_window = self.remote_outgoing_window.saturating_sub(1);
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn refuse_transfer<T>(&self) -> Result<T, ProtocolError> {
        let next = self.next_incoming_id.map_or(0, TransferNumber::get);
        let why = format!("a transfer beyond the incoming-window, 0 at next-incoming-id {next} (2.5.6)");
        Err(ProtocolError::session(ErrorCondition::WindowViolation, &why))
    }

    #[cold]
    #[inline(never)]
    fn refuse_flow<T>(&self, known: TransferNumber) -> Result<T, ProtocolError> {
        let next = self.next_outgoing_id;
        let why = format!("next-incoming-id {known} in a flow is ahead of next-outgoing-id {next} (2.5.6)");
        Err(ProtocolError::session(ErrorCondition::InvalidField, &why))
    }

    /// Frees `frames` places in the window. Returns true if at least half of it can be announced again.
    pub(crate) fn release(&mut self, frames: u32) -> bool {
        self.occupied = self.occupied.saturating_sub(frames);
        let room = self.size.saturating_sub(self.occupied);
        room.saturating_sub(self.incoming_window) >= self.size.div_ceil(2).max(1)
    }

    /// 2.5.6 "sending a transfer".
    pub(crate) fn on_send(&mut self) {
        self.next_outgoing_id = self.next_outgoing_id.next();
        self.remote_incoming_window = self.remote_incoming_window.saturating_sub(1);
    }

    /// Returns the next-incoming-id that a flow without one stands for: all that has been sent, or none.
    pub(crate) fn assumed_incoming_id(&self, all_seen: bool) -> TransferNumber {
        // 2.5.6: without it, the initial outgoing id.
        if all_seen { self.next_outgoing_id } else { self.initial_outgoing_id }
    }

    /// 2.5.6 "receiving a flow".
    ///
    /// `known` is the flow's next-incoming-id.
    pub(crate) fn on_flow(&mut self, flow: &Flow, known: TransferNumber) -> Result<(), ProtocolError> {
        // The transfers in flight: sent by us, and not seen by the peer. It cannot have seen more than were sent.
        let Ok(in_flight) = u32::try_from(self.next_outgoing_id.offset_from(known)) else {
            return self.refuse_flow(known);
        };
        self.next_incoming_id = Some(flow.next_outgoing_id);
        self.remote_outgoing_window = flow.outgoing_window;
        self.remote_incoming_window = flow.incoming_window.saturating_sub(in_flight);
        Ok(())
    }

    /// Returns a flow with the session's fields (2.7.4), which announces all the room there is.
    pub(crate) fn flow(&mut self) -> Flow {
        self.incoming_window = self.size.saturating_sub(self.occupied).max(self.incoming_window);
        Flow {
            next_incoming_id: self.next_incoming_id,
            incoming_window: self.incoming_window,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: self.outgoing_window,
            ..Flow::default()
        }
    }
}
