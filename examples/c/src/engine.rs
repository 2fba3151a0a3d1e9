//! An engine behind a handle, with one session, whose links and deliveries have numbers. Safe Rust.

use std::{collections::BTreeMap, ffi::CString, time::Duration};

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, DeliveryId, Event, Instant, LinkId,
    ReceiverConfig, ReceiverId, SenderConfig, SenderId, SessionConfig, SessionId,
    frame::Payload,
    message::{Message, ParseOptions},
    sasl::Mechanism,
    spec::delivery_state::DeliveryState,
};
use bytes::{Buf as _, Bytes, BytesMut};

use crate::{AmqpEvent, AmqpEventKind, AmqpStatus};

/// A peer that is silent for longer is given up.
const IDLE: Duration = Duration::from_secs(60);

/// The messages that a peer may send to us ahead of our answers.
const CREDIT: u32 = 50;

pub struct AmqpEngine {
    connection: Connection,
    session: Option<SessionId>,
    input: BytesMut,
    /// The deliveries that wait for `amqp_accept`, by the number that C knows.
    received: BTreeMap<u64, (ReceiverId, DeliveryId)>,
    senders: BTreeMap<u64, SenderId>,
    /// The number of the next message that is sent, which is its delivery-tag.
    next_tag: u64,
    /// The text and the body of the last event.
    text: CString,
    body: Bytes,
}

impl AmqpEngine {
    pub fn new(config: ConnectionConfig) -> Self {
        Self {
            connection: Connection::new(config.idle_timeout(IDLE)),
            session: None,
            input: BytesMut::new(),
            received: BTreeMap::new(),
            senders: BTreeMap::new(),
            next_tag: 0,
            text: CString::default(),
            body: Bytes::new(),
        }
    }

    pub fn client(container_id: &str, hostname: &str) -> Self {
        let config = ConnectionConfig::client(container_id).hostname(hostname);
        Self::new(config.sasl(Mechanism::anonymous()))
    }

    pub fn server(container_id: &str) -> Self {
        let config = ConnectionConfig::server(container_id).auto_accept_sessions(true);
        Self::new(config.sasl(Mechanism::anonymous_server()))
    }

    pub fn open(&mut self) -> AmqpStatus {
        status(self.connection.open())
    }

    pub fn close(&mut self) -> AmqpStatus {
        status(self.connection.close(None))
    }

    pub fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }

    fn session(&mut self) -> Result<SessionId, CommandError> {
        if self.session.is_none() {
            self.session = Some(self.connection.begin(SessionConfig::new())?);
        }
        self.session.ok_or(CommandError::UnknownSession)
    }

    /// Attaches a link to send on. Returns its number.
    pub fn attach_sender(&mut self, address: &str) -> Result<u64, CommandError> {
        let session = self.session()?;
        let sender = self.connection.session(session)?.attach_sender(SenderConfig::to(address))?;
        self.senders.insert(sender.into(), sender);
        Ok(sender.into())
    }

    pub fn attach_receiver(&mut self, address: &str, credit: u32) -> Result<u64, CommandError> {
        let session = self.session()?;
        let config = ReceiverConfig::from(address).credit(CreditPolicy::Auto(credit));
        self.connection.session(session)?.attach_receiver(config).map(u64::from)
    }

    /// Sends a message with these bytes as its body.
    pub fn send(&mut self, link: u64, body: &[u8]) -> Result<u64, CommandError> {
        let sender = *self.senders.get(&link).ok_or(CommandError::UnknownLink)?;
        let message = Message::builder().data(body.to_vec()).build();
        let delivery = self.connection.sender(sender)?.send(self.next_tag, message)?;
        self.next_tag += 1;
        Ok(delivery.into())
    }

    pub fn accept(&mut self, delivery: u64) -> AmqpStatus {
        let Some((link, id)) = self.received.remove(&delivery) else { return AmqpStatus::Invalid };
        status(self.connection.receiver(link).and_then(|mut link| link.accept(id)))
    }

    /// Passes bytes to the engine. What it does not take yet waits for the next call, which may be with no bytes.
    pub fn input(&mut self, now: u64, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        let now = Instant::from_millis(now);
        let _ = self.connection.handle_input(now, &mut self.input);
        // Behind the input: a peer whose frames waited was not silent.
        self.connection.handle_timeout(now);
    }

    pub fn end_of_input(&mut self, now: u64) {
        self.connection.handle_eof(Instant::from_millis(now));
    }

    pub fn output_lost(&mut self, now: u64) {
        self.connection.output_lost(Instant::from_millis(now));
    }

    /// Fills the buffer with output, and returns the number of bytes.
    pub fn output(&mut self, now: u64, buffer: &mut [u8]) -> usize {
        let mut output = self.connection.poll_transmit(Instant::from_millis(now));
        let count = output.remaining().min(buffer.len());
        output.copy_to_slice(&mut buffer[..count]);
        count
    }

    /// Returns the milliseconds until `handle_timeout` is due, or `u64::MAX`.
    pub fn timeout(&self, now: u64) -> u64 {
        let left = self.connection.poll_timeout().map(|at| at.saturating_since(Instant::from_millis(now)));
        left.map_or(u64::MAX, |left| u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX))
    }

    pub fn handle_timeout(&mut self, now: u64) {
        self.connection.handle_timeout(Instant::from_millis(now));
    }

    pub fn poll_event(&mut self) -> Option<AmqpEvent> {
        let event = self.connection.poll_event()?;
        let mut text = String::from(event.name());
        let (kind, link, delivery, count) = self.describe(&event, &mut text);
        // A NUL cannot be in a name, but it can be in the peer's text.
        self.text = CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default();
        let (body, body_len) = (self.body.as_ptr(), self.body.len());
        Some(AmqpEvent { kind, link, delivery, count, text: self.text.as_ptr(), body, body_len })
    }

    /// Returns the kind of an event, its link, its first delivery and the number of deliveries. Adds to its text, and sets the body.
    fn describe(&mut self, event: &Event, text: &mut String) -> (AmqpEventKind, u64, u64, u64) {
        self.body = Bytes::new();
        if let Some(detail) = event.error_detail() {
            *text = format!("{text} {detail}");
        }
        match event {
            // A server serves whatever its client asks for.
            Event::ReceiverRequested { receiver, .. } => {
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(CREDIT));
                let _ = self.connection.accept_receiver(*receiver, config);
                (AmqpEventKind::Other, (*receiver).into(), 0, 0)
            }
            Event::SenderRequested { sender, .. } => {
                let _ = self.connection.accept_sender(*sender, SenderConfig::new());
                self.senders.insert((*sender).into(), *sender);
                (AmqpEventKind::Other, (*sender).into(), 0, 0)
            }
            Event::ConnectionOpen => (AmqpEventKind::Open, 0, 0, 0),
            Event::SenderReady { sender } => (AmqpEventKind::Ready, (*sender).into(), 0, 0),
            Event::Delivery { receiver, delivery } => {
                self.received.insert(delivery.id.into(), (*receiver, delivery.id));
                // A body that is not of bytes is empty here.
                let message = Message::parse(delivery.payload.clone(), &ParseOptions::default()).ok();
                let body = message.and_then(|message| message.body_as::<Payload>().ok());
                self.body = body.map(Payload::into_bytes).unwrap_or_default();
                (AmqpEventKind::Message, (*receiver).into(), delivery.id.into(), 1)
            }
            Event::DeliverySettled { link: LinkId::Sender(sender), first, last, state } => {
                let kind = match state {
                    Some(DeliveryState::Accepted(_)) => AmqpEventKind::Accepted,
                    _ => AmqpEventKind::Refused,
                };
                (kind, (*sender).into(), (*first).into(), first.through(*last))
            }
            Event::ConnectionClosed => (AmqpEventKind::Closed, 0, 0, 0),
            event if event.error_detail().is_some() => (AmqpEventKind::Error, 0, 0, 0),
            _ => (AmqpEventKind::Other, 0, 0, 0),
        }
    }
}

pub fn status<T>(result: Result<T, CommandError>) -> AmqpStatus {
    match result {
        Ok(_) => AmqpStatus::Ok,
        Err(error) if error.is_temporary() => AmqpStatus::Again,
        Err(CommandError::UnknownLink | CommandError::UnknownId | CommandError::UnknownSession) => {
            AmqpStatus::Invalid
        }
        Err(_) => AmqpStatus::Failed,
    }
}
