//! Facts of the transport under the SASL layer, as its caller describes it (5.2, RFC 5056).

use core::fmt;

use bytes::Bytes;

use crate::{spec::sasl::Redacted, types::Str};

/// Facts of the transport under the SASL layer, mostly of TLS.
///
/// The engine cannot see them. [`Connection::set_tunnel`](crate::Connection::set_tunnel) takes them from the caller,
/// and mechanisms read them in [`ExchangeContext::tunnel`](super::ExchangeContext::tunnel). The default is a transport
/// without any protection.
///
/// ```
/// use amqp_proto::sasl::{ChannelBinding, Tunnel};
///
/// # let exported = [7; 32];
/// let tunnel = Tunnel::new()
///     .protected(true)
///     .server_name("broker.example")
///     .binding(ChannelBinding::new("tls-exporter", exported.to_vec()));
/// assert!(tunnel.protected);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tunnel {
    /// True if nobody can read or change what is sent: TLS, or a transport that never leaves the machine.
    pub protected: bool,
    /// The identity that the client has proved to the tunnel, such as the subject of its certificate. Only a server
    /// knows it.
    pub identity: Option<Str>,
    /// The server name indication: the host that the client named to TLS (RFC 6066, 3).
    pub server_name: Option<Str>,
    /// The channel binding, for mechanisms that tie themselves to the tunnel (RFC 5056).
    pub binding: Option<ChannelBinding>,
}

/// The channel binding of a tunnel (RFC 5056): data that both ends of one tunnel know, and of no other.
///
/// `Debug` does not show the data.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelBinding {
    /// The registered type: `tls-exporter` (RFC 9266), or `tls-server-end-point` (RFC 5929).
    pub kind: Str,
    /// The data, as the type defines it.
    pub data: Bytes,
}

pub(super) static NO_TUNNEL: Tunnel = Tunnel::new();

impl Tunnel {
    /// Creates the facts of a transport without protection.
    pub const fn new() -> Self {
        Self { protected: false, identity: None, server_name: None, binding: None }
    }

    /// Sets [`protected`](Self::protected).
    #[must_use]
    pub fn protected(mut self, protected: bool) -> Self {
        self.protected = protected;
        self
    }

    /// Sets [`identity`](Self::identity).
    #[must_use]
    pub fn identity(mut self, identity: impl Into<Str>) -> Self {
        self.identity = Some(identity.into());
        self
    }

    /// Sets [`server_name`](Self::server_name).
    #[must_use]
    pub fn server_name(mut self, server_name: impl Into<Str>) -> Self {
        self.server_name = Some(server_name.into());
        self
    }

    /// Sets [`binding`](Self::binding).
    #[must_use]
    pub fn binding(mut self, binding: ChannelBinding) -> Self {
        self.binding = Some(binding);
        self
    }
}

impl ChannelBinding {
    /// Creates the binding of a type, such as `tls-exporter`, with its data.
    pub fn new(kind: impl Into<Str>, data: impl Into<Bytes>) -> Self {
        Self { kind: kind.into(), data: data.into() }
    }
}

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelBinding").field("kind", &self.kind).field("data", &Redacted).finish()
    }
}
