//! Liveness as a property: two engines over a simulated network, whose applications act at random.
//!
//! Every call takes input, raises an event or makes output; or there is a deadline; or the application owes an answer
//! that has a name. When the wire is quiet and the applications have done their part, nothing waits.

#[path = "liveness/app.rs"]
mod app;
#[path = "faults/network.rs"]
mod network;
#[path = "liveness/random.rs"]
mod random;

use amqp_proto::{
    ConnectionConfig, CreditPolicy, Event, Limits, LinkId, Owed, Progress, ReceiverConfig, SenderConfig,
    SessionConfig, Timeouts,
};
use core::time::Duration;

use app::{App, Scale, Wait};
use network::Network;
use random::Random;

/// How the transport breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// An end's writes fail, and its peer may see the end of the stream.
    Writes { peer_notices: bool },
    /// An end reads the end of the stream.
    Reads,
    /// Nothing arrives any more, and nobody notices.
    Silence,
}

struct Run {
    network: Network,
    apps: [App; 2],
    random: Random,
    /// The end whose output goes nowhere.
    cut: Option<usize>,
    broken: Option<Break>,
}

fn config(config: ConnectionConfig, random: &mut Random, tiny: bool, breaks: bool) -> ConnectionConfig {
    let pick = |random: &mut Random, choices: &[usize]| random.pick(choices).unwrap();
    // A limit that both ends exceed at once with the links that they ask for is a wait until its deadline.
    let replies = if random.one_in(8) { pick(random, &[0, 300]) } else { 1 << 16 };
    let limits = Limits::default()
        .max_events(pick(random, &[1, 2, 5, 50]))
        .max_outbox_bytes(pick(random, &[1, 100, 1000, 50_000]))
        .max_reply_bytes(replies)
        // With the first, streamed deliveries that wait to be read take up the budget now and then. Three quarters of it have
        // room for all sessions and links: behind that, messages would wait until some are closed.
        .max_held_bytes(pick(random, &[32_000, 64 << 20]));
    let some = random.one_in(3).then_some(Duration::from_millis(4));
    let timeouts =
        if some.is_some() { Timeouts::default().drain(some).echo(some) } else { Timeouts::default() };
    let config = config
        .limits(limits)
        .timeouts(timeouts)
        .max_frame_size(if tiny || random.one_in(2) { 512 } else { 4096 })
        .auto_accept_sessions(random.one_in(2));
    if breaks { config.idle_timeout(Duration::from_secs(20)) } else { config }
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let capacity = random.pick(&[1, 2, 3, 7, 40, 100, 512, 4096, 1 << 16]).unwrap();
        let breaks = random.one_in(5);
        let tiny = capacity < 40;
        let scale = if tiny {
            Scale { links: 2, message: 60, queue: 2 }
        } else {
            Scale { links: 5, message: 6000, queue: 4 }
        };
        let client = config(ConnectionConfig::client("c"), &mut random, tiny, breaks);
        let server = config(ConnectionConfig::server("s"), &mut random, tiny, breaks);
        let network = Network::new(client, server, capacity);
        let mut apps = [(); 2].map(|()| App::new(scale, &mut random));
        apps[0].waits.insert(Wait::Open);
        let mut run = Self { network, apps, random, cut: None, broken: None };
        if !run.random.one_in(4) {
            for end in [0, 1] {
                let Self { network, apps, random, .. } = &mut run;
                apps[end].begin(&mut network.ends[end].connection, random);
            }
            run.settle();
        }
        run.script(breaks);
        run
    }

    /// Some steps of either end in any order, and the transport's breaking amid them.
    fn script(&mut self, breaks: bool) {
        let steps = self.random.up_to(300);
        let breaks_at = breaks.then(|| self.random.up_to(steps));
        for step in 0..steps {
            if breaks_at == Some(step) {
                self.break_transport();
            }
            let end = if self.random.one_in(2) { 0 } else { 1 };
            match self.random.up_to(12) {
                1..=3 => drop(self.events(end, 3)),
                4..=6 => self.command(end),
                7 => {
                    let Self { network, apps, random, .. } = self;
                    let _ = apps[end].answer(&mut network.ends[end].connection, random);
                }
                8 | 9 => {
                    let max = self.random.pick(&[1, 30, 5000]).unwrap();
                    let _ = self.write(end, max);
                }
                10 | 11 => {
                    let max = self.random.pick(&[1, 30, 5000]).unwrap();
                    let _ = self.read(end, max);
                }
                _ => {
                    let millis = u64::from(self.random.up_to(3));
                    self.network.pass(millis);
                }
            }
        }
    }

    fn events(&mut self, end: usize, max: usize) -> bool {
        let Self { network, apps, .. } = self;
        let connection = &mut network.ends[end].connection;
        let mut any = false;
        for _ in 0..max {
            let Some(event) = connection.poll_event() else { break };
            any = true;
            apps[end].note(connection, event);
        }
        any
    }

    fn command(&mut self, end: usize) {
        let Self { network, apps, random, .. } = self;
        if apps[end].ended.is_none() {
            apps[end].command(&mut network.ends[end].connection, random);
        }
    }

    fn write(&mut self, end: usize, max: usize) -> usize {
        let written = self.network.write(end, max);
        if self.cut == Some(end) || self.broken == Some(Break::Silence) {
            self.network.ends[1 - end].pipe.clear();
        }
        written
    }

    /// Reads, and fails unless the result says truly what comes next.
    fn read(&mut self, end: usize, max: usize) -> usize {
        let read = self.network.read(end, max);
        let now = self.network.instant();
        let node = &mut self.network.ends[end];
        let mut event = None;
        match node.progress {
            Progress::DrainEvents => {
                event = node.connection.poll_event();
                assert!(event.is_some(), "no event to drain");
            }
            Progress::DrainOutput => {
                assert!(
                    node.connection.poll_timeout().is_some(),
                    "output that nobody reads, and no deadline"
                );
                assert!(!node.connection.poll_transmit(now).is_empty(), "no output to drain");
            }
            Progress::Answer(owed) => {
                let app = &mut self.apps[end];
                if let Owed::Read(receiver) = owed {
                    assert!(
                        app.read_some(&mut node.connection, receiver),
                        "{receiver:?} has nothing to read"
                    );
                    return read + 1;
                }
                let is_owed = |request: &Event| match (owed, request) {
                    (Owed::Open, Event::ConnectionRequested) => true,
                    (Owed::Begin(id), Event::SessionRequested { session }) => *session == id,
                    _ => false,
                };
                assert!(app.requests.iter().any(is_owed), "{owed:?} is not owed");
            }
            _ => {}
        }
        let polled = usize::from(event.is_some());
        if let Some(event) = event {
            self.apps[end].note(&mut self.network.ends[end].connection, event);
        }
        read + polled
    }

    fn break_transport(&mut self) {
        let end = if self.random.one_in(2) { 0 } else { 1 };
        let how = match self.random.up_to(4) {
            1 => Break::Writes { peer_notices: true },
            2 => Break::Writes { peer_notices: false },
            3 => Break::Reads,
            _ => Break::Silence,
        };
        let now = self.network.instant();
        let connection = &mut self.network.ends[end].connection;
        match how {
            Break::Writes { .. } => connection.output_lost(now),
            Break::Reads => connection.handle_eof(now),
            Break::Silence => {}
        }
        if how != Break::Silence {
            self.cut = Some(end);
        }
        self.broken = Some(how);
    }

    /// Carries bytes, and has the applications do their part, until nothing moves.
    fn settle(&mut self) {
        loop {
            let mut moved = 0;
            for end in [0, 1] {
                moved += usize::from(self.events(end, usize::MAX));
                let Self { network, apps, random, .. } = self;
                if apps[end].ended.is_none() {
                    apps[end].settle_all(&mut network.ends[end].connection, random);
                }
                moved += self.write(end, usize::MAX) + self.read(end, usize::MAX);
            }
            if moved == 0 && ![0, 1].map(|end| self.events(end, usize::MAX)).contains(&true) {
                return;
            }
        }
    }

    /// True if an end takes no input until its peer reads.
    fn is_stopped(&self) -> bool {
        self.network.ends.iter().any(|end| end.progress == Progress::DrainOutput)
    }

    fn finish(mut self) {
        self.settle();
        if self.broken.is_some() || self.is_stopped() {
            return self.finish_broken();
        }
        for end in [0, 1] {
            self.check_quiet(end);
        }
        for end in [0, 1] {
            let _ = self.network.ends[end].connection.close(None);
        }
        self.settle();
        for end in [0, 1] {
            let app = &self.apps[end];
            assert!(matches!(app.ended, Some(Event::ConnectionClosed)), "{end}: {:?}", app.ended);
            assert!(self.network.ends[end].connection.is_closed(), "{end} is not closed");
        }
    }

    /// Nothing waits at this end, whose peer has done all that it was asked.
    fn check_quiet(&mut self, end: usize) {
        let app = &self.apps[end];
        app.check_end(false);
        let node = &mut self.network.ends[end];
        assert!(app.waits.is_empty(), "{end} waits for {:?}", app.waits);
        let left: Vec<_> = app.queues.iter().filter(|(_, left)| **left > 0).collect();
        assert!(left.is_empty(), "{end} has unsent messages: {left:?}");
        assert!(node.input.is_empty(), "{end} has {} bytes of input left", node.input.len());
        assert_eq!(node.connection.outbox_len(), 0, "{end} has output left");
        for sender in app.queues.keys() {
            if let Ok(link) = node.connection.sender_ref(*sender) {
                assert!(!link.is_sending(), "{end} has a message in progress");
                assert_eq!(link.unsettled_len(), 0, "{end} has unsettled deliveries");
            }
        }
    }

    /// The deadlines end what the transport does not carry any more.
    fn finish_broken(mut self) {
        for _ in 0..60 {
            if let (Some(cut), Some(Break::Writes { peer_notices: true } | Break::Reads)) =
                (self.cut, self.broken)
            {
                let now = self.network.instant();
                let peer = &mut self.network.ends[1 - cut];
                if peer.pipe.is_empty() {
                    peer.connection.handle_eof(now);
                }
            }
            self.settle();
            let next = self.network.ends.iter().filter_map(|end| end.connection.poll_timeout()).min();
            let Some(next) = next else { break };
            let wait = next.as_millis().saturating_sub(self.network.now);
            self.network.pass(wait);
        }
        for end in [0, 1] {
            let app = &self.apps[end];
            app.check_end(true);
            assert!(app.ended.is_some(), "{end} has not ended after {:?}", self.broken);
            assert!(app.waits.is_empty(), "{end} waits for {:?}", app.waits);
            assert!(self.network.ends[end].connection.is_closed(), "{end} is not closed");
        }
    }
}

/// A script that fails prints how things stand.
impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print();
        }
    }
}

impl Run {
    /// Prints how things stand, for a script that fails.
    fn print(&self) {
        println!("{} ms, broken by {:?}, pipes of {}", self.network.now, self.broken, self.network.capacity);
        for (node, app) in self.network.ends.iter().zip(&self.apps) {
            let due = node.connection.poll_timeout();
            let (input, pipe) = (node.input.len(), node.pipe.len());
            for link in node.connection.session_ids().flat_map(|id| node.connection.session_ref(id)) {
                println!("{link:?}");
                for id in link.links() {
                    match id {
                        LinkId::Sender(id) => println!("{:?}", node.connection.sender_ref(id)),
                        LinkId::Receiver(id) => println!("{:?}", node.connection.receiver_ref(id)),
                    }
                }
            }
            println!(
                "{:?}, {:?}, due {due:?}, {input} + {pipe} bytes, {app:?}",
                node.connection, node.progress
            );
        }
    }
}

/// The number of scripts; `LIVENESS_FIRST` is the first, to run one that failed again.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

#[test]
fn nothing_waits_when_the_wire_is_quiet() {
    let (first, count) = (number("LIVENESS_FIRST", 0), number("LIVENESS_SCRIPTS", 400));
    for seed in first..first + count {
        let run = std::panic::catch_unwind(|| Run::new(seed).finish());
        assert!(run.is_ok(), "script {seed} fails: LIVENESS_FIRST={seed} LIVENESS_SCRIPTS=1 runs it again");
        if count > 1000 && (seed + 1) % 10_000 == 0 {
            println!("{} scripts", seed + 1 - first);
        }
    }
}

/// Both ends always have another message, and no more room for it than the limits leave.
#[test]
fn two_ends_that_send_without_end_make_progress_at_every_pipe_size() {
    let sizes = (1..=70).chain([100, 511, 512, 513, 1000, 5000, 1 << 16]);
    for capacity in sizes {
        let limits = Limits::default().max_outbox_bytes(1000).max_events(2).max_reply_bytes(100);
        let with = |config: ConnectionConfig| config.limits(limits).max_frame_size(512);
        let (client, server) = (with(ConnectionConfig::client("c")), with(ConnectionConfig::server("s")));
        let mut network = Network::new(client, server, capacity);
        let client = &mut network.ends[0].connection;
        let id = client.begin(SessionConfig::new().incoming_window(2)).unwrap();
        let mut session = client.session(id).unwrap();
        let mut senders = [Some(session.attach_sender(SenderConfig::to("a")).unwrap()), None];
        session.attach_receiver(ReceiverConfig::from("b").credit(CreditPolicy::Auto(2))).unwrap();
        let mut received = [0; 2];
        while received.iter().any(|count| *count < 6) {
            let mut moved = 0;
            for end in [0, 1] {
                let connection = &mut network.ends[end].connection;
                while let Some(event) = connection.poll_event() {
                    moved += 1;
                    match event {
                        Event::SenderRequested { sender, .. } => {
                            connection.accept_sender(sender, SenderConfig::new()).unwrap();
                            senders[end] = Some(sender);
                        }
                        Event::ReceiverRequested { receiver, .. } => {
                            let config = ReceiverConfig::new().credit(CreditPolicy::Auto(2));
                            connection.accept_receiver(receiver, config).unwrap();
                        }
                        Event::Delivery { receiver, delivery } => {
                            received[end] += 1;
                            connection.receiver(receiver).unwrap().accept(delivery.id).unwrap();
                        }
                        _ => {}
                    }
                }
                if let Some(Ok(mut link)) = senders[end].map(|id| connection.sender(id)) {
                    while link.send(1_u32, vec![7; 700]).is_ok() {}
                }
                moved += network.write(end, usize::MAX) + network.read(end, usize::MAX);
            }
            assert!(moved > 0, "nothing moves after {received:?}, with pipes of {capacity} bytes");
        }
    }
}
