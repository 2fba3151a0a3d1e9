//! PLAIN (RFC 4616): a name and a password, in the clear.

use alloc::{boxed::Box, sync::Arc};
use core::str;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Credentials, Input, Mechanism, Offer, Step, Success,
    turn::{Receiving, Sending},
};
use crate::types::{Str, Symbol};

const NAME: Symbol = Symbol::from_static("PLAIN");

impl Offer {
    /// PLAIN, for a client. A user or password that is empty or contains a NUL can't be said in it: the
    /// exchange fails at its start.
    ///
    /// Both are sent as they are; if they may contain more than ASCII, prepare them with SASLprep first (RFC 4616, 2).
    pub fn plain(user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        Self::plain_as("", user, password)
    }

    /// [`plain`](Self::plain), asking to act as somebody else.
    pub fn plain_as(authzid: impl AsRef<str>, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        let message = compose(authzid.as_ref(), user.as_ref(), password.as_ref());
        let user = Str::from(user.as_ref());
        Self::new(NAME, move || {
            Box::new(Client { message: message.clone(), user: user.clone(), turn: Sending::default() })
        })
    }

    /// PLAIN, for a server that can tell at once whether the credentials are good. They always have a secret.
    ///
    /// Saying yes also lets the client act as [`Credentials::authzid`], so look at it;
    /// [`Credentials::matches`] does.
    ///
    /// ```
    /// # use amqp_proto::sasl::Offer;
    /// let offer = Offer::verify_plain(|credentials| credentials.matches("guest", "secret"));
    /// ```
    pub fn verify_plain(verify: impl Fn(Credentials<'_>) -> bool + Send + Sync + 'static) -> Self {
        let verify: Arc<Verify> = Arc::new(verify);
        Self::new(NAME, move || {
            Box::new(Verifying { verify: Arc::clone(&verify), turn: Receiving::default() })
        })
    }

    /// PLAIN, for a server that has to look the credentials up: [`Step::Pending`], with
    /// [`Mechanism::credentials`] to read. The answer is [`Step::Done`] with [`Credentials::accept`], or
    /// [`Step::Fail`].
    pub fn defer_plain() -> Self {
        Self::new(NAME, || Box::new(Deferring { message: None, turn: Receiving::default() }))
    }
}

/// RFC 4616, 2: `[authzid] NUL authcid NUL passwd`, where what is there is not empty and has no NUL in it.
fn compose(authzid: &str, authcid: &str, password: &str) -> Option<Bytes> {
    if authcid.is_empty()
        || password.is_empty()
        || [authzid, authcid, password].iter().any(|s| s.contains('\0'))
    {
        return None;
    }
    let mut message = BytesMut::new();
    message.put_slice(authzid.as_bytes());
    message.put_u8(0);
    message.put_slice(authcid.as_bytes());
    message.put_u8(0);
    message.put_slice(password.as_bytes());
    Some(message.freeze())
}

/// The inverse of [`compose`]; `None` if the message is malformed.
fn parse(message: &[u8]) -> Option<Credentials<'_>> {
    let mut parts = str::from_utf8(message).ok()?.split('\0');
    let (authzid, authcid, password) = (parts.next()?, parts.next()?, parts.next()?);
    if authcid.is_empty() || password.is_empty() || parts.next().is_some() {
        return None;
    }
    let authzid = Some(authzid).filter(|authzid| !authzid.is_empty());
    Some(Credentials { authcid, authzid, secret: Some(password.as_bytes()) })
}

type Verify = dyn Fn(Credentials<'_>) -> bool + Send + Sync;

struct Client {
    message: Option<Bytes>,
    user: Str,
    turn: Sending,
}

impl Mechanism for Client {
    fn step(&mut self, input: Input<'_>) -> Step {
        self.turn.step(input, self.message.take(), || Step::Done(Success::new().identity(self.user.clone())))
    }
}

struct Verifying {
    verify: Arc<Verify>,
    turn: Receiving,
}

impl Mechanism for Verifying {
    fn step(&mut self, input: Input<'_>) -> Step {
        match self.turn.step(input) {
            Ok(message) => match parse(message) {
                Some(credentials) if (self.verify)(credentials) => Step::Done(credentials.accept()),
                _ => Step::refuse(),
            },
            Err(step) => step,
        }
    }
}

struct Deferring {
    /// A well-formed one that waits for its answer.
    message: Option<Bytes>,
    turn: Receiving,
}

impl Mechanism for Deferring {
    fn step(&mut self, input: Input<'_>) -> Step {
        self.message = None;
        match self.turn.step(input) {
            Ok(message) if parse(message).is_some() => {
                self.message = Some(Bytes::copy_from_slice(message));
                Step::Pending
            }
            Ok(_) => Step::refuse(),
            Err(step) => step,
        }
    }

    fn credentials(&self) -> Option<Credentials<'_>> {
        self.message.as_deref().and_then(parse)
    }
}
