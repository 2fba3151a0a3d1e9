//! The standard's letter (FD).

mod aborts;
mod headers;
mod sasl;

use amqp_proto::{
    CommandError, Delivery, Event, LinkId, ReceiverConfig, ReceiverId, SendOptions, SenderConfig, SenderId,
    spec::{
        definitions::{ErrorCondition, ReceiverSettleMode, Role, SenderSettleMode},
        delivery_state::{DeliveryState, Outcome, Received, Rejected},
        performatives as p,
        terminus::Source,
        transaction::TransactionalState,
    },
    types::{Described, Fields, Symbol, Value},
};
use bytes::Bytes;

use crate::{
    outcomes::{accept_requested, assert_refused, deliveries, receiving, sending, small},
    peer::{attach, continuation, frame, link_flow, more, transfer, with_payload},
    support::{ATTACH_SENDER, Fed},
    written::written,
};

const FIRST: Option<ReceiverSettleMode> = Some(ReceiverSettleMode::First);
const SECOND: Option<ReceiverSettleMode> = Some(ReceiverSettleMode::Second);

fn accepted() -> Option<DeliveryState> {
    Some(DeliveryState::ACCEPTED)
}

fn rejected() -> Option<DeliveryState> {
    Some(Rejected::default().into())
}

fn transactional(id: u8) -> Option<DeliveryState> {
    let txn_id = [id].as_slice().try_into().unwrap();
    Some(TransactionalState { txn_id, outcome: None }.into())
}

fn dispositions(fed: &mut Fed) -> Vec<(bool, Option<DeliveryState>)> {
    let only = |performative| match performative {
        p::Performative::Disposition(told) => Some((told.settled, told.state)),
        _ => None,
    };
    fed.write();
    written(fed).into_iter().filter_map(only).collect()
}

fn transfers(fed: &mut Fed) -> Vec<p::Transfer> {
    let only = |performative| match performative {
        p::Performative::Transfer(transfer) => Some(transfer),
        _ => None,
    };
    fed.write();
    written(fed).into_iter().filter_map(only).collect()
}

fn one_delivery(fed: &mut Fed) -> Delivery {
    let mut came = deliveries(fed.events());
    assert_eq!(came.len(), 1);
    came.remove(0)
}

#[test]
fn fd1_the_mode_of_a_settled_transfer_is_ignored() {
    let mut fed = Fed::server();
    fed.feed(ATTACH_SENDER);
    let receiver = accept_requested(&mut fed, ReceiverConfig::new());
    fed.feed("0000001802000000005314c00b074343a00174434140 5001");
    assert!(fed.names().contains(&"DELIVERY"));
    assert!(fed.connection.receiver(receiver).is_ok());
}

#[test]
fn fd1b_so_is_that_of_a_link_that_sends_settled() {
    let theirs = p::Attach { snd_settle_mode: SenderSettleMode::Settled, ..attach("link", 0, Role::Sender) };
    let (mut fed, receiver) = receiving_from(theirs, ReceiverConfig::new());
    // The frame that settles it is to come.
    fed.feed_bytes(&with_payload(0, &p::Transfer { rcv_settle_mode: SECOND, ..more(0, 0) }, b"one "));
    fed.feed_bytes(&with_payload(0, &p::Transfer { settled: Some(true), ..continuation(0) }, b"two"));
    assert_eq!(one_delivery(&mut fed).payload.into_bytes(), b"one two".as_slice());
    assert!(fed.connection.receiver(receiver).is_ok());
}

#[test]
fn fd2_mode_first_on_a_transfer_counts_for_its_delivery() {
    let (mut fed, receiver) = receiving_second();
    fed.feed_bytes(&with_payload(0, &p::Transfer { rcv_settle_mode: FIRST, ..transfer(0, 0) }, b"first"));
    fed.feed_bytes(&with_payload(0, &transfer(0, 1), b"as the link"));
    let came = deliveries(fed.events());
    let modes: Vec<_> = came.iter().map(|delivery| Some(delivery.rcv_settle_mode)).collect();
    assert_eq!(modes, [FIRST, SECOND]);
    for delivery in &came {
        fed.connection.receiver(receiver).unwrap().accept(delivery.id).unwrap();
    }
    assert_eq!(dispositions(&mut fed), [(true, accepted()), (false, accepted())]);
    assert_eq!(fed.connection.unsettled(receiver).len(), 1);
}

#[test]
fn fd2b_a_sender_can_ask_for_it() {
    let second =
        p::Attach { rcv_settle_mode: ReceiverSettleMode::Second, ..attach("link", 0, Role::Receiver) };
    let (mut fed, sender) = sending(SenderConfig::new(), second);
    for mode in [ReceiverSettleMode::First, ReceiverSettleMode::Second] {
        let options = SendOptions::new().rcv_settle_mode(mode);
        fed.connection.sender(sender).unwrap().send_with(1_u32, b"x".as_slice(), &options).unwrap();
    }
    let options = SendOptions::new().rcv_settle_mode(ReceiverSettleMode::First).settled(true);
    fed.connection.sender(sender).unwrap().send_with(1_u32, b"x".as_slice(), &options).unwrap();
    let told: Vec<_> = transfers(&mut fed).iter().map(|transfer| transfer.rcv_settle_mode).collect();
    assert_eq!(told, [FIRST, None, None]);
    let (mut fed, sender) = sending(SenderConfig::new(), attach("link", 0, Role::Receiver));
    let options = SendOptions::new().rcv_settle_mode(ReceiverSettleMode::Second);
    let refused = fed.connection.sender(sender).unwrap().send_with(1_u32, b"x".as_slice(), &options);
    assert_eq!(refused, Err(CommandError::SettleMode));
    assert_eq!(transfers(&mut fed), []);
}

#[test]
fn fd2c_in_parts_and_streamed_too() {
    for streaming in [false, true] {
        let config = ReceiverConfig::new().rcv_settle_mode(ReceiverSettleMode::Second).streaming(streaming);
        let theirs =
            p::Attach { rcv_settle_mode: ReceiverSettleMode::Second, ..attach("link", 0, Role::Sender) };
        let (mut fed, receiver) = receiving_from(theirs, config);
        fed.feed_bytes(&with_payload(0, &p::Transfer { rcv_settle_mode: FIRST, ..more(0, 0) }, b"one "));
        fed.feed_bytes(&with_payload(0, &continuation(0), b"two"));
        let (delivery, mode) = match &fed.events()[0] {
            Event::Delivery { delivery, .. } => (delivery.id, delivery.rcv_settle_mode),
            Event::DeliveryBegun { delivery, rcv_settle_mode, .. } => (*delivery, *rcv_settle_mode),
            other => panic!("{other:?}"),
        };
        assert_eq!(Some(mode), FIRST);
        fed.connection.receiver(receiver).unwrap().accept(delivery).unwrap();
        assert_eq!(dispositions(&mut fed), [(true, accepted())]);
    }
}

/// A server with a link in rcv-settle-mode second that it receives on.
fn receiving_second() -> (Fed, ReceiverId) {
    let theirs = p::Attach { rcv_settle_mode: ReceiverSettleMode::Second, ..attach("link", 0, Role::Sender) };
    receiving_from(theirs, ReceiverConfig::new().rcv_settle_mode(ReceiverSettleMode::Second))
}

/// A server that receives on the link that this attach of the peer's asks for.
fn receiving_from(theirs: p::Attach, config: ReceiverConfig) -> (Fed, ReceiverId) {
    let mut fed = small();
    fed.feed_bytes(&frame(0, &theirs));
    let receiver = accept_requested(&mut fed, config);
    (fed, receiver)
}

/// A link whose receiver takes messages of 100 bytes.
fn sending_little() -> (Fed, SenderId) {
    let theirs = p::Attach { max_message_size: Some(100), ..attach("link", 0, Role::Receiver) };
    sending(SenderConfig::new(), theirs)
}

#[test]
fn fd3_a_streamed_message_keeps_to_the_peers_maximum() {
    let (mut fed, sender) = sending_little();
    let mut link = fed.connection.sender(sender).unwrap();
    let sent = link.send_streaming(1_u32, &SendOptions::new()).unwrap();
    link.write(sent, vec![7; 60]).unwrap();
    assert_eq!(link.write(sent, vec![7; 41]), Err(CommandError::TooLarge { max: 100 }));
    link.write(sent, vec![7; 40]).unwrap();
    link.finish(sent).unwrap();
    assert_eq!(transfers(&mut fed).len(), 4, "the refused chunk has changed nothing");
}

// Right since 862b885.
#[test]
fn fd3b_so_does_one_that_is_sent_whole() {
    let (mut fed, sender) = sending_little();
    let mut link = fed.connection.sender(sender).unwrap();
    assert_eq!(link.send(1_u32, vec![7; 101]), Err(CommandError::TooLarge { max: 100 }));
    link.send(1_u32, vec![7; 100]).unwrap();
    assert_eq!(transfers(&mut fed).len(), 1);
}

#[test]
fn fd4_every_frame_of_a_delivery_names_its_transaction() {
    let (mut fed, sender) = sending(SenderConfig::new(), attach("link", 0, Role::Receiver));
    let options = SendOptions::new().state(transactional(7).unwrap());
    let mut link = fed.connection.sender(sender).unwrap();
    link.send_with(1_u32, vec![7; 2000], &options).unwrap();
    let streamed = link.send_streaming(2_u32, &options).unwrap();
    link.write(streamed, b"bytes".as_slice()).unwrap();
    link.abort(streamed).unwrap();
    let sent = transfers(&mut fed);
    assert_eq!(sent.len(), 8);
    assert!(sent.iter().all(|transfer| transfer.state == transactional(7)), "{sent:?}");
    // An outcome is said once.
    let options = SendOptions::new().state(DeliveryState::ACCEPTED);
    fed.connection.sender(sender).unwrap().send_with(3_u32, vec![7; 2000], &options).unwrap();
    let told = transfers(&mut fed).into_iter().filter(|transfer| transfer.state.is_some()).count();
    assert_eq!(told, 1);
}

#[test]
fn fd4b_a_delivery_of_two_transactions_is_refused() {
    for (before, now) in [(Some(1), Some(2)), (None, Some(1)), (Some(1), None)] {
        let state = |id: Option<u8>| id.map_or(accepted(), transactional);
        let (mut fed, receiver) = receiving(ReceiverConfig::new());
        let first = before.and_then(transactional);
        fed.feed_bytes(&with_payload(0, &p::Transfer { state: first, ..more(0, 0) }, b"one "));
        fed.feed_bytes(&with_payload(0, &p::Transfer { state: state(now), ..continuation(0) }, b"two"));
        assert_refused(&mut fed, receiver, ErrorCondition::NotAllowed);
    }
    // Named again or not, it is the same.
    for again in [transactional(1), None] {
        let (mut fed, _) = receiving(ReceiverConfig::new());
        fed.feed_bytes(&with_payload(0, &p::Transfer { state: transactional(1), ..more(0, 0) }, b"one "));
        fed.feed_bytes(&with_payload(0, &p::Transfer { state: again, ..continuation(0) }, b"two"));
        assert_eq!(one_delivery(&mut fed).state, transactional(1));
    }
}

#[test]
fn fd6_a_senders_outcome_is_its_last() {
    let config = || SenderConfig::new().settle_on_outcome(false);
    let (mut fed, sender) = sending(config(), attach("link", 0, Role::Receiver));
    let options = SendOptions::new().state(DeliveryState::ACCEPTED);
    let sent = fed.connection.sender(sender).unwrap().send_with(1_u32, b"x".as_slice(), &options).unwrap();
    written(&mut fed);
    let mut link = fed.connection.sender(sender).unwrap();
    let other = Err(CommandError::IllegalState("the delivery has another outcome already (3.4)"));
    assert_eq!(link.settle(sent, rejected()), other);
    link.settle(sent, None).unwrap();
    assert_eq!(dispositions(&mut fed), [(true, accepted())]);
    // A sender never says what it has received, but where it resumes.
    let received = DeliveryState::from(Received::default());
    let options = SendOptions::new().state(received.clone());
    let mut link = fed.connection.sender(sender).unwrap();
    let refused = link.send_with(2_u32, b"x".as_slice(), &options);
    assert!(matches!(refused, Err(CommandError::IllegalState(_))), "{refused:?}");
    let sent = link.send(2_u32, b"x".as_slice()).unwrap();
    let refused = link.settle(sent, Some(received));
    assert!(matches!(refused, Err(CommandError::IllegalState(_))), "{refused:?}");
}

#[test]
fn fd6b_what_the_peer_answers_does_not_change_it() {
    for keep in [false, true] {
        let config = SenderConfig::new().settle_on_outcome(!keep);
        let (mut fed, sender) = sending(config, attach("link", 0, Role::Receiver));
        let options = SendOptions::new().state(DeliveryState::ACCEPTED);
        let sent =
            fed.connection.sender(sender).unwrap().send_with(1_u32, b"x".as_slice(), &options).unwrap();
        written(&mut fed);
        let outcome = p::Disposition { role: Role::Receiver, state: rejected(), ..Default::default() };
        fed.feed_bytes(&frame(0, &outcome));
        // An event has what the receiver announced.
        let (link, first, last, state) = (LinkId::from(sender), sent, sent, rejected());
        let told = fed.events();
        if keep {
            assert_eq!(told, [Event::DeliveryUpdated { link, first, last, state }]);
            fed.connection.sender(sender).unwrap().settle(sent, None).unwrap();
        } else {
            assert_eq!(told, [Event::DeliverySettled { link, first, last, state }]);
        }
        assert_eq!(dispositions(&mut fed), [(true, accepted())]);
    }
}

#[test]
fn fd6c_nor_can_a_sending_peer_change_its_own() {
    let later = |settled, state| frame(0, &p::Disposition { settled, state, ..Default::default() });
    // Said in a transfer, and in a disposition.
    for in_transfer in [true, false] {
        let (mut fed, receiver) = receiving(ReceiverConfig::new());
        let state = if in_transfer { accepted() } else { None };
        fed.feed_bytes(&with_payload(0, &p::Transfer { state, ..transfer(0, 0) }, b"message"));
        let delivery = one_delivery(&mut fed).id;
        if !in_transfer {
            fed.feed_bytes(&later(false, accepted()));
            assert_eq!(fed.names(), ["DELIVERY_UPDATED"]);
        }
        fed.feed_bytes(&later(false, rejected()));
        assert_eq!(fed.names(), [""; 0]);
        fed.feed_bytes(&later(true, rejected()));
        let (link, first, last, state) = (LinkId::from(receiver), delivery, delivery, accepted());
        assert_eq!(fed.events(), [Event::DeliverySettled { link, first, last, state }]);
    }
    // Said in one frame of a delivery, and then in another.
    let (mut fed, _) = receiving(ReceiverConfig::new());
    fed.feed_bytes(&with_payload(0, &p::Transfer { state: accepted(), ..more(0, 0) }, b"one "));
    fed.feed_bytes(&with_payload(0, &p::Transfer { state: rejected(), ..continuation(0) }, b"two"));
    assert_eq!(one_delivery(&mut fed).state, accepted());
}

#[test]
fn fd6d_a_range_over_several_outcomes_leaves_each() {
    let (mut fed, receiver) = receiving(ReceiverConfig::new());
    for (n, state) in [accepted(), None, rejected()].into_iter().enumerate() {
        let transfer = transfer(0, u32::try_from(n).unwrap());
        fed.feed_bytes(&with_payload(0, &p::Transfer { state, ..transfer }, b"message"));
    }
    let ids: Vec<_> = deliveries(fed.events()).iter().map(|delivery| delivery.id).collect();
    let released = Some(DeliveryState::RELEASED);
    let all =
        p::Disposition { last: Some(2.into()), settled: true, state: released.clone(), ..Default::default() };
    fed.feed_bytes(&frame(0, &all));
    let mut told: Vec<_> = fed
        .events()
        .into_iter()
        .map(|event| match event {
            Event::DeliverySettled { first, last, state, .. } => (first, last, state),
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort_by_key(|(first, ..)| *first);
    let expected =
        [accepted(), released, rejected()].into_iter().enumerate().map(|(n, state)| (ids[n], ids[n], state));
    assert_eq!(told, expected.collect::<Vec<_>>());
    assert_eq!(fed.connection.unsettled(receiver), []);
}

#[test]
fn fd6e_received_says_nothing_where_nothing_is_resumed() {
    let (mut fed, _) = receiving(ReceiverConfig::new());
    let state = Some(DeliveryState::from(Received { section_number: 1, section_offset: 2 }));
    fed.feed_bytes(&with_payload(0, &p::Transfer { state: state.clone(), ..transfer(0, 0) }, b"message"));
    assert_eq!(one_delivery(&mut fed).state, None);
    fed.feed_bytes(&frame(0, &p::Disposition { state, ..Default::default() }));
    assert_eq!(fed.names(), [""; 0]);
}

#[test]
fn fd11_settling_without_a_state_says_the_known_one() {
    let config = SenderConfig::new().settle_on_outcome(false);
    let (mut fed, sender) = sending(config, attach("link", 0, Role::Receiver));
    for n in 0..3_u32 {
        fed.connection.sender(sender).unwrap().send(n, b"x".as_slice()).unwrap();
    }
    written(&mut fed);
    let outcome =
        |n: u32, state| p::Disposition { role: Role::Receiver, first: n.into(), state, ..Default::default() };
    fed.feed_bytes(&frame(0, &outcome(0, accepted())));
    fed.feed_bytes(&frame(0, &outcome(1, rejected())));
    let sent: Vec<_> = fed.connection.unsettled(sender).iter().map(|delivery| delivery.id).collect();
    let mut link = fed.connection.sender(sender).unwrap();
    for id in sent {
        link.settle(id, None).unwrap();
    }
    assert_eq!(dispositions(&mut fed), [(true, accepted()), (true, rejected()), (true, None)]);
}

#[test]
fn fd11b_a_receiver_that_settles_second_says_it_too() {
    let (mut fed, receiver) = receiving_second();
    for n in 0..4 {
        fed.feed_bytes(&with_payload(0, &transfer(0, n), b"message"));
    }
    let ids: Vec<_> = deliveries(fed.events()).iter().map(|delivery| delivery.id).collect();
    let mut link = fed.connection.receiver(receiver).unwrap();
    link.accept(ids[0]).unwrap();
    link.accept(ids[1]).unwrap();
    link.release(ids[2]).unwrap();
    assert_eq!(dispositions(&mut fed).len(), 2);
    let mut link = fed.connection.receiver(receiver).unwrap();
    link.settle(ids[0], None).unwrap();
    link.disposition(ids[1], ids[3], true, None).unwrap();
    let mut told = dispositions(&mut fed);
    told.sort_by_key(|(_, state)| format!("{state:?}"));
    let released = Some(DeliveryState::RELEASED);
    assert_eq!(told, [(true, None), (true, accepted()), (true, accepted()), (true, released)]);
    assert_eq!(fed.connection.unsettled(receiver), []);
}

#[test]
fn fd11c_the_event_of_a_settlement_without_a_state_has_the_known_one() {
    let config = SenderConfig::new().settle_on_outcome(false);
    let (mut fed, sender) = sending(config, attach("link", 0, Role::Receiver));
    let sent = fed.connection.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
    let told = |settled, state| {
        frame(0, &p::Disposition { role: Role::Receiver, settled, state, ..Default::default() })
    };
    fed.feed_bytes(&told(false, accepted()));
    fed.events();
    fed.feed_bytes(&told(true, None));
    let (link, first, last, state) = (LinkId::from(sender), sent, sent, accepted());
    assert_eq!(fed.events(), [Event::DeliverySettled { link, first, last, state }]);
}

#[test]
fn fd5_a_flow_for_a_transaction_before_our_attach_refuses_the_link() {
    for answered in [false, true] {
        let mut fed = small();
        fed.feed_bytes(&frame(0, &attach("link", 0, Role::Receiver)));
        let Some(Event::SenderRequested { sender, .. }) = fed.events().pop() else { panic!() };
        if answered {
            fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
            fed.write();
        }
        fed.events();
        let txn_id = Symbol::try_from("txn-id").unwrap();
        let properties = Some(Fields::from([(txn_id, Value::from(Bytes::from_static(b"t")))]));
        fed.feed_bytes(&frame(0, &p::Flow { properties, ..link_flow(0, 10) }));
        assert_eq!(fed.names(), ["SENDER_ERROR"]);
        let condition = written(&mut fed).into_iter().find_map(|performative| match performative {
            p::Performative::Detach(detach) => detach.error.map(|error| error.condition),
            _ => None,
        });
        assert_eq!(condition, Some(ErrorCondition::NotImplemented));
    }
}

/// A flow of the peer's for its handle 0.
fn early_flow() -> p::Flow {
    p::Flow { echo: true, ..link_flow(0, 10) }
}

#[test]
fn fd5b_an_echo_asked_for_before_our_attach_is_answered_after_it() {
    for role in [Role::Receiver, Role::Sender] {
        let mut fed = small();
        fed.feed_bytes(&frame(0, &attach("link", 0, role)));
        let request = fed.events().pop();
        fed.feed_bytes(&frame(0, &early_flow()));
        written(&mut fed);
        match request {
            Some(Event::SenderRequested { sender, .. }) => {
                fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
            }
            Some(Event::ReceiverRequested { receiver, .. }) => {
                fed.connection.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
            }
            other => panic!("{other:?}"),
        }
        fed.write();
        let flows =
            |one: &p::Performative| matches!(one, p::Performative::Flow(flow) if flow.handle.is_some());
        assert_eq!(written(&mut fed).iter().filter(|one| flows(one)).count(), 1, "{role:?}");
    }
}

/// A described value as the state of a disposition.
fn told(state: Described) -> Vec<u8> {
    let state = Some(DeliveryState::Other(state.into()));
    frame(0, &p::Disposition { role: Role::Receiver, state, ..p::Disposition::default() })
}

fn is_closed_for(fed: &mut Fed, condition: ErrorCondition) -> bool {
    written(fed).iter().any(|performative| match performative {
        p::Performative::Close(close) => {
            close.error.as_ref().is_some_and(|error| error.condition == condition)
        }
        _ => false,
    })
}

#[test]
fn fd9_a_type_of_another_meaning_is_no_delivery_state() {
    let list = || Value::List(vec![]);
    let open = Symbol::try_from("amqp:open:list").unwrap();
    let strangers = [
        Described::new(0x10_u64, list()),
        Described::new(0x28_u64, list()),
        Described::new(0x77_u64, Value::Null),
        Described::new(open, list()),
        Described::new(Value::Null, list()),
        Described::new(Value::Uint(0x24), list()),
    ];
    for state in strangers {
        let (mut fed, sender) = sending(SenderConfig::new(), attach("link", 0, Role::Receiver));
        fed.connection.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
        fed.feed_bytes(&told(state.clone()));
        assert!(is_closed_for(&mut fed, ErrorCondition::DecodeError), "{state:?}");
    }
    // A type that nobody knows is kept.
    let name = Symbol::try_from("com.example:state:list").unwrap();
    for state in
        [Described::new(0x9999_u64, list()), Described::new(0x35_u64, list()), Described::new(name, list())]
    {
        let (mut fed, sender) = sending(SenderConfig::new(), attach("link", 0, Role::Receiver));
        fed.connection.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
        fed.feed_bytes(&told(state.clone()));
        let told = fed.events();
        let Some(Event::DeliveryUpdated { state: Some(DeliveryState::Other(kept)), .. }) = told.last() else {
            panic!("{told:?}")
        };
        assert_eq!(**kept, state);
    }
}

#[test]
fn fd9b_nor_is_one_an_outcome_of_a_source_or_a_transaction() {
    let received = || Described::new(0x23_u64, Value::List(vec![Value::Uint(0), Value::Ulong(0)]));
    let source = Source { default_outcome: Some(Outcome::Other(received().into())), ..Source::default() };
    let mut fed = small();
    fed.feed_bytes(&frame(
        0,
        &p::Attach { source: Some(Box::new(source)), ..attach("link", 0, Role::Receiver) },
    ));
    assert!(is_closed_for(&mut fed, ErrorCondition::DecodeError));

    let (mut fed, _) = sending(SenderConfig::new(), attach("link", 0, Role::Receiver));
    let txn_id = [7].as_slice().try_into().unwrap();
    let state = TransactionalState { txn_id, outcome: Some(Outcome::Other(received().into())) };
    let outcome = p::Disposition { role: Role::Receiver, state: Some(state.into()), ..Default::default() };
    fed.feed_bytes(&frame(0, &outcome));
    assert!(is_closed_for(&mut fed, ErrorCondition::DecodeError));
}

#[test]
fn fd9c_an_expiry_policy_is_one_of_four() {
    for (policy, is_one) in [("never", true), ("link-detach", true), ("whenever", false), ("", false)] {
        let policy = Value::from(Symbol::try_from(policy).unwrap());
        let source = Described::new(0x28_u64, Value::List(vec![Value::Null, Value::Null, policy]));
        let fields = vec![
            Value::from("link"),
            Value::Uint(0),
            Value::Boolean(true),
            Value::Null,
            Value::Null,
            source.into(),
        ];
        let mut fed = small();
        fed.feed_bytes(&frame(0, &Value::from(Described::new(0x12_u64, Value::List(fields)))));
        assert_eq!(fed.names().contains(&"SENDER_REQUESTED"), is_one);
        assert_eq!(is_closed_for(&mut fed, ErrorCondition::DecodeError), !is_one);
    }
}
