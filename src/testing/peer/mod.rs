//! A peer that follows a script.

mod answer;
mod expect;

use alloc::{
    boxed::Box,
    collections::VecDeque,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt;

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

pub use expect::{Expect, Expected, Received};

use self::expect::Expectation;
use super::{
    frame::{Frame, ReadError},
    frames,
};
use crate::{
    Connection, Instant, Progress, codec::Encode, frame::ProtocolHeader, spec::sasl::SaslCode, types::Symbol,
};

/// The lines of the conversation that an error shows.
const MAX_LINES: usize = 20;

/// A peer without a socket that sends the frames of a script, and checks those that it receives.
///
/// A script is a list of steps: frames to [`expect`](Self::expect), with or without an answer, and frames to
/// [`send`](Self::send) once all steps before have been met. It may grow at any time. Frames that arrive when no
/// expectation is left are kept for [`receive`](Self::receive), which returns the next one as a typed value. So a test
/// can be written as a script, step by step, or as both.
///
/// The thing under test is a [`Connection`], lent to [`run`](Self::run), or anything else that takes and makes bytes:
/// pass it what [`output`](Self::output) returns, and what it makes to [`input`](Self::input). There is no clock, thread
/// or randomness in the peer. Empty frames are left out, as they only show that a connection is alive (2.4.5).
///
/// ```
/// use amqp_proto::{
///     Connection, ConnectionConfig, Event, Instant, SenderConfig, SessionConfig, spec::performatives::Disposition,
///     testing::{Expect, ScriptedPeer, frames},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut peer = ScriptedPeer::new();
/// peer.accept_open()
///     .expect(Expect::begin().respond())
///     .expect(Expect::attach().that("is named", |attach| attach.body.name == "orders").respond())
///     .send(0, &frames::link_flow(0, 1));
///
/// let (mut client, now) = (Connection::new(ConnectionConfig::client("client")), Instant::default());
/// client.open()?;
/// let session = client.begin(SessionConfig::new())?;
/// let sender = client.session(session)?.attach_sender(SenderConfig::to("queue").name("orders"))?;
/// peer.run(&mut client, now)?;
/// client.sender(sender)?.send(1_u32, b"hello".as_slice())?;
///
/// // The peer releases the message instead of accepting it.
/// peer.expect(Expect::transfer().respond_with(|transfer| {
///     let state = Some(amqp_proto::spec::delivery_state::DeliveryState::RELEASED);
///     frames::frame(transfer.channel, &Disposition { state, ..frames::accepted(0, None) })
/// }));
/// peer.run(&mut client, now)?;
/// peer.finish()?;
/// let settled = std::iter::from_fn(|| client.poll_event()).filter(|event| event.name() == "DELIVERY_SETTLED");
/// assert_eq!(settled.count(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct ScriptedPeer {
    steps: VecDeque<Step>,
    /// The number of steps that are done.
    done: usize,
    input: BytesMut,
    output: BytesMut,
    /// Frames that no step has taken.
    frames: VecDeque<Frame>,
    ignored: Option<fn(&Frame) -> bool>,
    conversation: VecDeque<String>,
    /// The other end's input that it has not taken.
    untaken: BytesMut,
}

enum Step {
    Expect(Box<dyn Expectation>),
    Send(Vec<u8>),
}

/// The reason why a script failed: what it expected, what it found, and the conversation so far.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[error("step {step}: expected {expected}, found {found}{conversation}")]
pub struct ScriptError {
    /// The number of the step, from 1.
    pub step: usize,
    /// The text of the step.
    pub expected: String,
    /// The text of the frame, or of the fault, that it found.
    pub found: String,
    /// The last headers and frames both ways, each on a line of its own: `<` was received and `>` sent.
    pub conversation: String,
}

impl ScriptedPeer {
    /// Creates a peer without a script.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step: this frame must come next.
    pub fn expect<T: Expected>(&mut self, expect: Expect<T>) -> &mut Self {
        self.steps.push_back(Step::Expect(Box::new(expect)));
        self
    }

    /// Adds a step that sends a performative.
    pub fn send(&mut self, channel: u16, performative: &impl Encode) -> &mut Self {
        self.send_raw(frames::frame(channel, performative))
    }

    /// Adds a step that sends a performative, usually a transfer, with a payload.
    pub fn send_with_payload(
        &mut self,
        channel: u16,
        performative: &impl Encode,
        payload: &[u8],
    ) -> &mut Self {
        self.send_raw(frames::with_payload(channel, performative, payload))
    }

    /// Adds a step that sends a SASL frame.
    pub fn send_sasl(&mut self, body: &impl Encode) -> &mut Self {
        self.send_raw(frames::sasl_frame(body))
    }

    /// Adds a step that sends a protocol header.
    pub fn send_header(&mut self, header: ProtocolHeader) -> &mut Self {
        self.send_raw(header.to_bytes())
    }

    /// Adds a step that sends any bytes, such as a frame that breaks a rule.
    pub fn send_raw(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.steps.push_back(Step::Send(bytes.into()));
        self.run_sends();
        self
    }

    /// Adds the steps of a server that opens a connection without SASL: header and open, each answered.
    pub fn accept_open(&mut self) -> &mut Self {
        self.expect(Expect::header(ProtocolHeader::AMQP).respond()).expect(Expect::open().respond())
    }

    /// Adds the steps of a server that lets a client log in by SASL ANONYMOUS (5.3.3).
    pub fn accept_anonymous(&mut self) -> &mut Self {
        let anonymous = const { Symbol::from_static("ANONYMOUS") };
        self.expect(Expect::header(ProtocolHeader::SASL).respond())
            .send_sasl(&frames::sasl_mechanisms(anonymous.clone()))
            .expect(
                Expect::sasl_init()
                    .that("chooses ANONYMOUS", move |init| init.body.mechanism == anonymous)
                    .respond_with(|_| frames::sasl_frame(&frames::sasl_outcome(SaslCode::Ok))),
            )
    }

    /// Adds the steps of a client that opens a connection without SASL: header and open, sent and then expected.
    pub fn open(&mut self) -> &mut Self {
        self.send_header(ProtocolHeader::AMQP)
            .send(0, &frames::open())
            .expect(Expect::header(ProtocolHeader::AMQP))
            .expect(Expect::open())
    }

    /// Leaves out frames for which this is true: no step sees them. Flows, for example, come when the engine pleases.
    pub fn ignore(&mut self, ignored: fn(&Frame) -> bool) -> &mut Self {
        self.ignored = Some(ignored);
        self
    }

    /// Takes bytes that the other end has made, and follows the script as far as they go.
    ///
    /// # Errors
    /// If a frame is not what the script expects, or the bytes are no frame.
    pub fn input(&mut self, bytes: &[u8]) -> Result<(), ScriptError> {
        self.input.extend_from_slice(bytes);
        loop {
            match Frame::take(&mut self.input) {
                Ok(Some(frame)) => {
                    self.note('<', &frame);
                    let is_left_out = matches!(frame, Frame::Empty { .. })
                        || self.ignored.is_some_and(|ignored| ignored(&frame));
                    if !is_left_out {
                        self.frames.push_back(frame);
                        self.run_script()?;
                    }
                }
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.unreadable(&error)),
            }
        }
    }

    /// Removes and returns the bytes for the other end.
    pub fn output(&mut self) -> Bytes {
        self.output.split().freeze()
    }

    /// Carries bytes between the peer and a connection until nothing moves. No time passes.
    ///
    /// The connection's events are left to be polled. If its queue of events is full, its input stops: poll them, and run
    /// again.
    ///
    /// # Errors
    /// As [`input`](Self::input).
    pub fn run(&mut self, connection: &mut Connection, now: Instant) -> Result<(), ScriptError> {
        self.run_script()?;
        loop {
            let output = self.output();
            self.untaken.extend_from_slice(&output);
            let _: Progress = connection.handle_input(now, &mut self.untaken);
            let mut transmit = connection.poll_transmit(now);
            if output.is_empty() && transmit.is_empty() {
                return Ok(());
            }
            let bytes = transmit.copy_to_bytes(transmit.remaining());
            self.input(&bytes)?;
        }
    }

    /// Removes and returns the next frame, for which there must be no step.
    ///
    /// # Errors
    /// If there is none yet, or it is another one, or the script is not done.
    pub fn receive<T: Expected>(&mut self) -> Result<Received<T>, ScriptError> {
        self.check_done()?;
        let frame = self.frames.pop_front().ok_or_else(|| self.error(T::NAME.into(), "nothing".into()))?;
        T::of_frame(frame).map_err(|found| self.error(T::NAME.into(), found.to_string()))
    }

    /// Checks that all steps are done, and that no frame is left that neither a step nor [`receive`](Self::receive) has
    /// taken.
    ///
    /// # Errors
    /// If there are any.
    pub fn finish(&self) -> Result<(), ScriptError> {
        self.check_done()?;
        match self.frames.front() {
            Some(frame) => Err(self.error("nothing more".into(), frame.to_string())),
            None if self.input.is_empty() => Ok(()),
            None => Err(self.error("nothing more".into(), format!("{} bytes of a frame", self.input.len()))),
        }
    }

    fn check_done(&self) -> Result<(), ScriptError> {
        match self.steps.front() {
            Some(Step::Expect(expect)) => Err(self.error(expect.describe(), "nothing".into())),
            Some(Step::Send(_)) | None => Ok(()),
        }
    }

    /// Does the steps that need no more input.
    fn run_script(&mut self) -> Result<(), ScriptError> {
        loop {
            self.run_sends();
            if self.frames.is_empty() {
                return Ok(());
            }
            let Some(Step::Expect(expect)) = self.steps.pop_front() else { return Ok(()) };
            let Some(frame) = self.frames.pop_front() else { return Ok(()) };
            let expected = expect.describe();
            match expect.meet(frame) {
                Ok(answer) => {
                    self.done = self.done.saturating_add(1);
                    self.write(&answer);
                }
                Err(found) => return Err(self.error(expected, found)),
            }
        }
    }

    /// Does the steps up to the next expectation.
    fn run_sends(&mut self) {
        while let Some(Step::Send(bytes)) = self.steps.front_mut() {
            let bytes = core::mem::take(bytes);
            self.steps.pop_front();
            self.done = self.done.saturating_add(1);
            self.write(&bytes);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
        let mut written = BytesMut::from(bytes);
        while !written.is_empty() {
            match Frame::take(&mut written) {
                Ok(Some(frame)) => self.note('>', &frame),
                Ok(None) | Err(_) => {
                    self.note('>', &format_args!("{} bytes", written.len()));
                    return;
                }
            }
        }
    }

    fn note(&mut self, direction: char, what: &impl fmt::Display) {
        if self.conversation.len() >= MAX_LINES {
            self.conversation.pop_front();
        }
        self.conversation.push_back(format!("\n{direction} {what}"));
    }

    fn unreadable(&self, error: &ReadError) -> ScriptError {
        let expected = match self.steps.front() {
            Some(Step::Expect(expect)) => expect.describe(),
            Some(Step::Send(_)) | None => "a frame".into(),
        };
        self.error(expected, error.to_string())
    }

    fn error(&self, expected: String, found: String) -> ScriptError {
        let conversation = self.conversation.iter().map(String::as_str).collect();
        ScriptError { step: self.done.saturating_add(1), expected, found, conversation }
    }
}

/// Shows counts alone.
impl fmt::Debug for ScriptedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedPeer")
            .field("done", &self.done)
            .field("steps", &self.steps.len())
            .field("frames", &self.frames.len())
            .finish_non_exhaustive()
    }
}
