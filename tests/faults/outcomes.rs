//! Outcomes: nothing is lost silently, and `Ok` means that it was done (FC).

mod behind;
mod ends;

use crate::{
    common::names,
    peer::{attach, continuation, frame, link_flow, more, settled, transfer, with_payload},
    support::Fed,
    written::written,
};
use std::{cell::RefCell, rc::Rc};

use amqp_proto::{
    CommandError, ConnectionConfig, CreditPolicy, Delivery, DeliveryId, Event, Instant, Limits,
    ReceiverConfig, ReceiverId, SendOptions, SenderConfig, SenderId,
    callback::{Agent, AgentConfig, ConnectionHandle, SenderHandle, SessionHandle},
    spec::{
        definitions::{AmqpError, ErrorCondition, Role, SenderSettleMode},
        delivery_state::{DeliveryState, Modified, Rejected},
        performatives as p,
        transaction::TransactionalState,
    },
    types::{Described, Fields, Symbol, Value},
};

/// A server with a link that it receives on, whose peer accepts frames of 512 bytes.
pub fn receiving(config: ReceiverConfig) -> (Fed, ReceiverId) {
    let mut fed = small();
    let receiver = accept_receiver(&mut fed, "link", 0, config);
    (fed, receiver)
}

/// A server whose peer accepts frames of 512 bytes.
pub fn small() -> Fed {
    let mut fed = Fed::new(ConnectionConfig::server("s").auto_accept_sessions(true));
    fed.feed("414d515000010000");
    let open = p::Open { container_id: "peer".into(), max_frame_size: 512, ..p::Open::default() };
    fed.feed_bytes(&frame(0, &open));
    let begin = p::Begin { incoming_window: 100, outgoing_window: 100, ..p::Begin::default() };
    fed.feed_bytes(&frame(0, &begin));
    fed
}

pub fn accept_receiver(fed: &mut Fed, name: &str, handle: u32, config: ReceiverConfig) -> ReceiverId {
    fed.feed_bytes(&frame(0, &attach(name, handle, Role::Sender)));
    accept_requested(fed, config)
}

pub fn accept_requested(fed: &mut Fed, config: ReceiverConfig) -> ReceiverId {
    let requested = fed.events().into_iter().find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(receiver),
        _ => None,
    });
    let receiver = requested.expect("a link is asked for");
    fed.connection.accept_receiver(receiver, config.credit(CreditPolicy::Auto(100))).unwrap();
    fed.write();
    fed.events();
    written(fed);
    receiver
}

/// A server with a link that it sends on, with credit.
pub fn sending(config: SenderConfig, theirs: p::Attach) -> (Fed, SenderId) {
    let mut fed = small();
    fed.feed_bytes(&frame(0, &theirs));
    let requested = fed.events().into_iter().find_map(|event| match event {
        Event::SenderRequested { sender, .. } => Some(sender),
        _ => None,
    });
    let sender = requested.expect("a link is asked for");
    fed.connection.accept_sender(sender, config).unwrap();
    fed.feed_bytes(&frame(0, &link_flow(0, 100)));
    fed.events();
    written(&mut fed);
    (fed, sender)
}

pub fn deliveries(events: Vec<Event>) -> Vec<Delivery> {
    let whole = |event| match event {
        Event::Delivery { delivery, .. } => Some(delivery),
        _ => None,
    };
    events.into_iter().filter_map(whole).collect()
}

pub fn ids(fed: &mut Fed) -> Vec<DeliveryId> {
    deliveries(fed.events()).into_iter().map(|delivery| delivery.id).collect()
}

fn dispositions(fed: &mut Fed) -> Vec<p::Disposition> {
    let only = |performative| match performative {
        p::Performative::Disposition(disposition) => Some(disposition),
        _ => None,
    };
    written(fed).into_iter().filter_map(only).collect()
}

fn rejected(condition: &str) -> AmqpError {
    AmqpError::new(ErrorCondition::Other(condition.to_string().try_into().unwrap()))
}

// Right since 862b885: the event carries the delivery.
#[test]
fn fc1_a_delivery_that_was_announced_can_be_had() {
    let endings: [(&str, Vec<u8>); 3] = [
        ("a violation", frame(0, &transfer(0, 9))),
        ("an attach of the same name", frame(0, &attach("link", 1, Role::Sender))),
        ("a broken frame", vec![0, 0, 0, 1, 2, 0, 0, 0]),
    ];
    for (what, ending) in endings {
        for cut in [false, true] {
            let (mut fed, _) = receiving(ReceiverConfig::new());
            let first = with_payload(0, &transfer(0, 0), b"message");
            if cut {
                fed.feed_bytes(&first);
                fed.feed_bytes(&ending);
            } else {
                fed.feed_bytes(&[first, ending.clone()].concat());
            }
            fed.connection.handle_eof(fed.instant());
            let [delivery] = &deliveries(fed.events())[..] else { panic!("{what}") };
            assert_eq!(delivery.payload.clone().into_bytes(), b"message".as_slice(), "{what}");
        }
    }
}

#[test]
fn fc1b_so_can_the_bytes_of_a_streamed_one() {
    let endings: [(&str, Vec<u8>); 3] = [
        ("a violation of the link", with_payload(0, &transfer(0, 9), b"")),
        ("an attach of the same name", frame(0, &attach("link", 1, Role::Sender))),
        ("a broken frame", vec![0, 0, 0, 1, 2, 0, 0, 0]),
    ];
    for (what, ending) in endings {
        for complete in [false, true] {
            let (mut fed, receiver) = receiving(ReceiverConfig::new().streaming(true));
            let last = p::Transfer { more: !complete, ..continuation(0) };
            let frames =
                [with_payload(0, &more(0, 0), b"one "), with_payload(0, &last, b"two"), ending.clone()];
            fed.feed_bytes(&frames.concat());
            fed.connection.handle_eof(fed.instant());
            let events = fed.events();
            let Event::DeliveryBegun { delivery, .. } = events[0] else { panic!("{what}: {events:?}") };
            let mut message = Vec::new();
            while let Ok(Some(chunk)) = fed.connection.read_chunk(receiver, delivery) {
                message.extend_from_slice(&chunk);
            }
            assert_eq!(message, b"one two", "{what}");
            assert_eq!(fed.connection.read_chunk(receiver, delivery), Err(CommandError::UnknownLink));
        }
    }
}

#[test]
fn fc1c_input_waits_until_it_has_been_announced_and_then_drops_it() {
    let (mut fed, receiver) = receiving(ReceiverConfig::new().streaming(true));
    fed.feed_bytes(
        &[with_payload(0, &more(0, 0), b"one "), frame(0, &attach("link", 1, Role::Sender))].concat(),
    );
    fed.feed_bytes(&frame(0, &p::Flow::default()));
    assert!(fed.unread() > 0, "the events come first");
    let Event::DeliveryBegun { delivery, .. } = fed.events()[0] else { panic!() };
    fed.feed("");
    assert_eq!(fed.unread(), 0);
    assert_eq!(fed.connection.read_chunk(receiver, delivery), Err(CommandError::UnknownLink));
}

#[test]
fn fc1d_our_close_takes_away_no_announced_bytes() {
    for polled in [false, true] {
        let (mut fed, receiver) = receiving(ReceiverConfig::new().streaming(true));
        let first = p::Transfer { settled: Some(true), ..more(0, 0) };
        fed.feed_bytes(
            &[with_payload(0, &first, b"one "), with_payload(0, &continuation(0), b"two")].concat(),
        );
        let mut events = if polled { fed.events() } else { Vec::new() };
        fed.connection.close(None).unwrap();
        events.extend(fed.events());
        let Event::DeliveryBegun { delivery, .. } = events[0] else { panic!("{events:?}") };
        let mut message = Vec::new();
        while let Ok(Some(chunk)) = fed.connection.read_chunk(receiver, delivery) {
            message.extend_from_slice(&chunk);
        }
        assert_eq!(message, b"one two");
        fed.feed("");
        let written = written(&mut fed);
        assert!(matches!(written.last(), Some(p::Performative::Close(_))), "{written:?}");
    }
}

/// The application waits for the settlement of an outcome that does not settle.
#[test]
fn fc1e_an_abort_settles_a_delivery_with_an_outcome() {
    let aborted = with_payload(0, &p::Transfer { aborted: true, ..continuation(0) }, b"");
    for settled in [false, true] {
        let (mut fed, receiver) = receiving(ReceiverConfig::new().streaming(true));
        fed.feed_bytes(&with_payload(0, &more(0, 0), b"one "));
        let Event::DeliveryBegun { delivery, .. } = fed.events()[0] else { panic!() };
        let accepted = Some(DeliveryState::ACCEPTED);
        fed.connection
            .receiver(receiver)
            .unwrap()
            .disposition(delivery, delivery, settled, accepted)
            .unwrap();
        fed.feed_bytes(&aborted);
        let names: Vec<&str> = fed.events().iter().map(Event::name).collect();
        assert_eq!(names, if settled { vec![] } else { vec!["DELIVERY_ABORTED"] });
    }
}

#[test]
fn fc1f_no_bytes_are_announced_behind_an_outcome() {
    let (mut fed, receiver) = receiving(ReceiverConfig::new().streaming(true));
    let part = with_payload(0, &p::Transfer { more: true, ..continuation(0) }, b"two ");
    let aborted = with_payload(0, &p::Transfer { aborted: true, ..continuation(0) }, b"");
    fed.feed_bytes(&[with_payload(0, &more(0, 0), b"one "), part.clone(), part, aborted].concat());
    let Some(Event::DeliveryBegun { delivery, .. }) = fed.connection.poll_event() else { panic!() };
    fed.connection.receiver(receiver).unwrap().accept(delivery).unwrap();
    let names: Vec<&str> = fed.events().iter().map(Event::name).collect();
    assert_eq!(names, ["DELIVERY_ABORTED"]);
}

#[test]
fn fc2_an_outcome_that_does_not_fit_is_refused_and_changes_nothing() {
    let (mut fed, receiver) = receiving(ReceiverConfig::new());
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"message"));
    let delivery = ids(&mut fed)[0];
    let long = "c".repeat(600);
    let transactional = TransactionalState { txn_id: [7; 20].as_slice().try_into().unwrap(), outcome: None };
    let unknown = Described::new(0x9999_u64, Value::from(long.as_str()));
    let states = [
        DeliveryState::from(Rejected { error: Some(rejected(&long)) }),
        DeliveryState::Other(unknown.into()),
        DeliveryState::from(TransactionalState {
            outcome: Some(Rejected { error: Some(rejected(&long)) }.into()),
            ..transactional
        }),
    ];
    for state in states {
        let too_large = |result| matches!(result, Err(CommandError::FrameTooLarge { max: 512, .. }));
        let mut link = fed.connection.receiver(receiver).unwrap();
        assert!(too_large(link.settle(delivery, Some(state.clone()))), "{state:?}");
        assert!(too_large(link.disposition(delivery, delivery, true, Some(state.clone()))), "{state:?}");
        assert!(too_large(link.disposition(delivery, delivery, false, Some(state))));
        assert!(too_large(link.reject(delivery, Some(rejected(&long)))));
    }
    fed.write();
    assert_eq!(written(&mut fed), []);
    assert_eq!(fed.connection.unsettled(receiver).len(), 1);
    // Without its details an outcome goes out.
    let why = AmqpError::described(ErrorCondition::NotFound, long.as_str());
    fed.connection.receiver(receiver).unwrap().reject(delivery, Some(why)).unwrap();
    fed.write();
    let [told] = &dispositions(&mut fed)[..] else { panic!() };
    let bare = Rejected { error: Some(AmqpError::new(ErrorCondition::NotFound)) };
    assert_eq!((told.settled, &told.state), (true, &Some(DeliveryState::from(bare))));
}

#[test]
fn fc2b_what_is_taken_fits_when_it_is_written_and_joined() {
    // At every size around the limit, a state is either refused or written.
    for length in 380..500 {
        let (mut fed, receiver) = receiving(ReceiverConfig::new());
        for n in 0..2 {
            fed.feed_bytes(&with_payload(0, &transfer(0, 0x1000_0000 + n), b"message"));
        }
        let ids = ids(&mut fed);
        let error = rejected(&"c".repeat(length));
        let mut link = fed.connection.receiver(receiver).unwrap();
        let taken = ids.iter().filter(|id| link.reject(**id, Some(error.clone())).is_ok()).count();
        fed.write();
        let told = dispositions(&mut fed);
        let covered =
            told.iter().map(|one| one.last.map_or(1, |last| last.since(one.first) + 1)).sum::<u32>();
        assert_eq!(covered as usize, taken, "{length}");
    }
    // The answer to a peer's outcome too: the settlement is what counts.
    let (mut fed, sender) = sending(SenderConfig::new(), attach("link", 0, Role::Receiver));
    fed.connection.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
    let state = Some(DeliveryState::from(Rejected { error: Some(rejected(&"c".repeat(600))) }));
    let outcome = p::Disposition { role: Role::Receiver, state, ..p::Disposition::default() };
    fed.feed_bytes(&frame(0, &outcome));
    let [told] = &dispositions(&mut fed)[..] else { panic!() };
    assert_eq!((told.settled, &told.state), (true, &Some(Rejected::default().into())));
}

#[test]
fn fc2c_a_senders_state_that_does_not_fit_is_refused() {
    let (mut fed, sender) = sending(SenderConfig::new(), attach("link", 0, Role::Receiver));
    let state = DeliveryState::from(Rejected { error: Some(rejected(&"c".repeat(600))) });
    let options = SendOptions::new().state(state.clone());
    let mut link = fed.connection.sender(sender).unwrap();
    let refused = link.send_with(1_u32, b"x".as_slice(), &options);
    assert!(matches!(refused, Err(CommandError::FrameTooLarge { .. })), "{refused:?}");
    let delivery = link.send(1_u32, b"x".as_slice()).unwrap();
    let refused = link.settle(delivery, Some(state));
    assert!(matches!(refused, Err(CommandError::FrameTooLarge { .. })), "{refused:?}");
    assert_eq!(fed.connection.unsettled(sender).len(), 1);
    // Annotations are details.
    let (mut fed, receiver) = receiving(ReceiverConfig::new());
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"message"));
    let delivery = ids(&mut fed)[0];
    let annotations =
        Fields::from([(Symbol::try_from("key".to_string()).unwrap(), Value::from("v".repeat(600)))]);
    let modified = Modified {
        delivery_failed: Some(true),
        message_annotations: Some(annotations),
        ..Default::default()
    };
    fed.connection.receiver(receiver).unwrap().modify(delivery, modified).unwrap();
    fed.write();
    let bare = Modified { delivery_failed: Some(true), ..Modified::default() };
    assert_eq!(dispositions(&mut fed)[0].state, Some(bare.into()));
}

/// A server with two links that it receives on, a delivery unsettled on each, and one that it sends on with one too.
fn crossed() -> (Fed, ReceiverId, SenderId, [DeliveryId; 3]) {
    let (mut fed, one) = receiving(ReceiverConfig::new());
    accept_receiver(&mut fed, "other", 1, ReceiverConfig::new());
    fed.feed_bytes(&frame(0, &attach("out", 2, Role::Receiver)));
    let Some(Event::SenderRequested { sender, .. }) = fed.events().pop() else { panic!() };
    fed.connection.accept_sender(sender, SenderConfig::new()).unwrap();
    fed.feed_bytes(&frame(0, &link_flow(2, 10)));
    let sent = fed.connection.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
    fed.events();
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"one"));
    fed.feed_bytes(&with_payload(0, &transfer(1, 1), b"two"));
    let ids = ids(&mut fed);
    fed.write();
    written(&mut fed);
    (fed, one, sender, [ids[0], ids[1], sent])
}

#[test]
fn fc4_a_delivery_of_another_link_or_direction_is_unknown() {
    let (mut fed, one, _, [_, of_two, sent]) = crossed();
    for strange in [of_two, sent] {
        let mut link = fed.connection.receiver(one).unwrap();
        assert_eq!(link.accept(strange), Err(CommandError::UnknownId));
        assert_eq!(link.release(strange), Err(CommandError::UnknownId));
        assert_eq!(link.reject(strange, None), Err(CommandError::UnknownId));
        assert_eq!(link.modify(strange, Modified::default()), Err(CommandError::UnknownId));
        assert_eq!(link.settle(strange, None), Err(CommandError::UnknownId));
        let state = Some(DeliveryState::ACCEPTED);
        assert_eq!(link.disposition(strange, strange, true, state), Err(CommandError::UnknownId));
    }
    fed.write();
    assert_eq!(written(&mut fed), []);
}

// Right since 862b885: a sender looks its deliveries up.
#[test]
fn fc4b_a_delivery_that_was_received_is_unknown_to_a_sender() {
    let (mut fed, _, sender, [of_one, _, sent]) = crossed();
    let mut link = fed.connection.sender(sender).unwrap();
    assert_eq!(link.settle(of_one, None), Err(CommandError::UnknownId));
    link.settle(sent, None).unwrap();
    assert_eq!(link.settle(sent, None), Err(CommandError::UnknownId));
}

#[test]
fn fc5_a_range_from_an_ended_session_is_unknown() {
    let (mut fed, _) = receiving(ReceiverConfig::new());
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"message"));
    let old = ids(&mut fed)[0];
    fed.feed_bytes(&frame(0, &p::End::default()));
    fed.feed_bytes(&frame(
        0,
        &p::Begin { incoming_window: 100, outgoing_window: 100, ..p::Begin::default() },
    ));
    let receiver = accept_receiver(&mut fed, "link", 0, ReceiverConfig::new());
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"message"));
    let new = ids(&mut fed)[0];
    let mut link = fed.connection.receiver(receiver).unwrap();
    assert_eq!(link.disposition(old, new, true, Some(DeliveryState::ACCEPTED)), Err(CommandError::UnknownId));
    assert_eq!(link.disposition(old, old, true, None), Err(CommandError::UnknownId));
    assert_eq!(link.accept(old), Err(CommandError::UnknownId));
    assert_eq!(fed.connection.unsettled(receiver).len(), 1);
}

#[test]
fn fc5b_an_id_of_another_session_that_is_open_is_unknown() {
    let (mut fed, first) = receiving(ReceiverConfig::new());
    fed.feed_bytes(&frame(
        1,
        &p::Begin { incoming_window: 100, outgoing_window: 100, ..p::Begin::default() },
    ));
    fed.feed_bytes(&frame(1, &attach("other", 0, Role::Sender)));
    let second = accept_requested(&mut fed, ReceiverConfig::new());
    // Both have the delivery-id 0 on the wire.
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"message"));
    fed.feed_bytes(&with_payload(1, &transfer(0, 0), b"message"));
    let came = ids(&mut fed);
    let unknown = Err(CommandError::UnknownId);
    assert_eq!(fed.connection.receiver(first).unwrap().accept(came[1]), unknown);
    assert_eq!(fed.connection.receiver(second).unwrap().accept(came[0]), unknown);
    let mut link = fed.connection.receiver(second).unwrap();
    assert_eq!(link.disposition(came[0], came[1], true, Some(DeliveryState::ACCEPTED)), unknown);
    assert_eq!(link.accept(came[1]), Ok(()));
}

#[test]
fn fc6_a_second_outcome_is_refused() {
    for write in [false, true] {
        let (mut fed, receiver) = receiving(ReceiverConfig::new());
        fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"message"));
        let delivery = ids(&mut fed)[0];
        fed.connection.receiver(receiver).unwrap().accept(delivery).unwrap();
        if write {
            fed.write();
        }
        let mut link = fed.connection.receiver(receiver).unwrap();
        let given = Err(CommandError::IllegalState("the delivery has its outcome, and is settled (2.6.12)"));
        assert_eq!(link.reject(delivery, None), given);
        assert_eq!(link.release(delivery), given);
        assert_eq!(link.settle(delivery, None), given);
        assert_eq!(link.disposition(delivery, delivery, true, Some(DeliveryState::RELEASED)), given);
        fed.write();
        assert_eq!(dispositions(&mut fed).len(), 1);
    }
}

#[test]
fn fc6b_what_the_sender_has_settled_needs_no_outcome_and_has_no_error() {
    let (mut fed, receiver) = receiving(ReceiverConfig::new());
    fed.feed_bytes(&with_payload(0, &settled(0, 0), b"settled"));
    fed.feed_bytes(&with_payload(0, &transfer(0, 1), b"unsettled"));
    fed.feed_bytes(&with_payload(0, &transfer(0, 2), b"unsettled"));
    let ids = ids(&mut fed);
    let by_sender = p::Disposition { first: 1.into(), settled: true, ..p::Disposition::default() };
    fed.feed_bytes(&frame(0, &by_sender));
    let mut link = fed.connection.receiver(receiver).unwrap();
    link.accept(ids[0]).unwrap();
    link.accept(ids[1]).unwrap();
    link.disposition(ids[0], ids[1], true, Some(DeliveryState::ACCEPTED)).unwrap();
    link.accept(ids[2]).unwrap();
    // A range that has nothing but what has its outcome.
    let refused = link.disposition(ids[0], ids[2], true, Some(DeliveryState::RELEASED));
    assert!(matches!(refused, Err(CommandError::IllegalState(_))), "{refused:?}");
}

#[test]
fn fc7_a_settled_message_that_is_cut_off_is_reported() {
    type End = fn(&mut Fed, SenderId);
    let ends: [(&str, End); 5] = [
        ("the peer's close", |fed, _| fed.feed_bytes(&frame(0, &p::Close::default()))),
        ("the peer's end", |fed, _| fed.feed_bytes(&frame(0, &p::End::default()))),
        ("the peer's detach", |fed, _| {
            fed.feed_bytes(&frame(0, &p::Detach { closed: true, ..p::Detach::default() }));
        }),
        ("our detach with an error", |fed, sender| {
            let error = AmqpError::new(ErrorCondition::InternalError);
            fed.connection.sender(sender).unwrap().detach(Some(error)).unwrap();
            fed.feed_bytes(&frame(0, &p::Detach { closed: true, ..p::Detach::default() }));
        }),
        ("a lost transport", |fed, _| fed.connection.handle_eof(Instant::from_millis(0))),
    ];
    for (what, end) in ends {
        let theirs = attach("link", 0, Role::Receiver);
        let config = SenderConfig::new().snd_settle_mode(SenderSettleMode::Settled);
        let (mut fed, sender) = sending(config, theirs);
        // 100 frames of 512 bytes: the window has room for a quarter of it.
        let sent = fed.connection.sender(sender).unwrap().send(1_u32, vec![7; 200_000]).unwrap();
        fed.write();
        end(&mut fed, sender);
        let cut_off = fed.events().iter().find_map(|event| match event {
            Event::SenderClosed { cut_off, .. } | Event::SenderError { cut_off, .. } => Some(*cut_off),
            _ => None,
        });
        assert_eq!(cut_off, Some(Some(sent)), "{what}");
    }
}

#[test]
fn fc7b_a_message_sent_whole_is_not_cut_off_and_a_detach_reports_too() {
    for whole in [true, false] {
        let (mut fed, sender) = sending(SenderConfig::new(), attach("link", 0, Role::Receiver));
        let mut link = fed.connection.sender(sender).unwrap();
        let sent = link.send_streaming(1_u32, &SendOptions::new()).unwrap();
        link.write(sent, b"bytes".as_slice()).unwrap();
        if whole {
            link.finish(sent).unwrap();
        }
        fed.write();
        fed.feed_bytes(&frame(0, &p::Detach::default()));
        let events = fed.events();
        let Some(Event::SenderDetached { cut_off, .. }) = events.last() else { panic!("{events:?}") };
        assert_eq!(*cut_off, (!whole).then_some(sent));
    }
}

#[test]
fn fc10_a_message_under_the_id_of_another_is_refused() {
    let (mut fed, receiver) = receiving(ReceiverConfig::new());
    fed.feed_bytes(&with_payload(0, &more(0, 0), b"one "));
    let other = p::Transfer { delivery_id: Some(0.into()), ..transfer(0, 7) };
    fed.feed_bytes(&with_payload(0, &other, b"two"));
    assert_refused(&mut fed, receiver, ErrorCondition::InvalidField);
}

#[test]
fn fc10b_so_is_another_format_and_repeating_both_is_fine() {
    let (mut fed, receiver) = receiving(ReceiverConfig::new());
    fed.feed_bytes(&with_payload(0, &more(0, 0), b"one "));
    fed.feed_bytes(&with_payload(0, &transfer(0, 0), b"two"));
    assert_eq!(deliveries(fed.events())[0].payload.clone().into_bytes(), b"one two".as_slice());
    fed.feed_bytes(&with_payload(0, &more(0, 1), b"one "));
    let other = p::Transfer { message_format: Some(9.into()), ..continuation(0) };
    fed.feed_bytes(&with_payload(0, &other, b"two"));
    assert_refused(&mut fed, receiver, ErrorCondition::InvalidField);
}

#[test]
fn fc11_a_resumed_delivery_is_ignored() {
    let (mut fed, receiver) = receiving(ReceiverConfig::new());
    fed.connection.receiver(receiver).unwrap().set_credit(80).unwrap();
    for n in 0..20 {
        fed.feed_bytes(&with_payload(0, &p::Transfer { resume: true, ..transfer(0, n) }, b"again"));
    }
    assert_eq!(fed.names(), [""; 0]);
    // Its number and its credit are used, and nothing else.
    assert_eq!(fed.connection.receiver(receiver).unwrap().credit(), 60);
    assert_eq!(fed.connection.unsettled(receiver), []);
    assert_eq!(fed.connection.receiver_ref(receiver).unwrap().unsettled_len(), 0);
    assert_eq!(dispositions(&mut fed), []);
    fed.feed_bytes(&with_payload(0, &transfer(0, 20), b"new"));
    assert_eq!(ids(&mut fed).len(), 1);
}

#[test]
fn fc11b_all_of_it_is_ignored_and_its_window_comes_back() {
    for streaming in [false, true] {
        for aborted in [false, true] {
            let (mut fed, receiver) = receiving(ReceiverConfig::new().streaming(streaming));
            for n in 0..20 {
                fed.feed_bytes(&with_payload(0, &p::Transfer { resume: true, ..more(0, n) }, b"one "));
                // The flag may be left out from the second transfer on.
                let middle = p::Transfer { more: true, ..continuation(0) };
                (0..200).for_each(|_| fed.feed_bytes(&with_payload(0, &middle, b"two ")));
                fed.feed_bytes(&with_payload(0, &p::Transfer { aborted, ..continuation(0) }, b"three"));
            }
            assert_eq!(fed.names(), [""; 0]);
            assert_eq!(fed.connection.unsettled(receiver), []);
            fed.feed_bytes(&with_payload(0, &transfer(0, 20), b"new"));
            assert_eq!(ids(&mut fed).len(), 1);
        }
    }
}

/// What is dropped is not buffered.
#[test]
fn fc11c_an_ignored_delivery_may_be_larger_than_what_is_buffered_of_one() {
    let limits = Limits::default().max_buffered_bytes_per_delivery(10);
    let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
    let receiver = accept_receiver(&mut fed, "link", 0, ReceiverConfig::new());
    fed.feed_bytes(&with_payload(0, &p::Transfer { resume: true, ..more(0, 0) }, b"eight by"));
    let middle = p::Transfer { more: true, ..continuation(0) };
    fed.feed_bytes(&with_payload(0, &middle, b"eight by"));
    fed.feed_bytes(&with_payload(0, &continuation(0), b"eight by"));
    assert_eq!(fed.names(), [""; 0]);
    // A new one is refused.
    fed.feed_bytes(&with_payload(0, &more(0, 1), b"eight by"));
    fed.feed_bytes(&with_payload(0, &middle, b"eight by"));
    assert_refused(&mut fed, receiver, ErrorCondition::MessageSizeExceeded);
}

/// The link has been detached with this condition, and the connection goes on.
pub fn assert_refused(fed: &mut Fed, receiver: ReceiverId, condition: ErrorCondition) {
    let events = fed.events();
    assert_eq!(names(&events), ["RECEIVER_ERROR"], "{events:?}");
    let detached = written(fed).into_iter().find_map(|performative| match performative {
        p::Performative::Detach(detach) => detach.error,
        _ => None,
    });
    assert_eq!(detached.map(|error| error.condition), Some(condition));
    assert!(fed.connection.is_open() && fed.connection.receiver(receiver).is_err());
}

type Outcomes = Rc<RefCell<Vec<Option<DeliveryState>>>>;

/// An agent with a connection that has one session more than its channels.
fn agent() -> (Agent, ConnectionHandle, [SessionHandle; 2], Outcomes) {
    let config =
        AgentConfig::new("agent").connection_config(ConnectionConfig::client("agent").channel_max(0));
    let mut agent = Agent::new(config);
    let connection = agent.open_connection("amqp://broker.example", |_, _| {}).unwrap();
    let sessions = [0, 1].map(|_| connection.open_session(None).unwrap());
    (agent, connection, sessions, Outcomes::default())
}

fn send(sender: &SenderHandle, outcomes: &Outcomes) {
    let outcomes = outcomes.clone();
    let note = move |state: Option<&DeliveryState>| outcomes.borrow_mut().push(state.cloned());
    sender.send_with_outcome(b"message".as_slice(), note).unwrap();
}

// Right since ae6cce7: the agent keeps the callbacks of a sender whose attach was refused.
#[test]
fn fc8_an_outcome_is_told_though_the_attach_was_refused() {
    let (mut agent, _connection, [_, second], outcomes) = agent();
    let sender = second.open_sender("queue", None).unwrap();
    send(&sender, &outcomes);
    send(&sender, &outcomes);
    for _ in 0..3 {
        agent.run_callbacks(Instant::default());
    }
    assert_eq!(*outcomes.borrow(), [None, None]);
}

// Right since ae6cce7.
#[test]
fn fc8b_an_outcome_is_told_once_whatever_ends_its_sender() {
    for end in 0..4 {
        let (mut agent, connection, [first, _second], outcomes) = agent();
        let sender = first.open_sender("queue", None).unwrap();
        send(&sender, &outcomes);
        let now = Instant::default();
        if end % 2 == 0 {
            agent.run_callbacks(now);
        }
        match end {
            0 | 1 => drop(sender),
            2 => drop(first),
            _ => connection.close(),
        }
        agent.run_callbacks(now);
        agent.handle_eof(connection.id(), now);
        for _ in 0..3 {
            agent.run_callbacks(now);
        }
        assert_eq!(*outcomes.borrow(), [None], "{end}");
    }
}
