//! The tokens of an agent's connection: which are due, and what has become of them.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::mem;

use super::registry::Callback;
use crate::{
    CommandError, Connection, Event, Instant, SessionConfig, SessionId,
    extensions::cbs::{Cbs, CbsConfig, CbsEvent, Token},
    types::{Escaped, Str},
};

pub(super) type TokenProvider = Box<dyn FnMut(&str) -> Option<Token>>;

/// An event of a token, to be reported to the callback of its audience.
pub(super) struct TokenEvent {
    pub(super) audience: Str,
    pub(super) name: &'static str,
    pub(super) detail: Option<String>,
}

/// The tokens of one connection, by audience, and the links that they are put on.
///
/// The links are attached when the first token is due, and again if they have ended and another one is.
pub(super) struct Tokens {
    config: CbsConfig,
    session: Option<SessionId>,
    cbs: Option<Cbs>,
    /// The links are attached, or being attached.
    is_attached: bool,
    /// The links may take a token.
    is_ready: bool,
    audiences: BTreeMap<Str, Audience>,
    events: VecDeque<TokenEvent>,
}

struct Audience {
    provider: TokenProvider,
    callback: Option<Callback>,
    next: Next,
    /// A token has no answer yet.
    is_in_flight: bool,
}

/// The next step for an audience.
enum Next {
    /// Nothing is due, or the application has yet to put the token.
    Nothing,
    /// The provider is to be asked.
    Ask,
    /// The token is to be put.
    Put(Token),
}

impl Tokens {
    pub(super) fn new(config: CbsConfig) -> Self {
        Self {
            config,
            session: None,
            cbs: None,
            is_attached: false,
            is_ready: false,
            audiences: BTreeMap::new(),
            events: VecDeque::new(),
        }
    }

    /// Adds an audience, or replaces its provider and callback. Its token is due at once.
    pub(super) fn authorize(&mut self, audience: Str, provider: TokenProvider, callback: Option<Callback>) {
        let is_in_flight = self.audiences.get(&audience).is_some_and(|audience| audience.is_in_flight);
        self.audiences.insert(audience, Audience { provider, callback, next: Next::Ask, is_in_flight });
    }

    /// Takes the token for an audience, in place of its provider's.
    pub(super) fn put(&mut self, token: Token) {
        match self.audiences.get_mut(token.audience()) {
            Some(audience) => audience.next = Next::Put(token),
            None => self.raise_error(token.audience().into(), &"the audience is not one to be authorized"),
        }
    }

    /// Forgets an audience: no event follows for it.
    pub(super) fn forget(&mut self, audience: &str) {
        if let Some(cbs) = &mut self.cbs {
            cbs.forget(audience);
        }
        self.events.retain(|event| event.audience != audience);
        self.audiences.remove(audience);
    }

    /// Returns the callback of an audience.
    pub(super) fn callback(&mut self, audience: &str) -> Option<&mut Callback> {
        self.audiences.get_mut(audience)?.callback.as_mut()
    }

    pub(super) fn poll_event(&mut self) -> Option<TokenEvent> {
        self.events.pop_front()
    }

    /// True if [`run`](Self::run) has something to do.
    pub(super) fn is_due(&self, engine: &Connection) -> bool {
        let can_run = engine.is_open() && (self.is_ready || !self.is_attached);
        !self.events.is_empty() || can_run && self.audiences.values().any(Audience::is_due)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.cbs.as_ref()?.poll_timeout()
    }

    /// Takes an event of the engine, and returns it if it is not about the session or links for tokens.
    pub(super) fn handle(&mut self, now: Instant, engine: &mut Connection, event: Event) -> Option<Event> {
        match &event {
            Event::SessionOpen { session } if Some(*session) == self.session => return None,
            Event::SessionClosed { session } | Event::SessionError { session, .. }
                if Some(*session) == self.session =>
            {
                self.session = None;
                return None;
            }
            _ => {}
        }
        let Some(cbs) = &mut self.cbs else { return Some(event) };
        let event = cbs.handle(now, engine, event);
        self.take_events();
        event
    }

    /// Raises what is due, asks for the tokens that are, and puts them. The provider runs here and nowhere else.
    pub(super) fn run(&mut self, now: Instant, engine: &mut Connection) {
        if let Some(cbs) = &mut self.cbs {
            cbs.handle_timeout(now, engine);
            self.take_events();
        }
        if !engine.is_open() || !self.audiences.values().any(Audience::is_due) {
            return;
        }
        if !self.is_attached
            && let Err(error) = self.attach(engine)
        {
            self.fail_due(&error);
        }
        if self.is_ready {
            self.put_due(now, engine);
        }
    }

    fn attach(&mut self, engine: &mut Connection) -> Result<(), CommandError> {
        let session = match self.session {
            Some(session) => session,
            None => *self.session.insert(engine.begin(SessionConfig::new())?),
        };
        match &mut self.cbs {
            Some(cbs) => cbs.reattach(engine, session)?,
            None => self.cbs = Some(Cbs::attach(engine, session, self.config.clone())?),
        }
        self.is_attached = true;
        Ok(())
    }

    fn put_due(&mut self, now: Instant, engine: &mut Connection) {
        let Some(cbs) = &mut self.cbs else { return };
        let mut errors = Vec::new();
        for (name, audience) in &mut self.audiences {
            if !audience.is_due() {
                continue;
            }
            let token = match mem::replace(&mut audience.next, Next::Nothing) {
                Next::Nothing => None,
                Next::Ask => (audience.provider)(name),
                Next::Put(token) => Some(token),
            };
            let Some(token) = token else { continue };
            if token.audience() != &**name {
                errors.push((name.clone(), "the token is for another audience".to_string()));
                continue;
            }
            match cbs.put(now, engine, token.clone()) {
                Ok(_) => audience.is_in_flight = true,
                // An event follows when the token may be put: `Ready`, or the answer to another one.
                Err(error) if error.is_temporary() || matches!(error, CommandError::LimitReached(_)) => {
                    audience.next = Next::Put(token);
                    self.is_ready = false;
                    break;
                }
                Err(error) => errors.push((name.clone(), error.to_string())),
            }
        }
        for (audience, error) in errors {
            self.raise_error(audience, &error);
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.cbs.as_mut().and_then(Cbs::poll_event) {
            match event {
                CbsEvent::Ready => self.is_ready = true,
                CbsEvent::Granted { audience } => {
                    self.on_answer(&audience);
                    self.events.push_back(TokenEvent { audience, name: "TOKEN_GRANTED", detail: None });
                }
                CbsEvent::Refused { audience, status, condition, description } => {
                    self.on_answer(&audience);
                    let texts = [condition, description].into_iter().flatten();
                    let texts = texts.map(|text| Escaped(&text).to_string());
                    let status = status.map(|status| status.to_string());
                    let texts: Vec<_> = status.into_iter().chain(texts).collect();
                    let why =
                        if texts.is_empty() { "the peer refuses the token".into() } else { texts.join(" ") };
                    self.raise_error(audience, &why);
                }
                CbsEvent::Failed { audience, why } => {
                    self.on_answer(&audience);
                    self.raise_error(audience, &why);
                }
                CbsEvent::RenewalDue { audience } => {
                    if let Some(audience) = self.audiences.get_mut(&audience) {
                        // A token that the application has put meanwhile is the renewal.
                        if matches!(audience.next, Next::Nothing) {
                            audience.next = Next::Ask;
                        }
                    }
                }
                CbsEvent::Expired { audience } => {
                    self.events.push_back(TokenEvent { audience, name: "TOKEN_EXPIRED", detail: None });
                }
                CbsEvent::Closed { failure } => {
                    (self.is_attached, self.is_ready) = (false, false);
                    match failure {
                        Some(failure) => self.fail_due(&failure.error),
                        None => self.fail_due(&"the links for tokens were closed"),
                    }
                }
            }
        }
    }

    fn on_answer(&mut self, audience: &str) {
        self.is_ready = self.is_attached;
        if let Some(audience) = self.audiences.get_mut(audience) {
            audience.is_in_flight = false;
        }
    }

    /// Raises an error for each token that is due: it cannot be put.
    pub(super) fn fail_due(&mut self, why: &dyn ToString) {
        let mut failed = Vec::new();
        for (name, audience) in &mut self.audiences {
            if !matches!(mem::replace(&mut audience.next, Next::Nothing), Next::Nothing) {
                failed.push(name.clone());
            }
        }
        failed.into_iter().for_each(|audience| self.raise_error(audience, why));
    }

    fn raise_error(&mut self, audience: Str, why: &dyn ToString) {
        let detail = Some(format!("{audience}: {}", why.to_string()));
        self.events.push_back(TokenEvent { audience, name: "TOKEN_ERROR", detail });
    }
}

impl Audience {
    fn is_due(&self) -> bool {
        !self.is_in_flight && !matches!(self.next, Next::Nothing)
    }
}
