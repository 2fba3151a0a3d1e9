//! The loop of the quickstart, between two ends that both write more than the socket holds.

use std::{
    net::{TcpListener, TcpStream},
    thread,
};

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, ReceiverConfig, SendOptions, SenderConfig,
    SessionConfig, Side,
};

#[allow(dead_code, reason = "all of it but its loop")]
#[path = "../../examples/quickstart.rs"]
mod quickstart;

/// Far more than the kernel holds for a socket, in each direction.
const COUNT: u32 = 1500;
const SIZE: usize = 16 * 1024;

/// Sends all messages and receives as many. Returns the number that arrived.
fn exchange(socket: TcpStream, connection: Connection) -> u32 {
    let (mut sent, mut received) = (0, 0);
    let result = quickstart::run(socket, connection, |connection, event| {
        match event {
            Event::ReceiverRequested { receiver, .. } => {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(1000));
                connection.accept_receiver(receiver, config)?;
            }
            Event::SenderRequested { sender, .. } => connection.accept_sender(sender, SenderConfig::new())?,
            Event::SenderReady { sender } => {
                while sent < COUNT {
                    let options = SendOptions::new().settled(true);
                    match connection.sender(sender)?.send_with(sent, vec![7; SIZE], &options) {
                        Ok(_) => sent += 1,
                        Err(error) if error.is_temporary() => break,
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Event::Delivery { .. } => received += 1,
            _ => {}
        }
        if (sent, received) == (COUNT, COUNT) && connection.side() == Side::Client && connection.is_open() {
            connection.close(None)?;
        }
        Ok(())
    });
    result.unwrap();
    received
}

#[test]
fn both_ends_that_send_in_bulk_read_in_turn() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = thread::spawn(move || {
        let config = ConnectionConfig::server("server").auto_accept_sessions(true);
        exchange(listener.accept().unwrap().0, Connection::new(config))
    });
    let mut connection = Connection::new(ConnectionConfig::client("client"));
    connection.open().unwrap();
    let session = connection.begin(SessionConfig::new()).unwrap();
    let mut session = connection.session(session).unwrap();
    session.attach_sender(SenderConfig::to("node")).unwrap();
    session.attach_receiver(ReceiverConfig::from("node").credit(CreditPolicy::Auto(1000))).unwrap();
    assert_eq!(exchange(client, connection), COUNT);
    assert_eq!(server.join().unwrap(), COUNT);
}
