//! N: what binds the sender of a frame, seen in frames of ours. These rows are not in the list of bad inputs.

use amqp_proto::{
    CommandError, ConnectionConfig, Event, Instant, ReceiverConfig, SendOptions, SenderConfig, SenderId,
    SessionConfig,
    sasl::Mechanism,
    spec::{
        definitions::{AmqpError, ErrorCondition, Role, SenderSettleMode},
        delivery_state::DeliveryState,
        performatives as p,
        sasl::{SaslCode, SaslMechanisms, SaslOutcome},
    },
    types::Symbol,
};

use crate::{
    bench::{Bench, Case, Fate, Setup, server},
    peer::{
        AMQP, SASL, accepted, attach, begin, begin_answer, continuation, detach, flow, frame, link_flow,
        more, open, sasl_frame, transfer,
    },
};

/// The peer takes small frames, and as many of them as this at a time.
fn small(window: u32) -> Bench {
    let mut bench = Bench::bare(server());
    bench.feed(&[AMQP, &frame(0, &p::Open { max_frame_size: 512, ..open() })].concat());
    bench.feed_frame(0, &p::Begin { incoming_window: window, ..begin() });
    bench.session = bench.conn.session_ids().next();
    bench.forget();
    bench
}

/// The peer is to hear from us every 100 ms.
fn impatient() -> Bench {
    let mut bench = Bench::bare(server());
    bench.feed(&[AMQP, &frame(0, &p::Open { idle_time_out: Some(100.into()), ..open() })].concat());
    bench.forget();
    bench
}

/// A link from us under this handle of the peer's, which our own is too, with credit.
fn sender(b: &mut Bench, handle: u32, ours: SenderConfig) -> SenderId {
    b.feed_frame(0, &attach(&format!("{handle}"), handle, Role::Receiver));
    let Some(&Event::SenderRequested { sender, .. }) = b.events.last() else { panic!("{:?}", b.events) };
    b.conn.accept_sender(sender, ours).unwrap();
    let incoming_window = b.session().remote_incoming_window();
    b.feed_frame(0, &p::Flow { incoming_window, ..link_flow(handle, 9) });
    b.forget();
    sender
}

fn refuse_sender(b: &mut Bench) {
    b.feed_frame(0, &attach("wanted", 2, Role::Receiver));
    let [Event::SenderRequested { sender, .. }] = b.events[..] else { panic!("{:?}", b.events) };
    b.conn.refuse_sender(sender, AmqpError::new(ErrorCondition::NotFound)).unwrap();
    b.feed_frame(0, &detach(2, true));
}

fn refuse_receiver(b: &mut Bench) {
    b.feed_frame(0, &attach("wanted", 2, Role::Sender));
    let [Event::ReceiverRequested { receiver, .. }] = b.events[..] else { panic!("{:?}", b.events) };
    b.conn.refuse_receiver(receiver, AmqpError::new(ErrorCondition::NotFound)).unwrap();
    b.feed_frame(0, &detach(2, true));
}

pub const CASES: &[Case] = &[
    // Nothing of the peer is known yet, so nothing of it is told: neither its count nor its transfer-id.
    Case {
        id: "N01",
        start: || Bench::bare(ConnectionConfig::client("client")),
        steps: |b| {
            b.conn.open().unwrap();
            let session = b.conn.begin(SessionConfig::new()).unwrap();
            let link =
                b.conn.session(session).unwrap().attach_receiver(ReceiverConfig::from("q").name("link"));
            b.conn.receiver(link.unwrap()).unwrap().set_credit(5).unwrap();
            b.conn.begin(SessionConfig::new()).unwrap();
            b.conn.session(session).unwrap().attach_sender(SenderConfig::to("q").name("more")).unwrap();
            b.pump();
            b.feed(&[AMQP, &frame(0, &open()), &frame(0, &begin_answer(0))].concat());
        },
        output: &[
            "AMQP 1.0.0",
            "OPEN",
            "BEGIN@0",
            "ATTACH@0 0 link",
            "FLOW@0 0 count=- credit=5 unbegun",
            "BEGIN@1",
            "ATTACH@0 1 more",
        ],
        events: &["CONNECTION_OPEN", "SESSION_OPEN"],
        fate: Fate::Alive,
    },
    // A message larger than a frame says `more` in all frames but the last. Messages of two links may lie between
    // each other, those of one never do.
    Case {
        id: "N02",
        start: || small(99),
        steps: |b| {
            let (one, two) = (sender(b, 0, SenderConfig::new()), sender(b, 1, SenderConfig::new()));
            let settled = SendOptions::new().settled(true);
            b.conn.sender(one).unwrap().send_with(1_u32, vec![1; 1200], &settled).unwrap();
            let first = b.conn.sender(one).unwrap().send_streaming(2_u32, &settled).unwrap();
            let second = b.conn.sender(two).unwrap().send_streaming(3_u32, &settled).unwrap();
            b.conn.sender(one).unwrap().write(first, b"one".as_slice()).unwrap();
            b.conn.sender(two).unwrap().write(second, b"two".as_slice()).unwrap();
            let between = b.conn.sender(one).unwrap().send(4_u32, b"x".as_slice());
            assert_eq!(between, Err(CommandError::Busy));
            b.conn.sender(one).unwrap().finish(first).unwrap();
            b.conn.sender(two).unwrap().abort(second).unwrap();
        },
        output: &[
            "TRANSFER@0 0 487 bytes settled more",
            "TRANSFER@0 0 492 bytes settled more",
            "TRANSFER@0 0 221 bytes settled",
            "TRANSFER@0 0 0 bytes settled more",
            "TRANSFER@0 1 0 bytes settled more",
            "TRANSFER@0 0 3 bytes settled more",
            "TRANSFER@0 1 3 bytes settled more",
            "TRANSFER@0 0 0 bytes settled",
            "TRANSFER@0 1 0 bytes aborted",
        ],
        events: &["SENDER_READY"],
        fate: Fate::Alive,
    },
    // The lowest free handle and channel are taken.
    Case {
        id: "N03",
        start: Bench::client_session,
        steps: |b| {
            let attach_next = |b: &mut Bench, name: &str| {
                b.session().attach_sender(SenderConfig::to("q").name(name)).unwrap();
                b.pump();
            };
            let first = b.session().attach_sender(SenderConfig::to("q").name("a")).unwrap();
            attach_next(b, "b");
            b.feed_frame(0, &attach("a", 7, Role::Receiver));
            b.conn.sender(first).unwrap().close(None).unwrap();
            b.feed_frame(0, &detach(7, true));
            attach_next(b, "c");
            attach_next(b, "d");
            let second = b.conn.begin(SessionConfig::new()).unwrap();
            b.conn.begin(SessionConfig::new()).unwrap();
            b.feed_frame(9, &begin_answer(1));
            b.conn.session(second).unwrap().end(None).unwrap();
            b.feed_frame(9, &p::End::default());
            b.conn.begin(SessionConfig::new()).unwrap();
        },
        output: &[
            "ATTACH@0 0 a",
            "ATTACH@0 1 b",
            "DETACH@0 0 closed",
            "ATTACH@0 0 c",
            "ATTACH@0 2 d",
            "BEGIN@1",
            "BEGIN@2",
            "END@1",
            "BEGIN@1",
        ],
        events: &["SENDER_OPEN", "SENDER_CLOSED", "SESSION_OPEN", "SESSION_CLOSED"],
        fate: Fate::Alive,
    },
    // Transfer-ids go on at 0 behind 2³² - 1.
    Case {
        id: "N04",
        start: || {
            let our_begin = SessionConfig::new().next_outgoing_id(u32::MAX);
            Bench::linked_with(Setup { our_begin, ..Setup::default() })
        },
        steps: |b| {
            b.feed_frame(0, &p::Flow { next_incoming_id: Some(u32::MAX.into()), ..link_flow(1, 10) });
            for tag in 0..2_u32 {
                b.sender().send(tag, b"x".as_slice()).unwrap();
            }
            assert_eq!(b.session().remote_incoming_window(), 98);
            b.feed_frame(0, &p::Flow { next_incoming_id: Some(0.into()), ..flow() });
            assert_eq!(b.session().remote_incoming_window(), 99);
            b.feed_frame(0, &p::Flow { next_incoming_id: Some(1.into()), ..flow() });
            assert_eq!(b.session().remote_incoming_window(), 100);
        },
        output: &["TRANSFER@0 1 1 bytes", "TRANSFER@0 1 1 bytes"],
        events: &["SENDER_READY"],
        fate: Fate::Alive,
    },
    // A refusal is an attach without the terminus that is ours, and a detach at once.
    Case {
        id: "N05",
        start: Bench::linked,
        steps: refuse_sender,
        output: &["ATTACH@0 2 wanted without source", "DETACH@0 2 closed amqp:not-found"],
        events: &["SENDER_REQUESTED"],
        fate: Fate::Alive,
    },
    Case {
        id: "N05b",
        start: Bench::linked,
        steps: refuse_receiver,
        output: &["ATTACH@0 2 wanted without target", "DETACH@0 2 closed amqp:not-found"],
        events: &["RECEIVER_REQUESTED"],
        fate: Fate::Alive,
    },
    // A terminal state is the last, whatever the receiver says behind it.
    Case {
        id: "N06",
        start: || small(9),
        steps: |b| {
            let kept = sender(b, 0, SenderConfig::new().settle_on_outcome(false));
            b.conn.sender(kept).unwrap().send(1_u32, b"x".as_slice()).unwrap();
            let unsettled = p::Disposition { settled: false, ..accepted(0, None) };
            b.feed_frame(0, &unsettled);
            let rejected = Some(DeliveryState::Rejected(Default::default()));
            b.feed_frame(0, &p::Disposition { state: rejected, ..unsettled });
            assert_eq!(b.conn.unsettled(kept)[0].state, Some(DeliveryState::ACCEPTED));
        },
        output: &["TRANSFER@0 0 1 bytes"],
        events: &["DELIVERY_UPDATED"],
        fate: Fate::Alive,
    },
    // A link that sends settled says so in each delivery, and one that sends unsettled in none.
    Case {
        id: "N07",
        start: || small(9),
        steps: |b| {
            let modes = [SenderSettleMode::Settled, SenderSettleMode::Unsettled];
            let links = [0, 1].map(|n| sender(b, n, SenderConfig::new().snd_settle_mode(modes[n as usize])));
            for (link, settles) in links.into_iter().zip([true, false]) {
                let against = SendOptions::new().settled(!settles);
                let refused = b.conn.sender(link).unwrap().send_with(1_u32, b"x".as_slice(), &against);
                assert_eq!(refused, Err(CommandError::SettleMode));
                b.conn.sender(link).unwrap().send(1_u32, b"x".as_slice()).unwrap();
                assert_eq!(b.conn.unsettled(link).is_empty(), settles);
            }
        },
        output: &["TRANSFER@0 0 1 bytes settled", "TRANSFER@0 1 1 bytes"],
        events: &[],
        fate: Fate::Alive,
    },
    // The window is opened again once half of it could be, and what is incomplete does not hold it.
    Case {
        id: "N08",
        start: || {
            Bench::linked_with(Setup {
                our_begin: SessionConfig::new().incoming_window(4),
                ..Setup::default()
            })
        },
        steps: |b| {
            b.feed_frame(0, &transfer(0, 0));
            b.accept_all();
            b.pump();
            assert_eq!(b.output, ["DISPOSITION@0 receiver 0 settled accepted"]);
            b.feed_frame(0, &more(0, 1));
            b.pump();
            b.feed_frame(0, &p::Transfer { more: true, ..continuation(0) });
        },
        output: &["DISPOSITION@0 receiver 0 settled accepted", "FLOW@0 next=2 window=4"],
        events: &["DELIVERY"],
        fate: Fate::Alive,
    },
    // Half of what the peer announced is the time between heartbeats; there is none behind close.
    Case {
        id: "N09",
        start: impatient,
        steps: |b| {
            b.pump();
            for now in [51, 101] {
                assert_eq!(b.conn.poll_timeout(), Some(Instant::from_millis(now)));
                b.now = now;
                b.conn.handle_timeout(Instant::from_millis(now));
                b.pump();
            }
        },
        output: &["EMPTY@0", "EMPTY@0"],
        events: &[],
        fate: Fate::Alive,
    },
    Case {
        id: "N09b",
        start: impatient,
        steps: |b| {
            b.conn.close(None).unwrap();
            b.pump();
            b.now = 1000;
            b.conn.handle_timeout(Instant::from_millis(1000));
            b.pump();
            b.feed_frame(0, &p::Close::default());
        },
        output: &["CLOSE"],
        events: &["CONNECTION_CLOSED"],
        fate: Fate::Closed,
    },
    // A server waits for the client's header.
    Case {
        id: "N10",
        start: || Bench::bare(server()),
        steps: |b| {
            b.pump();
            assert!(b.output.is_empty());
            b.feed(&[AMQP, &frame(0, &open())].concat());
        },
        output: &["AMQP 1.0.0", "OPEN"],
        events: &["CONNECTION_OPEN"],
        fate: Fate::Alive,
    },
    // Init and open are for the same host, whatever the peer calls itself; of our mechanisms the first is taken.
    Case {
        id: "N11",
        start: || {
            let config = ConnectionConfig::client("client").hostname("host");
            Bench::client(config.sasl(Mechanism::plain("user", "secret")).sasl(Mechanism::anonymous()))
        },
        steps: |b| {
            let names = ["ANONYMOUS", "PLAIN"].map(|name| Symbol::try_from(name).unwrap());
            b.feed(SASL);
            b.feed(&sasl_frame(&SaslMechanisms { sasl_server_mechanisms: names.to_vec().into() }));
            b.feed(&sasl_frame(&SaslOutcome { code: SaslCode::Ok, additional_data: None }));
            b.feed(&[AMQP, &frame(0, &p::Open { hostname: Some("other".into()), ..open() })].concat());
            assert_eq!(b.conn.remote_open().unwrap().hostname.as_deref(), Some("other"));
        },
        output: &["SASL-INIT PLAIN to host", "AMQP 1.0.0", "OPEN to host"],
        events: &["CONNECTION_OPEN"],
        fate: Fate::Alive,
    },
    // The details of an outcome are left out where the peer has no room for them.
    Case {
        id: "N12",
        start: || small(9),
        steps: |b| {
            b.feed_frame(0, &attach("in", 0, Role::Sender));
            let Some(&Event::ReceiverRequested { receiver, .. }) = b.events.last() else { panic!() };
            b.conn.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
            b.conn.receiver(receiver).unwrap().set_credit(1).unwrap();
            b.feed_frame(0, &transfer(0, 0));
            let Some(Event::Delivery { delivery, .. }) = b.events.last() else { panic!() };
            let delivery = delivery.id;
            let why = AmqpError::described(ErrorCondition::NotFound, "because ".repeat(100));
            b.conn.receiver(receiver).unwrap().reject(delivery, Some(why)).unwrap();
        },
        output: &["ATTACH@0 0 in", "DISPOSITION@0 receiver 0 settled rejected", "FLOW@0 0 count=1 credit=0"],
        events: &["RECEIVER_REQUESTED", "RECEIVER_OPEN", "DELIVERY"],
        fate: Fate::Alive,
    },
    // A link that was detached can be attached again.
    Case {
        id: "N13",
        start: Bench::linked,
        steps: |b| {
            b.feed(&[frame(0, &detach(0, false)), frame(0, &attach("link", 0, Role::Sender))].concat());
            let Some(&Event::ReceiverRequested { receiver, .. }) = b.events.last() else { panic!() };
            b.conn.accept_receiver(receiver, ReceiverConfig::new()).unwrap();
        },
        output: &["DETACH@0 0", "ATTACH@0 0 link"],
        events: &["RECEIVER_DETACHED", "RECEIVER_REQUESTED", "RECEIVER_OPEN"],
        fate: Fate::Alive,
    },
    // Before the peer's limit is known an open has to fit into 512 bytes.
    Case {
        id: "N15",
        start: || Bench::bare(ConnectionConfig::server("s".repeat(600))),
        steps: |b| {
            b.feed(AMQP);
            assert!(matches!(b.conn.open(), Err(CommandError::FrameTooLarge { max: 512, .. })));
            b.feed_frame(0, &open());
            b.conn.open().unwrap();
        },
        output: &["AMQP 1.0.0", "OPEN"],
        events: &["CONNECTION_REQUESTED", "CONNECTION_OPEN"],
        fate: Fate::Alive,
    },
    // What the sender has available is told back, less what has come since, and never below none.
    Case {
        id: "N14",
        start: Bench::linked,
        steps: |b| {
            b.feed_frame(0, &p::Flow { available: Some(2), ..link_flow(0, 10) });
            for id in 0..3 {
                b.feed_frame(0, &transfer(0, id));
                b.receiver().set_credit(20).unwrap();
                b.pump();
            }
        },
        output: &[
            "FLOW@0 0 count=1 credit=20 available=1",
            "FLOW@0 0 count=2 credit=20",
            "FLOW@0 0 count=3 credit=20",
        ],
        events: &["RECEIVER_AVAILABLE", "DELIVERY", "DELIVERY", "DELIVERY"],
        fate: Fate::Alive,
    },
    // A receiver counts from where the sender's attach says.
    Case {
        id: "N16",
        start: || {
            let counted = Some(u32::MAX.into());
            let attach = p::Attach { initial_delivery_count: counted, ..attach("link", 0, Role::Sender) };
            Bench::linked_with(Setup { attach, ..Setup::default() })
        },
        steps: |b| {
            b.receiver().set_credit(4).unwrap();
            b.pump();
            b.feed_frame(0, &transfer(0, 0));
            b.receiver().set_credit(5).unwrap();
        },
        output: &["FLOW@0 0 count=4294967295 credit=4", "FLOW@0 0 count=0 credit=5"],
        events: &["DELIVERY"],
        fate: Fate::Alive,
    },
];
