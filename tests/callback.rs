//! The callback face, against servers in memory.

#[path = "callback/bench.rs"]
mod bench;

use amqp_proto::{
    ConnectionConfig, Limits,
    callback::{
        Agent, AgentError, Callback, ConnectionHandle, Counts, ReceiverHandle, SenderHandle, SessionHandle,
        Settings, UrlError,
    },
    sasl::Offer,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::{DeliveryState, Modified},
    },
};
use bench::{Bench, URL, all_closed, assert_grammar};
use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

const NONE: Counts = Counts { connections: 0, sessions: 0, links: 0 };

/// One handle of each kind.
#[derive(Default)]
struct Handles {
    connection: Option<ConnectionHandle>,
    session: Option<SessionHandle>,
    sender: Option<SenderHandle>,
    receiver: Option<ReceiverHandle>,
}

impl Handles {
    /// Opens all at once, each with a callback that logs under its own name.
    fn open(bench: &mut Bench) -> Self {
        let connection = bench.connect();
        let session = connection.open_session(bench.callback("session")).unwrap();
        let sender = session.open_sender("queue", bench.callback("sender")).unwrap();
        let receiver = session.open_receiver("queue", bench.callback("receiver"), |_| {}).unwrap();
        Self {
            connection: Some(connection),
            session: Some(session),
            sender: Some(sender),
            receiver: Some(receiver),
        }
    }

    fn are_open(&self) -> [bool; 4] {
        [
            self.connection.as_ref().is_some_and(ConnectionHandle::is_open),
            self.session.as_ref().is_some_and(SessionHandle::is_open),
            self.sender.as_ref().is_some_and(SenderHandle::is_open),
            self.receiver.as_ref().is_some_and(ReceiverHandle::is_open),
        ]
    }

    fn drop_one(&mut self, which: usize) {
        match which {
            0 => drop(self.connection.take()),
            1 => drop(self.session.take()),
            2 => drop(self.sender.take()),
            _ => drop(self.receiver.take()),
        }
    }
}

const OPENED: [&str; 4] =
    ["connection CONNECTION_OPEN", "session SESSION_OPEN", "sender SENDER_OPEN", "receiver RECEIVER_OPEN"];

/// All orders of the four handles.
fn orders() -> Vec<[usize; 4]> {
    let mut orders = Vec::new();
    for n in 0..256_usize {
        let order = [n % 4, n / 4 % 4, n / 16 % 4, n / 64];
        if order.iter().collect::<BTreeSet<_>>().len() == 4 {
            orders.push(order);
        }
    }
    assert_eq!(orders.len(), 24);
    orders
}

#[test]
fn handles_come_at_once_and_open_in_order() {
    let mut bench = Bench::default();
    let handles = Handles::open(&mut bench);
    assert_eq!(handles.are_open(), [false; 4]);
    assert_eq!(bench.agent.counts(), Counts { connections: 1, sessions: 1, links: 2 });
    bench.run();
    assert_eq!(handles.are_open(), [true; 4]);
    assert_eq!(bench.log(), OPENED);
    drop(handles);
    bench.run();
    assert_eq!(bench.agent.counts(), NONE);
}

#[test]
fn what_is_dropped_is_closed_in_any_order() {
    for order in orders() {
        // All at once, or one after the other with time for the answers.
        for run_between in [false, true] {
            let mut bench = Bench::default();
            let mut handles = Handles::open(&mut bench);
            bench.run();
            bench.take_log();
            for which in order {
                handles.drop_one(which);
                assert!(!handles.are_open()[which]);
                if run_between {
                    bench.run();
                }
            }
            bench.run();
            let log = bench.log();
            assert_eq!(all_closed(&log), 4, "{order:?}: {log:?}");
            assert_grammar(&log);
            assert_eq!(bench.agent.counts(), NONE, "{order:?}");
            assert_eq!(bench.callbacks_alive(), 0, "{order:?}");
            assert_eq!(bench.agent.connections().count(), 0);
        }
    }
}

#[test]
fn what_is_dropped_before_it_is_open_is_closed_too() {
    for order in orders() {
        for rounds in 0..6 {
            let mut bench = Bench::default();
            let mut handles = Handles::open(&mut bench);
            bench.run_rounds(rounds);
            for which in order {
                handles.drop_one(which);
            }
            bench.run();
            let log = bench.log();
            assert_eq!(all_closed(&log), 4, "{order:?} after {rounds}: {log:?}");
            assert_grammar(&log);
            assert_eq!(bench.agent.counts(), NONE, "{order:?} after {rounds}");
            assert_eq!(bench.callbacks_alive(), 0, "{order:?} after {rounds}");
        }
    }
}

#[test]
fn closing_is_the_same_as_dropping_and_is_final() {
    let mut bench = Bench::default();
    let handles = Handles::open(&mut bench);
    bench.run();
    let (connection, session) = (handles.connection.as_ref().unwrap(), handles.session.as_ref().unwrap());
    let sender = handles.sender.as_ref().unwrap();
    session.close();
    session.close();
    assert_eq!(handles.are_open(), [true, false, true, true]);
    assert_eq!(session.open_sender("queue", None).err(), Some(AgentError::Closed));
    assert_eq!(sender.send(b"x".as_slice()), Err(AgentError::Closed));
    bench.run();
    assert_eq!(handles.are_open(), [true, false, false, false]);
    assert_eq!(all_closed(&bench.log()), 3);
    connection.close();
    assert_eq!(connection.open_session(None).err(), Some(AgentError::Closed));
    bench.run();
    assert_eq!(connection.endpoint(), None);
    assert_eq!(bench.agent.counts(), NONE);
}

#[test]
fn without_a_callback_events_go_to_the_connections() {
    let mut bench = Bench::default();
    let connection = bench.connect();
    let session = connection.open_session(None).unwrap();
    let sender = session.open_sender("queue", None).unwrap();
    let refused = session.open_receiver("missing", None, |_| {}).unwrap();
    // A link's do even where its session has one.
    let other = connection.open_session(bench.callback("other")).unwrap();
    let receiver = other.open_receiver("queue", None, |_| {}).unwrap();
    bench.run();
    assert_eq!(
        bench.take_log(),
        [
            "connection CONNECTION_OPEN",
            "connection SESSION_OPEN",
            "other SESSION_OPEN",
            "connection SENDER_OPEN",
            "connection RECEIVER_ERROR amqp:not-found: no such node",
            "connection RECEIVER_OPEN",
        ]
    );
    assert!(!refused.is_open());
    drop((receiver, sender, other, session, connection));
    bench.run();
    let log = bench.log();
    assert_eq!(all_closed(&log), 5);
    assert!(log.contains(&"other SESSION_CLOSED".to_owned()), "{log:?}");
    assert!(log.contains(&"connection RECEIVER_CLOSED".to_owned()), "{log:?}");
}

#[test]
fn the_peers_errors_end_what_they_are_about() {
    for which in 0..4 {
        let mut bench = Bench::default();
        let handles = Handles::open(&mut bench);
        bench.run();
        bench.take_log();
        bench.server().end(which, Some(AmqpError::described(ErrorCondition::ResourceDeleted, "gone")));
        bench.run();
        let log = bench.take_log();
        let gone = "amqp:resource-deleted: gone";
        let told = |name: &str, event: &str| format!("{name} {event}_ERROR {gone}");
        let all = [
            told("connection", "CONNECTION"),
            told("session", "SESSION"),
            told("sender", "SENDER"),
            told("receiver", "RECEIVER"),
        ];
        let expected: BTreeSet<_> = match which {
            0 => all.iter().collect(),
            1 => all[1..].iter().collect(),
            _ => all[which..=which].iter().collect(),
        };
        assert_eq!(log.iter().collect::<BTreeSet<_>>(), expected);
        assert_grammar(&log);
        assert!(!handles.are_open()[which]);
        drop(handles);
        bench.run();
        assert_eq!((bench.agent.counts(), bench.callbacks_alive()), (NONE, 0));
    }
}

#[test]
fn an_end_without_an_error_is_closed_whoever_brings_it_about() {
    for which in 0..4 {
        let mut bench = Bench::default();
        let handles = Handles::open(&mut bench);
        bench.run();
        bench.take_log();
        bench.server().end(which, None);
        bench.run();
        let log = bench.take_log();
        assert_eq!(all_closed(&log), [4, 3, 1, 1][which], "{log:?}");
        assert!(!handles.are_open()[which]);
    }
}

#[test]
fn a_lost_transport_ends_everything_children_first() {
    let mut bench = Bench::default();
    let handles = Handles::open(&mut bench);
    bench.run();
    bench.take_log();
    let id = handles.connection.as_ref().unwrap().id();
    bench.agent.eof(id, bench.now);
    bench.agent.pump(bench.now);
    let log = bench.log();
    assert_eq!(log.len(), 4);
    assert!(
        log.iter().all(|line| line.ends_with("_ERROR amqp:connection:forced: the transport was lost")),
        "{log:?}"
    );
    assert_grammar(&log);
    assert_eq!(handles.are_open(), [false; 4]);
    assert_eq!((bench.agent.counts(), bench.callbacks_alive()), (NONE, 0));
    assert!(bench.agent.is_closed(id) && bench.agent.output(id, bench.now).is_none());
}

/// What can happen in a callback: each event, a message, an outcome.
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
fn all_handles_can_be_dropped_inside_any_callback() {
    for occasion in OCCASIONS {
        for order in orders() {
            let mut bench = Bench::default();
            let handles = Rc::new(RefCell::new(Handles::default()));
            let (owned, happened) = (handles.clone(), Rc::new(RefCell::new(0)));
            let count = happened.clone();
            // The callbacks own the handles, so that nothing but their own end lets go of them.
            let drop_all = move |name: &str| {
                if name == occasion {
                    *count.borrow_mut() += 1;
                    order.iter().for_each(|which| owned.borrow_mut().drop_one(*which));
                }
            };
            let tell = |bench: &Bench| -> Callback {
                let (drop_all, mut log) = (drop_all.clone(), bench.callback("all").unwrap());
                Box::new(move |event, detail| {
                    log(event, detail);
                    drop_all(event);
                })
            };
            let connection = bench.agent.open_connection(URL, tell(&bench)).unwrap();
            let session = connection.open_session(Some(tell(&bench))).unwrap();
            let sender = session.open_sender("queue", Some(tell(&bench))).unwrap();
            let on_message = drop_all.clone();
            let receiver = session.open_receiver("queue", None, move |_| on_message("message")).unwrap();
            let on_outcome = drop_all.clone();
            sender.send_then(b"hello".as_slice(), move |_| on_outcome("outcome")).unwrap();
            *handles.borrow_mut() = Handles {
                connection: Some(connection),
                session: Some(session),
                sender: Some(sender),
                receiver: Some(receiver),
            };
            bench.run();
            if bench.has_server() {
                // What has not happened yet, the server brings about.
                bench.server().deliver("one");
                bench.run();
            }
            let error = occasion.ends_with("ERROR").then(|| AmqpError::new(ErrorCondition::DetachForced));
            let which =
                ["CONNECTION", "SESSION", "SENDER", "RECEIVER"].iter().position(|n| occasion.starts_with(n));
            if let Some(which) = which.filter(|_| bench.has_server()) {
                bench.server().end(which, error);
            }
            bench.run();
            assert!(*happened.borrow() > 0, "{occasion} did not happen: {:?}", bench.log());
            let log = bench.log();
            assert_grammar(&log);
            assert_eq!(bench.agent.counts(), NONE, "{occasion} {order:?}: {log:?}");
            assert_eq!(bench.callbacks_alive(), 0, "{occasion} {order:?}");
            drop(drop_all);
            assert_eq!(Rc::strong_count(&handles), 1, "{occasion} {order:?}: a callback lives on");
        }
    }
}

#[test]
fn calls_inside_callbacks_are_carried_out() {
    let mut bench = Bench::default();
    let kept: Rc<RefCell<Handles>> = Rc::default();
    let (state, mut log) = (Rc::downgrade(&kept), bench.callback("all").unwrap());
    let connection = bench
        .agent
        .open_connection(URL, move |event, detail| {
            log(event, detail);
            let state = state.upgrade().unwrap();
            let mut state = state.borrow_mut();
            match event {
                "CONNECTION_OPEN" => {
                    let connection = state.connection.as_ref().unwrap();
                    assert!(connection.is_open());
                    state.session = Some(connection.open_session(None).unwrap());
                }
                "SESSION_OPEN" => {
                    let session = state.session.as_ref().unwrap();
                    assert!(session.is_open());
                    let (sender, receiver) =
                        (session.open_sender("queue", None), session.open_receiver("queue", None, |_| {}));
                    (state.sender, state.receiver) = (Some(sender.unwrap()), Some(receiver.unwrap()));
                    assert!(!state.sender.as_ref().unwrap().is_open());
                }
                "SENDER_OPEN" => state.sender.as_ref().unwrap().send(b"from inside".as_slice()).unwrap(),
                "SENDER_CLOSED" => assert!(!state.sender.as_ref().is_some_and(SenderHandle::is_open)),
                _ => {}
            }
        })
        .unwrap();
    kept.borrow_mut().connection = Some(connection);
    bench.run();
    assert_eq!(kept.borrow().are_open(), [true; 4]);
    assert_eq!(bench.server().received, [b"from inside"]);
    kept.borrow().session.as_ref().unwrap().close();
    bench.run();
    assert_eq!(all_closed(&bench.log()), 3);
    assert_eq!(bench.agent.counts(), Counts { connections: 1, ..NONE });
}

#[test]
fn messages_sent_early_arrive_and_their_outcomes_are_told() {
    let mut bench = Bench::default();
    let connection = bench.connect();
    let session = connection.open_session(None).unwrap();
    let outcomes: Rc<RefCell<Vec<String>>> = Rc::default();
    for (path, expected) in [("queue", "Accepted"), ("reject", "Rejected"), ("slow", "None")] {
        let sender = session.open_sender(path, None).unwrap();
        let told = outcomes.clone();
        let on_outcome = move |state: Option<&DeliveryState>| told.borrow_mut().push(format!("{state:?}"));
        sender.send_then(b"early".as_slice(), on_outcome).unwrap();
        assert_eq!(sender.queued(), 1);
        bench.run();
        assert_eq!(sender.queued(), usize::from(path == "slow"));
        drop(sender);
        bench.run();
        let told = outcomes.borrow_mut().pop().unwrap();
        assert!(told.contains(expected), "{path}: {told}");
        assert!(outcomes.borrow().is_empty());
    }
    assert_eq!(bench.server().received, [b"early", b"early"]);
}

#[test]
fn a_receiver_tops_up_its_credit_and_says_what_is_to_become_of_messages() {
    let mut bench = Bench::default();
    let connection = bench.connect();
    let session = connection.open_session(None).unwrap();
    let got: Rc<RefCell<Vec<String>>> = Rc::default();
    let seen = got.clone();
    let receiver = session
        .open_receiver("queue", None, move |delivery| {
            let text = String::from_utf8(delivery.payload().clone().into_bytes().to_vec()).unwrap();
            match text.as_str() {
                "reject" => delivery.reject(Some(AmqpError::new(ErrorCondition::DecodeError))),
                "release" => delivery.release(),
                "modify" => delivery.modify(Modified { delivery_failed: Some(true), ..Modified::default() }),
                "twice" => {
                    delivery.release();
                    delivery.accept();
                }
                _ => assert!(!delivery.is_settled() && !delivery.tag().as_bytes().is_empty()),
            }
            seen.borrow_mut().push(text);
        })
        .unwrap();
    bench.run();
    assert_eq!(bench.server().credit(), 10);
    let texts =
        ["reject", "release", "modify", "twice"].into_iter().chain(std::iter::repeat_n("nothing said", 31));
    let texts: Vec<_> = texts.collect();
    for text in &texts {
        bench.server().deliver(text);
        bench.run_rounds(2);
    }
    assert_eq!(*got.borrow(), texts);
    assert!(bench.server().credit() >= 5, "{}", bench.server().credit());
    let states = std::mem::take(&mut bench.server().outcomes);
    for (state, expected) in states.iter().zip(["Rejected", "Released", "Modified"]) {
        assert!(state.contains(expected), "{state}");
    }
    assert!(states.len() == 35 && states[3..].iter().all(|state| state.contains("Accepted")), "{states:?}");
    drop(receiver);
}

#[test]
fn limits_are_errors_that_say_so() {
    let settings = Settings::new("agent").max_connections(1).max_sessions(2).max_links(3).max_queued(2);
    let mut bench = Bench::new(settings);
    let connection = bench.connect();
    let more = bench.agent.open_connection(URL, |_, _| {}).err();
    assert_eq!(more.map(|error| error.to_string()).as_deref(), Some("max connection limit reached"));
    let (one, two) = (connection.open_session(None).unwrap(), connection.open_session(None).unwrap());
    let more = connection.open_session(None).err();
    assert_eq!(more.map(|error| error.to_string()).as_deref(), Some("max session limit reached"));
    let sender = one.open_sender("slow", None).unwrap();
    let links = (two.open_sender("queue", None).unwrap(), two.open_receiver("queue", None, |_| {}).unwrap());
    let more = [one.open_sender("queue", None).err(), one.open_receiver("queue", None, |_| {}).err()];
    for more in more {
        assert_eq!(more.map(|error| error.to_string()).as_deref(), Some("max link limit reached"));
    }
    assert_eq!(bench.agent.counts(), Counts { connections: 1, sessions: 2, links: 3 });
    sender.send(b"1".as_slice()).unwrap();
    sender.send(b"2".as_slice()).unwrap();
    let more = sender.send(b"3".as_slice()).err();
    assert_eq!(more.map(|error| error.to_string()).as_deref(), Some("max queued message limit reached"));
    bench.run();
    // What is closed makes room, once it is.
    drop((two, links));
    assert_eq!(connection.open_session(None).err(), Some(AgentError::MaxSessions));
    bench.run();
    let again = connection.open_session(None).unwrap();
    assert!(again.open_sender("queue", None).is_ok());
    drop(connection);
    bench.run();
    assert!(bench.agent.open_connection(URL, |_, _| {}).is_ok());
}

#[test]
fn urls_that_are_none_are_refused() {
    let mut bench = Bench::default();
    let refused = bench.agent.open_connection("http://broker.example", |_, _| {}).err();
    assert_eq!(refused, Some(AgentError::Url(UrlError::Scheme)));
    assert_eq!(bench.agent.counts(), NONE);
    let connection = bench.agent.open_connection("amqps://u:p@broker.example", |_, _| {}).unwrap();
    let endpoint = connection.endpoint().unwrap();
    assert_eq!((endpoint.host.as_str(), endpoint.port, endpoint.tls), ("broker.example", 5671, true));
}

#[test]
fn credentials_in_the_url_mean_plain() {
    let server = || {
        let verify = Offer::verify_plain(|who| who.matches("user", "p@ss"));
        ConnectionConfig::server("server").auto_accept_sessions(true).sasl(verify)
    };
    for (url, expected) in [
        ("amqp://user:p%40ss@broker.example", "connection CONNECTION_OPEN"),
        ("amqp://user:wrong@broker.example", "connection CONNECTION_ERROR"),
        ("amqp://broker.example", "connection CONNECTION_ERROR"),
    ] {
        let mut bench = Bench::default();
        bench.server_config = server();
        let connection = bench.agent.open_connection(url, bench.callback("connection").unwrap()).unwrap();
        bench.run();
        let log = bench.log();
        assert!(log.len() == 1 && log[0].starts_with(expected), "{url}: {log:?}");
        let hostname =
            bench.server().engine.remote_open().map(|open| open.hostname.as_deref().map(str::to_owned));
        assert!(hostname.is_none_or(|hostname| hostname.as_deref() == Some("broker.example")));
        drop(connection);
    }
}

#[test]
fn what_the_engine_does_not_take_is_an_error_told_children_first() {
    let settings = Settings::new("agent").config(ConnectionConfig::client("agent").channel_max(0));
    let mut bench = Bench::new(settings);
    let connection = bench.connect();
    let first = connection.open_session(bench.callback("first")).unwrap();
    let second = connection.open_session(bench.callback("second")).unwrap();
    let link = second.open_sender("queue", bench.callback("link")).unwrap();
    link.send_then(b"x".as_slice(), |_| {}).unwrap();
    bench.run();
    assert_eq!(
        bench.log(),
        [
            "link SENDER_ERROR unknown or expired id",
            "second SESSION_ERROR the limit is reached: channel-max",
            "connection CONNECTION_OPEN",
            "first SESSION_OPEN",
        ]
    );
    assert_eq!(bench.agent.counts(), Counts { connections: 1, sessions: 1, links: 0 });
    assert!(first.is_open() && !second.is_open() && !link.is_open());
}

#[test]
fn trying_again_inside_an_error_callback_does_not_hold_the_agent_up() {
    let settings = Settings::new("agent").config(ConnectionConfig::client("agent").channel_max(0));
    let mut bench = Bench::new(settings);
    let connection = Rc::new(bench.connect());
    let first = connection.open_session(None).unwrap();
    let attempts = Rc::new(RefCell::new(Vec::new()));
    fn again(connection: &Rc<ConnectionHandle>, attempts: &Rc<RefCell<Vec<SessionHandle>>>) {
        let (held, kept) = (Rc::downgrade(connection), attempts.clone());
        let callback: Callback = Box::new(move |_, _| again(&held.upgrade().unwrap(), &kept));
        let session = connection.open_session(Some(callback)).unwrap();
        attempts.borrow_mut().push(session);
    }
    again(&connection, &attempts);
    for pumps in 1..10 {
        bench.agent.pump(bench.now);
        assert_eq!(attempts.borrow().len(), pumps + 1);
        assert_eq!(bench.agent.next_timeout(), Some(bench.now), "the next attempt waits to be reported");
    }
    drop(first);
}

#[test]
fn a_message_that_can_never_go_ends_its_sender_with_an_error() {
    let mut bench = Bench::default();
    let connection = bench.connect();
    let session = connection.open_session(None).unwrap();
    let sender = session.open_sender("small", bench.callback("sender")).unwrap();
    bench.run();
    sender.send(vec![0; 65]).unwrap();
    bench.run();
    let log = bench.log();
    assert_eq!(
        log.last().unwrap(),
        "sender SENDER_ERROR the message is larger than the peer's maximum of 64 bytes"
    );
    assert!(!sender.is_open() && session.is_open());
}

#[test]
fn a_detach_that_does_not_close_is_the_end_as_well() {
    let mut bench = Bench::default();
    let handles = Handles::open(&mut bench);
    bench.run();
    bench.take_log();
    bench.server().detach();
    bench.run();
    let log = bench.take_log();
    assert_eq!(
        log.iter().collect::<BTreeSet<_>>(),
        BTreeSet::from([&"sender SENDER_CLOSED".to_owned(), &"receiver RECEIVER_CLOSED".to_owned()])
    );
    assert_eq!(handles.are_open(), [true, true, false, false]);
    assert_eq!(bench.agent.counts(), Counts { connections: 1, sessions: 1, links: 0 });
}

#[test]
fn what_the_peer_asks_for_is_refused() {
    let mut bench = Bench::default();
    let connection = bench.connect();
    let session = connection.open_session(None).unwrap();
    bench.run();
    assert_eq!(bench.take_log().len(), 2);
    bench.server().ask();
    bench.run();
    let told = std::mem::take(&mut bench.server().told);
    for refused in ["SESSION_ERROR", "SENDER_ERROR", "RECEIVER_ERROR"] {
        assert!(told.iter().any(|name| name == refused), "{refused} missing in {told:?}");
    }
    assert!(connection.is_open() && session.is_open() && bench.log().is_empty());
}

#[test]
fn several_connections_are_kept_apart() {
    let mut bench = Bench::default();
    let one = bench.agent.open_connection(URL, bench.callback("one").unwrap()).unwrap();
    let two = bench.agent.open_connection(URL, bench.callback("two").unwrap()).unwrap();
    let (a, b) = (one.open_session(None).unwrap(), two.open_session(None).unwrap());
    bench.run();
    assert_ne!(one.id(), two.id());
    drop(one);
    bench.run();
    assert!(!a.is_open() && b.is_open() && two.is_open());
    assert_eq!(bench.log().iter().filter(|line| line.starts_with("two")).count(), 2);
    assert_eq!(bench.agent.counts(), Counts { connections: 1, sessions: 1, links: 0 });
}

#[test]
fn a_peer_that_does_not_answer_close_is_not_waited_for() {
    let mut bench = Bench::default();
    let connection = bench.connect();
    bench.run();
    let id = connection.id();
    drop(connection);
    let mut close = bench.agent.output(id, bench.now).unwrap();
    while close.next_chunk().is_some() {}
    let due = bench.agent.next_timeout().unwrap();
    assert!(due > bench.now && !bench.agent.is_closed(id));
    bench.agent.pump(due);
    assert_eq!(bench.log(), ["connection CONNECTION_OPEN", "connection CONNECTION_CLOSED"]);
    assert!(bench.agent.is_closed(id));
    assert_eq!((bench.agent.counts(), bench.agent.next_timeout()), (NONE, None));
}

#[test]
fn handles_outlive_their_agent() {
    let mut bench = Bench::default();
    let handles = Handles::open(&mut bench);
    bench.run();
    let unused = bench.agent.open_connection(URL, |_, _| {}).unwrap();
    bench.agent =
        Agent::new(Settings::new("another").config(ConnectionConfig::client("x").limits(Limits::default())));
    assert_eq!(handles.are_open(), [false; 4]);
    assert_eq!(handles.sender.as_ref().unwrap().send(b"x".as_slice()), Err(AgentError::Closed));
    assert_eq!(unused.open_session(None).err(), Some(AgentError::Closed));
    assert_eq!(bench.callbacks_alive(), 0);
}
