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

/// The answer is the application's, but the peer's are not waited for any longer for that.
#[test]
fn fa8c_deadlines_run_while_an_answer_is_owed() {
    let config = ConnectionConfig::client("c").limits(Limits::default().max_unanswered_bytes(30));
    let mut fed = Fed::new(config);
    fed.connection.open().unwrap();
    let ours = fed.connection.begin(SessionConfig::new()).unwrap();
    fed.write();
    // The peer begins a session of its own instead of answering ours.
    fed.feed(HEAD);
    fed.feed(&[ATTACH_SENDER, ATTACH_SENDER].concat());
    assert_eq!(fed.names(), ["CONNECTION_OPEN", "SESSION_REQUESTED"]);
    let mut ended = Vec::new();
    for _ in 0..100 {
        fed.feed("");
        assert!(matches!(fed.progress, Progress::Answer(Owed::Begin(session)) if session != ours));
        let due = fed.connection.poll_timeout();
        assert!(due.is_none_or(|due| due > fed.instant()), "{due:?} is over at {:?}", fed.instant());
        fed.pass(1000);
        ended.extend(fed.names());
    }
    assert_eq!(ended, ["SESSION_ERROR"]);
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
