//! Properties of a link to Service Bus or Event Hubs.
//!
//! Sources: the SDKs of Service Bus and Event Hubs.

use core::time::Duration;

use super::names;
use crate::types::{Fields, Str};

/// The type of the entity that a link is to.
///
/// ```
/// use amqp_proto::extensions::azure::EntityType;
///
/// assert_eq!(EntityType::ConsumerGroup.code(), 8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntityType {
    /// A queue of Service Bus.
    Queue,
    /// A topic of Service Bus.
    Topic,
    /// A subscription of a topic.
    Subscription,
    /// An event hub.
    EventHub,
    /// A group of consumers of an event hub.
    ConsumerGroup,
    /// A partition of an event hub.
    Partition,
}

impl EntityType {
    /// Returns the number on the wire.
    pub const fn code(self) -> i32 {
        match self {
            Self::Queue => 0,
            Self::Topic => 1,
            Self::Subscription => 2,
            Self::EventHub => 7,
            Self::ConsumerGroup => 8,
            Self::Partition => 9,
        }
    }
}

/// The properties of a link.
///
/// ```
/// use amqp_proto::{ReceiverConfig, extensions::azure::{LinkProperties, service_bus::consumer}};
///
/// let properties = LinkProperties::new().epoch(7).receiver_name("reader-3");
/// let config = ReceiverConfig::from(consumer("hub", "$Default", "0")).properties(properties.into());
/// # assert!(format!("{config:?}").contains("reader-3"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkProperties(Fields);

impl LinkProperties {
    /// Returns no properties.
    pub const fn new() -> Self {
        Self(Fields::new())
    }

    /// Limits how long the service may take for an operation, such as the wait for the next free session.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self(self.0.with(names::TIMEOUT, u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)))
    }

    /// Sets the epoch of an Event Hubs receiver, from 0 on. A receiver takes the partition from those with a lower one,
    /// whose links end with `amqp:link:stolen`.
    #[must_use]
    pub fn epoch(self, epoch: i64) -> Self {
        Self(self.0.with(names::EPOCH, epoch))
    }

    /// Sets the name of an Event Hubs receiver, for errors of the service.
    #[must_use]
    pub fn receiver_name(self, name: impl Into<Str>) -> Self {
        Self(self.0.with(names::RECEIVER_NAME, name.into()))
    }

    /// Sets the type of the entity.
    #[must_use]
    pub fn entity_type(self, entity_type: EntityType) -> Self {
        Self(self.0.with(names::ENTITY_TYPE, entity_type.code()))
    }

    /// Sets the entity that a sender's messages go to through the link's own, in one transaction.
    #[must_use]
    pub fn transfer_destination(self, address: impl Into<Str>) -> Self {
        Self(self.0.with(names::TRANSFER_DESTINATION_ADDRESS, address.into()))
    }
}

impl From<LinkProperties> for Fields {
    fn from(properties: LinkProperties) -> Self {
        properties.0
    }
}
