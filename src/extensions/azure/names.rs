//! Names of properties, annotations, conditions and formats.
//!
//! Sources: the protocol guide of Service Bus, and the SDKs of Service Bus and Event Hubs.

use crate::types::{MessageFormat, Symbol};

symbols! {
    /// Link property: the timeout of an operation in milliseconds, a uint.
    TIMEOUT = "com.microsoft:timeout";
    /// Link property: the version of the service's interface.
    API_VERSION = "com.microsoft:api-version";
    /// Link property: the name and version of the client.
    CLIENT_VERSION = "com.microsoft:client-version";
    /// Link property: what joins the two links of a twin or of methods.
    CHANNEL_CORRELATION_ID = "com.microsoft:channel-correlation-id";
    /// Link property of an Event Hubs receiver: its epoch, a long.
    EPOCH = "com.microsoft:epoch";
    /// Link property of an Event Hubs receiver: its name, a string, which errors of the service repeat.
    RECEIVER_NAME = "com.microsoft:receiver-name";
    /// Link property: the type of the entity, an int.
    ENTITY_TYPE = "com.microsoft:entity-type";
    /// Link property of the service's answer: the end of the lock of a session, a long of .NET ticks.
    LOCKED_UNTIL_UTC = "com.microsoft:locked-until-utc";
    /// Capability that an Event Hubs receiver desires: the last event of the partition in delivery-annotations.
    ENABLE_RECEIVER_RUNTIME_METRIC = "com.microsoft:enable-receiver-runtime-metric";
    /// Filter of a receiver: one session of an entity, code 0x000001370000000C.
    SESSION_FILTER = "com.microsoft:session-filter";
    /// Link property of a Service Bus sender: the entity that a message goes to through the link's own.
    TRANSFER_DESTINATION_ADDRESS = "com.microsoft:transfer-destination-address";
    /// Message annotation: the number of a message, a long.
    SEQUENCE_NUMBER = "x-opt-sequence-number";
    /// Message annotation: the time at which a message was enqueued, a timestamp.
    ENQUEUED_TIME = "x-opt-enqueued-time";
    /// Message annotation: the end of the lock of a message, a timestamp.
    LOCKED_UNTIL = "x-opt-locked-until";
    /// Message annotation: the key by which a partition is chosen, a string.
    PARTITION_KEY = "x-opt-partition-key";
    /// Message annotation: the time before which a message is not delivered, a timestamp.
    SCHEDULED_ENQUEUE_TIME = "x-opt-scheduled-enqueue-time";
    /// Message annotation: the key for a message that goes through another entity, a string.
    VIA_PARTITION_KEY = "x-opt-via-partition-key";
    /// Message annotation: the number of a message in the entity it was sent to first, a long.
    ENQUEUE_SEQUENCE_NUMBER = "x-opt-enqueue-sequence-number";
    /// Message annotation: the entity whose dead-letter queue has the message, a string.
    DEAD_LETTER_SOURCE = "x-opt-deadletter-source";
    /// Message annotation: active, deferred or scheduled, an int.
    MESSAGE_STATE = "x-opt-message-state";
    /// Message annotation of Event Hubs: the publisher that an event was sent by, a string.
    PUBLISHER = "x-opt-publisher";
    /// Message annotation of Event Hubs: the place of an event in its partition, a string.
    OFFSET = "x-opt-offset";
    /// Condition of a rejected outcome that moves a message to the dead-letter queue.
    DEAD_LETTER = "com.microsoft:dead-letter";
    /// Entry of a dead-letter outcome, and application-property of such a message: a short reason, a string.
    DEAD_LETTER_REASON = "DeadLetterReason";
    /// Entry of a dead-letter outcome, and application-property of such a message: a longer text, a string.
    DEAD_LETTER_ERROR_DESCRIPTION = "DeadLetterErrorDescription";
    /// Condition: the lock of a message has expired.
    MESSAGE_LOCK_LOST = "com.microsoft:message-lock-lost";
    /// Condition: the lock of a session has expired.
    SESSION_LOCK_LOST = "com.microsoft:session-lock-lost";
    /// Condition: another receiver has the lock of the session.
    SESSION_CANNOT_BE_LOCKED = "com.microsoft:session-cannot-be-locked";
    /// Condition: the service has too much to do; try again later.
    SERVER_BUSY = "com.microsoft:server-busy";
    /// Condition: the operation took too long.
    TIMED_OUT = "com.microsoft:timeout";
    /// Condition: the entity is disabled.
    ENTITY_DISABLED = "com.microsoft:entity-disabled";
}

/// Application-property of a management request: the time that the service has, in milliseconds, a uint.
pub const SERVER_TIMEOUT: &str = "com.microsoft:server-timeout";
/// Application-property of a management request: an id that the service logs.
pub const TRACKING_ID: &str = "com.microsoft:tracking-id";
/// Application-property of a management request: the name of the link that the messages were received on.
pub const ASSOCIATED_LINK_NAME: &str = "associated-link-name";
/// Application-property of a management request at Event Hubs: a token, a secret.
pub const SECURITY_TOKEN: &str = "security_token";

/// The message-format of a batch, each data section of which is an encoded message.
pub const BATCH_FORMAT: MessageFormat = MessageFormat::new(0x8001_3700);
