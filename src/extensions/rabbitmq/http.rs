//! Requests and answers of HTTP over AMQP (working draft 06), in the form that RabbitMQ uses.

use alloc::string::String;
use core::fmt;

use bytes::Bytes;

use crate::{
    extensions::{StatusError, status::parse_answer},
    frame::Payload,
    message::{DataBody, Message, MessageBuilder, MessageError, ValueBody},
    types::{Str, Value},
};

/// The method of a [`Request`]: the subject of its message.
///
/// ```
/// use amqp_proto::extensions::rabbitmq::Method;
///
/// assert_eq!(Method::Delete.name(), "DELETE");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Asks for what there is.
    Get,
    /// Declares something under a name.
    Put,
    /// Adds something without a name.
    Post,
    /// Removes something.
    Delete,
}

impl Method {
    /// Returns the name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// A request to the node `/management`.
///
/// `Debug` does not show the body, which may be a token.
///
/// ```
/// use amqp_proto::{extensions::rabbitmq::{Method, Request}, types::Value};
///
/// let request = Request::new(Method::Get, "/queues/orders", Value::Null);
/// assert_eq!(request, Request::get_queue("orders"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    method: Method,
    path: String,
    body: RequestBody,
}

#[derive(Clone, PartialEq, Eq)]
enum RequestBody {
    Value(Value),
    Data(Bytes),
}

/// The message of a request, by the kind of its body.
pub(super) enum RequestMessage {
    Value(MessageBuilder<ValueBody>),
    Data(MessageBuilder<DataBody>),
}

impl Request {
    /// Returns any request with an amqp-value as its body. The names in its path are percent-encoded by the caller.
    pub fn new(method: Method, path: impl Into<String>, body: impl Into<Value>) -> Self {
        Self { method, path: path.into(), body: RequestBody::Value(body.into()) }
    }

    /// Returns a request with a data section as its body.
    pub(super) fn with_data(method: Method, path: impl Into<String>, body: Bytes) -> Self {
        Self { method, path: path.into(), body: RequestBody::Data(body) }
    }

    /// Returns the method.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// Returns the path with its query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the message, which still needs a message-id and a `reply-to`.
    pub(super) fn message(&self) -> RequestMessage {
        let message = Message::builder().to(&self.path).subject(self.method.name());
        match &self.body {
            RequestBody::Value(value) => RequestMessage::Value(message.value(value)),
            RequestBody::Data(bytes) => RequestMessage::Data(message.data(bytes.clone())),
        }
    }

    /// Returns the encoded message, without a message-id and a `reply-to`.
    ///
    /// ```
    /// use amqp_proto::{extensions::rabbitmq::Request, message::Message};
    ///
    /// let message = Message::try_from(Request::purge_queue("orders").to_payload())?;
    /// assert_eq!(message.properties()?.and_then(|properties| properties.subject), Some("DELETE".into()));
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    pub fn to_payload(&self) -> Payload {
        match self.message() {
            RequestMessage::Value(message) => message.build(),
            RequestMessage::Data(message) => message.build(),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The answer to a [`Request`].
///
/// ```
/// use amqp_proto::{extensions::rabbitmq::Response, message::Message};
///
/// let answer = Message::builder().subject("404").value("no queue 'orders' in vhost '/'");
/// let response = Response::parse(answer.build())?;
/// assert_eq!(response.status, 404);
/// assert_eq!(response.explanation(), Some("no queue 'orders' in vhost '/'"));
/// # Ok::<(), amqp_proto::extensions::StatusError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status, with the meaning that it has in HTTP: 200, 201 and 204 for success.
    pub status: u16,
    /// The version of HTTP, from the application-property `http:response`. RabbitMQ writes `1.1`.
    pub version: Option<Str>,
    /// The body: a map, a list, a text that explains an error, or null.
    pub body: Value,
}

impl Response {
    /// Reads an answer. Its body may be missing.
    ///
    /// # Errors
    /// [`StatusError`] if the message is malformed, or if its subject is not a status.
    pub fn parse(payload: Payload) -> Result<Self, StatusError> {
        let message = parse_answer(payload)?;
        message.validate()?;
        let properties = message.properties()?.unwrap_or_default();
        let status = properties.subject.and_then(|status| status.parse().ok());
        let status = status.filter(|status| matches!(status, 100..=599)).ok_or(StatusError::NoCode)?;
        Ok(Self { status, version: version(&message)?, body: message.body_as::<Value>().unwrap_or_default() })
    }

    /// True if the request was carried out: 200 to 299.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// Returns the text of an error.
    pub fn explanation(&self) -> Option<&str> {
        if self.is_success() { None } else { self.body.as_str() }
    }

    /// Returns the entry of a map with this key.
    pub(super) fn entry(&self, key: &str) -> Option<&Value> {
        self.body.as_map()?.get(key)
    }
}

fn version(message: &Message) -> Result<Option<Str>, MessageError> {
    let version = message.application_property("http:response")?;
    Ok(version.and_then(|version| version.as_str().map(Str::from)))
}
