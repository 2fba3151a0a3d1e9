//! Input bytes read as a script: choices, and the frames of a peer that mostly keeps to the protocol.

use alloc::{boxed::Box, collections::BTreeSet, format, vec, vec::Vec};

use super::output_checker::OutputChecker;
use crate::{
    Side,
    frame::ProtocolHeader,
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, Role, SenderSettleMode},
        delivery_state::{DeliveryState, Received, Rejected},
        performatives::{Attach, Begin, Close, Detach, Disposition, End, Flow, Open, Performative, Transfer},
        sasl::{SaslChallenge, SaslCode, SaslInit, SaslResponse},
        terminus::{Source, Target},
    },
    testing::frames::{self, frame, raw, with_payload},
    types::{Channel, Fields, Handle, Milliseconds, SequenceNo, Str, Symbol, TransferNumber},
};

/// Input bytes read as choices. Behind their end every choice is zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script<'a> {
    bytes: &'a [u8],
    /// Pseudo-random choices that follow the bytes, and the state of their generator.
    extra: u16,
    random: u64,
}

/// The number of pseudo-random choices of an extended script.
const EXTRA_CHOICES: u16 = 256;

impl<'a> Script<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, extra: 0, random: 0 }
    }

    /// Creates a script that pseudo-random choices follow if the first byte is at least 0x80. So a short input, which a
    /// fuzzer starts with, can be a long conversation too.
    pub(super) fn extended(bytes: &'a [u8]) -> Self {
        let mut script = Self::new(bytes);
        if script.byte() >= 0x80 {
            script.extra = EXTRA_CHOICES;
            // FNV-1a, so that the choices depend on all bytes.
            let hash = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            script.random = bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash);
        }
        script
    }

    pub(super) const fn is_over(&self) -> bool {
        self.bytes.is_empty() && self.extra == 0
    }

    pub(super) fn byte(&mut self) -> u8 {
        if let [byte, rest @ ..] = self.bytes {
            self.bytes = rest;
            return *byte;
        }
        if self.extra == 0 {
            return 0;
        }
        self.extra = self.extra.saturating_sub(1);
        xorshift(&mut self.random)
    }

    /// Returns a number less than the bound.
    pub(super) fn below(&mut self, bound: u8) -> u8 {
        self.byte().checked_rem(bound).unwrap_or(0)
    }

    /// Removes up to `count` bytes and returns them.
    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at_checked(count).unwrap_or((self.bytes, &[]));
        self.bytes = rest;
        taken
    }

    /// Returns one of the choices.
    pub(super) fn choose<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let at = usize::from(self.byte()).checked_rem(others.len().saturating_add(1)).unwrap_or(0);
        at.checked_sub(1).and_then(|at| others.get(at)).copied().unwrap_or(first)
    }
}

/// Returns the next pseudo-random byte. The state must not be zero.
pub(super) fn xorshift(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    let [byte, ..] = state.to_be_bytes();
    byte
}

/// The peer's session on a channel.
#[derive(Clone, Debug, Default)]
struct PeerSession {
    begun: bool,
    /// The roles of the peer's link endpoints by handle.
    handles: [Option<Role>; 3],
    next_delivery: u32,
    /// The handle of a delivery in progress.
    in_progress: Option<u8>,
}

/// A peer that remembers its sessions and links, and uses others now and then.
#[derive(Debug, Default)]
pub(super) struct Peer {
    sessions: [PeerSession; 3],
    names: BTreeSet<(Str, Role)>,
}

/// Returns a small count, or now and then a large one.
fn count(script: &mut Script<'_>) -> u32 {
    script.choose(8, &[8, 8, 0, 1, 2, 64, 1000, u32::MAX])
}

fn error(script: &mut Script<'_>) -> Option<Box<AmqpError>> {
    let condition = script.choose(None, &[None, None, Some("amqp:internal-error"), Some("test:other")]);
    let condition = condition.and_then(|condition| Symbol::try_from(condition).ok());
    condition.map(|condition| Box::new(AmqpError::described(ErrorCondition::from(condition), "on purpose")))
}

fn state(script: &mut Script<'_>) -> Option<DeliveryState> {
    match script.below(6) {
        0 | 1 => Some(DeliveryState::ACCEPTED),
        2 => Some(DeliveryState::RELEASED),
        3 => Some(Rejected { error: error(script).map(|error| *error) }.into()),
        4 => Some(Received { section_number: 0, section_offset: 3 }.into()),
        _ => None,
    }
}

impl Peer {
    /// Returns the peer's next frame or header, which may answer the connection's output.
    pub(super) fn next(&mut self, output: &mut OutputChecker, script: &mut Script<'_>) -> Vec<u8> {
        let what = script.below(128);
        let channel = self.channel(script, (8..=15).contains(&what));
        let performative: Performative = match what {
            0 => return ProtocolHeader::AMQP.to_bytes().to_vec(),
            1 => return ProtocolHeader::SASL.to_bytes().to_vec(),
            2 => return raw(0, channel, &[]),
            3..=6 => return sasl_frame(script),
            7 => open(script).into(),
            8..=15 => self.begin(channel, output, script).into(),
            16..=39 => return self.attach(channel, output, script),
            40..=63 => {
                let role =
                    script.choose(None, &[Some(Role::Sender), Some(Role::Receiver), Some(Role::Receiver)]);
                let handle = self.handle(channel, script, role);
                let flow = flow(handle, script);
                if role != Some(Role::Receiver)
                    && let Some((channel, count)) = output.drains.pop()
                {
                    return self.drained(channel, count, flow, script);
                }
                flow.into()
            }
            64..=95 => return self.transfer(channel, script),
            96..=111 => disposition(script).into(),
            112..=121 => {
                let handle = self.handle(channel, script, None);
                if let Some(session) = self.sessions.get_mut(usize::from(channel))
                    && let Some(held) = session.handles.get_mut(usize::from(handle))
                {
                    *held = None;
                    self.names.clear();
                }
                let handle = Handle::new(handle.into());
                Detach { handle, closed: script.below(3) > 0, error: error(script) }.into()
            }
            122..=125 => {
                if let Some(session) = self.sessions.get_mut(usize::from(channel)) {
                    *session = PeerSession::default();
                }
                End { error: error(script) }.into()
            }
            126 => Close { error: error(script) }.into(),
            _ => return self.attach(channel, output, script),
        };
        frame(channel, &performative)
    }

    /// Returns a channel with a session, or without one if `new` is set; now and then any.
    fn channel(&self, script: &mut Script<'_>, new: bool) -> u16 {
        let choice = script.byte();
        if choice < 8 {
            return u16::from(choice & 3);
        }
        let fitting = (0..3)
            .filter(|at| self.sessions.get(usize::from(*at)).is_some_and(|session| session.begun != new));
        let fitting: Vec<u16> = fitting.collect();
        let at = usize::from(choice).checked_rem(fitting.len()).unwrap_or(0);
        fitting.get(at).copied().unwrap_or(0)
    }

    /// Returns an attached handle, of this role if there is one; now and then any.
    fn handle(&self, channel: u16, script: &mut Script<'_>, role: Option<Role>) -> u8 {
        let choice = script.byte();
        if choice < 8 {
            return choice & 3;
        }
        let Some(session) = self.sessions.get(usize::from(channel)) else { return 0 };
        let held = session.handles.iter().zip(0_u8..).filter(|(held, _)| held.is_some());
        let held: Vec<u8> =
            held.filter(|(held, _)| role.is_none() || **held == role).map(|(_, at)| at).collect();
        let at = usize::from(choice).checked_rem(held.len()).unwrap_or(0);
        held.get(at).copied().unwrap_or(0)
    }

    /// Returns the frame of a flow that answers a drain.
    fn drained(&self, channel: u16, count: SequenceNo, flow: Flow, script: &mut Script<'_>) -> Vec<u8> {
        let handle = Some(Handle::new(self.handle(channel, script, Some(Role::Sender)).into()));
        let flow = Flow { handle, delivery_count: Some(count), link_credit: Some(0), drain: true, ..flow };
        frame(channel, &flow)
    }

    fn begin(&mut self, channel: u16, output: &mut OutputChecker, script: &mut Script<'_>) -> Begin {
        if let Some(session) = self.sessions.get_mut(usize::from(channel)) {
            *session = PeerSession { begun: true, ..PeerSession::default() };
        }
        let mut begin = begin(script);
        if script.byte() >= 8 {
            begin.remote_channel = output.begins.pop().map(Channel::new);
        }
        begin
    }

    /// Returns an attach: mostly the answer to one of the connection's, if one is unanswered.
    fn attach(&mut self, mut channel: u16, output: &OutputChecker, script: &mut Script<'_>) -> Vec<u8> {
        let mut attach = attach(script);
        let open = output
            .attaches
            .iter()
            .rev()
            .find(|(_, name, role)| !self.names.contains(&(name.clone(), role.opposite())));
        if script.below(4) > 0
            && let Some((at, name, role)) = open
        {
            (attach.name, attach.role, channel) = (name.clone(), role.opposite(), *at);
        }
        self.names.insert((attach.name.clone(), attach.role));
        if let Some(session) = self.sessions.get_mut(usize::from(channel)) {
            let free = session.handles.iter().position(Option::is_none);
            if script.byte() >= 8
                && let Some(free) = free
            {
                attach.handle = Handle::new(u32::try_from(free).unwrap_or(0));
            }
            let at = usize::try_from(attach.handle.get()).unwrap_or(usize::MAX);
            if let Some(held) = session.handles.get_mut(at) {
                *held = Some(attach.role);
            }
        }
        frame(channel, &attach)
    }

    /// Returns the frames that open a connection, a session and a link, up to the number of steps. The first part is the
    /// SASL exchange, for a connection that is this side of it.
    pub(super) fn prelude(&mut self, steps: u8, sasl: Option<Side>) -> [Vec<u8>; 2] {
        let zeros = &mut Script::new(&[]);
        let (mut sasl_bytes, mut bytes) = (Vec::new(), Vec::new());
        if let Some(side) = sasl {
            sasl_bytes.extend(ProtocolHeader::SASL.to_bytes());
            let frames: &[u8] = if side == Side::Client { &[0, 5] } else { &[1] };
            frames
                .iter()
                .for_each(|what| sasl_bytes.append(&mut sasl_frame(&mut Script::new(&[0, 0, *what]))));
        }
        if steps > 0 {
            bytes.extend(ProtocolHeader::AMQP.to_bytes());
            bytes.append(&mut frame(0, &open(zeros)));
        }
        if steps > 1 {
            let begin = Begin { remote_channel: None, ..begin(zeros) };
            bytes.append(&mut frame(0, &begin));
            let [session, ..] = &mut self.sessions;
            session.begun = true;
        }
        if steps == 3 {
            bytes.append(&mut self.attach(0, &OutputChecker::default(), zeros));
        }
        if steps > 3 {
            let receiver = &mut Script::new(&[1]);
            bytes.append(&mut self.attach(0, &OutputChecker::default(), receiver));
        }
        if steps > 4 {
            let credit = flow(0, &mut Script::new(&[1]));
            bytes.append(&mut frame(0, &credit));
        }
        [sasl_bytes, bytes]
    }

    fn transfer(&mut self, channel: u16, script: &mut Script<'_>) -> Vec<u8> {
        let flags = script.byte();
        let asked = self.handle(channel, script, Some(Role::Sender));
        let sending = self.sessions.get(usize::from(channel)).cloned().unwrap_or_default();
        let at = sending.in_progress.unwrap_or(asked);
        let first = sending.in_progress.is_none();
        let (more, aborted) = (flags & 3 == 1, flags & if first { 7 } else { 3 } == 2);
        let number = if flags & 0xe0 == 0xe0 { u32::from(flags) } else { sending.next_delivery };
        let transfer = Transfer {
            handle: Handle::new(at.into()),
            delivery_id: first.then(|| number.into()),
            delivery_tag: first.then(|| number.into()),
            settled: (flags & 4 > 0).then_some(flags & 8 > 0),
            more,
            aborted,
            state: if flags & 0x18 == 0x18 { state(script) } else { None },
            ..Transfer::default()
        };
        if let Some(sending) = self.sessions.get_mut(usize::from(channel)) {
            sending.in_progress = (more && !aborted).then_some(at);
            sending.next_delivery = number.wrapping_add(first.into());
        }
        let payload = vec![flags; usize::from(script.below(64))];
        with_payload(channel, &transfer, &payload)
    }
}

fn sasl_frame(script: &mut Script<'_>) -> Vec<u8> {
    let name = script.choose("PLAIN", &["ANONYMOUS", "EXTERNAL"]);
    let Ok(mechanism) = Symbol::try_from(name) else { return Vec::new() };
    let response = script.choose("\0user\0secret", &["", "\0user\0wrong", "\0\0\0\0"]);
    let bytes = bytes::Bytes::from_static(response.as_bytes());
    match script.below(6) {
        0 => frames::sasl_frame(&frames::sasl_mechanisms(mechanism)),
        1 | 2 => {
            frames::sasl_frame(&SaslInit { initial_response: Some(bytes), ..frames::sasl_init(mechanism) })
        }
        3 => frames::sasl_frame(&SaslChallenge { challenge: bytes }),
        4 => frames::sasl_frame(&SaslResponse { response: bytes }),
        _ => {
            let code = script.choose(SaslCode::Ok, &[SaslCode::Auth, SaslCode::Sys]);
            frames::sasl_frame(&frames::sasl_outcome(code))
        }
    }
}

fn open(script: &mut Script<'_>) -> Open {
    Open {
        container_id: Str::from("peer"),
        max_frame_size: script.choose(65_536, &[512, 600, 100, u32::MAX]),
        channel_max: Channel::new(script.choose(255, &[0, 1, u16::MAX])),
        idle_time_out: script.choose(None, &[None, Some(5), Some(100)]).map(Milliseconds::new),
        ..Open::default()
    }
}

fn begin(script: &mut Script<'_>) -> Begin {
    Begin {
        remote_channel: script.choose(None, &[Some(0), Some(0), Some(1), None]).map(Channel::new),
        next_outgoing_id: TransferNumber::new(script.choose(0, &[0, u32::MAX])),
        incoming_window: count(script),
        outgoing_window: count(script),
        handle_max: Handle::new(script.choose(255, &[255, 0, u32::MAX])),
        ..Begin::default()
    }
}

fn attach(script: &mut Script<'_>) -> Attach {
    let role = script.choose(Role::Sender, &[Role::Receiver]);
    let bare = script.byte();
    Attach {
        name: format!("link-{}", script.below(4)).into(),
        handle: Handle::new(script.below(3).into()),
        role,
        snd_settle_mode: script
            .choose(SenderSettleMode::Mixed, &[SenderSettleMode::Unsettled, SenderSettleMode::Settled]),
        rcv_settle_mode: script.choose(ReceiverSettleMode::First, &[ReceiverSettleMode::Second]),
        source: (bare & 7 != 1).then(|| Box::new(Source::at("from"))),
        target: (bare & 7 != 2).then(|| Target::at("to").into()),
        initial_delivery_count: (bare & 15 != 3).then(|| SequenceNo::new(script.choose(0, &[u32::MAX]))),
        max_message_size: script.choose(None, &[None, None, Some(0), Some(20)]),
        ..Attach::default()
    }
}

fn flow(handle: u8, script: &mut Script<'_>) -> Flow {
    let flags = script.byte();
    Flow {
        next_incoming_id: script
            .choose(Some(0), &[None, Some(0), Some(0), Some(1), Some(2)])
            .map(TransferNumber::new),
        incoming_window: count(script),
        next_outgoing_id: TransferNumber::new(0),
        outgoing_window: count(script),
        handle: (flags & 3 > 0).then(|| Handle::new(handle.into())),
        delivery_count: (flags & 4 > 0)
            .then(|| SequenceNo::new(script.choose(0, &[0, 0, 0, 1, 2, u32::MAX]))),
        link_credit: (flags & 8 == 0).then(|| count(script)),
        available: (flags & 9 == 9).then_some(flags.into()),
        drain: flags & 0x30 == 0x30,
        echo: flags & 0xc0 == 0xc0,
        properties: (flags & 0x12 == 0x12).then(|| Fields::from([(Symbol::from_static("flags"), flags)])),
    }
}

fn disposition(script: &mut Script<'_>) -> Disposition {
    let flags = script.byte();
    let first = u32::from(script.below(3));
    Disposition {
        role: if flags & 3 == 0 { Role::Sender } else { Role::Receiver },
        first: first.into(),
        last: (flags & 4 > 0).then(|| first.wrapping_add(u32::from(script.below(5))).into()),
        settled: flags & 8 > 0,
        state: state(script),
        batchable: false,
    }
}
