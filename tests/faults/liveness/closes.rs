//! A close that arrived is not waited for, whatever it came with.

use amqp_proto::{
    Cause, ConnectionConfig, Event,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        performatives as p,
    },
};

use crate::{
    peer::{AMQP, begin, frame, open, raw},
    support::{Fed, HEAD},
};

/// A close whose error has no condition.
const CLOSE_WITHOUT_CONDITION: &[u8] = b"\x00\x53\x18\xc0\x08\x01\x00\x53\x1d\xc0\x02\x01\x40";

/// The last event is an error with this condition; all is over as soon as the output is written.
fn assert_over(fed: &mut Fed, cause: Cause, condition: ErrorCondition) {
    let Some(Event::ConnectionError(failure)) = fed.events().pop() else { panic!("no error") };
    assert_eq!((failure.cause, &failure.error.condition), (cause, &condition));
    assert!(fed.connection.is_closed(), "{condition}");
    assert_eq!(fed.connection.poll_timeout(), None);
}

/// The descriptor of the last frame written, and true if it has an error.
fn last_written(fed: &Fed) -> (u8, bool) {
    let at = fed
        .output
        .windows(3)
        .rposition(|bytes| bytes[..2] == [0x00, 0x53] && (0x10..=0x18).contains(&bytes[2]));
    let body = &fed.output[at.expect("a performative")..];
    (body[2], body.windows(3).any(|bytes| bytes == [0x00, 0x53, 0x1d]))
}

#[test]
fn fa7_close_before_open_is_answered_and_not_waited_for() {
    let mut fed = Fed::new(ConnectionConfig::server("s").auto_accept_sessions(true));
    fed.feed("414d515000010000 0000000c0200000000531845");
    assert_over(&mut fed, Cause::Violation, ErrorCondition::IllegalState);
    assert_eq!(last_written(&fed), (0x18, true));
}

/// Rows P21 and C08: the peer is closing anyway, so our close has no error.
#[test]
fn fa7b_close_that_breaks_the_protocol_is_a_close() {
    let channel = raw(0, 300, b"\x00\x53\x18\x45");
    let cases = [
        (raw(0, 0, CLOSE_WITHOUT_CONDITION), ErrorCondition::DecodeError),
        (channel, ErrorCondition::FramingError),
    ];
    for (close, condition) in cases {
        let mut fed = Fed::server();
        fed.feed_bytes(&close);
        assert_over(&mut fed, Cause::Violation, condition.clone());
        assert_eq!(last_written(&fed), (0x18, false));

        // Ours crosses it.
        let mut fed = Fed::server();
        fed.connection.close(None).unwrap();
        fed.feed_bytes(&close);
        assert_over(&mut fed, Cause::Violation, condition.clone());

        // It answers an open that the application has not answered.
        let mut fed = Fed::new(ConnectionConfig::server("s"));
        fed.feed_bytes(&[AMQP, &frame(0, &open()), &close].concat());
        assert_over(&mut fed, Cause::Violation, condition);
    }
}

/// The peer's close waits behind its open, which the application answers with a close.
#[test]
fn fa7c_close_behind_an_open_that_is_refused_is_not_waited_for() {
    let error = || AmqpError::new(ErrorCondition::UnauthorizedAccess);
    let close = p::Close { error: Some(Box::new(error())) };
    let input = [AMQP, &frame(0, &open()), &frame(0, &begin()), &frame(0, &close)].concat();
    for ours in [None, Some(AmqpError::new(ErrorCondition::NotAllowed))] {
        let mut fed = Fed::new(ConnectionConfig::server("s"));
        fed.feed_bytes(&input);
        assert_eq!(fed.names(), ["CONNECTION_REQUESTED"]);
        fed.connection.close(ours.clone()).unwrap();
        fed.write();
        let last = fed.events().pop().unwrap();
        match (&last, ours) {
            // 2.4.6: behind our close with an error all is discarded, the peer's reason too.
            (Event::ConnectionClosed, Some(_)) => {}
            (Event::ConnectionError(failure), None) => assert_eq!(failure.error, error()),
            other => panic!("{other:?}"),
        }
        assert!(fed.connection.is_closed());
    }
}

/// A violation that arrives behind a close is not read, and one before it does not hide it.
#[test]
fn fa7d_close_behind_a_violation_is_not_waited_for() {
    let mut fed = Fed::server();
    fed.feed(HEAD);
    fed.feed_bytes(&frame(0, &p::Close { error: None }));
    assert!(fed.connection.is_closed(), "a header is no frame");

    let mut fed = Fed::server();
    fed.feed_bytes(&[frame(0, &begin()), frame(0, &p::Close { error: None })].concat());
    assert_over(&mut fed, Cause::Violation, ErrorCondition::NotAllowed);
}
