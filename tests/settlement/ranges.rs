//! The cost of dispositions that name many deliveries, and of many that name one.

use amqp_proto::{
    ConnectionConfig, Event, Instant, Limits, SendOptions, SenderConfig, SenderId,
    spec::{
        definitions::Role,
        delivery_state::{DeliveryState, Modified},
        performatives as p,
    },
    types::{Described, Fields, Symbol},
};
use bytes::Buf;

use crate::{
    peer::{accepted, attach, frame, link_flow},
    support::Fed,
    written::written,
};

const NOW: Instant = Instant::from_millis(0);

/// A server that has sent as many messages.
fn sent(count: u32, config: SenderConfig) -> (Fed, SenderId) {
    sent_by(Fed::server(), count, config)
}

fn sent_by(mut fed: Fed, count: u32, config: SenderConfig) -> (Fed, SenderId) {
    fed.feed_bytes(&frame(0, &attach("link", 0, Role::Receiver)));
    let sender = fed.sender_asked_for();
    fed.connection.accept_sender(sender, config).unwrap();
    let wide = p::Flow { incoming_window: u32::MAX, ..link_flow(0, count) };
    fed.feed_bytes(&frame(0, &wide));
    for tag in 0..count {
        fed.connection.sender(sender).unwrap().send_with(tag, b"x".as_slice(), &SendOptions::new()).unwrap();
        if tag % 100 == 0 {
            discard(&mut fed);
        }
    }
    discard(&mut fed);
    fed.events();
    (fed, sender)
}

fn discard(fed: &mut Fed) {
    let mut transmit = fed.connection.poll_transmit(NOW);
    transmit.advance(transmit.remaining());
    fed.output.clear();
}

/// Feeds a frame and polls all events. Returns the events, and the bytes and the number of allocations.
fn measured(fed: &mut Fed, frame: &[u8]) -> (Vec<Event>, allocation_counter::AllocationInfo) {
    let mut events = Vec::with_capacity(1024);
    let info = allocation_counter::measure(|| {
        let mut input = frame;
        loop {
            let before = input.len();
            let _ = fed.connection.handle_input(NOW, &mut input);
            events.extend(std::iter::from_fn(|| fed.connection.poll_event()));
            if input.len() == before {
                break;
            }
        }
    });
    (events, info)
}

fn modified(size: usize) -> DeliveryState {
    let text = "a".repeat(size);
    let annotations = Fields::from([(Symbol::from_static("x-opt-why"), text.as_str())]);
    Modified { message_annotations: Some(annotations), ..Modified::default() }.into()
}

#[test]
fn a_state_of_60_kib_for_100_000_deliveries_is_kept_once_and_not_sent_back() {
    const COUNT: u32 = 100_000;
    const SIZE: usize = 60 << 10;
    for keeps in [false, true] {
        let (mut fed, sender) = sent(COUNT, SenderConfig::new().settle_on_outcome(!keeps));
        let state = Some(modified(SIZE));
        let given = p::Disposition { settled: false, state: state.clone(), ..accepted(0, Some(COUNT - 1)) };
        let (events, info) = measured(&mut fed, &frame(0, &given));
        let (first, last) = match &events[..] {
            [Event::DeliverySettled { first, last, state: known, .. }] if !keeps && *known == state => {
                (first, last)
            }
            [Event::DeliveryUpdated { first, last, state: known, .. }] if keeps && *known == state => {
                (first, last)
            }
            other => panic!("{} events", other.len()),
        };
        assert_eq!(first.through(*last), u64::from(COUNT));
        // The decoded state, the stored one and its copy on the way there.
        assert!(info.bytes_max < 6 * SIZE as u64, "{info:?}");
        assert!(info.count_total < 100, "{info:?}");
        if keeps {
            assert_eq!(fed.connection.unsettled(sender).len(), COUNT as usize);
            let first = *first;
            let settle = allocation_counter::measure(|| {
                fed.connection.sender(sender).unwrap().disposition(first, *last, true, None).unwrap();
            });
            assert!(settle.bytes_max > 0);
        } else {
            let mut transmit = fed.connection.poll_transmit(NOW);
            let mut answer = Vec::new();
            while transmit.has_remaining() {
                let chunk = transmit.chunk().len();
                answer.extend_from_slice(transmit.chunk());
                transmit.advance(chunk);
            }
            // 2.7.1: the receiver knows the details.
            assert!(answer.len() < 64, "{}", answer.len());
            fed.output.extend_from_slice(&answer);
            let answers = written(&mut fed);
            let [p::Performative::Disposition(answer)] = &answers[..] else { panic!("{answers:?}") };
            assert_eq!(answer.state, Some(Modified::default().into()));
            assert_eq!(fed.connection.unsettled(sender), []);
        }
    }
}

/// The same in the other direction: our own outcome for all that we have sent.
#[test]
fn an_outcome_of_ours_for_100_000_deliveries_is_kept_once_and_written_once() {
    const COUNT: u32 = 100_000;
    const SIZE: usize = 60 << 10;
    let (mut fed, sender) = sent(COUNT, SenderConfig::new());
    let all = fed.connection.unsettled(sender);
    let (first, last) = (all[0].id, all[all.len() - 1].id);
    drop(all);
    let state = modified(SIZE);
    let given = allocation_counter::measure(|| {
        let mut link = fed.connection.sender(sender).unwrap();
        link.disposition(first, last, false, Some(state.clone())).unwrap();
    });
    assert!(given.bytes_max < 6 * SIZE as u64, "{given:?}");
    fed.write();
    assert_eq!(written(&mut fed).len(), 1);
    // What is known of all of them does not count against the peer, which can go on.
    fed.feed_bytes(&frame(0, &p::Disposition { settled: false, ..accepted(0, None) }));
    assert_eq!(fed.names(), ["DELIVERY_SETTLED"]);
}

/// What we have given of our deliveries is shared, and counted once when the peer's states are added up.
#[test]
fn outcomes_of_ours_leave_the_peer_room_for_its_states() {
    const COUNT: u32 = 20_000;
    const HELD: usize = 4 << 20;
    let limits = Limits::default().max_held_bytes_per_session(HELD);
    let config = SenderConfig::new().settle_on_outcome(false);
    let (mut fed, sender) =
        sent_by(Fed::server_with(ConnectionConfig::server("s").limits(limits)), COUNT, config);
    let all = fed.connection.unsettled(sender);
    let mut link = fed.connection.sender(sender).unwrap();
    link.disposition(all[0].id, all[all.len() - 1].id, false, Some(DeliveryState::RELEASED)).unwrap();
    // Each replaces the one before.
    for n in 0..100_u8 {
        let text = char::from(b'a' + n % 26).to_string().repeat(60 << 10);
        let state = Some(DeliveryState::Other(Described::new(0x99_u64, text.as_str()).into()));
        fed.feed_bytes(&frame(0, &p::Disposition { settled: false, state, ..accepted(0, None) }));
        assert_eq!(fed.names(), ["DELIVERY_UPDATED"], "{n}");
    }
}

/// A million frames name one delivery each, in an order that leaves gaps; most name one that is settled already.
#[test]
fn a_million_dispositions_of_one_delivery_allocate_no_more_for_each_than_a_few() {
    const TIMES: usize = 4;
    let [few, many] = [2_500_u32, 250_000].map(|count| {
        let (mut fed, sender) = sent(count, SenderConfig::new());
        // Every second one, then those between them.
        let order = (0..count).step_by(2).chain((1..count).step_by(2));
        let wire: Vec<u8> = order.flat_map(|id| frame(0, &accepted(id, None)).repeat(TIMES)).collect();
        let mut settled = 0;
        let info = allocation_counter::measure(|| {
            let mut input = &wire[..];
            while !input.is_empty() {
                let _ = fed.connection.handle_input(NOW, &mut input);
                while let Some(event) = fed.connection.poll_event() {
                    settled += u32::from(matches!(event, Event::DeliverySettled { .. }));
                }
            }
        });
        assert_eq!((settled, fed.connection.unsettled(sender)), (count, vec![]));
        // Nothing is kept of what is settled, and what there was is only made smaller on the way.
        assert!(info.bytes_current <= 0 && info.bytes_max < u64::from(count) * 128, "{info:?}");
        info.count_total
    });
    assert!(many <= 100 * few, "{few} allocations, then {many}");
}
