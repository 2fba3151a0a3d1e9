//! A socket with or without TLS on it. It blocks if the socket does.

use std::io::{self, ErrorKind, Read, Write};

use amqp_proto::sasl::{ChannelBinding, Tunnel};
use rustls::{Connection as Tls, ProtocolVersion};

mod subject;

/// A socket with or without TLS on it.
pub struct Stream<S> {
    pub socket: S,
    pub tls: Option<Box<Tls>>,
    /// The host that a client has named to TLS. A server learns it from its client.
    pub host: Option<String>,
}

impl<S: Read + Write> Stream<S> {
    /// Returns the facts of the tunnel, or `None` until its handshake is over.
    pub fn tunnel(&self) -> Option<Tunnel> {
        let Some(tls) = &self.tls else { return Some(Tunnel::new()) };
        if tls.is_handshaking() {
            return None;
        }
        let mut tunnel = Tunnel::new().protected(true);
        tunnel.binding = binding(tls);
        tunnel.server_name = self.host.as_deref().map(Into::into);
        if let Tls::Server(server) = &**tls {
            tunnel.server_name = server.server_name().map(Into::into);
            let certificate = server.peer_certificates().and_then(|chain| chain.first());
            tunnel.identity = certificate.and_then(|certificate| subject::of(certificate)).map(Into::into);
        }
        Some(tunnel)
    }

    /// True if bytes of TLS wait for the socket.
    pub fn is_behind(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Puts the end of our output behind what waits for the socket. The next [`flush`](Write::flush) writes it.
    pub fn end_output(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
    }
}

/// RFC 9266: the binding of TLS 1.3. In earlier versions the exporter alone is not unique.
fn binding(tls: &Tls) -> Option<ChannelBinding> {
    if tls.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return None;
    }
    let exported = tls.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok()?;
    Some(ChannelBinding::new("tls-exporter", exported.to_vec()))
}

impl<S: Read + Write> Read for Stream<S> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.read(block) };
        loop {
            // 0 is the peer's close_notify. An end of the socket without one is an error: somebody may have cut it.
            match tls.reader().read(block) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            tls.read_tls(&mut self.socket)?;
            let taken = tls.process_new_packets();
            // The answers of a handshake, or the reason why it fails. What the socket does not take, `flush` writes.
            while tls.wants_write() && tls.write_tls(&mut self.socket).is_ok() {}
            taken.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }
}

impl<S: Read + Write> Write for Stream<S> {
    /// Takes bytes, which TLS may hold until [`flush`](Write::flush).
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[io::IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.write_vectored(slices) };
        loop {
            let taken = tls.writer().write_vectored(slices)?;
            if taken > 0 || slices.iter().all(|slice| slice.is_empty()) {
                return Ok(taken);
            }
            // TLS holds as much as it may.
            if !tls.wants_write() {
                return Err(ErrorKind::WouldBlock.into());
            }
            tls.write_tls(&mut self.socket)?;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while let Some(tls) = &mut self.tls
            && tls.wants_write()
        {
            tls.write_tls(&mut self.socket)?;
        }
        self.socket.flush()
    }
}
