//! AMQP over WebSocket: a client sends a message, the server accepts it, and both close.
//!
//! Run it with `cargo run --example websocket`: client and server are in one process, over loopback TCP. With
//! `--url ws://HOST:PORT/PATH` it is the client alone. Every event is printed by its name.
//!
//! [`run`] moves the bytes. A binary message is a part of the stream and never a frame (OASIS amqp-wsb v1.0 CS01). For
//! `wss`, put TLS on the socket first.

#[path = "common/advice.rs"]
mod advice;
#[path = "common/subprotocol.rs"]
mod subprotocol;
#[path = "common/timed.rs"]
mod timed;

use std::{
    io::{self, ErrorKind, Write as _},
    net::{TcpListener, TcpStream, ToSocketAddrs as _},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use advice::{AnyError, about};
use amqp_proto::{
    Cause, Connection, ConnectionConfig, CreditPolicy, Event, Progress, ReceiverConfig, SenderConfig,
    SessionConfig,
    extensions::websocket::SUBPROTOCOL,
    message::{Message, ParseOptions},
    sasl::Mechanism,
    types::Value,
};
use bytes::{Buf as _, Bytes, BytesMut};
use clap::Parser;
use timed::Timed;
use tungstenite::{
    Error as WebSocketError, WebSocket,
    client::IntoClientRequest as _,
    http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
    protocol::WebSocketConfig,
};

type Result<T> = std::result::Result<T, AnyError>;

/// The largest binary message in bytes, of ours and of the peer.
const MESSAGE: usize = 64 * 1024;

/// The time without a frame after which the other side counts as lost.
const IDLE: Duration = Duration::from_secs(30);

/// The time that a call on the socket waits while output is left.
const TURN: Duration = Duration::from_millis(1);

/// The longest wait for a step of a handshake, and for the end of the WebSocket.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Parser)]
#[command(about = "Sends a message over WebSocket, by default to itself")]
struct Options {
    /// ws://HOST:PORT/PATH
    #[arg(long)]
    url: Option<String>,
    /// The address to send to.
    #[arg(long, default_value = "queue")]
    address: String,
    /// The client closes after this many milliseconds, whether its message has been accepted or not. That takes up to 10 s
    /// more.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    timeout: u64,
}

/// Bounds all that the peer can make the WebSocket hold.
fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE))
        .max_frame_size(Some(MESSAGE))
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MESSAGE)
}

/// Moves bytes between WebSocket and engine and hands events to `handle`, until the connection is closed. That is begun after
/// `patience` at the latest, and is over [`PATIENCE`] later.
fn run(
    mut socket: WebSocket<Timed>,
    mut connection: Connection,
    patience: Option<Duration>,
    mut handle: impl FnMut(&mut Connection, Event) -> Result<()>,
) -> Result<()> {
    let start = Instant::now();
    let now = || amqp_proto::Instant::from_millis(start.elapsed().as_millis() as u64);
    let (mut input, mut progress, mut result) = (BytesMut::new(), Progress::NeedInput, Ok(()));
    // The TCP socket has not taken all of the message that was written last.
    let mut is_behind = false;
    // Behind an error of its own a WebSocket must not be read.
    let mut can_read = true;
    let (mut has_opened, mut end, mut writes) = (false, None, 0_u32);
    loop {
        let patience = patience.filter(|_| result.is_ok() && end.is_none());
        let left = patience.map(|patience| patience.saturating_sub(start.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            let what = if has_opened { "the message was not accepted" } else { "the server did not open" };
            result = Err(about(format!("{what} in time"), "see the server's log, or raise --timeout"));
            let _ = connection.close(None);
        }
        has_opened |= connection.is_open();
        if result.is_err() || (has_opened && !connection.is_open()) {
            // A peer that does not answer, or does not read, keeps nobody.
            end.get_or_insert_with(|| Instant::now() + PATIENCE);
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            let unclosed = || about("the connection was not closed in time", "see the peer's log");
            return result.and(if connection.is_closed() { Ok(()) } else { Err(unclosed()) });
        }
        // Until it is closed there always is a deadline, for the idle time-out.
        let wait = connection.poll_timeout().map_or(PATIENCE, |deadline| deadline.saturating_since(now()));
        let wait = wait.min(left.unwrap_or(wait));
        let until = Instant::now() + wait.max(Duration::from_millis(1));
        socket.get_mut().until = end.map_or(until, |end| until.min(end));
        while let Some(event) = connection.poll_event() {
            if let (Ok(()), Err(error)) = (&result, handle(&mut connection, event)) {
                result = Err(error);
                // An error means that the connection is ending already.
                let _ = connection.close(None);
            }
        }
        let mut output = connection.poll_transmit(now());
        if is_behind || output.has_remaining() {
            // Both ends may be writing, and each has to read: no call waits for long.
            socket.get_mut().until = Instant::now() + TURN;
        }
        let written = if is_behind {
            Some(socket.flush())
        } else if output.has_remaining() {
            let part = output.copy_to_bytes(output.remaining().min(MESSAGE));
            Some(socket.send(tungstenite::Message::Binary(part)))
        } else {
            None
        };
        match written {
            Some(Ok(())) => {
                is_behind = false;
                writes += 1;
                if writes % 16 != 0 {
                    continue;
                }
                // Reading has its turn, even if the peer takes all that is written.
            }
            // The peer does not read. Maybe it waits for us to read.
            Some(Err(WebSocketError::Io(error))) if is_timeout(&error) => is_behind = true,
            // Nothing more can be written. The peer's last frames may still be there to read.
            Some(Err(_)) => {
                is_behind = false;
                connection.output_lost(now());
            }
            None => {}
        }
        if connection.is_closed() && !is_behind {
            finish(socket, end.unwrap_or_else(|| Instant::now() + PATIENCE), can_read);
            return result;
        }
        // The engine may have stopped in the middle of a message. The rest goes before new bytes.
        if progress == Progress::NeedInput && can_read {
            match read(&mut socket) {
                Ok(bytes) => input.extend_from_slice(&bytes),
                Err(error) => {
                    can_read = false;
                    result = result.and(Err(error).or_else(unless_closed));
                    connection.handle_eof(now());
                }
            }
        }
        progress = connection.handle_input(now(), &mut input);
        // Behind the input: a peer whose frames waited in the socket was not silent.
        connection.handle_timeout(now());
    }
}

/// Returns the content of a binary message, or nothing if the time was over or there was none in what arrived.
fn read(socket: &mut WebSocket<Timed>) -> std::result::Result<Bytes, WebSocketError> {
    match socket.read() {
        Ok(tungstenite::Message::Binary(bytes)) => Ok(bytes),
        Ok(tungstenite::Message::Text(_)) => {
            Err(io::Error::new(ErrorKind::InvalidData, "AMQP travels in binary messages").into())
        }
        Ok(_) => Ok(Bytes::new()),
        Err(WebSocketError::Io(error)) if is_timeout(&error) => Ok(Bytes::new()),
        Err(error) => Err(error),
    }
}

/// The end of a WebSocket is the end of the stream, which the engine judges. Other errors have no other witness.
fn unless_closed(error: WebSocketError) -> Result<()> {
    match error {
        WebSocketError::ConnectionClosed | WebSocketError::AlreadyClosed => Ok(()),
        error => Err(error.into()),
    }
}

/// Closes the WebSocket, and waits until the peer has done so too (RFC 6455, 7.1.1), or until a time. Without an answer if
/// the socket cannot be read.
fn finish(mut socket: WebSocket<Timed>, until: Instant, can_read: bool) {
    socket.get_mut().until = until;
    let _ = socket.close(None);
    while can_read && socket.read().is_ok() {}
}

/// True if nothing is wrong: the time was over, or a signal came.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Prints an event, and returns that of an error as one.
fn show(who: &str, event: &Event) -> Result<()> {
    let detail = event.error_detail();
    let shown = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    writeln!(io::stdout(), "{who} {}{shown}", event.name())?;
    // The connection's own event follows those of its children, and has the reason.
    match event.failure().filter(|failure| failure.cause != Cause::Parent) {
        Some(failure) => Err(about(event.name(), failure.clone())),
        None => Ok(()),
    }
}

/// Sends one message, and closes when it is settled.
fn client(url: &str, options: &Options) -> Result<()> {
    const FORM: &str = "write it as ws://HOST:PORT/PATH";
    let mut request = url.into_client_request().map_err(|error| about(format!("the URL: {error}"), FORM))?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    let uri = request.uri();
    if uri.scheme_str() != Some("ws") {
        return Err(about("the URL does not start with ws://", FORM));
    }
    let host =
        uri.host().ok_or_else(|| about("the URL has no host", FORM))?.trim_matches(['[', ']']).to_owned();
    let servers = (&*host, uri.port_u16().unwrap_or(80)).to_socket_addrs();
    let server = servers.map_err(|error| about(&host, error))?.next();
    let server = server.ok_or_else(|| about(&host, io::Error::from(ErrorKind::AddrNotAvailable)))?;
    let patience = Duration::from_millis(options.timeout.max(1)).min(PATIENCE);
    let socket = TcpStream::connect_timeout(&server, patience).map_err(|error| about(server, error))?;
    let socket = Timed::new(socket, patience)?;
    // It fails unless the server has chosen the subprotocol.
    let (socket, _) = tungstenite::client::client_with_config(request, socket, Some(limits()))
        .map_err(|error| about(error, "check the URL, and that it serves AMQP over WebSocket"))?;

    let config = ConnectionConfig::client("websocket-client").hostname(&*host).idle_timeout(IDLE);
    let mut connection = Connection::new(config.sasl(Mechanism::anonymous()));
    connection.open()?;
    let session = connection.begin(SessionConfig::new())?;
    connection.session(session)?.attach_sender(SenderConfig::to(&*options.address))?;
    let (mut is_sent, mut is_accepted) = (false, false);
    let patience = Some(Duration::from_millis(options.timeout));
    run(socket, connection, patience, |connection, event| {
        show("client", &event)?;
        match event {
            Event::SenderReady { sender } | Event::SenderDrain { sender } => {
                // If the link is gone, an event with the reason is queued.
                let Ok(mut sender) = connection.sender(sender) else { return Ok(()) };
                if !is_sent {
                    let message = Message::builder().value("hello over WebSocket").build();
                    match sender.send(1_u32, message) {
                        Ok(_) => is_sent = true,
                        Err(error) if error.is_temporary() => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                // 2.6.7: the message goes first.
                if matches!(event, Event::SenderDrain { .. }) {
                    // The receiver may have taken it back.
                    let _ = sender.drained();
                }
            }
            Event::DeliverySettled { state, .. } => {
                let state = state.ok_or_else(|| {
                    about("the message was settled without an outcome", "see the server's log")
                })?;
                writeln!(io::stdout(), "client: the message was {}", state.type_name())?;
                is_accepted = state == amqp_proto::spec::delivery_state::DeliveryState::ACCEPTED;
                connection.close(None)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    if is_accepted {
        Ok(())
    } else {
        Err(about("the message was not accepted", "see the outcome above, and check --address"))
    }
}

/// Accepts what one client asks for, and prints its messages.
fn server(socket: TcpStream) -> Result<()> {
    let socket = tungstenite::accept_hdr_with_config(
        Timed::new(socket, PATIENCE)?,
        subprotocol::choose,
        Some(limits()),
    )
    .map_err(|error| error.to_string())?;
    let config = ConnectionConfig::server("websocket-server").auto_accept_sessions(true).idle_timeout(IDLE);
    let connection = Connection::new(config.sasl(Mechanism::anonymous_server()));
    run(socket, connection, None, |connection, event| {
        show("server", &event)?;
        match event {
            Event::ReceiverRequested { receiver, .. } => {
                connection.accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(10)))?;
            }
            Event::SenderRequested { sender, .. } => connection.accept_sender(sender, SenderConfig::new())?,
            Event::Delivery { receiver, delivery } => {
                connection.receiver(receiver)?.accept(delivery.id)?;
                let message = Message::parse(delivery.payload, &ParseOptions::default())?;
                writeln!(io::stdout(), "server: received {:?}", message.body_as::<Value>()?)?;
            }
            _ => {}
        }
        Ok(())
    })
}

fn main() -> ExitCode {
    advice::end("websocket", start())
}

fn start() -> Result<()> {
    let options = Options::parse();
    if let Some(url) = &options.url {
        return client(url, &options);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let server = thread::spawn(move || server(listener.accept()?.0));
    client(&url, &options)?;
    server.join().map_err(|_| "the server's thread panicked")?
}
