//! Service Bus, Event Hubs and IoT Hub: names, addresses, signatures, and what their SDKs write as bytes.
//!
//! Sources: the protocol guide of Service Bus, and the SDKs of Service Bus, Event Hubs and IoT Hub.
//!
//! | to | see |
//! |---|---|
//! | find the address of an entity | [`service_bus`], [`iot_hub`] |
//! | log in | [`cbs`](super::cbs), [`SasToken`] |
//! | receive a session of Service Bus | [`SessionFilter`], [`accepted_session`], [`locked_until`] |
//! | settle a message of Service Bus | [`complete`], [`abandon`], [`defer`], [`dead_letter`] |
//! | receive from a place in a partition of Event Hubs | [`EventPosition`], [`LinkProperties::epoch`] |
//! | send many messages as one | [`batch`] |
//! | read what the service wrote into a message | [`BrokerProperties`], [`DeadLettered`], [`LockToken`] |
//! | renew a lock, peek, schedule, ask for partitions | [`operations`] |

pub mod batch;
mod broker_properties;
pub mod iot_hub;
mod link;
mod lock;
pub mod names;
pub mod operations;
mod outcome;
mod sas;
pub mod service_bus;
mod session;
mod ticks;

pub use super::filters::EventPosition;
pub use broker_properties::{BrokerProperties, MessageState, schedule_at, with_partition_key};
pub use link::{EntityType, LinkProperties};
pub use lock::LockToken;
pub use outcome::{DeadLettered, abandon, complete, dead_letter, defer};
pub use sas::SasToken;
pub use session::{SessionFilter, accepted_session, locked_until};
pub use ticks::{ticks_from_timestamp, timestamp_from_ticks};
