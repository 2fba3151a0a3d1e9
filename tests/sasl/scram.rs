//! SCRAM between two engines.

use core::time::Duration;

use amqp_proto::{
    Cause, Connection, Timeouts,
    sasl::{ChannelBinding, Mechanism, ScramHash, ScramKeys, Supply, Tunnel},
    spec::definitions::ErrorCondition,
};

use super::{client, failure, identity, printed, run, server};
use crate::common::{Pair, names};

const HASHES: [ScramHash; 3] = [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512];
const DECOY: [u8; 32] = [7; 32];

fn entropy(buffer: &mut [u8]) {
    for (byte, number) in buffer.iter_mut().zip(1..) {
        *byte = number;
    }
}

fn keys(hash: ScramHash) -> ScramKeys {
    ScramKeys::derive(hash, "pencil", b"salt of the user", 4096)
}

fn ours(hash: ScramHash, password: &str) -> Mechanism {
    Mechanism::scram(hash, "user", password, entropy)
}

fn theirs(hash: ScramHash) -> Mechanism {
    let keys = keys(hash);
    Mechanism::scram_server(hash, move |user| (user == "user").then(|| keys.clone()), DECOY, entropy)
}

fn name(connection: &Connection) -> &str {
    connection.sasl_mechanism().unwrap().as_str()
}

#[test]
fn scram_with_the_right_password_opens_both_ends() {
    for hash in HASHES {
        let mut pair = run(client().sasl(ours(hash, "pencil")), server().sasl(theirs(hash)));
        assert_eq!(names(&pair.client_events()), ["CONNECTION_OPEN"]);
        assert_eq!(names(&pair.server_events()), ["CONNECTION_OPEN"]);
        assert_eq!((identity(&pair.client), identity(&pair.server)), (Some("user"), Some("user")));
        assert_eq!(ScramHash::of_mechanism(name(&pair.client)), Some(hash));
    }
}

#[test]
fn scram_with_a_wrong_password_or_user_ends_both_ends_unauthorized() {
    let stranger = Mechanism::scram(ScramHash::Sha256, "stranger", "pencil", entropy);
    for ours in [ours(ScramHash::Sha256, "penci"), stranger] {
        let mut pair = run(client().sasl(ours), server().sasl(theirs(ScramHash::Sha256)));
        for events in [pair.client_events(), pair.server_events()] {
            assert_eq!(failure(&events).cause, Cause::Sasl);
            assert_eq!(failure(&events).error.condition, ErrorCondition::UnauthorizedAccess);
        }
    }
}

#[test]
fn server_that_does_not_know_the_password_is_left_by_the_client() {
    // It knows the stored key alone: it can check a proof, and cannot sign.
    let mut stolen = keys(ScramHash::Sha256);
    stolen.server_key = vec![0; 32].into();
    let theirs = Mechanism::scram_server(ScramHash::Sha256, move |_| Some(stolen.clone()), DECOY, entropy);
    let mut pair = run(client().sasl(ours(ScramHash::Sha256, "pencil")), server().sasl(theirs));
    let events = pair.client_events();
    assert!(failure(&events).error.to_string().contains("the server does not know the password"));
    assert!(!pair.server.is_open() && identity(&pair.client).is_none());
}

#[test]
fn client_explains_why_it_left() {
    let few = ScramKeys::derive(ScramHash::Sha256, "pencil", b"salt", 4095);
    let theirs = Mechanism::scram_server(ScramHash::Sha256, move |_| Some(few.clone()), DECOY, entropy);
    for (ours, is_accepted) in [
        (ours(ScramHash::Sha256, "pencil"), false),
        (ours(ScramHash::Sha256, "pencil").iterations(4095, 4095), true),
    ] {
        let mut pair = run(client().sasl(ours), server().sasl(theirs.clone()));
        assert_eq!(pair.client.is_open(), is_accepted);
        if !is_accepted {
            let events = pair.client_events();
            assert!(failure(&events).error.to_string().contains("4095 iterations"));
        }
    }
}

/// Both ends over tunnels with these bindings.
fn over(bindings: [Option<&'static [u8]>; 2]) -> Pair {
    let ours = ours(ScramHash::Sha256, "pencil");
    let theirs = theirs(ScramHash::Sha256);
    let mut pair = Pair::new(
        client().sasl(ours.clone().plus()).sasl(ours),
        server().sasl(theirs.clone().plus()).sasl(theirs),
    );
    for (end, binding) in [&mut pair.client, &mut pair.server].into_iter().zip(bindings) {
        let mut tunnel = Tunnel::new().protected(true);
        tunnel.binding = binding.map(|data| ChannelBinding::new("tls-exporter", data));
        end.set_tunnel(tunnel).unwrap();
    }
    let mut pair = pair.opened();
    pair.run();
    pair
}

#[test]
fn plus_variant_is_used_if_both_ends_have_a_binding() {
    let (here, there) = (Some(&b"here"[..]), Some(&b"there"[..]));
    for (bindings, expected) in [
        ([here, here], Some("SCRAM-SHA-256-PLUS")),
        ([here, None], Some("SCRAM-SHA-256")),
        ([None, here], Some("SCRAM-SHA-256")),
        ([None, None], Some("SCRAM-SHA-256")),
        // Two tunnels, with somebody between them.
        ([here, there], None),
    ] {
        let pair = over(bindings);
        assert_eq!((pair.client.is_open(), pair.server.is_open()), (expected.is_some(), expected.is_some()));
        if let Some(expected) = expected {
            assert_eq!(name(&pair.server), expected);
        }
    }
}

/// Both ends wait for the application.
fn deferred(timeouts: Timeouts) -> Pair {
    let ours = Mechanism::scram_deferred(ScramHash::Sha512, "user", entropy);
    let theirs = Mechanism::scram_server_deferred(ScramHash::Sha512, DECOY, entropy);
    run(client().sasl(ours).timeouts(timeouts), server().sasl(theirs).timeouts(timeouts))
}

#[test]
fn deferred_scram_takes_keys_and_a_salted_password() {
    for (password, stored) in [("pencil", true), ("penci", true), ("pencil", false)] {
        let mut pair = deferred(Timeouts::default());
        assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
        let credentials = pair.server.sasl_credentials().unwrap();
        assert_eq!((credentials.authcid, credentials.authzid), (Some("user"), None));
        pair.server.sasl_supply(Supply::Keys(stored.then(|| keys(ScramHash::Sha512)))).unwrap();
        pair.run();
        assert_eq!(names(&pair.client_events()), ["SASL_PENDING"]);
        let credentials = pair.client.sasl_credentials().unwrap();
        assert_eq!(credentials.authcid, Some("user"));
        let (salt, iterations) = (credentials.salt.unwrap(), credentials.iterations.unwrap());
        let salted = ScramHash::Sha512.salted_password(password, salt, iterations);
        pair.client.sasl_supply(Supply::Secret(salted)).unwrap();
        pair.run();
        let is_right = password == "pencil" && stored;
        assert_eq!((pair.client.is_open(), pair.server.is_open()), (is_right, is_right));
    }
}

#[test]
fn deferred_scram_without_an_answer_times_out_at_either_end() {
    let timeouts = Timeouts::default().sasl(Duration::from_secs(5));
    let mut pair = deferred(timeouts);
    let expire = |end: &mut Connection| {
        let due = end.poll_timeout().unwrap();
        end.handle_timeout(due);
        let events: Vec<_> = std::iter::from_fn(|| end.poll_event()).collect();
        assert_eq!(failure(&events).cause, Cause::TimedOut);
        assert!(end.sasl_credentials().is_none());
    };
    assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
    pair.server.sasl_supply(Supply::Keys(Some(keys(ScramHash::Sha512)))).unwrap();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SASL_PENDING"]);
    expire(&mut pair.client);
    assert!(pair.client.sasl_supply(Supply::Secret(vec![0; 64].into())).is_err());

    let mut pair = deferred(timeouts);
    assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
    expire(&mut pair.server);
    assert!(pair.server.sasl_supply(Supply::Keys(None)).is_err());
}

#[test]
fn debug_of_a_scram_login_shows_no_secret_at_any_step() {
    let ours = Mechanism::scram(ScramHash::Sha256, "user", "hunter2", entropy);
    let keys = ScramKeys::derive(ScramHash::Sha256, "hunter2", b"hunter2", 4096);
    let shown_keys = printed(&Supply::Keys(Some(keys.clone())));
    let mut secrets = vec!["hunter2".to_owned()];
    for key in [&keys.stored_key, &keys.server_key] {
        let numbers: Vec<String> = key.iter().take(8).map(u8::to_string).collect();
        secrets.push(numbers.join(","));
        secrets.push(key.escape_ascii().to_string());
    }
    let config = server().sasl(Mechanism::scram_server_deferred(ScramHash::Sha256, DECOY, entropy));
    let mut pair = Pair::new(client().sasl(ours.clone()), config).opened();
    let mut shown = vec![shown_keys, printed(&ours), printed(&ours.start()), printed(pair.client.config())];
    pair.run();
    let credentials = pair.server.sasl_credentials().unwrap();
    shown.push(printed(&credentials));
    shown.push(printed(&pair.server));
    pair.server.sasl_supply(Supply::Keys(Some(keys))).unwrap();
    shown.push(printed(&pair.server));
    pair.run();
    shown.extend([printed(&pair.client), printed(&pair.server)]);
    assert!(pair.client.is_open());
    for text in shown {
        assert!(secrets.iter().all(|secret| !text.contains(secret.as_str())), "{text}");
    }
}
