//! Addresses of RabbitMQ 4, version 2.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

use crate::{extensions::percent_encode, types::Str};

/// An address, version 2: of a source, of a target, and in the properties `to` and `reply-to`.
///
/// Names are percent-encoded on the wire. A source is always a queue. The default exchange has no address: a queue's
/// name stands for it.
///
/// ```
/// use amqp_proto::extensions::rabbitmq::Address;
///
/// assert_eq!(Address::queue("a/b").to_string(), "/queues/a%2Fb");
/// assert_eq!(Address::exchange("amq.fanout").to_string(), "/exchanges/amq.fanout");
/// let address = Address::exchange_key("amq.direct", "my-routing_key/123");
/// assert_eq!(address.to_string(), "/exchanges/amq.direct/my-routing_key%2F123");
/// assert_eq!(Address::parse("/queues/a%2Fb"), Some(Address::queue("a/b")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A queue.
    Queue(Str),
    /// An exchange.
    Exchange {
        /// The name of the exchange.
        exchange: Str,
        /// The routing key, if it is not empty.
        key: Option<Str>,
    },
}

impl Address {
    /// Returns the address of a queue.
    pub fn queue(queue: impl Into<Str>) -> Self {
        Self::Queue(queue.into())
    }

    /// Returns the address of an exchange with the empty routing key, for those of type fanout and headers.
    pub fn exchange(exchange: impl Into<Str>) -> Self {
        Self::Exchange { exchange: exchange.into(), key: None }
    }

    /// Returns the address of an exchange with a routing key.
    pub fn exchange_key(exchange: impl Into<Str>, key: impl Into<Str>) -> Self {
        let key = key.into();
        Self::Exchange { exchange: exchange.into(), key: (!key.is_empty()).then_some(key) }
    }

    /// Reads an address, such as that in a `reply-to`, or returns `None` if it has another form.
    ///
    /// ```
    /// use amqp_proto::extensions::rabbitmq::Address;
    ///
    /// assert_eq!(Address::parse("/exchanges/x/a%20b"), Some(Address::exchange_key("x", "a b")));
    /// assert_eq!(Address::parse("/queue/version-1"), None);
    /// ```
    pub fn parse(address: &str) -> Option<Self> {
        if let Some(queue) = address.strip_prefix("/queues/") {
            return decoded(queue).map(Self::queue);
        }
        let rest = address.strip_prefix("/exchanges/")?;
        match rest.split_once('/') {
            Some((exchange, key)) => Some(Self::exchange_key(decoded(exchange)?, decoded(key)?)),
            None => decoded(rest).map(Self::exchange),
        }
    }
}

impl fmt::Display for Address {
    /// Writes the address in its form on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(queue) => write!(f, "/queues/{}", percent_encode(queue)),
            Self::Exchange { exchange, key } => {
                write!(f, "/exchanges/{}", percent_encode(exchange))?;
                key.as_ref().map_or(Ok(()), |key| write!(f, "/{}", percent_encode(key)))
            }
        }
    }
}

impl From<Address> for Str {
    fn from(address: Address) -> Self {
        format!("{address}").into()
    }
}

/// Returns the hostname for the open that chooses a virtual host.
///
/// ```
/// assert_eq!(amqp_proto::extensions::rabbitmq::vhost("tenant-1"), "vhost:tenant-1");
/// ```
pub fn vhost(name: &str) -> String {
    format!("vhost:{name}")
}

/// Decodes one segment. It is not empty, has no slash, and is UTF-8 when decoded.
fn decoded(segment: &str) -> Option<String> {
    let mut rest = segment.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((&byte, behind)) = rest.split_first() {
        (bytes, rest) = match (byte, behind) {
            (b'%', [high, low, behind @ ..]) => {
                let digit = |digit: &u8| char::from(*digit).to_digit(16);
                let byte = digit(high)?.checked_mul(16)?.checked_add(digit(low)?)?;
                bytes.push(u8::try_from(byte).ok()?);
                (bytes, behind)
            }
            (b'%' | b'/', _) => return None,
            (byte, behind) => {
                bytes.push(byte);
                (bytes, behind)
            }
        };
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}
