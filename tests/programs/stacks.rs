//! The examples for one kind of stack each: mio, tokio and owned buffers.

use std::{
    io::Write as _,
    net::TcpListener,
    process::{Command, Stdio},
    thread,
};

use crate::support::{Broker, End, finish, program};

/// Runs a program to its end, however long it takes: many connections on a slow machine take their time.
fn run_patiently(name: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program(name)).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), text + &String::from_utf8(output.stderr).unwrap())
}

#[test]
fn mio_example_sends_and_receives_over_a_thousand_connections() {
    // Time-outs that no machine is slow enough for.
    let broker = Broker::start(&["--max-connections", "1100", "--open-timeout", "300000"]);
    let (is_good, out) = run_patiently("mio", &[&format!("127.0.0.1:{}", broker.port), "300"]);
    assert!(is_good, "{out}");
    assert!(out.contains("1000 connections sent and received 100 messages each"), "{out}");
}

#[test]
fn tokio_example_connects_again_and_ends_gracefully() {
    let (is_good, out) = run_patiently("tokio", &[]);
    assert!(is_good, "{out}");
    assert!(out.contains("server: drops the connection"), "{out}");
    assert!(out.contains("messages left"), "{out}");
    assert!(out.contains("client: CONNECTION_CLOSED"), "{out}");
}

#[test]
fn owned_buffers_example_copies_no_payload() {
    let broker = Broker::start(&[]);
    let (is_good, out) = run_patiently("owned_buffers", &[&format!("127.0.0.1:{}", broker.port)]);
    assert!(is_good, "{out}");
    // Printed, so that a log of the tests shows whether the kernel allowed io_uring.
    println!("{out}");
    assert!(out.starts_with("operations by "), "{out}");
    assert!(out.contains("200 messages sent and received, 20000000 payload bytes uncopied"), "{out}");
}

/// Returns the server's end of a connection that is open.
fn opened(listener: &TcpListener) -> End {
    let mut end = End::server(listener);
    while !end.connection.is_open() {
        end.event().unwrap();
    }
    end
}

/// Heartbeats alone would keep it waiting.
#[test]
fn mio_example_gives_up_a_server_on_which_nothing_happens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (is_good, out) = run_patiently("mio", &[&address, "1"]);
    assert!(!is_good && out.contains("neither an outcome nor a message came"), "{out}");
}

/// One connection with input without end had all the turns.
#[test]
fn mio_example_gives_up_a_server_that_sends_heartbeats_without_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let mut end = opened(&listener);
        end.flush();
        let heartbeats = [0, 0, 0, 8, 2, 0, 0, 0].repeat(8192);
        while end.socket.write_all(&heartbeats).is_ok() {}
        listener
    });
    let (is_good, out) = run_patiently("mio", &[&address, "1"]);
    assert!(!is_good && out.contains("neither an outcome nor a message came"), "{out}");
    drop(server.join().unwrap());
}

#[test]
fn broker_that_closes_early_is_an_error_of_mio_and_owned_buffers() {
    for name in ["mio", "owned_buffers"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || {
            let mut end = opened(&listener);
            end.connection.close(None).unwrap();
            finish(end);
            listener
        });
        let (is_good, out) = run_patiently(name, &[&address]);
        assert!(!is_good && out.contains("the broker closed early"), "{name}: {out}");
        drop(server.join().unwrap());
    }
}
