//! Opens connections to a server on one thread and keeps them alive until it is killed:
//! `idle ADDR CONNECTIONS IDLE_TIMEOUT`, the last in milliseconds, 0 for none. Prints a line when all are open.

#[path = "../../../../examples/common/peer.rs"]
mod peer;
#[path = "../../../../examples/broker/peers.rs"]
mod peers;
#[path = "../../../../examples/common/stream.rs"]
mod stream;

use std::{
    env,
    error::Error,
    io::{self, ErrorKind, Write as _},
    net::TcpStream,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use amqp_proto::{ConnectionConfig, Event};
use mio::{Events, Interest, Poll, Token, net};
use peer::{Peer, READ};
use peers::Peers;
use stream::Stream;

/// The most connections that wait for the peer's answer at a time: a server's backlog is limited.
const UNDER_WAY: usize = 64;

struct Client {
    poll: Poll,
    ready: Events,
    peers: Peers,
    block: Box<[u8]>,
    open: usize,
}

impl Client {
    fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            ready: Events::with_capacity(1024),
            peers: Peers::default(),
            block: vec![0; READ].into(),
            open: 0,
        })
    }

    fn connect(&mut self, address: &str, config: &Arc<ConnectionConfig>) -> Result<(), Box<dyn Error>> {
        let socket = TcpStream::connect(address)?;
        socket.set_nonblocking(true)?;
        let stream = Stream { socket: net::TcpStream::from_std(socket), tls: None, host: None };
        let mut peer = Peer::new(stream, Arc::clone(config))?;
        peer.connection.open()?;
        let token = Token(self.peers.next_key());
        self.poll.registry().register(peer.source(), token, Interest::READABLE | Interest::WRITABLE)?;
        self.peers.add(peer, false);
        Ok(())
    }

    /// Waits for a socket or a deadline, and does what there is to do.
    fn turn(&mut self) -> Result<(), Box<dyn Error>> {
        match self.poll.poll(&mut self.ready, self.peers.timeout()) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in self.ready.iter() {
            if let Some(peer) = self.peers.touch(event.token().0) {
                peer.wake(event);
            }
        }
        self.peers.receive(&mut self.block);
        let busy = self.peers.take_busy();
        for key in &busy {
            let Some(peer) = self.peers.get_mut(*key) else { continue };
            while let Some(event) = peer.connection.poll_event() {
                match event {
                    Event::ConnectionOpen => self.open += 1,
                    Event::ConnectionClosed => return Err("the server has closed a connection".into()),
                    Event::ConnectionError(failure) => return Err(failure.error.to_string().into()),
                    _ => {}
                }
            }
            peer.flush();
        }
        self.peers.rest(busy);
        Ok(())
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, connections, idle_timeout] = &arguments[..] else {
        return Err("usage: idle ADDR CONNECTIONS IDLE_TIMEOUT".into());
    };
    let (connections, idle_timeout) = (connections.parse()?, idle_timeout.parse()?);
    let mut config = ConnectionConfig::client("idle");
    config = config.idle_timeout(Duration::from_millis(idle_timeout));
    let config = Arc::new(config);
    let mut client = Client::new()?;
    for count in 1..=connections {
        client.connect(address, &config)?;
        while client.open + UNDER_WAY < count {
            client.turn()?;
        }
    }
    while client.open < connections {
        client.turn()?;
    }
    writeln!(io::stdout(), "holding {connections}")?;
    loop {
        client.turn()?;
    }
}

fn main() -> ExitCode {
    let Err(error) = run() else { return ExitCode::SUCCESS };
    let _ = writeln!(io::stderr(), "idle: {error}");
    ExitCode::FAILURE
}
