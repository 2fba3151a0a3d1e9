//! Behaviour depends on the frames that arrive, not on their encoding, their grouping or the time of an answer.
#![allow(dead_code, reason = "the files are shared with other tests, which need more of them")]

#[path = "properties/loose.rs"]
mod loose;

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, Event, Instant, Limits, LinkId, ReceiverConfig,
    SenderConfig, SessionConfig,
    codec::{Decode, DecodeLimits, Decoder, from_bytes, to_vec},
    frame::parse_header,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, Role, SenderSettleMode},
        delivery_state::{DeliveryState, Received},
        performatives as p,
    },
    testing::frames::{self, *},
    types::{Symbol, Value},
};
use bytes::{BufMut, Bytes, BytesMut};
use loose::Loose;
use proptest::{collection::vec, option::weighted, prelude::*};

const NOW: Instant = Instant::from_millis(1);

/// A frame of the peer: its performative in the smallest encoding, and its payload.
#[derive(Clone, Debug)]
struct Frame(Vec<u8>, Vec<u8>);

impl Frame {
    fn smallest(&self) -> Vec<u8> {
        raw(0, 0, &[&self.0[..], &self.1].concat())
    }

    /// Returns the frame with an encoding of descriptor, list and fields that `choices` pick.
    fn loose(&self, choices: &[u8]) -> Vec<u8> {
        let mut value = from_bytes(&Bytes::copy_from_slice(&self.0), DecodeLimits::DEFAULT).unwrap();
        if let Value::Described(described) = &mut value
            && choices[0].is_multiple_of(3)
        {
            let code = described.descriptor.as_u64().unwrap();
            let (.., symbol) = p::Performative::TYPES.iter().find(|(_, known, _)| *known == code).unwrap();
            described.descriptor = Symbol::try_from(*symbol).unwrap().into();
        }
        raw(0, 0, &[Loose::new(choices).encode(&value), self.1.clone()].concat())
    }
}

fn state() -> impl Strategy<Value = Option<DeliveryState>> {
    let received = DeliveryState::Received(Received { section_number: 0, section_offset: 1 });
    prop_oneof![
        6 => Just(Some(DeliveryState::ACCEPTED)),
        2 => Just(Some(DeliveryState::RELEASED)),
        1 => Just(Some(received)),
        1 => Just(None),
    ]
}

/// Transfers of whole deliveries and of parts, numbered in order by [`frames`]; the handles of our two receivers most
/// often.
fn any_transfer() -> impl Strategy<Value = (p::Transfer, usize)> {
    let rare = || proptest::bool::weighted(0.06);
    let handle = prop_oneof![30 => Just(0_u32), 10 => Just(1), 1 => 2_u32..5];
    let fields =
        (handle, any::<Option<bool>>(), proptest::bool::weighted(0.3), rare(), rare(), any::<bool>());
    (fields, state(), 0_usize..60).prop_map(
        |((link, settled, more, aborted, has_state, batchable), state, size)| {
            // The link on handle 1 is one of settled deliveries.
            let settled = if link == 1 { Some(true) } else { settled };
            let state = state.filter(|_| has_state);
            (p::Transfer { settled, more, aborted, batchable, state, ..frames::transfer(link, 0) }, size)
        },
    )
}

fn any_disposition() -> impl Strategy<Value = p::Disposition> {
    (any::<bool>(), 0_u32..6, weighted(0.5, 0_u32..6), any::<bool>(), state()).prop_map(
        |(receiver, first, last, settled, state)| p::Disposition {
            role: if receiver { Role::Receiver } else { Role::Sender },
            settled,
            state,
            ..accepted(first, last.map(|last| first + last))
        },
    )
}

fn any_attach() -> impl Strategy<Value = p::Attach> {
    let modes = (any::<bool>(), any::<bool>(), weighted(0.3, any::<u64>()));
    (0_u32..6, any::<bool>(), "[a-z]{0,3}", modes).prop_map(
        |(handle, sends, name, (settled, second, size))| {
            let role = if sends { Role::Sender } else { Role::Receiver };
            p::Attach {
                snd_settle_mode: if settled { SenderSettleMode::Settled } else { SenderSettleMode::Mixed },
                rcv_settle_mode: if second { ReceiverSettleMode::Second } else { ReceiverSettleMode::First },
                max_message_size: size,
                ..attach(&name, handle, role)
            }
        },
    )
}

/// A script of the peer. Deliveries have their numbers and tags in order.
fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let ends = (0_u32..5, any::<bool>(), any::<bool>()).prop_map(|(handle, closed, fails)| {
        let error = fails.then(|| Box::new(AmqpError::new(ErrorCondition::InternalError)));
        p::Performative::from(p::Detach { error, ..detach(handle, closed) })
    });
    let flows =
        (0_u32..5, 0_u32..20, any::<bool>(), any::<bool>()).prop_map(|(handle, credit, drain, echo)| {
            p::Performative::from(p::Flow { drain, echo, ..link_flow(handle, credit) })
        });
    let step = prop_oneof![
        12 => any_transfer().prop_map(|(transfer, size)| (p::Performative::from(transfer), size)),
        5 => any_disposition().prop_map(|disposition| (disposition.into(), 0)),
        3 => any_attach().prop_map(|attach| (attach.into(), 0)),
        3 => flows.prop_map(|flow| (flow, 0)),
        1 => ends.prop_map(|detach| (detach, 0)),
    ];
    vec(step, 1..30).prop_map(|steps| {
        let mut number = 0_u32;
        let mut in_progress = false;
        steps
            .into_iter()
            .map(|(mut performative, size)| {
                if let p::Performative::Transfer(transfer) = &mut performative {
                    let first = !core::mem::replace(&mut in_progress, transfer.more && !transfer.aborted);
                    (transfer.delivery_id, transfer.delivery_tag) =
                        (first.then(|| number.into()), first.then(|| number.into()));
                    number += u32::from(first);
                }
                Frame(to_vec(&performative), vec![7; size])
            })
            .collect()
    })
}

/// A server whose application answers requests, accepts deliveries and sends whenever it polls.
struct Server {
    connection: Connection,
    input: BytesMut,
    links: Vec<LinkId>,
    events: Vec<String>,
    output: BytesMut,
}

impl Server {
    fn new(config: ConnectionConfig) -> Self {
        let limits = Limits::default().max_unsettled(6).max_buffered_bytes_per_delivery(90);
        Self {
            connection: Connection::new(config.limits(limits)),
            input: BytesMut::new(),
            links: Vec::new(),
            events: Vec::new(),
            output: BytesMut::new(),
        }
    }

    /// Returns a server with a session, two receivers with credit on handles 0 and 1, and a sender on handle 2.
    fn linked() -> Self {
        let mut server = Self::new(ConnectionConfig::server("server").auto_accept_sessions(true));
        let settles =
            p::Attach { snd_settle_mode: SenderSettleMode::Settled, ..attach("settled", 1, Role::Sender) };
        server.feed(AMQP);
        server.feed(&frame(0, &open()));
        server.feed(&frame(0, &p::Begin { incoming_window: 12, ..begin() }));
        server.feed(&frame(0, &attach("mixed", 0, Role::Sender)));
        server.feed(&frame(0, &settles));
        server.feed(&frame(0, &attach("ours", 2, Role::Receiver)));
        server.feed(&frame(0, &link_flow(2, 10)));
        server.poll();
        server
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        let _ = self.connection.handle_input(NOW, &mut self.input);
    }

    /// Polls events and output until there are none, with the input that stops meanwhile.
    fn poll(&mut self) {
        loop {
            let before = (self.input.len(), self.output.len(), self.events.len());
            while let Some(event) = self.connection.poll_event() {
                let result = self.answer(&event);
                self.events.push(format!("{event:?} {result:?}"));
            }
            self.output.put(self.connection.poll_transmit(NOW));
            self.feed(&[]);
            if before == (self.input.len(), self.output.len(), self.events.len()) {
                return;
            }
        }
    }

    fn answer(&mut self, event: &Event) -> Result<(), CommandError> {
        let connection = &mut self.connection;
        match *event {
            Event::ConnectionRequested => connection.open(),
            Event::SessionRequested { session } => connection.accept_session(session, SessionConfig::new()),
            Event::SenderRequested { sender, .. } => {
                self.links.push(sender.into());
                connection.accept_sender(sender, SenderConfig::new())
            }
            Event::ReceiverRequested { receiver, .. } => {
                self.links.push(receiver.into());
                connection.accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(16)))
            }
            Event::SenderReady { sender } => connection.sender(sender).map(|mut sender| {
                (0_u32..3).for_each(|tag| assert!(sender.send(tag, b"out".as_slice()).is_ok() || tag > 0));
            }),
            // The others stay unsettled, for the peer's dispositions.
            Event::Delivery { receiver, ref delivery } if delivery.payload.len() % 3 > 0 => {
                connection.receiver(receiver).and_then(|mut receiver| receiver.accept(delivery.id))
            }
            _ => Ok(()),
        }
    }

    /// Returns everything that can be seen of the connection: events, output frames, unsettled deliveries, input left.
    fn seen(&mut self) -> (Vec<String>, Vec<String>, Vec<String>, usize) {
        self.poll();
        let unsettled = self.links.iter().map(|link| format!("{:?}", self.connection.unsettled(*link)));
        (self.events.clone(), written(&self.output), unsettled.collect(), self.input.len())
    }
}

/// Returns the frames behind the protocol header. They are compared decoded, because the answer to an attach repeats the
/// termini in the peer's own encoding.
fn written(output: &[u8]) -> Vec<String> {
    let mut rest = Bytes::copy_from_slice(output.strip_prefix(AMQP).unwrap());
    let mut frames = Vec::new();
    while let Some(header) = parse_header(&rest, u32::MAX).unwrap() {
        let body = rest.split_to(header.size).slice(header.body..);
        let mut decoder = Decoder::new(&body, DecodeLimits::DEFAULT);
        let performative = p::Performative::decode(&mut decoder).unwrap();
        frames.push(format!("{} {performative:?} {:?}", header.channel, decoder.take_rest()));
    }
    assert!(rest.is_empty());
    frames
}

/// Returns a configuration without a file of failures.
fn cases() -> ProptestConfig {
    ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn frames_in_any_legal_encoding_cause_the_events_and_output_of_the_smallest(
        frames in frames(),
        choices in vec(any::<u8>(), 30..90),
    ) {
        let (mut smallest, mut loose) = (Server::linked(), Server::linked());
        for (frame, choices) in frames.iter().zip((0..30).map(|at| &choices[at..])) {
            smallest.feed(&frame.smallest());
            loose.feed(&frame.loose(choices));
            prop_assert_eq!(smallest.seen(), loose.seen());
        }
    }

    #[test]
    fn frames_fed_together_cause_the_events_and_output_of_frames_fed_one_by_one(frames in frames()) {
        let (mut together, mut single) = (Server::linked(), Server::linked());
        let frames: Vec<_> = frames.iter().map(Frame::smallest).collect();
        frames.iter().for_each(|frame| single.feed(frame));
        together.feed(&frames.concat());
        prop_assert_eq!(together.seen(), single.seen());
    }

    /// Frames that wait for an answer go through the router again.
    #[test]
    fn frames_before_the_answer_to_open_or_begin_cause_the_events_and_output_of_frames_after_it(
        frames in frames(),
        opens_first in any::<bool>(),
    ) {
        let server = || Server::new(ConnectionConfig::server("server"));
        let (mut before, mut after) = (server(), server());
        let (open, begin) = ([AMQP, &frame(0, &open())].concat(), frame(0, &begin()));
        let links = [("mixed", 0, Role::Sender), ("ours", 2, Role::Receiver)];
        let attaches = links.map(|(name, handle, role)| frame(0, &attach(name, handle, role))).concat();
        let frames = frames.iter().map(Frame::smallest).collect::<Vec<_>>().concat();
        before.feed(&open);
        if opens_first {
            before.poll();
        }
        before.feed(&[&begin[..], &attaches, &frames].concat());
        after.feed(&open);
        after.poll();
        after.feed(&begin);
        after.poll();
        after.feed(&[attaches, frames].concat());
        prop_assert_eq!(before.seen(), after.seen());
    }
}
