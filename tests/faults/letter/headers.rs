//! Protocol headers that do not match, or do not come whole (2.2).

use amqp_proto::{Cause, Connection, ConnectionConfig, Event, SenderConfig, SessionConfig, sasl::Mechanism};
use bytes::Buf;

use crate::{
    peer::{AMQP, SASL},
    support::Fed,
};

/// A client that has opened, begun and attached, and whose output nobody has asked for.
fn pipelined(config: ConnectionConfig) -> Fed {
    let mut fed = Fed::new(config);
    fed.connection.open().unwrap();
    let session = fed.connection.begin(SessionConfig::new()).unwrap();
    fed.connection.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    fed
}

fn cause(connection: &mut Connection) -> Option<Cause> {
    match std::iter::from_fn(|| connection.poll_event()).last()? {
        Event::ConnectionError(failure) => Some(failure.cause),
        other => panic!("{other:?}"),
    }
}

#[test]
fn fd10_nothing_but_the_header_is_written_if_headers_differ() {
    for (config, ours) in [
        (ConnectionConfig::client("c"), AMQP),
        (ConnectionConfig::client("c").sasl(Mechanism::anonymous()), SASL),
    ] {
        for theirs in [&b"AMQP\x00\x00\x09\x01"[..], b"HTTP/1.1"] {
            let mut fed = pipelined(config.clone());
            fed.feed_bytes(theirs);
            assert_eq!(&fed.output[..], ours);
            assert_eq!(cause(&mut fed.connection), Some(Cause::Header));
            assert!(fed.connection.is_closed());
        }
    }
    // A part of the header is on its way, and the rest follows.
    let mut fed = pipelined(ConnectionConfig::client("c"));
    let now = fed.instant();
    fed.connection.poll_transmit(now).advance(3);
    fed.feed_bytes(b"HTTP/1.1");
    assert_eq!(&fed.output[..], &AMQP[3..]);
    // All of it is, and a part of open.
    let mut fed = pipelined(ConnectionConfig::client("c"));
    fed.connection.poll_transmit(now).advance(9);
    fed.feed_bytes(b"HTTP/1.1");
    assert_eq!(&fed.output[..], b"");
}

/// Row H10: what ends inside a header cannot be parsed as one, and gets the header that would be accepted.
#[test]
fn fd10b_header_that_ends_early_is_answered_by_a_server() {
    let mechanism = Mechanism::anonymous_server();
    for (config, answer) in
        [(ConnectionConfig::server("s"), AMQP), (ConnectionConfig::server("s").sasl(mechanism), SASL)]
    {
        let mut fed = Fed::new(config.clone());
        fed.feed("414d");
        assert!(fed.output.is_empty());
        fed.connection.handle_eof(fed.instant());
        assert_eq!(fed.names(), ["CONNECTION_ERROR"]);
        assert!(!fed.connection.is_closed());
        fed.write();
        assert_eq!(&fed.output[..], answer);
        assert!(fed.connection.is_closed());

        // Nothing at all is answered by nothing.
        let mut fed = Fed::new(config);
        fed.feed("");
        fed.connection.handle_eof(fed.instant());
        fed.write();
        assert!(fed.output.is_empty() && fed.connection.is_closed());
    }
}
