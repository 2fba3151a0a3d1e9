//! A peer, or an application, that is clumsy or means harm: what it must not be able to bring about.

mod common;

use core::time::Duration;
use std::collections::BTreeSet;

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, Event, Instant, Limits, Progress,
    ReceiverConfig, ReceiverId, SendOptions, SenderConfig, SenderId, SessionConfig, Timeouts,
    codec::Encode,
    sasl::{Exchange, Mechanism, Step, StepInput, Success},
    spec::{
        definitions::{AmqpError, ErrorCondition, Role, SenderSettleMode},
        delivery_state::{DeliveryState, Rejected},
        performatives as p,
        sasl::SaslInit,
        terminus::Source,
    },
    testing::frames::*,
    types::{Described, Fields, SequenceNo, Symbol, Value},
};
use bytes::{Buf, Bytes, BytesMut};
use common::{Linked, Pair, names};

struct Bench {
    conn: Connection,
    buffer: BytesMut,
    now: u64,
}

impl Bench {
    fn bare(config: ConnectionConfig) -> Self {
        Self { conn: Connection::new(config), buffer: BytesMut::new(), now: 1 }
    }
    fn open(config: ConnectionConfig) -> Self {
        Self::open_as(config, &open())
    }
    fn open_as(config: ConnectionConfig, open: &p::Open) -> Self {
        let mut bench = Self::bare(config);
        let _ = bench.feed(AMQP);
        let _ = bench.say(0, open);
        bench.output();
        bench
    }
    fn at(&self) -> Instant {
        Instant::from_millis(self.now)
    }
    fn feed(&mut self, bytes: &[u8]) -> Progress {
        self.buffer.extend_from_slice(bytes);
        self.conn.handle_input(Instant::from_millis(self.now), &mut self.buffer)
    }
    fn say(&mut self, channel: u16, performative: &impl Encode) -> Progress {
        self.feed(&frame(channel, performative))
    }
    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.conn.poll_event()).collect()
    }
    fn output(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut transmit = self.conn.poll_transmit(Instant::from_millis(self.now));
        while transmit.has_remaining() {
            let count = transmit.chunk().len();
            all.extend_from_slice(transmit.chunk());
            transmit.advance(count);
        }
        all
    }
    fn asked(&mut self) -> ReceiverId {
        let asked = |event| match event {
            Event::ReceiverRequested { receiver, .. } => Some(receiver),
            _ => None,
        };
        self.events().into_iter().find_map(asked).expect("a link is asked for")
    }
    /// A session on channel 0 and a link to us on handle 0.
    fn linked(config: ConnectionConfig, credit: u32) -> (Self, ReceiverId) {
        let mut bench = Self::open(config);
        let _ = bench.say(0, &begin());
        let _ = bench.say(0, &attach("link", 0, Role::Sender));
        let id = bench.asked();
        bench.conn.accept_receiver(id, ReceiverConfig::new()).unwrap();
        bench.conn.receiver(id).unwrap().set_credit(credit).unwrap();
        bench.output();
        bench.events();
        (bench, id)
    }
}

fn server() -> ConnectionConfig {
    ConnectionConfig::server("server").auto_accept_sessions(true)
}

fn timeouts() -> Timeouts {
    let some = Some(Duration::from_secs(3));
    Timeouts::default().open(some).sasl(some).close(some).end(some).detach(some).drain(some)
}

fn large_info(pairs: usize) -> AmqpError {
    let pairs =
        (0..pairs).map(|n| (Symbol::try_from(format!("k{n}").as_str()).unwrap(), Value::Null)).collect();
    let mut error = AmqpError::new(ErrorCondition::InternalError);
    error.info = Fields::from_pairs(pairs);
    error
}

/// A flow that the sender wrote before it knew of the drain does not answer it.
#[test]
fn flow_crossing_a_drain_leaves_the_revoked_credit_usable() {
    let (mut bench, id) = Bench::linked(server(), 10);
    let mut receiver = bench.conn.receiver(id).unwrap();
    receiver.set_credit(5).unwrap();
    receiver.drain().unwrap();
    bench.output();
    // The peer wrote all of this while it knew of a credit of 10.
    let _ = bench.say(0, &p::Flow { delivery_count: Some(SequenceNo::new(0)), ..link_flow(0, 10) });
    for n in 0..8 {
        let _ = bench.feed(&with_payload(0, &settled(0, n), b"x"));
    }
    let events = bench.events();
    assert_eq!(names(&events).iter().filter(|name| **name == "DELIVERY").count(), 8, "{events:?}");
}

/// A drain that was answered just too late still moves the count.
#[test]
fn drain_answered_after_its_timeout_still_moves_the_delivery_count() {
    let client = ConnectionConfig::client("c").timeouts(timeouts());
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).timeouts(timeouts());
    let mut linked = Linked::with(
        Pair::new(client, server).opened(),
        SessionConfig::new(),
        SenderConfig::to("q"),
        ReceiverConfig::new(),
    );
    let (sender, receiver) = (linked.sender, linked.receiver);
    linked.pair.server.receiver(receiver).unwrap().set_credit(10).unwrap();
    linked.pair.run();
    linked.pair.server.receiver(receiver).unwrap().drain().unwrap();
    linked.pair.run();
    // The answer and the time-out cross.
    linked.pair.client.sender(sender).unwrap().drained().unwrap();
    linked.pair.now += 5000;
    linked.pair.server.handle_timeout(Instant::from_millis(linked.pair.now));
    linked.pair.run();
    linked.pair.server.receiver(receiver).unwrap().set_credit(10).unwrap();
    linked.pair.run();
    assert_eq!(linked.pair.client.sender(sender).unwrap().credit(), 10);
}

/// An `end` that is refused does not undo the one that waits.
#[test]
fn end_refused_while_another_waits_leaves_the_waiting_one() {
    let limits = Limits::default().max_outbox_bytes(4096);
    let client = ConnectionConfig::client("c").limits(limits);
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).max_frame_size(512);
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    let mut linked =
        Linked::with(Pair::new(client, server).opened(), SessionConfig::new(), SenderConfig::to("q"), theirs);
    let options = SendOptions::new().settled(true);
    let payload = Bytes::from(vec![7; 100_000]);
    linked.pair.client.sender(linked.sender).unwrap().send_with(1_u32, payload, &options).unwrap();
    let mut session = linked.pair.client.session(linked.session).unwrap();
    session.end(None).unwrap();
    let condition = ErrorCondition::from(Symbol::try_from("c".repeat(600).as_str()).unwrap());
    session.end(Some(AmqpError::new(condition))).unwrap_err();
    for _ in 0..20 {
        linked.pair.run();
        linked.pair.server_events();
    }
    assert!(names(&linked.pair.client_events()).contains(&"SESSION_CLOSED"));
}

/// How much of 200 frames is taken for a session whose begin has not been answered.
fn taken_unanswered(frames: impl Fn(u32) -> Vec<u8>) -> usize {
    let mut bench = Bench::bare(ConnectionConfig::server("server"));
    let _ = bench.feed(AMQP);
    let _ = bench.say(0, &open());
    bench.conn.open().unwrap();
    let _ = bench.say(0, &begin());
    bench.events();
    let taken = (0..200).map(frames).take_while(|bytes| bench.feed(bytes) == Progress::NeedInput);
    taken.map(|bytes| bytes.len()).sum()
}

/// What waits for the answer of a begin is counted with all that is in it: 64 KiB by default, and the first.
#[test]
fn frames_of_an_unanswered_session_are_bounded() {
    let end = frame(0, &p::End { error: Some(Box::new(large_info(2000))) });
    let taken = taken_unanswered(|_| end.clone());
    assert!((end.len()..=64 << 10).contains(&taken), "{taken} bytes of ends are kept");
    let taken = taken_unanswered(|n| {
        let properties = large_info(2000).info;
        frame(0, &p::Attach { properties, ..attach("link", n, Role::Sender) })
    });
    assert!((end.len()..=64 << 10).contains(&taken), "{taken} bytes of attaches are kept");
}

/// What is held of an ended session is its unsettled deliveries, not their payload.
#[test]
fn an_ended_session_keeps_no_payload() {
    assert!(!keeps_payload(&detach(0, true)), "a closed link keeps none");
    assert!(!keeps_payload(&p::End::default()), "the payload of the incomplete delivery is still held");
}

fn keeps_payload(last: &impl Encode) -> bool {
    let (mut bench, _) = Bench::linked(server(), 10);
    let payload = Bytes::from(vec![7; 60_000]);
    let frame = Bytes::from(with_payload(0, &more(0, 0), &payload));
    let mut input = frame.clone();
    let _ = bench.conn.handle_input(Instant::from_millis(1), &mut input);
    assert!(input.is_empty());
    drop(input);
    let _ = bench.say(0, last);
    assert!(names(&bench.events()).last().unwrap().ends_with("_CLOSED"));
    !frame.is_unique()
}

/// The details of a disposition do not come back once for each run of deliveries.
#[test]
fn disposition_over_many_runs_is_answered_without_its_details() {
    let (mut pair, sessions) = {
        let mut pair = Pair::plain();
        let session = pair.client.begin(SessionConfig::new()).unwrap();
        let mut senders = Vec::new();
        for name in ["a", "b"] {
            senders
                .push(pair.client.session(session).unwrap().attach_sender(SenderConfig::to(name)).unwrap());
        }
        pair.run();
        for event in pair.server_events() {
            if let Event::ReceiverRequested { receiver, .. } = event {
                pair.server
                    .accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(1000)))
                    .unwrap();
            }
        }
        pair.run();
        (pair, senders)
    };
    for n in 0..200_u32 {
        for sender in &sessions {
            pair.client.sender(*sender).unwrap().send(n, b"x".as_slice()).unwrap();
        }
    }
    pair.run();
    // Every other one is settled, so that the rest are runs of one.
    for n in 0..200 {
        let bytes = frame(0, &accepted(2 * n, None));
        let _ = pair.client.handle_input(Instant::from_millis(pair.now), &mut bytes.as_slice());
    }
    pair.run();
    pair.client_events();
    let state = DeliveryState::from(Rejected { error: Some(large_info(2000)) });
    let disposition = p::Disposition { settled: false, state: Some(state), ..accepted(0, Some(399)) };
    let bytes = frame(0, &disposition);
    let mut input = bytes.as_slice();
    let _ = pair.client.handle_input(Instant::from_millis(pair.now), &mut input);
    let answered = pair.client.poll_transmit(Instant::from_millis(pair.now)).remaining();
    assert!(answered < 10 * bytes.len(), "{} bytes are answered with {answered}", bytes.len());
}

/// A link given up after its time-out gives back what it held of the session's window.
#[test]
fn link_ended_by_a_timeout_releases_its_part_of_the_window() {
    let config = ConnectionConfig::server("server").timeouts(timeouts());
    let mut bench = Bench::bare(config);
    let _ = bench.feed(AMQP);
    let _ = bench.say(0, &open());
    bench.conn.open().unwrap();
    let _ = bench.say(0, &begin());
    let session = bench.events().into_iter().find_map(|event| match event {
        Event::SessionRequested { session } => Some(session),
        _ => None,
    });
    let session = session.unwrap();
    bench.conn.accept_session(session, SessionConfig::new().incoming_window(4)).unwrap();
    let _ = bench.say(0, &attach("link", 0, Role::Sender));
    let id = bench.asked();
    bench.conn.accept_receiver(id, ReceiverConfig::new()).unwrap();
    bench.conn.receiver(id).unwrap().set_credit(10).unwrap();
    bench.output();
    for n in 0..4 {
        let _ = bench.feed(&with_payload(0, &settled(0, n), b"x"));
    }
    bench.events();
    bench.conn.receiver(id).unwrap().detach(None).unwrap();
    bench.output();
    bench.now += 5000;
    bench.conn.handle_timeout(bench.at());
    assert_eq!(names(&bench.events()), ["RECEIVER_ERROR"]);
    bench.output();
    assert_eq!(bench.conn.session(session).unwrap().incoming_window(), 4);
}

/// A request whose termini do not fit the peer's own frames can be refused, and comes to its end.
#[test]
fn attach_whose_termini_fit_no_frame_can_be_refused_or_ends() {
    let small = p::Open { max_frame_size: 512, ..open() };
    let mut bench = Bench::open_as(server(), &small);
    let _ = bench.say(0, &begin());
    let mut asks = attach("link", 0, Role::Sender);
    asks.source = Some(Box::new(Source::at("x".repeat(600))));
    let _ = bench.say(0, &asks);
    let id = bench.asked();
    let refused = bench.conn.refuse_receiver(id, AmqpError::new(ErrorCondition::NotFound)).is_ok();
    let _ = bench.say(0, &detach(0, true));
    let ended = names(&bench.events()).iter().any(|name| name.starts_with("RECEIVER_"));
    assert!(refused || ended, "neither refused nor ended");
}

/// 5.3.3.5: the AMQP header follows the outcome.
#[test]
fn second_sasl_header_after_the_outcome_is_refused() {
    let mechanism = Mechanism::server(x(), || Box::new(Lenient { deferred: false }));
    let mut bench = Bench::bare(server().sasl(mechanism));
    let _ = bench.feed(SASL);
    let init = SaslInit { mechanism: x(), initial_response: None, hostname: None };
    let _ = bench.feed(&sasl_frame(&init));
    bench.output();
    let _ = bench.feed(SASL);
    let output = bench.output();
    assert!(!output.starts_with(SASL), "mechanisms are offered after the outcome: {output:?}");
}

fn x() -> Symbol {
    Symbol::try_from("X").unwrap()
}

/// Accepts every client at once, or leaves it to the application.
struct Lenient {
    deferred: bool,
}

impl Exchange for Lenient {
    fn step(&mut self, _: StepInput<'_>) -> Step {
        if self.deferred { Step::Pending } else { Step::Done(Success::new()) }
    }
}

#[test]
fn sasl_answer_after_the_end_is_refused() {
    let mechanism = Mechanism::server(x(), || Box::new(Lenient { deferred: true }));
    let mut bench = Bench::bare(server().sasl(mechanism));
    let _ = bench.feed(SASL);
    let init = SaslInit { mechanism: x(), initial_response: None, hostname: None };
    let _ = bench.feed(&sasl_frame(&init));
    bench.output();
    bench.conn.handle_eof(bench.at());
    assert_eq!(names(&bench.events()), ["SASL_PENDING", "CONNECTION_ERROR"]);
    let answered = bench.conn.sasl_answer(Step::Done(Success::new()));
    assert!(answered.is_err() && bench.output().is_empty(), "{answered:?}");
}

/// 2.4.5: our own back-pressure is not the peer's silence.
#[test]
fn peer_whose_frames_wait_for_the_application_is_not_timed_out() {
    let limits = Limits::default().max_events(1);
    let mut bench = Bench::open(server().limits(limits).idle_timeout(Duration::from_secs(1)));
    bench.events();
    let _ = bench.say(0, &begin());
    for _ in 0..30 {
        bench.now += 100;
        assert_eq!(bench.feed(&raw(0, 0, &[])), Progress::DrainEvents);
        bench.conn.handle_timeout(bench.at());
    }
    assert_eq!(names(&bench.events()), ["SESSION_OPEN"]);
}

/// `is_sendable` says what `send` does.
#[test]
fn is_sendable_while_the_connection_closes_is_false() {
    let limits = Limits::default().max_outbox_bytes(4096);
    let client = ConnectionConfig::client("c").limits(limits);
    let server = ConnectionConfig::server("s").auto_accept_sessions(true).max_frame_size(512);
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    let mut linked =
        Linked::with(Pair::new(client, server).opened(), SessionConfig::new(), SenderConfig::to("q"), theirs);
    let other =
        linked.pair.client.session(linked.session).unwrap().attach_sender(SenderConfig::to("other")).unwrap();
    linked.pair.run();
    for event in linked.pair.server_events() {
        if let Event::ReceiverRequested { receiver, .. } = event {
            linked
                .pair
                .server
                .accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(10)))
                .unwrap();
        }
    }
    linked.pair.run();
    linked.pair.client.sender(linked.sender).unwrap().send(1_u32, vec![7; 100_000]).unwrap();
    linked.pair.client.close(None).unwrap();
    // The outbox is drained for now.
    let mut transmit = linked.pair.client.poll_transmit(Instant::from_millis(linked.pair.now));
    let count = transmit.remaining();
    transmit.advance(count);
    let mut sender = linked.pair.client.sender(other).unwrap();
    assert_eq!(sender.is_sendable(), sender.send(2_u32, b"x".as_slice()).is_ok());
}

/// It was true for as long as messages were refused.
#[test]
fn is_sendable_while_too_many_deliveries_are_unsettled_is_false() {
    for is_settled in [false, true] {
        let client = ConnectionConfig::client("c").limits(Limits::default().max_unsettled(4));
        let server = ConnectionConfig::server("s").auto_accept_sessions(true);
        let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
        let mode = if is_settled { SenderSettleMode::Settled } else { SenderSettleMode::Mixed };
        let mut linked = Linked::with(
            Pair::new(client, server).opened(),
            SessionConfig::new(),
            SenderConfig::to("q").snd_settle_mode(mode),
            theirs,
        );
        let mut sender = linked.pair.client.sender(linked.sender).unwrap();
        let mut sent = 0_u32;
        while sender.is_sendable() {
            sender.send(sent, b"x".as_slice()).unwrap();
            sent += 1;
        }
        let refused = if is_settled { CommandError::NoCredit } else { CommandError::TooManyUnsettled };
        assert_eq!(sender.send(sent, b"x".as_slice()), Err(refused));
        assert_eq!(sent, if is_settled { 10 } else { 4 });
    }
}

/// A peer that names its links as we would does not keep us from attaching any.
#[test]
fn generated_link_name_in_use_is_skipped() {
    let mut bench = Bench::open(server());
    let _ = bench.say(0, &begin());
    let session = bench.conn.session_ids().next().unwrap();
    for (handle, n) in (0..4).zip(2..) {
        let _ = bench.say(0, &attach(&format!("server-{n}"), handle, Role::Receiver));
    }
    bench.output();
    for _ in 0..5 {
        bench.conn.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    }
}

/// 2.6.1: there are never two live links of one name and direction.
#[test]
fn second_attach_with_a_name_ends_the_first_link() {
    let mut bench = Bench::open(server());
    let _ = bench.say(0, &begin());
    let _ = bench.say(0, &attach("link", 0, Role::Sender));
    let first = bench.asked();
    let _ = bench.say(0, &attach("link", 1, Role::Sender));
    let second = bench.events().into_iter().find_map(|event| match event {
        Event::ReceiverRequested { receiver, .. } => Some(receiver),
        _ => None,
    });
    let _ = bench.conn.accept_receiver(first, ReceiverConfig::new());
    let _ = bench.conn.accept_receiver(second.unwrap(), ReceiverConfig::new());
    let is_open = |id| bench.conn.receiver_ref(id).is_ok_and(|receiver| receiver.is_open());
    assert!(!(is_open(first) && is_open(second.unwrap())));
}

/// Credit that was taken with Ok is there when the request is accepted.
#[test]
fn credit_set_before_the_link_is_accepted_is_announced() {
    let mut bench = Bench::open(server());
    let _ = bench.say(0, &begin());
    let _ = bench.say(0, &attach("link", 0, Role::Sender));
    let id = bench.asked();
    if bench.conn.receiver(id).unwrap().set_credit(5).is_ok() {
        bench.conn.accept_receiver(id, ReceiverConfig::new()).unwrap();
        assert_eq!(bench.conn.receiver(id).unwrap().credit(), 5);
    }
}

/// Behind our close no open is waited for.
#[test]
fn close_without_an_answer_yields_connection_closed() {
    let open = Some(Duration::from_secs(3));
    let mut bench = Bench::bare(ConnectionConfig::client("c").timeouts(Timeouts::default().open(open)));
    bench.conn.open().unwrap();
    bench.conn.close(None).unwrap();
    bench.output();
    for _ in 0..20 {
        bench.now += 1000;
        bench.conn.handle_timeout(bench.at());
    }
    assert_eq!(names(&bench.events()), ["CONNECTION_CLOSED"]);
}

/// A detach waits for deliveries that have not been told of, however its descriptor is written.
#[test]
fn detach_with_a_symbolic_descriptor_waits_for_unpolled_deliveries() {
    let (mut bench, _) = Bench::linked(server(), 10);
    let _ = bench.feed(&with_payload(0, &settled(0, 0), b"x"));
    let body = [&[0x00, 0xb3, 0, 0, 0, 16][..], b"amqp:detach:list", &[0xc0, 3, 2, 0x43, 0x41]].concat();
    assert_eq!(bench.feed(&raw(0, 0, &body)), Progress::DrainEvents);
    assert_eq!(names(&bench.events()), ["DELIVERY"]);
    assert_eq!(bench.feed(&[]), Progress::NeedInput);
    assert_eq!(names(&bench.events()), ["RECEIVER_CLOSED"]);
}

/// 2.6.7: an attach that has not been answered gives no credit.
#[test]
fn transfer_before_the_attach_is_answered_is_refused() {
    let mut bench = Bench::open(server());
    let _ = bench.say(0, &begin());
    let _ = bench.say(0, &attach("link", 0, Role::Sender));
    let id = bench.asked();
    let _ = bench.feed(&with_payload(0, &settled(0, 0), b"x"));
    let events = bench.events();
    let [Event::ReceiverError { receiver, failure, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((*receiver, &failure.error.condition), (id, &ErrorCondition::TransferLimitExceeded));
}

#[test]
fn client_that_never_opens_times_out() {
    let mut bench = Bench::bare(server().timeouts(timeouts()));
    bench.conn.handle_timeout(bench.at());
    let _ = bench.feed(AMQP);
    bench.output();
    let due = bench.conn.poll_timeout().expect("there is a time-out");
    assert_eq!(due.as_millis(), bench.now + 3000);
    bench.conn.handle_timeout(due);
    assert_eq!(names(&bench.events()), ["CONNECTION_ERROR"]);
}

/// A link whose sender may have as many bytes in its outbox.
fn linked_beside(max_outbox_bytes: usize) -> Linked {
    let limits = Limits::default().max_outbox_bytes(max_outbox_bytes);
    let pair = Pair::new(ConnectionConfig::client("c").limits(limits), server()).opened();
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    Linked::with(pair, SessionConfig::new(), SenderConfig::to("q"), theirs)
}

/// A stream whose last piece has found no room is told when there is.
#[test]
fn stream_without_room_gets_sender_ready_once_there_is_some() {
    let Linked { mut pair, sender, .. } = linked_beside(1000);
    let mut link = pair.client.sender(sender).unwrap();
    let delivery = link.send_streaming(1_u32, &SendOptions::new()).unwrap();
    link.write(delivery, vec![7; 2000]).unwrap();
    for _ in 0..2 {
        assert_eq!(link.write(delivery, vec![7; 2000]), Err(CommandError::OutboxFull));
    }
    pair.run();
    assert_eq!(pair.client_events(), [Event::SenderReady { sender }]);
    pair.client.sender(sender).unwrap().write(delivery, vec![7; 2000]).unwrap();
}

/// The event for more bytes was owed for good, since there were no more.
#[test]
fn stream_without_room_that_ends_gets_sender_ready_for_the_next_message() {
    for aborts in [true, false] {
        let Linked { mut pair, sender, .. } = linked_beside(600);
        let mut link = pair.client.sender(sender).unwrap();
        let delivery = link.send_streaming(1_u32, &SendOptions::new()).unwrap();
        while link.write(delivery, vec![7; 300]).is_ok() {}
        if aborts { link.abort(delivery) } else { link.finish(delivery) }.unwrap();
        pair.run();
        let events = pair.client_events();
        assert!(events.contains(&Event::SenderReady { sender }), "{aborts}: {events:?}");
    }
}

/// Links whose senders may have as many bytes in the outbox between them.
fn many_senders_beside(max_outbox_bytes: usize) -> (Pair, Vec<SenderId>) {
    let Linked { mut pair, session, sender, .. } = linked_beside(max_outbox_bytes);
    let mut senders = vec![sender];
    for _ in 0..30 {
        senders.push(pair.client.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap());
        pair.run();
        for event in pair.server_events() {
            if let Event::ReceiverRequested { receiver, .. } = event {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                pair.server.accept_receiver(receiver, config).unwrap();
            }
        }
        pair.run();
    }
    pair.client_events();
    (pair, senders)
}

/// It waited for settlements on another link, which a settled message has no need of.
#[test]
fn sender_of_settled_messages_is_woken_while_another_link_has_all_that_may_be_unsettled() {
    let limits = Limits::default().max_unsettled(10);
    let pair = Pair::new(ConnectionConfig::client("c").limits(limits), server()).opened();
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(20));
    let Linked { mut pair, session, sender: full, .. } =
        Linked::with(pair, SessionConfig::new(), SenderConfig::to("q"), theirs);
    for tag in 0..10_u32 {
        pair.client.sender(full).unwrap().send(tag, b"x".as_slice()).unwrap();
    }
    let refused = pair.client.sender(full).unwrap().send(10_u32, b"x".as_slice());
    assert_eq!(refused, Err(CommandError::TooManyUnsettled));
    let settled = pair.client.session(session).unwrap().attach_sender(SenderConfig::to("q")).unwrap();
    pair.run();
    let accept = |pair: &mut Pair| {
        for event in pair.server_events() {
            if let Event::ReceiverRequested { receiver, .. } = event {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                pair.server.accept_receiver(receiver, config).unwrap();
            }
        }
        pair.run();
    };
    accept(&mut pair);
    let ready = Event::SenderReady { sender: settled };
    for _ in 0..3 {
        let events = pair.client_events();
        assert!(events.contains(&ready), "{events:?}");
        assert!(!events.contains(&Event::SenderReady { sender: full }), "{events:?}");
        let mut link = pair.client.sender(settled).unwrap();
        while link.send_with(1_u32, b"x".as_slice(), &SendOptions::new().settled(true)).is_ok() {}
        pair.run();
        pair.server_events();
        pair.run();
    }
}

/// It woke all of them, of which the first could send.
#[test]
fn room_in_the_outbox_wakes_the_senders_that_wait_in_turn() {
    let (mut pair, senders) = many_senders_beside(5000);
    for sender in senders {
        while pair.client.sender(sender).unwrap().send(1_u32, vec![7; 500]).is_ok() {}
    }
    let (mut woken, mut sent, mut who) = (0, 0, BTreeSet::new());
    for _ in 0..50 {
        let mut output = pair.client.poll_transmit(Instant::from_millis(0));
        output.advance(600);
        while let Some(event) = pair.client.poll_event() {
            let Event::SenderReady { sender } = event else { panic!("{event:?}") };
            woken += 1;
            while pair.client.sender(sender).unwrap().send(1_u32, vec![7; 500]).is_ok() {
                sent += 1;
                who.insert(sender);
            }
        }
    }
    // The first has used its credit.
    assert_eq!(who.len(), 30, "each in turn");
    assert!(sent > 40 && woken <= 2 * 50, "{woken} were woken, {sent} messages sent");
}

/// Each took a piece however full the outbox was.
#[test]
fn streams_on_many_links_have_the_outbox_between_them() {
    let (mut pair, senders) = many_senders_beside(10_000);
    let begin = |sender: &_| {
        (*sender, pair.client.sender(*sender).unwrap().send_streaming(1_u32, &SendOptions::new()).unwrap())
    };
    let mut left: Vec<_> = senders.iter().map(begin).collect();
    while !left.is_empty() {
        let mut write = |(sender, delivery): &(_, _)| {
            let mut link = pair.client.sender(*sender).unwrap();
            match link.write(*delivery, vec![7; 4000]) {
                Ok(()) => link.finish(*delivery).map(|()| false).unwrap(),
                Err(error) => {
                    assert_eq!(error, CommandError::OutboxFull);
                    true
                }
            }
        };
        left.retain(&mut write);
        assert!(pair.client.outbox_len() < 15_000, "{}", pair.client.outbox_len());
        pair.run();
        let ready: Vec<_> = pair.client_events();
        assert!(left.iter().all(|(sender, _)| ready.contains(&Event::SenderReady { sender: *sender })));
    }
}

/// What a suspended link left unsettled can still be settled, and is told of as long as there is some of it.
#[test]
fn suspended_link_is_forgotten_once_its_last_delivery_is_settled() {
    let theirs = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
    let Linked { mut pair, sender, .. } = Linked::new(SenderConfig::to("q"), theirs);
    for tag in 0..2_u32 {
        pair.client.sender(sender).unwrap().send(tag, b"x".as_slice()).unwrap();
    }
    pair.client.sender(sender).unwrap().detach(None).unwrap();
    pair.run();
    pair.server_events();
    pair.run();
    assert_eq!(names(&pair.client_events()), ["SENDER_DETACHED"]);
    for n in [0, 1, 1] {
        let bytes = frame(0, &p::Disposition { settled: true, ..accepted(n, None) });
        let _ = pair.client.handle_input(Instant::from_millis(pair.now), &mut bytes.as_slice());
    }
    assert_eq!(names(&pair.client_events()), ["DELIVERY_SETTLED", "DELIVERY_SETTLED"]);
    assert_eq!(pair.client.unsettled(sender), []);
}

/// A drain that is given up once its link has come to its end is nobody's to hear of.
#[test]
fn drain_timeout_after_the_end_of_its_link_raises_no_event() {
    for end in ["link", "session", "detach"] {
        let second = Duration::from_secs(1);
        let timeouts = timeouts().end(second).detach(second);
        let (mut bench, id) = Bench::linked(server().timeouts(timeouts), 10);
        let session = bench.conn.session_ids().next().unwrap();
        bench.conn.receiver(id).unwrap().drain().unwrap();
        bench.output();
        match end {
            // 2.7.5: a first transfer without a tag.
            "link" => {
                let bad = p::Transfer { delivery_tag: None, ..transfer(0, 0) };
                let _ = bench.feed(&with_payload(0, &bad, b"x"));
            }
            "session" => bench.conn.session(session).unwrap().end(None).unwrap(),
            _ => bench.conn.receiver(id).unwrap().close(None).unwrap(),
        }
        bench.output();
        let mut said = bench.events();
        for _ in 0..5 {
            bench.now += 1000;
            let now = bench.at();
            bench.conn.handle_timeout(now);
            said.extend(bench.events());
        }
        let said = names(&said);
        assert_eq!(said.iter().position(|name| name.starts_with("RECEIVER_")), Some(0), "{end}: {said:?}");
        assert!(!said.contains(&"RECEIVER_DRAINED"), "{end}: {said:?}");
    }
}

/// What waits for the application's answer holds no read buffer alive.
#[test]
fn deferred_frame_keeps_no_read_buffer_alive() {
    let told = AmqpError::described(ErrorCondition::InternalError, "for a reason that is kept");
    let frames = [
        with_payload(0, &settled(0, 0), b"a message"),
        frame(0, &p::Detach { error: Some(Box::new(told.clone())), ..detach(0, true) }),
        frame(0, &p::End { error: Some(Box::new(told)) }),
        frame(0, &attach("a name that is too long to lie anywhere else", 0, Role::Sender)),
    ];
    for (opened, waiting) in
        [true, false].into_iter().flat_map(|opened| frames.iter().map(move |one| (opened, one)))
    {
        let mut bench = Bench::bare(ConnectionConfig::server("server"));
        let _ = bench.feed(AMQP);
        let _ = bench.say(0, &open());
        if opened {
            bench.conn.open().unwrap();
        }
        let _ = bench.say(0, &begin());
        bench.buffer = BytesMut::with_capacity(4096);
        let _ = bench.feed(waiting);
        assert!(bench.buffer.is_empty());
        assert!(bench.buffer.try_reclaim(4096), "{opened} {waiting:?}");
    }
}

/// A state of the peer's that is kept, on a link that is there or is gone, holds no read buffer alive.
#[test]
fn stored_delivery_state_keeps_no_read_buffer_alive() {
    let told = || AmqpError::described(ErrorCondition::InternalError, "for a reason that is kept");
    let states: [DeliveryState; 2] = [
        Rejected { error: Some(told()) }.into(),
        DeliveryState::Other(Described::new(0x99_u64, "a state that nobody knows").into()),
    ];
    for (state, gone) in states.into_iter().flat_map(|state| [(state.clone(), false), (state, true)]) {
        let keeps = SenderConfig::to("q").settle_on_outcome(false);
        let credit = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
        let Linked { mut pair, sender, .. } = Linked::new(keeps, credit);
        pair.client.sender(sender).unwrap().send(1_u32, b"x".as_slice()).unwrap();
        if gone {
            pair.client.sender(sender).unwrap().close(None).unwrap();
        }
        pair.run();
        pair.client_events();
        let told = p::Disposition { settled: false, state: Some(state.clone()), ..accepted(0, None) };
        let mut buffer = BytesMut::with_capacity(4096);
        buffer.extend_from_slice(&frame(0, &told));
        let _ = pair.client.handle_input(Instant::from_millis(pair.now), &mut buffer);
        pair.client_events();
        assert_eq!(pair.client.unsettled(sender)[0].state, Some(state));
        assert!(buffer.is_empty() && buffer.try_reclaim(4096));
    }
}
