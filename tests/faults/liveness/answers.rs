//! An answer that the application owes is named, so that a loop can tell it from events that wait.

use amqp_proto::{
    ConnectionConfig, Event, Limits, Owed, Progress, SessionConfig,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        performatives as p,
    },
};

use crate::{
    peer::{AMQP, attach, begin, frame, open},
    support::{ATTACH_SENDER, Fed, HEAD},
};

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

/// The connection was closed with `amqp:not-allowed` if all of it was read at once.
#[test]
fn fa8d_a_channel_is_free_behind_an_end_that_waits_for_the_answer_to_its_begin() {
    let end = || frame(1, &p::End { error: None });
    let again = [frame(1, &begin()), end()].concat();
    let last = [frame(1, &begin()), frame(1, &attach("l", 0, Role::Sender))].concat();
    let conversation = [again.clone(), again, last].concat();
    for (cut, refuses) in [1, 7, conversation.len()].into_iter().flat_map(|cut| [(cut, true), (cut, false)]) {
        let mut fed = Fed::new(ConnectionConfig::server("s"));
        fed.feed_bytes(&[AMQP, &frame(0, &open())].concat());
        fed.connection.open().unwrap();
        fed.events();
        conversation.chunks(cut).for_each(|bytes| fed.feed_bytes(bytes));
        for number in 0..3 {
            let events = fed.events();
            let [Event::SessionRequested { session }] = events[..] else { panic!("{number}: {events:?}") };
            if refuses && number < 2 {
                fed.connection.refuse_session(session, AmqpError::new(ErrorCondition::NotAllowed)).unwrap();
            } else {
                fed.connection.accept_session(session, SessionConfig::new()).unwrap();
                let next = if number < 2 { "SESSION_CLOSED" } else { "RECEIVER_REQUESTED" };
                assert_eq!(fed.connection.poll_event().map(|event| event.name()), Some("SESSION_OPEN"));
                if number == 2 {
                    fed.feed_bytes(&[]);
                }
                assert_eq!(fed.connection.poll_event().map(|event| event.name()), Some(next));
            }
            // The begin behind the end has waited: whatever follows it is deferred once.
            fed.feed_bytes(&[]);
        }
        assert!(fed.connection.is_open());
    }
    // A begin without an end before it is still a violation.
    let mut fed = Fed::new(ConnectionConfig::server("s"));
    fed.feed_bytes(&[AMQP, &frame(0, &open())].concat());
    fed.connection.open().unwrap();
    fed.events();
    fed.feed_bytes(&[frame(1, &begin()), frame(1, &begin())].concat());
    assert_eq!(fed.names(), ["SESSION_REQUESTED", "SESSION_ERROR", "CONNECTION_ERROR"]);
}
