//! Certificates and keys from PEM files.

use std::{error::Error, path::Path};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// Returns a certificate and those that vouch for it, in the order of the file, with its private key.
pub fn chain(
    certificates: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Box<dyn Error>> {
    let chain: Result<_, _> = CertificateDer::pem_file_iter(certificates).and_then(Iterator::collect);
    let chain = chain.map_err(|error| format!("{}: {error}", certificates.display()))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{}: {error}", key.display()))?;
    Ok((chain, key))
}

/// Returns the certificates of a file as those that can vouch for others.
pub fn roots(file: &Path) -> Result<RootCertStore, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    for certificate in all.map_err(|error| format!("{}: {error}", file.display()))? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if roots.is_empty() {
        return Err(format!("{}: there is no certificate in it", file.display()).into());
    }
    Ok(roots)
}
