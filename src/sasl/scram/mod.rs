//! SCRAM (RFC 5802, RFC 7677): a login with a password that is neither sent nor stored.

mod client;
mod hash;
mod message;
mod server;

#[cfg(test)]
mod tests;

use alloc::{boxed::Box, string::String, sync::Arc};
use core::fmt;

use bytes::Bytes;

use self::{client::Client, message::encode, server::Server};
use super::{Credentials, Exchange, Mechanism};
use crate::{spec::sasl::Redacted, types::Symbol};

pub use hash::ScramHash;

/// The keys of one user, as a server stores them (RFC 5802, 3). They do not reveal the password.
///
/// Whoever has them can pose as the server, and can look for a weak password by trial. `Debug` shows the number of
/// iterations alone.
///
/// ```
/// use amqp_proto::sasl::{ScramHash, ScramKeys};
///
/// // When the user chooses a password. The salt is random, and of this user alone.
/// let salt = [0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81];
/// let keys = ScramKeys::derive(ScramHash::Sha256, "pencil", &salt, 4096);
/// assert_eq!((keys.stored_key.len(), keys.server_key.len()), (32, 32));
/// ```
#[derive(Clone)]
pub struct ScramKeys {
    /// Random bytes that were mixed with the password.
    pub salt: Bytes,
    /// The number of times that the password was hashed.
    pub iterations: u32,
    /// The key that the client's proof is checked with.
    pub stored_key: Bytes,
    /// The key of the server's signature.
    pub server_key: Bytes,
}

impl ScramKeys {
    /// Returns the keys of a password.
    ///
    /// The password is used as it is: apply SASLprep first if it may contain more than ASCII (RFC 5802, 2.2). RFC 7677
    /// asks for 4096 iterations at least; the time that it takes grows with them, and 0 counts as 1.
    pub fn derive(hash: ScramHash, password: &str, salt: &[u8], iterations: u32) -> Self {
        let salted = hash.salted_password(password, salt, iterations);
        let (client_key, server_key) = (hash.mac(&salted, b"Client Key"), hash.mac(&salted, b"Server Key"));
        Self {
            salt: Bytes::copy_from_slice(salt),
            iterations: iterations.max(1),
            stored_key: hash.hash(&client_key).into(),
            server_key: server_key.into(),
        }
    }

    /// True if these can be keys of this hash.
    fn fit(&self, hash: ScramHash) -> bool {
        let size = hash.size();
        self.iterations > 0
            && !self.salt.is_empty()
            && self.stored_key.len() == size
            && self.server_key.len() == size
    }
}

impl Credentials<'_> {
    /// True if the user is this one, the secret is the password of these keys, and the client asks to act as nobody else.
    ///
    /// For a server that stores keys alone and takes PLAIN (RFC 4616) beside SCRAM. It takes the time that
    /// [`ScramKeys::derive`] does, whoever the user is.
    ///
    /// ```
    /// use amqp_proto::sasl::{Mechanism, ScramHash, ScramKeys};
    ///
    /// # let keys = ScramKeys::derive(ScramHash::Sha256, "pencil", b"a random salt", 4096);
    /// let plain = Mechanism::plain_server(move |login| login.matches_keys("alice", ScramHash::Sha256, &keys));
    /// # let _ = plain;
    /// ```
    pub fn matches_keys(&self, authcid: &str, hash: ScramHash, keys: &ScramKeys) -> bool {
        let presented = self.secret.and_then(|secret| core::str::from_utf8(secret).ok());
        // RFC 4616: none is in a password. RFC 2104 fills keys up with it, so one with more at its end would be the same.
        let presented = presented.filter(|password| !password.contains('\0'));
        let derived = ScramKeys::derive(hash, presented.unwrap_or_default(), &keys.salt, keys.iterations);
        let same = hash.equal(&derived.stored_key, &keys.stored_key);
        keys.fit(hash) & presented.is_some() & same & self.is_only(authcid)
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys")
            .field("salt", &Redacted)
            .field("iterations", &self.iterations)
            .field("stored_key", &Redacted)
            .field("server_key", &Redacted)
            .finish()
    }
}

/// The challenge for a user that the server does not know. It looks like those of other users, so that a stranger cannot
/// find out which names exist.
///
/// Salt length and iterations should be those of most users. `Debug` does not show the key.
///
/// ```
/// use amqp_proto::sasl::ScramDecoy;
///
/// # let random_bytes = [7; 32];
/// let decoy = ScramDecoy::new(random_bytes).iterations(10_000).salt_length(24);
/// ```
#[derive(Clone)]
pub struct ScramDecoy {
    key: [u8; 32],
    iterations: u32,
    salt_length: usize,
}

impl ScramDecoy {
    /// Creates a decoy with 4096 iterations and a salt of 16 bytes.
    ///
    /// The key is a random secret that stays the same when the server restarts: with another key, the salts of unknown
    /// users change, and those of others do not.
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key, iterations: MIN_ITERATIONS, salt_length: 16 }
    }

    /// Sets the number of iterations; 0 counts as 1.
    #[must_use]
    pub const fn iterations(mut self, iterations: u32) -> Self {
        self.iterations = if iterations == 0 { 1 } else { iterations };
        self
    }

    /// Sets the length of the salt in bytes, from 1 to 64.
    #[must_use]
    pub const fn salt_length(mut self, bytes: usize) -> Self {
        self.salt_length = match bytes {
            0 => 1,
            1..=64 => bytes,
            _ => 64,
        };
        self
    }

    /// Returns keys for a user that has none. No password fits them.
    fn keys(&self, hash: ScramHash, user: &str) -> ScramKeys {
        let derived = |purpose: &[u8], hash: ScramHash| {
            Bytes::from(hash.mac(&self.key, &[purpose, user.as_bytes()].concat()))
        };
        let mut salt = derived(b"salt ", ScramHash::Sha512);
        salt.truncate(self.salt_length);
        ScramKeys {
            salt,
            iterations: self.iterations,
            stored_key: derived(b"stored key ", hash),
            server_key: derived(b"server key ", hash),
        }
    }
}

impl From<[u8; 32]> for ScramDecoy {
    fn from(key: [u8; 32]) -> Self {
        Self::new(key)
    }
}

impl fmt::Debug for ScramDecoy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramDecoy")
            .field("key", &Redacted)
            .field("iterations", &self.iterations)
            .field("salt_length", &self.salt_length)
            .finish()
    }
}

/// RFC 7677, 4: the fewest iterations that a client should accept.
const MIN_ITERATIONS: u32 = 4096;

/// The most iterations that a client accepts: about a second of work.
const MAX_ITERATIONS: u32 = 1_000_000;

/// Bytes of entropy in a nonce.
const NONCE_SIZE: usize = 24;

type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// A SCRAM mechanism of either end.
#[derive(Clone)]
pub(super) struct Scram {
    hash: ScramHash,
    plus: bool,
    entropy: Entropy,
    end: End,
}

#[derive(Clone)]
enum End {
    Client(client::Login),
    Server(server::Users),
}

impl Scram {
    /// Makes this the `-PLUS` variant, and returns its name.
    pub(super) fn set_plus(&mut self) -> Symbol {
        self.plus = true;
        self.hash.mechanism(true)
    }

    /// Sets the bounds of a client.
    pub(super) fn set_iterations(&mut self, least: u32, most: u32) {
        if let End::Client(login) = &mut self.end {
            login.iterations = (least, most);
        }
    }

    /// Starts an exchange with a nonce of its own.
    pub(super) fn start(&self) -> Box<dyn Exchange> {
        let mut nonce = [0; NONCE_SIZE];
        (self.entropy)(&mut nonce);
        self.start_with(encode(&nonce))
    }

    fn start_with(&self, nonce: String) -> Box<dyn Exchange> {
        match &self.end {
            End::Client(login) => Box::new(Client::new(self.hash, self.plus, login.clone(), nonce)),
            End::Server(users) => Box::new(Server::new(self.hash, self.plus, users.clone(), nonce)),
        }
    }

    fn new(hash: ScramHash, end: End, entropy: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self { hash, plus: false, entropy: Arc::new(entropy), end }
    }
}

impl Mechanism {
    /// Creates SCRAM for a client. [`plus`](Self::plus) makes it the variant that is bound to TLS.
    ///
    /// The server has to prove that it knows the user's keys; one that cannot is refused. User and password are used as
    /// they are: apply SASLprep first if they may contain more than ASCII (RFC 5802, 2.2). The exchange fails at its
    /// start if the user is empty or contains a NUL.
    ///
    /// `entropy` fills a buffer with random bytes, once for each connection: the engine has no source of its own. Two
    /// exchanges with the same bytes are open to replay.
    ///
    /// The password is hashed inside [`handle_input`](crate::Connection::handle_input), for milliseconds, or as long as
    /// [`iterations`](Self::iterations) allows. [`scram_deferred`](Self::scram_deferred) leaves that to another thread.
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, sasl::{Mechanism, ScramHash}};
    ///
    /// # fn random(buffer: &mut [u8]) { buffer.fill(7) }
    /// let scram = |hash| Mechanism::scram(hash, "user", "pencil", random);
    /// let config = ConnectionConfig::client("client").sasl(scram(ScramHash::Sha512)).sasl(scram(ScramHash::Sha256));
    /// ```
    ///
    #[doc = include_str!("../../../docs/scram.md")]
    pub fn scram(
        hash: ScramHash,
        user: impl AsRef<str>,
        password: impl AsRef<str>,
        entropy: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Self {
        let login = client::Login::new(user.as_ref(), Some(password.as_ref()));
        Self::of_scram(Scram::new(hash, End::Client(login), entropy))
    }

    /// Creates SCRAM for a client whose application hashes the password, or looks it up, when the server's challenge has
    /// arrived.
    ///
    /// `SASL_PENDING` follows. [`Connection::sasl_credentials`](crate::Connection::sasl_credentials) returns user, salt
    /// and iterations, and [`Connection::sasl_supply`](crate::Connection::sasl_supply) takes
    /// [`ScramHash::salted_password`] as [`Supply::Secret`](super::Supply::Secret), at any later time within
    /// [`Timeouts::sasl`](crate::Timeouts::sasl).
    ///
    /// ```
    /// use amqp_proto::{CommandError, Connection, sasl::{ScramHash, Supply}};
    ///
    /// /// Answers `SASL_PENDING`. The first part is work for another thread.
    /// fn answer(client: &mut Connection, hash: ScramHash, password: &str) -> Result<(), CommandError> {
    ///     let Some(credentials) = client.sasl_credentials() else { return Ok(()) };
    ///     let (salt, iterations) = (credentials.salt.unwrap_or_default(), credentials.iterations.unwrap_or_default());
    ///     let salted = hash.salted_password(password, salt, iterations);
    ///     client.sasl_supply(Supply::Secret(salted))
    /// }
    /// ```
    pub fn scram_deferred(
        hash: ScramHash,
        user: impl AsRef<str>,
        entropy: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Self {
        let login = client::Login::new(user.as_ref(), None);
        Self::of_scram(Scram::new(hash, End::Client(login), entropy))
    }

    /// Creates SCRAM for a server that finds a user's keys at once.
    ///
    /// `keys` returns those of a user. For a user without keys the client gets the challenge of the decoy, and fails at
    /// its proof. `entropy` is that of [`scram`](Self::scram). A client that asks to act as somebody else is refused.
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, sasl::{Mechanism, ScramHash, ScramKeys}};
    ///
    /// # fn random(buffer: &mut [u8]) { buffer.fill(7) }
    /// let hash = ScramHash::Sha256;
    /// let keys = ScramKeys::derive(hash, "pencil", b"salt of the user", 4096);
    /// let find = move |user: &str| (user == "user").then(|| keys.clone());
    /// # let decoy = [7; 32];
    /// let scram = Mechanism::scram_server(hash, find, decoy, random);
    /// let config = ConnectionConfig::server("server").sasl(scram.clone().plus()).sasl(scram);
    /// ```
    pub fn scram_server(
        hash: ScramHash,
        keys: impl Fn(&str) -> Option<ScramKeys> + Send + Sync + 'static,
        decoy: impl Into<ScramDecoy>,
        entropy: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Self {
        let users = server::Users::new(Some(Arc::new(keys)), decoy.into());
        Self::of_scram(Scram::new(hash, End::Server(users), entropy))
    }

    /// Creates SCRAM for a server whose application finds a user's keys later, in a database for example.
    ///
    /// `SASL_PENDING` follows. [`Connection::sasl_credentials`](crate::Connection::sasl_credentials) returns the user as
    /// `authcid`, and [`Connection::sasl_supply`](crate::Connection::sasl_supply) takes
    /// [`Supply::Keys`](super::Supply::Keys), `None` for an unknown user. The rest is as with
    /// [`scram_server`](Self::scram_server).
    ///
    /// ```
    /// use amqp_proto::{CommandError, Connection, sasl::{ScramKeys, Supply}};
    ///
    /// /// Answers `SASL_PENDING`.
    /// fn answer(server: &mut Connection, find: impl Fn(&str) -> Option<ScramKeys>) -> Result<(), CommandError> {
    ///     let user = server.sasl_credentials().and_then(|credentials| credentials.authcid);
    ///     let keys = user.and_then(find);
    ///     server.sasl_supply(Supply::Keys(keys))
    /// }
    /// ```
    pub fn scram_server_deferred(
        hash: ScramHash,
        decoy: impl Into<ScramDecoy>,
        entropy: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Self {
        let users = server::Users::new(None, decoy.into());
        Self::of_scram(Scram::new(hash, End::Server(users), entropy))
    }

    fn of_scram(scram: Scram) -> Self {
        let name = scram.hash.mechanism(scram.plus);
        let is_client = matches!(scram.end, End::Client(_));
        Self::new_scram(name, is_client, scram)
    }
}
