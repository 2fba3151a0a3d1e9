//! SASL mechanisms (5.3, RFC 4422): plain data in, plain data out.
//!
//! A [`Mechanism`] is a named factory in the configuration of a connection. For each connection it makes an
//! [`Exchange`], one end of one run. The engine hands it the peer's data as a [`StepInput`], and it returns a [`Step`].
//! An exchange never sees a frame.
//!
//! | mechanism | client | server that decides at once | server whose application decides later |
//! |---|---|---|---|
//! | ANONYMOUS (RFC 4505) | [`Mechanism::anonymous`], [`Mechanism::anonymous_with_trace`] | [`Mechanism::anonymous_server`] | |
//! | PLAIN (RFC 4616) | [`Mechanism::plain`], [`Mechanism::plain_as`] | [`Mechanism::plain_server`] | [`Mechanism::plain_server_deferred`] |
//! | EXTERNAL (RFC 4422, A) | [`Mechanism::external`], [`Mechanism::external_as`] | [`Mechanism::external_server`], [`Mechanism::external_server_from_tunnel`] | [`Mechanism::external_server_deferred`] |
//!
//! | SCRAM-SHA-1, -256, -512 (RFC 5802, RFC 7677), each with `-PLUS` | `Mechanism::scram`; deferred: `Mechanism::scram_deferred` | `Mechanism::scram_server` | `Mechanism::scram_server_deferred` |
//!
//! SCRAM needs the feature `scram`.
//!
//! A deferred mechanism raises `SASL_PENDING` when the application has to decide. A server of PLAIN or EXTERNAL is
//! answered by [`Connection::sasl_answer`](crate::Connection::sasl_answer), which takes the next step. SCRAM is answered by
//! [`Connection::sasl_supply`](crate::Connection::sasl_supply), which takes a value: [`Supply::Secret`] at a client,
//! `Supply::Keys` at a server. Both may call `sasl_answer` with [`Step::refuse`] instead.
//!
//! A client without a mechanism uses no SASL layer, and a server without a mechanism refuses one. Many clients begin
//! with a SASL layer even if they have no credentials, so a server for them needs
//! [`Mechanism::anonymous_server`] at least.
//!
//! # Secrets
//!
//! No `Debug` in this module prints a secret or the bytes of an exchange. Secrets are copied as little as possible:
//!
//! - A PLAIN client keeps one copy of its message for as long as the [`Mechanism`] lives.
//! - A server that decides at once keeps none, a deferred one keeps one until the answer.
//!
//! Memory is not overwritten before it is freed, and neither are the buffers that the frames pass through. A program
//! that needs this brings its own mechanism and buffers. Compare secrets with [`secrets_equal`] or
//! [`Credentials::matches`].
//!
//! PLAIN shows the password to everyone who can read the wire, so RFC 4616 requires TLS under it. Only the caller knows
//! whether the transport is protected: a [`Tunnel`] tells the engine, and [`Mechanism::protected_only`] obeys it.
//!
//! # A mechanism of one's own
//!
//! XOAUTH2, both ends. The client sends a user and a bearer token in its initial response. A server that refuses
//! sends the reason in a challenge, and the client has to answer it before the outcome.
//!
//! ```
//! use amqp_proto::{
//!     ConnectionConfig,
//!     sasl::{Exchange, Mechanism, Step, StepInput, Success, secrets_equal},
//!     types::Symbol,
//! };
//! use bytes::Bytes;
//!
//! struct Client {
//!     user: &'static str,
//!     token: String,
//! }
//!
//! impl Exchange for Client {
//!     fn step(&mut self, input: StepInput<'_>) -> Step {
//!         match input {
//!             StepInput::Start(_) => {
//!                 Step::reply(format!("user={}\x01auth=Bearer {}\x01\x01", self.user, self.token))
//!             }
//!             // The server's reason. After an empty response it sends the outcome.
//!             StepInput::Data(_) => Step::reply(Bytes::new()),
//!             StepInput::Outcome(_) => Step::Done(Success::new()),
//!             _ => Step::refuse(),
//!         }
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Server {
//!     refused: bool,
//! }
//!
//! impl Server {
//!     fn parse(message: &[u8]) -> Option<(&str, &str)> {
//!         let (user, rest) = std::str::from_utf8(message).ok()?.strip_prefix("user=")?.split_once('\x01')?;
//!         Some((user, rest.strip_prefix("auth=Bearer ")?.strip_suffix("\x01\x01")?))
//!     }
//! }
//!
//! impl Exchange for Server {
//!     fn step(&mut self, input: StepInput<'_>) -> Step {
//!         let message = match input {
//!             _ if self.refused => return Step::refuse(),
//!             // The client speaks first in XOAUTH2. An empty challenge asks for a missing initial response.
//!             StepInput::Start(None) => return Step::reply(Bytes::new()),
//!             StepInput::Start(Some(message)) | StepInput::Data(message) => message,
//!             _ => return Step::refuse(),
//!         };
//!         match Self::parse(message) {
//!             Some((user, token)) if secrets_equal(token.as_bytes(), b"vF9dft4qmT") => {
//!                 Step::Done(Success::new().identity(user))
//!             }
//!             _ => {
//!                 self.refused = true;
//!                 Step::reply(r#"{"status":"401"}"#)
//!             }
//!         }
//!     }
//! }
//!
//! let name = Symbol::try_from("XOAUTH2")?;
//! let client = |token: &'static str| {
//!     let start = move || -> Box<dyn Exchange> {
//!         Box::new(Client { user: "someone@example.com", token: token.into() })
//!     };
//!     Mechanism::client(name.clone(), start)
//! };
//! let server = Mechanism::server(name.clone(), || Box::new(Server::default()));
//!
//! // Both take their place in a configuration ...
//! let config = ConnectionConfig::client("client").sasl(client("vF9dft4qmT"));
//! let config = ConnectionConfig::server("server").sasl(server.clone());
//!
//! // ... and can be run without a connection. With the right token:
//! let (mut sends, mut checks) = (client("vF9dft4qmT").start(), server.start());
//! let Step::Reply(initial) = sends.step(StepInput::Start(None)) else { panic!() };
//! assert_eq!(initial, &b"user=someone@example.com\x01auth=Bearer vF9dft4qmT\x01\x01"[..]);
//! let Step::Done(success) = checks.step(StepInput::Start(Some(&initial))) else { panic!() };
//! assert_eq!(success.identity.as_deref(), Some("someone@example.com"));
//! assert!(matches!(sends.step(StepInput::Outcome(None)), Step::Done(_)));
//!
//! // With a wrong one:
//! let (mut sends, mut checks) = (client("stale").start(), server.start());
//! let Step::Reply(initial) = sends.step(StepInput::Start(None)) else { panic!() };
//! let Step::Reply(reason) = checks.step(StepInput::Start(Some(&initial))) else { panic!() };
//! let Step::Reply(response) = sends.step(StepInput::Data(&reason)) else { panic!() };
//! assert!(response.is_empty());
//! assert_eq!(checks.step(StepInput::Data(&response)), Step::refuse());
//! # Ok::<(), amqp_proto::types::SymbolError>(())
//! ```

mod anonymous;
mod credentials;
mod exchange;
mod external;
#[cfg(feature = "scram")]
mod gs2;
mod mechanism;
mod one_shot;
mod plain;
#[cfg(feature = "scram")]
mod scram;
mod step;
mod tunnel;

#[cfg(test)]
mod tests;

pub use credentials::{Credentials, secrets_equal};
pub use exchange::{Exchange, ExchangeContext, Supply};
pub use mechanism::Mechanism;
#[cfg(feature = "scram")]
pub use scram::{ScramDecoy, ScramHash, ScramKeys};
pub use step::{Step, StepInput, Success};
pub use tunnel::{ChannelBinding, Tunnel};
