//! The client that `send` and `receive` share: the options, one session, waiting for events.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use amqp_proto::{
    Cause, CommandError, ConnectionConfig, Event, Session, SessionConfig, SessionId, Timeouts,
    spec::definitions::{AmqpError, ErrorCondition},
};
use clap::Args;
use mio::{Events, Interest, Poll, Token, net};

use crate::{
    advice::{AnyError, about},
    dial::Place,
    login::{Sasl, mechanisms},
    peer::{LINGER, Peer, READ, idle_timeout},
    stream::Stream,
    tls_client::TlsOptions,
};

pub type Result<T> = std::result::Result<T, AnyError>;

/// The time for the transport's connection, and for each of the peer's answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// The arguments that all clients have.
#[derive(Args)]
pub struct Connect {
    /// amqp[s]://[user:password@]host[:port]/address
    pub url: String,
    /// The largest frame to accept, in bytes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(512..))]
    max_frame_size: Option<u32>,
    /// SASL mechanism; by default external with --cert, scram or plain with a user, else anonymous.
    #[arg(long, value_name = "MECH")]
    sasl: Option<Sasl>,
    #[command(flatten)]
    tls: TlsOptions,
    /// Give up on a peer that is silent for this many milliseconds; 0 for never.
    #[arg(long, value_name = "MS", default_value_t = 60_000, value_parser = idle_timeout)]
    idle_timeout: u64,
}

/// A client's connection, with one session.
pub struct Client {
    pub peer: Peer,
    session: SessionId,
    poll: Poll,
    ready: Events,
    block: Box<[u8]>,
    /// True if the socket had taken all output when it was last written to.
    all_written: bool,
    flushes: u32,
    /// The time at which bytes were last written.
    pub written_at: Instant,
}

impl Client {
    /// Connects; open and begin go out at once, without waiting for the peer's.
    /// The transport has the shorter of `timeout` and [`PATIENCE`] for its part.
    pub fn connect(
        place: &Place,
        with: &Connect,
        name: &str,
        timeouts: Timeouts,
        timeout: Option<u64>,
    ) -> Result<Self> {
        let timeouts = timeouts.sasl(PATIENCE).open(PATIENCE);
        let patience = timeout.map_or(PATIENCE, |millis| Duration::from_millis(millis.max(1)).min(PATIENCE));
        let mut config = ConnectionConfig::client(format!("{name}-{}", std::process::id()))
            .hostname(&*place.host)
            .timeouts(timeouts)
            .idle_timeout(Duration::from_millis(with.idle_timeout));
        if let Some(size) = with.max_frame_size {
            config = config.max_frame_size(size);
        }
        let has_certificate = with.tls.has_certificate();
        for mechanism in mechanisms(with.sasl, has_certificate, place.login.as_ref())? {
            config = config.sasl(mechanism);
        }
        let Stream { socket, tls, host } = place.connect(&with.tls, patience)?;
        socket.set_nonblocking(true)?;
        let stream = Stream { socket: net::TcpStream::from_std(socket), tls, host };
        let mut peer = Peer::new(stream, config)?;
        peer.connection.open()?;
        let session = peer.connection.begin(SessionConfig::new())?;
        let poll = Poll::new()?;
        poll.registry().register(peer.source(), Token(0), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            peer,
            session,
            poll,
            ready: Events::with_capacity(8),
            block: vec![0; READ].into(),
            all_written: false,
            flushes: 0,
            written_at: Instant::now(),
        })
    }

    /// Borrows the session.
    pub fn session(&mut self) -> Result<Session<'_>> {
        Ok(self.peer.connection.session(self.session)?)
    }

    /// Returns the next event that has been raised. What the server asks for is refused: a client serves nobody. The loss of
    /// the transport is an error, with its reason.
    pub fn poll_event(&mut self) -> Result<Option<Event>> {
        let connection = &mut self.peer.connection;
        let refusal = || AmqpError::described(ErrorCondition::NotAllowed, "this is a client");
        while let Some(event) = connection.poll_event() {
            match event {
                Event::SessionRequested { session } => connection.refuse_session(session, refusal())?,
                Event::SenderRequested { sender, .. } => connection.refuse_sender(sender, refusal())?,
                Event::ReceiverRequested { receiver, .. } => {
                    connection.refuse_receiver(receiver, refusal())?
                }
                event => {
                    if matches!(event, Event::ConnectionError(_))
                        && let Some(reason) = self.peer.lost.take()
                    {
                        check(&event).map_err(|error| about(error, reason))?;
                    }
                    return Ok(Some(event));
                }
            }
        }
        Ok(None)
    }

    /// Returns the next event, moving bytes until there is one; `None` at `until`, or if the connection is over. What has
    /// arrived before that is read first, even if this program had no time for it.
    pub fn next_event(&mut self, until: Option<Instant>) -> Result<Option<Event>> {
        let mut late: Option<Instant> = None;
        loop {
            if let Some(event) = self.poll_event()? {
                return Ok(Some(event));
            }
            if self.peer.flush(usize::MAX) > 0 {
                // Reading has its turn, even if the peer takes all that is written.
                self.flushes = self.flushes.wrapping_add(1);
                self.written_at = Instant::now();
                if self.flushes.is_multiple_of(16) {
                    self.wait(Some(Instant::now()))?;
                }
            }
            self.all_written = self.peer.has_written() && !self.peer.write_over;
            if let Some(event) = self.poll_event()? {
                return Ok(Some(event));
            }
            if self.peer.connection.is_closed() {
                return Ok(None);
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                late.get_or_insert_with(Instant::now);
            }
            self.wait(until)?;
            // A peer that never pauses is not read for ever.
            if late.is_some_and(|since| !self.peer.can_read() || since.elapsed() > LINGER) {
                return self.poll_event();
            }
        }
    }

    /// Waits for the socket or a deadline, and reads.
    fn wait(&mut self, until: Option<Instant>) -> Result<()> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = [left, self.peer.timeout()].into_iter().flatten().min();
        match self.poll.poll(&mut self.ready, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => self.ready.iter().for_each(|event| self.peer.wake(event)),
        }
        self.peer.receive(&mut self.block);
        Ok(())
    }

    /// Closes the connection and waits for the peer's close, after an error for a moment only. Returns the first error.
    /// If all output `must_arrive`, an end before the peer's answer to our close is an error too.
    pub fn close(mut self, mut result: Result<()>, must_arrive: bool) -> Result<()> {
        // The peer has its time to read our close, but may be gone, and the reason is to be shown.
        let soon = Instant::now() + LINGER;
        let mut until = result.is_err().then_some(soon);
        // Events of links come before that of the connection which took them along, and that has the reason.
        while let Some(event) = self.poll_event()? {
            if matches!(event, Event::ConnectionError(_)) {
                until = Some(soon);
                result = check(&event);
            }
            result = result.and_then(|()| if must_arrive { check_open(&event) } else { check(&event) });
        }
        // An error means that the connection is ending already.
        let _ = self.peer.connection.close(None);
        let mut answered = false;
        loop {
            let event = match self.next_event(until) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => {
                    result = result.and(Err(error));
                    break;
                }
            };
            // Our close ends the output. The peer's close is read before the end of the transport.
            let is_answer = self.all_written && !self.peer.read_over;
            answered |= is_answer && matches!(event, Event::ConnectionClosed);
            result = result.and_then(|()| check(&event));
        }
        if must_arrive && !answered {
            let what = "the connection ended before all was sent";
            result = result.and(Err(about(what, "see the peer's log, and send again")));
        }
        result
    }
}

/// Returns the error of an `*_ERROR` event, unless the next one has the reason.
pub fn check(event: &Event) -> Result<()> {
    match event.failure().filter(|failure| failure.cause != Cause::Parent) {
        Some(failure) => Err(about(event.name(), failure.clone())),
        None => Ok(()),
    }
}

/// Returns the error of a command, unless it came too late. If its link is gone or ending, an event with the reason is
/// queued.
pub fn unless_late(done: std::result::Result<(), CommandError>) -> Result<()> {
    match done {
        Err(CommandError::UnknownLink | CommandError::IllegalState(_)) => Ok(()),
        done => Ok(done?),
    }
}

/// As [`check`], and returns an error for an end that we did not ask for.
pub fn check_open(event: &Event) -> Result<()> {
    match event {
        Event::SenderClosed { .. }
        | Event::SenderDetached { .. }
        | Event::ReceiverClosed { .. }
        | Event::ReceiverDetached { .. }
        | Event::SessionClosed { .. }
        | Event::ConnectionClosed => {
            let what = format!("{}: the peer ended it", event.name());
            Err(about(what, "see the peer's log, and start again"))
        }
        event => check(event),
    }
}
