//! The URL of a broker, split into its parts.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::{fmt, str::FromStr};

use thiserror::Error;

use crate::spec::definitions::{PORT, SECURE_PORT};

/// The part of a URL that is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The scheme is neither `amqp` nor `amqps`.
    #[error("the URL does not start with amqp:// or amqps://")]
    Scheme,
    /// The host is missing, or contains characters that no host name has.
    #[error("the URL has no valid host")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the URL's port is not a number from 1 to 65535")]
    Port,
    /// A `%` is not followed by two hexadecimal digits, or the escaped bytes are not UTF-8.
    #[error("the URL has a broken % escape")]
    Escape,
}

/// The network address of a broker, and the security that its URL asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// A host name or an IP address; an IPv6 address has no brackets.
    pub host: String,
    /// The TCP port. A URL without one means 5672, or 5671 with TLS (2.8.19).
    pub port: u16,
    /// True if the scheme was `amqps`: the transport must use TLS.
    pub tls: bool,
}

/// A broker's URL, `amqp[s]://[user:password@]host[:port][/path]`, with its `%` escapes resolved.
///
/// ```
/// use amqp_proto::callback::Url;
/// # fn main() -> Result<(), amqp_proto::callback::UrlError> {
/// let url = Url::parse("amqps://guest:p%40ss@broker.example/queue")?;
/// assert_eq!((url.server.host.as_str(), url.server.port, url.server.tls), ("broker.example", 5671, true));
/// assert_eq!(url.credentials, Some(("guest".into(), "p@ss".into())));
/// assert_eq!(url.path.as_deref(), Some("queue"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Host, port, and whether to use TLS.
    pub server: ServerAddress,
    /// User name and password. The password is empty if the URL has a user name only.
    pub credentials: Option<(String, String)>,
    /// The text after the slash that follows the host. An [`Agent`](super::Agent) ignores it: each link is opened
    /// with an address of its own.
    pub path: Option<String>,
}

impl fmt::Debug for Url {
    /// Omits the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url")
            .field("server", &self.server)
            .field("user", &self.credentials.as_ref().map(|(user, _)| user))
            .field("path", &self.path)
            .finish()
    }
}

impl Url {
    /// Splits a URL into its parts. The scheme may be in capitals.
    ///
    /// # Errors
    /// [`UrlError`] names the first part that is invalid.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let tls = match scheme {
            _ if scheme.eq_ignore_ascii_case("amqp") => false,
            _ if scheme.eq_ignore_ascii_case("amqps") => true,
            _ => return Err(UrlError::Scheme),
        };
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, Some(path)),
            None => (rest, None),
        };
        // RFC 3986 has `@` escaped in a password. Passwords with a plain one are common, and still unambiguous.
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let credentials = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((user, password)) => Some((unescape(user)?, unescape(password)?)),
            None => None,
        };
        let path = path.filter(|path| !path.is_empty()).map(unescape).transpose()?;
        Ok(Self { server: parse_server(host, tls)?, credentials, path })
    }
}

impl FromStr for Url {
    type Err = UrlError;

    /// Does the same as [`Url::parse`].
    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

/// Parses `host[:port]`, with an IPv6 address in brackets.
fn parse_server(text: &str, tls: bool) -> Result<ServerAddress, UrlError> {
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or(UrlError::Host)?;
        if !host.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')) {
            return Err(UrlError::Host);
        }
        (host, if rest.is_empty() { "" } else { rest.strip_prefix(':').ok_or(UrlError::Host)? })
    } else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')) {
            return Err(UrlError::Host);
        }
        (host, port)
    };
    if host.is_empty() {
        return Err(UrlError::Host);
    }
    let default = if tls { SECURE_PORT } else { PORT };
    let port = match port {
        "" => default,
        // `u16::from_str` would also accept a sign.
        _ if !port.bytes().all(|byte| byte.is_ascii_digit()) => return Err(UrlError::Port),
        _ => port.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?,
    };
    Ok(ServerAddress { host: host.to_owned(), port, tls })
}

/// Resolves `%` escapes (RFC 3986, 2.1).
fn unescape(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex_digit(rest.next())?.wrapping_shl(4) | hex_digit(rest.next())?,
            _ => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Escape)
}

fn hex_digit(byte: Option<u8>) -> Result<u8, UrlError> {
    let value =
        byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|value| u8::try_from(value).ok());
    value.ok_or(UrlError::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn server(text: &str) -> (String, u16, bool) {
        let ServerAddress { host, port, tls } = Url::parse(text).unwrap().server;
        (host, port, tls)
    }

    #[test]
    fn port_not_given_is_that_of_the_scheme() {
        assert_eq!(server("amqp://a.example"), ("a.example".into(), 5672, false));
        assert_eq!(server("AMQPS://a.example/q"), ("a.example".into(), 5671, true));
        assert_eq!(server("amqps://a.example:65535"), ("a.example".into(), 65535, true));
        assert_eq!(server("amqp://[::1]:1/q"), ("::1".into(), 1, false));
        assert_eq!(server("amqp://[::1]"), ("::1".into(), 5672, false));
        assert_eq!(server("amqp://127.0.0.1:"), ("127.0.0.1".into(), 5672, false));
    }

    #[test]
    fn escaped_credentials_and_path_are_resolved() {
        let url = Url::parse("amqp://us%3Aer:p@ss%25:w@h/a%2fb/c").unwrap();
        assert_eq!(url.credentials, Some(("us:er".into(), "p@ss%:w".into())));
        assert_eq!((url.server.host.as_str(), url.path.as_deref()), ("h", Some("a/b/c")));
        assert_eq!(Url::parse("amqp://u@h").unwrap().credentials, Some(("u".into(), String::new())));
        assert_eq!(Url::parse("amqp://h/").unwrap().path, None);
        assert_eq!("amqp://h".parse(), Url::parse("amqp://h"));
    }

    #[test]
    fn debug_of_a_url_omits_the_password() {
        let url = Url::parse("amqp://user:p%40ssword@h/queue").unwrap();
        let shown = format!("{url:?}");
        assert!(shown.contains("user") && shown.contains("queue") && !shown.contains("p@ssword"), "{shown}");
    }

    #[test]
    fn invalid_url_is_refused_with_the_part_that_is_wrong() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("broker.example:5672", UrlError::Scheme),
            ("http://h", UrlError::Scheme),
            ("amqp://", UrlError::Host),
            ("amqp://:5672", UrlError::Host),
            ("amqp://u:p@/q", UrlError::Host),
            ("amqp://a b", UrlError::Host),
            ("amqp://[::1", UrlError::Host),
            ("amqp://[::1]5", UrlError::Host),
            ("amqp://[h]", UrlError::Host),
            ("amqp://h?x", UrlError::Host),
            ("amqp://h:0", UrlError::Port),
            ("amqp://h:+80", UrlError::Port),
            ("amqp://h:65536", UrlError::Port),
            ("amqp://h:1:2", UrlError::Port),
            ("amqp://u%4:p@h", UrlError::Escape),
            ("amqp://u:%gg@h", UrlError::Escape),
            ("amqp://h/%ff", UrlError::Escape),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }
}
