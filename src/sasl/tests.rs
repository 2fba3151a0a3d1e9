use alloc::{boxed::Box, format, string::String, sync::Arc, vec, vec::Vec};
use core::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    spec::sasl::SaslCode,
    types::{Str, Symbol},
};

const REFUSED: Step = Step::Fail(SaslCode::Auth);

fn reply(octets: &'static [u8]) -> Step {
    Step::Reply(Bytes::from_static(octets))
}

fn accept_all() -> Offer {
    Offer::verify_plain(|_| true)
}

/// An EXTERNAL server on a connection that `alice` has shown to be hers; she may act as `bob`.
fn alice() -> Offer {
    Offer::verify_external(|authzid| matches!(authzid, None | Some("bob")).then(|| "alice".into()))
}

fn every_client() -> Vec<Offer> {
    vec![
        Offer::anonymous(),
        Offer::anonymous_with_trace("someone@example.com"),
        Offer::plain("user", "password"),
        Offer::plain_as("other", "user", "password"),
        Offer::external(),
        Offer::external_as("bob"),
    ]
}

fn every_server() -> Vec<Offer> {
    vec![Offer::accept_anonymous(), accept_all(), Offer::defer_plain(), alice()]
}

#[test]
fn offers_carry_the_registered_names() {
    let names = |offers: Vec<Offer>| {
        offers.iter().map(|offer| String::from(offer.name().as_str())).collect::<Vec<_>>()
    };
    assert_eq!(names(every_client()), ["ANONYMOUS", "ANONYMOUS", "PLAIN", "PLAIN", "EXTERNAL", "EXTERNAL"]);
    assert_eq!(names(every_server()), ["ANONYMOUS", "PLAIN", "PLAIN", "EXTERNAL"]);
}

#[test]
fn clients_begin_with_exactly_these_octets() {
    for (offer, expected) in every_client().iter().zip([
        &b""[..],
        b"someone@example.com",
        b"\0user\0password",
        b"other\0user\0password",
        b"",
        b"bob",
    ]) {
        assert_eq!(offer.start().step(Input::Start(None)), reply(expected), "{offer:?}");
    }
    let offer = Offer::plain("j\u{fc}rgen", "p\u{e4}ss");
    assert_eq!(offer.start().step(Input::Start(None)), reply(b"\0j\xc3\xbcrgen\0p\xc3\xa4ss"));
}

#[test]
fn clients_believe_an_ok_whatever_comes_with_it() {
    for offer in every_client() {
        for additional_data in [None, Some(&b""[..]), Some(b"Welcome!")] {
            let mut client = offer.start();
            client.step(Input::Start(None));
            let Step::Done(success) = client.step(Input::Outcome(additional_data)) else {
                panic!("{offer:?}")
            };
            let identity = (offer.name() == "PLAIN").then(|| Str::from("user"));
            assert_eq!(success, Success { identity, ..Success::default() });
            assert_eq!(client.step(Input::Outcome(additional_data)), REFUSED);
        }
    }
}

#[test]
fn clients_refuse_what_comes_out_of_turn() {
    for offer in every_client() {
        for early in [Input::Outcome(None), Input::Data(b"")] {
            let mut client = offer.start();
            assert_eq!(client.step(early), REFUSED, "{offer:?}");
            assert_eq!(client.step(Input::Start(None)), REFUSED, "nothing is sent after that");
        }
        for late in [Input::Data(b""), Input::Data(b"challenge"), Input::Start(None)] {
            let mut client = offer.start();
            client.step(Input::Start(None));
            assert_eq!(client.step(late), REFUSED, "{offer:?}");
            assert_eq!(client.step(Input::Outcome(None)), REFUSED, "an ok after that changes nothing");
        }
    }
}

#[test]
fn clients_refuse_to_say_what_the_mechanism_cannot() {
    let longest = "\u{e9}".repeat(255);
    let too_long = "\u{e9}".repeat(256);
    for offer in [
        Offer::plain("", "password"),
        Offer::plain("user", ""),
        Offer::plain("us\0er", "password"),
        Offer::plain("user", "pass\0word"),
        Offer::plain_as("oth\0er", "user", "password"),
        Offer::external_as("bo\0b"),
        Offer::anonymous_with_trace("tra\0ce"),
        Offer::anonymous_with_trace(too_long.as_str()),
    ] {
        let mut client = offer.start();
        assert_eq!(client.step(Input::Start(None)), REFUSED, "{offer:?}");
        assert_eq!(client.step(Input::Outcome(None)), REFUSED, "{offer:?}");
    }
    let mut client = Offer::anonymous_with_trace(longest.as_str()).start();
    assert_eq!(client.step(Input::Start(None)), Step::reply(longest.clone()));
}

#[test]
fn an_offer_starts_afresh_for_each_connection() {
    for offer in every_client() {
        let first = offer.start().step(Input::Start(None));
        assert_eq!(offer.clone().start().step(Input::Start(None)), first);
        assert!(matches!(first, Step::Reply(_)));
    }
}

#[test]
fn a_plain_clients_message_is_kept_once() {
    let offer = Offer::plain("user", "password");
    let start = |offer: &Offer| match offer.start().step(Input::Start(None)) {
        Step::Reply(message) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(start(&offer).as_ptr(), start(&offer).as_ptr());
}

#[test]
fn servers_ask_for_what_the_client_did_not_send() {
    for (offer, response) in [(accept_all(), &b"\0user\0password"[..]), (alice(), b"")] {
        let mut server = offer.start();
        assert_eq!(server.step(Input::Start(None)), reply(b""), "{offer:?}");
        assert!(matches!(server.step(Input::Data(response)), Step::Done(_)), "{offer:?}");
    }
    let mut server = Offer::defer_plain().start();
    assert_eq!(server.step(Input::Start(None)), reply(b""));
    assert!(server.credentials().is_none());
    assert_eq!(server.step(Input::Data(b"\0user\0password")), Step::Pending);
    assert!(server.credentials().is_some());
}

#[test]
fn servers_refuse_what_comes_out_of_turn() {
    let message = b"\0user\0password";
    for offer in every_server() {
        for early in [Input::Data(message), Input::Data(b""), Input::Outcome(None)] {
            let mut server = offer.start();
            assert_eq!(server.step(early), REFUSED, "{offer:?}");
            for next in
                [Input::Start(None), Input::Start(Some(message)), Input::Data(message), Input::Data(b"")]
            {
                assert_eq!(server.step(next), REFUSED, "{offer:?}");
            }
        }
        for late in
            [Input::Data(message), Input::Start(None), Input::Start(Some(message)), Input::Outcome(None)]
        {
            let mut server = offer.start();
            server.step(Input::Start(Some(message)));
            assert_eq!(server.step(late), REFUSED, "{offer:?}");
            assert!(server.credentials().is_none(), "{offer:?}");
        }
    }
    for offer in [accept_all(), Offer::defer_plain(), alice()] {
        let mut server = offer.start();
        server.step(Input::Start(None));
        assert_eq!(server.step(Input::Start(Some(message))), REFUSED, "{offer:?}: asked for a response");
    }
}

#[test]
fn anonymous_lets_in_anybody_as_nobody() {
    for trace in [None, Some(&b""[..]), Some(b"someone@example.com"), Some(b"\xff\0")] {
        let mut server = Offer::accept_anonymous().start();
        assert_eq!(server.step(Input::Start(trace)), Step::Done(Success::default()));
    }
}

#[test]
fn plain_refuses_every_malformed_message_without_asking() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let verifying = Offer::verify_plain(move |_| {
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
        for offer in [verifying.clone(), Offer::defer_plain()] {
            for input in [Input::Start(Some(message)), Input::Data(message)] {
                let mut server = offer.start();
                if matches!(input, Input::Data(_)) {
                    server.step(Input::Start(None));
                }
                assert_eq!(server.step(input), REFUSED, "{}", message.escape_ascii());
                assert!(server.credentials().is_none(), "{}", message.escape_ascii());
            }
        }
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn plain_has_no_limit_of_its_own() {
    let password = "p".repeat(5000);
    let message = format!("\0user\0{password}");
    let mut server = Offer::verify_plain(move |credentials| credentials.matches("user", &password)).start();
    assert!(matches!(server.step(Input::Start(Some(message.as_bytes()))), Step::Done(_)));
}

#[test]
fn a_plain_verifier_sees_what_was_sent_and_decides() {
    let offer = Offer::verify_plain(|credentials| {
        credentials.authcid == "user"
            && matches!(credentials.authzid, None | Some("other"))
            && credentials.secret == Some(b"password")
    });
    let step = |message: &[u8]| offer.start().step(Input::Start(Some(message)));
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
fn a_deferred_plain_shows_the_credentials_while_it_waits() {
    let mut server = Offer::defer_plain().start();
    assert!(server.credentials().is_none());
    assert_eq!(server.step(Input::Start(Some(b"other\0user\0password"))), Step::Pending);
    let credentials = server.credentials().unwrap();
    assert_eq!(credentials.authcid, "user");
    assert_eq!(credentials.authzid, Some("other"));
    assert_eq!(credentials.secret, Some(&b"password"[..]));
    assert_eq!(credentials.accept(), Success::new().identity("user").authorization("other"));
}

#[test]
fn external_takes_the_identity_from_outside() {
    let step = |message: &'static [u8]| alice().start().step(Input::Start(Some(message)));
    assert_eq!(step(b""), Step::Done(Success::new().identity("alice")));
    assert_eq!(step(b"bob"), Step::Done(Success::new().identity("alice").authorization("bob")));
    for refused in [&b"root"[..], b"bob\0", b"\0", b"\xff"] {
        assert_eq!(step(refused), REFUSED, "{}", refused.escape_ascii());
    }
    let mut nobody = Offer::verify_external(|_| None).start();
    assert_eq!(nobody.step(Input::Start(Some(b""))), REFUSED);
}

#[test]
fn external_does_not_ask_about_a_malformed_name() {
    for message in [&b"bob\0"[..], b"\0", b"\xff"] {
        let mut server = Offer::verify_external(|_| Some("alice".into())).start();
        assert_eq!(server.step(Input::Start(Some(message))), REFUSED, "{}", message.escape_ascii());
    }
}

#[test]
fn credentials_match_one_user_as_himself() {
    let credentials = Credentials { authcid: "user", authzid: None, secret: Some(b"password") };
    assert!(credentials.matches("user", "password"));
    assert!(!credentials.matches("user", "Password"));
    assert!(!credentials.matches("resu", "password"));
    assert!(Credentials { authzid: Some("user"), ..credentials }.matches("user", "password"));
    assert!(!Credentials { authzid: Some("root"), ..credentials }.matches("user", "password"));
    assert!(!Credentials { secret: None, ..credentials }.matches("user", ""));
}

#[test]
fn debug_shows_no_octets_and_no_length() {
    assert_eq!(format!("{:?}", Offer::plain("user", "hunter2")), r#"Offer { name: "PLAIN", .. }"#);
    assert_eq!(format!("{:?}", reply(b"\0user\0hunter2")), "Reply(..)");
    assert_eq!(format!("{:?}", Step::NoReply), "NoReply");
    assert_eq!(format!("{:?}", Step::Pending), "Pending");
    assert_eq!(format!("{REFUSED:?}"), "Fail(Auth)");
    assert_eq!(format!("{:?}", Input::Start(None)), "Start(None)");
    assert_eq!(format!("{:?}", Input::Start(Some(b"hunter2"))), "Start(Some(..))");
    assert_eq!(format!("{:?}", Input::Data(b"hunter2")), "Data(..)");
    assert_eq!(format!("{:?}", Input::Outcome(Some(b"hunter2"))), "Outcome(Some(..))");
    let success = Success::new().identity("user").authorization("other").additional_data(&b"hunter2"[..]);
    assert_eq!(
        format!("{:?}", Step::Done(success)),
        r#"Done(Success { identity: Some("user"), authorization: Some("other"), additional_data: Some(..) })"#
    );
    let credentials = Credentials { authcid: "user", authzid: Some("other"), secret: Some(b"hunter2") };
    assert_eq!(
        format!("{credentials:?}"),
        r#"Credentials { authcid: "user", authzid: Some("other"), secret: Some(..) }"#
    );
    assert!(!format!("{credentials:#?}").contains("hunter2"));
}

#[test]
fn everything_can_go_to_another_thread() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<Box<dyn Mechanism>>();
    is_send::<Offer>();
    is_sync::<Offer>();
    is_send::<Step>();
    is_sync::<Step>();
    is_send::<Success>();
    is_send::<Input<'_>>();
    is_send::<Credentials<'_>>();
}

#[test]
fn a_mechanism_without_credentials_has_none() {
    struct Silent;
    impl Mechanism for Silent {
        fn step(&mut self, _: Input<'_>) -> Step {
            Step::NoReply
        }
    }
    let offer = Offer::new(Symbol::from_static("SILENT"), || Box::new(Silent));
    assert_eq!(offer.name(), &"SILENT");
    assert_eq!(offer.start().step(Input::Start(None)), Step::NoReply);
    assert!(offer.start().credentials().is_none());
}

#[derive(Clone, Debug)]
enum Said {
    Start(Option<Vec<u8>>),
    Data(Vec<u8>),
    Outcome(Option<Vec<u8>>),
}

impl Said {
    fn input(&self) -> Input<'_> {
        match self {
            Self::Start(octets) => Input::Start(octets.as_deref()),
            Self::Data(octets) => Input::Data(octets),
            Self::Outcome(octets) => Input::Outcome(octets.as_deref()),
        }
    }
}

fn said() -> impl Strategy<Value = Said> {
    // NUL is common here, so that many messages are close to PLAIN.
    let octets =
        || prop::collection::vec(prop_oneof![2 => Just(0u8), 3 => b'a'..=b'c', 2 => any::<u8>()], 0..12);
    prop_oneof![
        prop::option::of(octets()).prop_map(Said::Start),
        octets().prop_map(Said::Data),
        prop::option::of(octets()).prop_map(Said::Outcome),
    ]
}

proptest! {
    #[test]
    fn no_input_makes_a_client_panic_or_believe_too_much(script in prop::collection::vec(said(), 0..6)) {
        for offer in every_client() {
            let mut client = offer.start();
            for (at, said) in script.iter().enumerate() {
                let step = client.step(said.input());
                match step {
                    Step::Reply(_) => prop_assert!(at == 0 && matches!(said, Said::Start(_))),
                    Step::Done(_) => prop_assert!(
                        at == 1 && matches!((&script[0], said), (Said::Start(_), Said::Outcome(_)))
                    ),
                    step => prop_assert_eq!(step, REFUSED),
                }
            }
        }
    }

    #[test]
    fn no_input_makes_a_server_panic_or_end_twice(script in prop::collection::vec(said(), 0..6)) {
        for offer in every_server() {
            let mut server = offer.start();
            let mut over = false;
            for (at, said) in script.iter().enumerate() {
                let step = server.step(said.input());
                prop_assert_eq!(server.credentials().is_some(), step == Step::Pending);
                match step {
                    Step::Reply(challenge) => {
                        prop_assert!(at == 0 && challenge.is_empty() && matches!(said, Said::Start(None)));
                    }
                    Step::Done(_) | Step::Pending => {
                        prop_assert!(!over && at <= 1 && !matches!(said, Said::Outcome(_)));
                        over = true;
                    }
                    step => {
                        prop_assert_eq!(step, REFUSED);
                        over = true;
                    }
                }
            }
        }
    }

    #[test]
    fn plain_brings_over_any_text_without_nul(
        authzid in "[^\0]{0,20}",
        authcid in "[^\0]{1,20}",
        password in "[^\0]{1,20}",
    ) {
        let Step::Reply(message) = Offer::plain_as(&authzid, &authcid, &password).start().step(Input::Start(None))
        else {
            panic!("no message");
        };
        let mut server = Offer::defer_plain().start();
        prop_assert_eq!(server.step(Input::Start(Some(&message))), Step::Pending);
        let credentials = server.credentials().unwrap();
        prop_assert_eq!(credentials.authcid, &authcid);
        prop_assert_eq!(credentials.authzid.unwrap_or_default(), &authzid);
        prop_assert_eq!(credentials.secret, Some(password.as_bytes()));

        let user = authcid.clone();
        let offer = Offer::verify_plain(move |credentials| {
            credentials.authcid == user && secrets_equal(credentials.secret.unwrap(), password.as_bytes())
        });
        let Step::Done(success) = offer.start().step(Input::Start(Some(&message))) else { panic!("refused") };
        prop_assert_eq!(success.identity.unwrap(), authcid.as_str());
        prop_assert_eq!(success.authorization.unwrap_or_default(), authzid.as_str());
    }

    #[test]
    fn external_brings_over_any_name_without_nul(authzid in "[^\0]{0,20}") {
        let Step::Reply(message) = Offer::external_as(authzid.as_str()).start().step(Input::Start(None)) else {
            panic!("no message");
        };
        let expected = authzid.clone();
        let offer =
            Offer::verify_external(move |it| (it.unwrap_or_default() == expected).then(|| "someone".into()));
        let Step::Done(success) = offer.start().step(Input::Start(Some(&message))) else { panic!("refused") };
        prop_assert_eq!(success.authorization.unwrap_or_default(), authzid.as_str());
    }

    #[test]
    fn secrets_are_equal_exactly_when_their_octets_are(
        left in prop::collection::vec(0u8..3, 0..4),
        right in prop::collection::vec(0u8..3, 0..4),
    ) {
        prop_assert_eq!(secrets_equal(&left, &right), left == right);
        prop_assert!(secrets_equal(&left, &left.clone()));
    }
}
