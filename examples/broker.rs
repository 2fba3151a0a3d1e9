//! An in-memory broker: queues made on first use, consumers that compete or browse, redelivery.
//!
//! ```sh
//! cargo run --example broker -- --listen 127.0.0.1:5672
//! cargo run --example broker -- --listen 127.0.0.1:0 --user guest:secret
//! cargo run --example broker -- --listen 127.0.0.1:5671 --tls server.pem server.key --token claim
//! ```
//!
//! One thread, one poll loop, one engine per connection. It ends at SIGTERM, when deliveries are settled and
//! connections closed. In `common/`:
//!
//! | file | |
//! |---|---|
//! | `door.rs`, `signals.rs`, `log.rs` | clients that come, signals, lines on standard error |
//! | `stream.rs`, `tls_server.rs`, `pem.rs`, `subject.rs` | TLS on a socket, certificates, their subjects |
//! | `users.rs`, `scram_server.rs`, `random.rs` | logins |
//! | `peer.rs`, `peers.rs` | a connection with its socket, all connections |
//! | `node.rs`, `attach.rs`, `address.rs` | events, links, names of queues |
//! | `services.rs`, `reads.rs` | `$cbs` and `$management` |
//! | `queue.rs`, `stored.rs`, `room.rs` | a queue, a message in it, the memory that they may take |

#[path = "common/address.rs"]
mod address;
#[path = "common/attach.rs"]
mod attach;
#[path = "common/door.rs"]
mod door;
#[path = "common/log.rs"]
mod log;
#[path = "common/node.rs"]
mod node;
#[path = "common/peer.rs"]
mod peer;
#[path = "common/peers.rs"]
mod peers;
#[path = "common/pem.rs"]
mod pem;
#[path = "common/queue.rs"]
mod queue;
#[path = "common/reads.rs"]
mod reads;
#[path = "common/room.rs"]
mod room;
#[path = "common/services.rs"]
mod services;
#[path = "common/signals.rs"]
mod signals;
#[path = "common/stored.rs"]
mod stored;
#[path = "common/stream.rs"]
mod stream;
#[path = "common/tls_server.rs"]
mod tls_server;
#[path = "common/users.rs"]
mod users;

use std::{
    collections::BTreeSet,
    error::Error,
    io::{self, ErrorKind, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, Event, Limits, Timeouts, Tolerance,
    spec::definitions::{AmqpError, ErrorCondition},
    types::Symbol,
};
use clap::Parser;
use door::Door;
use log::Log;
use mio::{Events, Interest, Poll, Token};
use node::{Bounds, Node};
use peer::{Peer, READ};
use peers::Peers;
use signals::Signals;
use stream::Stream;
use tls_server::TlsServer;
use users::Logins;

const LISTENER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);

/// Connections beyond the maximum that are refused with an error at a time. More are dropped.
const REFUSALS: usize = 16;

/// Clients to accept before others have their turn.
const ACCEPTS: usize = 256;

/// The time that peers have to answer the close of a broker that ends.
const CLOSING: Duration = Duration::from_secs(2);

/// Keep messages in memory and pass them on.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 for any that is free.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5672")]
    listen: SocketAddr,
    #[command(flatten)]
    logins: Logins,
    /// Serve over TLS, with this certificate and private key, as PEM.
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    tls: Option<Vec<PathBuf>>,
    /// Ask clients for certificates that one in this PEM file vouches for: they log in with SASL EXTERNAL.
    #[arg(long, value_name = "CA", requires = "tls")]
    client_ca: Option<PathBuf>,
    /// The largest frame to accept, in bytes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(512..))]
    max_frame_size: Option<u32>,
    /// Close connections that are silent for this many milliseconds; 0 for never.
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    idle_timeout: u64,
    /// The time to log in and to open a connection, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    open_timeout: u64,
    /// The most connections at a time.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    max_connections: usize,
    /// The most bytes of messages in a queue.
    #[arg(long, value_name = "N", default_value_t = 128 << 20)]
    max_queue_bytes: usize,
    /// The most bytes of all queues.
    #[arg(long, value_name = "N", default_value_t = 256 << 20)]
    max_bytes: usize,
    /// The most bytes that a connection may take up beside the queues; no message may be larger.
    #[arg(long, value_name = "N", default_value_t = 16 << 20)]
    max_connection_bytes: usize,
    /// After SIGTERM, the time to settle deliveries before connections are closed, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    grace: u64,
    /// Keep to the letter of the standard, and take none of the departures that common peers make.
    #[arg(long)]
    strict: bool,
}

fn config(arguments: &Arguments) -> ConnectionConfig {
    let patience = Duration::from_millis(arguments.open_timeout);
    let limits = Limits::default()
        .max_held_bytes(arguments.max_connection_bytes)
        .max_held_bytes_per_session(arguments.max_connection_bytes);
    let mut config = ConnectionConfig::server(format!("broker-{}", std::process::id()))
        .limits(limits)
        .auto_accept_sessions(true)
        .offered_capabilities([Symbol::from_static("ANONYMOUS-RELAY")])
        .timeouts(Timeouts::default().sasl(patience).open(patience))
        .idle_timeout(Duration::from_millis(arguments.idle_timeout));
    if let Some(size) = arguments.max_frame_size {
        config = config.max_frame_size(size);
    }
    if arguments.strict {
        config = config.tolerance(Tolerance::strict());
    }
    arguments.logins.offer(config, arguments.client_ca.is_some())
}

struct Broker {
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
    door: Option<Door>,
    /// The time at which a broker that ends closes its connections.
    close_at: Option<Instant>,
    peers: Peers,
    node: Node,
    log: Log,
    block: Box<[u8]>,
}

impl Broker {
    fn new(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let tls = match arguments.tls.as_deref() {
            Some([cert, key]) => Some(TlsServer::new(cert, key, arguments.client_ca.as_ref())?),
            _ => None,
        };
        arguments.logins.check()?;
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
            door: Some(Door::new(arguments.listen, poll.registry(), LISTENER)?),
            poll,
            close_at: None,
            peers: Peers::default(),
            node: Node::new(bounds, arguments.logins.token.clone()),
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
                Err(error) => self.log.report(key, &error),
            }
        }
    }

    /// Answers a connection's events; returns true if there were any.
    fn answer(&mut self, key: usize) -> bool {
        let Some(peer) = self.peers.get_mut(key) else { return false };
        let mut answered = false;
        while let Some(event) = peer.connection.poll_event() {
            answered = true;
            if let Some(detail) = event.error_detail() {
                self.log.report(key, &format_args!("{}: {detail}", event.name()));
                if let Some(reason) = peer.lost.take() {
                    self.log.report(key, &reason);
                }
            }
            if let (Event::ConnectionOpen, Some(user)) = (&event, peer.connection.sasl_identity()) {
                self.log.report(key, &format_args!("the user is {user}"));
            }
            let done = match event {
                Event::ConnectionRequested => refuse(&mut peer.connection, self.max_connections),
                event => self.node.handle(key, &mut peer.connection, event),
            };
            if let Err(error) = done {
                self.log.report(key, &error);
            }
        }
        answered
    }

    /// Answers events and writes output until neither causes more of the other.
    fn settle_down(&mut self) {
        let mut busy = self.peers.take_busy();
        let mut met = busy.clone();
        while !busy.is_empty() {
            let mut again = busy.clone();
            again.retain(|key| self.answer(*key));
            self.node.serve(&mut self.peers);
            // Connections that a queue handed messages to are busy now.
            busy.append(&mut self.peers.take_busy());
            met.extend(&busy);
            busy.retain(|key| self.peers.get_mut(*key).is_some_and(Peer::flush) || again.contains(key));
        }
        self.peers.rest(met);
    }

    /// Returns the longest time to wait for a socket.
    fn timeout(&self) -> Option<Duration> {
        let door = self.door.as_ref().and_then(Door::timeout);
        let close = self.close_at.map(|at| {
            // Connections are closed at that time, and dropped later.
            let at = if at > Instant::now() { at } else { at + CLOSING };
            at.saturating_duration_since(Instant::now())
        });
        [door, close, self.peers.timeout()].into_iter().flatten().min()
    }

    /// Waits, and does what is due then. Returns the number of signals to end.
    fn turn(&mut self, ready: &mut Events) -> io::Result<usize> {
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
    fn stop(&mut self) {
        self.door = None;
        self.node.stop();
        self.close_at = Some(Instant::now() + self.grace);
    }

    /// Closes the connections that have nothing left to settle. Returns true if the broker is done.
    fn close(&mut self) -> bool {
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

/// Serves until it ends. Returns what to report then.
fn run(broker: &mut Broker) -> Result<Option<String>, Box<dyn Error>> {
    let mut out = io::stdout();
    if let Some(door) = &broker.door {
        writeln!(out, "listening on {}", door.address()?)?;
        out.flush()?;
    }
    let mut ready = Events::with_capacity(256);
    while !broker.close() {
        match (broker.turn(&mut ready)?, broker.close_at) {
            (0, _) => {}
            (1, None) => broker.stop(),
            _ => return Err("a second signal to end: connections are dropped".into()),
        }
    }
    let left = broker.node.messages();
    Ok((left > 0).then(|| format!("broker: {left} messages were left in queues")))
}

fn main() -> ExitCode {
    let mut broker = match Broker::new(&Arguments::parse()) {
        Ok(broker) => broker,
        Err(error) => {
            let _ = writeln!(io::stderr(), "broker: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (last, code) = match run(&mut broker) {
        Ok(last) => (last, ExitCode::SUCCESS),
        Err(error) => (Some(format!("broker: {error}")), ExitCode::FAILURE),
    };
    broker.log.end(last);
    code
}
