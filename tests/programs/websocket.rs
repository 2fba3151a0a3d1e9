//! AMQP over WebSocket: the example by itself, and as the client of a server that does as it likes.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, ReceiverConfig, sasl::Mechanism,
};
use bytes::{Buf as _, Bytes, BytesMut};
use tungstenite::{
    Message, WebSocket,
    handshake::server::{Request, Response},
    http::header::SEC_WEBSOCKET_PROTOCOL,
};

use crate::support::{Ended, run, start};

#[test]
fn websocket_example_sends_a_message_to_itself_and_ends_both_sides() {
    let ended = run("websocket", &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for line in [
        "client CONNECTION_OPEN",
        "server CONNECTION_OPEN",
        "server: received String(\"hello over WebSocket\")",
        "client: the message was Accepted",
        "client CONNECTION_CLOSED",
        "server CONNECTION_CLOSED",
    ] {
        assert!(ended.out.lines().any(|other| other == line), "no {line:?} in {}", ended.out);
    }
    assert_eq!(ended.err, "");
}

/// Runs the client against a server of one connection, and returns what is left of both.
fn against<T: Send + 'static>(server: impl FnOnce(TcpStream) -> T + Send + 'static) -> (Ended, T) {
    against_with(&[], server)
}

fn against_with<T: Send + 'static>(
    arguments: &[&str],
    server: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Ended, T) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/amqp", listener.local_addr().unwrap());
    let serving = thread::spawn(move || server(listener.accept().unwrap().0));
    let ended = start("websocket", &[&["--url", &url, "--address", "letters"], arguments].concat()).end();
    (ended, serving.join().unwrap())
}

#[expect(clippy::result_large_err, reason = "the type of the callback")]
fn accept(socket: TcpStream) -> WebSocket<TcpStream> {
    let choose = |request: &Request, mut response: Response| {
        assert_eq!(request.headers()[SEC_WEBSOCKET_PROTOCOL], "amqp");
        assert_eq!(request.uri().path(), "/amqp");
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, "amqp".parse().unwrap());
        Ok(response)
    };
    tungstenite::accept_hdr(socket, choose).unwrap()
}

/// Serves in binary messages of one byte each, and returns the sizes of messages and the names of events.
fn serve_byte_by_byte(socket: TcpStream, credit: u32) -> Vec<&'static str> {
    let mut socket = accept(socket);
    let config = ConnectionConfig::server("server").auto_accept_sessions(true);
    let mut engine = Connection::new(config.sasl(Mechanism::anonymous_server()));
    let (mut names, mut input, now) = (Vec::new(), BytesMut::new(), Instant::from_millis(1));
    while let Ok(message) = socket.read() {
        input.extend_from_slice(&message.into_data());
        let _ = engine.handle_input(now, &mut input);
        while let Some(event) = engine.poll_event() {
            names.push(event.name());
            match event {
                Event::ReceiverRequested { receiver, .. } => {
                    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(credit));
                    engine.accept_receiver(receiver, config).unwrap();
                }
                Event::Delivery { receiver, delivery } => {
                    engine.receiver(receiver).unwrap().accept(delivery.id).unwrap();
                }
                _ => {}
            }
        }
        // The client may have ended the WebSocket already.
        let mut output = engine.poll_transmit(now);
        while output.has_remaining() && socket.send(Message::Binary(output.copy_to_bytes(1))).is_ok() {}
    }
    names
}

#[test]
fn boundaries_of_binary_messages_mean_nothing() {
    let (ended, names) = against(|socket| serve_byte_by_byte(socket, 1));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("client: the message was Accepted"), "{ended:?}");
    assert_eq!(names.last(), Some(&"CONNECTION_CLOSED"));
    assert!(names.contains(&"DELIVERY"));
}

/// It waited for good.
#[test]
fn server_that_gives_no_credit_is_given_up() {
    let (ended, names) = against_with(&["--timeout", "300"], |socket| serve_byte_by_byte(socket, 0));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("the message was not accepted in time"), "{ended:?}");
    assert_eq!(names.last(), Some(&"CONNECTION_CLOSED"));
}

/// The time-out counted from the open on, and 30 s passed before.
#[test]
fn server_that_does_not_open_is_given_up() {
    let (ended, ()) = against_with(&["--timeout", "300"], |socket| {
        let mut socket = accept(socket);
        while socket.read().is_ok() {}
    });
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("the server did not open in time"), "{ended:?}");
}

#[test]
fn message_above_the_bound_ends_the_client_with_the_reason() {
    let (ended, ()) = against(|socket| {
        let mut socket = accept(socket);
        let _ = socket.send(Message::Binary(Bytes::from(vec![0; 64 * 1024 + 1])));
        while socket.read().is_ok() {}
    });
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("65537"), "{ended:?}");
}

/// The library must not be read behind its error, and panicked.
#[test]
fn message_that_goes_on_above_the_bound_ends_the_client_with_the_reason() {
    let (ended, ()) = against(|socket| {
        let mut socket = accept(socket);
        let header = [&[0x82, 0x7f][..], &(1_u64 << 40).to_be_bytes()].concat();
        let socket = socket.get_mut();
        let _ = socket.write_all(&header);
        while socket.write_all(&[b'x'; 65_536]).is_ok() {}
    });
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("1099511627776") && !ended.err.contains("panicked"), "{ended:?}");
}

#[test]
fn text_and_a_lost_socket_end_the_client_with_the_reason() {
    let (ended, ()) = against(|socket| {
        let mut socket = accept(socket);
        let _ = socket.send(Message::Text("AMQP".into()));
        while socket.read().is_ok() {}
    });
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("AMQP travels in binary messages"), "{ended:?}");
    let (ended, ()) = against(|socket| drop(accept(socket)));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!ended.err.is_empty());
}

/// Each byte comes well before the time for a read is over.
#[test]
fn server_that_drips_its_handshake_is_given_up() {
    let (ended, ()) = against(|mut socket| {
        let mut answer = b"HTTP/1.1 101 Switching Protocols\r\nX: ".iter().chain([b'x'; 5000].iter());
        while answer.next().is_some_and(|byte| socket.write_all(&[*byte]).is_ok()) {
            thread::sleep(Duration::from_millis(500));
        }
    });
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("timed out") || ended.err.contains("Interrupted"), "{ended:?}");
}

#[test]
fn server_without_the_subprotocol_and_urls_of_other_kinds_are_refused() {
    let (ended, ()) = against(|socket| {
        // An error means that the client has gone.
        let _ = tungstenite::accept(socket);
    });
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.to_lowercase().contains("subprotocol"), "{ended:?}");
    let (ended, ()) = against(|mut socket| {
        let _ = socket.read(&mut [0; 4096]);
        let _ = socket.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("404"), "{ended:?}");
    for url in ["wss://localhost/", "http://localhost/", "nonsense", "ws://"] {
        let ended = run("websocket", &["--url", url]);
        assert_eq!(ended.code, Some(1), "{url}: {ended:?}");
        assert!(!ended.err.is_empty(), "{url}");
    }
}
