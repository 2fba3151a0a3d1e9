//! The owner (2.4, 5.3): bytes and time in, bytes and events out, commands in between.

mod begin_end;
mod deadlines;
mod direct;
mod handles;
mod open_close;
mod receive;
mod security;
mod timers;
mod usual;

#[cfg(feature = "testing")]
use alloc::collections::BTreeSet;
use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};
use core::fmt;

use bytes::Bytes;

use self::{deadlines::Due, security::Security, timers::Timers};
use crate::{
    config::{ConnectionConfig, Side},
    context::Context,
    error::CommandError,
    event::Event,
    frame::Transmit,
    ids::{LinkId, LinkKey, SessionId},
    ready_queue::ReadyQueue,
    session::{SessionEndpoint, UnsettledDelivery},
    slab::Slab,
    spec::performatives::{Open, Performative},
    state::{ConnectionState, ConnectionTrigger},
    time::Instant,
};

pub use handles::{Receiver, ReceiverRef, Sender, SenderRef, Session, SessionRef};

/// What to do next for a connection's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// All whole frames have been taken: read more.
    NeedInput,
    /// Events wait, or an answer of the application's does: poll and answer, then call again with the rest.
    DrainEvents,
    /// Output waits: write, then call again with the rest.
    DrainOutput,
    /// Nothing more will be read.
    Closed,
}

/// One AMQP connection, of either side.
///
/// Getters: [`is_open`](Self::is_open), [`state`](Self::state), ... Input: [`handle_input`](Self::handle_input),
/// [`handle_eof`](Self::handle_eof), [`handle_timeout`](Self::handle_timeout). Commands: [`open`](Self::open),
/// [`begin`](Self::begin), [`session`](Self::session), [`sender`](Self::sender), [`receiver`](Self::receiver),
/// [`close`](Self::close), ... Output: [`poll_event`](Self::poll_event), [`poll_transmit`](Self::poll_transmit),
/// [`poll_timeout`](Self::poll_timeout).
pub struct Connection {
    state: ConnectionState,
    security: Security,
    /// Input is beyond understanding; what follows is dropped.
    input_closed: bool,
    /// The last event of the connection has been raised.
    end_raised: bool,
    cx: Context,
    shared: Shared,
    remote: Option<Box<Open>>,
    /// Frames that came before the application answered the peer's open.
    backlog: VecDeque<(u16, Performative, Bytes, usize)>,
    backlog_bytes: usize,
    /// Bytes of the frame at hand.
    frame_bytes: usize,
    /// Sessions by our channels.
    sessions: Slab<SessionEndpoint>,
    /// Our channels by the peer's.
    channels: Vec<Option<u16>>,
    /// Sessions that have ended and left deliveries unsettled.
    ended: VecDeque<Box<SessionEndpoint>>,
    retained: usize,
    session_generations: u32,
    /// How far it and the sessions that it has removed have come, for tests to look at.
    #[cfg(feature = "testing")]
    reached: Reached,
}

impl Connection {
    /// A connection at its start. Nothing is sent before [`open`](Self::open).
    pub fn new(config: impl Into<Arc<ConnectionConfig>>) -> Self {
        let config = config.into();
        let mut timers = Timers::default();
        if config.side == Side::Server {
            // A client's begins with its first byte, a server's with the first moment that it knows of.
            timers.arm(Due::Open, config.timeouts.open);
        }
        Self {
            security: Security::new(&config),
            state: ConnectionState::Start,
            input_closed: false,
            end_raised: false,
            cx: Context::new(config.limits),
            shared: Shared {
                config,
                timers,
                links: 0,
                epochs: 0,
                dirty: ReadyQueue::default(),
                blocked: ReadyQueue::default(),
            },
            remote: None,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            frame_bytes: 0,
            sessions: Slab::default(),
            channels: Vec::new(),
            ended: VecDeque::new(),
            retained: 0,
            session_generations: 0,
            #[cfg(feature = "testing")]
            reached: Reached::default(),
        }
    }

    /// Whether the trigger is legal now; if so, it has happened.
    #[must_use]
    fn apply(&mut self, trigger: ConnectionTrigger) -> bool {
        let Some(next) = self.state.next(trigger) else { return false };
        self.state = next;
        self.cx.closed = self.is_write_closed();
        #[cfg(feature = "testing")]
        self.reached.connection.insert(next);
        true
    }

    /// The session on one of our channels, its way out, and what it shares with the others.
    #[inline]
    fn on_channel(&mut self, channel: u16) -> Option<(&mut SessionEndpoint, &mut Context, &mut Shared)> {
        let session = self.sessions.get_mut(channel)?;
        self.cx.channel = channel;
        Some((session, &mut self.cx, &mut self.shared))
    }

    /// The next event, if there is one.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.cx.events.is_empty() && !self.shared.blocked.is_empty() {
            self.wake_senders();
        }
        self.cx.events.pop_front()
    }

    /// What is to be written now. Everything pending is put into frames first: dispositions, flows, heartbeats.
    ///
    /// Call it until it is empty: a large message is put into frames as the bytes before it are written. Then poll
    /// events once more before waiting, since `SENDER_READY` comes when there is room again.
    pub fn poll_transmit(&mut self, now: Instant) -> Transmit<'_> {
        self.tick(now);
        self.flush();
        self.shared.timers.note_output(&self.cx.outbox);
        Transmit::new(&mut self.cx.outbox)
    }

    /// Writes what is pending in all sessions.
    fn flush(&mut self) {
        // 2.4.3: nothing follows close.
        if self.is_write_closed() {
            return;
        }
        for _ in 0..self.shared.dirty.len() {
            let Some(channel) = self.shared.dirty.pop() else { break };
            let Some((session, cx, shared)) = self.on_channel(channel) else { continue };
            session.flush(cx);
            // What the peer's window or the outbox has no room for waits its turn.
            if session.can_write() {
                shared.queue(session);
            }
        }
        if self.cx.closing && !self.holds_messages() {
            self.cx.closing = false;
            self.send_close(None);
        }
    }

    /// Whether a message that has been taken whole is not in frames to its end.
    fn holds_messages(&self) -> bool {
        self.sessions.iter().any(|session| session.holds_messages())
    }

    fn wake_senders(&mut self) {
        if self.cx.outbox.len() >= self.cx.limits.max_outbox_bytes
            || self.cx.closing
            || self.is_write_closed()
        {
            return;
        }
        while let Some(channel) = self.shared.blocked.pop() {
            if let Some((session, cx, _)) = self.on_channel(channel) {
                session.wake_senders(cx);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest, if nothing else happens. Exact
    /// after `poll_transmit` or a `handle_*` call; what commands have armed since then counts from the next of those.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.shared.timers.next(&self.cx.outbox)
    }

    /// Whether both ends are open (2.4.6 `OPENED`).
    pub fn is_open(&self) -> bool {
        self.state == ConnectionState::Opened
    }

    /// Whether nothing is left to be read or written, so that the transport can be closed.
    pub fn is_closed(&self) -> bool {
        (self.state == ConnectionState::End || self.input_closed) && self.cx.outbox.is_empty()
    }

    /// Whether nothing more will be written once the bytes that wait have been: the transport's write side can
    /// be shut down then (2.4.7).
    pub fn is_write_closed(&self) -> bool {
        use ConnectionState::{ClosePipe, CloseSent, Discarding, End, OcPipe};
        matches!(self.state, ClosePipe | CloseSent | Discarding | End | OcPipe)
    }

    /// The state, by the standard's table (2.4.6).
    pub fn state(&self) -> ConnectionState {
        self.state
    }

    /// The states that the connection and all its sessions and links have come to so far, and what has come.
    #[cfg(feature = "testing")]
    pub(crate) fn reached(&self) -> Reached {
        let mut reached = self.reached.clone();
        self.sessions.iter().for_each(|session| reached.note(session));
        reached
    }

    /// The settings.
    pub fn config(&self) -> &ConnectionConfig {
        &self.shared.config
    }

    /// Which end this is.
    pub fn side(&self) -> Side {
        self.shared.config.side
    }

    /// The peer's open, once it has come (2.7.1).
    pub fn remote_open(&self) -> Option<&Open> {
        self.remote.as_deref()
    }

    /// The sessions that are there, whatever their state.
    pub fn session_ids(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.iter().map(|session| session.id)
    }

    /// Bytes waiting to be written, not counting what is pending.
    pub fn outbox_len(&self) -> usize {
        self.cx.outbox.len()
    }

    /// The unsettled deliveries of a link, in order, with its last known states. They can be asked for after the
    /// link, its session or the connection is gone too, within [`Limits::max_retained_unsettled`](crate::Limits::max_retained_unsettled).
    pub fn unsettled(&self, link: impl Into<LinkId>) -> Vec<UnsettledDelivery> {
        let link = link.into();
        let live = self.sessions.get(LinkKey::from(link).session);
        live.into_iter()
            .chain(self.ended.iter().map(|ended| &**ended))
            .flat_map(|session| session.unsettled(link))
            .collect()
    }
}

/// How far a connection has come: its states, those of its sessions and links, and the performatives it received.
#[cfg(feature = "testing")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) connection: BTreeSet<ConnectionState>,
    pub(crate) sessions: BTreeSet<crate::state::SessionState>,
    pub(crate) links: BTreeSet<crate::state::LinkState>,
    pub(crate) received: BTreeSet<&'static str>,
}

#[cfg(feature = "testing")]
impl Reached {
    fn note(&mut self, session: &SessionEndpoint) {
        let (sessions, links) = session.reached();
        self.sessions.extend(sessions);
        self.links.extend(links);
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

/// What the sessions of a connection share.
#[derive(Debug)]
struct Shared {
    config: Arc<ConnectionConfig>,
    timers: Timers,
    /// The last generation of a link's id.
    links: u32,
    /// The last epoch of a delivery's id.
    epochs: u32,
    /// Sessions that have something to write.
    dirty: ReadyQueue,
    /// Sessions in which senders may wait for the outbox to drain.
    blocked: ReadyQueue,
}

impl Shared {
    /// The session has something to write, or may have.
    #[inline]
    fn queue(&mut self, session: &mut SessionEndpoint) {
        if session.has_waiting() {
            self.blocked.push(session.channel);
        }
        if session.has_work() {
            self.dirty.push(session.channel);
        }
    }
}

/// A command for a session that is not there.
fn unknown_id<T>() -> Result<T, CommandError> {
    Err(CommandError::UnknownId)
}
