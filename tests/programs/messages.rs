//! What becomes of messages at the broker: outcomes (3.4), default outcomes (3.5.3), the anonymous terminus.

use amqp_proto::{
    Delivery, DeliveryId, Event, LinkId, ReceiverConfig, ReceiverId, SendOptions, SenderConfig, SessionId,
    message::{Message, ParseOptions},
    spec::{
        definitions::ErrorCondition,
        delivery_state::{Accepted, DeliveryState, Modified, Released},
        messaging::Header,
        terminus::{Source, Target},
    },
    types::{Fields, Symbol, Value},
};

use crate::support::*;

/// Sends a message with a header and annotations to the queue `q`.
fn with_message(broker: &Broker) -> (End, SessionId) {
    let (mut client, session) = End::client(broker);
    let sender = client.sender(session, SenderConfig::to("q"));
    let header = Header { durable: Some(true), first_acquirer: Some(true), ..Header::default() };
    let message = Message::builder()
        .header(header)
        .message_annotation(Symbol::from_static("kept"), 1_u32)
        .message_annotation(Symbol::from_static("replaced"), 2_u32)
        .subject("a subject")
        .data("body");
    client.connection.sender(sender).unwrap().send(1_u32, message.build()).unwrap();
    client.until(|event| matches!(event, Event::DeliverySettled { .. }).then_some(()));
    (client, session)
}

fn consumer(client: &mut End, session: SessionId, source: Source) -> ReceiverId {
    let receiver = client.receiver(session, ReceiverConfig::new().source(source));
    client.connection.receiver(receiver).unwrap().set_credit(10).unwrap();
    receiver
}

/// Waits for the next message on a link.
fn next(client: &mut End, receiver: ReceiverId) -> (Delivery, Message) {
    let delivery = client.until(|event| match event {
        Event::Delivery { receiver: id, delivery } if *id == receiver => Some(delivery.clone()),
        _ => None,
    });
    let message = Message::parse(delivery.payload.clone(), &ParseOptions::default()).unwrap();
    (delivery, message)
}

#[test]
fn fg3j_a_modified_message_has_its_failure_counted_and_annotations_merged() {
    let broker = Broker::start(&[]);
    let (mut client, session) = with_message(&broker);
    let receiver = consumer(&mut client, session, Source::at("q"));
    let (delivery, first) = next(&mut client, receiver);
    assert_eq!((first.delivery_count().unwrap(), first.first_acquirer().unwrap()), (0, true));
    let annotations = Fields::new()
        .with(Symbol::from_static("replaced"), Value::Uint(3))
        .with(Symbol::from_static("added"), Value::Uint(4));
    let modified = Modified {
        delivery_failed: Some(true),
        message_annotations: Some(annotations),
        ..Modified::default()
    };
    client.connection.receiver(receiver).unwrap().modify(delivery.id, modified).unwrap();
    let (delivery, second) = next(&mut client, receiver);
    assert_eq!(second.delivery_count().unwrap(), 1);
    assert!(second.durable().unwrap() && !second.first_acquirer().unwrap());
    for (key, value) in [("kept", 1), ("replaced", 3), ("added", 4)] {
        assert_eq!(second.message_annotation(key).unwrap(), Some(Value::Uint(value)), "{key}");
    }
    assert_eq!(second.bare_message(), first.bare_message());
    // Without a failure it is not counted (3.4.5), nor when it is released (3.4.4).
    client.connection.receiver(receiver).unwrap().modify(delivery.id, Modified::default()).unwrap();
    let (delivery, third) = next(&mut client, receiver);
    assert_eq!(third.delivery_count().unwrap(), 1);
    client.connection.receiver(receiver).unwrap().release(delivery.id).unwrap();
    let (delivery, fourth) = next(&mut client, receiver);
    assert_eq!(fourth.delivery_count().unwrap(), 1);
    client.connection.receiver(receiver).unwrap().reject(delivery.id, None).unwrap();
    client.round_trip();
    assert_eq!(broker.left("q"), 0);
}

#[test]
fn fg3k_an_undeliverable_message_goes_to_another_link() {
    let broker = Broker::start(&[]);
    let (mut client, session) = with_message(&broker);
    let receiver = consumer(&mut client, session, Source::at("q"));
    let (delivery, _) = next(&mut client, receiver);
    client.connection.receiver(receiver).unwrap().modify(delivery.id, undeliverable()).unwrap();
    let other = consumer(&mut client, session, Source::at("q"));
    // The only delivery from here on is the other link's.
    let on = client.until(|event| match event {
        Event::Delivery { receiver, .. } => Some(*receiver),
        _ => None,
    });
    assert_eq!(on, other);
}

/// What is undeliverable took up memory for each link and message, and nothing bounded it.
#[test]
fn a_link_with_too_many_undeliverable_messages_ends() {
    const SENT: u32 = 40_000;
    let broker = Broker::start(&[]);
    assert_eq!(broker.send("q", &["--count", "40000", "--size", "1"]).code, Some(0));
    let (mut client, session) = End::client(&broker);
    let receiver = client.receiver(session, ReceiverConfig::from("q"));
    let taken = take(&mut client, receiver, SENT);
    settle(&mut client, receiver, &taken, undeliverable());
    let failure = client.until(|event| match event {
        Event::ReceiverError { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure.error.condition.as_str(), "amqp:resource-limit-exceeded");
    assert_eq!(broker.left("q"), u64::from(SENT));
}

/// Takes this many messages on a link.
fn take(client: &mut End, receiver: ReceiverId, count: u32) -> Vec<DeliveryId> {
    client.connection.receiver(receiver).unwrap().set_credit(count).unwrap();
    let next = |client: &mut End| {
        client.until(|event| match event {
            Event::Delivery { receiver: on, delivery } => Some((*on, delivery.id)),
            Event::ReceiverError { failure, .. } => panic!("{failure:?}"),
            _ => None,
        })
    };
    (0..count).map(|_| next(client)).inspect(|(on, _)| assert_eq!(*on, receiver)).map(|(_, id)| id).collect()
}

/// Gives these deliveries an outcome.
fn settle(client: &mut End, receiver: ReceiverId, ids: &[DeliveryId], state: impl Into<DeliveryState>) {
    let state = Some(state.into());
    let mut receiver = client.connection.receiver(receiver).unwrap();
    ids.iter().for_each(|id| receiver.settle(*id, state.clone()).unwrap());
}

fn undeliverable() -> Modified {
    Modified { undeliverable_here: Some(true), ..Modified::default() }
}

/// Undeliverable messages of a link are kept for it until they leave the queue.
#[test]
fn undeliverable_messages_that_are_gone_take_no_room() {
    const ROUND: u32 = 2000;
    let broker = Broker::start(&[]);
    let (mut client, session) = End::client(&broker);
    let here = client.receiver(session, ReceiverConfig::from("q"));
    let there = client.receiver(session, ReceiverConfig::from("q"));
    // The link above ends before as many.
    for _ in 0..20 {
        assert_eq!(broker.send("q", &["--count", "2000", "--size", "1"]).code, Some(0));
        let taken = take(&mut client, here, ROUND);
        settle(&mut client, here, &taken, undeliverable());
        let taken = take(&mut client, there, ROUND);
        settle(&mut client, there, &taken, Accepted::default());
    }
}

#[test]
fn undeliverable_messages_stay_so_while_another_link_has_them() {
    const COUNT: u32 = 100;
    let broker = Broker::start(&[]);
    let (mut client, session) = End::client(&broker);
    let here = client.receiver(session, ReceiverConfig::from("q"));
    let there = client.receiver(session, ReceiverConfig::from("q"));
    assert_eq!(broker.send("q", &["--count", "100", "--size", "1"]).code, Some(0));
    let taken = take(&mut client, here, COUNT);
    settle(&mut client, here, &taken, undeliverable());
    let taken = take(&mut client, there, COUNT);
    // Others are undeliverable meanwhile, and the list is gone through.
    assert_eq!(broker.send("q", &["--count", "200", "--size", "1"]).code, Some(0));
    let others = take(&mut client, here, 2 * COUNT);
    settle(&mut client, here, &others, undeliverable());
    settle(&mut client, there, &taken, Released::default());
    client.round_trip();
    client.connection.receiver(here).unwrap().set_credit(1).unwrap();
    client.round_trip();
    // All of them are the other link's.
    take(&mut client, there, 3 * COUNT);
}

#[test]
fn fg3l_an_unsettled_message_of_a_lost_link_gets_the_default_outcome() {
    let broker = Broker::start(&[]);
    let (mut client, session) = with_message(&broker);
    // The default of the broker: it may be a duplicate (3.2.1).
    let receiver = consumer(&mut client, session, Source::at("q"));
    next(&mut client, receiver);
    drop(client);
    let (mut client, session) = End::client(&broker);
    let source = Source { default_outcome: Some(Released::default().into()), ..Source::at("q") };
    let receiver = consumer(&mut client, session, source);
    let (_, message) = next(&mut client, receiver);
    assert_eq!(message.delivery_count().unwrap(), 1);
    // The default that the peer asked for (3.5.3), at the end of the link and of a delivery without an outcome.
    client.connection.receiver(receiver).unwrap().close(None).unwrap();
    let source = Source { default_outcome: Some(Released::default().into()), ..Source::at("q") };
    let receiver = consumer(&mut client, session, source);
    let (delivery, message) = next(&mut client, receiver);
    assert_eq!(message.delivery_count().unwrap(), 1);
    client.connection.receiver(receiver).unwrap().settle(delivery.id, None).unwrap();
    let (_, message) = next(&mut client, receiver);
    assert_eq!(message.delivery_count().unwrap(), 1);
}

#[test]
fn fg3m_messages_to_the_anonymous_terminus_go_where_they_are_addressed() {
    let broker = Broker::start(&[]);
    let (mut client, session) = End::client(&broker);
    let sender = client.sender(session, SenderConfig::new().target(Target::default()));
    let offered = client.connection.remote_open().unwrap().offered_capabilities.clone();
    assert!(offered.iter().any(|capability| capability == "ANONYMOUS-RELAY"), "{offered:?}");
    for (number, to) in [(1_u32, "q"), (2, "/q"), (3, "amqp://host/q")] {
        let message = Message::builder().to(to).data("body").build();
        client.connection.sender(sender).unwrap().send(number, message).unwrap();
    }
    let mut accepted = 0;
    client.until(|event| match event {
        Event::DeliverySettled { first, last, state: Some(DeliveryState::Accepted(_)), .. } => {
            accepted += first.through(*last);
            (accepted == 3).then_some(())
        }
        _ => None,
    });
    assert_eq!(broker.left("q"), 3);

    let nowhere = || Message::builder().data("body").build();
    client.connection.sender(sender).unwrap().send(4_u32, nowhere()).unwrap();
    let state = client.until(|event| match event {
        Event::DeliverySettled { link: LinkId::Sender(_), state, .. } => state.clone(),
        _ => None,
    });
    let DeliveryState::Rejected(rejected) = state else { panic!("{state:?}") };
    assert_eq!(rejected.error.as_ref().unwrap().condition.as_str(), "amqp:not-found");

    // A settled message cannot be rejected: the link ends, with the message's tag.
    let options = SendOptions::new().settled(true);
    client.connection.sender(sender).unwrap().send_with(5_u32, nowhere(), &options).unwrap();
    let failure = client.until(|event| match event {
        Event::SenderError { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(failure.error.condition.as_str(), "amqp:not-found");
    assert!(
        failure.error.info.as_ref().is_some_and(|info| info.get("delivery-tag").is_some()),
        "{failure:?}"
    );
}

#[test]
fn fa3_a_drain_behind_large_messages_ends() {
    let broker = Broker::start(&[]);
    for _ in 0..5 {
        assert_eq!(broker.send("q", &["--count", "5", "--size", "1000000"]).code, Some(0));
        let drained = broker.receive("q", &["--drain", "--quiet"]);
        assert_eq!((drained.code, number(&drained.out, "received")), (Some(0), 5), "{drained:?}");
    }
}

/// 3.2.1, 3.2.10: rows M13 and M14. Nearly no peer expects either, so the broker asks for it to be asked.
#[test]
fn strict_broker_refuses_unknown_annotations_and_durable_messages() {
    const KEY: Symbol = Symbol::from_static("who");
    let annotated = Message::builder().message_annotation(KEY, "me").data("text").build();
    let durable = Message::builder().durable(true).data("text").build();
    for (strict, payload, condition) in [
        (true, &annotated, Some(ErrorCondition::NotImplemented)),
        (true, &durable, Some(ErrorCondition::PreconditionFailed)),
        (false, &annotated, None),
        (false, &durable, None),
    ] {
        let broker = Broker::start(if strict { &["--strict"] } else { &[] });
        let (mut client, session) = End::client(&broker);
        let sender = client.sender(session, SenderConfig::to("q"));
        client.connection.sender(sender).unwrap().send(1_u32, payload.clone()).unwrap();
        let refused = client.until(|event| match event {
            Event::SenderError { failure, .. } => Some(Some(failure.error.condition.clone())),
            Event::DeliverySettled { state: Some(DeliveryState::Rejected(rejected)), .. } => {
                Some(rejected.error.as_ref().map(|error| error.condition.clone()))
            }
            Event::DeliverySettled { .. } => Some(None),
            _ => None,
        });
        assert_eq!(refused, condition);
        assert_eq!(broker.left("q"), u64::from(!strict));
    }
}
