//! The line with which each program ends at an error: what failed, what it is about, and what to do next.

use std::net::TcpListener;

use crate::{
    certificates::{Authority, Identity},
    support::*,
};

/// Fails unless a program ended with one line of its own that has all these parts, the last at its end.
#[track_caller]
fn assert_line(program: &str, ended: &Ended, parts: &[&str]) {
    assert_eq!(ended.code, Some(1), "{program}: {ended:?}");
    let Some(line) = ended.err.strip_suffix('\n').filter(|line| !line.contains('\n')) else {
        panic!("{program}: not one line: {ended:?}");
    };
    let start = format!("{program}: ");
    let mut rest = line.strip_prefix(&*start).unwrap_or_else(|| panic!("no `{start}` in front: {line:?}"));
    for part in parts {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("no {part:?} in turn: {line:?}"));
        rest = after;
    }
    assert_eq!(rest, "", "behind the advice: {line:?}");
}

#[test]
fn client_of_a_port_where_nobody_listens_names_the_command_that_starts_a_broker() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (amqp, websocket, place) = (format!("amqp://{free}/q"), format!("ws://{free}/"), free.to_string());
    let advice = "start a broker there, as by `cargo run --example broker`";
    for (program, arguments) in [
        ("send", &[&*amqp][..]),
        ("receive", &[&*amqp]),
        ("agent", &["--url", &amqp]),
        ("websocket", &["--url", &websocket]),
        ("owned_buffers", &[&place]),
    ] {
        assert_line(program, &run(program, arguments), &[&place, "refused", advice]);
    }
}

#[test]
fn server_whose_address_is_in_use_names_the_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = taken.local_addr().unwrap().to_string();
    let option = format!("--listen {place}: ");
    let advice = "end the program that listens there, or pass another --listen ADDR";
    for (program, arguments) in [
        ("broker", &[][..]),
        ("router", &["--to", "127.0.0.1:1"]),
        ("relay", &["--to", "127.0.0.1:1", "--wasm", "file"]),
    ] {
        let ended = run(program, &[&["--listen", &*place], arguments].concat());
        assert_line(program, &ended, &[&option, "in use", advice]);
    }
}

#[test]
fn error_of_a_peer_ends_with_what_its_condition_calls_for() {
    let broker = Broker::start(&["--user", "me:secret", "--max-queue-bytes", "4000"]);
    let url = |login: &str, address: &str| format!("amqp://{login}127.0.0.1:{}/{address}", broker.port);
    let login =
        "check user, password or token, or pass a mechanism that the peer offers, by --sasl or --cert";
    let room = "or raise the peer's limit: the broker's --max-queue-bytes, --max-connections";
    for (program, arguments, parts) in [
        ("send", &[&*url("me:wrong@", "q")][..], &["SASL", "amqp:unauthorized-access", login][..]),
        // The broker offers no anonymous login: the names of what it does offer are shown.
        ("receive", &[&url("", "q")], &["no SASL mechanism of ours", "the offer: \"", "(5.3.3.2)", login]),
        (
            "send",
            &[&url("me:secret@", "q"), "--count", "9", "--size", "900"],
            &["not accepted", "amqp:resource-limit-exceeded", room],
        ),
        (
            "send",
            &[&url("me:secret@", "r"), "--size", "5000"],
            &["max-message-size of 3", "send less at a time"],
        ),
        (
            "receive",
            &[&url("me:secret@", ""), "--drain"],
            &["RECEIVER_ERROR", "amqp:not-found", "check the address, and that the peer has it"],
        ),
        (
            "send",
            &[&url("", "q"), "--sasl", "none"],
            &["CONNECTION_ERROR", "(2.2)", "or pass another --sasl"],
        ),
        (
            "send",
            &[&url("", "q"), "--sasl", "plain"],
            &["needs a user and a password", "write the URL as amqp://user:password@host/address"],
        ),
        ("send", &[&url("", "q?colour=blue")], &["`?`", "write %3F or %23 if it is in the address"]),
        ("receive", &["http://127.0.0.1/q"], &["http", "amqp[s]://[user:password@]host[:port]/address"]),
        (
            "receive",
            &[&url("me:secret@", "q"), "--drain", "--quiet", "--count", "20"],
            &[" of 20 messages came", "--count or a longer --timeout"],
        ),
    ] {
        assert_line(program, &run(program, arguments), parts);
    }
}

#[test]
fn fault_of_a_certificate_or_a_file_names_the_option_that_mends_it() {
    let authority = Authority::new("advice");
    let Identity { cert, key } = authority.server();
    let broker = Broker::start(&["--tls", &cert, &key]);
    let url = format!("amqps://127.0.0.1:{}/q", broker.port);
    assert_line(
        "send",
        &run("send", &[&url]),
        &["TLS with 127.0.0.1", "the certificate is not trusted: pass that of its issuer by --ca FILE"],
    );
    let pem = "pass a PEM file that can be read and has what the option needs";
    assert_line("send", &run("send", &[&url, "--ca", "no-such-file"]), &["no-such-file: ", pem]);
    assert_line("broker", &run("broker", &["--tls", &cert, "no-such-file"]), &["no-such-file: ", pem]);
    assert_line("inspect", &run("inspect", &["no-such-file"]), &["no-such-file: ", "check the name"]);
    // A certificate is no AMQP.
    let advice = "pass one direction of a connection from its start, or --message for one message";
    assert_line("inspect", &run("inspect", &[&cert]), &["amqp:connection:framing-error", advice]);
    assert_line("owned_buffers", &run("owned_buffers", &[]), &["no argument", "as 127.0.0.1:5672"]);
}
