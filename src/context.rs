//! Everything that a lower layer can do to the world: write a frame, raise an event.

use alloc::collections::VecDeque;

use crate::{
    codec::Encode,
    error::CommandError,
    event::Event,
    frame::{FrameKind, HEADER_SIZE, Outbox, Payload, header},
    limits::Limits,
    spec::{
        definitions::MIN_MAX_FRAME_SIZE,
        head::Room,
        part::{self, Part},
        performatives::{Disposition, Transfer},
        usual,
        whole::{self, Whole},
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

    /// Writes a performative, or nothing where it does not fit the peer's frames.
    pub(crate) fn frame(&mut self, body: &impl Encode) -> Result<(), CommandError> {
        self.check_open()?;
        self.outbox
            .frame(FrameKind::Amqp, self.channel, body, self.max_frame_size)
            .map(drop)
            .map_err(|size| CommandError::FrameTooLarge { size, max: self.max_frame_size })
    }

    /// Writes a message's only transfer, if it fits one frame; `false` where nothing has been written and it takes
    /// [parts](Self::part).
    #[inline]
    pub(crate) fn whole_transfer(&mut self, whole: &Whole, payload: &mut Payload) -> bool {
        let largest = u32::try_from(payload.len().saturating_add(size_of::<Room>())).unwrap_or(u32::MAX);
        if largest > self.max_frame_size || payload.only_chunk().is_none() {
            return false;
        }
        let header = header(FrameKind::Amqp, self.channel);
        self.outbox.whole_frame(|room| whole::write(room, header, whole), payload);
        true
    }

    /// Writes one transfer with as much of the payload as fits, and says whether payload is left over.
    pub(crate) fn part(&mut self, part: &Part<'_>, payload: &mut Payload) -> bool {
        let header = header(FrameKind::Amqp, self.channel);
        let max = usize::try_from(self.max_frame_size).unwrap_or(usize::MAX);
        self.outbox.frame_in_part(
            max,
            |room, left_over| part::write(room, header, &Part { more: part.more || left_over, ..*part }),
            payload,
        )
    }

    /// Writes a disposition.
    pub(crate) fn disposition(&mut self, disposition: &Disposition) -> Result<(), CommandError> {
        self.check_open()?;
        let header = header(FrameKind::Amqp, self.channel);
        // Any peer takes frames of the size of the room (2.4.1).
        if self.outbox.small_frame(|room| usual::write_disposition(room, header, disposition)) {
            return Ok(());
        }
        self.frame(disposition)
    }

    /// Whether there is room for what more input comes to.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.events.len() < self.limits.max_events && !self.outbox_full()
    }

    /// Whether anything may be written.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), CommandError> {
        if self.closed {
            return Err(CommandError::IllegalState("the connection is closed, or closing"));
        }
        Ok(())
    }

    /// Writes one transfer frame with as much of the payload as fits, and says whether payload is left over. The
    /// head is measured as it is: whether `more` follows changes its size.
    pub(crate) fn transfer(
        &mut self,
        transfer: &mut Transfer,
        payload: &mut Payload,
    ) -> Result<bool, CommandError> {
        self.check_open()?;
        let max = usize::try_from(self.max_frame_size).unwrap_or(usize::MAX);
        let more_to_come = transfer.more;
        let start = self.outbox.start_frame(FrameKind::Amqp, self.channel);
        transfer.encode(&mut self.outbox.encoder());
        let mut head = self.outbox.since(start);
        let left = payload.len();
        let split = head.saturating_add(left) > max;
        if split && !more_to_come {
            self.outbox.take_back(start.saturating_add(HEADER_SIZE));
            transfer.more = true;
            transfer.encode(&mut self.outbox.encoder());
            head = self.outbox.since(start);
        }
        let room = max.saturating_sub(head);
        if split && room == 0 {
            self.outbox.take_back(start);
            transfer.more = more_to_come;
            return Err(CommandError::FrameTooLarge { size: head, max: self.max_frame_size });
        }
        let size = left.min(room);
        let mut to_go = size;
        while to_go > 0 {
            let chunk = payload.take_chunk(to_go);
            to_go = to_go.saturating_sub(chunk.len());
            self.outbox.payload(chunk);
        }
        self.outbox.end_frame(start, head.saturating_add(size));
        transfer.more = more_to_come;
        Ok(left > size)
    }

    /// Whether anything new may be begun.
    pub(crate) fn check_accepts_new_work(&self) -> Result<(), CommandError> {
        if self.closing {
            return Err(CommandError::IllegalState("the connection is closed, or closing"));
        }
        self.check_open()
    }

    pub(crate) fn outbox_full(&self) -> bool {
        self.outbox.len() >= self.limits.max_outbox_bytes
    }
}
