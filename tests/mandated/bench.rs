//! One engine with a scripted peer: frames in, frames and events out, both as lines of text.

use amqp_proto::{
    Attach, Begin, Config, Connection, Event, Instant, Progress, ReceiverId, SenderId, SessionId,
    codec::{Decode, Encode, Reader, to_vec},
    spec::{
        definitions::{Error, Role},
        delivery_state::DeliveryState,
        performatives::{self as p, Performative},
        sasl::SaslFrame,
        termini::{Source, Target, TargetArchetype},
    },
    types::{DeliveryTag, Handle, SequenceNo, TransferNumber},
};
use bytes::{Buf, Bytes, BytesMut};

pub const AMQP: &[u8] = b"AMQP\x00\x01\x00\x00";
pub const SASL: &[u8] = b"AMQP\x03\x01\x00\x00";

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
    /// Nothing more to be looked at.
    Any,
    /// A link on another session goes on working.
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
    /// Input comes octet by octet.
    pub drip: bool,
    pub session: Option<SessionId>,
    pub receiver: Option<ReceiverId>,
    pub sender: Option<SenderId>,
    bystander: Option<ReceiverId>,
    buffer: BytesMut,
    wire: BytesMut,
    pub output: Vec<String>,
    pub events: Vec<Event>,
}

/// How a linked bench comes about.
pub struct Setup {
    pub config: Config,
    /// The peer's begin, and our answer.
    pub begin: p::Begin,
    pub our_begin: Begin,
    /// The peer's attach of the link to us, and our answer.
    pub attach: p::Attach,
    pub ours: Attach,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            config: Config::server("server"),
            begin: begin(),
            our_begin: Begin::new(),
            attach: attach("link", 0, Role::Sender),
            ours: Attach::new(),
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
    pub fn bare(config: Config) -> Self {
        Self::new(Connection::new(config))
    }

    /// A client that has said its part.
    pub fn client(config: Config) -> Self {
        let mut bench = Self::new(Connection::new(config));
        bench.conn.open().unwrap();
        bench.forget();
        bench
    }

    /// A server, open.
    pub fn opened_with(config: Config) -> Self {
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
        bench.feed(&frame(1, &begin()));
        bench.feed(&frame(1, &attach("bystander", 0, Role::Sender)));
        while !bench.events.is_empty() {
            for event in core::mem::take(&mut bench.events) {
                bench.answer_request(event, &setup.our_begin, &setup.ours);
            }
            bench.collect();
        }
        bench.forget();
        bench
    }

    fn answer_request(&mut self, event: Event, begin: &Begin, ours: &Attach) {
        match event {
            Event::SessionRequested { session } => {
                let begin = if self.session.is_none() { begin.clone() } else { Begin::new() };
                self.session.get_or_insert(session);
                self.conn.accept_session(session, begin).unwrap();
            }
            Event::ReceiverRequested { receiver, session } => {
                let first = Some(session) == self.session;
                let ours = if first { ours.clone() } else { Attach::new() };
                self.conn.accept_receiver(receiver, ours).unwrap();
                self.conn.receiver(receiver).unwrap().set_credit(10).unwrap();
                let place = if first { &mut self.receiver } else { &mut self.bystander };
                *place = Some(receiver);
            }
            Event::SenderRequested { sender, .. } => {
                self.conn.accept_sender(sender, Attach::new()).unwrap();
                self.sender = Some(sender);
            }
            _ => {}
        }
    }

    pub fn linked() -> Self {
        Self::linked_with(Setup::default())
    }

    /// A client with an open connection and a session.
    pub fn client_session() -> Self {
        let mut bench = Self::client(Config::client("client"));
        bench.feed(AMQP);
        bench.feed(&frame(0, &open()));
        bench.session = Some(bench.conn.begin(Begin::new()).unwrap());
        bench.feed(&frame(0, &answer(0)));
        bench.forget();
        bench
    }

    pub fn session(&mut self) -> amqp_proto::Session<'_> {
        self.conn.session(self.session.unwrap()).unwrap()
    }

    pub fn feed(&mut self, octets: &[u8]) {
        let pieces = if self.drip { 1 } else { octets.len().max(1) };
        for piece in octets.chunks(pieces) {
            self.buffer.extend_from_slice(piece);
            loop {
                match self.conn.handle_input(Instant::from_millis(self.now), &mut self.buffer) {
                    Progress::DrainEvents => self.collect(),
                    Progress::DrainOutput => self.pump(),
                    Progress::NeedInput | Progress::Closed => break,
                }
            }
        }
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
        let mut transmit = self.conn.transmit(Instant::from_millis(self.now));
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
                let mut receiver = self.conn.receiver(receiver).ok()?;
                let taken = receiver.take(delivery).ok()?;
                receiver.accept(delivery).unwrap();
                Some(taken.payload.into_bytes())
            })
            .collect()
    }

    /// A transfer on the other session arrives and is settled.
    fn check_bystander(&mut self) {
        self.feed(&with_payload(1, &transfer(0, 0), b"still here"));
        assert_eq!(self.accept_all(), [b"still here".as_slice()]);
        let (output, events) = self.take();
        assert_eq!(output, ["DISPOSITION@1 receiver 0 settled accepted"]);
        assert_eq!(events, ["DELIVERY"]);
    }

    fn check_fate(&mut self, fate: Fate) {
        let quiet = (Vec::<String>::new(), Vec::<&str>::new());
        match fate {
            Fate::Any => {}
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

fn delivery_of(event: &Event) -> Option<(ReceiverId, amqp_proto::DeliveryId)> {
    match event {
        Event::Delivery { receiver, delivery } => Some((*receiver, *delivery)),
        _ => None,
    }
}

/// Runs each row whole and octet by octet, and tells all that fail.
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
    let how = if drip { "octet by octet" } else { "whole" };
    assert_eq!((&output[..], &events[..]), (&strings(case.output)[..], case.events), "{} {how}", case.id);
    bench.check_fate(case.fate);
}

fn strings(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).into()).collect()
}

pub fn server() -> Config {
    Config::server("server").auto_accept(true)
}

pub fn open() -> p::Open {
    p::Open { container_id: "peer".into(), ..p::Open::default() }
}

pub fn begin() -> p::Begin {
    p::Begin { incoming_window: 100, outgoing_window: 100, ..p::Begin::default() }
}

pub fn answer(remote: u16) -> p::Begin {
    p::Begin { remote_channel: Some(remote.into()), ..begin() }
}

pub fn attach(name: &str, handle: u32, role: Role) -> p::Attach {
    p::Attach {
        name: name.into(),
        handle: Handle::new(handle),
        role,
        source: Some(Box::new(Source::default())),
        target: Some(Box::new(TargetArchetype::Target(Target::default()))),
        initial_delivery_count: (role == Role::Sender).then(|| SequenceNo::new(0)),
        ..p::Attach::default()
    }
}

pub fn flow() -> p::Flow {
    p::Flow {
        next_incoming_id: Some(TransferNumber::new(0)),
        incoming_window: 100,
        outgoing_window: 100,
        ..p::Flow::default()
    }
}

pub fn link_flow(handle: u32, credit: u32) -> p::Flow {
    p::Flow {
        handle: Some(Handle::new(handle)),
        delivery_count: Some(SequenceNo::new(0)),
        link_credit: Some(credit),
        ..flow()
    }
}

/// The first transfer of a delivery; its number is its tag.
pub fn transfer(handle: u32, id: u32) -> p::Transfer {
    p::Transfer {
        handle: Handle::new(handle),
        delivery_id: Some(id.into()),
        delivery_tag: Some(DeliveryTag::from(id)),
        message_format: Some(Default::default()),
        ..p::Transfer::default()
    }
}

pub fn settled(handle: u32, id: u32) -> p::Transfer {
    p::Transfer { settled: Some(true), ..transfer(handle, id) }
}

pub fn more(handle: u32, id: u32) -> p::Transfer {
    p::Transfer { more: true, ..transfer(handle, id) }
}

pub fn continuation(handle: u32) -> p::Transfer {
    p::Transfer { handle: Handle::new(handle), ..p::Transfer::default() }
}

pub fn detach(handle: u32, closed: bool) -> p::Detach {
    p::Detach { handle: Handle::new(handle), closed, error: None }
}

pub fn outcome(first: u32, last: Option<u32>) -> p::Disposition {
    p::Disposition {
        role: Role::Receiver,
        first: first.into(),
        last: last.map(Into::into),
        settled: true,
        state: Some(DeliveryState::ACCEPTED),
        batchable: false,
    }
}

pub fn frame(channel: u16, performative: &impl Encode) -> Vec<u8> {
    with_payload(channel, performative, &[])
}

pub fn with_payload(channel: u16, performative: &impl Encode, payload: &[u8]) -> Vec<u8> {
    raw(0, channel, &[&to_vec(performative), payload].concat())
}

pub fn sasl_frame(performative: &impl Encode) -> Vec<u8> {
    raw(1, 0, &to_vec(performative))
}

pub fn raw(kind: u8, channel: u16, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes(), [2, kind].as_slice(), &channel.to_be_bytes(), body].concat()
}

/// Takes a header or a frame off the front, as a line.
fn next_line(wire: &mut BytesMut) -> Option<String> {
    if wire.len() < 8 {
        assert!(wire.is_empty(), "a cut frame");
        return None;
    }
    if wire.starts_with(b"AMQP") {
        let header = wire.split_to(8);
        return Some(format!("AMQP {} {}.{}.{}", header[4], header[5], header[6], header[7]));
    }
    let frame = wire.split_to(u32::from_be_bytes(wire[..4].try_into().unwrap()) as usize).freeze();
    assert_eq!(frame[4], 2, "our frames have no extended header");
    let channel = u16::from_be_bytes([frame[6], frame[7]]);
    let body = frame.slice(8..);
    if body.is_empty() {
        return Some("EMPTY".into());
    }
    let mut reader = Reader::new(&body, amqp_proto::DecodeLimits::DEFAULT);
    if frame[5] == 1 {
        return Some(match SaslFrame::decode(&mut reader).unwrap() {
            SaslFrame::SaslOutcome(outcome) => format!("SASL-OUTCOME {:?}", outcome.code),
            SaslFrame::SaslInit(init) => format!("SASL-INIT {}", init.mechanism),
            other => format!("{other:?}").split('(').next().unwrap().to_uppercase(),
        });
    }
    let performative = Performative::decode(&mut reader).unwrap();
    Some(line_of(channel, &performative, reader.take_rest().len()))
}

fn condition(error: Option<&Error>) -> String {
    error.map_or_else(String::new, |error| format!(" {}", error.condition.as_str()))
}

fn line_of(channel: u16, performative: &Performative, payload: usize) -> String {
    match performative {
        Performative::Open(open) if open.max_frame_size == u32::MAX => "OPEN without limit".into(),
        Performative::Open(_) => "OPEN".into(),
        Performative::Begin(begin) => {
            let answers = begin.remote_channel.map_or_else(String::new, |to| format!(" to {to}"));
            format!("BEGIN@{channel}{answers}")
        }
        Performative::Attach(attach) => format!("ATTACH@{channel} {} {}", attach.handle, attach.name),
        Performative::Flow(flow) => match flow.handle {
            None => format!(
                "FLOW@{channel} next={} window={}",
                flow.next_incoming_id.map_or_else(|| "-".into(), |next| next.to_string()),
                flow.incoming_window
            ),
            Some(handle) => format!(
                "FLOW@{channel} {handle} count={} credit={}{}",
                flow.delivery_count.map_or_else(|| "-".into(), |count| count.to_string()),
                flow.link_credit.unwrap_or(0),
                if flow.drain { " drain" } else { "" }
            ),
        },
        Performative::Transfer(transfer) => format!(
            "TRANSFER@{channel} {} {payload} octets{}{}",
            transfer.handle,
            if transfer.more { " more" } else { "" },
            if transfer.aborted { " aborted" } else { "" }
        ),
        Performative::Disposition(told) => format!(
            "DISPOSITION@{channel} {} {}{}{}{}",
            if told.role == Role::Receiver { "receiver" } else { "sender" },
            told.first,
            told.last.map_or_else(String::new, |last| format!("..{last}")),
            if told.settled { " settled" } else { "" },
            if told.state == Some(DeliveryState::ACCEPTED) { " accepted" } else { "" }
        ),
        Performative::Detach(detach) => format!(
            "DETACH@{channel} {}{}{}",
            detach.handle,
            if detach.closed { " closed" } else { "" },
            condition(detach.error.as_deref())
        ),
        Performative::End(end) => format!("END@{channel}{}", condition(end.error.as_deref())),
        Performative::Close(close) => format!("CLOSE{}", condition(close.error.as_deref())),
    }
}
