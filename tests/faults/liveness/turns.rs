//! Senders take turns at all that they share: none takes all the room there is again and again.

use std::collections::BTreeMap;

use amqp_proto::{
    CommandError, ConnectionConfig, CreditPolicy, Event, Instant, Limits, ReceiverConfig, SendOptions,
    SenderConfig, SenderId, SessionConfig,
};
use bytes::{Buf, BytesMut};

use crate::common::{Pair, names};

/// What senders share, and what they do.
struct World {
    limits: Limits,
    /// Frames of at most this many bytes.
    frame: u32,
    window: u32,
    credit: u32,
    /// Bytes that the transport takes at once.
    takes: usize,
    settled: bool,
    /// The number of each one's session, and the size of the messages that it sends without end.
    senders: &'static [(usize, usize)],
}

fn world() -> World {
    World {
        limits: Limits::default(),
        frame: 65_536,
        window: 2_048,
        credit: 20_000,
        takes: usize::MAX,
        settled: true,
        senders: &[],
    }
}

struct Running {
    pair: Pair,
    links: BTreeMap<SenderId, usize>,
    /// By link: messages whose send was `Ok`, and those that have arrived.
    sent: Vec<u32>,
    arrived: Vec<u32>,
    wire: BytesMut,
    tag: u64,
}

impl World {
    /// Runs for this many rounds. In each, all events are polled, and output is written and read once.
    fn run(&self, rounds: usize) -> Running {
        let server = ConnectionConfig::server("s").max_frame_size(self.frame);
        let client = ConnectionConfig::client("c").limits(self.limits);
        let mut pair = Pair::new(client, server).opened();
        let begin = |_| pair.client.begin(SessionConfig::new()).unwrap();
        let sessions: Vec<_> =
            (0..=self.senders.iter().map(|sender| sender.0).max().unwrap()).map(begin).collect();
        let attach = |(link, (session, _)): (usize, &(usize, usize))| {
            let config = SenderConfig::to("q").name(format!("{link}"));
            (pair.client.session(sessions[*session]).unwrap().attach_sender(config).unwrap(), link)
        };
        let links = self.senders.iter().enumerate().map(attach).collect();
        let (sent, arrived) = (vec![0; self.senders.len()], vec![0; self.senders.len()]);
        let mut running = Running { pair, links, sent, arrived, wire: BytesMut::new(), tag: 0 };
        for _ in 0..rounds {
            running.send(self);
            let mut output = running.pair.client.poll_transmit(Instant::from_millis(running.pair.now));
            let taken = self.takes.min(output.remaining());
            running.wire.extend_from_slice(&output.copy_to_bytes(taken));
            running.read(self);
            running.pair.down();
        }
        running
    }
}

impl Running {
    /// Sends at each `SENDER_READY` until that fails.
    fn send(&mut self, world: &World) {
        while let Some(event) = self.pair.client.poll_event() {
            let Event::SenderReady { sender } = event else { continue };
            let link = self.links[&sender];
            let failed = loop {
                self.tag += 1;
                let options = SendOptions::new().settled(world.settled);
                let message = vec![0; world.senders[link].1];
                match self.pair.client.sender(sender).unwrap().send_with(self.tag, message, &options) {
                    Ok(_) => self.sent[link] += 1,
                    Err(failed) => break failed,
                }
            };
            assert!(failed.is_temporary(), "{failed}");
        }
    }

    fn read(&mut self, world: &World) {
        let (now, server) = (Instant::from_millis(self.pair.now), &mut self.pair.server);
        loop {
            let _ = server.handle_input(now, &mut self.wire);
            let Some(first) = server.poll_event() else { break };
            for event in
                core::iter::once(first).chain(core::iter::from_fn(|| server.poll_event()).collect::<Vec<_>>())
            {
                match event {
                    Event::ConnectionRequested => server.open().unwrap(),
                    Event::SessionRequested { session } => {
                        let config = SessionConfig::new().incoming_window(world.window);
                        server.accept_session(session, config).unwrap();
                    }
                    Event::ReceiverRequested { receiver, .. } => {
                        let config = ReceiverConfig::new().credit(CreditPolicy::Auto(world.credit));
                        server.accept_receiver(receiver, config).unwrap();
                    }
                    Event::Delivery { receiver, delivery } => {
                        let mut link = server.receiver(receiver).unwrap();
                        let number: usize = link.name().parse().unwrap();
                        self.arrived[number] += 1;
                        if !delivery.settled {
                            link.accept(delivery.id).unwrap();
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Whatever the senders share, they get even parts of it.
#[test]
fn fa1i_equal_senders_get_equal_parts_of_what_they_share() {
    let outbox = |bytes| Limits::default().max_outbox_bytes(bytes);
    let three = &[(0, 1_000), (0, 1_000), (0, 1_000)];
    let worlds = [
        ("the window", World { window: 4, senders: three, ..world() }),
        ("a window of one frame", World { window: 1, senders: three, ..world() }),
        (
            "a window that is larger than the outbox",
            World { limits: outbox(3_000), senders: three, ..world() },
        ),
        (
            "the places of unsettled deliveries",
            World { limits: Limits::default().max_unsettled(10), settled: false, senders: three, ..world() },
        ),
        (
            "memory",
            World {
                limits: Limits::default().max_held_bytes(100_000).max_outbox_bytes(10_000_000),
                settled: false,
                senders: &[(0, 100), (0, 100)],
                ..world()
            },
        ),
        (
            "the outbox, of three sessions",
            World { limits: outbox(3_000), senders: &[(0, 1_000), (1, 1_000), (2, 1_000)], ..world() },
        ),
        (
            "a transport that takes little, of messages in progress",
            World {
                limits: outbox(200),
                frame: 512,
                window: 1,
                takes: 50,
                senders: &[(0, 3_000), (0, 3_000), (1, 3_000), (1, 3_000), (2, 3_000), (2, 3_000)],
                ..world()
            },
        ),
        (
            "all that the defaults allow",
            World { credit: 100, senders: &[(0, 30_000), (1, 30_000)], ..world() },
        ),
    ];
    for (shared, world) in worlds {
        let rounds = if world.takes == 50 { 6_000 } else { 200 };
        let running = world.run(rounds);
        let (least, most) = (running.arrived.iter().min().unwrap(), running.arrived.iter().max().unwrap());
        assert!(*least >= 10 && least * 5 >= most * 4, "{shared}: {:?}", running.arrived);
    }
}

/// A message that has begun is finished, however many small ones others send, and they are not stopped by large ones.
#[test]
fn fa1j_large_messages_and_small_ones_take_turns() {
    let outbox = |bytes| Limits::default().max_outbox_bytes(bytes);
    let worlds = [
        ("the window", World { frame: 512, senders: &[(0, 3_000_000), (0, 100)], ..world() }),
        ("a small window", World { window: 10, senders: &[(0, 1_000_000), (0, 100)], ..world() }),
        ("the outbox", World { senders: &[(0, 3_000_000), (1, 30_000)], takes: 1_000_000, ..world() }),
        ("the outbox, in one session", World { senders: &[(0, 200_000), (0, 30_000)], ..world() }),
        (
            "an outbox of one frame",
            World {
                limits: outbox(1),
                takes: 1_000,
                frame: 4_096,
                senders: &[(0, 20_000), (1, 1_000)],
                ..world()
            },
        ),
    ];
    for (shared, world) in worlds {
        let running = world.run(300);
        assert!(running.arrived[0] >= 5 && running.arrived[1] >= 30, "{shared}: {:?}", running.arrived);
    }
}

/// No session waits until the large message of another one is finished.
#[test]
fn fa1m_sessions_take_turns_with_their_messages_in_progress() {
    let limits = Limits::default().max_outbox_bytes(3_000);
    let senders = &[(0, 300_000), (1, 300_000), (2, 300_000)];
    let world = World { limits, frame: 512, senders, ..world() };
    // Two messages would have arrived if one were finished after the other.
    assert_eq!(world.run(210).arrived, [0, 0, 0]);
    assert_eq!(world.run(330).arrived, [1, 1, 1]);
}

/// Links whose messages have turns at the outbox leave them to new ones when they are aborted.
#[test]
fn fa1k_a_turn_of_messages_that_are_aborted_is_over() {
    let limits = Limits::default().max_outbox_bytes(1);
    let client = ConnectionConfig::client("c").limits(limits);
    let mut pair = Pair::new(client, ConnectionConfig::server("s").auto_accept_sessions(true)).opened();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let mut attach = |name: &str| {
        let config = SenderConfig::to("q").name(name);
        pair.client.session(session).unwrap().attach_sender(config).unwrap()
    };
    let now = Instant::from_millis(pair.now);
    let (large, small) = (attach("large"), attach("small"));
    for _ in 0..2 {
        pair.run();
        for event in pair.server_events() {
            let Event::ReceiverRequested { receiver, .. } = event else { continue };
            let config = ReceiverConfig::new().credit(CreditPolicy::Auto(100));
            pair.server.accept_receiver(receiver, config).unwrap();
        }
    }
    pair.client_events();
    let stream = pair.client.sender(large).unwrap().send_streaming(1_u32, &SendOptions::new()).unwrap();
    pair.up();
    pair.client.sender(large).unwrap().write(stream, vec![1; 300_000]).unwrap();
    pair.up();
    assert_eq!(pair.client.outbox_len(), 0);
    // It is the stream's turn.
    assert_eq!(pair.client.sender(small).unwrap().send(3_u32, vec![3]), Err(CommandError::OutboxFull));
    assert_eq!(names(&pair.client_events()), [""; 0]);
    pair.client.sender(large).unwrap().abort(stream).unwrap();
    let aborting = pair.client.outbox_len();
    pair.client.poll_transmit(now).advance(aborting);
    assert_eq!(names(&pair.client_events())[..1], ["SENDER_READY"]);
}

/// A link that does not wait for its `SENDER_READY` has one turn, as the others have.
#[test]
fn fa1n_a_link_that_tries_again_by_itself_has_no_more_turns() {
    let mut pair = Pair::new(ConnectionConfig::client("c"), ConnectionConfig::server("s")).opened();
    let session = pair.client.begin(SessionConfig::new()).unwrap();
    let [eager, patient] = ["eager", "patient"].map(|name| {
        let config = SenderConfig::to("q").name(name);
        pair.client.session(session).unwrap().attach_sender(config).unwrap()
    });
    let (mut sent, options) = ([0, 0], SendOptions::new().settled(true));
    for round in 0..60_u64 {
        pair.up();
        for event in pair.server_events() {
            match event {
                Event::ConnectionRequested => pair.server.open().unwrap(),
                Event::SessionRequested { session } => {
                    pair.server.accept_session(session, SessionConfig::new().incoming_window(1)).unwrap();
                }
                Event::ReceiverRequested { receiver, .. } => {
                    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(100));
                    pair.server.accept_receiver(receiver, config).unwrap();
                }
                _ => {}
            }
        }
        pair.down();
        if round > 10 {
            let mut link = pair.client.sender(eager).unwrap();
            sent[0] += u32::from(link.send_with(round, b"".as_slice(), &options).is_ok());
        }
        while let Some(event) = pair.client.poll_event() {
            if matches!(event, Event::SenderReady { sender } if sender == patient) {
                let mut link = pair.client.sender(patient).unwrap();
                while link.send_with(1_000 + round, b"".as_slice(), &options).is_ok() {
                    sent[1] += 1;
                }
            }
        }
    }
    assert!(sent.iter().all(|sent| *sent >= 20), "{sent:?}");
}

/// Links that wait come before links that were never refused, and whose messages are sent as soon as input brings room.
#[test]
fn fa1l_answers_that_wait_come_before_new_ones() {
    let outbox = |bytes| Limits::default().max_outbox_bytes(bytes);
    let unsettled = Limits::default().max_unsettled(5);
    for (shared, limits, window, sessions, settled) in [
        ("the window", Limits::default(), 2, 1, true),
        ("a window of one frame", Limits::default(), 1, 1, true),
        ("the outbox", outbox(1_500), 2_048, 1, true),
        ("the outbox, of ten sessions", outbox(1_500), 2_048, 10, true),
        ("the places of unsettled deliveries", unsettled, 2_048, 1, false),
    ] {
        let answered = answered(limits, window, sessions, settled);
        let (least, most) = (answered.iter().min().unwrap(), answered.iter().max().unwrap());
        assert!(*least >= 10 && least * 2 >= *most, "{shared}: {answered:?}");
    }
}

/// Ten links that each send a request, and the next one when that is answered. Returns the answers of each.
fn answered(limits: Limits, window: u32, sessions: usize, settled: bool) -> Vec<u32> {
    let server = ConnectionConfig::server("s").limits(limits).auto_accept_sessions(true);
    let mut pair = Pair::new(ConnectionConfig::client("c"), server).opened();
    let sessions: Vec<_> = (0..sessions)
        .map(|_| pair.client.begin(SessionConfig::new().incoming_window(window)).unwrap())
        .collect();
    let (mut requests, mut numbers) = (Vec::new(), BTreeMap::new());
    for link in 0..10 {
        let mut session = pair.client.session(sessions[link % sessions.len()]).unwrap();
        let config = ReceiverConfig::from(format!("{link}")).credit(CreditPolicy::Auto(10));
        numbers.insert(session.attach_receiver(config).unwrap(), link);
        requests.push(session.attach_sender(SenderConfig::to(format!("{link}"))).unwrap());
    }
    let (mut answers, mut waiting, mut answered) = (BTreeMap::new(), BTreeMap::new(), vec![0; 10]);
    let (options, mut tag) = (SendOptions::new().settled(settled), 0_u64);
    let mut send = |pair: &mut Pair, sender, waiting: &mut BTreeMap<SenderId, u32>| {
        tag += 1;
        match pair.server.sender(sender).unwrap().send_with(tag, vec![0; 1_000], &options) {
            Ok(_) => true,
            Err(refused) => {
                assert!(refused.is_temporary(), "{refused}");
                *waiting.entry(sender).or_default() += 1;
                false
            }
        }
    };
    let ask = |pair: &mut Pair, sender, round| {
        let options = SendOptions::new().settled(true);
        pair.client.sender(sender).unwrap().send_with(round, b"".as_slice(), &options).unwrap();
    };
    for round in 0..400_u64 {
        if round == 20 {
            for id in &requests {
                ask(&mut pair, *id, round);
            }
        }
        pair.up();
        while let Some(event) = pair.server.poll_event() {
            match event {
                Event::ReceiverRequested { receiver, .. } => {
                    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                    pair.server.accept_receiver(receiver, config).unwrap();
                }
                Event::SenderRequested { sender, .. } => {
                    let node = pair.server.sender(sender).unwrap().requested_address().unwrap().to_string();
                    answers.insert(node, sender);
                    pair.server.accept_sender(sender, SenderConfig::new()).unwrap();
                }
                Event::Delivery { receiver, delivery } => {
                    assert!(delivery.settled);
                    let link = pair.server.receiver(receiver).unwrap();
                    let node = link.requested_address().unwrap().to_string();
                    send(&mut pair, answers[&node], &mut waiting);
                }
                Event::SenderReady { sender } => {
                    while waiting.get(&sender).is_some_and(|left| *left > 0) {
                        *waiting.get_mut(&sender).unwrap() -= 1;
                        if !send(&mut pair, sender, &mut waiting) {
                            break;
                        }
                    }
                }
                _ => {}
            }
        }
        pair.down();
        for event in pair.client_events() {
            let Event::Delivery { receiver, delivery } = event else { continue };
            let mut link = pair.client.receiver(receiver).unwrap();
            let number = numbers[&receiver];
            if !delivery.settled {
                link.accept(delivery.id).unwrap();
            }
            answered[number] += 1;
            ask(&mut pair, requests[number], round);
        }
    }
    answered
}
