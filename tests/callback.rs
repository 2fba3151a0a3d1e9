//! The promises of the callback API, one test for each, against servers in memory.
//!
//! The modules hold what else it does: how endpoints end, messages and their outcomes, connections and their settings,
//! tokens, the engine beneath, and random programs.

#[path = "callback/beneath.rs"]
mod beneath;
#[path = "callback/connections.rs"]
mod connections;
#[path = "callback/endings.rs"]
mod endings;
#[path = "callback/harness.rs"]
mod harness;
#[path = "callback/messages.rs"]
mod messages;
#[path = "liveness/random.rs"]
mod numbers;
#[path = "callback/random.rs"]
mod random;
#[path = "callback/server.rs"]
mod server;
#[path = "callback/tokens.rs"]
mod tokens;

use amqp_proto::{
    callback::{AgentConfig, AgentError, Callback, ConnectionHandle, Counts, SenderHandle, SessionHandle},
    spec::definitions::{AmqpError, ErrorCondition},
};
use harness::{Handles, Harness, NO_ENDPOINTS, URL, assert_grammar, count_closed, orders};
use std::{any::Any, cell::RefCell, rc::Rc};

const OPEN_EVENTS: [&str; 4] =
    ["connection CONNECTION_OPEN", "session SESSION_OPEN", "sender SENDER_OPEN", "receiver RECEIVER_OPEN"];

// Opening.

#[test]
fn open_connection_with_url_and_callback_returns_a_handle_at_once_not_yet_open() {
    let mut harness = Harness::default();
    let callback = harness.callback("connection");
    let connection = harness.agent.open_connection("amqps://host:5671", callback).unwrap();
    assert!(!connection.is_open());
    assert_eq!(harness.agent.counts(), Counts { connections: 1, ..NO_ENDPOINTS });
    let server = connection.server_address().unwrap();
    assert_eq!((server.host.as_str(), server.port, server.tls), ("host", 5671, true));
    assert!(harness.log().is_empty());
    harness.run();
    assert!(connection.is_open());
    assert_eq!(harness.log(), ["connection CONNECTION_OPEN"]);
}

#[test]
fn open_session_on_an_opening_connection_returns_a_handle_at_once_not_yet_open() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    let session = connection.open_session(Some(harness.callback("session"))).unwrap();
    assert!(!session.is_open());
    assert_eq!(harness.agent.counts(), Counts { connections: 1, sessions: 1, links: 0 });
    assert!(harness.log().is_empty());
    harness.run();
    assert!(session.is_open());
    assert_eq!(harness.log(), OPEN_EVENTS[..2]);
}

#[test]
fn open_sender_on_an_opening_session_returns_a_handle_at_once_not_yet_open() {
    let mut harness = Harness::default();
    let (_connection, session) = harness.connect_with_session();
    let sender = session.open_sender("queue", Some(harness.callback("sender"))).unwrap();
    assert!(!sender.is_open());
    assert_eq!(harness.agent.counts(), Counts { connections: 1, sessions: 1, links: 1 });
    assert!(harness.log().is_empty());
    harness.run();
    assert!(sender.is_open());
    assert_eq!(harness.log().last().unwrap(), OPEN_EVENTS[2]);
}

#[test]
fn open_receiver_on_an_opening_session_returns_a_handle_at_once_not_yet_open() {
    let mut harness = Harness::default();
    let (_connection, session) = harness.connect_with_session();
    let receiver = session.open_receiver("queue", Some(harness.callback("receiver")), |_| {}).unwrap();
    assert!(!receiver.is_open());
    assert_eq!(harness.agent.counts(), Counts { connections: 1, sessions: 1, links: 1 });
    assert!(harness.log().is_empty());
    harness.run();
    assert!(receiver.is_open());
    assert_eq!(harness.log().last().unwrap(), OPEN_EVENTS[3]);
}

#[test]
fn handles_opened_all_at_once_open_parents_first() {
    let mut harness = Harness::default();
    let handles = Handles::open(&mut harness);
    assert_eq!(handles.are_open(), [false; 4]);
    assert_eq!(harness.agent.counts(), Counts { connections: 1, sessions: 1, links: 2 });
    harness.run();
    assert_eq!(handles.are_open(), [true; 4]);
    assert_eq!(harness.log(), OPEN_EVENTS);
    drop(handles);
    harness.run();
    assert_eq!(harness.agent.counts(), NO_ENDPOINTS);
}

#[test]
fn is_open_at_any_time_is_true_from_the_open_event_until_the_end() {
    let mut harness = Harness::default();
    let handles: Rc<RefCell<Handles>> = Rc::default();
    let seen: Rc<RefCell<Vec<(String, bool)>>> = Rc::default();
    let note = |which: usize| -> Callback {
        let (handles, seen) = (Rc::downgrade(&handles), seen.clone());
        Box::new(move |event, _| {
            let handles = handles.upgrade().unwrap();
            let is_open = handles.borrow().are_open()[which];
            seen.borrow_mut().push((event.to_owned(), is_open));
        })
    };
    let connection = harness.agent.open_connection(URL, note(0)).unwrap();
    let session = connection.open_session(Some(note(1))).unwrap();
    let sender = session.open_sender("queue", Some(note(2))).unwrap();
    let receiver = session.open_receiver("queue", Some(note(3)), |_| {}).unwrap();
    *handles.borrow_mut() = Handles {
        connection: Some(connection),
        session: Some(session),
        sender: Some(sender),
        receiver: Some(receiver),
    };
    harness.run();
    assert_eq!(handles.borrow().are_open(), [true; 4]);
    assert!(seen.borrow().len() == 4 && seen.borrow().iter().all(|(_, is_open)| *is_open), "{seen:?}");
    seen.borrow_mut().clear();
    // The peer's end of the session ends the links too; the connection stays.
    harness.server().end(1, None);
    harness.run();
    assert_eq!(handles.borrow().are_open(), [true, false, false, false]);
    assert!(seen.borrow().len() == 3 && seen.borrow().iter().all(|(_, is_open)| !is_open), "{seen:?}");
    // Closing takes effect at once, before any byte was exchanged.
    handles.borrow().connection.as_ref().unwrap().close();
    assert_eq!(handles.borrow().are_open(), [false; 4]);
}

// Callbacks.

#[test]
fn session_without_a_callback_reports_to_the_connections() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    let silent = connection.open_session(None).unwrap();
    let own = connection.open_session(Some(harness.callback("session"))).unwrap();
    harness.run();
    assert_eq!(harness.take_log()[1..], ["connection SESSION_OPEN", "session SESSION_OPEN"]);
    drop(silent);
    harness.run();
    assert_eq!(harness.take_log(), ["connection SESSION_CLOSED"]);
    drop(own);
    harness.run();
    assert_eq!(harness.log(), ["session SESSION_CLOSED"]);
}

#[test]
fn sender_without_a_callback_reports_to_the_connections() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    // Even if its session has a callback.
    let session = connection.open_session(Some(harness.callback("session"))).unwrap();
    let silent = session.open_sender("queue", None).unwrap();
    let refused = session.open_sender("missing", None).unwrap();
    let own = session.open_sender("queue", Some(harness.callback("sender"))).unwrap();
    harness.run();
    assert_eq!(
        harness.take_log()[2..],
        [
            "connection SENDER_OPEN",
            "connection SENDER_ERROR amqp:not-found: no such node",
            "sender SENDER_OPEN"
        ]
    );
    assert!(!refused.is_open());
    drop(silent);
    harness.run();
    assert_eq!(harness.take_log(), ["connection SENDER_CLOSED"]);
    drop(own);
    harness.run();
    assert_eq!(harness.log(), ["sender SENDER_CLOSED"]);
}

#[test]
fn receiver_without_a_callback_reports_to_the_connections() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    // Even if its session has a callback.
    let session = connection.open_session(Some(harness.callback("session"))).unwrap();
    let silent = session.open_receiver("queue", None, |_| {}).unwrap();
    let refused = session.open_receiver("missing", None, |_| {}).unwrap();
    let own = session.open_receiver("queue", Some(harness.callback("receiver")), |_| {}).unwrap();
    harness.run();
    assert_eq!(
        harness.take_log()[2..],
        [
            "connection RECEIVER_OPEN",
            "connection RECEIVER_ERROR amqp:not-found: no such node",
            "receiver RECEIVER_OPEN"
        ]
    );
    assert!(!refused.is_open());
    drop(silent);
    harness.run();
    assert_eq!(harness.take_log(), ["connection RECEIVER_CLOSED"]);
    drop(own);
    harness.run();
    assert_eq!(harness.log(), ["receiver RECEIVER_CLOSED"]);
}

/// Each of the twelve events: opened, closed by the peer, ended by the peer with an error.
#[test]
fn callbacks_get_the_event_name_and_a_detail_for_errors_alone() {
    for (which, name) in ["connection", "session", "sender", "receiver"].into_iter().enumerate() {
        for error in [None, Some(AmqpError::described(ErrorCondition::ResourceDeleted, "gone"))] {
            let end = match error {
                None => "CLOSED",
                Some(_) => "ERROR amqp:resource-deleted: gone",
            };
            let mut harness = Harness::default();
            let _handles = Handles::open(&mut harness);
            harness.run();
            harness.server().end(which, error);
            harness.run();
            let kind = name.to_uppercase();
            let log = harness.log();
            let of_name: Vec<&String> = log.iter().filter(|line| line.starts_with(name)).collect();
            assert_eq!(of_name, [&format!("{name} {kind}_OPEN"), &format!("{name} {kind}_{end}")]);
            // And so do its children, for their parent's end. `Harness::callback` checks that only errors have a detail.
            let kind = end.split(':').take(2).collect::<Vec<_>>().join(":");
            let ended = log.iter().filter(|line| line.contains(&kind));
            assert_eq!(ended.count(), [4, 3, 1, 1][which], "{log:?}");
            let own = if end == "CLOSED" { [4, 3, 1, 1][which] } else { 1 };
            assert_eq!(log.iter().filter(|line| line.ends_with(end)).count(), own, "{log:?}");
        }
    }
}

#[test]
fn connection_holds_any_number_of_sessions_each_with_any_number_of_links() {
    let config = AgentConfig::new("agent").max_links(100 * 7 + 250);
    let mut harness = Harness::new(config);
    let connection = harness.connect();
    let mut links: Vec<(SenderHandle, _)> = Vec::new();
    let mut open_links = |session: &SessionHandle, count: usize| {
        for _ in 0..count {
            let sender = session.open_sender("queue", None).unwrap();
            sender.send(b"hello".as_slice()).unwrap();
            links.push((sender, session.open_receiver("queue", None, |_| {}).unwrap()));
        }
    };
    let sessions: Vec<_> = (0..100).map(|_| connection.open_session(None).unwrap()).collect();
    for (number, session) in sessions.iter().enumerate() {
        // The first has many links, the last has none.
        open_links(session, if number == 0 { 125 } else { (99 - number) % 7 });
    }
    harness.run_rounds(200);
    assert!(sessions.iter().all(SessionHandle::is_open));
    assert!(links.iter().all(|(sender, receiver)| sender.is_open() && receiver.is_open()));
    assert_eq!(harness.server().received.len(), links.len());
    let counts = harness.agent.counts();
    assert_eq!((counts.sessions, counts.links), (100, 2 * links.len()));
    drop((links, sessions));
    harness.run_rounds(200);
    assert_eq!(harness.agent.counts(), Counts { connections: 1, ..NO_ENDPOINTS });
}

// Closing.

#[test]
fn handles_dropped_in_any_order_close_what_they_stand_for() {
    for order in orders() {
        // All at once, or one after the other with time for the answers.
        for run_between in [false, true] {
            let mut harness = Harness::default();
            let handles = Handles::open(&mut harness);
            harness.run();
            let mut handles: [Option<Box<dyn Any>>; 4] = [
                Some(Box::new(handles.connection.unwrap())),
                Some(Box::new(handles.session.unwrap())),
                Some(Box::new(handles.sender.unwrap())),
                Some(Box::new(handles.receiver.unwrap())),
            ];
            for which in order {
                drop(handles[which].take());
                if run_between {
                    harness.run();
                }
            }
            harness.run();
            assert_all_closed(&harness, &format!("{order:?}, {run_between}"));
        }
    }
}

#[test]
fn handles_dropped_before_they_are_open_close_what_they_stand_for() {
    for order in orders() {
        for rounds in 0..6 {
            let mut harness = Harness::default();
            let mut handles = Handles::open(&mut harness);
            harness.run_rounds(rounds);
            order.iter().for_each(|which| handles.set_to_none(*which));
            harness.run();
            assert_all_closed(&harness, &format!("{order:?} after {rounds} rounds"));
        }
    }
}

#[test]
fn handle_set_to_none_closes_what_it_stands_for_and_nothing_else() {
    for (which, stay_open) in
        [[false; 4], [true, false, false, false], [true, true, false, true], [true, true, true, false]]
            .into_iter()
            .enumerate()
    {
        let mut harness = Harness::default();
        let mut handles = Handles::open(&mut harness);
        harness.run();
        harness.take_log();
        handles.set_to_none(which);
        harness.run();
        assert_eq!(handles.are_open(), stay_open);
        assert_eq!(count_closed(&harness.log()), [4, 3, 1, 1][which], "{:?}", harness.log());
        assert_grammar(&harness.log());
    }
}

/// Checks that all four endpoints were closed, children first, and that nothing is left of them.
#[track_caller]
fn assert_all_closed(harness: &Harness, case: &str) {
    let log = harness.log();
    assert_eq!(count_closed(&log), 4, "{case}: {log:?}");
    assert_grammar(&log);
    assert_eq!(harness.agent.counts(), NO_ENDPOINTS, "{case}");
    assert_eq!(harness.callbacks_alive(), 0, "{case}");
    assert_eq!(harness.agent.connections().count(), 0, "{case}");
}

/// All that runs a callback: each event, a message, an outcome.
const OCCASIONS: [&str; 14] = [
    "CONNECTION_OPEN",
    "CONNECTION_CLOSED",
    "CONNECTION_ERROR",
    "SESSION_OPEN",
    "SESSION_CLOSED",
    "SESSION_ERROR",
    "SENDER_OPEN",
    "SENDER_CLOSED",
    "SENDER_ERROR",
    "RECEIVER_OPEN",
    "RECEIVER_CLOSED",
    "RECEIVER_ERROR",
    "message",
    "outcome",
];

#[test]
fn handles_dropped_inside_any_callback_in_any_order_close_what_they_stand_for() {
    for occasion in OCCASIONS {
        for order in orders() {
            drop_all_inside_callback(occasion, order);
        }
    }
}

fn drop_all_inside_callback(occasion: &'static str, order: [usize; 4]) {
    let mut harness = Harness::default();
    let handles = Rc::new(RefCell::new(Handles::default()));
    let (owned, count) = (handles.clone(), Rc::new(RefCell::new(0)));
    let happened = count.clone();
    // The callbacks own the handles, so nothing but the end of their endpoints drops the callbacks.
    let drop_all = move |name: &str| {
        if name == occasion {
            *count.borrow_mut() += 1;
            order.iter().for_each(|which| owned.borrow_mut().set_to_none(*which));
        }
    };
    let callback = |harness: &Harness| -> Callback {
        let (drop_all, mut log) = (drop_all.clone(), harness.callback("all"));
        Box::new(move |event, detail| {
            log(event, detail);
            drop_all(event);
        })
    };
    let connection = harness.agent.open_connection(URL, callback(&harness)).unwrap();
    let session = connection.open_session(Some(callback(&harness))).unwrap();
    let sender = session.open_sender("queue", Some(callback(&harness))).unwrap();
    let (on_message, on_outcome) = (drop_all.clone(), drop_all.clone());
    let receiver = session.open_receiver("queue", None, move |_| on_message("message")).unwrap();
    sender.send_with_outcome(b"hello".as_slice(), move |_| on_outcome("outcome")).unwrap();
    *handles.borrow_mut() = Handles {
        connection: Some(connection),
        session: Some(session),
        sender: Some(sender),
        receiver: Some(receiver),
    };
    harness.run();
    // The server brings about what has not happened yet.
    if harness.has_server() {
        harness.server().deliver("one");
        harness.run();
        let kinds = ["CONNECTION", "SESSION", "SENDER", "RECEIVER"];
        let error = occasion.ends_with("ERROR").then(|| AmqpError::new(ErrorCondition::DetachForced));
        if let Some(which) = kinds.iter().position(|kind| occasion.starts_with(kind)) {
            harness.server().end(which, error);
        }
    }
    harness.run();
    let log = harness.log();
    assert!(*happened.borrow() > 0, "{occasion} did not happen: {log:?}");
    assert_grammar(&log);
    assert_eq!(harness.agent.counts(), NO_ENDPOINTS, "{occasion} {order:?}: {log:?}");
    assert_eq!(harness.callbacks_alive(), 0, "{occasion} {order:?}");
    drop(drop_all);
    assert_eq!(Rc::strong_count(&handles), 1, "{occasion} {order:?}: a callback was not dropped");
}

// Calls inside callbacks.

#[test]
fn session_opened_inside_the_connections_callback_opens_and_carries_messages() {
    let mut harness = Harness::default();
    let handles: Rc<RefCell<Handles>> = Rc::default();
    let (weak, mut log) = (Rc::downgrade(&handles), harness.callback("all"));
    let callback = move |event: &str, detail: Option<&str>| {
        log(event, detail);
        let handles = weak.upgrade().unwrap();
        let mut handles = handles.borrow_mut();
        match event {
            "CONNECTION_OPEN" => {
                let connection = handles.connection.as_ref().unwrap();
                assert!(connection.is_open());
                let session = connection.open_session(None).unwrap();
                assert!(!session.is_open());
                handles.session = Some(session);
            }
            "SESSION_OPEN" => {
                let session = handles.session.as_ref().unwrap();
                assert!(session.is_open());
                let sender = session.open_sender("queue", None).unwrap();
                let receiver = session.open_receiver("queue", None, |_| {}).unwrap();
                assert!(!sender.is_open() && !receiver.is_open());
                (handles.sender, handles.receiver) = (Some(sender), Some(receiver));
            }
            "SENDER_OPEN" => handles.sender.as_ref().unwrap().send(b"from inside".as_slice()).unwrap(),
            _ => {}
        }
    };
    handles.borrow_mut().connection = Some(harness.agent.open_connection(URL, callback).unwrap());
    harness.run();
    assert_eq!(handles.borrow().are_open(), [true; 4]);
    assert_eq!(harness.server().received, [b"from inside"]);
    handles.borrow().session.as_ref().unwrap().close();
    harness.run();
    assert_eq!(count_closed(&harness.log()), 3);
    assert_eq!(harness.agent.counts(), Counts { connections: 1, ..NO_ENDPOINTS });
}

// Limits.

#[test]
fn connection_above_the_limit_is_refused_by_name() {
    let mut harness = Harness::new(AgentConfig::new("agent").max_connections(2));
    let connections = [harness.connect(), harness.connect()];
    let error = harness.agent.open_connection(URL, |_, _| {}).unwrap_err();
    assert_eq!(
        (error, error.to_string().as_str()),
        (AgentError::MaxConnections, "max connection limit reached")
    );
    harness.run();
    assert!(connections.iter().all(ConnectionHandle::is_open));
    // A closed connection makes room once it has ended.
    connections[0].close();
    assert_eq!(harness.agent.open_connection(URL, |_, _| {}).err(), Some(AgentError::MaxConnections));
    harness.run();
    assert!(harness.agent.open_connection(URL, |_, _| {}).is_ok());
}

#[test]
fn session_above_the_limit_is_refused_by_name() {
    // The limit is for all connections together.
    let mut harness = Harness::new(AgentConfig::new("agent").max_sessions(2));
    let connections = [harness.connect(), harness.connect()];
    let sessions = connections.each_ref().map(|connection| connection.open_session(None).unwrap());
    let error = connections[0].open_session(None).unwrap_err();
    assert_eq!((error, error.to_string().as_str()), (AgentError::MaxSessions, "max session limit reached"));
    harness.run();
    assert!(sessions.iter().all(SessionHandle::is_open));
    sessions[0].close();
    assert_eq!(connections[1].open_session(None).err(), Some(AgentError::MaxSessions));
    harness.run();
    assert!(connections[1].open_session(None).is_ok());
}

#[test]
fn link_above_the_limit_is_refused_by_name() {
    // The limit is for senders and receivers of all sessions together.
    let mut harness = Harness::new(AgentConfig::new("agent").max_links(2));
    let (connection, first) = harness.connect_with_session();
    let second = connection.open_session(None).unwrap();
    let sender = first.open_sender("queue", None).unwrap();
    let receiver = second.open_receiver("queue", None, |_| {}).unwrap();
    let errors = [
        first.open_sender("queue", None).unwrap_err(),
        first.open_receiver("queue", None, |_| {}).unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error, error.to_string().as_str()), (AgentError::MaxLinks, "max link limit reached"));
    }
    harness.run();
    assert!(sender.is_open() && receiver.is_open());
    sender.close();
    assert_eq!(first.open_sender("queue", None).err(), Some(AgentError::MaxLinks));
    harness.run();
    assert!(first.open_sender("queue", None).is_ok());
}
