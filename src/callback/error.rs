//! The errors of an agent's calls.

use thiserror::Error;

use super::url::UrlError;

/// A call to an agent or a handle that failed. Nothing has changed, and no event follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The URL is invalid.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The agent has [`max_connections`](super::AgentConfig::max_connections) connections already.
    #[error("max connection limit reached")]
    MaxConnections,
    /// The agent has [`max_sessions`](super::AgentConfig::max_sessions) sessions already.
    #[error("max session limit reached")]
    MaxSessions,
    /// The agent has [`max_links`](super::AgentConfig::max_links) senders and receivers already.
    #[error("max link limit reached")]
    MaxLinks,
    /// The sender holds [`max_queued_messages`](super::AgentConfig::max_queued_messages) messages already.
    #[error("max queued message limit reached")]
    MaxQueuedMessages,
    /// The endpoint of the handle, or one that contains it, is closed or closing, or the agent was dropped.
    #[error("the connection, session, sender or receiver is closed")]
    Closed,
}
