//! The agent with a URL: against the broker, with and without TLS, and against a server that asks for tokens.

use std::{collections::VecDeque, net::TcpListener, thread};

use amqp_proto::{
    CreditPolicy, Event, ReceiverConfig, ReceiverId, SenderConfig, SenderId,
    extensions::{Status, StatusSpelling, cbs::Token},
    frame::Payload,
    message::{Message, ParseOptions},
    spec::terminus::TargetArchetype,
    types::{DeliveryTag, Value},
};

use crate::{
    certificates::{Authority, Identity},
    support::*,
};

const OPEN: [&str; 4] = ["CONNECTION_OPEN", "SESSION_OPEN", "SENDER_OPEN", "RECEIVER_OPEN"];
const OPEN_WITH_A_TOKEN: [&str; 5] =
    ["CONNECTION_OPEN", "TOKEN_GRANTED", "SESSION_OPEN", "SENDER_OPEN", "RECEIVER_OPEN"];
/// What to do about a token that is refused.
const ADVICE: &str = "check the token of --cbs, and that it is for this address";
const CLOSED: [&str; 4] = ["SENDER_CLOSED", "RECEIVER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"];

/// Returns the names of events in what was printed.
fn events(ended: &Ended) -> Vec<&str> {
    let is_event = |line: &&str| line.starts_with(|first: char| first.is_ascii_uppercase());
    ended.out.lines().filter(is_event).collect()
}

#[track_caller]
fn assert_done(ended: &Ended, opened: &[&str]) {
    assert_eq!((ended.code, &*ended.err), (Some(0), ""), "{ended:?}");
    let (names, done) = (events(ended), [opened, &CLOSED].concat());
    // Which link opens first is the broker's choice.
    let sorted = |names: &[&str]| {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names.len(), done.len(), "{ended:?}");
    assert_eq!(names[..opened.len() - 2], opened[..opened.len() - 2], "{ended:?}");
    assert_eq!(sorted(&names), sorted(&done), "{ended:?}");
    assert_eq!(names[names.len() - 2..], CLOSED[2..], "{ended:?}");
    assert!(ended.out.contains("5 messages received"), "{ended:?}");
    assert_eq!(ended.out.matches(": Some(Accepted").count(), 5, "{ended:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn agent_that_cannot_print_fails() {
    let ended = run_into("/dev/full", "agent", &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("standard output"), "{ended:?}");
}

#[test]
fn agent_with_a_url_does_with_a_broker_what_it_does_alone() {
    let broker = Broker::start(&["--user", "me:se cret"]);
    let url = format!("amqp://me:se%20cret@127.0.0.1:{}", broker.port);
    assert_done(&run("agent", &["--url", &url, "--address", "letters"]), &OPEN);
    // The URL can have the address too.
    assert_done(&run("agent", &["--url", &format!("{url}/letters")]), &OPEN);
    assert_done(&run("agent", &[]), &OPEN);
}

#[test]
fn agent_with_a_url_of_amqps_does_so_over_tls() {
    let authority = Authority::new("agent");
    let Identity { cert, key } = authority.server();
    let broker = Broker::start(&["--tls", &cert, &key]);
    let url = format!("amqps://127.0.0.1:{}", broker.port);
    assert_done(&run("agent", &["--url", &url, "--ca", &authority.file]), &OPEN);
    let untrusted = run("agent", &["--url", &url]);
    assert_eq!((untrusted.code, &*untrusted.out), (Some(1), ""), "{untrusted:?}");
    assert!(untrusted.err.contains("UnknownIssuer"), "{untrusted:?}");
}

#[test]
fn agent_with_a_token_does_so_at_a_broker_that_wants_one_over_tls() {
    let authority = Authority::new("agent-token");
    let Identity { cert, key } = authority.server();
    let broker = Broker::start(&["--tls", &cert, &key, "--token", "good"]);
    let url = format!("amqps://127.0.0.1:{}/letters", broker.port);
    let connect = ["--url", &url, "--ca", &authority.file];
    assert_done(&run("agent", &[&connect[..], &["--cbs", "good"]].concat()), &OPEN_WITH_A_TOKEN);
    let refused = run("agent", &[&connect[..], &["--cbs", "bad"]].concat());
    let reason = "TOKEN_ERROR: amqps://127.0.0.1/letters: 401 amqp:unauthorized-access not the token";
    assert_eq!(
        (refused.code, &*refused.err),
        (Some(1), &*format!("agent: {reason}: {ADVICE}\n")),
        "{refused:?}"
    );
    assert_eq!(events(&refused), ["CONNECTION_OPEN", reason, "CONNECTION_CLOSED"]);
    let without = run("agent", &connect);
    assert_eq!(without.code, Some(1), "{without:?}");
    assert!(without.err.contains("amqp:unauthorized-access"), "{without:?}");
}

#[test]
fn agent_that_cannot_connect_names_the_reason() {
    let broker = Broker::start(&["--user", "me:secret"]);
    let wrong = format!("amqp://me:wrong@127.0.0.1:{}", broker.port);
    for (url, reason) in [
        (&*wrong, "CONNECTION_ERROR: amqp:unauthorized-access"),
        ("http://127.0.0.1", "not an amqp URL but http"),
        ("nonsense", "relative URL"),
        ("amqp://127.0.0.1:1", "refused"),
    ] {
        let ended = run("agent", &["--url", url]);
        assert_eq!(ended.code, Some(1), "{url}: {ended:?}");
        assert!(ended.err.starts_with("agent: ") && ended.err.contains(reason), "{url}: {ended:?}");
    }
}

/// It waited for good, for messages that would never come.
#[test]
fn agent_whose_messages_are_rejected_names_the_outcome() {
    let broker = Broker::start(&["--max-bytes", "14000"]);
    assert_eq!(broker.send("q", &["--size", "1"]).code, Some(0));
    assert_eq!(broker.send("other", &["--size", "6000"]).code, Some(0));
    // So that the room that is left is less than a message takes.
    while broker.send("other", &["--size", "1"]).code == Some(0) {}
    let ended = run("agent", &["--url", &broker.url("q")]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("was not accepted: "), "{ended:?}");
}

#[test]
fn agent_gives_up_a_peer_that_answers_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("amqp://127.0.0.1:{}/q", listener.local_addr().unwrap().port());
    let serving = thread::spawn(move || {
        let mut end = End::server(&listener);
        while let Some(event) = end.event() {
            if let Event::ReceiverRequested { receiver, .. } = event {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                end.connection.accept_receiver(receiver, config).unwrap();
            }
        }
    });
    let ended = run("agent", &["--url", &url, "--timeout", "200"]);
    serving.join().unwrap();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("neither an event nor a message in 200 ms"), "{ended:?}");
}

/// A server with one queue, and a node `$cbs` that takes the token `good` alone.
#[derive(Default)]
struct Server {
    tokens: Option<ReceiverId>,
    answers: Option<SenderId>,
    consumer: Option<SenderId>,
    audiences: Vec<String>,
    /// Messages that wait for the consumer and its credit.
    queue: VecDeque<(DeliveryTag, Payload)>,
}

impl Server {
    fn serve(&mut self, end: &mut End, event: Event) {
        match event {
            Event::ReceiverRequested { receiver, .. } => {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                end.connection.accept_receiver(receiver, config).unwrap();
                let attach = end.connection.receiver(receiver).unwrap().remote_attach().unwrap();
                let Some(TargetArchetype::Target(target)) = attach.target.as_deref() else { return };
                if target.address.as_ref().is_some_and(|address| *address == "$cbs") {
                    self.tokens = Some(receiver);
                }
            }
            Event::SenderRequested { sender, .. } => {
                end.connection.accept_sender(sender, SenderConfig::new()).unwrap();
                let attach = end.connection.sender(sender).unwrap().remote_attach().unwrap();
                let address = attach.source.and_then(|source| source.address);
                let is_cbs = address.is_some_and(|address| address == "$cbs");
                *(if is_cbs { &mut self.answers } else { &mut self.consumer }) = Some(sender);
            }
            Event::Delivery { receiver, delivery } => {
                end.connection.receiver(receiver).unwrap().accept(delivery.id).unwrap();
                if self.tokens != Some(receiver) {
                    self.queue.push_back((delivery.tag, delivery.payload));
                    return;
                }
                let request = Message::parse(delivery.payload, &ParseOptions::default()).unwrap();
                let (_, token) = Token::parse(&request).unwrap().unwrap();
                self.audiences.push(format!("{} {}", token.kind(), token.audience()));
                let status = match token.text().ends_with("good") {
                    true => Status::new(202),
                    false => Status::new(401).description("no such token"),
                };
                let answer = status.reply(&request, StatusSpelling::Hyphenated).unwrap();
                let mut link = end.connection.sender(self.answers.unwrap()).unwrap();
                link.send(delivery.tag, answer.value(Value::Null).build()).unwrap();
            }
            _ => {}
        }
    }
}

impl Server {
    /// Sends what there is credit for. `SENDER_READY` follows when there is more.
    fn pass_on(&mut self, end: &mut End) {
        while let (Some(consumer), Some((tag, payload))) = (self.consumer, self.queue.front())
            && let Ok(mut link) = end.connection.sender(consumer)
            && link.send(*tag, payload.clone()).is_ok()
        {
            self.queue.pop_front();
        }
    }
}

/// Runs the agent with a token. Returns what it left behind, and the tokens that the server saw.
fn with_token(token: &str) -> (Ended, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("amqp://127.0.0.1:{}/q", listener.local_addr().unwrap().port());
    let serving = thread::spawn(move || {
        let (mut end, mut server) = (End::server(&listener), Server::default());
        while let Some(event) = end.event() {
            server.serve(&mut end, event);
            server.pass_on(&mut end);
        }
        server.audiences
    });
    let ended = run("agent", &["--url", &url, "--cbs", token]);
    (ended, serving.join().unwrap())
}

#[test]
fn agent_with_a_token_opens_its_session_when_it_is_granted() {
    for (token, kind) in
        [("good", "jwt"), ("SharedAccessSignature sr=good", "servicebus.windows.net:sastoken")]
    {
        let (ended, tokens) = with_token(token);
        assert_done(&ended, &OPEN_WITH_A_TOKEN);
        assert_eq!(tokens, [format!("{kind} amqps://127.0.0.1/q")]);
    }
}

#[test]
fn agent_whose_token_is_refused_names_the_reason_and_opens_nothing() {
    let (ended, tokens) = with_token("bad");
    assert_eq!((ended.code, tokens.len()), (Some(1), 1), "{ended:?}");
    let refused = "TOKEN_ERROR: amqps://127.0.0.1/q: 401 no such token";
    assert_eq!(ended.err, format!("agent: {refused}: {ADVICE}\n"));
    assert_eq!(events(&ended), ["CONNECTION_OPEN", refused, "CONNECTION_CLOSED"]);
}
