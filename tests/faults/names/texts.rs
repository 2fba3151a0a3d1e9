//! What errors say, and of whom (FF2, FF3, FF4).

use amqp_proto::{
    Cause, CommandError, ConnectionConfig, Event, Failure, SenderConfig, SessionConfig, SessionId,
    sasl::{Credentials, Mechanism},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        performatives::{Begin, Close, End, Open},
        sasl::{SaslCode, SaslOutcome},
    },
    types::{Str, Symbol},
};

use super::performative;
use crate::support::{ATTACH_SENDER, Fed, HEAD, hex};

/// A right-to-left override, a zero-width space, a byte order mark and an escape.
const TRICKY: &str = "pay \u{202e}em\u{200b} \u{feff}now\u{1b}[2J \u{2066}\u{ad}\n";

fn is_plain(text: &str) -> bool {
    text.is_ascii() && !text.contains(|c: char| c.is_control())
}

#[test]
fn ff2_display_of_an_error_escapes_what_would_not_be_seen() {
    let condition = ErrorCondition::from(Symbol::try_from("a\u{1b}[2Jb").unwrap());
    assert_eq!(condition.to_string(), "a\\u{1b}[2Jb");
    let error = AmqpError::described(condition, TRICKY);
    let text = error.to_string();
    assert!(is_plain(&text), "{text:?}");
    assert_eq!(text, "a\\u{1b}[2Jb: pay \\u{202e}em\\u{200b} \\u{feff}now\\u{1b}[2J \\u{2066}\\u{ad}\\n");
    // What is seen stays: letters of any script, accents, and characters beyond the first plane.
    let seen = "schön, שלום, e\u{301}, 語 \u{1f600}";
    let error = AmqpError::described(ErrorCondition::NotFound, seen);
    assert_eq!(error.to_string(), format!("amqp:not-found: {seen}"));
    assert_eq!(format!("{:>16}", ErrorCondition::NotFound), "  amqp:not-found");
}

#[test]
fn ff2b_details_of_events_are_escaped_whichever_endpoint_ended() {
    let error = AmqpError::described(ErrorCondition::NotFound, TRICKY);
    let ends = [
        performative(&End { error: Some(Box::new(error.clone())) }),
        performative(&Close { error: Some(Box::new(error)) }),
    ];
    for end in ends {
        let mut fed = Fed::server();
        fed.feed(ATTACH_SENDER);
        fed.events();
        fed.feed_bytes(&end);
        let details: Vec<String> = fed.events().iter().filter_map(Event::error_detail).collect();
        assert!(details.iter().any(|text| text.contains("\\u{202e}")), "{details:?}");
        assert!(details.iter().all(|text| is_plain(text)), "{details:?}");
    }
}

/// A server's header and its offer of PLAIN.
fn offer_plain(fed: &mut Fed) {
    fed.feed("414d515003010000");
    fed.feed_bytes(&super::plain_offer());
}

fn last_detail(fed: &mut Fed) -> String {
    fed.events().last().and_then(Event::error_detail).expect("an error at the end")
}

#[test]
fn ff3_headers_that_differ_are_named_with_what_was_asked() {
    let plain = || ConnectionConfig::client("c").sasl(Mechanism::plain("u", "p"));
    let server = || ConnectionConfig::server("s");
    let secured = || server().sasl(Mechanism::plain_server(|_: Credentials<'_>| true));
    let cases = [
        (
            plain(),
            "414d515000010000",
            "the server offers no SASL layer, and answered with the header of AMQP",
        ),
        (plain(), "414d515000000901", "the server speaks AMQP 0.9.1, and was asked for SASL 1.0.0"),
        (ConnectionConfig::client("c"), "414d515003010000", "the server asks for a SASL layer"),
        (
            ConnectionConfig::client("c"),
            "414d515002010000",
            "the server speaks TLS 1.0.0, and was asked for AMQP 1.0.0",
        ),
        (server(), "414d515002010000", "the client asked for TLS 1.0.0, and was offered AMQP 1.0.0"),
        (server(), "414d515000000901", "the client asked for AMQP 0.9.1, and was offered AMQP 1.0.0"),
        (server(), "414d515009010000", "the client asked for protocol 9 1.0.0, and was offered AMQP 1.0.0"),
        (secured(), "414d515000010000", "the client asked for AMQP 1.0.0, and was offered SASL 1.0.0"),
        (
            server(),
            "485454502f312e31",
            "the client does not speak AMQP: its first bytes are no protocol header",
        ),
    ];
    for (config, header, text) in cases {
        let mut fed = Fed::new(config);
        // A server has nothing to open before its client has.
        let _ = fed.connection.open();
        fed.write();
        fed.feed(header);
        let detail = last_detail(&mut fed);
        assert!(detail.ends_with(&format!(": {text} (2.2)")), "{detail}");
    }
}

#[test]
fn ff3b_lost_transport_is_told_with_its_stage() {
    let lost = |config: ConnectionConfig, input: &[u8], closes: bool| {
        let mut fed = Fed::new(config);
        fed.connection.open().unwrap();
        fed.write();
        fed.feed_bytes(input);
        if closes {
            // More than our close is left to write.
            fed.connection.begin(SessionConfig::new()).unwrap();
            fed.connection.close(None).unwrap();
        }
        fed.connection.handle_eof(fed.instant());
        last_detail(&mut fed)
    };
    let client = || ConnectionConfig::client("c");
    let secured = || client().sasl(Mechanism::plain("u", "p"));
    let (header, opened) = (hex("414d515000010000"), hex(&HEAD[..HEAD.len() - 40]));
    let stages = [
        lost(client(), b"", false),
        lost(client(), &header, false),
        lost(secured(), &hex("414d515003010000"), false),
        lost(client(), &opened, false),
        lost(client(), &opened, true),
    ];
    let texts = [
        "before the peer's protocol header",
        "before the peer's open",
        "during the SASL exchange",
        "without a close",
        "before the peer's close",
    ];
    for (stage, text) in stages.iter().zip(texts) {
        assert_eq!(*stage, format!("amqp:connection:forced: the transport was lost {text}"));
    }
}

#[test]
fn ff3c_an_id_that_is_unknown_is_named_by_its_kind() {
    let mut fed = Fed::server();
    let session = fed.connection.begin(SessionConfig::new()).unwrap();
    let mut handle = fed.connection.session(session).unwrap();
    let sender = handle.attach_sender(SenderConfig::new().name("n")).unwrap();
    let mut other = Fed::server().connection;
    assert_eq!(other.session(session).err(), Some(CommandError::UnknownSession));
    assert_eq!(other.session_ref(session).err(), Some(CommandError::UnknownSession));
    assert_eq!(other.accept_session(session, SessionConfig::new()), Err(CommandError::UnknownSession));
    assert_eq!(other.sender(sender).err(), Some(CommandError::UnknownLink));
    assert_eq!(other.accept_sender(sender, SenderConfig::new()), Err(CommandError::UnknownLink));
    // The same once the connection has ended.
    fed.feed_bytes(&performative(&Close::default()));
    fed.events();
    assert_eq!(fed.connection.session(session).err(), Some(CommandError::UnknownSession));
    assert_eq!(fed.connection.sender(sender).err(), Some(CommandError::UnknownLink));
    let texts = [CommandError::UnknownSession, CommandError::UnknownLink, CommandError::UnknownId];
    for (error, kind) in texts.iter().zip(["session", "link", "delivery"]) {
        assert!(error.to_string().starts_with(&format!("the {kind} ")), "{error}");
    }
}

// Right since cd2d049.
#[test]
fn ff3d_empty_password_is_what_the_failure_says() {
    let mut fed = Fed::new(ConnectionConfig::client("c").sasl(Mechanism::plain("user", "")));
    fed.connection.open().unwrap();
    fed.write();
    offer_plain(&mut fed);
    let detail = last_detail(&mut fed);
    assert!(detail.contains("the password for PLAIN is empty"), "{detail}");
}

/// The failures of links and sessions, then that of the connection.
fn failures(fed: &mut Fed) -> Vec<std::sync::Arc<Failure>> {
    let failure = |event| match event {
        Event::SenderError { failure, .. }
        | Event::ReceiverError { failure, .. }
        | Event::SessionError { failure, .. }
        | Event::ConnectionError(failure) => Some(failure),
        _ => None,
    };
    fed.events().into_iter().filter_map(failure).collect()
}

fn client_with_children(config: ConnectionConfig) -> (Fed, SessionId) {
    let mut fed = Fed::new(config);
    fed.connection.open().unwrap();
    let session = fed.connection.begin(SessionConfig::new()).unwrap();
    for name in ["one", "two"] {
        fed.connection.session(session).unwrap().attach_sender(SenderConfig::new().name(name)).unwrap();
    }
    fed.write();
    (fed, session)
}

#[test]
fn ff4_failed_login_is_told_by_the_connection_and_children_name_their_parent() {
    let config = ConnectionConfig::client("c").sasl(Mechanism::plain("user", "wrong"));
    let (mut fed, _) = client_with_children(config);
    offer_plain(&mut fed);
    let outcome = SaslOutcome { code: SaslCode::Auth, additional_data: None };
    fed.feed_bytes(&super::sasl_frame(&outcome));
    let failures = failures(&mut fed);
    let (last, children) = failures.split_last().unwrap();
    assert_eq!(children.len(), 3);
    for child in children {
        assert_eq!(child.cause, Cause::Parent);
        assert_eq!(child.error.to_string(), "amqp:unauthorized-access: the connection failed");
        // One for all of them.
        assert!(std::sync::Arc::ptr_eq(child, &children[0]));
    }
    assert_eq!(last.cause, Cause::Sasl);
    assert!(last.error.to_string().contains("SASL failed"), "{last:?}");
}

#[test]
fn ff4b_links_of_a_failed_session_name_it_and_its_error_is_its_own() {
    let (mut fed, _) = client_with_children(ConnectionConfig::client("c"));
    fed.feed("414d515000010000");
    fed.feed_bytes(&performative(&Open { container_id: "peer".into(), ..Open::default() }));
    fed.feed_bytes(&performative(&Begin { remote_channel: Some(0.into()), ..Begin::default() }));
    fed.feed_bytes(&performative(&End {
        error: Some(Box::new(AmqpError::described(ErrorCondition::NotAllowed, "of the session"))),
    }));
    let failures = failures(&mut fed);
    let causes: Vec<Cause> = failures.iter().map(|failure| failure.cause).collect();
    assert_eq!(causes, [Cause::Parent, Cause::Parent, Cause::Peer]);
    assert_eq!(failures[0].error.to_string(), "amqp:not-allowed: the session failed");
    assert_eq!(failures[2].error.to_string(), "amqp:not-allowed: of the session");
}

#[test]
fn ff4c_what_a_close_carries_is_in_the_last_event_alone() {
    let mut fed = Fed::server();
    fed.feed(ATTACH_SENDER);
    fed.events();
    let description = Str::from("long".repeat(100).as_str());
    let error = AmqpError::described(ErrorCondition::InternalError, description);
    fed.feed_bytes(&performative(&Close { error: Some(Box::new(error.clone())) }));
    let failures = failures(&mut fed);
    let (last, children) = failures.split_last().unwrap();
    assert_eq!((last.cause, &last.error), (Cause::Peer, &error));
    assert!(children.iter().all(|child| child.cause == Cause::Parent && child.error.to_string().len() < 60));
    assert!(!children.is_empty());
}
