//! A callback API on top of the engine.
//!
//! An [`Agent`] owns connections. Handles stand for the connections, sessions, senders and receivers that a program
//! opens, and callbacks receive their events by name.
//!
//! It suits programs in which one function manages everything. Like the engine it does no I/O: the caller moves the
//! bytes of each connection between the agent and a transport. It is for one thread.
//!
//! 1. **Open.** [`Agent::open_connection`], [`ConnectionHandle::open_session`], [`SessionHandle::open_sender`] and
//!    [`SessionHandle::open_receiver`] return a handle at once, before anything is open. `is_open` answers at any time.
//!    There is no need to wait: a sender can be opened on a session that is still opening. It holds its messages until
//!    it is open.
//! 2. **Move bytes.** Pass what was read to [`Agent::handle_input`], call [`Agent::run_callbacks`], then write what
//!    [`Agent::poll_transmit`] returns. Do the last two at [`Agent::poll_timeout`] too. Report the end of the
//!    transport to [`Agent::handle_eof`], and close it when [`Agent::is_closed`] is true.
//! 3. **Receive events.** A callback gets the name of an event and, for an `*_ERROR` event, the reason:
//!    `(event: &str, error_detail: Option<&str>)`. A session, sender or receiver without a callback reports to that of
//!    its connection.
//! 4. **Close.** Drop the handle, or set the variable that holds it to `None`: in any order, also inside a callback.
//!    What is in it closes first, and the events of all of them still follow.
//!
//! # Events
//!
//! | of | opened | closed, by either end, without an error | refused, failed or lost |
//! |---|---|---|---|
//! | a connection | `CONNECTION_OPEN` | `CONNECTION_CLOSED` | `CONNECTION_ERROR` |
//! | a session | `SESSION_OPEN` | `SESSION_CLOSED` | `SESSION_ERROR` |
//! | a sender | `SENDER_OPEN` | `SENDER_CLOSED` | `SENDER_ERROR` |
//! | a receiver | `RECEIVER_OPEN` | `RECEIVER_CLOSED` | `RECEIVER_ERROR` |
//!
//! Each endpoint reports an OPEN at most once, and exactly one of CLOSED and ERROR as its last event. An ERROR can
//! come without an OPEN. When a connection or a session ends, what is in it reports its own end first.
//!
//! # Callbacks
//!
//! **Callbacks run inside [`Agent::run_callbacks`] and nowhere else, one after the other.** What a callback opens,
//! sends, closes or drops takes effect when it has returned.
//!
//! A handle only refers to its endpoint, so a callback may own handles, even the one of its own endpoint. An
//! endpoint's callback is dropped after the event that ends the endpoint.
//!
//! # Tokens, and what else there is
//!
//! [`ConnectionHandle::authorize`] puts tokens by claims-based security, and renews them in time. Their events are
//! `TOKEN_GRANTED`, each time that the peer takes one, `TOKEN_ERROR` with a reason, and `TOKEN_EXPIRED`.
//! [`ConnectionHandle::add_event_handler`] puts an [extension](crate::extensions), such as management, beside the
//! connection. [`Agent::connection_mut`] reaches the engine for all else, such as the answer to `SASL_PENDING`.
//!
//! # A whole program
//!
//! It sends one message over TCP, prints each event, and closes when the message is settled. `examples/agent.rs`
//! receives too, and brings its own broker.
//!
//! ```no_run
//! use amqp_proto::{Instant, Progress, callback::{Agent, AgentConfig}, message::Message};
//! use bytes::{Buf, BytesMut};
//! use std::io::{ErrorKind, Read, Write};
//! use std::{net::TcpStream, time::Duration};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut agent = Agent::new(AgentConfig::new("hello"));
//!     let connection = agent.open_connection("amqp://guest:guest@localhost", |event, error_detail| {
//!         println!("{event} {}", error_detail.unwrap_or_default());
//!     })?;
//!     let id = connection.id();
//!     let server = connection.server_address().ok_or("the connection has ended")?;
//!     let session = connection.open_session(None)?;
//!     let sender = session.open_sender("greetings", None)?;
//!     sender.send_with_outcome(Message::builder().data("hello").build(), move |outcome| {
//!         println!("outcome: {outcome:?}");
//!         drop(connection); // closes the sender, the session, and then the connection
//!     })?;
//!
//!     let mut transport = TcpStream::connect((server.host.as_str(), server.port))?;
//!     transport.set_nodelay(true)?;
//!     let (clock, mut input) = (std::time::Instant::now(), BytesMut::new());
//!     let now = || Instant::from_millis(u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX));
//!     let mut progress = Progress::NeedInput;
//!     loop {
//!         agent.run_callbacks(now());
//!         while let Some(mut output) = agent.poll_transmit(id, now()).filter(Buf::has_remaining) {
//!             while output.has_remaining() {
//!                 transport.write_all(output.chunk())?;
//!                 output.advance(output.chunk().len());
//!             }
//!         }
//!         if agent.is_closed(id) {
//!             return Ok(());
//!         }
//!         if progress == Progress::NeedInput {
//!             let wait = agent.poll_timeout().map(|at| at.saturating_since(now()));
//!             transport.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
//!             let mut block = [0; 4096];
//!             match transport.read(&mut block) {
//!                 Ok(0) => agent.handle_eof(id, now()),
//!                 Ok(count) => input.extend_from_slice(&block[..count]),
//!                 Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
//!                 Err(error) => return Err(error.into()),
//!             }
//!         }
//!         progress = agent.handle_input(id, now(), &mut input);
//!     }
//! }
//! ```

mod agent;
mod config;
mod connection;
mod delivery;
mod error;
mod events;
mod handle;
mod handler;
mod registry;
mod tokens;
mod url;

pub use agent::Agent;
pub use config::AgentConfig;
pub use delivery::ReceivedDelivery;
pub use error::AgentError;
pub use handle::{ConnectionHandle, ReceiverHandle, SenderHandle, SessionHandle};
pub use handler::EventHandler;
pub use registry::{Callback, ConnectionId, Counts};
pub use url::{ServerAddress, Url, UrlError};
