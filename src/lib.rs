//! A sans-IO AMQP 1.0 engine: bytes in, bytes out, events out, commands in.
//!
//! The crate owns no socket, no clock and no thread. A [`Connection`] is one end of one AMQP connection, a client's or
//! a server's. Its caller does the following, in any order that suits the I/O at hand:
//!
//! 1. **Input.** Pass the bytes read to [`Connection::handle_input`]. It removes whole frames from the front of the
//!    buffer. [`Progress`] is the next action: read more, or drain something first.
//! 2. **Events.** Call [`Connection::poll_event`] until it returns `None`, and answer with commands.
//! 3. **Commands.** Call any number at any time: [`Connection::open`], [`Connection::begin`], and those of
//!    [`Connection::session`], [`Connection::sender`] and [`Connection::receiver`]. A command that returns an error has
//!    changed nothing.
//! 4. **Output.** Write the bytes of [`Connection::poll_transmit`] until it returns none. Then poll events once more:
//!    written bytes make room, which can raise events.
//! 5. **Time.** Wait for input, or until [`Connection::poll_timeout`]. Then call [`Connection::handle_timeout`].
//! 6. **End.** Call [`Connection::handle_eof`] when the transport ends. Close the transport once
//!    [`Connection::is_closed`] is true.
//!
//! ```
//! use amqp_proto::{
//!     Connection, ConnectionConfig, CreditPolicy, Event, Instant, ReceiverConfig, SenderConfig, SessionConfig,
//! };
//! use bytes::{Buf, BytesMut};
//!
//! /// Step 4 of one end and step 1 of the other. A program has a socket in between.
//! fn carry(from: &mut Connection, to: &mut Connection, buffer: &mut BytesMut, now: Instant) {
//!     let mut transmit = from.poll_transmit(now);
//!     while transmit.has_remaining() {
//!         let chunk = transmit.chunk();
//!         buffer.extend_from_slice(chunk);
//!         let written = chunk.len();
//!         transmit.advance(written);
//!     }
//!     let _ = to.handle_input(now, buffer);
//! }
//!
//! # fn main() -> Result<(), amqp_proto::CommandError> {
//! let mut client = Connection::new(ConnectionConfig::client("client"));
//! let mut server = Connection::new(ConnectionConfig::server("server").auto_accept_sessions(true));
//! client.open()?;
//! let session = client.begin(SessionConfig::new())?;
//! let sender = client.session(session)?.attach_sender(SenderConfig::to("greetings"))?;
//!
//! let (mut up, mut down) = (BytesMut::new(), BytesMut::new());
//! let (mut greeting, mut outcome) = (None, None);
//! for millis in 0..10 {
//!     let now = Instant::from_millis(millis);
//!     carry(&mut client, &mut server, &mut up, now);
//!     while let Some(event) = server.poll_event() {
//!         match event {
//!             Event::ReceiverRequested { receiver, .. } => {
//!                 server.accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(10)))?;
//!             }
//!             Event::Delivery { receiver, delivery } => {
//!                 server.receiver(receiver)?.accept(delivery.id)?;
//!                 greeting = Some(delivery.payload.into_bytes());
//!             }
//!             _ => {}
//!         }
//!     }
//!     carry(&mut server, &mut client, &mut down, now);
//!     while let Some(event) = client.poll_event() {
//!         match event {
//!             Event::SenderReady { sender } => {
//!                 client.sender(sender)?.send(1_u32, b"hello".as_slice())?;
//!             }
//!             Event::DeliverySettled { state, .. } => outcome = state,
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!(greeting.as_deref(), Some(b"hello".as_slice()));
//! assert!(outcome.is_some_and(|state| state.is_terminal()));
//! # let _ = sender;
//! # Ok(())
//! # }
//! ```
//!
//! Payloads are bytes to the engine; [`message`] reads and builds the standard's own format. [`codec`], [`frame`] and
//! [`spec`] work without a connection, for programs that only decode or encode AMQP.
//!
//! # Panics
//!
//! No input and no order of calls makes the crate panic: a panic is a bug of ours. The one exception is
//! [`types::Symbol::from_static`], which rejects text that is not ASCII; in a `const` it does so at compile time.
//!
//! # Memory
//!
//! A received payload is a slice of the caller's read buffer, so a few bytes can keep the whole buffer allocated;
//! [`frame::Payload::detach`] copies them out. Everything that a peer can make the engine keep has a bound in
//! [`Limits`], [`ConnectionConfig`], [`SessionConfig`] or [`ReceiverConfig`].
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]
#![deny(missing_docs, unreachable_pub, clippy::std_instead_of_core, clippy::std_instead_of_alloc)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[macro_use]
mod macros;
pub mod state;
mod time;

mod ids;
mod limits;
mod ready_queue;
mod slab;

pub mod types;

mod timer;

pub mod codec;

pub mod frame;
pub mod spec;

mod error;
pub mod message;
pub mod sasl;

mod config;
mod event;

mod context;

mod link;

mod session;

mod connection;

pub mod callback;

#[cfg(feature = "testing")]
pub mod testing;

pub use config::{
    ConnectionConfig, CreditPolicy, ReceiverConfig, SaslPolicy, SenderConfig, SessionConfig, Side, Timeouts,
};
pub use connection::{Connection, Progress, Receiver, ReceiverRef, Sender, SenderRef, Session, SessionRef};
pub use error::{Cause, CommandError, Failure};
pub use event::{Delivery, Event};
pub use ids::{DeliveryId, LinkId, ReceiverId, SenderId, SessionId};
pub use limits::{DecodeLimits, Limits};
pub use link::SendOptions;
pub use session::UnsettledDelivery;
pub use time::Instant;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
