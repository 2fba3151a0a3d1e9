//! A connection under test, with an application that answers its requests.

use alloc::{format, string::String, vec, vec::Vec};
use core::time::Duration;

use bytes::{Buf, BytesMut};

use super::{coverage::Coverage, output_checker::OutputChecker, script::Script};
use crate::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, DeliveryId, Event, Instant, Limits, LinkId,
    Progress, ReceiverConfig, ReceiverId, SaslPolicy, SendOptions, SenderConfig, SenderId, Session,
    SessionConfig, SessionId, Side, Timeouts, TlsHeader,
    frame::ProtocolHeader,
    sasl::{Mechanism, Step, Success},
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode, SenderSettleMode},
        delivery_state::{DeliveryState, Modified},
        sasl::SaslCode,
    },
    testing::Grammar,
    types::{Fields, Symbol},
};

/// A property of a link's state.
const KEY: Symbol = Symbol::from_static("fuzz:state");
/// Limit of the messages that wait, of the answers and of the updates, in bytes.
const MAX_OUTBOX_BYTES: usize = 4096;
/// Limit of the events that wait. Input stops beyond it.
const MAX_EVENTS: usize = 64;
/// The bytes or events by which one input may exceed these limits.
const SLACK: usize = 16 << 10;

/// All ids seen so far, stale ones included.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub(super) sessions: Vec<SessionId>,
    pub(super) senders: Vec<SenderId>,
    pub(super) receivers: Vec<ReceiverId>,
    pub(super) sent: Vec<DeliveryId>,
    pub(super) arrived: Vec<DeliveryId>,
}

/// Returns any of them, most often the newest.
fn pick<T: Copy>(from: &[T], script: &mut Script<'_>) -> Option<T> {
    let back = usize::from(script.choose(0_u8, &[0, 0, 1, 2, 3, 5, 8]));
    from.iter().rev().nth(back).or(from.first()).copied()
}

pub(super) struct Engine {
    pub(super) connection: Connection,
    pub(super) grammar: Grammar,
    pub(super) ids: Ids,
    pub(super) coverage: Coverage,
    pub(super) output: OutputChecker,
    input: BytesMut,
    now: u64,
    /// The choices of the application, one per bit.
    behaviour: u8,
    /// The number of the last link attached, modulo 4.
    last_link: u8,
}

impl Engine {
    /// Creates a connection with the settings of one byte, and an application with the behaviour of another.
    pub(super) fn new(settings: u8, behaviour: u8) -> Self {
        let mut config =
            if settings & 1 == 0 { ConnectionConfig::client("us") } else { ConnectionConfig::server("us") };
        if settings & 6 == 6 {
            config = if settings & 1 == 0 {
                config.sasl(Mechanism::plain("user", "secret"))
            } else {
                let verify = Mechanism::plain_server(|found| found.matches("user", "secret"));
                config
                    .sasl(if settings & 0x80 == 0 { verify } else { Mechanism::plain_server_deferred() })
                    .sasl_policy(if settings & 8 == 0 { SaslPolicy::Required } else { SaslPolicy::Optional })
            };
        }
        let limits = Limits {
            max_outbox_bytes: MAX_OUTBOX_BYTES,
            max_reply_bytes: MAX_OUTBOX_BYTES,
            max_events: MAX_EVENTS,
            max_unanswered_bytes: 2048,
            max_unsettled: 16,
            max_retained_unsettled: 16,
            max_buffered_bytes_per_delivery: 512,
            max_held_bytes: 64 << 10,
            max_held_bytes_per_session: 32 << 10,
            max_held_bytes_before_open: 4096,
            ..Limits::default()
        };
        let config = config
            .limits(limits)
            .timeouts(Timeouts::default().echo(Duration::from_millis(30)))
            .auto_accept_sessions(settings & 0x10 == 0)
            .max_frame_size(if settings & 0x20 == 0 { 4096 } else { 512 })
            .idle_timeout((settings & 0x40 != 0).then_some(Duration::from_millis(50)))
            .tls_header(if settings & 0x80 == 0 { TlsHeader::Never } else { TlsHeader::Optional })
            .channel_max(2);
        Self {
            connection: Connection::new(config),
            grammar: Grammar::new(),
            ids: Ids::default(),
            coverage: Coverage::default(),
            output: OutputChecker::default(),
            input: BytesMut::new(),
            now: 0,
            behaviour,
            last_link: 0,
        }
    }

    /// Returns the side of the connection if it requires or offers SASL.
    pub(super) fn sasl_side(&self) -> Option<Side> {
        (!self.connection.config().sasl.is_empty()).then(|| self.connection.side())
    }

    /// Feeds the TLS header to a connection that takes one. What follows is inside the tunnel.
    pub(super) fn begin_tls(&mut self) {
        if self.connection.config().tls_header != TlsHeader::Never && self.connection.side() == Side::Server {
            self.feed(&ProtocolHeader::TLS.to_bytes());
        }
    }

    /// Opens the connection, and begins up to two sessions with a link each.
    pub(super) fn open(&mut self, script: &mut Script<'_>) {
        let _ = self.connection.open();
        for _ in 0..script.below(3) {
            if let Ok(session) = self.connection.begin(SessionConfig::new()) {
                self.grammar.began(session);
                self.ids.sessions.push(session);
                self.attach_link(script);
            }
        }
        if script.below(16) == 1 {
            let _ = self.connection.close(None);
        }
        self.step();
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// Feeds bytes to the connection, and drains its events and output if it asks for that.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        for _ in 0..64 {
            let now = self.instant();
            let progress = self.connection.handle_input(now, &mut self.input);
            match progress {
                Progress::NeedInput | Progress::Answer(_) | Progress::Closed => break,
                Progress::DrainOutput => self.poll_transmit(),
                // The peer's TLS is its bytes as they are.
                Progress::StartTls if self.events() > 0 => {}
                Progress::StartTls => break,
                Progress::DrainEvents => assert!(self.events() > 0, "no event waits"),
            }
        }
    }

    /// Advances the clock, and lets the application handle timers, events and output.
    pub(super) fn step(&mut self) {
        self.now = self.now.saturating_add(3);
        let now = self.instant();
        if self.connection.poll_timeout().is_some_and(|due| due <= now) {
            self.connection.handle_timeout(now);
        }
        self.events();
        assert!(
            self.connection.outbox_len() <= MAX_OUTBOX_BYTES.saturating_mul(3).saturating_add(SLACK),
            "the outbox grows"
        );
        if self.behaviour & 1 == 0 || self.now.is_multiple_of(4) {
            self.poll_transmit();
        }
    }

    /// Ends the transport, and returns the coverage.
    ///
    /// # Panics
    /// If an id has not ended.
    pub(super) fn finish(&mut self) -> Coverage {
        self.poll_transmit();
        self.connection.handle_eof(self.instant());
        self.events();
        self.poll_transmit();
        assert_eq!(self.connection.poll_event(), None);
        assert!(self.grammar.is_over(), "no end: {:?}", self.connection.state());
        assert!(self.grammar.all_ended());
        assert!(self.connection.is_closed());
        self.coverage.record(&self.connection, &self.output.written);
        core::mem::take(&mut self.coverage)
    }

    pub(super) fn poll_transmit(&mut self) {
        let now = self.instant();
        let max = self.connection.remote_open().map(|open| open.max_frame_size);
        loop {
            let mut bytes = Vec::new();
            let mut transmit = self.connection.poll_transmit(now);
            while transmit.has_remaining() {
                let count = transmit.chunk().len();
                bytes.extend_from_slice(transmit.chunk());
                transmit.advance(count);
            }
            if bytes.is_empty() {
                self.connection.check_account();
                return;
            }
            self.output.read(&bytes, max);
            assert!(self.output.is_whole(), "a frame that is cut off");
        }
    }

    /// Polls all events and answers them. Returns their number.
    pub(super) fn events(&mut self) -> usize {
        let mut count = 0_usize;
        while let Some(event) = self.connection.poll_event() {
            count = count.saturating_add(1);
            assert!(count <= MAX_EVENTS.saturating_add(SLACK), "events without end");
            self.coverage.record_event(&event);
            self.grammar.note(&event);
            let answered = self.answer(&event);
            let is_expected = matches!(
                answered,
                Ok(())
                    | Err(CommandError::IllegalState(_)
                        | CommandError::UnknownSession
                        | CommandError::UnknownLink
                        | CommandError::UnknownId
                        | CommandError::LimitReached(_)
                        | CommandError::FrameTooLarge { .. })
            );
            assert!(is_expected, "{event:?}: {answered:?}");
        }
        count
    }

    fn answer(&mut self, event: &Event) -> Result<(), CommandError> {
        let refuses = self.behaviour & 6 == 6;
        match event.clone() {
            Event::ConnectionRequested => self.connection.open(),
            Event::TlsReady => {
                self.poll_transmit();
                self.connection.tls_done()
            }
            Event::SaslPending => {
                assert!(self.connection.sasl_credentials().is_some(), "nothing to look up");
                match self.behaviour & 0x0c {
                    // A command answers it later.
                    0x0c => Ok(()),
                    choice => self.connection.sasl_answer(sasl_step(choice)),
                }
            }
            Event::SessionRequested { session } => {
                self.ids.sessions.push(session);
                if refuses && self.behaviour & 8 > 0 {
                    self.refuse_session(session)
                } else {
                    self.accept_session(session)
                }
            }
            Event::SessionOpen { session } => {
                if !self.ids.sessions.contains(&session) {
                    self.ids.sessions.push(session);
                }
                Ok(())
            }
            Event::SenderRequested { sender, .. } => {
                self.ids.senders.push(sender);
                match self.behaviour & 0x31 {
                    0x31 => Ok(()),
                    _ if refuses => self.refuse_link(sender.into()),
                    _ => self.connection.accept_sender(sender, SenderConfig::new()),
                }
            }
            Event::ReceiverRequested { receiver, .. } => {
                self.ids.receivers.push(receiver);
                match self.behaviour & 0x31 {
                    0x31 => Ok(()),
                    _ if refuses => self.refuse_link(receiver.into()),
                    _ => self.connection.accept_receiver(receiver, self.receiver_config()),
                }
            }
            Event::SenderOpen { sender } | Event::SenderReady { sender } => {
                self.send(sender);
                Ok(())
            }
            Event::ReceiverOpen { receiver } if self.behaviour & 0x0a == 0x0a => {
                self.connection.receiver(receiver)?.drain()
            }
            Event::SenderDrain { sender } => self.connection.sender(sender)?.drained(),
            Event::Delivery { receiver, delivery } => {
                self.ids.arrived.push(delivery.id);
                self.handle_delivery(receiver, delivery.id)
            }
            Event::DeliveryBegun { receiver, delivery, .. } => {
                self.ids.arrived.push(delivery);
                // Some do not wait for the rest.
                self.read_part(receiver, delivery, self.behaviour & 0x4c == 0x04)
            }
            Event::DeliveryData { receiver, delivery, complete } => {
                self.read_part(receiver, delivery, complete)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn accept_session(&mut self, session: SessionId) -> Result<(), CommandError> {
        let window = if self.behaviour & 0x40 == 0 { 2048 } else { 3 };
        self.connection.accept_session(session, SessionConfig::new().incoming_window(window).handle_max(3))
    }

    pub(super) fn refuse_session(&mut self, session: SessionId) -> Result<(), CommandError> {
        let refused = self.connection.refuse_session(session, AmqpError::new(ErrorCondition::NotAllowed));
        if refused.is_ok() {
            self.grammar.refused_session(session);
        }
        refused
    }

    pub(super) fn refuse_link(&mut self, link: LinkId) -> Result<(), CommandError> {
        let error = AmqpError::new(ErrorCondition::NotFound);
        let refused = match link {
            LinkId::Sender(sender) => self.connection.refuse_sender(sender, error),
            LinkId::Receiver(receiver) => self.connection.refuse_receiver(receiver, error),
        };
        if refused.is_ok() {
            self.grammar.refused_link(link);
        }
        refused
    }

    fn receiver_config(&self) -> ReceiverConfig {
        let credit = if self.behaviour & 0x80 == 0 { CreditPolicy::Auto(4) } else { CreditPolicy::Manual };
        ReceiverConfig::new().credit(credit).streaming(self.behaviour & 0x90 == 0x10)
    }

    fn send(&mut self, sender: SenderId) {
        let Ok(mut link) = self.connection.sender(sender) else { return };
        let size = if self.behaviour & 0x20 == 0 { 5 } else { 1500 };
        let tag = u32::from(self.behaviour);
        if let Ok(delivery) = link.send(tag, vec![self.behaviour; size]) {
            self.ids.sent.push(delivery);
        }
    }

    fn read_part(
        &mut self,
        receiver: ReceiverId,
        delivery: DeliveryId,
        last: bool,
    ) -> Result<(), CommandError> {
        let mut link = self.connection.receiver(receiver)?;
        while link.read_chunk(delivery)?.is_some() {}
        if last { self.handle_delivery(receiver, delivery) } else { Ok(()) }
    }

    fn handle_delivery(&mut self, receiver: ReceiverId, delivery: DeliveryId) -> Result<(), CommandError> {
        let mut link = self.connection.receiver(receiver)?;
        if self.behaviour & 0x44 == 0x44 {
            return Ok(());
        }
        match self.behaviour & 3 {
            0 => link.accept(delivery),
            1 => link.release(delivery),
            2 => link.settle(delivery, Some(DeliveryState::ACCEPTED)),
            _ => Ok(()),
        }
    }

    /// Runs any command on any ids.
    pub(super) fn command(&mut self, script: &mut Script<'_>) {
        let error = (script.below(3) == 0).then(|| AmqpError::new(ErrorCondition::InternalError));
        let what = script.below(41);
        match what {
            0..=2 => ignore(self.connection.open()),
            3..=6 => {
                let window = script.choose(10, &[0, 1, 3]);
                if let Ok(session) = self.connection.begin(SessionConfig::new().incoming_window(window)) {
                    self.grammar.began(session);
                    self.ids.sessions.push(session);
                }
            }
            7..=13 => self.attach_link(script),
            14 => ignore(self.connection.close(error)),
            15 | 16 => {
                let Some(session) = pick(&self.ids.sessions, script) else { return };
                let _ = match script.below(4) {
                    0 => self.accept_session(session),
                    1 => self.refuse_session(session),
                    2 => self.connection.session(session).and_then(|mut session| session.echo()),
                    _ => self.connection.session(session).and_then(|mut session| session.end(error)),
                };
            }
            17..=28 => self.sender_command(script, error),
            40 => ignore(self.connection.sasl_answer(sasl_step(script.byte() & 0x0c))),
            _ => self.receiver_command(script, error),
        }
    }

    fn attach_link(&mut self, script: &mut Script<'_>) {
        let Some(id) = pick(&self.ids.sessions, script) else { return };
        let Ok(mut session) = self.connection.session(id) else { return };
        self.last_link = self.last_link.wrapping_add(1) & 3;
        let name = format!("link-{}", self.last_link);
        let modes = [SenderSettleMode::Settled];
        let Some(link) = attach_any(&mut session, name, &modes, script) else { return };
        self.grammar.attached(id, link);
        match link {
            LinkId::Sender(sender) => self.ids.senders.push(sender),
            LinkId::Receiver(receiver) => self.ids.receivers.push(receiver),
        }
    }

    fn sender_command(&mut self, script: &mut Script<'_>, error: Option<AmqpError>) {
        let Some(id) = pick(&self.ids.senders, script) else { return };
        let what = script.below(12);
        let delivery = pick(&self.ids.sent, script);
        if what == 0 {
            let _ = self.connection.accept_sender(id, SenderConfig::new());
        } else if what == 1 {
            let _ = self.refuse_link(id.into());
        }
        let Ok(mut link) = self.connection.sender(id) else { return };
        let options = SendOptions::new().settled(script.below(4) == 0);
        let tag = u32::from(script.byte());
        match (what, delivery) {
            (2..=4, _) => {
                let size = script.choose(3, &[0, 600, 3000, 20]);
                self.ids.sent.extend(link.send_with(tag, vec![1; size], &options));
            }
            (5, _) => self.ids.sent.extend(link.send_streaming(tag, &options)),
            (6, Some(delivery)) => ignore(link.write(delivery, vec![2; usize::from(script.byte())])),
            (7, Some(delivery)) => ignore(link.finish(delivery)),
            (8, Some(delivery)) => ignore(link.abort(delivery)),
            (9, Some(first)) if tag >= 128 => {
                let last = pick(&self.ids.sent, script).unwrap_or(first);
                ignore(link.disposition(first, last, tag % 2 == 0, Some(DeliveryState::RELEASED)));
            }
            (9, Some(delivery)) => ignore(link.settle(delivery, Some(DeliveryState::ACCEPTED))),
            (10, _) => {
                if tag >= 128 {
                    ignore(link.set_flow_properties(Some(Fields::from([(KEY, tag)]))));
                }
                ignore(link.echo());
                ignore(link.set_available(7).and_then(|()| link.drained()));
            }
            (11, _) if script.below(2) == 0 => ignore(link.detach(error)),
            (11, _) => ignore(link.close(error)),
            _ => {}
        }
    }

    fn receiver_command(&mut self, script: &mut Script<'_>, error: Option<AmqpError>) {
        let Some(id) = pick(&self.ids.receivers, script) else { return };
        let what = script.below(12);
        let delivery = pick(&self.ids.arrived, script);
        let attach = self.receiver_config();
        if what == 0 {
            let _ = self.connection.accept_receiver(id, attach);
        } else if what == 1 {
            let _ = self.refuse_link(id.into());
        }
        let Ok(mut link) = self.connection.receiver(id) else { return };
        match (what, delivery) {
            (2, _) => ignore(link.set_credit(script.choose(5, &[0, 1, u32::MAX]))),
            (3, _) => ignore(link.add_credit(script.choose(1, &[u32::MAX]))),
            (4, _) => ignore(link.drain().and_then(|()| link.echo())),
            (5 | 6, Some(delivery)) => ignore(link.read_chunk(delivery)),
            (7, Some(delivery)) => ignore(link.accept(delivery)),
            (8, Some(delivery)) => ignore(link.modify(delivery, Modified::default())),
            (9, Some(delivery)) => ignore(link.reject(delivery, error)),
            (10, Some(first)) => {
                let last = pick(&self.ids.arrived, script).unwrap_or(first);
                ignore(link.disposition(first, last, script.below(2) == 0, Some(DeliveryState::RELEASED)));
            }
            (11, _) if script.below(2) == 0 => ignore(link.detach(error)),
            (11, _) => ignore(link.close(error)),
            _ => {}
        }
    }
}

/// Attaches a link of either direction, with any settings. `modes` are its snd-settle-modes beside `mixed`.
pub(super) fn attach_any(
    session: &mut Session<'_>,
    name: String,
    modes: &[SenderSettleMode],
    script: &mut Script<'_>,
) -> Option<LinkId> {
    let streaming = script.below(4) == 0;
    let settle_on_outcome = script.below(4) > 0;
    let snd_mode = script.choose(SenderSettleMode::Mixed, modes);
    let rcv_mode = script.choose(ReceiverSettleMode::First, &[ReceiverSettleMode::Second]);
    let credit = script.choose(CreditPolicy::Manual, &[CreditPolicy::Auto(3)]);
    if script.below(2) == 0 {
        let config = SenderConfig::to("node").settle_on_outcome(settle_on_outcome);
        let config = config.name(name).snd_settle_mode(snd_mode).rcv_settle_mode(rcv_mode);
        session.attach_sender(config).ok().map(Into::into)
    } else {
        let config = ReceiverConfig::from("node").streaming(streaming).credit(credit);
        let config = config.name(name).snd_settle_mode(snd_mode).rcv_settle_mode(rcv_mode);
        session.attach_receiver(config).ok().map(Into::into)
    }
}

/// Returns the answer to a deferred SASL mechanism.
fn sasl_step(choice: u8) -> Step {
    match choice {
        0 => Step::Done(Success::new().identity("user")),
        4 => Step::Fail(SaslCode::Sys),
        8 => Step::reply("more"),
        _ => Step::Pending,
    }
}

/// Ignores the result: any command may be refused.
fn ignore<T>(_: Result<T, CommandError>) {}
