//! Users, passwords and tokens, over TLS and without it.

use crate::{
    certificates::{Authority, Identity},
    support::*,
};

/// Runs `send` with a login, and the certificate of the broker if there is one.
fn send(broker: &Broker, authority: Option<&Authority>, login: &str, arguments: &[&str]) -> Ended {
    let scheme = if authority.is_some() { "amqps" } else { "amqp" };
    let url = format!("{scheme}://{login}127.0.0.1:{}/q", broker.port);
    let mut all = vec![&*url];
    if let Some(authority) = authority {
        all.extend(["--ca", &authority.file]);
    }
    run("send", &[&all, arguments].concat())
}

/// Two brokers with the same users: one without TLS, and one over it.
fn brokers(name: &str, arguments: &[&str]) -> [(Broker, Option<Authority>); 2] {
    let authority = Authority::new(name);
    let Identity { cert, key } = authority.server();
    let over_tls = Broker::start(&[&["--tls", &cert, &key], arguments].concat());
    [(Broker::start(arguments), None), (over_tls, Some(authority))]
}

#[test]
fn users_log_in_with_their_passwords_alone() {
    let users = ["--user", "me:secret", "--user", "you:other"];
    let mechanisms: &[&[&str]] = match cfg!(feature = "scram") {
        true => &[&[], &["--sasl", "plain"], &["--sasl", "scram"]],
        false => &[&[], &["--sasl", "plain"]],
    };
    for (broker, authority) in brokers("users", &users) {
        let authority = authority.as_ref();
        for mechanism in mechanisms {
            for login in ["me:secret@", "you:other@"] {
                let sent = send(&broker, authority, login, mechanism);
                assert_eq!(sent.code, Some(0), "{login} {mechanism:?}: {sent:?}");
            }
            for login in ["me:other@", "me:secre@", "nobody:secret@"] {
                let refused = send(&broker, authority, login, mechanism);
                assert_eq!(refused.code, Some(1), "{login} {mechanism:?}: {refused:?}");
                assert!(refused.err.contains("SASL"), "{login} {mechanism:?}: {refused:?}");
            }
        }
        for arguments in [&[][..], &["--sasl", "anonymous"], &["--sasl", "none"]] {
            let refused = send(&broker, authority, "", arguments);
            assert_eq!(refused.code, Some(1), "{arguments:?}: {refused:?}");
        }
    }
}

#[test]
fn clients_without_a_login_are_served_beside_users_if_that_is_asked_for() {
    for (broker, authority) in brokers("anonymous", &["--user", "me:secret", "--anonymous"]) {
        let authority = authority.as_ref();
        for arguments in [&[][..], &["--sasl", "anonymous"], &["--sasl", "none"]] {
            let sent = send(&broker, authority, "", arguments);
            assert_eq!(sent.code, Some(0), "{arguments:?}: {sent:?}");
        }
        assert_eq!(send(&broker, authority, "me:wrong@", &[]).code, Some(1));
    }
}

/// Returns the mechanisms that a broker offers to a client without TLS.
fn offered(broker: &Broker) -> Vec<String> {
    use amqp_proto::{ConnectionConfig, sasl::Mechanism};
    let config = ConnectionConfig::client("test").sasl(Mechanism::plain("me", "secret"));
    let mut end = End::new(broker.connect(), config);
    end.connection.open().unwrap();
    let _ = end.event();
    end.connection.sasl_offered().map(ToString::to_string).collect()
}

#[test]
fn offered_mechanisms_follow_the_options() {
    let scram = |names: &[&str]| -> Vec<String> {
        let scram = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"];
        let scram = scram.iter().filter(|_| cfg!(feature = "scram"));
        scram.chain(names).map(ToString::to_string).collect()
    };
    assert_eq!(offered(&Broker::start(&["--user", "me:secret"])), scram(&["PLAIN"]));
    let both = ["--user", "me:secret", "--anonymous"];
    assert_eq!(offered(&Broker::start(&both)), scram(&["PLAIN", "ANONYMOUS", "MSSBCBS"]));
    let token = ["--user", "me:secret", "--token", "claim"];
    // A token replaces no login.
    assert_eq!(offered(&Broker::start(&token)), scram(&["PLAIN"]));
    assert_eq!(offered(&Broker::start(&[])), ["ANONYMOUS", "MSSBCBS"]);
    for user in ["me", ":secret", "me:"] {
        assert_eq!(run("broker", &["--user", user]).code, Some(2), "{user}");
    }
}

#[test]
#[cfg(feature = "scram")]
fn send_with_scram_logs_in_with_the_only_hash_that_a_server_has() {
    use amqp_proto::{
        ConnectionConfig, Event,
        sasl::{Mechanism, ScramHash, ScramKeys},
    };
    let random = |buffer: &mut [u8]| buffer.fill(7);
    for (hash, name) in [
        (ScramHash::Sha1, "SCRAM-SHA-1"),
        (ScramHash::Sha256, "SCRAM-SHA-256"),
        (ScramHash::Sha512, "SCRAM-SHA-512"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("amqp://me:secret@127.0.0.1:{}/q", listener.local_addr().unwrap().port());
        let serving = std::thread::spawn(move || {
            let keys = ScramKeys::derive(hash, "secret", b"salt and pepper", 4096);
            let scram = Mechanism::scram_server(hash, move |_| Some(keys.clone()), [1; 32], random);
            let (socket, _) = listener.accept().unwrap();
            let mut end = End::new(socket, ConnectionConfig::server("test").sasl(scram));
            let event = end.event();
            let connection = &end.connection;
            let [mechanism, user] = [
                connection.sasl_mechanism().map(ToString::to_string),
                connection.sasl_identity().map(ToString::to_string),
            ];
            (mechanism, user, event)
        });
        let sent = run("send", &[&url, "--sasl", "scram"]);
        let due = (Some(name.into()), Some("me".into()), Some(Event::ConnectionRequested));
        assert_eq!(serving.join().unwrap(), due, "{sent:?}");
    }
}

/// Over TLS a client with SCRAM is bound to the tunnel; `send` prefers that, and the broker reports who it is.
#[test]
#[cfg(feature = "scram")]
fn scram_over_tls_is_bound_to_the_tunnel() {
    use amqp_proto::{
        ConnectionConfig, Event,
        sasl::{ChannelBinding, Mechanism, ScramHash, Tunnel},
    };
    let (broker, authority) = {
        let [_, (broker, authority)] = brokers("bound", &["--user", "me:secret"]);
        (broker, authority.unwrap())
    };
    let random = |buffer: &mut [u8]| buffer.fill(7);
    let login = |binding: Option<ChannelBinding>| {
        let scram = Mechanism::scram(ScramHash::Sha256, "me", "secret", random);
        let config = ConnectionConfig::client("test").sasl(scram.clone().plus()).sasl(scram);
        let (mut end, exported) = End::over_tls(&broker, &authority.file, config);
        let binding = binding.unwrap_or_else(|| ChannelBinding::new("tls-exporter", exported));
        end.connection.set_tunnel(Tunnel::new().protected(true).binding(binding)).unwrap();
        end.connection.open().unwrap();
        let event = end.event();
        (end.connection.sasl_mechanism().map(ToString::to_string), event == Some(Event::ConnectionOpen))
    };
    assert_eq!(login(None), (Some("SCRAM-SHA-256-PLUS".into()), true));
    // Somebody between the ends has another tunnel on each side.
    assert!(!login(Some(ChannelBinding::new("tls-exporter", vec![1; 32]))).1);
}
