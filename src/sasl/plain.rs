//! PLAIN (RFC 4616): user and password in clear text.

use alloc::{boxed::Box, sync::Arc};
use core::str;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Credentials, Mechanism, Step,
    one_shot::{DeferredServer, OneShotClient, OneShotServer},
};
use crate::types::{Str, Symbol};

const NAME: Symbol = Symbol::from_static("PLAIN");

const UNUSABLE: &str = "the user or the password for PLAIN is empty or contains a NUL";

impl Mechanism {
    /// Creates PLAIN for a client.
    ///
    /// The exchange fails at its start if the user or the password is empty or contains a NUL. Both are sent
    /// unchanged: apply SASLprep first if they may contain more than ASCII (RFC 4616, 2).
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, Connection, sasl::Mechanism};
    ///
    /// let config = ConnectionConfig::client("client").hostname("broker.example").sasl(Mechanism::plain("guest", "secret"));
    /// let connection = Connection::new(config);
    /// ```
    pub fn plain(user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        Self::plain_as("", user, password)
    }

    /// Creates PLAIN for a client that authenticates as `user` and asks to act as `authzid`.
    pub fn plain_as(authzid: impl AsRef<str>, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        let message = compose(authzid.as_ref(), user.as_ref(), password.as_ref());
        let user = Str::from(user.as_ref());
        Self::client(NAME, move || {
            Box::new(OneShotClient::new(message.clone(), Some(user.clone()), UNUSABLE))
        })
    }

    /// Creates PLAIN for a server that checks the credentials at once.
    ///
    /// `verify` returns true to accept the client. Its argument always has an `authcid` and a `secret`. True also
    /// allows the client to act as [`Credentials::authzid`], so check it too; [`Credentials::matches`] does.
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, Connection, sasl::Mechanism};
    ///
    /// let plain = Mechanism::plain_server(|credentials| credentials.matches("guest", "secret"));
    /// let server = Connection::new(ConnectionConfig::server("server").sasl(plain));
    /// ```
    pub fn plain_server(verify: impl Fn(Credentials<'_>) -> bool + Send + Sync + 'static) -> Self {
        let verify = Arc::new(verify);
        Self::server(NAME, move || {
            let verify = Arc::clone(&verify);
            Box::new(OneShotServer::new(move |message: &[u8]| match parse(message) {
                Some(credentials) if verify(credentials) => credentials.accept(),
                _ => Step::refuse(),
            }))
        })
    }

    /// Creates PLAIN for a server whose application checks the credentials later, after a database query for example.
    ///
    /// The event `SASL_PENDING` asks for the answer.
    /// [`Connection::sasl_credentials`](crate::Connection::sasl_credentials) returns the credentials, and
    /// [`Connection::sasl_answer`](crate::Connection::sasl_answer) takes the result.
    /// [`Timeouts::sasl`](crate::Timeouts::sasl) still bounds the whole exchange.
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, Connection, Event, sasl::{Mechanism, Step}};
    /// # use amqp_proto::Instant;
    /// # use bytes::{BufMut, BytesMut};
    ///
    /// # fn main() -> Result<(), amqp_proto::CommandError> {
    /// let config = ConnectionConfig::server("server").sasl(Mechanism::plain_server_deferred()).auto_accept_sessions(true);
    /// let mut server = Connection::new(config);
    /// # let mut client = Connection::new(ConnectionConfig::client("client").sasl(Mechanism::plain("guest", "secret")));
    /// # client.open()?;
    /// # let (mut up, mut down) = (BytesMut::new(), BytesMut::new());
    /// # for now in (0..5).map(Instant::from_millis) {
    /// #     up.put(client.poll_transmit(now));
    /// #     let _ = server.handle_input(now, &mut up);
    /// while let Some(event) = server.poll_event() {
    ///     if event == Event::SaslPending {
    ///         // The answer may come at any later time.
    ///         let answer = match server.sasl_credentials() {
    ///             Some(credentials) if credentials.matches("guest", "secret") => credentials.accept(),
    ///             _ => Step::refuse(),
    ///         };
    ///         server.sasl_answer(answer)?;
    ///     }
    /// }
    /// #     down.put(server.poll_transmit(now));
    /// #     let _ = client.handle_input(now, &mut down);
    /// # }
    /// # assert!(server.is_open());
    /// # assert!(server.sasl_identity().is_some_and(|identity| identity == "guest"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn plain_server_deferred() -> Self {
        Self::server(NAME, || Box::new(DeferredServer::new(parse)))
    }
}

/// RFC 4616, 2: `[authzid] NUL authcid NUL passwd`; no part contains a NUL, and the last two are not empty.
fn compose(authzid: &str, authcid: &str, password: &str) -> Option<Bytes> {
    if authcid.is_empty()
        || password.is_empty()
        || [authzid, authcid, password].iter().any(|part| part.contains('\0'))
    {
        return None;
    }
    let mut message = BytesMut::new();
    message.put_slice(authzid.as_bytes());
    message.put_u8(0);
    message.put_slice(authcid.as_bytes());
    message.put_u8(0);
    message.put_slice(password.as_bytes());
    Some(message.freeze())
}

/// The inverse of [`compose`]; `None` if the message is malformed.
fn parse(message: &[u8]) -> Option<Credentials<'_>> {
    let mut parts = str::from_utf8(message).ok()?.split('\0');
    let (authzid, authcid, password) = (parts.next()?, parts.next()?, parts.next()?);
    if authcid.is_empty() || password.is_empty() || parts.next().is_some() {
        return None;
    }
    let authzid = Some(authzid).filter(|authzid| !authzid.is_empty());
    Some(Credentials { authzid, ..Credentials::new().authcid(authcid).secret(password.as_bytes()) })
}
