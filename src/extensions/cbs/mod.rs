//! Claims-based security: tokens that authorize a connection, put at its node `$cbs`.
//!
//! Sources: Azure's protocol guide and SDKs for put-token; OASIS amqp-cbs v1.0 CSD01 for set-token, in the form that
//! AMQP.Net Lite and SmallRye send it. [`CbsForm`] is the choice between the two.
//!
#![doc = include_str!("../../../docs/cbs.md")]

mod config;
mod token;

pub use config::{CbsConfig, CbsForm};
pub use token::Token;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};
use core::time::Duration;

use super::{RequestConfig, RequestEvent, RequestFailure, RequestId, Requests, Status, status::parse_answer};
use crate::{
    CommandError, Connection, Delivery, Event, Failure, Instant, SenderConfig, SessionId,
    spec::delivery_state::DeliveryState, types::Str,
};

/// Something that happened to a [`Cbs`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CbsEvent {
    /// A token can be put: the links are open, or a [temporary](CommandError::is_temporary) error is over.
    Ready,
    /// The peer has taken the token.
    Granted {
        /// The audience.
        audience: Str,
    },
    /// The peer has not taken the token. An earlier one of the audience stays in force until it expires.
    Refused {
        /// The audience.
        audience: Str,
        /// The status code; none if the peer rejected the message itself.
        status: Option<i32>,
        /// The condition, such as `amqp:unauthorized-access`.
        condition: Option<Str>,
        /// A text for people.
        description: Option<Str>,
    },
    /// There is no answer to the token. An earlier one of the audience stays in force until it expires.
    Failed {
        /// The audience.
        audience: Str,
        /// The reason.
        why: RequestFailure,
    },
    /// The token should be renewed now: [`put`](Cbs::put) another. Raised once for a token.
    RenewalDue {
        /// The audience.
        audience: Str,
    },
    /// The token has expired, and the peer may detach the links that need it.
    Expired {
        /// The audience.
        audience: Str,
    },
    /// The links have ended, so no token can be put until [`reattach`](Cbs::reattach). Tokens in force still expire.
    Closed {
        /// The reason, unless a link was closed without an error.
        failure: Option<Arc<Failure>>,
    },
}

/// The tokens of a connection, by audience. The [module](self) has an example.
///
/// What it keeps grows with the audiences that are put, and never by what the peer sends.
#[derive(Debug)]
pub struct Cbs {
    requests: Requests,
    form: CbsForm,
    node: Str,
    request_config: RequestConfig,
    renew_before: Duration,
    audiences: BTreeMap<Str, Audience>,
    in_flight: BTreeMap<RequestId, Str>,
    timers: BTreeSet<(Instant, Timer, Str)>,
    events: VecDeque<CbsEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Renew,
    Expire,
}

#[derive(Debug, Default)]
struct Audience {
    /// The token that the peer has not answered yet.
    put: Option<Put>,
    /// The token in force, if its lifetime is known.
    granted: Option<Granted>,
}

#[derive(Clone, Copy, Debug)]
struct Put {
    at: Instant,
    lifetime: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Granted {
    renew_at: Instant,
    expires_at: Instant,
}

impl Cbs {
    /// Attaches to the node for tokens. Form and node are by the peer's open, unless the configuration has them.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if the peer's open has not arrived and the configuration has no form; and those of
    /// [`Requests::attach`].
    pub fn attach(
        connection: &mut Connection,
        session: SessionId,
        config: CbsConfig,
    ) -> Result<Self, CommandError> {
        let open = connection.remote_open();
        let Some(form) = config.form.or_else(|| open.map(CbsForm::of)) else {
            return Err(CommandError::IllegalState("the peer's open has not arrived"));
        };
        let node = config.node.or_else(|| open.map(|open| form.node(open)));
        let node = node.unwrap_or(Str::from_static(CbsForm::NODE));
        let requests = attach_links(connection, session, form, node.clone(), config.requests.clone())?;
        Ok(Self {
            requests,
            form,
            node,
            request_config: config.requests,
            renew_before: config.renew_before,
            audiences: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            timers: BTreeSet::new(),
            events: VecDeque::new(),
        })
    }

    /// Attaches to the node again, after [`Closed`](CbsEvent::Closed). [`Ready`](CbsEvent::Ready) follows.
    ///
    /// Tokens in force stay, with their times. A service can close idle links: Service Bus does so after ten minutes.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if the links have not ended; and those of [`attach`](Self::attach).
    pub fn reattach(&mut self, connection: &mut Connection, session: SessionId) -> Result<(), CommandError> {
        if !self.requests.is_closed() {
            return Err(CommandError::IllegalState("the links for tokens have not ended"));
        }
        let (node, config) = (self.node.clone(), self.request_config.clone());
        let requests = attach_links(connection, session, self.form, node, config)?;
        // An answer to a request on the links before must not match one on these.
        self.requests = requests.numbered_after(&self.requests);
        Ok(())
    }

    /// Returns the form in which tokens are put.
    pub const fn form(&self) -> CbsForm {
        self.form
    }

    /// Returns the links and their pending requests.
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// True if a token of the audience is in force: it was granted, and has not expired. A token without a
    /// [`lifetime`](Token::lifetime) does not expire here.
    pub fn is_granted(&self, audience: &str) -> bool {
        self.audiences.get(audience).is_some_and(|audience| audience.granted.is_some())
    }

    /// Puts a token, the first one of its audience or another.
    ///
    /// [`Granted`](CbsEvent::Granted), [`Refused`](CbsEvent::Refused) or [`Failed`](CbsEvent::Failed) follows. The
    /// token's lifetime begins now.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if another token of the audience has no answer yet, and those of
    /// [`Requests::send`].
    pub fn put(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        token: Token,
    ) -> Result<RequestId, CommandError> {
        if self.audiences.get(token.audience()).is_some_and(|audience| audience.put.is_some()) {
            return Err(CommandError::IllegalState("a token of this audience has no answer yet"));
        }
        let id = self.requests.send(now, connection, token.to_message(self.form), None)?;
        let audience = token.audience_str().clone();
        let put = Put { at: now, lifetime: token.lifetime_duration() };
        self.audiences.entry(audience.clone()).or_default().put = Some(put);
        self.in_flight.insert(id, audience);
        Ok(id)
    }

    /// Forgets an audience: no event follows for it.
    pub fn forget(&mut self, audience: &str) {
        if let Some(forgotten) = self.audiences.remove(audience) {
            self.in_flight.retain(|_, other| *other != audience);
            self.disarm(audience, forgotten.granted);
        }
    }

    /// Closes the links. Tokens that have no answer yet fail.
    pub fn close(&mut self, connection: &mut Connection) {
        self.requests.close(connection);
        self.take_events();
    }

    /// Takes an event of the connection, and returns it if it is not about one of the links.
    pub fn handle(&mut self, now: Instant, connection: &mut Connection, event: Event) -> Option<Event> {
        let event = self.requests.handle(now, connection, event);
        self.take_events();
        event
    }

    /// Returns the next event.
    pub fn poll_event(&mut self) -> Option<CbsEvent> {
        self.events.pop_front()
    }

    /// Returns the earliest time at which a token has to be renewed, expires, or is answered too late.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, ..)| *at);
        [timer, self.requests.poll_timeout()].into_iter().flatten().min()
    }

    /// Raises the events whose time has been reached, in the order of their times for each token.
    pub fn handle_timeout(&mut self, now: Instant, connection: &mut Connection) {
        self.requests.handle_timeout(now, connection);
        self.take_events();
        while self.timers.first().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, timer, audience)) = self.timers.pop_first() else { return };
            let Some(state) = self.audiences.get_mut(&audience) else { continue };
            match timer {
                // A token that is under way is the renewal.
                Timer::Renew if state.put.is_some() => {}
                Timer::Renew => self.events.push_back(CbsEvent::RenewalDue { audience }),
                Timer::Expire => {
                    state.granted = None;
                    if state.put.is_none() {
                        self.audiences.remove(&audience);
                    }
                    self.events.push_back(CbsEvent::Expired { audience });
                }
            }
        }
    }

    /// Turns events of the requests into those of tokens.
    fn take_events(&mut self) {
        while let Some(event) = self.requests.poll_event() {
            match event {
                RequestEvent::Ready => self.events.push_back(CbsEvent::Ready),
                RequestEvent::Answered { id, delivery } => self.on_answer(id, &delivery),
                RequestEvent::Accepted { id } => {
                    if let Some((audience, put)) = self.take_put(id) {
                        self.grant(audience, put);
                    }
                }
                RequestEvent::Failed { id, why } => self.on_failure(id, why),
                RequestEvent::Closed { failure } => self.events.push_back(CbsEvent::Closed { failure }),
            }
        }
    }

    fn on_answer(&mut self, id: RequestId, delivery: &Delivery) {
        let answer = parse_answer(delivery.payload.clone());
        let status = answer.ok().and_then(|answer| Status::read(&answer).ok());
        let Some((audience, put)) = self.take_put(id) else { return };
        match status {
            Some(status) if status.is_success() => self.grant(audience, put),
            Some(Status { code, description, condition }) => {
                self.drop_unless_granted(&audience);
                self.events.push_back(CbsEvent::Refused {
                    audience,
                    status: Some(code),
                    condition,
                    description,
                });
            }
            None => {
                self.drop_unless_granted(&audience);
                self.events.push_back(CbsEvent::Failed { audience, why: RequestFailure::Malformed });
            }
        }
    }

    fn on_failure(&mut self, id: RequestId, why: RequestFailure) {
        let Some((audience, _)) = self.take_put(id) else { return };
        self.drop_unless_granted(&audience);
        let event = match why {
            // A set-token is answered by its outcome.
            RequestFailure::NotAccepted(Some(DeliveryState::Rejected(rejected))) => {
                let error = rejected.error.as_ref();
                CbsEvent::Refused {
                    audience,
                    status: None,
                    condition: error.map(|error| error.condition.as_str().into()),
                    description: error.and_then(|error| error.description.as_ref()).map(Str::detach),
                }
            }
            why => CbsEvent::Failed { audience, why },
        };
        self.events.push_back(event);
    }

    /// Ends the wait for an answer.
    fn take_put(&mut self, id: RequestId) -> Option<(Str, Put)> {
        let audience = self.in_flight.remove(&id)?;
        let put = self.audiences.get_mut(&audience)?.put.take()?;
        Some((audience, put))
    }

    fn grant(&mut self, audience: Str, put: Put) {
        let replaced = self.audiences.get(&audience).and_then(|state| state.granted);
        self.disarm(&audience, replaced);
        let granted = match put.lifetime {
            Some(lifetime) => {
                let renew_at = put.at.saturating_add(renewal_after(lifetime, self.renew_before));
                let expires_at = put.at.saturating_add(lifetime);
                self.timers.insert((renew_at, Timer::Renew, audience.clone()));
                self.timers.insert((expires_at, Timer::Expire, audience.clone()));
                Granted { renew_at, expires_at }
            }
            None => Granted { renew_at: NEVER, expires_at: NEVER },
        };
        self.audiences.entry(audience.clone()).or_default().granted = Some(granted);
        self.events.push_back(CbsEvent::Granted { audience });
    }

    fn disarm(&mut self, audience: &str, granted: Option<Granted>) {
        if let Some(Granted { renew_at, expires_at }) = granted {
            self.timers.remove(&(renew_at, Timer::Renew, audience.into()));
            self.timers.remove(&(expires_at, Timer::Expire, audience.into()));
        }
    }

    fn drop_unless_granted(&mut self, audience: &Str) {
        if self.audiences.get(audience).is_some_and(|state| state.granted.is_none()) {
            self.audiences.remove(audience);
        }
    }
}

fn attach_links(
    connection: &mut Connection,
    session: SessionId,
    form: CbsForm,
    node: Str,
    config: RequestConfig,
) -> Result<Requests, CommandError> {
    match form {
        CbsForm::PutToken => Requests::attach(connection, session, node, config),
        CbsForm::SetToken => {
            let sender = connection.session(session)?.attach_sender(SenderConfig::to(node))?;
            Requests::over(connection, sender, None, config)
        }
    }
}

/// The time of a timer that is not set.
const NEVER: Instant = Instant::from_millis(u64::MAX);

/// Returns how long after it was put a token is to be renewed: at three quarters of its lifetime or `before` its end,
/// the earlier of the two, but never in the first half.
fn renewal_after(lifetime: Duration, before: Duration) -> Duration {
    let half = lifetime.checked_div(2).unwrap_or_default();
    let three_quarters = half.saturating_add(half.checked_div(2).unwrap_or_default());
    three_quarters.min(lifetime.saturating_sub(before)).max(half)
}
