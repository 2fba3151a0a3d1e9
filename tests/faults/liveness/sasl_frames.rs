//! SASL frames larger than the standard's 512 bytes: they arrive, or the connection ends and says so.

use amqp_proto::{
    Cause, Connection, ConnectionConfig, Event, Limits,
    sasl::{Exchange, Mechanism, Step, StepInput, Success},
    spec::definitions::ErrorCondition,
    types::Symbol,
};

use crate::common::Pair;

fn server() -> ConnectionConfig {
    ConnectionConfig::server("s").auto_accept_sessions(true)
}

fn pair(client: ConnectionConfig, server: ConnectionConfig) -> Pair {
    let mut pair = Pair::new(client, server).opened();
    pair.run();
    pair
}

fn plain(size: usize) -> (Mechanism, Mechanism) {
    let password = "p".repeat(size);
    let expected = password.clone();
    let checks = Mechanism::plain_server(move |credentials| credentials.matches("user", &expected));
    (Mechanism::plain("user", password), checks)
}

/// Fails with the condition, and the text has these numbers. The other end does not open either.
fn assert_fails(failed: &mut Connection, condition: ErrorCondition, numbers: [&str; 2]) {
    let Some(Event::ConnectionError(failure)) = failed.poll_event() else { panic!("no error") };
    assert_eq!((failure.cause, &failure.error.condition), (Cause::Sasl, &condition));
    let text = failure.error.to_string();
    assert!(numbers.iter().all(|number| text.contains(number)), "{text}");
    assert!(failed.is_closed() && failed.poll_event().is_none());
}

#[test]
fn fa5_password_of_4100_bytes_is_sent() {
    let (ours, theirs) = plain(4100);
    let pair = pair(ConnectionConfig::client("c").sasl(ours), server().sasl(theirs));
    assert!(pair.client.is_open() && pair.server.is_open());
}

#[test]
fn fa5b_300_mechanisms_are_offered() {
    let name = |number| Symbol::try_from(format!("MECHANISM-{number}").as_str()).unwrap();
    let config = (0..300).fold(server(), |config, number| {
        config.sasl(Mechanism::server(name(number), || Box::new(Chatty { size: 0 })))
    });
    let config = config.sasl(Mechanism::anonymous_server());
    let pair = pair(ConnectionConfig::client("c").sasl(Mechanism::anonymous()), config);
    assert!(pair.client.is_open() && pair.server.is_open());
    assert_eq!(pair.client.sasl_offered().count(), 301);
}

/// A challenge of this size, answered by nothing, then the outcome with as many bytes.
struct Chatty {
    size: usize,
}

impl Exchange for Chatty {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        match input {
            StepInput::Start(_) => Step::reply(vec![7; self.size]),
            _ => Step::Done(Success::new().additional_data(vec![7; self.size])),
        }
    }
}

struct Quiet;

impl Exchange for Quiet {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        match input {
            StepInput::Start(_) => Step::NoInitialResponse,
            StepInput::Outcome(_) => Step::Done(Success::new()),
            _ => Step::reply(""),
        }
    }
}

fn chatty(size: usize) -> (Mechanism, Mechanism) {
    let name = Symbol::from_static("X-CHATTY");
    let theirs = Mechanism::server(name.clone(), move || Box::new(Chatty { size }));
    (Mechanism::client(name, || Box::new(Quiet)), theirs)
}

#[test]
fn fa5c_challenge_of_5000_bytes_is_sent() {
    let (ours, theirs) = chatty(5000);
    let pair = pair(ConnectionConfig::client("c").sasl(ours), server().sasl(theirs));
    assert!(pair.client.is_open() && pair.server.is_open());
}

/// What cannot be sent, or is not taken, ends the connection at once and says so.
#[test]
fn fa5d_frame_beyond_a_limit_ends_the_connection_loudly() {
    let too_small = ErrorCondition::FrameSizeTooSmall;
    let (ours, theirs) = plain(20_000);
    let mut both = pair(ConnectionConfig::client("c").sasl(ours), server().sasl(theirs));
    assert_fails(&mut both.client, too_small.clone(), ["20038", "16384"]);
    assert!(!both.server.is_open());

    let (ours, theirs) = chatty(20_000);
    let mut both = pair(ConnectionConfig::client("c").sasl(ours), server().sasl(theirs));
    assert_fails(&mut both.server, too_small, ["20025", "16384"]);

    // The limit for sending is no limit for receiving.
    let large = Limits::default().max_sasl_frame_size_sent(32 << 10);
    let (ours, theirs) = plain(20_000);
    let client = ConnectionConfig::client("c").limits(large);
    let mut both = pair(client.clone().sasl(ours), server().sasl(theirs));
    assert_fails(&mut both.server, ErrorCondition::FramingError, ["20038", "16384"]);
    let (ours, theirs) = plain(20_000);
    let config = server().limits(Limits::default().max_sasl_frame_size(32 << 10)).sasl(theirs);
    let both = pair(client.sasl(ours), config);
    assert!(both.client.is_open() && both.server.is_open());
}
