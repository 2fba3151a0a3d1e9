//! Redirects (2.8.16, 2.8.18): where the peer wants the client to go instead.

use crate::{
    spec::definitions::{AmqpError, ErrorCondition},
    types::{Fields, Str, Value},
};

/// The content of an error `amqp:connection:redirect` or `amqp:link:redirect`.
///
/// An entry is `None` if the peer left it out or sent it with another type.
///
/// ```
/// use amqp_proto::{Event, extensions::Redirect};
///
/// fn new_host(event: &Event) -> Option<(String, u16)> {
///     let Event::ConnectionError(failure) = event else { return None };
///     let redirect = Redirect::of(&failure.error)?;
///     Some((redirect.network_host?.as_str().to_owned(), redirect.port.unwrap_or(5671)))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redirect {
    /// The hostname for the new open and for SASL and TLS.
    pub hostname: Option<Str>,
    /// The DNS name or IP address to connect to.
    pub network_host: Option<Str>,
    /// The port to connect to.
    pub port: Option<u16>,
    /// The address of the node; of links only.
    pub address: Option<Str>,
    /// The scheme of the transport, such as `amqps` or `wss`; from Azure and Qpid, not in the standard.
    pub scheme: Option<Str>,
    /// The path of a WebSocket; from Qpid, not in the standard.
    pub path: Option<Str>,
}

impl Redirect {
    /// Returns the redirect that an error stands for, or `None` if its condition is another one.
    pub fn of(error: &AmqpError) -> Option<Self> {
        let is_redirect =
            matches!(error.condition, ErrorCondition::ConnectionRedirect | ErrorCondition::LinkRedirect);
        if !is_redirect {
            return None;
        }
        let Some(info) = &error.info else { return Some(Self::default()) };
        Some(Self {
            hostname: text(info, "hostname"),
            network_host: text(info, "network-host"),
            port: info.get("port").and_then(Value::as_i128).and_then(|port| port.try_into().ok()),
            address: text(info, "address"),
            scheme: text(info, "scheme"),
            path: text(info, "path"),
        })
    }
}

fn text(info: &Fields, key: &str) -> Option<Str> {
    match info.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Symbol(text) => Some(text.clone().into()),
        _ => None,
    }
}
