//! The listening socket. Whatever goes wrong with accepting, it goes on later.

use std::{
    fs::File,
    io::{self, ErrorKind, Write as _},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{
    Interest, Registry, Token,
    net::{TcpListener, TcpStream},
};
use socket2::SockRef;

/// The time until the next try after an error.
const PAUSE: Duration = Duration::from_millis(200);

/// The most clients that wait to be accepted, if the system allows as many. Of 1,000 at a time most are beyond the 128
/// of `bind`, and wait until their systems try again.
const BACKLOG: i32 = 4096;

pub struct Door {
    listener: TcpListener,
    /// A file descriptor to let go of when there are no more: with it a client can be turned away at once.
    spare: Option<File>,
    /// True if there may be clients to accept.
    knocking: bool,
    paused_until: Option<Instant>,
    /// True if the last error has been reported.
    reported: bool,
}

impl Door {
    pub fn new(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut listener = TcpListener::bind(address)?;
        SockRef::from(&listener).listen(BACKLOG)?;
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(Self { listener, spare: spare(), knocking: true, paused_until: None, reported: false })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes note that there are clients to accept.
    pub fn knock(&mut self) {
        self.knocking = true;
    }

    /// Returns the longest time to wait before the next [`accept`](Self::accept).
    pub fn timeout(&self) -> Option<Duration> {
        let until = self.paused_until.unwrap_or_else(Instant::now);
        self.knocking.then(|| until.saturating_duration_since(Instant::now()))
    }

    /// Returns the next client, or `None` if there is none now.
    pub fn accept(&mut self) -> Option<TcpStream> {
        if self.paused_until.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        self.paused_until = None;
        while self.knocking && self.paused_until.is_none() {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    self.reported = false;
                    self.spare = self.spare.take().or_else(spare);
                    return Some(socket);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.knocking = false,
                // The client left before it was accepted.
                Err(error)
                    if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(error) => self.turn_away(&error),
            }
        }
        None
    }

    /// Makes the best of an error, which mostly means that there are no more file descriptors.
    fn turn_away(&mut self, error: &io::Error) {
        if !self.reported {
            let _ = writeln!(io::stderr(), "clients are turned away: {error}");
            self.reported = true;
        }
        let spared = self.spare.take().is_some();
        // The client is dropped, and with it the descriptor that the spare one stands for again.
        if spared && self.listener.accept().is_ok() {
            self.spare = spare();
        } else {
            self.paused_until = Some(Instant::now() + PAUSE);
        }
    }
}

/// Returns something that takes a file descriptor and nothing else.
fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}
