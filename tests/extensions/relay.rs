//! The anonymous terminus: the capability, the attach, and what a detached link says of a settled message.

use crate::support::*;
use amqp_proto::{
    ConnectionConfig, Event, ReceiverConfig, SendOptions, SessionConfig,
    codec::to_vec,
    extensions::relay::{self, Undeliverable},
    message::Message,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        performatives::Open,
    },
    testing::Pair,
    types::{DeliveryTag, Fields, Symbol, Value},
};

const DELIVERY_TAG: Symbol = Symbol::from_static("delivery-tag");

#[test]
fn anonymous_terminus_is_offered_by_a_capability_of_the_open() {
    assert_eq!(relay::CAPABILITY.as_str(), "ANONYMOUS-RELAY");
    let open = |capabilities: &[&'static str]| Open {
        offered_capabilities: capabilities.iter().map(|text| Symbol::from_static(text)).collect(),
        ..Open::default()
    };
    assert!(relay::offered(&open(&["sole-connection-for-container", "ANONYMOUS-RELAY"])));
    assert!(!relay::offered(&open(&["anonymous-relay"])));
    let desired = Open { desired_capabilities: [relay::CAPABILITY].into(), ..Open::default() };
    assert!(!relay::offered(&desired));
}

#[test]
fn error_names_the_delivery_as_a_binary() {
    let lost = Undeliverable::new(DeliveryTag::from(7_u32), ErrorCondition::NotFound);
    let key = [&[0xa3, 12][..], b"delivery-tag"].concat();
    let condition = [&[0xa3, 14][..], b"amqp:not-found"].concat();
    let info = map(&[key, vec![0xa0, 4, 0, 0, 0, 7]]);
    assert_eq!(to_vec(&lost.to_error()), section(0x1d, list(&[condition, NULL.into(), info])));
    assert_eq!(Undeliverable::of(&lost.to_error()), Some(lost));
}

#[test]
fn error_without_a_delivery_names_none() {
    let with = |tag: Value| AmqpError {
        info: Some(Fields::new().with(DELIVERY_TAG, tag)),
        ..AmqpError::new(ErrorCondition::NotFound)
    };
    let tag = |bytes: &[u8]| Value::from(bytes);
    for error in [AmqpError::new(ErrorCondition::NotFound), with("t".into()), with(tag(&[0; 33]))] {
        assert_eq!(Undeliverable::of(&error), None, "{error:?}");
    }
    let empty = Undeliverable::of(&with(tag(&[]))).unwrap();
    assert_eq!(empty.delivery_tag, DeliveryTag::default());
}

/// Over the wire: the target has no address, and the link ends with the delivery that was lost.
#[test]
fn settled_message_that_cannot_be_routed_detaches_the_link() {
    let server = ConnectionConfig::server("s").auto_accept_sessions(true);
    let mut pair = Pair::new(ConnectionConfig::client("c"), server.offered_capabilities([relay::CAPABILITY]));
    pair.client.connection.open().unwrap();
    let session = pair.client.connection.begin(SessionConfig::new()).unwrap();
    pair.run();
    assert!(relay::offered(pair.client.connection.remote_open().unwrap()));
    let sender = pair.client.connection.session(session).unwrap().attach_sender(relay::sender()).unwrap();
    pair.run();
    for event in pair.server.events() {
        let Event::ReceiverRequested { receiver, .. } = event else { continue };
        let attach = pair.server.connection.receiver_ref(receiver).unwrap().remote_attach().unwrap();
        assert_eq!(target_address(&attach), None);
        assert!(attach.target.is_some() && attach.source.is_some());
        pair.server.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
        pair.server.connection.receiver(receiver).unwrap().set_credit(1).unwrap();
    }
    pair.run();
    let message = Message::builder().to("nowhere").data("lost").build();
    let options = SendOptions::new().settled(true);
    pair.client.connection.sender(sender).unwrap().send_with(9_u32, message, &options).unwrap();
    pair.run();
    for event in pair.server.events() {
        let Event::Delivery { receiver, delivery } = event else { continue };
        let lost = Undeliverable::new(delivery.tag, ErrorCondition::NotFound);
        pair.server.connection.receiver(receiver).unwrap().close(Some(lost.to_error())).unwrap();
    }
    pair.run();
    let lost = pair.client.events().iter().find_map(|event| match event {
        Event::SenderError { failure, .. } => Undeliverable::of(&failure.error),
        _ => None,
    });
    assert_eq!(lost, Some(Undeliverable::new(DeliveryTag::from(9_u32), ErrorCondition::NotFound)));
}
