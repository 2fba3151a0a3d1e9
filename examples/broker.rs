//! An in-memory broker: queues made on first use, consumers that compete or browse, redelivery.
//!
//! ```sh
//! cargo run --example broker -- --listen 127.0.0.1:5672
//! cargo run --example broker -- --listen 127.0.0.1:0 --user guest:secret
//! ```
//!
//! One thread, one poll loop, one engine per connection. Events are handled in `common/node.rs` (links) and
//! `common/queue.rs` (messages).

#[path = "common/node.rs"]
mod node;
#[path = "common/peer.rs"]
mod peer;
#[path = "common/peers.rs"]
mod peers;
#[path = "common/queue.rs"]
mod queue;

use std::{
    error::Error,
    io::{self, ErrorKind, Write as _},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use amqp_proto::{ConnectionConfig, SaslPolicy, sasl::Mechanism};
use clap::Parser;
use mio::{Events, Interest, Poll, Token, net::TcpListener};
use node::Node;
use peer::{Peer, READ};
use peers::Peers;

const LISTENER: Token = Token(usize::MAX);

/// Keep messages in memory and pass them on.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 for any that is free.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5672")]
    listen: SocketAddr,
    /// The only user, who has to log in with PLAIN; without it every client is served.
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = user)]
    user: Option<(String, String)>,
    /// The largest frame to accept, in bytes.
    #[arg(long, value_name = "N")]
    max_frame_size: Option<u32>,
    /// Close connections that are silent for this many milliseconds.
    #[arg(long, value_name = "MS")]
    idle_timeout: Option<u64>,
}

fn user(text: &str) -> Result<(String, String), String> {
    let (name, password) = text.split_once(':').ok_or("not NAME:PASSWORD")?;
    Ok((name.to_owned(), password.to_owned()))
}

fn config(arguments: &Arguments) -> ConnectionConfig {
    let mut config =
        ConnectionConfig::server(format!("broker-{}", std::process::id())).auto_accept_sessions(true);
    if let Some(size) = arguments.max_frame_size {
        config = config.max_frame_size(size);
    }
    config = config.idle_timeout(arguments.idle_timeout.map(Duration::from_millis));
    match arguments.user.clone() {
        Some((name, password)) => {
            config.sasl(Mechanism::plain_server(move |shown| shown.matches(&name, &password)))
        }
        None => config.sasl(Mechanism::anonymous_server()).sasl_policy(SaslPolicy::Optional),
    }
}

struct Broker {
    config: Arc<ConnectionConfig>,
    poll: Poll,
    listener: TcpListener,
    peers: Peers,
    node: Node,
    block: Box<[u8]>,
}

impl Broker {
    fn new(arguments: &Arguments) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(arguments.listen)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let (config, node) = (Arc::new(config(arguments)), Node::default());
        let block = vec![0; READ].into();
        Ok(Self { config, poll, listener, peers: Peers::default(), node, block })
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The peer left before it was accepted.
                Err(error)
                    if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Ok(mut peer) = Peer::new(socket, Arc::clone(&self.config)) else { continue };
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(peer.source(), Token(self.peers.next_key()), interest)?;
            self.peers.add(peer);
        }
    }

    /// Answers a connection's events; returns true if there were any.
    fn answer(&mut self, key: usize) -> bool {
        let Some(peer) = self.peers.get_mut(key) else { return false };
        let mut answered = false;
        while let Some(event) = peer.connection.poll_event() {
            answered = true;
            if let Some(detail) = event.error_detail() {
                let _ = writeln!(io::stderr(), "connection {key}: {}: {detail}", event.name());
            }
            if let Err(error) = self.node.handle(key, &mut peer.connection, event) {
                let _ = writeln!(io::stderr(), "connection {key}: {error}");
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

    fn turn(&mut self, ready: &mut Events) -> io::Result<()> {
        match self.poll.poll(ready, self.peers.timeout()) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in ready.iter() {
            match event.token() {
                LISTENER => self.accept()?,
                Token(key) => {
                    if let Some(peer) = self.peers.touch(key) {
                        peer.wake(event);
                    }
                }
            }
        }
        self.peers.receive(&mut self.block);
        self.settle_down();
        Ok(())
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut broker = Broker::new(arguments)?;
    let mut out = io::stdout();
    writeln!(out, "listening on {}", broker.listener.local_addr()?)?;
    out.flush()?;
    let mut ready = Events::with_capacity(256);
    loop {
        broker.turn(&mut ready)?;
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "broker: {error}");
            ExitCode::FAILURE
        }
    }
}
