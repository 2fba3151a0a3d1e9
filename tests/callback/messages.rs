//! Messages: held until there is credit, sent, received, and their outcomes.

use crate::harness::Harness;
use amqp_proto::{
    ConnectionConfig, Tolerance,
    callback::{AgentConfig, AgentError},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::{DeliveryState, Modified},
    },
};
use std::{cell::RefCell, rc::Rc};

#[test]
fn message_sent_before_the_sender_is_open_arrives_and_its_outcome_is_reported() {
    let mut harness = Harness::default();
    let (_connection, session) = harness.connect_with_session();
    let outcomes: Rc<RefCell<Vec<String>>> = Rc::default();
    for (address, expected) in [("queue", "Accepted"), ("reject", "Rejected"), ("slow", "None")] {
        let sender = session.open_sender(address, None).unwrap();
        let seen = outcomes.clone();
        let on_outcome = move |state: Option<&DeliveryState>| seen.borrow_mut().push(format!("{state:?}"));
        sender.send_with_outcome(b"early".as_slice(), on_outcome).unwrap();
        assert_eq!(sender.queued_messages(), 1);
        harness.run();
        assert_eq!(sender.queued_messages(), usize::from(address == "slow"));
        drop(sender);
        harness.run();
        let outcome = outcomes.borrow_mut().pop().unwrap();
        assert!(outcome.contains(expected), "{address}: {outcome}");
        assert!(outcomes.borrow().is_empty());
    }
    assert_eq!(harness.server().received, [b"early", b"early"]);
}

#[test]
fn messages_of_one_sender_arrive_in_the_order_they_were_sent() {
    let mut harness = Harness::default();
    let (_connection, session) = harness.connect_with_session();
    let sender = session.open_sender("queue", None).unwrap();
    let sent: Vec<Vec<u8>> = (0..50).map(|number| vec![number]).collect();
    sent.iter().for_each(|message| sender.send(message.clone()).unwrap());
    harness.run();
    assert_eq!(harness.server().received, sent);
}

#[test]
fn receiver_tops_up_its_credit_and_settles_with_the_outcome_set() {
    let mut harness = Harness::default();
    let (_connection, session) = harness.connect_with_session();
    let got: Rc<RefCell<Vec<String>>> = Rc::default();
    let seen = got.clone();
    let receiver = session
        .open_receiver("queue", None, move |delivery| {
            let text = String::from_utf8(delivery.payload().clone().into_bytes().to_vec()).unwrap();
            match text.as_str() {
                "reject" => delivery.reject(Some(AmqpError::new(ErrorCondition::DecodeError))),
                "release" => delivery.release(),
                "modify" => delivery.modify(Modified { delivery_failed: Some(true), ..Modified::default() }),
                "twice" => {
                    delivery.release();
                    delivery.accept();
                }
                _ => assert!(!delivery.is_settled() && !delivery.tag().as_bytes().is_empty()),
            }
            seen.borrow_mut().push(text);
        })
        .unwrap();
    harness.run();
    assert_eq!(harness.server().credit(), 10);
    let texts =
        ["reject", "release", "modify", "twice"].into_iter().chain(std::iter::repeat_n("none set", 31));
    let texts: Vec<_> = texts.collect();
    for text in &texts {
        harness.server().deliver(text);
        harness.run_rounds(2);
    }
    assert_eq!(*got.borrow(), texts);
    assert!(harness.server().credit() >= 5, "{}", harness.server().credit());
    let states = std::mem::take(&mut harness.server().outcomes);
    for (state, expected) in states.iter().zip(["Rejected", "Released", "Modified"]) {
        assert!(state.contains(expected), "{state}");
    }
    assert!(states.len() == 35 && states[3..].iter().all(|state| state.contains("Accepted")), "{states:?}");
    drop(receiver);
}

/// 3.5.3, if it is not tolerated: such deliveries were settled never, up to a limit that ended the session.
#[test]
fn outcome_that_the_source_does_not_list_is_none_or_ends_the_link() {
    let config = ConnectionConfig::client("c").tolerance(Tolerance::strict());
    let mut harness = Harness::new(AgentConfig::new("c").connection_config(config));
    let (_connection, session) = harness.connect_with_session();
    let on_event = harness.callback("receiver");
    let released = session.open_receiver("only released", None, |_| {}).unwrap();
    harness.run();
    harness.server().deliver("text");
    harness.run();
    assert_eq!(std::mem::take(&mut harness.server().outcomes), ["None"]);
    drop(released);
    harness.run();
    let accepted =
        session.open_receiver("only accepted", Some(on_event), |delivery| delivery.release()).unwrap();
    harness.run();
    harness.server().deliver("text");
    harness.run();
    assert!(harness.take_log().iter().any(|line| line.contains("RECEIVER")), "its link has ended");
    assert_eq!(harness.server().outcomes, [""; 0]);
    drop(accepted);
}

#[test]
fn receiver_closed_inside_its_message_callback_gets_no_further_message() {
    let mut harness = Harness::default();
    let (_connection, session) = harness.connect_with_session();
    let (kept, count) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(0)));
    let (owned, seen) = (kept.clone(), count.clone());
    let receiver = session.open_receiver("queue", None, move |_| {
        *seen.borrow_mut() += 1;
        *owned.borrow_mut() = None;
    });
    *kept.borrow_mut() = receiver.ok();
    harness.run();
    for _ in 0..3 {
        harness.server().deliver("one of three");
    }
    harness.run();
    assert_eq!(*count.borrow(), 1);
    assert_eq!(harness.server().outcomes.len(), 1, "the others stay the sender's");
    assert_eq!(harness.take_log().last().unwrap(), "connection RECEIVER_CLOSED");
}

#[test]
fn outcome_set_for_a_delivery_sent_settled_has_no_effect() {
    let mut harness = Harness::default();
    let (_connection, session) = harness.connect_with_session();
    let count = Rc::new(RefCell::new(0));
    let seen = count.clone();
    let receiver = session.open_receiver("queue", None, move |delivery| {
        assert!(delivery.is_settled());
        delivery.release();
        *seen.borrow_mut() += 1;
    });
    harness.run();
    // Twice the credit: settled deliveries are topped up too.
    for _ in 0..20 {
        harness.server().deliver_settled("settled");
        harness.run_rounds(2);
    }
    assert_eq!((*count.borrow(), harness.server().outcomes.len()), (20, 0));
    assert!(receiver.unwrap().is_open());
}

#[test]
fn drain_by_the_peer_sends_the_messages_held_and_returns_the_credit_left() {
    let mut harness = Harness::default();
    let (_connection, session) = harness.connect_with_session();
    let sender = session.open_sender("slow", None).unwrap();
    sender.send(b"1".as_slice()).unwrap();
    sender.send(b"2".as_slice()).unwrap();
    harness.run();
    harness.server().drain(5);
    harness.run();
    assert_eq!(harness.server().received, [b"1", b"2"]);
    assert!(harness.server().events.contains(&"RECEIVER_DRAINED"), "{:?}", harness.server().events);
    sender.send(b"3".as_slice()).unwrap();
    harness.run();
    assert_eq!(sender.queued_messages(), 1, "no credit is left");
}

/// 2.6.7: the answer follows all messages held, the last of which is still being sent.
#[test]
fn drain_by_the_peer_during_large_messages_is_answered_behind_all_that_are_held() {
    let mut harness = Harness::default();
    let (_connection, session) = harness.connect_with_session();
    let sender = session.open_sender("slow", None).unwrap();
    let large = vec![7; 3 << 20];
    for _ in 0..3 {
        sender.send(large.clone()).unwrap();
    }
    harness.run();
    harness.server().drain(5);
    harness.run();
    let sizes: Vec<_> = harness.server().received.iter().map(Vec::len).collect();
    assert_eq!(sizes, [3 << 20; 3]);
    assert!(harness.server().events.contains(&"RECEIVER_DRAINED"), "{:?}", harness.server().events);
}

#[test]
fn message_above_the_limit_of_held_ones_is_refused_by_name() {
    let mut harness = Harness::new(AgentConfig::new("agent").max_queued_messages(2));
    let (_connection, session) = harness.connect_with_session();
    let [slow, fast] = ["slow", "queue"].map(|address| session.open_sender(address, None).unwrap());
    for sender in [&slow, &fast] {
        sender.send(b"1".as_slice()).unwrap();
        sender.send(b"2".as_slice()).unwrap();
        let error = sender.send(b"3".as_slice()).unwrap_err();
        assert_eq!(error, AgentError::MaxQueuedMessages);
        assert_eq!(error.to_string(), "max queued message limit reached");
    }
    harness.run();
    assert_eq!((slow.queued_messages(), slow.send(b"3".as_slice()).is_err()), (2, true));
    assert_eq!((fast.queued_messages(), fast.send(b"3".as_slice()).is_err()), (0, false));
}

#[test]
fn message_larger_than_the_peer_accepts_ends_its_sender_with_an_error() {
    let mut harness = Harness::default();
    let (_connection, session) = harness.connect_with_session();
    let sender = session.open_sender("small", Some(harness.callback("sender"))).unwrap();
    harness.run();
    sender.send(vec![0; 65]).unwrap();
    harness.run();
    let log = harness.log();
    let last = log.last().unwrap();
    assert!(
        last.starts_with("sender SENDER_ERROR the message is larger than the peer's max-message-size of 64 "),
        "{last}"
    );
    assert!(!sender.is_open() && session.is_open());
}
