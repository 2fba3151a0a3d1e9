//! Names of properties, annotations, conditions and formats.

use crate::types::{MessageFormat, Symbol};

macro_rules! symbols {
    ($($(#[$meta:meta])* $name:ident = $text:literal;)*) => {$(
        $(#[$meta])*
        #[doc = concat!("\n\n`", $text, "`")]
        pub const $name: Symbol = Symbol::from_static($text);
    )*};
}

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
    /// Message annotation of Event Hubs: the place of an event in its partition, a string.
    OFFSET = "x-opt-offset";
    /// Condition of a rejected outcome that moves a message to the dead-letter queue.
    DEAD_LETTER = "com.microsoft:dead-letter";
    /// Condition: the lock of a message has expired.
    MESSAGE_LOCK_LOST = "com.microsoft:message-lock-lost";
    /// Condition: the lock of a session has expired.
    SESSION_LOCK_LOST = "com.microsoft:session-lock-lost";
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
/// Application-property of a management request at Event Hubs: a token, a secret.
pub const SECURITY_TOKEN: &str = "security_token";

/// The message-format of a batch, each data section of which is an encoded message.
pub const BATCH_FORMAT: MessageFormat = MessageFormat::new(0x8001_3700);
