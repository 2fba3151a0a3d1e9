//! A token, as a request to put it.

use alloc::string::String;
use core::{fmt, time::Duration};

use super::CbsForm;
use crate::{
    message::{Message, MessageBuilder, MessageError, ValueBody},
    types::{Str, Timestamp},
};

/// A token for an audience.
///
/// `Debug` does not show its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    audience: Str,
    kind: Str,
    text: Str,
    expires: Option<Timestamp>,
    lifetime: Option<Duration>,
}

impl Token {
    /// The kind of a JSON Web Token.
    pub const JWT: &'static str = "jwt";
    /// The kind of a shared access signature of Azure.
    pub const SAS: &'static str = "servicebus.windows.net:sastoken";
    /// The kind of a Simple Web Token.
    pub const SWT: &'static str = "amqp:swt";

    /// Returns a token of a kind, such as [`JWT`](Self::JWT).
    ///
    /// The audience is the resource that it opens, such as `amqps://HOST/QUEUE` at Service Bus and `HOST/devices/ID` at
    /// IoT Hub. A set-token does not carry it, but renewals and events are by audience there too.
    pub fn new(audience: impl Into<Str>, kind: impl Into<Str>, text: impl Into<Str>) -> Self {
        Self {
            audience: audience.into(),
            kind: kind.into(),
            text: text.into(),
            expires: None,
            lifetime: None,
        }
    }

    /// Returns a JSON Web Token.
    pub fn jwt(audience: impl Into<Str>, text: impl Into<Str>) -> Self {
        Self::new(audience, Self::JWT, text)
    }

    /// Returns a shared access signature: see [`SasToken`](crate::extensions::azure::SasToken).
    pub fn sas(audience: impl Into<Str>, text: impl Into<Str>) -> Self {
        Self::new(audience, Self::SAS, text)
    }

    /// Sets the time of expiry that the peer reads, by the wall clock. Only a put-token carries it.
    #[must_use]
    pub const fn expires(mut self, expires: Timestamp) -> Self {
        self.expires = Some(expires);
        self
    }

    /// Sets how long the token is still good for. Without it no renewal is asked for.
    #[must_use]
    pub const fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Returns the resource that the token opens. It is empty if it arrived in a set-token.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Returns the kind, such as [`JWT`](Self::JWT).
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the token itself, a secret.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the time of expiry by the wall clock, if it is known.
    pub const fn expiry(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Returns the request that puts the token. The message shows it, in `Debug` too.
    pub fn to_message(&self, form: CbsForm) -> MessageBuilder<ValueBody> {
        match form {
            CbsForm::PutToken => {
                let request = Message::builder()
                    .application_property(OPERATION, PUT_TOKEN)
                    .application_property(TYPE, &self.kind)
                    .application_property(NAME, &self.audience);
                let request = match self.expires {
                    Some(expires) => request.application_property(EXPIRATION, expires),
                    None => request,
                };
                request.value(&self.text)
            }
            CbsForm::SetToken => Message::builder()
                .subject(SET_TOKEN)
                .application_property(TOKEN_TYPE, &self.kind)
                .value(&self.text),
        }
    }

    /// Reads a request that puts a token: the server's half. Returns `None` if it is another request.
    ///
    /// A put-token is answered by [`Status::reply`](crate::extensions::Status::reply), a set-token by its outcome. The
    /// text of the token can be an amqp-value or data.
    ///
    /// # Errors
    /// [`MessageError`] if the message is malformed.
    pub fn parse(request: &Message) -> Result<Option<(CbsForm, Self)>, MessageError> {
        request.validate()?;
        let property = |name| {
            let value = request.application_property(name)?;
            Ok::<_, MessageError>(value.and_then(|value| value.as_str().map(Str::from)))
        };
        let (form, kind, audience) = if property(OPERATION)?.is_some_and(|operation| operation == PUT_TOKEN) {
            (CbsForm::PutToken, property(TYPE)?, property(NAME)?)
        } else if request.subject()?.is_some_and(|subject| subject == SET_TOKEN) {
            (CbsForm::SetToken, property(TOKEN_TYPE)?, Some(Str::empty()))
        } else {
            return Ok(None);
        };
        let data = || String::from_utf8(request.body_as::<alloc::vec::Vec<u8>>().ok()?).ok();
        let text = request.body_as::<String>().ok().or_else(data);
        let (Some(kind), Some(audience), Some(text)) = (kind, audience, text) else { return Ok(None) };
        let mut token = Self::new(audience, kind, text);
        token.expires = request.application_property(EXPIRATION)?.and_then(|expires| expires.as_timestamp());
        Ok(Some((form, token)))
    }

    pub(super) const fn audience_str(&self) -> &Str {
        &self.audience
    }

    pub(super) const fn lifetime_duration(&self) -> Option<Duration> {
        self.lifetime
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("audience", &self.audience)
            .field("kind", &self.kind)
            .field("expires", &self.expires)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

const OPERATION: &str = "operation";
const PUT_TOKEN: &str = "put-token";
const TYPE: &str = "type";
const NAME: &str = "name";
const EXPIRATION: &str = "expiration";
const SET_TOKEN: &str = "set-token";
const TOKEN_TYPE: &str = "token-type";
