//! States and errors, which take up many times as much decoded as on the wire.

use amqp_proto::{
    ConnectionConfig, CreditPolicy, Event, ReceiverConfig,
    spec::{
        definitions::{ReceiverSettleMode, Role},
        delivery_state::{DeliveryState, Modified},
        performatives::{Detach, Disposition},
    },
    testing::frames,
    types::Handle,
};

use super::*;
use crate::support::Fed;

fn polled(attacked: &mut Attacked) {
    while attacked.measure(|connection| connection.poll_event()).is_some() {}
}

/// An outcome as large as the value in it.
fn modified(value: Value) -> DeliveryState {
    Modified { message_annotations: Some(info(value)), ..Modified::default() }.into()
}

/// Attaches would be events that have to be polled before a detach is handled.
#[test]
fn fb2k_errors_of_links_in_events_that_nobody_polls_have_a_bound() {
    for (name, value) in [("texts", text(60_000)), ("lists", list(250))] {
        let mut attacked = Attacked::server();
        for handle in 0..250 {
            attacked.feed(&attach(0, handle, Role::Sender, &format!("l{handle}"), None));
            polled(&mut attacked);
        }
        attacked.fixed = 250 * LINK;
        for handle in 0..250 {
            let error = Some(Box::new(error(value.clone())));
            let detach = Detach { handle: Handle::new(handle), closed: true, error };
            if !attacked.feed(&frame(0, &to_vec(&detach))) {
                break;
            }
        }
        attacked.check(&format!("detaches of 250 links with errors of {name}, unpolled"), held_limit());
    }
}

#[test]
fn fb6c_a_state_for_alternating_links_is_no_larger_in_many_events_than_in_one() {
    for settled in [true, false] {
        let (mut attacked, _) = sending(1000, 2);
        (attacked.held, attacked.most) = (0, 0);
        attacked.feed(&disposition(0, 999, settled, Some(detailed(list(250)))));
        assert!(attacked.most < 200_000, "{}", attacked.most);
    }
}

#[test]
fn fb2l_outcomes_in_transfers_have_a_bound() {
    for (name, value) in [("texts", text(60_000)), ("lists", list(250))] {
        let mut attacked = receiving(1, false);
        attacked.polls = true;
        for number in 0..2000 {
            if !attacked.feed(&transfer(0, number, false, Some(modified(value.clone())), b"")) {
                break;
            }
        }
        attacked.fixed += 2000 * UNSETTLED;
        attacked.check(&format!("outcomes in transfers, as {name}"), held_limit());
    }
}

#[test]
fn fb2m_states_of_streamed_deliveries_that_nobody_polls_or_reads_have_a_bound() {
    for (name, polls) in [("unpolled", false), ("unread", true)] {
        let mut attacked = receiving(1, true);
        attacked.polls = polls;
        for number in 0..1000 {
            let last = Transfer { handle: Handle::new(0), ..Transfer::default() };
            if !attacked.feed(&transfer(0, number, true, Some(detailed(list(250))), b"x"))
                || !attacked.feed(&frame(0, &to_vec(&last)))
            {
                break;
            }
        }
        attacked.fixed += 1000 * UNSETTLED;
        attacked.check(&format!("states of streamed deliveries, {name}"), held_limit());
    }

    // Announced in a later transfer, and settled by another: each is an event.
    let mut attacked = receiving(1, true);
    for number in 0..1000 {
        let next = Transfer { handle: Handle::new(0), more: true, ..Transfer::default() };
        let with_state = Transfer { state: Some(modified(list(250))), ..next.clone() };
        let last = Transfer { settled: Some(true), more: false, ..next };
        if !attacked.feed(&transfer(0, number, true, None, b"x"))
            || !attacked.feed(&frame(0, &to_vec(&with_state)))
            || !attacked.feed(&frame(0, &to_vec(&last)))
        {
            break;
        }
    }
    attacked.fixed += 1000 * UNSETTLED;
    attacked.check("outcomes in later transfers of streams, unpolled", held_limit());

    let mut attacked = receiving(250, true);
    for handle in 0..250 {
        if !attacked.feed(&transfer(handle, handle, true, Some(detailed(list(250))), b"x")) {
            break;
        }
    }
    attacked.fixed += 250 * UNSETTLED;
    attacked.check("states of streamed deliveries on 250 links, unpolled", held_limit());
}

#[test]
fn fb2n_states_of_deliveries_that_never_end_have_a_bound() {
    for (name, state) in [("texts", text(8000)), ("nulls", list(250))] {
        let mut attacked = receiving(250, false);
        for handle in 0..250 {
            attacked.feed(&transfer(handle, handle, true, Some(detailed(state.clone())), b""));
        }
        attacked.fixed += 250 * UNSETTLED;
        attacked.check(
            &format!("states of deliveries that never end, {name}"),
            limits().max_held_bytes_per_session,
        );
    }
}

/// What has gone counts no more.
#[test]
fn fb2o_states_of_deliveries_that_have_been_settled_are_given_back() {
    let (mut attacked, senders) = sending(0, 1);
    attacked.polls = true;
    for number in 0..30 {
        attacked.measure(|connection| {
            connection.sender(senders[0]).unwrap().send(number, b"x".as_slice()).unwrap();
        });
        assert!(attacked.feed(&disposition(number, number, false, Some(detailed(text(60_000))))));
        assert!(attacked.feed(&disposition(number, number, true, None)));
    }
    assert!(attacked.sent > limits().max_held_bytes_per_session || is_full());
    assert!(attacked.connection.sender(senders[0]).is_ok());
    attacked.fixed += 30 * UNSETTLED;
    attacked.check("states of deliveries that are settled in turn", held_limit());
}

/// Both ends have given their outcome, and neither settles.
#[test]
fn fb7f_outcomes_of_both_ends_have_a_bound() {
    const COUNT: u32 = 5000;
    const BUDGET: usize = 768 << 10;
    let limits = limits().max_held_bytes_per_session(BUDGET);
    let mut attacked = Attacked::new(server().limits(limits), &hex(HEAD));
    attacked.feed(&attach(0, 0, Role::Sender, "s", None));
    for number in 0..=COUNT {
        attacked.measure(|connection| {
            while let Some(event) = connection.poll_event() {
                match event {
                    Event::ReceiverRequested { receiver, .. } => {
                        let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10_000));
                        let config = config.rcv_settle_mode(ReceiverSettleMode::Second);
                        connection.accept_receiver(receiver, config).unwrap();
                    }
                    Event::Delivery { receiver, delivery } => {
                        connection.receiver(receiver).unwrap().accept(delivery.id).unwrap();
                    }
                    _ => {}
                }
            }
            let mut transmit = connection.poll_transmit(NOW);
            transmit.advance(transmit.remaining());
        });
        if number < COUNT {
            attacked.feed(&transfer(0, number, false, None, b""));
        }
    }
    attacked.fixed = i64::from(COUNT) * UNSETTLED;
    let all = Disposition {
        role: Role::Sender,
        first: 0.into(),
        last: Some((COUNT - 1).into()),
        state: Some(Modified::default().into()),
        ..Disposition::default()
    };
    attacked.feed(&frame(0, &to_vec(&all)));
    let failed =
        std::iter::from_fn(|| attacked.connection.poll_event()).find_map(|event| event.error_detail());
    assert!(failed.is_some_and(|text| text.starts_with("amqp:resource-limit-exceeded")));
    attacked.check("outcomes of both ends", BUDGET);
}

/// Each event had a copy of its own, decoded from the one state that was kept: 76 MB for 63 KB and 19 bytes.
#[test]
fn fb6d_a_state_that_was_kept_is_decoded_once_for_all_that_are_settled_with_it() {
    let mut fed = linked_in_turn(200);
    let modified = modified(Value::List(vec![Value::from("1234567"); 7000]));
    fed.feed_bytes(&settled_by_sender(199, false, Some(modified.clone())));
    assert_eq!(fed.events().len(), 200);
    let mut events = Vec::new();
    let held = allocation_counter::measure(|| {
        fed.feed_bytes(&settled_by_sender(199, true, None));
        events = fed.events();
    });
    assert!(held.bytes_max < 2_000_000, "{}", held.bytes_max);
    // Details that are polled make room for more input.
    fed.feed_bytes(&[]);
    events.extend(fed.events());
    assert_eq!(events.len(), 200);
    let settled = |event: &Event| match event {
        Event::DeliverySettled { state, .. } => *state == Some(modified.clone()),
        _ => false,
    };
    assert!(events.iter().all(settled), "{:?}", events.first());
}

#[test]
fn fb6e_decided_deliveries_raise_their_events_in_steps() {
    let mut fed = linked_in_turn(3000);
    fed.feed_bytes(&settled_by_sender(2999, false, Some(DeliveryState::ACCEPTED)));
    while !fed.events().is_empty() {
        fed.feed_bytes(&[]);
    }
    fed.feed_bytes(&settled_by_sender(2999, true, None));
    let mut settled = 0;
    loop {
        let events = fed.events().len();
        // `max_events` and a step.
        assert!(events <= 1024 + 256, "{events} at once");
        if events == 0 {
            break;
        }
        settled += events;
        fed.feed_bytes(&[]);
    }
    assert_eq!(settled, 3000);
}

#[test]
fn fb6f_a_state_that_was_kept_is_decoded_once_for_the_list_of_unsettled_deliveries() {
    let mut fed = linked_in_turn(2000);
    // Between those that share the state are others that have one of their own.
    let own = DeliveryState::from(Modified { delivery_failed: Some(true), ..Modified::default() });
    for id in (2..2000).step_by(4) {
        let one = Disposition { first: id.into(), ..frames::accepted(0, Some(id)) };
        let state = Some(own.clone());
        fed.feed_bytes(&frames::frame(0, &Disposition { role: Role::Sender, settled: false, state, ..one }));
        fed.events();
    }
    let modified = modified(Value::List(vec![Value::from("1234567"); 7000]));
    fed.feed_bytes(&settled_by_sender(1999, false, Some(modified.clone())));
    while !fed.events().is_empty() {
        fed.feed_bytes(&[]);
    }
    let links: Vec<_> = fed.connection.session_ids().collect();
    let receivers: Vec<_> =
        links.iter().flat_map(|id| fed.connection.session_ref(*id).unwrap().links()).collect();
    let mut unsettled = Vec::new();
    let held = allocation_counter::measure(|| unsettled = fed.connection.unsettled(receivers[0]));
    // Once for each step in which the disposition was handled.
    assert!(held.bytes_max < 5_000_000, "{}", held.bytes_max);
    let of = |state: &DeliveryState| unsettled.iter().filter(|one| one.state.as_ref() == Some(state)).count();
    assert_eq!((unsettled.len(), of(&modified), of(&own)), (1000, 500, 500));
}

/// A server that has as many unsettled deliveries, on two links in turn.
fn linked_in_turn(count: u32) -> Fed {
    let mut fed = Fed::server_with(ConnectionConfig::server("s"));
    for handle in 0..2 {
        fed.feed_bytes(&attach(0, handle, Role::Sender, &format!("l{handle}"), None));
    }
    for event in fed.events() {
        if let Event::ReceiverRequested { receiver, .. } = event {
            let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10_000));
            fed.connection.accept_receiver(receiver, config).unwrap();
        }
    }
    fed.write();
    for id in 0..count {
        fed.feed_bytes(&frames::with_payload(0, &frames::transfer(id % 2, id), b"x"));
        fed.events();
    }
    fed
}

fn settled_by_sender(last: u32, settled: bool, state: Option<DeliveryState>) -> Vec<u8> {
    let all = frames::accepted(0, Some(last));
    frames::frame(0, &Disposition { role: Role::Sender, settled, state, ..all })
}
