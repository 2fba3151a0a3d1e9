//! Does on one side of the router what happens on the other: sessions, requests for links, and all ends.

use std::collections::BTreeMap;

use amqp_proto::{
    CommandError, Connection, Event, LinkId, ReceiverId, SenderId, SessionId,
    spec::definitions::{AmqpError, ErrorCondition},
};

use crate::{
    configs::session_config,
    held::Tally,
    links::{receiver_of, sender_of, unanswerable},
    route::{End, Route},
};

/// The number of deliveries that may wait for the far end: of all links, of one, and of one however many there are.
const AHEAD: usize = 512;
const AHEAD_OF_LINK: u32 = 64;
const LEAST_AHEAD: u32 = 1;

/// The most bytes of deliveries that wait. A connection of default limits may hold as many for its peer.
const MOST_HELD: usize = 64 << 20;

/// The sessions and links of one of the two connections.
#[derive(Default)]
pub struct Side {
    /// Each session's counterpart on the other side.
    pub sessions: BTreeMap<SessionId, SessionId>,
    /// The links that arrive here.
    pub routes: BTreeMap<ReceiverId, Route>,
    /// Those that are over.
    over: Vec<ReceiverId>,
    /// The bytes of all deliveries that arrived here and are kept.
    pub tally: Tally,
    /// The number of links that arrive here by each session.
    counts: BTreeMap<SessionId, usize>,
    /// The links that leave here, each by its receiver on the other side.
    pub senders: BTreeMap<SenderId, ReceiverId>,
    /// Links that the peer asks for, each with its session.
    requested: Vec<(SessionId, LinkId)>,
    /// The ended sessions, and the end of the connection. They wait for deliveries that are still to be sent.
    ended: BTreeMap<SessionId, Option<AmqpError>>,
    closed: Option<Option<AmqpError>>,
}

impl Side {
    pub fn insert(&mut self, route: Route) {
        *self.counts.entry(route.session).or_default() += 1;
        self.routes.insert(route.receiver, route);
    }

    pub fn remove(&mut self, receiver: ReceiverId) -> Option<Route> {
        let route = self.routes.remove(&receiver)?;
        if let Some(count) = self.counts.get_mut(&route.session) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&route.session);
            }
        }
        Some(route)
    }

    /// Calls `act` on a link, with the number of deliveries that its near end may send ahead. Returns false if too much
    /// waits then.
    pub fn with(&mut self, receiver: ReceiverId, act: impl FnOnce(&mut Route, u32)) -> bool {
        let ahead = u32::try_from(AHEAD / self.routes.len().max(1)).unwrap_or(u32::MAX);
        let Some(route) = self.routes.get_mut(&receiver) else { return true };
        act(route, ahead.clamp(LEAST_AHEAD, AHEAD_OF_LINK));
        if route.is_over() {
            self.over.push(receiver);
        }
        self.tally.bytes() <= MOST_HELD
    }
}

/// Two connections that mirror each other.
#[derive(Default)]
pub struct Mirror(pub [Side; 2]);

impl Mirror {
    /// Passes on an event of the near side.
    ///
    /// The errors of commands mean that the far side's session or link is ending. Its event follows, and is passed on.
    pub fn handle(&mut self, side: usize, near: &mut Connection, far: &mut Connection, event: Event) {
        match event {
            // The far side is the client's, unless it has opened already.
            Event::ConnectionOpen => drop(far.open()),
            Event::ConnectionClosed => self.0[side].closed = Some(None),
            Event::ConnectionError(failure) => self.0[side].closed = Some(Some(failure.error.clone())),
            Event::SessionRequested { session } => self.begin(side, near, far, session),
            Event::SessionOpen { session } => {
                if let Some(other) = self.0[side].sessions.get(&session)
                    && let Some(error) =
                        unanswerable(far.accept_session(*other, session_config(near, session)))
                {
                    let _ = far.refuse_session(*other, error.clone());
                    let _ = near.session(session).and_then(|mut session| session.end(Some(error)));
                }
            }
            Event::SessionClosed { session } => drop(self.0[side].ended.insert(session, None)),
            Event::SessionError { session, failure } => {
                self.0[side].ended.insert(session, Some(failure.error.clone()));
            }
            Event::ReceiverRequested { session, receiver } => {
                self.0[side].requested.push((session, receiver.into()));
            }
            Event::SenderRequested { session, sender } => {
                self.0[side].requested.push((session, sender.into()));
            }
            event => match (receiver_of(&event), sender_of(&event)) {
                (Some(receiver), _) => self.on_receiver(side, near, far, receiver, event),
                (_, Some(sender)) => self.on_sender(side, near, far, sender, event),
                _ => {}
            },
        }
        self.pass_on_ends(side, far);
        // What waited on the far side may have been sent to the near side now.
        self.pass_on_ends(1 - side, near);
        self.attach_requested(side, near, far);
        self.attach_requested(1 - side, far, near);
    }

    /// Attaches the links that are requested. One whose name is still in use on the far side waits: the near side's peer
    /// may attach a link again as soon as the near side has answered its detach.
    fn attach_requested(&mut self, side: usize, near: &mut Connection, far: &mut Connection) {
        for (session, link) in std::mem::take(&mut self.0[side].requested) {
            let done = match link {
                LinkId::Receiver(receiver) => self.attach_sender(side, near, far, session, receiver),
                LinkId::Sender(sender) => self.attach_receiver(side, near, far, session, sender),
            };
            let _ = match (done, link) {
                (Ok(()), _) => Ok(()),
                // The far side's session or connection may be ending too. Then there is none at the next event.
                (Err(CommandError::IllegalState(_)), _) => {
                    self.0[side].requested.push((session, link));
                    Ok(())
                }
                (Err(error), LinkId::Receiver(receiver)) => near.refuse_receiver(receiver, refusal(error)),
                (Err(error), LinkId::Sender(sender)) => near.refuse_sender(sender, refusal(error)),
            };
        }
    }

    fn begin(&mut self, side: usize, near: &mut Connection, far: &mut Connection, session: SessionId) {
        match far.begin(session_config(near, session)) {
            Ok(other) => {
                self.0[side].sessions.insert(session, other);
                self.0[1 - side].sessions.insert(other, session);
            }
            Err(error) => drop(near.refuse_session(session, refusal(error))),
        }
    }

    /// Passes on ends, those of links first. A link without an error first sends on what waits for the far end.
    fn pass_on_ends(&mut self, side: usize, far: &mut Connection) {
        let [a, b] = &mut self.0;
        let (here, there) = if side == 0 { (a, b) } else { (b, a) };
        for receiver in std::mem::take(&mut here.over) {
            let Some(route) = here.remove(receiver) else { continue };
            let Some(end) = route.end else { continue };
            there.senders.remove(&route.sender);
            let _ = match end {
                End::Detached => far.sender(route.sender).and_then(|mut link| link.detach(None)),
                End::Closed(error) => far
                    .refuse_sender(route.sender, error.clone().unwrap_or_default())
                    .or_else(|_| far.sender(route.sender)?.close(error)),
            };
        }
        let ended = here.ended.keys().copied().filter(|session| !here.counts.contains_key(session));
        for session in ended.collect::<Vec<_>>() {
            let error = here.ended.remove(&session).flatten();
            let Some(other) = here.sessions.remove(&session) else { continue };
            there.sessions.remove(&other);
            let _ = far
                .refuse_session(other, error.clone().unwrap_or_default())
                .or_else(|_| far.session(other)?.end(error));
        }
        if here.sessions.is_empty()
            && let Some(error) = here.closed.take()
        {
            let _ = far.close(error);
        }
    }
}

fn refusal(error: CommandError) -> AmqpError {
    AmqpError::described(ErrorCondition::ResourceLimitExceeded, error.to_string())
}
