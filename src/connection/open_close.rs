//! Open and close (2.4.1 to 2.4.4).

use alloc::{boxed::Box, format};
use core::time::Duration;

use super::{Connection, end::ConnectionEnd};
use crate::{
    config::{Side, TlsHeader},
    context::Context,
    error::{Cause, CommandError, Failure, ProtocolError},
    event::Event,
    frame::{FrameKind, ProtocolHeader},
    spec::{
        definitions::{AmqpError, ErrorCondition, MIN_MAX_FRAME_SIZE},
        performatives::{Close, Open},
    },
    state::{ConnectionState, ConnectionTrigger},
    timer::Timer,
    types::{Channel, HeapSize, Milliseconds, Quoted},
};

impl Connection {
    /// Opens the connection: a client starts it, a server answers the peer's open. Headers, SASL exchange and open
    /// follow as far as they can without the peer's answer, or without [`tls_done`](Self::tls_done).
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if it has been opened or has ended, or at a server if the client's AMQP
    /// header has not arrived. [`CommandError::FrameTooLarge`] if the open is larger than the 512 bytes that any peer
    /// accepts (2.4.1), or than this one does.
    pub fn open(&mut self) -> Result<(), CommandError> {
        match (self.cx.config.side, self.state) {
            (Side::Client, _) if self.is_unopened() => {
                // 2.4.1: what any peer accepts before its own open has arrived.
                Context::check_fits(&self.our_open(), MIN_MAX_FRAME_SIZE)?;
                self.cx.timers.set(Timer::Open, self.cx.config.timeouts.open);
                if self.cx.config.tls_header == TlsHeader::Required {
                    self.send_tls_header();
                    return Ok(());
                }
                self.begin_inside()
            }
            (_, ConnectionState::HeaderExch | ConnectionState::OpenRcvd) => self.send_open(),
            // The peer's open was answered too late, and no event has said so yet.
            (Side::Server, ConnectionState::End)
                if self.remote_open.is_some() && !self.cx.events.is_empty() =>
            {
                Ok(())
            }
            (_, ConnectionState::End) => Err(CommandError::IllegalState("the connection has ended (2.4.6)")),
            (Side::Server, ConnectionState::Start) => {
                Err(CommandError::IllegalState("the client's AMQP header has not arrived (2.2)"))
            }
            _ => Err(CommandError::IllegalState("the connection has been opened (2.4.1)")),
        }
    }

    /// True if nothing has been written.
    pub(super) fn is_unopened(&self) -> bool {
        matches!(self.state, ConnectionState::Start | ConnectionState::HeaderRcvd)
            && !self.sasl.is_started()
            && !self.tls_is_begun()
    }

    /// Begins what a client begins with, inside TLS or without: the SASL layer, or else AMQP.
    pub(super) fn begin_inside(&mut self) -> Result<(), CommandError> {
        if self.has_sasl() {
            self.start_sasl();
            return Ok(());
        }
        self.send_header()?;
        self.send_open()
    }

    /// Writes our AMQP header.
    pub(super) fn send_header(&mut self) -> Result<(), CommandError> {
        if !self.apply(ConnectionTrigger::SendHeader) {
            return Err(CommandError::IllegalState("the protocol header has been sent (2.2)"));
        }
        self.cx.write_header(ProtocolHeader::AMQP);
        Ok(())
    }

    /// Writes our open. If it is the answer to the peer's, the connection is open with it.
    pub(super) fn send_open(&mut self) -> Result<(), CommandError> {
        self.write_open()?;
        if self.is_open() {
            self.on_opened();
        }
        Ok(())
    }

    fn our_open(&self) -> Open {
        let config = &self.cx.config;
        let facts = config.facts.as_deref().cloned().unwrap_or_default();
        Open {
            container_id: config.container_id.clone(),
            hostname: config.hostname.clone(),
            max_frame_size: config.max_frame_size,
            channel_max: Channel::new(config.channel_max),
            idle_time_out: config.announced_idle_timeout(),
            offered_capabilities: config.offered_capabilities.clone().into(),
            desired_capabilities: config.desired_capabilities.clone().into(),
            properties: facts.properties,
            outgoing_locales: facts.outgoing_locales.into(),
            incoming_locales: facts.incoming_locales.into(),
        }
    }

    pub(super) fn write_open(&mut self) -> Result<(), CommandError> {
        let open = self.our_open();
        let max = self.cx.max_frame_size;
        if self.state.next(ConnectionTrigger::SendOpen).is_none() {
            return Err(CommandError::IllegalState("the connection has been opened (2.4.1)"));
        }
        let written = self.cx.write(FrameKind::Amqp, 0, &open, max);
        written.map_err(|size| CommandError::FrameTooLarge { size, max })?;
        let applied = self.apply(ConnectionTrigger::SendOpen);
        debug_assert!(applied, "checked above");
        Ok(())
    }

    pub(super) fn on_open(&mut self, open: Box<Open>) -> Result<(), ProtocolError> {
        if !self.apply(ConnectionTrigger::RecvOpen) {
            return Err(ProtocolError::connection(ErrorCondition::IllegalState, "a second open (2.4.1)"));
        }
        self.cx.timers.cancel(Timer::Open);
        if open.max_frame_size < MIN_MAX_FRAME_SIZE {
            let size = open.max_frame_size;
            let why = format!("a max-frame-size of {size} is below {MIN_MAX_FRAME_SIZE} (2.7.1)");
            return Err(ProtocolError::connection(ErrorCondition::InvalidField, &why));
        }
        self.cx.max_frame_size = open.max_frame_size;
        if !self.cx.account.keep(0, open.heap_size()) {
            let why = "the open takes up too much memory: max_held_bytes_before_open";
            return Err(ProtocolError::connection(ErrorCondition::ResourceLimitExceeded, why));
        }
        let idle_timeout = open.idle_time_out.map_or(0, Milliseconds::get);
        let required = &self.cx.config.required_capabilities;
        let missing = required.iter().find(|need| !open.offered_capabilities.contains(need)).cloned();
        self.remote_open = Some(open);
        // 2.4.5: an idle time-out that we cannot keep is refused.
        if idle_timeout > 0
            && Duration::from_millis(idle_timeout.into()) < self.cx.config.limits.min_peer_idle_timeout
        {
            let min = self.cx.config.limits.min_peer_idle_timeout.as_millis();
            let why =
                format!("an idle-time-out of {idle_timeout} ms is too short: {min} ms is the least (2.4.5)");
            return Err(ProtocolError::connection(ErrorCondition::NotAllowed, &why));
        }
        // 2.7.1: a capability that we cannot do without.
        if let Some(missing) = missing {
            let missing = Quoted(missing.as_str().as_bytes());
            let why = format!("the capability {missing} is required, and open does not offer it (2.7.1)");
            return Err(ProtocolError::connection(ErrorCondition::NotImplemented, &why));
        }
        match self.state {
            ConnectionState::Opened => self.on_opened(),
            ConnectionState::OpenRcvd if self.cx.config.auto_accept_sessions => {
                self.send_open().map_err(|error| {
                    ProtocolError::connection(ErrorCondition::FrameSizeTooSmall, &format!("{error}"))
                })?;
            }
            ConnectionState::OpenRcvd => self.cx.event(Event::ConnectionRequested),
            _ => {}
        }
        Ok(())
    }

    /// Both ends are open: the peer's limits are known, and what waited for them goes ahead.
    fn on_opened(&mut self) {
        let remote_open = self.remote_open.as_ref();
        let remote_idle_timeout =
            remote_open.and_then(|open| open.idle_time_out).map_or(0, Milliseconds::get);
        self.keepalive.start(remote_idle_timeout, self.cx.timers.now(), &self.cx.outbox);
        self.cx.set_budget(self.cx.config.limits.max_held_bytes);
        self.cx.event(Event::ConnectionOpen);
        self.write_pending_begins();
        let deferred = core::mem::take(&mut self.deferred);
        self.cx.account.keep(deferred.capacity(), 0);
        self.receive_deferred(deferred);
    }

    /// Closes the connection, with an error or without (2.4.3). Sessions and links end with it.
    ///
    /// What is pending is written first. Without an error so are messages that were handed over completely; the close
    /// waits for them as long as [`Timeouts::close`](crate::Timeouts::close) allows. `CONNECTION_CLOSED` follows when
    /// the peer has answered, or at once if nothing of AMQP has been written yet: a connection that was never open.
    ///
    /// Of an error that does not fit the peer's frames the condition is sent alone. A connection that is closed, or being
    /// closed by either end, stays as it is: that is no error, and the error given is not sent.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] at a server whose client has not opened it, [`CommandError::FrameTooLarge`] if the
    /// error's condition alone is larger than the peer accepts.
    pub fn close(&mut self, error: Option<AmqpError>) -> Result<(), CommandError> {
        // A server may have sent its header unasked.
        if matches!(self.state, ConnectionState::Start | ConnectionState::HeaderRcvd)
            && self.cx.config.side == Side::Client
        {
            // No header of ours is written that a close could follow, so the transport is given up.
            self.end(ConnectionEnd::NeverOpened);
            return Ok(());
        }
        let is_closing = self.cx.close_sent || (self.cx.close_pending && error.is_none());
        if is_closing {
            return Ok(());
        }
        if let Some(error) = &error {
            let bare = Close { error: Some(Box::new(AmqpError::new(error.condition.clone()))) };
            Context::check_fits(&bare, self.cx.max_frame_size)?;
        }
        if self.state == ConnectionState::OpenRcvd {
            // 2.4.7: close is legal only after open.
            self.write_open()?;
        }
        if self.state.next(ConnectionTrigger::SendClose).is_none() {
            return Err(CommandError::IllegalState("the connection has not been opened (2.4.7)"));
        }
        self.cx.timers.cancel(Timer::Open);
        if error.is_none() && self.has_unsent_messages() {
            self.cx.close_pending = true;
        } else {
            self.write_close(error);
        }
        self.cx.timers.set(Timer::Close, self.cx.config.timeouts.close);
        self.receive_deferred_close();
        Ok(())
    }

    /// Takes a close that breaks the protocol for a close all the same: nothing else can follow it.
    #[cold]
    pub(super) fn on_faulty_close(&mut self, error: ProtocolError) -> Result<(), ProtocolError> {
        if !self.apply(ConnectionTrigger::RecvClose) {
            return Err(error);
        }
        self.end(ConnectionEnd::PeerClose(Some(Failure { cause: Cause::Violation, error: error.into() })));
        Ok(())
    }

    pub(super) fn on_close(&mut self, close: Close) -> Result<(), ProtocolError> {
        if !self.apply(ConnectionTrigger::RecvClose) {
            return Err(ProtocolError::connection(ErrorCondition::IllegalState, "close before open (2.4.7)"));
        }
        let failure = close.error.map(|error| Failure { cause: Cause::Peer, error: *error });
        self.end(ConnectionEnd::PeerClose(failure));
        Ok(())
    }
}
