//! Dispositions that leave the deliveries unsettled which they name.

use amqp_proto::{
    CommandError, ConnectionConfig, Event, Limits, LinkId, SendOptions, SenderConfig, SenderId,
    spec::{
        definitions::Role,
        delivery_state::{DeliveryState, Received},
        performatives::{Detach, Disposition, Flow},
    },
    testing::frames,
    types::Handle,
};

use super::attach;
use crate::support::Fed;

const COUNT: u32 = 1000;

/// A disposition may leave as many unsettled however often that has happened.
const FREE: u32 = 8;

/// A server that has sent as many deliveries on a link that leaves it to the application to settle them.
fn sent(count: u32, limits: Limits) -> Fed {
    sending(count, limits).0
}

/// As [`sent`], with the link, which may send as many again.
fn sending(count: u32, limits: Limits) -> (Fed, SenderId) {
    let mut fed = Fed::server_with(ConnectionConfig::server("s").limits(limits));
    fed.feed_bytes(&attach(0, 0, Role::Receiver, "r", None));
    let sender = fed.sender_asked_for();
    fed.connection.accept_sender(sender, SenderConfig::new().settle_on_outcome(false)).unwrap();
    fed.feed_bytes(&credit(0, 2 * count));
    for tag in 0..count {
        fed.connection.sender(sender).unwrap().send_with(tag, b"x".as_slice(), &SendOptions::new()).unwrap();
        fed.write();
    }
    fed.events();
    (fed, sender)
}

fn credit(handle: u32, count: u32) -> Vec<u8> {
    let flow = Flow {
        next_incoming_id: Some(0.into()),
        incoming_window: u32::MAX,
        handle: Some(Handle::new(handle)),
        delivery_count: Some(0.into()),
        link_credit: Some(count),
        ..frames::flow()
    };
    frames::frame(0, &flow)
}

fn named(last: u32, settled: bool, state: Option<DeliveryState>) -> Vec<u8> {
    frames::frame(0, &Disposition { settled, state, ..frames::accepted(0, Some(last)) })
}

fn received(section: u32) -> Option<DeliveryState> {
    Some(Received { section_number: section, section_offset: 0 }.into())
}

/// Feeds the frame until it ends the session. Returns how often it did not, and the reason.
fn times_fed(fed: &mut Fed, frame: impl Fn(u32) -> Vec<u8>) -> (u32, Option<String>) {
    for times in 0..10_000 {
        fed.feed_bytes(&frame(times));
        let failed = fed.events().iter().filter_map(Event::error_detail).last();
        if let Some(failed) = failed {
            return (times, Some(failed.to_string()));
        }
    }
    (10_000, None)
}

/// A receiver that tells how far it is, or that a transaction has all of them, and does so again: the 17th of such
/// dispositions ended the session.
#[test]
fn fb6g_states_of_many_deliveries_may_be_updated_many_times() {
    let mut fed = sent(COUNT, Limits::default());
    for times in 0..60 {
        fed.feed_bytes(&named(COUNT - 1, false, received(times)));
        assert_eq!(fed.names(), ["DELIVERY_UPDATED"], "{times}");
    }
    // One that settles them is no update.
    fed.feed_bytes(&named(COUNT - 1, true, received(60)));
    assert_eq!(fed.names(), ["DELIVERY_SETTLED"]);
}

/// A receiver that repeats with each outcome those of all deliveries before.
#[test]
fn fb6h_outcomes_of_all_deliveries_so_far_may_be_repeated() {
    const WINDOW: u32 = 128;
    let mut fed = sent(WINDOW, Limits::default());
    for last in 0..WINDOW {
        fed.feed_bytes(&named(last, false, Some(DeliveryState::ACCEPTED)));
        assert_eq!(fed.names(), ["DELIVERY_UPDATED"], "{last}");
    }
}

#[test]
fn fb6i_updates_without_end_have_a_bound_that_can_be_set() {
    for (most, limits) in [(64, Limits::default()), (4, Limits::default().max_updates_per_delivery(4))] {
        let mut fed = sent(COUNT, limits);
        let (times, failed) = times_fed(&mut fed, |times| named(COUNT - 1, false, received(times)));
        assert_eq!(times, most * COUNT / (COUNT - FREE));
        let failed = failed.unwrap();
        assert!(failed.starts_with("amqp:resource-limit-exceeded"), "{failed}");
        assert!(failed.contains("max_updates_per_delivery"), "{failed}");
    }
    let mut fed = sent(COUNT, Limits::default().max_updates_per_delivery(u32::MAX));
    assert_eq!(times_fed(&mut fed, |times| named(COUNT - 1, false, received(times))), (10_000, None));
}

/// Nothing settles what a closed link has left, so that each disposition looked at all of it, without end.
#[test]
fn fb6j_settlements_for_a_closed_link_have_the_same_bound() {
    let mut fed = sent(COUNT, Limits::default());
    fed.feed_bytes(&frames::frame(0, &Detach { handle: Handle::new(0), closed: true, error: None }));
    fed.events();
    let (times, failed) = times_fed(&mut fed, |_| named(COUNT - 1, true, Some(DeliveryState::ACCEPTED)));
    assert_eq!(times, 64 * COUNT / (COUNT - FREE));
    assert!(failed.unwrap().contains("max_updates_per_delivery"));
}

/// At the limit each settlement of one message had all others copied, twice.
#[test]
fn fb6s_a_message_that_is_one_too_many_moves_no_others() {
    let (mut fed, sender) = sending(COUNT, Limits::default().max_unsettled(COUNT as usize));
    for tag in COUNT..2 * COUNT - 1 {
        // The oldest last.
        fed.feed_bytes(&frames::frame(0, &frames::accepted(2 * COUNT - 1 - tag, None)));
        fed.events();
        fed.connection.sender(sender).unwrap().send(tag, b"x".as_slice()).unwrap();
        fed.write();
        let moved = allocation_counter::measure(|| {
            let refused = fed.connection.sender(sender).unwrap().send(tag, b"x".as_slice());
            assert_eq!(refused, Err(CommandError::TooManyUnsettled));
        });
        assert!(moved.bytes_total < 1000, "{tag}: {moved:?}");
    }
}

/// Each looked at the place of every delivery that it named, without end.
#[test]
fn fb6r_settlements_of_what_is_settled_have_the_same_bound() {
    let mut fed = sent(COUNT, Limits::default());
    let gap = frames::frame(0, &frames::accepted(100, Some(599)));
    fed.feed_bytes(&gap);
    assert_eq!(fed.names(), ["DELIVERY_SETTLED"]);
    let (times, failed) = times_fed(&mut fed, |_| gap.clone());
    assert_eq!(times, 64 * COUNT / (500 - FREE));
    assert!(failed.unwrap().contains("max_updates_per_delivery"));
}

/// Each is an event, as the links take turns: 29 bytes raised 64 of them, without end.
#[test]
fn fb6t_updates_of_few_deliveries_have_the_same_bound() {
    const FEW: u32 = 64;
    let (mut fed, first) = sending(FEW / 2, Limits::default());
    fed.feed_bytes(&attach(0, 1, Role::Receiver, "other", None));
    let second = fed.sender_asked_for();
    fed.connection.accept_sender(second, SenderConfig::new().settle_on_outcome(false)).unwrap();
    fed.feed_bytes(&credit(1, FEW));
    for tag in 0..FEW / 2 {
        let sender = if tag % 2 == 0 { first } else { second };
        fed.connection.sender(sender).unwrap().send(FEW + tag, b"x".as_slice()).unwrap();
        fed.write();
    }
    fed.events();
    let (times, failed) = times_fed(&mut fed, |times| named(FEW - 1, false, received(times)));
    assert_eq!(times, 64 * FEW / (FEW - FREE));
    assert!(failed.unwrap().contains("max_updates_per_delivery"));
}

/// A few at a time may be updated without end, as by a receiver that reports how far it is.
#[test]
fn fb6u_updates_of_very_few_deliveries_have_no_bound() {
    let mut fed = sent(COUNT, Limits::default());
    assert_eq!(times_fed(&mut fed, |times| named(FREE - 1, false, received(times))), (10_000, None));
}

/// Each update kept a copy for each delivery, beside what the first had stored for all of them.
#[test]
fn fb6k_a_state_that_replaces_another_is_stored_once_for_all() {
    let mut fed = sent(COUNT, Limits::default());
    let mut most = 0;
    for times in 0..3 {
        let update = named(COUNT - 1, false, received(times));
        let info = allocation_counter::measure(|| {
            fed.feed_bytes(&update);
            fed.events();
        });
        most = most.max(info.bytes_max);
    }
    assert!(most < 16 << 10, "{most}");
}

/// Those that have an outcome of ours take up room of their own, which was not counted.
#[test]
fn fb6l_states_beside_an_outcome_of_ours_are_counted() {
    const BUDGET: usize = 256 << 10;
    const COUNT: u32 = 2000;
    let limits = Limits::default().max_held_bytes(BUDGET);
    let mut fed = sent(COUNT, limits);
    let session = fed.connection.session_ids().next().unwrap();
    let link = fed.connection.session_ref(session).unwrap().links().next().unwrap();
    let unsettled = fed.connection.unsettled(link);
    let (first, last) = (unsettled[0].id, unsettled[unsettled.len() - 1].id);
    let LinkId::Sender(sender) = link else { panic!("a receiver") };
    let mut sender = fed.connection.sender(sender).unwrap();
    sender.disposition(first, last, false, Some(DeliveryState::RELEASED)).unwrap();
    fed.write();
    let info = allocation_counter::measure(|| fed.feed_bytes(&named(COUNT - 1, false, received(1))));
    let failed = fed.events().iter().filter_map(Event::error_detail).last();
    assert!(failed.is_some_and(|text| text.contains("max_held_bytes")), "{info:?}");
}
