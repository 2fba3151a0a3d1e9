//! A named factory of exchanges, for the configuration of a connection.

use alloc::{boxed::Box, sync::Arc};
use core::fmt;

#[cfg(feature = "scram")]
use super::scram::Scram;
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
    start: Start,
}

/// The way to start an exchange.
#[derive(Clone)]
enum Start {
    Factory(Arc<Factory>),
    #[cfg(feature = "scram")]
    Scram(Scram),
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
    pub(super) binding: bool,
}

impl Mechanism {
    /// Creates the client's end of a mechanism.
    ///
    /// `name` is the registered name: up to 20 capital letters, digits, hyphens and underscores (RFC 4422, 3.1).
    /// `start` returns an exchange that is ready for its first step.
    pub fn client(name: Symbol, start: impl Fn() -> Box<dyn Exchange> + Send + Sync + 'static) -> Self {
        Self { name, end: End::Client, needs: Needs::default(), start: Start::Factory(Arc::new(start)) }
    }

    /// Creates the server's end of a mechanism; the arguments are those of [`client`](Self::client).
    pub fn server(name: Symbol, start: impl Fn() -> Box<dyn Exchange> + Send + Sync + 'static) -> Self {
        Self { name, end: End::Server, needs: Needs::default(), start: Start::Factory(Arc::new(start)) }
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
        let Needs { protection, identity, binding } = self.needs;
        (!protection || tunnel.protected)
            && (!identity || tunnel.identity.as_deref().is_some_and(|identity| !identity.is_empty()))
            && (!binding || tunnel.binding.is_some())
    }

    /// Starts an exchange. The engine does so once for each connection.
    pub fn start(&self) -> Box<dyn Exchange> {
        match &self.start {
            Start::Factory(start) => start(),
            #[cfg(feature = "scram")]
            Start::Scram(scram) => scram.start(),
        }
    }
}

#[cfg(feature = "scram")]
impl Mechanism {
    pub(super) fn new_scram(name: Symbol, is_client: bool, scram: Scram) -> Self {
        let end = if is_client { End::Client } else { End::Server };
        Self { name, end, needs: Needs::default(), start: Start::Scram(scram) }
    }

    /// Makes a SCRAM mechanism its `-PLUS` variant, which is bound to the TLS connection (RFC 5802, 6): nobody between
    /// the ends can pass the exchange on. Other mechanisms stay as they are.
    ///
    /// It needs [`Tunnel::binding`], of the same type at both ends; without one a client does not choose it, and a server
    /// does not announce it. A client lists it in front of the variant without binding.
    ///
    /// ```
    /// use amqp_proto::{
    ///     CommandError, Connection, ConnectionConfig,
    ///     sasl::{ChannelBinding, Mechanism, ScramHash, Tunnel},
    /// };
    ///
    /// # fn random(buffer: &mut [u8]) { buffer.fill(7) }
    /// let scram = Mechanism::scram(ScramHash::Sha256, "user", "pencil", random);
    /// let config = ConnectionConfig::client("client").sasl(scram.clone().plus()).sasl(scram);
    /// let mut client = Connection::new(config);
    /// // After the TLS handshake:
    /// # let exported = [7; 32];
    /// let binding = ChannelBinding::new("tls-exporter", exported.to_vec());
    /// client.set_tunnel(Tunnel::new().protected(true).binding(binding))?;
    /// # Ok::<(), CommandError>(())
    /// ```
    #[must_use]
    pub fn plus(mut self) -> Self {
        if let Start::Scram(scram) = &mut self.start {
            self.name = scram.set_plus();
            self.needs.binding = true;
        }
        self
    }

    /// Sets the fewest and the most iterations that a SCRAM client accepts, by default 4096 and 1,000,000. Other
    /// mechanisms stay as they are.
    ///
    /// Fewer make the password easier to find for whoever records the exchange. More are a burden that a hostile server
    /// could lay on its clients.
    #[must_use]
    pub fn iterations(mut self, least: u32, most: u32) -> Self {
        if let Start::Scram(scram) = &mut self.start {
            scram.set_iterations(least, most);
        }
        self
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
