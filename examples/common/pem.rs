//! Certificates and keys from PEM files.

use std::path::Path;

use rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};

use crate::advice::{AnyError, about};

/// Returns a certificate and those that vouch for it, in the order of the file, with its private key.
pub fn chain(
    certificates: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), AnyError> {
    let chain: Result<_, _> = CertificateDer::pem_file_iter(certificates).and_then(Iterator::collect);
    let chain = chain.map_err(|error| about(certificates.display(), error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| about(key.display(), error))?;
    Ok((chain, key))
}

/// Returns the certificates of a file as those that can vouch for others.
pub fn roots(file: &Path) -> Result<RootCertStore, AnyError> {
    let mut roots = RootCertStore::empty();
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    for certificate in all.map_err(|error| about(file.display(), error))? {
        roots.add(certificate).map_err(|error| about(file.display(), error))?;
    }
    if roots.is_empty() {
        return Err(about(file.display(), pem::Error::NoItemsFound));
    }
    Ok(roots)
}
