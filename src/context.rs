//! The parts of a connection that a handler may touch: frames out, events, timers, limits and id counters.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use crate::{
    codec::{Encode, to_vec},
    config::ConnectionConfig,
    error::CommandError,
    event::Event,
    frame::{FrameKind, HEADER_SIZE, Outbox, Payload},
    limits::Limits,
    ready_queue::ReadyQueue,
    spec::{definitions::MIN_MAX_FRAME_SIZE, performatives::Transfer, transfer_fast_path::write_head},
    timer::TimerQueue,
};

/// Epochs that no session begins with: one is used each time that the delivery-ids of a session wrap.
pub(crate) const EPOCHS_FOR_WRAPS: u32 = 1 << 20;

/// The parts of a connection that its sessions and links share. A handler or command gets it as its one parameter
/// beside its own.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) outbox: Outbox,
    pub(crate) events: VecDeque<Event>,
    /// Events in the queue that carry a delivery or a part of one.
    unpolled_deliveries: usize,
    /// A copy of the configuration's: it is read for every frame.
    pub(crate) limits: Limits,
    /// Our channel of the session whose handler runs, set by `Connection::session_on`: `frame` and `transfer` write on it.
    pub(crate) channel: u16,
    /// The largest frame that the peer accepts, in bytes; until its open arrives, the least that is legal (2.4.1).
    pub(crate) max_frame_size: u32,
    /// Our close is written, and nothing may follow it (2.4.3).
    pub(crate) close_sent: bool,
    /// The close waits for messages in progress, and nothing new may be begun.
    pub(crate) close_pending: bool,
    /// The transport takes no more output, so what is written is dropped.
    pub(crate) output_lost: bool,
    pub(crate) timers: TimerQueue,
    pub(crate) config: Arc<ConnectionConfig>,
    /// The generation in the id of the newest link.
    pub(crate) last_link_generation: u32,
    /// The newest epoch of delivery ids.
    pub(crate) last_delivery_epoch: u32,
    /// Channels of sessions with something to write.
    pub(crate) to_flush: ReadyQueue,
    /// Channels of sessions with senders that wait for room in the outbox, or whose wait has to be looked at again.
    pub(crate) blocked_senders: ReadyQueue,
    /// States that the connection and the sessions that it has removed have reached, for tests.
    #[cfg(feature = "testing")]
    pub(crate) reached: crate::state::Reached,
}

impl Context {
    pub(crate) fn new(config: Arc<ConnectionConfig>) -> Self {
        let mut limits = config.limits;
        limits.decode.deviations = config.tolerance.deviations();
        Self {
            outbox: Outbox::default(),
            events: VecDeque::new(),
            unpolled_deliveries: 0,
            limits,
            channel: 0,
            max_frame_size: MIN_MAX_FRAME_SIZE,
            close_sent: false,
            close_pending: false,
            output_lost: false,
            timers: TimerQueue::default(),
            config,
            last_link_generation: 0,
            last_delivery_epoch: 0,
            to_flush: ReadyQueue::default(),
            blocked_senders: ReadyQueue::default(),
            #[cfg(feature = "testing")]
            reached: Default::default(),
        }
    }

    #[inline]
    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Queues an event that carries a delivery or a part of one.
    #[inline]
    pub(crate) fn delivery_event(&mut self, event: Event) {
        self.unpolled_deliveries = self.unpolled_deliveries.wrapping_add(1);
        self.events.push_back(event);
    }

    /// Counts an event that carries a delivery, or a part of one, as polled.
    #[inline]
    pub(crate) fn delivery_polled(&mut self) {
        self.unpolled_deliveries = self.unpolled_deliveries.wrapping_sub(1);
    }

    /// True if the event queue holds a delivery, or a part of one.
    #[inline]
    pub(crate) fn has_unpolled_deliveries(&self) -> bool {
        self.unpolled_deliveries > 0
    }

    /// Returns an epoch that no deliveries of the connection have yet, or `None` if a session can have none any more.
    pub(crate) fn next_delivery_epoch(&mut self) -> Option<u32> {
        let next = self.last_delivery_epoch.checked_add(1);
        self.last_delivery_epoch = next.filter(|epoch| *epoch <= u32::MAX - EPOCHS_FOR_WRAPS)?;
        next
    }

    /// Writes a performative, or nothing if it does not fit the peer's frames.
    pub(crate) fn frame(&mut self, body: &impl Encode) -> Result<(), CommandError> {
        self.check_open()?;
        self.outbox
            .frame(FrameKind::Amqp, self.channel, body, self.max_frame_size)
            .map(drop)
            .map_err(|size| CommandError::FrameTooLarge { size, max: self.max_frame_size })
    }

    /// Fails if a performative is larger than `max` bytes in a frame.
    pub(crate) fn check_fits(body: &impl Encode, max: u32) -> Result<(), CommandError> {
        let size = HEADER_SIZE.saturating_add(to_vec(body).len());
        let fits = u32::try_from(size).is_ok_and(|size| size <= max);
        if fits { Ok(()) } else { Err(CommandError::FrameTooLarge { size, max }) }
    }

    /// Writes a transfer with as much of the payload as fits the peer's frames. Returns true if payload is left over,
    /// which `payload` then is. Without any left over, `payload` must not be used any more.
    #[inline]
    pub(crate) fn transfer(
        &mut self,
        transfer: &Transfer,
        payload: &mut Payload,
    ) -> Result<bool, CommandError> {
        self.check_open()?;
        let head = |buffer: &mut Vec<u8>, header| write_head(buffer, header, transfer, transfer.more);
        let with_more = |buffer: &mut Vec<u8>, header| write_head(buffer, header, transfer, true);
        self.outbox
            .transfer(self.channel, head, (transfer.more, with_more), payload, self.max_frame_size)
            .map_err(|size| CommandError::FrameTooLarge { size, max: self.max_frame_size })
    }

    /// True if more input may be handled: there is room for the events and the output that it causes.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.events.len() < self.limits.max_events && !self.outbox_full()
    }

    pub(crate) fn outbox_full(&self) -> bool {
        self.outbox.len() >= self.limits.max_outbox_bytes
    }

    /// Fails once our close is written.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), CommandError> {
        if self.close_sent {
            return Err(CommandError::IllegalState("the connection is closed, or closing"));
        }
        Ok(())
    }

    #[cold]
    fn refuse_new_work(&self) -> Result<(), CommandError> {
        self.check_open()?;
        Err(CommandError::IllegalState(match self.output_lost {
            true => "the transport takes no more output",
            false => "the connection is closed, or closing",
        }))
    }

    /// Fails if the connection is on its way to its close.
    pub(crate) fn check_accepts_new_work(&self) -> Result<(), CommandError> {
        if self.close_pending || self.output_lost || self.close_sent {
            return self.refuse_new_work();
        }
        Ok(())
    }
}
