//! Operations of Event Hubs: the properties of a hub and of its partitions.

use alloc::vec::Vec;

use super::body_of;
use crate::{
    extensions::{
        management::{Entity, Operation, Response},
        status::texts,
    },
    types::{Str, Timestamp, Value},
};

const NAME: &str = "name";
const PARTITION: &str = "partition";

/// Asks for the properties of an event hub. The answer has [`EventHubProperties`].
///
/// ```
/// use amqp_proto::extensions::azure::{names, operations::read_event_hub};
///
/// let operation = read_event_hub("hub").property(names::SECURITY_TOKEN, "SharedAccessSignature ...");
/// assert_eq!(operation.entity_type(), Some("com.microsoft:eventhub"));
/// ```
pub fn read_event_hub(hub: &str) -> Operation {
    Operation::read("com.microsoft:eventhub", Entity::Name(hub))
}

/// Asks for the properties of a partition. The answer has [`PartitionProperties`].
///
/// ```
/// use amqp_proto::extensions::azure::operations::read_partition;
///
/// assert_eq!(read_partition("hub", "0").entity_type(), Some("com.microsoft:partition"));
/// ```
pub fn read_partition(hub: &str, partition: &str) -> Operation {
    Operation::read("com.microsoft:partition", Entity::Name(hub)).property(PARTITION, partition)
}

/// The properties of an event hub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventHubProperties {
    /// The name.
    pub name: Str,
    /// The time at which the hub was made.
    pub created_at: Option<Timestamp>,
    /// The ids of its partitions.
    pub partition_ids: Vec<Str>,
}

impl EventHubProperties {
    /// Reads the answer to [`read_event_hub`]. Returns `None` if it has no name.
    ///
    /// ```
    /// use amqp_proto::{
    ///     extensions::{azure::operations::EventHubProperties, management::Response},
    ///     message::Message,
    ///     types::{Array, Map, Str},
    /// };
    ///
    /// let ids: Array = ["0", "1"].map(Str::from).into_iter().collect();
    /// let body = Map::<Str>::new().with("name", "hub").with("partition_ids", ids);
    /// let answer = Message::builder().application_property("status-code", 200).value(body).build();
    /// let hub = EventHubProperties::of(&Response::parse(answer)?);
    /// assert_eq!(hub.map(|hub| hub.partition_ids.len()), Some(2));
    /// # Ok::<(), amqp_proto::extensions::StatusError>(())
    /// ```
    pub fn of(response: &Response) -> Option<Self> {
        let body = body_of(response);
        Some(Self {
            name: body.get(NAME)?.as_str()?.into(),
            created_at: body.get("created_at").and_then(Value::as_timestamp),
            partition_ids: body.get("partition_ids").map(texts).unwrap_or_default(),
        })
    }
}

/// The properties of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionProperties {
    /// The name of the hub.
    pub hub: Str,
    /// The id of the partition.
    pub id: Str,
    /// The number of the first event that the partition still has.
    pub begin_sequence_number: Option<i64>,
    /// The number of the last event.
    pub last_enqueued_sequence_number: Option<i64>,
    /// The offset of the last event.
    pub last_enqueued_offset: Option<Str>,
    /// The time of the last event.
    pub last_enqueued_time: Option<Timestamp>,
    /// True if the partition has no events.
    pub is_empty: bool,
}

impl PartitionProperties {
    /// Reads the answer to [`read_partition`]. Returns `None` if it has no name or no partition.
    ///
    /// ```
    /// use amqp_proto::{
    ///     extensions::{azure::operations::PartitionProperties, management::Response},
    ///     message::Message,
    ///     types::{Map, Str},
    /// };
    ///
    /// let body = Map::<Str>::new().with("name", "hub").with("partition", "0").with("begin_sequence_number", 7_i64);
    /// let answer = Message::builder().application_property("status-code", 200).value(body).build();
    /// let partition = PartitionProperties::of(&Response::parse(answer)?);
    /// assert_eq!(partition.and_then(|partition| partition.begin_sequence_number), Some(7));
    /// # Ok::<(), amqp_proto::extensions::StatusError>(())
    /// ```
    pub fn of(response: &Response) -> Option<Self> {
        let body = body_of(response);
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(Str::from);
        let number = |key: &str| body.get(key).and_then(Value::as_i64);
        Some(Self {
            hub: text(NAME)?,
            id: text(PARTITION)?,
            begin_sequence_number: number("begin_sequence_number"),
            last_enqueued_sequence_number: number("last_enqueued_sequence_number"),
            last_enqueued_offset: text("last_enqueued_offset"),
            last_enqueued_time: body.get("last_enqueued_time_utc").and_then(Value::as_timestamp),
            is_empty: body.get("is_partition_empty").and_then(Value::as_bool).unwrap_or_default(),
        })
    }
}
