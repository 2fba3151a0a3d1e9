//! What happens at the edges of a conversation: behind a close or an end, before an open, beside a refusal.

mod common;

use amqp_proto::{
    Cause, CommandError, Connection, ConnectionConfig, CreditPolicy, Event, Instant, Limits, LinkId, Owed,
    Progress, ReceiverConfig, SenderConfig, SessionConfig, Tolerance, codec,
    frame::Chunks,
    sasl::Mechanism,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, SenderSettleMode},
        delivery_state::DeliveryState,
        performatives::{Attach, Open},
    },
    types::{Fields, SequenceNo, Symbol, Value},
};
use bytes::{Buf, BytesMut};
use common::{Linked, Pair, names};

const NOW: Instant = Instant::from_millis(1000);

fn linked() -> Linked {
    Linked::new(SenderConfig::to("q"), ReceiverConfig::new().credit(CreditPolicy::Manual))
}

fn output(connection: &mut Connection) -> BytesMut {
    let mut bytes = BytesMut::new();
    let mut transmit = connection.poll_transmit(NOW);
    while transmit.has_remaining() {
        let count = transmit.chunk().len();
        bytes.extend_from_slice(transmit.chunk());
        transmit.advance(count);
    }
    bytes
}

fn input(connection: &mut Connection, mut bytes: BytesMut) {
    let _ = connection.handle_input(NOW, &mut bytes);
    assert!(bytes.is_empty());
}

/// What asks for an answer of the sender: a drain, and more credit before it.
fn ask(pair: &mut Pair, linked: &amqp_proto::ReceiverId) -> BytesMut {
    pair.server.receiver(*linked).unwrap().set_credit(3).unwrap();
    pair.server.receiver(*linked).unwrap().drain().unwrap();
    output(&mut pair.server)
}

#[test]
fn nothing_is_written_after_close() {
    let Linked { mut pair, session, sender, receiver } = linked();
    let asked = ask(&mut pair, &receiver);
    pair.client.close(None).unwrap();
    assert!(!output(&mut pair.client).is_empty());
    input(&mut pair.client, asked);
    assert!(pair.client.sender(sender).is_err() || pair.client.sender(sender).unwrap().drained().is_err());
    assert!(
        pair.client.session(session).is_err() || pair.client.session(session).unwrap().end(None).is_err()
    );
    assert!(pair.client.begin(SessionConfig::new()).is_err());
    assert_eq!(output(&mut pair.client), b"".as_slice());
}

#[test]
fn nothing_is_written_after_end() {
    let Linked { mut pair, session, sender, receiver } = linked();
    let asked = ask(&mut pair, &receiver);
    pair.client.session(session).unwrap().end(None).unwrap();
    let last = output(&mut pair.client);
    // 2.7.7: end is the last frame; its descriptor's number is the third byte of its body.
    assert_eq!((last[4], last[10]), (2, 0x17));
    assert_eq!(usize::try_from(u32::from_be_bytes(*last.first_chunk().unwrap())).unwrap(), last.len());
    input(&mut pair.client, asked);
    assert!(pair.client.sender(sender).unwrap().drained().is_err());
    assert!(pair.client.sender(sender).unwrap().close(None).is_err());
    assert!(pair.client.session(session).unwrap().attach_sender(SenderConfig::to("q")).is_err());
    assert_eq!(output(&mut pair.client), b"".as_slice());
    // The connection lives on.
    input(&mut pair.server, last);
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_CLOSED", "SESSION_CLOSED"]);
    assert!(pair.client.is_open());
}

#[test]
fn session_refused_with_an_oversized_error_ends_with_its_condition_alone() {
    let client = ConnectionConfig::client("c").max_frame_size(512);
    let mut pair = Pair::new(client, ConnectionConfig::server("s"));
    pair.client.open().unwrap();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    pair.run();
    assert_eq!(names(&pair.server_events()), ["CONNECTION_REQUESTED"]);
    pair.server.open().unwrap();
    let [Event::ConnectionOpen, Event::SessionRequested { session: asked }] = pair.server_events()[..] else {
        panic!("a session is asked for")
    };
    let error = AmqpError::described(ErrorCondition::NotAllowed, "because ".repeat(100));
    pair.server.refuse_session(asked, error).unwrap();
    assert!(pair.server.session(asked).is_err());
    pair.run();
    let events = pair.client_events();
    assert_eq!(names(&events), ["CONNECTION_OPEN", "SESSION_OPEN", "SESSION_ERROR"]);
    let Some(Event::SessionError { session: ended, failure }) = events.last() else { unreachable!() };
    assert_eq!((*ended, failure.cause), (session, Cause::Peer));
    assert_eq!(failure.error.condition, ErrorCondition::NotAllowed);
    assert_eq!(pair.server_events(), []);
    assert!(pair.server.session_ids().next().is_none());
}

#[test]
fn client_opened_after_the_servers_header_arrived_opens_both_ends() {
    let mut pair =
        Pair::new(ConnectionConfig::client("c"), ConnectionConfig::server("s").auto_accept_sessions(true));
    input(&mut pair.client, BytesMut::from(&b"AMQP\x00\x01\x00\x00"[..]));
    pair.client.open().unwrap();
    let mut bytes = output(&mut pair.client);
    let _ = pair.server.handle_input(NOW, &mut bytes);
    // The server answers with a header of its own, which the client has had.
    let mut answer = output(&mut pair.server);
    assert_eq!(answer.split_to(8), b"AMQP\x00\x01\x00\x00".as_slice());
    input(&mut pair.client, answer);
    assert_eq!(names(&pair.client_events()), ["CONNECTION_OPEN"]);
    assert_eq!(names(&pair.server_events()), ["CONNECTION_OPEN"]);
}

#[test]
fn refused_link_raises_no_further_event() {
    let mut pair = Pair::plain();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    pair.client.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    pair.client.session(session).unwrap().attach_receiver(ReceiverConfig::from("q")).unwrap();
    pair.run();
    for event in pair.server_events() {
        let error = AmqpError::new(ErrorCondition::NotFound);
        match event {
            Event::SenderRequested { sender, .. } => pair.server.refuse_sender(sender, error).unwrap(),
            Event::ReceiverRequested { receiver, .. } => {
                pair.server.refuse_receiver(receiver, error).unwrap()
            }
            _ => {}
        }
    }
    pair.run();
    assert_eq!(pair.server_events(), []);
    let events = pair.client_events();
    assert_eq!(names(&events), ["CONNECTION_OPEN", "SESSION_OPEN", "SENDER_ERROR", "RECEIVER_ERROR"]);
    let Event::SenderError { failure, .. } = &events[2] else { unreachable!() };
    assert_eq!((failure.cause, failure.error.condition.clone()), (Cause::Refused, ErrorCondition::NotFound));
    pair.client.close(None).unwrap();
    pair.run();
    assert_eq!(names(&pair.server_events()), ["SESSION_CLOSED", "CONNECTION_CLOSED"]);
}

#[test]
fn unsettled_deliveries_of_a_closed_link_are_still_listed() {
    for settles in [true, false] {
        let Linked { mut pair, sender, receiver, .. } = linked();
        pair.server.receiver(receiver).unwrap().set_credit(3).unwrap();
        pair.run();
        let delivery = pair.client.sender(sender).unwrap().send(1_u32, b"message".as_slice()).unwrap();
        pair.run();
        pair.client.sender(sender).unwrap().close(None).unwrap();
        let Some(Event::Delivery { delivery: came, .. }) = pair.server.poll_event() else {
            panic!("the message has come")
        };
        let mut link = pair.server.receiver(receiver).unwrap();
        if settles {
            link.settle(came.id, Some(DeliveryState::ACCEPTED)).unwrap();
        }
        pair.run();
        let events = pair.client_events();
        let expected: &[_] =
            if settles { &["DELIVERY_SETTLED", "SENDER_CLOSED"] } else { &["SENDER_CLOSED"] };
        assert_eq!(names(&events), *expected);
        let Some(Event::SenderClosed { unsettled, .. }) = events.last() else { unreachable!() };
        let kept = pair.client.unsettled(LinkId::from(sender));
        assert_eq!((*unsettled, kept.len()), if settles { (0, 0) } else { (1, 1) });
        assert!(kept.iter().all(|kept| kept.id == delivery && kept.state.is_none()));
    }
}

#[test]
fn state_after_a_terminal_outcome_is_refused() {
    let theirs =
        ReceiverConfig::new().credit(CreditPolicy::Auto(9)).rcv_settle_mode(ReceiverSettleMode::Second);
    let ours = SenderConfig::to("q").settle_on_outcome(false).rcv_settle_mode(ReceiverSettleMode::Second);
    let Linked { mut pair, sender, receiver, .. } = Linked::new(ours, theirs);
    for n in 0..2_u32 {
        pair.client.sender(sender).unwrap().send(n, b"message".as_slice()).unwrap();
    }
    pair.run();
    let ids: Vec<_> = pair
        .server_events()
        .iter()
        .filter_map(|event| match event {
            Event::Delivery { delivery, .. } => Some(delivery.id),
            _ => None,
        })
        .collect();
    let mut link = pair.server.receiver(receiver).unwrap();
    link.accept(ids[0]).unwrap();
    let other = Err(CommandError::IllegalState("the delivery has another outcome already (3.4)"));
    assert_eq!(link.reject(ids[0], None), other);
    assert_eq!(link.disposition(ids[0], ids[1], false, Some(DeliveryState::RELEASED)), other);
    // The same once more is fine, and so is settling it.
    link.accept(ids[0]).unwrap();
    link.settle(ids[0], None).unwrap();
    link.release(ids[1]).unwrap();
    let kept = pair.server.unsettled(receiver);
    assert_eq!((kept.len(), kept[0].state.clone()), (1, Some(DeliveryState::RELEASED)));
}

#[test]
fn open_larger_than_512_bytes_is_refused() {
    let mut connection = Connection::new(ConnectionConfig::client("x".repeat(600)));
    let refused = connection.open();
    assert!(matches!(refused, Err(CommandError::FrameTooLarge { max: 512, .. })), "{refused:?}");
    assert_eq!(connection.open(), refused);
    assert_eq!(output(&mut connection), b"".as_slice());
}

/// The error said that the connection had been opened.
#[test]
fn server_that_is_opened_before_its_client_is_refused() {
    let mut server = Connection::new(ConnectionConfig::server("s"));
    let early = CommandError::IllegalState("the client's AMQP header has not arrived (2.2)");
    assert_eq!(server.open(), Err(early));
    server.handle_eof(NOW);
    let over = CommandError::IllegalState("the connection has ended (2.4.6)");
    assert_eq!(server.open(), Err(over));
}

/// 2.4.5: what is announced is the longest silence, counted from when bytes were taken to when the next were.
#[test]
fn heartbeat_deadline_is_unchanged_by_a_poll_without_output() {
    let mut pair = Pair::new(
        ConnectionConfig::client("c"),
        ConnectionConfig::server("s")
            .auto_accept_sessions(true)
            .idle_timeout(core::time::Duration::from_secs(1)),
    );
    pair.client.open().unwrap();
    pair.run();
    let opened = pair.now;
    let due = pair.client.poll_timeout().unwrap();
    // Looking for output that is not there is no output.
    assert!(!pair.client.poll_transmit(Instant::from_millis(opened + 100)).has_remaining());
    assert_eq!(pair.client.poll_timeout(), Some(due));
}

#[test]
fn remote_outgoing_window_shrinks_with_each_transfer() {
    let Linked { mut pair, session, sender, receiver } = linked();
    let open = i32::MAX.cast_unsigned();
    assert_eq!(pair.client.session(session).unwrap().remote_outgoing_window(), open);
    // 2.5.6: each transfer takes one off, until a flow says it anew.
    pair.server.receiver(receiver).unwrap().set_credit(3).unwrap();
    pair.run();
    pair.client.sender(sender).unwrap().send(1_u32, b"message".as_slice()).unwrap();
    pair.run();
    let theirs = pair.server.receiver(receiver).unwrap().session();
    assert_eq!(pair.server.session(theirs).unwrap().remote_outgoing_window(), open - 1);
}

#[test]
fn sender_of_a_failed_session_gets_no_sender_ready() {
    let limits = Limits::default().max_outbox_bytes(1000);
    let pair = Pair::new(
        ConnectionConfig::client("c").limits(limits),
        ConnectionConfig::server("s").auto_accept_sessions(true),
    )
    .opened();
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    let Linked { mut pair, sender, .. } =
        Linked::with(pair, SessionConfig::new(), SenderConfig::to("q"), theirs);
    // The outbox is full, so the sender learns when it no longer is.
    let mut link = pair.client.sender(sender).unwrap();
    link.send(1_u32, vec![0; 1000]).unwrap();
    assert_eq!(link.send(2_u32, vec![0; 10]), Err(CommandError::OutboxFull));
    output(&mut pair.client);
    // 2.7.7: a detach of handle 9, which is not attached, ends the session.
    input(&mut pair.client, BytesMut::from(&b"\0\0\0\x10\x02\0\0\0\0\x53\x16\xc0\x03\x01\x52\x09"[..]));
    output(&mut pair.client);
    assert_eq!(names(&pair.client_events()), ["SENDER_ERROR", "SESSION_ERROR"]);
}

/// 2.6.5: what is said of the deliveries of a link in error ends the session, by the letter; they stay unsettled, and
/// what the same words say of other links is heard.
#[test]
fn a_disposition_for_a_link_in_error_leaves_its_deliveries_unsettled() {
    let strict = ConnectionConfig::client("client").tolerance(Tolerance::strict());
    let server = ConnectionConfig::server("server").auto_accept_sessions(true);
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Manual);
    let Linked { mut pair, session, sender, receiver } =
        Linked::with(Pair::new(strict, server).opened(), SessionConfig::new(), SenderConfig::to("q"), theirs);
    let other = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("other")).unwrap();
    pair.run();
    let asked = pair.server_events().into_iter().find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(receiver),
        _ => None,
    });
    let theirs = asked.unwrap();
    pair.server.accept_receiver(theirs, ReceiverConfig::new().credit(CreditPolicy::Manual)).unwrap();
    for receiver in [receiver, theirs] {
        pair.server.receiver(receiver).unwrap().set_credit(1).unwrap();
    }
    pair.run();
    let left = pair.client.sender(sender).unwrap().send(1_u32, b"a".as_slice()).unwrap();
    let heard = pair.client.sender(other).unwrap().send(2_u32, b"b".as_slice()).unwrap();
    pair.run();
    pair.client_events();
    pair.client.sender(sender).unwrap().close(Some(AmqpError::new(ErrorCondition::InternalError))).unwrap();
    // One disposition for both deliveries, which crosses the detach.
    let both = b"\0\0\0\x17\x02\0\0\0\0\x53\x15\xc0\x0a\x05\x41\x43\x52\x01\x41\0\x53\x24\x45";
    input(&mut pair.client, BytesMut::from(&both[..]));
    let events = pair.client_events();
    let settled = Event::DeliverySettled {
        link: other.into(),
        first: heard,
        last: heard,
        state: Some(DeliveryState::ACCEPTED),
    };
    assert_eq!(events.first(), Some(&settled), "{events:?}");
    assert_eq!(names(&events), ["DELIVERY_SETTLED", "SENDER_ERROR", "SENDER_ERROR", "SESSION_ERROR"]);
    let ids = |link| pair.client.unsettled(link).into_iter().map(|left| left.id).collect::<Vec<_>>();
    assert_eq!(ids(sender), [left]);
    assert_eq!(ids(other), []);
}

/// An accept that was refused has changed nothing: what it said is not said by the next answer.
/// 2.6.7, 2.7.3: the count is a serial number that begins anywhere, at a link that is asked for and at one that is accepted.
#[test]
fn delivery_count_begins_where_the_sender_says() {
    for first in [7, 1 << 31, u32::MAX - 1] {
        let count = SequenceNo::new(first);
        let config = SenderConfig::to("q").initial_delivery_count(count);
        let mut asked = Linked::new(config, ReceiverConfig::new().credit(CreditPolicy::Manual));
        let attach = asked.pair.server.receiver_ref(asked.receiver).unwrap().remote_attach().unwrap();
        assert_eq!(attach.initial_delivery_count, Some(count));
        let accepted = asked.pair.client.session(asked.session).unwrap();
        let receiver = { accepted }.attach_receiver(ReceiverConfig::from("r")).unwrap();
        asked.pair.client.receiver(receiver).unwrap().set_credit(3).unwrap();
        asked.pair.run();
        let Some(Event::SenderRequested { sender, .. }) = asked.pair.server_events().pop() else { panic!() };
        asked.pair.server.accept_sender(sender, SenderConfig::new().initial_delivery_count(count)).unwrap();
        asked.pair.server.receiver(asked.receiver).unwrap().set_credit(3).unwrap();
        asked.pair.run();
        for tag in 0..3_u32 {
            asked.pair.client.sender(asked.sender).unwrap().send(tag, b"up".as_slice()).unwrap();
            asked.pair.server.sender(sender).unwrap().send(tag, b"down".as_slice()).unwrap();
        }
        let none = asked.pair.client.sender(asked.sender).unwrap().send(3_u32, b"up".as_slice());
        assert!(none.is_err_and(|error| error.is_temporary()));
        let none = asked.pair.server.sender(sender).unwrap().send(3_u32, b"down".as_slice());
        assert!(none.is_err_and(|error| error.is_temporary()));
        asked.pair.run();
        for events in [asked.pair.client_events(), asked.pair.server_events()] {
            assert_eq!(names(&events).iter().filter(|name| **name == "DELIVERY").count(), 3, "{events:?}");
        }
    }
}

/// 2.7.1, 2.7.2.
#[test]
fn fields_of_an_open_and_a_begin_that_are_no_numbers_arrive() {
    const ENGLISH: Symbol = Symbol::from_static("en-GB");
    const GERMAN: Symbol = Symbol::from_static("de");
    let locales =
        |config: ConnectionConfig| config.outgoing_locales([ENGLISH]).incoming_locales([GERMAN, ENGLISH]);
    let mut pair = Pair::new(locales(ConnectionConfig::client("c")), locales(ConnectionConfig::server("s")));
    pair.client.open().unwrap();
    let fields = Fields::new().with(ENGLISH, Value::from("x"));
    let config = SessionConfig::new().properties(fields.clone());
    let config = config.offered_capabilities([ENGLISH]).desired_capabilities([GERMAN]);
    let session = pair.client.begin(config.clone()).unwrap();
    pair.run();
    pair.server.open().unwrap();
    pair.run();
    let requested = pair.server_events().into_iter().find_map(|event| match event {
        Event::SessionRequested { session } => Some(session),
        _ => None,
    });
    let accepted = requested.unwrap();
    pair.server.accept_session(accepted, config).unwrap();
    pair.run();
    for (end, session) in [(&mut pair.client, session), (&mut pair.server, accepted)] {
        let open = end.remote_open().unwrap();
        assert_eq!(open.outgoing_locales, vec![ENGLISH].into());
        assert_eq!(open.incoming_locales, vec![GERMAN, ENGLISH].into());
        let begin = end.session_ref(session).unwrap().remote_begin().unwrap();
        assert_eq!(begin.properties, Some(fields.clone()));
        assert_eq!(begin.offered_capabilities, vec![ENGLISH].into());
        assert_eq!(begin.desired_capabilities, vec![GERMAN].into());
    }
}

#[test]
fn properties_of_a_refused_accept_are_not_in_the_next_answer() {
    for refuse in [false, true] {
        let mut pair =
            Pair::new(ConnectionConfig::client("c").max_frame_size(512), ConnectionConfig::server("s"));
        pair.client.open().unwrap();
        let session = pair.client.begin(SessionConfig::new()).unwrap();
        pair.run();
        pair.server.open().unwrap();
        let Some(Event::SessionRequested { session: asked }) = pair.server_events().pop() else {
            panic!("a session is asked for")
        };
        let key = Symbol::try_from("key").unwrap();
        let large =
            SessionConfig::new().properties(Fields::new().with(key, Value::from("x".repeat(600).as_str())));
        let error = pair.server.accept_session(asked, large).unwrap_err();
        assert!(matches!(error, CommandError::FrameTooLarge { .. }), "{error:?}");
        if refuse {
            pair.server.refuse_session(asked, AmqpError::new(ErrorCondition::NotAllowed)).unwrap();
        } else {
            pair.server.accept_session(asked, SessionConfig::new()).unwrap();
        }
        pair.run();
        if refuse {
            assert!(pair.client.session(session).is_err());
        } else {
            let begin = pair.client.session(session).unwrap().remote_begin().unwrap();
            assert_eq!(begin.properties, None);
        }
    }
}

/// Two ends of a session on which the client has requested a link, and the server has not answered.
fn requested(client: ConnectionConfig, attach: impl FnOnce(&mut Pair, amqp_proto::SessionId)) -> Pair {
    let mut pair = Pair::new(client, ConnectionConfig::server("s").auto_accept_sessions(true));
    pair.client.open().unwrap();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    attach(&mut pair, session);
    pair.run();
    pair
}

/// An accept that does not fit the peer's frames leaves no setting of its own in the attach that refuses the link.
#[test]
fn settings_of_an_accept_that_does_not_fit_are_not_in_the_refusal() {
    let mut link = None;
    let mut pair = requested(ConnectionConfig::client("c").max_frame_size(512), |pair, session| {
        link =
            Some(pair.client.session(session).unwrap().attach_receiver(ReceiverConfig::from("q")).unwrap());
    });
    let Some(Event::SenderRequested { sender, .. }) = pair.server_events().pop() else {
        panic!("a link is requested")
    };
    let key = Symbol::try_from("key").unwrap();
    let large = SenderConfig::to("q")
        .snd_settle_mode(SenderSettleMode::Settled)
        .properties(Fields::new().with(key, Value::from("x".repeat(600).as_str())));
    let error = pair.server.accept_sender(sender, large).unwrap_err();
    assert!(matches!(error, CommandError::FrameTooLarge { .. }), "{error:?}");
    pair.server.refuse_sender(sender, AmqpError::new(ErrorCondition::NotFound)).unwrap();
    let mut bytes = output(&mut pair.server);
    let size = usize::try_from(u32::from_be_bytes(*bytes.first_chunk().unwrap())).unwrap();
    let attach: Attach = codec::from_slice(&bytes.split_to(size)[8..], codec::DecodeLimits::DEFAULT).unwrap();
    assert_eq!(attach.snd_settle_mode, SenderSettleMode::Mixed);
}

/// A refusal whose condition is larger than any frame of the peer's is an error that writes nothing.
#[test]
fn refusal_whose_condition_does_not_fit_writes_nothing() {
    let condition = ErrorCondition::from(Symbol::try_from("x".repeat(600).as_str()).unwrap());
    let too_large = AmqpError::new(condition);
    let client = || ConnectionConfig::client("c").max_frame_size(512);
    let mut pair = requested(client(), |pair, session| {
        pair.client.session(session).unwrap().attach_receiver(ReceiverConfig::from("q")).unwrap();
    });
    let Some(Event::SenderRequested { sender, .. }) = pair.server_events().pop() else {
        panic!("a link is requested")
    };
    let error = pair.server.refuse_sender(sender, too_large.clone()).unwrap_err();
    assert!(matches!(error, CommandError::FrameTooLarge { .. }), "{error:?}");
    assert_eq!(output(&mut pair.server), b"".as_slice());
    // It can still be answered.
    pair.server.accept_sender(sender, SenderConfig::to("q")).unwrap();

    let mut pair = Pair::new(client(), ConnectionConfig::server("s"));
    pair.client.open().unwrap();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    pair.run();
    pair.server.open().unwrap();
    let Some(Event::SessionRequested { session: asked }) = pair.server_events().pop() else {
        panic!("a session is requested")
    };
    pair.run();
    let error = pair.server.refuse_session(asked, too_large).unwrap_err();
    assert!(matches!(error, CommandError::FrameTooLarge { .. }), "{error:?}");
    assert_eq!(output(&mut pair.server), b"".as_slice());
    pair.server.accept_session(asked, SessionConfig::new()).unwrap();
    pair.run();
    assert!(pair.client.session(session).unwrap().is_open());
}

/// The last of all channels has its end like the others.
#[test]
fn every_session_of_a_lost_connection_ends() {
    let mut conn = Connection::new(ConnectionConfig::client("c").channel_max(u16::MAX));
    let all = usize::from(u16::MAX) + 1;
    for _ in 0..all {
        conn.begin(SessionConfig::new()).unwrap();
    }
    conn.open().unwrap();
    conn.handle_eof(NOW);
    let ends = core::iter::from_fn(|| conn.poll_event());
    assert_eq!(ends.filter(|event| matches!(event, Event::SessionError { .. })).count(), all);
    assert_eq!(conn.session_ids().count(), 0);
}

/// The server's open was taken for a second one, and its SASL header for one that was not asked for.
#[test]
fn client_that_has_not_been_opened_lets_a_server_wait_that_sends_ahead() {
    for has_sasl in [false, true] {
        let with = |config: ConnectionConfig, mechanism| {
            if has_sasl { config.sasl(mechanism) } else { config }
        };
        let mut client =
            Connection::new(with(ConnectionConfig::client("c"), Mechanism::plain("me", "secret")));
        let mut wire = BytesMut::new();
        if has_sasl {
            wire.extend_from_slice(b"AMQP\x03\x01\x00\x00");
        } else {
            let mut server = Connection::new(ConnectionConfig::server("s"));
            input(&mut server, BytesMut::from(&b"AMQP\x00\x01\x00\x00"[..]));
            wire.extend_from_slice(&output(&mut server));
            let open = codec::to_vec(&Open { container_id: "s".into(), ..Open::default() });
            wire.extend_from_slice(&u32::try_from(open.len() + 8).unwrap().to_be_bytes());
            wire.extend_from_slice(&[2, 0, 0, 0]);
            wire.extend_from_slice(&open);
        }
        let owed = Progress::Answer(Owed::Open);
        assert_eq!(client.handle_input(NOW, &mut wire), owed);
        assert!(!wire.is_empty() && client.poll_event().is_none() && output(&mut client).is_empty());
        client.open().unwrap();
        assert_eq!(client.handle_input(NOW, &mut wire), Progress::NeedInput);
        assert!(wire.is_empty() && !output(&mut client).is_empty());
        assert_eq!(client.is_open(), !has_sasl);
        assert!(!client.is_closed());
    }
}

/// What answers a delivery beyond the limit is the same wherever its bytes are cut, in one buffer or in two.
#[test]
fn delivery_beyond_the_limit_is_answered_the_same_however_it_is_cut() {
    let answer = |cut: usize, in_chunks: bool| {
        let server = ConnectionConfig::server("server").auto_accept_sessions(true);
        let server = server.limits(Limits::default().max_unsettled(2));
        let pair = Pair::new(ConnectionConfig::client("client"), server).opened();
        let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
        let Linked { mut pair, sender, receiver, .. } =
            Linked::with(pair, SessionConfig::new(), SenderConfig::to("q"), theirs);
        for tag in 0..3_u64 {
            pair.client.sender(sender).unwrap().send(tag, vec![0; 10]).unwrap();
        }
        let bytes = output(&mut pair.client).freeze();
        // A flow of the server's waits.
        pair.server.receiver(receiver).unwrap().set_credit(20).unwrap();
        let cut = cut.min(bytes.len());
        let parts = [bytes.slice(..cut), bytes.slice(cut..)];
        if in_chunks {
            let mut input = Chunks::new();
            for part in parts {
                input.push(part);
                let _ = pair.server.handle_input(NOW, &mut input);
            }
        } else {
            let mut input = BytesMut::new();
            for part in parts {
                input.extend_from_slice(&part);
                let _ = pair.server.handle_input(NOW, &mut input);
            }
        }
        (bytes.len(), output(&mut pair.server))
    };
    let (len, whole) = answer(usize::MAX, false);
    for cut in 0..len {
        assert_eq!(answer(cut, false).1, whole, "cut at {cut}");
        assert_eq!(answer(cut, true).1, whole, "cut at {cut}, in chunks");
    }
}
