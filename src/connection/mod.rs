//! The owner (2.4, 5.3): bytes and time in, bytes and events out, commands in between.

mod access;
mod deadlines;
mod direct;
mod input;
mod lifecycle;
mod sasl;
mod sessions;
mod timers;
mod usual;

#[cfg(feature = "testing")]
use alloc::collections::BTreeSet;
use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec::Vec};

use bytes::Bytes;

use self::{deadlines::Due, sasl::SaslLayer, timers::Timers};
use crate::{
    config::{Config, Side},
    error::CommandError,
    event::Event,
    frame::Transmit,
    ids::{LinkId, LinkKey, SessionId},
    out::Out,
    places::{Places, Turns},
    session::{SessionInner, UnsettledDelivery},
    spec::performatives::{Open, Performative},
    state::{ConnectionCue, ConnectionState},
    time::Instant,
};

pub use access::{Receiver, Sender, Session};

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
/// [`close`](Self::close), ... Output: [`poll_event`](Self::poll_event), [`transmit`](Self::transmit),
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Connection {
    state: ConnectionState,
    sasl: SaslLayer,
    /// Input is beyond understanding; what follows is dropped.
    deaf: bool,
    /// The last event of the connection has been raised.
    silent: bool,
    out: Out,
    shared: Shared,
    remote: Option<Box<Open>>,
    /// Frames that came before the application answered the peer's open.
    backlog: VecDeque<(u16, Performative, Bytes, usize)>,
    backlog_octets: usize,
    /// Octets of the frame at hand.
    frame_octets: usize,
    /// Sessions by our channels.
    sessions: Places<SessionInner>,
    /// Our channels by the peer's.
    channels: Vec<Option<u16>>,
    /// Sessions that have ended and left deliveries unsettled.
    ended: VecDeque<Box<SessionInner>>,
    retained: usize,
    session_generations: u32,
    /// How far it and the sessions that it has removed have come, for tests to look at.
    #[cfg(feature = "testing")]
    reached: Reached,
}

impl Connection {
    /// A connection at its start. Nothing is sent before [`open`](Self::open).
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let mut timers = Timers::default();
        if config.side == Side::Server {
            // A client's begins with its first octet, a server's with the first moment that it knows of.
            timers.arm(Due::Open, config.timeouts.open);
        }
        Self {
            sasl: SaslLayer::new(config.side),
            state: ConnectionState::Start,
            deaf: false,
            silent: false,
            out: Out::new(config.limits),
            shared: Shared {
                config,
                timers,
                links: 0,
                epochs: 0,
                dirty: Turns::default(),
                blocked: Turns::default(),
            },
            remote: None,
            backlog: VecDeque::new(),
            backlog_octets: 0,
            frame_octets: 0,
            sessions: Places::default(),
            channels: Vec::new(),
            ended: VecDeque::new(),
            retained: 0,
            session_generations: 0,
            #[cfg(feature = "testing")]
            reached: Reached::default(),
        }
    }

    /// Whether the cue is legal now; if so, it has happened.
    #[must_use]
    fn apply(&mut self, cue: ConnectionCue) -> bool {
        let Some(next) = self.state.next(cue) else { return false };
        self.state = next;
        self.out.closed = self.is_write_closed();
        #[cfg(feature = "testing")]
        self.reached.connection.insert(next);
        true
    }

    /// The session on one of our channels, its way out, and what it shares with the others.
    #[inline]
    fn on_channel(&mut self, channel: u16) -> Option<(&mut SessionInner, &mut Out, &mut Shared)> {
        let session = self.sessions.get_mut(channel)?;
        self.out.channel = channel;
        Some((session, &mut self.out, &mut self.shared))
    }

    /// The next event, if there is one.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.out.events.is_empty() && !self.shared.blocked.is_empty() {
            self.wake_senders();
        }
        self.out.events.pop_front()
    }

    /// What is to be written now. Everything pending is put into frames first: dispositions, flows, heartbeats.
    ///
    /// Call it until it is empty: a large message is put into frames as the octets before it are written. Then poll
    /// events once more before waiting, since `SENDER_READY` comes when there is room again.
    pub fn transmit(&mut self, now: Instant) -> Transmit<'_> {
        self.tick(now);
        self.flush();
        self.shared.timers.note_output(&self.out.outbox);
        Transmit::new(&mut self.out.outbox)
    }

    /// Writes what is pending in all sessions.
    fn flush(&mut self) {
        // 2.4.3: nothing follows close.
        if self.is_write_closed() {
            return;
        }
        for _ in 0..self.shared.dirty.len() {
            let Some(channel) = self.shared.dirty.pop() else { break };
            let Some((session, out, shared)) = self.on_channel(channel) else { continue };
            session.flush(out);
            // What the peer's window or the outbox has no room for waits its turn.
            if session.can_write() {
                shared.queue(session);
            }
        }
        if self.out.closing && !self.holds_messages() {
            self.out.closing = false;
            self.send_close(None);
        }
    }

    /// Whether a message that has been taken whole is not in frames to its end.
    fn holds_messages(&self) -> bool {
        self.sessions.iter().any(|session| session.holds_messages())
    }

    fn wake_senders(&mut self) {
        if self.out.outbox.len() >= self.out.limits.outbox || self.out.closing || self.is_write_closed() {
            return;
        }
        while let Some(channel) = self.shared.blocked.pop() {
            if let Some((session, out, _)) = self.on_channel(channel) {
                session.wake_senders(out);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called at the latest, if nothing else happens. Exact
    /// after `transmit` or a `handle_*` call; what commands have armed since then counts from the next of those.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.shared.timers.next(&self.out.outbox)
    }

    /// Whether both ends are open (2.4.6 `OPENED`).
    pub fn is_open(&self) -> bool {
        self.state == ConnectionState::Opened
    }

    /// Whether nothing is left to be read or written, so that the transport can be closed.
    pub fn is_closed(&self) -> bool {
        (self.state == ConnectionState::End || self.deaf) && self.out.outbox.is_empty()
    }

    /// Whether nothing more will be written once the octets that wait have been: the transport's write side can
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
    pub fn config(&self) -> &Config {
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

    /// Octets waiting to be written, not counting what is pending.
    pub fn outbox_len(&self) -> usize {
        self.out.outbox.len()
    }

    /// The unsettled deliveries of a link, in order, with its last known states. They can be asked for after the
    /// link, its session or the connection is gone too, within [`Limits::retained`](crate::Limits::retained).
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
    fn note(&mut self, session: &SessionInner) {
        let (sessions, links) = session.reached();
        self.sessions.extend(sessions);
        self.links.extend(links);
    }
}

/// What the sessions of a connection share.
#[derive(Debug)]
struct Shared {
    config: Arc<Config>,
    timers: Timers,
    /// The last generation of a link's id.
    links: u32,
    /// The last epoch of a delivery's id.
    epochs: u32,
    /// Sessions that have something to write.
    dirty: Turns,
    /// Sessions in which senders may wait for the outbox to drain.
    blocked: Turns,
}

impl Shared {
    /// The session has something to write, or may have.
    #[inline]
    fn queue(&mut self, session: &mut SessionInner) {
        if session.has_waiting() {
            self.blocked.push(session.channel);
        }
        if session.has_work() {
            self.dirty.push(session.channel);
        }
    }
}

/// A command for a session that is not there.
fn gone<T>() -> Result<T, CommandError> {
    Err(CommandError::UnknownId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_can_be_sent_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Connection>();
    }
}
