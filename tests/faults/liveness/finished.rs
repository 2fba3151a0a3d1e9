//! Deliveries with an outcome before their end.

use amqp_proto::{
    CommandError, ConnectionConfig, CreditPolicy, DeliveryId, Event, Instant, Receiver, ReceiverConfig,
    SendOptions, SenderConfig, SessionConfig,
    spec::{
        definitions::ReceiverSettleMode,
        delivery_state::{DeliveryState, Modified, Received},
    },
};
use bytes::Buf;

use crate::common::{Linked, Pair, names};

/// A link whose receiver streams.
fn attached(credit: u32, window: u32, mode: ReceiverSettleMode) -> Linked {
    let server = ConnectionConfig::server("s").max_frame_size(512);
    let mut pair = Pair::new(ConnectionConfig::client("c"), server).opened();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let sender = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    let mut ids = None;
    for _ in 0..4 {
        pair.run();
        for event in pair.server_events() {
            match event {
                Event::ConnectionRequested => pair.server.open().unwrap(),
                Event::SessionRequested { session } => {
                    let config = SessionConfig::new().incoming_window(window);
                    pair.server.accept_session(session, config).unwrap();
                }
                Event::ReceiverRequested { receiver, .. } => {
                    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(credit)).streaming(true);
                    let config = config.rcv_settle_mode(mode);
                    pair.server.accept_receiver(receiver, config).unwrap();
                    ids = Some(receiver);
                }
                _ => {}
            }
        }
    }
    pair.client_events();
    Linked { pair, session, sender, receiver: ids.unwrap() }
}

/// The same with a delivery that began and does not end.
fn streaming(credit: u32, window: u32, presettled: bool) -> (Linked, DeliveryId, DeliveryId) {
    begin(attached(credit, window, ReceiverSettleMode::First), presettled)
}

/// Begins a delivery, and returns its ids at both ends.
fn begin(mut linked: Linked, presettled: bool) -> (Linked, DeliveryId, DeliveryId) {
    let Linked { pair, sender, .. } = &mut linked;
    let options = SendOptions::new().settled(presettled);
    let sent = pair.client.sender(*sender).unwrap().send_streaming(1_u32, &options).unwrap();
    pair.client.sender(*sender).unwrap().write(sent, vec![7; 100]).unwrap();
    pair.run();
    let begun = pair.server_events().into_iter().find_map(|event| match event {
        Event::DeliveryBegun { delivery, .. } => Some(delivery),
        _ => None,
    });
    (linked, sent, begun.unwrap())
}

/// Writes and finishes the rest of the delivery, a little at a time.
fn send_rest(linked: &mut Linked, sent: DeliveryId, count: u32) {
    for _ in 0..count {
        let write =
            |linked: &mut Linked| linked.pair.client.sender(linked.sender).unwrap().write(sent, vec![7; 100]);
        if write(linked) == Err(CommandError::WindowClosed) {
            linked.pair.run();
            write(linked).unwrap();
        }
        linked.pair.run();
    }
}

fn outcomes() -> [fn(&mut Receiver<'_>, DeliveryId); 7] {
    [
        |link, delivery| link.accept(delivery).unwrap(),
        |link, delivery| link.release(delivery).unwrap(),
        |link, delivery| link.reject(delivery, None).unwrap(),
        |link, delivery| link.modify(delivery, Modified::default()).unwrap(),
        |link, delivery| link.settle(delivery, None).unwrap(),
        |link, delivery| {
            link.disposition(delivery, delivery, true, Some(DeliveryState::ACCEPTED)).unwrap();
        },
        |link, delivery| {
            let so_far = DeliveryState::from(Received::default());
            link.disposition(delivery, delivery, false, Some(so_far)).unwrap();
            link.accept(delivery).unwrap();
        },
    ]
}

/// A delivery with an outcome is finished: what it held is free, and the rest of it is dropped.
#[test]
fn fa4_delivery_with_an_outcome_is_finished_before_its_end() {
    for (window, outcome) in
        [3, 4, 7].into_iter().flat_map(|window| outcomes().map(|outcome| (window, outcome)))
    {
        let (mut linked, sent, begun) = streaming(2, window, false);
        send_rest(&mut linked, sent, 1);
        outcome(&mut linked.pair.server.receiver(linked.receiver).unwrap(), begun);
        // Far more than the window holds.
        send_rest(&mut linked, sent, 3 * window);
        assert_eq!(linked.pair.client.sender(linked.sender).unwrap().credit(), 2);
        assert_eq!(names(&linked.pair.server_events()), [""; 0]);
        assert!(linked.pair.server.receiver(linked.receiver).unwrap().read_chunk(begun).is_err());
        linked.pair.client.sender(linked.sender).unwrap().finish(sent).unwrap();
        linked.pair.run();
        // The next ones have credit and window.
        for tag in 2..9_u32 {
            let mut link = linked.pair.client.sender(linked.sender).unwrap();
            link.send_with(tag, vec![7; 100], &SendOptions::new().settled(true)).unwrap();
            linked.pair.run();
            assert_eq!(names(&linked.pair.server_events()), ["DELIVERY"]);
        }
        assert_eq!(linked.pair.server.receiver(linked.receiver).unwrap().unsettled_len(), 0);
    }
}

/// Ends of the rest: an abort, a detach, and a delivery that its sender had settled.
#[test]
fn fa4b_the_rest_of_a_finished_delivery_may_be_aborted_detached_or_settled() {
    let (mut linked, sent, begun) = streaming(2, 3, false);
    linked.pair.server.receiver(linked.receiver).unwrap().release(begun).unwrap();
    linked.pair.run();
    linked.pair.client.sender(linked.sender).unwrap().abort(sent).unwrap();
    linked.pair.run();
    assert_eq!(names(&linked.pair.server_events()), [""; 0]);
    for tag in 2..9_u32 {
        linked.pair.client.sender(linked.sender).unwrap().send(tag, b"x".as_slice()).unwrap();
        linked.pair.run();
        assert_eq!(names(&linked.pair.server_events()), ["DELIVERY"]);
    }

    let (mut linked, sent, begun) = streaming(2, 3, false);
    linked.pair.server.receiver(linked.receiver).unwrap().release(begun).unwrap();
    send_rest(&mut linked, sent, 5);
    linked.pair.client.sender(linked.sender).unwrap().close(None).unwrap();
    linked.pair.run();
    assert_eq!(names(&linked.pair.server_events()), ["RECEIVER_CLOSED"]);
    let id = linked.pair.server.session_ids().next().unwrap();
    linked.pair.run();
    assert_eq!(linked.pair.server.session(id).unwrap().incoming_window(), 3);

    // No disposition answers what the sender has settled, whichever end would settle first otherwise.
    for mode in [ReceiverSettleMode::First, ReceiverSettleMode::Second] {
        let (mut linked, sent, begun) = begin(attached(2, 3, mode), true);
        linked.pair.server.receiver(linked.receiver).unwrap().release(begun).unwrap();
        let output = linked.pair.server.poll_transmit(Instant::from_millis(linked.pair.now)).chunk().to_vec();
        assert!(!output.windows(3).any(|bytes| bytes == b"\0\x53\x15"), "{output:x?}");
        send_rest(&mut linked, sent, 5);
        linked.pair.client.sender(linked.sender).unwrap().finish(sent).unwrap();
        linked.pair.run();
        assert_eq!(names(&linked.pair.server_events()), [""; 0]);
        assert_eq!(names(&linked.pair.client_events()), ["SENDER_CREDIT"]);
        assert_eq!(linked.pair.server.receiver(linked.receiver).unwrap().unsettled_len(), 0);
    }
}

/// Deliveries that have come to their end and have not been read: nothing else follows that could free what they hold.
#[test]
fn fa4d_deliveries_released_unread_give_back_credit_and_window() {
    for presettled in [false, true] {
        let options = SendOptions::new().settled(presettled);
        let mut linked = attached(20, 40, ReceiverSettleMode::First);
        for tag in 0..20_u32 {
            // Two frames each.
            linked.pair.client.sender(linked.sender).unwrap().send_with(tag, vec![7; 600], &options).unwrap();
        }
        linked.pair.run();
        let begun = linked.pair.server_events().into_iter().filter_map(|event| match event {
            Event::DeliveryBegun { delivery, .. } => Some(delivery),
            _ => None,
        });
        let begun: Vec<_> = begun.collect();
        assert_eq!(begun.len(), 20);
        let Linked { pair, session, sender, receiver } = &mut linked;
        assert_eq!(pair.client.sender(*sender).unwrap().credit(), 0);
        for delivery in begun {
            pair.server.receiver(*receiver).unwrap().release(delivery).unwrap();
        }
        pair.run();
        let credit = pair.client.sender(*sender).unwrap().credit();
        assert!(credit > 10, "more than half of it: {credit}");
        assert!(names(&pair.client_events()).contains(&"SENDER_CREDIT"));
        assert_eq!(pair.client.session(*session).unwrap().remote_incoming_window(), 40);
        assert_eq!(pair.server.receiver(*receiver).unwrap().unsettled_len(), 0);
    }
}

/// Events that wait for a delivery go with it, and those of others stay.
#[test]
fn fa4c_no_event_follows_for_a_finished_delivery() {
    let (mut linked, sent, begun) = streaming(5, 9, false);
    send_rest(&mut linked, sent, 3);
    // Their events have not been polled.
    linked.pair.server.receiver(linked.receiver).unwrap().release(begun).unwrap();
    linked.pair.client.sender(linked.sender).unwrap().finish(sent).unwrap();
    linked.pair.client.sender(linked.sender).unwrap().send(2_u32, b"x".as_slice()).unwrap();
    linked.pair.run();
    assert_eq!(names(&linked.pair.server_events()), ["DELIVERY"]);
    // Nothing waits to be polled any more, so an end is taken.
    linked.pair.client.close(None).unwrap();
    linked.pair.run();
    assert_eq!(linked.pair.server_events().last().map(Event::name), Some("CONNECTION_CLOSED"));
}
