//! The relay between slow or closed clients and a broker that does nothing.

use std::{
    io::{BufRead as _, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use tungstenite::{WebSocket, client::IntoClientRequest as _, http::HeaderValue};

use crate::support::{Running, start};

/// Far more than any time that is set here.
const PATIENCE: Duration = Duration::from_secs(300);

/// Starts a relay to a listener, and returns its port.
fn relay(to: &TcpListener) -> (Running, u16) {
    let to = to.local_addr().unwrap().to_string();
    let wasm = format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
    let mut relay =
        start("relay", &["--listen", "127.0.0.1:0", "--to", &to, "--wasm", &wasm, "--timeout", "500"]);
    let port = relay.port();
    (relay, port)
}

/// Each byte had the time that is meant for the whole request.
#[test]
fn relay_gives_a_request_up_that_comes_byte_by_byte() {
    let broker = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_relay, port) = relay(&broker);
    let mut slow = TcpStream::connect(("127.0.0.1", port)).unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let start = Instant::now();
    // The end of a socket with unread bytes is a reset.
    while slow.write_all(b"G").is_ok() && !matches!(slow.read(&mut [0; 8]), Ok(0)) {
        assert!(start.elapsed() < PATIENCE, "it waits for the rest");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Each ping that had been read was tried again, for as long as one write may take.
#[test]
fn relay_gives_up_a_client_that_sends_pings_and_reads_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_relay, port) = relay(&listener);
    let (mut page, mut broker) = connect(port, &listener);
    let mut ping = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
    ping.resize(6 + 125, b'p');
    let pings = ping.repeat(500);
    page.get_mut().set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    // Until the pongs that nobody reads fill all buffers.
    while page.get_mut().write_all(&pings).is_ok() {}
    broker.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(broker.read_to_end(&mut Vec::new()).unwrap(), 0);
}

/// Connects a page through the relay to a broker.
fn connect(port: u16, listener: &TcpListener) -> (WebSocket<TcpStream>, TcpStream) {
    let mut request = format!("ws://127.0.0.1:{port}/").into_client_request().unwrap();
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("amqp"));
    let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (page, _) = tungstenite::client(request, client).unwrap();
    (page, listener.accept().unwrap().0)
}

/// Its log had an error for each connection that the broker had ended, as it does after each close of AMQP.
#[test]
fn relay_reports_clients_that_end_without_a_close_and_no_others() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut relay, port) = relay(&listener);
    for _ in 0..10 {
        let (mut page, broker) = connect(port, &listener);
        drop(broker);
        while page.read().is_ok() {}
    }
    let (page, mut broker) = connect(port, &listener);
    drop(page);
    broker.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(broker.read_to_end(&mut Vec::new()).unwrap(), 0);
    let (mut errors, mut line, mut others) = (relay.errors(), String::new(), String::new());
    errors.read_line(&mut line).unwrap();
    assert!(line.contains("without closing handshake"), "{line}");
    relay.kill();
    errors.read_to_string(&mut others).unwrap();
    assert_eq!(others, "");
}

/// The slot of a client that had closed was taken until the broker closed too.
#[test]
fn relay_waits_for_a_broker_behind_a_closed_client_for_its_time_only() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_relay, port) = relay(&listener);
    let (mut page, mut broker) = connect(port, &listener);
    broker.set_read_timeout(Some(PATIENCE)).unwrap();
    page.close(None).unwrap();
    while page.read().is_ok() {}
    // The relay ends what it writes, and the broker does not close.
    assert_eq!(broker.read_to_end(&mut Vec::new()).unwrap(), 0);
    page.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(page.get_mut().read_to_end(&mut Vec::new()).unwrap(), 0);
    // It has closed both ways then, so that bytes are refused.
    let start = Instant::now();
    while broker.write_all(b"late").is_ok() {
        assert!(start.elapsed() < PATIENCE, "the relay still reads");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Each of these clients makes the relay report something, which soon fills a pipe that nobody reads.
#[test]
fn relay_whose_log_nobody_reads_holds_nobody_up() {
    let broker = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_relay, port) = relay(&broker);
    for _ in 0..4000 {
        // The relay may have left already.
        let _ = TcpStream::connect(("127.0.0.1", port)).unwrap().write_all(b"GARBAGE");
    }
    let start = Instant::now();
    // While the others have their slots still, there is none for this one.
    let answer = loop {
        let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = String::new();
        let asked = client.write_all(b"GET / HTTP/1.1\r\n\r\n");
        if asked.and_then(|()| client.read_to_string(&mut answer)).is_ok() && !answer.is_empty() {
            break answer;
        }
        assert!(start.elapsed() < PATIENCE, "nobody is served");
        thread::sleep(Duration::from_millis(50));
    };
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
}
