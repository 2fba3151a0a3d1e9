//! Channels and the sessions on them (2.5.1 to 2.5.4).

use alloc::format;

use bytes::Bytes;

use super::{Connection, Shared, unknown_id};
use crate::{
    config::SessionConfig,
    context::Context,
    error::{Cause, CommandError, Failure, ProtocolError},
    event::Event,
    ids::SessionId,
    session::SessionEndpoint,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        performatives::{self, Detach, End, Performative},
    },
    state::{SessionState, SessionTrigger},
};

impl Connection {
    /// Begins a session, at once or as soon as the connection is open. It can be used right away.
    ///
    /// # Errors
    /// [`CommandError::LimitReached`] if no channel is left, [`CommandError::IllegalState`] if the connection is
    /// closing or closed, [`CommandError::FrameTooLarge`] if the begin is larger than the peer accepts.
    pub fn begin(&mut self, begin: SessionConfig) -> Result<SessionId, CommandError> {
        if self.cx.closing || self.is_write_closed() {
            return Err(CommandError::IllegalState("the connection is closed, or closing"));
        }
        let theirs = self.remote.as_ref().map_or(u16::MAX, |open| open.channel_max.get());
        let (channel, id) = self.place(begin, theirs).ok_or(CommandError::LimitReached("channel-max"))?;
        let opened = self.is_open();
        // 2.4.2: ahead of the peer's open, only what any peer accepts: channel 0 and small frames.
        let ahead = channel == 0 && self.can_pipeline();
        let Some((session, cx, _)) = self.on_channel(channel) else { return unknown_id() };
        session.begin_pending = true;
        if opened || ahead {
            let written = session.write_begin(cx);
            if opened && let Err(error) = written {
                self.remove(channel);
                return Err(error);
            }
        }
        Ok(id)
    }

    fn can_pipeline(&self) -> bool {
        use crate::state::ConnectionState::{OpenPipe, OpenSent};
        matches!(self.state, OpenPipe | OpenSent)
    }

    /// Puts a new session on the lowest free channel (2.5.1).
    fn place(&mut self, begin: SessionConfig, max: u16) -> Option<(u16, SessionId)> {
        let limit = max.min(self.shared.config.channel_max);
        let channel = self.sessions.lowest_free().filter(|channel| *channel <= limit)?;
        self.session_generations = self.session_generations.checked_add(1)?;
        let id = SessionId::new(self.session_generations, channel);
        self.sessions.insert(SessionEndpoint::new(id, channel, begin, &mut self.shared.epochs));
        Some((channel, id))
    }

    /// Begins the sessions that waited for the peer's open.
    pub(super) fn begin_staged(&mut self) {
        let max = self.remote.as_ref().map_or(u16::MAX, |open| open.channel_max.get());
        for channel in self.sessions.numbers() {
            let Some((session, cx, _)) = self.on_channel(channel) else { continue };
            if session.end_raised && session.state == SessionState::Unmapped {
                self.remove(channel);
                continue;
            }
            if !session.begin_pending {
                continue;
            }
            let why = if channel > max {
                "the peer's channel-max is reached"
            } else if session.write_begin(cx).is_err() {
                "the begin does not fit the peer's frames"
            } else {
                continue;
            };
            let failure = Failure::new(Cause::Refused, ErrorCondition::NotAllowed, why);
            session.raise_end(Some(&failure), cx);
            self.remove(channel);
        }
    }

    /// Answers the peer's begin (`SESSION_REQUESTED`).
    ///
    /// # Errors
    /// [`CommandError::UnknownId`] if the session is gone, [`CommandError::IllegalState`] if it has been
    /// answered or the connection has not.
    pub fn accept_session(&mut self, id: SessionId, begin: SessionConfig) -> Result<(), CommandError> {
        if !self.is_open() {
            return Err(CommandError::IllegalState("the connection is not open"));
        }
        let channel = id.slot();
        let Some((session, cx, _)) = self.on_channel(channel).filter(|(session, ..)| session.id == id) else {
            return unknown_id();
        };
        if session.state != SessionState::BeginRcvd {
            return Err(CommandError::IllegalState("the session's begin has been answered"));
        }
        session.configure(begin);
        session.write_begin(cx)?;
        self.replay(channel);
        Ok(())
    }

    /// Refuses the peer's begin (`SESSION_REQUESTED`): answers it, and ends the session with the error.
    ///
    /// # Errors
    /// As [`accept_session`](Self::accept_session).
    pub fn refuse_session(&mut self, id: SessionId, error: AmqpError) -> Result<(), CommandError> {
        let channel = id.slot();
        let Some((session, cx, _)) = self.on_channel(channel).filter(|(session, ..)| session.id == id) else {
            return unknown_id();
        };
        if session.state != SessionState::BeginRcvd {
            return Err(CommandError::IllegalState("the session's begin has been answered"));
        }
        let events = cx.events.len();
        // Not what an accept has said that did not fit.
        session.configure(SessionConfig::new());
        session.write_begin(cx)?;
        cx.events.truncate(events);
        session.end_raised = true;
        let bare = AmqpError::new(error.condition.clone());
        if session.end(Some(error), cx).is_err() {
            session.end(Some(bare), cx)?;
        }
        self.replay(channel);
        Ok(())
    }

    /// Takes up the frames that came before the session was answered.
    fn replay(&mut self, channel: u16) {
        while let Some((session, ..)) = self.on_channel(channel)
            && let Some((performative, payload)) = session.next_kept()
        {
            session.backlog_bytes = 0;
            let Some(from) = session.remote_channel else { return };
            let routed = match performative {
                Performative::End(end) => self.on_end(from, end),
                other => self.on_session_frame(from, other, payload),
            };
            if let Err(error) = routed {
                self.violate(error);
            }
        }
    }

    pub(super) fn session_on(&self, remote: u16) -> Option<&SessionEndpoint> {
        let channel = self.channels.get(usize::from(remote)).copied().flatten()?;
        self.sessions.get(channel)
    }

    fn channel_of(&self, remote: u16) -> Result<u16, ProtocolError> {
        let channel = self.channels.get(usize::from(remote)).copied().flatten();
        channel.ok_or_else(|| {
            let why = format!("no session on channel {remote}");
            ProtocolError::connection(ErrorCondition::NotAllowed, &why)
        })
    }

    fn map_channel(&mut self, remote: u16, channel: Option<u16>) {
        let at = usize::from(remote);
        if self.channels.len() <= at {
            // Bounded by the channel-max that we announced, which has been checked.
            self.channels.resize(at.saturating_add(1), None);
        }
        if let Some(place) = self.channels.get_mut(at) {
            *place = channel;
        }
    }

    pub(super) fn on_begin(
        &mut self,
        remote: u16,
        begin: &performatives::Begin,
        body: &[u8],
    ) -> Result<(), ProtocolError> {
        let illegal = |why| Err(ProtocolError::connection(ErrorCondition::NotAllowed, why));
        if self.session_on(remote).is_some() {
            return illegal("a begin on a channel in use");
        }
        if let Some(answered) = begin.remote_channel {
            let channel = answered.get();
            let Some((session, cx, shared)) = self.on_channel(channel) else {
                return illegal("a begin that answers none");
            };
            if session.state.next(SessionTrigger::RecvBegin).is_none()
                || session.state == SessionState::Unmapped
            {
                return illegal("a begin that answers none");
            }
            session.on_begin(begin, body, remote, cx);
            shared.queue(session);
            self.map_channel(remote, Some(channel));
            return Ok(());
        }
        let theirs = self.remote.as_ref().map_or(u16::MAX, |open| open.channel_max.get());
        let Some((channel, id)) = self.place(SessionConfig::new(), theirs) else {
            return Err(ProtocolError::connection(
                ErrorCondition::ResourceLimitExceeded,
                "no channel is left",
            ));
        };
        self.map_channel(remote, Some(channel));
        let auto_accept = self.shared.config.auto_accept_sessions;
        let Some((session, cx, _)) = self.on_channel(channel) else { return Ok(()) };
        session.on_begin(begin, body, remote, cx);
        if auto_accept {
            let written = session.write_begin(cx);
            return written.map_err(|error| {
                ProtocolError::connection(ErrorCondition::FrameSizeTooSmall, &format!("{error}"))
            });
        }
        cx.event(Event::SessionRequested { session: id });
        Ok(())
    }

    pub(super) fn on_end(&mut self, remote: u16, end: End) -> Result<(), ProtocolError> {
        let channel = self.channel_of(remote)?;
        let bytes = self.frame_bytes;
        let Some((session, cx, _)) = self.on_channel(channel) else { return Ok(()) };
        if session.state == SessionState::BeginRcvd {
            session.keep(Performative::End(end), Bytes::new(), bytes);
            return Ok(());
        }
        let failure = end.error.map(|error| Failure { cause: Cause::Peer, error: *error });
        if !session.apply(SessionTrigger::RecvEnd) {
            return Ok(());
        }
        if session.state == SessionState::EndRcvd {
            let _ = session.end(None, cx);
        }
        session.raise_end(failure.as_ref(), cx);
        self.map_channel(remote, None);
        self.remove(channel);
        Ok(())
    }

    /// Lets an open session have a frame, and sees to what that leaves behind.
    #[inline]
    pub(super) fn in_session(
        &mut self,
        channel: u16,
        receive: impl FnOnce(&mut SessionEndpoint, &mut Context, &mut Shared) -> Result<(), ProtocolError>,
    ) {
        let Some((session, cx, shared)) = self.on_channel(channel) else { return };
        let received = receive(session, cx, shared);
        session.purge_orphans(cx.limits.max_retained_unsettled);
        shared.queue(session);
        if let Err(error) = received {
            self.violate(error);
        }
    }

    /// A detach of an open session.
    pub(super) fn on_detach(&mut self, channel: u16, detach: Detach) {
        self.in_session(channel, |session, cx, shared| {
            if let Some(link) = session.link_on(detach.handle) {
                shared.timers.forget_link(link);
            }
            session.receive_detach(detach, cx)
        });
    }

    /// A frame of a session that has begun.
    pub(super) fn on_session_frame(
        &mut self,
        remote: u16,
        performative: Performative,
        payload: Bytes,
    ) -> Result<(), ProtocolError> {
        let channel = self.channel_of(remote)?;
        let bytes = self.frame_bytes;
        let Some((session, ..)) = self.on_channel(channel) else { return Ok(()) };
        match session.state {
            SessionState::Mapped => {
                match performative {
                    Performative::Detach(detach) => self.on_detach(channel, detach),
                    other => self.in_session(channel, |session, cx, shared| {
                        session.receive(other, payload, cx, &mut shared.links, &mut shared.epochs)
                    }),
                }
                Ok(())
            }
            SessionState::BeginRcvd => {
                session.keep(performative, payload, bytes);
                Ok(())
            }
            // 2.5.4, 2.5.5: nothing can be answered any more.
            _ => Ok(()),
        }
    }

    /// Forgets a session, but for deliveries that it leaves unsettled.
    pub(super) fn remove(&mut self, channel: u16) {
        let session = self.sessions.remove(channel);
        self.shared.dirty.remove(channel);
        self.shared.blocked.remove(channel);
        let Some(mut session) = session else { return };
        self.shared.timers.forget_session(session.id);
        #[cfg(feature = "testing")]
        self.reached.note(&session);
        let left = session.unsettled_len();
        if left == 0 || left > self.shared.config.limits.max_retained_unsettled {
            return;
        }
        session.release_all_but_unsettled();
        self.retained = self.retained.saturating_add(left);
        self.ended.push_back(session);
        while self.retained > self.shared.config.limits.max_retained_unsettled
            && let Some(oldest) = self.ended.pop_front()
        {
            self.retained = self.retained.saturating_sub(oldest.unsettled_len());
        }
    }
}
