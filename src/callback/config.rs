//! The settings of an agent, and the engine settings derived from them.

use super::url::Url;
use crate::{
    ConnectionConfig, CreditPolicy, ReceiverConfig, SenderConfig, SessionConfig, Side,
    extensions::cbs::CbsConfig, sasl::Mechanism, types::Str,
};

/// The settings of an [`Agent`](super::Agent).
///
/// Each call to a handle that would exceed a limit returns an error and changes nothing.
///
/// ```
/// use amqp_proto::{ConnectionConfig, callback::AgentConfig};
/// let config = AgentConfig::new("container-1")
///     .connection_config(ConnectionConfig::client("container-1").idle_timeout(core::time::Duration::from_secs(30)))
///     .max_sessions(8)
///     .receiver_credit(100);
/// ```
#[derive(Clone, Debug)]
pub struct AgentConfig {
    connection_config: ConnectionConfig,
    session_config: SessionConfig,
    cbs_config: Option<CbsConfig>,
    pub(super) max_connections: usize,
    pub(super) max_sessions: usize,
    pub(super) max_links: usize,
    pub(super) max_queued_messages: usize,
    receiver_credit: u32,
}

impl AgentConfig {
    /// Returns the default settings, with this container-id for all connections (2.7.1 `container-id`).
    pub fn new(container_id: impl Into<Str>) -> Self {
        Self {
            connection_config: ConnectionConfig::client(container_id),
            session_config: SessionConfig::new(),
            cbs_config: None,
            max_connections: 64,
            max_sessions: 256,
            max_links: 1024,
            max_queued_messages: 1000,
            receiver_credit: 10,
        }
    }

    /// Sets how tokens are put: see [`authorize`](super::ConnectionHandle::authorize). Default [`CbsConfig::new`] with the
    /// container-id.
    #[must_use]
    pub fn cbs_config(mut self, cbs_config: CbsConfig) -> Self {
        self.cbs_config = Some(cbs_config);
        self
    }

    setters! {
        /// Sets the engine settings of each connection, container-id included.
        ///
        /// Every connection is a client's: the side is ignored. The host name comes from the URL. A SASL mechanism is
        /// added after those set here: `PLAIN` if the URL has credentials, else `ANONYMOUS`.
        connection_config: ConnectionConfig;
        /// Sets the engine settings of each session.
        session_config: SessionConfig;
        /// Sets how many connections may exist at a time. Default 64.
        max_connections: usize;
        /// Sets how many sessions may exist at a time, on all connections together. Default 256.
        max_sessions: usize;
        /// Sets how many senders and receivers may exist at a time, on all connections together. Default 1024.
        max_links: usize;
        /// Sets how many messages one sender may hold while it waits for credit. Default 1000.
        max_queued_messages: usize;
        /// Sets the link credit of each receiver, in messages (2.6.7). Default 10.
        ///
        /// The agent tops it up as messages are handled, so at most this number is in flight.
        receiver_credit: u32;
    }

    pub(super) fn connection_to(&self, url: &Url) -> ConnectionConfig {
        let mechanism = match &url.credentials {
            Some((user, password)) => Mechanism::plain(user, password),
            None => Mechanism::anonymous(),
        };
        let mut config = self.connection_config.clone();
        // An agent initiates all of its connections. A server's settings would wait for a header that no broker sends.
        config.side = Side::Client;
        config.hostname(url.server.host.as_str()).sasl(mechanism)
    }

    pub(super) fn cbs(&self) -> CbsConfig {
        let by_default = || CbsConfig::new(self.connection_config.container_id.clone());
        self.cbs_config.clone().unwrap_or_else(by_default)
    }

    pub(super) fn session(&self) -> SessionConfig {
        self.session_config.clone()
    }

    pub(super) fn sender_to(address: Str) -> SenderConfig {
        SenderConfig::to(address)
    }

    pub(super) fn receiver_from(&self, address: Str) -> ReceiverConfig {
        ReceiverConfig::from(address).credit(CreditPolicy::Auto(self.receiver_credit))
    }
}
