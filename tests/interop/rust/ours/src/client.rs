//! A blocking client of one connection with one session, and the management link pair beside it.

use std::{
    error::Error,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant as Clock},
};

use amqp_proto::{
    Connection, ConnectionConfig, Event, Instant, LinkId, Progress, ReceiverConfig, ReceiverId, SenderConfig,
    SenderId, SessionConfig, SessionId,
    extensions::{
        RequestConfig,
        rabbitmq::{Management, ManagementEvent, Request, Response},
    },
    frame::Payload,
    message::{Message, ParseOptions},
    sasl::Mechanism,
    spec::delivery_state::DeliveryState,
};
use bytes::{Buf as _, BytesMut};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Only there so that what hangs ends.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    socket: TcpStream,
    start: Clock,
    input: BytesMut,
    progress: Progress,
    pub connection: Connection,
    pub session: SessionId,
    sent: u64,
}

impl Client {
    /// Logs in as guest, with open and begin on their way at once.
    pub fn connect(port: u16, config: ConnectionConfig) -> Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        let mut connection = Connection::new(config.sasl(Mechanism::plain("guest", "guest")));
        connection.open()?;
        let session = connection.begin(SessionConfig::new())?;
        let input = BytesMut::new();
        Ok(Self {
            socket,
            start: Clock::now(),
            input,
            progress: Progress::NeedInput,
            connection,
            session,
            sent: 0,
        })
    }

    pub fn port(&self) -> Result<u16> {
        Ok(self.socket.peer_addr()?.port())
    }

    pub fn now(&self) -> Instant {
        Instant::from_millis(self.start.elapsed().as_millis() as u64)
    }

    /// Returns the next event, moving bytes until there is one. The peer's errors are events too.
    pub fn next_event(&mut self) -> Result<Event> {
        let until = Clock::now() + PATIENCE;
        loop {
            if let Some(event) = self.connection.poll_event() {
                return Ok(event);
            }
            self.flush()?;
            if let Some(event) = self.connection.poll_event() {
                return Ok(event);
            }
            if self.connection.is_closed() {
                return Err("the connection is closed".into());
            }
            if Clock::now() > until {
                return Err(format!("nothing for {} s", PATIENCE.as_secs()).into());
            }
            if self.progress == Progress::NeedInput {
                self.read()?;
            }
            let now = self.now();
            self.connection.handle_timeout(now);
            self.progress = self.connection.handle_input(now, &mut self.input);
        }
    }

    fn flush(&mut self) -> Result<()> {
        loop {
            let mut output =
                self.connection.poll_transmit(Instant::from_millis(self.start.elapsed().as_millis() as u64));
            if !output.has_remaining() {
                return Ok(());
            }
            let written = self.socket.write(output.chunk())?;
            output.advance(written);
        }
    }

    fn read(&mut self) -> Result<()> {
        let now = self.now();
        let wait = self.connection.poll_timeout().map_or(PATIENCE, |deadline| deadline.saturating_since(now));
        self.socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        let mut block = [0; 64 << 10];
        match self.socket.read(&mut block) {
            Ok(0) => self.connection.handle_eof(now),
            Ok(count) => self.input.extend_from_slice(&block[..count]),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Returns the next event that is no error, or an error's text.
    pub fn next(&mut self) -> Result<Event> {
        let event = self.next_event()?;
        match event.error_detail() {
            Some(detail) => Err(format!("{}: {detail}", event.name()).into()),
            None => Ok(event),
        }
    }

    /// Attaches a sender and waits for credit.
    pub fn sender(&mut self, config: SenderConfig) -> Result<SenderId> {
        let id = self.connection.session(self.session)?.attach_sender(config)?;
        while !matches!(self.next()?, Event::SenderReady { sender } if sender == id) {}
        Ok(id)
    }

    /// Sends one message and returns its outcome.
    pub fn send(&mut self, sender: SenderId, payload: impl Into<Payload>) -> Result<DeliveryState> {
        self.sent += 1;
        let tag = self.sent;
        let delivery = self.connection.sender(sender)?.send(tag, payload)?;
        loop {
            match self.next()? {
                Event::DeliverySettled { link: LinkId::Sender(link), first, last, state }
                    if link == sender && first <= delivery && delivery <= last =>
                {
                    return state.ok_or_else(|| "settled without an outcome".into());
                }
                _ => {}
            }
        }
    }

    /// Sends texts, each of which has to be accepted.
    pub fn send_texts<'a>(
        &mut self,
        sender: SenderId,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<()> {
        for text in texts {
            let state = self.send(sender, Message::builder().durable(true).value(text).build())?;
            if state != DeliveryState::ACCEPTED {
                return Err(format!("{text}: {state:?}").into());
            }
        }
        Ok(())
    }

    /// Attaches a receiver and waits for the answer.
    pub fn receiver(&mut self, config: ReceiverConfig) -> Result<ReceiverId> {
        let id = self.connection.session(self.session)?.attach_receiver(config)?;
        while !matches!(self.next()?, Event::ReceiverOpen { receiver } if receiver == id) {}
        Ok(id)
    }

    /// Takes one message and settles it with this outcome.
    pub fn take(&mut self, receiver: ReceiverId, outcome: DeliveryState) -> Result<Message> {
        self.connection.receiver(receiver)?.set_credit(1)?;
        loop {
            match self.next()? {
                Event::Delivery { receiver: link, delivery } if link == receiver => {
                    self.connection.receiver(receiver)?.settle(delivery.id, Some(outcome))?;
                    return Ok(Message::parse(delivery.payload, &ParseOptions::default())?);
                }
                _ => {}
            }
        }
    }

    /// Takes `count` messages, accepts them and returns their texts.
    pub fn texts(&mut self, receiver: ReceiverId, count: usize) -> Result<Vec<String>> {
        (0..count).map(|_| text(&self.take(receiver, DeliveryState::ACCEPTED)?)).collect()
    }

    /// Drains the receiver, on which nothing may be left.
    pub fn check_empty(&mut self, receiver: ReceiverId) -> Result<()> {
        let mut link = self.connection.receiver(receiver)?;
        link.set_credit(1)?;
        link.drain()?;
        loop {
            match self.next()? {
                Event::Delivery { delivery, .. } => {
                    return Err(format!("one more message: {delivery:?}").into());
                }
                Event::ReceiverDrained { timed_out, .. } if timed_out => {
                    return Err("the drain is not answered".into());
                }
                Event::ReceiverDrained { .. } => return Ok(()),
                _ => {}
            }
        }
    }

    /// Closes a receiver and waits for the answer: what it held is back in the queue then.
    pub fn close_receiver(&mut self, id: ReceiverId) -> Result<()> {
        self.connection.receiver(id)?.close(None)?;
        while !matches!(self.next()?, Event::ReceiverClosed { receiver, .. } if receiver == id) {}
        Ok(())
    }

    /// Closes the connection and waits for the answer.
    pub fn close(mut self) -> Result<()> {
        self.connection.close(None)?;
        while !matches!(self.next()?, Event::ConnectionClosed) {}
        Ok(())
    }
}

pub fn text(message: &Message) -> Result<String> {
    Ok(message.body_as::<String>()?)
}

/// RabbitMQ's management node, one request after the other.
pub struct Api(Management);

impl Api {
    /// Attaches the pair. The first request goes out in the turn in which the links are ready.
    pub fn attach(client: &mut Client, first: &Request) -> Result<(Self, Response)> {
        let mut management =
            Management::attach(&mut client.connection, client.session, RequestConfig::new("interop"))?;
        loop {
            let (now, event) = (client.now(), client.next()?);
            management.handle(now, &mut client.connection, event);
            if let Some(ManagementEvent::Ready) = management.poll_event() {
                let mut api = Self(management);
                let response = api.ask(client, first)?;
                return Ok((api, response));
            }
        }
    }

    pub fn ask(&mut self, client: &mut Client, request: &Request) -> Result<Response> {
        let due = self.0.call(client.now(), &mut client.connection, request, None)?;
        loop {
            let (now, event) = (client.now(), client.next()?);
            self.0.handle(now, &mut client.connection, event);
            while let Some(event) = self.0.poll_event() {
                match event {
                    ManagementEvent::Answered { id, response } if id == due => return Ok(*response),
                    ManagementEvent::Ready => {}
                    event => return Err(format!("{request:?}: {event:?}").into()),
                }
            }
        }
    }

    /// Asks, and returns the response if it has this status.
    pub fn expect(&mut self, client: &mut Client, request: &Request, status: u16) -> Result<Response> {
        has_status(request, self.ask(client, request)?, status)
    }
}

pub fn has_status(request: &Request, response: Response, status: u16) -> Result<Response> {
    if response.status != status {
        let said = response.explanation().unwrap_or_default();
        return Err(format!("{request:?}: {} {said} where {status} was due", response.status).into());
    }
    Ok(response)
}
