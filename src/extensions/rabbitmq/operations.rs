//! The operations of `/management`, and the bodies of their answers.

use alloc::{format, string::String, vec::Vec};

use bytes::Bytes;

use super::{Method, Request, Response};
use crate::{
    extensions::{
        percent_encode,
        status::{items, texts},
    },
    types::{Map, Str, Value},
};

/// The properties of a queue to be declared.
///
/// ```
/// use amqp_proto::extensions::rabbitmq::QueueDeclaration;
///
/// let work = QueueDeclaration::quorum().argument("x-delivery-limit", 5_i64);
/// let log = QueueDeclaration::stream().argument("x-max-age", "7D");
/// let private = QueueDeclaration::new().exclusive(true).auto_delete(true);
/// assert!(work != log && log != private);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDeclaration {
    durable: bool,
    exclusive: bool,
    auto_delete: bool,
    arguments: Map<Str>,
}

impl Default for QueueDeclaration {
    fn default() -> Self {
        Self { durable: true, exclusive: false, auto_delete: false, arguments: Map::new() }
    }
}

impl QueueDeclaration {
    /// Returns a durable queue of the virtual host's default type.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a durable classic queue.
    pub fn classic() -> Self {
        Self::new().argument("x-queue-type", "classic")
    }

    /// Returns a quorum queue.
    pub fn quorum() -> Self {
        Self::new().argument("x-queue-type", "quorum")
    }

    /// Returns a stream.
    pub fn stream() -> Self {
        Self::new().argument("x-queue-type", "stream")
    }

    /// Sets whether the queue survives a restart of the broker. Default true.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Sets whether the queue belongs to this connection, and ends with it. Default false.
    #[must_use]
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Sets whether the queue is deleted with its last receiver. Default false.
    #[must_use]
    pub fn auto_delete(mut self, auto_delete: bool) -> Self {
        self.auto_delete = auto_delete;
        self
    }

    /// Sets an argument, such as `x-max-length`.
    #[must_use]
    pub fn argument(mut self, name: impl Into<Str>, value: impl Into<Value>) -> Self {
        self.arguments.insert(name, value);
        self
    }

    fn to_map(&self) -> Map<Str> {
        Map::new()
            .with("durable", self.durable)
            .with("exclusive", self.exclusive)
            .with("auto_delete", self.auto_delete)
            .with("arguments", self.arguments.clone())
    }
}

/// The properties of an exchange to be declared.
///
/// ```
/// use amqp_proto::extensions::rabbitmq::{ExchangeDeclaration, Request};
///
/// let topic = ExchangeDeclaration::new("topic").internal(true);
/// assert_eq!(Request::declare_exchange("orders", &topic).path(), "/exchanges/orders");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeDeclaration {
    kind: Str,
    durable: bool,
    auto_delete: bool,
    internal: bool,
    arguments: Map<Str>,
}

impl ExchangeDeclaration {
    /// Returns a durable exchange of a type: `direct`, `fanout`, `topic`, `headers` or one of a plugin.
    pub fn new(kind: impl Into<Str>) -> Self {
        Self { kind: kind.into(), durable: true, auto_delete: false, internal: false, arguments: Map::new() }
    }

    /// Sets whether the exchange survives a restart of the broker. Default true.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Sets whether the exchange is deleted with its last binding. Default false.
    #[must_use]
    pub fn auto_delete(mut self, auto_delete: bool) -> Self {
        self.auto_delete = auto_delete;
        self
    }

    /// Sets whether only other exchanges may send to it. Default false.
    #[must_use]
    pub fn internal(mut self, internal: bool) -> Self {
        self.internal = internal;
        self
    }

    /// Sets an argument, such as `alternate-exchange`.
    #[must_use]
    pub fn argument(mut self, name: impl Into<Str>, value: impl Into<Value>) -> Self {
        self.arguments.insert(name, value);
        self
    }

    fn to_map(&self) -> Map<Str> {
        Map::new()
            .with("type", self.kind.clone())
            .with("durable", self.durable)
            .with("auto_delete", self.auto_delete)
            .with("internal", self.internal)
            .with("arguments", self.arguments.clone())
    }
}

/// A binding of an exchange to a queue or to another exchange.
///
/// ```
/// use amqp_proto::extensions::rabbitmq::{Binding, Request};
///
/// let binding = Binding::of_queue("e1", "q2", "my-key");
/// let path = Request::unbind(&binding).map(|request| request.path().to_owned());
/// assert_eq!(path.as_deref(), Some("/bindings/src=e1;dstq=q2;key=my-key;args="));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Binding {
    /// The exchange that messages come from.
    pub source: Str,
    /// The queue or exchange that they go to.
    pub destination: Str,
    /// True if the destination is a queue.
    pub to_queue: bool,
    /// The binding key.
    pub key: Str,
    /// The arguments, which an exchange of type headers compares.
    pub arguments: Map<Str>,
    /// The path of the binding, in an answer to [`Request::bindings`].
    pub location: Option<Str>,
}

impl Binding {
    /// Returns the binding of a queue.
    pub fn of_queue(exchange: impl Into<Str>, queue: impl Into<Str>, key: impl Into<Str>) -> Self {
        Self {
            source: exchange.into(),
            destination: queue.into(),
            to_queue: true,
            key: key.into(),
            arguments: Map::new(),
            location: None,
        }
    }

    /// Returns the binding of an exchange that gets the messages of another one.
    pub fn of_exchange(source: impl Into<Str>, exchange: impl Into<Str>, key: impl Into<Str>) -> Self {
        Self { to_queue: false, ..Self::of_queue(source, exchange, key) }
    }

    /// Sets an argument, such as `x-match`.
    #[must_use]
    pub fn argument(mut self, name: impl Into<Str>, value: impl Into<Value>) -> Self {
        self.arguments.insert(name, value);
        self
    }

    fn to_map(&self) -> Map<Str> {
        let destination = if self.to_queue { "destination_queue" } else { "destination_exchange" };
        Map::new()
            .with("source", self.source.clone())
            .with(destination, self.destination.clone())
            .with("binding_key", self.key.clone())
            .with("arguments", self.arguments.clone())
    }

    fn read(value: &Value) -> Option<Self> {
        let map = value.as_map()?;
        let text = |key: &str| map.get(key).and_then(Value::as_str).map(Str::from);
        let queue = text("destination_queue");
        Some(Self {
            source: text("source")?,
            to_queue: queue.is_some(),
            destination: queue.or_else(|| text("destination_exchange"))?,
            key: text("binding_key").unwrap_or_default(),
            arguments: arguments(map.get("arguments")),
            location: text("location"),
        })
    }

    /// Returns the parameters that name the binding, joined by `separator`.
    fn parameters(&self, separator: char) -> String {
        let [source, destination, key] =
            [&self.source, &self.destination, &self.key].map(|text| percent_encode(text));
        let kind = if self.to_queue { 'q' } else { 'e' };
        format!("src={source}{separator}dst{kind}={destination}{separator}key={key}")
    }
}

/// Returns the arguments with texts as their keys.
fn arguments(value: Option<&Value>) -> Map<Str> {
    let map = value.and_then(Value::as_map);
    map.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((Str::from(key.as_str()?), value.clone())))
        .collect()
}

/// The operations.
impl Request {
    /// Asks for the properties of a queue. The answer has a [`QueueInfo`].
    ///
    /// ```
    /// use amqp_proto::extensions::rabbitmq::Request;
    ///
    /// assert_eq!(Request::get_queue("a b").path(), "/queues/a%20b");
    /// ```
    pub fn get_queue(queue: &str) -> Self {
        Self::new(Method::Get, queue_path(queue), Value::Null)
    }

    /// Declares a queue. The status is 201, or 200 if there is one with the same properties, or 409 for other ones.
    pub fn declare_queue(queue: &str, declaration: &QueueDeclaration) -> Self {
        Self::new(Method::Put, queue_path(queue), declaration.to_map())
    }

    /// Deletes a queue. The answer has a [message count](Response::message_count), also if there was no queue.
    pub fn delete_queue(queue: &str) -> Self {
        Self::new(Method::Delete, queue_path(queue), Value::Null)
    }

    /// Removes all messages of a queue. The answer has a [message count](Response::message_count).
    pub fn purge_queue(queue: &str) -> Self {
        Self::new(Method::Delete, format!("{}/messages", queue_path(queue)), Value::Null)
    }

    /// Declares an exchange. The status is 204, or 409 if there is one with other properties.
    pub fn declare_exchange(exchange: &str, declaration: &ExchangeDeclaration) -> Self {
        Self::new(Method::Put, exchange_path(exchange), declaration.to_map())
    }

    /// Deletes an exchange. The status is 204.
    pub fn delete_exchange(exchange: &str) -> Self {
        Self::new(Method::Delete, exchange_path(exchange), Value::Null)
    }

    /// Adds a binding. The status is 204.
    pub fn bind(binding: &Binding) -> Self {
        Self::new(Method::Post, "/bindings", binding.to_map())
    }

    /// Asks for the bindings with the source, destination and key of this one, whatever their arguments.
    ///
    /// ```
    /// use amqp_proto::extensions::rabbitmq::{Binding, Request};
    ///
    /// let binding = Binding::of_exchange("e1", "e2", "");
    /// assert_eq!(Request::bindings(&binding).path(), "/bindings?src=e1&dste=e2&key=");
    /// ```
    pub fn bindings(binding: &Binding) -> Self {
        Self::new(Method::Get, format!("/bindings?{}", binding.parameters('&')), Value::Null)
    }

    /// Removes a binding. Returns `None` if it has arguments and no location.
    ///
    /// RabbitMQ names such a binding by a hash of its own. Ask for [`bindings`](Self::bindings) first, and pass one of
    /// those [answered](Response::bindings).
    pub fn unbind(binding: &Binding) -> Option<Self> {
        let path = match &binding.location {
            Some(location) => location.as_str().into(),
            None if binding.arguments.is_empty() => format!("/bindings/{};args=", binding.parameters(';')),
            None => return None,
        };
        Some(Self::new(Method::Delete, path, Value::Null))
    }

    /// Replaces the token of OAuth 2 that the connection logged in with, from RabbitMQ 4.1 on. The status is 204.
    ///
    /// The first token is the password of SASL PLAIN.
    ///
    /// ```
    /// use amqp_proto::extensions::rabbitmq::Request;
    ///
    /// let request = Request::set_token("eyJhbGciOi...".as_bytes().to_vec());
    /// assert_eq!(request.path(), "/auth/tokens");
    /// assert!(!format!("{request:?}").contains("eyJ"));
    /// ```
    pub fn set_token(token: impl Into<Bytes>) -> Self {
        Self::with_data(Method::Put, "/auth/tokens", token.into())
    }
}

fn queue_path(queue: &str) -> String {
    format!("/queues/{}", percent_encode(queue))
}

fn exchange_path(exchange: &str) -> String {
    format!("/exchanges/{}", percent_encode(exchange))
}

/// The properties of a queue, as answered by `/management`.
///
/// ```
/// use amqp_proto::{
///     extensions::rabbitmq::Response, message::Message, types::{Map, Str},
/// };
///
/// let body = Map::<Str>::new().with("name", "orders").with("type", "quorum").with("message_count", 7_u64);
/// let response = Response::parse(Message::builder().subject("200").value(body).build())?;
/// assert_eq!(response.queue_info().map(|info| info.message_count), Some(7));
/// # Ok::<(), amqp_proto::extensions::StatusError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueInfo {
    /// The name.
    pub name: Str,
    /// The virtual host.
    pub vhost: Str,
    /// The type: `classic`, `quorum`, `stream` or one of a plugin.
    pub kind: Str,
    /// True if the queue survives a restart of the broker.
    pub durable: bool,
    /// True if the queue belongs to one connection.
    pub exclusive: bool,
    /// True if the queue is deleted with its last receiver.
    pub auto_delete: bool,
    /// The arguments.
    pub arguments: Map<Str>,
    /// The number of messages.
    pub message_count: u64,
    /// The number of receivers.
    pub consumer_count: u32,
    /// The node of the cluster that leads the queue.
    pub leader: Option<Str>,
    /// The nodes of the cluster that have the queue.
    pub replicas: Vec<Str>,
}

/// The bodies of answers.
impl Response {
    /// Reads the properties of a queue. Those that are missing have their defaults; without a name it returns `None`.
    pub fn queue_info(&self) -> Option<QueueInfo> {
        let text = |key| self.entry(key).and_then(Value::as_str).map(Str::from);
        let flag = |key| self.entry(key).and_then(Value::as_bool).unwrap_or_default();
        Some(QueueInfo {
            name: text("name")?,
            vhost: text("vhost").unwrap_or_default(),
            kind: text("type").unwrap_or_default(),
            durable: flag("durable"),
            exclusive: flag("exclusive"),
            auto_delete: flag("auto_delete"),
            arguments: arguments(self.entry("arguments")),
            message_count: self.message_count().unwrap_or_default(),
            consumer_count: self.count("consumer_count").unwrap_or_default(),
            leader: text("leader"),
            replicas: self.entry("replicas").map(texts).unwrap_or_default(),
        })
    }

    /// Returns the number of messages: those of a queue, or those that were removed with it or from it.
    ///
    /// ```
    /// use amqp_proto::{extensions::rabbitmq::Response, message::Message, types::{Map, Str}};
    ///
    /// let body = Map::<Str>::new().with("message_count", 7_u64);
    /// let response = Response::parse(Message::builder().subject("200").value(body).build())?;
    /// assert_eq!(response.message_count(), Some(7));
    /// # Ok::<(), amqp_proto::extensions::StatusError>(())
    /// ```
    pub fn message_count(&self) -> Option<u64> {
        self.count("message_count")
    }

    fn count<T: TryFrom<i128>>(&self, key: &str) -> Option<T> {
        self.entry(key)?.as_i128()?.try_into().ok()
    }

    /// Reads the bindings of an answer. It leaves out those without a source or a destination.
    ///
    /// ```
    /// use amqp_proto::{extensions::rabbitmq::Response, message::Message, types::{Map, Str, Value}};
    ///
    /// let binding = Map::<Str>::new().with("source", "e1").with("destination_queue", "q2");
    /// let body = Value::List(vec![binding.into()]);
    /// let response = Response::parse(Message::builder().subject("200").value(body).build())?;
    /// assert_eq!(response.bindings()[0].destination, "q2");
    /// # Ok::<(), amqp_proto::extensions::StatusError>(())
    /// ```
    pub fn bindings(&self) -> Vec<Binding> {
        items(&self.body).unwrap_or_default().iter().filter_map(Binding::read).collect()
    }
}
