//! A named factory of exchanges, for the configuration of a connection.

use alloc::{boxed::Box, sync::Arc};
use core::fmt;

use super::{Exchange, Tunnel};
use crate::types::Symbol;

/// A SASL mechanism in the configuration of a client or of a server.
///
/// A mechanism makes one [`Exchange`] for each connection. A clone shares the factory, and threads can share it too.
///
/// A client lists the mechanisms that it is willing to use, a server those that it announces.
/// [`ConnectionConfig::sasl`](crate::ConnectionConfig::sasl) adds one to the list, and [the module's docs](super) list
/// the built-in ones.
#[derive(Clone)]
pub struct Mechanism {
    name: Symbol,
    end: End,
    needs: Needs,
    start: Arc<Factory>,
}

type Factory = dyn Fn() -> Box<dyn Exchange> + Send + Sync;

/// The end of the exchange that a mechanism is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Client,
    Server,
}

/// The facts of a [`Tunnel`] without which a mechanism is neither chosen nor announced.
#[derive(Clone, Copy, Default)]
pub(super) struct Needs {
    pub(super) protection: bool,
    pub(super) identity: bool,
}

impl Mechanism {
    /// Creates the client's end of a mechanism.
    ///
    /// `name` is the registered name: up to 20 capital letters, digits, hyphens and underscores (RFC 4422, 3.1).
    /// `start` returns an exchange that is ready for its first step.
    pub fn client(name: Symbol, start: impl Fn() -> Box<dyn Exchange> + Send + Sync + 'static) -> Self {
        Self { name, end: End::Client, needs: Needs::default(), start: Arc::new(start) }
    }

    /// Creates the server's end of a mechanism; the arguments are those of [`client`](Self::client).
    pub fn server(name: Symbol, start: impl Fn() -> Box<dyn Exchange> + Send + Sync + 'static) -> Self {
        Self { name, end: End::Server, needs: Needs::default(), start: Arc::new(start) }
    }

    /// Returns the mechanism's name, as it stands in `sasl-mechanisms` and `sasl-init` (5.3.3.1, 5.3.3.2).
    pub fn name(&self) -> &Symbol {
        &self.name
    }

    /// True if this is the client's end. A server's configuration ignores such a mechanism.
    pub fn is_client(&self) -> bool {
        self.end == End::Client
    }

    /// True if this is the server's end. A client's configuration ignores such a mechanism.
    pub fn is_server(&self) -> bool {
        self.end == End::Server
    }

    /// Restricts the mechanism to transports with [`Tunnel::protected`]. On others a client does not choose it, and a
    /// server does not announce it.
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, sasl::Mechanism};
    ///
    /// // Over TLS, users with passwords. Without TLS, nobody learns one from the wire.
    /// let config = ConnectionConfig::server("server")
    ///     .sasl(Mechanism::plain_server(|credentials| credentials.matches("user", "password")).protected_only())
    ///     .sasl(Mechanism::anonymous_server());
    /// ```
    #[must_use]
    pub fn protected_only(mut self) -> Self {
        self.needs.protection = true;
        self
    }

    /// Adds what the mechanism cannot do without.
    pub(super) fn needing(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    /// True if the mechanism can be used on this transport.
    pub(crate) fn is_usable(&self, tunnel: &Tunnel) -> bool {
        let Needs { protection, identity } = self.needs;
        (!protection || tunnel.protected) && (!identity || tunnel.identity.is_some())
    }

    /// Starts an exchange. The engine does so once for each connection.
    pub fn start(&self) -> Box<dyn Exchange> {
        (self.start)()
    }
}

/// Shows the name and the end, never a secret.
impl fmt::Debug for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.end {
            End::Client => "client",
            End::Server => "server",
        };
        f.debug_struct("Mechanism").field("name", &self.name).field("end", &end).finish_non_exhaustive()
    }
}
