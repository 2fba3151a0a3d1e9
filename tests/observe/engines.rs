//! Two engines under random scripts break no rule, and a fault planted among their frames is found.

#[path = "../liveness/random.rs"]
mod random;

use std::collections::BTreeSet;

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, Instant, ReceiverConfig, SendOptions, SenderConfig,
    SessionConfig, Side,
    codec::{Decode as _, DecodeLimits, Decoder, to_vec},
    frame::{FrameKind, ProtocolHeader, parse_header},
    observe::{Finding, Observer, Rule, Seen},
    sasl::Mechanism,
    spec::{definitions::Role, performatives::Performative},
    types::{Channel, DeliveryNumber, Handle, SequenceNo, TransferNumber},
};
use bytes::{Buf as _, Bytes, BytesMut};
use random::Random;

/// The bytes of a conversation in the order in which they were written.
type Recording = Vec<(Side, Instant, Vec<u8>)>;

struct End {
    connection: Connection,
    /// Written by the other end, and not read.
    wire: BytesMut,
    input: BytesMut,
    sessions: Vec<amqp_proto::SessionId>,
    senders: Vec<amqp_proto::SenderId>,
    receivers: Vec<amqp_proto::ReceiverId>,
    unsettled: Vec<(amqp_proto::ReceiverId, amqp_proto::DeliveryId)>,
    tag: u32,
}

impl End {
    fn new(config: ConnectionConfig) -> Self {
        Self {
            connection: Connection::new(config),
            wire: BytesMut::new(),
            input: BytesMut::new(),
            sessions: Vec::new(),
            senders: Vec::new(),
            receivers: Vec::new(),
            unsettled: Vec::new(),
            tag: 0,
        }
    }

    fn receiver_config(random: &mut Random) -> ReceiverConfig {
        let credit =
            if random.one_in(3) { CreditPolicy::Manual } else { CreditPolicy::Auto(random.up_to(20)) };
        ReceiverConfig::new().credit(credit)
    }

    fn events(&mut self, random: &mut Random) {
        while let Some(event) = self.connection.poll_event() {
            // An error of a command means that nothing has happened.
            match event {
                Event::ReceiverRequested { receiver, .. } => {
                    let _ = self.connection.accept_receiver(receiver, Self::receiver_config(random));
                    self.receivers.push(receiver);
                }
                Event::SenderRequested { sender, .. } => {
                    let _ = self.connection.accept_sender(sender, SenderConfig::new());
                    self.senders.push(sender);
                }
                Event::SessionOpen { session } if !self.sessions.contains(&session) => {
                    self.sessions.push(session)
                }
                Event::Delivery { receiver, delivery } if !delivery.settled => {
                    self.unsettled.push((receiver, delivery.id));
                }
                Event::SenderDrain { sender } => {
                    if let Ok(mut sender) = self.connection.sender(sender) {
                        let _ = sender.drained();
                    }
                }
                _ => {}
            }
        }
    }

    fn act(&mut self, random: &mut Random, may_end: bool) {
        match random.up_to(if may_end { 17 } else { 14 }) {
            1 => self
                .sessions
                .extend(self.connection.begin(SessionConfig::new().incoming_window(random.up_to(30)))),
            choice @ (2 | 3 | 14 | 17) => self.act_on_session(choice, random),
            choice @ (4..=8 | 13 | 15) => self.act_on_sender(choice, random),
            9 | 10 => {
                while let Some((receiver, delivery)) = self.unsettled.pop() {
                    let Ok(mut receiver) = self.connection.receiver(receiver) else { continue };
                    let released = random.one_in(4);
                    let _ = if released { receiver.release(delivery) } else { receiver.accept(delivery) };
                }
            }
            choice => self.act_on_receiver(choice, random),
        }
    }

    fn act_on_session(&mut self, choice: u32, random: &mut Random) {
        let Some(id) = random.pick(&self.sessions) else { return };
        let Ok(mut session) = self.connection.session(id) else { return };
        match choice {
            2 => {
                let name = format!("link {}", self.tag);
                self.tag += 1;
                self.senders.extend(session.attach_sender(SenderConfig::to("to").name(name)));
            }
            3 => self.receivers.extend(session.attach_receiver(Self::receiver_config(random))),
            14 => {
                let _ = session.echo();
            }
            _ if random.one_in(4) => {
                let _ = session.end(None);
            }
            _ => {}
        }
    }

    fn act_on_sender(&mut self, choice: u32, random: &mut Random) {
        let Some(id) = random.pick(&self.senders) else { return };
        let Ok(mut sender) = self.connection.sender(id) else { return };
        match choice {
            13 => {
                let _ = sender.set_available(random.up_to(9));
                let _ = sender.echo();
            }
            15 => {
                let _ = if random.one_in(2) { sender.close(None) } else { sender.detach(None) };
            }
            _ => {
                let body = vec![7; (random.up_to(40) * random.up_to(40)) as usize];
                let options = SendOptions::new().settled(random.one_in(3));
                self.tag += 1;
                let _ = sender.send_with(self.tag, body, &options);
            }
        }
    }

    fn act_on_receiver(&mut self, choice: u32, random: &mut Random) {
        let Some(id) = random.pick(&self.receivers) else { return };
        let Ok(mut receiver) = self.connection.receiver(id) else { return };
        let _ = match choice {
            11 if random.one_in(2) => receiver.add_credit(random.up_to(9)),
            11 => receiver.set_credit(random.up_to(9) - 1),
            12 => receiver.drain(),
            _ => receiver.close(None),
        };
    }
}

/// A conversation of two engines, cut and delayed at random.
fn record(seed: u64, steps: u32, may_end: bool) -> Recording {
    let mut random = Random::new(seed);
    let mut client = ConnectionConfig::client("client").max_frame_size(512 + random.up_to(600));
    let mut server = ConnectionConfig::server("server").auto_accept_sessions(true).max_frame_size(512);
    if random.one_in(2) {
        client = client.sasl(Mechanism::plain("user", "pass-word"));
        server = server.sasl(Mechanism::plain_server(|credentials| credentials.matches("user", "pass-word")));
    }
    let (mut client, mut server) = (End::new(client), End::new(server));
    client.connection.open().unwrap();
    let mut recording = Recording::new();
    for step in 0..steps {
        let now = Instant::from_millis(step.into());
        for from in [Side::Client, Side::Server] {
            let (end, peer) = match from {
                Side::Client => (&mut client, &mut server),
                Side::Server => (&mut server, &mut client),
            };
            end.events(&mut random);
            if random.one_in(2) {
                end.act(&mut random, may_end);
            }
            let mut output = end.connection.poll_transmit(now);
            if output.has_remaining() && !random.one_in(4) {
                let count = (random.up_to(900) as usize).min(output.remaining());
                let bytes = output.copy_to_bytes(count);
                peer.wire.extend_from_slice(&bytes);
                recording.push((from, now, bytes.to_vec()));
            }
            let arrived = (random.up_to(700) as usize).min(end.wire.len());
            let bytes = end.wire.split_to(arrived);
            end.input.extend_from_slice(&bytes);
            let _ = end.connection.handle_input(now, &mut end.input);
        }
        if step + 60 == steps && may_end {
            let _ = client.connection.close(None);
        }
    }
    recording
}

fn broken(recording: &Recording) -> (Vec<(Rule, String)>, BTreeSet<&'static str>) {
    let (mut broken, mut kinds) = (Vec::new(), BTreeSet::new());
    let mut observer = Observer::new();
    for (from, now, bytes) in recording {
        observer.observe(*from, *now, bytes, |seen| match seen.seen {
            Seen::Finding(Finding::Violation(violation)) => {
                broken.push((violation.rule, format!("{from:?} at {}: {violation}", seen.offset)));
            }
            Seen::Frame(frame) => kinds.extend(frame.performative.as_ref().map(Performative::type_name)),
            _ => {}
        });
    }
    (broken, kinds)
}

#[test]
fn two_engines_break_no_rule_under_random_scripts() {
    let mut all = BTreeSet::new();
    for seed in 0..120 {
        let (broken, kinds) = broken(&record(seed, 400, true));
        assert_eq!(broken, [], "seed {seed}");
        all.extend(kinds);
    }
    assert_eq!(all.len(), 9, "{all:?}");
}

/// A frame of a recording.
struct Planted {
    from: Side,
    now: Instant,
    bytes: Vec<u8>,
    content: Option<(u16, Performative, Bytes)>,
}

/// Cuts a recording into headers and frames, in the order in which they became whole.
fn frames(recording: &Recording) -> Vec<Planted> {
    let mut buffers = [BytesMut::new(), BytesMut::new()];
    let mut frames = Vec::new();
    for (from, now, bytes) in recording {
        let buffer = &mut buffers[usize::from(*from == Side::Server)];
        buffer.extend_from_slice(bytes);
        while buffer.len() >= 8 {
            let header = ProtocolHeader::from_bytes(*buffer.first_chunk().unwrap());
            let (size, body, channel) = match header {
                Some(_) => (8, None, 0),
                None => {
                    let Some(header) = parse_header(buffer, u32::MAX).unwrap() else { break };
                    (header.size, (header.kind == FrameKind::Amqp).then_some(header.body), header.channel)
                }
            };
            let whole = buffer.split_to(size).freeze();
            let content = body.filter(|body| *body < whole.len()).map(|body| {
                let rest = whole.slice(body..);
                let mut decoder = Decoder::new(&rest, DecodeLimits::DEFAULT);
                let performative = Performative::decode(&mut decoder).unwrap();
                (channel, performative, decoder.take_rest())
            });
            frames.push(Planted { from: *from, now: *now, bytes: whole.to_vec(), content });
        }
    }
    frames
}

/// Changes one field of a frame so that it breaks a rule, if it has such a field. Returns the rules that may tell.
fn plant(channel: &mut u16, performative: &mut Performative, random: &mut Random) -> Option<&'static [Rule]> {
    let far = 1 << 20;
    Some(match (performative, random.up_to(4)) {
        (Performative::Transfer(transfer), 1) => {
            transfer.handle = Handle::new(77_777);
            &[Rule::UnattachedHandle]
        }
        (Performative::Transfer(transfer), 2) if transfer.delivery_id.is_some_and(|id| id.get() > 0) => {
            // The first number of a session is the sender's choice.
            transfer.delivery_id =
                transfer.delivery_id.map(|id| DeliveryNumber::new(id.get().wrapping_add(far)));
            &[Rule::DeliverySequence, Rule::DeliveryChanged]
        }
        (Performative::Flow(flow), 1) => {
            flow.next_outgoing_id = flow.next_outgoing_id.plus(1);
            &[Rule::NextOutgoingId]
        }
        (Performative::Flow(flow), 2) => {
            flow.next_incoming_id =
                Some(TransferNumber::new(flow.next_incoming_id.unwrap_or_default().get().wrapping_add(far)));
            &[Rule::NextIncomingId]
        }
        (Performative::Flow(flow), 3) if flow.handle.is_some() => {
            flow.handle = None;
            &[Rule::LinkFieldsWithoutHandle]
        }
        (Performative::Flow(flow), 4) if flow.handle.is_some() && flow.delivery_count.is_some() => {
            flow.delivery_count = flow.delivery_count.map(|count| SequenceNo::plus(count, far));
            &[Rule::DeliveryCount]
        }
        (Performative::Disposition(disposition), 1) => {
            disposition.last = Some(disposition.first.plus(far));
            &[Rule::UnknownDelivery]
        }
        (Performative::Disposition(disposition), 2) => {
            disposition.last = Some(disposition.first.minus(1));
            &[Rule::DispositionRange]
        }
        (Performative::Disposition(disposition), 3) if disposition.role == Role::Receiver => {
            disposition.first = disposition.first.plus(far);
            disposition.last = None;
            &[Rule::UnknownDelivery]
        }
        (Performative::Begin(begin), 1) if begin.remote_channel.is_some() => {
            begin.remote_channel = Some(Channel::new(60_000));
            &[Rule::UnmatchedBegin]
        }
        (Performative::Attach(attach), 1) if attach.role == Role::Sender => {
            attach.initial_delivery_count = None;
            &[Rule::InitialDeliveryCount]
        }
        (Performative::Detach(detach), _) => {
            detach.handle = Handle::new(77_777);
            &[Rule::UnattachedHandle]
        }
        (Performative::Open(_) | Performative::Close(_), _) => return None,
        (Performative::Begin(_), _) => return None,
        (_, 4) => {
            *channel = 50_000;
            &[Rule::ChannelTooHigh]
        }
        _ => return None,
    })
}

#[test]
fn every_fault_planted_in_one_field_is_found_at_its_frame() {
    let mut planted = BTreeSet::new();
    for seed in 0..40_u64 {
        let recording = record(seed, 250, false);
        let whole = frames(&recording);
        let mut random = Random::new(seed + 1000);
        for _ in 0..12 {
            let at = random.up_to(u32::try_from(whole.len()).unwrap()) as usize - 1;
            let Some((channel, performative, payload)) = &whole[at].content else { continue };
            let (mut channel, mut changed) = (*channel, performative.clone());
            let Some(rules) = plant(&mut channel, &mut changed, &mut random) else { continue };
            let mut altered: Recording =
                whole[..at].iter().map(|part| (part.from, part.now, part.bytes.clone())).collect();
            assert_eq!(broken(&altered).0, [], "seed {seed}");
            let body = [&to_vec(&changed)[..], payload].concat();
            altered.push((whole[at].from, whole[at].now, crate::wire::raw(0, channel, &body)));
            let (found, _) = broken(&altered);
            let first = found.iter().map(|(rule, _)| *rule).find(|rule| *rule != Rule::FrameTooLarge);
            assert!(first.is_some_and(|rule| rules.contains(&rule)), "seed {seed}: {found:?}, {changed:?}");
            planted.extend(first);
        }
    }
    assert_eq!(planted.len(), 11, "{planted:?}");
}
