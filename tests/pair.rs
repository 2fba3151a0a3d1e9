//! Two engines joined in memory: the main job from open to close.

mod common;

use amqp_proto::{
    CommandError, ConnectionConfig, CreditPolicy, Event, Instant, LinkId, ReceiverConfig, SendOptions,
    SenderConfig, SessionConfig, spec::delivery_state::DeliveryState,
};
use common::{Pair, names};

#[test]
fn one_message_passes_from_open_to_close() {
    let mut pair = Pair::plain();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let sender = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("queue")).unwrap();
    assert_eq!(
        pair.client.sender(sender).unwrap().send(1_u32, b"early".as_slice()),
        Err(CommandError::IllegalState("the link is not attached, or is being detached (2.6.4)"))
    );
    pair.run();
    assert_eq!(names(&pair.client_events()), ["CONNECTION_OPEN", "SESSION_OPEN"]);
    let events = pair.server_events();
    assert_eq!(names(&events), ["CONNECTION_OPEN", "SESSION_OPEN", "RECEIVER_REQUESTED"]);
    let Event::ReceiverRequested { receiver, .. } = events[2] else { panic!() };
    assert_eq!(pair.server.receiver(receiver).unwrap().remote_attach().unwrap().name, "client-1");
    pair.server.accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(10))).unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_OPEN", "SENDER_READY"]);
    assert_eq!(names(&pair.server_events()), ["RECEIVER_OPEN"]);

    let delivery = pair.client.sender(sender).unwrap().send(1_u32, b"hello".as_slice()).unwrap();
    pair.run();
    let events = pair.server_events();
    let [Event::Delivery { delivery: message, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(message.payload, b"hello".as_slice().into());
    assert_eq!(message.tag, 1_u32.into());
    pair.server.receiver(receiver).unwrap().accept(message.id).unwrap();
    pair.run();
    assert_eq!(
        pair.client_events(),
        [Event::DeliverySettled {
            link: LinkId::Sender(sender),
            first: delivery,
            last: delivery,
            state: Some(DeliveryState::ACCEPTED)
        }]
    );

    pair.client.session(session).unwrap().end(None).unwrap();
    pair.client.close(None).unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"]);
    assert_eq!(names(&pair.server_events()), ["RECEIVER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"]);
    assert!(pair.client.is_closed() && pair.server.is_closed());
    assert_eq!(pair.client.session_ids().count(), 0);
}

#[test]
fn a_large_message_passes_small_frames_and_a_small_window() {
    let mut pair = Pair::new(
        ConnectionConfig::client("c").max_frame_size(512),
        ConnectionConfig::server("s").max_frame_size(512),
    );
    pair.client.open().unwrap();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let sender = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    pair.run();
    assert_eq!(names(&pair.server_events()), ["CONNECTION_REQUESTED"]);
    pair.server.open().unwrap();
    let events = pair.server_events();
    assert_eq!(names(&events), ["CONNECTION_OPEN", "SESSION_REQUESTED"]);
    let Event::SessionRequested { session: asked } = events[1] else { panic!() };
    pair.server.accept_session(asked, SessionConfig::new().incoming_window(3)).unwrap();
    let events = pair.server_events();
    let Event::ReceiverRequested { receiver, .. } = events[1] else { panic!("{events:?}") };
    pair.server.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
    pair.server.receiver(receiver).unwrap().set_credit(1).unwrap();
    pair.run();
    let body: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    let options = SendOptions::new().settled(true);
    pair.client.sender(sender).unwrap().send_with(7_u64, body.clone(), &options).unwrap();
    for _ in 0..10 {
        pair.run();
    }
    let events = pair.server_events();
    let Some(Event::Delivery { receiver: from, delivery: message }) = events.last() else {
        panic!("{events:?}")
    };
    assert!(message.settled && *from == receiver);
    assert_eq!(message.payload.clone().into_bytes(), body);
}

#[test]
fn nothing_is_written_after_end_or_close() {
    let mut pair = Pair::plain();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let sender = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("queue")).unwrap();
    pair.run();
    // 2.5.2: an end waits until the request for the link has been polled.
    pair.server_events();
    pair.client.session(session).unwrap().end(None).unwrap();
    let written = pair.client.outbox_len();
    assert!(matches!(pair.client.sender(sender).unwrap().close(None), Err(CommandError::IllegalState(_))));
    assert_eq!(pair.client.outbox_len(), written);
    pair.run();
    assert_eq!(
        names(&pair.client_events()),
        ["CONNECTION_OPEN", "SESSION_OPEN", "SENDER_CLOSED", "SESSION_CLOSED"]
    );

    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let receiver =
        pair.client.session(session).unwrap().attach_receiver(ReceiverConfig::from("queue")).unwrap();
    pair.run();
    pair.server_events();
    pair.client.close(None).unwrap();
    let written = pair.client.outbox_len();
    assert!(matches!(
        pair.client.receiver(receiver).unwrap().set_credit(1),
        Err(CommandError::IllegalState(_))
    ));
    assert!(matches!(
        pair.client.receiver(receiver).unwrap().close(None),
        Err(CommandError::IllegalState(_))
    ));
    assert!(matches!(pair.client.session(session).unwrap().end(None), Err(CommandError::IllegalState(_))));
    assert_eq!(pair.client.poll_transmit(Instant::from_millis(pair.now)).len(), written);
    pair.run();
    assert_eq!(
        names(&pair.client_events()),
        ["SESSION_OPEN", "RECEIVER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"]
    );
}

/// 2.6.7: credit may come right behind the attach, before the sending end has answered it.
#[test]
fn credit_granted_before_the_attach_is_answered_is_used() {
    let mut pair = Pair::plain();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let receiver =
        pair.client.session(session).unwrap().attach_receiver(ReceiverConfig::from("queue")).unwrap();
    pair.client.receiver(receiver).unwrap().set_credit(3).unwrap();
    pair.run();
    let events = pair.server_events();
    let Some(&Event::SenderRequested { sender, .. }) = events.last() else { panic!("{events:?}") };
    pair.server.accept_sender(sender, SenderConfig::new()).unwrap();
    assert_eq!(pair.server.sender(sender).unwrap().credit(), 3);
    assert_eq!(names(&pair.server_events()), ["SENDER_OPEN", "SENDER_READY"]);
}

/// What came before the peer's detach is to be had, however fast the detach follows.
#[test]
fn deliveries_before_a_detach_are_polled_before_the_end() {
    let mut pair = Pair::plain();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let sender = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("queue")).unwrap();
    pair.run();
    let events = pair.server_events();
    let Some(&Event::ReceiverRequested { receiver, .. }) = events.last() else { panic!("{events:?}") };
    pair.server.accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(10))).unwrap();
    pair.run();
    pair.client_events();
    pair.server_events();

    let options = SendOptions::new().settled(true);
    for number in 0..3_u32 {
        pair.client.sender(sender).unwrap().send_with(number, b"settled".as_slice(), &options).unwrap();
    }
    pair.client.close(None).unwrap();
    pair.run();
    for event in pair.server_events() {
        let Event::Delivery { delivery, .. } = event else { panic!("{event:?}") };
        assert_eq!(delivery.payload.into_bytes(), b"settled".as_slice());
    }
    pair.run();
    assert_eq!(names(&pair.server_events()), ["RECEIVER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"]);
}
