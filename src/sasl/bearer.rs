//! Mechanisms with a bearer token of OAuth 2: XOAUTH2, as its users have it, and OAUTHBEARER (RFC 7628).

use alloc::{
    boxed::Box,
    collections::BTreeSet,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::str;

use bytes::Bytes;

use super::{
    Credentials, Exchange, ExchangeContext, Mechanism, Step, StepInput, Success, Supply,
    gs2::{BindingFlag, Gs2Message, encode_name},
    one_shot::Receiver,
};
use crate::types::{Str, Symbol};

/// The longest reason of a server that is kept, in characters.
const MAX_REASON: usize = 1024;

/// As many bytes of a token in a row are a part of it, which no text shows by chance.
const LEAST_PART: usize = 12;

/// The mechanism that a token is sent by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    XOauth2,
    OauthBearer,
}

impl Dialect {
    const fn name(self) -> Symbol {
        match self {
            Self::XOauth2 => Symbol::from_static("XOAUTH2"),
            Self::OauthBearer => Symbol::from_static("OAUTHBEARER"),
        }
    }

    /// Returns the response to a server's reason for a refusal, after which it sends the outcome.
    const fn acknowledgement(self) -> &'static [u8] {
        match self {
            Self::XOauth2 => b"",
            // RFC 7628, 3.2.3.
            Self::OauthBearer => b"\x01",
        }
    }

    /// Returns a server's reason for a refusal.
    const fn refusal(self) -> &'static str {
        match self {
            Self::XOauth2 => r#"{"status":"401","schemes":"bearer"}"#,
            // RFC 7628, 3.2.2.
            Self::OauthBearer => r#"{"status":"invalid_token"}"#,
        }
    }

    fn parse(self, message: &[u8]) -> Option<Presented> {
        match self {
            Self::XOauth2 => parse_xoauth2(message),
            Self::OauthBearer => parse_oauthbearer(message),
        }
    }
}

/// A client's message, as a server reads it.
struct Presented {
    authcid: Option<String>,
    authzid: Option<String>,
    token: String,
}

impl Presented {
    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            authcid: self.authcid.as_deref(),
            authzid: self.authzid.as_deref(),
            ..Credentials::new().secret(self.token.as_bytes())
        }
    }
}

fn parse_xoauth2(message: &[u8]) -> Option<Presented> {
    let message = str::from_utf8(message).ok()?;
    let (user, rest) = message.strip_prefix("user=")?.split_once('\x01')?;
    let token = token_of(rest.strip_prefix("auth=")?.strip_suffix("\x01\x01")?)?;
    (!user.is_empty()).then(|| Presented { authcid: Some(user.into()), authzid: None, token: token.into() })
}

/// RFC 7628, 3.1: a GS2 header, then pairs of key and value, each ended by a control character, and one more of those.
fn parse_oauthbearer(message: &[u8]) -> Option<Presented> {
    let message = Gs2Message::parse(message)?;
    if matches!(message.flag, BindingFlag::Used(_)) {
        return None;
    }
    let pairs = message.rest.strip_prefix('\x01')?.strip_suffix("\x01\x01")?;
    let mut token = None;
    for pair in pairs.split('\x01') {
        let (key, value) = pair.split_once('=')?;
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !is_key || (key == "auth" && token.replace(token_of(value)?).is_some()) {
            return None;
        }
    }
    Some(Presented { authcid: None, authzid: message.authzid, token: token?.into() })
}

/// Returns the token behind its scheme, of which the case does not matter (RFC 9110, 11.1).
fn token_of(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && is_token(token.as_bytes())).then_some(token)
}

/// True for a token that the messages can express: printable ASCII.
fn is_token(token: &[u8]) -> bool {
    !token.is_empty() && token.iter().all(u8::is_ascii_graphic)
}

/// The client's end.
struct Client {
    dialect: Dialect,
    user: Str,
    host: Option<Str>,
    port: Option<u16>,
    /// `None` until the application supplies it.
    token: Option<Bytes>,
    reason: Option<String>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Pending,
    Sent,
    Done,
}

impl Client {
    fn send(&mut self, token: Bytes) -> Step {
        let Some(message) = self.compose(&token) else {
            self.reason = Some("the user, the host or the token cannot be expressed in the mechanism".into());
            return Step::refuse();
        };
        self.token = Some(token);
        self.state = State::Sent;
        Step::Reply(message.into())
    }

    fn compose(&self, token: &[u8]) -> Option<String> {
        let token = str::from_utf8(token).ok().filter(|token| is_token(token.as_bytes()))?;
        let is_value = |text: &str| !text.contains(['\0', '\x01']);
        if !is_value(&self.user) {
            return None;
        }
        match self.dialect {
            Dialect::XOauth2 if self.user.is_empty() => None,
            Dialect::XOauth2 => Some(format!("user={}\x01auth=Bearer {token}\x01\x01", &*self.user)),
            Dialect::OauthBearer => {
                let mut message = match &*self.user {
                    "" => "n,,\x01".to_string(),
                    user => format!("n,a={},\x01", encode_name(user)?),
                };
                if let Some(host) = &self.host {
                    message.push_str(&format!("host={}\x01", Some(&**host).filter(|host| is_value(host))?));
                }
                if let Some(port) = self.port {
                    message.push_str(&format!("port={port}\x01"));
                }
                Some(format!("{message}auth=Bearer {token}\x01\x01"))
            }
        }
    }

    /// Keeps the server's reason, unless it has a part of our token in it: reasons are shown.
    fn keep_reason(&mut self, reason: &[u8]) {
        let shows_token = has_part_of(self.token.as_deref().unwrap_or_default(), reason);
        let reason = String::from_utf8_lossy(reason);
        let reason = reason.chars().take(MAX_REASON).filter(|_| !shows_token).collect::<String>();
        self.reason = Some(format!("the server refused the token: {reason}"));
    }
}

/// True if the text has a part of the token in it, or all of a short one. JSON may have a `\` before any character of it.
fn has_part_of(token: &[u8], text: &[u8]) -> bool {
    let [token, text] =
        [token, text].map(|bytes| bytes.iter().copied().filter(|byte| *byte != b'\\').collect::<Vec<_>>());
    let size = token.len().clamp(1, LEAST_PART);
    let parts: BTreeSet<_> = token.windows(size).collect();
    text.windows(size).any(|window| parts.contains(window))
}

impl Exchange for Client {
    fn prepare(&mut self, context: &ExchangeContext<'_>) {
        self.host = context.hostname.map(Str::from);
    }

    fn step(&mut self, input: StepInput<'_>) -> Step {
        match (core::mem::replace(&mut self.state, State::Done), input, self.token.clone()) {
            (State::Start, StepInput::Start(_), Some(token)) => self.send(token),
            (State::Start, StepInput::Start(_), None) => {
                self.state = State::Pending;
                Step::Pending
            }
            (State::Sent, StepInput::Data(reason), _) => {
                self.keep_reason(reason);
                Step::reply(self.dialect.acknowledgement())
            }
            // Azure Service Bus sends a greeting with its ok.
            (State::Sent, StepInput::Outcome(_), _) => {
                let user = Some(self.user.clone()).filter(|user| !user.is_empty());
                Step::Done(Success { identity: user, ..Success::new() })
            }
            _ => Step::refuse(),
        }
    }

    fn supply(&mut self, supply: Supply) -> Step {
        match (core::mem::replace(&mut self.state, State::Done), supply) {
            (State::Pending, Supply::Secret(token)) => self.send(token),
            _ => Step::refuse(),
        }
    }

    fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    fn credentials(&self) -> Option<Credentials<'_>> {
        let user = Some(&*self.user).filter(|user| !user.is_empty());
        (self.state == State::Pending).then(|| Credentials { authcid: user, ..Credentials::new() })
    }
}

/// The server's end.
struct Server {
    dialect: Dialect,
    /// `None` if the application decides later.
    check: Option<Arc<Check>>,
    presented: Option<Presented>,
    receiver: Receiver,
}

type Check = dyn Fn(Credentials<'_>) -> Step + Send + Sync;

impl Exchange for Server {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        self.presented = None;
        let message = match self.receiver.message(input) {
            Ok(message) => message,
            // Behind a reason for a refusal, too.
            Err(step) => return step,
        };
        match (self.dialect.parse(message), &self.check) {
            (None, _) => Step::refuse(),
            (Some(presented), None) => {
                self.presented = Some(presented);
                Step::Pending
            }
            (Some(presented), Some(check)) => match check(presented.credentials()) {
                Step::Fail(_) => Step::reply(self.dialect.refusal()),
                step => step,
            },
        }
    }

    fn credentials(&self) -> Option<Credentials<'_>> {
        self.presented.as_ref().map(Presented::credentials)
    }
}

fn client(dialect: Dialect, user: &str, token: Option<&str>, port: Option<u16>) -> Mechanism {
    let (user, token) = (Str::from(user), token.map(|token| Bytes::copy_from_slice(token.as_bytes())));
    Mechanism::client(dialect.name(), move || {
        let (user, token) = (user.clone(), token.clone());
        Box::new(Client { dialect, user, host: None, port, token, reason: None, state: State::Start })
    })
}

fn server(dialect: Dialect, check: Option<Arc<Check>>) -> Mechanism {
    Mechanism::server(dialect.name(), move || {
        Box::new(Server { dialect, check: check.clone(), presented: None, receiver: Receiver::new() })
    })
}

impl Mechanism {
    /// Creates XOAUTH2 for a client: a user and an access token of OAuth 2.
    ///
    /// The exchange fails at its start if the user is empty, or the token is not printable ASCII. A server's reason for a
    /// refusal is in the text of the failure. A token longer than a frame needs a larger
    /// [`Limits::max_sasl_frame_size_sent`](crate::Limits::max_sasl_frame_size_sent), and a peer that takes it. Tokens are
    /// secrets that anybody can use: send them over TLS only.
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, sasl::Mechanism};
    ///
    /// let token = Mechanism::xoauth2("someone@example.com", "vF9dft4qmT").protected_only();
    /// let config = ConnectionConfig::client("client").hostname("broker.example").sasl(token);
    /// ```
    pub fn xoauth2(user: impl AsRef<str>, token: impl AsRef<str>) -> Self {
        client(Dialect::XOauth2, user.as_ref(), Some(token.as_ref()), None)
    }

    /// Creates XOAUTH2 for a client whose application gets the token when the server has offered the mechanism.
    ///
    /// `SASL_PENDING` follows, and [`Connection::sasl_supply`](crate::Connection::sasl_supply) takes the token as
    /// [`Supply::Secret`].
    ///
    /// ```
    /// use amqp_proto::{CommandError, Connection, sasl::Supply};
    ///
    /// /// Answers `SASL_PENDING`. The token may come at any later time.
    /// fn answer(client: &mut Connection, token: String) -> Result<(), CommandError> {
    ///     client.sasl_supply(Supply::Secret(token.into()))
    /// }
    /// ```
    pub fn xoauth2_deferred(user: impl AsRef<str>) -> Self {
        client(Dialect::XOauth2, user.as_ref(), None, None)
    }

    /// Creates XOAUTH2 for a server that checks the token at once.
    ///
    /// `verify` returns true to accept the client. Its argument has the user as `authcid` and the token as `secret`. A
    /// client that is refused gets a reason first, as the mechanism has it.
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, sasl::Mechanism};
    ///
    /// # fn is_valid(token: &[u8]) -> Option<&'static str> { Some("someone@example.com") }
    /// let xoauth2 = Mechanism::xoauth2_server(|credentials| {
    ///     credentials.secret.and_then(is_valid).is_some_and(|user| credentials.authcid == Some(user))
    /// });
    /// let config = ConnectionConfig::server("server").sasl(xoauth2.protected_only());
    /// ```
    pub fn xoauth2_server(verify: impl Fn(Credentials<'_>) -> bool + Send + Sync + 'static) -> Self {
        let check = move |credentials: Credentials<'_>| match verify(credentials) {
            true => credentials.accept(),
            false => Step::refuse(),
        };
        server(Dialect::XOauth2, Some(Arc::new(check)))
    }

    /// Creates XOAUTH2 for a server whose application checks the token later.
    ///
    /// The steps are those of [`plain_server_deferred`](Self::plain_server_deferred). An answer of [`Step::reply`] with a
    /// reason, as JSON, is a refusal too: the client acknowledges it, and the outcome follows.
    pub fn xoauth2_server_deferred() -> Self {
        server(Dialect::XOauth2, None)
    }

    /// Creates OAUTHBEARER (RFC 7628) for a client: an access token of OAuth 2, and the user to act as, which may be
    /// empty.
    ///
    /// The message names the host of [`ConnectionConfig::hostname`](crate::ConnectionConfig::hostname), and `port` if
    /// there is one. The rest is as with [`xoauth2`](Self::xoauth2).
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, sasl::Mechanism};
    ///
    /// let token = Mechanism::oauthbearer("someone@example.com", "vF9dft4qmT", 5671).protected_only();
    /// let config = ConnectionConfig::client("client").hostname("broker.example").sasl(token);
    /// ```
    pub fn oauthbearer(user: impl AsRef<str>, token: impl AsRef<str>, port: impl Into<Option<u16>>) -> Self {
        client(Dialect::OauthBearer, user.as_ref(), Some(token.as_ref()), port.into())
    }

    /// Creates OAUTHBEARER for a client whose application gets the token later, as with
    /// [`xoauth2_deferred`](Self::xoauth2_deferred).
    pub fn oauthbearer_deferred(user: impl AsRef<str>, port: impl Into<Option<u16>>) -> Self {
        client(Dialect::OauthBearer, user.as_ref(), None, port.into())
    }

    /// Creates OAUTHBEARER for a server that checks the token at once.
    ///
    /// `verify` returns the identity that the token proves, or `None` to refuse. Its argument has the token as `secret`.
    /// An identity also allows the client to act as [`Credentials::authzid`], so check it too.
    ///
    /// ```
    /// use amqp_proto::{ConnectionConfig, sasl::Mechanism};
    ///
    /// # fn is_valid(token: &[u8]) -> Option<&'static str> { Some("someone@example.com") }
    /// let bearer = Mechanism::oauthbearer_server(|credentials| {
    ///     let user = is_valid(credentials.secret?)?;
    ///     credentials.authzid.is_none_or(|authzid| authzid == user).then(|| user.into())
    /// });
    /// let config = ConnectionConfig::server("server").sasl(bearer.protected_only());
    /// ```
    pub fn oauthbearer_server(
        verify: impl Fn(Credentials<'_>) -> Option<Str> + Send + Sync + 'static,
    ) -> Self {
        let check = move |credentials: Credentials<'_>| {
            verify(credentials).map_or_else(Step::refuse, |identity| credentials.accept_as(identity))
        };
        server(Dialect::OauthBearer, Some(Arc::new(check)))
    }

    /// Creates OAUTHBEARER for a server whose application checks the token later.
    ///
    /// The steps are those of [`xoauth2_server_deferred`](Self::xoauth2_server_deferred); [`Credentials::accept_as`] adds
    /// the identity that the token proves.
    pub fn oauthbearer_server_deferred() -> Self {
        server(Dialect::OauthBearer, None)
    }
}
