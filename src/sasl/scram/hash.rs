//! The hash functions of SCRAM, and what it makes of them (RFC 5802, 2.2).

use alloc::{vec, vec::Vec};

use bytes::Bytes;
use hmac::{
    Hmac, KeyInit, Mac,
    digest::{Digest, OutputSizeUser},
};

use crate::types::Symbol;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScramHash {
    /// SHA-1, of SCRAM-SHA-1 (RFC 5802).
    Sha1,
    /// SHA-256, of SCRAM-SHA-256 (RFC 7677).
    Sha256,
    /// SHA-512, of SCRAM-SHA-512.
    Sha512,
}

/// Evaluates an expression with `$digest` as the type of the hash.
macro_rules! with_digest {
    ($hash:expr, $digest:ident => $value:expr) => {
        match $hash {
            ScramHash::Sha1 => {
                type $digest = sha1::Sha1;
                $value
            }
            ScramHash::Sha256 => {
                type $digest = sha2::Sha256;
                $value
            }
            ScramHash::Sha512 => {
                type $digest = sha2::Sha512;
                $value
            }
        }
    };
}

impl ScramHash {
    pub(super) const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// Returns the hash of the mechanism of this name, with `-PLUS` or without.
    ///
    /// ```
    /// use amqp_proto::sasl::ScramHash;
    ///
    /// assert_eq!(ScramHash::of_mechanism("SCRAM-SHA-256-PLUS"), Some(ScramHash::Sha256));
    /// assert_eq!(ScramHash::of_mechanism("PLAIN"), None);
    /// ```
    pub fn of_mechanism(name: &str) -> Option<Self> {
        let is_of = |hash: &Self| hash.mechanism(false) == *name || hash.mechanism(true) == *name;
        Self::ALL.into_iter().find(is_of)
    }

    /// Returns the name of the mechanism with this hash.
    pub(super) fn mechanism(self, plus: bool) -> Symbol {
        Symbol::from_static(match (self, plus) {
            (Self::Sha1, false) => "SCRAM-SHA-1",
            (Self::Sha1, true) => "SCRAM-SHA-1-PLUS",
            (Self::Sha256, false) => "SCRAM-SHA-256",
            (Self::Sha256, true) => "SCRAM-SHA-256-PLUS",
            (Self::Sha512, false) => "SCRAM-SHA-512",
            (Self::Sha512, true) => "SCRAM-SHA-512-PLUS",
        })
    }

    /// Returns the salted password, which a client with
    /// [`Mechanism::scram_deferred`](crate::sasl::Mechanism::scram_deferred) supplies.
    ///
    /// The time that it takes grows with `iterations`; 0 counts as 1.
    pub fn salted_password(self, password: &str, salt: &[u8], iterations: u32) -> Bytes {
        let mut salted = vec![0; self.size()];
        with_digest!(self, D => pbkdf2::pbkdf2_hmac::<D>(password.as_bytes(), salt, iterations.max(1), &mut salted));
        salted.into()
    }

    /// Returns the size of a hash in bytes.
    pub(super) fn size(self) -> usize {
        with_digest!(self, D => <D as OutputSizeUser>::output_size())
    }

    pub(super) fn hash(self, data: &[u8]) -> Vec<u8> {
        with_digest!(self, D => D::digest(data).to_vec())
    }

    pub(super) fn mac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        // A key may have any length, so the fallback is never taken.
        with_digest!(self, D => keyed::<Hmac<D>>(key, data).map_or_else(Vec::new, |mac| mac.finalize().into_bytes().to_vec()))
    }

    /// True if this is the code of the data, in a time that does not depend on the code.
    pub(super) fn verify(self, key: &[u8], data: &[u8], code: &[u8]) -> bool {
        with_digest!(self, D => keyed::<Hmac<D>>(key, data).is_some_and(|mac| mac.verify_slice(code).is_ok()))
    }

    /// True if two values are equal, in a time that does not depend on them: the codes of both are compared.
    pub(super) fn equal(self, left: &[u8], right: &[u8]) -> bool {
        const KEY: &[u8] = b"equal";
        self.verify(KEY, left, &self.mac(KEY, right))
    }
}

fn keyed<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Option<M> {
    Some(<M as KeyInit>::new_from_slice(key).ok()?.chain_update(data))
}
