//! A connection (2.4, 5.3): bytes and time in, bytes and events out, commands in between.

mod begin_end;
mod deferred;
mod end;
mod handles;
mod header;
mod keepalive;
mod open_close;
mod receive;
mod sasl;
mod timers;
mod tls;

use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};
use core::fmt;

use bytes::Bytes;

use self::{keepalive::Keepalive, sasl::SaslLayer};
use crate::{
    config::{ConnectionConfig, Side},
    context::Context,
    error::CommandError,
    event::Event,
    frame::Transmit,
    ids::{DeliveryId, LinkId, LinkKey, ReceiverId, SenderId, SessionId},
    session::{SessionEndpoint, UnsettledDelivery},
    slab::{NumberMap, Slab},
    spec::performatives::Open,
    state::{ConnectionState, ConnectionTrigger, TlsState},
    time::Instant,
    timer::Timer,
    waiting_sessions::WaitsFor,
};

pub use handles::{Receiver, ReceiverRef, Sender, SenderRef, Session, SessionRef};

/// The next action of the caller of [`Connection::handle_input`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Progress {
    /// All whole frames have been handled: read more.
    NeedInput,
    /// Events wait: poll them, then call again with the rest.
    DrainEvents,
    /// The peer has not read what answers its frames: write output, then call again with the rest. What the
    /// application sends never has this effect.
    DrainOutput,
    /// The rest waits for an answer that the application owes. Answer, then call again with the rest; until then no
    /// call goes on. All events have been polled.
    Answer(Owed),
    /// The rest belongs to TLS, and so does what is read from now on (5.2): after `TLS_READY`, until
    /// [`tls_done`](Connection::tls_done). Then pass what TLS has decrypted.
    StartTls,
    /// Nothing more will be read.
    Closed,
}

/// An answer that the application owes, and that input waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owed {
    /// The answer to the peer's open (`CONNECTION_REQUESTED`): [`open`](Connection::open) or
    /// [`close`](Connection::close). A client that has not been opened owes its own.
    Open,
    /// The answer to the begin of this session (`SESSION_REQUESTED`): [`accept_session`](Connection::accept_session)
    /// or [`refuse_session`](Connection::refuse_session).
    Begin(SessionId),
    /// Reading, on this link among others: unread bytes of streamed deliveries take up what is left of
    /// [`Limits::max_held_bytes`](crate::Limits::max_held_bytes). [`read_chunk`](Connection::read_chunk) takes some, or
    /// returns `None` at the end of one, and an outcome drops those of its delivery.
    Read(ReceiverId),
    /// The answer to `SASL_PENDING`: [`sasl_answer`](Connection::sasl_answer) or
    /// [`sasl_supply`](Connection::sasl_supply).
    Sasl,
}

/// No connection lives to remove as many bytes.
const NOT_STOPPED: u64 = u64::MAX;

/// One AMQP connection, of either side.
///
/// Getters: [`is_open`](Self::is_open), [`state`](Self::state), ... Input: [`handle_input`](Self::handle_input),
/// [`handle_eof`](Self::handle_eof), [`handle_timeout`](Self::handle_timeout). Commands: [`open`](Self::open),
/// [`begin`](Self::begin), [`session`](Self::session), [`sender`](Self::sender), [`receiver`](Self::receiver),
/// [`close`](Self::close), ... Output: [`poll_event`](Self::poll_event), [`poll_transmit`](Self::poll_transmit),
/// [`poll_timeout`](Self::poll_timeout).
pub struct Connection {
    state: ConnectionState,
    tls: TlsState,
    sasl: SaslLayer,
    /// No more input is handled: it is beyond understanding, or the transport is given up.
    input_closed: bool,
    /// A part of a header has arrived.
    header_begun: bool,
    /// The last event of the connection has been raised.
    end_raised: bool,
    /// Output other than our close was dropped, because the transport took none or had ended.
    output_dropped: bool,
    /// The size of our close in bytes, once it is written.
    close_size: u32,
    cx: Context,
    keepalive: Keepalive,
    remote_open: Option<Box<Open>>,
    /// Frames that arrived before the application answered the peer's open.
    deferred: Vec<u8>,
    /// Frames that were deferred and answered, and that wait for room, the first of them last.
    resumed: Vec<Bytes>,
    /// Sessions by our channels.
    sessions: Slab<SessionEndpoint>,
    /// Our channels by the peer's.
    channels: NumberMap,
    /// Sessions that have ended and left deliveries unsettled.
    ended: VecDeque<Box<SessionEndpoint>>,
    /// Unsettled deliveries of those.
    retained: usize,
    session_generations: u32,
    polled: PolledDeliveries,
    /// The bytes of output that had been removed when answers that the peer has not read stopped input, or [`NOT_STOPPED`].
    stopped_at: u64,
}

/// Room for this many events stays when all have been polled.
const MAX_SPARE_EVENTS: usize = 128;

/// Deliveries of one link whose events have been polled, and which its session does not know of yet.
#[derive(Debug, Default)]
struct PolledDeliveries {
    receiver: Option<ReceiverId>,
    count: u32,
}

impl Connection {
    /// Creates a connection. Nothing is sent before [`open`](Self::open).
    pub fn new(config: impl Into<Arc<ConnectionConfig>>) -> Self {
        let config = config.into();
        let sasl = SaslLayer::new(config.side);
        let mut cx = Context::new(config);
        if cx.config.side == Side::Server {
            // A client's begins with its open, a server's with the first time that is passed in.
            cx.timers.set(Timer::Open, cx.config.timeouts.open);
        }
        Self {
            sasl,
            tls: TlsState::Start,
            state: ConnectionState::Start,
            input_closed: false,
            header_begun: false,
            end_raised: false,
            output_dropped: false,
            close_size: 0,
            cx,
            keepalive: Keepalive::default(),
            remote_open: None,
            deferred: Vec::new(),
            resumed: Vec::new(),
            sessions: Slab::default(),
            channels: NumberMap::default(),
            ended: VecDeque::new(),
            retained: 0,
            session_generations: 0,
            polled: PolledDeliveries::default(),
            stopped_at: NOT_STOPPED,
        }
    }

    /// Applies a transition; returns false if it is illegal in this state.
    #[must_use]
    fn apply(&mut self, trigger: ConnectionTrigger) -> bool {
        let Some(next) = self.state.next(trigger) else { return false };
        self.cx.trace.state(self.state, next);
        self.state = next;
        self.cx.close_sent = close_is_sent(next);
        #[cfg(feature = "testing")]
        self.cx.reached.connections.insert(next);
        true
    }

    /// Returns the session on one of our channels, with the context for its handlers.
    #[inline]
    fn session_on(&mut self, channel: u16) -> Option<(&mut SessionEndpoint, &mut Context)> {
        let session = self.sessions.get_mut(channel)?;
        self.cx.channel = channel;
        Some((session, &mut self.cx))
    }

    /// Returns the next event, if there is one.
    ///
    /// The frames of a delivery leave the session's incoming window when its event is polled, but those of an incomplete
    /// one on arrival. Automatic credit is replenished from then on.
    #[inline(always)]
    pub fn poll_event(&mut self) -> Option<Event> {
        match self.cx.events.front() {
            Some(Event::Delivery { receiver, delivery }) => {
                let receiver = *receiver;
                self.cx.account.remove_delivery(delivery.payload.heap_size());
                if self.polled.receiver != Some(receiver) {
                    if self.polled.count > 0 {
                        self.report_polled();
                    }
                    self.polled.receiver = Some(receiver);
                }
                // Settled in batches: a session is looked up once for many deliveries.
                self.polled.count = self.polled.count.saturating_add(1);
            }
            Some(
                Event::DeliveryBegun { .. }
                | Event::DeliveryData { .. }
                | Event::SessionRequested { .. }
                | Event::SenderRequested { .. }
                | Event::ReceiverRequested { .. },
            ) => self.cx.account.remove_delivery(0),
            Some(Event::SenderCredit { sender }) => {
                let sender = *sender;
                self.on_credit_polled(sender);
            }
            Some(
                Event::SessionClosed { .. }
                | Event::SessionError { .. }
                | Event::SenderClosed { .. }
                | Event::SenderError { .. }
                | Event::SenderDetached { .. }
                | Event::ReceiverClosed { .. }
                | Event::ReceiverError { .. }
                | Event::ReceiverDetached { .. },
            ) if self.cx.has_withdrawn() => self.cx.forget_next_withdrawn(),
            Some(_) => {}
            None => {
                if self.cx.blocked_senders.is_empty()
                    && self.cx.events.capacity() <= MAX_SPARE_EVENTS
                    && !self.cx.account.has_awaited_room()
                {
                    return None;
                }
                self.on_all_polled();
            }
        }
        self.cx.pop_event()
    }

    #[inline(never)]
    fn on_all_polled(&mut self) {
        if self.cx.events.capacity() > MAX_SPARE_EVENTS {
            self.cx.shrink_events();
        }
        // Those that are looked at later may free what the others wait for.
        for _ in 0..2 {
            if self.cx.account.has_awaited_room() {
                self.cx.wake_senders_without_memory();
            }
            if !self.cx.blocked_senders.is_empty() {
                self.wake_senders();
            }
            if !self.cx.events.is_empty() {
                break;
            }
        }
    }

    /// Returns the next bytes of a delivery on a streaming link, as [`Receiver::read_chunk`] does, after the end of the
    /// link or of the connection too: what an event has announced can be read until input, or its end, is handled again.
    ///
    /// ```
    /// use amqp_proto::{Connection, DeliveryId, ReceiverId};
    ///
    /// fn read(connection: &mut Connection, receiver: ReceiverId, delivery: DeliveryId, message: &mut Vec<u8>) {
    ///     // An earlier event may have read all of it, which is an error for the later ones.
    ///     while let Ok(Some(chunk)) = connection.read_chunk(receiver, delivery) {
    ///         message.extend_from_slice(&chunk);
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if all of it has been read, [`CommandError::UnknownLink`] if the link is gone too.
    pub fn read_chunk(
        &mut self,
        receiver: ReceiverId,
        delivery: DeliveryId,
    ) -> Result<Option<Bytes>, CommandError> {
        match self.cx.read_unread(receiver, delivery) {
            Some(chunk) => Ok(Some(chunk)),
            None => self.receiver(receiver)?.read_chunk(delivery),
        }
    }

    /// Lets the next change of a sender's credit raise an event.
    #[inline(never)]
    fn on_credit_polled(&mut self, id: SenderId) {
        let session = self.sessions.get_mut(LinkKey::from(LinkId::from(id)).session);
        let link = session.and_then(|session| session.link(id.into()).ok());
        if let Some(sender) = link.and_then(|link| link.sender().ok()) {
            sender.credit_event_waits = false;
        }
    }

    /// Tells the session which deliveries have been polled.
    #[inline(never)]
    fn report_polled(&mut self) {
        let count = core::mem::take(&mut self.polled.count);
        let Some(receiver) = self.polled.receiver else { return };
        let channel = LinkKey::from(LinkId::from(receiver)).session;
        if let Some((session, cx)) = self.session_on(channel)
            && session.on_polled(receiver, count)
        {
            session.schedule(cx);
        }
    }

    /// Returns the output to write now. Everything pending is put into frames first: dispositions, flows and messages
    /// in progress.
    ///
    /// Call it until it is empty: a large message is put into frames as the bytes before it are written. Then poll
    /// events once more before waiting, since `SENDER_READY` follows when there is room again.
    #[inline]
    pub fn poll_transmit(&mut self, now: Instant) -> Transmit<'_> {
        if self.polled.count > 0 {
            self.report_polled();
        }
        self.cx.timers.advance(now);
        if self.cx.flush_due || self.cx.close_pending {
            // Beyond a limit, dispositions and flows stay in their short form. The peer cannot make them many: it has the
            // window that the last flow announced.
            let updates = !self.cx.outbox.has_too_many_updates();
            self.flush(updates);
        }
        if !self.resumed.is_empty() || self.cx.output_lost {
            self.after_flush();
        }
        if !self.cx.outbox.is_empty() {
            self.keepalive.on_output(self.cx.timers.now());
        }
        Transmit { outbox: &mut self.cx.outbox }
    }

    /// Goes on with deferred frames, behind what the application's answers had to write.
    #[cold]
    #[inline(never)]
    fn after_flush(&mut self) {
        let _ = self.resume_deferred();
        self.discards_output();
    }

    /// Writes what is pending in all sessions, with or without dispositions and flows.
    fn flush(&mut self, updates: bool) {
        // 2.4.3: nothing follows close.
        if self.cx.close_sent {
            return;
        }
        let had_room = !self.cx.outbox_full();
        self.cx.flush_due = false;
        if !self.cx.waiting_sessions.is_unused() {
            self.flush_waiting(updates);
        }
        for _ in 0..self.cx.to_flush.len() {
            let Some(channel) = self.cx.to_flush.pop() else { break };
            self.flush_session(channel, updates);
        }
        if self.cx.outbox_full_for_new() {
            self.take_turns(had_room);
        }
        if self.cx.close_pending && !self.has_unsent_messages() {
            self.write_close(None);
            // The peer has all of it, however long the close has waited.
            self.cx.timers.set(Timer::Close, self.cx.config.timeouts.close);
        }
    }

    /// Writes what is pending in a session.
    #[inline(always)]
    fn flush_session(&mut self, channel: u16, updates: bool) {
        let Some((session, cx)) = self.session_on(channel) else { return };
        if !session.can_write() {
            return;
        }
        if cx.outbox.is_empty() {
            session.flush(cx);
        } else {
            session.flush_behind_output(updates, cx);
        }
        session.charge_if_due(cx);
        session.schedule_rest(updates, cx);
    }

    /// Writes what is pending in sessions that have waited to write it, as far as there is room. Those that are not finished
    /// are the last the next time.
    #[cold]
    #[inline(never)]
    fn flush_waiting(&mut self, updates: bool) {
        for what in [WaitsFor::Outbox, WaitsFor::Updates] {
            for _ in 0..self.cx.waiting_sessions.len(what) {
                let has_room = match what {
                    WaitsFor::Outbox => !self.cx.outbox_full(),
                    _ => updates,
                };
                if !has_room {
                    self.cx.flush_due = true;
                    break;
                }
                let Some(channel) = self.cx.waiting_sessions.pop(what) else { break };
                self.flush_session(channel, updates);
            }
        }
    }

    /// Has messages in progress and new ones take turns at the outbox. `had_room` is true if messages in progress have had
    /// their turn.
    #[cold]
    #[inline(never)]
    fn take_turns(&mut self, had_room: bool) {
        let wait = self.has_waiting_messages();
        self.cx.take_turns(had_room, wait);
    }

    /// True if a complete message is still partly unsent.
    fn has_unsent_messages(&self) -> bool {
        self.sessions.iter().any(|session| session.has_unsent_messages())
    }

    /// True if there are messages in progress that room in the outbox lets go on.
    fn has_waiting_messages(&mut self) -> bool {
        let waits =
            |channel: u16| self.sessions.get(channel).is_some_and(|session| session.waits_for_outbox());
        while let Some(first) = self.cx.waiting_sessions.first(WaitsFor::Outbox) {
            if waits(first) {
                return true;
            }
            self.cx.waiting_sessions.pop(WaitsFor::Outbox);
        }
        self.cx.to_flush.iter().any(waits)
    }

    fn wake_senders(&mut self) {
        if self.cx.leaves_room_to_begun() && !self.has_waiting_messages() {
            // Those whose turn it was have been aborted, or their link is gone.
            self.cx.take_turns(false, false);
        }
        if !self.cx.has_room_for_refused() {
            return self.cx.set_turn_of_refused(true);
        }
        if self.cx.close_pending || self.is_write_closed() {
            return;
        }
        // One at a time: it may use all the room that there is, and is behind the others then.
        for _ in 0..self.cx.blocked_senders.len() {
            let Some(channel) = self.cx.blocked_senders.pop() else { break };
            if let Some((session, cx)) = self.session_on(channel)
                && session.wake_one_sender(cx)
            {
                cx.blocked_senders.push(channel);
            }
            if !self.cx.events.is_empty() {
                break;
            }
        }
        // One has been woken, or there is none to wake. The next time others are, if there is room.
        self.cx.set_turn_of_refused(false);
        self.cx.blocked_senders.free_spare();
    }

    /// True if both ends are open (2.4.6 `OPENED`).
    pub fn is_open(&self) -> bool {
        self.state == ConnectionState::Opened
    }

    /// True if nothing is left to read or write, so that the transport can be closed.
    pub fn is_closed(&self) -> bool {
        (self.state == ConnectionState::End || self.input_closed) && self.outbox_len() == 0
    }

    /// True if nothing more will be written after the bytes that wait. The transport's write side can be shut down
    /// then (2.4.7).
    pub fn is_write_closed(&self) -> bool {
        self.cx.close_sent || self.cx.output_lost
    }

    /// Returns the state, by the standard's table (2.4.6).
    pub fn state(&self) -> ConnectionState {
        self.state
    }

    /// Returns the states that the connection, its sessions and its links have reached, and the frames it received.
    #[cfg(feature = "testing")]
    pub(crate) fn reached(&self) -> crate::state::Reached {
        let mut reached = self.cx.reached.clone();
        self.sessions.iter().for_each(|session| reached.extend(&session.reached()));
        reached
    }

    /// Checks that the account of an open connection has all that is held for the peer.
    ///
    /// # Panics
    /// If it does not.
    #[cfg(feature = "testing")]
    pub(crate) fn check_account(&self) {
        if !self.is_open() {
            return;
        }
        let sessions = self.sessions.iter().chain(self.ended.iter().map(|session| &**session));
        let sessions = sessions.fold(0, |sum, session| {
            let (charged, held) = session.charged_and_held();
            // Never for what is gone. The first delivery and rare state are charged the next time.
            assert!(
                charged <= held && held <= charged.saturating_add(1024),
                "{charged} for {held}, {:?}",
                session.id
            );
            charged.saturating_add(sum)
        });
        let resumed = self.resumed.iter().fold(0_usize, |sum, frames| sum.saturating_add(frames.len()));
        let open = self.remote_open.as_ref().map_or(0, crate::types::HeapSize::heap_size);
        let held = [sessions, resumed, open, self.deferred.capacity()];
        let held = held.iter().fold(0_usize, |sum, bytes| sum.saturating_add(*bytes));
        assert_eq!(self.cx.account.kept(), held);
    }

    /// Returns the settings.
    pub fn config(&self) -> &ConnectionConfig {
        &self.cx.config
    }

    /// Returns which end this is.
    pub fn side(&self) -> Side {
        self.cx.config.side
    }

    /// Returns the peer's open if it has arrived (2.7.1).
    pub fn remote_open(&self) -> Option<&Open> {
        self.remote_open.as_deref()
    }

    /// Returns the ids of all current sessions, in any state.
    pub fn session_ids(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.iter().map(|session| session.id)
    }

    /// Returns how many bytes wait to be written. What is pending and not in frames yet does not count.
    pub fn outbox_len(&self) -> usize {
        if self.cx.output_lost { 0 } else { self.cx.outbox.len() }
    }

    /// Returns the unsettled deliveries of a link, in order, with their last known states.
    ///
    /// They can be asked for after the link, its session or the connection is gone too, within
    /// [`Limits::max_retained_unsettled`](crate::Limits::max_retained_unsettled).
    pub fn unsettled(&self, link: impl Into<LinkId>) -> Vec<UnsettledDelivery> {
        let link = link.into();
        let current = self.sessions.get(LinkKey::from(link).session);
        let limits = self.cx.config.limits.decode;
        current
            .into_iter()
            .chain(self.ended.iter().map(|ended| &**ended))
            .flat_map(|session| session.unsettled(link, limits))
            .collect()
    }
}

/// Its side, state and counts: no buffers, payloads or secrets.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("side", &self.side())
            .field("state", &self.state)
            .field("sessions", &self.sessions.iter().count())
            .field("events", &self.cx.events.len())
            .field("outbox_bytes", &self.cx.outbox.len())
            .finish_non_exhaustive()
    }
}

/// True if nothing may follow what has been written (2.4.3).
fn close_is_sent(state: ConnectionState) -> bool {
    use ConnectionState::{ClosePipe, CloseSent, Discarding, End, OcPipe};
    matches!(state, ClosePipe | CloseSent | Discarding | End | OcPipe)
}

/// Returns the error of a command for a session that does not exist.
fn unknown_session<T>() -> Result<T, CommandError> {
    Err(CommandError::UnknownSession)
}

#[cfg(test)]
mod tests;
