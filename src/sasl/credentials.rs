//! Credentials of a client, and how to compare them.

use core::{fmt, hint::black_box};

use super::{Step, step::Success};
use crate::{spec::sasl::Redacted, types::Str};

/// The credentials that a client presents, or, at a client that waits for a secret, what is known of them.
///
/// A field is `None` if the mechanism does not have it or the client did not send it. `Debug` does not show the
/// secret or the salt.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Credentials<'a> {
    /// The authentication identity: the user that the client claims to be. EXTERNAL has none.
    pub authcid: Option<&'a str>,
    /// The authorization identity: the user that the client asks to act as. `None` leaves the choice to the server.
    pub authzid: Option<&'a str>,
    /// The proof of the authentication identity: the password of PLAIN, the token of XOAUTH2 and OAUTHBEARER.
    pub secret: Option<&'a [u8]>,
    /// The salt for the password, at a client of SCRAM.
    pub salt: Option<&'a [u8]>,
    /// The number of iterations for the password, at a client of SCRAM.
    pub iterations: Option<u32>,
}

impl<'a> Credentials<'a> {
    /// Creates empty credentials, for an [`Exchange`](super::Exchange) of one's own.
    pub const fn new() -> Self {
        Self { authcid: None, authzid: None, secret: None, salt: None, iterations: None }
    }

    /// Sets [`authcid`](Self::authcid).
    #[must_use]
    pub const fn authcid(mut self, authcid: &'a str) -> Self {
        self.authcid = Some(authcid);
        self
    }

    /// Sets [`authzid`](Self::authzid).
    #[must_use]
    pub const fn authzid(mut self, authzid: &'a str) -> Self {
        self.authzid = Some(authzid);
        self
    }

    /// Sets [`secret`](Self::secret).
    #[must_use]
    pub const fn secret(mut self, secret: &'a [u8]) -> Self {
        self.secret = Some(secret);
        self
    }

    /// True if user and secret are these, and the client asks to act as nobody else.
    ///
    /// The secret is compared by [`secrets_equal`].
    pub fn matches(&self, authcid: &str, secret: impl AsRef<[u8]>) -> bool {
        let right = self.secret.is_some_and(|presented| secrets_equal(presented, secret.as_ref()));
        right & self.is_only(authcid)
    }

    /// True if the user is this one, and the client asks to act as nobody else.
    pub(super) fn is_only(&self, authcid: &str) -> bool {
        (self.authcid == Some(authcid)) & self.authzid.is_none_or(|authzid| authzid == authcid)
    }

    /// Returns the step that accepts the client as [`authcid`](Self::authcid), acting as [`authzid`](Self::authzid)
    /// if it asked for that.
    ///
    /// Without an `authcid` nothing was proved, and the step is a refusal: see [`accept_as`](Self::accept_as).
    pub fn accept(&self) -> Step {
        self.authcid.map_or_else(Step::refuse, |authcid| self.accept_as(authcid))
    }

    /// Returns the step that accepts the client as `identity`, acting as [`authzid`](Self::authzid) if it asked for
    /// that.
    ///
    /// For EXTERNAL, where the proof comes from outside: `identity` is the subject of the TLS certificate, for
    /// example.
    pub fn accept_as(&self, identity: impl Into<Str>) -> Step {
        let success = Success::new().identity(identity);
        Step::Done(match self.authzid {
            Some(authzid) => success.authorization(authzid),
            None => success,
        })
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("authcid", &self.authcid)
            .field("authzid", &self.authzid)
            .field("secret", &self.secret.map(|_| Redacted))
            .field("salt", &self.salt.map(|_| Redacted))
            .field("iterations", &self.iterations)
            .finish()
    }
}

/// True if two secrets are equal, in a time that depends only on the length of `presented`.
///
/// The time reveals neither the first difference nor the length of `expected`.
///
/// Safe Rust can ask the compiler not to shorten the comparison, but has no promise of it. Use a dedicated crate if
/// that is not enough. A server that stores hashes instead of passwords needs no such promise.
pub fn secrets_equal(presented: &[u8], expected: &[u8]) -> bool {
    let same_length = presented.len() == expected.len();
    // If the lengths differ the result is known, but the comparison takes the same time.
    let other = if same_length { expected } else { presented };
    let difference =
        presented.iter().zip(other).fold(0, |sum: u8, (left, right)| black_box(sum | (left ^ right)));
    same_length & (difference == 0)
}
