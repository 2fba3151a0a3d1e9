//! Two recorders and a pipe between them, and the steps of a run.

use core::time::Duration;

use amqp_proto::{
    CommandError, ConnectionConfig, CreditPolicy, DeliveryId, Event, Instant, Limits, Progress,
    ReceiverConfig, ReceiverId, SaslPolicy, SendOptions, SenderConfig, SenderId, SessionConfig, SessionId,
    frame::{Chunks, Input as _},
    sasl::{Mechanism, Step as SaslStep, Success},
    spec::{
        definitions::{AmqpError, ErrorCondition, ReceiverSettleMode},
        delivery_state::{DeliveryState, Modified},
    },
    testing::Recorder,
    types::Fields,
};
use bytes::{Buf, BytesMut};
use proptest::prelude::*;

/// What an end does, or the pipe. Numbers choose among what there is.
#[derive(Clone, Debug)]
pub enum Step {
    Command {
        client: bool,
        command: u8,
        which: usize,
        size: usize,
    },
    Carry {
        up: bool,
        max: usize,
        cut: usize,
    },
    Poll {
        client: bool,
        answers: bool,
    },
    Pass(u64),
    /// Bytes of the peer that are wrong.
    Garbage {
        client: bool,
        bytes: Vec<u8>,
    },
    Eof {
        client: bool,
    },
    OutputLost {
        client: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (any::<bool>(), 1..21_u8, 0..4_usize, 0..3000_usize)
            .prop_map(|(client, command, which, size)| Step::Command { client, command, which, size }),
        30 => (any::<bool>(), prop_oneof![Just(usize::MAX), 1..2000_usize], 1..2000_usize)
            .prop_map(|(up, max, cut)| Step::Carry { up, max, cut }),
        20 => (any::<bool>(), prop::bool::weighted(0.8))
            .prop_map(|(client, answers)| Step::Poll { client, answers }),
        2 => (any::<bool>(), 22..24_u8, 0..4_usize, 0..3000_usize)
            .prop_map(|(client, command, which, size)| Step::Command { client, command, which, size }),
        3 => (0..20_u64).prop_map(Step::Pass),
    ]
}

/// Steps after which little goes on.
fn last_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<bool>(), 20..24_u8, 0..4_usize, 0..3000_usize)
            .prop_map(|(client, command, which, size)| Step::Command { client, command, which, size }),
        (1000..70_000_u64).prop_map(Step::Pass),
        (any::<bool>(), prop::collection::vec(any::<u8>(), 0..12))
            .prop_map(|(client, bytes)| Step::Garbage { client, bytes }),
        any::<bool>().prop_map(|client| Step::Eof { client }),
        any::<bool>().prop_map(|client| Step::OutputLost { client }),
        step(),
    ]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    (prop::collection::vec(step(), 0..150), prop::collection::vec(last_step(), 0..8))
        .prop_map(|(steps, last)| [steps, last].concat())
}

pub struct End {
    pub recorder: Recorder,
    /// Bytes in flight to this end.
    input: BytesMut,
    sessions: Vec<SessionId>,
    pub senders: Vec<SenderId>,
    pub receivers: Vec<ReceiverId>,
    sent: Vec<DeliveryId>,
    arrived: Vec<DeliveryId>,
    tag: u32,
}

fn nth<T: Copy>(list: &[T], which: usize) -> Option<T> {
    list.iter().rev().nth(which).or(list.first()).copied()
}

impl End {
    fn new(config: ConnectionConfig) -> Self {
        Self {
            recorder: Recorder::new(config),
            input: BytesMut::new(),
            sessions: Vec::new(),
            senders: Vec::new(),
            receivers: Vec::new(),
            sent: Vec::new(),
            arrived: Vec::new(),
            tag: 0,
        }
    }

    /// Polls all events, and answers them or not.
    pub fn poll(&mut self, answers: bool) {
        while let Some(event) = self.recorder.poll_event() {
            let connection = &mut self.recorder;
            let _ = match event {
                Event::SaslPending => connection.sasl_answer(SaslStep::Done(Success::new())),
                Event::ConnectionRequested if answers => connection.open(),
                Event::SessionRequested { session } => {
                    self.sessions.push(session);
                    if answers { connection.accept_session(session, SessionConfig::new()) } else { Ok(()) }
                }
                Event::SessionOpen { session } => {
                    self.sessions.push(session);
                    Ok(())
                }
                Event::SenderRequested { sender, .. } => {
                    self.senders.push(sender);
                    if answers { connection.accept_sender(sender, SenderConfig::new()) } else { Ok(()) }
                }
                Event::ReceiverRequested { receiver, .. } => {
                    self.receivers.push(receiver);
                    let config = ReceiverConfig::new().credit(CreditPolicy::Auto(5)).streaming(answers);
                    connection.accept_receiver(receiver, config)
                }
                Event::Delivery { delivery, .. } => {
                    self.arrived.push(delivery.id);
                    Ok(())
                }
                Event::DeliveryBegun { delivery, .. } => {
                    self.arrived.push(delivery);
                    Ok(())
                }
                _ => Ok(()),
            };
        }
    }

    fn command(&mut self, command: u8, which: usize, size: usize) {
        let error = size
            .is_multiple_of(3)
            .then(|| AmqpError::described(ErrorCondition::NotAllowed, "so \"it\" is,\nthen"));
        let (session, sender) = (nth(&self.sessions, which), nth(&self.senders, which));
        let (receiver, sent, arrived) =
            (nth(&self.receivers, which), nth(&self.sent, which), nth(&self.arrived, which));
        // Whatever comes of it is in the recording.
        let _ = match command {
            0 => self.recorder.open(),
            1 | 2 => {
                let config =
                    SessionConfig::new().incoming_window(1 + size as u32 % 50).handle_max(which as u32);
                self.recorder.begin(config).map(|session| self.sessions.push(session))
            }
            3..8 => session.map_or(Ok(()), |session| self.in_session(session, command, size)),
            8..14 => sender.map_or(Ok(()), |sender| self.send(sender, sent, command, which, size)),
            14..21 => {
                receiver.map_or(Ok(()), |receiver| self.receive(receiver, arrived, command, size, error))
            }
            21 if size.is_multiple_of(4) => self.recorder.close(error),
            22 => nth(&self.sessions, which)
                .map_or(Ok(()), |session| self.recorder.refuse_session(session, error.unwrap_or_default())),
            23 => {
                sender.map_or(Ok(()), |sender| self.recorder.refuse_sender(sender, error.unwrap_or_default()))
            }
            _ => Ok(()),
        };
    }

    fn in_session(&mut self, session: SessionId, command: u8, size: usize) -> Result<(), CommandError> {
        let mut handle = self.recorder.session(session)?;
        match command {
            3 | 4 => {
                let config =
                    SenderConfig::to("queue with a blank").initial_delivery_count((size as u32).into());
                self.senders.push(handle.attach_sender(config.settle_on_outcome(size.is_multiple_of(2)))?);
            }
            5 | 6 => {
                let config = ReceiverConfig::from("straße").rcv_settle_mode(ReceiverSettleMode::Second);
                self.receivers.push(handle.attach_receiver(config.streaming(size.is_multiple_of(2)))?);
            }
            _ if size.is_multiple_of(5) => handle.end(None)?,
            _ => handle.echo()?,
        }
        Ok(())
    }

    fn send(
        &mut self,
        sender: SenderId,
        sent: Option<DeliveryId>,
        command: u8,
        which: usize,
        size: usize,
    ) -> Result<(), CommandError> {
        let mut handle = self.recorder.sender(sender)?;
        self.tag += 1;
        let options = SendOptions::new().settled(size.is_multiple_of(4)).batchable(size.is_multiple_of(2));
        match (command, sent) {
            (8, _) => self.sent.push(handle.send(self.tag, vec![7; size])?),
            (9, _) => self.sent.push(handle.send_with(self.tag, b"short".as_slice(), &options)?),
            (10, _) => self.sent.push(handle.send_streaming(self.tag, &options)?),
            (11, Some(delivery)) => match which {
                0 => handle.finish(delivery)?,
                1 => handle.abort(delivery)?,
                _ => handle.write(delivery, vec![8; size])?,
            },
            (12, Some(delivery)) if which == 0 => handle.disposition(delivery, delivery, false, None)?,
            (12, Some(delivery)) => handle.settle(delivery, Some(DeliveryState::RELEASED))?,
            (13, _) => match which {
                0 => handle.drained()?,
                1 => handle.set_available(size as u32)?,
                2 => handle.set_flow_properties(Some(Fields::new()))?,
                _ => handle.detach(None)?,
            },
            _ => {}
        }
        Ok(())
    }

    fn receive(
        &mut self,
        receiver: ReceiverId,
        arrived: Option<DeliveryId>,
        command: u8,
        size: usize,
        error: Option<AmqpError>,
    ) -> Result<(), CommandError> {
        let mut handle = self.recorder.receiver(receiver)?;
        match (command, arrived) {
            (14, _) => handle.set_credit(size as u32 % 10)?,
            (15, _) => handle.add_credit(1)?,
            (16, _) => handle.drain()?,
            (17, Some(delivery)) => drop(handle.read_chunk(delivery)?),
            (18, Some(delivery)) => match size % 5 {
                0 => handle.accept(delivery)?,
                1 => handle.release(delivery)?,
                2 => handle.reject(delivery, error)?,
                3 => handle.modify(delivery, Modified::default())?,
                _ => handle.settle(delivery, None)?,
            },
            (19, Some(delivery)) => {
                let first = self.arrived.iter().copied().min().unwrap_or(delivery);
                handle.disposition_with(first, delivery, true, Some(DeliveryState::ACCEPTED), false)?;
            }
            (20, _) if size.is_multiple_of(3) => handle.close(error)?,
            (20, _) => handle.echo()?,
            _ => {}
        }
        Ok(())
    }

    /// Takes up to `max` bytes of output.
    fn take(&mut self, now: Instant, max: usize) -> BytesMut {
        let mut transmit = self.recorder.poll_transmit(now);
        let count = transmit.remaining().min(max);
        let mut taken = BytesMut::new();
        taken.extend_from_slice(&transmit.copy_to_bytes(count));
        taken
    }

    /// Handles what is in flight, in one of the forms of input.
    fn handle(&mut self, now: Instant, cut: usize) {
        if cut.is_multiple_of(2) {
            let _: Progress = self.recorder.handle_input(now, &mut self.input);
            return;
        }
        let mut chunks = Chunks::new();
        self.input.split().chunks(cut).for_each(|chunk| chunks.push(chunk.to_vec().into()));
        let _: Progress = self.recorder.handle_input(now, &mut chunks);
        self.input.extend_from_slice(&chunks.take(usize::MAX));
    }
}

pub struct Run {
    pub client: End,
    pub server: End,
    now: u64,
}

impl Run {
    pub fn new(sasl: bool) -> Self {
        let limits = Limits::default().max_events(8).max_outbox_bytes(4096);
        let mut client = ConnectionConfig::client("a client").limits(limits).hostname("höst");
        let mut server =
            ConnectionConfig::server("server").idle_timeout(Duration::from_millis(1500)).max_frame_size(600);
        if sasl {
            client = client.sasl(Mechanism::plain("user", "hunter2"));
            server = server.sasl(Mechanism::plain_server_deferred()).sasl_policy(SaslPolicy::Required);
        }
        Self { client: End::new(client), server: End::new(server), now: 1 }
    }

    fn end(&mut self, client: bool) -> &mut End {
        if client { &mut self.client } else { &mut self.server }
    }

    pub fn step(&mut self, step: &Step) {
        let now = Instant::from_millis(self.now);
        match *step {
            Step::Command { client, command, which, size } => self.end(client).command(command, which, size),
            Step::Carry { up, max, cut } => {
                let bytes = self.end(up).take(now, max);
                let to = self.end(!up);
                to.input.extend_from_slice(&bytes);
                to.handle(now, cut);
            }
            Step::Poll { client, answers } => self.end(client).poll(answers),
            Step::Pass(millis) => {
                self.now += millis;
                for client in [true, false] {
                    self.end(client).recorder.handle_timeout(Instant::from_millis(now.as_millis() + millis));
                }
            }
            Step::Garbage { client, ref bytes } => {
                // The caller replaces what is in flight, too.
                let to = self.end(client);
                to.input = BytesMut::from(bytes.as_slice());
                to.handle(now, 0);
            }
            Step::Eof { client } => self.end(client).recorder.handle_eof(now),
            Step::OutputLost { client } => self.end(client).recorder.output_lost(now),
        }
    }

    /// Opens both ends, after a login or not, with a link each way.
    pub fn open(&mut self) {
        self.client.recorder.open().unwrap();
        self.client.command(1, 3, 49);
        self.client.command(3, 0, 0);
        self.client.command(5, 0, 0);
        for _ in 0..6 {
            self.step(&Step::Carry { up: true, max: usize::MAX, cut: 2 });
            self.server.poll(true);
            self.step(&Step::Carry { up: false, max: usize::MAX, cut: 2 });
            self.client.poll(true);
        }
        assert!(self.client.recorder.is_open() && self.server.recorder.is_open());
    }
}
