//! One thread with mio: 1,000 connections that each send and receive 100 messages, through one queue of a broker.
//!
//! ```sh
//! cargo run --example broker -- --listen 127.0.0.1:5672 --max-connections 1100
//! cargo run --example mio -- 127.0.0.1:5672
//! ```
//!
//! A second argument is the number of seconds, 30 without it, after which it gives up: heartbeats keep connections alive
//! on which nothing happens.
//!
//! [`Client::drive`] does all that can be done for one connection without waiting. [`main`] waits for all of them:
//! for the sockets with mio, and for the deadlines of the engines with a sorted set.

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    io::{self, ErrorKind, Read as _, Write as _},
    net::SocketAddr,
    time::Duration,
};

use amqp_proto::{
    Cause, Connection, ConnectionConfig, Event, Instant, LinkId, Progress, ReceiverConfig, SenderConfig,
    SenderId, SessionConfig, message::Message, sasl::Mechanism, spec::delivery_state::DeliveryState,
};
use bytes::{Buf as _, BytesMut};
use mio::{Events, Interest, Poll, Token, net::TcpStream};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const CONNECTIONS: usize = 1000;
/// The number of messages that each connection sends and receives.
const MESSAGES: u32 = 100;
const QUEUE: &str = "mio";
/// The most reads of a connection before it is the turn of others.
const READS: u32 = 16;

/// One connection: a socket, an engine, and what the socket has brought that the engine has not taken yet.
struct Client {
    socket: TcpStream,
    engine: Connection,
    input: BytesMut,
    progress: Progress,
    /// The deadline under which the client is in the set of all deadlines.
    deadline: Option<Instant>,
    /// Reads in this turn.
    reads: u32,
    sent: u32,
    settled: u32,
    received: u32,
}

impl Client {
    /// Starts to connect, and asks for a session and two links at once. The engine writes as soon as it may.
    fn connect(broker: SocketAddr, number: usize) -> Result<Self> {
        let config = ConnectionConfig::client(format!("mio-{number}")).idle_timeout(Duration::from_secs(60));
        let mut engine = Connection::new(config.sasl(Mechanism::anonymous()));
        engine.open()?;
        let session = engine.begin(SessionConfig::new())?;
        engine.session(session)?.attach_sender(SenderConfig::to(QUEUE))?;
        let receiver = engine.session(session)?.attach_receiver(ReceiverConfig::from(QUEUE))?;
        // Exactly its share: what a client took beyond it, another one would miss.
        engine.receiver(receiver)?.set_credit(MESSAGES)?;
        Ok(Self {
            socket: TcpStream::connect(broker)?,
            engine,
            input: BytesMut::new(),
            progress: Progress::NeedInput,
            deadline: None,
            reads: 0,
            sent: 0,
            settled: 0,
            received: 0,
        })
    }

    /// Does what can be done without waiting, until it is the turn of others. Returns true once the connection has ended.
    ///
    /// mio reports a socket once, so each half is used until it would block, or the connection goes on in the next turn.
    fn drive(&mut self, now: Instant, block: &mut [u8]) -> Result<bool> {
        self.reads = 0;
        loop {
            while let Some(event) = self.engine.poll_event() {
                self.on_event(event)?;
            }
            let mut output = self.engine.poll_transmit(now);
            let is_blocked = output.has_remaining();
            if is_blocked {
                match self.socket.write(output.chunk()) {
                    Ok(written) => {
                        output.advance(written);
                        continue;
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) if is_busy(&error) => {}
                    Err(_) => {
                        // The peer's last frames may still be there to read.
                        self.engine.output_lost(now);
                        continue;
                    }
                }
            } else if self.engine.is_closed() {
                let is_done = self.settled.min(self.received) == MESSAGES;
                return is_done.then_some(true).ok_or_else(|| "the broker closed early".into());
            }
            match self.progress {
                Progress::NeedInput if self.reads == READS => return Ok(false),
                Progress::NeedInput => match self.socket.read(block) {
                    Ok(count) if count > 0 => {
                        self.reads += 1;
                        self.input.extend_from_slice(&block[..count]);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    // Both halves would block.
                    Err(error) if is_busy(&error) => return Ok(false),
                    _ => self.engine.handle_eof(now),
                },
                // The engine reads on when its answers are written, and the socket does not take them.
                Progress::DrainOutput | Progress::Closed if is_blocked => return Ok(false),
                _ => {} // Events or output were in the way, and are there no more.
            }
            self.progress = self.engine.handle_input(now, &mut self.input);
        }
    }

    fn on_event(&mut self, event: Event) -> Result<()> {
        match &event {
            Event::SenderReady { sender } => self.send(*sender)?,
            Event::DeliverySettled { link: LinkId::Sender(_), first, last, state } => {
                if *state != Some(DeliveryState::ACCEPTED) {
                    return Err(format!("a message was not accepted but {state:?}").into());
                }
                self.settled += u32::try_from(first.through(*last))?;
            }
            Event::Delivery { receiver, delivery } => {
                self.engine.receiver(*receiver)?.accept(delivery.id)?;
                self.received += 1;
            }
            // The connection's own event follows those of its children, and has the reason.
            event if event.failure().is_some_and(|failure| failure.cause == Cause::Parent) => {}
            event => {
                if let Some(detail) = event.error_detail() {
                    return Err(format!("{}: {detail}", event.name()).into());
                }
            }
        }
        if (self.settled, self.received) == (MESSAGES, MESSAGES) && self.engine.is_open() {
            self.engine.close(None)?;
        }
        Ok(())
    }

    /// Sends what is left, as far as the peer's credit and the output's limit reach. `SENDER_READY` follows again.
    fn send(&mut self, sender: SenderId) -> Result<()> {
        while self.sent < MESSAGES {
            let message = Message::builder().data(format!("message {}", self.sent)).build();
            match self.engine.sender(sender)?.send(self.sent, message) {
                Ok(_) => self.sent += 1,
                Err(error) if error.is_temporary() => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// True if the socket cannot go on now: it would block, or is still connecting.
fn is_busy(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected)
}

fn main() -> Result<()> {
    let broker = env::args().nth(1).ok_or("the argument is the address of a broker")?.parse()?;
    let patience = Duration::from_secs(env::args().nth(2).map_or(Ok(30), |seconds| seconds.parse())?);
    let start = std::time::Instant::now();
    let now = || Instant::from_millis(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
    let mut poll = Poll::new()?;
    let mut clients = Vec::new();
    for number in 0..CONNECTIONS {
        let mut client = Client::connect(broker, number)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut client.socket, Token(number), both)?;
        clients.push(Some(client));
    }
    let (mut events, mut deadlines) = (Events::with_capacity(1024), BTreeSet::new());
    let (mut block, mut ready) = (vec![0; 64 * 1024], Vec::from_iter(0..clients.len()));
    let (mut open, mut last) = (CONNECTIONS, now());
    loop {
        let mut again = Vec::new();
        for number in ready.drain(..) {
            let Some(client) = &mut clients[number] else { continue };
            client.deadline.take().map(|deadline| deadlines.remove(&(deadline, number)));
            let before = client.settled + client.received;
            let is_over = client.drive(now(), &mut block)?; // First what has arrived, then what is due.
            client.engine.handle_timeout(now());
            if is_over || client.drive(now(), &mut block)? {
                clients[number] = None; // Closes the socket.
                (open, last) = (open - 1, now());
            } else {
                last = if client.settled + client.received > before { now() } else { last };
                again.extend((client.reads == READS).then_some(number));
                client.deadline = client.engine.poll_timeout();
                deadlines.extend(client.deadline.map(|deadline| (deadline, number)));
            }
        }
        if open == 0 {
            break;
        }
        let (time, give_up) = (now(), last.saturating_add(patience));
        if time >= give_up {
            return Err("neither an outcome nor a message came: see the broker's log".into());
        }
        let next = deadlines.first().map_or(give_up, |(deadline, _)| give_up.min(*deadline));
        ready.append(&mut again);
        let wait = if ready.is_empty() { next.saturating_since(time) } else { Duration::ZERO };
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => ready.extend(events.iter().map(|event| event.token().0)),
        }
        let time = now();
        ready.extend(deadlines.iter().take_while(|(at, _)| *at <= time).map(|(_, number)| number));
    }
    let time = start.elapsed();
    let what = format!("{CONNECTIONS} connections sent and received {MESSAGES} messages each");
    Ok(writeln!(io::stdout(), "{what}, in {time:.1?}")?)
}
