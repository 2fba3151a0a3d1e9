//! Channels and the sessions on them (2.5.1 to 2.5.4).

use alloc::{boxed::Box, format};

use super::{Connection, receive::not_allowed, unknown_session};
use crate::{
    config::SessionConfig,
    context::Context,
    error::{Cause, CommandError, Failure, ProtocolError},
    event::Event,
    ids::SessionId,
    session::{SessionEnd, SessionEndpoint},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        performatives::{Begin, End},
    },
    state::{ConnectionState, SessionState, SessionTrigger},
    timer::Timer,
};

impl Connection {
    /// Begins a session, at once or as soon as the connection is open. It can be used right away.
    ///
    /// # Errors
    /// [`CommandError::LimitReached`] if no channel is left, or no id, of which a connection has 2³¹ for sessions;
    /// [`CommandError::IllegalState`] if the connection is
    /// closing or closed, [`CommandError::FrameTooLarge`] if the begin is larger than the peer accepts.
    pub fn begin(&mut self, config: SessionConfig) -> Result<SessionId, CommandError> {
        if self.cx.close_pending || self.is_write_closed() {
            return Err(CommandError::IllegalState("the connection is closed, or closing (2.4.3)"));
        }
        let (channel, id) = self.insert_session(config)?;
        let opened = self.is_open();
        // 2.4.2: ahead of the peer's open, only frames that any peer accepts: small ones on channel 0.
        let ahead =
            channel == 0 && matches!(self.state, ConnectionState::OpenPipe | ConnectionState::OpenSent);
        let Some((session, cx)) = self.session_on(channel) else { return unknown_session() };
        session.begin_pending = true;
        if opened || ahead {
            let written = session.write_begin(cx);
            if opened && let Err(error) = written {
                self.remove_session(channel);
                return Err(error);
            }
            if opened {
                cx.timers.set(Timer::Session(id), cx.config.timeouts.begin);
            }
        }
        Ok(id)
    }

    /// Returns the highest channel number that the peer accepts, as far as is known.
    fn remote_channel_max(&self) -> u16 {
        self.remote_open.as_ref().map_or(u16::MAX, |open| open.channel_max.get())
    }

    /// Stores a new session under the lowest free channel (2.5.1).
    fn insert_session(&mut self, config: SessionConfig) -> Result<(u16, SessionId), CommandError> {
        let max = self.remote_channel_max().min(self.cx.config.channel_max);
        let channel = self.sessions.lowest_free().filter(|channel| *channel <= max);
        let channel = channel.ok_or(CommandError::LimitReached("channel-max"))?;
        let epochs = self.cx.next_delivery_epoch().zip(self.cx.next_delivery_epoch());
        let (Some(generation), Some(epochs)) = (self.session_generations.checked_add(1), epochs) else {
            return Err(CommandError::LimitReached("sessions of a connection"));
        };
        self.session_generations = generation;
        let id = SessionId::new(generation, channel);
        self.sessions.insert(SessionEndpoint::new(id, channel, config, epochs));
        Ok((channel, id))
    }

    /// Begins the sessions that waited for the peer's open. The peer can answer those sent ahead too, from now on.
    pub(super) fn write_pending_begins(&mut self) {
        let max = self.remote_channel_max();
        for channel in self.sessions.numbers() {
            let Some((session, cx)) = self.session_on(channel) else { continue };
            if session.end_raised && session.state == SessionState::Unmapped {
                self.remove_session(channel);
                continue;
            }
            let id = session.id;
            if session.state == SessionState::BeginSent && !session.end_pending {
                cx.timers.set(Timer::Session(id), cx.config.timeouts.begin);
            }
            if !session.begin_pending {
                continue;
            }
            let why = if channel > max {
                format!("channel {channel} is above the peer's channel-max of {max} (2.7.1)")
            } else if session.write_begin(cx).is_err() {
                format!("the begin does not fit the peer's max-frame-size of {} (2.7.1)", cx.max_frame_size)
            } else {
                cx.timers.set(Timer::Session(id), cx.config.timeouts.begin);
                continue;
            };
            let failure = Failure::new(Cause::Refused, ErrorCondition::NotAllowed, why);
            let _ = session.end(SessionEnd::Failure(failure.into()), cx);
            self.remove_session(channel);
        }
    }

    /// Answers the peer's begin (`SESSION_REQUESTED`). If the session was gone before it was answered, and its last
    /// event has not been polled, that event follows.
    ///
    /// # Errors
    /// [`CommandError::UnknownSession`] if the session's last event has been polled, [`CommandError::IllegalState`] if it has been
    /// answered or the connection has not, [`CommandError::FrameTooLarge`] if the begin is larger than the peer
    /// accepts.
    pub fn accept_session(&mut self, id: SessionId, config: SessionConfig) -> Result<(), CommandError> {
        if self.cx.is_withdrawn(id) {
            return Ok(());
        }
        if !self.is_open() {
            return Err(CommandError::IllegalState("the connection is not open (2.4.1)"));
        }
        self.answer_begin(id, config)?;
        self.receive_deferred_on(id.slot());
        Ok(())
    }

    /// Refuses the peer's begin (`SESSION_REQUESTED`): answers it, and ends the session with the error. If the error is
    /// larger than the peer accepts, its condition is sent alone. No event follows for this id.
    ///
    /// # Errors
    /// As [`accept_session`](Self::accept_session); [`CommandError::FrameTooLarge`] if the condition alone is too large.
    pub fn refuse_session(&mut self, id: SessionId, error: AmqpError) -> Result<(), CommandError> {
        if self.cx.is_withdrawn(id) {
            self.cx.remove_events(|event| event.ended_session() == Some(id));
            self.cx.forget_withdrawn(id);
            return Ok(());
        }
        let bare = End { error: Some(Box::new(AmqpError::new(error.condition.clone()))) };
        Context::check_fits(&bare, self.cx.max_frame_size)?;
        let events = self.cx.events.len();
        // Not the settings of an accept that did not fit the peer's frames.
        self.answer_begin(id, SessionConfig::new())?;
        // No `SESSION_OPEN` for a session that ends at once.
        self.cx.events.truncate(events);
        if let Some((session, cx)) = self.session_on(id.slot()) {
            cx.answering(|cx| session.end(SessionEnd::Refusal(error.into()), cx))?;
        }
        self.receive_deferred_on(id.slot());
        Ok(())
    }

    fn answer_begin(&mut self, id: SessionId, config: SessionConfig) -> Result<(), CommandError> {
        let Some((session, cx)) = self.session_on(id.slot()).filter(|(session, _)| session.id == id) else {
            return unknown_session();
        };
        if session.state != SessionState::BeginRcvd {
            return Err(CommandError::IllegalState("the session's begin has been answered (2.5.1)"));
        }
        session.configure(config);
        cx.answering(|cx| session.write_begin(cx))
    }

    /// Handles the frames that arrived before the session was answered.
    fn receive_deferred_on(&mut self, channel: u16) {
        if let Some((session, cx)) = self.session_on(channel)
            && session.deferred_bytes() > 0
        {
            let deferred = session.take_deferred();
            let _ = session.charge(cx);
            self.receive_deferred(deferred);
        }
    }

    /// Returns our channel of the session that the peer's channel stands for.
    #[inline]
    pub(super) fn local_channel(&self, remote: u16) -> Option<u16> {
        self.channels.get(remote)
    }

    /// As [`local_channel`](Self::local_channel); a channel without a session ends the connection.
    #[inline]
    pub(super) fn mapped_channel(&self, remote: u16) -> Result<u16, ProtocolError> {
        match self.local_channel(remote) {
            Some(channel) => Ok(channel),
            None => unmapped(remote),
        }
    }

    /// Handles the peer's begin, the answer to ours or a request. `body` is its encoding.
    pub(super) fn on_begin(&mut self, remote: u16, begin: &Begin, body: &[u8]) -> Result<(), ProtocolError> {
        if let Some(channel) = self.local_channel(remote)
            && self.sessions.get(channel).is_some()
        {
            return channel_in_use(remote);
        }
        if let Some(answered) = begin.remote_channel {
            let channel = answered.get();
            let Some((session, cx)) = self.session_on(channel) else {
                return answers_no_begin(channel, "no session");
            };
            if session.state == SessionState::Unmapped
                || session.state.next(SessionTrigger::RecvBegin).is_none()
            {
                return answers_no_begin(channel, session.state.name());
            }
            if !session.on_begin(begin, body, remote, cx) {
                let _ = session.end(SessionEnd::Violation(Box::new(no_memory())), cx);
            }
            session.schedule(cx);
            self.channels.insert(remote, channel);
            return Ok(());
        }
        let size = body.len().saturating_add(size_of::<SessionEndpoint>());
        let is_refused = !self.cx.account.has_room_for(size) && !self.make_room_for(size);
        if is_refused && !self.cx.account.has_reserve_for(size) {
            return Err(ProtocolError::Connection(Box::new(no_memory())));
        }
        let Ok((channel, id)) = self.insert_session(SessionConfig::new()) else {
            return no_channel(self.remote_channel_max().min(self.cx.config.channel_max));
        };
        self.channels.insert(remote, channel);
        let auto_accept = self.cx.config.auto_accept_sessions;
        let Some((session, cx)) = self.session_on(channel) else { return Ok(()) };
        session.on_begin(begin, body, remote, cx);
        if is_refused {
            self.refuse_session(id, no_memory()).map_err(unwritable)?;
            if let Some((session, cx)) = self.session_on(channel) {
                session.release_if_discarding(cx);
            }
            return Ok(());
        }
        if auto_accept {
            let written = session.write_begin(cx);
            return written.map_err(unwritable);
        }
        cx.answerable_event(Event::SessionRequested { session: id }, 0);
        Ok(())
    }

    /// Frees what nobody needs: deliveries that ended sessions and closed links left, and spare room. Returns true if that
    /// many bytes have room then.
    #[cold]
    fn make_room_for(&mut self, bytes: usize) -> bool {
        self.retained = 0;
        for mut session in self.ended.drain(..) {
            session.discharge(&mut self.cx);
        }
        for session in self.sessions.iter_mut() {
            session.make_room_for_others(&mut self.cx);
        }
        self.cx.account.has_room_for(bytes)
    }

    pub(super) fn on_end(&mut self, remote: u16, end: End) -> Result<(), ProtocolError> {
        let channel = self.mapped_channel(remote)?;
        let Some((session, cx)) = self.session_on(channel) else { return Ok(()) };
        if session.end(SessionEnd::PeerEnd(end.error), cx).is_ok() {
            self.channels.remove(remote);
            self.remove_session(channel);
        }
        Ok(())
    }

    /// Removes a session. The deliveries that it leaves unsettled can still be asked for.
    pub(super) fn remove_session(&mut self, channel: u16) {
        let session = self.sessions.remove(channel);
        self.cx.to_flush.remove_and_free(channel);
        self.cx.blocked_senders.remove_and_free(channel);
        self.cx.waiting_sessions.remove(channel);
        let Some(mut session) = session else { return };
        session.discharge(&mut self.cx);
        self.cx.timers.cancel_session(channel);
        #[cfg(feature = "testing")]
        self.cx.reached.extend(&session.reached());
        let (unsettled, max) = (session.unsettled_len(), self.cx.config.limits.max_retained_unsettled);
        if unsettled == 0 || max == 0 {
            return;
        }
        session.release_all_but_unsettled();
        let _ = session.charge(&mut self.cx);
        self.retained = self.retained.saturating_add(unsettled);
        self.ended.push_back(session);
        while let Some(oldest) = self.ended.front_mut()
            && (self.retained > max || self.cx.account.is_half_full())
        {
            let excess = self.retained.saturating_sub(max);
            self.retained = self
                .retained
                .saturating_sub(oldest.forget_oldest(excess.max(oldest.unsettled_len() / 8).max(1)));
            oldest.discharge(&mut self.cx);
            if oldest.unsettled_len() == 0 {
                self.ended.pop_front();
            } else {
                let _ = oldest.charge(&mut self.cx);
            }
        }
    }
}

#[cold]
#[inline(never)]
fn channel_in_use(remote: u16) -> Result<(), ProtocolError> {
    not_allowed(&format!("a begin on channel {remote}, which a session uses (2.5.1)"))
}

#[cold]
#[inline(never)]
fn no_memory() -> AmqpError {
    let why = "no memory is left for the session: max_held_bytes";
    AmqpError::described(ErrorCondition::ResourceLimitExceeded, why)
}

#[cold]
#[inline(never)]
fn no_channel(max: u16) -> Result<(), ProtocolError> {
    let why = format!("no channel is left up to channel-max {max}, or no id for a session (2.7.1)");
    Err(ProtocolError::connection(ErrorCondition::ResourceLimitExceeded, &why))
}

#[cold]
#[inline(never)]
fn unwritable(error: CommandError) -> ProtocolError {
    ProtocolError::connection(ErrorCondition::FrameSizeTooSmall, &format!("{error}"))
}

#[cold]
#[inline(never)]
fn answers_no_begin(channel: u16, state: &str) -> Result<(), ProtocolError> {
    not_allowed(&format!("a begin with remote-channel {channel}, which answers none: {state} (2.7.2)"))
}

#[cold]
#[inline(never)]
fn unmapped(remote: u16) -> Result<u16, ProtocolError> {
    let why = format!("a frame on channel {remote}, which has no session (2.5.1)");
    Err(ProtocolError::connection(ErrorCondition::NotAllowed, &why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ConnectionConfig, Event, Instant, LinkId, SendOptions, SenderConfig,
        codec::{Encode, to_vec},
        context::EPOCHS_FOR_WRAPS,
        spec::{
            definitions::{Role, SenderSettleMode},
            delivery_state::DeliveryState,
            performatives::{Attach, Detach, Disposition, Flow, Open},
        },
        types::{Handle, SequenceNo, TransferNumber},
    };
    use alloc::vec::Vec;
    use bytes::BytesMut;

    fn feed(connection: &mut Connection, channel: u16, body: &impl Encode) {
        let body = to_vec(body);
        let size = u32::try_from(body.len() + 8).unwrap();
        let frame = [&size.to_be_bytes(), &[2, 0][..], &channel.to_be_bytes(), &body].concat();
        let _ = connection.handle_input(Instant::default(), &mut BytesMut::from(&frame[..]));
    }

    fn opened() -> Connection {
        let mut connection = Connection::new(ConnectionConfig::server("s").auto_accept_sessions(true));
        let _ = connection.handle_input(Instant::default(), &mut BytesMut::from(&b"AMQP\0\x01\0\0"[..]));
        feed(&mut connection, 0, &Open { container_id: "peer".into(), ..Open::default() });
        connection
    }

    fn names(connection: &mut Connection) -> Vec<&'static str> {
        core::iter::from_fn(|| connection.poll_event()).map(|event| event.name()).collect()
    }

    /// Two epochs are left, which is one session.
    #[test]
    fn fc12_a_session_without_an_id_of_its_own_is_refused() {
        let mut connection = opened();
        connection.cx.last_delivery_epoch = u32::MAX - EPOCHS_FOR_WRAPS - 2;
        feed(&mut connection, 0, &Begin::default());
        assert_eq!(names(&mut connection), ["CONNECTION_OPEN", "SESSION_OPEN"]);
        let refused = connection.begin(SessionConfig::new());
        assert_eq!(refused, Err(CommandError::LimitReached("sessions of a connection")));
        feed(&mut connection, 1, &Begin::default());
        assert_eq!(names(&mut connection), ["SESSION_ERROR", "CONNECTION_ERROR"]);
    }

    /// One id is left.
    #[test]
    fn fc12b_a_link_without_an_id_of_its_own_is_refused() {
        let mut connection = opened();
        feed(&mut connection, 0, &Begin::default());
        connection.cx.last_link_generation = u32::MAX - 1;
        let attach = |name: &str, handle| Attach {
            name: name.into(),
            handle: Handle::new(handle),
            role: Role::Sender,
            initial_delivery_count: Some(SequenceNo::new(0)),
            ..Attach::default()
        };
        feed(&mut connection, 0, &attach("one", 0));
        assert_eq!(names(&mut connection), ["CONNECTION_OPEN", "SESSION_OPEN", "RECEIVER_REQUESTED"]);
        let links: Vec<LinkId> = connection.sessions.iter().flat_map(SessionEndpoint::link_ids).collect();
        feed(&mut connection, 0, &attach("two", 1));
        assert_eq!(names(&mut connection), ["RECEIVER_ERROR", "SESSION_ERROR"]);
        assert_eq!(links.len(), 1);
    }

    /// The outcome of a delivery 2³¹ back was dropped, and 2³² later its number was used again.
    #[test]
    fn fc14_messages_wait_while_one_is_unsettled_whose_number_would_be_ambiguous() {
        let modes = [SenderSettleMode::Mixed, SenderSettleMode::Settled];
        for (snd_settle_mode, is_closed) in modes.into_iter().flat_map(|mode| [(mode, false), (mode, true)]) {
            let mut connection = opened();
            feed(&mut connection, 0, &Begin { incoming_window: 100, ..Begin::default() });
            let attach = |name: &str, handle| Attach {
                name: name.into(),
                handle: Handle::new(handle),
                role: Role::Receiver,
                ..Attach::default()
            };
            let credit = |handle| Flow {
                handle: Some(Handle::new(handle)),
                link_credit: Some(100),
                delivery_count: Some(SequenceNo::new(0)),
                next_incoming_id: Some(TransferNumber::new(0)),
                incoming_window: 100,
                ..Flow::default()
            };
            let mut senders = Vec::new();
            for (handle, mode) in [SenderSettleMode::Mixed, snd_settle_mode].into_iter().enumerate() {
                let handle = u32::try_from(handle).unwrap();
                feed(&mut connection, 0, &attach(["one", "two"][handle as usize], handle));
                let sender = core::iter::from_fn(|| connection.poll_event()).find_map(|event| match event {
                    Event::SenderRequested { sender, .. } => Some(sender),
                    _ => None,
                });
                let config = SenderConfig::new().snd_settle_mode(mode);
                connection.accept_sender(sender.unwrap(), config).unwrap();
                feed(&mut connection, 0, &credit(handle));
                senders.push(sender.unwrap());
            }
            let settled = SendOptions::new().settled(true);
            let send = |connection: &mut Connection, sender: usize| {
                connection.sender(senders[sender]).unwrap().send_with(1_u32, b"x".as_slice(), &settled)
            };
            send(&mut connection, 1).unwrap();
            let oldest = connection.sender(senders[0]).unwrap().send(0_u32, b"x".as_slice()).unwrap();
            let skip = |connection: &mut Connection, count| {
                connection.sessions.iter_mut().for_each(|session| session.skip_outgoing(count));
            };
            // Up to the last one of half a turn.
            skip(&mut connection, (1 << 30) - 3);
            send(&mut connection, 1).unwrap();
            skip(&mut connection, (1 << 30) - 1);
            send(&mut connection, 1).unwrap();
            while connection.poll_event().is_some() {}
            for _ in 0..3 {
                assert_eq!(send(&mut connection, 1), Err(CommandError::TooManyUnsettled));
                let unsettled = connection.sender(senders[0]).unwrap().send(2_u32, b"x".as_slice());
                assert_eq!(unsettled, Err(CommandError::TooManyUnsettled));
                assert!(senders.iter().all(|id| !connection.sender_ref(*id).unwrap().is_sendable()));
                // No event follows before they may be sent.
                assert_eq!(names(&mut connection), [""; 0]);
            }
            if is_closed {
                // Nobody can settle what its link has left.
                feed(&mut connection, 0, &Detach { handle: Handle::new(0), closed: true, error: None });
                assert_eq!(names(&mut connection), ["SENDER_CLOSED", "SENDER_READY"]);
                send(&mut connection, 1).unwrap();
                continue;
            }
            let first = oldest.number().into();
            let accepted = Some(DeliveryState::ACCEPTED);
            let outcome = Disposition { first, settled: true, state: accepted, ..Disposition::default() };
            feed(&mut connection, 0, &Disposition { role: Role::Receiver, ..outcome });
            let mut events = names(&mut connection);
            events.sort_unstable();
            assert_eq!(events, ["DELIVERY_SETTLED", "SENDER_READY", "SENDER_READY"]);
            send(&mut connection, 1).unwrap();
            connection.sender(senders[0]).unwrap().send(2_u32, b"x".as_slice()).unwrap();
        }
    }
}
