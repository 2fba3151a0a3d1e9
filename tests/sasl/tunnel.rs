//! Mechanisms and the transport under them.

use std::sync::{Arc, Mutex};

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, Instant,
    sasl::{ChannelBinding, Exchange, ExchangeContext, Mechanism, Step, StepInput, Success, Supply, Tunnel},
    spec::{
        definitions::ErrorCondition,
        sasl::{SaslCode, SaslInit},
    },
    types::Symbol,
};
use bytes::Bytes;

use super::{checks_plain, client, failure, frame, identity, printed, server};
use crate::common::{Pair, names};

/// Both ends over these transports, after all that follows from the client's open.
fn run(
    (client, below_client): (ConnectionConfig, Tunnel),
    (server, below_server): (ConnectionConfig, Tunnel),
) -> Pair {
    let mut pair = Pair::new(client, server);
    pair.client.set_tunnel(below_client).unwrap();
    pair.server.set_tunnel(below_server).unwrap();
    let mut pair = pair.opened();
    pair.run();
    pair
}

fn tls() -> Tunnel {
    Tunnel::new().protected(true)
}

fn offered(connection: &Connection) -> Vec<&str> {
    connection.sasl_offered().map(Symbol::as_str).collect()
}

#[test]
fn protected_only_mechanism_without_protection_is_not_announced() {
    let theirs = || server().sasl(checks_plain().protected_only()).sasl(Mechanism::anonymous_server());
    let ours = || client().sasl(Mechanism::plain("user", "secret")).sasl(Mechanism::anonymous());
    let pair = run((ours(), Tunnel::new()), (theirs(), Tunnel::new()));
    assert_eq!((offered(&pair.client), offered(&pair.server)), (vec!["ANONYMOUS"], vec!["ANONYMOUS"]));
    assert!(pair.server.is_open() && identity(&pair.server).is_none());

    let pair = run((ours(), Tunnel::new()), (theirs(), tls()));
    assert_eq!(offered(&pair.client), ["PLAIN", "ANONYMOUS"]);
    assert_eq!(identity(&pair.server), Some("user"));
}

#[test]
fn protected_only_mechanism_without_protection_is_not_chosen_by_a_client() {
    let ours = || client().sasl(Mechanism::plain("user", "secret").protected_only());
    let theirs = || server().sasl(checks_plain());
    let mut pair = run((ours(), Tunnel::new()), (theirs(), tls()));
    let events = pair.client_events();
    assert_eq!(failure(&events).error.condition, ErrorCondition::UnauthorizedAccess);
    assert!(failure(&events).error.to_string().contains("transport"));
    let pair = run((ours(), tls()), (theirs(), tls()));
    assert!(pair.client.is_open() && pair.server.is_open());
}

#[test]
fn protected_only_mechanism_that_a_client_chooses_all_the_same_is_refused() {
    let theirs = server().sasl(checks_plain().protected_only()).sasl(Mechanism::anonymous_server());
    for (tunnel, is_accepted) in [(Tunnel::new(), false), (tls(), true)] {
        let mut server = Connection::new(theirs.clone());
        server.set_tunnel(tunnel).unwrap();
        let init = frame(&SaslInit {
            mechanism: Symbol::from_static("PLAIN"),
            initial_response: Some(Bytes::from_static(b"\0user\0secret")),
            hostname: None,
        });
        let input = [b"AMQP\x03\x01\x00\x00", &init[..]].concat();
        let _ = server.handle_input(Instant::from_millis(1), &mut input.as_slice());
        assert_eq!(server.sasl_outcome(), Some(if is_accepted { SaslCode::Ok } else { SaslCode::Auth }));
    }
}

#[test]
fn server_with_protected_mechanisms_alone_refuses_an_unprotected_client() {
    let theirs = server().sasl(checks_plain().protected_only());
    let mut pair = run((client().sasl(Mechanism::plain("user", "secret")), tls()), (theirs, Tunnel::new()));
    let events = pair.server_events();
    assert_eq!(failure(&events).error.condition, ErrorCondition::InternalError);
    assert!(!pair.client.is_open());
}

#[test]
fn external_takes_the_identity_of_the_tunnel() {
    let theirs =
        || server().sasl(Mechanism::external_server_from_tunnel()).sasl(Mechanism::anonymous_server());
    let below = || tls().identity("CN=user");
    let pair = run((client().sasl(Mechanism::external()), tls()), (theirs(), below()));
    assert_eq!(identity(&pair.server), Some("CN=user"));
    let pair = run((client().sasl(Mechanism::external_as("CN=user")), tls()), (theirs(), below()));
    assert!(pair.client.is_open());
    assert_eq!(identity(&pair.server), Some("CN=user"));

    let mut pair = run((client().sasl(Mechanism::external_as("root")), tls()), (theirs(), below()));
    let events = pair.server_events();
    assert_eq!(failure(&events).error.condition, ErrorCondition::UnauthorizedAccess);
    // Without an identity it is not announced.
    for below in [tls(), tls().identity("")] {
        let ours = client().sasl(Mechanism::external()).sasl(Mechanism::anonymous());
        let pair = run((ours, tls()), (theirs(), below));
        assert_eq!(offered(&pair.client), ["ANONYMOUS"]);
        assert!(pair.server.is_open() && identity(&pair.server).is_none());
    }
}

/// 5.3.3.2: a host in init that TLS was not asked for has no defined meaning.
#[test]
fn init_names_a_host_that_tls_was_not_asked_for_never() {
    for (configured, asked, named) in [
        (Some("a.example"), None, Some("a.example")),
        (Some("a.example"), Some("a.example"), Some("a.example")),
        (Some("a.example"), Some("b.example"), None),
        (None, Some("b.example"), None),
    ] {
        let mut ours = client().sasl(Mechanism::anonymous());
        if let Some(host) = configured {
            ours = ours.hostname(host);
        }
        let mut below = tls();
        below.server_name = asked.map(Into::into);
        let pair = run((ours, below), (server().sasl(Mechanism::anonymous_server()), tls()));
        for end in [&pair.client, &pair.server] {
            assert_eq!(end.sasl_hostname().map(|host| &**host), named);
        }
        // 2.7.1: the application's host, whatever TLS was asked for.
        let open = pair.server.remote_open().unwrap();
        assert_eq!(open.hostname.as_deref(), configured);
    }
}

#[test]
fn tunnel_after_the_mechanisms_were_offered_is_refused() {
    let late = |end: &mut Connection| matches!(end.set_tunnel(tls()), Err(CommandError::IllegalState(_)));
    let ours = client().sasl(Mechanism::anonymous());
    let mut pair = Pair::new(ours, server().sasl(Mechanism::anonymous_server())).opened();
    assert_eq!(pair.client.tunnel(), &Tunnel::new());
    pair.client.set_tunnel(tls()).unwrap();
    assert!(pair.client.tunnel().protected, "the open of a client does not end the time for it");
    pair.run();
    assert!(pair.client.is_open() && late(&mut pair.client) && late(&mut pair.server));
    assert!(pair.client.tunnel().protected && !pair.server.tunnel().protected);

    let mut pair = Pair::new(client(), server()).opened();
    assert!(late(&mut pair.client), "without a SASL layer AMQP has begun");
    pair.server.set_tunnel(tls()).unwrap();
}

/// A mechanism whose ends wait for a secret at once, and prove it to each other.
struct Waits {
    secret: Option<Bytes>,
    tunnels: Arc<Mutex<Vec<Tunnel>>>,
}

impl Exchange for Waits {
    fn prepare(&mut self, context: &ExchangeContext<'_>) {
        self.tunnels.lock().unwrap().push(context.tunnel.clone());
    }

    fn step(&mut self, input: StepInput<'_>) -> Step {
        match input {
            StepInput::Start(None) => Step::Pending,
            StepInput::Start(Some(secret)) => {
                self.secret = Some(Bytes::copy_from_slice(secret));
                Step::Pending
            }
            StepInput::Outcome(_) => Step::Done(Success::new()),
            _ => Step::refuse(),
        }
    }

    fn supply(&mut self, supply: Supply) -> Step {
        let Supply::Secret(supplied) = supply else { return Step::refuse() };
        match &self.secret {
            None => Step::Reply(supplied),
            Some(secret) if *secret == supplied => Step::Done(Success::new().identity("user")),
            Some(_) => Step::refuse(),
        }
    }
}

fn waiting() -> (Mechanism, Mechanism, Arc<Mutex<Vec<Tunnel>>>) {
    let tunnels = Arc::new(Mutex::new(Vec::new()));
    let name = || Symbol::from_static("X-WAITS");
    let start = || {
        let tunnels = Arc::clone(&tunnels);
        move || -> Box<dyn Exchange> { Box::new(Waits { secret: None, tunnels: Arc::clone(&tunnels) }) }
    };
    (Mechanism::client(name(), start()), Mechanism::server(name(), start()), Arc::clone(&tunnels))
}

#[test]
fn supplied_values_go_to_the_exchanges_that_wait() {
    for (right, secret) in [(true, "hunter2"), (false, "hunter3")] {
        let (ours, theirs, tunnels) = waiting();
        let below = || tls().binding(ChannelBinding::new("tls-exporter", "binding"));
        let mut pair = run((client().sasl(ours), below()), (server().sasl(theirs), tls()));
        assert_eq!(names(&pair.client_events()), ["SASL_PENDING"]);
        pair.client.sasl_supply(Supply::Secret("hunter2".into())).unwrap();
        assert!(pair.client.sasl_supply(Supply::Secret("again".into())).is_err());
        pair.run();
        assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
        pair.server.sasl_supply(Supply::Secret(secret.into())).unwrap();
        pair.run();
        assert_eq!((pair.client.is_open(), pair.server.is_open()), (right, right));
        assert!(pair.server.sasl_supply(Supply::Secret("late".into())).is_err());
        assert_eq!(*tunnels.lock().unwrap(), [below(), tls()]);
    }
}

#[test]
fn value_for_an_exchange_that_waits_for_a_step_fails_it() {
    let theirs = server().sasl(Mechanism::plain_server_deferred());
    let mut pair = run((client().sasl(Mechanism::plain("user", "secret")), tls()), (theirs, tls()));
    assert_eq!(names(&pair.server_events()), ["SASL_PENDING"]);
    pair.server.sasl_supply(Supply::Secret("secret".into())).unwrap();
    pair.run();
    let events = pair.client_events();
    assert_eq!(failure(&events).error.condition, ErrorCondition::UnauthorizedAccess);
}

#[test]
fn debug_of_what_is_supplied_shows_no_secret() {
    let binding = ChannelBinding::new("tls-exporter", "hunter2");
    let shown = [printed(&Supply::Secret("hunter2".into())), printed(&tls().binding(binding))];
    for text in &shown {
        assert!(!text.contains("hunter2") && !text.contains("104,117,110"), "{text}");
    }
    assert!(shown[1].contains("tls-exporter"));
    let mut client = Connection::new(ConnectionConfig::client("c"));
    client.set_tunnel(tls().identity("hunter2")).unwrap();
    assert!(!printed(&client).contains("hunter2"));
}
