//! A scripted peer: it writes frames as it likes and reads what comes back.

use amqp_proto::{
    Attach, Config, Connection, DecodeLimits, Event, Instant,
    codec::{self, Encode},
    frame::{HEADER_SIZE, ProtocolHeader, split},
    spec::{
        definitions::Role,
        performatives::{self as p, Performative},
        termini::{Source, Target},
    },
    types::{Handle, SequenceNo, TransferNumber},
};
use bytes::{Buf, Bytes, BytesMut};

/// How far the connection has come before the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Nothing has been said.
    Start,
    /// The headers have.
    Header,
    /// Both are open.
    Opened,
    /// Session 0 is there, and on session 1 a bystander.
    Mapped,
    /// On session 0 the peer sends on handle 0, with credit for 3 messages.
    Receiving,
    /// On session 0 the peer receives on handle 0.
    Sending,
}

#[derive(Clone)]
pub struct Case {
    pub id: &'static str,
    pub from: From,
    pub input: Vec<u8>,
    pub output: Vec<&'static str>,
    pub events: Vec<&'static str>,
}

pub fn case(
    id: &'static str,
    from: From,
    input: impl Into<Vec<u8>>,
    output: &[&'static str],
    events: &[&'static str],
) -> Case {
    Case { id, from, input: input.into(), output: output.to_vec(), events: events.to_vec() }
}

/// A frame with a body and a payload behind it.
pub fn frame(channel: u16, body: &impl Encode, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![0, 0, 0, 0, 2, 0];
    octets.extend(channel.to_be_bytes());
    octets.extend(codec::to_vec(body));
    octets.extend(payload);
    let size = u32::try_from(octets.len()).unwrap().to_be_bytes();
    octets[..4].copy_from_slice(&size);
    octets
}

pub fn open() -> p::Open {
    p::Open { container_id: "peer".into(), ..p::Open::default() }
}

pub fn begin() -> p::Begin {
    p::Begin { incoming_window: 100, outgoing_window: 100, ..p::Begin::default() }
}

pub fn attach(name: &str, handle: u32, role: Role) -> p::Attach {
    p::Attach {
        name: name.into(),
        handle: Handle::new(handle),
        role,
        source: Some(Box::new(Source::at("a"))),
        target: Some(Target::at("b").into()),
        initial_delivery_count: Some(SequenceNo::new(0)),
        ..p::Attach::default()
    }
}

pub fn transfer(handle: u32, id: u32) -> p::Transfer {
    p::Transfer {
        handle: Handle::new(handle),
        delivery_id: Some(id.into()),
        delivery_tag: Some(id.into()),
        message_format: Some(0.into()),
        ..p::Transfer::default()
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

pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The engine attacked, and what has come of it.
struct Victim {
    engine: Connection,
    events: Vec<Event>,
    output: Vec<String>,
    wire: BytesMut,
}

impl Victim {
    fn new() -> Self {
        let config = Config::server("victim").max_frame_size(4096).channel_max(10).auto_accept(true);
        Self { engine: Connection::new(config), events: vec![], output: vec![], wire: BytesMut::new() }
    }

    /// Gives it octets in pieces and lets it answer; links are accepted with credit for 3 messages.
    fn feed(&mut self, octets: &[u8], piece: usize) {
        for octets in octets.chunks(piece) {
            self.wire.extend_from_slice(octets);
            let _ = self.engine.handle_input(Instant::default(), &mut self.wire);
            while let Some(event) = self.engine.poll_event() {
                match event {
                    Event::ReceiverRequested { receiver, .. } => {
                        // It may be gone already: a peer can say a lot at a time.
                        let accepted = self.engine.accept_receiver(receiver, Attach::new());
                        if accepted.is_ok() {
                            self.engine.receiver(receiver).unwrap().set_credit(3).unwrap();
                        }
                    }
                    Event::SenderRequested { sender, .. } => {
                        let _ = self.engine.accept_sender(sender, Attach::new());
                    }
                    Event::Delivery { receiver, delivery } => {
                        if let Ok(mut link) = self.engine.receiver(receiver) {
                            link.take(delivery).unwrap();
                            link.accept(delivery).unwrap();
                        }
                    }
                    Event::SenderDrain { sender } => self.engine.sender(sender).unwrap().drained().unwrap(),
                    _ => {}
                }
                self.events.push(event);
            }
        }
        let mut octets = BytesMut::new();
        let mut transmit = self.engine.transmit(Instant::default());
        while transmit.has_remaining() {
            octets.extend_from_slice(transmit.chunk());
            let count = transmit.chunk().len();
            transmit.advance(count);
        }
        self.read(octets.freeze());
    }

    /// Notes what it wrote, each frame in words.
    fn read(&mut self, mut octets: Bytes) {
        while !octets.is_empty() {
            if octets.starts_with(b"AMQP") {
                let header = ProtocolHeader::from_bytes(*octets.first_chunk().unwrap()).unwrap();
                self.output.push(header.to_string());
                octets.advance(HEADER_SIZE);
                continue;
            }
            let head = split(&octets, u32::MAX).unwrap().expect("only whole frames are written");
            let body = octets.split_to(head.size).slice(head.body..);
            if body.is_empty() {
                self.output.push("EMPTY".into());
                continue;
            }
            let mut reader = codec::Reader::new(&body, DecodeLimits::DEFAULT);
            let performative = <Performative as codec::Decode>::decode(&mut reader).unwrap();
            self.output.push(words(head.channel, &performative));
        }
    }
}

fn words(channel: u16, performative: &Performative) -> String {
    let condition = |error: &Option<Box<amqp_proto::spec::definitions::Error>>| {
        error.as_ref().map_or(String::new(), |error| format!(" {}", error.condition))
    };
    match performative {
        Performative::Close(close) => format!("CLOSE{}", condition(&close.error)),
        Performative::End(end) => format!("END@{channel}{}", condition(&end.error)),
        Performative::Detach(detach) => {
            let closed = if detach.closed { " closed" } else { "" };
            format!("DETACH@{channel}#{}{closed}{}", detach.handle, condition(&detach.error))
        }
        Performative::Attach(attach) => format!("ATTACH@{channel}#{}", attach.handle),
        Performative::Begin(begin) => {
            format!("BEGIN@{channel}>{}", begin.remote_channel.map_or(0, |c| c.get()))
        }
        Performative::Disposition(disposition) => {
            let last = disposition.last.unwrap_or(disposition.first);
            format!("DISPOSITION@{channel} {}..{last}", disposition.first)
        }
        Performative::Flow(flow) => match (flow.handle, flow.link_credit) {
            (Some(handle), Some(credit)) => format!("FLOW@{channel}#{handle} {credit}"),
            _ => format!("FLOW@{channel}"),
        },
        Performative::Transfer(transfer) => format!("TRANSFER@{channel}#{}", transfer.handle),
        Performative::Open(_) => "OPEN".into(),
    }
}

fn prelude(from: From) -> Vec<u8> {
    let mut octets = Vec::new();
    if from != From::Start {
        octets.extend(ProtocolHeader::AMQP.to_bytes());
    }
    if !matches!(from, From::Start | From::Header) {
        octets.extend(frame(0, &open(), &[]));
    }
    if matches!(from, From::Mapped | From::Receiving | From::Sending) {
        octets.extend(frame(0, &begin(), &[]));
        octets.extend(frame(1, &begin(), &[]));
        octets.extend(frame(1, &attach("bystander", 0, Role::Sender), &[]));
    }
    match from {
        From::Receiving => octets.extend(frame(0, &attach("link", 0, Role::Sender), &[])),
        From::Sending => octets.extend(frame(0, &attach("link", 0, Role::Receiver), &[])),
        _ => {}
    }
    octets
}

impl Case {
    pub fn check(&self) -> Result<(), String> {
        for piece in [usize::MAX, 1] {
            let mut victim = Victim::new();
            victim.feed(&prelude(self.from), usize::MAX);
            victim.events.clear();
            victim.output.clear();
            victim.feed(&self.input, piece);
            let events: Vec<_> = victim.events.iter().map(Event::name).collect();
            let chunks = if piece == 1 { "octet by octet" } else { "whole" };
            if victim.output != self.output {
                return Err(format!(
                    "{} ({chunks}): output {:?}, due {:?}",
                    self.id, victim.output, self.output
                ));
            }
            if events != self.events {
                return Err(format!("{} ({chunks}): events {events:?}, due {:?}", self.id, self.events));
            }
            self.check_bystander(&mut victim)?;
        }
        Ok(())
    }

    /// The session beside the one attacked takes a message and settles it.
    fn check_bystander(&self, victim: &mut Victim) -> Result<(), String> {
        if !matches!(self.from, From::Mapped | From::Receiving | From::Sending) || !victim.engine.is_open() {
            return Ok(());
        }
        victim.output.clear();
        victim.feed(&frame(1, &transfer(0, 0), b"x"), usize::MAX);
        if victim.output == ["DISPOSITION@1 0..0"] {
            Ok(())
        } else {
            Err(format!("{}: the bystander is harmed: {:?}", self.id, victim.output))
        }
    }
}

/// The largest frame that the engine attacked accepts, in octets.
pub const MAX_FRAME: usize = 4096;
