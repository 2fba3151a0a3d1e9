use alloc::{boxed::Box, format, string::String, vec, vec::Vec};

use base64ct::{Base64, Encoding};
use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    sasl::{
        ChannelBinding, ExchangeContext, Step, StepInput, Success, Supply, Tunnel,
        gs2::{BindingFlag, Gs2Message, decode_name, encode_name},
    },
    spec::sasl::SaslCode,
};

const REFUSED: Step = Step::Fail(SaslCode::Auth);

fn no_entropy(_: &mut [u8]) {}

fn client_of(hash: ScramHash, user: &str, password: Option<&str>) -> Scram {
    Scram::new(hash, End::Client(client::Login::new(user, password)), no_entropy)
}

fn server_of(hash: ScramHash, keys: ScramKeys) -> Scram {
    let find = move |user: &str| (user == "user").then(|| keys.clone());
    Scram::new(hash, End::Server(server::Users::new(Some(Arc::new(find)), [7; 32].into())), no_entropy)
}

fn deferred_server(hash: ScramHash) -> Scram {
    Scram::new(hash, End::Server(server::Users::new(None, [7; 32].into())), no_entropy)
}

/// One exchange of an RFC.
struct Vector {
    hash: ScramHash,
    salt: &'static str,
    client_nonce: &'static str,
    server_nonce: &'static str,
    client_first: &'static str,
    server_first: &'static str,
    client_final: &'static str,
    server_final: &'static str,
}

/// RFC 5802, 5.
const SHA_1: Vector = Vector {
    hash: ScramHash::Sha1,
    salt: "QSXCR+Q6sek8bf92",
    client_nonce: "fyko+d2lbbFgONRv9qkxdawL",
    server_nonce: "3rfcNHYJY1ZVvWVs7j",
    client_first: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    server_first: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    client_final: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    server_final: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
};

/// RFC 7677, 3.
const SHA_256: Vector = Vector {
    hash: ScramHash::Sha256,
    salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
    client_nonce: "rOprNGfwEbeRWgbNEkqO",
    server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    client_first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    client_final: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    server_final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

impl Vector {
    fn client(&self) -> Box<dyn Exchange> {
        client_of(self.hash, "user", Some("pencil")).start_with(self.client_nonce.into())
    }

    fn server(&self) -> Box<dyn Exchange> {
        server_of(self.hash, self.keys()).start_with(self.server_nonce.into())
    }

    fn keys(&self) -> ScramKeys {
        ScramKeys::derive(self.hash, "pencil", &Base64::decode_vec(self.salt).unwrap(), 4096)
    }
}

fn reply(text: &str) -> Step {
    Step::reply(Bytes::copy_from_slice(text.as_bytes()))
}

fn done() -> Step {
    Step::Done(Success::new().identity("user"))
}

#[test]
fn client_sends_exactly_what_the_rfcs_have() {
    for vector in [SHA_1, SHA_256] {
        let mut client = vector.client();
        assert_eq!(client.step(StepInput::Start(None)), reply(vector.client_first));
        assert_eq!(client.step(StepInput::Data(vector.server_first.as_bytes())), reply(vector.client_final));
        assert_eq!(client.step(StepInput::Data(vector.server_final.as_bytes())), reply(""));
        assert_eq!(client.step(StepInput::Outcome(Some(b"Welcome!"))), done());
    }
}

#[test]
fn server_sends_exactly_what_the_rfcs_have() {
    for vector in [SHA_1, SHA_256] {
        for has_initial_response in [true, false] {
            let mut server = vector.server();
            let first = match has_initial_response {
                true => StepInput::Start(Some(vector.client_first.as_bytes())),
                false => {
                    assert_eq!(server.step(StepInput::Start(None)), reply(""));
                    StepInput::Data(vector.client_first.as_bytes())
                }
            };
            assert_eq!(server.step(first), reply(vector.server_first));
            assert_eq!(
                server.step(StepInput::Data(vector.client_final.as_bytes())),
                reply(vector.server_final)
            );
            assert_eq!(server.step(StepInput::Data(b"")), done());
            assert_eq!(server.step(StepInput::Data(b"")), REFUSED);
        }
    }
}

#[test]
fn signature_in_the_outcome_is_as_good_as_in_a_challenge() {
    for (data, expected) in [
        (Some(SHA_256.server_final), done()),
        (Some("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), REFUSED),
        (Some("Welcome!"), REFUSED),
        (Some(""), REFUSED),
        (None, REFUSED),
    ] {
        let mut client = SHA_256.client();
        client.step(StepInput::Start(None));
        client.step(StepInput::Data(SHA_256.server_first.as_bytes()));
        assert_eq!(client.step(StepInput::Outcome(data.map(str::as_bytes))), expected, "{data:?}");
        assert_eq!(client.reason().is_some(), expected == REFUSED);
    }
}

/// A client of each hash against a server, with and without a wait at either end.
#[test]
fn every_hash_logs_in_with_the_right_password_alone() {
    for hash in ScramHash::ALL {
        for (password, defers) in [("pencil", false), ("pencil", true), ("penci", false), ("penci", true)] {
            let keys = ScramKeys::derive(hash, "pencil", b"salt of the user", 4096);
            let mut client =
                client_of(hash, "user", (!defers).then_some(password)).start_with("client".into());
            let mut server = if defers { deferred_server(hash) } else { server_of(hash, keys.clone()) }
                .start_with("server".into());
            let Step::Reply(first) = client.step(StepInput::Start(None)) else { panic!() };
            let mut step = server.step(StepInput::Start(Some(&first)));
            if defers {
                assert_eq!(step, Step::Pending);
                let credentials = server.credentials().unwrap();
                assert_eq!((credentials.authcid, credentials.secret), (Some("user"), None));
                step = server.supply(Supply::Keys(Some(keys.clone())));
                assert!(server.credentials().is_none());
            }
            let Step::Reply(challenge) = step else { panic!() };
            step = client.step(StepInput::Data(&challenge));
            if defers {
                assert_eq!(step, Step::Pending);
                let credentials = client.credentials().unwrap();
                assert_eq!(credentials.authcid, Some("user"));
                assert_eq!(credentials.salt, Some(&keys.salt[..]));
                assert_eq!(credentials.iterations, Some(4096));
                let salted = hash.salted_password(password, &keys.salt, 4096);
                step = client.supply(Supply::Secret(salted));
                assert!(client.credentials().is_none());
            }
            let Step::Reply(proof) = step else { panic!() };
            let step = server.step(StepInput::Data(&proof));
            if password != "pencil" {
                assert_eq!(step, REFUSED);
                continue;
            }
            let Step::Reply(signature) = step else { panic!() };
            assert_eq!(client.step(StepInput::Data(&signature)), reply(""));
            assert_eq!(server.step(StepInput::Data(b"")), done());
            assert_eq!(client.step(StepInput::Outcome(None)), done());
        }
    }
}

#[test]
fn mechanism_names_its_hash_and_variant() {
    for (hash, name) in ScramHash::ALL.into_iter().zip(["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"]) {
        let scram = Mechanism::scram(hash, "user", "pencil", no_entropy);
        assert!(scram.is_client() && *scram.name() == *name);
        assert_eq!(ScramHash::of_mechanism(name), Some(hash));
        let plus = Mechanism::scram_server_deferred(hash, [7; 32], no_entropy).plus();
        assert!(plus.is_server() && plus.name().as_str() == format!("{name}-PLUS"));
        assert_eq!(ScramHash::of_mechanism(plus.name().as_str()), Some(hash));
    }
    let plain = Mechanism::plain("user", "pencil").plus().iterations(1, 2);
    assert_eq!(plain.name().as_str(), "PLAIN");
}

#[test]
fn entropy_is_asked_for_once_by_each_exchange() {
    let counter = core::sync::atomic::AtomicU8::new(1);
    let entropy = move |buffer: &mut [u8]| {
        buffer.fill(counter.fetch_add(1, core::sync::atomic::Ordering::Relaxed));
    };
    let mechanism = Mechanism::scram(ScramHash::Sha256, "user", "pencil", entropy);
    let mut firsts = Vec::new();
    for number in 1..4_u8 {
        let Step::Reply(first) = mechanism.start().step(StepInput::Start(None)) else { panic!() };
        assert_eq!(first, format!("n,,n=user,r={}", Base64::encode_string(&[number; 24])));
        firsts.push(first);
    }
    assert_eq!(firsts.len(), 3);
}

// Channel binding.

fn bound(kind: &str, data: &'static [u8]) -> Tunnel {
    Tunnel::new().protected(true).binding(ChannelBinding::new(kind, data))
}

/// The parts of an exchange up to the proof, over these tunnels; `None` as soon as a step fails.
fn log_in(
    (client_plus, below_client): (bool, &Tunnel),
    (server_plus, below_server): (bool, &Tunnel),
    offered: &[Symbol],
    client_sees: &[Symbol],
) -> Result<String, String> {
    let keys = ScramKeys::derive(ScramHash::Sha256, "pencil", b"salt", 4096);
    let mut client = client_of(ScramHash::Sha256, "user", Some("pencil"));
    let mut server = server_of(ScramHash::Sha256, keys);
    (client.plus, server.plus) = (client_plus, server_plus);
    let (mut client, mut server) = (client.start_with("client".into()), server.start_with("server".into()));
    client.prepare(&ExchangeContext { offered: client_sees, tunnel: below_client, hostname: None });
    server.prepare(&ExchangeContext { offered, tunnel: below_server, hostname: None });
    let Step::Reply(first) = client.step(StepInput::Start(None)) else { return Err("start".into()) };
    let header = String::from_utf8(first.split(|byte| *byte == b',').next().unwrap().to_vec()).unwrap();
    let Step::Reply(challenge) = server.step(StepInput::Start(Some(&first))) else { return Err(header) };
    let Step::Reply(proof) = client.step(StepInput::Data(&challenge)) else { return Err("challenge".into()) };
    match server.step(StepInput::Data(&proof)) {
        Step::Reply(_) => Ok(header),
        _ => Err("proof".into()),
    }
}

#[test]
fn channel_binding_holds_the_ends_of_one_tunnel_together() {
    let (plain, plus) = (ScramHash::Sha256.mechanism(false), ScramHash::Sha256.mechanism(true));
    let (both, one) = (&[plus, plain.clone()][..], &[plain][..]);
    let none = Tunnel::new();
    let exporter = bound("tls-exporter", b"of this connection");
    let other = bound("tls-exporter", b"of another");
    let end_point = bound("tls-server-end-point", b"of this connection");
    let ok = |header: &str| Ok(String::from(header));
    let err = |at: &str| Err(String::from(at));
    for (client, server, offered, sees, expected) in [
        ((true, &exporter), (true, &exporter), both, both, ok("p=tls-exporter")),
        // Somebody between the ends has one tunnel with each.
        ((true, &exporter), (true, &other), both, both, err("proof")),
        ((true, &exporter), (true, &end_point), both, both, err("p=tls-exporter")),
        ((true, &exporter), (false, &exporter), both, both, err("p=tls-exporter")),
        ((true, &none), (true, &exporter), both, both, err("start")),
        ((false, &exporter), (true, &exporter), both, both, err("n")),
        // RFC 5802, 6: y means that the offer was not seen, and is refused if it was made.
        ((false, &exporter), (false, &none), one, one, ok("y")),
        ((false, &exporter), (false, &exporter), both, one, err("y")),
        ((false, &exporter), (false, &exporter), both, both, ok("n")),
        ((false, &none), (false, &exporter), both, both, ok("n")),
        ((false, &none), (false, &none), one, one, ok("n")),
    ] {
        assert_eq!(log_in(client, server, offered, sees), expected);
    }
}

// Faults.

fn client_on_challenge(challenge: &str) -> (Step, String) {
    let mut client = SHA_256.client();
    client.step(StepInput::Start(None));
    let step = client.step(StepInput::Data(challenge.as_bytes()));
    let reason = client.reason().unwrap_or_default().into();
    assert_eq!(client.step(StepInput::Outcome(None)), REFUSED);
    (step, reason)
}

#[test]
fn client_refuses_a_challenge_that_is_not_for_it() {
    let own = SHA_256.client_nonce;
    for (challenge, reason) in [
        (format!("r=x{own}server,s=c2FsdA==,i=4096"), "not for this exchange"),
        (format!("r={own},s=c2FsdA==,i=4096"), "not for this exchange"),
        (format!("r={own}server,s=c2FsdA==,i=4095"), "4095 iterations"),
        (format!("r={own}server,s=c2FsdA==,i=1000001"), "1000001 iterations"),
        (format!("r={own}server,s=c2FsdA==,i=0"), "malformed"),
        (format!("r={own}server,s=c2FsdA==,i=04096"), "malformed"),
        (format!("r={own}server,s=c2FsdA==,i=+4096"), "malformed"),
        (format!("r={own}server,s=c2FsdA==,i=4294967296"), "malformed"),
        (format!("r={own}server,s=,i=4096"), "malformed"),
        (format!("r={own}server,s=c2FsdA,i=4096"), "malformed"),
        (format!("r={own}server,i=4096,s=c2FsdA=="), "malformed"),
        (format!("m=x,r={own}server,s=c2FsdA==,i=4096"), "malformed"),
        (format!("r={own}server,s=c2FsdA==,i=4096,"), "malformed"),
        ("e=unknown-user".into(), "unknown-user"),
        (String::new(), "malformed"),
    ] {
        let (step, shown) = client_on_challenge(&challenge);
        assert_eq!(step, REFUSED, "{challenge}");
        assert!(shown.contains(reason), "{challenge}: {shown}");
    }
    // An optional extension is ignored.
    let (step, _) = client_on_challenge(&format!("r={own}server,s=c2FsdA==,i=4096,x=y"));
    assert!(matches!(step, Step::Reply(_)));
}

#[test]
fn client_keeps_to_the_iterations_that_are_set() {
    let mut scram = client_of(ScramHash::Sha1, "user", Some("pencil"));
    scram.set_iterations(1, 2);
    for (iterations, is_accepted) in [(1, true), (2, true), (3, false), (4096, false)] {
        let mut client = scram.start_with("client".into());
        client.step(StepInput::Start(None));
        let challenge = format!("r=clientserver,s=c2FsdA==,i={iterations}");
        let step = client.step(StepInput::Data(challenge.as_bytes()));
        assert_eq!(matches!(step, Step::Reply(_)), is_accepted, "{iterations}");
    }
}

#[test]
fn client_with_a_user_that_scram_cannot_name_fails_at_its_start() {
    for user in ["", "us\0er"] {
        let mut client = client_of(ScramHash::Sha1, user, Some("pencil")).start_with("client".into());
        assert_eq!(client.step(StepInput::Start(None)), REFUSED);
        assert!(client.reason().unwrap().contains("user"));
    }
}

#[test]
fn client_takes_nothing_but_a_salted_password() {
    for supply in [Supply::Secret("pencil".into()), Supply::Keys(Some(SHA_256.keys()))] {
        let mut client = client_of(ScramHash::Sha256, "user", None).start_with(SHA_256.client_nonce.into());
        client.step(StepInput::Start(None));
        assert_eq!(client.step(StepInput::Data(SHA_256.server_first.as_bytes())), Step::Pending);
        assert_eq!(client.supply(supply), REFUSED);
        assert!(client.reason().is_some());
    }
    let mut client = client_of(ScramHash::Sha256, "user", None).start_with("client".into());
    assert_eq!(client.supply(Supply::Secret(vec![0; 32].into())), REFUSED, "too early");
}

#[test]
fn client_refuses_a_server_that_does_not_know_the_password() {
    for (last, reason) in [
        ("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "does not know"),
        ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl9", "does not know"),
        ("v=", "malformed"),
        ("", "malformed"),
        ("e=invalid-proof", "invalid-proof"),
    ] {
        let mut client = SHA_256.client();
        client.step(StepInput::Start(None));
        client.step(StepInput::Data(SHA_256.server_first.as_bytes()));
        assert_eq!(client.step(StepInput::Data(last.as_bytes())), REFUSED, "{last}");
        assert!(client.reason().unwrap().contains(reason), "{last}");
        assert_eq!(client.step(StepInput::Outcome(Some(SHA_256.server_final.as_bytes()))), REFUSED);
    }
}

#[test]
fn server_refuses_a_first_message_that_it_cannot_serve() {
    for message in [
        "",
        "n",
        "n,",
        "n,,",
        "x,,n=user,r=nonce",
        "p=,,n=user,r=nonce",
        "p=tls-exporter,,n=user,r=nonce",
        "n,b=user,n=user,r=nonce",
        "n,a=,n=user,r=nonce",
        "n,a=root,n=user,r=nonce",
        "n,,m=x,n=user,r=nonce",
        "n,,n=,r=nonce",
        "n,,n=us=er,r=nonce",
        "n,,n=user",
        "n,,n=user,r=",
        "n,,n=user,r=no\u{e9}nce",
        "n,,n=user,r=no nce",
        "n,,n=user,r=nonce,",
        "n,,n=user,r=nonce,1=x",
        "n,,r=nonce,n=user",
    ] {
        let mut server = SHA_256.server();
        assert_eq!(server.step(StepInput::Start(Some(message.as_bytes()))), REFUSED, "{message}");
        assert_eq!(server.step(StepInput::Data(SHA_256.client_first.as_bytes())), REFUSED, "{message}");
    }
    for message in ["n,a=user,n=user,r=nonce", "n,,n=user,r=nonce,x=y", "y,,n=user,r=nonce"] {
        let step = SHA_256.server().step(StepInput::Start(Some(message.as_bytes())));
        assert!(matches!(step, Step::Reply(_)), "{message}");
    }
}

#[test]
fn keys_of_another_hash_are_a_fault_of_the_system() {
    let keys = ScramKeys::derive(ScramHash::Sha1, "pencil", b"salt", 4096);
    let first = StepInput::Start(Some(b"n,,n=user,r=nonce"));
    let mut server = server_of(ScramHash::Sha256, keys.clone()).start_with("server".into());
    assert_eq!(server.step(first), Step::Fail(SaslCode::Sys));
    let empty_salt = ScramKeys { salt: Bytes::new(), ..keys.clone() };
    for keys in [ScramKeys { iterations: 0, ..keys }, empty_salt] {
        let mut server = server_of(ScramHash::Sha1, keys).start_with("server".into());
        assert_eq!(server.step(first), Step::Fail(SaslCode::Sys));
    }
    let mut server = deferred_server(ScramHash::Sha256).start_with("server".into());
    assert_eq!(server.supply(Supply::Keys(None)), Step::Fail(SaslCode::Sys), "too early");
}

#[test]
fn unknown_user_is_challenged_like_any_other_and_fails_at_the_proof() {
    let decoy = ScramDecoy::new([7; 32]).iterations(5000).salt_length(24);
    let challenge = |user: &str, nonce: &str| {
        let users = server::Users::new(Some(Arc::new(|_: &str| None)), decoy.clone());
        let mut server =
            Scram::new(ScramHash::Sha256, End::Server(users), no_entropy).start_with(nonce.into());
        let mut client = client_of(ScramHash::Sha256, user, Some("pencil")).start_with("client".into());
        let Step::Reply(first) = client.step(StepInput::Start(None)) else { panic!() };
        let Step::Reply(challenge) = server.step(StepInput::Start(Some(&first))) else { panic!() };
        let Step::Reply(proof) = client.step(StepInput::Data(&challenge)) else { panic!() };
        assert_eq!(server.step(StepInput::Data(&proof)), REFUSED);
        let challenge = String::from_utf8(challenge.to_vec()).unwrap();
        let (_, rest) = challenge.split_once(",s=").unwrap();
        let (salt, iterations) = rest.split_once(",i=").unwrap();
        assert_eq!(iterations, "5000");
        Base64::decode_vec(salt).unwrap()
    };
    // The salt belongs to the user, as a real one does.
    assert_eq!(challenge("nobody", "one"), challenge("nobody", "two"));
    assert_ne!(challenge("nobody", "one"), challenge("noone", "one"));
    assert_eq!(challenge("nobody", "one").len(), 24);
    let bounds =
        |length| ScramDecoy::new([7; 32]).salt_length(length).keys(ScramHash::Sha1, "user").salt.len();
    assert_eq!((bounds(0), bounds(64), bounds(65)), (1, 64, 64));
    assert!(decoy.clone().iterations(0).keys(ScramHash::Sha512, "user").fit(ScramHash::Sha512));
}

/// Truncated, or with one bit flipped: a message is refused, or leads to a failure at the end.
#[test]
fn damaged_messages_never_log_in() {
    let damaged = |message: &str| {
        let bytes = message.as_bytes();
        let cuts = (0..bytes.len()).map(|cut| bytes[..cut].to_vec());
        let flips = (0..bytes.len() * 8).map(|bit| {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            flipped
        });
        cuts.chain(flips).collect::<Vec<_>>()
    };
    for vector in [SHA_1, SHA_256] {
        let keys = vector.keys();
        let server = || server_of(vector.hash, keys.clone()).start_with(vector.server_nonce.into());
        for first in damaged(vector.client_first) {
            let mut server = server();
            if let Step::Reply(challenge) = server.step(StepInput::Start(Some(&first))) {
                assert_ne!(challenge, vector.server_first, "{}", first.escape_ascii());
                assert_eq!(server.step(StepInput::Data(vector.client_final.as_bytes())), REFUSED);
            }
        }
        for last in damaged(vector.client_final) {
            let mut server = server();
            server.step(StepInput::Start(Some(vector.client_first.as_bytes())));
            assert_eq!(server.step(StepInput::Data(&last)), REFUSED, "{}", last.escape_ascii());
            assert_eq!(server.step(StepInput::Data(b"")), REFUSED);
        }
        let hash = vector.hash;
        let salted = hash.salted_password("pencil", &keys.salt, 4096);
        let client = || {
            let mut client = client_of(hash, "user", None).start_with(vector.client_nonce.into());
            client.step(StepInput::Start(None));
            client
        };
        for challenge in damaged(vector.server_first) {
            let mut client = client();
            // The salted password of the right salt: with another it would differ too.
            if client.step(StepInput::Data(&challenge)) == Step::Pending {
                client.supply(Supply::Secret(salted.clone()));
                let step = client.step(StepInput::Data(vector.server_final.as_bytes()));
                assert_eq!(step, REFUSED, "{}", challenge.escape_ascii());
            }
            assert_eq!(client.step(StepInput::Outcome(None)), REFUSED);
        }
        for last in damaged(vector.server_final) {
            let mut client = client();
            client.step(StepInput::Data(vector.server_first.as_bytes()));
            client.supply(Supply::Secret(salted.clone()));
            assert_eq!(client.step(StepInput::Data(&last)), REFUSED, "{}", last.escape_ascii());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Message {
    Start,
    Empty,
    ClientFirst,
    ServerFirst,
    ClientFinal,
    ServerFinal,
    Outcome,
    Greeting,
}

impl Message {
    const ALL: [Self; 8] = [
        Self::Start,
        Self::Empty,
        Self::ClientFirst,
        Self::ServerFirst,
        Self::ClientFinal,
        Self::ServerFinal,
        Self::Outcome,
        Self::Greeting,
    ];

    fn input(self) -> StepInput<'static> {
        match self {
            Self::Start => StepInput::Start(None),
            Self::Empty => StepInput::Data(b""),
            Self::ClientFirst => StepInput::Data(SHA_1.client_first.as_bytes()),
            Self::ServerFirst => StepInput::Data(SHA_1.server_first.as_bytes()),
            Self::ClientFinal => StepInput::Data(SHA_1.client_final.as_bytes()),
            Self::ServerFinal => StepInput::Data(SHA_1.server_final.as_bytes()),
            Self::Outcome => StepInput::Outcome(None),
            Self::Greeting => StepInput::Outcome(Some(b"Welcome!")),
        }
    }
}

/// All scripts of four messages, in any order: those of the RFC log in, and all others fail at the first message out of
/// turn.
#[test]
fn messages_out_of_turn_never_log_in() {
    use Message::{ClientFinal, ClientFirst, Empty, Greeting, Outcome, ServerFinal, ServerFirst, Start};
    let keys = SHA_1.keys();
    let salted = ScramHash::Sha1.salted_password("pencil", &keys.salt, 4096);
    let client_order = [&[Start][..], &[ServerFirst], &[ServerFinal], &[Outcome, Greeting]];
    let server_order = [&[Start][..], &[ClientFirst], &[ClientFinal], &[Empty]];
    for (is_client, order) in [(true, client_order), (false, server_order)] {
        let mut scripts = vec![vec![]];
        for _ in 0..order.len() {
            let longer = |script: Vec<Message>| Message::ALL.map(|next| [&script[..], &[next]].concat());
            scripts = scripts.into_iter().flat_map(longer).collect();
        }
        let mut successes = 0;
        for script in scripts {
            let mut exchange = match is_client {
                true => client_of(ScramHash::Sha1, "user", None).start_with(SHA_1.client_nonce.into()),
                false => server_of(ScramHash::Sha1, keys.clone()).start_with(SHA_1.server_nonce.into()),
            };
            let mut in_turn = true;
            for (due, message) in order.iter().zip(&script) {
                let mut step = exchange.step(message.input());
                if step == Step::Pending {
                    step = exchange.supply(Supply::Secret(salted.clone()));
                }
                in_turn &= due.contains(message);
                assert_eq!(matches!(step, Step::Fail(_)), !in_turn, "{is_client} {script:?}");
                successes += usize::from(step == done());
            }
        }
        assert_eq!(successes, if is_client { 2 } else { 1 });
    }
}

#[test]
fn debug_of_keys_and_decoys_shows_no_secret() {
    let keys = ScramKeys {
        salt: "hunter2".into(),
        iterations: 4096,
        stored_key: "hunter2".into(),
        server_key: "hunter2".into(),
    };
    let decoy = ScramDecoy::new(*b"hunter2hunter2hunter2hunter2hunt");
    for (shown, expected) in [
        (format!("{keys:?}"), "ScramKeys { salt: .., iterations: 4096, stored_key: .., server_key: .. }"),
        (
            format!("{:?}", Supply::Keys(Some(keys))),
            "Keys(Some(ScramKeys { salt: .., iterations: 4096, stored_key: .., server_key: .. }))",
        ),
        (format!("{decoy:?}"), "ScramDecoy { key: .., iterations: 4096, salt_length: 16 }"),
        (
            format!("{:?}", Mechanism::scram(ScramHash::Sha1, "user", "hunter2", no_entropy)),
            r#"Mechanism { name: "SCRAM-SHA-1", end: "client", .. }"#,
        ),
    ] {
        assert_eq!(shown, expected);
    }
}

proptest! {
    #[test]
    fn names_arrive_as_they_are(name in "[^\0]{1,20}") {
        let encoded = encode_name(&name).unwrap();
        prop_assert!(!encoded.contains(','));
        prop_assert_eq!(decode_name(&encoded).unwrap(), name.as_str());
        let message = format!("n,a={encoded},rest");
        let parsed = Gs2Message::parse(message.as_bytes()).unwrap();
        prop_assert_eq!((parsed.flag, parsed.rest), (BindingFlag::Unsupported, "rest"));
        prop_assert_eq!(parsed.authzid.unwrap(), name);
        prop_assert_eq!(parsed.header, format!("n,a={encoded},"));
    }

    #[test]
    fn any_bytes_are_refused_by_either_end(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut client = SHA_1.client();
        client.step(StepInput::Start(None));
        prop_assert_eq!(client.step(StepInput::Data(&bytes)), REFUSED);
        prop_assert_eq!(deferred_server(ScramHash::Sha1).start_with("s".into()).step(StepInput::Start(Some(&bytes))), REFUSED);
    }
}

#[test]
fn keys_check_the_password_of_a_plain_login() {
    for hash in [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512] {
        let keys = ScramKeys::derive(hash, "pencil", b"salt", 10);
        let login = Credentials::new().authcid("alice").secret(b"pencil");
        assert!(login.matches_keys("alice", hash, &keys));
        assert!(login.authzid("alice").matches_keys("alice", hash, &keys));
        assert!(!login.authzid("bob").matches_keys("alice", hash, &keys));
        assert!(!login.matches_keys("bob", hash, &keys));
        for secret in [&b"Pencil"[..], b"", b"pencil\xff", b"pencil\0"] {
            assert!(!login.secret(secret).matches_keys("alice", hash, &keys));
        }
        assert!(!Credentials::new().authcid("alice").matches_keys("alice", hash, &keys));
        // Keys that are none: nobody has their password.
        for broken in [
            ScramKeys { stored_key: Bytes::new(), ..keys.clone() },
            ScramKeys { server_key: Bytes::new(), ..keys.clone() },
            ScramKeys { iterations: 0, ..keys.clone() },
        ] {
            assert!(!login.matches_keys("alice", hash, &broken));
        }
    }
}
