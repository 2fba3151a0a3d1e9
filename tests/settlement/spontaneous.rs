//! Outcomes that a delivery reaches at its sender by itself (2.6.12, 2.7.5).

use amqp_proto::{
    CommandError, Event, LinkId, SendOptions,
    spec::delivery_state::{DeliveryState, Modified, Received, Rejected},
};

use crate::talk::{Modes, Second, Talk, Unsettled, unsettled_modes};

fn second() -> Modes {
    Modes { snd: Unsettled, rcv: Second, settles_on_outcome: true }
}

fn released() -> Option<DeliveryState> {
    Some(DeliveryState::RELEASED)
}

#[test]
fn a_senders_own_outcome_is_told_and_confirmed_before_it_is_settled() {
    for modes in unsettled_modes() {
        let (mut talk, sent, taken) = Talk::with_delivery(modes);
        talk.sender().disposition(sent, sent, false, released()).unwrap();
        assert_eq!(talk.up(), ["DISPOSITION@0 sender 0 other"], "{modes:?}");
        let link = LinkId::from(talk.linked.receiver);
        let updated = Event::DeliveryUpdated { link, first: taken, last: taken, state: released() };
        assert_eq!(talk.receiver_events(), [updated], "{modes:?}");
        assert_eq!(talk.unsettled(), (1, 1), "{modes:?}");
        // The receiver confirms it with the same state.
        talk.receiver().settle(taken, None).unwrap();
        assert_eq!(talk.down(), ["DISPOSITION@0 receiver 0 settled other"], "{modes:?}");
        let link = LinkId::from(talk.linked.sender);
        let settled = Event::DeliverySettled { link, first: sent, last: sent, state: released() };
        assert_eq!(talk.sender_events(), [settled], "{modes:?}");
        assert_eq!((talk.unsettled(), talk.up()), ((0, 0), vec![]), "{modes:?}");
    }
}

/// The receiver's disposition had the sender's outcome, and then a second one of its own.
#[test]
fn a_disposition_that_neither_settles_nor_has_a_state_is_not_sent() {
    for modes in unsettled_modes() {
        for state in [None, released()] {
            let (mut talk, sent, taken) = Talk::with_delivery(modes);
            talk.sender().disposition(sent, sent, false, state.clone()).unwrap();
            assert_eq!(talk.up().len(), usize::from(state.is_some()), "{modes:?}");
            talk.receiver().disposition(taken, taken, false, None).unwrap();
            assert_eq!((talk.down(), talk.unsettled()), (vec![], (1, 1)), "{modes:?}");
            talk.receiver().disposition(taken, taken, true, Some(DeliveryState::ACCEPTED)).unwrap();
            assert_eq!(talk.down(), ["DISPOSITION@0 receiver 0 settled accepted"], "{modes:?}");
        }
    }
}

#[test]
fn an_outcome_told_by_the_sender_stands_at_its_own_end() {
    let (mut talk, sent, _) = Talk::with_delivery(second());
    let other = Err(CommandError::IllegalState("the delivery has another outcome already (3.4)"));
    talk.sender().disposition(sent, sent, false, released()).unwrap();
    assert_eq!(talk.sender().disposition(sent, sent, false, Some(DeliveryState::ACCEPTED)), other);
    assert_eq!(talk.sender().settle(sent, Some(Rejected::default().into())), other);
    assert_eq!(talk.up(), ["DISPOSITION@0 sender 0 other"]);
    // Once is enough.
    talk.sender().disposition(sent, sent, false, released()).unwrap();
    talk.sender().disposition(sent, sent, false, None).unwrap();
    assert_eq!(talk.up(), [""; 0]);
    talk.sender().disposition(sent, sent, true, None).unwrap();
    assert_eq!((talk.up(), talk.unsettled()), (vec!["DISPOSITION@0 sender 0 settled other".into()], (0, 0)));
}

#[test]
fn an_outcome_of_the_receiver_that_crosses_it_changes_nothing_at_the_sender() {
    let (mut talk, sent, taken) = Talk::with_delivery(second());
    talk.sender().disposition(sent, sent, false, released()).unwrap();
    talk.receiver().accept(taken).unwrap();
    talk.down();
    // 2.6.12: the sender updates its view unless it has reached an outcome by itself.
    assert_eq!(talk.up(), ["DISPOSITION@0 sender 0 other", "DISPOSITION@0 sender 0 settled other"]);
    let link = LinkId::from(talk.linked.receiver);
    let (first, last) = (taken, taken);
    let told = [
        Event::DeliveryUpdated { link, first, last, state: released() },
        Event::DeliverySettled { link, first, last, state: released() },
    ];
    assert_eq!(talk.receiver_events(), told);
    assert_eq!(talk.unsettled(), (0, 0));
}

#[test]
fn an_outcome_is_told_of_a_message_that_is_still_being_sent() {
    let mut talk = Talk::new(second());
    let sent = talk.sender().send_streaming(1_u32, &SendOptions::new()).unwrap();
    talk.sender().write(sent, b"begun".as_slice()).unwrap();
    talk.sender().disposition(sent, sent, false, released()).unwrap();
    let still = Err(CommandError::IllegalState("a delivery of the range is still being sent (2.6.14)"));
    assert_eq!(talk.sender().disposition(sent, sent, true, None), still);
    talk.sender().finish(sent).unwrap();
    let lines = talk.up();
    assert_eq!(lines.iter().filter(|line| line.starts_with("DISPOSITION")).count(), 1, "{lines:?}");
    talk.sender().disposition(sent, sent, true, None).unwrap();
    assert_eq!(talk.up(), ["DISPOSITION@0 sender 0 settled other"]);
}

#[test]
fn a_range_is_settled_with_the_outcome_that_each_delivery_has() {
    let mut talk = Talk::new(Modes { settles_on_outcome: false, ..second() });
    let sent: Vec<_> = (0..5_u32).map(|tag| talk.sender().send(tag, b"x".as_slice()).unwrap()).collect();
    talk.up();
    let events = talk.receiver_events();
    let taken: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Delivery { delivery, .. } => delivery.id,
            other => panic!("{other:?}"),
        })
        .collect();
    talk.receiver().accept(taken[1]).unwrap();
    talk.down();
    let modified = DeliveryState::from(Modified { delivery_failed: Some(true), ..Modified::default() });
    talk.sender().disposition(sent[2], sent[3], false, Some(modified.clone())).unwrap();
    talk.sender().settle(sent[3], None).unwrap();
    talk.up();
    assert_eq!(talk.unsettled(), (4, 4));
    talk.receiver_events();
    // One has no outcome, one the receiver's, one ours, and one is settled.
    talk.sender().disposition(sent[0], sent[4], true, None).unwrap();
    assert_eq!(talk.up().len(), 4);
    let mut told: Vec<_> = talk
        .receiver_events()
        .into_iter()
        .map(|event| match event {
            Event::DeliverySettled { first, last, state, .. } => (first, last, state),
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort_by_key(|(first, ..)| *first);
    let one = |at: usize, state| (taken[at], taken[at], state);
    let accepted = Some(DeliveryState::ACCEPTED);
    assert_eq!(told, [one(0, None), one(1, accepted), one(2, Some(modified)), one(4, None)]);
    assert_eq!(talk.unsettled(), (0, 0));
}

#[test]
fn a_range_that_is_none_of_the_links_and_a_state_of_receivers_are_refused() {
    let (mut talk, sent, _) = Talk::with_delivery(second());
    let mut other = Talk::new(second());
    let strange = other.sender().send(1_u32, b"x".as_slice()).unwrap();
    let next = other.sender().send(2_u32, b"x".as_slice()).unwrap();
    assert_ne!(sent, next);
    let mut sender = talk.sender();
    assert_eq!(sender.disposition(sent, next, false, released()), Err(CommandError::UnknownId));
    let received = DeliveryState::from(Received::default());
    let refused = sender.disposition(sent, sent, false, Some(received));
    assert!(matches!(refused, Err(CommandError::IllegalState(_))), "{refused:?}");
    sender.settle(sent, None).unwrap();
    assert_eq!(sender.disposition(sent, sent, false, released()), Err(CommandError::UnknownId));
    let mut sender = other.sender();
    assert_eq!(sender.disposition(next, strange, true, None), Err(CommandError::UnknownId));
    assert_eq!(talk.up(), ["DISPOSITION@0 sender 0 settled"]);
}
