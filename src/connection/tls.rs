//! The transport under the connection: its description, and TLS that begins by a protocol header (5.2).

use super::Connection;
use crate::{
    config::{Side, TlsHeader},
    error::CommandError,
    event::Event,
    frame::ProtocolHeader,
    sasl::Tunnel,
    state::{ConnectionState, TlsState, TlsTrigger},
};

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
            return Err(CommandError::IllegalState(
                "the mechanisms have been offered, or AMQP has begun (5.3.2)",
            ));
        }
        *self.sasl.tunnel_mut() = tunnel;
        Ok(())
    }

    /// Returns the description of the transport under the connection.
    pub fn tunnel(&self) -> &Tunnel {
        self.sasl.tunnel().unwrap_or(&UNKNOWN)
    }

    /// True if our TLS header has been sent.
    pub(super) fn tls_is_begun(&self) -> bool {
        !matches!(self.tls, TlsState::Start | TlsState::HeaderRcvd)
    }

    /// True if the peer's bytes belong to TLS. Its header may have arrived before ours is sent.
    pub(super) fn is_in_tls_handshake(&self) -> bool {
        matches!(self.tls, TlsState::HeaderRcvd | TlsState::Tunnel)
    }

    /// True if nothing but a TLS header may begin the stream.
    pub(super) fn expects_tls_header(&self) -> bool {
        self.cx.config.tls_header == TlsHeader::Required
            && matches!(self.tls, TlsState::Start | TlsState::HeaderSent)
    }

    /// True if a server takes a TLS header now.
    pub(super) fn takes_tls_header(&self) -> bool {
        // 5.1: TLS may carry SASL, and not the other way round.
        self.cx.config.tls_header != TlsHeader::Never
            && self.tls == TlsState::Start
            && !self.sasl.is_started()
    }

    /// Sends our TLS header. Nothing follows it: what does is inside the tunnel (5.2).
    pub(super) fn send_tls_header(&mut self) {
        self.cx.write_header(ProtocolHeader::TLS);
        self.apply_tls(TlsTrigger::SendHeader);
    }

    pub(super) fn on_tls_header(&mut self) {
        self.apply_tls(TlsTrigger::RecvHeader);
    }

    fn apply_tls(&mut self, trigger: TlsTrigger) {
        let next = self.tls.next(trigger);
        debug_assert!(next.is_some(), "each end sends and takes one header");
        self.tls = next.unwrap_or(self.tls);
        if self.tls == TlsState::Tunnel {
            self.cx.event(Event::TlsReady);
        }
    }

    /// Goes on inside the TLS tunnel, after its handshake: a client with its SASL or AMQP header, a server with the
    /// client's. The transport counts as [protected](Tunnel::protected) from then on.
    ///
    /// [`set_tunnel`](Self::set_tunnel) can describe it further, before this call. The caller validates the server's
    /// certificate (5.2), and pulls the connection down by [`handle_eof`](Self::handle_eof) if the handshake fails.
    ///
    /// ```
    /// use amqp_proto::{Connection, ConnectionConfig, Instant, Progress, TlsHeader, sasl::Mechanism};
    /// use bytes::Buf;
    ///
    /// # fn main() -> Result<(), amqp_proto::CommandError> {
    /// # let now = Instant::from_millis(1);
    /// let plain = Mechanism::plain("user", "password").protected_only();
    /// let config = ConnectionConfig::client("client").tls_header(TlsHeader::Required).sasl(plain);
    /// let mut client = Connection::new(config);
    /// client.open()?;
    /// // The header of TLS, and nothing behind it.
    /// let mut output = client.poll_transmit(now);
    /// assert_eq!(output.chunk(), b"AMQP\x02\x01\x00\x00");
    /// output.advance(8);
    ///
    /// // The server answers it. What it sends behind its header is left to TLS.
    /// let mut input = &b"AMQP\x02\x01\x00\x00\x16\x03\x03"[..];
    /// assert_eq!(client.handle_input(now, &mut input), Progress::StartTls);
    /// assert_eq!(client.poll_event().unwrap().name(), "TLS_READY");
    /// assert_eq!(input, b"\x16\x03\x03");
    ///
    /// // After the handshake, what the connection writes is to be encrypted, and it takes what was decrypted.
    /// client.tls_done()?;
    /// assert_eq!(client.poll_transmit(now).chunk(), b"AMQP\x03\x01\x00\x00");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] without `TLS_READY`, a second time, after the end of the connection, or while our
    /// TLS header has not been written.
    pub fn tls_done(&mut self) -> Result<(), CommandError> {
        if self.tls != TlsState::Tunnel || self.end_raised || self.outbox_len() > 0 {
            return Err(CommandError::IllegalState("the connection does not wait for TLS (5.2)"));
        }
        self.apply_tls(TlsTrigger::Established);
        self.sasl.tunnel_mut().protected = true;
        match self.cx.config.side {
            Side::Client => self.begin_inside(),
            Side::Server => Ok(()),
        }
    }
}
