//! A server's end of TLS, from the first byte on.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ServerConfig, ServerConnection, crypto::ring, server::WebPkiClientVerifier};

use crate::{advice::AnyError, pem, stream::Stream};

/// The server's certificate, and whose clients it knows.
pub struct TlsServer(Arc<ServerConfig>);

impl TlsServer {
    /// Reads the files. With a `client_ca`, clients are asked for certificates that it vouches for. Those that have
    /// none are taken too, and have to log in another way.
    pub fn new(cert: &Path, key: &Path, client_ca: Option<&PathBuf>) -> Result<Self, AnyError> {
        let provider = Arc::new(ring::default_provider());
        let (chain, key) = pem::chain(cert, key)?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let config = match client_ca {
            Some(file) => {
                let roots = Arc::new(pem::roots(file)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                config.with_client_cert_verifier(verifier.allow_unauthenticated().build()?)
            }
            None => config.with_no_client_auth(),
        };
        Ok(Self(Arc::new(config.with_single_cert(chain, key)?)))
    }

    /// Puts TLS on a client's socket. The handshake is done as the client's bytes arrive.
    pub fn accept<S>(&self, socket: S) -> Result<Stream<S>, rustls::Error> {
        let tls = ServerConnection::new(Arc::clone(&self.0))?;
        Ok(Stream { socket, tls: Some(Box::new(tls.into())), host: None })
    }
}
