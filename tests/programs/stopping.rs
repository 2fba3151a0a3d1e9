//! The end of the broker by SIGTERM.

use std::{io::Read as _, net::TcpStream};

use amqp_proto::{Event, ReceiverConfig};

use crate::support::*;

/// A client that has received a message and not settled it.
fn holding(broker: &Broker) -> (End, amqp_proto::ReceiverId, amqp_proto::DeliveryId) {
    assert_eq!(broker.send("q", &[]).code, Some(0));
    let (mut client, session) = End::client(broker);
    let receiver = client.receiver(session, ReceiverConfig::from("q"));
    client.connection.receiver(receiver).unwrap().set_credit(1).unwrap();
    let delivery = client.until(|event| match event {
        Event::Delivery { delivery, .. } => Some(delivery.id),
        _ => None,
    });
    (client, receiver, delivery)
}

/// Waits for the end of the connection, and returns the condition.
fn condition(client: &mut End) -> String {
    client.until(|event| match event {
        Event::ConnectionError(failure) => Some(failure.error.condition.as_str().to_owned()),
        _ => None,
    })
}

#[test]
fn fg3n_a_broker_that_is_told_to_end_lets_deliveries_settle_first() {
    // Much longer than the test: the end must not wait for it.
    let mut broker = Broker::start(&["--grace", "600000"]);
    let (mut idle, _) = End::client(&broker);
    idle.round_trip();
    let (mut client, receiver, delivery) = holding(&broker);
    broker.terminate();
    assert_eq!(condition(&mut idle), "amqp:connection:forced");
    assert!(broker.is_running(), "the delivery is not settled");
    client.connection.receiver(receiver).unwrap().accept(delivery).unwrap();
    assert_eq!(condition(&mut client), "amqp:connection:forced");
    // The transports end, as the engines at this end do not.
    drop((idle, client));
    assert_eq!(broker.wait(), Some(0));
    assert!(TcpStream::connect(("127.0.0.1", broker.port)).is_err());
}

#[test]
fn fg3o_a_broker_that_is_told_to_end_does_not_wait_for_ever() {
    let mut broker = Broker::start(&["--grace", "200"]);
    let (mut client, _, _) = holding(&broker);
    // One that never answers anything.
    let mut silent = broker.connect();
    broker.terminate();
    assert_eq!(condition(&mut client), "amqp:connection:forced");
    assert_eq!(broker.wait(), Some(0));
    // An error or the end, but no waiting.
    let _ = silent.read(&mut [0; 64]);
}
