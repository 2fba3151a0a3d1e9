//! A sans-IO AMQP 1.0 engine: bytes in, bytes out, events out, commands in.
//!
//! The crate owns no socket, clock or thread. A [`Connection`] is one end of one AMQP connection, of a client or of a
//! server, and its caller moves the bytes.
//!
//! # The loop
//!
//! 1. **Input.** Pass what was read to [`Connection::handle_input`]. It takes whole frames off the front of the buffer and
//!    leaves the rest. [`Progress`] is the next step: read more, or first do 2 to 4 and pass the rest again. After
//!    [`Progress::Answer`] the rest waits until the application has given the answer that it names.
//! 2. **Events.** Call [`Connection::poll_event`] until it returns `None`.
//! 3. **Commands.** Answer events, or act on your own, any number of times. A connection opens, closes, begins, and
//!    accepts or refuses what the peer requests. All else is done through [`Connection::session`],
//!    [`Connection::sender`] and [`Connection::receiver`]. An error means that nothing has changed.
//! 4. **Output.** Write what [`Connection::poll_transmit`] returns, until it is empty. A TCP socket needs `TCP_NODELAY`: it
//!    makes the difference between thousands of messages per second and a million.
//! 5. **Wait** for input, or until [`Connection::poll_timeout`]; pass what has arrived, then call
//!    [`Connection::handle_timeout`]: a peer whose frames waited in the transport was not silent.
//! 6. **End.** When [`Connection::is_closed`], close the transport: all is read and written, and the last event is
//!    raised.
//!
//! What can end a connection, and what to do:
//!
//! | what happens | do | then |
//! |---|---|---|
//! | a close is sent and answered | 1 to 5 | the last event, and `is_closed` once the output is written |
//! | a write fails | [`Connection::output_lost`], and go on with 1 to 5 | output is dropped. The last event has the error of the peer's close if that can still be read |
//! | a read ends or fails | pass what was read before (1), then [`Connection::handle_eof`] | the last event, and no output but the answer to a close. Write that if the transport takes it |
//! | a deadline passes | [`Connection::handle_timeout`], then 2 to 4 | what the timer ends has its last event. A peer that does not answer our close is given up: `is_closed` |
//! | both halves fail | `output_lost`, then 1, then `handle_eof` | as above |
//!
//! No step waits for another: read as long as `Progress` asks for it, whether or not the transport takes output.
//!
//! **Before you wait, poll events until there is none, then poll output until it is empty, then poll events once more; if
//! there was one, start over.** Commands become output, and written output makes room, which raises events such as
//! `SENDER_READY`. A caller that waits earlier can wait for a peer that waits for it.
//!
//! ```
//! use amqp_proto::{
//!     Connection, ConnectionConfig, CreditPolicy, Event, Instant, Progress, ReceiverConfig, SenderConfig,
//!     SessionConfig,
//! };
//! use bytes::Buf;
//!
//! /// Steps 2 to 4, for a socket that is a buffer here.
//! fn drain(
//!     connection: &mut Connection,
//!     socket: &mut Vec<u8>,
//!     now: Instant,
//!     mut handle: impl FnMut(&mut Connection, Event),
//! ) {
//!     loop {
//!         while let Some(event) = connection.poll_event() {
//!             handle(connection, event);
//!         }
//!         loop {
//!             let mut output = connection.poll_transmit(now);
//!             if output.is_empty() {
//!                 break;
//!             }
//!             let written = output.chunk().len();
//!             socket.extend_from_slice(output.chunk());
//!             output.advance(written);
//!         }
//!         // Writing makes room, which may raise events.
//!         let Some(event) = connection.poll_event() else { return };
//!         handle(connection, event);
//!     }
//! }
//!
//! # fn main() -> Result<(), amqp_proto::CommandError> {
//! let mut client = Connection::new(ConnectionConfig::client("client"));
//! let mut server = Connection::new(ConnectionConfig::server("server").auto_accept_sessions(true));
//! client.open()?;
//! let session = client.begin(SessionConfig::new())?;
//! client.session(session)?.attach_sender(SenderConfig::to("greetings"))?;
//!
//! let (mut up, mut down) = (Vec::new(), Vec::new());
//! let (mut greeting, mut outcome) = (None, None);
//! for millis in 0..10 {
//!     let now = Instant::from_millis(millis);
//!     drain(&mut client, &mut up, now, |client, event| match event {
//!         Event::SenderReady { sender } => {
//!             client.sender(sender).unwrap().send(1_u32, b"hello".as_slice()).unwrap();
//!         }
//!         Event::DeliverySettled { state, .. } => outcome = state,
//!         _ => {}
//!     });
//!     // Step 1. Everything has been polled and written, so the engine takes all of it.
//!     assert_eq!(server.handle_input(now, &mut up.as_slice()), Progress::NeedInput);
//!     up.clear();
//!     drain(&mut server, &mut down, now, |server, event| match event {
//!         Event::ReceiverRequested { receiver, .. } => {
//!             let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
//!             server.accept_receiver(receiver, config).unwrap();
//!         }
//!         Event::Delivery { receiver, delivery } => {
//!             server.receiver(receiver).unwrap().accept(delivery.id).unwrap();
//!             greeting = Some(delivery.payload.into_bytes());
//!         }
//!         _ => {}
//!     });
//!     assert_eq!(client.handle_input(now, &mut down.as_slice()), Progress::NeedInput);
//!     down.clear();
//! }
//! assert_eq!(greeting.as_deref(), Some(b"hello".as_slice()));
//! assert!(outcome.is_some_and(|state| state.is_terminal()));
//! # Ok(())
//! # }
//! ```
//!
//! Payloads are bytes to the engine; [`message`] reads and builds the standard's own format. [`codec`], [`frame`] and
//! [`spec`] stand alone, for programs that only take AMQP apart. [`callback`] is a layer of handles and callbacks over the
//! engine. [`extensions`] are values beside a connection: requests and their answers, management, tokens of claims-based
//! security, link pairs, WebSocket, and the names of Azure. [`observe`] watches a connection from between its ends.
//!
//! # SASL on a server
//!
//! Most clients begin with a SASL layer, even without credentials. A server needs a mechanism for each kind of client that
//! it serves, and without any it refuses the layer. See [`sasl`] for the mechanisms, and for writing your own.
//!
//! ```
//! use amqp_proto::{ConnectionConfig, SaslPolicy, sasl::Mechanism};
//!
//! let config = ConnectionConfig::server("server")
//!     .sasl(Mechanism::plain_server(|credentials| credentials.matches("user", "password")))
//!     .sasl(Mechanism::anonymous_server())
//!     // The default: a client without a SASL layer is refused.
//!     .sasl_policy(SaslPolicy::Required);
//! ```
//!
//! # Logging in
//!
//! | by | mechanism |
//! |---|---|
//! | nothing | [`anonymous`](sasl::Mechanism::anonymous) |
//! | a password | [`plain`](sasl::Mechanism::plain); `scram` with the feature of that name, a password that is not sent |
//! | a certificate of TLS, or whatever else the transport knows | [`external`](sasl::Mechanism::external) |
//! | a token of OAuth 2 | [`oauthbearer`](sasl::Mechanism::oauthbearer), [`xoauth2`](sasl::Mechanism::xoauth2) |
//! | tokens for parts of a service, put once the connection is open | [`mssbcbs`](sasl::Mechanism::mssbcbs) or `anonymous`, then [`Cbs`](extensions::cbs::Cbs) |
//!
//! Three whole programs: a login by SCRAM, in the docs of `Mechanism::scram`; tokens and their renewal, in those of
//! [`cbs`](extensions::cbs); a call of management, in those of [`management`](extensions::management).
//!
//! # TLS
//!
//! TLS belongs to the transport. Wrap the socket, by convention on port 5671, and pass the decrypted bytes (5.2.1).
//! [`Connection::set_tunnel`] describes it to SASL mechanisms. PLAIN and tokens are readable on the wire:
//! restrict them by [`sasl::Mechanism::protected_only`].
//!
//! TLS can also begin inside the stream, by a protocol header (5.2), if [`ConnectionConfig::tls_header`] allows it. The
//! engine exchanges the headers; then `TLS_READY` is raised, and [`Progress::StartTls`] leaves the rest of the input to the
//! caller. [`Connection::tls_done`], which has an example, goes on inside the tunnel.
//!
//! # TCP
//!
//! Step 4 already writes whole batches. Without `TCP_NODELAY` the kernel holds back small ones, such as dispositions, until
//! the peer has acknowledged what was written before. [`frame::Transmit`] implements [`bytes::Buf`]; its `chunks_vectored`
//! serves a gathering write.
//!
//! # Guides
//!
//! | guide | |
//! |---|---|
//! | [`your_loop`](guide::your_loop) | reading, writing, time, and what to do when something fails |
//! | [`client`](guide::client) | connecting, sending, receiving, messages, errors, closing |
//! | [`server`](guide::server) | accepting and refusing, sending on credit, drain |
//! | [`tokio`](guide::tokio) | a client on tokio, over TLS |
//! | [`sasl_tls`](guide::sasl_tls) | logins, and the place of TLS |
//! | [`flow_control`](guide::flow_control) | credit and windows, with a picture |
//! | [`settlement`](guide::settlement) | outcomes and who forgets first, with a picture |
//! | [`limits`](guide::limits) | each limit, its default, and what it stops |
//! | [`azure`](guide::azure) | Service Bus and Event Hubs: what to set |
//! | [`rabbitmq`](guide::rabbitmq) | addresses, outcomes, queues, streams |
//! | the module `testing`, with the feature of that name | property tests, scripted peers, recordings, fuzzing |
//! | [`coming_from`](guide::coming_from) | the terms of Proton C, fe2o3-amqp, ntex-amqp and the callbacks |
//!
//! # Cargo features
//!
//! | feature | default | |
//! |---|---|---|
//! | `std` | yes | Vectored writes, conversions from `SystemTime`, conveniences of the dependencies. Changes no behaviour. |
//! | `scram` | no | SCRAM-SHA-1, -256 and -512 for SASL, over the hashes of RustCrypto. Needs no `std`. |
//! | `tracing` | no | Spans for connections, sessions and links, and an event for each frame, for the crate `tracing`. Needs no `std`. |
//! | `testing` | no | The testing kit: strategies for proptest, two connections joined in memory, fuzz bodies. |
//!
//! Without `std` the crate needs `alloc` only.
//!
//! With `tracing`, the span `connection` has those of its sessions within it, and `session` those of its links (`link`),
//! all at level `DEBUG`. Headers and frames are events at level `TRACE` with the target `amqp_proto::frames`: the
//! performative in the field `frame`, and the number of bytes behind it in `payload`. The peer's names are escaped.
//! Payloads and the fields of SASL frames are never traced. States and the end of a connection are events at level
//! `DEBUG`. Where nobody listens, a frame costs a few instructions; without the feature it costs none.
//!
//! # Examples
//!
//! Programs in the folder `examples`: `quickstart` is the loop with a socket, client and server in one process; `agent` the
//! same with callbacks; `websocket` the same over WebSocket; `mio`, `tokio`, `owned_buffers`, `browser` and `c` the same on
//! other stacks; `router` stands between two connections; `broker` serves many connections from one thread; `send` and
//! `receive` are command-line clients; `inspect` prints captured bytes, or the conversations of a packet capture, and draws
//! them as a page.
//!
//! # Panics
//!
//! None, for any input and any order of calls; a panic is a bug. The one exception is [`types::Symbol::from_static`], which
//! rejects a constant of the program that is not ASCII, at compile time if it is evaluated there.
//!
//! # Memory
//!
//! A received payload is a slice of the buffer that was passed in, so a few bytes can keep a whole read buffer alive.
//! [`frame::Payload::detach`] copies them out. Everything that a peer can make the engine keep has a bound in [`Limits`],
//! [`ConnectionConfig`], [`SessionConfig`] and [`ReceiverConfig`].
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
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

mod account;
mod ids;
mod limits;
mod ready_queue;
mod slab;

pub mod types;

mod timer;
mod waiting_sessions;

pub mod codec;

pub mod frame;
pub mod spec;

mod error;
pub mod message;
pub mod sasl;

mod config;
mod event;

mod trace;

mod context;

mod link;

mod session;

mod connection;

pub mod extensions;
pub mod observe;

pub mod callback;

#[cfg(feature = "testing")]
pub mod testing;

#[cfg(doc)]
pub mod guide;

pub use config::{
    ConnectionConfig, CreditPolicy, ReceiverConfig, SaslPolicy, SenderConfig, SessionConfig, Side, Timeouts,
    TlsHeader, Tolerance,
};
pub use connection::{
    Connection, Owed, Progress, Receiver, ReceiverRef, Sender, SenderRef, Session, SessionRef,
};
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
