//! An answer that the application owes is named, so that a loop can tell it from events that wait.

use amqp_proto::{ConnectionConfig, Event, Limits, Owed, Progress, SessionConfig};

use crate::support::{ATTACH_SENDER, Fed, HEAD};

fn small() -> ConnectionConfig {
    ConnectionConfig::server("s").limits(Limits::default().max_unanswered_bytes(30))
}

/// The begin of [`HEAD`], then an attach that there is no room to keep.
#[test]
fn fa8_input_behind_an_unanswered_open_names_the_open() {
    let mut fed = Fed::new(small());
    fed.feed(HEAD);
    fed.feed(ATTACH_SENDER);
    assert_eq!(fed.progress, Progress::DrainEvents, "the request has not been polled");
    assert_eq!(fed.names(), ["CONNECTION_REQUESTED"]);
    for _ in 0..3 {
        fed.feed("");
        assert_eq!(fed.progress, Progress::Answer(Owed::Open));
        assert_eq!(fed.names(), [""; 0]);
    }
    fed.connection.open().unwrap();
    fed.feed("");
    assert_eq!(fed.names(), ["CONNECTION_OPEN", "SESSION_REQUESTED"]);
}

#[test]
fn fa8b_input_behind_an_unanswered_begin_names_the_session() {
    let mut fed = Fed::new(small());
    fed.feed(HEAD);
    fed.connection.open().unwrap();
    fed.feed(&[ATTACH_SENDER, ATTACH_SENDER].concat());
    let asked = fed.events().into_iter().find_map(|event| match event {
        Event::SessionRequested { session } => Some(session),
        _ => None,
    });
    let session = asked.unwrap();
    fed.feed("");
    assert_eq!(fed.progress, Progress::Answer(Owed::Begin(session)));
    assert!(fed.unread() > 0);
    fed.connection.accept_session(session, SessionConfig::new()).unwrap();
    fed.feed("");
    assert_eq!((fed.progress, fed.unread()), (Progress::NeedInput, 0));
}
