//! A client for a page: it sends texts to one address, and receives texts from another.
//!
//! No bindings are generated: numbers are arguments and results, and bytes pass through one buffer in the module's memory,
//! whose address and length [`buffer`] and [`buffer_len`] return. Times are milliseconds of `performance.now()`.

use std::{cell::RefCell, time::Duration};

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, Event, Instant, ReceiverConfig, SenderConfig,
    SenderId, SessionConfig,
    message::{Message, ParseOptions},
    sasl::Mechanism,
    types::Value,
};
use bytes::{Buf, BytesMut};

/// A peer that is silent for longer is given up.
const IDLE: Duration = Duration::from_secs(60);

struct Client {
    connection: Connection,
    input: BytesMut,
    sender: SenderId,
    /// The number of the next message, which is its delivery-tag.
    next_tag: u64,
}

/// The kind of an event, as the page knows it. The buffer has its text.
#[repr(u32)]
enum Kind {
    None,
    /// A message has arrived. The text is the message.
    Message,
    /// Messages of ours have an outcome. The text is its name.
    Outcome,
    /// A message can be sent.
    Ready,
    /// Something has failed. The text is the reason.
    Error,
    /// Another event. The text is its name.
    Other,
}

thread_local! {
    static CLIENT: RefCell<Option<Client>> = const { RefCell::new(None) };
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs a call on the client, if there is one, and on the buffer.
fn with<T: Default>(run: impl FnOnce(&mut Client, &mut Vec<u8>) -> T) -> T {
    CLIENT.with_borrow_mut(|client| match client {
        Some(client) => BUFFER.with_borrow_mut(|buffer| run(client, buffer)),
        None => T::default(),
    })
}

/// A conversion of a float saturates.
fn instant(now: f64) -> Instant {
    Instant::from_millis(now as u64)
}

/// Makes the buffer `len` bytes long and returns its address.
#[unsafe(no_mangle)]
pub extern "C" fn buffer(len: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(len, 0);
        buffer.as_mut_ptr()
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn buffer_len() -> usize {
    BUFFER.with_borrow(Vec::len)
}

/// Makes the client. The buffer has the two addresses, with a newline between them. Returns 1 if all is well.
#[unsafe(no_mangle)]
pub extern "C" fn start() -> u32 {
    let text = BUFFER.with_borrow(|buffer| String::from_utf8_lossy(buffer).into_owned());
    let (to, from) = text.split_once('\n').unwrap_or((&text, &text));
    let client = Client::new(to, from);
    CLIENT.set(client.ok());
    CLIENT.with_borrow(Option::is_some).into()
}

impl Client {
    /// Asks for a session and two links at once.
    fn new(to: &str, from: &str) -> Result<Self, CommandError> {
        let config = ConnectionConfig::client("browser").sasl(Mechanism::anonymous()).idle_timeout(IDLE);
        let mut connection = Connection::new(config);
        connection.open()?;
        let session = connection.begin(SessionConfig::new())?;
        let sender = connection.session(session)?.attach_sender(SenderConfig::to(to))?;
        let receiver = ReceiverConfig::from(from).credit(CreditPolicy::Auto(20));
        connection.session(session)?.attach_receiver(receiver)?;
        Ok(Self { connection, input: BytesMut::new(), sender, next_tag: 0 })
    }

    /// Returns the kind of an event and its text. Messages are accepted.
    fn describe(&mut self, event: Event) -> (Kind, String) {
        let name = event.name().to_owned();
        if let Some(detail) = event.error_detail() {
            return (Kind::Error, format!("{name} {detail}"));
        }
        match event {
            Event::Delivery { receiver, delivery } => {
                // An error means that the link has ended.
                let _ = self.connection.receiver(receiver).and_then(|mut link| link.accept(delivery.id));
                let message = Message::parse(delivery.payload, &ParseOptions::default());
                (Kind::Message, message.map_or_else(|error| error.to_string(), |message| text(&message)))
            }
            Event::DeliverySettled { state, .. } => {
                (Kind::Outcome, state.map_or("settled", |state| state.type_name()).to_owned())
            }
            Event::SenderReady { .. } => (Kind::Ready, name),
            _ => (Kind::Other, name),
        }
    }
}

/// Returns the body of a message as text: a string, or bytes that may be UTF-8.
fn text(message: &Message) -> String {
    if let Ok(bytes) = message.body_as::<Vec<u8>>() {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    match message.body_as::<Value>() {
        Ok(Value::String(text)) => text.to_string(),
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}

/// Passes the buffer to the engine. Call it again, with an empty buffer, after events and output: it may go on then.
#[unsafe(no_mangle)]
pub extern "C" fn input(now: f64) {
    with(|client, buffer| {
        client.input.extend_from_slice(buffer);
        let _ = client.connection.handle_input(instant(now), &mut client.input);
        // Behind the input: a peer whose frames waited was not silent.
        client.connection.handle_timeout(instant(now));
    });
}

/// Notes the end of the WebSocket.
#[unsafe(no_mangle)]
pub extern "C" fn end_of_input(now: f64) {
    with(|client, _| client.connection.handle_eof(instant(now)));
}

/// Fills the buffer with at most `max` bytes of output, which count as written.
#[unsafe(no_mangle)]
pub extern "C" fn output(now: f64, max: usize) {
    with(|client, buffer| {
        let mut output = client.connection.poll_transmit(instant(now));
        buffer.clear();
        buffer.extend_from_slice(&output.copy_to_bytes(output.remaining().min(max)));
    });
}

/// Fills the buffer with the text of the next event, and returns its kind.
#[unsafe(no_mangle)]
pub extern "C" fn event() -> u32 {
    with(|client, buffer| {
        let event = client.connection.poll_event();
        let (kind, text) = event.map_or((Kind::None, String::new()), |event| client.describe(event));
        *buffer = text.into_bytes();
        kind as u32
    })
}

/// Sends the buffer as a text. Returns 0 if it has to wait until READY.
#[unsafe(no_mangle)]
pub extern "C" fn send() -> u32 {
    with(|client, buffer| {
        let message = Message::builder().value(&*String::from_utf8_lossy(buffer)).build();
        let sent =
            client.connection.sender(client.sender).and_then(|mut link| link.send(client.next_tag, message));
        client.next_tag += u64::from(sent.is_ok());
        sent.is_ok().into()
    })
}

/// Returns the milliseconds until `handle_timeout` is due, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn timeout(now: f64) -> f64 {
    with(|client, _| {
        let left = client.connection.poll_timeout().map(|at| at.saturating_since(instant(now)));
        left.map_or(-1.0, |left| left.as_secs_f64() * 1000.0)
    })
}

/// Handles what is due.
#[unsafe(no_mangle)]
pub extern "C" fn handle_timeout(now: f64) {
    with(|client, _| client.connection.handle_timeout(instant(now)));
}

/// Closes the connection, unless it is closing already.
#[unsafe(no_mangle)]
pub extern "C" fn close() {
    with(|client, _| {
        let _ = client.connection.close(None);
    });
}
