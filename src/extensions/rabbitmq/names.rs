//! Names of properties, annotations and capabilities.

use crate::types::Symbol;

symbols! {
    /// Capability of a source: the node is a queue for direct replies.
    VOLATILE_QUEUE = "rabbitmq:volatile-queue";
    /// Link property of a receiver: its priority among those of the queue, an int.
    PRIORITY = "rabbitmq:priority";
    /// Property of a flow: the receiver is the active one, a boolean.
    ACTIVE = "rabbitmq:active";
    /// Message annotation: the exchange that a message was published to, a string.
    EXCHANGE = "x-exchange";
    /// Message annotation: the routing key of a message, a string.
    ROUTING_KEY = "x-routing-key";
    /// Message annotation: how many times a message was acquired, a ulong.
    ACQUIRED_COUNT = "x-acquired-count";
    /// Message annotation: the place of a message in its stream, a ulong.
    STREAM_OFFSET = "x-stream-offset";
    /// Message annotation of a sender: the value that stream filters compare, a string.
    STREAM_FILTER_VALUE = "x-stream-filter-value";
    /// Annotation of a modified outcome: the time before which a message is not delivered again, a timestamp.
    DELIVERY_TIME = "x-opt-delivery-time";
}
