//! What `Debug` shows of a login (FF1).

use std::fmt::Debug;

use amqp_proto::{
    Connection, ConnectionConfig, Event, Instant,
    callback::{Agent, AgentConfig, Url},
    codec::{DecodeLimits, from_bytes},
    frame::Chunks,
    sasl::{Credentials, Mechanism, Step, StepInput, Success},
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
