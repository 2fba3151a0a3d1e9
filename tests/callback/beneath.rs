//! The engine beneath an agent's connection, and handlers of its events.

use crate::harness::{Handles, Harness, NO_ENDPOINTS, URL, before};
use amqp_proto::{
    CommandError, Connection, ConnectionConfig, Event, Instant, Progress, SenderConfig, SessionConfig,
    callback::{AgentConfig, AgentError, EventHandler},
    extensions::{
        RequestConfig,
        management::{Entity, Management, ManagementEvent, Operation},
    },
    sasl::{Mechanism, Supply, Tunnel},
    spec::definitions::{AmqpError, ErrorCondition},
};
use bytes::Buf;
use std::{cell::RefCell, rc::Rc, time::Duration};

#[test]
fn sasl_pending_reaches_the_callback_and_is_answered_through_the_engine() {
    let config = ConnectionConfig::client("agent").sasl(Mechanism::xoauth2_deferred("user"));
    let mut harness = Harness::new(AgentConfig::new("agent").connection_config(config));
    harness.server_config = ConnectionConfig::server("server")
        .auto_accept_sessions(true)
        .sasl(Mechanism::xoauth2_server(|credentials| credentials.matches("user", "ya29")));
    let connection = harness.connect();
    harness.run();
    assert_eq!(harness.take_log(), ["connection SASL_PENDING"]);
    let engine = harness.agent.connection_mut(connection.id()).unwrap();
    engine.sasl_supply(Supply::Secret(b"ya29".to_vec().into())).unwrap();
    harness.run();
    assert_eq!(harness.log(), ["connection CONNECTION_OPEN"]);
}

#[test]
fn transport_is_described_before_the_first_byte() {
    let config = ConnectionConfig::client("agent").sasl(Mechanism::plain("user", "pass").protected_only());
    for is_protected in [true, false] {
        let mut harness = Harness::new(AgentConfig::new("agent").connection_config(config.clone()));
        harness.server_config = ConnectionConfig::server("server")
            .auto_accept_sessions(true)
            .sasl(Mechanism::plain_server(|credentials| credentials.matches("user", "pass")));
        let connection = harness.connect();
        let engine = harness.agent.connection_mut(connection.id()).unwrap();
        engine.set_tunnel(Tunnel::new().protected(is_protected)).unwrap();
        harness.run();
        assert_eq!(connection.is_open(), is_protected, "{:?}", harness.log());
    }
}

#[test]
fn tls_header_leaves_the_stream_to_the_caller_and_goes_on_inside() {
    let config = ConnectionConfig::client("agent").tls_header(amqp_proto::TlsHeader::Required);
    let mut harness = Harness::new(AgentConfig::new("agent").connection_config(config));
    let connection = harness.connect();
    let (id, now) = (connection.id(), Instant::from_millis(1));
    harness.agent.run_callbacks(now);
    let written = |harness: &mut Harness| {
        let mut output = harness.agent.poll_transmit(id, now).unwrap();
        output.copy_to_bytes(output.remaining())
    };
    assert_eq!(written(&mut harness), b"AMQP\x02\x01\x00\x00"[..]);
    let mut answer = &b"AMQP\x02\x01\x00\x00\x15\x03"[..];
    assert_eq!(harness.agent.handle_input(id, now, &mut answer), Progress::StartTls);
    assert_eq!(answer, b"\x15\x03");
    harness.agent.run_callbacks(now);
    assert_eq!(harness.log(), ["connection TLS_READY"]);
    harness.agent.connection_mut(id).unwrap().tls_done().unwrap();
    assert_eq!(written(&mut harness), b"AMQP\x03\x01\x00\x00"[..]);
}

#[test]
fn what_the_engine_raises_reaches_the_callbacks_without_another_byte() {
    let mut harness = Harness::default();
    let handles = Handles::open(&mut harness);
    harness.run();
    harness.take_log();
    let id = handles.connection.as_ref().unwrap().id();
    assert_eq!(harness.agent.poll_timeout(), None);
    harness.agent.connection_mut(id).unwrap().handle_eof(harness.now);
    assert_eq!(harness.agent.poll_timeout(), Some(harness.now));
    harness.agent.run_callbacks(harness.now);
    let kinds: Vec<_> =
        harness.log().iter().map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect();
    assert_eq!(kinds, ["SENDER_ERROR", "RECEIVER_ERROR", "SESSION_ERROR", "CONNECTION_ERROR"]);
    assert_eq!(handles.are_open(), [false; 4]);
    harness.agent.run_callbacks(harness.now);
    assert!(harness.agent.connection_mut(id).is_none());
    assert_eq!(harness.agent.counts(), NO_ENDPOINTS);
}

#[test]
fn connection_closed_through_the_engine_closes_what_the_handles_stand_for() {
    let mut harness = Harness::default();
    let handles = Handles::open(&mut harness);
    harness.run();
    harness.take_log();
    let id = handles.connection.as_ref().unwrap().id();
    harness.agent.connection_mut(id).unwrap().close(None).unwrap();
    harness.run();
    assert_eq!(
        harness.log(),
        [
            "sender SENDER_CLOSED",
            "receiver RECEIVER_CLOSED",
            "session SESSION_CLOSED",
            "connection CONNECTION_CLOSED"
        ]
    );
    assert_eq!(harness.agent.counts(), NO_ENDPOINTS);
}

#[test]
fn sessions_and_links_without_a_handle_report_to_the_callback_of_the_connection() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    harness.run();
    let engine = harness.agent.connection_mut(connection.id()).unwrap();
    let session = engine.begin(SessionConfig::new()).unwrap();
    engine.session(session).unwrap().attach_sender(SenderConfig::to("queue")).unwrap();
    engine.session(session).unwrap().attach_sender(SenderConfig::to("missing")).unwrap();
    harness.run();
    let error = AmqpError::described(ErrorCondition::InternalError, "why");
    harness.server().end(1, Some(error));
    harness.run();
    assert_eq!(
        harness.log()[1..],
        [
            "connection SESSION_OPEN",
            "connection SENDER_OPEN",
            "connection SENDER_ERROR amqp:not-found: no such node",
            "connection SENDER_ERROR amqp:internal-error: the session failed",
            "connection SESSION_ERROR amqp:internal-error: why"
        ]
    );
    assert!(connection.is_open());
}

/// Calls management once, with three seconds for the answer.
#[derive(Default)]
struct Call {
    management: Option<Management>,
    log: Rc<RefCell<Vec<String>>>,
}

impl Call {
    fn attach(&mut self, connection: &mut Connection) -> Result<(), CommandError> {
        let session = connection.begin(SessionConfig::new())?;
        let config = RequestConfig::new("admin");
        self.management = Some(Management::attach(connection, session, "$management", config)?);
        Ok(())
    }

    fn note(&mut self, now: Instant, connection: &mut Connection) {
        let Some(management) = &mut self.management else { return };
        while let Some(event) = management.poll_event() {
            self.log.borrow_mut().push(match event {
                ManagementEvent::Ready => {
                    let read = Operation::read("queue", Entity::Name("orders"));
                    let timeout = Some(Duration::from_secs(3));
                    management.call(now, connection, &read, timeout).unwrap();
                    "ready".into()
                }
                ManagementEvent::Answered { response, .. } => response.status.code.to_string(),
                ManagementEvent::Failed { why, .. } => why.to_string(),
                other => format!("{other:?}"),
            });
        }
    }
}

impl EventHandler for Call {
    fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event> {
        if event == Event::ConnectionOpen {
            self.attach(connection).unwrap();
        }
        let event = self.management.as_mut()?.handle(now, connection, event);
        self.note(now, connection);
        event
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.management.as_ref()?.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant, connection: &mut Connection) {
        self.management.as_mut().unwrap().handle_timeout(now, connection);
        self.note(now, connection);
    }
}

#[test]
fn extension_in_a_handler_has_its_events_and_its_deadlines() {
    for (is_answered, expected) in [(true, "202"), (false, "no answer arrived in time")] {
        let mut harness = Harness::default();
        let (connection, call) = (harness.connect(), Call::default());
        let log = call.log.clone();
        connection.add_event_handler(call).unwrap();
        while !log.borrow().iter().any(|line| line == "ready") {
            harness.run_rounds(1);
        }
        if is_answered {
            harness.run();
        } else {
            // The request stays on its way.
            let due = harness.agent.poll_timeout().unwrap();
            harness.agent.run_callbacks(before(due));
            assert_eq!(log.borrow().len(), 1);
            harness.agent.run_callbacks(due);
        }
        assert_eq!(*log.borrow(), ["ready", expected]);
        assert_eq!(harness.log()[0], "connection CONNECTION_OPEN");
        assert!(connection.is_open());
    }
}

#[test]
fn handlers_see_events_in_the_order_in_which_they_were_added() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    let seen: Rc<RefCell<Vec<String>>> = Rc::default();
    for name in ["first", "second"] {
        let seen = seen.clone();
        let handler = move |_: Instant, _: &mut Connection, event: Event| {
            seen.borrow_mut().push(format!("{name} {}", event.name()));
            // The first one keeps what the second one need not see.
            Some(event).filter(|event| !matches!(event, Event::SessionOpen { .. }) || name == "second")
        };
        connection.add_event_handler(handler).unwrap();
    }
    let session = connection.open_session(None).unwrap();
    harness.run();
    let expected = ["first CONNECTION_OPEN", "second CONNECTION_OPEN", "first SESSION_OPEN"];
    assert_eq!(*seen.borrow(), expected);
    assert_eq!((harness.log(), session.is_open()), (vec!["connection CONNECTION_OPEN".to_owned()], false));
    assert_eq!(Rc::strong_count(&seen), 3);
    connection.close();
    harness.run();
    assert_eq!(Rc::strong_count(&seen), 1);
    assert_eq!(connection.add_event_handler(Call::default()), Err(AgentError::Closed));
}

#[test]
fn engine_of_a_connection_is_there_at_once() {
    let mut harness = Harness::default();
    let connection = harness.agent.open_connection(URL, |_, _| {}).unwrap();
    let engine = harness.agent.connection_mut(connection.id()).unwrap();
    assert!(!engine.is_open() && !engine.is_closed());
}
