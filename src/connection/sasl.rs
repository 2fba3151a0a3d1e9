//! The SASL layer of a connection (5.3): headers, mechanisms, the exchange and its outcome, all before AMQP begins.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt;

use bytes::Bytes;

use super::{Connection, end::ConnectionEnd};
use crate::{
    codec::{DecodeLimits, from_bytes},
    config::Side,
    error::{Cause, CommandError, Failure, ProtocolError},
    event::Event,
    frame::{FrameHeader, FrameKind, ProtocolHeader},
    sasl::{Credentials, Exchange, ExchangeContext, Mechanism, Step, StepInput, Success, Supply, Tunnel},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        sasl::{SaslChallenge, SaslCode, SaslFrame, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse},
    },
    state::{SaslClientState, SaslClientTrigger, SaslServerState, SaslServerTrigger},
    timer::Timer,
    types::{Quoted, Str, Symbol},
};

/// The state of the layer, by the table of our end (5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Client(SaslClientState),
    Server(SaslServerState),
}

/// A header or a frame that moves the layer to its next state.
#[derive(Clone, Copy)]
enum Trigger<'a> {
    SendHeader,
    RecvHeader,
    Send(&'a SaslFrame),
    Recv(&'a SaslFrame),
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Client(state) => state.name(),
            Self::Server(state) => state.name(),
        }
    }

    /// Returns the next state; `None` if the table of our end does not allow the trigger.
    fn next(self, trigger: Trigger<'_>) -> Option<Self> {
        match self {
            Self::Client(state) => {
                let trigger = match trigger {
                    Trigger::SendHeader => SaslClientTrigger::SendHeader,
                    Trigger::RecvHeader => SaslClientTrigger::RecvHeader,
                    Trigger::Recv(SaslFrame::SaslMechanisms(_)) => SaslClientTrigger::RecvMechanisms,
                    Trigger::Send(SaslFrame::SaslInit(_)) => SaslClientTrigger::SendInit,
                    Trigger::Recv(SaslFrame::SaslChallenge(_)) => SaslClientTrigger::RecvChallenge,
                    Trigger::Send(SaslFrame::SaslResponse(_)) => SaslClientTrigger::SendResponse,
                    Trigger::Recv(SaslFrame::SaslOutcome(outcome)) => match outcome.code {
                        SaslCode::Ok => SaslClientTrigger::RecvOk,
                        _ => SaslClientTrigger::RecvFailure,
                    },
                    // 5.3.2: the client of the transport is the client of SASL. These frames belong to the other end.
                    _ => return None,
                };
                state.next(trigger).map(Self::Client)
            }
            Self::Server(state) => {
                let trigger = match trigger {
                    Trigger::RecvHeader => SaslServerTrigger::RecvHeader,
                    Trigger::SendHeader => SaslServerTrigger::SendHeader,
                    Trigger::Send(SaslFrame::SaslMechanisms(_)) => SaslServerTrigger::SendMechanisms,
                    Trigger::Recv(SaslFrame::SaslInit(_)) => SaslServerTrigger::RecvInit,
                    Trigger::Send(SaslFrame::SaslChallenge(_)) => SaslServerTrigger::SendChallenge,
                    Trigger::Recv(SaslFrame::SaslResponse(_)) => SaslServerTrigger::RecvResponse,
                    Trigger::Send(SaslFrame::SaslOutcome(outcome)) => match outcome.code {
                        SaslCode::Ok => SaslServerTrigger::SendOk,
                        _ => SaslServerTrigger::SendFailure,
                    },
                    // 5.3.2: as above.
                    _ => return None,
                };
                state.next(trigger).map(Self::Server)
            }
        }
    }
}

/// Returns the name of a frame as the standard has it.
const fn name_of(frame: &SaslFrame) -> &'static str {
    match frame {
        SaslFrame::SaslMechanisms(_) => "sasl-mechanisms",
        SaslFrame::SaslInit(_) => "sasl-init",
        SaslFrame::SaslChallenge(_) => "sasl-challenge",
        SaslFrame::SaslResponse(_) => "sasl-response",
        SaslFrame::SaslOutcome(_) => "sasl-outcome",
    }
}

/// Returns the first names of mechanisms, quoted.
fn first_names(offered: &[Symbol]) -> String {
    let names: Vec<_> =
        offered.iter().take(3).map(|name| Quoted(name.as_str().as_bytes()).to_string()).collect();
    let more = if offered.len() > names.len() { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}

const NOTHING_WAITS: Result<(), CommandError> =
    Err(CommandError::IllegalState("no SASL exchange waits for an answer (5.3.2)"));

/// The SASL layer of a connection.
pub(super) struct SaslLayer {
    state: State,
    /// The run of the mechanism that the client chose, until it ends.
    exchange: Option<Box<dyn Exchange>>,
    /// The exchange waits for the application.
    pending: bool,
    /// Facts of the exchange, once there is one.
    details: Option<Box<Details>>,
}

/// Facts of an exchange.
#[derive(Default)]
struct Details {
    /// The transport below, as the caller has described it.
    tunnel: Tunnel,
    /// Challenges that we sent, or responses.
    rounds: u32,
    /// The mechanism that the client chose, among ours.
    mechanism: Option<Symbol>,
    /// The mechanisms that a client was offered.
    offered: Vec<Symbol>,
    /// The host in `sasl-init`.
    hostname: Option<Str>,
    outcome: Option<SaslCode>,
    /// The user that the client acts as, after the outcome `ok`.
    identity: Option<Str>,
}

/// Shows the state alone, because the exchange can hold secrets.
impl fmt::Debug for SaslLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslLayer").field("state", &self.state).finish_non_exhaustive()
    }
}

impl SaslLayer {
    pub(super) fn new(side: Side) -> Self {
        let state = match side {
            Side::Client => State::Client(SaslClientState::Start),
            Side::Server => State::Server(SaslServerState::Start),
        };
        Self { state, exchange: None, pending: false, details: None }
    }

    /// Returns the state's name in the table of our end.
    pub(super) const fn state_name(&self) -> &'static str {
        self.state.name()
    }

    fn details(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// Returns the transport below, if the caller has described it.
    pub(super) fn tunnel(&self) -> Option<&Tunnel> {
        self.details.as_ref().map(|details| &details.tunnel)
    }

    pub(super) fn tunnel_mut(&mut self) -> &mut Tunnel {
        &mut self.details().tunnel
    }

    /// True until mechanisms have been announced, or have arrived.
    pub(super) fn awaits_mechanisms(&self) -> bool {
        use SaslClientState::{HeaderExch, HeaderSent, Start};
        matches!(
            self.state,
            State::Client(Start | HeaderSent | HeaderExch) | State::Server(SaslServerState::Start)
        )
    }

    /// True if the exchange waits for the application, and with it the peer's input.
    pub(super) fn is_pending(&self) -> bool {
        self.pending
    }

    /// Drops the exchange, which can hold secrets.
    pub(super) fn drop_exchange(&mut self) {
        (self.exchange, self.pending) = (None, false);
    }

    /// True if the layer has sent or received a header.
    pub(super) fn is_started(&self) -> bool {
        !matches!(self.state, State::Client(SaslClientState::Start) | State::Server(SaslServerState::Start))
    }

    /// True if the outcome was `ok`.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Client(SaslClientState::Done) | State::Server(SaslServerState::Done))
    }

    /// True if the peer's next bytes are its SASL header.
    pub(super) fn expects_header(&self) -> bool {
        self.state == State::Client(SaslClientState::HeaderSent)
    }

    /// True if the peer's next bytes are a SASL frame.
    pub(super) fn expects_frame(&self) -> bool {
        self.is_started() && !self.expects_header() && !self.is_done()
    }

    /// Notes the peer's SASL header (5.3).
    pub(super) fn on_header(&mut self) {
        let applied = self.apply(Trigger::RecvHeader);
        debug_assert!(applied, "the header was expected");
    }

    /// Moves to the next state; returns false if the table does not allow the trigger.
    #[must_use]
    fn apply(&mut self, trigger: Trigger<'_>) -> bool {
        let Some(next) = self.state.next(trigger) else { return false };
        self.state = next;
        true
    }
}

// Headers and frames out.
impl Connection {
    /// True if a SASL mechanism is configured.
    pub(super) fn has_sasl(&self) -> bool {
        !self.cx.config.sasl.is_empty()
    }

    /// Sends our SASL header (5.3) and starts the timer of the exchange. A client then waits for the server's header.
    pub(super) fn start_sasl(&mut self) {
        self.cx.write_header(ProtocolHeader::SASL);
        let applied = self.sasl.apply(Trigger::SendHeader);
        debug_assert!(applied, "a client starts once, a server once the client has");
        self.cx.timers.set(Timer::Sasl, self.cx.config.timeouts.sasl);
    }

    /// Answers the client's SASL header with ours and with our mechanisms (5.3.2).
    pub(super) fn accept_sasl(&mut self) {
        self.sasl.on_header();
        self.start_sasl();
        let names = self.announced();
        // 5.3.3.1: the list must not be empty.
        if names.is_empty() {
            let why = "no SASL mechanism is configured for a server on this transport (5.3.3.1)";
            return self.fail_authentication(SaslCode::SysPerm, why);
        }
        self.send_sasl(&SaslMechanisms { sasl_server_mechanisms: names.into() }.into());
    }

    /// Returns the names of a server's mechanisms.
    fn announced(&self) -> Vec<Symbol> {
        self.usable_mechanisms().map(|mechanism| mechanism.name().clone()).collect()
    }

    /// Iterates over the mechanisms of our end that can be used on this transport.
    fn usable_mechanisms(&self) -> impl Iterator<Item = &Mechanism> {
        let config = &self.cx.config;
        let ours = config.sasl.iter().filter(|it| match config.side {
            Side::Client => it.is_client(),
            Side::Server => it.is_server(),
        });
        let tunnel = self.tunnel();
        ours.filter(move |mechanism| mechanism.is_usable(tunnel))
    }

    /// Sends a SASL frame and moves the layer to its next state. All SASL frames are written here.
    ///
    /// Returns false if the frame is too large, which ends the connection: without the frame the peer would wait
    /// forever.
    fn send_sasl(&mut self, frame: &SaslFrame) -> bool {
        let max = self.cx.config.limits.max_sasl_frame_size_sent;
        if let Err(size) = self.cx.write(FrameKind::Sasl, 0, frame, max) {
            self.sasl.drop_exchange();
            let why = format!("a SASL frame of {size} bytes exceeds max_sasl_frame_size_sent: {max}");
            self.end(ConnectionEnd::Lost(Failure::new(Cause::Sasl, ErrorCondition::FrameSizeTooSmall, why)));
            return false;
        }
        let applied = self.sasl.apply(Trigger::Send(frame));
        debug_assert!(applied, "each frame is sent in the one state that it belongs to");
        true
    }

    /// Sends a server's outcome (5.3.3.5): `ok` for [`Step::Done`], else a failure, which ends the connection.
    fn send_outcome(&mut self, step: Step) {
        self.sasl.drop_exchange();
        let code = match step {
            Step::Done(mut success) => {
                self.sasl.details().outcome = Some(SaslCode::Ok);
                let additional_data = success.additional_data.take();
                if self.send_sasl(&SaslOutcome { code: SaslCode::Ok, additional_data }.into()) {
                    self.on_authenticated(success);
                }
                return;
            }
            Step::Fail(code) if code != SaslCode::Ok => code,
            _ => SaslCode::Sys,
        };
        self.sasl.details().outcome = Some(code);
        // A limit that is too small for it ends the connection all the same.
        self.send_sasl(&SaslOutcome { code, additional_data: None }.into());
        self.fail_authentication(code, "the client was not authenticated (5.3.3.5)");
    }

    // Frames in.

    /// Decodes a frame that arrived while the layer expects one.
    pub(super) fn on_sasl_frame(&mut self, header: FrameHeader, body: &Bytes) {
        if header.kind != FrameKind::Sasl {
            return self.refuse_sasl_frame("an AMQP frame inside the SASL layer (5.3.1)");
        }
        // 5.3.1: a body is exactly one SASL type, so an empty frame is an error too.
        match from_bytes(body, DecodeLimits { max_elements: 1024, ..self.cx.config.limits.decode }) {
            Ok(frame) => self.on_sasl_body(frame),
            Err(error) => self.on_sasl_violation(error.into()),
        }
    }

    /// Handles a frame if the table allows it in this state.
    fn on_sasl_body(&mut self, frame: SaslFrame) {
        // 5.3.2: the frames have an order. While an exchange is pending none is allowed, since it is our turn.
        if !self.sasl.apply(Trigger::Recv(&frame)) {
            let (name, state) = (name_of(&frame), self.sasl.state_name());
            return self.refuse_sasl_frame(&format!("{name} is out of turn: the layer is {state} (5.3.2)"));
        }
        match frame {
            SaslFrame::SaslMechanisms(offered) => self.choose_mechanism(&offered),
            SaslFrame::SaslInit(init) => self.on_sasl_init(&init),
            SaslFrame::SaslChallenge(SaslChallenge { challenge: data })
            | SaslFrame::SaslResponse(SaslResponse { response: data }) => {
                self.step_exchange(StepInput::Data(&data));
            }
            SaslFrame::SaslOutcome(outcome) => self.on_sasl_outcome(&outcome),
        }
    }

    /// Sends a client's `sasl-init`, for the first of our mechanisms that the server offers.
    fn choose_mechanism(&mut self, offered: &SaslMechanisms) {
        let offered = &offered.sasl_server_mechanisms;
        // Copies, so that they keep no read buffer alive.
        let copies = offered.iter().filter_map(|name| Symbol::try_from(name.as_str()).ok());
        self.sasl.details().offered = copies.collect();
        // 5.3.3.2: the highest level of security that both have. Only the application can rank its mechanisms.
        let ours = self.usable_mechanisms().find(|it| offered.contains(it.name())).cloned();
        let Some(mechanism) = ours else {
            let names = first_names(offered);
            let why =
                format!("no SASL mechanism of ours fits this transport and the offer: {names} (5.3.3.2)");
            return self.fail_authentication(SaslCode::Auth, &why);
        };
        let config = self.cx.config.clone();
        let mut exchange = mechanism.start();
        let (details, hostname) = (self.sasl.details(), config.hostname.as_deref());
        exchange.prepare(&ExchangeContext { offered, hostname, tunnel: &details.tunnel });
        // 5.3.3.2: the same host as in open (2.7.1), or none if TLS was asked for another.
        let other = details.tunnel.server_name.as_deref().is_some_and(|name| Some(name) != hostname);
        details.hostname = config.hostname.clone().filter(|_| !other);
        details.mechanism = Some(mechanism.name().clone());
        let step = exchange.step(StepInput::Start(None));
        self.sasl.exchange = Some(exchange);
        self.on_first_step(step);
    }

    /// Acts on the first step of a client.
    fn on_first_step(&mut self, step: Step) {
        let initial_response = match step {
            Step::Reply(response) => Some(response),
            Step::NoInitialResponse => None,
            Step::Pending => return self.wait_for_answer(),
            _ => {
                return self
                    .fail_client(SaslCode::Auth, "the client's mechanism failed at its start (5.3.3.2)");
            }
        };
        let details = self.sasl.details();
        let (mechanism, hostname) = (details.mechanism.clone().unwrap_or_default(), details.hostname.clone());
        self.send_sasl(&SaslInit { mechanism, initial_response, hostname }.into());
    }

    /// Waits for [`sasl_answer`](Self::sasl_answer).
    fn wait_for_answer(&mut self) {
        self.sasl.pending = true;
        self.cx.event(Event::SaslPending);
    }

    /// Starts a server's exchange for the mechanism that the client chose.
    fn on_sasl_init(&mut self, init: &SaslInit) {
        // A copy, so that it keeps no read buffer alive.
        self.sasl.details().hostname = init.hostname.as_deref().map(Str::from);
        // 5.3.3.2: a mechanism that we do not offer fails the authentication.
        let Some(mechanism) = self.usable_mechanisms().find(|it| *it.name() == init.mechanism).cloned()
        else {
            return self.send_outcome(Step::refuse());
        };
        self.sasl.details().mechanism = Some(mechanism.name().clone());
        let mut exchange = mechanism.start();
        let (offered, hostname) = (self.announced(), init.hostname.as_deref());
        exchange.prepare(&ExchangeContext { offered: &offered, hostname, tunnel: self.tunnel() });
        self.sasl.exchange = Some(exchange);
        self.step_exchange(StepInput::Start(init.initial_response.as_deref()));
    }

    /// Hands the peer's data to the exchange and acts on its step.
    fn step_exchange(&mut self, input: StepInput<'_>) {
        let Some(exchange) = &mut self.sasl.exchange else {
            return self.refuse_sasl_frame("a SASL frame before a mechanism is chosen (5.3.2)");
        };
        let step = exchange.step(input);
        self.on_step(step);
    }

    /// Acts on a step. It comes from the exchange, or from the application after `SASL_PENDING`.
    fn on_step(&mut self, step: Step) {
        match (self.cx.config.side, step) {
            (_, Step::Pending) => self.wait_for_answer(),
            (_, Step::Reply(_)) if self.sasl.details().rounds >= self.cx.config.limits.max_sasl_rounds => {
                let max = self.cx.config.limits.max_sasl_rounds;
                self.refuse_sasl_frame(&format!(
                    "more rounds of the SASL exchange than max_sasl_rounds: {max}"
                ));
            }
            (side, Step::Reply(data)) => {
                let rounds = &mut self.sasl.details().rounds;
                *rounds = rounds.saturating_add(1);
                self.send_sasl(&match side {
                    Side::Client => SaslResponse { response: data }.into(),
                    Side::Server => SaslChallenge { challenge: data }.into(),
                });
            }
            (Side::Client, _) => self.fail_client(SaslCode::Auth, "the SASL mechanism gave up (5.3.2)"),
            (Side::Server, step) => self.send_outcome(step),
        }
    }

    /// Ends a client's exchange. After `ok`, AMQP begins with its own header (5.3.3.5).
    fn on_sasl_outcome(&mut self, outcome: &SaslOutcome) {
        self.sasl.details().outcome = Some(outcome.code);
        if outcome.code != SaslCode::Ok {
            return self.fail_client(outcome.code, "the server did not authenticate us (5.3.3.5)");
        }
        let data = outcome.additional_data.as_deref();
        let step = self.sasl.exchange.as_mut().map(|exchange| exchange.step(StepInput::Outcome(data)));
        self.on_last_step(step.unwrap_or_else(Step::refuse));
    }

    /// Acts on the step that a client takes for the outcome `ok`.
    fn on_last_step(&mut self, step: Step) {
        let success = match step {
            Step::Done(success) => success,
            Step::Pending => return self.wait_for_answer(),
            _ => return self.fail_client(SaslCode::Auth, "the server's proof was not accepted (5.3.3.5)"),
        };
        self.sasl.drop_exchange();
        self.on_authenticated(success);
        let opened = self.send_header().and_then(|()| self.send_open());
        if let Err(error) = opened {
            let failure = Failure::new(Cause::Sasl, ErrorCondition::FrameSizeTooSmall, format!("{error}"));
            self.end(ConnectionEnd::Lost(failure));
        }
    }

    /// Keeps the identity and stops the timer of the exchange.
    fn on_authenticated(&mut self, success: Success) {
        self.sasl.details().identity = success.authorization.or(success.identity);
        self.cx.timers.cancel(Timer::Sasl);
    }

    // Failures. Each ends the transport (5.1), because no close can precede open (2.4.7).

    /// Ends the connection because the peer broke the protocol inside the SASL layer.
    pub(super) fn on_sasl_violation(&mut self, error: ProtocolError) {
        self.sasl.drop_exchange();
        self.end(ConnectionEnd::Lost(Failure { cause: Cause::Sasl, error: error.into() }));
    }

    /// Ends the connection because of a frame that is not allowed here.
    fn refuse_sasl_frame(&mut self, why: &str) {
        self.on_sasl_violation(ProtocolError::connection(ErrorCondition::NotAllowed, why));
    }

    /// Ends a client's connection because the authentication failed, for the reason that its mechanism knows, or else
    /// for this one.
    fn fail_client(&mut self, code: SaslCode, why: &str) {
        let reason = self.sasl.exchange.as_ref().and_then(|exchange| exchange.reason());
        let why = Str::from(reason.unwrap_or(why));
        self.fail_authentication(code, &why);
    }

    /// Ends the connection because the authentication failed.
    fn fail_authentication(&mut self, code: SaslCode, why: &str) {
        self.sasl.drop_exchange();
        let condition = match code {
            SaslCode::Auth => ErrorCondition::UnauthorizedAccess,
            _ => ErrorCondition::InternalError,
        };
        let error = AmqpError::described(condition, format!("SASL failed ({code:?}): {why}"));
        self.end(ConnectionEnd::Lost(Failure { cause: Cause::Sasl, error }));
    }

    // The application's part.

    /// True if an exchange waits for the application, on a connection that has not ended.
    fn sasl_is_pending(&self) -> bool {
        self.sasl.pending && !self.end_raised
    }

    /// Answers `SASL_PENDING` with the step that the exchange waits for.
    ///
    /// [`Credentials::accept`] and [`Step::refuse`] return the usual ones. For an example see
    /// [`Mechanism::plain_server_deferred`](crate::sasl::Mechanism::plain_server_deferred).
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if no exchange waits, or for [`Step::Pending`].
    pub fn sasl_answer(&mut self, step: Step) -> Result<(), CommandError> {
        if !self.sasl_is_pending() || matches!(step, Step::Pending) {
            return NOTHING_WAITS;
        }
        self.resume_exchange(step);
        Ok(())
    }

    /// Answers `SASL_PENDING` with the value that the exchange waits for. The exchange makes its step from it.
    ///
    /// [The module's docs](crate::sasl) name the value for each mechanism that waits for one. Other exchanges fail.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if no exchange waits.
    pub fn sasl_supply(&mut self, supply: Supply) -> Result<(), CommandError> {
        let Some(exchange) = self.sasl.exchange.as_mut().filter(|_| self.sasl.pending && !self.end_raised)
        else {
            return NOTHING_WAITS;
        };
        let step = exchange.supply(supply);
        self.resume_exchange(step);
        Ok(())
    }

    /// Acts on the step that the exchange has waited with.
    fn resume_exchange(&mut self, step: Step) {
        self.sasl.pending = false;
        match self.sasl.state {
            State::Client(SaslClientState::Offered) => self.on_first_step(step),
            State::Client(SaslClientState::Done) => self.on_last_step(step),
            _ => self.on_step(step),
        }
    }

    /// Returns the credentials of the exchange while it waits for an answer, after `SASL_PENDING`: at a server what the
    /// client presents, at a client what its mechanism knows already.
    pub fn sasl_credentials(&self) -> Option<Credentials<'_>> {
        self.sasl.exchange.as_ref().filter(|_| self.sasl_is_pending())?.credentials()
    }

    /// Returns the user that the client acts as, after a successful exchange.
    ///
    /// This is the authorization identity if the client asked for one, else the authentication identity. `None` stands
    /// for an anonymous client, or for a connection without a SASL layer.
    pub fn sasl_identity(&self) -> Option<&Str> {
        self.sasl.details.as_ref()?.identity.as_ref()
    }

    /// Returns the mechanism that the client chose, if it is one of ours (5.3.3.2).
    pub fn sasl_mechanism(&self) -> Option<&Symbol> {
        self.sasl.details.as_ref()?.mechanism.as_ref()
    }

    /// Iterates over the mechanisms that the server offers, in its order (5.3.3.1): at a client once they have arrived,
    /// at a server those of its configuration that the transport allows.
    pub fn sasl_offered(&self) -> impl Iterator<Item = &Symbol> {
        let ours = self.usable_mechanisms().filter(|mechanism| mechanism.is_server()).map(Mechanism::name);
        self.sasl.details.iter().flat_map(|details| &details.offered).chain(ours)
    }

    /// Returns the host that the client asks for in its `sasl-init` (5.3.3.2).
    pub fn sasl_hostname(&self) -> Option<&Str> {
        self.sasl.details.as_ref()?.hostname.as_ref()
    }

    /// Returns the outcome that the server has sent (5.3.3.6).
    pub fn sasl_outcome(&self) -> Option<SaslCode> {
        self.sasl.details.as_ref()?.outcome
    }
}
