//! A client's end of TLS: whom it trusts, and its own certificate.

use std::{
    io::{self, ErrorKind},
    net::TcpStream,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring, pki_types::ServerName};

use crate::{
    advice::{AnyError, about},
    pem,
    stream::Stream,
};

/// The options of TLS.
#[derive(Args, Default)]
pub struct TlsOptions {
    /// Trust the certificates in this PEM file, and not those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The client's certificate, as PEM: it logs in with SASL EXTERNAL.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of the certificate, as PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

/// Does the handshake, however slowly the server sends its part.
fn shake_hands(tls: &mut ClientConnection, socket: &mut TcpStream, patience: Duration) -> io::Result<()> {
    let end = Instant::now() + patience;
    while tls.is_handshaking() || tls.wants_write() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        socket.set_write_timeout(Some(left))?;
        if tls.wants_write() {
            tls.write_tls(socket)?;
        } else if tls.read_tls(socket)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        } else if let Err(error) = tls.process_new_packets() {
            // The alert has the reason.
            let _ = tls.write_tls(socket);
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
    }
    Ok(())
}

impl TlsOptions {
    /// True if the client shows a certificate.
    pub fn has_certificate(&self) -> bool {
        self.cert.is_some()
    }

    /// Does the handshake on a socket that blocks, within the `patience`.
    pub fn connect(
        &self,
        host: &str,
        mut socket: TcpStream,
        patience: Duration,
    ) -> Result<Stream<TcpStream>, AnyError> {
        let name = ServerName::try_from(host.to_owned())?;
        // RFC 6066, 3: an address is not named.
        let named = matches!(name, ServerName::DnsName(_)).then(|| host.to_owned());
        let mut tls = ClientConnection::new(Arc::new(self.config()?), name)?;
        shake_hands(&mut tls, &mut socket, patience).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => about(format!("TLS with {host}"), io::Error::from(ErrorKind::TimedOut)),
            _ => about(format!("TLS with {host}"), error),
        })?;
        Ok(Stream { socket, tls: Some(Box::new(tls.into())), host: named })
    }

    fn config(&self) -> Result<ClientConfig, AnyError> {
        let roots = match &self.ca {
            Some(file) => pem::roots(file)?,
            None => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                roots
            }
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else {
            return Ok(config.with_no_client_auth());
        };
        let (chain, key) = pem::chain(cert, key)?;
        Ok(config.with_client_auth_cert(chain, key)?)
    }
}
