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
//! | XOAUTH2 | [`Mechanism::xoauth2`]; deferred: [`Mechanism::xoauth2_deferred`] | [`Mechanism::xoauth2_server`] | [`Mechanism::xoauth2_server_deferred`] |
//! | OAUTHBEARER (RFC 7628) | [`Mechanism::oauthbearer`]; deferred: [`Mechanism::oauthbearer_deferred`] | [`Mechanism::oauthbearer_server`] | [`Mechanism::oauthbearer_server_deferred`] |
//! | MSSBCBS | [`Mechanism::mssbcbs`] | [`Mechanism::mssbcbs_server`] | |
//! | SCRAM-SHA-1, -256, -512 (RFC 5802, RFC 7677), each with `-PLUS` | `Mechanism::scram`; deferred: `Mechanism::scram_deferred` | `Mechanism::scram_server` | `Mechanism::scram_server_deferred` |
//!
//! SCRAM needs the feature `scram`.
//!
//! A deferred mechanism raises `SASL_PENDING` when the application has to decide. There is one answer for each:
//!
//! | waits | answer |
//! |---|---|
//! | a server of SCRAM, for a user's keys | [`Connection::sasl_supply`](crate::Connection::sasl_supply) of `Supply::Keys` |
//! | any other server, for its decision | [`Connection::sasl_answer`](crate::Connection::sasl_answer) of a [`Step`] |
//! | a client, for the secret that it sends or proves | `sasl_supply` of [`Supply::Secret`] |
//!
//! Each of them may call `sasl_answer` with [`Step::refuse`] instead.
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
//! X-CODE, both ends. The client names its user, and the server asks for the code that the user's device shows.
//!
//! ```
//! use amqp_proto::{
//!     ConnectionConfig,
//!     sasl::{Exchange, Mechanism, Step, StepInput, Success, secrets_equal},
//!     types::Symbol,
//! };
//!
//! struct Client {
//!     user: &'static str,
//!     code: &'static str,
//! }
//!
//! impl Exchange for Client {
//!     fn step(&mut self, input: StepInput<'_>) -> Step {
//!         match input {
//!             StepInput::Start(_) => Step::reply(self.user),
//!             StepInput::Data(b"code?") => Step::reply(self.code),
//!             StepInput::Outcome(_) => Step::Done(Success::new().identity(self.user)),
//!             _ => Step::refuse(),
//!         }
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Server {
//!     user: Option<String>,
//! }
//!
//! impl Exchange for Server {
//!     fn step(&mut self, input: StepInput<'_>) -> Step {
//!         match (self.user.take(), input) {
//!             (None, StepInput::Start(Some(user))) => {
//!                 self.user = String::from_utf8(user.to_vec()).ok();
//!                 Step::reply("code?")
//!             }
//!             (Some(user), StepInput::Data(code)) if secrets_equal(code, b"271828") => {
//!                 Step::Done(Success::new().identity(user))
//!             }
//!             _ => Step::refuse(),
//!         }
//!     }
//! }
//!
//! let name = Symbol::try_from("X-CODE")?;
//! let client = |code: &'static str| {
//!     let start = move || -> Box<dyn Exchange> { Box::new(Client { user: "someone", code }) };
//!     Mechanism::client(name.clone(), start)
//! };
//! let server = Mechanism::server(name.clone(), || Box::new(Server::default()));
//!
//! // Both take their place in a configuration ...
//! let config = ConnectionConfig::client("client").sasl(client("271828"));
//! let config = ConnectionConfig::server("server").sasl(server.clone());
//!
//! // ... and can be run without a connection. With the right code:
//! let (mut sends, mut checks) = (client("271828").start(), server.start());
//! let Step::Reply(user) = sends.step(StepInput::Start(None)) else { panic!() };
//! let Step::Reply(question) = checks.step(StepInput::Start(Some(&user))) else { panic!() };
//! let Step::Reply(code) = sends.step(StepInput::Data(&question)) else { panic!() };
//! let Step::Done(success) = checks.step(StepInput::Data(&code)) else { panic!() };
//! assert_eq!(success.identity.as_deref(), Some("someone"));
//! assert!(matches!(sends.step(StepInput::Outcome(None)), Step::Done(_)));
//!
//! // With a wrong one:
//! let mut checks = server.start();
//! checks.step(StepInput::Start(Some(b"someone")));
//! assert_eq!(checks.step(StepInput::Data(b"314159")), Step::refuse());
//! # Ok::<(), amqp_proto::types::SymbolError>(())
//! ```

mod anonymous;
mod bearer;
mod credentials;
mod exchange;
mod external;
mod gs2;
mod mechanism;
mod mssbcbs;
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
