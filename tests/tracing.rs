//! The feature `tracing`: the spans and events that a subscriber sees.

use amqp_proto::{
    ConnectionConfig, CreditPolicy, Event, ReceiverConfig, SenderConfig, SessionConfig, message::Message,
    testing::Pair,
};
use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
};
use tracing::{
    Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

#[derive(Default)]
struct Log {
    /// The spans by id: parent, name and fields. Those that are dropped are removed.
    spans: BTreeMap<u64, (Option<u64>, &'static str, Fields)>,
    references: BTreeMap<u64, usize>,
    lines: Vec<String>,
    last_id: u64,
}

#[derive(Clone)]
struct Recorder {
    max: Level,
    log: Arc<Mutex<Log>>,
}

#[derive(Clone, Default)]
struct Fields {
    message: String,
    others: BTreeMap<&'static str, String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            // Long, and the debug output of a public type.
            "frame" => {}
            name => drop(self.others.insert(name, text)),
        }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (name, value) in &self.others {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

impl Log {
    fn path(&self, id: Option<u64>) -> String {
        let Some((parent, name, fields)) = id.and_then(|id| self.spans.get(&id)) else {
            return String::new();
        };
        format!("{}{name}{fields}: ", self.path(*parent))
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("amqp_proto") && *metadata.level() <= self.max
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut log = self.log.lock().unwrap();
        let mut fields = Fields::default();
        span.record(&mut fields);
        log.last_id += 1;
        let id = log.last_id;
        log.spans.insert(id, (span.parent().map(Id::into_u64), span.metadata().name(), fields));
        log.references.insert(id, 1);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut self.log.lock().unwrap().spans.get_mut(&span.into_u64()).unwrap().2);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut log = self.log.lock().unwrap();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = log.path(event.parent().map(Id::into_u64));
        write!(line, "{fields}").unwrap();
        log.lines.push(line);
    }

    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn clone_span(&self, id: &Id) -> Id {
        *self.log.lock().unwrap().references.get_mut(&id.into_u64()).unwrap() += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut log = self.log.lock().unwrap();
        let count = log.references.get_mut(&id.into_u64()).unwrap();
        *count -= 1;
        *count == 0 && log.spans.remove(&id.into_u64()).is_some()
    }
}

/// Runs a connection with one message from open to close, and returns the log and the spans left at its end.
fn run(max: Level) -> (Vec<String>, usize) {
    let recorder = Recorder { max, log: Arc::default() };
    let log = Arc::clone(&recorder.log);
    tracing::subscriber::with_default(recorder, || {
        let server = ConnectionConfig::server("server").auto_accept_sessions(true);
        let mut pair = Pair::new(ConnectionConfig::client("client"), server);
        let client = &mut pair.client.connection;
        client.open().unwrap();
        let session = client.begin(SessionConfig::new()).unwrap();
        let sender =
            client.session(session).unwrap().attach_sender(SenderConfig::new().name("link")).unwrap();
        pair.run();
        for event in pair.server.events() {
            if let Event::ReceiverRequested { receiver, .. } = event {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                pair.server.connection.accept_receiver(receiver, config).unwrap();
            }
        }
        pair.run();
        let message = Message::builder().value("secret").build();
        pair.client.connection.sender(sender).unwrap().send(1_u32, message).unwrap();
        pair.run();
        for event in pair.server.events() {
            if let Event::Delivery { receiver, delivery } = event {
                pair.server.connection.receiver(receiver).unwrap().accept(delivery.id).unwrap();
            }
        }
        pair.run();
        pair.client.connection.sender(sender).unwrap().close(None).unwrap();
        pair.run();
        pair.client.connection.session(session).unwrap().end(None).unwrap();
        pair.run();
        // The spans of the connections alone are left.
        assert_eq!(log.lock().unwrap().spans.len(), if max >= Level::DEBUG { 2 } else { 0 });
        pair.client.connection.close(None).unwrap();
        pair.run();
    });
    let log = log.lock().unwrap();
    (log.lines.clone(), log.spans.len())
}

/// The lines of the client, without the span of the connection.
fn of_client(lines: &[String]) -> Vec<&str> {
    let client = r#"connection container_id=client remote_container_id=server side=Client: "#;
    let early = r#"connection container_id=client side=Client: "#;
    lines.iter().filter_map(|line| line.strip_prefix(client).or_else(|| line.strip_prefix(early))).collect()
}

#[test]
fn trace_of_a_connection_names_each_frame_in_its_span() {
    let (lines, left) = run(Level::TRACE);
    let ours = of_client(&lines);
    let frames: Vec<&str> = ours.iter().copied().filter(|line| !line.starts_with("connection ")).collect();
    assert_eq!(
        frames,
        [
            "sent header AMQP 1.0.0",
            "sent Open channel=0 payload=0",
            "session channel=0: sent Begin channel=0 payload=0",
            "session channel=0: link handle=0 name=link role=\"sender\": sent Attach channel=0 payload=0",
            "received header AMQP 1.0.0",
            "received Open channel=0 payload=0",
            "session channel=0 remote_channel=0: received Begin channel=0 payload=0",
            "session channel=0 remote_channel=0: link handle=0 name=link remote_handle=0 role=\"sender\": received Attach channel=0 payload=0",
            "session channel=0 remote_channel=0: link handle=0 name=link remote_handle=0 role=\"sender\": received Flow channel=0 payload=0",
            "session channel=0 remote_channel=0: link handle=0 name=link remote_handle=0 role=\"sender\": sent Transfer channel=0 payload=11",
            "session channel=0 remote_channel=0: received Disposition channel=0 payload=0",
            "session channel=0 remote_channel=0: link handle=0 name=link remote_handle=0 role=\"sender\": sent Detach channel=0 payload=0",
            "session channel=0 remote_channel=0: link handle=0 name=link remote_handle=0 role=\"sender\": received Detach channel=0 payload=0",
            "session channel=0 remote_channel=0: sent End channel=0 payload=0",
            "session channel=0 remote_channel=0: received End channel=0 payload=0",
            "sent Close channel=0 payload=0",
            "received Close channel=0 payload=0",
        ]
    );
    assert_eq!(left, 0, "every span ends");
    assert!(!lines.concat().contains("secret"), "no payload is traced");
}

#[test]
fn debug_level_has_the_states_and_the_end_alone() {
    let (lines, left) = run(Level::DEBUG);
    let ours = of_client(&lines);
    assert!(ours.iter().all(|line| line.starts_with("connection ")), "{ours:#?}");
    assert_eq!(ours[0], "connection state from=\"START\" to=\"HDR_SENT\"");
    assert_eq!(ours.last(), Some(&"connection closed"));
    assert_eq!(left, 0);
    assert_eq!(run(Level::INFO), (vec![], 0));
}

#[test]
fn names_of_a_peer_cannot_forge_lines() {
    let recorder = Recorder { max: Level::TRACE, log: Arc::default() };
    let log = Arc::clone(&recorder.log);
    tracing::subscriber::with_default(recorder, || {
        let hostile = "a\n INFO forged\u{202e}\u{1b}[2J";
        let client = ConnectionConfig::client(format!("{hostile}{}", "x".repeat(300)));
        let mut pair = Pair::new(client, ConnectionConfig::server("server").auto_accept_sessions(true));
        let client = &mut pair.client.connection;
        client.open().unwrap();
        let session = client.begin(SessionConfig::new()).unwrap();
        pair.run();
        let config = SenderConfig::new().name(format!("{hostile}{}", "y".repeat(5000)));
        pair.client.connection.session(session).unwrap().attach_sender(config).unwrap();
        pair.run();
    });
    let log = log.lock().unwrap();
    let of_server: Vec<&String> = log.lines.iter().filter(|line| line.contains("side=Server")).collect();
    assert!(of_server.iter().any(|line| line.contains("received Attach") && line.contains("link ")));
    for line in of_server {
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        assert!(!line.contains(&"x".repeat(65)) && !line.contains(&"y".repeat(65)), "{line}");
    }
}

#[test]
fn links_that_are_gone_leave_no_span_in_their_session() {
    let recorder = Recorder { max: Level::DEBUG, log: Arc::default() };
    let log = Arc::clone(&recorder.log);
    tracing::subscriber::with_default(recorder, || {
        let server = ConnectionConfig::server("server").auto_accept_sessions(true);
        let mut pair = Pair::new(ConnectionConfig::client("client"), server);
        pair.client.connection.open().unwrap();
        let session = pair.client.connection.begin(SessionConfig::new()).unwrap();
        pair.run();
        let before = log.lock().unwrap().spans.len();
        for number in 0..20 {
            let config = SenderConfig::new().name(format!("link {number}"));
            let mut session = pair.client.connection.session(session).unwrap();
            let sender = session.attach_sender(config).unwrap();
            // The server's application has no time to answer.
            pair.run();
            pair.client.connection.sender(sender).unwrap().close(None).unwrap();
            pair.run();
            // The detach waits until the request has been polled.
            drop((pair.client.events(), pair.server.events()));
            pair.run();
        }
        let left = log.lock().unwrap().spans.len();
        assert_eq!(left, before, "spans of 20 links that have ended");
    });
}
