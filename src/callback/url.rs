//! The address of a broker, as a URL.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;

use thiserror::Error;

use crate::spec::definitions::{PORT, SECURE_PORT};

/// Why a URL is not one of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It does not start with a scheme that is known.
    #[error("the URL does not start with amqp:// or amqps://")]
    Scheme,
    /// There is no host, or it has characters that no host name has.
    #[error("the URL has no valid host")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("the URL's port is not a number from 1 to 65535")]
    Port,
    /// A `%` is not followed by two hexadecimal digits, or what is spelled so is not UTF-8.
    #[error("the URL has a broken % escape")]
    Escape,
}

/// Where the transport of a connection is to lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A host name or an IP address, the latter without brackets.
    pub host: String,
    /// The TCP port; 5672, or with TLS 5671, where the URL has none (2.8.19).
    pub port: u16,
    /// Whether the scheme was `amqps`: the octets are to go through TLS.
    pub tls: bool,
}

/// `amqp[s]://[user:password@]host[:port][/path]`, its `%` escapes resolved.
///
/// ```
/// use amqp_proto::callback::Url;
/// let url = Url::parse("amqps://guest:p%40ss@broker.example/queue").unwrap();
/// assert_eq!((url.endpoint.host.as_str(), url.endpoint.port, url.endpoint.tls), ("broker.example", 5671, true));
/// assert_eq!(url.credentials, Some(("guest".into(), "p@ss".into())));
/// assert_eq!(url.path.as_deref(), Some("queue"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    /// Host, port and whether TLS is wanted.
    pub endpoint: Endpoint,
    /// User name and password; the latter is empty where the URL has only the former.
    pub credentials: Option<(String, String)>,
    /// What follows the slash after the host. An agent takes the paths of links one by one and has no use for it.
    pub path: Option<String>,
}

impl fmt::Debug for Url {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Url")
            .field("endpoint", &self.endpoint)
            .field("user", &self.credentials.as_ref().map(|(user, _)| user))
            .field("path", &self.path)
            .finish()
    }
}

impl Url {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// [`UrlError`] says which part is wrong.
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
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let credentials = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
            Some((user, password)) => Some((unescape(user)?, unescape(password)?)),
            None => None,
        };
        let path = path.filter(|path| !path.is_empty()).map(unescape).transpose()?;
        Ok(Self { endpoint: endpoint(host, tls)?, credentials, path })
    }
}

fn endpoint(text: &str, tls: bool) -> Result<Endpoint, UrlError> {
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or(UrlError::Host)?;
        if !host.bytes().all(|c| c.is_ascii_hexdigit() || matches!(c, b':' | b'.')) {
            return Err(UrlError::Host);
        }
        (host, if rest.is_empty() { "" } else { rest.strip_prefix(':').ok_or(UrlError::Host)? })
    } else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        if !host.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_')) {
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
        // `parse` would also take a sign.
        _ if !port.bytes().all(|c| c.is_ascii_digit()) => return Err(UrlError::Port),
        _ => port.parse().ok().filter(|port| *port != 0).ok_or(UrlError::Port)?,
    };
    Ok(Endpoint { host: host.to_owned(), port, tls })
}

/// Resolves `%` escapes (RFC 3986, 2.1).
fn unescape(text: &str) -> Result<String, UrlError> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'%' => digit(rest.next())?.wrapping_shl(4) | digit(rest.next())?,
            _ => octet,
        });
    }
    String::from_utf8(octets).map_err(|_| UrlError::Escape)
}

fn digit(octet: Option<u8>) -> Result<u8, UrlError> {
    let value =
        octet.and_then(|octet| char::from(octet).to_digit(16)).and_then(|value| u8::try_from(value).ok());
    value.ok_or(UrlError::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn parts(text: &str) -> (String, u16, bool) {
        let Endpoint { host, port, tls } = Url::parse(text).unwrap().endpoint;
        (host, port, tls)
    }

    #[test]
    fn ports_follow_the_scheme_unless_given() {
        assert_eq!(parts("amqp://a.example"), ("a.example".into(), 5672, false));
        assert_eq!(parts("AMQPS://a.example/q"), ("a.example".into(), 5671, true));
        assert_eq!(parts("amqps://a.example:65535"), ("a.example".into(), 65535, true));
        assert_eq!(parts("amqp://[::1]:1/q"), ("::1".into(), 1, false));
        assert_eq!(parts("amqp://[::1]"), ("::1".into(), 5672, false));
        assert_eq!(parts("amqp://127.0.0.1:"), ("127.0.0.1".into(), 5672, false));
    }

    #[test]
    fn credentials_and_path_are_unescaped() {
        let url = Url::parse("amqp://us%3Aer:p@ss%25:w@h/a%2fb/c").unwrap();
        assert_eq!(url.credentials, Some(("us:er".into(), "p@ss%:w".into())));
        assert_eq!((url.endpoint.host.as_str(), url.path.as_deref()), ("h", Some("a/b/c")));
        assert_eq!(Url::parse("amqp://u@h").unwrap().credentials, Some(("u".into(), String::new())));
        assert_eq!(Url::parse("amqp://h/").unwrap().path, None);
        assert!(!format!("{url:?}").contains("ss%"), "the password shows");
    }

    #[test]
    fn what_is_wrong_is_said() {
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
