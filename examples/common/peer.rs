//! A connection and its socket, with TLS between them or without. Moves bytes between the two, and never blocks.

use std::{
    io::{self, ErrorKind, IoSlice, Read as _, Write as _},
    net::Shutdown,
    sync::Arc,
    time::{self, Duration},
};

use amqp_proto::{Connection, ConnectionConfig, Instant, Owed, Progress, state::ConnectionState};
use bytes::{Buf as _, BytesMut};
use mio::{event, net::TcpStream};

use crate::stream::Stream;

/// Bytes read at a time: the size of the block that a program's connections share.
pub const READ: usize = 64 << 10;

/// The time that the peer has to close the transport after the connection is closed.
pub const LINGER: Duration = Duration::from_secs(1);

/// Reads the option of an idle time-out in milliseconds: 0 for none, or so many that a peer can keep to it.
pub fn idle_timeout(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(millis @ (0 | 100..)) => Ok(millis),
        _ => Err("neither 0 nor at least 100".into()),
    }
}

/// A connection and its socket.
pub struct Peer {
    pub connection: Connection,
    stream: Stream<TcpStream>,
    /// True if the handshake of TLS is not over.
    shaking: bool,
    /// Bytes read and not consumed. An idle connection keeps no memory for it.
    input: BytesMut,
    progress: Progress,
    start: time::Instant,
    /// True if the socket may be readable or writable: it is used until it would block.
    readable: bool,
    writable: bool,
    /// True if the poll has reported the end of the input. It does so once, so the socket is read up to its end.
    ending: bool,
    /// True if the socket's read or write side has ended.
    pub read_over: bool,
    pub write_over: bool,
    /// The reason why the transport was lost.
    pub lost: Option<io::Error>,
    /// True if output was written or dropped since the engine stopped for lack of room.
    made_room: bool,
    /// The time at which the connection was closed.
    pub closed_at: Option<time::Instant>,
    /// True if the socket's write side was shut down.
    pub shut: bool,
}

impl Peer {
    pub fn new(stream: Stream<TcpStream>, config: impl Into<Arc<ConnectionConfig>>) -> io::Result<Self> {
        // Without it the kernel holds back small frames until the peer has acknowledged earlier ones.
        stream.socket.set_nodelay(true)?;
        let mut peer = Self {
            connection: Connection::new(config),
            stream,
            shaking: true,
            input: BytesMut::new(),
            progress: Progress::NeedInput,
            start: time::Instant::now(),
            readable: true,
            writable: true,
            ending: false,
            read_over: false,
            write_over: false,
            lost: None,
            made_room: false,
            closed_at: None,
            shut: false,
        };
        peer.describe();
        Ok(peer)
    }

    /// Describes the transport to the engine when the handshake is over, which is before it has any input.
    fn describe(&mut self) {
        if self.shaking
            && let Some(tunnel) = self.stream.tunnel()
        {
            self.shaking = false;
            // An error means that the connection has ended.
            let _ = self.connection.set_tunnel(tunnel);
        }
    }

    /// The time for the engine, which has no clock.
    fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Records the socket's readiness.
    pub fn wake(&mut self, event: &event::Event) {
        self.ending |= event.is_read_closed() || event.is_error();
        self.readable |= event.is_readable() || self.ending;
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    /// Reads at most a block, and hands it to the engine.
    pub fn receive(&mut self, block: &mut [u8]) {
        let now = self.now();
        // A poll that a signal has interrupted reports nothing. What has arrived comes before what is due all the same.
        self.readable |= self.connection.poll_timeout().is_some_and(|at| at <= now);
        if self.can_read() {
            let read = self.stream.read(block);
            self.describe();
            match read {
                Ok(0) => self.end_of_input(),
                Ok(count) => {
                    // A block that was not filled has emptied the socket: the poll reports when there is more. But it
                    // does not report an end that it has reported already. TLS reads in blocks of its own.
                    self.readable = count == block.len() || self.ending || self.stream.tls.is_some();
                    self.input.extend_from_slice(&block[..count]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    // The engine reports an end by itself.
                    self.lost = Some(error).filter(|error| error.kind() != ErrorKind::UnexpectedEof);
                    self.end_of_input();
                }
            }
        }
        self.made_room = false;
        self.progress = self.connection.handle_input(now, &mut self.input);
        // Behind the input: a peer whose frames waited, while this program had no time, was not silent.
        self.connection.handle_timeout(now);
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    fn end_of_input(&mut self) {
        self.read_over = true;
        self.connection.handle_eof(self.now());
    }

    /// Writes as much as the socket takes, up to `most` bytes and the rest of a call. Returns their number: if it is not 0,
    /// events such as SENDER_READY may follow.
    pub fn flush(&mut self, most: usize) -> usize {
        let now = self.now();
        let mut count = 0;
        while count < most {
            // A large message is framed as the bytes before it are written, so poll until nothing is left.
            let mut out = self.connection.poll_transmit(now);
            if !out.has_remaining() || !self.writable || self.write_over {
                break;
            }
            let mut slices = [IoSlice::new(&[]); 64];
            let filled = out.chunks_vectored(&mut slices);
            match self.stream.write_vectored(&slices[..filled]) {
                Ok(written) => {
                    count += written;
                    self.made_room = true;
                    out.advance(written);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                // The peer's last bytes, such as its close with an error, may still be there to read.
                Err(_) => {
                    self.write_over = true;
                    self.made_room = true;
                    self.connection.output_lost(now);
                }
            }
        }
        self.end_output();
        self.push(now);
        count
    }

    /// Ends the output of a connection that is closed.
    fn end_output(&mut self) {
        if self.connection.is_closed() && self.closed_at.is_none() {
            self.closed_at = Some(time::Instant::now());
            self.stream.end_output();
        }
    }

    /// Writes what TLS holds, and shuts down the socket behind the end of the output.
    fn push(&mut self, now: Instant) {
        while self.stream.is_behind() && self.writable && !self.write_over {
            match self.stream.flush() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(_) => {
                    self.write_over = true;
                    self.connection.output_lost(now);
                }
                Ok(()) => {}
            }
        }
        if self.closed_at.is_some() && !self.shut && self.has_written() {
            // A socket dropped with unread bytes resets the transport, and the peer may lose our last frames.
            let _ = self.stream.socket.shutdown(Shutdown::Write);
            self.shut = true;
        }
    }

    /// True if the socket has taken all output.
    pub fn has_written(&self) -> bool {
        self.connection.outbox_len() == 0 && (self.write_over || !self.stream.is_behind())
    }

    /// True if the socket may have more to read.
    pub fn can_read(&self) -> bool {
        // After Closed the engine drops its input, which is still read up to the peer's end.
        self.readable && !self.read_over && matches!(self.progress, Progress::NeedInput | Progress::Closed)
    }

    /// True if the answer that input waited for has been given, or is not owed any more.
    fn is_given(&self, owed: Owed) -> bool {
        match owed {
            Owed::Open => self.connection.state() != ConnectionState::OpenRcvd,
            Owed::Begin(id) => self.connection.session_ref(id).map_or(true, |session| session.is_open()),
            _ => true,
        }
    }

    /// Returns the longest time to wait for the socket.
    pub fn timeout(&self) -> Option<Duration> {
        let can_write = self.writable && !self.write_over && !self.has_written();
        let can_go_on = match self.progress {
            Progress::NeedInput | Progress::Closed => false,
            Progress::DrainOutput => self.made_room,
            Progress::Answer(owed) => self.is_given(owed),
            // Events have been polled, so the engine takes the rest of its input.
            _ => true,
        };
        if self.can_read() || can_write || can_go_on {
            return Some(Duration::ZERO);
        }
        if let Some(at) = self.closed_at {
            return Some(LINGER.saturating_sub(at.elapsed()));
        }
        let deadline = self.connection.poll_timeout()?;
        Some(deadline.saturating_since(self.now()))
    }

    pub fn source(&mut self) -> &mut TcpStream {
        &mut self.stream.socket
    }
}
