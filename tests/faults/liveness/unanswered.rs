//! A peer that does not answer: each wait has a deadline by default, and a late answer is dealt with.

use core::time::Duration;

use amqp_proto::{
    Cause, CommandError, ConnectionConfig, Event, ReceiverConfig, SenderConfig, SessionConfig, SessionId,
    Timeouts,
    sasl::Mechanism,
    spec::{definitions::Role, performatives as p, sasl::SaslOutcome},
};

use crate::{
    peer::{AMQP, SASL, attach, begin, begin_answer, detach, frame, open, sasl_frame},
    support::Fed,
};

/// A client whose open has been answered.
fn client() -> Fed {
    client_with(Timeouts::default())
}

fn client_with(timeouts: Timeouts) -> Fed {
    let mut fed = Fed::new(ConnectionConfig::client("c").timeouts(timeouts));
    fed.connection.open().unwrap();
    fed.write();
    fed.feed_bytes(&[AMQP, &frame(0, &open())].concat());
    fed.events();
    fed.output.clear();
    fed
}

/// A session of it whose begin has been answered.
fn begun(fed: &mut Fed) -> SessionId {
    let session = fed.connection.begin(SessionConfig::new()).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &begin_answer(0)));
    fed.events();
    fed.output.clear();
    session
}

/// Lets the time until the next deadline pass; returns it in seconds, with the names and causes of the events.
fn wait(fed: &mut Fed) -> (u64, Vec<(&'static str, Option<Cause>)>) {
    let due = fed.connection.poll_timeout().expect("a deadline");
    let millis = due.saturating_since(fed.instant()).as_millis();
    let millis = u64::try_from(millis).unwrap();
    fed.pass(millis - 1);
    assert_eq!(fed.names(), [""; 0]);
    fed.pass(1);
    let causes = fed.events().into_iter().map(|event| {
        let cause = match &event {
            Event::ConnectionError(failure)
            | Event::SessionError { failure, .. }
            | Event::SenderError { failure, .. }
            | Event::ReceiverError { failure, .. } => Some(failure.cause),
            _ => None,
        };
        (event.name(), cause)
    });
    (millis / 1000, causes.collect())
}

const TIMED_OUT: Option<Cause> = Some(Cause::TimedOut);

/// The peer refuses our receiver under the wrong role: it attaches a receiver of the same name, and closes that.
#[test]
fn fa6_attach_that_is_refused_under_the_wrong_role_times_out() {
    let mut fed = client();
    let session = begun(&mut fed);
    let config = ReceiverConfig::from("q").name("l");
    let receiver = fed.connection.session(session).unwrap().attach_receiver(config).unwrap();
    fed.write();
    fed.feed("0000001302000000005312c00603a1016c43410000001002000000005316c003024341");
    assert_eq!(fed.names(), ["SENDER_REQUESTED"]);
    fed.feed("");
    assert_eq!(fed.names(), ["SENDER_CLOSED"]);
    fed.output.clear();
    assert_eq!(wait(&mut fed), (60, vec![("RECEIVER_ERROR", TIMED_OUT)]));
    assert_eq!(&fed.output[..], frame(0, &detach(0, true)));
    assert!(fed.connection.receiver(receiver).is_err());
    assert_eq!(fed.connection.poll_timeout(), None);

    // The handle is not used again before the late answer, which is met by the detach.
    let config = ReceiverConfig::from("q").name("other");
    let other = fed.connection.session(session).unwrap().attach_receiver(config).unwrap();
    fed.feed_bytes(&[frame(0, &attach("l", 1, Role::Sender)), frame(0, &detach(1, true))].concat());
    fed.feed_bytes(&frame(0, &attach("other", 1, Role::Sender)));
    assert_eq!(fed.names(), ["RECEIVER_OPEN"]);
    assert!(fed.connection.receiver(other).unwrap().is_open());
    assert_eq!(fed.connection.poll_timeout(), None);
}

/// 2.6.3: an attach without the terminus announces a detach. If that does not come, the wait is over as well.
#[test]
fn fa6b_refusal_whose_detach_does_not_come_times_out() {
    let mut fed = client();
    let session = begun(&mut fed);
    let config = SenderConfig::to("q").name("l");
    fed.connection.session(session).unwrap().attach_sender(config).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &p::Attach { target: None, ..attach("l", 0, Role::Receiver) }));
    assert_eq!(wait(&mut fed), (60, vec![("SENDER_ERROR", TIMED_OUT)]));
    assert!(fed.output.ends_with(&frame(0, &detach(0, true))));
    fed.feed_bytes(&frame(0, &detach(0, true)));
    assert_eq!((fed.names(), fed.connection.poll_timeout()), (vec![], None));
}

#[test]
fn fa6c_begin_without_an_answer_times_out_with_its_links() {
    let mut fed = client();
    let session = fed.connection.begin(SessionConfig::new()).unwrap();
    fed.connection.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    fed.write();
    fed.output.clear();
    let events = vec![("SENDER_ERROR", Some(Cause::Parent)), ("SESSION_ERROR", TIMED_OUT)];
    assert_eq!(wait(&mut fed), (60, events));
    assert!(fed.output.windows(3).any(|bytes| bytes == [0x00, 0x53, 0x17]), "{:x?}", &fed.output[..]);
    assert_eq!(fed.connection.poll_timeout(), None);
    // A late answer finds the end; a begin of ours has another channel.
    let other = fed.connection.begin(SessionConfig::new()).unwrap();
    fed.feed_bytes(&[frame(7, &begin_answer(0)), frame(7, &p::End { error: None })].concat());
    fed.feed_bytes(&frame(7, &begin_answer(1)));
    assert_eq!(fed.names(), ["SESSION_OPEN"]);
    assert!(fed.connection.session(other).unwrap().is_open());
    assert_eq!(fed.connection.session_ids().count(), 1);
}

/// The time for an answer counts from when the peer can give it.
#[test]
fn fa6d_waits_begin_when_the_peer_can_answer() {
    let mut fed = Fed::new(ConnectionConfig::client("c").timeouts(Timeouts::default().open(None)));
    fed.connection.open().unwrap();
    let first = fed.connection.begin(SessionConfig::new()).unwrap();
    let second = fed.connection.begin(SessionConfig::new()).unwrap();
    for session in [first, second, first] {
        fed.connection.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    }
    fed.write();
    assert_eq!(fed.connection.poll_timeout(), None);
    fed.pass(100_000);
    fed.feed_bytes(&[AMQP, &frame(0, &open())].concat());
    assert_eq!(fed.names(), ["CONNECTION_OPEN"]);
    fed.pass(59_000);
    fed.feed_bytes(&frame(0, &begin_answer(0)));
    assert_eq!(fed.names(), ["SESSION_OPEN"]);
    fed.pass(1_000);
    assert_eq!(fed.names(), ["SENDER_ERROR", "SESSION_ERROR"], "the second session");
    fed.pass(58_999);
    assert_eq!(fed.names(), [""; 0]);
    fed.pass(1);
    assert_eq!(fed.names(), ["SENDER_ERROR", "SENDER_ERROR"], "links of the first session");
}

/// A server does not wait for ever for a peer that it does not know yet.
#[test]
fn fa6e_server_gives_up_a_silent_client() {
    let mechanism = Mechanism::anonymous_server();
    for fed_first in [vec![], AMQP.to_vec(), SASL.to_vec()] {
        let mut config = ConnectionConfig::server("s");
        if fed_first == SASL {
            config = config.sasl(mechanism.clone());
        }
        let mut fed = Fed::new(config);
        fed.feed_bytes(&fed_first);
        assert_eq!(wait(&mut fed), (30, vec![("CONNECTION_ERROR", TIMED_OUT)]));
        assert!(fed.connection.is_closed());
    }
    // The exchange has a deadline of its own.
    let config = ConnectionConfig::server("s").sasl(mechanism).timeouts(Timeouts::default().open(None));
    let mut fed = Fed::new(config);
    fed.feed_bytes(SASL);
    assert_eq!(wait(&mut fed), (30, vec![("CONNECTION_ERROR", TIMED_OUT)]));
}

#[test]
fn fa6f_client_gives_up_a_silent_server() {
    for mechanisms in [vec![], vec![Mechanism::anonymous()]] {
        let config = mechanisms.into_iter().fold(ConnectionConfig::client("c"), ConnectionConfig::sasl);
        let mut fed = Fed::new(config);
        fed.connection.open().unwrap();
        fed.write();
        assert_eq!(wait(&mut fed), (30, vec![("CONNECTION_ERROR", TIMED_OUT)]));
    }
    let timeouts = Timeouts::default().open(None);
    let config = ConnectionConfig::client("c").sasl(Mechanism::anonymous()).timeouts(timeouts);
    let mut fed = Fed::new(config);
    fed.connection.open().unwrap();
    fed.write();
    assert_eq!(wait(&mut fed), (30, vec![("CONNECTION_ERROR", TIMED_OUT)]));
}

/// As below, for a receiver, whose session goes on.
#[test]
fn fd12b_so_is_a_receiver_attached_again_to_be_closed() {
    let mut fed = client();
    let session = begun(&mut fed);
    let config = ReceiverConfig::from("q").name("l");
    let receiver = fed.connection.session(session).unwrap().attach_receiver(config.clone()).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Sender)));
    fed.connection.receiver(receiver).unwrap().detach(None).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &detach(0, true)));
    assert_eq!(fed.names(), ["RECEIVER_OPEN", "RECEIVER_CLOSED"]);
    let links = |fed: &mut Fed| fed.connection.session(session).unwrap().links().count();
    assert_eq!((wait(&mut fed), links(&mut fed)), ((60, vec![]), 0));
    assert!(fed.connection.session(session).unwrap().is_open());
    // The name is free once the answer has come, which is no answer to another link.
    let attach_again =
        |fed: &mut Fed| fed.connection.session(session).unwrap().attach_receiver(config.clone());
    assert!(matches!(attach_again(&mut fed), Err(CommandError::IllegalState(_))));
    fed.output.clear();
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Sender)));
    assert!(matches!(attach_again(&mut fed), Err(CommandError::IllegalState(_))), "it has a handle still");
    fed.feed_bytes(&frame(0, &detach(0, true)));
    assert_eq!((fed.names(), fed.output.len()), (vec![], 0));
    let again = attach_again(&mut fed).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Sender)));
    fed.connection.receiver(again).unwrap().close(None).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &detach(0, true)));
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Sender)));
    assert_eq!(fed.names(), ["RECEIVER_OPEN", "RECEIVER_CLOSED", "RECEIVER_REQUESTED"]);
}

/// Our detach crosses the peer's close, so the link is attached again to be closed, and the peer does not answer that.
#[test]
fn fd12_link_attached_again_to_be_closed_is_forgotten_in_time() {
    let mut fed = client();
    let session = begun(&mut fed);
    let config = SenderConfig::to("q").name("l");
    let sender = fed.connection.session(session).unwrap().attach_sender(config.clone()).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Receiver)));
    fed.connection.sender(sender).unwrap().detach(None).unwrap();
    fed.write();
    fed.output.clear();
    fed.feed_bytes(&frame(0, &detach(0, true)));
    assert_eq!(fed.names(), ["SENDER_OPEN", "SENDER_CLOSED"]);
    assert!(fed.output.ends_with(&frame(0, &detach(0, true))), "attached again and closed");
    let links = |fed: &mut Fed| fed.connection.session(session).unwrap().links().count();
    assert_eq!((wait(&mut fed), links(&mut fed)), ((60, vec![]), 0));
    // A late answer has been closed already, and is no request.
    fed.output.clear();
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Receiver)));
    fed.feed_bytes(&frame(0, &detach(0, true)));
    assert_eq!((fed.names(), links(&mut fed)), (vec![], 0));
    assert!(fed.output.is_empty());
    let again = fed.connection.session(session).unwrap().attach_sender(config).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Receiver)));
    assert_eq!(fed.names(), ["SENDER_OPEN"]);
    // From then on the name is as good as any.
    fed.connection.sender(again).unwrap().close(None).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &detach(0, true)));
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Receiver)));
    assert_eq!(fed.names(), ["SENDER_CLOSED", "SENDER_REQUESTED"]);
}

/// An answer to an answer would be answered as well, and so on: two ends of this engine did so without end.
#[test]
fn fd12c_late_answers_to_links_attached_again_are_not_answered() {
    const LINKS: u32 = 100;
    let mut fed = client();
    let session = begun(&mut fed);
    let name = |number: u32| format!("l{number}");
    let mut links = Vec::new();
    for number in 0..LINKS {
        let config = SenderConfig::to("q").name(name(number));
        links.push(fed.connection.session(session).unwrap().attach_sender(config).unwrap());
    }
    fed.write();
    // The detaches cross refusals.
    for link in links {
        fed.connection.sender(link).unwrap().detach(None).unwrap();
    }
    fed.write();
    let answers = |fed: &mut Fed| {
        for number in 0..LINKS {
            let refusal = p::Attach { target: None, ..attach(&name(number), number, Role::Receiver) };
            fed.feed_bytes(&[frame(0, &refusal), frame(0, &detach(number, true))].concat());
        }
    };
    answers(&mut fed);
    assert_eq!(fed.names().len(), LINKS.try_into().unwrap());
    wait(&mut fed);
    fed.output.clear();
    answers(&mut fed);
    assert_eq!((fed.names(), fed.output.len()), (vec![], 0));
    let open = fed.connection.session(session).unwrap();
    assert_eq!((open.is_open(), open.links().count()), (true, 0));
}

/// The last output of a connection that has ended is dropped in time, so that the transport can be closed.
#[test]
fn fa6g_last_output_that_nobody_reads_is_dropped() {
    // A header that does not match, a close, a failed login.
    let mechanism = Mechanism::plain_server(|_| false);
    let outcome = SaslOutcome { code: Default::default(), additional_data: None };
    let cases: [(ConnectionConfig, Vec<u8>); 3] = [
        (ConnectionConfig::server("s"), b"HTTP/1.1".to_vec()),
        (
            ConnectionConfig::server("s").auto_accept_sessions(true),
            [AMQP, &frame(0, &open()), &frame(0, &begin()), &frame(0, &p::Close { error: None })].concat(),
        ),
        (ConnectionConfig::server("s").sasl(mechanism), [SASL, &sasl_frame(&outcome)].concat()),
    ];
    for (config, input) in cases {
        let mut connection = amqp_proto::Connection::new(config);
        let at = amqp_proto::Instant::from_millis;
        let mut input = &input[..];
        let _ = connection.handle_input(at(5), &mut input);
        assert!(connection.outbox_len() > 0 && !connection.is_closed());
        let last = std::iter::from_fn(|| connection.poll_event()).last().unwrap();
        assert!(last.name().starts_with("CONNECTION_"), "{last:?}");
        let _ = connection.poll_transmit(at(5));
        assert_eq!(connection.poll_timeout(), Some(at(10_005)));
        connection.handle_timeout(at(10_005));
        assert!(connection.is_closed());
        assert_eq!((connection.poll_event(), connection.poll_timeout()), (None, None));
    }
}

/// Came before the link was open, for a drain that the peer could not answer yet.
#[test]
fn fa3g_no_drain_or_echo_times_out_before_its_link_is_attached() {
    let timeouts = Timeouts::default().drain(Duration::from_secs(5)).echo(Duration::from_secs(5));
    let mut fed = client_with(timeouts);
    let session = begun(&mut fed);
    let config = ReceiverConfig::from("q").name("l");
    let receiver = fed.connection.session(session).unwrap().attach_receiver(config).unwrap();
    let mut link = fed.connection.receiver(receiver).unwrap();
    link.set_credit(10).unwrap();
    link.drain().unwrap();
    link.echo().unwrap();
    fed.write();
    fed.pass(6000);
    assert_eq!(fed.names(), [""; 0]);
    fed.feed_bytes(&frame(0, &attach("l", 0, Role::Sender)));
    assert_eq!(fed.names(), ["RECEIVER_OPEN"]);
    let mut late = wait(&mut fed).1;
    late.sort_by_key(|(name, _)| *name);
    assert_eq!(late, [("LINK_ECHOED", None), ("RECEIVER_DRAINED", None)]);
}

#[test]
fn fa3h_no_echo_times_out_before_its_session_has_begun() {
    let mut fed = client_with(Timeouts::default().echo(Duration::from_secs(5)));
    let session = fed.connection.begin(SessionConfig::new()).unwrap();
    fed.connection.session(session).unwrap().echo().unwrap();
    fed.write();
    fed.pass(6000);
    assert_eq!(fed.names(), [""; 0]);
    fed.feed_bytes(&frame(0, &begin_answer(0)));
    assert_eq!(fed.names(), ["SESSION_OPEN"]);
    assert_eq!(wait(&mut fed).1, [("SESSION_ECHOED", None)]);
}

/// 2.7.2: the session was ended, with all its links, since the peer had no handle to answer with.
#[test]
fn fa6h_no_link_of_our_own_is_attached_above_our_handle_max() {
    let mut fed = client();
    let session = fed.connection.begin(SessionConfig::new().handle_max(1)).unwrap();
    fed.write();
    fed.feed_bytes(&frame(0, &begin_answer(0)));
    let mut session = fed.connection.session(session).unwrap();
    for _ in 0..2 {
        session.attach_sender(SenderConfig::to("q")).unwrap();
    }
    let refused = session.attach_sender(SenderConfig::to("q"));
    assert_eq!(refused, Err(CommandError::LimitReached("handle-max")));
}
