use alloc::{boxed::Box, format, string::String, sync::Arc, vec, vec::Vec};
use core::{
    fmt::Debug,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    spec::sasl::SaslCode,
    types::{Str, Symbol},
};

const REFUSED: Step = Step::Fail(SaslCode::Auth);

fn reply(bytes: &'static [u8]) -> Step {
    Step::Reply(Bytes::from_static(bytes))
}

fn plain_for_all() -> Mechanism {
    Mechanism::plain_server(|_| true)
}

/// EXTERNAL on a connection of `alice`, who may also act as `bob`.
fn external_of_alice() -> Mechanism {
    Mechanism::external_server(|authzid| matches!(authzid, None | Some("bob")).then(|| "alice".into()))
}

fn all_clients() -> Vec<Mechanism> {
    vec![
        Mechanism::anonymous(),
        Mechanism::anonymous_with_trace("someone@example.com"),
        Mechanism::plain("user", "password"),
        Mechanism::plain_as("other", "user", "password"),
        Mechanism::external(),
        Mechanism::external_as("bob"),
    ]
}

fn deferred_servers() -> Vec<Mechanism> {
    vec![Mechanism::plain_server_deferred(), Mechanism::external_server_deferred()]
}

fn all_servers() -> Vec<Mechanism> {
    let mut all = vec![Mechanism::anonymous_server(), plain_for_all(), external_of_alice()];
    all.extend(deferred_servers());
    all
}

/// The server's step on an initial response.
fn first_step(server: &Mechanism, message: &[u8]) -> Step {
    server.start().step(StepInput::Start(Some(message)))
}

#[test]
fn mechanism_has_the_registered_name() {
    let names =
        |all: Vec<Mechanism>| all.iter().map(|it| String::from(it.name().as_str())).collect::<Vec<_>>();
    assert_eq!(names(all_clients()), ["ANONYMOUS", "ANONYMOUS", "PLAIN", "PLAIN", "EXTERNAL", "EXTERNAL"]);
    assert_eq!(names(all_servers()), ["ANONYMOUS", "PLAIN", "EXTERNAL", "PLAIN", "EXTERNAL"]);
}

#[test]
fn mechanism_has_one_side() {
    assert!(all_clients().iter().all(|it| it.is_client() && !it.is_server()));
    assert!(all_servers().iter().all(|it| it.is_server() && !it.is_client()));
}

#[test]
fn client_at_start_sends_exactly_these_bytes() {
    for (mechanism, expected) in all_clients().iter().zip([
        &b""[..],
        b"someone@example.com",
        b"\0user\0password",
        b"other\0user\0password",
        b"",
        b"bob",
    ]) {
        assert_eq!(mechanism.start().step(StepInput::Start(None)), reply(expected), "{mechanism:?}");
    }
    let mechanism = Mechanism::plain("j\u{fc}rgen", "p\u{e4}ss");
    assert_eq!(mechanism.start().step(StepInput::Start(None)), reply(b"\0j\xc3\xbcrgen\0p\xc3\xa4ss"));
}

#[test]
fn client_on_ok_accepts_any_additional_data() {
    for mechanism in all_clients() {
        for additional_data in [None, Some(&b""[..]), Some(b"Welcome!")] {
            let mut client = mechanism.start();
            client.step(StepInput::Start(None));
            let Step::Done(success) = client.step(StepInput::Outcome(additional_data)) else {
                panic!("{mechanism:?}")
            };
            let identity = (mechanism.name() == "PLAIN").then(|| Str::from("user"));
            assert_eq!(success, Success { identity, ..Success::default() });
            assert_eq!(client.step(StepInput::Outcome(additional_data)), REFUSED);
        }
    }
}

#[test]
fn client_on_input_out_of_turn_refuses() {
    for mechanism in all_clients() {
        for early in [StepInput::Outcome(None), StepInput::Data(b"")] {
            let mut client = mechanism.start();
            assert_eq!(client.step(early), REFUSED, "{mechanism:?}");
            assert_eq!(client.step(StepInput::Start(None)), REFUSED, "nothing is sent after that");
        }
        for late in [StepInput::Data(b""), StepInput::Data(b"challenge"), StepInput::Start(None)] {
            let mut client = mechanism.start();
            client.step(StepInput::Start(None));
            assert_eq!(client.step(late), REFUSED, "{mechanism:?}");
            assert_eq!(client.step(StepInput::Outcome(None)), REFUSED, "an ok after that changes nothing");
        }
    }
}

#[test]
fn client_with_inexpressible_credentials_fails_at_start() {
    let longest = "\u{e9}".repeat(255);
    let too_long = "\u{e9}".repeat(256);
    for mechanism in [
        Mechanism::plain("", "password"),
        Mechanism::plain("user", ""),
        Mechanism::plain("us\0er", "password"),
        Mechanism::plain("user", "pass\0word"),
        Mechanism::plain_as("oth\0er", "user", "password"),
        Mechanism::external_as("bo\0b"),
        Mechanism::anonymous_with_trace("tra\0ce"),
        Mechanism::anonymous_with_trace(too_long.as_str()),
    ] {
        let mut client = mechanism.start();
        assert_eq!(client.step(StepInput::Start(None)), REFUSED, "{mechanism:?}");
        assert_eq!(client.step(StepInput::Outcome(None)), REFUSED, "{mechanism:?}");
    }
    let mut client = Mechanism::anonymous_with_trace(longest.as_str()).start();
    assert_eq!(client.step(StepInput::Start(None)), Step::reply(longest.clone()));
}

#[test]
fn mechanism_used_again_starts_a_new_exchange() {
    for mechanism in all_clients() {
        let first = mechanism.start().step(StepInput::Start(None));
        assert_eq!(mechanism.clone().start().step(StepInput::Start(None)), first);
        assert!(matches!(first, Step::Reply(_)));
    }
    for mechanism in all_servers() {
        let first = first_step(&mechanism, b"\0user\0password");
        assert_eq!(first_step(&mechanism.clone(), b"\0user\0password"), first);
    }
}

#[test]
fn plain_client_used_again_shares_its_message() {
    let mechanism = Mechanism::plain("user", "password");
    let start = || match mechanism.start().step(StepInput::Start(None)) {
        Step::Reply(message) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(start().as_ptr(), start().as_ptr());
}

#[test]
fn server_without_an_initial_response_asks_for_it() {
    for (mechanism, response) in [(plain_for_all(), &b"\0user\0password"[..]), (external_of_alice(), b"")] {
        let mut server = mechanism.start();
        assert_eq!(server.step(StepInput::Start(None)), reply(b""), "{mechanism:?}");
        assert!(matches!(server.step(StepInput::Data(response)), Step::Done(_)), "{mechanism:?}");
    }
    for (mechanism, response) in deferred_servers().iter().zip([&b"\0user\0password"[..], b"bob"]) {
        let mut server = mechanism.start();
        assert_eq!(server.step(StepInput::Start(None)), reply(b""));
        assert!(server.credentials().is_none());
        assert_eq!(server.step(StepInput::Data(response)), Step::Pending);
        assert!(server.credentials().is_some());
    }
}

#[test]
fn server_on_input_out_of_turn_refuses() {
    let message = b"\0user\0password";
    for mechanism in all_servers() {
        for early in [StepInput::Data(message), StepInput::Data(b""), StepInput::Outcome(None)] {
            let mut server = mechanism.start();
            assert_eq!(server.step(early), REFUSED, "{mechanism:?}");
            for next in [
                StepInput::Start(None),
                StepInput::Start(Some(message)),
                StepInput::Data(message),
                StepInput::Data(b""),
            ] {
                assert_eq!(server.step(next), REFUSED, "{mechanism:?}");
            }
        }
        for late in [
            StepInput::Data(message),
            StepInput::Start(None),
            StepInput::Start(Some(message)),
            StepInput::Outcome(None),
        ] {
            let mut server = mechanism.start();
            server.step(StepInput::Start(Some(message)));
            assert_eq!(server.step(late), REFUSED, "{mechanism:?}");
            assert!(server.credentials().is_none(), "{mechanism:?}");
        }
    }
    for mechanism in all_servers().into_iter().filter(|it| it.name() != "ANONYMOUS") {
        let mut server = mechanism.start();
        server.step(StepInput::Start(None));
        assert_eq!(server.step(StepInput::Start(Some(message))), REFUSED, "{mechanism:?}: a response is due");
    }
}

#[test]
fn anonymous_server_on_any_trace_accepts_without_identity() {
    for trace in [None, Some(&b""[..]), Some(b"someone@example.com"), Some(b"\xff\0")] {
        let mut server = Mechanism::anonymous_server().start();
        assert_eq!(server.step(StepInput::Start(trace)), Step::Done(Success::default()));
    }
}

#[test]
fn plain_server_on_malformed_message_refuses_without_verifying() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let verifying = Mechanism::plain_server(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        true
    });
    let malformed: [&[u8]; 18] = [
        b"",
        b"user",
        b"user password",
        b"\0",
        b"\0\0",
        b"\0\0\0",
        b"user\0password",
        b"\0user",
        b"\0user\0",
        b"\0\0password",
        b"other\0\0password",
        b"other\0user\0",
        b"\0user\0password\0",
        b"\0user\0pass\0word",
        b"\0\0user\0password",
        b"\xff\0user\0password",
        b"\0us\xc3\x28er\0password",
        b"\0user\0pass\xed\xa0\x80",
    ];
    for message in malformed {
        for mechanism in [verifying.clone(), Mechanism::plain_server_deferred()] {
            for input in [StepInput::Start(Some(message)), StepInput::Data(message)] {
                let mut server = mechanism.start();
                if matches!(input, StepInput::Data(_)) {
                    server.step(StepInput::Start(None));
                }
                assert_eq!(server.step(input), REFUSED, "{}", message.escape_ascii());
                assert!(server.credentials().is_none(), "{}", message.escape_ascii());
            }
        }
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[test]
fn plain_server_on_long_message_accepts() {
    let password = "p".repeat(5000);
    let message = format!("\0user\0{password}");
    let server = Mechanism::plain_server(move |credentials| credentials.matches("user", &password));
    assert!(matches!(first_step(&server, message.as_bytes()), Step::Done(_)));
}

#[test]
fn plain_server_follows_the_verifier() {
    let server = Mechanism::plain_server(|credentials| {
        credentials.authcid == Some("user")
            && matches!(credentials.authzid, None | Some("other"))
            && credentials.secret == Some(b"password")
    });
    let step = |message: &[u8]| first_step(&server, message);
    assert_eq!(step(b"\0user\0password"), Step::Done(Success::new().identity("user")));
    assert_eq!(
        step(b"other\0user\0password"),
        Step::Done(Success::new().identity("user").authorization("other"))
    );
    assert_eq!(step(b"third\0user\0password"), REFUSED);
    assert_eq!(step(b"\0user\0passwore"), REFUSED);
    assert_eq!(step(b"\0User\0password"), REFUSED);
}

#[test]
fn deferred_plain_while_pending_shows_the_credentials() {
    let mut server = Mechanism::plain_server_deferred().start();
    assert!(server.credentials().is_none());
    assert_eq!(server.step(StepInput::Start(Some(b"other\0user\0password"))), Step::Pending);
    let credentials = server.credentials().unwrap();
    assert_eq!(credentials.authcid, Some("user"));
    assert_eq!(credentials.authzid, Some("other"));
    assert_eq!(credentials.secret, Some(&b"password"[..]));
    assert_eq!(credentials.accept(), Step::Done(Success::new().identity("user").authorization("other")));
}

#[test]
fn deferred_external_while_pending_shows_the_authzid_alone() {
    for (message, authzid) in [(&b""[..], None), (b"bob", Some("bob"))] {
        let mut server = Mechanism::external_server_deferred().start();
        assert_eq!(server.step(StepInput::Start(Some(message))), Step::Pending);
        let credentials = server.credentials().unwrap();
        assert_eq!((credentials.authcid, credentials.authzid), (None, authzid));
        assert_eq!(credentials.secret, None);
        let Step::Done(success) = credentials.accept_as("alice") else { panic!("refused") };
        assert_eq!(success.identity.as_deref(), Some("alice"));
        assert_eq!(success.authorization.as_deref(), authzid);
    }
}

#[test]
fn external_server_takes_the_identity_from_outside() {
    let step = |message: &[u8]| first_step(&external_of_alice(), message);
    assert_eq!(step(b""), Step::Done(Success::new().identity("alice")));
    assert_eq!(step(b"bob"), Step::Done(Success::new().identity("alice").authorization("bob")));
    assert_eq!(step(b"root"), REFUSED);
    assert_eq!(first_step(&Mechanism::external_server(|_| None), b""), REFUSED);
}

#[test]
fn external_server_on_malformed_authzid_refuses_without_verifying() {
    let verifying = Mechanism::external_server(|_| Some("alice".into()));
    for message in [&b"bob\0"[..], b"\0", b"\xff"] {
        for mechanism in [&verifying, &Mechanism::external_server_deferred()] {
            assert_eq!(first_step(mechanism, message), REFUSED, "{}", message.escape_ascii());
        }
    }
}

#[test]
fn credentials_match_one_user_acting_as_himself() {
    let credentials = Credentials::new().authcid("user").secret(b"password");
    assert!(credentials.matches("user", "password"));
    assert!(!credentials.matches("user", "Password"));
    assert!(!credentials.matches("resu", "password"));
    assert!(credentials.authzid("user").matches("user", "password"));
    assert!(!credentials.authzid("root").matches("user", "password"));
    assert!(!Credentials::new().authcid("user").matches("user", ""));
    assert!(!Credentials::new().secret(b"password").matches("", "password"));
}

#[test]
fn credentials_without_authcid_are_refused_on_accept() {
    let credentials = Credentials::new().authzid("root");
    assert_eq!(credentials.accept(), REFUSED);
    let accepted = Success::new().identity("alice").authorization("root");
    assert_eq!(credentials.accept_as("alice"), Step::Done(accepted));
}

/// All ways in which `Debug` prints a value.
fn printed(value: &dyn Debug) -> String {
    format!("{value:?} {value:#?} {value:x?} {value:X?}")
}

/// True if the text contains the secret, as text or as a list of numbers, decimal or hexadecimal.
fn shows(text: &str, secret: &str) -> bool {
    let squeezed = text.split_whitespace().collect::<String>();
    let list = |number: fn(u8) -> String| secret.bytes().map(number).collect::<Vec<_>>().join(",");
    let spellings =
        [secret.into(), list(|n| format!("{n}")), list(|n| format!("{n:x}")), list(|n| format!("{n:X}"))];
    spellings.iter().any(|spelling: &String| squeezed.contains(spelling.as_str()))
}

#[test]
fn debug_of_a_leak_is_noticed() {
    let secret = "hunter2";
    for leak in [&secret as &dyn Debug, &secret.as_bytes(), &Bytes::from_static(b"\0user\0hunter2")] {
        assert!(shows(&printed(leak), secret), "{leak:?}");
    }
}

#[test]
fn debug_never_shows_a_secret() {
    let message = || Bytes::from_static(b"\0user\0hunter2");
    let mut client = Mechanism::plain("user", "hunter2").start();
    let initial = client.step(StepInput::Start(None));
    let mut pending = Mechanism::plain_server_deferred().start();
    pending.step(StepInput::Start(Some(&message())));
    let credentials = pending.credentials().unwrap();
    assert_eq!(credentials.secret, Some(&b"hunter2"[..]));
    let secret = String::from("hunter2");
    let verifying = Mechanism::plain_server(move |shown| shown.matches("user", &secret));
    let values: [&dyn Debug; 11] = [
        &Mechanism::plain("user", "hunter2"),
        &Mechanism::plain("user", "hunter2").start(),
        &verifying,
        &client,
        &pending,
        &credentials,
        &initial,
        &Step::Done(Success::new().additional_data(message())),
        &StepInput::Start(Some(b"hunter2")),
        &StepInput::Data(b"hunter2"),
        &StepInput::Outcome(Some(b"hunter2")),
    ];
    for value in values {
        assert!(!shows(&printed(value), "hunter2"), "{value:?}");
    }
}

#[test]
fn debug_shows_names_and_no_length() {
    let plain = Mechanism::plain("user", "hunter2");
    assert_eq!(format!("{plain:?}"), r#"Mechanism { name: "PLAIN", end: "client", .. }"#);
    assert_eq!(format!("{:?}", plain_for_all()), r#"Mechanism { name: "PLAIN", end: "server", .. }"#);
    assert_eq!(format!("{:?}", plain.start()), "Exchange { .. }");
    assert_eq!(format!("{:?}", reply(b"\0user\0hunter2")), "Reply(..)");
    assert_eq!(format!("{:?}", Step::NoInitialResponse), "NoInitialResponse");
    assert_eq!(format!("{:?}", Step::Pending), "Pending");
    assert_eq!(format!("{REFUSED:?}"), "Fail(Auth)");
    assert_eq!(format!("{:?}", StepInput::Start(None)), "Start(None)");
    assert_eq!(format!("{:?}", StepInput::Start(Some(b"hunter2"))), "Start(Some(..))");
    assert_eq!(format!("{:?}", StepInput::Data(b"hunter2")), "Data(..)");
    assert_eq!(format!("{:?}", StepInput::Outcome(Some(b"hunter2"))), "Outcome(Some(..))");
    let success = Success::new().identity("user").authorization("other").additional_data(&b"hunter2"[..]);
    assert_eq!(
        format!("{:?}", Step::Done(success)),
        r#"Done(Success { identity: Some("user"), authorization: Some("other"), additional_data: Some(..) })"#
    );
    let credentials = Credentials::new().authcid("user").authzid("other").secret(b"hunter2");
    assert_eq!(
        format!("{credentials:?}"),
        r#"Credentials { authcid: Some("user"), authzid: Some("other"), secret: Some(..), salt: None, iterations: None }"#
    );
}

#[test]
fn exchange_without_credentials_has_none() {
    struct Minimal;
    impl Exchange for Minimal {
        fn step(&mut self, _: StepInput<'_>) -> Step {
            Step::NoInitialResponse
        }
    }
    let mechanism = Mechanism::client(Symbol::from_static("MINIMAL"), || Box::new(Minimal));
    assert_eq!(mechanism.name(), &"MINIMAL");
    assert_eq!(mechanism.start().step(StepInput::Start(None)), Step::NoInitialResponse);
    assert!(mechanism.start().credentials().is_none());
}

#[derive(Clone, Debug)]
enum OwnedInput {
    Start(Option<Vec<u8>>),
    Data(Vec<u8>),
    Outcome(Option<Vec<u8>>),
}

impl OwnedInput {
    fn borrow(&self) -> StepInput<'_> {
        match self {
            Self::Start(bytes) => StepInput::Start(bytes.as_deref()),
            Self::Data(bytes) => StepInput::Data(bytes),
            Self::Outcome(bytes) => StepInput::Outcome(bytes.as_deref()),
        }
    }
}

fn inputs() -> impl Strategy<Value = Vec<OwnedInput>> {
    // NUL is common here, so that many messages are close to PLAIN.
    let bytes =
        || prop::collection::vec(prop_oneof![2 => Just(0u8), 3 => b'a'..=b'c', 2 => any::<u8>()], 0..12);
    let input = prop_oneof![
        prop::option::of(bytes()).prop_map(OwnedInput::Start),
        bytes().prop_map(OwnedInput::Data),
        prop::option::of(bytes()).prop_map(OwnedInput::Outcome),
    ];
    prop::collection::vec(input, 0..6)
}

proptest! {
    #[test]
    fn client_on_any_input_succeeds_only_after_start_and_outcome(script in inputs()) {
        for mechanism in all_clients() {
            let mut client = mechanism.start();
            for (at, input) in script.iter().enumerate() {
                match client.step(input.borrow()) {
                    Step::Reply(_) => prop_assert!(at == 0 && matches!(input, OwnedInput::Start(_))),
                    Step::Done(_) => prop_assert!(
                        at == 1 && matches!((&script[0], input), (OwnedInput::Start(_), OwnedInput::Outcome(_)))
                    ),
                    step => prop_assert_eq!(step, REFUSED),
                }
            }
        }
    }

    #[test]
    fn server_on_any_input_decides_once(script in inputs()) {
        for mechanism in all_servers() {
            let mut server = mechanism.start();
            let mut decided = false;
            for (at, input) in script.iter().enumerate() {
                let step = server.step(input.borrow());
                prop_assert_eq!(server.credentials().is_some(), step == Step::Pending);
                match step {
                    Step::Reply(challenge) => {
                        prop_assert!(at == 0 && challenge.is_empty() && matches!(input, OwnedInput::Start(None)));
                    }
                    Step::Done(_) | Step::Pending => {
                        prop_assert!(!decided && at <= 1 && !matches!(input, OwnedInput::Outcome(_)));
                        decided = true;
                    }
                    step => {
                        prop_assert_eq!(step, REFUSED);
                        decided = true;
                    }
                }
            }
        }
    }

    #[test]
    fn plain_on_any_text_without_nul_arrives_unchanged(
        authzid in "[^\0]{0,20}",
        authcid in "[^\0]{1,20}",
        password in "[^\0]{1,20}",
    ) {
        let client = Mechanism::plain_as(&authzid, &authcid, &password);
        let Step::Reply(message) = client.start().step(StepInput::Start(None)) else { panic!("no message") };
        let mut server = Mechanism::plain_server_deferred().start();
        prop_assert_eq!(server.step(StepInput::Start(Some(&message))), Step::Pending);
        let credentials = server.credentials().unwrap();
        prop_assert_eq!(credentials.authcid, Some(authcid.as_str()));
        prop_assert_eq!(credentials.authzid.unwrap_or_default(), &authzid);
        prop_assert_eq!(credentials.secret, Some(password.as_bytes()));

        let user = authcid.clone();
        let verifying = Mechanism::plain_server(move |credentials| {
            credentials.authcid == Some(user.as_str())
                && secrets_equal(credentials.secret.unwrap(), password.as_bytes())
        });
        let Step::Done(success) = first_step(&verifying, &message) else { panic!("refused") };
        prop_assert_eq!(success.identity.unwrap(), authcid.as_str());
        prop_assert_eq!(success.authorization.unwrap_or_default(), authzid.as_str());
    }

    #[test]
    fn external_on_any_authzid_without_nul_arrives_unchanged(authzid in "[^\0]{0,20}") {
        let client = Mechanism::external_as(authzid.as_str());
        let Step::Reply(message) = client.start().step(StepInput::Start(None)) else { panic!("no message") };
        let expected = authzid.clone();
        let server =
            Mechanism::external_server(move |it| (it.unwrap_or_default() == expected).then(|| "someone".into()));
        let Step::Done(success) = first_step(&server, &message) else { panic!("refused") };
        prop_assert_eq!(success.authorization.unwrap_or_default(), authzid.as_str());
    }

    #[test]
    fn secrets_equal_exactly_if_their_bytes_are(
        left in prop::collection::vec(0u8..3, 0..4),
        right in prop::collection::vec(0u8..3, 0..4),
    ) {
        prop_assert_eq!(secrets_equal(&left, &right), left == right);
        prop_assert!(secrets_equal(&left, &left.clone()));
    }
}
