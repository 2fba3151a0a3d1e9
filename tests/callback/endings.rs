//! How endpoints end: by either end, in order or not, and what an agent does then.

use crate::harness::{Handles, Harness, NO_ENDPOINTS, URL, assert_grammar, count_closed};
use amqp_proto::{
    ConnectionConfig,
    callback::{Agent, AgentConfig, AgentError, Callback, ConnectionHandle, Counts, SessionHandle},
    spec::definitions::{AmqpError, ErrorCondition},
};
use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

#[test]
fn close_does_the_same_as_dropping_and_refuses_further_calls() {
    let mut harness = Harness::default();
    let handles = Handles::open(&mut harness);
    harness.run();
    let (connection, session) = (handles.connection.as_ref().unwrap(), handles.session.as_ref().unwrap());
    let sender = handles.sender.as_ref().unwrap();
    session.close();
    session.close();
    assert_eq!(handles.are_open(), [true, false, true, true]);
    assert_eq!(session.open_sender("queue", None).err(), Some(AgentError::Closed));
    assert_eq!(session.open_receiver("queue", None, |_| {}).err(), Some(AgentError::Closed));
    assert_eq!(sender.send(b"x".as_slice()), Err(AgentError::Closed));
    harness.run();
    assert_eq!(handles.are_open(), [true, false, false, false]);
    assert_eq!(count_closed(&harness.log()), 3);
    connection.close();
    assert_eq!(connection.open_session(None).err(), Some(AgentError::Closed));
    harness.run();
    assert_eq!(connection.server_address(), None);
    assert_eq!(harness.agent.counts(), NO_ENDPOINTS);
}

#[test]
fn error_of_the_peer_ends_an_endpoint_and_everything_in_it() {
    for which in 0..4 {
        let mut harness = Harness::default();
        let handles = Handles::open(&mut harness);
        harness.run();
        harness.take_log();
        harness.server().end(which, Some(AmqpError::described(ErrorCondition::ResourceDeleted, "gone")));
        harness.run();
        let log = harness.take_log();
        // What a parent took with it names the parent.
        let all = ["connection", "session", "sender", "receiver"].map(|name| {
            let text = match which {
                0 if name != "connection" => "the connection failed",
                1 if name != "session" => "the session failed",
                _ => "gone",
            };
            format!("{name} {}_ERROR amqp:resource-deleted: {text}", name.to_uppercase())
        });
        let expected: BTreeSet<_> = match which {
            0 => all.iter().collect(),
            1 => all[1..].iter().collect(),
            _ => all[which..=which].iter().collect(),
        };
        assert_eq!(log.iter().collect::<BTreeSet<_>>(), expected);
        assert_grammar(&log);
        assert!(!handles.are_open()[which]);
        drop(handles);
        harness.run();
        assert_eq!((harness.agent.counts(), harness.callbacks_alive()), (NO_ENDPOINTS, 0));
    }
}

#[test]
fn end_by_the_peer_without_an_error_is_reported_as_closed() {
    for which in 0..4 {
        let mut harness = Harness::default();
        let handles = Handles::open(&mut harness);
        harness.run();
        harness.take_log();
        harness.server().end(which, None);
        harness.run();
        let log = harness.take_log();
        assert_eq!(count_closed(&log), [4, 3, 1, 1][which], "{log:?}");
        assert!(!handles.are_open()[which]);
    }
}

#[test]
fn lost_transport_ends_everything_with_errors_children_first() {
    let mut harness = Harness::default();
    let handles = Handles::open(&mut harness);
    harness.run();
    harness.take_log();
    let id = handles.connection.as_ref().unwrap().id();
    harness.agent.handle_eof(id, harness.now);
    harness.agent.run_callbacks(harness.now);
    let log = harness.log();
    assert_eq!(log.len(), 4);
    let (last, children) = log.split_last().unwrap();
    assert!(
        children.iter().all(|line| line.ends_with("_ERROR amqp:connection:forced: the connection failed")),
        "{log:?}"
    );
    assert!(
        last.ends_with("_ERROR amqp:connection:forced: the transport was lost without a close"),
        "{last}"
    );
    assert_grammar(&log);
    assert_eq!(handles.are_open(), [false; 4]);
    assert_eq!((harness.agent.counts(), harness.callbacks_alive()), (NO_ENDPOINTS, 0));
    assert!(harness.agent.is_closed(id) && harness.agent.poll_transmit(id, harness.now).is_none());
}

#[test]
fn open_that_the_engine_refuses_is_reported_as_an_error_children_first() {
    let config =
        AgentConfig::new("agent").connection_config(ConnectionConfig::client("agent").channel_max(0));
    let mut harness = Harness::new(config);
    let connection = harness.connect();
    let first = connection.open_session(Some(harness.callback("first"))).unwrap();
    let second = connection.open_session(Some(harness.callback("second"))).unwrap();
    let link = second.open_sender("queue", Some(harness.callback("link"))).unwrap();
    let outcome = Rc::new(RefCell::new(None));
    let seen = outcome.clone();
    link.send_with_outcome(b"x".as_slice(), move |state| *seen.borrow_mut() = Some(state.cloned())).unwrap();
    harness.run();
    let log = harness.log();
    assert_eq!(log.len(), 4, "{log:?}");
    assert!(log[0].starts_with("link SENDER_ERROR "), "{log:?}");
    assert!(log[1].starts_with("second SESSION_ERROR ") && log[1].contains("channel-max"), "{log:?}");
    assert_eq!(log[2..], ["connection CONNECTION_OPEN", "first SESSION_OPEN"]);
    assert_eq!(*outcome.borrow(), Some(None), "the outcome of a message that was never sent");
    assert_eq!(harness.agent.counts(), Counts { connections: 1, sessions: 1, links: 0 });
    assert!(first.is_open() && !second.is_open() && !link.is_open());
}

#[test]
fn open_repeated_inside_its_error_callback_does_not_block_the_agent() {
    let config =
        AgentConfig::new("agent").connection_config(ConnectionConfig::client("agent").channel_max(0));
    let mut harness = Harness::new(config);
    let connection = Rc::new(harness.connect());
    let first = connection.open_session(None).unwrap();
    let attempts = Rc::new(RefCell::new(Vec::new()));
    fn again(connection: &Rc<ConnectionHandle>, attempts: &Rc<RefCell<Vec<SessionHandle>>>) {
        let (held, kept) = (Rc::downgrade(connection), attempts.clone());
        let callback: Callback = Box::new(move |_, _| again(&held.upgrade().unwrap(), &kept));
        let session = connection.open_session(Some(callback)).unwrap();
        attempts.borrow_mut().push(session);
    }
    again(&connection, &attempts);
    for calls in 1..10 {
        harness.agent.run_callbacks(harness.now);
        assert_eq!(attempts.borrow().len(), calls + 1);
        assert_eq!(harness.agent.poll_timeout(), Some(harness.now), "the next attempt waits to be reported");
    }
    drop(first);
}

#[test]
fn link_opened_inside_the_callback_of_an_ending_sibling_ends_before_the_session() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    let session = Rc::new(connection.open_session(Some(harness.callback("session"))).unwrap());
    let (parent, kept) = (session.clone(), Rc::new(RefCell::new(None)));
    let (late, mut late_callback) = (kept.clone(), Some(harness.callback("late")));
    let callback: Callback = Box::new(move |event, _| {
        if event == "SENDER_CLOSED" {
            *late.borrow_mut() = Some(parent.open_sender("queue", late_callback.take()).unwrap());
        }
    });
    let sender = session.open_sender("queue", Some(callback)).unwrap();
    harness.run();
    harness.server().end(1, None);
    harness.run();
    let log = harness.log();
    let [late, ended] = ["late SENDER_ERROR", "session SESSION_CLOSED"]
        .map(|text| log.iter().position(|line| line.starts_with(text)).unwrap());
    assert!(late < ended, "{log:?}");
    assert!(!sender.is_open() && !kept.borrow().as_ref().unwrap().is_open());
    assert_eq!(harness.agent.counts(), Counts { connections: 1, ..NO_ENDPOINTS });
}

#[test]
fn session_opened_inside_the_callback_of_an_ending_one_ends_before_the_connection() {
    let mut harness = Harness::default();
    let connection = Rc::new(harness.connect());
    let (late, refused) = (Rc::new(RefCell::new(None)), Rc::new(RefCell::new(None)));
    let (again, seen, mut log) = (connection.clone(), refused.clone(), harness.callback("late"));
    let mut late_callback: Option<Callback> = Some(Box::new(move |event, detail| {
        log(event, detail);
        *seen.borrow_mut() = again.open_session(None).err();
    }));
    let (parent, kept) = (connection.clone(), late.clone());
    let callback: Callback = Box::new(move |event, _| {
        if event == "SESSION_CLOSED" {
            *kept.borrow_mut() = parent.open_session(late_callback.take()).ok();
        }
    });
    let session = connection.open_session(Some(callback)).unwrap();
    harness.run();
    harness.server().end(0, None);
    harness.run();
    let log = harness.log();
    assert!(log.len() == 3 && log[1].starts_with("late SESSION_ERROR"), "{log:?}");
    assert_eq!(log[2], "connection CONNECTION_CLOSED");
    assert_eq!(*refused.borrow(), Some(AgentError::Closed), "nothing can be opened when the connection ends");
    assert!(!session.is_open() && !late.borrow().as_ref().unwrap().is_open());
    assert_eq!(harness.agent.counts(), NO_ENDPOINTS);
}

#[test]
fn handle_closed_before_its_open_event_is_reported_never_becomes_open() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    let other: Rc<RefCell<Option<SessionHandle>>> = Rc::default();
    let closes = other.clone();
    let callback: Callback = Box::new(move |_, _| closes.borrow().iter().for_each(SessionHandle::close));
    let first = connection.open_session(Some(callback)).unwrap();
    let (seen, mut log) = (other.clone(), harness.callback("other"));
    let callback: Callback = Box::new(move |event, detail| {
        log(event, detail);
        assert!(!seen.borrow().as_ref().unwrap().is_open(), "{event}");
    });
    *other.borrow_mut() = Some(connection.open_session(Some(callback)).unwrap());
    harness.run();
    assert!(first.is_open());
    assert_eq!(harness.log()[1..], ["other SESSION_OPEN", "other SESSION_CLOSED"]);
}

#[test]
fn link_repeated_on_a_session_that_failed_too_is_refused() {
    let config =
        AgentConfig::new("agent").connection_config(ConnectionConfig::client("agent").channel_max(0));
    let mut harness = Harness::new(config);
    let (connection, _first) = harness.connect_with_session();
    let second = Rc::new(connection.open_session(Some(harness.callback("second"))).unwrap());
    let (again, mut log) = (second.clone(), harness.callback("link"));
    let callback = move |event: &str, detail: Option<&str>| {
        log(event, detail);
        assert_eq!(again.open_sender("queue", None).err(), Some(AgentError::Closed));
    };
    let link = second.open_sender("queue", Some(Box::new(callback))).unwrap();
    harness.agent.run_callbacks(harness.now);
    let log = harness.take_log();
    assert!(log.len() == 2 && log[0].starts_with("link ") && log[1].starts_with("second "), "{log:?}");
    assert_eq!(link.send(b"x".as_slice()), Err(AgentError::Closed));
    assert_eq!(harness.agent.counts(), Counts { connections: 1, sessions: 1, links: 0 });
}

#[test]
fn detach_without_closing_by_the_peer_ends_the_links() {
    let mut harness = Harness::default();
    let handles = Handles::open(&mut harness);
    harness.run();
    harness.take_log();
    harness.server().detach();
    harness.run();
    let log = harness.take_log();
    assert_eq!(
        log.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        BTreeSet::from(["sender SENDER_CLOSED", "receiver RECEIVER_CLOSED"])
    );
    assert_eq!(handles.are_open(), [true, true, false, false]);
    assert_eq!(harness.agent.counts(), Counts { connections: 1, sessions: 1, links: 0 });
}

#[test]
fn session_and_links_requested_by_the_peer_are_refused_without_an_event() {
    let mut harness = Harness::default();
    let (connection, session) = harness.connect_with_session();
    harness.run();
    assert_eq!(harness.take_log().len(), 2);
    harness.server().request_session_and_links();
    harness.run();
    let events = std::mem::take(&mut harness.server().events);
    for refused in ["SESSION_ERROR", "SENDER_ERROR", "RECEIVER_ERROR"] {
        assert!(events.contains(&refused), "{refused} missing in {events:?}");
    }
    assert!(connection.is_open() && session.is_open() && harness.log().is_empty());
}

#[test]
fn close_that_the_peer_does_not_answer_ends_at_its_timeout() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    harness.run();
    let id = connection.id();
    drop(connection);
    let mut close = harness.agent.poll_transmit(id, harness.now).unwrap();
    while close.next_chunk().is_some() {}
    let due = harness.agent.poll_timeout().unwrap();
    assert!(due > harness.now && !harness.agent.is_closed(id));
    harness.agent.run_callbacks(due);
    assert_eq!(harness.log(), ["connection CONNECTION_OPEN", "connection CONNECTION_CLOSED"]);
    assert!(harness.agent.is_closed(id));
    assert_eq!((harness.agent.counts(), harness.agent.poll_timeout()), (NO_ENDPOINTS, None));
}

#[test]
fn call_of_a_handle_is_due_at_once() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    assert_eq!(harness.agent.poll_timeout(), Some(harness.now));
    harness.run();
    assert_eq!(harness.agent.poll_timeout(), None);
    let session = connection.open_session(None).unwrap();
    assert_eq!(harness.agent.poll_timeout(), Some(harness.now));
    harness.run();
    session.close();
    assert_eq!(harness.agent.poll_timeout(), Some(harness.now));
}

#[test]
fn connection_whose_last_bytes_were_taken_is_due_to_be_removed() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    harness.run();
    harness.server().end(0, None);
    harness.run_rounds(1);
    assert_eq!(harness.take_log()[1..], ["connection CONNECTION_CLOSED"]);
    let id = connection.id();
    assert!(!harness.agent.is_closed(id), "the answer to the close waits");
    while harness.agent.poll_transmit(id, harness.now).unwrap().next_chunk().is_some() {}
    assert!(harness.agent.is_closed(id));
    assert_eq!(harness.agent.counts(), Counts { connections: 1, ..NO_ENDPOINTS });
    assert_eq!(harness.agent.poll_timeout(), Some(harness.now));
    harness.agent.run_callbacks(harness.now);
    assert_eq!((harness.agent.counts(), harness.agent.poll_timeout()), (NO_ENDPOINTS, None));
}

#[test]
fn handles_that_outlive_their_agent_refer_to_nothing() {
    let mut harness = Harness::default();
    let handles = Handles::open(&mut harness);
    harness.run();
    let unused = harness.agent.open_connection(URL, |_, _| {}).unwrap();
    harness.agent = Agent::new(AgentConfig::new("another"));
    assert_eq!(handles.are_open(), [false; 4]);
    let sender = handles.sender.as_ref().unwrap();
    assert_eq!((sender.send(b"x".as_slice()), sender.queued_messages()), (Err(AgentError::Closed), 0));
    assert_eq!(unused.open_session(None).err(), Some(AgentError::Closed));
    assert_eq!(unused.server_address(), None);
    assert_eq!(harness.callbacks_alive(), 0);
}
