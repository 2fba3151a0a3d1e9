//! Outcomes and settlements behind our own end or detach: refused, as nobody would heed them.

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, DeliveryId, Event, Receiver, ReceiverConfig,
    ReceiverId, SenderConfig, SessionConfig, SessionId,
    spec::delivery_state::{DeliveryState, Modified},
    testing::Pair,
};

/// A receiver with an unsettled delivery, behind what `leave` writes.
fn behind(leave: impl Fn(&mut Connection, SessionId, ReceiverId)) -> (Pair, ReceiverId, DeliveryId) {
    let server = ConnectionConfig::server("server").auto_accept_sessions(true);
    let mut pair = Pair::new(ConnectionConfig::client("client"), server);
    let client = &mut pair.client.connection;
    client.open().unwrap();
    let session = client.begin(SessionConfig::new()).unwrap();
    let config = ReceiverConfig::from("q").credit(CreditPolicy::Auto(10));
    let receiver = client.session(session).unwrap().attach_receiver(config).unwrap();
    pair.run();
    for event in pair.server.events() {
        if let Event::SenderRequested { sender, .. } = event {
            pair.server.connection.accept_sender(sender, SenderConfig::new()).unwrap();
            pair.run();
            pair.server.connection.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
        }
    }
    pair.run();
    let delivery = pair.client.events().into_iter().find_map(|event| match event {
        Event::Delivery { delivery, .. } => Some(delivery.id),
        _ => None,
    });
    leave(&mut pair.client.connection, session, receiver);
    (pair, receiver, delivery.unwrap())
}

#[test]
fn fc1g_an_outcome_behind_our_end_or_detach_is_an_error_and_the_delivery_stays_unsettled() {
    type Command = fn(&mut Receiver<'_>, DeliveryId) -> Result<(), CommandError>;
    let commands: [Command; 8] = [
        |link, id| link.accept(id),
        |link, id| link.release(id),
        |link, id| link.reject(id, None),
        |link, id| link.modify(id, Modified::default()),
        |link, id| link.settle(id, None),
        |link, id| link.disposition(id, id, true, Some(DeliveryState::ACCEPTED)),
        |link, _| link.add_credit(1),
        |link, _| link.drain(),
    ];
    let ends: [fn(&mut Connection, SessionId, ReceiverId); 3] = [
        |client, session, _| client.session(session).unwrap().end(None).unwrap(),
        |client, _, receiver| client.receiver(receiver).unwrap().close(None).unwrap(),
        |client, _, receiver| client.receiver(receiver).unwrap().detach(None).unwrap(),
    ];
    for end in ends {
        for command in commands {
            let (mut pair, receiver, delivery) = behind(end);
            let mut link = pair.client.connection.receiver(receiver).unwrap();
            let refused = command(&mut link, delivery);
            assert!(matches!(refused, Err(CommandError::IllegalState(_))), "{refused:?}");
            assert_eq!(link.unsettled_len(), 1);
            let arrived = pair.server.arrived();
            pair.run();
            let only_the_end = pair.server.arrived() - arrived;
            assert!(only_the_end < 30, "{only_the_end} bytes");
            for event in pair.client.events() {
                if let Event::ReceiverClosed { unsettled, .. } = event {
                    assert_eq!(unsettled, 1);
                }
            }
            assert_eq!(pair.client.connection.unsettled(receiver).len(), 1);
        }
    }
}

#[test]
fn fc1h_a_sender_settles_nothing_behind_its_detach() {
    let server = ConnectionConfig::server("server").auto_accept_sessions(true);
    let mut pair = Pair::new(ConnectionConfig::client("client"), server);
    pair.client.connection.open().unwrap();
    let session = pair.client.connection.begin(SessionConfig::new()).unwrap();
    let mut session = pair.client.connection.session(session).unwrap();
    let sender = session.attach_sender(SenderConfig::to("q")).unwrap();
    pair.run();
    for event in pair.server.events() {
        if let Event::ReceiverRequested { receiver, .. } = event {
            let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
            pair.server.connection.accept_receiver(receiver, config).unwrap();
        }
    }
    pair.run();
    let mut link = pair.client.connection.sender(sender).unwrap();
    let delivery = link.send(1_u32, b"x".as_slice()).unwrap();
    pair.run();
    let mut link = pair.client.connection.sender(sender).unwrap();
    link.close(None).unwrap();
    for refused in [
        link.settle(delivery, None),
        link.disposition(delivery, delivery, true, None),
        link.set_available(7),
        link.drained(),
    ] {
        assert!(matches!(refused, Err(CommandError::IllegalState(_))), "{refused:?}");
    }
    assert_eq!(link.unsettled_len(), 1);
}
