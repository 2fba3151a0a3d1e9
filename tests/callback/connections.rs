//! Connections: their URLs and settings, several at a time, and what errors and `Debug` print.

use crate::harness::{Handles, Harness, NO_ENDPOINTS, URL};
use amqp_proto::{
    ConnectionConfig, SessionConfig,
    callback::{AgentConfig, AgentError, Counts, UrlError},
    sasl::Mechanism,
};
use std::{cell::RefCell, collections::BTreeSet, error::Error, rc::Rc};

#[test]
fn invalid_url_is_refused_and_opens_nothing() {
    let mut harness = Harness::default();
    let refused = harness.agent.open_connection("http://broker.example", |_, _| {}).err();
    assert_eq!(refused, Some(AgentError::Url(UrlError::Scheme)));
    assert_eq!(harness.agent.counts(), NO_ENDPOINTS);
}

#[test]
fn url_with_credentials_authenticates_by_plain() {
    let server = || {
        let verify = Mechanism::plain_server(|who| who.matches("user", "p@ss"));
        ConnectionConfig::server("server").auto_accept_sessions(true).sasl(verify)
    };
    for (url, expected) in [
        ("amqp://user:p%40ss@broker.example", "connection CONNECTION_OPEN"),
        ("amqp://user:wrong@broker.example", "connection CONNECTION_ERROR"),
        ("amqp://broker.example", "connection CONNECTION_ERROR"),
    ] {
        let mut harness = Harness::default();
        harness.server_config = server();
        let callback = harness.callback("connection");
        let connection = harness.agent.open_connection(url, callback).unwrap();
        harness.run();
        let log = harness.log();
        assert!(log.len() == 1 && log[0].starts_with(expected), "{url}: {log:?}");
        let opened = expected.ends_with("OPEN");
        assert_eq!(harness.server().hostname().as_deref(), opened.then_some("broker.example"));
        drop(connection);
    }
}

#[test]
fn several_connections_are_independent() {
    let mut harness = Harness::default();
    let [one, two] = ["one", "two"].map(|name| {
        let callback = harness.callback(name);
        harness.agent.open_connection(URL, callback).unwrap()
    });
    let (of_one, of_two) = (one.open_session(None).unwrap(), two.open_session(None).unwrap());
    harness.run();
    assert_ne!(one.id(), two.id());
    drop(one);
    harness.run();
    assert!(!of_one.is_open() && of_two.is_open() && two.is_open());
    assert_eq!(harness.log().iter().filter(|line| line.starts_with("two")).count(), 2);
    assert_eq!(harness.agent.counts(), Counts { connections: 1, sessions: 1, links: 0 });
}

#[test]
fn settings_of_a_session_apply_to_each_session() {
    let config = AgentConfig::new("agent").session_config(SessionConfig::new().handle_max(3));
    let mut harness = Harness::new(config);
    let (_connection, _session) = harness.connect_with_session();
    harness.run();
    assert_eq!(harness.server().handle_max(), 3);
}

#[test]
fn connection_not_driven_yet_is_not_closed() {
    let mut harness = Harness::default();
    let connection = harness.connect();
    assert!(!harness.agent.is_closed(connection.id()));
    harness.run();
    assert!(!harness.agent.is_closed(connection.id()));
}

#[test]
fn settings_of_a_server_connect_as_a_client() {
    let config = AgentConfig::new("agent")
        .connection_config(ConnectionConfig::server("agent").auto_accept_sessions(true));
    let mut harness = Harness::new(config);
    let handles = Handles::open(&mut harness);
    harness.run();
    assert_eq!(handles.are_open(), [true; 4]);
}

#[test]
fn every_error_is_a_standard_error_with_a_text_of_its_own() {
    let errors: [Box<dyn Error>; 9] = [
        Box::new(AgentError::MaxConnections),
        Box::new(AgentError::MaxSessions),
        Box::new(AgentError::MaxLinks),
        Box::new(AgentError::MaxQueuedMessages),
        Box::new(AgentError::Closed),
        Box::new(UrlError::Scheme),
        Box::new(UrlError::Host),
        Box::new(UrlError::Port),
        Box::new(UrlError::Escape),
    ];
    let texts: BTreeSet<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), errors.len());
    assert!(texts.iter().all(|text| text.split(' ').count() > 3), "{texts:?}");
    assert_eq!(AgentError::from(UrlError::Port).to_string(), UrlError::Port.to_string());
}

#[test]
fn debug_of_agent_handles_and_settings_is_short_and_without_secrets() {
    let sasl = Mechanism::plain("user", "secret-of-the-settings");
    let config = AgentConfig::new("agent").connection_config(ConnectionConfig::client("agent").sasl(sasl));
    let settings = format!("{config:?}");
    let mut harness = Harness::new(config);
    let verify = Mechanism::plain_server(|who| who.matches("user", "secret-of-the-settings"));
    harness.server_config = ConnectionConfig::server("server").auto_accept_sessions(true).sasl(verify);
    let url = "amqp://user:secret-of-the-url@broker.example";
    let connection = harness.agent.open_connection(url, |_, _| {}).unwrap();
    let session = connection.open_session(None).unwrap();
    let sender = session.open_sender("queue", None).unwrap();
    sender.send(b"secret-of-the-message".as_slice()).unwrap();
    let shown = Rc::new(RefCell::new(String::new()));
    let seen = shown.clone();
    let on_message = move |delivery: &_| *seen.borrow_mut() = format!("{delivery:?}");
    let receiver = session.open_receiver("queue", None, on_message).unwrap();
    harness.run();
    harness.server().deliver("secret-of-the-delivery");
    harness.run();
    let delivery = shown.borrow().clone();
    assert!(delivery.starts_with("ReceivedDelivery"), "{delivery}");
    let agent = format!("{:?} {connection:?} {session:?} {sender:?} {receiver:?}", harness.agent);
    assert!(agent.contains("connections: 1") && agent.contains("SenderHandle"), "{agent}");
    for text in [settings, agent, delivery] {
        assert!(!text.contains("secret") && !text.contains("115, 101, 99"), "{text}");
        assert!(text.len() < 600, "{} characters: {text}", text.len());
    }
}
