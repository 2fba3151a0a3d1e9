//! The SASL layer between two engines (5.3).

mod common;
#[cfg(feature = "scram")]
#[path = "sasl/scram.rs"]
mod scram;
#[path = "sasl/sizes.rs"]
mod sizes;
#[path = "sasl/tokens.rs"]
mod tokens;
#[path = "sasl/tunnel.rs"]
mod tunnel;

use core::time::Duration;
use std::{
    fmt::Debug,
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
};

use amqp_proto::{
    Cause, CommandError, Connection, ConnectionConfig, Event, Failure, Instant, Limits, Owed, Progress,
    SaslPolicy, Timeouts,
    codec::{Encode, to_vec},
    sasl::{Exchange, Mechanism, Step, StepInput, Success},
    spec::{
        definitions::ErrorCondition,
        sasl::{SaslCode, SaslInit, SaslResponse},
    },
    types::Symbol,
};
use bytes::{Bytes, BytesMut};
use common::{Pair, names};

fn server() -> ConnectionConfig {
    ConnectionConfig::server("server").auto_accept_sessions(true)
}

fn client() -> ConnectionConfig {
    ConnectionConfig::client("client")
}

/// Both ends after the client's open and all that follows from it.
fn run(client: ConnectionConfig, server: ConnectionConfig) -> Pair {
    let mut pair = Pair::new(client, server).opened();
    pair.run();
    pair
}

fn checks_plain() -> Mechanism {
    Mechanism::plain_server(|credentials| credentials.matches("user", "secret"))
}

/// The failure of a connection whose only event is its end.
fn failure(events: &[Event]) -> &Failure {
    match events {
        [Event::ConnectionError(failure)] => failure,
        other => panic!("{other:?}"),
    }
}

fn identity(connection: &Connection) -> Option<&str> {
    connection.sasl_identity().map(|identity| &**identity)
}

#[test]
fn plain_with_the_right_password_opens_both_ends() {
    let mut pair = run(client().sasl(Mechanism::plain("user", "secret")), server().sasl(checks_plain()));
    assert_eq!(names(&pair.client_events()), ["CONNECTION_OPEN"]);
    assert_eq!(names(&pair.server_events()), ["CONNECTION_OPEN"]);
    assert_eq!(identity(&pair.server), Some("user"));
    assert_eq!(identity(&pair.client), Some("user"));
}

#[test]
fn plain_with_a_wrong_password_ends_both_ends_unauthorized() {
    let mut pair = run(client().sasl(Mechanism::plain("user", "wrong")), server().sasl(checks_plain()));
    for events in [pair.client_events(), pair.server_events()] {
        let failure = failure(&events);
        assert_eq!(failure.cause, Cause::Sasl);
        assert_eq!(failure.error.condition, ErrorCondition::UnauthorizedAccess);
    }
    for connection in [&pair.client, &pair.server] {
        assert_eq!(identity(connection), None);
        assert!(connection.is_closed());
    }
}

#[test]
fn client_with_several_mechanisms_takes_its_first_that_the_server_offers() {
    let ours = client().sasl(Mechanism::external()).sasl(Mechanism::plain("user", "secret"));
    let ours = ours.sasl(Mechanism::anonymous());
    let pair = run(ours, server().sasl(Mechanism::anonymous_server()).sasl(checks_plain()));
    assert!(pair.client.is_open() && pair.server.is_open());
    assert_eq!(identity(&pair.server), Some("user"));
}

#[test]
fn identity_of_an_anonymous_client_is_none() {
    let ours = client().sasl(Mechanism::anonymous_with_trace("someone@example.com"));
    let pair = run(ours, server().sasl(Mechanism::anonymous_server()));
    assert!(pair.server.is_open());
    assert_eq!(identity(&pair.server), None);
}

#[test]
fn identity_of_a_client_acting_as_another_is_the_other() {
    let accepts_all = Mechanism::plain_server(|_| true);
    let pair = run(client().sasl(Mechanism::plain_as("other", "user", "secret")), server().sasl(accepts_all));
    assert_eq!(identity(&pair.server), Some("other"));
}

#[test]
fn deferred_plain_when_accepted_opens_both_ends() {
    let ours = client().sasl(Mechanism::plain("user", "secret"));
    let mut pair = run(ours, server().sasl(Mechanism::plain_server_deferred()));
    assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
    assert_eq!(pair.client_events(), []);
    let credentials = pair.server.sasl_credentials().unwrap();
    assert!(credentials.matches("user", "secret"));
    let accept = credentials.accept();
    pair.server.sasl_answer(accept).unwrap();
    assert!(pair.server.sasl_credentials().is_none(), "the secret is gone");
    pair.run();
    assert_eq!(names(&pair.server_events()), ["CONNECTION_OPEN"]);
    assert_eq!(names(&pair.client_events()), ["CONNECTION_OPEN"]);
    assert_eq!(identity(&pair.server), Some("user"));
}

#[test]
fn deferred_plain_when_refused_ends_both_ends_unauthorized() {
    let ours = client().sasl(Mechanism::plain("user", "secret"));
    let mut pair = run(ours, server().sasl(Mechanism::plain_server_deferred()));
    assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
    pair.server.sasl_answer(Step::refuse()).unwrap();
    assert!(pair.server.sasl_credentials().is_none(), "the secret is gone");
    pair.run();
    for events in [pair.client_events(), pair.server_events()] {
        assert_eq!(failure(&events).error.condition, ErrorCondition::UnauthorizedAccess);
    }
}

#[test]
fn deferred_external_takes_the_identity_of_the_answer() {
    let ours = client().sasl(Mechanism::external());
    let mut pair = run(ours, server().sasl(Mechanism::external_server_deferred()));
    assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
    let accept = pair.server.sasl_credentials().unwrap().accept_as("CN=user");
    pair.server.sasl_answer(accept).unwrap();
    pair.run();
    assert!(pair.client.is_open() && pair.server.is_open());
    assert_eq!(identity(&pair.server), Some("CN=user"));
}

#[test]
fn deferred_plain_without_an_answer_times_out() {
    let timeouts = Timeouts::default().sasl(Duration::from_secs(5));
    let config = server().sasl(Mechanism::plain_server_deferred()).timeouts(timeouts);
    let mut pair = run(client().sasl(Mechanism::plain("user", "secret")), config);
    assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
    let due = pair.server.poll_timeout().unwrap();
    assert_eq!(due, Instant::from_millis(5001), "5 s after the headers");
    pair.server.handle_timeout(due);
    assert_eq!(failure(&pair.server_events()).cause, Cause::TimedOut);
    assert!(pair.server.sasl_credentials().is_none(), "nothing waits after the end");
    assert!(pair.server.sasl_answer(Step::Done(Success::new().identity("user"))).is_err());
}

#[test]
fn sasl_answer_without_a_question_changes_nothing() {
    let illegal = |result| matches!(result, Err(CommandError::IllegalState(_)));
    let done = || Step::Done(Success::new().identity("user"));
    let ours = client().sasl(Mechanism::plain("user", "secret"));
    let mut pair = Pair::new(ours, server().sasl(Mechanism::plain_server_deferred())).opened();
    assert!(
        illegal(pair.client.sasl_answer(done())) && illegal(pair.server.sasl_answer(done())),
        "at the start"
    );
    assert!(pair.server.sasl_credentials().is_none());
    pair.run();
    assert!(illegal(pair.server.sasl_answer(Step::Pending)), "no answer at all");
    assert!(illegal(pair.client.sasl_answer(done())), "the client waits for the server");
    pair.server.sasl_answer(done()).unwrap();
    assert!(illegal(pair.server.sasl_answer(done())), "a second time");
    pair.run();
    assert!(pair.client.is_open() && pair.server.is_open());
    assert!(illegal(pair.server.sasl_answer(done())), "after the exchange");
}

#[test]
fn server_without_a_mechanism_refuses_a_sasl_client() {
    let mut pair = run(client().sasl(Mechanism::anonymous()), server());
    for events in [pair.client_events(), pair.server_events()] {
        assert_eq!(failure(&events).cause, Cause::Header);
    }
}

#[test]
fn server_with_optional_sasl_accepts_clients_with_and_without() {
    let config = || server().sasl(Mechanism::anonymous_server()).sasl_policy(SaslPolicy::Optional);
    for ours in [client(), client().sasl(Mechanism::anonymous())] {
        let pair = run(ours, config());
        assert!(pair.client.is_open() && pair.server.is_open());
    }
}

#[test]
fn server_with_required_sasl_refuses_a_client_without() {
    let mut pair = run(client(), server().sasl(Mechanism::anonymous_server()));
    for events in [pair.client_events(), pair.server_events()] {
        assert_eq!(failure(&events).cause, Cause::Header);
    }
}

#[test]
fn server_with_a_clients_mechanism_alone_lets_nobody_in() {
    for (ours, condition) in [
        (client(), ErrorCondition::FramingError),
        (client().sasl(Mechanism::anonymous()), ErrorCondition::InternalError),
        (client().sasl(Mechanism::plain("user", "secret")), ErrorCondition::InternalError),
    ] {
        let mut pair = run(ours, server().sasl(Mechanism::plain("user", "secret")));
        assert_eq!(failure(&pair.server_events()).error.condition, condition);
        assert!(!pair.server.is_open() && !pair.client.is_open());
    }
}

#[test]
fn client_with_a_servers_mechanism_alone_ends_unauthorized() {
    let mut pair = run(client().sasl(checks_plain()), server().sasl(checks_plain()));
    let events = pair.client_events();
    let failure = failure(&events);
    assert_eq!(failure.cause, Cause::Sasl);
    assert_eq!(failure.error.condition, ErrorCondition::UnauthorizedAccess);
}

#[test]
fn mechanism_for_the_other_end_is_ignored_beside_the_right_one() {
    let called = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&called);
    let wrong_end = Mechanism::plain_server(move |_| {
        seen.store(true, Ordering::Relaxed);
        true
    });
    let ours = client().sasl(wrong_end).sasl(Mechanism::plain("user", "secret"));
    let theirs = server().sasl(Mechanism::plain("user", "secret")).sasl(checks_plain());
    let pair = run(ours, theirs);
    assert!(pair.client.is_open() && pair.server.is_open());
    assert_eq!(identity(&pair.server), Some("user"));
    assert!(!called.load(Ordering::Relaxed));
}

#[test]
fn close_during_the_sasl_exchange_is_no_error() {
    let mut client = Connection::new(client().sasl(Mechanism::anonymous()));
    client.open().unwrap();
    client.close(None).unwrap();
    assert_eq!(client.poll_event(), Some(Event::ConnectionClosed));
    assert_eq!(client.poll_event(), None);
}

/// Limits that a SASL frame of PLAIN with a long password exceeds at the sender alone.
fn small_frames() -> Limits {
    Limits::default().max_sasl_frame_size_sent(512)
}

#[test]
fn init_larger_than_a_frame_ends_the_client() {
    let password = "p".repeat(512);
    let ours = client().sasl(Mechanism::plain("user", &password)).limits(small_frames());
    let mut pair = run(ours, server().sasl(checks_plain()));
    let events = pair.client_events();
    let failure = failure(&events);
    assert_eq!(failure.cause, Cause::Sasl);
    assert_eq!(failure.error.condition, ErrorCondition::FrameSizeTooSmall);
    let text = events[0].error_detail().unwrap();
    assert!(text.contains("512") && !text.contains(&password), "{text}");
    assert!(pair.client.is_closed());
}

#[test]
fn mechanisms_larger_than_a_frame_end_the_server() {
    let mut theirs = server().limits(small_frames());
    for _ in 0..60 {
        theirs = theirs.sasl(Mechanism::anonymous_server());
    }
    let mut pair = run(client().sasl(Mechanism::anonymous()), theirs);
    let events = pair.server_events();
    assert_eq!(failure(&events).error.condition, ErrorCondition::FrameSizeTooSmall);
    assert!(pair.server.is_closed());
}

#[test]
fn outcome_larger_than_a_frame_authenticates_nobody() {
    let ours = client().sasl(Mechanism::plain("user", "secret"));
    let mut pair = run(ours, server().sasl(Mechanism::plain_server_deferred()).limits(small_frames()));
    pair.server_events();
    let success = Success::new().identity("user").additional_data(vec![0; 512]);
    pair.server.sasl_answer(Step::Done(success)).unwrap();
    pair.run();
    assert_eq!(failure(&pair.server_events()).error.condition, ErrorCondition::FrameSizeTooSmall);
    assert_eq!(identity(&pair.server), None);
    assert!(!pair.client.is_open());
}

/// All ways in which `Debug` prints a value, without white space.
fn printed(value: &dyn Debug) -> String {
    format!("{value:?} {value:#?} {value:x?} {value:X?}").split_whitespace().collect()
}

#[test]
fn debug_of_a_config_never_shows_a_secret() {
    let secret = String::from("hunter2");
    let configs = [
        client().sasl(Mechanism::plain("user", "hunter2")),
        server().sasl(Mechanism::plain_server(move |credentials| credentials.matches("user", &secret))),
    ];
    for config in configs {
        let (config, connection) = (printed(&config), printed(&Connection::new(config)));
        for text in [config, connection] {
            for leak in
                ["hunter2", "104,117,110,116,101,114,50", "68,75,6e,74,65,72,32", "68,75,6E,74,65,72,32"]
            {
                assert!(!text.contains(leak), "{text}");
            }
        }
    }
}

/// A mechanism of our own with three rounds, each of which adds one to a number.
fn counts() -> Symbol {
    Symbol::try_from("COUNTS").unwrap()
}

/// The client starts without an initial response, and accepts the outcome only with this proof.
struct CountingClient {
    proof: &'static [u8],
}

impl Exchange for CountingClient {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        match input {
            StepInput::Start(_) => Step::NoInitialResponse,
            StepInput::Data(&[number]) => Step::reply(vec![number + 1]),
            StepInput::Outcome(Some(proof)) if proof == self.proof => {
                Step::Done(Success::new().identity("server"))
            }
            _ => Step::refuse(),
        }
    }
}

/// The server sends 0, 2 and 4.
struct CountingServer;

impl Exchange for CountingServer {
    fn step(&mut self, input: StepInput<'_>) -> Step {
        match input {
            StepInput::Start(None) => Step::reply(vec![0]),
            StepInput::Data(&[5]) => {
                Step::Done(Success::new().identity("five").additional_data(&b"proof"[..]))
            }
            StepInput::Data(&[number]) => Step::reply(vec![number + 1]),
            _ => Step::refuse(),
        }
    }
}

fn run_counting(proof: &'static [u8], limits: Limits) -> Pair {
    let ours = Mechanism::client(counts(), move || Box::new(CountingClient { proof }));
    let theirs = Mechanism::server(counts(), || Box::new(CountingServer));
    run(client().sasl(ours), server().sasl(theirs).limits(limits))
}

#[test]
fn exchange_with_rounds_opens_both_ends() {
    let pair = run_counting(b"proof", Limits::default());
    assert!(pair.client.is_open() && pair.server.is_open());
    assert_eq!(identity(&pair.server), Some("five"));
    assert_eq!(identity(&pair.client), Some("server"));
}

#[test]
fn exchange_with_more_rounds_than_the_limit_ends_the_server() {
    let open = |rounds| run_counting(b"proof", Limits::default().max_sasl_rounds(rounds));
    assert!(open(3).server.is_open());
    let mut pair = open(2);
    let events = pair.server_events();
    assert_eq!(failure(&events).error.condition, ErrorCondition::NotAllowed);
}

#[test]
fn outcome_that_the_client_rejects_ends_the_client() {
    let mut pair = run_counting(b"another proof", Limits::default());
    let events = pair.client_events();
    assert_eq!(failure(&events).error.condition, ErrorCondition::UnauthorizedAccess);
    assert_eq!(identity(&pair.client), None);
    assert!(!pair.server.is_open());
}

#[test]
fn step_that_no_server_may_take_ends_with_a_system_error() {
    struct Confused(Step);
    impl Exchange for Confused {
        fn step(&mut self, _: StepInput<'_>) -> Step {
            self.0.clone()
        }
    }
    for step in [Step::NoInitialResponse, Step::Fail(SaslCode::Ok)] {
        let theirs = Mechanism::server(counts(), move || Box::new(Confused(step.clone())));
        let ours = Mechanism::client(counts(), || Box::new(CountingClient { proof: b"" }));
        let mut pair = run(client().sasl(ours), server().sasl(theirs));
        for events in [pair.client_events(), pair.server_events()] {
            assert_eq!(failure(&events).error.condition, ErrorCondition::InternalError);
            assert!(events[0].error_detail().unwrap().contains("(Sys)"), "{events:?}");
        }
    }
}

#[test]
fn timeout_of_the_exchange_after_its_success_ends_nothing() {
    let timeouts = Timeouts::default().sasl(Duration::from_secs(5));
    let ours = client().sasl(Mechanism::plain("user", "secret")).timeouts(timeouts);
    let mut pair = run(ours, server().sasl(checks_plain()).timeouts(timeouts));
    for connection in [&mut pair.client, &mut pair.server] {
        assert_eq!(connection.poll_timeout(), None);
        connection.handle_timeout(Instant::from_millis(10_000));
        assert!(connection.is_open());
    }
}

/// A SASL frame as bytes (5.3.1).
fn frame(body: &impl Encode) -> Vec<u8> {
    let body = to_vec(body);
    let size = u32::try_from(8 + body.len()).unwrap();
    [&size.to_be_bytes(), &[2, 1, 0, 0][..], &body].concat()
}

#[test]
fn frame_while_pending_waits_and_is_out_of_turn() {
    let init = frame(&SaslInit {
        mechanism: Symbol::try_from("PLAIN").unwrap(),
        initial_response: Some(Bytes::from_static(b"\0user\0secret")),
        hostname: None,
    });
    let response = frame(&SaslResponse { response: Bytes::from_static(b"\0user\0secret") });
    for second in [&init, &response] {
        let mut server = Connection::new(server().sasl(Mechanism::plain_server_deferred()));
        let mut input = BytesMut::new();
        input.extend_from_slice(b"AMQP\x03\x01\x00\x00");
        input.extend_from_slice(&init);
        input.extend_from_slice(second);
        let now = Instant::from_millis(1);
        assert_eq!(server.handle_input(now, &mut input), Progress::DrainEvents);
        assert_eq!(server.poll_event(), Some(Event::SaslPending));
        assert_eq!(server.handle_input(now, &mut input), Progress::Answer(Owed::Sasl));
        assert_eq!(server.poll_event(), None);
        server.sasl_answer(Step::Done(Success::new())).unwrap();
        assert!(server.sasl_credentials().is_none());
        // 5.3.3.5: a header comes next.
        assert_eq!(server.handle_input(now, &mut input), Progress::Closed);
        let events = [server.poll_event().unwrap()];
        assert_eq!(failure(&events).cause, Cause::Header);
        assert!(!server.is_open());
    }
}
