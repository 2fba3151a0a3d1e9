//! Everything that a lower layer can do to the world: write a frame, raise an event.

use alloc::{collections::VecDeque, vec::Vec};

use crate::{
    codec::Encode,
    error::CommandError,
    event::Event,
    frame::{FrameKind, Outbox, Payload},
    limits::Limits,
    spec::{
        definitions::MIN_MAX_FRAME_SIZE,
        performatives::Transfer,
        transfer_fast_path::{write_head, write_head_with_more},
    },
};

/// The way out of a connection, of its sessions and of their links: to the transport, and to the application.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) outbox: Outbox,
    pub(crate) events: VecDeque<Event>,
    pub(crate) limits: Limits,
    /// The channel of the session that has it.
    pub(crate) channel: u16,
    /// The largest frame that the peer accepts, in bytes: the least there is until its open tells (2.4.1).
    pub(crate) max_frame_size: u32,
    /// Our close is out, so that nothing may be written behind it (2.4.3).
    pub(crate) closed: bool,
    /// The close waits for messages in progress, and no new ones are begun.
    pub(crate) closing: bool,
}

impl Context {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            outbox: Outbox::default(),
            events: VecDeque::new(),
            limits,
            channel: 0,
            max_frame_size: MIN_MAX_FRAME_SIZE,
            closed: false,
            closing: false,
        }
    }

    #[inline]
    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Writes a performative, or nothing if it does not fit the peer's frames.
    pub(crate) fn frame(&mut self, body: &impl Encode) -> Result<(), CommandError> {
        self.check_open()?;
        self.outbox
            .frame(FrameKind::Amqp, self.channel, body, self.max_frame_size)
            .map(drop)
            .map_err(|size| CommandError::FrameTooLarge { size, max: self.max_frame_size })
    }

    /// Writes a transfer with as much of the payload as fits the peer's frames. Returns true if payload is left over,
    /// which `payload` then is; if none is, it is not to be used any more.
    #[inline]
    pub(crate) fn transfer(
        &mut self,
        transfer: &Transfer,
        payload: &mut Payload,
    ) -> Result<bool, CommandError> {
        self.check_open()?;
        let head = |buffer: &mut Vec<u8>, header| write_head(buffer, header, transfer, transfer.more);
        let with_more = |buffer: &mut Vec<u8>, header| write_head_with_more(buffer, header, transfer);
        self.outbox
            .transfer(self.channel, head, (transfer.more, with_more), payload, self.max_frame_size)
            .map_err(|size| CommandError::FrameTooLarge { size, max: self.max_frame_size })
    }

    /// True if there is room for the events and frames that more input causes.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.events.len() < self.limits.events && !self.outbox_full()
    }

    /// Fails if nothing may be written.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), CommandError> {
        if self.closed {
            return Err(CommandError::IllegalState("the connection is closed, or closing"));
        }
        Ok(())
    }

    /// Fails if nothing new may be begun.
    pub(crate) fn check_accepts_new_work(&self) -> Result<(), CommandError> {
        if self.closing {
            return Err(CommandError::IllegalState("the connection is closed, or closing"));
        }
        self.check_open()
    }

    pub(crate) fn outbox_full(&self) -> bool {
        self.outbox.len() >= self.limits.outbox
    }
}
