//! A relay between WebSocket and TCP: it serves the page of `examples/browser`, and connects the page to a broker.
//!
//! ```sh
//! cargo run --example broker -- --listen 127.0.0.1:5672
//! cargo run --example relay -- --listen 127.0.0.1:8080 --to 127.0.0.1:5672 --wasm FILE
//! ```
//!
//! It reads no AMQP: a binary message is a part of the stream and never a frame (OASIS amqp-wsb v1.0 CS01). Two threads
//! serve a client, one for each direction. Each writes what it has read before it reads more, so a slow end slows the
//! other down.

#[path = "common/advice.rs"]
mod advice;
#[path = "common/log.rs"]
mod log;
#[path = "common/subprotocol.rs"]
mod subprotocol;
#[path = "common/timed.rs"]
mod timed;

use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use advice::{AnyError, about};
use clap::Parser;
use log::Log;
use timed::Timed;
use tungstenite::{
    Message, WebSocket,
    protocol::{Role, WebSocketConfig},
};

type Result<T> = std::result::Result<T, AnyError>;

/// The largest binary message in bytes, in either direction.
const MESSAGE: usize = 1 << 20;
/// The bytes that are read from the broker at a time.
const BLOCK: usize = 64 * 1024;
/// The largest head of a request.
const HEAD: usize = 16 * 1024;
/// The time that a client has to send its request.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most clients at a time.
const CLIENTS: usize = 256;

/// Serve a page, and connect its WebSocket to a broker.
#[derive(Parser)]
struct Arguments {
    /// The address to listen on; port 0 for any that is free.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The broker.
    #[arg(long, value_name = "ADDR")]
    to: SocketAddr,
    /// The folder of the page.
    #[arg(long, value_name = "FOLDER", default_value = "examples/browser")]
    page: PathBuf,
    /// The page's WebAssembly module.
    #[arg(long, value_name = "FILE")]
    wasm: PathBuf,
    /// Give up an end that does not read what is written to it, or does not close behind the other, for this many
    /// milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

impl Arguments {
    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout)
    }
}

/// A socket of which each half is in a thread of its own. Both write: frames of the one, and answers to pings of the
/// other. So a write is all of a frame or nothing.
#[derive(Clone)]
struct Socket {
    /// The request as far as it was read. The handshake reads it again.
    head: io::Cursor<Vec<u8>>,
    read: Arc<TcpStream>,
    write: Arc<Mutex<TcpStream>>,
}

impl Read for Socket {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        match self.head.read(block)? {
            0 => (&*self.read).read(block),
            count => Ok(count),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut socket = self.write.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(error) = socket.write_all(bytes) else { return Ok(bytes.len()) };
        // Part of a frame may have been written, so nothing can follow it. tungstenite would try again behind a time-out.
        let _ = socket.shutdown(Shutdown::Both);
        Err(match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                io::Error::new(ErrorKind::ConnectionAborted, "this end does not read")
            }
            _ => error,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> ExitCode {
    advice::end("relay", run())
}

fn run() -> Result<()> {
    let arguments = Arc::new(Arguments::parse());
    let at = |error| about(format!("--listen {}", arguments.listen), error);
    let listener = TcpListener::bind(arguments.listen).map_err(at)?;
    let listening = writeln!(io::stdout(), "listening on {}", listener.local_addr()?);
    listening.map_err(|error| about("standard output", error))?;
    let (clients, log) = (Arc::new(()), Arc::new(Log::new()));
    loop {
        let served = match listener.accept() {
            // Each client has a clone of `clients`. One too many is dropped, and sees the end.
            Ok((socket, _)) if Arc::strong_count(&clients) <= CLIENTS => {
                let (arguments, client, log) = (arguments.clone(), clients.clone(), log.clone());
                thread::Builder::new().spawn(move || {
                    if let Err(error) = serve(socket, &arguments) {
                        log.line(format!("relay: {error}"));
                    }
                    drop(client);
                })
            }
            Ok(_) => continue,
            Err(error) => Err(error),
        };
        // Such as too many open files or threads, which others may give back.
        if let Err(error) = served {
            log.line(format!("relay: {error}"));
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Answers one request, which may be for a WebSocket.
fn serve(tcp: TcpStream, arguments: &Arguments) -> Result<()> {
    let mut tcp = Timed::new(tcp, PATIENCE.min(arguments.timeout()))?;
    let head = read_head(&mut tcp)?;
    tcp.until = Instant::now() + arguments.timeout();
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let path = text.split(' ').nth(1).and_then(|path| path.split('?').next()).unwrap_or_default();
    let (kind, body) = match path {
        _ if text.contains("\r\nupgrade: websocket") => return connect(tcp.tcp, head, arguments),
        "/" => ("text/html; charset=utf-8", fs::read(arguments.page.join("index.html"))?),
        "/client.mjs" => ("text/javascript", fs::read(arguments.page.join("client.mjs"))?),
        "/client.wasm" => ("application/wasm", fs::read(&arguments.wasm)?),
        _ => return Ok(tcp.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?),
    };
    let length = body.len();
    write!(
        tcp,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    Ok(tcp.write_all(&body)?)
}

fn read_head(tcp: &mut Timed) -> Result<Vec<u8>> {
    let (mut head, mut block) = (Vec::new(), [0; 1024]);
    // The parser skips empty lines before the request.
    while !head.trim_ascii_start().windows(4).any(|end| end == b"\r\n\r\n") {
        let count = tcp.read(&mut block)?;
        if count == 0 || head.len() > HEAD {
            return Err("no request".into());
        }
        head.extend_from_slice(&block[..count]);
    }
    Ok(head)
}

/// Relays between a WebSocket and the broker until both directions have ended.
fn connect(tcp: TcpStream, head: Vec<u8>, arguments: &Arguments) -> Result<()> {
    let (to, timeout) = (arguments.to, arguments.timeout());
    let broker = Arc::new(TcpStream::connect_timeout(&to, PATIENCE).map_err(|error| about(to, error))?);
    broker.set_nodelay(true)?;
    broker.set_write_timeout(Some(timeout))?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(timeout))?;
    let (head, write) = (io::Cursor::new(head), Arc::new(Mutex::new(tcp.try_clone()?)));
    let socket = Socket { head, read: Arc::new(tcp), write };
    let config = WebSocketConfig::default().max_message_size(Some(MESSAGE)).max_frame_size(Some(MESSAGE));
    let up = tungstenite::accept_hdr_with_config(socket, subprotocol::choose, Some(config))
        .map_err(|error| error.to_string())?;
    let socket = up.get_ref().clone();
    socket.read.set_read_timeout(None)?;
    let down = WebSocket::from_raw_socket(socket.clone(), Role::Server, Some(config));
    let from = Arc::clone(&broker);
    let (ends, ended) = mpsc::channel::<()>();
    let broker_ended = Arc::new(AtomicBool::new(false));
    let stops = Arc::clone(&broker_ended);
    let down = thread::spawn(move || {
        to_page(&from, down, &stops);
        drop(ends);
    });
    let result = to_broker(up, &broker);
    // Behind the broker's end the page is not read any more, so that it has not closed is no error.
    let result = if broker_ended.load(Ordering::Acquire) { Ok(()) } else { result };
    // Whatever the reason, the broker sees the end, and closes its side, or has it closed.
    let _ = broker.shutdown(if result.is_ok() { Shutdown::Write } else { Shutdown::Both });
    let _ = ended.recv_timeout(timeout);
    let _ = broker.shutdown(Shutdown::Both);
    let _ = socket.read.shutdown(Shutdown::Both);
    down.join().map_err(|_| "the other thread panicked")?;
    result
}

fn to_broker(mut page: WebSocket<Socket>, mut broker: &TcpStream) -> Result<()> {
    loop {
        match page.read() {
            Ok(Message::Binary(bytes)) => broker.write_all(&bytes)?,
            Ok(Message::Text(_)) => return Err("AMQP travels in binary messages".into()),
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn to_page(mut broker: &TcpStream, mut page: WebSocket<Socket>, broker_ended: &AtomicBool) {
    let (mut block, mut takes) = (vec![0; BLOCK], true);
    while takes && let Ok(count @ 1..) = broker.read(&mut block) {
        takes = page.send(Message::Binary(block[..count].to_vec().into())).is_ok();
    }
    let _ = page.close(None);
    let _ = page.flush();
    broker_ended.store(takes, Ordering::Release);
    // Nothing more can be passed on, so nothing more is read, which ends the other thread.
    let _ = page.get_ref().read.shutdown(Shutdown::Read);
}
