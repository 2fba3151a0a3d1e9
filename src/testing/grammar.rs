//! A checker of the order in which a connection raises its events.

use alloc::collections::BTreeMap;

use crate::{Event, LinkId, SessionId};

/// The progress of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Known,
    Open,
    Detached,
    Ended,
}

/// Follows the events of one connection, and panics if they break the grammar of [`Event`]: for each id at most one
/// `*_OPEN` and exactly one end, children before their parents, and silence after the end.
///
/// ```should_panic
/// use amqp_proto::{Event, testing::Grammar};
///
/// let mut grammar = Grammar::new();
/// grammar.note(&Event::ConnectionOpen);
/// grammar.note(&Event::ConnectionOpen);
/// ```
#[derive(Clone, Debug)]
pub struct Grammar {
    connection: Phase,
    asked: bool,
    sessions: BTreeMap<SessionId, Phase>,
    links: BTreeMap<LinkId, Phase>,
    sessions_of: BTreeMap<LinkId, SessionId>,
}

impl Default for Grammar {
    fn default() -> Self {
        Self::new()
    }
}

impl Grammar {
    /// Creates a checker that has seen no event.
    pub const fn new() -> Self {
        Self {
            connection: Phase::Known,
            asked: false,
            sessions: BTreeMap::new(),
            links: BTreeMap::new(),
            sessions_of: BTreeMap::new(),
        }
    }

    /// Registers a session that a command of ours began.
    ///
    /// # Panics
    /// If the id has been used.
    pub fn began(&mut self, session: SessionId) {
        assert_eq!(self.sessions.insert(session, Phase::Known), None, "{session} is used twice");
    }

    /// Registers a link that a command of ours attached, on this session.
    ///
    /// # Panics
    /// If the id has been used.
    pub fn attached(&mut self, session: SessionId, link: impl Into<LinkId>) {
        let link = link.into();
        self.sessions_of.insert(link, session);
        assert_eq!(self.links.insert(link, Phase::Known), None, "{link} is used twice");
    }

    /// Registers that we refused the session: no event may follow for it.
    pub fn refused_session(&mut self, session: SessionId) {
        self.sessions.insert(session, Phase::Ended);
    }

    /// Registers that we refused the link: no event may follow for it.
    pub fn refused_link(&mut self, link: impl Into<LinkId>) {
        self.links.insert(link.into(), Phase::Ended);
    }

    /// True if the connection's last event has been noted.
    pub fn is_over(&self) -> bool {
        self.connection == Phase::Ended
    }

    /// True if the last event of every session and link has been noted.
    pub fn all_ended(&self) -> bool {
        self.sessions.values().all(|phase| *phase == Phase::Ended)
            && self.links.values().all(|phase| matches!(phase, Phase::Ended | Phase::Detached))
    }

    /// Iterates over all links seen so far, in the order of their ids.
    pub fn links(&self) -> impl Iterator<Item = LinkId> {
        self.links.keys().copied()
    }

    /// Checks the next event.
    ///
    /// # Panics
    /// If it breaks the grammar.
    pub fn note(&mut self, event: &Event) {
        assert!(!self.is_over(), "{event:?} after the connection's end");
        match event {
            Event::ConnectionRequested => assert!(!core::mem::replace(&mut self.asked, true), "asked twice"),
            Event::ConnectionOpen => {
                assert_eq!(self.connection, Phase::Known, "opened twice");
                self.connection = Phase::Open;
            }
            Event::ConnectionClosed | Event::ConnectionError(_) => {
                assert!(self.all_ended(), "{event:?} before its children's end: {self:?}");
                self.connection = Phase::Ended;
            }
            Event::SessionRequested { session } => self.began(*session),
            Event::SessionOpen { session } => {
                let was = self.sessions.insert(*session, Phase::Open);
                // With `auto_accept_sessions` there is no SESSION_REQUESTED.
                assert!(matches!(was, None | Some(Phase::Known)), "{event:?} after {was:?}");
            }
            Event::SessionClosed { session } | Event::SessionError { session, .. } => {
                self.session_ends(*session)
            }
            Event::SenderRequested { session, sender } => self.link_requested(*session, (*sender).into()),
            Event::ReceiverRequested { session, receiver } => {
                self.link_requested(*session, (*receiver).into());
            }
            Event::SenderOpen { sender } => self.link_opens((*sender).into()),
            Event::ReceiverOpen { receiver } => self.link_opens((*receiver).into()),
            Event::SenderClosed { sender, .. } | Event::SenderError { sender, .. } => {
                self.link_ends((*sender).into(), Phase::Ended);
            }
            Event::ReceiverClosed { receiver, .. } | Event::ReceiverError { receiver, .. } => {
                self.link_ends((*receiver).into(), Phase::Ended);
            }
            Event::SenderDetached { sender, .. } => self.link_ends((*sender).into(), Phase::Detached),
            Event::ReceiverDetached { receiver } => self.link_ends((*receiver).into(), Phase::Detached),
            Event::SenderReady { sender }
            | Event::SenderCredit { sender }
            | Event::SenderDrain { sender } => {
                self.link_is((*sender).into(), false, event);
            }
            Event::LinkProperties { link } => self.link_is(*link, false, event),
            Event::Delivery { receiver, .. }
            | Event::DeliveryBegun { receiver, .. }
            | Event::DeliveryData { receiver, .. }
            | Event::DeliveryAborted { receiver, .. }
            | Event::ReceiverAvailable { receiver }
            | Event::ReceiverDrained { receiver, .. } => self.link_is((*receiver).into(), false, event),
            Event::DeliverySettled { link, first, last, .. }
            | Event::DeliveryUpdated { link, first, last, .. } => {
                assert!(first <= last, "{event:?}");
                self.link_is(*link, true, event);
            }
            Event::SessionEchoed { session, .. } => {
                let phase = self.sessions.get(session);
                assert!(matches!(phase, Some(Phase::Known | Phase::Open)), "{event:?} after {phase:?}");
            }
            Event::LinkEchoed { link, .. } => {
                let phase = self.links.get(link);
                assert!(matches!(phase, Some(Phase::Known | Phase::Open)), "{event:?} after {phase:?}");
            }
            Event::SaslPending | Event::TlsReady => assert_eq!(self.connection, Phase::Known, "{event:?}"),
        }
    }

    fn session_ends(&mut self, session: SessionId) {
        let was = self.sessions.insert(session, Phase::Ended);
        assert!(
            matches!(was, Some(Phase::Known | Phase::Open)),
            "the end of session {session} after {was:?}"
        );
        let left = self.links.iter().find(|(link, phase)| {
            matches!(phase, Phase::Known | Phase::Open) && self.sessions_of.get(*link) == Some(&session)
        });
        assert_eq!(left, None, "session {session} ended before its link");
    }

    fn link_requested(&mut self, session: SessionId, link: LinkId) {
        assert_eq!(self.sessions.get(&session), Some(&Phase::Open), "{link} on session {session}");
        self.attached(session, link);
    }

    fn link_opens(&mut self, link: LinkId) {
        let was = self.links.insert(link, Phase::Open);
        assert_eq!(was, Some(Phase::Known), "{link} opens");
    }

    fn link_ends(&mut self, link: LinkId, end: Phase) {
        let was = self.links.insert(link, end);
        assert!(matches!(was, Some(Phase::Known | Phase::Open)), "the end of {link} after {was:?}");
    }

    fn link_is(&self, link: LinkId, late: bool, event: &Event) {
        let phase = self.links.get(&link);
        let fits = phase == Some(&Phase::Open) || (late && phase == Some(&Phase::Detached));
        assert!(fits, "{event:?} of a link that is {phase:?}");
    }
}
