//! What a client presents, and how to compare it.

use core::{fmt, hint::black_box};

use super::step::{Redacted, Success};

/// What a client presented.
///
/// Its `Debug` does not show the secret.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Who the client says it is: the authentication identity.
    pub authcid: &'a str,
    /// Whom it asks to act as: the authorization identity. `None` leaves that to the server.
    pub authzid: Option<&'a str>,
    /// What is to show that it is who it says; for PLAIN the password.
    pub secret: Option<&'a [u8]>,
}

impl Credentials<'_> {
    /// Whether they are this user's, who does not ask to act as anybody else. The secret is compared as by
    /// [`secrets_equal`].
    pub fn matches(&self, authcid: &str, secret: impl AsRef<[u8]>) -> bool {
        let right = self.secret.is_some_and(|presented| secrets_equal(presented, secret.as_ref()));
        right & (self.authcid == authcid) & self.authzid.is_none_or(|authzid| authzid == authcid)
    }

    /// The success that accepts them.
    pub fn accept(&self) -> Success {
        let success = Success::new().identity(self.authcid);
        match self.authzid {
            Some(authzid) => success.authorization(authzid),
            None => success,
        }
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("authcid", &self.authcid)
            .field("authzid", &self.authzid)
            .field("secret", &self.secret.map(|_| Redacted))
            .finish()
    }
}

/// Whether two secrets are equal, in a time that depends on the length of the `presented` one alone: it tells
/// neither where they differ nor how long the `expected` one is.
///
/// Safe Rust can ask the compiler not to take a short cut but can't make it promise; where that is not enough, use
/// a crate that is made for it. Better still, don't keep passwords but hashes of them.
pub fn secrets_equal(presented: &[u8], expected: &[u8]) -> bool {
    let same_length = presented.len() == expected.len();
    // With different lengths the answer is known, but the walk is the same.
    let other = if same_length { expected } else { presented };
    let difference =
        presented.iter().zip(other).fold(0, |sum: u8, (left, right)| black_box(sum | (left ^ right)));
    same_length & (difference == 0)
}
