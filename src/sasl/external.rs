//! EXTERNAL (RFC 4422, appendix A): the client's identity comes from outside, usually from TLS.

use alloc::{boxed::Box, sync::Arc};
use core::str;

use super::{
    Credentials, Exchange, ExchangeContext, Mechanism, Step, StepInput,
    mechanism::Needs,
    one_shot::{DeferredServer, OneShotClient, OneShotServer, Receiver},
};
use crate::types::{Str, Symbol};

const NAME: Symbol = Symbol::from_static("EXTERNAL");

const UNUSABLE: &str = "the identity for EXTERNAL contains a NUL";

impl Mechanism {
    /// Creates EXTERNAL for a client that leaves the authorization identity to the server.
    pub fn external() -> Self {
        Self::external_as(Str::empty())
    }

    /// Creates EXTERNAL for a client that asks to act as `authzid`.
    ///
    /// The exchange fails at its start if `authzid` contains a NUL.
    pub fn external_as(authzid: impl Into<Str>) -> Self {
        let authzid = authzid.into();
        // RFC 4422, A.1: without an authzid the initial response is empty. An absent one would cost a round trip, and
        // servers in use refuse it.
        let message = (!authzid.contains('\0')).then(|| authzid.into_bytes());
        Self::client(NAME, move || Box::new(OneShotClient::new(message.clone(), None, UNUSABLE)))
    }

    /// Creates EXTERNAL for a server that knows the client's identity when it configures the connection.
    ///
    /// `verify` takes the identity that the client asks to act as, `None` if it does not ask. It returns the identity
    /// that was proved outside, or `None` to refuse.
    ///
    /// The identity belongs to one connection, so create the mechanism for that connection. If connections share a
    /// configuration, use [`external_server_from_tunnel`](Self::external_server_from_tunnel) or
    /// [`external_server_deferred`](Self::external_server_deferred).
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, Connection, sasl::Mechanism};
    ///
    /// # let certificate_subject = String::from("CN=someone");
    /// let external = Mechanism::external_server(move |authzid| match authzid {
    ///     None => Some(certificate_subject.as_str().into()),
    ///     Some(_) => None,
    /// });
    /// let server = Connection::new(ConnectionConfig::server("server").sasl(external));
    /// ```
    pub fn external_server(verify: impl Fn(Option<&str>) -> Option<Str> + Send + Sync + 'static) -> Self {
        let verify = Arc::new(verify);
        Self::server(NAME, move || {
            let verify = Arc::clone(&verify);
            Box::new(OneShotServer::new(move |message: &[u8]| {
                parse(message)
                    .and_then(|credentials| Some(credentials.accept_as(verify(credentials.authzid)?)))
                    .unwrap_or_else(Step::refuse)
            }))
        })
    }

    /// Creates EXTERNAL for a server that takes the identity from [`Tunnel::identity`](super::Tunnel::identity). One
    /// configuration can serve all connections.
    ///
    /// It is announced if the tunnel has an identity that is not empty. A client that asks to act as anybody else is refused.
    ///
    /// ```
    /// use amqp_proto::{
    ///     CommandError, Connection, ConnectionConfig,
    ///     sasl::{Mechanism, Tunnel},
    /// };
    /// use std::sync::Arc;
    ///
    /// fn accept(config: &Arc<ConnectionConfig>, certificate_subject: Option<&str>) -> Result<Connection, CommandError> {
    ///     let mut tunnel = Tunnel::new().protected(true);
    ///     tunnel.identity = certificate_subject.map(Into::into);
    ///     let mut server = Connection::new(Arc::clone(config));
    ///     server.set_tunnel(tunnel)?;
    ///     Ok(server)
    /// }
    ///
    /// let external = Mechanism::external_server_from_tunnel();
    /// let config = Arc::new(ConnectionConfig::server("server").sasl(external).sasl(Mechanism::anonymous_server()));
    /// assert_eq!(accept(&config, Some("CN=someone"))?.sasl_offered().count(), 2);
    /// assert_eq!(accept(&config, None)?.sasl_offered().count(), 1);
    /// # Ok::<(), CommandError>(())
    /// ```
    pub fn external_server_from_tunnel() -> Self {
        let start =
            || -> Box<dyn Exchange> { Box::new(TunnelServer { identity: None, receiver: Receiver::new() }) };
        Self::server(NAME, start).needing(Needs { identity: true, ..Needs::default() })
    }

    /// Creates EXTERNAL for a server whose application identifies the client later.
    ///
    /// The steps are those of [`plain_server_deferred`](Self::plain_server_deferred). The credentials hold the
    /// `authzid` alone; [`Credentials::accept_as`] adds the identity. One configuration can serve all connections,
    /// because the application knows the connection that it answers for.
    ///
    /// ```
    /// use amqp_proto::{CommandError, Connection, sasl::Step};
    ///
    /// /// Answers `SASL_PENDING` on a connection with this TLS certificate.
    /// fn answer(server: &mut Connection, certificate_subject: Option<&str>) -> Result<(), CommandError> {
    ///     let step = match (server.sasl_credentials(), certificate_subject) {
    ///         (Some(credentials), Some(subject)) if credentials.authzid.is_none() => credentials.accept_as(subject),
    ///         _ => Step::refuse(),
    ///     };
    ///     server.sasl_answer(step)
    /// }
    /// # use amqp_proto::{ConnectionConfig, Event, Instant, sasl::Mechanism};
    /// # use bytes::{BufMut, BytesMut};
    /// # let config = ConnectionConfig::server("server").sasl(Mechanism::external_server_deferred());
    /// # let mut server = Connection::new(config.auto_accept_sessions(true));
    /// # let mut client = Connection::new(ConnectionConfig::client("client").sasl(Mechanism::external()));
    /// # client.open()?;
    /// # let (mut up, mut down) = (BytesMut::new(), BytesMut::new());
    /// # for now in (0..5).map(Instant::from_millis) {
    /// #     up.put(client.poll_transmit(now));
    /// #     let _ = server.handle_input(now, &mut up);
    /// #     while let Some(event) = server.poll_event() {
    /// #         if event == Event::SaslPending {
    /// #             answer(&mut server, Some("CN=someone"))?;
    /// #         }
    /// #     }
    /// #     down.put(server.poll_transmit(now));
    /// #     let _ = client.handle_input(now, &mut down);
    /// # }
    /// # assert!(server.is_open());
    /// # assert!(server.sasl_identity().is_some_and(|identity| identity == "CN=someone"));
    /// # Ok::<(), CommandError>(())
    /// ```
    pub fn external_server_deferred() -> Self {
        Self::server(NAME, || Box::new(DeferredServer::new(parse)))
    }
}

/// The server's end, for an identity that the tunnel has.
struct TunnelServer {
    identity: Option<Str>,
    receiver: Receiver,
}

impl Exchange for TunnelServer {
    fn prepare(&mut self, context: &ExchangeContext<'_>) {
        self.identity = context.tunnel.identity.clone();
    }

    fn step(&mut self, input: StepInput<'_>) -> Step {
        let message = match self.receiver.message(input) {
            Ok(message) => message,
            Err(step) => return step,
        };
        match (parse(message), self.identity.take()) {
            (Some(credentials), Some(identity)) if credentials.authzid.is_none_or(|it| identity == it) => {
                credentials.accept_as(identity)
            }
            _ => Step::refuse(),
        }
    }
}

/// RFC 4422, A.1: the message is the authzid, in UTF-8 without NUL, or empty. `None` if it is malformed.
fn parse(message: &[u8]) -> Option<Credentials<'_>> {
    let authzid = str::from_utf8(message).ok().filter(|authzid| !authzid.contains('\0'))?;
    Some(Credentials { authzid: Some(authzid).filter(|authzid| !authzid.is_empty()), ..Credentials::new() })
}
