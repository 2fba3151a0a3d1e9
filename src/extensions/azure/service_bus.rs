//! Addresses of Service Bus and Event Hubs.
//!
//! Sources: the protocol guide of Service Bus; the SDKs of Event Hubs.
//!
#![doc = include_str!("../../../docs/service_bus.md")]

use alloc::{format, string::String};

/// Returns the audience of a token for an entity: `amqps://HOST/ENTITY`.
///
/// ```
/// use amqp_proto::extensions::azure::service_bus::audience;
/// assert_eq!(audience("ns.servicebus.windows.net", "orders"), "amqps://ns.servicebus.windows.net/orders");
/// ```
pub fn audience(host: &str, entity: &str) -> String {
    format!("amqps://{host}/{entity}")
}

/// Returns the address of a topic's subscription.
pub fn subscription(topic: &str, subscription: &str) -> String {
    format!("{topic}/Subscriptions/{subscription}")
}

/// Returns the address of the dead-letter queue of a queue or subscription.
pub fn dead_letter_queue(entity: &str) -> String {
    format!("{entity}/$DeadLetterQueue")
}

/// Returns the address of the queue for messages that could not be passed on from a queue or subscription.
pub fn transfer_dead_letter_queue(entity: &str) -> String {
    format!("{entity}/$Transfer/$DeadLetterQueue")
}

/// Returns the address of the management node of a queue, topic or subscription.
pub fn management(entity: &str) -> String {
    format!("{entity}/$management")
}

/// Returns the address to send events to one partition of an event hub.
pub fn partition(hub: &str, partition: &str) -> String {
    format!("{hub}/Partitions/{partition}")
}

/// Returns the address to receive the events of one partition from, for a group of consumers such as `$Default`.
pub fn consumer(hub: &str, group: &str, partition: &str) -> String {
    format!("{hub}/ConsumerGroups/{group}/Partitions/{partition}")
}

/// Returns the entity in an address: Azure's clients also use URLs such as `amqps://HOST:5671/ENTITY`.
///
/// ```
/// use amqp_proto::extensions::azure::service_bus::entity_of;
/// assert_eq!(entity_of("amqps://127.0.0.1:5671/orders/$management"), "orders/$management");
/// assert_eq!(entity_of("orders/$management"), "orders/$management");
/// ```
pub fn entity_of(address: &str) -> &str {
    match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => address,
    }
}
