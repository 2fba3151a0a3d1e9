//! The callback API in one program. It opens a connection, in its callback a session, and in the session's a sender
//! and a receiver. It sends five messages to itself and closes everything when the last one has arrived.
//!
//! Run it with `cargo run --example agent`. It needs nothing else: a broker with one queue runs in a thread of the same
//! program, over TCP on the loopback device. Every event is printed by name.
//!
//! With `--url amqps://HOST:PORT` it does the same against a broker. It takes what is in the queue, so it should have one
//! of its own, `--address NAME`. With `--cbs TOKEN` it authorizes itself for that queue first.

#[path = "common/advice.rs"]
mod advice;
#[path = "common/dial.rs"]
mod dial;
#[path = "common/login.rs"]
mod login;
#[path = "common/pem.rs"]
mod pem;
#[path = "common/stream.rs"]
mod stream;
#[path = "common/tls_client.rs"]
mod tls_client;

use std::{
    cell::RefCell,
    collections::VecDeque,
    fmt::Display,
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    rc::Rc,
    sync::OnceLock,
    thread,
    time::Duration,
};

use advice::{AnyError, about};
use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, Progress, ReceiverConfig, SenderConfig,
    SenderId,
    callback::{Agent, AgentConfig, ConnectionHandle, ReceiverHandle, SenderHandle, SessionHandle},
    extensions::cbs::Token,
    frame::Payload,
    message::Message,
    sasl::Mechanism,
    spec::{definitions::AmqpError, delivery_state::DeliveryState},
    types::Symbol,
};
use bytes::{Buf, BytesMut};
use clap::Parser;
use dial::Place;
use tls_client::TlsOptions;

type Result<T> = std::result::Result<T, AnyError>;

const MESSAGES: usize = 5;

/// The time without a frame after which the other side counts as lost.
const IDLE: Duration = Duration::from_secs(30);

/// The time for the transport's connection, and for each step of its handshake.
const PATIENCE: Duration = Duration::from_secs(30);

/// Send messages through a queue to itself, with callbacks.
#[derive(Parser)]
struct Options {
    /// amqp[s]://[user:password@]host[:port][/address], by default that of a broker in this process.
    #[arg(long)]
    url: Option<String>,
    /// The queue, by default the URL's address, or else `queue`.
    #[arg(long, value_name = "NAME")]
    address: Option<String>,
    /// A token for the queue: a shared access signature, or else a JSON web token.
    #[arg(long, value_name = "TOKEN", requires = "url")]
    cbs: Option<String>,
    /// Give up after this many milliseconds without an event, an outcome or a message. The close takes up to 10 s more.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    timeout: u64,
    #[command(flatten)]
    tls: TlsOptions,
}

/// Everything that the program has opened. Setting a handle to `None` closes its connection, session or link.
#[derive(Default)]
struct Program {
    connection: Option<ConnectionHandle>,
    session: Option<SessionHandle>,
    sender: Option<SenderHandle>,
    receiver: Option<ReceiverHandle>,
    address: String,
    /// The audience, and the token that is still to be put.
    cbs: Option<(String, Token)>,
    received: usize,
    /// The peer has sent something since [`Program::has_moved`] returned.
    has_moved: bool,
    /// The last error.
    failure: Option<AnyError>,
}

/// The reason why a line could not be printed.
static UNPRINTED: OnceLock<io::Error> = OnceLock::new();

/// Prints a line. If it cannot, that is no reason to panic in a callback: the program fails at its end.
fn print(line: &dyn Display) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        let _ = UNPRINTED.set(error);
    }
}

/// The connection's callback. It receives all events, because nothing else here has a callback of its own.
fn on_event(shared: &Rc<RefCell<Program>>, event: &str, error_detail: Option<&str>) {
    let line = format!("{event}{}", error_detail.map(|detail| format!(": {detail}")).unwrap_or_default());
    print(&line);
    let mut program = shared.borrow_mut();
    program.has_moved = true;
    match event {
        "CONNECTION_OPEN" => match program.cbs.take() {
            Some((audience, token)) => {
                let Some(connection) = &program.connection else { return };
                // Without a lifetime there is one token alone.
                let _ = connection.authorize(&audience, None, move |_| Some(token.clone()));
            }
            None => program.open_session(),
        },
        "TOKEN_GRANTED" => program.open_session(),
        "SESSION_OPEN" => {
            let Some(session) = &program.session else { return };
            let sender = session.open_sender(&program.address, None);
            let for_messages = shared.clone();
            let receiver = session.open_receiver(&program.address, None, move |delivery| {
                let body = delivery.message().and_then(|message| Ok(message.body_as::<Vec<u8>>()?));
                let Ok(data) = body else { return delivery.reject(None) };
                print(&format_args!("received {}", String::from_utf8_lossy(&data)));
                delivery.accept();
                for_messages.borrow_mut().on_received();
            });
            (program.sender, program.receiver) = (sender.ok(), receiver.ok());
        }
        "SENDER_OPEN" => {
            let Some(sender) = &program.sender else { return };
            for number in 1..=MESSAGES {
                let message = Message::builder().data(format!("message {number}")).build();
                let for_outcomes = shared.clone();
                let on_outcome = move |outcome: Option<&DeliveryState>| {
                    print(&format_args!("message {number}: {outcome:?}"));
                    for_outcomes.borrow_mut().on_outcome(number, outcome);
                };
                if let Err(error) = sender.send_with_outcome(message, on_outcome) {
                    print(&format_args!("message {number} was not sent: {error}"));
                }
            }
        }
        "SENDER_CLOSED" | "SENDER_DETACHED" | "RECEIVER_CLOSED" | "RECEIVER_DETACHED"
            if program.connection.is_some() =>
        {
            program.failure = Some(about(event, "the peer ended it"));
            program.close_all();
        }
        _ if error_detail.is_some() => {
            // The last event of a connection that failed is its own, after those of its links and sessions.
            program.failure = Some(match event {
                "TOKEN_ERROR" => about(line, "check the token of --cbs, and that it is for this address"),
                _ => about(event, error_of(error_detail.unwrap_or_default())),
            });
            program.close_all();
        }
        _ => {}
    }
}

/// Returns the error that a detail is the text of: its condition and its description.
fn error_of(detail: &str) -> AmqpError {
    let (condition, description) = detail.split_once(": ").unwrap_or((detail, ""));
    let condition = Symbol::try_from(condition).unwrap_or_default();
    AmqpError::described(condition.into(), description)
}

impl Program {
    fn open_session(&mut self) {
        self.session = self.connection.as_ref().and_then(|it| it.open_session(None).ok());
    }

    fn on_outcome(&mut self, number: usize, outcome: Option<&DeliveryState>) {
        self.has_moved = true;
        if let Some(outcome) = outcome.filter(|outcome| **outcome != DeliveryState::ACCEPTED) {
            let what = format!("message {number} was not accepted: {}", outcome.type_name());
            self.failure = Some(about(what, "see the line of its outcome for the reason"));
            self.close_all();
        }
    }

    fn on_received(&mut self) {
        self.has_moved = true;
        self.received += 1;
        if self.received == MESSAGES {
            self.close_all();
        }
    }

    /// True if the peer has sent something since the last call.
    fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.has_moved)
    }

    fn give_up(&mut self, what: String) {
        self.failure = Some(about(what, "see the peer's log, or raise --timeout"));
        self.close_all();
    }

    /// Returns the first of what went wrong.
    fn result(&mut self) -> Result<()> {
        match (self.failure.take(), UNPRINTED.get()) {
            (Some(failure), _) => Err(failure),
            (None, Some(error)) => Err(about("standard output", io::Error::from(error.kind()))),
            _ if self.received < MESSAGES => {
                Err(about("not every message arrived", "pass the --address of a queue of its own"))
            }
            _ => Ok(()),
        }
    }

    /// Closes everything, here from inside a callback. Any order would do.
    fn close_all(&mut self) {
        self.receiver = None;
        self.sender = None;
        self.session = None;
        self.connection = None;
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match &options.url {
        Some(url) => run_with_broker(url, &options),
        None => run_alone(&options),
    };
    advice::end("agent", done)
}

fn run_alone(options: &Options) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("amqp://{}", listener.local_addr()?);
    let broker = thread::spawn(move || run_broker(listener.accept()?.0));
    run_with_broker(&url, options)?;
    broker.join().map_err(|_| "the broker panicked")?
}

fn run_with_broker(url: &str, options: &Options) -> Result<()> {
    let place = Place::parse(url)?;
    let mut config = ConnectionConfig::client("agent").idle_timeout(IDLE);
    let address = options.address.clone().or(Some(place.address.clone()).filter(|path| !path.is_empty()));
    let mut program = Program { address: address.unwrap_or("queue".into()), ..Program::default() };
    if let Some(text) = &options.cbs {
        let audience = format!("amqps://{}/{}", place.host, program.address);
        let is_sas = text.starts_with("SharedAccessSignature ");
        let token = Token::new(&*audience, if is_sas { Token::SAS } else { Token::JWT }, &**text);
        program.cbs = Some((audience, token));
    }
    let has_login = options.tls.has_certificate() || place.login.is_some();
    if options.cbs.is_some() && !has_login {
        config = config.sasl(Mechanism::mssbcbs());
    }
    for mechanism in login::mechanisms(None, options.tls.has_certificate(), place.login.as_ref())? {
        config = config.sasl(mechanism);
    }
    let program = Rc::new(RefCell::new(program));
    let mut agent = Agent::new(AgentConfig::new("agent").connection_config(config));
    let shared = program.clone();
    let connection = agent.open_connection(url, move |event, detail| on_event(&shared, event, detail))?;
    let id = connection.id();
    program.borrow_mut().connection = Some(connection);

    let patience = Duration::from_millis(options.timeout.max(1));
    let mut transport = place.connect(&options.tls, patience.min(PATIENCE))?;
    let tunnel = transport.tunnel().unwrap_or_default();
    agent.connection_mut(id).ok_or("the connection has ended")?.set_tunnel(tunnel)?;
    let (clock, mut input, mut progress) = (std::time::Instant::now(), BytesMut::new(), Progress::NeedInput);
    let now = || Instant::from_millis(u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX));
    let mut last = now();
    loop {
        agent.run_callbacks(now());
        if program.borrow_mut().has_moved() {
            last = now();
        }
        let is_closing = program.borrow().connection.is_none();
        let left = patience.saturating_sub(now().saturating_since(last));
        if left.is_zero() && !is_closing {
            let what = format!("neither an event nor a message in {} ms", options.timeout);
            program.borrow_mut().give_up(what);
            continue;
        }
        let has_output = agent.poll_transmit(id, now()).is_some_and(|output| output.has_remaining());
        let wait = agent.poll_timeout().map(|deadline| deadline.saturating_since(now()));
        let wait = if is_closing { wait } else { Some(wait.map_or(left, |wait| wait.min(left))) };
        set_time(&transport.socket, wait.filter(|_| !has_output && !transport.is_behind()))?;
        let output = agent.poll_transmit(id, now()).filter(Buf::has_remaining);
        match output.map(|mut output| write_some(&mut transport, &mut output)) {
            // Writing makes room, and callbacks may follow.
            Some(Ok(true)) => continue,
            // The peer's last frames may still be there to read.
            Some(Err(_)) => {
                agent.output_lost(id, now());
                continue;
            }
            _ => {}
        }
        // TLS may hold what was written. What the socket does not take now, it may take after the next input.
        if transport.is_behind()
            && let Err(error) = transport.flush()
            && !is_timeout(&error)
        {
            agent.output_lost(id, now());
        }
        if agent.is_closed(id) {
            break;
        }
        // The agent may have stopped in the middle of the input. The rest goes before new bytes.
        if progress == Progress::NeedInput && !read_some(&mut transport, &mut input) {
            agent.handle_eof(id, now());
        }
        progress = agent.handle_input(id, now(), &mut input);
    }
    transport.end_output();
    let _ = transport.flush();

    print(&format_args!("{} messages received, {:?}", program.borrow().received, agent.counts()));
    program.borrow_mut().result()
}

/// Has the socket calls wait for this long at most: until the deadline, which there always is for the idle time-out. While
/// output is left it is hardly at all: both ends may be writing, and each has to read.
fn set_time(transport: &TcpStream, wait: Option<Duration>) -> io::Result<()> {
    let wait = wait.unwrap_or_default().max(Duration::from_millis(1));
    transport.set_read_timeout(Some(wait))?;
    transport.set_write_timeout(Some(wait))
}

/// Writes what the transport takes. Returns false if that is nothing, and an error if it never will be anything.
fn write_some(transport: &mut impl Write, output: &mut impl Buf) -> io::Result<bool> {
    match transport.write(output.chunk()) {
        Ok(written) => {
            output.advance(written);
            Ok(true)
        }
        Err(error) if is_timeout(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads the bytes that have arrived, after waiting for them. Returns false at the end of the stream.
fn read_some(transport: &mut impl Read, into: &mut BytesMut) -> bool {
    let mut block = [0; 16 * 1024];
    match transport.read(&mut block) {
        Ok(count) => {
            into.extend_from_slice(&block[..count]);
            count > 0
        }
        Err(error) => is_timeout(&error),
    }
}

/// True if nothing is wrong: the time was over, or a signal came.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Serves one connection, with the engine itself: one queue, from the client's senders to its receivers.
fn run_broker(mut transport: TcpStream) -> Result<()> {
    transport.set_nodelay(true)?;
    let config = ConnectionConfig::server("broker").auto_accept_sessions(true).idle_timeout(IDLE);
    let mut engine = Connection::new(config.sasl(Mechanism::anonymous_server()));
    let (mut queue, mut consumers): (VecDeque<Payload>, Vec<SenderId>) = Default::default();
    let (clock, mut input, mut progress) = (std::time::Instant::now(), BytesMut::new(), Progress::NeedInput);
    let now = || Instant::from_millis(u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX));
    let mut tag = 0_u32;
    while !engine.is_closed() {
        while let Some(event) = engine.poll_event() {
            match event {
                Event::ReceiverRequested { receiver, .. } => {
                    engine.accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(10)))?;
                }
                Event::SenderRequested { sender, .. } => {
                    consumers.push(sender);
                    engine.accept_sender(sender, SenderConfig::new())?;
                }
                Event::Delivery { receiver, delivery } => {
                    engine.receiver(receiver)?.accept(delivery.id)?;
                    queue.push_back(delivery.payload);
                }
                _ => {}
            }
        }
        for consumer in &consumers {
            while let Some(message) = queue.front()
                && let Ok(mut link) = engine.sender(*consumer)
                && link.send(tag, message.clone()).is_ok()
            {
                queue.pop_front();
                tag += 1;
            }
        }
        let wait = engine.poll_timeout().map(|deadline| deadline.saturating_since(now()));
        let mut output = engine.poll_transmit(now());
        set_time(&transport, wait.filter(|_| output.is_empty()))?;
        if output.has_remaining() {
            match write_some(&mut transport, &mut output) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(_) => {
                    engine.output_lost(now());
                    continue;
                }
            }
        }
        if progress == Progress::NeedInput && !engine.is_closed() && !read_some(&mut transport, &mut input) {
            engine.handle_eof(now());
        }
        progress = engine.handle_input(now(), &mut input);
        engine.handle_timeout(now());
    }
    Ok(())
}
