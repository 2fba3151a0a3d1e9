//! The SASL exchange (5.3): what its ends can know, and steps that wait for the application.

use std::sync::{Arc, Mutex};

use amqp_proto::{
    Cause, ConnectionConfig, Event, Owed, Progress,
    sasl::{Exchange, ExchangeContext, Mechanism, Step, StepInput, Success},
    spec::sasl::{SaslCode, SaslInit, SaslMechanisms, SaslOutcome},
    types::Symbol,
};

use crate::{
    common::{Pair, names},
    peer::{AMQP, SASL, frame, open, sasl_frame},
    support::Fed,
};

type Seen = Arc<Mutex<Vec<String>>>;

/// Follows a script, and notes what it is prepared with.
struct Scripted {
    steps: Vec<Step>,
    seen: Seen,
}

impl Exchange for Scripted {
    fn prepare(&mut self, context: &ExchangeContext<'_>) {
        let offered: Vec<&str> = context.offered.iter().map(Symbol::as_str).collect();
        let seen = format!("{} at {}", offered.join(" "), context.hostname.unwrap_or("-"));
        self.seen.lock().unwrap().push(seen);
    }

    fn step(&mut self, _: StepInput<'_>) -> Step {
        self.steps.remove(0)
    }
}

const NAME: Symbol = Symbol::from_static("X-SCRIPTED");

fn client_that(steps: Vec<Step>) -> (Mechanism, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    let start =
        move || -> Box<dyn Exchange> { Box::new(Scripted { steps: steps.clone(), seen: noted.clone() }) };
    (Mechanism::client(NAME, start), seen)
}

fn server_that(steps: Vec<Step>) -> (Mechanism, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    let start =
        move || -> Box<dyn Exchange> { Box::new(Scripted { steps: steps.clone(), seen: noted.clone() }) };
    (Mechanism::server(NAME, start), seen)
}

fn done() -> Step {
    Step::Done(Success::new().identity("user"))
}

#[test]
fn fd7_hostname_mechanisms_and_outcome_can_be_read() {
    let (ours, client_saw) = client_that(vec![Step::NoInitialResponse, done()]);
    let (theirs, server_saw) = server_that(vec![done()]);
    let server = ConnectionConfig::server("s").auto_accept_sessions(true);
    let server = server.sasl(Mechanism::anonymous_server()).sasl(theirs).sasl(ours.clone());
    let client = ConnectionConfig::client("c").hostname("one.example").sasl(ours);
    let mut pair = Pair::new(client, server).opened();
    assert_eq!((pair.client.sasl_mechanism(), pair.client.sasl_outcome()), (None, None));
    pair.run();
    let expected = ["ANONYMOUS X-SCRIPTED at one.example"];
    assert_eq!(*client_saw.lock().unwrap(), expected);
    assert_eq!(*server_saw.lock().unwrap(), expected);
    for connection in [&pair.client, &pair.server] {
        assert!(connection.is_open());
        assert_eq!(connection.sasl_mechanism(), Some(&NAME));
        assert_eq!(connection.sasl_hostname().map(|host| &**host), Some("one.example"));
        assert_eq!(connection.sasl_outcome(), Some(SaslCode::Ok));
        let offered: Vec<&str> = connection.sasl_offered().map(Symbol::as_str).collect();
        assert_eq!(offered, ["ANONYMOUS", "X-SCRIPTED"]);
    }
}

/// After a failure too; a mechanism that is not offered is none.
#[test]
fn fd7b_facts_of_a_failed_exchange_can_be_read() {
    let config = || ConnectionConfig::server("s").sasl(Mechanism::plain_server(|_| false));
    for (name, chosen) in [("PLAIN", Some("PLAIN")), ("X-OTHER", None)] {
        let mut fed = Fed::new(config());
        let init = SaslInit {
            mechanism: Symbol::try_from(name).unwrap(),
            initial_response: Some(b"\0user\0secret"[..].into()),
            hostname: Some("two.example".into()),
        };
        fed.feed_bytes(&[SASL, &sasl_frame(&init)].concat());
        assert_eq!(fed.names(), ["CONNECTION_ERROR"]);
        assert_eq!(fed.connection.sasl_mechanism().map(Symbol::as_str), chosen);
        assert_eq!(fed.connection.sasl_hostname().map(|host| &**host), Some("two.example"));
        assert_eq!(fed.connection.sasl_outcome(), Some(SaslCode::Auth));
    }
}

/// A client whose server offers [`NAME`].
fn offered(steps: Vec<Step>) -> Fed {
    let mut fed = Fed::new(ConnectionConfig::client("c").sasl(client_that(steps).0));
    fed.connection.open().unwrap();
    let mechanisms = SaslMechanisms { sasl_server_mechanisms: vec![NAME].into() };
    fed.feed_bytes(&[SASL, &sasl_frame(&mechanisms)].concat());
    fed
}

fn outcome(code: SaslCode) -> Vec<u8> {
    sasl_frame(&SaslOutcome { code, additional_data: None })
}

#[test]
fn fd8_client_can_wait_at_its_start_and_at_the_outcome() {
    let mut fed = offered(vec![Step::Pending, Step::Pending]);
    assert_eq!(fed.names(), ["SASL_PENDING"]);
    assert_eq!(&fed.output[..], SASL);
    assert!(fed.connection.poll_timeout().is_some(), "the time of the exchange runs on");
    fed.connection.sasl_answer(Step::Pending).unwrap_err();
    fed.connection.sasl_answer(Step::reply("token")).unwrap();
    fed.connection.sasl_answer(Step::reply("token")).unwrap_err();
    fed.write();
    let init = SaslInit { mechanism: NAME, initial_response: Some(b"token"[..].into()), hostname: None };
    assert!(fed.output.ends_with(&sasl_frame(&init)));

    // A server that pipelines its header and open behind the outcome.
    fed.output.clear();
    fed.feed_bytes(&[&outcome(SaslCode::Ok)[..], AMQP, &frame(0, &open())].concat());
    assert_eq!((fed.progress, fed.names()), (Progress::DrainEvents, vec!["SASL_PENDING"]));
    fed.feed("");
    assert_eq!(fed.progress, Progress::Answer(Owed::Sasl));
    assert!(fed.output.is_empty() && fed.unread() > 0);
    fed.connection.sasl_answer(done()).unwrap();
    fed.feed("");
    assert_eq!((fed.names(), fed.unread()), (vec!["CONNECTION_OPEN"], 0));
    assert!(fed.output.starts_with(AMQP));
    assert_eq!(fed.connection.sasl_identity().map(|user| &**user), Some("user"));
}

#[test]
fn fd8b_client_can_wait_at_a_challenge_and_reject_the_outcome_later() {
    let mut fed = offered(vec![Step::NoInitialResponse, Step::Pending, Step::Pending]);
    let challenge = amqp_proto::spec::sasl::SaslChallenge { challenge: b"who"[..].into() };
    fed.feed_bytes(&sasl_frame(&challenge));
    assert_eq!(fed.names(), ["SASL_PENDING"]);
    fed.connection.sasl_answer(Step::reply("me")).unwrap();
    fed.feed_bytes(&outcome(SaslCode::Ok));
    assert_eq!(fed.names(), ["SASL_PENDING"]);
    fed.connection.sasl_answer(Step::refuse()).unwrap();
    let Some(Event::ConnectionError(failure)) = fed.events().pop() else { panic!("no error") };
    assert_eq!(failure.cause, Cause::Sasl);
    assert!(fed.connection.sasl_answer(done()).is_err() && !fed.output.ends_with(AMQP));
}

/// The client sends its header and open behind `sasl-init`. It makes no difference whether the server waits.
#[test]
fn fd8c_header_behind_init_waits_for_the_server() {
    for waits in [false, true] {
        let steps = if waits { vec![Step::Pending] } else { vec![done()] };
        let config = ConnectionConfig::server("s").auto_accept_sessions(true).sasl(server_that(steps).0);
        let mut fed = Fed::new(config);
        let init = SaslInit { mechanism: NAME, initial_response: None, hostname: None };
        fed.feed_bytes(&[SASL, &sasl_frame(&init), AMQP, &frame(0, &open())].concat());
        if waits {
            assert_eq!(fed.names(), ["SASL_PENDING"]);
            fed.feed("");
            assert_eq!(fed.progress, Progress::Answer(Owed::Sasl));
            fed.connection.sasl_answer(done()).unwrap();
            fed.feed("");
        }
        assert_eq!((fed.names(), fed.unread()), (vec!["CONNECTION_OPEN"], 0), "{waits}");
        assert!(fed.connection.is_open());
    }
}

/// A server can wait at each step. The time of the exchange runs on, and its end drops what is secret.
#[test]
fn fd8d_server_can_wait_at_every_step_until_its_time_is_over() {
    let (theirs, _) = server_that(vec![Step::Pending, Step::Pending, Step::Pending]);
    let (ours, _) = client_that(vec![Step::NoInitialResponse, Step::reply("1"), Step::reply("2"), done()]);
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).sasl(theirs);
    let mut pair = Pair::new(ConnectionConfig::client("c").sasl(ours), server).opened();
    for challenge in ["a", "b"] {
        pair.run();
        assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
        pair.server.sasl_answer(Step::reply(challenge)).unwrap();
    }
    pair.run();
    assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
    let due = pair.server.poll_timeout().unwrap();
    pair.server.handle_timeout(due);
    assert_eq!(names(&pair.server_events()), ["CONNECTION_ERROR"]);
    assert!(pair.server.sasl_answer(done()).is_err());
}
