//! TLS that begins by a protocol header (5.2). The tunnel itself is left out: its bytes are those inside.

use core::time::Duration;

use amqp_proto::{
    Cause, CommandError, Connection, ConnectionConfig, Event, Failure, Instant, Progress, SaslPolicy,
    SessionConfig, Timeouts, TlsHeader,
    sasl::{Mechanism, Tunnel},
};
use bytes::Buf;

const TLS: &[u8] = b"AMQP\x02\x01\x00\x00";
const SASL: &[u8] = b"AMQP\x03\x01\x00\x00";
const AMQP: &[u8] = b"AMQP\x00\x01\x00\x00";
/// The begin of a handshake.
const RECORD: &[u8] = b"\x16\x03\x03";
const NOW: Instant = Instant::from_millis(1);

fn client(tls: TlsHeader) -> ConnectionConfig {
    ConnectionConfig::client("client").tls_header(tls)
}

fn server(tls: TlsHeader) -> ConnectionConfig {
    ConnectionConfig::server("server").tls_header(tls).auto_accept_sessions(true)
}

fn plain() -> Mechanism {
    Mechanism::plain("user", "secret").protected_only()
}

fn checks_plain() -> Mechanism {
    Mechanism::plain_server(|credentials| credentials.matches("user", "secret")).protected_only()
}

fn output(connection: &mut Connection) -> Vec<u8> {
    let mut transmit = connection.poll_transmit(NOW);
    let mut bytes = vec![0; transmit.remaining()];
    transmit.copy_to_slice(&mut bytes);
    bytes
}

fn names(connection: &mut Connection) -> Vec<&'static str> {
    std::iter::from_fn(|| connection.poll_event()).map(|event| event.name()).collect()
}

/// Moves bytes both ways until nothing moves.
fn run(client: &mut Connection, server: &mut Connection) {
    for _ in 0..10 {
        let bytes = output(client);
        let _ = server.handle_input(NOW, &mut &bytes[..]);
        let bytes = output(server);
        let _ = client.handle_input(NOW, &mut &bytes[..]);
    }
}

fn failure(connection: &mut Connection) -> Failure {
    let events: Vec<Event> = std::iter::from_fn(|| connection.poll_event()).collect();
    match events.last() {
        Some(Event::ConnectionError(failure)) => Failure::clone(failure),
        _ => panic!("{events:?}"),
    }
}

fn illegal(result: Result<(), CommandError>) -> bool {
    matches!(result, Err(CommandError::IllegalState(_)))
}

#[test]
fn headers_of_tls_then_sasl_then_amqp_open_both_ends() {
    for tls in [TlsHeader::Optional, TlsHeader::Required] {
        let mut client = Connection::new(client(TlsHeader::Required).sasl(plain()));
        let mut server = Connection::new(server(tls).sasl(checks_plain()));
        client.open().unwrap();
        assert_eq!(output(&mut client), TLS, "nothing is behind the header");
        assert_eq!(server.handle_input(NOW, &mut &TLS[..]), Progress::StartTls);
        assert_eq!(output(&mut server), TLS);
        assert_eq!(client.handle_input(NOW, &mut &TLS[..]), Progress::StartTls);
        for end in [&mut client, &mut server] {
            assert_eq!(names(end), ["TLS_READY"]);
            assert!(output(end).is_empty() && !end.tunnel().protected);
            end.tls_done().unwrap();
            assert!(end.tunnel().protected);
        }
        run(&mut client, &mut server);
        assert_eq!(names(&mut client), ["CONNECTION_OPEN"]);
        assert_eq!(names(&mut server), ["CONNECTION_OPEN"]);
        assert!(server.sasl_identity().is_some_and(|user| user == "user"));
    }
}

#[test]
fn amqp_begins_inside_tls_without_a_sasl_layer() {
    let mut client = Connection::new(client(TlsHeader::Required));
    let mut server = Connection::new(server(TlsHeader::Required));
    client.open().unwrap();
    client.begin(SessionConfig::new()).unwrap();
    run(&mut client, &mut server);
    assert_eq!((names(&mut client), names(&mut server)), (vec!["TLS_READY"], vec!["TLS_READY"]));
    client.tls_done().unwrap();
    server.tls_done().unwrap();
    let inside = output(&mut client);
    assert!(inside.starts_with(AMQP) && inside.len() > 8);
    let _ = server.handle_input(NOW, &mut &inside[..]);
    run(&mut client, &mut server);
    assert_eq!(names(&mut client), ["CONNECTION_OPEN", "SESSION_OPEN"]);
    assert!(server.is_open());
}

/// Whatever the cut, the bytes of TLS stay in the buffer.
#[test]
fn bytes_behind_the_header_are_left_to_tls() {
    let whole = [TLS, RECORD].concat();
    for cut in 0..whole.len() {
        let mut client = Connection::new(client(TlsHeader::Required));
        client.open().unwrap();
        output(&mut client);
        let ends: [(Connection, usize); 2] =
            [(client, 0), (Connection::new(server(TlsHeader::Optional)), TLS.len())];
        for (mut end, answer) in ends {
            let mut input = bytes::BytesMut::from(&whole[..cut]);
            let progress = end.handle_input(NOW, &mut input);
            let expected = if cut < TLS.len() { Progress::NeedInput } else { Progress::StartTls };
            assert_eq!(progress, expected, "{cut}");
            input.extend_from_slice(&whole[cut..]);
            assert_eq!(end.handle_input(NOW, &mut input), Progress::StartTls);
            assert_eq!(input, RECORD);
            assert_eq!(names(&mut end), ["TLS_READY"]);
            // Until the handshake is over, with or without input.
            assert_eq!(end.handle_input(NOW, &mut input), Progress::StartTls);
            assert_eq!(end.handle_input(NOW, &mut &b""[..]), Progress::StartTls);
            assert_eq!((input, output(&mut end).len()), (bytes::BytesMut::from(RECORD), answer));
            end.tls_done().unwrap();
            assert_eq!(end.handle_input(NOW, &mut &b""[..]), Progress::NeedInput);
        }
    }
}

#[test]
fn server_that_requires_tls_refuses_other_headers() {
    for header in [AMQP, SASL, b"AMQP\x02\x01\x00\x01", b"HTTP/1.1"] {
        let config = server(TlsHeader::Required).sasl(checks_plain()).sasl_policy(SaslPolicy::Optional);
        let mut server = Connection::new(config);
        assert_eq!(server.handle_input(NOW, &mut &header[..]), Progress::Closed);
        assert_eq!(output(&mut server), TLS, "2.2: the header that it accepts");
        assert_eq!(failure(&mut server).cause, Cause::Header);
    }
    // 2.2: a part of a header is answered at its end.
    let mut server = Connection::new(server(TlsHeader::Required));
    let _ = server.handle_input(NOW, &mut &AMQP[..4]);
    server.handle_eof(NOW);
    assert_eq!(output(&mut server), TLS);
}

#[test]
fn server_with_optional_tls_takes_clients_without() {
    for has_sasl in [false, true] {
        let anonymous = |config: ConnectionConfig, mechanism| match has_sasl {
            true => config.sasl(mechanism),
            false => config,
        };
        let mut client = Connection::new(anonymous(client(TlsHeader::Optional), Mechanism::anonymous()));
        let mut server =
            Connection::new(anonymous(server(TlsHeader::Optional), Mechanism::anonymous_server()));
        client.open().unwrap();
        run(&mut client, &mut server);
        assert!(client.is_open() && server.is_open());
        assert!(!client.tunnel().protected && !server.tunnel().protected);
    }
}

#[test]
fn client_that_requires_tls_goes_on_with_nothing_else() {
    for (answer, text) in [(AMQP, "AMQP 1.0.0"), (SASL, "SASL 1.0.0"), (b"AMQP\x02\x01\x00\x01", "TLS 1.0.1")]
    {
        let mut client =
            Connection::new(client(TlsHeader::Required).sasl(Mechanism::plain("user", "secret")));
        client.open().unwrap();
        assert_eq!(output(&mut client), TLS);
        assert_eq!(client.handle_input(NOW, &mut &answer[..]), Progress::Closed);
        assert!(output(&mut client).is_empty(), "no password, and no open");
        let failure = failure(&mut client);
        assert_eq!(failure.cause, Cause::Header);
        assert!(failure.error.to_string().contains(text), "{failure:?}");
        assert!(illegal(client.tls_done()));
    }
}

#[test]
fn ends_that_do_not_allow_tls_refuse_its_header() {
    let mut ours = Connection::new(client(TlsHeader::Required));
    let mut theirs = Connection::new(server(TlsHeader::Never).sasl(Mechanism::anonymous_server()));
    ours.open().unwrap();
    run(&mut ours, &mut theirs);
    assert!(failure(&mut ours).error.to_string().contains("TLS"));
    assert!(failure(&mut theirs).error.to_string().contains("TLS 1.0.0"));
    for tls in [TlsHeader::Never, TlsHeader::Optional] {
        let mut ours = Connection::new(client(tls));
        ours.open().unwrap();
        let _ = ours.handle_input(NOW, &mut &TLS[..]);
        assert!(failure(&mut ours).error.to_string().contains("the server speaks TLS 1.0.0"));
    }
}

#[test]
fn second_tls_layer_is_refused() {
    for (has_sasl, answer) in [(false, AMQP), (true, SASL)] {
        let mut config = server(TlsHeader::Required);
        if has_sasl {
            config = config.sasl(Mechanism::anonymous_server());
        }
        let mut server = Connection::new(config);
        let _ = server.handle_input(NOW, &mut &TLS[..]);
        output(&mut server);
        server.tls_done().unwrap();
        assert_eq!(server.handle_input(NOW, &mut &TLS[..]), Progress::Closed);
        assert_eq!(output(&mut server), answer);
        assert_eq!(names(&mut server), ["TLS_READY", "CONNECTION_ERROR"]);
    }
    // Nor does TLS begin inside SASL.
    let mut server = Connection::new(server(TlsHeader::Optional).sasl(Mechanism::anonymous_server()));
    let _ = server.handle_input(NOW, &mut &SASL[..]);
    let _ = server.handle_input(NOW, &mut &TLS[..]);
    assert_eq!(names(&mut server), ["CONNECTION_ERROR"]);
}

/// 2.2: a server may send its header before it has the client's.
#[test]
fn server_that_sends_its_header_first_is_answered() {
    let mut client = Connection::new(client(TlsHeader::Required));
    let mut input = &[TLS, RECORD].concat()[..];
    assert_eq!(client.handle_input(NOW, &mut input), Progress::StartTls);
    assert_eq!((input, names(&mut client)), (RECORD, vec![]));
    client.open().unwrap();
    assert_eq!(names(&mut client), ["TLS_READY"]);
    assert_eq!(output(&mut client), TLS);
    client.tls_done().unwrap();
    assert!(output(&mut client).starts_with(AMQP));
}

#[test]
fn tls_done_out_of_turn_is_refused() {
    let mut client = Connection::new(client(TlsHeader::Required));
    assert!(illegal(client.tls_done()), "before open");
    client.open().unwrap();
    assert!(illegal(client.open()), "a second open");
    output(&mut client);
    assert!(illegal(client.tls_done()), "before the server's header");
    let _ = client.handle_input(NOW, &mut &TLS[..]);
    assert!(illegal(client.open()));
    client.tls_done().unwrap();
    assert!(illegal(client.tls_done()), "twice");

    let mut server = Connection::new(server(TlsHeader::Required));
    let _ = server.handle_input(NOW, &mut &TLS[..]);
    assert!(illegal(server.tls_done()), "our header is not written yet");
    output(&mut server);
    server.handle_eof(NOW);
    assert!(illegal(server.tls_done()), "the connection has ended");
}

#[test]
fn tunnel_is_described_before_the_handshake_is_reported() {
    let external = Mechanism::external_server_from_tunnel();
    let mut client = Connection::new(client(TlsHeader::Required).sasl(Mechanism::external()));
    let mut server = Connection::new(server(TlsHeader::Required).sasl(external));
    client.open().unwrap();
    run(&mut client, &mut server);
    server.set_tunnel(Tunnel::new().identity("CN=user")).unwrap();
    server.tls_done().unwrap();
    client.tls_done().unwrap();
    run(&mut client, &mut server);
    assert!(server.is_open() && server.tunnel().protected);
    assert!(server.sasl_identity().is_some_and(|user| user == "CN=user"));
}

#[test]
fn handshake_that_ends_or_lasts_too_long_ends_the_connection() {
    let timeouts = Timeouts::default().open(Duration::from_secs(5));
    for is_client in [true, false] {
        for is_lost in [true, false] {
            let mut end = match is_client {
                true => Connection::new(client(TlsHeader::Required).timeouts(timeouts)),
                false => Connection::new(server(TlsHeader::Required).timeouts(timeouts)),
            };
            if is_client {
                end.open().unwrap();
            }
            let _ = end.handle_input(NOW, &mut &TLS[..]);
            assert_eq!(output(&mut end), TLS);
            assert_eq!(names(&mut end), ["TLS_READY"]);
            if is_lost {
                end.handle_eof(NOW);
                let failure = failure(&mut end);
                assert_eq!(failure.cause, Cause::Lost);
                assert!(failure.error.to_string().contains("TLS handshake"), "{failure:?}");
            } else {
                end.handle_timeout(end.poll_timeout().unwrap());
                assert_eq!(failure(&mut end).cause, Cause::TimedOut);
            }
            assert!(end.is_closed() && illegal(end.tls_done()));
        }
    }
    let mut client = Connection::new(client(TlsHeader::Required));
    client.open().unwrap();
    output(&mut client);
    let _ = client.handle_input(NOW, &mut &TLS[..]);
    client.close(None).unwrap();
    assert_eq!(names(&mut client), ["TLS_READY", "CONNECTION_CLOSED"]);
    assert!(output(&mut client).is_empty());
}
