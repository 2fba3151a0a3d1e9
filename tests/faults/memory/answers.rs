//! What a server answers a client is held within the same budget: it was kept beyond any.

use amqp_proto::{
    ConnectionConfig, Event, Limits, SenderConfig, SessionConfig,
    frame::ProtocolHeader,
    spec::{
        definitions::{ErrorCondition, Role},
        performatives::{Attach, Begin},
    },
    testing::frames,
    types::{Fields, Symbol, Value},
};

use super::held;
use crate::support::Fed;

/// A client with 1 MiB for its server, half of that for a session.
fn client() -> Fed {
    let limits = Limits::default().max_held_bytes(1 << 20).max_held_bytes_per_session(512 << 10);
    let mut fed = Fed::new(ConnectionConfig::client("c").limits(limits));
    fed.connection.open().unwrap();
    fed.write();
    let opening = [&ProtocolHeader::AMQP.to_bytes()[..], &frames::frame(0, &frames::open())];
    fed.feed_bytes(&opening.concat());
    fed.events();
    fed
}

fn properties() -> Option<Fields> {
    Some(Fields::from_iter([(Symbol::from_static("x"), Value::from("y".repeat(60_000)))]))
}

/// Returns the number of sessions and links that have failed, each for want of memory.
fn failed(fed: &mut Fed) -> usize {
    let failures = fed.events().into_iter().filter_map(|event| match event {
        Event::SessionError { failure, .. } => {
            assert_eq!(failure.error.condition, ErrorCondition::ResourceLimitExceeded);
            Some(1)
        }
        _ => None,
    });
    failures.sum()
}

#[test]
fn fb2p_answers_to_begins_have_a_bound() {
    let mut fed = client();
    let mut sessions_failed = 0;
    let bytes = held(|| {
        for channel in 0..100 {
            fed.connection.begin(SessionConfig::new()).unwrap();
            fed.write();
            let begin = Begin { properties: properties(), ..frames::begin_answer(channel) };
            fed.feed_bytes(&frames::frame(channel, &begin));
            sessions_failed += failed(&mut fed);
        }
        fed.output = Default::default();
    });
    assert!(fed.connection.is_open() && sessions_failed > 80, "{sessions_failed}");
    assert!(bytes < (1 << 20) + (1 << 18), "{bytes}");
}

#[test]
fn fb2q_answers_to_attaches_have_a_bound() {
    let mut fed = client();
    let mut sessions_failed = 0;
    let bytes = held(|| {
        for channel in 0..10 {
            let session = fed.connection.begin(SessionConfig::new()).unwrap();
            fed.write();
            fed.feed_bytes(&frames::frame(channel, &frames::begin_answer(channel)));
            for handle in 0..20 {
                let name = format!("l{handle}");
                let attached = fed
                    .connection
                    .session(session)
                    .and_then(|mut session| session.attach_sender(SenderConfig::to("q").name(&*name)));
                if attached.is_err() {
                    break;
                }
                fed.write();
                let attach =
                    Attach { properties: properties(), ..frames::attach(&name, handle, Role::Receiver) };
                fed.feed_bytes(&frames::frame(channel, &attach));
            }
            sessions_failed += failed(&mut fed);
        }
        fed.output = Default::default();
    });
    assert!(fed.connection.is_open() && sessions_failed >= 8, "{sessions_failed}");
    assert!(bytes < (1 << 20) + (1 << 18), "{bytes}");
}
