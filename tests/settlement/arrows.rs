//! A test for each arrow of the diagrams of 2.6.12, at both ends, in all pairs of modes, with and without
//! `settle_on_outcome`.

use amqp_proto::{
    Event, LinkId,
    spec::delivery_state::{DeliveryState, Received},
};

use crate::talk::{First, Second, Settled, Talk, all_modes, unsettled_modes};

fn received() -> DeliveryState {
    Received { section_number: 0, section_offset: 7 }.into()
}

/// Initial transfer, and initial receipt.
#[test]
fn a_transfer_makes_an_entry_at_both_ends_unless_it_is_settled() {
    for modes in all_modes() {
        let mut talk = Talk::new(modes);
        talk.sender().send(1_u32, b"message".as_slice()).unwrap();
        let settled = modes.snd == Settled;
        let at_sender = talk.unsettled();
        assert_eq!(at_sender, (usize::from(!settled), 0), "{modes:?}");
        let line = if settled { "TRANSFER@0 0 7 bytes settled" } else { "TRANSFER@0 0 7 bytes" };
        assert_eq!(talk.up(), [line], "{modes:?}");
        let events = talk.receiver_events();
        let [Event::Delivery { delivery, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(
            (delivery.settled, delivery.rcv_settle_mode, &delivery.state),
            (settled, modes.rcv, &None),
            "{modes:?}"
        );
        assert_eq!(talk.unsettled(), (usize::from(!settled), usize::from(!settled)), "{modes:?}");
        assert_eq!(talk.down(), [""; 0], "{modes:?}");
    }
}

/// A delivery that was sent settled has no further arrows: its outcome is no news to anybody.
#[test]
fn a_delivery_sent_settled_is_over() {
    for modes in all_modes().filter(|modes| modes.snd == Settled) {
        let (mut talk, _, taken) = Talk::with_delivery(modes);
        talk.receiver().accept(taken).unwrap();
        assert_eq!(talk.down(), [""; 0], "{modes:?}");
        assert_eq!(talk.names_at_both(), (vec![], vec![]), "{modes:?}");
    }
}

/// Indication of a non-terminal state.
#[test]
fn a_state_that_is_not_terminal_is_an_update_and_settles_nothing() {
    for modes in unsettled_modes() {
        let (mut talk, sent, taken) = Talk::with_delivery(modes);
        talk.receiver().disposition(taken, taken, false, Some(received())).unwrap();
        assert_eq!(talk.down(), ["DISPOSITION@0 receiver 0 other"], "{modes:?}");
        let link = LinkId::from(talk.linked.sender);
        let updated = Event::DeliveryUpdated { link, first: sent, last: sent, state: Some(received()) };
        assert_eq!(talk.sender_events(), [updated], "{modes:?}");
        assert_eq!(talk.up(), [""; 0], "{modes:?}");
        assert_eq!(talk.unsettled(), (1, 1), "{modes:?}");
        let sender = talk.linked.sender;
        assert_eq!(talk.linked.pair.client.unsettled(sender)[0].state, Some(received()));
    }
}

/// Indication of a presumptive terminal state: in mode second, and in mode first if the application asks for it.
#[test]
fn an_outcome_of_a_receiver_that_settles_second_leaves_its_entry() {
    for modes in unsettled_modes() {
        let (mut talk, _, taken) = Talk::with_delivery(modes);
        if modes.rcv == Second {
            talk.receiver().accept(taken).unwrap();
        } else {
            talk.receiver().disposition(taken, taken, false, Some(DeliveryState::ACCEPTED)).unwrap();
        }
        assert_eq!(talk.unsettled(), (1, 1), "{modes:?}");
        let receiver = talk.linked.receiver;
        let known = talk.linked.pair.server.unsettled(receiver)[0].state.clone();
        assert_eq!(known, Some(DeliveryState::ACCEPTED), "{modes:?}");
        assert_eq!(talk.down(), ["DISPOSITION@0 receiver 0 accepted"], "{modes:?}");
    }
}

/// In mode first the outcome is the settlement: both ends forget the delivery.
#[test]
fn an_outcome_of_a_receiver_that_settles_first_is_the_end() {
    for modes in unsettled_modes().filter(|modes| modes.rcv == First) {
        let (mut talk, sent, taken) = Talk::with_delivery(modes);
        talk.receiver().accept(taken).unwrap();
        assert_eq!(talk.unsettled(), (1, 0), "{modes:?}");
        assert_eq!(talk.down(), ["DISPOSITION@0 receiver 0 settled accepted"], "{modes:?}");
        let (link, state) = (LinkId::from(talk.linked.sender), Some(DeliveryState::ACCEPTED));
        let settled = Event::DeliverySettled { link, first: sent, last: sent, state };
        assert_eq!(talk.sender_events(), [settled], "{modes:?}");
        assert_eq!(talk.unsettled(), (0, 0), "{modes:?}");
        assert_eq!(talk.up(), [""; 0], "{modes:?}");
        assert_eq!(talk.sender().early_settlements(), 0);
    }
}

/// Receipt of the terminal state.
#[test]
fn an_outcome_is_reported_and_settled_by_whoever_is_to_settle() {
    for modes in unsettled_modes() {
        let (mut talk, sent, taken) = Talk::with_delivery(modes);
        talk.receiver().disposition(taken, taken, false, Some(DeliveryState::RELEASED)).unwrap();
        talk.down();
        let (link, state) = (LinkId::from(talk.linked.sender), Some(DeliveryState::RELEASED));
        let (first, last) = (sent, sent);
        if modes.settles_on_outcome {
            assert_eq!(
                talk.sender_events(),
                [Event::DeliverySettled { link, first, last, state }],
                "{modes:?}"
            );
            assert_eq!(talk.unsettled(), (0, 1), "{modes:?}");
        } else {
            assert_eq!(
                talk.sender_events(),
                [Event::DeliveryUpdated { link, first, last, state }],
                "{modes:?}"
            );
            assert_eq!(talk.unsettled(), (1, 1), "{modes:?}");
            assert_eq!(talk.up(), [""; 0], "{modes:?}");
        }
    }
}

/// Indication of settlement, and its receipt: the receiver makes no effort to announce its own.
#[test]
fn the_senders_settlement_ends_the_delivery_at_both_ends() {
    for modes in unsettled_modes() {
        let (mut talk, sent, taken) = Talk::with_delivery(modes);
        talk.receiver().disposition(taken, taken, false, Some(DeliveryState::ACCEPTED)).unwrap();
        talk.down();
        if !modes.settles_on_outcome {
            talk.sender().settle(sent, None).unwrap();
        }
        assert_eq!(talk.up(), ["DISPOSITION@0 sender 0 settled accepted"], "{modes:?}");
        let (link, state) = (LinkId::from(talk.linked.receiver), Some(DeliveryState::ACCEPTED));
        let settled = Event::DeliverySettled { link, first: taken, last: taken, state };
        assert_eq!(talk.receiver_events(), [settled], "{modes:?}");
        assert_eq!(talk.unsettled(), (0, 0), "{modes:?}");
        let done = talk.receiver().settle(taken, None);
        assert!(done.is_ok(), "{modes:?}: {done:?}");
        assert_eq!((talk.down(), talk.up()), (vec![], vec![]), "{modes:?}");
    }
}

/// 2.6.12: an end may settle whatever the state, such as at the end of the message's time to live.
#[test]
fn a_sender_that_settles_without_an_outcome_ends_the_delivery_too() {
    for modes in unsettled_modes() {
        let (mut talk, sent, taken) = Talk::with_delivery(modes);
        talk.sender().settle(sent, None).unwrap();
        assert_eq!(talk.up(), ["DISPOSITION@0 sender 0 settled"], "{modes:?}");
        let link = LinkId::from(talk.linked.receiver);
        let settled = Event::DeliverySettled { link, first: taken, last: taken, state: None };
        assert_eq!(talk.receiver_events(), [settled], "{modes:?}");
        talk.receiver().accept(taken).unwrap();
        assert_eq!((talk.down(), talk.unsettled()), (vec![], (0, 0)), "{modes:?}");
    }
}
