//! The programs over TLS: certificates that fit and that do not, and peers that do not finish the handshake.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpListener},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use amqp_proto::{ConnectionConfig, Event, sasl::Mechanism, spec::performatives::Close};
use rcgen::DnType;
use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring};

use crate::{
    attacks::{frame, head},
    certificates::{Authority, Identity},
    support::*,
};

/// A broker over TLS, and the authority that vouches for it.
fn broker(name: &str, arguments: &[&str]) -> (Broker, Authority) {
    let authority = Authority::new(name);
    let Identity { cert, key } = authority.server();
    let broker = Broker::start(&[&["--tls", &cert, &key], arguments].concat());
    (broker, authority)
}

fn url(broker: &Broker, address: &str) -> String {
    format!("amqps://127.0.0.1:{}/{address}", broker.port)
}

#[test]
fn messages_pass_over_tls_both_ways() {
    let (broker, authority) = broker("messages", &[]);
    let url = url(&broker, "q");
    // Small ones in batches, and one that is larger than any buffer on its way.
    for arguments in [["--count", "2000", "--size", "300"], ["--count", "3", "--size", "3000000"]] {
        let sent = run("send", &[&[&*url, "--ca", &authority.file], &arguments[..]].concat());
        assert_eq!(sent.code, Some(0), "{sent:?}");
    }
    let received = run("receive", &[&url, "--ca", &authority.file, "--drain", "--quiet"]);
    assert_eq!(received.code, Some(0), "{received:?}");
    assert_eq!(number(&received.out, "received"), 2003);
}

#[test]
fn server_that_the_client_does_not_trust_is_not_talked_to() {
    let (broker, _) = broker("untrusted", &["--user", "me:secret"]);
    let other = Authority::new("other");
    let url = format!("amqps://me:secret@127.0.0.1:{}/q", broker.port);
    for arguments in [&["--ca", &*other.file][..], &[]] {
        let refused = run("send", &[&[&*url], arguments].concat());
        assert_eq!(refused.code, Some(1), "{refused:?}");
        let reason = "TLS with 127.0.0.1: invalid peer certificate: UnknownIssuer";
        assert!(refused.err.contains(reason), "{refused:?}");
    }
}

#[test]
fn certificate_of_another_host_is_refused() {
    let authority = Authority::new("host");
    let Identity { cert, key } = authority.identity(&["broker.example"], &[(DnType::CommonName, "server")]);
    let broker = Broker::start(&["--tls", &cert, &key]);
    let refused = run("send", &[&url(&broker, "q"), "--ca", &authority.file]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("certificate not valid for name \"127.0.0.1\""), "{refused:?}");
}

#[test]
fn files_that_are_not_there_are_named() {
    let authority = Authority::new("files");
    let Identity { cert, key } = authority.server();
    let broken = run("broker", &["--tls", &cert, "no-such-file"]);
    assert!(broken.code == Some(1) && broken.err.contains("no-such-file"), "{broken:?}");
    // A key is no certificate.
    let broken = run("send", &["amqps://127.0.0.1:1/q", "--ca", &key]);
    assert_eq!(broken.code, Some(1), "{broken:?}");
    let plain = run("send", &["amqp://127.0.0.1:1/q", "--cert", &cert, "--key", &key]);
    assert!(plain.code == Some(1) && plain.err.contains("needs an amqps URL"), "{plain:?}");
}

#[test]
fn plain_client_of_a_broker_over_tls_fails_and_harms_nobody() {
    let (broker, authority) = broker("plain", &[]);
    assert_eq!(broker.send("q", &[]).code, Some(1));
    assert_eq!(run("send", &[&url(&broker, "q"), "--ca", &authority.file]).code, Some(0));
}

/// The identity is the certificate's subject, with what could end a name escaped.
#[test]
fn client_with_a_certificate_logs_in_as_its_subject() {
    let authority = Authority::new("external");
    let Identity { cert, key } = authority.server();
    let arguments = ["--tls", &cert, &key, "--client-ca", &authority.file];
    let mut broker = Broker::unread("true", &arguments);
    let report = broker.report();
    let subject = [(DnType::OrganizationName, "A, B=C"), (DnType::CommonName, "someone")];
    let Identity { cert, key } = authority.identity(&[], &subject);
    let sent = run("send", &[&*url(&broker, "q"), "--ca", &authority.file, "--cert", &cert, "--key", &key]);
    assert_eq!(sent.code, Some(0), "{sent:?}");
    assert!(report.contains("the user is CN=someone,O=A\\, B\\=C"));

    let without = run("send", &[&url(&broker, "q"), "--ca", &authority.file]);
    assert_eq!(without.code, Some(1), "{without:?}");
    let stranger = Authority::new("stranger");
    let Identity { cert, key } = stranger.identity(&[], &[(DnType::CommonName, "someone")]);
    let refused = run("send", &[&url(&broker, "q"), "--ca", &authority.file, "--cert", &cert, "--key", &key]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("alert"), "{refused:?}");
}

/// Bytes that a client begins its handshake with.
fn client_hello() -> Vec<u8> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let mut tls = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    tls.write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn server_whose_handshake_does_not_end_is_given_up_in_time() {
    // Nothing, and a byte now and then of a record that is announced.
    for drips in [false, true] {
        for program in ["send", "receive"] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("amqps://127.0.0.1:{}/q", listener.local_addr().unwrap().port());
            let running = start(program, &[&url, "--timeout", "500"]);
            let (mut socket, _) = listener.accept().unwrap();
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            let drip = thread::spawn(move || {
                let mut bytes = [22, 3, 3, 64, 0].into_iter().chain([2; 10_000]).filter(|_| drips);
                let mut block = [0; 4096];
                // Until the client is gone.
                while bytes.next().is_none_or(|byte| socket.write_all(&[byte]).is_ok()) {
                    match socket.read(&mut block) {
                        Ok(count) if count > 0 => {}
                        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        }
                        _ => return,
                    }
                }
            });
            let ended = running.end();
            assert_eq!(ended.code, Some(1), "{ended:?}");
            assert!(ended.err.contains("TLS with 127.0.0.1"), "{ended:?}");
            drip.join().unwrap();
        }
    }
}

#[test]
fn handshakes_that_do_not_end_hold_nobody_up() {
    let (mut broker, authority) = broker("handshakes", &["--open-timeout", "1500"]);
    let hello = client_hello();
    let parts = [&b""[..], &hello[..1], &hello[..hello.len() / 2], &hello];
    let mut held: Vec<_> = parts
        .iter()
        .cycle()
        .take(40)
        .map(|part| {
            let mut socket = broker.connect();
            socket.write_all(part).unwrap();
            socket
        })
        .collect();
    assert_eq!(run("send", &[&url(&broker, "q"), "--ca", &authority.file]).code, Some(0));
    // The time to open a connection bounds its handshake too.
    held.iter_mut().for_each(|socket| drop(read_to_end(socket)));
    assert_eq!(run("send", &[&url(&broker, "q"), "--ca", &authority.file]).code, Some(0));
    assert!(broker.is_running());
}

#[test]
fn broker_that_ends_waits_for_no_handshake() {
    let (mut broker, authority) = broker("ending", &[]);
    let mut silent = broker.connect();
    let mut half = broker.connect();
    half.write_all(&client_hello()[..20]).unwrap();
    let config = ConnectionConfig::client("test").sasl(Mechanism::anonymous());
    let (mut client, _) = End::over_tls(&broker, &authority.file, config);
    client.connection.open().unwrap();
    client.round_trip();
    broker.terminate();
    let condition = client.until(|event| match event {
        Event::ConnectionError(failure) => Some(failure.error.condition.as_str().to_owned()),
        _ => None,
    });
    assert_eq!(condition, "amqp:connection:forced");
    assert_eq!(broker.wait(), Some(0));
    for socket in [&mut silent, &mut half] {
        read_to_end(socket);
    }
}

#[test]
fn garbage_in_place_of_tls_ends_its_connection_alone() {
    let (mut broker, authority) = broker("garbage", &[]);
    let hello = client_hello();
    // A record with the largest length, a handshake message of 16 MB, a hello with a broken middle, and no TLS at all.
    let mut broken = hello.clone();
    broken[hello.len() / 2..].fill(0xff);
    let long = [&[0x16, 3, 1, 0x40, 0x00, 1, 0xff, 0xff, 0xff][..], &[0; 0x4000]].concat();
    for bytes in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"AMQP\x00\x01\x00\x00", &long.repeat(8), &broken, &[0xff; 70_000]]
    {
        let mut socket = broker.connect();
        // The broker may have left already.
        let _ = socket.write_all(bytes);
        let _ = socket.shutdown(Shutdown::Write);
        read_to_end(&mut socket);
    }
    assert_eq!(run("send", &[&url(&broker, "q"), "--ca", &authority.file]).code, Some(0));
    assert!(broker.is_running());
}

/// Returns what `openssl s_client` ends with, or `None` if the program is not there.
fn openssl(broker: &Broker, arguments: &[&str], input: &[u8]) -> Option<std::process::Output> {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-verify_return_error", "-connect"]);
    command.arg(format!("127.0.0.1:{}", broker.port)).args(arguments);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.ok()?;
    child.stdin.take().unwrap().write_all(input).unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn openssl_sees_a_close_notify_behind_our_close() {
    let (broker, authority) = broker("openssl", &[]);
    let bytes = [head(0), frame(0, &Close::default(), &[])].concat();
    for version in ["-tls1_2", "-tls1_3"] {
        let Some(ended) = openssl(&broker, &["-CAfile", &authority.file, version], &bytes) else { return };
        let err = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{version}: {err}");
        assert!(!err.contains("unexpected eof"), "{version}: {err}");
        assert!(ended.stdout.starts_with(b"AMQP\x00\x01\x00\x00"), "{version}: {:?}", ended.stdout);
        assert!(ended.stdout.ends_with(&frame(0, &Close::default(), &[])), "{version}: {:?}", ended.stdout);
    }
}
