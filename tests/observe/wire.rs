//! A conversation by hand, frame by frame, and what the observer finds in it.

use amqp_proto::{
    Instant, Side,
    codec::to_vec,
    observe::{Finding, Observation, Observer, ObserverLimits, Rule, Seen, Stall, Thresholds, Violation},
    spec::{
        definitions::Role,
        performatives::{Attach, Begin, Close, Detach, Disposition, End, Flow, Open, Performative, Transfer},
        terminus::{Source, Target},
    },
    types::{Channel, DeliveryNumber, DeliveryTag, Handle, SequenceNo, TransferNumber},
};

pub const AMQP: [u8; 8] = *b"AMQP\0\x01\0\0";
pub const SASL: [u8; 8] = *b"AMQP\x03\x01\0\0";

/// A frame of type AMQP.
pub fn frame(channel: u16, performative: &Performative, payload: &[u8]) -> Vec<u8> {
    raw(0, channel, &[&to_vec(performative), payload].concat())
}

pub fn raw(kind: u8, channel: u16, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes()[..], &[2, kind], &channel.to_be_bytes(), body].concat()
}

pub struct Wire {
    pub observer: Observer,
    pub now: u64,
    pub seen: Vec<Observation>,
}

impl Wire {
    pub fn new() -> Self {
        Self::with(ObserverLimits::default(), Thresholds::default())
    }

    pub fn with(limits: ObserverLimits, thresholds: Thresholds) -> Self {
        Self { observer: Observer::with(limits, thresholds), now: 0, seen: Vec::new() }
    }

    pub fn bytes(&mut self, from: Side, bytes: &[u8]) {
        self.observer.observe(from, Instant::from_millis(self.now), bytes, |seen| self.seen.push(seen));
    }

    /// The client's frame, on channel 0.
    pub fn up(&mut self, performative: impl Into<Frame>) {
        self.bytes(Side::Client, &frame(0, &performative.into().0, &[]));
    }

    /// The server's frame, on channel 0.
    pub fn down(&mut self, performative: impl Into<Frame>) {
        self.bytes(Side::Server, &frame(0, &performative.into().0, &[]));
    }

    pub fn wait(&mut self, millis: u64) {
        self.now += millis;
        self.observer.advance(Instant::from_millis(self.now), |seen| self.seen.push(seen));
    }

    pub fn violations(&self) -> Vec<Violation> {
        let findings = self.seen.iter().filter_map(|seen| match &seen.seen {
            Seen::Finding(Finding::Violation(violation)) => Some(violation.clone()),
            _ => None,
        });
        findings.collect()
    }

    pub fn broken(&self) -> Vec<Rule> {
        self.violations().iter().map(|violation| violation.rule).collect()
    }

    pub fn stalls(&self) -> Vec<Stall> {
        let findings = self.seen.iter().filter_map(|seen| match &seen.seen {
            Seen::Finding(Finding::Stall(stall)) => Some(stall.clone()),
            _ => None,
        });
        findings.collect()
    }

    /// Both headers and both opens.
    pub fn opened() -> Self {
        let mut wire = Self::new();
        wire.open();
        wire
    }

    pub fn open(&mut self) {
        self.bytes(Side::Client, &AMQP);
        self.bytes(Side::Server, &AMQP);
        self.up(open());
        self.down(open());
    }

    pub fn begun() -> Self {
        let mut wire = Self::opened();
        wire.begin();
        wire
    }

    pub fn begin(&mut self) {
        self.up(begin(None));
        self.down(begin(Some(0)));
    }

    /// A link from the client, attached at both ends, with a credit of 3.
    pub fn attached() -> Self {
        let mut wire = Self::begun();
        wire.attach();
        wire
    }

    pub fn attach(&mut self) {
        self.up(attach(Role::Sender));
        self.down(attach(Role::Receiver));
        self.down(credit(0, 3));
    }
}

pub struct Frame(pub Performative);

macro_rules! frames {
    ($($plain:ident)*; $($boxed:ident)*) => {
        $(impl From<$plain> for Frame {
            fn from(value: $plain) -> Self { Self(Performative::$plain(value)) }
        })*
        $(impl From<$boxed> for Frame {
            fn from(value: $boxed) -> Self { Self(Performative::$boxed(Box::new(value))) }
        })*
    };
}
frames!(Flow Transfer Disposition Detach End Close; Open Begin Attach);

pub fn open() -> Open {
    Open { container_id: "c".into(), max_frame_size: 600, channel_max: Channel::new(7), ..Open::default() }
}

pub fn begin(answers: Option<u16>) -> Begin {
    Begin {
        remote_channel: answers.map(Channel::new),
        next_outgoing_id: TransferNumber::new(0),
        incoming_window: 5,
        outgoing_window: 5,
        handle_max: Handle::new(9),
        ..Begin::default()
    }
}

pub fn attach(role: Role) -> Attach {
    Attach {
        name: "orders".into(),
        handle: Handle::new(0),
        role,
        source: Some(Box::new(Source::at("from"))),
        target: Some(Target::at("to").into()),
        initial_delivery_count: (role == Role::Sender).then(SequenceNo::default),
        max_message_size: Some(20),
        ..Attach::default()
    }
}

/// A flow of an end that has received and sent no transfer.
pub fn flow() -> Flow {
    Flow {
        next_incoming_id: Some(TransferNumber::new(0)),
        incoming_window: 5,
        next_outgoing_id: TransferNumber::new(0),
        outgoing_window: 5,
        ..Flow::default()
    }
}

/// A receiver's flow.
pub fn credit(count: u32, credit: u32) -> Flow {
    Flow {
        handle: Some(Handle::new(0)),
        delivery_count: Some(SequenceNo::new(count)),
        link_credit: Some(credit),
        ..flow()
    }
}

/// A sender's flow, behind `sent` transfers.
pub fn available(sent: u32, available: u32) -> Flow {
    Flow {
        next_outgoing_id: TransferNumber::new(sent),
        delivery_count: Some(SequenceNo::new(sent)),
        link_credit: Some(0),
        available: Some(available),
        ..credit(sent, 0)
    }
}

/// A whole delivery, unsettled.
pub fn transfer(number: u32) -> Transfer {
    Transfer {
        handle: Handle::new(0),
        delivery_id: Some(DeliveryNumber::new(number)),
        delivery_tag: DeliveryTag::new(&number.to_be_bytes()).ok(),
        ..Transfer::default()
    }
}

pub fn disposition(first: u32, last: u32) -> Disposition {
    Disposition {
        role: Role::Receiver,
        first: DeliveryNumber::new(first),
        last: Some(DeliveryNumber::new(last)),
        settled: true,
        ..Disposition::default()
    }
}

pub fn detach() -> Detach {
    Detach { handle: Handle::new(0), closed: true, error: None }
}
