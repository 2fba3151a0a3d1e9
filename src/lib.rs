//! A sans-IO AMQP 1.0 engine: bytes in, bytes out, events out, commands in.
//!
//! The crate owns no socket, no clock and no thread. A [`Connection`] is one end of one AMQP connection, of a client
//! or of a server, and whoever drives it does the following, in any order that suits the I/O at hand:
//!
//! 1. Give it what was read: [`Connection::handle_input`]. Whole frames are taken off the front of the buffer; what is
//!    left stays. [`Progress`] says whether to read more or to drain something first.
//! 2. Take its events until there is none: [`Connection::poll_event`]. Answer them with commands.
//! 3. Give it commands, any number at any time: [`Connection::open`], [`Connection::begin`], and through
//!    [`Connection::session`], [`Connection::sender`] and [`Connection::receiver`] all the rest. An error means that
//!    nothing has happened.
//! 4. Write what it has to say until that is empty: [`Connection::poll_transmit`]. What has been written makes room, and may
//!    bring events: poll once more.
//! 5. Wait for input, or until [`Connection::poll_timeout`], then call [`Connection::handle_timeout`].
//! 6. When the transport ends, [`Connection::handle_eof`]; when [`Connection::is_closed`], close the transport.
//!
//! ```
//! use amqp_proto::{
//!     Connection, ConnectionConfig, CreditPolicy, Event, Instant, ReceiverConfig, SenderConfig, SessionConfig,
//! };
//! use bytes::{Buf, BytesMut};
//!
//! /// Step 4 of one end and step 1 of the other; a socket would lie between.
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
//! [`spec`] stand alone, for those who only want to take AMQP apart.
//!
//! # Panics
//!
//! None, whatever the input and whatever the order of calls; one would be a bug of ours. The one exception rejects a
//! constant of the program, at compile time if that is one: [`types::Symbol::from_static`].
//!
//! # Memory
//!
//! What is received is a slice of the buffer that was handed in, so keeping a few bytes can keep a whole read buffer
//! alive; [`frame::Payload::detach`] copies them out. All that a peer can make the engine keep has a bound in
//! [`Limits`], [`ConnectionConfig`], [`SessionConfig`] and [`ReceiverConfig`].
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
