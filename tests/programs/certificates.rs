//! Certificates of a test, in files.

use std::{fs, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

/// A certificate that vouches for others, and its files.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    /// The certificate.
    pub(crate) file: String,
}

/// The files of a certificate and its key.
pub(crate) struct Identity {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    /// Makes one with a folder of its own.
    pub(crate) fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("certificates-{}", std::process::id()))
            .join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = names(&[(DnType::CommonName, name)]);
        let key = KeyPair::generate().unwrap();
        let file = folder.join("ca.pem");
        fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), folder, file: text(file) }
    }

    /// Makes a certificate for these hosts, or for a client with this subject.
    pub(crate) fn identity(&self, hosts: &[&str], subject: &[(DnType, &str)]) -> Identity {
        let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = names(subject);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let name = subject
            .iter()
            .map(|(_, name)| name.replace(|c: char| !c.is_alphanumeric(), "-"))
            .collect::<String>();
        let file = |kind: &str, pem: String| {
            let file = self.folder.join(format!("{name}.{kind}.pem"));
            fs::write(&file, pem).unwrap();
            text(file)
        };
        Identity { cert: file("cert", certificate.pem()), key: file("key", key.serialize_pem()) }
    }

    /// Makes a certificate for a broker on loopback.
    pub(crate) fn server(&self) -> Identity {
        self.identity(&["127.0.0.1", "localhost"], &[(DnType::CommonName, "server")])
    }
}

fn names(all: &[(DnType, &str)]) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    all.iter().for_each(|(kind, name)| names.push(kind.clone(), *name));
    names
}

fn text(file: PathBuf) -> String {
    file.into_os_string().into_string().unwrap()
}
