//! The SASL layer (5.3), before AMQP itself.

use alloc::boxed::Box;

use bytes::Bytes;

use super::{Connection, end::ConnectionEnd};
use crate::{
    codec::{DecodeLimits, Encode, from_bytes},
    config::{ConnectionConfig, Side},
    error::{Cause, CommandError, Failure, ProtocolError},
    event::Event,
    frame::{FrameHeader, FrameKind, ProtocolHeader},
    sasl::{Credentials, Input, Mechanism, Step},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        sasl::{SaslChallenge, SaslCode, SaslFrame, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse},
    },
    state::{SaslClientState, SaslClientTrigger, SaslServerState, SaslServerTrigger},
    timer::Timer,
    types::{Str, Symbol},
};

/// Where the exchange stands, at either end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exchange {
    Client(SaslClientState),
    Server(SaslServerState),
}

/// The SASL layer of a connection.
pub(super) struct Security {
    exchange: Exchange,
    wanted: bool,
    /// Our SASL header is out.
    started: bool,
    /// The peer's SASL header is in.
    speaking: bool,
    mechanism: Option<Box<dyn Mechanism>>,
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
    pub(super) fn new(config: &ConnectionConfig) -> Self {
        let exchange = match config.side {
            Side::Client => Exchange::Client(SaslClientState::Start),
            Side::Server => Exchange::Server(SaslServerState::Start),
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
        matches!(
            self.exchange,
            Exchange::Client(SaslClientState::Done) | Exchange::Server(SaslServerState::Done)
        )
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

    fn client(&mut self, trigger: SaslClientTrigger) -> bool {
        let Exchange::Client(state) = self.exchange else { return false };
        let Some(next) = state.next(trigger) else { return false };
        self.exchange = Exchange::Client(next);
        true
    }

    fn server(&mut self, trigger: SaslServerTrigger) -> bool {
        let Exchange::Server(state) = self.exchange else { return false };
        let Some(next) = state.next(trigger) else { return false };
        self.exchange = Exchange::Server(next);
        true
    }
}

impl Connection {
    /// Sends the SASL header; a server's mechanisms follow at once.
    pub(super) fn start_sasl(&mut self) {
        self.security.started = true;
        self.cx.outbox.header(ProtocolHeader::SASL);
        self.cx.timers.set(Timer::Sasl, self.cx.config.timeouts.sasl);
        if self.cx.config.side == Side::Server {
            self.security.speaking = true;
            let names = self.cx.config.sasl.iter().map(|offer| offer.name().clone()).collect();
            self.write_sasl(&SaslMechanisms { sasl_server_mechanisms: names });
            let _ = self.security.server(SaslServerTrigger::SendMechanisms);
        }
    }

    fn write_sasl(&mut self, body: &impl Encode) {
        // A frame that is too large for the peer is one that it will refuse, and so an error all the same.
        let _ = self.cx.outbox.frame(FrameKind::Sasl, 0, body, self.cx.config.limits.max_sasl_frame_size);
    }

    /// 5.3.1: whatever goes wrong in here ends the transport; there is no close yet.
    pub(super) fn break_sasl(&mut self, error: ProtocolError) {
        let (ProtocolError::Connection(error) | ProtocolError::Session(error) | ProtocolError::Link(error)) =
            error;
        self.security.mechanism = None;
        self.end(ConnectionEnd::Lost(Failure { cause: Cause::Sasl, error: *error }));
    }

    fn break_rules(&mut self, why: &str) {
        self.break_sasl(ProtocolError::connection(ErrorCondition::NotAllowed, why));
    }

    pub(super) fn on_sasl_frame(&mut self, head: FrameHeader, body: &Bytes) {
        if head.kind != FrameKind::Sasl {
            return self.break_rules("an AMQP frame inside the SASL layer");
        }
        // 5.3.1: exactly one frame body, so that an empty frame is an error too.
        match from_bytes(body, DecodeLimits { max_elements: 1024, ..self.cx.config.limits.decode }) {
            Ok(frame) => self.on_sasl(frame),
            Err(error) => self.break_sasl(error.into()),
        }
    }

    fn on_sasl(&mut self, frame: SaslFrame) {
        let legal = match &frame {
            SaslFrame::SaslMechanisms(_) => self.security.client(SaslClientTrigger::RecvMechanisms),
            SaslFrame::SaslChallenge(_) => self.security.client(SaslClientTrigger::RecvChallenge),
            SaslFrame::SaslOutcome(outcome) if outcome.code == SaslCode::Ok => {
                self.security.client(SaslClientTrigger::RecvOk)
            }
            SaslFrame::SaslOutcome(_) => self.security.client(SaslClientTrigger::RecvFailure),
            SaslFrame::SaslInit(_) => self.security.server(SaslServerTrigger::RecvInit),
            SaslFrame::SaslResponse(_) => self.security.server(SaslServerTrigger::RecvResponse),
        };
        if !legal || self.security.pending {
            return self.break_rules("a SASL frame out of turn");
        }
        match frame {
            SaslFrame::SaslMechanisms(offered) => self.choose(&offered),
            SaslFrame::SaslInit(init) => self.on_init(&init),
            SaslFrame::SaslChallenge(SaslChallenge { challenge: data })
            | SaslFrame::SaslResponse(SaslResponse { response: data }) => self.step(Input::Data(&data)),
            SaslFrame::SaslOutcome(outcome) => self.on_outcome(&outcome),
        }
    }

    /// A client takes the first of its own mechanisms that the server offers.
    fn choose(&mut self, offered: &SaslMechanisms) {
        let offered = &offered.sasl_server_mechanisms;
        let config = self.cx.config.clone();
        let Some(offer) = config.sasl.iter().find(|offer| offered.contains(offer.name())) else {
            return self.fail_sasl(SaslCode::Auth, "the server offers none of our SASL mechanisms");
        };
        let mut mechanism = offer.start();
        let step = mechanism.step(Input::Start(None));
        self.security.mechanism = Some(mechanism);
        let initial_response = match step {
            Step::Reply(response) => Some(response),
            Step::NoReply => None,
            _ => return self.fail_sasl(SaslCode::Auth, "the SASL mechanism could not begin"),
        };
        let (mechanism, hostname): (Symbol, _) = (offer.name().clone(), config.hostname.clone());
        self.write_sasl(&SaslInit { mechanism, initial_response, hostname });
        let _ = self.security.client(SaslClientTrigger::SendInit);
    }

    fn on_init(&mut self, init: &SaslInit) {
        let config = self.cx.config.clone();
        let Some(offer) = config.sasl.iter().find(|offer| *offer.name() == init.mechanism) else {
            // 5.3.3.2: a mechanism that is not supported is an authentication failure.
            return self.finish_server(Step::Fail(SaslCode::Auth));
        };
        self.security.mechanism = Some(offer.start());
        self.step(Input::Start(init.initial_response.as_deref()));
    }

    fn step(&mut self, input: Input<'_>) {
        let Some(mechanism) = &mut self.security.mechanism else {
            return self.break_rules("a SASL frame without a mechanism");
        };
        let step = mechanism.step(input);
        self.take_step(step);
    }

    fn take_step(&mut self, step: Step) {
        if matches!(step, Step::Pending) {
            self.security.pending = true;
            return self.cx.events.push_back(Event::SaslPending);
        }
        if matches!(step, Step::Reply(_)) {
            self.security.rounds = self.security.rounds.saturating_add(1);
            if self.security.rounds > self.cx.config.limits.max_sasl_rounds {
                return self.break_rules("too many rounds of the SASL exchange");
            }
        }
        match (self.cx.config.side, step) {
            (Side::Client, Step::Reply(response)) => {
                self.write_sasl(&SaslResponse { response });
                let _ = self.security.client(SaslClientTrigger::SendResponse);
            }
            (Side::Client, _) => self.fail_sasl(SaslCode::Auth, "the SASL mechanism gave up"),
            (Side::Server, Step::Reply(challenge)) => {
                self.write_sasl(&SaslChallenge { challenge });
                let _ = self.security.server(SaslServerTrigger::SendChallenge);
            }
            (Side::Server, step) => self.finish_server(step),
        }
    }

    /// A server's last word.
    fn finish_server(&mut self, step: Step) {
        self.security.mechanism = None;
        if let Step::Done(success) = step {
            self.write_sasl(&SaslOutcome { code: SaslCode::Ok, additional_data: success.additional_data });
            let _ = self.security.server(SaslServerTrigger::SendOk);
            self.security.identity = success.authorization.or(success.identity);
            self.cx.timers.cancel(Timer::Sasl);
            return;
        }
        let code = match step {
            Step::Fail(code) if code != SaslCode::Ok => code,
            _ => SaslCode::Sys,
        };
        self.write_sasl(&SaslOutcome { code, additional_data: None });
        let _ = self.security.server(SaslServerTrigger::SendFailure);
        self.fail_sasl(code, "the client was not authenticated");
    }

    fn on_outcome(&mut self, outcome: &SaslOutcome) {
        if outcome.code != SaslCode::Ok {
            return self.fail_sasl(outcome.code, "the server did not authenticate us");
        }
        let mechanism = self.security.mechanism.take();
        let step =
            mechanism.map(|mut mechanism| mechanism.step(Input::Outcome(outcome.additional_data.as_deref())));
        let Some(Step::Done(success)) = step else {
            return self.fail_sasl(SaslCode::Auth, "the server's proof was not accepted");
        };
        self.security.identity = success.authorization.or(success.identity);
        self.cx.timers.cancel(Timer::Sasl);
        self.security.wanted = false;
        // 5.3.2: AMQP begins anew with its own header.
        let opened = self.send_header().and_then(|()| self.send_open());
        if let Err(error) = opened {
            let why = alloc::format!("{error}");
            self.end(ConnectionEnd::Lost(Failure::new(Cause::Sasl, ErrorCondition::FrameSizeTooSmall, why)));
        }
    }

    fn fail_sasl(&mut self, code: SaslCode, why: &str) {
        self.security.mechanism = None;
        let condition = match code {
            SaslCode::Auth => ErrorCondition::UnauthorizedAccess,
            _ => ErrorCondition::InternalError,
        };
        let error = AmqpError::described(condition, alloc::format!("SASL failed ({code:?}): {why}"));
        self.end(ConnectionEnd::Lost(Failure { cause: Cause::Sasl, error }));
    }

    /// Answers `SASL_PENDING` with the step that the mechanism waited for.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if none waits, or for [`Step::Pending`].
    pub fn sasl_answer(&mut self, step: Step) -> Result<(), CommandError> {
        if !self.security.pending || self.end_raised || matches!(step, Step::Pending) {
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
