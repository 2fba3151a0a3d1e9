//! The SASL layer (5.3), before AMQP itself.

use alloc::boxed::Box;

use bytes::Bytes;

use super::{Connection, deadlines::Due};
use crate::{
    codec::{DecodeLimits, Encode, from_bytes},
    config::{Config, Side},
    error::{CommandError, Failure, Origin, ProtocolError},
    event::Event,
    frame::{FrameHead, FrameKind, ProtocolHeader},
    sasl::{Credentials, Exchange, Step, StepInput},
    spec::{
        definitions::{Error, ErrorCondition},
        sasl::{SaslChallenge, SaslCode, SaslFrame, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse},
    },
    state::{SaslClientCue, SaslClientState, SaslServerCue, SaslServerState},
    types::{Str, Symbol},
};

/// Where the exchange stands, at either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Client(SaslClientState),
    Server(SaslServerState),
}

/// The SASL layer of a connection.
pub(super) struct Security {
    exchange: State,
    wanted: bool,
    /// Our SASL header is out.
    started: bool,
    /// The peer's SASL header is in.
    speaking: bool,
    mechanism: Option<Box<dyn Exchange>>,
    pending: bool,
    rounds: u32,
    identity: Option<Str>,
}

impl core::fmt::Debug for Security {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Security").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

impl Security {
    pub(super) fn new(config: &Config) -> Self {
        let exchange = match config.side {
            Side::Client => State::Client(SaslClientState::Start),
            Side::Server => State::Server(SaslServerState::Start),
        };
        Self {
            exchange,
            wanted: !config.sasl.is_empty(),
            started: false,
            speaking: false,
            mechanism: None,
            pending: false,
            rounds: 0,
            identity: None,
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.exchange, State::Client(SaslClientState::Done) | State::Server(SaslServerState::Done))
    }

    /// Whether SASL frames are due.
    pub(super) fn is_speaking(&self) -> bool {
        self.speaking && !self.is_done()
    }

    /// Whether the peer's next header is to be the SASL one.
    pub(super) fn wants_header(&self) -> bool {
        self.started && !self.speaking
    }

    pub(super) fn on_header(&mut self) {
        self.speaking = true;
    }

    /// AMQP has begun: there is no SASL layer any more.
    pub(super) fn skip(&mut self) {
        self.wanted = false;
    }

    fn client(&mut self, cue: SaslClientCue) -> bool {
        let State::Client(state) = self.exchange else { return false };
        let Some(next) = state.next(cue) else { return false };
        self.exchange = State::Client(next);
        true
    }

    fn server(&mut self, cue: SaslServerCue) -> bool {
        let State::Server(state) = self.exchange else { return false };
        let Some(next) = state.next(cue) else { return false };
        self.exchange = State::Server(next);
        true
    }
}

impl Connection {
    /// Sends the SASL header; a server's mechanisms follow at once.
    pub(super) fn start_sasl(&mut self) {
        self.security.started = true;
        self.out.outbox.header(ProtocolHeader::SASL);
        self.shared.timers.arm(Due::Sasl, self.shared.config.timeouts.sasl);
        if self.shared.config.side == Side::Server {
            self.security.speaking = true;
            let names =
                self.shared.config.sasl.iter().filter(|m| m.is_server()).map(|m| m.name().clone()).collect();
            self.write_sasl(&SaslMechanisms { sasl_server_mechanisms: names });
            let _ = self.security.server(SaslServerCue::SendMechanisms);
        }
    }

    fn write_sasl(&mut self, body: &impl Encode) {
        // A frame that is too large for the peer is one that it will refuse, and so an error all the same.
        let _ = self.out.outbox.frame(FrameKind::Sasl, 0, body, self.shared.config.limits.sasl_frame);
    }

    /// 5.3.1: whatever goes wrong in here ends the transport; there is no close yet.
    pub(super) fn break_sasl(&mut self, error: ProtocolError) {
        let (ProtocolError::Connection(error) | ProtocolError::Session(error) | ProtocolError::Link(error)) =
            error;
        self.security.mechanism = None;
        self.lose(&Failure { origin: Origin::Sasl, error: *error });
    }

    fn break_rules(&mut self, why: &str) {
        self.break_sasl(ProtocolError::connection(ErrorCondition::NotAllowed, why));
    }

    pub(super) fn on_sasl_frame(&mut self, head: FrameHead, body: &Bytes) {
        if head.kind != FrameKind::Sasl {
            return self.break_rules("an AMQP frame inside the SASL layer");
        }
        // 5.3.1: exactly one frame body, so that an empty frame is an error too.
        match from_bytes(body, DecodeLimits { elements: 1024, ..self.shared.config.limits.decode }) {
            Ok(frame) => self.on_sasl(frame),
            Err(error) => self.break_sasl(error.into()),
        }
    }

    fn on_sasl(&mut self, frame: SaslFrame) {
        let legal = match &frame {
            SaslFrame::SaslMechanisms(_) => self.security.client(SaslClientCue::RecvMechanisms),
            SaslFrame::SaslChallenge(_) => self.security.client(SaslClientCue::RecvChallenge),
            SaslFrame::SaslOutcome(outcome) if outcome.code == SaslCode::Ok => {
                self.security.client(SaslClientCue::RecvOk)
            }
            SaslFrame::SaslOutcome(_) => self.security.client(SaslClientCue::RecvFailure),
            SaslFrame::SaslInit(_) => self.security.server(SaslServerCue::RecvInit),
            SaslFrame::SaslResponse(_) => self.security.server(SaslServerCue::RecvResponse),
        };
        if !legal || self.security.pending {
            return self.break_rules("a SASL frame out of turn");
        }
        match frame {
            SaslFrame::SaslMechanisms(offered) => self.choose(&offered),
            SaslFrame::SaslInit(init) => self.on_init(&init),
            SaslFrame::SaslChallenge(SaslChallenge { challenge: data })
            | SaslFrame::SaslResponse(SaslResponse { response: data }) => self.step(StepInput::Data(&data)),
            SaslFrame::SaslOutcome(outcome) => self.on_outcome(&outcome),
        }
    }

    /// A client takes the first of its own mechanisms that the server offers.
    fn choose(&mut self, offered: &SaslMechanisms) {
        let offered = &offered.sasl_server_mechanisms;
        let config = self.shared.config.clone();
        let Some(chosen) = config.sasl.iter().filter(|m| m.is_client()).find(|m| offered.contains(m.name()))
        else {
            return self.fail_sasl(SaslCode::Auth, "the server offers none of our SASL mechanisms");
        };
        let mut mechanism = chosen.start();
        let step = mechanism.step(StepInput::Start(None));
        self.security.mechanism = Some(mechanism);
        let initial_response = match step {
            Step::Reply(response) => Some(response),
            Step::NoInitialResponse => None,
            _ => return self.fail_sasl(SaslCode::Auth, "the SASL mechanism could not begin"),
        };
        let (mechanism, hostname): (Symbol, _) = (chosen.name().clone(), config.hostname.clone());
        self.write_sasl(&SaslInit { mechanism, initial_response, hostname });
        let _ = self.security.client(SaslClientCue::SendInit);
    }

    fn on_init(&mut self, init: &SaslInit) {
        let config = self.shared.config.clone();
        let Some(chosen) = config.sasl.iter().filter(|m| m.is_server()).find(|m| *m.name() == init.mechanism)
        else {
            // 5.3.3.2: a mechanism that is not supported is an authentication failure.
            return self.finish_server(Step::Fail(SaslCode::Auth));
        };
        self.security.mechanism = Some(chosen.start());
        self.step(StepInput::Start(init.initial_response.as_deref()));
    }

    fn step(&mut self, input: StepInput<'_>) {
        let Some(mechanism) = &mut self.security.mechanism else {
            return self.break_rules("a SASL frame without a mechanism");
        };
        let step = mechanism.step(input);
        self.take_step(step);
    }

    fn take_step(&mut self, step: Step) {
        if matches!(step, Step::Pending) {
            self.security.pending = true;
            return self.out.events.push_back(Event::SaslPending);
        }
        if matches!(step, Step::Reply(_)) {
            self.security.rounds = self.security.rounds.saturating_add(1);
            if self.security.rounds > self.shared.config.limits.sasl_rounds {
                return self.break_rules("too many rounds of the SASL exchange");
            }
        }
        match (self.shared.config.side, step) {
            (Side::Client, Step::Reply(response)) => {
                self.write_sasl(&SaslResponse { response });
                let _ = self.security.client(SaslClientCue::SendResponse);
            }
            (Side::Client, _) => self.fail_sasl(SaslCode::Auth, "the SASL mechanism gave up"),
            (Side::Server, Step::Reply(challenge)) => {
                self.write_sasl(&SaslChallenge { challenge });
                let _ = self.security.server(SaslServerCue::SendChallenge);
            }
            (Side::Server, step) => self.finish_server(step),
        }
    }

    /// A server's last word.
    fn finish_server(&mut self, step: Step) {
        self.security.mechanism = None;
        if let Step::Done(success) = step {
            self.write_sasl(&SaslOutcome { code: SaslCode::Ok, additional_data: success.additional_data });
            let _ = self.security.server(SaslServerCue::SendOk);
            self.security.identity = success.authorization.or(success.identity);
            self.shared.timers.disarm(Due::Sasl);
            return;
        }
        let code = match step {
            Step::Fail(code) if code != SaslCode::Ok => code,
            _ => SaslCode::Sys,
        };
        self.write_sasl(&SaslOutcome { code, additional_data: None });
        let _ = self.security.server(SaslServerCue::SendFailure);
        self.fail_sasl(code, "the client was not authenticated");
    }

    fn on_outcome(&mut self, outcome: &SaslOutcome) {
        if outcome.code != SaslCode::Ok {
            return self.fail_sasl(outcome.code, "the server did not authenticate us");
        }
        let mechanism = self.security.mechanism.take();
        let step = mechanism
            .map(|mut mechanism| mechanism.step(StepInput::Outcome(outcome.additional_data.as_deref())));
        let Some(Step::Done(success)) = step else {
            return self.fail_sasl(SaslCode::Auth, "the server's proof was not accepted");
        };
        self.security.identity = success.authorization.or(success.identity);
        self.shared.timers.disarm(Due::Sasl);
        self.security.wanted = false;
        // 5.3.2: AMQP begins anew with its own header.
        let opened = self.send_header().and_then(|()| self.send_open());
        if let Err(error) = opened {
            let why = alloc::format!("{error}");
            self.lose(&Failure::new(Origin::Sasl, ErrorCondition::FrameSizeTooSmall, why));
        }
    }

    fn fail_sasl(&mut self, code: SaslCode, why: &str) {
        self.security.mechanism = None;
        let condition = match code {
            SaslCode::Auth => ErrorCondition::UnauthorizedAccess,
            _ => ErrorCondition::InternalError,
        };
        let error = Error::described(condition, alloc::format!("SASL failed ({code:?}): {why}"));
        self.lose(&Failure { origin: Origin::Sasl, error });
    }

    /// Answers `SASL_PENDING` with the step that the mechanism waited for.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if none waits, or for [`Step::Pending`].
    pub fn sasl_answer(&mut self, step: Step) -> Result<(), CommandError> {
        if !self.security.pending || self.silent || matches!(step, Step::Pending) {
            return Err(CommandError::IllegalState("no SASL mechanism waits for an answer"));
        }
        self.security.pending = false;
        self.take_step(step);
        Ok(())
    }

    /// What the client has shown, while a mechanism waits for an answer.
    pub fn sasl_credentials(&self) -> Option<Credentials<'_>> {
        self.security.mechanism.as_ref().filter(|_| self.security.pending)?.credentials()
    }

    /// Who the client is, once the SASL exchange has told.
    pub fn sasl_identity(&self) -> Option<&Str> {
        self.security.identity.as_ref()
    }
}
