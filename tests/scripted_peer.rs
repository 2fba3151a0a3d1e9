//! The scripted peer of the testing kit: what it answers, what it finds wrong, and how its errors read.

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, ReceiverConfig, SenderConfig, SessionConfig,
    frame::ProtocolHeader,
    sasl::Mechanism,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role},
        delivery_state::DeliveryState,
        performatives::{Attach, Begin, Close, Detach, Disposition, End, Flow, Open, Transfer},
        sasl::{SaslChallenge, SaslCode, SaslInit, SaslResponse},
    },
    testing::{Expect, Expected, Frame, ReadError, ScriptedPeer, frames},
    types::{Handle, Symbol},
};
use proptest::prelude::*;

const NOW: Instant = Instant::from_millis(1);

fn client() -> Connection {
    let mut client = Connection::new(ConnectionConfig::client("client"));
    client.open().unwrap();
    client
}

fn names(connection: &mut Connection) -> Vec<&'static str> {
    std::iter::from_fn(|| connection.poll_event()).map(|event| event.name()).collect()
}

/// What a peer has written, a line for each header and frame.
fn lines(peer: &mut ScriptedPeer) -> Vec<String> {
    let mut output = peer.output().into();
    std::iter::from_fn(|| Frame::take(&mut output).unwrap()).map(|frame| frame.to_string()).collect()
}

#[test]
fn a_script_takes_a_client_from_login_to_close() {
    let mut peer = ScriptedPeer::new();
    peer.accept_anonymous()
        .accept_open()
        .expect(Expect::begin().respond())
        .expect(
            Expect::attach().that("attaches a sender", |attach| attach.body.role == Role::Sender).respond(),
        )
        .send(0, &frames::link_flow(0, 10))
        .expect(Expect::transfer().that("is a greeting", |transfer| transfer.payload == "hello").respond())
        .expect(Expect::detach().that("closes", |detach| detach.body.closed).respond())
        .expect(Expect::end().respond())
        .expect(Expect::close().respond());
    let config = ConnectionConfig::client("client").sasl(Mechanism::anonymous());
    let mut client = Connection::new(config);
    client.open().unwrap();
    let session = client.begin(SessionConfig::new()).unwrap();
    let sender = client.session(session).unwrap().attach_sender(SenderConfig::to("queue")).unwrap();
    peer.run(&mut client, NOW).unwrap();
    let open = ["CONNECTION_OPEN", "SESSION_OPEN", "SENDER_OPEN", "SENDER_READY"];
    assert_eq!(names(&mut client), open);
    client.sender(sender).unwrap().send(1_u32, b"hello".as_slice()).unwrap();
    peer.run(&mut client, NOW).unwrap();
    assert_eq!(names(&mut client), ["DELIVERY_SETTLED"]);
    client.sender(sender).unwrap().close(None).unwrap();
    client.session(session).unwrap().end(None).unwrap();
    client.close(None).unwrap();
    peer.run(&mut client, NOW).unwrap();
    assert_eq!(names(&mut client), ["SENDER_CLOSED", "SESSION_CLOSED", "CONNECTION_CLOSED"]);
    assert!(client.is_closed());
    assert_eq!(peer.finish(), Ok(()));
}

#[test]
fn a_peer_that_is_a_client_reads_typed_frames_of_a_server() {
    let mut server = Connection::new(ConnectionConfig::server("server").auto_accept_sessions(true));
    let mut peer = ScriptedPeer::new();
    peer.open().send(4, &frames::begin()).send(4, &frames::attach("orders", 7, Role::Sender));
    peer.run(&mut server, NOW).unwrap();
    assert_eq!(peer.receive::<Begin>().unwrap().body.remote_channel, Some(4.into()));
    let receiver = std::iter::from_fn(|| server.poll_event()).find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(receiver),
        _ => None,
    });
    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(3));
    server.accept_receiver(receiver.unwrap(), config).unwrap();
    peer.run(&mut server, NOW).unwrap();
    let attach = peer.receive::<Attach>().unwrap();
    assert_eq!((attach.body.name.as_str(), attach.body.role), ("orders", Role::Receiver));
    assert_eq!(peer.receive::<Flow>().unwrap().body.link_credit, Some(3));
    peer.send_with_payload(4, &frames::transfer(7, 0), b"hello");
    peer.run(&mut server, NOW).unwrap();
    for event in std::iter::from_fn(|| server.poll_event()).collect::<Vec<_>>() {
        let Event::Delivery { receiver, delivery } = event else { continue };
        assert_eq!(delivery.payload, b"hello".as_slice().into());
        server.receiver(receiver).unwrap().accept(delivery.id).unwrap();
    }
    peer.run(&mut server, NOW).unwrap();
    let disposition = peer.receive::<Disposition>().unwrap();
    assert_eq!((disposition.channel, disposition.body.state), (0, Some(DeliveryState::ACCEPTED)));
    assert_eq!(peer.finish(), Ok(()));
}

#[test]
fn an_error_shows_the_step_what_was_expected_and_found_and_the_conversation() {
    let mut peer = ScriptedPeer::new();
    peer.accept_open().expect(Expect::attach());
    let mut client = client();
    client.begin(SessionConfig::new()).unwrap();
    let error = peer.run(&mut client, NOW).unwrap_err();
    assert_eq!((error.step, error.expected.as_str(), error.found.as_str()), (3, "attach", "BEGIN@0"));
    assert_eq!(
        error.to_string(),
        "step 3: expected attach, found BEGIN@0\n< AMQP 1.0.0\n> AMQP 1.0.0\n< OPEN\n> OPEN\n< BEGIN@0"
    );
}

#[test]
fn a_frame_that_fails_a_check_is_an_error_with_the_name_of_the_check() {
    let mut peer = ScriptedPeer::new();
    let step = Expect::open()
        .that("is of the container", |open| open.body.container_id == "client")
        .that("names a host", |open| open.body.hostname.is_some());
    peer.expect(Expect::header(ProtocolHeader::AMQP)).expect(step);
    let error = peer.run(&mut client(), NOW).unwrap_err();
    assert_eq!(error.expected, "open (is of the container, names a host)");
    assert_eq!(error.found, "one of which this is false: names a host");
    let mut peer = ScriptedPeer::new();
    peer.accept_anonymous();
    let error = peer.run(&mut client(), NOW).unwrap_err();
    assert_eq!(error.expected, "a protocol header (SASL 1.0.0)");
}

#[test]
fn what_is_left_at_the_end_is_an_error() {
    let mut peer = ScriptedPeer::new();
    peer.accept_open().expect(Expect::begin());
    peer.run(&mut client(), NOW).unwrap();
    let error = peer.finish().unwrap_err();
    assert_eq!((error.step, error.expected.as_str(), error.found.as_str()), (3, "begin", "nothing"));
    // A frame that nobody has taken.
    let mut peer = ScriptedPeer::new();
    peer.input(&frames::frame(0, &Close::default())).unwrap();
    assert_eq!(peer.finish().unwrap_err().found, "CLOSE");
    assert_eq!(peer.receive::<Open>().unwrap_err().found, "CLOSE");
    assert_eq!(peer.receive::<Close>().unwrap_err().found, "nothing");
    // A part of a frame.
    peer.input(&frames::AMQP[..5]).unwrap();
    assert_eq!(peer.finish().unwrap_err().found, "5 bytes of a frame");
    peer.input(&frames::AMQP[5..]).unwrap();
    assert_eq!(peer.receive::<ProtocolHeader>().unwrap().body, ProtocolHeader::AMQP);
    assert_eq!(peer.finish(), Ok(()));
}

#[test]
fn bytes_that_are_no_frame_are_an_error() {
    for (bytes, found) in [
        (b"HTTP/1.1".as_slice(), "frame type 0x31 is not defined (2.3.1)"),
        (&[0, 0, 0, 7, 2, 0, 0, 0], "a frame of 7 bytes is smaller than its header (2.3.1)"),
        (&frames::raw(9, 0, &[]), "frame type 0x09 is not defined (2.3.1)"),
    ] {
        let mut peer = ScriptedPeer::new();
        peer.expect(Expect::open());
        let error = peer.input(bytes).unwrap_err();
        assert_eq!((error.expected.as_str(), error.found.as_str()), ("open", found));
    }
    let mut wire = frames::raw(0, 0, &[0x40]).as_slice().into();
    assert!(matches!(Frame::take(&mut wire), Err(ReadError::Body(_))));
    assert!(wire.is_empty());
}

#[test]
fn heartbeats_and_ignored_frames_are_seen_by_no_step() {
    let mut peer = ScriptedPeer::new();
    peer.ignore(|frame| frame.to_string().starts_with("FLOW")).expect(Expect::end().respond());
    let flows = [frames::raw(0, 0, &[]), frames::frame(2, &frames::flow()), frames::raw(0, 0, &[])];
    peer.input(&flows.concat()).unwrap();
    assert_eq!(lines(&mut peer), [""; 0]);
    peer.input(&frames::frame(2, &End::default())).unwrap();
    assert_eq!(lines(&mut peer), ["END@2"]);
    assert_eq!(peer.finish(), Ok(()));
}

/// Returns the lines with which a peer answers one frame by default.
fn answers<T: Expected>(step: Expect<T>, received: &[u8]) -> Vec<String> {
    let mut peer = ScriptedPeer::new();
    peer.expect(step.respond()).input(received).unwrap();
    peer.finish().unwrap();
    lines(&mut peer)
}

#[test]
fn each_frame_has_the_answer_that_accepts_it() {
    let error = || Some(Box::new(AmqpError::new(ErrorCondition::NotFound)));
    let transfer = |transfer: Transfer| answers(Expect::transfer(), &frames::frame(3, &transfer));
    assert_eq!(transfer(frames::transfer(1, 8)), ["DISPOSITION@3 receiver 8 settled accepted"]);
    for silent in [frames::settled(1, 8), frames::more(1, 8), frames::continuation(1)] {
        assert_eq!(transfer(silent), [""; 0]);
    }
    assert_eq!(transfer(Transfer { aborted: true, ..frames::transfer(1, 8) }), [""; 0]);

    let flow = |flow: Flow| answers(Expect::flow(), &frames::frame(3, &flow));
    assert_eq!(flow(frames::link_flow(1, 5)), [""; 0]);
    assert_eq!(flow(Flow { echo: true, ..frames::flow() }), ["FLOW@3 next=0 window=100"]);
    // 2.7.4: it has not received more than was sent.
    let later = Flow { echo: true, next_outgoing_id: 0x8000_0001.into(), ..frames::flow() };
    assert_eq!(flow(later), ["FLOW@3 next=2147483649 window=100"]);
    let counted = Flow { echo: true, delivery_count: Some(9.into()), ..frames::link_flow(1, 5) };
    assert_eq!(flow(counted), ["FLOW@3 1 count=9 credit=0"]);

    let attach = |role, found: &str| {
        let sent = frames::frame(3, &frames::attach("orders", 6, role));
        let (mut peer, mut other) = (ScriptedPeer::new(), ScriptedPeer::new());
        peer.expect(Expect::attach().respond()).input(&sent).unwrap();
        other.input(&peer.output()).unwrap();
        let Attach { name, handle, role, initial_delivery_count, .. } = other.receive().unwrap().body;
        assert_eq!((name.as_str(), handle), ("orders", Handle::new(6)));
        assert_eq!(format!("{role:?} {}", initial_delivery_count.is_some()), found);
    };
    attach(Role::Sender, "Receiver false");
    attach(Role::Receiver, "Sender true");

    let begin = |begin| answers(Expect::begin(), &frames::frame(3, &begin));
    assert_eq!(begin(frames::begin()), ["BEGIN@3 to 3"]);
    assert_eq!(begin(frames::begin_answer(1)), [""; 0]);

    let disposition = |settled| {
        let sent = Disposition { settled, ..frames::accepted(2, Some(4)) };
        answers(Expect::disposition(), &frames::frame(3, &sent))
    };
    assert_eq!(disposition(false), ["DISPOSITION@3 sender 2..4 settled accepted"]);
    assert_eq!(disposition(true), [""; 0]);

    let detach = Detach { error: error(), ..frames::detach(2, true) };
    let answer = answers(Expect::detach(), &frames::frame(3, &detach));
    assert_eq!(answer, ["DETACH@3 2 closed"]);
    let close = frames::frame(0, &Close { error: error() });
    assert_eq!(answers(Expect::close(), &close), ["CLOSE"]);
}

#[test]
fn each_sasl_frame_has_the_answer_that_goes_on() {
    let plain = Symbol::from_static("PLAIN");
    let mechanisms = frames::sasl_frame(&frames::sasl_mechanisms(plain.clone()));
    assert_eq!(answers(Expect::sasl_mechanisms(), &mechanisms), ["SASL-INIT ANONYMOUS"]);
    let init = SaslInit { hostname: Some("host".into()), ..frames::sasl_init(plain) };
    assert_eq!(answers(Expect::sasl_init(), &frames::sasl_frame(&init)), ["SASL-OUTCOME Ok"]);
    let challenge = SaslChallenge { challenge: Default::default() };
    assert_eq!(answers(Expect::sasl_challenge(), &frames::sasl_frame(&challenge)), ["SASL-RESPONSE"]);
    let response = SaslResponse { response: Default::default() };
    assert_eq!(answers(Expect::sasl_response(), &frames::sasl_frame(&response)), ["SASL-OUTCOME Ok"]);
    assert_eq!(
        answers(Expect::sasl_outcome(), &frames::sasl_frame(&frames::sasl_outcome(SaslCode::Ok))),
        ["AMQP 1.0.0"]
    );
}

#[test]
fn the_text_of_a_frame_has_no_secret() {
    let init = SaslInit {
        initial_response: Some(b"\0user\0hunter2".as_slice().into()),
        ..frames::sasl_init(Symbol::from_static("PLAIN"))
    };
    let mut wire = frames::sasl_frame(&init).as_slice().into();
    let frame = Frame::take(&mut wire).unwrap().unwrap();
    assert_eq!(frame.to_string(), "SASL-INIT PLAIN");
    assert!(!format!("{frame:?}").contains("hunter2"));
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(12),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_are_frames_or_an_error_however_they_are_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        kind in 0..3_u8,
        cut in 0..80_usize,
    ) {
        let bytes = if kind == 2 { bytes } else { frames::raw(kind, 0, &bytes) };
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let peer = || {
            let mut peer = ScriptedPeer::new();
            peer.expect(Expect::open().respond()).expect(Expect::attach().respond());
            peer
        };
        let mut whole = peer();
        let mut parts = peer();
        prop_assert_eq!(whole.input(&bytes), parts.input(first).and_then(|()| parts.input(second)));
        prop_assert_eq!(whole.output(), parts.output());
    }
}
