//! That a frame comes to the same by the short way, which takes the usual shapes, as by the general path: each script
//! is played to two connections, once with descriptors in the form that everybody writes and once in the long one,
//! which the short way leaves alone.
#![allow(dead_code, reason = "the peer's vocabulary is shared, and this is a part of those who speak it")]

#[path = "paths/links.rs"]
mod links;
#[path = "hostile/peer.rs"]
mod peer;

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, DecodeLimits, DeliveryId, Event, Instant, Limits, LinkId,
    Progress, ReceiverConfig, ReceiverId, SendOptions, SenderConfig, SenderId, SessionConfig, SessionId,
    codec::{Decode, Decoder},
    frame::{Payload, parse_header},
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, Role, SenderSettleMode},
        delivery_state::{DeliveryState, Received},
        performatives as p,
        terminus::{Source, Target},
    },
    types::{DeliveryTag, Fields, Handle, MessageFormat, Symbol, Value},
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use peer::*;
use proptest::{collection::vec, option::weighted, prelude::*};

/// What the peer sends, or what the application does between.
#[derive(Clone, Debug)]
enum Step {
    /// A transfer; its number is so far from the one that is due.
    Transfer { transfer: p::Transfer, off: u32, size: usize },
    /// A disposition; its first is so far from a number that means something.
    Disposition { disposition: p::Disposition, last: Option<u32> },
    /// Messages are taken, and as many of them accepted.
    Take { accept: usize },
    /// A message is sent.
    Send { settled: bool },
    /// Credit is given anew, or asked back.
    Credit { receiver: usize, credit: u32, drain: bool },
    /// The link is detached at our end.
    Detach { receiver: usize },
}

/// Mostly what is usual, so that a script gets far.
fn mostly<T: Clone + core::fmt::Debug + 'static>(
    usual: T,
    other: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    prop_oneof![80 => Just(usual), 1 => other].boxed()
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

fn transfer() -> impl Strategy<Value = Step> {
    let names = (
        mostly(Some(()), Just(None)),
        mostly(0_u32, prop_oneof![Just(1), Just(u32::MAX), any::<u32>()]),
        vec(any::<u8>(), 0..33),
        mostly(true, Just(false)),
        mostly(Some(MessageFormat::new(0)), weighted(0.5, Just(MessageFormat::new(7)))),
    );
    let rest = (
        prop_oneof![Just(None), Just(Some(true)), Just(Some(false))],
        mostly(true, Just(false)),
        proptest::bool::weighted(0.05),
        mostly(None, Just(Some(ReceiverSettleMode::Second))),
        mostly(None, state()),
        mostly(false, any::<bool>()),
        any::<bool>(),
    );
    let handle = prop_oneof![60 => Just(0_u32), 20 => Just(1), 1 => 2_u32..5];
    (handle, 0_usize..60, names, rest).prop_map(|(handle, size, (id, off, tag, tagged, format), rest)| {
        let (settled, keeps, more, rcv_settle_mode, state, aborted, batchable) = rest;
        // What comes over the link that is settled has to say so.
        let settled = if handle == 1 && keeps { Some(true) } else { settled };
        let transfer = p::Transfer {
            handle: Handle::new(handle),
            delivery_id: id.map(|()| 0.into()),
            delivery_tag: tagged.then(|| DeliveryTag::new(&tag).unwrap()),
            message_format: format,
            settled,
            more,
            rcv_settle_mode,
            state,
            aborted,
            batchable,
            ..p::Transfer::default()
        };
        Step::Transfer { transfer, off, size }
    })
}

fn disposition() -> impl Strategy<Value = Step> {
    let last = weighted(0.5, prop_oneof![8 => 0_u32..6, 1 => any::<u32>()]);
    let receiver = prop_oneof![3 => Just(true), 1 => Just(false)];
    (receiver, mostly(0, any::<u32>()), 0_u32..8, last, any::<bool>(), state(), any::<bool>()).prop_map(
        |(receiver, far, first, last, settled, state, batchable)| Step::Disposition {
            disposition: p::Disposition {
                role: if receiver { Role::Receiver } else { Role::Sender },
                first: far.wrapping_add(first).into(),
                last: None,
                settled,
                state,
                batchable,
            },
            last,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => transfer(),
        6 => disposition(),
        3 => (0_usize..6).prop_map(|accept| Step::Take { accept }),
        4 => any::<bool>().prop_map(|settled| Step::Send { settled }),
        1 => (0_usize..2, 0_u32..20, any::<bool>())
            .prop_map(|(receiver, credit, drain)| Step::Credit { receiver, credit, drain }),
        1 => (0_usize..2).prop_map(|receiver| Step::Detach { receiver }),
    ]
}

/// The frame with its performative's descriptor in the form of nine bytes.
fn long(frame: &[u8]) -> Vec<u8> {
    let [_, _, _, _, header @ .., 0, 0x53, code] = frame.first_chunk::<11>().unwrap() else {
        panic!("a descriptor in the short form: {frame:?}");
    };
    let size = u32::try_from(frame.len() + 7).unwrap().to_be_bytes();
    [&size[..], header, &[0, 0x80, 0, 0, 0, 0, 0, 0, 0, *code], &frame[11..]].concat()
}

/// A server with two links that it receives on and one that it sends on.
struct Player {
    conn: Connection,
    rewrite: bool,
    wire: BytesMut,
    receivers: Vec<ReceiverId>,
    senders: Vec<SenderId>,
    waiting: Vec<(ReceiverId, DeliveryId)>,
    number: u32,
    sent: u32,
    log: Vec<String>,
}

const NOW: Instant = Instant::from_millis(1);

impl Player {
    fn new(rewrite: bool) -> Self {
        let limits = Limits::default().max_unsettled(6).max_buffered_bytes_per_delivery(90);
        let config = ConnectionConfig::server("server").auto_accept_sessions(true).limits(limits);
        let mut player = Self {
            conn: Connection::new(config),
            rewrite,
            wire: BytesMut::new(),
            receivers: Vec::new(),
            senders: Vec::new(),
            waiting: Vec::new(),
            number: 0,
            sent: 0,
            log: Vec::new(),
        };
        player.feed(AMQP);
        player.feed(&frame(0, &open()));
        player.feed(&frame(0, &p::Begin { incoming_window: 12, ..begin() }));
        let settles =
            p::Attach { snd_settle_mode: SenderSettleMode::Settled, ..attach("settled", 1, Role::Sender) };
        player.feed(&frame(0, &attach("mixed", 0, Role::Sender)));
        player.feed(&frame(0, &settles));
        player.feed(&frame(0, &attach("ours", 2, Role::Receiver)));
        player.note();
        for (receiver, credit) in
            player.receivers.clone().into_iter().zip([CreditPolicy::Auto(16), CreditPolicy::Manual])
        {
            player.conn.accept_receiver(receiver, ReceiverConfig::new().credit(credit)).unwrap();
            player.conn.receiver(receiver).unwrap().add_credit(8).unwrap();
        }
        player.conn.accept_sender(player.senders[0], SenderConfig::new()).unwrap();
        player.feed(&frame(0, &link_flow(2, 10)));
        player.note();
        player
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.wire.extend_from_slice(bytes);
        let progress = self.conn.handle_input(NOW, &mut self.wire);
        self.log.push(format!("{progress:?}"));
    }

    fn say(&mut self, frame: &[u8]) {
        if self.rewrite { self.feed(&long(frame)) } else { self.feed(frame) }
    }

    fn play(&mut self, step: &Step) {
        match step {
            Step::Transfer { transfer, off, size } => {
                let mut transfer = transfer.clone();
                transfer.delivery_id = transfer.delivery_id.map(|_| self.number.wrapping_add(*off).into());
                if !transfer.more {
                    self.number += 1;
                }
                self.say(&with_payload(0, &transfer, &vec![7; *size]));
            }
            Step::Disposition { disposition, last } => {
                let first = disposition.first.get();
                let last = last.map(|last| first.wrapping_add(last).into());
                self.say(&frame(0, &p::Disposition { last, ..disposition.clone() }));
            }
            Step::Take { accept } => {
                for (at, (receiver, delivery)) in core::mem::take(&mut self.waiting).into_iter().enumerate() {
                    let Ok(mut receiver) = self.conn.receiver(receiver) else { continue };
                    if at <= *accept {
                        self.log.push(format!("{:?}", receiver.accept(delivery)));
                    }
                }
            }
            Step::Send { settled } => {
                let options = SendOptions::new().settled(*settled);
                let sent = self
                    .conn
                    .sender(self.senders[0])
                    .and_then(|mut sender| sender.send_with(self.sent, b"out".as_slice(), &options));
                self.sent += 1;
                self.log.push(format!("{sent:?}"));
            }
            Step::Credit { receiver, credit, drain } => {
                let done = self.conn.receiver(self.receivers[*receiver]).and_then(|mut receiver| {
                    receiver.set_credit(*credit)?;
                    if *drain { receiver.drain() } else { Ok(()) }
                });
                self.log.push(format!("{done:?}"));
            }
            Step::Detach { receiver } => {
                let done =
                    self.conn.receiver(self.receivers[*receiver]).and_then(|mut link| link.detach(None));
                self.log.push(format!("{done:?}"));
            }
        }
        self.note();
    }

    /// Puts down all that can be seen of the connection.
    fn note(&mut self) {
        while let Some(event) = self.conn.poll_event() {
            match event {
                Event::ReceiverRequested { receiver, .. } => self.receivers.push(receiver),
                Event::SenderRequested { sender, .. } => self.senders.push(sender),
                Event::Delivery { receiver, ref delivery } => self.waiting.push((receiver, delivery.id)),
                _ => {}
            }
            self.log.push(format!("{event:?}"));
        }
        let mut transmit = self.conn.poll_transmit(NOW);
        let bytes = transmit.copy_to_bytes(transmit.remaining());
        self.log.push(format!("{bytes:?}"));
        let links = self
            .receivers
            .iter()
            .map(|id| LinkId::from(*id))
            .chain(self.senders.iter().map(|id| LinkId::from(*id)));
        for link in links.collect::<Vec<_>>() {
            self.log.push(format!("{:?}", self.conn.unsettled(link)));
        }
        for receiver in self.receivers.clone() {
            let credit = self.conn.receiver(receiver).map(|link| (link.credit(), link.unsettled_len()));
            self.log.push(format!("{credit:?}"));
        }
    }
}

/// What a server writes of a message, over a window that opens again and again.
fn sent(max: u32, window: u32, tag: DeliveryTag, payload: Payload, options: &SendOptions) -> Bytes {
    let mut conn = Connection::new(ConnectionConfig::server("server").auto_accept_sessions(true));
    let said = [
        AMQP.to_vec(),
        frame(0, &p::Open { max_frame_size: max, ..open() }),
        frame(0, &p::Begin { incoming_window: window, ..begin() }),
        frame(0, &attach("link", 0, Role::Receiver)),
        frame(0, &link_flow(0, 9)),
    ];
    assert_eq!(conn.handle_input(NOW, &mut said.concat().as_slice()), Progress::NeedInput);
    let sender = core::iter::from_fn(|| conn.poll_event()).find_map(|event| match event {
        Event::SenderRequested { sender, .. } => Some(sender),
        _ => None,
    });
    let sender = sender.expect("a link is asked for");
    conn.accept_sender(sender, SenderConfig::new()).unwrap();
    let mut transmit = conn.poll_transmit(NOW);
    transmit.advance(transmit.remaining());
    let flow =
        |frames: u32| p::Flow { next_incoming_id: Some(frames.into()), incoming_window: window, ..flow() };
    let _ = conn.handle_input(NOW, &mut frame(0, &flow(0)).as_slice());
    conn.sender(sender).unwrap().send_with(tag, payload, options).unwrap();
    let (mut all, mut frames) = (BytesMut::new(), 0);
    loop {
        let mut transmit = conn.poll_transmit(NOW);
        let bytes = transmit.copy_to_bytes(transmit.remaining());
        if bytes.is_empty() {
            return all.freeze();
        }
        let went = u32::try_from(parts_of(bytes.clone(), max).0.len()).unwrap();
        assert!(went <= window, "beyond the window");
        frames += went;
        all.put(bytes);
        let _ = conn.handle_input(NOW, &mut frame(0, &flow(frames)).as_slice());
    }
}

/// Transfers with the sizes of their frames, and their payload together.
fn parts_of(mut bytes: Bytes, max: u32) -> (Vec<(usize, p::Transfer)>, Vec<u8>) {
    let (mut parts, mut payload) = (Vec::new(), Vec::new());
    while let Some(head) = parse_header(&bytes, max).unwrap() {
        let body = bytes.split_to(head.size).slice(head.body..);
        let mut reader = Decoder::new(&body, DecodeLimits::DEFAULT);
        parts.push((head.size, p::Transfer::decode(&mut reader).unwrap()));
        payload.extend_from_slice(&body[reader.offset()..]);
    }
    assert!(bytes.is_empty());
    (parts, payload)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn both_ways_come_to_the_same(steps in vec(step(), 1..60)) {
        let (mut short, mut general) = (Player::new(false), Player::new(true));
        for step in &steps {
            short.play(step);
            general.play(step);
            let differs = short.log.iter().zip(&general.log).find(|(short, general)| short != general);
            prop_assert_eq!(differs, None);
            prop_assert_eq!(short.log.len(), general.log.len());
            short.log.clear();
            general.log.clear();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    /// Nor does it matter how many frames are given at a time.
    #[test]
    fn frames_together_come_to_what_they_do_one_by_one(
        steps in vec(prop_oneof![9 => transfer(), 3 => disposition()], 1..60),
        turns in vec(links::turn(), 0..6),
    ) {
        let (mut together, mut single) = (Player::new(false), Player::new(false));
        let mut all = Vec::new();
        let mut number = 0_u32;
        let mut frames: Vec<_> = steps.iter().map(|step| match step {
            Step::Transfer { transfer, off, size } => {
                let mut transfer = transfer.clone();
                transfer.delivery_id = transfer.delivery_id.map(|_| number.wrapping_add(*off).into());
                number += u32::from(!transfer.more);
                with_payload(0, &transfer, &vec![7; *size])
            }
            Step::Disposition { disposition, last } => {
                let first = disposition.first.get();
                let last = last.map(|last| first.wrapping_add(last).into());
                frame(0, &p::Disposition { last, ..disposition.clone() })
            }
            _ => Vec::new(),
        }).collect();
        for (at, turn) in turns.iter().enumerate() {
            let said = match turn {
                links::Turn::Begin { channel, .. } => frame(*channel, &begin()),
                links::Turn::Attach { attach, .. } => frame(0, &**attach),
                links::Turn::Detach { handle, closed, .. } => frame(0, &detach(*handle, *closed)),
                _ => continue,
            };
            frames.insert((at * 7).min(frames.len()), said);
        }
        for said in &frames {
            all.extend_from_slice(said);
            single.feed(said);
        }
        together.feed(&all);
        // The application has to see its messages before their link goes.
        loop {
            let left = together.wire.len();
            prop_assert_eq!(left, single.wire.len());
            prop_assert_eq!(together.log.pop(), single.log.pop());
            together.log.clear();
            single.log.clear();
            together.note();
            single.note();
            prop_assert_eq!(&together.log, &single.log);
            together.feed(&[]);
            single.feed(&[]);
            if together.wire.len() == left {
                break;
            }
        }
    }

    /// A message is sent the same in its usual shape, which is written in place, and in another.
    #[test]
    fn a_message_is_cut_into_the_same_frames(
        (size, cut) in (0_usize..3000, 0_usize..3000),
        (tag, format) in (vec(any::<u8>(), 0..33), any::<u32>()),
        (settled, max, window) in (any::<bool>(), 512_u32..700, 1_u32..8),
    ) {
        let payload = Bytes::from((0..size).map(|at| at.to_le_bytes()[0]).collect::<Vec<_>>());
        let named = DeliveryTag::new(&tag).unwrap();
        let options = SendOptions::new().settled(settled).message_format(MessageFormat::new(format));
        let sent = |options: &SendOptions| {
            let mut chunks = Payload::from(payload.slice(..cut.min(size)));
            chunks.push(payload.slice(cut.min(size)..));
            let (parts, whole) = parts_of(sent(max, window, named, chunks, options), max);
            assert_eq!(whole, payload);
            parts
        };
        let (usual, other) = (sent(&options), sent(&options.clone().batchable(true)));
        let (last, parts) = usual.split_last().unwrap();
        let named = |(_, transfer): &(usize, p::Transfer)| {
            (transfer.delivery_id, transfer.delivery_tag, transfer.message_format)
        };
        prop_assert_eq!(named(&usual[0]), named(&other[0]));
        prop_assert_eq!(usual[0].1.delivery_tag.map(|tag| tag.as_bytes().to_vec()), Some(tag.clone()));
        for part in parts {
            prop_assert!(part.1.more && part.0 == usize::try_from(max).unwrap());
        }
        prop_assert!(!last.1.more && last.0 <= usize::try_from(max).unwrap());
        for (at, part) in usual.iter().enumerate() {
            prop_assert!(at == 0 || named(part) == (None, None, None));
            prop_assert_eq!(part.1.settled.unwrap_or_default(), settled);
        }
    }
}
