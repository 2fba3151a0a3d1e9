//! The transport under the connection: what the caller knows of it.

use super::Connection;
use crate::{error::CommandError, sasl::Tunnel, state::ConnectionState};

/// A transport that the caller has not described.
static UNKNOWN: Tunnel = Tunnel::new();

impl Connection {
    /// Describes the transport under the connection, usually after its TLS handshake. SASL mechanisms read it.
    ///
    /// A client may call it after [`open`](Self::open) too, as long as the mechanisms of the server have not arrived.
    /// Without this call the transport counts as unprotected.
    ///
    /// ```
    /// use amqp_proto::{
    ///     CommandError, Connection, ConnectionConfig,
    ///     sasl::{Mechanism, Tunnel},
    /// };
    ///
    /// let plain = Mechanism::plain("user", "password").protected_only();
    /// let mut client = Connection::new(ConnectionConfig::client("client").hostname("broker.example").sasl(plain));
    /// // After the handshake:
    /// client.set_tunnel(Tunnel::new().protected(true).server_name("broker.example"))?;
    /// client.open()?;
    /// # Ok::<(), CommandError>(())
    /// ```
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if the mechanisms have been offered, or AMQP has begun without them.
    pub fn set_tunnel(&mut self, tunnel: Tunnel) -> Result<(), CommandError> {
        if self.state != ConnectionState::Start || !self.sasl.awaits_mechanisms() {
            return Err(CommandError::IllegalState("the transport is described too late"));
        }
        *self.sasl.tunnel_mut() = tunnel;
        Ok(())
    }

    /// Returns the description of the transport under the connection.
    pub fn tunnel(&self) -> &Tunnel {
        self.sasl.tunnel().unwrap_or(&UNKNOWN)
    }
}
