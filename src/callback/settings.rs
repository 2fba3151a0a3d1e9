//! Settings of an agent, and what its calls can fail with.

use thiserror::Error;

use super::url::UrlError;
use crate::{ConnectionConfig, SessionConfig, types::Str};

/// A call that could not be carried out. Nothing has changed, and no event follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The URL is not one of a broker.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The agent has as many connections as [`Settings::max_connections`] allows.
    #[error("max connection limit reached")]
    MaxConnections,
    /// The agent has as many sessions as [`Settings::max_sessions`] allows.
    #[error("max session limit reached")]
    MaxSessions,
    /// The agent has as many senders and receivers together as [`Settings::max_links`] allows.
    #[error("max link limit reached")]
    MaxLinks,
    /// As many messages wait at the sender as [`Settings::max_queued`] allows.
    #[error("max queued message limit reached")]
    MaxQueued,
    /// What the handle stood for, or what that lay in, is closed or being closed.
    #[error("closed")]
    Closed,
}

/// Settings of an agent.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(super) config: ConnectionConfig,
    pub(super) begin: SessionConfig,
    pub(super) max_connections: usize,
    pub(super) max_sessions: usize,
    pub(super) max_links: usize,
    pub(super) max_queued: usize,
    pub(super) credit: u32,
}

impl Settings {
    /// The defaults, for an agent that calls its container so (2.7.1 `container-id`).
    pub fn new(container_id: impl Into<Str>) -> Self {
        Self {
            config: ConnectionConfig::client(container_id),
            begin: SessionConfig::new(),
            max_connections: 64,
            max_sessions: 256,
            max_links: 1024,
            max_queued: 1000,
            credit: 10,
        }
    }

    setters! {
        /// The settings of each connection, those of a client. The host name is filled in from the URL, and behind
        /// the SASL mechanisms that are offered already comes `PLAIN` with the URL's credentials, or else
        /// `ANONYMOUS`.
        config: ConnectionConfig;
        /// The settings of each session.
        begin: SessionConfig;
        /// Connections at a time. Default 64.
        max_connections: usize;
        /// Sessions at a time, on all connections together. Default 256.
        max_sessions: usize;
        /// Senders and receivers at a time, on all connections together. Default 1 024.
        max_links: usize;
        /// Messages that wait at a sender for credit. Default 1 000.
        max_queued: usize;
        /// Messages that a receiver lets come ahead of those handled; it is topped up as they are. Default 10.
        credit: u32;
    }
}
