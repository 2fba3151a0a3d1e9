//! The loop: connections, the events that they raise, and what is due at some time.

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind},
    sync::Arc,
    time::{Duration, Instant},
};

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, Event,
    spec::definitions::{AmqpError, ErrorCondition},
};
use mio::{Events, Interest, Poll, Token};

use crate::{
    Arguments,
    advice::{AnyError, about},
    config,
    door::Door,
    log::Log,
    node::{Bounds, Node},
    peer::{Peer, READ},
    peers::Peers,
    signals::Signals,
    stream::Stream,
    tls_server::TlsServer,
};

const LISTENER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);

/// Connections beyond the maximum that are refused with an error at a time. More are dropped.
const REFUSALS: usize = 16;

/// Clients to accept before others have their turn.
const ACCEPTS: usize = 256;

/// Messages that links look at before it is the turn of the sockets.
const LOOKS: usize = 2048;

/// Looks that requests to the services take before it is the turn of the sockets, and the rest of the last request.
const REQUESTS: usize = 2048;

/// Bytes that are written before it is the turn of the sockets, and the rest of the last call.
const WRITTEN: usize = 1 << 20;

/// Bytes for one connection before others have their turn.
const SHARE: usize = 128 << 10;

/// Bytes that a call to write counts for beside its own.
const CALL: usize = 512;

/// The time that peers have to answer the close of a broker that ends.
const CLOSING: Duration = Duration::from_secs(2);

pub struct Broker {
    config: Arc<ConnectionConfig>,
    /// For connections that are refused: the engine asks before it opens them.
    refusal: Arc<ConnectionConfig>,
    /// `None` without TLS.
    tls: Option<TlsServer>,
    max_connections: usize,
    grace: Duration,
    poll: Poll,
    signals: Signals,
    /// `None` when the broker ends.
    pub door: Option<Door>,
    /// The time at which a broker that ends closes its connections.
    pub close_at: Option<Instant>,
    peers: Peers,
    /// The connection that is written to first, or one behind it.
    first: usize,
    /// The connection that is answered first, or one behind it.
    first_asked: usize,
    pub node: Node,
    pub log: Log,
    block: Box<[u8]>,
}

impl Broker {
    pub fn new(arguments: &Arguments) -> Result<Self, AnyError> {
        let tls = match arguments.tls.as_deref() {
            Some([cert, key]) => Some(TlsServer::new(cert, key, arguments.client_ca.as_ref())?),
            _ => None,
        };
        arguments.logins.check()?;
        let at = |error| about(format!("--listen {}", arguments.listen), error);
        let poll = Poll::new()?;
        let config = config(arguments);
        let bounds = Bounds {
            queue: arguments.max_queue_bytes,
            all: arguments.max_bytes,
            connection: arguments.max_connection_bytes,
        };
        Ok(Self {
            refusal: Arc::new(config.clone().auto_accept_sessions(false)),
            config: Arc::new(config),
            tls,
            max_connections: arguments.max_connections,
            grace: Duration::from_millis(arguments.grace),
            signals: Signals::new(poll.registry(), SIGNALS)?,
            door: Some(Door::new(arguments.listen, poll.registry(), LISTENER).map_err(at)?),
            poll,
            close_at: None,
            peers: Peers::default(),
            first: 0,
            first_asked: 0,
            node: Node::new(bounds, arguments.logins.token.clone(), arguments.strict),
            log: Log::new(),
            block: vec![0; READ].into(),
        })
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS {
            let Some(socket) = self.door.as_mut().and_then(Door::accept) else { return };
            let (served, refused) = self.peers.counts();
            let refuse = served >= self.max_connections;
            if refuse && refused >= REFUSALS {
                continue;
            }
            let config = Arc::clone(if refuse { &self.refusal } else { &self.config });
            let stream = match &self.tls {
                Some(tls) => tls.accept(socket).ok(),
                None => Some(Stream { socket, tls: None, host: None }),
            };
            // An error means that the client has left.
            let peer = stream.and_then(|stream| Peer::new(stream, config).ok());
            let Some(mut peer) = peer else { continue };
            let (key, interest) = (self.peers.next_key(), Interest::READABLE | Interest::WRITABLE);
            match self.poll.registry().register(peer.source(), Token(key), interest) {
                Ok(()) => self.peers.add(peer, refuse),
                Err(error) => self.log.line(format!("connection {key}: {error}")),
            }
        }
    }

    /// Answers connections, and returns those that go on: they had events, or some are left for another turn. Requests may
    /// have used up what they cost in this one; those behind the connection that did so come first then.
    fn answer_all(&mut self, busy: &BTreeSet<usize>) -> BTreeSet<usize> {
        let first = self.first_asked;
        let mut again = BTreeSet::new();
        for key in busy.range(first..).chain(busy.range(..first)) {
            let had_looks = self.node.request_looks > 0;
            if !had_looks || self.answer(*key) {
                again.insert(*key);
            }
            if had_looks && self.node.request_looks == 0 {
                self.first_asked = *key + 1;
            }
        }
        again
    }

    /// Answers a connection's events, as long as requests may cost more in this turn; returns true if there were any.
    fn answer(&mut self, key: usize) -> bool {
        let Some(peer) = self.peers.get_mut(key) else { return false };
        let mut answered = false;
        while self.node.request_looks > 0
            && let Some(event) = peer.connection.poll_event()
        {
            answered = true;
            if let Some(detail) = event.error_detail() {
                self.log.line(format!("connection {key}: {}: {detail}", event.name()));
                if let Some(reason) = peer.lost.take() {
                    self.log.line(format!("connection {key}: {reason}"));
                }
            }
            if let (Event::ConnectionOpen, Some(user)) = (&event, peer.connection.sasl_identity()) {
                self.log.line(format!("connection {key}: the user is {user}"));
            }
            let done = match event {
                Event::ConnectionRequested => refuse(&mut peer.connection, self.max_connections),
                event => self.node.handle(key, &mut peer.connection, event),
            };
            if let Err(error) = done {
                self.log.line(format!("connection {key}: {error}"));
            }
        }
        answered
    }

    /// Answers events and writes output until neither causes more of the other, or until this turn's work is done: a client
    /// that reads as fast as it is written to could go on for ever.
    fn settle_down(&mut self) {
        let (mut looks, mut bytes) = (LOOKS, WRITTEN);
        self.node.request_looks = REQUESTS;
        let mut busy = self.peers.take_busy();
        let mut met = busy.clone();
        loop {
            let mut again = self.answer_all(&busy);
            // What was left of an earlier turn, what is due now, and what the events have asked for.
            self.node.serve(&mut self.peers, &mut looks);
            // Connections that a queue handed messages to are busy now.
            busy.append(&mut self.peers.take_busy());
            met.extend(&busy);
            again.append(&mut self.flush(&busy, &mut bytes));
            busy = again;
            if busy.is_empty() || looks == 0 || bytes == 0 || self.node.request_looks == 0 {
                break;
            }
        }
        // One that goes on is not over: the event that it is may be among those that are left.
        met.retain(|key| !busy.contains(key));
        self.peers.rest(met);
        // They go on when the sockets have had their turn.
        for key in busy {
            self.peers.touch(key);
        }
    }

    /// Writes the output of connections, as much as is left of this turn's bytes. Returns those that go on: they have written
    /// something, or not had their turn, which comes first the next time.
    fn flush(&mut self, busy: &BTreeSet<usize>, bytes: &mut usize) -> BTreeSet<usize> {
        let mut left = BTreeSet::new();
        let mut next = self.first;
        for key in busy.range(self.first..).chain(busy.range(..self.first)) {
            if *bytes == 0 {
                left.insert(*key);
                continue;
            }
            let Some(peer) = self.peers.get_mut(*key) else { continue };
            let written = peer.flush(SHARE.min(*bytes));
            if written > 0 {
                *bytes = bytes.saturating_sub(written.saturating_add(CALL));
                left.insert(*key);
            }
            if *bytes == 0 {
                next = *key + 1;
            }
        }
        self.first = next;
        left
    }

    /// Returns the longest time to wait for a socket.
    fn timeout(&self) -> Option<Duration> {
        let door = self.door.as_ref().and_then(Door::timeout);
        let close = self.close_at.map(|at| {
            // Connections are closed at that time, and dropped later.
            let at = if at > Instant::now() { at } else { at + CLOSING };
            at.saturating_duration_since(Instant::now())
        });
        [door, close, self.peers.timeout(), self.node.timeout()].into_iter().flatten().min()
    }

    /// Waits, and does what is due then. Returns the number of signals to end.
    pub fn turn(&mut self, ready: &mut Events) -> io::Result<usize> {
        match self.poll.poll(ready, self.timeout()) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let mut signals = 0;
        for event in ready.iter() {
            match event.token() {
                LISTENER => self.door.iter_mut().for_each(Door::knock),
                SIGNALS => signals += self.signals.take(),
                Token(key) => {
                    if let Some(peer) = self.peers.touch(key) {
                        peer.wake(event);
                    }
                }
            }
        }
        self.accept();
        self.peers.receive(&mut self.block);
        self.settle_down();
        Ok(signals)
    }

    /// Takes no more clients and hands out no more messages.
    pub fn stop(&mut self) {
        self.door = None;
        self.node.stop();
        self.close_at = Some(Instant::now() + self.grace);
    }

    /// Closes the connections that have nothing left to settle. Returns true if the broker is done.
    pub fn close(&mut self) -> bool {
        let Some(close_at) = self.close_at else { return false };
        let now = Instant::now();
        let unsettled = if now < close_at { self.node.unsettled() } else { BTreeSet::new() };
        let error = AmqpError::described(ErrorCondition::ConnectionForced, "the broker is ending");
        self.peers.close(&unsettled, &error);
        self.settle_down();
        self.peers.counts() == (0, 0) || now >= close_at + CLOSING
    }
}

/// Refuses a connection that is one too many.
fn refuse(connection: &mut Connection, max: usize) -> Result<(), CommandError> {
    let what = format!("the broker serves {max} connections at most");
    connection.close(Some(AmqpError::described(ErrorCondition::ResourceLimitExceeded, what)))
}
