//! What `Debug` shows of a login (FF1).

use std::fmt::Debug;

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, ReceiverConfig, SessionConfig,
    callback::{Agent, AgentConfig, Url},
    codec::{DecodeLimits, from_bytes},
    extensions::{
        azure::SasToken,
        cbs::{Cbs, CbsConfig, CbsEvent, CbsForm, Token},
        management::{Entity, Operation},
    },
    frame::Chunks,
    message::Message,
    sasl::{
        ChannelBinding, Credentials, ExchangeContext, Mechanism, Step, StepInput, Success, Supply, Tunnel,
    },
    spec::sasl::{SaslChallenge, SaslCode, SaslFrame, SaslInit, SaslOutcome, SaslResponse},
};
use bytes::{Buf, Bytes, BytesMut};

const PASSWORD: &str = "hunter2";
const MESSAGE: &[u8] = b"\0guest\0hunter2";
const NOW: Instant = Instant::from_millis(1);

/// Panics if a password is shown, as text or as a list of bytes, or what `Debug` shows is empty.
#[track_caller]
fn hides(value: &dyn Debug) -> String {
    let shown = format!("{value:?} {value:#?} {value:x?}");
    let words: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for secret in [PASSWORD, "104, 117, 110, 116", "68, 75, 6e, 74", "68756e74"] {
        assert!(!words.contains(secret), "{words}");
    }
    assert!(shown.len() > 2);
    shown
}

/// Moves what waits to be written, and looks at it while it waits.
fn transfer(from: &mut Connection, to: &mut Connection) {
    hides(from);
    let mut transmit = from.poll_transmit(NOW);
    hides(&transmit);
    let bytes = transmit.copy_to_bytes(transmit.remaining());
    let mut input = Chunks::new();
    input.push(bytes);
    hides(&input);
    let _ = to.handle_input(NOW, &mut input);
    hides(to);
}

fn client() -> Connection {
    let config = ConnectionConfig::client("c").sasl(Mechanism::plain("guest", PASSWORD));
    hides(&config);
    let mut client = Connection::new(config);
    client.open().unwrap();
    client
}

#[test]
fn ff1_no_type_shows_the_password_at_any_step_of_a_plain_login() {
    let config = ConnectionConfig::server("s").sasl(Mechanism::plain_server_deferred());
    let (mut client, mut server) = (client(), Connection::new(config.auto_accept_sessions(true)));
    let mut asked = false;
    for _ in 0..6 {
        transfer(&mut client, &mut server);
        while let Some(event) = server.poll_event() {
            hides(&event);
            if event == Event::SaslPending {
                asked = true;
                let credentials = server.sasl_credentials().unwrap();
                assert!(credentials.matches("guest", PASSWORD));
                assert!(hides(&credentials).contains("guest"));
                server.sasl_answer(credentials.accept()).unwrap();
            }
        }
        transfer(&mut server, &mut client);
        while let Some(event) = client.poll_event() {
            hides(&event);
        }
    }
    assert!(asked && client.is_open() && server.is_open());
}

#[test]
fn ff1b_frames_of_the_exchange_show_their_names_and_no_data() {
    let data = || Bytes::from_static(MESSAGE);
    let init = SaslInit {
        mechanism: "PLAIN".try_into().unwrap(),
        initial_response: Some(data()),
        hostname: Some("host".into()),
    };
    assert!(format!("{init:?}").contains("PLAIN") && format!("{init:?}").contains("host"));
    assert_ne!(format!("{init:?}"), format!("{:?}", SaslInit { initial_response: None, ..init.clone() }));
    let outcome = SaslOutcome { code: SaslCode::Auth, additional_data: Some(data()) };
    assert!(hides(&outcome).contains("Auth"));
    let (challenge, response) = (SaslChallenge { challenge: data() }, SaslResponse { response: data() });
    for value in [&init as &dyn Debug, &challenge, &response] {
        hides(value);
    }
    let frames: [SaslFrame; 4] = [init.into(), challenge.into(), response.into(), outcome.into()];
    for frame in frames {
        let encoded = Bytes::from(amqp_proto::codec::to_vec(&frame));
        let decoded: SaslFrame = from_bytes(&encoded, DecodeLimits::default()).unwrap();
        assert_eq!(decoded, frame);
        hides(&decoded);
    }
}

#[test]
fn ff1c_mechanisms_steps_agents_and_outputs_show_no_data() {
    for mechanism in [Mechanism::plain("guest", PASSWORD), Mechanism::plain_server_deferred()] {
        hides(&mechanism);
    }
    hides(&Step::reply(MESSAGE));
    hides(&Step::Done(Success::new().additional_data(MESSAGE)));
    hides(&Success::new().additional_data(MESSAGE));
    for input in
        [StepInput::Start(Some(MESSAGE)), StepInput::Data(MESSAGE), StepInput::Outcome(Some(MESSAGE))]
    {
        hides(&input);
    }
    hides(&Credentials::new().authcid("guest").secret(PASSWORD.as_bytes()));
    let address = format!("amqp://guest:{PASSWORD}@host");
    hides(&Url::parse(&address).unwrap());
    let config = AgentConfig::new("c");
    hides(&config);
    let mut agent = Agent::new(config);
    let connection = agent.open_connection(&address, |_, _| ()).unwrap();
    let headers = [&b"AMQP\x03\x01\x00\x00"[..], &super::plain_offer()].concat();
    let mut input = BytesMut::from(&headers[..]);
    let mut first = agent.poll_transmit(connection.id(), NOW).unwrap();
    first.advance(first.remaining());
    let _ = agent.handle_input(connection.id(), NOW, &mut input);
    hides(&agent);
    hides(&connection);
    let output = agent.poll_transmit(connection.id(), NOW).unwrap();
    assert!(output.remaining() > MESSAGE.len());
    hides(&output);
}

/// Looks at the events of one end, and answers what is pending. Returns how often it was.
fn look(end: &mut Connection, mut answer: impl FnMut(&mut Connection)) -> usize {
    let mut pending = 0;
    while let Some(event) = end.poll_event() {
        hides(&event);
        if event == Event::SaslPending {
            hides(&end.sasl_credentials());
            pending += 1;
            answer(end);
            hides(end);
        }
    }
    pending
}

/// Carries bytes for long enough, and looks at all on the way. Returns how often an answer was pending.
fn log_in(
    client: &mut Connection,
    server: &mut Connection,
    mut at_client: impl FnMut(&mut Connection),
    mut at_server: impl FnMut(&mut Connection),
) -> usize {
    let mut pending = 0;
    client.open().unwrap();
    for _ in 0..8 {
        transfer(client, server);
        pending += look(server, &mut at_server);
        transfer(server, client);
        pending += look(client, &mut at_client);
    }
    pending
}

fn ends(client: Mechanism, server: Mechanism) -> (Connection, Connection) {
    hides(&client);
    hides(&server);
    hides(&client.start());
    let client = ConnectionConfig::client("c").hostname("host").sasl(client);
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).sasl(server);
    hides(&client);
    hides(&server);
    (Connection::new(client), Connection::new(server))
}

fn secret() -> Supply {
    let secret = Supply::Secret(Bytes::from_static(PASSWORD.as_bytes()));
    hides(&secret);
    secret
}

fn accept(server: &mut Connection) {
    let credentials = server.sasl_credentials().unwrap();
    assert_eq!(credentials.secret, Some(PASSWORD.as_bytes()));
    let step = credentials.accept_as("guest");
    hides(&step);
    server.sasl_answer(step).unwrap();
}

/// A token that is known from the start, and one that is supplied; a server that decides at once, and one that waits.
#[test]
fn ff1d_no_type_shows_the_token_of_an_oauth_login() {
    let is_good = |credentials: Credentials<'_>| hides(&credentials).contains("guest");
    let user = move |credentials: Credentials<'_>| is_good(credentials).then(|| "guest".into());
    let exchanges = [
        (Mechanism::xoauth2("guest", PASSWORD), Mechanism::xoauth2_server(is_good), 0),
        (Mechanism::xoauth2_deferred("guest"), Mechanism::xoauth2_server_deferred(), 2),
        (Mechanism::oauthbearer("guest", PASSWORD, 5671), Mechanism::oauthbearer_server(user), 0),
        (Mechanism::oauthbearer_deferred("guest", None), Mechanism::oauthbearer_server_deferred(), 2),
        (Mechanism::mssbcbs(), Mechanism::mssbcbs_server(), 0),
    ];
    for (client, server, expected) in exchanges {
        let name = client.name().clone();
        let (mut client, mut server) = ends(client, server);
        let pending =
            log_in(&mut client, &mut server, |client| client.sasl_supply(secret()).unwrap(), accept);
        assert_eq!((pending, client.is_open(), server.is_open()), (expected, true, true), "{name}");
    }
    // A refusal with the server's description of it.
    let (mut client, mut server) =
        ends(Mechanism::oauthbearer("guest", PASSWORD, None), Mechanism::oauthbearer_server(|_| None));
    assert_eq!(log_in(&mut client, &mut server, |_| (), |_| ()), 0);
    assert!(!client.is_open());
}

#[test]
fn ff1e_facts_of_the_transport_show_no_channel_binding() {
    let tunnel = Tunnel::new()
        .protected(true)
        .identity("CN=guest")
        .binding(ChannelBinding::new("tls-exporter", PASSWORD.as_bytes().to_vec()));
    assert!(hides(&tunnel).contains("tls-exporter"));
    hides(&tunnel.binding);
    hides(&ExchangeContext::default());
    let (mut client, _) = ends(Mechanism::external(), Mechanism::external_server_from_tunnel());
    client.set_tunnel(tunnel).unwrap();
    hides(&client);
    hides(&client.tunnel());
}

#[cfg(feature = "scram")]
mod scram {
    use amqp_proto::sasl::{ScramDecoy, ScramHash, ScramKeys};

    use super::*;

    const HASH: ScramHash = ScramHash::Sha256;

    fn random(buffer: &mut [u8]) {
        buffer.fill(7);
    }

    /// Panics if these bytes are shown, as `Debug` of bytes or of a list does.
    #[track_caller]
    fn hides_bytes(value: &dyn Debug, secrets: &[&[u8]]) {
        let shown = hides(value);
        for secret in secrets {
            let (bytes, list) = (format!("{:?}", Bytes::copy_from_slice(secret)), format!("{secret:?}"));
            for text in [bytes.trim_matches(['b', '"']), list.trim_matches(['[', ']'])] {
                assert!(!shown.contains(text), "{shown}");
            }
        }
    }

    #[test]
    fn ff1f_no_type_shows_the_password_or_a_key_at_any_step_of_a_scram_login() {
        let salt = b"salt of the user";
        let keys = ScramKeys::derive(HASH, PASSWORD, salt, 4096);
        let salted = HASH.salted_password(PASSWORD, salt, 4096);
        let secrets = [&salt[..], &salted, &keys.stored_key, &keys.server_key];
        hides_bytes(&keys, &secrets);
        let mut key = [0; 32];
        key.copy_from_slice(&PASSWORD.as_bytes().repeat(5)[..32]);
        let decoy = ScramDecoy::new(key);
        hides_bytes(&decoy, &[&key]);
        hides_bytes(&Supply::Keys(Some(keys.clone())), &secrets);
        hides_bytes(&Supply::Secret(salted.clone()), &secrets);
        let find = {
            let keys = keys.clone();
            move |user: &str| (user == "guest").then(|| keys.clone())
        };
        let at_once = (
            Mechanism::scram(HASH, "guest", PASSWORD, random),
            Mechanism::scram_server(HASH, find, decoy.clone(), random),
        );
        let deferred = (
            Mechanism::scram_deferred(HASH, "guest", random),
            Mechanism::scram_server_deferred(HASH, decoy.clone(), random),
        );
        for ((client, server), expected) in [(at_once, 0), (deferred, 2)] {
            let (mut client, mut server) = ends(client, server);
            let pending = log_in(
                &mut client,
                &mut server,
                |client| {
                    hides_bytes(&client.sasl_credentials(), &secrets);
                    client.sasl_supply(Supply::Secret(salted.clone())).unwrap();
                },
                |server| server.sasl_supply(Supply::Keys(Some(keys.clone()))).unwrap(),
            );
            assert_eq!((pending, client.is_open(), server.is_open()), (expected, true, true));
            hides_bytes(&client, &secrets);
            hides_bytes(&server, &secrets);
        }
    }
}

#[test]
fn ff1g_no_type_shows_a_token_of_claims_based_security() {
    let token = Token::jwt("audience", PASSWORD);
    assert!(hides(&token).contains("audience"));
    let form = CbsForm::PutToken;
    let request = Message::try_from(token.to_message(form).build()).unwrap();
    assert!(hides(&Token::parse(&request).unwrap()).contains("audience"));
    // The signature is not kept.
    let unsigned = SasToken::new("resource", 1).key_name("policy");
    assert!(unsigned.signed(PASSWORD.as_bytes()).contains("sig="));
    hides(&unsigned);
    hides(&Operation::read("queue", Entity::Name("q")).property("security_token", PASSWORD));

    let mut client = Connection::new(ConnectionConfig::client("c"));
    let server = ConnectionConfig::server("s").auto_accept_sessions(true);
    let mut server = Connection::new(server.offered_capabilities([CbsForm::CAPABILITY]));
    client.open().unwrap();
    let session = client.begin(SessionConfig::new()).unwrap();
    let (mut cbs, mut granted) = (None, false);
    for _ in 0..8 {
        transfer(&mut client, &mut server);
        while let Some(event) = server.poll_event() {
            if let Event::ReceiverRequested { receiver, .. } = event {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(1));
                server.accept_receiver(receiver, config).unwrap();
            } else if let Event::Delivery { receiver, delivery } = event {
                server.receiver(receiver).unwrap().accept(delivery.id).unwrap();
            }
        }
        transfer(&mut server, &mut client);
        while let Some(event) = client.poll_event() {
            hides(&event);
            match &mut cbs {
                None if event == Event::ConnectionOpen => {
                    cbs = Some(Cbs::attach(&mut client, session, CbsConfig::new("c")).unwrap());
                }
                None => {}
                Some(cbs) => drop::<Option<Event>>(Cbs::handle(cbs, NOW, &mut client, event)),
            }
        }
        let Some(cbs) = &mut cbs else { continue };
        while let Some(event) = cbs.poll_event() {
            hides(&event);
            match event {
                CbsEvent::Ready => drop(cbs.put(NOW, &mut client, token.clone()).unwrap()),
                event => granted |= event == CbsEvent::Granted { audience: "audience".into() },
            }
        }
        hides(cbs);
        hides(cbs.requests());
        hides(&client);
    }
    assert!(granted);
}

/// The token waits in the agent, in a command and then for the connection.
#[test]
fn ff1h_an_agent_shows_no_token_that_it_holds() {
    let config = AgentConfig::new("c").cbs_config(CbsConfig::new("c"));
    hides(&config);
    let mut agent = Agent::new(config);
    let connection = agent.open_connection("amqp://host", |_, _| ()).unwrap();
    connection.authorize("audience", None, |audience| Some(Token::jwt(audience, PASSWORD))).unwrap();
    connection.put_token(Token::jwt("audience", PASSWORD)).unwrap();
    hides(&agent);
    hides(&connection);
    agent.run_callbacks(NOW);
    hides(&agent);
    hides(agent.connection_mut(connection.id()).unwrap());
}
