//! Names of the AMQP JMS mapping, working draft 10, as Qpid JMS and Artemis use them.
//!
//! Sources: the working draft; `AmqpSupport`, `AmqpMessageSupport` and `AmqpDestinationHelper` of Qpid JMS.

pub use super::relay::CAPABILITY as ANONYMOUS_RELAY;

use crate::{
    message::{Message, MessageError},
    types::{AnnotationKey, Symbol, Value},
};

symbols! {
    /// Message annotation: the [`MessageType`], a byte.
    MESSAGE_TYPE = "x-opt-jms-msg-type";
    /// Message annotation: the [`DestinationType`] of `to`, a byte.
    DESTINATION = "x-opt-jms-dest";
    /// Message annotation: the [`DestinationType`] of `reply-to`, a byte.
    REPLY_TO = "x-opt-jms-reply-to";
    /// Message annotation: the time before which a message is not delivered, a long of milliseconds since 1970.
    DELIVERY_TIME = "x-opt-delivery-time";
    /// Message annotation: how long a message is not delivered, in milliseconds.
    DELIVERY_DELAY = "x-opt-delivery-delay";
    /// Capability of a terminus: a queue.
    QUEUE = "queue";
    /// Capability of a terminus: a topic.
    TOPIC = "topic";
    /// Capability of a terminus: a queue that ends with its connection.
    TEMPORARY_QUEUE = "temporary-queue";
    /// Capability of a terminus: a topic that ends with its connection.
    TEMPORARY_TOPIC = "temporary-topic";
    /// Capability of a source: several receivers share the subscription.
    SHARED = "shared";
    /// Capability of a source: receivers of all clients share the subscription.
    GLOBAL = "global";
    /// Capability of a connection: no other connection has this container id.
    SOLE_CONNECTION = "sole-connection-for-container";
    /// Capability of a connection: delivery times are supported.
    DELAYED_DELIVERY = "DELAYED_DELIVERY";
    /// Capability of a connection: shared subscriptions are supported.
    SHARED_SUBSCRIPTIONS = "SHARED-SUBS";
    /// Property of a connection: the start of the addresses of queues.
    QUEUE_PREFIX = "queue-prefix";
    /// Property of a connection: the start of the addresses of topics.
    TOPIC_PREFIX = "topic-prefix";
    /// Property of a connection: other servers for this client, a list of maps.
    FAILOVER_SERVER_LIST = "failover-server-list";
    /// Property of a connection: the name of the program.
    PRODUCT = "product";
    /// Property of a connection: the version of the program.
    VERSION = "version";
    /// Property of a connection: the platform of the program.
    PLATFORM = "platform";
    /// Property of a connection: a close with an error follows this open.
    CONNECTION_ESTABLISHMENT_FAILED = "amqp:connection-establishment-failed";
}

/// Declares an enum whose members are bytes in a message annotation.
macro_rules! byte_annotation {
    ($(#[$meta:meta])* $name:ident { $($(#[$member_meta:meta])* $member:ident = $code:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$member_meta])* $member,)*
        }

        impl $name {
            /// All members, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$member),*];

            /// Returns the number on the wire.
            pub const fn code(self) -> i8 {
                match self {
                    $(Self::$member => $code,)*
                }
            }

            /// Returns the member with this number.
            pub const fn from_code(code: i8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$member),)*
                    _ => None,
                }
            }

            /// Reads the annotation `key` of a message. An integer of any width is read.
            fn read(message: &Message, key: &Symbol) -> Result<Option<Self>, MessageError> {
                let annotations = message.message_annotations()?.unwrap_or_default();
                let code = annotations.get(&AnnotationKey::Symbol(key.clone())).and_then(Value::as_i128);
                Ok(code.and_then(|code| code.try_into().ok()).and_then(Self::from_code))
            }
        }
    };
}

byte_annotation! {
    /// The type of a message of JMS.
    ///
    /// ```
    /// use amqp_proto::{extensions::jms::{self, MessageType}, message::Message};
    ///
    /// let message = Message::builder().message_annotation(jms::MESSAGE_TYPE, MessageType::Text.code()).value("text");
    /// assert_eq!(MessageType::of(&Message::try_from(message.build())?)?, Some(MessageType::Text));
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    MessageType {
        /// A message without a body.
        Message = 0,
        /// A serialized object, or any value of AMQP.
        Object = 1,
        /// A map from names to simple values.
        Map = 2,
        /// Bytes.
        Bytes = 3,
        /// Simple values, one after the other.
        Stream = 4,
        /// A text.
        Text = 5,
    }
}

impl MessageType {
    /// Reads the type of a message, or returns `None` if it has no such annotation.
    ///
    /// # Errors
    /// [`MessageError`] if the message is malformed.
    pub fn of(message: &Message) -> Result<Option<Self>, MessageError> {
        Self::read(message, &MESSAGE_TYPE)
    }
}

byte_annotation! {
    /// The type of a destination of JMS.
    ///
    /// ```
    /// use amqp_proto::{extensions::jms::DestinationType, spec::terminus::Source};
    ///
    /// let capabilities = [DestinationType::Topic.capability()].into();
    /// let source = Source { capabilities, ..Source::at("news") };
    /// # assert_eq!(source.capabilities[0].as_str(), "topic");
    /// ```
    DestinationType {
        /// A queue.
        Queue = 0,
        /// A topic.
        Topic = 1,
        /// A queue that ends with its connection.
        TemporaryQueue = 2,
        /// A topic that ends with its connection.
        TemporaryTopic = 3,
    }
}

impl DestinationType {
    /// Returns the capability of a source or target that is such a destination.
    pub const fn capability(self) -> Symbol {
        match self {
            Self::Queue => QUEUE,
            Self::Topic => TOPIC,
            Self::TemporaryQueue => TEMPORARY_QUEUE,
            Self::TemporaryTopic => TEMPORARY_TOPIC,
        }
    }

    /// Reads the type of the destination that a message was sent to.
    ///
    /// # Errors
    /// [`MessageError`] if the message is malformed.
    ///
    /// ```
    /// use amqp_proto::{extensions::jms::{self, DestinationType}, message::Message};
    ///
    /// let code = DestinationType::Topic.code();
    /// let message = Message::builder().message_annotation(jms::DESTINATION, code).value("text").build();
    /// assert_eq!(DestinationType::of(&Message::try_from(message)?)?, Some(DestinationType::Topic));
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    pub fn of(message: &Message) -> Result<Option<Self>, MessageError> {
        Self::read(message, &DESTINATION)
    }

    /// Reads the type of the destination for replies to a message.
    ///
    /// # Errors
    /// [`MessageError`] if the message is malformed.
    pub fn of_reply_to(message: &Message) -> Result<Option<Self>, MessageError> {
        Self::read(message, &REPLY_TO)
    }
}
