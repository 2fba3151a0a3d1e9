//! Open and close (2.4.1 to 2.4.4), and what a violation comes to.

use alloc::{boxed::Box, format};
use core::time::Duration;

use super::{Connection, deadlines::Due};
use crate::{
    codec::to_vec,
    config::Side,
    error::{Cause, CommandError, Failure, ProtocolError},
    event::Event,
    frame::{FrameKind, HEADER_SIZE, ProtocolHeader},
    spec::{
        definitions::{AmqpError, ErrorCondition, MIN_MAX_FRAME_SIZE},
        performatives::{Close, Open},
    },
    state::{ConnectionState, ConnectionTrigger},
    types::{Channel, Milliseconds},
};

impl Connection {
    /// Opens the connection: a client begins, a server answers the peer's open. Header, SASL exchange and open
    /// follow as far as they can without the peer's answer.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if it has been opened, [`CommandError::FrameTooLarge`] if the open is
    /// larger than the 512 bytes that any peer accepts (2.4.1), or than this one does.
    pub fn open(&mut self) -> Result<(), CommandError> {
        let illegal = Err(CommandError::IllegalState("the connection has been opened"));
        match (self.shared.config.side, self.state) {
            (Side::Client, ConnectionState::Start | ConnectionState::HeaderRcvd)
                if !self.security.is_started() =>
            {
                self.check_open_fits()?;
                self.shared.timers.arm(Due::Open, self.shared.config.timeouts.open);
                if self.security.is_wanted() {
                    self.start_sasl();
                    return Ok(());
                }
                self.send_header()?;
                self.send_open()
            }
            (_, ConnectionState::HeaderExch | ConnectionState::OpenRcvd) => self.send_open(),
            _ => illegal,
        }
    }

    /// Writes our AMQP header.
    pub(super) fn send_header(&mut self) -> Result<(), CommandError> {
        if !self.apply(ConnectionTrigger::SendHeader) {
            return Err(CommandError::IllegalState("the header has been sent"));
        }
        self.cx.outbox.header(ProtocolHeader::AMQP);
        Ok(())
    }

    /// Writes our open, and goes on where that opens the connection.
    pub(super) fn send_open(&mut self) -> Result<(), CommandError> {
        self.write_open()?;
        if self.is_open() {
            self.on_opened();
        }
        Ok(())
    }

    /// 2.4.1: any peer accepts an open of 512 bytes, and as long as it has not said so none of more.
    fn check_open_fits(&self) -> Result<(), CommandError> {
        let (size, max) = (HEADER_SIZE.saturating_add(to_vec(&self.open_frame()).len()), MIN_MAX_FRAME_SIZE);
        let fits = u32::try_from(size).is_ok_and(|size| size <= max);
        if fits { Ok(()) } else { Err(CommandError::FrameTooLarge { size, max }) }
    }

    fn open_frame(&self) -> Open {
        let config = &self.shared.config;
        Open {
            container_id: config.container_id.clone(),
            hostname: config.hostname.clone(),
            max_frame_size: config.max_frame_size,
            channel_max: Channel::new(config.channel_max),
            idle_time_out: config.announced_idle_timeout(),
            offered_capabilities: config.offered_capabilities.clone().into(),
            desired_capabilities: config.desired_capabilities.clone().into(),
            properties: config.properties.clone(),
            ..Open::default()
        }
    }

    fn write_open(&mut self) -> Result<(), CommandError> {
        let open = self.open_frame();
        let max = self.cx.max_frame_size;
        if self.state.next(ConnectionTrigger::SendOpen).is_none() {
            return Err(CommandError::IllegalState("the connection has been opened"));
        }
        let written = self.cx.outbox.frame(FrameKind::Amqp, 0, &open, max);
        written.map_err(|size| CommandError::FrameTooLarge { size, max })?;
        let applied = self.apply(ConnectionTrigger::SendOpen);
        debug_assert!(applied, "looked up above");
        Ok(())
    }

    pub(super) fn on_open(&mut self, open: Box<Open>) -> Result<(), ProtocolError> {
        if !self.apply(ConnectionTrigger::RecvOpen) {
            return Err(ProtocolError::connection(ErrorCondition::IllegalState, "a second open"));
        }
        self.shared.timers.disarm(Due::Open);
        if open.max_frame_size < MIN_MAX_FRAME_SIZE {
            let why = "a max-frame-size below 512";
            return Err(ProtocolError::connection(ErrorCondition::InvalidField, why));
        }
        self.cx.max_frame_size = open.max_frame_size;
        let idle = open.idle_time_out.map_or(0, Milliseconds::get);
        let missing = self
            .shared
            .config
            .required_capabilities
            .iter()
            .find(|need| !open.offered_capabilities.contains(need))
            .cloned();
        self.remote = Some(open);
        // 2.4.5: a time-out that can't be kept is refused.
        if idle > 0 && Duration::from_millis(idle.into()) < self.shared.config.limits.min_peer_idle_timeout {
            let why = format!("an idle-time-out of {idle} ms is too short");
            return Err(ProtocolError::connection(ErrorCondition::NotAllowed, &why));
        }
        // 2.7.1: a capability that we can't do without.
        if let Some(missing) = missing {
            let why = format!("the capability {missing} is required");
            return Err(ProtocolError::connection(ErrorCondition::NotImplemented, &why));
        }
        match self.state {
            ConnectionState::Opened => self.on_opened(),
            ConnectionState::OpenRcvd if self.shared.config.auto_accept_sessions => {
                self.send_open().map_err(|error| {
                    ProtocolError::connection(ErrorCondition::FrameSizeTooSmall, &format!("{error}"))
                })?;
            }
            ConnectionState::OpenRcvd => self.cx.events.push_back(Event::ConnectionRequested),
            _ => {}
        }
        Ok(())
    }

    /// Both ends are open: the peer's limits are known, and what waited for them goes out.
    fn on_opened(&mut self) {
        let heartbeat = self.remote.as_ref().and_then(|open| open.idle_time_out).map_or(0, Milliseconds::get);
        self.shared.timers.start_idle(self.shared.config.idle_timeout, heartbeat);
        self.cx.events.push_back(Event::ConnectionOpen);
        self.begin_staged();
        while self.is_open()
            && let Some((channel, performative, payload, bytes)) = self.backlog.pop_front()
        {
            self.frame_bytes = bytes;
            if let Err(error) = self.route(channel, performative, payload) {
                self.violate(error);
            }
        }
        self.backlog_bytes = 0;
    }

    /// Closes the connection, with an error or without (2.4.3). Sessions and links go with it; what is pending
    /// is written first, and without an error messages that have been taken whole too, for which the close waits
    /// as long as [`Timeouts::close`](crate::Timeouts::close) allows. `CONNECTION_CLOSED` follows when the peer
    /// has answered.
    ///
    /// # Errors
    /// [`CommandError::IllegalState`] if it is closed or closing, or was never opened.
    pub fn close(&mut self, error: Option<AmqpError>) -> Result<(), CommandError> {
        if self.state == ConnectionState::OpenRcvd {
            // 2.4.7: from here close is legal only behind open.
            self.write_open()?;
            self.backlog.clear();
        }
        // A server may have sent its header unasked.
        if matches!(self.state, ConnectionState::Start | ConnectionState::HeaderRcvd)
            && self.shared.config.side == Side::Client
        {
            // No header of ours has gone out that a close could follow: the transport is given up, as was asked.
            let _ = self.apply(ConnectionTrigger::Lost);
            self.input_closed = true;
            self.shared.timers.stop();
            self.raise_end(None);
            return Ok(());
        }
        let trigger =
            if error.is_some() { ConnectionTrigger::SendCloseError } else { ConnectionTrigger::SendClose };
        if self.state.next(trigger).is_none() || (self.cx.closing && error.is_none()) {
            return Err(CommandError::IllegalState("the connection is not open, or is being closed"));
        }
        self.shared.timers.disarm(Due::Open);
        if error.is_none() && self.holds_messages() {
            self.cx.closing = true;
        } else {
            self.send_close(error);
        }
        self.shared.timers.arm(Due::Close, self.shared.config.timeouts.close);
        Ok(())
    }

    /// Writes our close, behind everything that is pending. The caller has made sure that it is legal.
    pub(super) fn send_close(&mut self, error: Option<AmqpError>) {
        self.cx.closing = false;
        self.flush();
        let trigger =
            if error.is_some() { ConnectionTrigger::SendCloseError } else { ConnectionTrigger::SendClose };
        let max = self.cx.max_frame_size;
        let condition = error.as_ref().map(|error| error.condition.clone());
        let close = Close { error: error.map(Box::new) };
        if self.cx.outbox.frame(FrameKind::Amqp, 0, &close, max).is_err() {
            let bare = Close { error: condition.map(|condition| Box::new(AmqpError::new(condition))) };
            let _ = self.cx.outbox.frame(FrameKind::Amqp, 0, &bare, max);
        }
        let _ = self.apply(trigger);
        // 2.4.5: no empty frames behind close.
        self.shared.timers.stop_idle();
    }

    pub(super) fn on_close(&mut self, close: Close) -> Result<(), ProtocolError> {
        let failure = close.error.map(|error| Failure { cause: Cause::Peer, error: *error });
        if !self.apply(ConnectionTrigger::RecvClose) {
            return Err(ProtocolError::connection(ErrorCondition::IllegalState, "close before open"));
        }
        if self.state == ConnectionState::CloseRcvd {
            self.send_close(None);
        }
        self.shared.timers.stop();
        self.raise_end(failure.as_ref());
        Ok(())
    }

    /// The peer broke the protocol.
    pub(super) fn violate(&mut self, error: ProtocolError) {
        match error {
            ProtocolError::Connection(error) | ProtocolError::Session(error) | ProtocolError::Link(error) => {
                self.fail(Cause::Violation, *error);
            }
        }
    }

    /// Closes the connection with an error, and discards what follows (2.4.6 `DISCARDING`).
    pub(super) fn fail(&mut self, cause: Cause, error: AmqpError) {
        if matches!(self.state, ConnectionState::HeaderExch | ConnectionState::OpenRcvd) {
            // 2.4.7: close is legal only behind open.
            let _ = self.write_open();
        }
        let failure = Failure { cause, error: error.clone() };
        if self.state.next(ConnectionTrigger::SendCloseError).is_none() {
            return self.lose(&failure);
        }
        self.backlog.clear();
        self.send_close(Some(error));
        self.shared.timers.arm(Due::Close, self.shared.config.timeouts.close);
        self.raise_end(Some(&failure));
    }
}
