//! Dynamic nodes and their lifetime policies (3.5.9 to 3.5.13).

use amqp_proto::{
    Event, ReceiverConfig, SenderConfig, SenderId, SessionId,
    spec::terminus::{
        DeleteOnClose, DeleteOnNoLinks, DeleteOnNoLinksOrMessages, DeleteOnNoMessages, Source, Target,
        TargetArchetype,
    },
    types::{Described, Fields, Str, Symbol, Value},
};

use crate::support::*;

const POLICY: Symbol = Symbol::from_static("lifetime-policy");

fn properties(policy: u64) -> Fields {
    Fields::new().with(POLICY, Described::new(policy, Vec::<Value>::new()))
}

/// Attaches the link that makes a dynamic node with this policy. Returns the address too.
fn make(end: &mut End, session: SessionId, policy: u64) -> (SenderId, Str) {
    let target =
        Target { dynamic: true, dynamic_node_properties: Some(properties(policy)), ..Target::default() };
    let sender = end.sender(session, SenderConfig::new().target(target));
    let attach = end.connection.sender_ref(sender).unwrap().remote_attach().unwrap();
    let Some(TargetArchetype::Target(target)) = attach.target.map(|target| *target) else {
        panic!("a target")
    };
    assert_eq!(target.dynamic_node_properties, Some(properties(policy)));
    (sender, target.address.unwrap())
}

fn send(end: &mut End, sender: SenderId) {
    let sent = end.connection.sender(sender).unwrap().send(1_u32, b"message".as_slice()).unwrap();
    end.until(|event| match event {
        Event::DeliverySettled { first, last, .. } => (*first..=*last).contains(&sent).then_some(()),
        _ => None,
    });
}

fn close(end: &mut End, sender: SenderId) {
    end.connection.sender(sender).unwrap().close(None).unwrap();
    end.until(|event| matches!(event, Event::SenderClosed { .. }).then_some(()));
}

/// Waits until a link of another client is closed, as its node was deleted.
fn deleted(end: &mut End) {
    let condition = end.until(|event| match event {
        Event::SenderError { failure, .. } | Event::ReceiverError { failure, .. } => {
            Some(failure.error.condition.as_str().to_owned())
        }
        _ => None,
    });
    assert_eq!(condition, "amqp:resource-deleted");
}

#[test]
fn node_without_a_policy_that_is_known_is_deleted_with_its_link() {
    let broker = Broker::start(&[]);
    for asked in [None, Some(Fields::new()), Some(properties(0x70)), Some(properties(DeleteOnClose::CODE))] {
        let (mut end, session) = End::client(&broker);
        let source = Source { dynamic: true, dynamic_node_properties: asked, ..Source::default() };
        let receiver = end.receiver(session, ReceiverConfig::new().source(source));
        let attach = end.connection.receiver_ref(receiver).unwrap().remote_attach().unwrap();
        let source = attach.source.unwrap();
        assert_eq!(source.dynamic_node_properties, Some(properties(DeleteOnClose::CODE)));
        // Also with messages and another link.
        let (mut other, session) = End::client(&broker);
        let sender = other.sender(session, SenderConfig::to(&*source.address.unwrap()));
        send(&mut other, sender);
        end.connection.receiver(receiver).unwrap().close(None).unwrap();
        end.until(|event| matches!(event, Event::ReceiverClosed { .. }).then_some(()));
        deleted(&mut other);
    }
}

#[test]
fn node_that_goes_with_its_links_outlives_its_creator_and_not_the_last_link() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let (creator, address) = make(&mut end, session, DeleteOnNoLinks::CODE);
    let (mut other, session) = End::client(&broker);
    let sender = other.sender(session, SenderConfig::to(&*address));
    send(&mut other, sender);
    close(&mut end, creator);
    send(&mut other, sender);
    close(&mut other, sender);
    // The messages went with it.
    assert_eq!(broker.left(&address), 0);
}

#[test]
fn node_that_goes_with_its_messages_waits_for_their_outcome_and_ends_the_links_that_are_left() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let (creator, address) = make(&mut end, session, DeleteOnNoMessages::CODE);
    let (mut other, session) = End::client(&broker);
    let receiver = other.receiver(session, ReceiverConfig::from(&*address));
    send(&mut end, creator);
    close(&mut end, creator);
    other.connection.receiver(receiver).unwrap().set_credit(1).unwrap();
    let delivery = other.until(|event| match event {
        Event::Delivery { delivery, .. } => Some(delivery.id),
        _ => None,
    });
    // It is acquired and has no outcome, so it may return.
    other.round_trip();
    other.connection.receiver(receiver).unwrap().release(delivery).unwrap();
    other.connection.receiver(receiver).unwrap().set_credit(1).unwrap();
    let delivery = other.until(|event| match event {
        Event::Delivery { delivery, .. } => Some(delivery.id),
        _ => None,
    });
    other.connection.receiver(receiver).unwrap().accept(delivery).unwrap();
    deleted(&mut other);
    // Without messages it goes with the link that it was made for.
    let (mut end, session) = End::client(&broker);
    let (creator, address) = make(&mut end, session, DeleteOnNoMessages::CODE);
    let (mut other, session) = End::client(&broker);
    other.receiver(session, ReceiverConfig::from(&*address));
    close(&mut end, creator);
    deleted(&mut other);
}

#[test]
fn node_that_goes_with_links_and_messages_outlives_each_alone() {
    let broker = Broker::start(&[]);
    let (mut end, session) = End::client(&broker);
    let (creator, address) = make(&mut end, session, DeleteOnNoLinksOrMessages::CODE);
    send(&mut end, creator);
    close(&mut end, creator);
    assert_eq!(broker.left(&address), 1);
    // A new node of this name has no policy: it was deleted in between.
    let (creator, address) = make(&mut end, session, DeleteOnNoLinksOrMessages::CODE);
    let (mut other, session) = End::client(&broker);
    let sender = other.sender(session, SenderConfig::to(&*address));
    close(&mut end, creator);
    send(&mut other, sender);
    assert_eq!(broker.left(&address), 1);
    send(&mut other, sender);
    close(&mut other, sender);
    assert_eq!(broker.left(&address), 1);
}
