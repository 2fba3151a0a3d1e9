//! XOAUTH2, OAUTHBEARER and MSSBCBS.

use core::time::Duration;

use amqp_proto::{
    Cause, Connection, ConnectionConfig, Timeouts,
    sasl::{Credentials, Exchange, ExchangeContext, Mechanism, Step, StepInput, Success, Supply},
    spec::{definitions::ErrorCondition, sasl::SaslCode},
};

use super::{client, failure, identity, printed, run, server};
use crate::common::{Pair, names};

const TOKEN: &str = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
const USER: &str = "user@example.com";
const REFUSED: Step = Step::Fail(SaslCode::Auth);

/// RFC 7628, 4.1.
const BEARER: &[u8] = b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01\
    auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
const XOAUTH2: &[u8] =
    b"user=user@example.com\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";

fn is_right(credentials: Credentials<'_>) -> bool {
    credentials.secret == Some(TOKEN.as_bytes())
}

fn xoauth2_server() -> Mechanism {
    Mechanism::xoauth2_server(|shown| is_right(shown) && shown.authcid == Some(USER))
}

fn bearer_server() -> Mechanism {
    Mechanism::oauthbearer_server(|shown| {
        let may_act = shown.authzid.is_none_or(|authzid| authzid == USER);
        (is_right(shown) && may_act).then(|| USER.into())
    })
}

fn at_host(mechanism: &Mechanism) -> Box<dyn Exchange> {
    let mut exchange = mechanism.start();
    let mut context = ExchangeContext::default();
    context.hostname = Some("server.example.com");
    exchange.prepare(&context);
    exchange
}

/// Clients with this token, and servers that take the right one.
fn dialects(token: &str) -> [(Mechanism, Mechanism); 2] {
    [
        (Mechanism::xoauth2(USER, token), xoauth2_server()),
        (Mechanism::oauthbearer(USER, token, 143), bearer_server()),
    ]
}

#[test]
fn client_sends_exactly_these_bytes() {
    for ((client, _), expected) in dialects(TOKEN).iter().zip([XOAUTH2, BEARER]) {
        assert_eq!(at_host(client).step(StepInput::Start(None)), Step::reply(expected));
    }
    for (mechanism, expected) in [
        (Mechanism::oauthbearer("", "t", None), &b"n,,\x01auth=Bearer t\x01\x01"[..]),
        (Mechanism::oauthbearer("a,b=c", "t", None), b"n,a=a=2Cb=3Dc,\x01auth=Bearer t\x01\x01"),
    ] {
        assert_eq!(mechanism.start().step(StepInput::Start(None)), Step::reply(expected));
    }
    assert_eq!(Mechanism::mssbcbs().start().step(StepInput::Start(None)), Step::NoInitialResponse);
}

#[test]
fn client_with_inexpressible_values_fails_at_its_start() {
    for mechanism in [
        Mechanism::xoauth2("", "t"),
        Mechanism::xoauth2("us\x01er", "t"),
        Mechanism::xoauth2(USER, ""),
        Mechanism::xoauth2(USER, "two words"),
        Mechanism::xoauth2(USER, "t\x01"),
        Mechanism::xoauth2(USER, "t\u{e9}"),
        Mechanism::oauthbearer("us\0er", "t", None),
        Mechanism::oauthbearer(USER, "", None),
    ] {
        let mut client = mechanism.start();
        assert_eq!(client.step(StepInput::Start(None)), REFUSED, "{mechanism:?}");
        assert!(client.reason().is_some());
        assert_eq!(client.step(StepInput::Outcome(None)), REFUSED);
    }
    let mut client = Mechanism::oauthbearer(USER, "t", None).start();
    let mut context = ExchangeContext::default();
    context.hostname = Some("ho\x01st");
    client.prepare(&context);
    assert_eq!(client.step(StepInput::Start(None)), REFUSED);
}

#[test]
fn right_token_opens_both_ends_and_a_wrong_one_neither() {
    for ((ours, theirs), status) in dialects(TOKEN).into_iter().zip(["401", "invalid_token"]) {
        let pair = run(client().sasl(ours), server().sasl(theirs.clone()));
        assert!(pair.client.is_open() && pair.server.is_open());
        assert_eq!((identity(&pair.client), identity(&pair.server)), (Some(USER), Some(USER)));

        let wrong = match status {
            "401" => Mechanism::xoauth2(USER, "stale"),
            _ => Mechanism::oauthbearer(USER, "stale", None),
        };
        let mut pair = run(client().sasl(wrong), server().sasl(theirs));
        let events = pair.client_events();
        let failure = failure(&events);
        assert_eq!(
            (failure.cause, &failure.error.condition),
            (Cause::Sasl, &ErrorCondition::UnauthorizedAccess)
        );
        assert!(failure.error.to_string().contains(status), "the server's reason: {}", failure.error);
        assert_eq!(names(&pair.server_events()), ["CONNECTION_ERROR"]);
    }
    let other = Mechanism::oauthbearer("root", TOKEN, None);
    assert!(!run(client().sasl(other), server().sasl(bearer_server())).server.is_open());
}

#[test]
fn mssbcbs_opens_both_ends_without_an_identity() {
    let ours = client().sasl(Mechanism::mssbcbs());
    let pair = run(ours, server().sasl(Mechanism::mssbcbs_server()));
    assert!(pair.client.is_open() && pair.server.is_open());
    assert_eq!((identity(&pair.client), identity(&pair.server)), (None, None));
    for (message, is_accepted) in [(None, true), (Some(&b""[..]), true), (Some(b"x"), false)] {
        let step = Mechanism::mssbcbs_server().start().step(StepInput::Start(message));
        assert_eq!(step == Step::Done(Success::new()), is_accepted);
    }
}

/// The client is asked for the token, and the server for its decision.
fn deferred(is_bearer: bool, timeouts: Timeouts) -> Pair {
    let (ours, theirs) = match is_bearer {
        false => (Mechanism::xoauth2_deferred(USER), Mechanism::xoauth2_server_deferred()),
        true => (Mechanism::oauthbearer_deferred(USER, 5671), Mechanism::oauthbearer_server_deferred()),
    };
    run(client().sasl(ours).timeouts(timeouts), server().sasl(theirs).timeouts(timeouts))
}

#[test]
fn deferred_token_is_supplied_by_the_client_and_judged_by_the_server() {
    for is_bearer in [false, true] {
        for refusal in [None, Some(Step::refuse()), Some(Step::reply(r#"{"status":"expired"}"#))] {
            let mut pair = deferred(is_bearer, Timeouts::default());
            assert_eq!(names(&pair.client_events()), ["SASL_PENDING"]);
            let credentials = pair.client.sasl_credentials().unwrap();
            assert_eq!((credentials.authcid, credentials.secret), (Some(USER), None));
            pair.client.sasl_supply(Supply::Secret(TOKEN.into())).unwrap();
            assert!(pair.client.sasl_credentials().is_none());
            pair.run();
            assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
            let credentials = pair.server.sasl_credentials().unwrap();
            assert!(is_right(credentials));
            let user = if is_bearer { credentials.authzid } else { credentials.authcid };
            assert_eq!(user, Some(USER));
            let is_accepted = refusal.is_none();
            let explains = matches!(refusal, Some(Step::Reply(_)));
            let answer = refusal.unwrap_or_else(|| credentials.accept_as(USER));
            pair.server.sasl_answer(answer).unwrap();
            pair.run();
            assert_eq!((pair.client.is_open(), pair.server.is_open()), (is_accepted, is_accepted));
            if !is_accepted {
                let events = pair.client_events();
                let text = failure(&events).error.to_string();
                assert_eq!(text.contains("expired"), explains, "{text}");
            }
        }
    }
}

#[test]
fn deferred_token_without_an_answer_times_out_at_either_end() {
    let timeouts = Timeouts::default().sasl(Duration::from_secs(5));
    let expire = |end: &mut Connection| {
        let due = end.poll_timeout().unwrap();
        end.handle_timeout(due);
        let events: Vec<_> = std::iter::from_fn(|| end.poll_event()).collect();
        assert_eq!(failure(&events[events.len() - 1..]).cause, Cause::TimedOut);
        assert!(end.sasl_credentials().is_none());
    };
    for is_bearer in [false, true] {
        let mut pair = deferred(is_bearer, timeouts);
        expire(&mut pair.client);
        let mut pair = deferred(is_bearer, timeouts);
        pair.client.sasl_supply(Supply::Secret(TOKEN.into())).unwrap();
        pair.run();
        expire(&mut pair.server);
    }
}

#[test]
fn server_refuses_malformed_messages_without_verifying() {
    let server = |is_bearer: bool| match is_bearer {
        false => Mechanism::xoauth2_server(|_| true),
        true => Mechanism::oauthbearer_server(|_| Some("user".into())),
    };
    for (is_bearer, messages) in [
        (
            false,
            &[
                &b""[..],
                b"user=u",
                b"user=\x01auth=Bearer t\x01\x01",
                b"user=u\x01auth=Bearer t\x01",
                b"user=u\x01auth=Bearer t",
                b"user=u\x01auth=Bearer \x01\x01",
                b"user=u\x01auth=Basic t\x01\x01",
                b"user=u\x01auth=Bearer t\x01x\x01\x01",
                b"user=u\x01Bearer t\x01\x01",
                b"User=u\x01auth=Bearer t\x01\x01",
                b"user=\xff\x01auth=Bearer t\x01\x01",
            ][..],
        ),
        (
            true,
            &[
                &b""[..],
                b"n,,",
                b"n,,\x01\x01",
                b"n,,\x01auth=Bearer t\x01",
                b"n,,auth=Bearer t\x01\x01",
                b"n,,\x01host=h\x01\x01",
                b"n,,\x01auth=Bearer t\x01auth=Bearer t\x01\x01",
                b"n,,\x01auth=Bearer \x01\x01",
                b"n,,\x01auth=Basic t\x01\x01",
                b"n,,\x01auth\x01\x01",
                b"n,,\x011=x\x01auth=Bearer t\x01\x01",
                b"n,a=,\x01auth=Bearer t\x01\x01",
                b"n,a=x=y,\x01auth=Bearer t\x01\x01",
                b"p=tls-exporter,,\x01auth=Bearer t\x01\x01",
                b"n,\x01auth=Bearer t\x01\x01",
            ][..],
        ),
    ] {
        for message in messages {
            let mut exchange = server(is_bearer).start();
            assert_eq!(exchange.step(StepInput::Start(Some(message))), REFUSED, "{}", message.escape_ascii());
            assert_eq!(exchange.step(StepInput::Data(if is_bearer { BEARER } else { XOAUTH2 })), REFUSED);
        }
    }
    for message in [&b"y,,\x01auth=bearer t\x01\x01"[..], b"n,,\x01auth=BEARER t\x01other=x\x01\x01"] {
        let step = server(true).start().step(StepInput::Start(Some(message)));
        assert!(matches!(step, Step::Done(_)), "{}", message.escape_ascii());
    }
}

/// Truncated, or with one bit flipped: refused, or another user, token, host or key than was sent.
#[test]
fn damaged_messages_never_log_in_as_the_user() {
    for (message, theirs) in [(XOAUTH2, xoauth2_server()), (BEARER, bearer_server())] {
        let mut accepted = 0;
        for bit in 0..message.len() * 8 {
            let mut flipped = message.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match theirs.start().step(StepInput::Start(Some(&flipped))) {
                Step::Done(success) => {
                    // The case of the scheme, and in OAUTHBEARER what is neither user nor token.
                    accepted += 1;
                    assert_eq!(success.identity.as_deref(), Some(USER));
                    let shown = flipped.escape_ascii().to_string();
                    assert!(shown.contains(TOKEN), "{shown}");
                }
                Step::Reply(_) | REFUSED => {}
                step => panic!("{step:?}"),
            }
        }
        assert!(accepted > 0);
        for cut in 0..message.len() {
            let step = theirs.start().step(StepInput::Start(Some(&message[..cut])));
            assert_eq!(step, REFUSED, "{cut}");
        }
    }
}

#[test]
fn messages_out_of_turn_are_refused() {
    let clients = [
        Mechanism::xoauth2(USER, TOKEN),
        Mechanism::oauthbearer(USER, TOKEN, None),
        Mechanism::xoauth2_deferred(USER),
        Mechanism::oauthbearer_deferred(USER, None),
        Mechanism::mssbcbs(),
    ];
    for mechanism in &clients {
        for early in [StepInput::Outcome(None), StepInput::Data(b"")] {
            let mut client = mechanism.start();
            assert_eq!(client.step(early), REFUSED, "{mechanism:?}");
            assert_eq!(client.step(StepInput::Start(None)), REFUSED);
        }
        let mut client = mechanism.start();
        client.step(StepInput::Start(None));
        assert_eq!(client.step(StepInput::Start(None)), REFUSED, "{mechanism:?}");
        assert_eq!(client.supply(Supply::Secret(TOKEN.into())), REFUSED);
        assert_eq!(client.step(StepInput::Outcome(None)), REFUSED);
    }
    for mechanism in &clients[..2] {
        // An ok behind a reason for a refusal, and a second reason.
        for last in [StepInput::Outcome(None), StepInput::Data(b"again")] {
            let mut client = mechanism.start();
            client.step(StepInput::Start(None));
            assert!(matches!(client.step(StepInput::Data(b"{}")), Step::Reply(_)));
            assert_eq!(client.step(last), REFUSED);
        }
    }
    assert_eq!(clients[4].start().supply(Supply::Secret(TOKEN.into())), REFUSED);
    for (message, mechanism) in [
        (XOAUTH2, xoauth2_server()),
        (BEARER, bearer_server()),
        (XOAUTH2, Mechanism::xoauth2_server_deferred()),
        (BEARER, Mechanism::oauthbearer_server_deferred()),
        (b"", Mechanism::mssbcbs_server()),
    ] {
        for early in [StepInput::Outcome(None), StepInput::Data(message)] {
            let mut server = mechanism.start();
            assert_eq!(server.step(early), REFUSED, "{mechanism:?}");
            assert_eq!(server.step(StepInput::Start(Some(message))), REFUSED);
        }
        let mut server = mechanism.start();
        server.step(StepInput::Start(Some(message)));
        assert_eq!(server.step(StepInput::Data(message)), REFUSED, "{mechanism:?}");
        assert!(server.credentials().is_none());
    }
}

#[test]
fn server_without_an_initial_response_asks_for_it() {
    for (message, mechanism) in [(XOAUTH2, xoauth2_server()), (BEARER, bearer_server())] {
        let mut server = mechanism.start();
        assert_eq!(server.step(StepInput::Start(None)), Step::reply(""));
        assert!(matches!(server.step(StepInput::Data(message)), Step::Done(_)));
    }
}

#[test]
fn client_acknowledges_a_reason_and_keeps_it_without_its_token() {
    for (mechanism, acknowledgement) in
        [(Mechanism::xoauth2(USER, TOKEN), ""), (Mechanism::oauthbearer(USER, TOKEN, None), "\x01")]
    {
        let escaped: String = TOKEN.chars().flat_map(|c| ['\\', c]).collect();
        for (reason, shown) in [
            (r#"{"status":"401"}"#.to_owned(), true),
            (format!("the token {TOKEN} is bad"), false),
            (format!("the token {escaped} is bad"), false),
            (format!("the token {}... is bad", &TOKEN[..12]), false),
            (format!("the token ...{} is bad", &TOKEN[TOKEN.len() - 12..]), false),
        ] {
            let mut client = mechanism.start();
            client.step(StepInput::Start(None));
            assert_eq!(client.step(StepInput::Data(reason.as_bytes())), Step::reply(acknowledgement));
            let kept = client.reason().unwrap();
            assert_eq!(kept.contains(&reason), shown, "{kept}");
            assert!(!kept.contains(TOKEN));
        }
        let mut client = mechanism.start();
        client.step(StepInput::Start(None));
        client.step(StepInput::Data(&[b'x'; 10_000]));
        assert!(client.reason().unwrap().len() < 1100);
    }
}

#[test]
fn debug_of_a_token_login_shows_no_token() {
    for (ours, theirs) in [
        (Mechanism::xoauth2(USER, TOKEN), Mechanism::xoauth2_server_deferred()),
        (Mechanism::oauthbearer(USER, TOKEN, None), Mechanism::oauthbearer_server_deferred()),
    ] {
        let config: ConnectionConfig = client().sasl(ours.clone());
        let mut shown = vec![printed(&ours), printed(&ours.start()), printed(&config)];
        let pair = run(config, server().sasl(theirs));
        let credentials = pair.server.sasl_credentials().unwrap();
        assert!(is_right(credentials));
        shown.extend([printed(&credentials), printed(&pair.client), printed(&pair.server)]);
        for text in shown {
            assert!(!text.contains(TOKEN) && !text.contains("118,70,57,100,102,116"), "{text}");
        }
    }
}
