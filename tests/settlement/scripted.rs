//! What a scripted peer does out of turn: early settlements, outcomes that are none.

use amqp_proto::{
    CommandError, CreditPolicy, Event, ReceiverConfig, SendOptions, SenderConfig, SenderId,
    spec::{
        definitions::{ErrorCondition, ReceiverSettleMode, Role},
        delivery_state::DeliveryState,
        performatives as p,
        terminus::{Source, TargetArchetype},
        transaction::{Coordinator, Declared},
    },
};

use crate::{
    common::names,
    peer::{accepted, attach, continuation, frame, link_flow, more, with_payload},
    support::Fed,
    written::written,
};

fn second(name: &str, handle: u32) -> p::Attach {
    p::Attach { rcv_settle_mode: ReceiverSettleMode::Second, ..attach(name, handle, Role::Receiver) }
}

/// A server that sends on the link that this attach of the peer's asks for.
fn accept(fed: &mut Fed, theirs: &p::Attach, config: SenderConfig) -> SenderId {
    fed.feed_bytes(&frame(0, theirs));
    let sender = fed.sender_asked_for();
    fed.connection.accept_sender(sender, config).unwrap();
    fed.feed_bytes(&frame(0, &link_flow(theirs.handle.get(), 100)));
    fed.events();
    sender
}

fn send(fed: &mut Fed, sender: SenderId, count: u32, options: &SendOptions) {
    for tag in 0..count {
        fed.connection.sender(sender).unwrap().send_with(tag, b"x".as_slice(), options).unwrap();
    }
    fed.write();
    written(fed);
}

fn early(fed: &mut Fed, sender: SenderId) -> u64 {
    fed.connection.sender_ref(sender).unwrap().early_settlements()
}

#[test]
fn settlements_before_ours_in_mode_second_are_taken_and_counted() {
    for keeps in [false, true] {
        let mut fed = Fed::server();
        let sender = accept(&mut fed, &second("link", 0), SenderConfig::new().settle_on_outcome(!keeps));
        send(&mut fed, sender, 10, &SendOptions::new());
        // One alone, then a range.
        fed.feed_bytes(&frame(0, &accepted(0, None)));
        assert_eq!((fed.names(), early(&mut fed, sender)), (vec!["DELIVERY_SETTLED"], 1));
        fed.feed_bytes(&frame(0, &accepted(1, Some(3))));
        assert_eq!((fed.names(), early(&mut fed, sender)), (vec!["DELIVERY_SETTLED"], 4));
        // Those are gone, and so is what we settle.
        fed.feed_bytes(&frame(0, &accepted(0, Some(3))));
        fed.feed_bytes(&frame(0, &p::Disposition { settled: false, ..accepted(4, Some(5)) }));
        let last = fed.events();
        if keeps {
            // The receiver settles before the application does.
            assert_eq!((names(&last), early(&mut fed, sender)), (vec!["DELIVERY_UPDATED"], 4));
            fed.feed_bytes(&frame(0, &accepted(4, Some(5))));
            assert_eq!((fed.names(), early(&mut fed, sender)), (vec!["DELIVERY_SETTLED"], 6));
        } else {
            assert_eq!(names(&last), ["DELIVERY_SETTLED"]);
            fed.feed_bytes(&frame(0, &accepted(4, Some(5))));
            assert_eq!((fed.names(), early(&mut fed, sender)), (vec![], 4));
        }
        assert_eq!(fed.connection.unsettled(sender).len(), 4);
    }
}

#[test]
fn the_turn_of_a_receiver_is_no_early_settlement() {
    // In mode first, and for a delivery of mode first on a link in mode second.
    let mut fed = Fed::server();
    let sender = accept(&mut fed, &attach("link", 0, Role::Receiver), SenderConfig::new());
    send(&mut fed, sender, 4, &SendOptions::new());
    fed.feed_bytes(&frame(0, &accepted(0, None)));
    fed.feed_bytes(&frame(0, &accepted(1, Some(3))));
    assert_eq!((early(&mut fed, sender), fed.connection.unsettled(sender).len()), (0, 0));
    let mut fed = Fed::server();
    let sender = accept(&mut fed, &second("link", 0), SenderConfig::new());
    send(&mut fed, sender, 4, &SendOptions::new().rcv_settle_mode(ReceiverSettleMode::First));
    send(&mut fed, sender, 1, &SendOptions::new());
    fed.events();
    fed.feed_bytes(&frame(0, &accepted(0, None)));
    assert_eq!((early(&mut fed, sender), fed.names()), (0, vec!["DELIVERY_SETTLED"]));
    fed.feed_bytes(&frame(0, &accepted(1, Some(4))));
    assert_eq!((early(&mut fed, sender), fed.connection.unsettled(sender).len()), (1, 0));
}

#[test]
fn early_settlements_are_counted_for_each_link() {
    let mut fed = Fed::server();
    let senders = [0, 1].map(|n| accept(&mut fed, &second(&format!("link {n}"), n), SenderConfig::new()));
    for sender in [0, 1, 1, 0, 1] {
        send(&mut fed, senders[sender], 1, &SendOptions::new());
    }
    fed.feed_bytes(&frame(0, &accepted(0, Some(4))));
    assert_eq!(senders.map(|sender| early(&mut fed, sender)), [2, 3]);
}

fn declared() -> Option<DeliveryState> {
    let txn_id = [7_u8].as_slice().try_into().unwrap();
    Some(Declared { txn_id }.into())
}

#[test]
fn declared_is_an_outcome_of_links_to_a_coordinator_alone() {
    let coordinator =
        TargetArchetype::Coordinator(Coordinator { capabilities: amqp_proto::types::Multiple::default() });
    for settled in [true, false] {
        let mut fed = Fed::server();
        let ordinary = accept(&mut fed, &attach("ordinary", 0, Role::Receiver), SenderConfig::new());
        let control = p::Attach {
            target: Some(Box::new(coordinator.clone())),
            source: Some(Box::new(Source::default())),
            ..attach("control", 1, Role::Receiver)
        };
        let control = accept(&mut fed, &control, SenderConfig::new());
        for sender in [ordinary, control] {
            send(&mut fed, sender, 1, &SendOptions::new());
        }
        let declares =
            |first: u32, last| p::Disposition { settled, state: declared(), ..accepted(first, last) };
        fed.feed_bytes(&frame(0, &declares(1, None)));
        let events = fed.events();
        let [Event::DeliverySettled { state, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(*state, declared());
        written(&mut fed);
        fed.feed_bytes(&frame(0, &declares(0, Some(1))));
        let events = fed.events();
        let [Event::SenderError { sender, unsettled, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((*sender, *unsettled), (ordinary, 1));
        let written = written(&mut fed);
        let [p::Performative::Detach(detach)] = &written[..] else { panic!("{written:?}") };
        let condition = detach.error.as_ref().map(|error| error.condition.clone());
        assert_eq!((detach.closed, condition), (true, Some(ErrorCondition::InvalidField)));
        // Its delivery is listed without an outcome, and the other link goes on.
        assert_eq!(fed.connection.unsettled(ordinary)[0].state, None);
        send(&mut fed, control, 1, &SendOptions::new());
    }
}

/// It was sent, and a peer that keeps to the letter ends the link.
#[test]
fn declared_is_refused_for_links_that_are_not_to_a_coordinator() {
    let coordinator = Coordinator { capabilities: amqp_proto::types::Multiple::default() };
    let archetype = Box::new(TargetArchetype::Coordinator(coordinator.clone()));
    for is_control in [false, true] {
        let theirs = attach("link", 0, Role::Sender);
        let target = if is_control { Some(archetype.clone()) } else { theirs.target.clone() };
        let mut fed = Fed::server();
        fed.feed_bytes(&frame(0, &p::Attach { target, ..theirs }));
        let receiver = fed.receiver_asked_for();
        let mut config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
        if is_control {
            config = config.coordinator(coordinator.clone());
        }
        fed.connection.accept_receiver(receiver, config).unwrap();
        for id in 0..2 {
            fed.feed_bytes(&with_payload(0, &p::Transfer { more: false, ..more(0, id) }, b"x"));
        }
        let events = fed.events();
        let [.., Event::Delivery { delivery: one, .. }, Event::Delivery { delivery: two, .. }] = &events[..]
        else {
            panic!("{events:?}")
        };
        written(&mut fed);
        let mut link = fed.connection.receiver(receiver).unwrap();
        let done = [link.settle(one.id, declared()), link.disposition(two.id, two.id, true, declared())];
        let refused = Err(CommandError::IllegalState("declared is for links to a coordinator (4.5.5)"));
        assert_eq!(done, if is_control { [Ok(()), Ok(())] } else { [refused, refused] });
        assert_eq!(link.unsettled_len(), if is_control { 0 } else { 2 });
        // The sender's end: it is no state of a message, and no outcome of an ordinary link.
        let target = if is_control { Some(archetype.clone()) } else { None };
        let theirs = attach("other", 1, Role::Receiver);
        let theirs = p::Attach { target: target.or_else(|| theirs.target.clone()), ..theirs };
        let sender = accept(&mut fed, &theirs, SenderConfig::new());
        let mut link = fed.connection.sender(sender).unwrap();
        let options = SendOptions::new().state(declared().unwrap());
        let sent = link.send_with(1_u32, b"x".as_slice(), &options);
        assert!(matches!(sent, Err(CommandError::IllegalState(_))), "{sent:?}");
        let sent = link.send(1_u32, b"x".as_slice()).unwrap();
        let settled = link.settle(sent, declared());
        assert_eq!(settled, if is_control { Ok(()) } else { refused });
    }
}

/// 2.7.5: a mode of its own counts for its delivery alone, also where a range is settled.
#[test]
fn a_delivery_of_mode_first_settles_with_its_outcome_and_others_do_not() {
    let mut fed = Fed::server();
    let theirs = p::Attach { rcv_settle_mode: ReceiverSettleMode::Second, ..attach("link", 0, Role::Sender) };
    fed.feed_bytes(&frame(0, &theirs));
    let receiver = fed.receiver_asked_for();
    let config = ReceiverConfig::new().rcv_settle_mode(ReceiverSettleMode::Second);
    fed.connection.accept_receiver(receiver, config.credit(CreditPolicy::Auto(10))).unwrap();
    for id in 0..2 {
        let rcv_settle_mode = (id == 1).then_some(ReceiverSettleMode::First);
        let transfer = p::Transfer { rcv_settle_mode, ..crate::peer::transfer(0, id) };
        fed.feed_bytes(&frame(0, &transfer));
    }
    let taken: Vec<_> = fed
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Delivery { delivery, .. } => Some(delivery.id),
            _ => None,
        })
        .collect();
    for id in taken {
        fed.connection.receiver(receiver).unwrap().release(id).unwrap();
    }
    assert_eq!(fed.connection.unsettled(receiver).len(), 1);
}

/// 2.6.12: what is known of a delivery that has not arrived whole is in its event.
#[test]
fn a_senders_outcome_before_the_last_frame_is_in_the_event_of_the_delivery() {
    for (streaming, finish) in [(false, false), (false, true), (true, false)] {
        let mut fed = Fed::server();
        fed.feed_bytes(&frame(0, &attach("link", 0, Role::Sender)));
        let receiver = fed.receiver_asked_for();
        let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10)).streaming(streaming);
        fed.connection.accept_receiver(receiver, config).unwrap();
        fed.events();
        fed.feed_bytes(&with_payload(0, &more(0, 0), b"one "));
        let begun: &[_] = if streaming { &["DELIVERY_BEGUN"] } else { &[] };
        assert_eq!(fed.names(), begun);
        let released = Some(DeliveryState::RELEASED);
        for state in [released.clone(), Some(DeliveryState::ACCEPTED)] {
            let announced = p::Disposition { role: Role::Sender, settled: false, state, ..accepted(0, None) };
            fed.feed_bytes(&frame(0, &announced));
        }
        // The first outcome stands.
        let updated: &[_] = if streaming { &["DELIVERY_UPDATED"] } else { &[] };
        assert_eq!(fed.names(), updated);
        assert_eq!(fed.connection.unsettled(receiver)[0].state, released);
        let state = finish.then_some(DeliveryState::ACCEPTED);
        fed.feed_bytes(&with_payload(0, &p::Transfer { state, ..continuation(0) }, b"two"));
        let events = fed.events();
        match &events[..] {
            [Event::DeliveryData { .. }] if streaming => {}
            [Event::Delivery { delivery, .. }] if !streaming => assert_eq!(delivery.state, released),
            other => panic!("{other:?}"),
        }
    }
}
