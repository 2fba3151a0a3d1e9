//! The JMS mapping: each name and number as Qpid JMS has it.

use amqp_proto::{
    extensions::jms::{self, DestinationType, MessageType},
    message::{Message, MessageBuilder},
    types::{Symbol, Value},
};

#[test]
fn names_are_those_of_the_mapping() {
    let names = [
        (jms::MESSAGE_TYPE, "x-opt-jms-msg-type"),
        (jms::DESTINATION, "x-opt-jms-dest"),
        (jms::REPLY_TO, "x-opt-jms-reply-to"),
        (jms::DELIVERY_TIME, "x-opt-delivery-time"),
        (jms::DELIVERY_DELAY, "x-opt-delivery-delay"),
        (jms::QUEUE, "queue"),
        (jms::TOPIC, "topic"),
        (jms::TEMPORARY_QUEUE, "temporary-queue"),
        (jms::TEMPORARY_TOPIC, "temporary-topic"),
        (jms::SHARED, "shared"),
        (jms::GLOBAL, "global"),
        (jms::SOLE_CONNECTION, "sole-connection-for-container"),
        (jms::DELAYED_DELIVERY, "DELAYED_DELIVERY"),
        (jms::SHARED_SUBSCRIPTIONS, "SHARED-SUBS"),
        (jms::ANONYMOUS_RELAY, "ANONYMOUS-RELAY"),
        (jms::QUEUE_PREFIX, "queue-prefix"),
        (jms::TOPIC_PREFIX, "topic-prefix"),
        (jms::FAILOVER_SERVER_LIST, "failover-server-list"),
        (jms::PRODUCT, "product"),
        (jms::VERSION, "version"),
        (jms::PLATFORM, "platform"),
        (jms::CONNECTION_ESTABLISHMENT_FAILED, "amqp:connection-establishment-failed"),
    ];
    for (name, text) in names {
        assert_eq!(name.as_str(), text);
    }
}

#[test]
fn message_types_have_the_numbers_of_the_mapping() {
    let types = [
        (MessageType::Message, 0),
        (MessageType::Object, 1),
        (MessageType::Map, 2),
        (MessageType::Bytes, 3),
        (MessageType::Stream, 4),
        (MessageType::Text, 5),
    ];
    assert_eq!(MessageType::ALL, types.map(|(message_type, _)| message_type));
    for (message_type, code) in types {
        assert_eq!((message_type.code(), MessageType::from_code(code)), (code, Some(message_type)));
    }
    assert_eq!((MessageType::from_code(6), MessageType::from_code(-1)), (None, None));
}

#[test]
fn destination_types_have_the_numbers_and_capabilities_of_the_mapping() {
    let types = [
        (DestinationType::Queue, 0, "queue"),
        (DestinationType::Topic, 1, "topic"),
        (DestinationType::TemporaryQueue, 2, "temporary-queue"),
        (DestinationType::TemporaryTopic, 3, "temporary-topic"),
    ];
    assert_eq!(DestinationType::ALL, types.map(|(destination, ..)| destination));
    for (destination, code, capability) in types {
        assert_eq!((destination.code(), DestinationType::from_code(code)), (code, Some(destination)));
        assert_eq!(destination.capability().as_str(), capability);
    }
    assert_eq!(DestinationType::from_code(4), None);
}

#[test]
fn types_are_read_from_the_annotations_of_a_message() {
    let message = |builder: MessageBuilder| Message::try_from(builder.value("x").build()).unwrap();
    let builder = Message::builder()
        .message_annotation(jms::MESSAGE_TYPE, MessageType::Text.code())
        .message_annotation(jms::DESTINATION, DestinationType::Topic.code())
        .message_annotation(jms::REPLY_TO, DestinationType::TemporaryQueue.code());
    let read = message(builder);
    assert_eq!(MessageType::of(&read), Ok(Some(MessageType::Text)));
    assert_eq!(DestinationType::of(&read), Ok(Some(DestinationType::Topic)));
    assert_eq!(DestinationType::of_reply_to(&read), Ok(Some(DestinationType::TemporaryQueue)));
    let without = message(Message::builder());
    assert_eq!((MessageType::of(&without), DestinationType::of(&without)), (Ok(None), Ok(None)));
    let with = |value: Value| {
        MessageType::of(&message(Message::builder().message_annotation(jms::MESSAGE_TYPE, value)))
    };
    assert_eq!(with(Value::Int(3)), Ok(Some(MessageType::Bytes)));
    for value in [Value::Byte(6), Value::Int(256), Value::from("text"), Symbol::from_static("text").into()] {
        assert_eq!(with(value.clone()), Ok(None), "{value:?}");
    }
}
