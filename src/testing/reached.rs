//! The states that endpoints have reached, and the performatives received, for coverage.

use alloc::collections::BTreeSet;

use crate::state::{ConnectionState, LinkState, SessionState};

/// The states that a connection, its sessions and its links have reached, and the performatives received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reached {
    pub(crate) connections: BTreeSet<ConnectionState>,
    pub(crate) sessions: BTreeSet<SessionState>,
    pub(crate) links: BTreeSet<LinkState>,
    pub(crate) received: BTreeSet<&'static str>,
}

impl Reached {
    /// Adds all that another endpoint has reached.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.connections.extend(&other.connections);
        self.sessions.extend(&other.sessions);
        self.links.extend(&other.links);
        self.received.extend(&other.received);
    }
}
