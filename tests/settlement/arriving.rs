//! What settles a delivery while it arrives (2.6.12, 2.7.5).

use amqp_proto::{
    CommandError, CreditPolicy, Delivery, DeliveryId, Event, LinkId, ReceiverConfig, ReceiverId,
    spec::{
        definitions::{ReceiverSettleMode, Role},
        delivery_state::DeliveryState,
        performatives::{self as p, Performative},
    },
};

use crate::{
    peer::{attach, continuation, frame, more, settled, transfer, with_payload},
    support::Fed,
    written::written,
};

fn second(name: &str, handle: u32) -> p::Attach {
    p::Attach { rcv_settle_mode: ReceiverSettleMode::Second, ..attach(name, handle, Role::Sender) }
}

/// A server with a link on which it receives, and the first frame of a delivery.
fn arriving(mode: ReceiverSettleMode, streaming: bool) -> (Fed, ReceiverId) {
    let mut fed = Fed::server();
    fed.feed_bytes(&frame(0, &second("link", 0)));
    let receiver = fed.receiver_asked_for();
    let config = ReceiverConfig::new().rcv_settle_mode(mode).streaming(streaming);
    fed.connection.accept_receiver(receiver, config.credit(CreditPolicy::Auto(10))).unwrap();
    fed.write();
    fed.events();
    fed.feed_bytes(&with_payload(0, &more(0, 0), b"one "));
    written(&mut fed);
    (fed, receiver)
}

fn begun(fed: &mut Fed) -> DeliveryId {
    match &fed.events()[..] {
        [Event::DeliveryBegun { delivery, settled: false, .. }] => *delivery,
        other => panic!("{other:?}"),
    }
}

fn announced(settled: bool, state: Option<DeliveryState>) -> Vec<u8> {
    let body =
        p::Disposition { role: Role::Sender, first: 0.into(), last: None, settled, state, batchable: false };
    frame(0, &body)
}

fn modes() -> [ReceiverSettleMode; 2] {
    [ReceiverSettleMode::First, ReceiverSettleMode::Second]
}

/// Its event said that it was not settled, behind one that it had been: `release` was `Ok`, and nothing followed.
#[test]
fn a_delivery_that_a_disposition_settles_while_it_arrives_is_settled_in_its_event() {
    let released = Some(DeliveryState::RELEASED);
    for mode in modes() {
        for (before, state) in [(None, None), (None, released.clone()), (released.clone(), None)] {
            let (mut fed, receiver) = arriving(mode, false);
            if before.is_some() {
                fed.feed_bytes(&announced(false, before.clone()));
            }
            fed.feed_bytes(&announced(true, state.clone()));
            assert_eq!(fed.names(), [""; 0]);
            assert_eq!(fed.connection.unsettled(receiver), []);
            fed.feed_bytes(&with_payload(0, &continuation(0), b"two"));
            let events = fed.events();
            let [Event::Delivery { delivery: Delivery { settled: true, state: seen, .. }, .. }] = &events[..]
            else {
                panic!("{events:?}")
            };
            assert_eq!(*seen, before.clone().or(state.clone()));
            // One that is aborted has no event at all.
            fed.feed_bytes(&with_payload(0, &more(0, 1), b"one "));
            fed.feed_bytes(&frame(
                0,
                &p::Disposition {
                    role: Role::Sender,
                    first: 1.into(),
                    last: None,
                    settled: true,
                    state,
                    batchable: false,
                },
            ));
            fed.feed_bytes(&frame(0, &p::Transfer { aborted: true, ..continuation(0) }));
            assert_eq!(fed.names(), [""; 0]);
        }
    }
}

/// In mode second the application waits for this event, which never came.
#[test]
fn a_stream_that_a_later_transfer_settles_has_an_event() {
    for mode in modes() {
        for (is_last, accepts) in [(false, false), (false, true), (true, false), (true, true)] {
            let (mut fed, receiver) = arriving(mode, true);
            let id = begun(&mut fed);
            if accepts {
                fed.connection.receiver(receiver).unwrap().accept(id).unwrap();
                fed.write();
                let lines = written(&mut fed);
                let is_disposition = |line: &Performative| matches!(line, Performative::Disposition(_));
                assert!(lines.iter().any(is_disposition), "{lines:?}");
            }
            let settling = p::Transfer { settled: Some(true), more: !is_last, ..continuation(0) };
            fed.feed_bytes(&with_payload(0, &settling, b"two"));
            let is_ours = accepts && mode == ReceiverSettleMode::First;
            let events = fed.events();
            let settled =
                Event::DeliverySettled { link: LinkId::Receiver(receiver), first: id, last: id, state: None };
            assert_eq!(events.contains(&settled), !is_ours, "{mode:?} {is_last} {accepts}: {events:?}");
            assert_eq!(events.len(), usize::from(!is_ours) + usize::from(!accepts));
            assert_eq!(fed.connection.unsettled(receiver), []);
            if !is_last {
                fed.feed_bytes(&with_payload(0, &continuation(0), b"three"));
            }
            assert!(fed.names().iter().all(|name| *name == "DELIVERY_DATA"));
        }
    }
}

#[test]
fn an_outcome_in_a_later_transfer_of_a_stream_has_an_event() {
    let (mut fed, receiver) = arriving(ReceiverSettleMode::Second, true);
    let id = begun(&mut fed);
    let state = Some(DeliveryState::RELEASED);
    for times in 0..2 {
        let transfer = p::Transfer { state: state.clone(), more: true, ..continuation(0) };
        fed.feed_bytes(&with_payload(0, &transfer, b"two"));
        let link = LinkId::Receiver(receiver);
        let updated = Event::DeliveryUpdated { link, first: id, last: id, state: state.clone() };
        assert_eq!(fed.events().contains(&updated), times == 0);
    }
    let last = p::Transfer { settled: Some(true), ..continuation(0) };
    fed.feed_bytes(&with_payload(0, &last, b"three"));
    let settled = Event::DeliverySettled { link: LinkId::Receiver(receiver), first: id, last: id, state };
    assert!(fed.events().contains(&settled));
}

/// It was accepted, and never seen.
#[test]
fn a_range_leaves_out_a_delivery_that_is_still_arriving() {
    for settles in [false, true] {
        let (mut fed, receiver) = arriving(ReceiverSettleMode::First, false);
        let accepted = Some(DeliveryState::ACCEPTED);
        fed.feed_bytes(&frame(0, &second("other", 1)));
        let other = fed.receiver_asked_for();
        let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
        fed.connection.accept_receiver(other, config).unwrap();
        fed.write();
        fed.feed_bytes(&with_payload(0, &transfer(1, 1), b"x"));
        let mut ids: Vec<DeliveryId> = Vec::new();
        let mut note = |fed: &mut Fed| {
            ids.extend(fed.events().iter().filter_map(|event| match event {
                Event::Delivery { delivery, .. } => Some(delivery.id),
                _ => None,
            }));
            ids.clone()
        };
        let of_other = note(&mut fed);
        let arriving = fed.connection.unsettled(receiver)[0].id;
        let mut link = fed.connection.receiver(receiver).unwrap();
        assert_eq!(
            link.disposition(arriving, of_other[0], settles, accepted.clone()),
            Err(CommandError::UnknownId)
        );
        fed.feed_bytes(&with_payload(0, &continuation(0), b"two"));
        fed.feed_bytes(&with_payload(0, &settled(0, 2), b"x"));
        let seen = note(&mut fed);
        assert_eq!((seen.len(), seen[1]), (3, arriving));
        let mut link = fed.connection.receiver(receiver).unwrap();
        link.disposition(arriving, seen[2], settles, accepted).unwrap();
        assert_eq!(fed.connection.unsettled(receiver).len(), usize::from(!settles));
    }
}

/// What had not been read of them was dropped, and nobody sends it again.
#[test]
fn a_range_leaves_streams_that_were_settled_from_the_start_to_be_read() {
    for state in [None, Some(DeliveryState::ACCEPTED)] {
        let (mut fed, receiver) = arriving(ReceiverSettleMode::First, true);
        let first = begun(&mut fed);
        fed.feed_bytes(&with_payload(0, &continuation(0), b"two"));
        fed.feed_bytes(&with_payload(0, &p::Transfer { more: true, ..settled(0, 1) }, b"three "));
        fed.feed_bytes(&with_payload(0, &continuation(0), b"four"));
        fed.feed_bytes(&with_payload(0, &more(0, 2), b"five "));
        let ids: Vec<DeliveryId> = fed
            .connection
            .unsettled(receiver)
            .iter()
            .map(|delivery| delivery.id)
            .filter(|id| *id != first)
            .collect();
        let last = ids[0];
        let mut link = fed.connection.receiver(receiver).unwrap();
        link.disposition(first, last, true, state).unwrap();
        // The events of the others are gone with their bytes.
        let names: Vec<_> = fed.events().into_iter().collect();
        let [
            Event::DeliveryBegun { delivery: between, settled: true, .. },
            Event::DeliveryData { delivery: of_data, .. },
        ] = &names[..]
        else {
            panic!("{names:?}")
        };
        assert_eq!(between, of_data);
        let mut text = Vec::new();
        while let Ok(Some(chunk)) = fed.connection.read_chunk(receiver, *between) {
            text.extend_from_slice(&chunk);
        }
        assert_eq!(text, b"three four");
        assert_eq!(fed.connection.read_chunk(receiver, first), Err(CommandError::UnknownId));
        assert_eq!(fed.connection.read_chunk(receiver, last), Err(CommandError::UnknownId));
    }
}

/// Ranges that have been settled here are joined once there are many, and it seemed to be in one.
#[test]
fn a_stream_that_was_settled_from_the_start_can_be_finished_at_any_time() {
    let (mut fed, receiver) = arriving(ReceiverSettleMode::First, true);
    let first = begun(&mut fed);
    fed.connection.receiver(receiver).unwrap().accept(first).unwrap();
    fed.feed_bytes(&with_payload(0, &continuation(0), b"two"));
    fed.feed_bytes(&with_payload(0, &p::Transfer { more: true, ..settled(0, 1) }, b"one "));
    let stream = match &fed.events()[..] {
        [Event::DeliveryBegun { delivery, settled: true, .. }] => *delivery,
        other => panic!("{other:?}"),
    };
    fed.feed_bytes(&frame(0, &second("other", 1)));
    let other = fed.receiver_asked_for();
    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(1000));
    fed.connection.accept_receiver(other, config).unwrap();
    fed.write();
    // Every second one is settled by its sender, so that no two of ours are neighbours.
    for id in 2..400 {
        let body = if id % 2 == 0 { settled(1, id) } else { transfer(1, id) };
        fed.feed_bytes(&with_payload(0, &body, b"x"));
        for event in fed.events() {
            if let Event::Delivery { delivery: Delivery { id, settled: false, .. }, .. } = event {
                fed.connection.receiver(other).unwrap().accept(id).unwrap();
            }
        }
        fed.write();
    }
    fed.connection.receiver(receiver).unwrap().accept(stream).unwrap();
    assert_eq!(fed.connection.read_chunk(receiver, stream), Err(CommandError::UnknownId));
}
