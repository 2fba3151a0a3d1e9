//! The field `batchable` (2.7.5, 2.7.6), and properties of a link's state (2.7.4).

use amqp_proto::{
    CommandError, ConnectionConfig, CreditPolicy, DeliveryId, Event, ReceiverConfig, ReceiverId, SendOptions,
    SenderConfig, SessionConfig,
    spec::{definitions::Role, delivery_state::DeliveryState, performatives as p},
    types::{Fields, Symbol},
};

use crate::{
    peer::{attach, continuation, detach, frame, more, transfer, with_payload},
    support::Fed,
    written::written,
};

fn receiving(streaming: bool) -> (Fed, ReceiverId) {
    let mut fed = Fed::server();
    fed.feed_bytes(&frame(0, &attach("link", 0, Role::Sender)));
    let receiver = fed.receiver_asked_for();
    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(100)).streaming(streaming);
    fed.connection.accept_receiver(receiver, config).unwrap();
    fed.write();
    fed.events();
    written(&mut fed);
    (fed, receiver)
}

fn batchable(transfer: p::Transfer) -> p::Transfer {
    p::Transfer { batchable: true, ..transfer }
}

#[test]
fn a_delivery_is_batchable_if_any_of_its_transfers_is() {
    let (mut fed, _) = receiving(false);
    fed.feed_bytes(&with_payload(0, &batchable(transfer(0, 0)), b"whole"));
    fed.feed_bytes(&with_payload(0, &transfer(0, 1), b"whole"));
    fed.feed_bytes(&with_payload(0, &more(0, 2), b"one "));
    fed.feed_bytes(&with_payload(0, &batchable(continuation(0)), b"two"));
    fed.feed_bytes(&with_payload(0, &batchable(more(0, 3)), b"one "));
    fed.feed_bytes(&with_payload(0, &continuation(0), b"two"));
    fed.feed_bytes(&with_payload(0, &more(0, 4), b"one "));
    fed.feed_bytes(&with_payload(0, &continuation(0), b"two"));
    let hints: Vec<_> = fed
        .events()
        .into_iter()
        .map(|event| match event {
            Event::Delivery { delivery, .. } => delivery.batchable,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(hints, [true, false, true, true, false]);
}

#[test]
fn a_streamed_delivery_is_batchable_as_its_first_transfer_has_it() {
    for hint in [true, false] {
        let (mut fed, _) = receiving(true);
        fed.feed_bytes(&with_payload(0, &p::Transfer { batchable: hint, ..more(0, 0) }, b"one "));
        let events = fed.events();
        let [Event::DeliveryBegun { batchable, .. }] = events[..] else { panic!("{events:?}") };
        assert_eq!(batchable, hint);
    }
}

#[test]
fn the_hint_of_a_message_is_in_its_first_transfer() {
    let mut fed = Fed::server();
    fed.feed_bytes(&frame(0, &attach("link", 0, Role::Receiver)));
    let sender = fed.sender_asked_for();
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    fed.feed_bytes(&frame(0, &crate::peer::link_flow(0, 10)));
    written(&mut fed);
    for hint in [true, false] {
        let options = SendOptions::new().batchable(hint);
        fed.connection.sender(sender).unwrap().send_with(1_u32, b"x".as_slice(), &options).unwrap();
        fed.write();
        let written = written(&mut fed);
        let [p::Performative::Transfer(transfer)] = &written[..] else { panic!("{written:?}") };
        assert_eq!(transfer.batchable, hint);
    }
}

fn dispositions(fed: &mut Fed) -> Vec<(u32, Option<u32>, bool)> {
    fed.write();
    let only = |performative| match performative {
        p::Performative::Disposition(hint) => {
            Some((hint.first.get(), hint.last.map(|last| last.get()), hint.batchable))
        }
        _ => None,
    };
    written(fed).into_iter().filter_map(only).collect()
}

#[test]
fn neighbours_become_one_disposition_that_is_batchable_if_all_are() {
    let accepted = || Some(DeliveryState::ACCEPTED);
    for (hints, joined) in
        [([true, true], true), ([true, false], false), ([false, true], false), ([false, false], false)]
    {
        let (mut fed, receiver) = receiving(false);
        for id in 0..2 {
            fed.feed_bytes(&with_payload(0, &transfer(0, id), b"x"));
        }
        let taken: Vec<DeliveryId> = fed
            .events()
            .into_iter()
            .map(|event| match event {
                Event::Delivery { delivery, .. } => delivery.id,
                other => panic!("{other:?}"),
            })
            .collect();
        for (id, hint) in taken.iter().zip(hints) {
            let mut receiver = fed.connection.receiver(receiver).unwrap();
            receiver.disposition_with(*id, *id, true, accepted(), hint).unwrap();
        }
        assert_eq!(dispositions(&mut fed), [(0, Some(1), joined)], "{hints:?}");
    }
}

#[test]
fn an_outcome_that_a_delivery_had_before_is_settled_with_the_hint() {
    let (mut fed, receiver) = receiving(false);
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"x"));
    let events = fed.events();
    let [Event::Delivery { delivery, .. }] = &events[..] else { panic!("{events:?}") };
    let mut link = fed.connection.receiver(receiver).unwrap();
    link.disposition(delivery.id, delivery.id, false, Some(DeliveryState::RELEASED)).unwrap();
    assert_eq!(dispositions(&mut fed), [(0, None, false)]);
    let mut link = fed.connection.receiver(receiver).unwrap();
    link.disposition_with(delivery.id, delivery.id, true, None, true).unwrap();
    assert_eq!(dispositions(&mut fed), [(0, None, true)]);
}

fn active(active: bool) -> Fields {
    Fields::from([(Symbol::from_static("rabbitmq:active"), active)])
}

/// The properties in the flows that have been written.
fn flow_properties(fed: &mut Fed) -> Vec<Option<Fields>> {
    fed.write();
    let only = |performative| match performative {
        p::Performative::Flow(flow) => Some(flow.properties),
        _ => None,
    };
    written(fed).into_iter().filter_map(only).collect()
}

#[test]
fn properties_of_a_links_state_go_with_its_next_flow_and_no_other() {
    let (mut fed, receiver) = receiving(false);
    let mut link = fed.connection.receiver(receiver).unwrap();
    link.set_flow_properties(Some(active(true))).unwrap();
    assert_eq!(flow_properties(&mut fed), [Some(active(true))]);
    fed.connection.receiver(receiver).unwrap().set_credit(7).unwrap();
    assert_eq!(flow_properties(&mut fed), [None]);
    // The last counts, and can be taken back.
    let mut link = fed.connection.receiver(receiver).unwrap();
    link.set_flow_properties(Some(active(true))).unwrap();
    link.set_flow_properties(Some(active(false))).unwrap();
    assert_eq!(flow_properties(&mut fed), [Some(active(false))]);
    let mut link = fed.connection.receiver(receiver).unwrap();
    link.set_flow_properties(Some(active(true))).unwrap();
    link.set_flow_properties(None).unwrap();
    assert_eq!(flow_properties(&mut fed), [None]);
}

#[test]
fn properties_set_before_the_attach_is_written_follow_it() {
    // A link that the peer asks for.
    let mut fed = Fed::server();
    fed.feed_bytes(&frame(0, &attach("link", 0, Role::Receiver)));
    let sender = fed.sender_asked_for();
    fed.connection.sender(sender).unwrap().set_flow_properties(Some(active(true))).unwrap();
    assert_eq!(flow_properties(&mut fed), []);
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    assert_eq!(flow_properties(&mut fed), [Some(active(true))]);
    // One of ours, behind another that goes ahead of the peer's begin.
    let mut fed = Fed::new(ConnectionConfig::client("client"));
    fed.connection.open().unwrap();
    let session = fed.connection.begin(SessionConfig::new()).unwrap();
    let mut handle = fed.connection.session(session).unwrap();
    handle.attach_sender(SenderConfig::to("q").name("ahead")).unwrap();
    let waits = handle.attach_sender(SenderConfig::to("q").name("waits")).unwrap();
    fed.connection.sender(waits).unwrap().set_flow_properties(Some(active(true))).unwrap();
    assert_eq!(flow_properties(&mut fed), []);
    fed.feed_bytes(&[crate::peer::AMQP, &frame(0, &crate::peer::open())].concat());
    fed.feed_bytes(&frame(0, &crate::peer::begin_answer(0)));
    assert_eq!(flow_properties(&mut fed), [Some(active(true))]);
}

#[test]
fn properties_that_do_not_fit_a_frame_are_refused_and_change_nothing() {
    let mut fed = Fed::new(ConnectionConfig::server("s").auto_accept_sessions(true));
    let open = p::Open { max_frame_size: 512, ..crate::peer::open() };
    fed.feed_bytes(&[crate::peer::AMQP, &frame(0, &open), &frame(0, &crate::peer::begin())].concat());
    fed.feed_bytes(&frame(0, &attach("link", 0, Role::Sender)));
    let receiver = fed.receiver_asked_for();
    fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
    assert_eq!(flow_properties(&mut fed), []);
    let large = |size: usize| Some(Fields::from([(Symbol::from_static("k"), "v".repeat(size).as_str())]));
    let mut link = fed.connection.receiver(receiver).unwrap();
    let refused = link.set_flow_properties(large(500));
    assert!(matches!(refused, Err(CommandError::FrameTooLarge { max: 512, .. })), "{refused:?}");
    // The largest that is taken fits with any numbers of the flow.
    let fits = (1..500).rev().find(|size| link.set_flow_properties(large(*size)).is_ok()).unwrap();
    link.set_credit(i32::MAX as u32).unwrap();
    assert!(fits > 400, "{fits}");
    assert_eq!(flow_properties(&mut fed), [large(fits)]);
    fed.feed_bytes(&frame(0, &detach(0, true)));
    assert!(fed.connection.receiver(receiver).is_err());
}
