//! Recordings: any run of two engines replays to the same results, events and output, and no secret is in it.

#[path = "recording/run.rs"]
mod run;

use std::{cell::RefCell, collections::BTreeSet};

use amqp_proto::{
    Cause, Connection, ConnectionConfig, Event, Instant, Progress, TlsHeader,
    sasl::Mechanism,
    spec::{
        definitions::Role,
        performatives::Open,
        sasl::{SaslCode, SaslInit},
    },
    testing::{Recorder, ReplayError, frames, replay, replay_with},
    types::Symbol,
};
use bytes::{Buf, BytesMut};
use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use run::{End, Run, Step, steps};

/// Fails unless the recording replays to a connection in the same state.
fn check(end: &mut End) {
    let recording = end.recorder.recording().to_owned();
    let replayed = replay(&recording).unwrap_or_else(|error| panic!("{error}\n{recording}"));
    let (found, due): (&Connection, &Connection) = (&replayed.connection, &end.recorder);
    assert_eq!(format!("{found:?}"), format!("{due:?}"));
    for sender in &end.senders {
        assert_eq!(format!("{:?}", found.unsettled(*sender)), format!("{:?}", due.unsettled(*sender)));
    }
    for receiver in &end.receivers {
        assert_eq!(format!("{:?}", found.unsettled(*receiver)), format!("{:?}", due.unsettled(*receiver)));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Commands that have an `Ok` somewhere in the runs.
const COMMANDS: &[&str] = &[
    "connection open",
    "connection close",
    "connection begin",
    "connection accept_session",
    "connection refuse_session",
    "connection accept_sender",
    "connection accept_receiver",
    "connection refuse_sender",
    "session attach_sender",
    "session attach_receiver",
    "session echo",
    "session end",
    "sender send",
    "sender send_with",
    "sender send_streaming",
    "sender write",
    "sender finish",
    "sender abort",
    "sender settle",
    "sender disposition",
    "sender set_available",
    "sender drained",
    "sender set_flow_properties",
    "sender detach",
    "receiver set_credit",
    "receiver add_credit",
    "receiver drain",
    "receiver read_chunk",
    "receiver accept",
    "receiver release",
    "receiver reject",
    "receiver modify",
    "receiver settle",
    "receiver disposition_with",
    "receiver close",
    "receiver echo",
];

#[test]
fn any_run_replays_to_the_same_results_events_and_output() {
    let succeeded = RefCell::new(BTreeSet::new());
    let mut runner = TestRunner::new(config(600));
    let result = runner.run(&(steps(), prop::bool::weighted(0.9)), |(steps, is_open)| {
        let mut run = Run::new(false);
        if is_open {
            run.open();
        }
        steps.iter().for_each(|step| run.step(step));
        for end in [&mut run.client, &mut run.server] {
            check(end);
            let lines = end.recorder.recording().lines().filter(|line| line.contains(" -> Ok("));
            succeeded.borrow_mut().extend(lines.map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let name = if words[0] == "connection" { words[1] } else { words[2] };
                format!("{} {name}", words[0])
            }));
        }
        Ok(())
    });
    result.unwrap();
    let succeeded = succeeded.into_inner();
    let missing: Vec<_> = COMMANDS.iter().filter(|name| !succeeded.contains(**name)).collect();
    assert!(missing.is_empty(), "never carried out: {missing:?}");
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(12),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn a_run_after_a_login_replays_without_it_and_has_no_secret(steps in steps()) {
        let mut run = Run::new(true);
        run.open();
        steps.iter().for_each(|step| run.step(step));
        for end in [&mut run.client, &mut run.server] {
            let recording = end.recorder.recording();
            prop_assert!(recording.contains("\nsasl\n") && recording.contains("SASL-INIT PLAIN"));
            prop_assert!(!recording.contains(&hex(b"hunter2")) && !recording.contains("hunter2"));
            check(end);
        }
    }

    #[test]
    fn a_recording_that_is_damaged_makes_no_panic(at in any::<prop::sample::Index>(), byte in any::<char>(), len in 0..9_usize) {
        let mut run = Run::new(false);
        run.open();
        let mut text: Vec<char> = run.server.recorder.recording().chars().collect();
        let at = at.index(text.len());
        let end = (at + len).min(text.len());
        text.splice(at..end, [byte]);
        let _ = replay(&text.into_iter().collect::<String>());
    }

    #[test]
    fn the_cut_of_a_login_reveals_no_secret(max in 1..40_usize) {
        let mut run = Run::new(true);
        run.client.recorder.open().unwrap();
        for _ in 0..400 {
            run.step(&Step::Carry { up: true, max, cut: 2 });
            run.server.poll(true);
            run.step(&Step::Carry { up: false, max, cut: 2 });
            run.client.poll(true);
        }
        prop_assert!(run.client.recorder.is_open() && run.server.recorder.is_open());
        for end in [&mut run.client, &mut run.server] {
            let secret = hex(b"hunter2");
            let clear: String = end.recorder.recording().split("0x").skip(1).map(|rest| rest.split(['\n', ' ']).next().unwrap()).collect();
            prop_assert!(!clear.contains(&secret) && !clear.contains(&hex(b"user")));
            check(end);
        }
    }
}

fn now() -> Instant {
    Instant::from_millis(5)
}

/// A server that has been opened, with a session.
fn recorded() -> String {
    let mut server = Recorder::new(ConnectionConfig::server("server").auto_accept_sessions(true));
    let bytes =
        [frames::AMQP, &frames::frame(0, &frames::open()), &frames::frame(0, &frames::begin())].concat();
    let _: Progress = server.handle_input(now(), &mut bytes.as_slice());
    while server.poll_event().is_some() {}
    while server.poll_transmit(now()).next_chunk().is_some() {}
    server.recording().into()
}

#[test]
fn a_recording_reads_as_lines_with_a_comment_for_each_frame() {
    assert_eq!(
        recorded(),
        "amqp-proto recording 1\n\
         config side=Server container_id=\"server\" auto_accept_sessions=true\n\
         # < AMQP 1.0.0\n# < OPEN\n# < BEGIN@0\n\
         input 5 0x414d5150000100000000001402000000005310c00701a104706565720000001402000000005311c00704404352645264\n\
         event CONNECTION_OPEN ConnectionOpen\n\
         event SESSION_OPEN SessionOpen { session: SessionId(65536) }\n\
         event none\n\
         # > AMQP 1.0.0\n# > OPEN\n# > BEGIN@0 to 0\n\
         output 5 0x414d5150000100000000001f02000000005310c01204a1067365727665724070000100006000ff\
         0000001e02000000005311c01105600000437000000800707fffffff52ff\n\
         output 5\n"
    );
}

#[test]
fn the_first_difference_has_its_line_and_the_frames_of_both() {
    let recording = recorded();
    assert_eq!(replay(&recording).unwrap().calls, 6);
    // Another event, another result, other output, more of it, less of it.
    for (old, new, line, call, expected, found) in [
        ("event SESSION_OPEN", "event SESSION_CLOSED", 8, "event", "SESSION_CLOSED", "SESSION_OPEN"),
        ("# > AMQP 1.0.0", "connection open -> Ok(())", 10, "connection open", "Ok(())", "IllegalState"),
        (
            "output 5 0x41",
            "output 5 0x42",
            13,
            "output",
            "0x42",
            "AMQP 1.0.0, OPEN, BEGIN@0 to 0; from byte 0 0x41",
        ),
        ("output 5\n", "output 5 0x00\n", 14, "output", "1 bytes more, and 0 left", "0 bytes more"),
        (
            "output 5\n",
            "output 5 left 3\n",
            14,
            "output",
            "0 bytes more, and 3 left",
            "0 bytes more, and 0 left",
        ),
    ] {
        let error = replay(&recording.replacen(old, new, 1)).unwrap_err();
        let ReplayError::Difference { line: at, call: of, expected: due, found: got } = &error else {
            panic!("{error}")
        };
        assert_eq!((*at, of.as_str()), (line, call), "{error}");
        assert!(due.contains(expected) && got.contains(found), "{error}");
    }
}

#[test]
fn a_text_that_is_no_recording_is_an_error_with_the_line() {
    let recording = recorded();
    for (old, new, line) in [
        ("recording 1", "recording 2", 1),
        ("side=Server", "side=Both", 2),
        ("side=Server", "no_such_setting=1", 2),
        ("side=Server", "limits.no_such_setting=1", 2),
        ("config side", "output 5\nconfig side", 2),
        ("input 5", "input five", 6),
        ("input 5 0x41", "input 5 0x4", 6),
        ("input 5 0x", "input 5 ", 6),
        ("event none", "no_such_call 5", 9),
        ("event none", "connection begin incoming_window=x", 9),
        ("event none", "connection open now", 9),
        ("event none", "config", 9),
        ("event none", "sender 1 send 0x01", 9),
    ] {
        let error = replay(&recording.replacen(old, new, 1)).unwrap_err();
        assert!(matches!(&error, ReplayError::Malformed { line: at, .. } if *at == line), "{new}: {error}");
    }
    assert!(matches!(replay(""), Err(ReplayError::Malformed { line: 0, .. })));
    assert!(matches!(replay("amqp-proto recording 1\n"), Err(ReplayError::Malformed { line: 1, .. })));
}

#[test]
fn pieces_that_are_taken_make_the_recording() {
    let mut client = Recorder::new(ConnectionConfig::client("client"));
    let mut pieces = client.take_recording();
    client.open().unwrap();
    pieces += &client.take_recording();
    assert_eq!(client.recording(), "");
    while client.poll_transmit(now()).next_chunk().is_some() {}
    pieces += client.recording();
    assert_eq!(replay(&pieces).unwrap().calls, 3);
    assert_eq!(client.into_connection().outbox_len(), 0);
}

/// A client's recording of a login that the server refuses.
fn refused(mut client: Recorder) -> Recorder {
    client.open().unwrap();
    let outcome = frames::sasl_outcome(SaslCode::Auth);
    let plain = Symbol::from_static("PLAIN");
    let server =
        [frames::SASL, &frames::sasl_frame(&frames::sasl_mechanisms(plain)), &frames::sasl_frame(&outcome)];
    for bytes in server {
        while client.poll_transmit(now()).next_chunk().is_some() {}
        let _: Progress = client.handle_input(now(), &mut &bytes[..]);
    }
    while client.poll_event().is_some() {}
    client
}

#[test]
fn a_failed_login_replays_with_its_secrets_alone() {
    let config = || ConnectionConfig::client("client").sasl(Mechanism::plain("user", "hunter2"));
    let mut client = refused(Recorder::with_secrets(config()));
    assert!(client.recording().contains(&hex(b"hunter2")));
    let replayed = replay_with(client.recording(), |config| config.sasl(Mechanism::plain("user", "hunter2")));
    assert!(replayed.unwrap().connection.is_closed());
    let other = replay_with(client.recording(), |config| config.sasl(Mechanism::plain("user", "hunter3")));
    assert!(matches!(other, Err(ReplayError::Difference { .. })));
    // Without them the difference is the failure.
    let mut client = refused(Recorder::new(config()));
    assert!(!client.recording().contains(&hex(b"hunter2")));
    let Err(ReplayError::Difference { expected, .. }) = replay(client.recording()) else { panic!() };
    assert!(expected.contains("CONNECTION_ERROR"), "{expected}");
}

#[test]
fn input_that_the_caller_drops_during_a_login_reveals_no_secret() {
    let mechanism = Mechanism::plain_server(|found| found.matches("user", "hunter2"));
    let mut server = Recorder::new(ConnectionConfig::server("server").sasl(mechanism));
    let init = SaslInit {
        initial_response: Some(b"\0user\0hunter2".as_slice().into()),
        ..frames::sasl_init(Symbol::from_static("PLAIN"))
    };
    let init = frames::sasl_frame(&init);
    let _: Progress = server.handle_input(now(), &mut [frames::SASL, &init[..9]].concat().as_slice());
    // All of the frame again, instead of the rest.
    for bytes in [&init[12..], &init] {
        let _: Progress = server.handle_input(now(), &mut &bytes[..]);
    }
    let recording = server.recording();
    assert!(recording.contains("\ndropped\n") && !recording.contains(&hex(b"hunter2")), "{recording}");
}

#[test]
fn a_broken_sasl_frame_is_left_out_with_all_behind_it() {
    let mut server =
        Recorder::new(ConnectionConfig::server("server").sasl(Mechanism::plain_server(|_| true)));
    let mut broken = frames::raw(1, 0, b"\0user\0hunter2");
    broken.extend_from_slice(b"\0user\0hunter2");
    let _: Progress = server.handle_input(now(), &mut [frames::SASL, &broken].concat().as_slice());
    let _: Progress = server.handle_input(now(), &mut b"hunter2".as_slice());
    let recording = server.recording();
    assert!(!recording.contains(&hex(b"hunter2")) && !recording.contains("input 5 0x"), "{recording}");
}

/// A line of a proxy in front, another version, or a header in the wrong place: the login comes behind it all the same.
#[test]
fn a_login_behind_another_header_is_left_out() {
    let init = SaslInit {
        initial_response: Some(b"\0user\0hunter2".as_slice().into()),
        ..frames::sasl_init(Symbol::from_static("PLAIN"))
    };
    let init = frames::sasl_frame(&init);
    let proxy = b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 5672\r\n";
    let beginnings: [&[&[u8]]; 8] = [
        &[proxy, frames::SASL],
        &[b"AMQP\x03\x01\x00\x01"],
        &[b"AMQP\x03\x02\x00\x00"],
        &[b"\x16\x03\x01\x02\x00"],
        &[b"AMQP\x02\x01\x00\x00", frames::SASL],
        &[frames::AMQP, frames::SASL],
        &[frames::AMQP],
        &[frames::SASL, frames::SASL],
    ];
    for beginning in beginnings {
        let bytes = [&beginning.concat(), &init[..]].concat();
        for cut in 0..bytes.len() {
            let mechanism = Mechanism::plain_server(|found| found.matches("user", "hunter2"));
            let mut server = Recorder::new(ConnectionConfig::server("server").sasl(mechanism));
            for part in [&bytes[..cut], &bytes[cut..]] {
                let _: Progress = server.handle_input(now(), &mut &part[..]);
                while server.poll_event().is_some() {}
                while server.poll_transmit(now()).next_chunk().is_some() {}
            }
            let recording = server.recording();
            let clear: String =
                recording.lines().filter_map(|line| line.strip_prefix("input 5 0x")).collect();
            assert!(!clear.contains(&hex(b"hunter2")), "{beginning:?} {cut}: {recording}");
        }
    }
}

/// Carries output to the other end, and returns true if TLS begins there. The first bytes of TLS arrive right behind
/// its header, and are the caller's.
fn carry_tls(from: &mut Recorder, to: &mut Recorder, wire: &mut BytesMut, begins: bool) -> bool {
    let mut transmit = from.poll_transmit(now());
    let count = transmit.remaining();
    wire.extend_from_slice(&transmit.copy_to_bytes(count));
    if begins {
        wire.extend_from_slice(b"\x16\x03\x01 hello");
    }
    if to.handle_input(now(), wire) == Progress::StartTls && !wire.is_empty() {
        assert!(wire.starts_with(b"\x16\x03\x01"));
        wire.clear();
    }
    let mut is_ready = false;
    while let Some(event) = to.poll_event() {
        match event {
            Event::TlsReady => is_ready = true,
            Event::ConnectionRequested => to.open().unwrap(),
            Event::ConnectionError(failure) => assert_eq!(failure.cause, Cause::Peer, "{failure}"),
            _ => {}
        }
    }
    is_ready
}

#[test]
fn tls_inside_the_stream_is_recorded_around_the_login() {
    let secret = |config: ConnectionConfig| config.tls_header(TlsHeader::Required);
    let mut client =
        Recorder::new(secret(ConnectionConfig::client("client").sasl(Mechanism::plain("user", "hunter2"))));
    let mut server = Recorder::new(secret(
        ConnectionConfig::server("server")
            .sasl(Mechanism::plain_server(|found| found.matches("user", "hunter2"))),
    ));
    client.open().unwrap();
    let (mut up, mut down) = (BytesMut::new(), BytesMut::new());
    for round in 0..12 {
        let at_server = carry_tls(&mut client, &mut server, &mut up, round == 0);
        let at_client = carry_tls(&mut server, &mut client, &mut down, round == 0);
        for (end, is_ready) in [(&mut client, at_client), (&mut server, at_server)] {
            if is_ready {
                end.tls_done().unwrap();
            }
        }
    }
    assert!(client.is_open() && server.is_open());
    for end in [&mut client, &mut server] {
        let recording = end.recording();
        assert!(
            !recording.contains(&hex(b"hunter2")) && recording.contains("SASL-INIT PLAIN"),
            "{recording}"
        );
        let replayed = replay(recording).unwrap_or_else(|error| panic!("{error}\n{recording}"));
        assert!(replayed.connection.is_open());
    }
}

/// A name with a line break was a line of the recording, and was replayed as a call.
#[test]
fn names_of_the_peer_are_no_lines_of_a_recording() {
    const FORGED: &str = "x\neof 0\n#\u{202e}";
    let mut recorder = Recorder::new(ConnectionConfig::server("s").auto_accept_sessions(true));
    let open = Open { hostname: Some(FORGED.into()), ..frames::open() };
    let attach = frames::attach(FORGED, 0, Role::Sender);
    let wire = [
        frames::AMQP,
        &frames::frame(0, &open),
        &frames::frame(0, &frames::begin()),
        &frames::frame(0, &attach),
    ]
    .concat();
    let _ = recorder.handle_input(Instant::from_millis(1), &mut &wire[..]);
    while recorder.poll_event().is_some() {}
    let recording = recorder.recording().to_owned();
    assert!(recording.contains("x\\neof 0") && !recording.contains('\u{202e}'), "{recording}");
    assert!(!recording.lines().any(|line| line.starts_with("eof")), "{recording}");
    replay(&recording).unwrap_or_else(|error| panic!("{error}\n{recording}"));
}
