//! One engine with a scripted peer: frames in, frames and events out.

use amqp_proto::{
    Connection, ConnectionConfig, Event, Instant, Progress, ReceiverConfig, ReceiverId, SenderConfig,
    SenderId, SessionConfig, SessionId, Tolerance,
    codec::Encode,
    spec::{definitions::Role, performatives as p},
};
use bytes::{Buf, Bytes, BytesMut};

use crate::{
    lines::next_line,
    peer::{AMQP, attach, begin, begin_answer, flow, frame, open, transfer, with_payload},
};

pub const FRAMING: &[&str] = &["CLOSE amqp:connection:framing-error"];

/// A linked bench's events when the connection breaks.
pub const ALL_BROKEN: &[&str] = &[
    "RECEIVER_ERROR",
    "SENDER_ERROR",
    "SESSION_ERROR",
    "RECEIVER_ERROR",
    "SESSION_ERROR",
    "CONNECTION_ERROR",
];

/// The same when it is closed in peace.
pub const ALL_CLOSED: &[&str] = &[
    "RECEIVER_CLOSED",
    "SENDER_CLOSED",
    "SESSION_CLOSED",
    "RECEIVER_CLOSED",
    "SESSION_CLOSED",
    "CONNECTION_CLOSED",
];

/// What becomes of the connection, which is looked at behind the case's own input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A link on another session goes on working; where there was none, one can be had.
    Alive,
    /// The session on channel 0 has been ended with an error; the rest works.
    SessionEnded,
    /// Closed with an error: what follows is discarded, and the peer's close is the end.
    Closing,
    /// There is nothing more to read or write.
    Closed,
}

/// One row: input from a starting point, and all that comes of it.
pub struct Case {
    pub id: &'static str,
    pub start: fn() -> Bench,
    pub steps: fn(&mut Bench),
    pub output: &'static [&'static str],
    pub events: &'static [&'static str],
    pub fate: Fate,
}

pub struct Bench {
    pub conn: Connection,
    pub now: u64,
    /// Input comes byte by byte.
    pub drip: bool,
    pub session: Option<SessionId>,
    pub receiver: Option<ReceiverId>,
    pub sender: Option<SenderId>,
    /// The end of a link on the session beside, and the channel we have for that session.
    bystander: Option<(ReceiverId, String)>,
    buffer: BytesMut,
    wire: BytesMut,
    pub output: Vec<String>,
    pub events: Vec<Event>,
}

/// How a linked bench comes about.
pub struct Setup {
    pub config: ConnectionConfig,
    /// The peer's begin, and our answer.
    pub begin: p::Begin,
    pub our_begin: SessionConfig,
    /// The peer's attach of the link to us, and our answer.
    pub attach: p::Attach,
    pub ours: ReceiverConfig,
}

/// What a peer has asked for last.
#[derive(Default)]
struct Asked {
    session: Option<SessionId>,
    receiver: Option<ReceiverId>,
    sender: Option<SenderId>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: ConnectionConfig::server("server"),
            begin: begin(),
            our_begin: SessionConfig::new(),
            attach: attach("link", 0, Role::Sender),
            ours: ReceiverConfig::new(),
        }
    }
}

impl Bench {
    fn new(conn: Connection) -> Self {
        Self {
            conn,
            now: 1,
            drip: false,
            session: None,
            receiver: None,
            sender: None,
            bystander: None,
            buffer: BytesMut::new(),
            wire: BytesMut::new(),
            output: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A server that nothing has been said to.
    pub fn bare(config: ConnectionConfig) -> Self {
        Self::new(Connection::new(config.tolerance(Tolerance::strict())))
    }

    /// A client that has said its part.
    pub fn client(config: ConnectionConfig) -> Self {
        let mut bench = Self::new(Connection::new(config.tolerance(Tolerance::strict())));
        bench.conn.open().unwrap();
        bench.forget();
        bench
    }

    /// A server, open.
    pub fn opened_with(config: ConnectionConfig) -> Self {
        let mut bench = Self::bare(config);
        bench.feed(AMQP);
        bench.feed(&frame(0, &open()));
        bench.forget();
        assert!(bench.conn.is_open());
        bench
    }

    pub fn opened() -> Self {
        Self::opened_with(server())
    }

    /// A server with links to and from it on channel 0, and one to it on channel 1.
    pub fn linked_with(setup: Setup) -> Self {
        let mut bench = Self::bare(setup.config);
        bench.feed(AMQP);
        bench.feed(&frame(0, &open()));
        bench.conn.open().unwrap();
        bench.feed(&frame(0, &setup.begin));
        bench.feed(&frame(0, &setup.attach));
        bench.feed(&frame(0, &attach("back", 1, Role::Receiver)));
        let asked = bench.accept_requests(&setup.our_begin, &setup.ours);
        (bench.session, bench.receiver, bench.sender) = (asked.session, asked.receiver, asked.sender);
        bench.add_bystander();
        bench.forget();
        bench
    }

    /// Says yes to all that the peer asks for, and gives each link to us credit for 10 messages.
    fn accept_requests(&mut self, begin: &SessionConfig, ours: &ReceiverConfig) -> Asked {
        let mut asked = Asked::default();
        while !self.events.is_empty() {
            for event in core::mem::take(&mut self.events) {
                match event {
                    Event::SessionRequested { session } => {
                        self.conn.accept_session(session, begin.clone()).unwrap();
                        asked.session = Some(session);
                    }
                    Event::ReceiverRequested { receiver, .. } => {
                        self.conn.accept_receiver(receiver, ours.clone()).unwrap();
                        self.conn.receiver(receiver).unwrap().set_credit(10).unwrap();
                        asked.receiver = Some(receiver);
                    }
                    Event::SenderRequested { sender, .. } => {
                        self.conn.accept_sender(sender, SenderConfig::new()).unwrap();
                        asked.sender = Some(sender);
                    }
                    _ => {}
                }
            }
            self.collect();
        }
        asked
    }

    /// A session on the peer's channel 1, and a link on it to us.
    fn add_bystander(&mut self) {
        self.feed_frame(1, &begin());
        self.feed_frame(1, &attach("bystander", 0, Role::Sender));
        let receiver = self.accept_requests(&SessionConfig::new(), &ReceiverConfig::new()).receiver.unwrap();
        self.pump();
        let channel = self.output.iter().find_map(|line| line.strip_prefix("BEGIN@")?.strip_suffix(" to 1"));
        self.bystander = Some((receiver, channel.unwrap().into()));
    }

    pub fn linked() -> Self {
        Self::linked_with(Setup::default())
    }

    /// A client with an open connection and a session.
    pub fn client_session() -> Self {
        let mut bench = Self::client(ConnectionConfig::client("client"));
        bench.feed(AMQP);
        bench.feed(&frame(0, &open()));
        bench.session = Some(bench.conn.begin(SessionConfig::new()).unwrap());
        bench.feed(&frame(0, &begin_answer(0)));
        bench.forget();
        bench
    }

    pub fn session(&mut self) -> amqp_proto::Session<'_> {
        self.conn.session(self.session.unwrap()).unwrap()
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        let pieces = if self.drip { 1 } else { bytes.len().max(1) };
        for piece in bytes.chunks(pieces) {
            self.buffer.extend_from_slice(piece);
            loop {
                match self.conn.handle_input(Instant::from_millis(self.now), &mut self.buffer) {
                    Progress::DrainEvents => self.collect(),
                    Progress::DrainOutput => self.pump(),
                    Progress::NeedInput | Progress::Closed => break,
                    other => panic!("an answer is owed: {other:?}"),
                }
            }
        }
        self.collect();
    }

    /// Lets time pass.
    pub fn pass(&mut self, millis: u64) {
        self.now += millis;
        self.conn.handle_timeout(Instant::from_millis(self.now));
        self.collect();
    }

    pub fn feed_frame(&mut self, channel: u16, performative: &impl Encode) {
        self.feed(&frame(channel, performative));
    }

    pub fn collect(&mut self) {
        self.events.extend(core::iter::from_fn(|| self.conn.poll_event()));
    }

    /// Takes what is to be sent.
    pub fn pump(&mut self) {
        let mut transmit = self.conn.poll_transmit(Instant::from_millis(self.now));
        while transmit.has_remaining() {
            let count = transmit.chunk().len();
            self.wire.extend_from_slice(transmit.chunk());
            transmit.advance(count);
        }
        while let Some(line) = next_line(&mut self.wire) {
            self.output.push(line);
        }
        self.collect();
    }

    pub fn forget(&mut self) {
        self.pump();
        self.output.clear();
        self.events.clear();
    }

    fn take(&mut self) -> (Vec<String>, Vec<&'static str>) {
        self.pump();
        let events = core::mem::take(&mut self.events);
        (core::mem::take(&mut self.output), events.iter().map(Event::name).collect())
    }

    pub fn receiver(&mut self) -> amqp_proto::Receiver<'_> {
        self.conn.receiver(self.receiver.unwrap()).unwrap()
    }

    pub fn sender(&mut self) -> amqp_proto::Sender<'_> {
        self.conn.sender(self.sender.unwrap()).unwrap()
    }

    /// The payloads of all deliveries that have come, each accepted.
    pub fn accept_all(&mut self) -> Vec<Bytes> {
        self.collect();
        let came: Vec<_> = self.events.iter().filter_map(delivery_of).collect();
        came.into_iter()
            .filter_map(|(receiver, delivery)| {
                self.conn.receiver(receiver).ok()?.accept(delivery.id).unwrap();
                Some(delivery.payload.into_bytes())
            })
            .collect()
    }

    /// A transfer on the other session arrives and is settled.
    fn check_bystander(&mut self) {
        if self.bystander.is_none() {
            self.add_bystander();
            self.forget();
        }
        self.feed(&with_payload(1, &transfer(0, 0), b"still here"));
        assert_eq!(self.accept_all(), [b"still here".as_slice()]);
        let (output, events) = self.take();
        let (_, channel) = self.bystander.as_ref().unwrap();
        assert_eq!(output, [format!("DISPOSITION@{channel} receiver 0 settled accepted")]);
        assert_eq!(events, ["DELIVERY"]);
    }

    fn check_fate(&mut self, fate: Fate) {
        let quiet = (Vec::<String>::new(), Vec::<&str>::new());
        match fate {
            Fate::Alive => self.check_bystander(),
            Fate::SessionEnded => {
                self.feed(&with_payload(0, &transfer(0, 77), b"late"));
                self.feed_frame(0, &p::Flow { echo: true, ..flow() });
                self.feed_frame(0, &p::End::default());
                assert_eq!(self.take(), quiet);
                self.check_bystander();
            }
            Fate::Closing => {
                self.feed_frame(3, &begin());
                self.feed_frame(1, &p::Flow { echo: true, ..flow() });
                self.feed_frame(0, &p::Close::default());
                self.conn.handle_eof(Instant::from_millis(self.now));
                assert_eq!(self.take(), quiet);
                assert!(self.conn.is_closed());
            }
            Fate::Closed => {
                assert!(self.conn.is_closed());
                self.feed(AMQP);
                self.feed_frame(0, &open());
                self.conn.handle_eof(Instant::from_millis(self.now));
                assert_eq!(self.take(), quiet);
            }
        }
    }
}

fn delivery_of(event: &Event) -> Option<(ReceiverId, amqp_proto::Delivery)> {
    match event {
        Event::Delivery { receiver, delivery } => Some((*receiver, delivery.clone())),
        _ => None,
    }
}

/// Runs each row whole and byte by byte, and tells all that fail.
pub fn run(cases: &[Case]) {
    let failed: Vec<&str> = cases
        .iter()
        .filter(|case| std::panic::catch_unwind(|| [false, true].map(|drip| run_one(case, drip))).is_err())
        .map(|case| case.id)
        .collect();
    assert!(failed.is_empty(), "rows that fail: {failed:?}");
}

fn run_one(case: &Case, drip: bool) {
    let mut bench = (case.start)();
    bench.drip = drip;
    (case.steps)(&mut bench);
    let (output, events) = bench.take();
    let how = if drip { "byte by byte" } else { "whole" };
    assert_eq!((&output[..], &events[..]), (&strings(case.output)[..], case.events), "{} {how}", case.id);
    bench.check_fate(case.fate);
}

fn strings(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).into()).collect()
}

pub fn server() -> ConnectionConfig {
    ConnectionConfig::server("server").auto_accept_sessions(true)
}
