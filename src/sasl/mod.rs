//! SASL mechanisms (5.3, RFC 4422): plain data in and out, with no engine inside.
//!
//! A [`Mechanism`] is one side of one exchange. It is fed what the peer said, as an [`Input`], and answers with
//! a [`Step`]; it never sees a frame. An [`Offer`] names a mechanism and makes a fresh one for each connection.
//!
//! | mechanism | client | server |
//! |---|---|---|
//! | ANONYMOUS (RFC 4505) | [`Offer::anonymous`], [`Offer::anonymous_with_trace`] | [`Offer::accept_anonymous`] |
//! | PLAIN (RFC 4616) | [`Offer::plain`], [`Offer::plain_as`] | [`Offer::verify_plain`], [`Offer::defer_plain`] |
//! | EXTERNAL (RFC 4422, A) | [`Offer::external`], [`Offer::external_as`] | [`Offer::verify_external`] |
//!
//! # Secrets
//!
//! No `Debug` here prints what was exchanged or a secret. The octets of an exchange are not copied beyond need:
//! a PLAIN client keeps one copy of its message for as long as the [`Offer`] lives, a verifying server none, a
//! deferring one a single copy until the exchange is over. None of them is overwritten before its memory is given
//! back, and the buffers that the frames pass through are not either; a program that must do so needs a
//! mechanism and buffers of its own. Compare secrets with [`secrets_equal`] or [`Credentials::matches`].
//!
//! PLAIN shows the password to whoever reads the wire, so RFC 4616 wants it inside TLS only. Whether the transport
//! is protected is something that only the caller knows.
//!
//! # A mechanism of your own
//!
//! XOAUTH2, on both ends: the client sends a user and a bearer token at once; a server that refuses explains
//! itself in a challenge, which the client has to answer before it gets the outcome.
//!
//! ```
//! use amqp_proto::sasl::{Input, Mechanism, Offer, Step, Success, secrets_equal};
//! use amqp_proto::spec::sasl::SaslCode;
//! use amqp_proto::types::Symbol;
//! use bytes::Bytes;
//!
//! struct Client {
//!     user: &'static str,
//!     token: String,
//! }
//!
//! impl Mechanism for Client {
//!     fn step(&mut self, input: Input<'_>) -> Step {
//!         match input {
//!             Input::Start(_) => {
//!                 Step::reply(format!("user={}\x01auth=Bearer {}\x01\x01", self.user, self.token))
//!             }
//!             // The server's reason. An empty response lets it go on to the outcome.
//!             Input::Data(_) => Step::Reply(Bytes::new()),
//!             Input::Outcome(_) => Step::Done(Success::new()),
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
//! impl Mechanism for Server {
//!     fn step(&mut self, input: Input<'_>) -> Step {
//!         let message = match input {
//!             _ if self.refused => return Step::Fail(SaslCode::Auth),
//!             // The client speaks first in XOAUTH2: without an initial response, ask for it.
//!             Input::Start(None) => return Step::Reply(Bytes::new()),
//!             Input::Start(Some(message)) | Input::Data(message) => message,
//!             Input::Outcome(_) => return Step::Fail(SaslCode::Sys),
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
//! let offer = |token: &'static str| {
//!     Offer::new(name.clone(), move || Box::new(Client { user: "someone@example.com", token: token.into() }))
//! };
//! let accept = Offer::new(name.clone(), || Box::new(Server::default()));
//!
//! // What the engine does with them, when the token is right ...
//! let (mut client, mut server) = (offer("vF9dft4qmT").start(), accept.start());
//! let Step::Reply(initial) = client.step(Input::Start(None)) else { panic!() };
//! assert_eq!(initial, &b"user=someone@example.com\x01auth=Bearer vF9dft4qmT\x01\x01"[..]);
//! let Step::Done(success) = server.step(Input::Start(Some(&initial))) else { panic!() };
//! assert_eq!(success.identity.as_deref(), Some("someone@example.com"));
//! assert!(matches!(client.step(Input::Outcome(None)), Step::Done(_)));
//!
//! // ... and when it is not.
//! let (mut client, mut server) = (offer("stale").start(), accept.start());
//! let Step::Reply(initial) = client.step(Input::Start(None)) else { panic!() };
//! let Step::Reply(reason) = server.step(Input::Start(Some(&initial))) else { panic!() };
//! let Step::Reply(response) = client.step(Input::Data(&reason)) else { panic!() };
//! assert!(response.is_empty());
//! assert_eq!(server.step(Input::Data(&response)), Step::Fail(SaslCode::Auth));
//! # Ok::<(), amqp_proto::types::NotAscii>(())
//! ```

mod anonymous;
mod credentials;
mod external;
mod offer;
mod plain;
mod step;
mod turn;

#[cfg(test)]
mod tests;

pub use credentials::{Credentials, secrets_equal};
pub use offer::Offer;
pub use step::{Input, Step, Success};

/// One side of one SASL exchange.
///
/// The engine calls [`step`](Self::step) with [`Input::Start`] once, then with [`Input::Data`] for each
/// challenge or response, and on the client with [`Input::Outcome`] at the end. It bounds the number of rounds
/// and drops the mechanism after [`Step::Done`] or [`Step::Fail`]. A mechanism answers anything that comes
/// out of turn with [`Step::Fail`]; it never panics.
pub trait Mechanism: Send + Sync {
    /// Takes what the peer said and says what to do next.
    fn step(&mut self, input: Input<'_>) -> Step;

    /// What the client presented, for a look-up that takes its time: readable between a [`Step::Pending`] and
    /// the answer to it, in a mechanism that has such a thing.
    fn credentials(&self) -> Option<Credentials<'_>> {
        None
    }
}
