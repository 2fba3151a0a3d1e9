//! The parts of a connection that a handler may touch: frames out, events, timers, limits and id counters.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};

use bytes::Bytes;

use crate::{
    account::Account,
    codec::{Encode, to_vec},
    config::ConnectionConfig,
    error::CommandError,
    event::Event,
    frame::{FrameKind, HEADER_SIZE, Outbox, Payload, ProtocolHeader},
    ids::{DeliveryId, LinkId, ReceiverId, SessionId},
    ready_queue::ReadyQueue,
    spec::{
        definitions::MIN_MAX_FRAME_SIZE,
        performatives::{Disposition, Transfer},
        transfer_fast_path::write_head,
    },
    timer::TimerQueue,
    trace::{Direction, Trace},
    waiting_sessions::{WaitingSessions, WaitsFor},
};

/// Epochs that no session begins with: one is used each time that the delivery-ids of a session wrap.
pub(crate) const EPOCHS_FOR_WRAPS: u32 = 1 << 20;

/// There may be an event for each of as many bytes that may be held.
const BYTES_PER_EVENT: usize = 2048;

/// As many bytes of answers may wait whatever is held.
const FEW_ANSWERS: u32 = 64 << 10;

/// Answers up to this size have room made for them beyond that, and no more than they need.
const LARGE_ANSWER: usize = 64 << 10;

/// There may be this many events however few bytes may be held.
const LEAST_EVENTS: usize = 16;

/// The parts of a connection that its sessions and links share. A handler or command gets it as its one parameter
/// beside its own.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) outbox: Outbox,
    pub(crate) events: VecDeque<Event>,
    /// The bytes held for the peer, those of the events among them.
    pub(crate) account: Account,
    /// Bytes of streamed deliveries that were announced and not read before their link ended.
    unread: Option<Box<Unread>>,
    /// The rest of a disposition, and the channel of its session, which input waits for.
    postponed: Option<Box<(u16, Disposition)>>,
    /// Our channel of the session whose handler runs, set by `Connection::session_on`: `frame` and `transfer` write on it.
    pub(crate) channel: u16,
    /// Input stops at this many events.
    pub(crate) max_events: u16,
    /// The largest frame that the peer accepts, in bytes; until its open arrives, the least that is legal (2.4.1).
    pub(crate) max_frame_size: u32,
    /// A message or chunk has been begun since messages in progress had their turn.
    pub(crate) new_begun: bool,
    /// Our close is written, and nothing may follow it (2.4.3).
    pub(crate) close_sent: bool,
    /// The close waits for messages in progress, and nothing new may be begun.
    pub(crate) close_pending: bool,
    /// The transport takes no more output, so what is written is dropped.
    pub(crate) output_lost: bool,
    pub(crate) timers: TimerQueue,
    pub(crate) trace: Trace,
    /// Requests of links and sessions that were gone before they were answered, until all events have been polled.
    withdrawn: Option<Box<Withdrawn>>,
    pub(crate) config: Arc<ConnectionConfig>,
    /// The generation in the id of the newest link.
    pub(crate) last_link_generation: u32,
    /// The newest epoch of delivery ids.
    pub(crate) last_delivery_epoch: u32,
    /// A message or chunk may be begun while fewer bytes than this wait to be written: none while it is the turn of others.
    begin_below: usize,
    /// It is the turn of messages in progress.
    is_turn_of_begun: bool,
    /// It is the turn of senders that have been refused for want of room.
    is_turn_of_refused: bool,
    /// Channels of sessions with something to write, other than what they wait to write.
    pub(crate) to_flush: ReadyQueue,
    /// There are sessions in `to_flush`, or sessions that wait to write.
    pub(crate) flush_due: bool,
    /// Channels of sessions with senders that wait for room in the outbox, or whose wait has to be looked at again.
    pub(crate) blocked_senders: ReadyQueue,
    pub(crate) waiting_sessions: WaitingSessions,
    /// States that the connection and the sessions that it has removed have reached, for tests.
    #[cfg(feature = "testing")]
    pub(crate) reached: crate::state::Reached,
}

/// Returns how many events may be queued if there may be `max`, and `budget` bytes may be held. The queue may be twice as
/// large as what is in it.
fn max_events(max: usize, budget: usize) -> u16 {
    u16::try_from(max.min((budget / BYTES_PER_EVENT).max(LEAST_EVENTS))).unwrap_or(u16::MAX)
}

/// A request of the peer's that the application answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Session(SessionId),
    Link(LinkId),
}

impl From<SessionId> for Request {
    fn from(id: SessionId) -> Self {
        Self::Session(id)
    }
}

impl From<LinkId> for Request {
    fn from(id: LinkId) -> Self {
        Self::Link(id)
    }
}

/// Bytes of streamed deliveries whose links have ended, and which can still be read.
#[derive(Debug, Default)]
struct Unread {
    parts: BTreeMap<(ReceiverId, DeliveryId), Payload>,
}

/// Requests that are gone, and whose last events have not been polled.
#[derive(Debug, Default)]
struct Withdrawn {
    requests: Vec<Request>,
}

impl Context {
    pub(crate) fn new(config: Arc<ConnectionConfig>) -> Self {
        let budget = config.limits.max_held_bytes_before_open;
        Self {
            outbox: Outbox::default(),
            events: VecDeque::new(),
            begin_below: config.limits.max_outbox_bytes,
            max_events: max_events(config.limits.max_events, budget),
            account: Account::new(budget),
            unread: None,
            postponed: None,
            channel: 0,
            max_frame_size: MIN_MAX_FRAME_SIZE,
            close_sent: false,
            close_pending: false,
            output_lost: false,
            timers: TimerQueue::default(),
            trace: Trace::new(&config.side, &config.container_id),
            withdrawn: None,
            config,
            last_link_generation: 0,
            last_delivery_epoch: 0,
            new_begun: false,
            is_turn_of_begun: false,
            is_turn_of_refused: false,
            to_flush: ReadyQueue::default(),
            flush_due: false,
            blocked_senders: ReadyQueue::default(),
            waiting_sessions: WaitingSessions::default(),
            #[cfg(feature = "testing")]
            reached: Default::default(),
        }
    }

    #[inline]
    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Queues an event that refers to a request, or to a delivery with `bytes` in the event.
    #[inline(always)]
    pub(crate) fn answerable_event(&mut self, event: Event, bytes: usize) {
        self.account.add_delivery(bytes);
        self.events.push_back(event);
    }

    /// Counts what the peer has put into the last event, if one has been queued since there were `events`.
    #[cold]
    pub(crate) fn charge_event(&mut self, events: usize, details: usize) {
        if self.events.len() > events {
            self.account.add_details(self.events.len(), details);
        }
    }

    /// Has the rest of a disposition handled once there is room for its events. Input waits.
    #[cold]
    pub(crate) fn postpone(&mut self, channel: u16, rest: Disposition) {
        self.postponed = Some(Box::new((channel, rest)));
        self.account.stop(true);
    }

    /// Removes the rest of a disposition that has been postponed, if there is room for its events.
    #[cold]
    pub(crate) fn take_postponed(&mut self) -> Option<Box<(u16, Disposition)>> {
        self.postponed.as_ref().filter(|_| self.unread.is_none())?;
        self.account.stop(false);
        if self.has_room() {
            return self.postponed.take();
        }
        self.account.stop(true);
        None
    }

    /// Removes the next event from the queue.
    #[inline(always)]
    pub(crate) fn pop_event(&mut self) -> Option<Event> {
        self.account.on_polled();
        self.events.pop_front()
    }

    /// Frees the memory of a burst of events. None is queued.
    #[cold]
    pub(crate) fn shrink_events(&mut self) {
        self.events = VecDeque::new();
    }

    /// Removes events that nobody is to poll any more.
    pub(crate) fn remove_events(&mut self, is_removed: impl Fn(&Event) -> bool) {
        for at in (0..self.events.len()).rev() {
            if self.events.get(at).is_some_and(&is_removed)
                && let Some(event) = self.events.remove(at)
            {
                self.account.remove_event(at);
                if event.is_answerable() {
                    self.account.remove_delivery(event.payload_size());
                }
            }
        }
    }

    /// Removes the events that announce parts of a receiver's deliveries in `first..=last`, which cannot be read any more,
    /// but for those in `kept`, which are in order.
    pub(crate) fn drop_events_of_parts(
        &mut self,
        link: ReceiverId,
        (first, last): (DeliveryId, DeliveryId),
        kept: &[DeliveryId],
    ) {
        self.remove_events(|event| match event {
            Event::DeliveryBegun { receiver, delivery, .. }
            | Event::DeliveryData { receiver, delivery, .. } => {
                let is_meant = *receiver == link && (first..=last).contains(delivery);
                is_meant && kept.binary_search(delivery).is_err()
            }
            _ => false,
        });
    }

    /// Keeps the unread bytes of a link that ends.
    pub(crate) fn keep_unread(
        &mut self,
        receiver: ReceiverId,
        unread: impl Iterator<Item = (DeliveryId, Payload)>,
    ) {
        for (delivery, payload) in unread {
            self.unread.get_or_insert_default().parts.insert((receiver, delivery), payload);
            // Until their events have been polled.
            self.account.stop(true);
        }
    }

    /// Removes and returns the next bytes of a delivery whose link has ended.
    pub(crate) fn read_unread(&mut self, receiver: ReceiverId, delivery: DeliveryId) -> Option<Bytes> {
        let payload = self.unread.as_mut()?.parts.get_mut(&(receiver, delivery))?;
        let chunk = payload.take_chunk(usize::MAX);
        (!chunk.is_empty()).then_some(chunk)
    }

    /// Drops the unread bytes of ended links if no event that announces them is left to poll. Returns true if it did.
    #[cold]
    pub(crate) fn drop_unread(&mut self) -> bool {
        if self.unread.is_none() || !self.events.is_empty() {
            return false;
        }
        self.unread = None;
        self.account.stop(self.postponed.is_some());
        true
    }

    /// Notes that a request is gone. Until the application has polled its last event, an answer is not a mistake.
    #[cold]
    pub(crate) fn withdraw(&mut self, request: impl Into<Request>) {
        self.withdrawn.get_or_insert_default().requests.push(request.into());
    }

    /// True if a request is gone, and the application may not know of it.
    pub(crate) fn is_withdrawn(&self, request: impl Into<Request>) -> bool {
        let request = request.into();
        self.withdrawn.as_ref().is_some_and(|withdrawn| withdrawn.requests.contains(&request))
    }

    /// True if requests are gone whose last events have not been polled.
    #[inline]
    pub(crate) fn has_withdrawn(&self) -> bool {
        self.withdrawn.is_some()
    }

    /// Forgets a request that is gone: the application knows of it.
    #[cold]
    pub(crate) fn forget_withdrawn(&mut self, request: impl Into<Request>) {
        let (request, Some(withdrawn)) = (request.into(), &mut self.withdrawn) else { return };
        withdrawn.requests.retain(|other| *other != request);
        if withdrawn.requests.is_empty() {
            self.withdrawn = None;
        }
    }

    /// Forgets the request whose last event is the next to be polled.
    #[cold]
    pub(crate) fn forget_next_withdrawn(&mut self) {
        let Some(event) = self.events.front() else { return };
        let session = event.ended_session().map(Request::Session);
        if let Some(request) = event.ended_link().map(Request::Link).or(session) {
            self.forget_withdrawn(request);
        }
    }

    /// True if the event queue holds a delivery or a request.
    #[inline]
    pub(crate) fn has_unpolled_answerable(&self) -> bool {
        self.account.has_deliveries()
    }

    /// Returns an epoch that no deliveries of the connection have yet, or `None` if a session can have none any more.
    pub(crate) fn next_delivery_epoch(&mut self) -> Option<u32> {
        let next = self.last_delivery_epoch.checked_add(1);
        self.last_delivery_epoch = next.filter(|epoch| *epoch <= u32::MAX - EPOCHS_FOR_WRAPS)?;
        next
    }

    /// Writes a performative, or nothing if it does not fit the peer's frames.
    #[inline(always)]
    pub(crate) fn frame(&mut self, body: &impl Encode) -> Result<(), CommandError> {
        self.check_open()?;
        self.write(FrameKind::Amqp, self.channel, body, self.max_frame_size)
            .map(drop)
            .map_err(|size| CommandError::FrameTooLarge { size, max: self.max_frame_size })
    }

    /// Writes a frame of at most `max` bytes, as [`Outbox::frame`] does.
    #[inline(always)]
    pub(crate) fn write(
        &mut self,
        kind: FrameKind,
        channel: u16,
        body: &impl Encode,
        max: u32,
    ) -> Result<usize, usize> {
        let size = self.outbox.frame(kind, channel, body, max)?;
        self.trace.sent(kind, channel, body);
        Ok(size)
    }

    pub(crate) fn write_header(&mut self, header: ProtocolHeader) {
        self.outbox.protocol_header(header);
        self.trace.header(Direction::Sent, header);
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
        let head_with = |buffer: &mut Vec<u8>, header, more| write_head(buffer, header, transfer, more);
        let before = payload.len();
        let is_left = self
            .outbox
            .transfer(self.channel, head, (transfer.more, head_with), payload, self.max_frame_size)
            .map_err(|size| CommandError::FrameTooLarge { size, max: self.max_frame_size })?;
        let written = if is_left { before.saturating_sub(payload.len()) } else { before };
        self.trace.sent_transfer(self.channel, transfer, is_left || transfer.more, written);
        Ok(is_left)
    }

    /// True if there is room for the events that more input raises.
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.events.len() < usize::from(self.max_events) && self.account.has_room()
    }

    /// Sets how many bytes may be held for the peer.
    pub(crate) fn set_budget(&mut self, budget: usize) {
        self.account.set_budget(budget);
        self.max_events = max_events(self.config.limits.max_events, budget);
    }

    /// Has senders that waited for memory look at it again.
    pub(crate) fn wake_senders_without_memory(&mut self) {
        self.account.await_nothing();
        while let Some(channel) = self.waiting_sessions.pop(WaitsFor::Memory) {
            self.blocked_senders.push(channel);
        }
    }

    /// Runs what answers the peer, and counts what it writes.
    pub(crate) fn answering<R>(&mut self, answer: impl FnOnce(&mut Self) -> R) -> R {
        let before = (self.outbox.len(), self.outbox.counted_updates());
        let result = answer(self);
        self.count_answers(before);
        result
    }

    /// True if answers that the peer has not read leave no room for one more. They repeat what the peer has written, so they
    /// count with what is held for it.
    #[inline(always)]
    pub(crate) fn lacks_room_for_answer(&mut self) -> bool {
        self.outbox.counted_answers() > FEW_ANSWERS && !self.make_room_for_answer()
    }

    #[cold]
    #[inline(never)]
    fn make_room_for_answer(&mut self) -> bool {
        if !self.outbox.has_answers() {
            return true;
        }
        let answers = usize::try_from(self.outbox.counted_answers()).unwrap_or(usize::MAX);
        let has_room = self.account.has_reserve_for(answers);
        if has_room {
            let answer = usize::try_from(self.max_frame_size).unwrap_or(usize::MAX);
            self.outbox.reserve(answer.min(LARGE_ANSWER));
        }
        has_room
    }

    /// Counts as answers what has been written since there were these bytes in the outbox, and these of updates.
    pub(crate) fn count_answers(&mut self, (len, updates): (usize, u32)) {
        self.outbox.count_answers(len, updates, self.config.limits.max_reply_bytes);
    }

    /// Counts as dispositions and flows what has been written since there were `len` bytes in the outbox.
    pub(crate) fn count_updates(&mut self, len: usize) {
        self.outbox.count_updates(len, self.config.limits.max_reply_bytes);
    }

    /// Has a session flushed.
    #[inline(always)]
    pub(crate) fn schedule_flush(&mut self, channel: u16) {
        self.to_flush.push(channel);
        self.flush_due = true;
    }

    #[inline]
    pub(crate) fn outbox_full(&self) -> bool {
        self.outbox_full_for_new() && self.is_outbox_full()
    }

    #[cold]
    #[inline(never)]
    fn is_outbox_full(&self) -> bool {
        self.outbox.len() >= self.config.limits.max_outbox_bytes
    }

    /// True if not every sender may begin a message or chunk now: the outbox is full, or it is the turn of others.
    pub(crate) fn outbox_full_for_new(&self) -> bool {
        self.outbox.len() >= self.begin_below
    }

    /// True if the outbox has room for a sender whose turn it is, and has been refused before.
    pub(crate) fn has_room_for_refused(&self) -> bool {
        !self.outbox_full() && !self.is_turn_of_begun
    }

    /// True if the outbox has room for a sender: for one of them, while those that have been refused have their turn.
    pub(crate) fn has_room_for(&self, is_first_refused: bool) -> bool {
        self.has_room_for_refused() && (is_first_refused || !self.is_turn_of_refused)
    }

    /// Leaves the next room in the outbox to senders that have been refused. Others could take all of it before they are
    /// woken, again and again.
    pub(crate) fn set_turn_of_refused(&mut self, is_theirs: bool) {
        if self.is_turn_of_refused != is_theirs {
            self.is_turn_of_refused = is_theirs;
            self.set_begin_below();
        }
    }

    #[cold]
    #[inline(never)]
    fn set_begin_below(&mut self) {
        let is_open = !self.is_turn_of_begun && !self.is_turn_of_refused;
        self.begin_below = if is_open { self.config.limits.max_outbox_bytes } else { 0 };
    }

    /// True if it is the turn of messages in progress, and there is room for them.
    pub(crate) fn leaves_room_to_begun(&self) -> bool {
        self.is_turn_of_begun && !self.outbox_full()
    }

    /// Has messages in progress and new ones take turns at the outbox, since each kind alone could fill it again and again.
    /// `had_room` is true if those in progress have had their turn; `wait` if there are some that found no room.
    pub(crate) fn take_turns(&mut self, had_room: bool, wait: bool) {
        self.is_turn_of_begun = !had_room && wait && (self.new_begun || self.is_turn_of_begun);
        self.new_begun &= !had_room;
        self.set_begin_below();
    }

    /// Fails once our close is written.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), CommandError> {
        if self.close_sent {
            return Err(CommandError::IllegalState("the connection is closed, or closing (2.4.3)"));
        }
        Ok(())
    }

    #[cold]
    fn refuse_new_work(&self) -> Result<(), CommandError> {
        self.check_open()?;
        self.check_takes_output()?;
        Err(CommandError::IllegalState("the connection is closed, or closing (2.4.3)"))
    }

    /// Fails if the transport takes no more output.
    pub(crate) fn check_takes_output(&self) -> Result<(), CommandError> {
        if self.output_lost {
            return Err(CommandError::IllegalState("the transport takes no more output (2.4.6)"));
        }
        Ok(())
    }

    /// Fails if the connection is on its way to its close.
    pub(crate) fn check_accepts_new_work(&self) -> Result<(), CommandError> {
        if self.close_pending || self.output_lost || self.close_sent {
            return self.refuse_new_work();
        }
        Ok(())
    }
}
