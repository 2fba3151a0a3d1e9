//! The end of a connection (2.4.3, 2.4.6).

use alloc::{boxed::Box, sync::Arc};

use super::Connection;
use crate::{
    error::{Cause, Failure, ProtocolError},
    event::Event,
    frame::{FrameKind, Outbox},
    session::SessionEnd,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        performatives::Close,
    },
    state::{ConnectionState, ConnectionTrigger, TlsState},
    time::Instant,
    timer::Timer,
};

/// Why a connection ends.
pub(super) enum ConnectionEnd {
    /// The application closes it before anything has been written.
    NeverOpened,
    /// The peer's close, and what it reports or is wrong with it.
    PeerClose(Option<Failure>),
    /// The peer broke the protocol, or was silent for too long: we close with the error and discard what follows.
    Failure(Failure),
    /// The transport is lost, or given up without a close.
    Lost(Failure),
    /// The headers differ (2.2).
    HeaderMismatch(Failure),
    /// Our close has no answer, and needs none (2.4.3).
    Unanswered,
}

fn lost(why: &'static str) -> Failure {
    Failure::new(Cause::Lost, ErrorCondition::ConnectionForced, why)
}

impl Connection {
    /// Ends the connection.
    pub(super) fn end(&mut self, why: ConnectionEnd) {
        match why {
            ConnectionEnd::NeverOpened | ConnectionEnd::Unanswered => {
                self.give_up(None);
                // A peer that does not read would keep the connection from being closed.
                self.cx.outbox = Outbox::default();
            }
            ConnectionEnd::Lost(failure) => self.give_up(Some(&failure)),
            ConnectionEnd::HeaderMismatch(failure) => {
                // Not in the table: a header of the SASL layer, and bytes that are no header.
                let _ = self.apply(ConnectionTrigger::HeaderMismatch);
                self.give_up(Some(&failure));
            }
            ConnectionEnd::PeerClose(failure) => {
                // What has been written since the transport failed.
                self.discards_output();
                if self.state == ConnectionState::CloseRcvd {
                    self.write_close(None);
                }
                self.stop_timers();
                self.limit_last_output();
                self.drop_deferred();
                let dropped =
                    self.output_dropped.then(|| lost("the transport failed before all was written"));
                self.raise_end(failure.or(dropped).as_ref());
            }
            ConnectionEnd::Failure(failure) => self.close_with_failure(&failure),
        }
    }

    /// Ends the connection for a fault of the peer's.
    #[cold]
    pub(super) fn violation(&mut self, error: ProtocolError) {
        self.end(ConnectionEnd::Failure(Failure { cause: Cause::Violation, error: error.into() }));
    }

    /// Closes with an error, and discards what follows (2.4.6 `DISCARDING`).
    fn close_with_failure(&mut self, failure: &Failure) {
        if matches!(self.state, ConnectionState::HeaderExch | ConnectionState::OpenRcvd) {
            // 2.4.7: close is legal only after open.
            let _ = self.write_open();
        }
        if self.state.next(ConnectionTrigger::SendCloseError).is_none() {
            return self.give_up(Some(failure));
        }
        self.write_close(Some(failure.error.clone()));
        self.cx.timers.set(Timer::Close, self.cx.config.timeouts.close);
        self.raise_end(Some(failure));
        self.receive_deferred_close();
    }

    /// Handles the frames behind an open that is not answered but closed. The peer's close may be among them, and is
    /// not waited for again.
    pub(super) fn receive_deferred_close(&mut self) {
        let deferred = core::mem::take(&mut self.deferred);
        self.cx.account.keep(deferred.capacity(), 0);
        self.receive_deferred(deferred);
    }

    /// Abandons the transport.
    fn give_up(&mut self, failure: Option<&Failure>) {
        let _ = self.apply(ConnectionTrigger::Lost);
        self.input_closed = true;
        self.drop_deferred();
        self.sasl.drop_exchange();
        self.stop_timers();
        self.limit_last_output();
        self.raise_end(failure);
    }

    /// Sets the time that the peer has to read what is left to write, after which it is dropped.
    fn limit_last_output(&mut self) {
        if !self.cx.outbox.is_empty() {
            self.cx.timers.set(Timer::Close, self.cx.config.timeouts.close);
        }
    }

    pub(super) fn stop_timers(&mut self) {
        self.keepalive.stop();
        self.cx.timers.cancel_all();
    }

    /// Writes our close, behind everything that is pending. The caller has checked that it is legal.
    pub(super) fn write_close(&mut self, error: Option<AmqpError>) {
        self.cx.close_pending = false;
        self.flush(true);
        let trigger =
            if error.is_some() { ConnectionTrigger::SendCloseError } else { ConnectionTrigger::SendClose };
        let max = self.cx.max_frame_size;
        let condition = error.as_ref().map(|error| error.condition.clone());
        let close = Close { error: error.map(Box::new) };
        let mut written = self.cx.write(FrameKind::Amqp, 0, &close, max);
        if written.is_err() {
            let bare = Close { error: condition.map(|condition| Box::new(AmqpError::new(condition))) };
            written = self.cx.write(FrameKind::Amqp, 0, &bare, max);
        }
        self.close_size = written.map_or(0, |bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
        let _ = self.apply(trigger);
        // 2.4.5: no empty frames after close.
        self.keepalive.stop();
    }

    /// Takes note that the transport has ended: its read half is at its end, or has failed. Pass the input that is left
    /// to [`handle_input`](Self::handle_input) first: the peer's close may be in it.
    ///
    /// What is still to be written is dropped, unless closes have been exchanged: a peer that only stopped writing may
    /// still read ours (2.4.6). `CONNECTION_CLOSED` follows if our close was sent and all before it has been written,
    /// or if [`output_lost`](Self::output_lost) dropped nothing else; otherwise `CONNECTION_ERROR` with [`Cause::Lost`].
    /// Neither follows if the last event has been raised.
    pub fn handle_eof(&mut self, now: Instant) {
        self.cx.timers.advance(now);
        let _ = self.cx.drop_unread();
        if self.state == ConnectionState::End {
            return;
        }
        self.end_unanswered(self.lost_at());
        self.cx.outbox = Outbox::default();
        self.answer_part_of_header();
        self.limit_last_output();
        self.cx.timers.advance(now);
    }

    /// Returns how far the connection was when its transport was lost.
    fn lost_at(&self) -> &'static str {
        use ConnectionState::{
            ClosePipe, CloseSent, Discarding, HeaderExch, HeaderRcvd, HeaderSent, OcPipe, OpenPipe, OpenRcvd,
            OpenSent, Start,
        };
        match self.state {
            Start if !matches!(self.tls, TlsState::Start | TlsState::Done) => {
                "the transport was lost during the TLS handshake"
            }
            Start | HeaderRcvd if self.sasl.is_started() && !self.sasl.is_done() => {
                "the transport was lost during the SASL exchange"
            }
            Start | HeaderRcvd | HeaderSent | OpenPipe | OcPipe => {
                "the transport was lost before the peer's protocol header"
            }
            HeaderExch | OpenSent | ClosePipe => "the transport was lost before the peer's open",
            OpenRcvd => "the transport was lost before the peer's open was answered",
            CloseSent | Discarding => "the transport was lost before the peer's close",
            _ => "the transport was lost without a close",
        }
    }

    /// Takes note that the transport takes no more output: its write half has failed, or nobody reads it.
    ///
    /// What waits to be written is dropped, and so is what would be written from now on. Input goes on: the peer's close
    /// with its error, outcomes and messages may still be there to read. New sessions, links and messages, and more bytes
    /// of messages, are refused with [`CommandError::IllegalState`](crate::CommandError::IllegalState). All other
    /// commands go on, without effect at the peer.
    ///
    /// The last event follows when the peer's close arrives, at [`handle_eof`](Self::handle_eof), or after
    /// [`Timeouts::close`](crate::Timeouts::close). It is `CONNECTION_ERROR` with the error in the peer's close, else
    /// with [`Cause::Lost`]. It is `CONNECTION_CLOSED` if the connection was being closed, and nothing else was dropped.
    pub fn output_lost(&mut self, now: Instant) {
        self.cx.timers.advance(now);
        if core::mem::replace(&mut self.cx.output_lost, true) {
            return;
        }
        self.drop_output();
        self.cx.close_pending = false;
        self.keepalive.stop_heartbeats();
        if self.state != ConnectionState::End && !self.input_closed {
            self.cx.timers.set(Timer::Close, self.cx.config.timeouts.close);
            self.cx.timers.advance(now);
        }
    }

    /// True if the transport takes no more output. What waits is dropped then.
    #[cold]
    pub(super) fn discards_output(&mut self) -> bool {
        if self.cx.output_lost {
            self.drop_output();
        }
        self.cx.output_lost
    }

    #[cold]
    pub(super) fn drop_output(&mut self) {
        // 2.4.3: a close that was sent is as good as answered, so a close that is dropped is no loss.
        let close = usize::try_from(self.close_size).unwrap_or(usize::MAX);
        self.output_dropped |= self.cx.outbox.len() > close || self.has_unsent_messages();
        self.cx.outbox = Outbox::default();
    }

    /// Ends the connection, because nothing more can come from the peer or is waited for.
    pub(super) fn end_unanswered(&mut self, why: &'static str) {
        self.drop_output();
        self.end(match self.cx.close_sent && !self.end_raised && !self.output_dropped {
            true => ConnectionEnd::Unanswered,
            false => ConnectionEnd::Lost(lost(why)),
        });
    }

    /// Drops the frames that waited for an answer to the peer's open.
    pub(super) fn drop_deferred(&mut self) {
        let deferred = core::mem::take(&mut self.deferred);
        self.cx.account.keep(deferred.capacity(), 0);
        for frames in core::mem::take(&mut self.resumed) {
            self.cx.account.keep(frames.len(), 0);
        }
    }

    /// Raises the last events: those of links, sessions and then the connection.
    pub(super) fn raise_end(&mut self, failure: Option<&Failure>) {
        if core::mem::replace(&mut self.end_raised, true) {
            return;
        }
        self.cx.trace.ended(failure);
        // One for all events of sessions and links.
        let of_children = failure.map(|failure| Arc::new(failure.of_child("the connection failed")));
        for channel in self.sessions.numbers() {
            if let Some((session, cx)) = self.session_on(channel) {
                let _ = session.end(SessionEnd::Connection(of_children.clone()), cx);
            }
            // A connection that has ended has nothing but what can be asked of it. Each session makes room for the events
            // of the next.
            self.remove_session(channel);
        }
        self.cx.event(match failure {
            None => Event::ConnectionClosed,
            Some(failure) => Event::ConnectionError(Arc::new(failure.clone())),
        });
    }
}
