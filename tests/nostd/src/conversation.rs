//! A client and a server, each with its end of a serial line: login by SCRAM, messages and their outcomes, close.

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, Event, Instant, ReceiverConfig, SenderConfig,
    SenderId, SessionConfig,
    sasl::{Mechanism, ScramHash, ScramKeys},
    spec::delivery_state::DeliveryState,
};
use bytes::{Buf, BytesMut};

use crate::platform;

/// The number of messages.
pub const COUNT: u32 = 20;
const MESSAGE: &[u8] = b"21.5 degrees";
/// The bytes that the line moves in a tick, each way.
const LINE: usize = 64;
/// The ticks after which the program gives up.
const PATIENCE: u32 = 10_000;

/// One end: an engine, and what the line has brought that the engine has not taken yet.
struct End {
    engine: Connection,
    input: BytesMut,
}

impl End {
    /// Small frames and a small window keep the heap small: both bound what the peer can make the engine hold.
    fn new(config: ConnectionConfig) -> Self {
        Self { engine: Connection::new(config.max_frame_size(512)), input: BytesMut::with_capacity(512) }
    }

    /// Puts as many bytes on the line as it takes in a tick.
    fn transmit(&mut self, now: Instant, other: &mut Self) {
        let mut output = self.engine.poll_transmit(now);
        let chunk = output.chunk();
        let bytes = chunk.get(..LINE).unwrap_or(chunk);
        other.input.extend_from_slice(bytes);
        let count = bytes.len();
        output.advance(count);
    }

    /// Takes whole frames out of what has arrived. What is left is taken in a later tick.
    fn receive(&mut self, now: Instant) {
        let _ = self.engine.handle_input(now, &mut self.input);
        self.engine.handle_timeout(now);
    }
}

/// The messages and ends that both ends have seen.
#[derive(Default)]
struct Counts {
    sent: u32,
    arrived: u32,
    accepted: u64,
    closed: u32,
}

/// A device with a source of randomness would fill the buffer from it.
fn entropy(buffer: &mut [u8]) {
    buffer.fill(7);
}

/// Runs the conversation from open to close. Returns true if all messages arrived and were accepted, and both ends
/// closed without an error.
pub fn run() -> Result<bool, CommandError> {
    let keys = ScramKeys::derive(ScramHash::Sha256, "pencil", b"salt", 4096);
    let ours = Mechanism::scram(ScramHash::Sha256, "user", "pencil", entropy);
    let theirs = Mechanism::scram_server(ScramHash::Sha256, move |_| Some(keys.clone()), [7; 32], entropy);
    let mut client = End::new(ConnectionConfig::client("client").sasl(ours));
    let mut server = End::new(ConnectionConfig::server("server").auto_accept_sessions(true).sasl(theirs));
    client.engine.open()?;
    let session = client.engine.begin(SessionConfig::new().incoming_window(4))?;
    client.engine.session(session)?.attach_sender(SenderConfig::to("temperature"))?;

    let mut counts = Counts::default();
    while !(client.engine.is_closed() && server.engine.is_closed()) && platform::ticks() < PATIENCE {
        // A device sleeps here until the timer or the line interrupts it.
        let now = platform::tick();
        client.transmit(now, &mut server);
        server.transmit(now, &mut client);
        client.receive(now);
        server.receive(now);
        while let Some(event) = client.engine.poll_event() {
            on_client(&mut client.engine, event, &mut counts)?;
        }
        while let Some(event) = server.engine.poll_event() {
            on_server(&mut server.engine, event, &mut counts)?;
        }
    }
    let is_known = server.engine.sasl_identity().is_some_and(|user| user == "user");
    let Counts { arrived, accepted, closed, .. } = counts;
    Ok(is_known && (arrived, accepted, closed) == (COUNT, u64::from(COUNT), 2))
}

fn on_client(engine: &mut Connection, event: Event, counts: &mut Counts) -> Result<(), CommandError> {
    match event {
        Event::SenderReady { sender } => send(engine, sender, counts)?,
        Event::DeliverySettled { first, last, state, .. } if state == Some(DeliveryState::ACCEPTED) => {
            counts.accepted += first.through(last);
            if counts.accepted == u64::from(COUNT) {
                engine.close(None)?;
            }
        }
        Event::ConnectionClosed => counts.closed += 1,
        _ => {}
    }
    Ok(())
}

/// Sends as far as the credit reaches. `SENDER_READY` follows when there is more.
fn send(engine: &mut Connection, sender: SenderId, counts: &mut Counts) -> Result<(), CommandError> {
    while counts.sent < COUNT {
        match engine.sender(sender)?.send(counts.sent, MESSAGE) {
            Ok(_) => counts.sent += 1,
            Err(error) if error.is_temporary() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn on_server(engine: &mut Connection, event: Event, counts: &mut Counts) -> Result<(), CommandError> {
    match event {
        Event::ReceiverRequested { receiver, .. } => {
            engine.accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(4)))?;
        }
        Event::Delivery { receiver, delivery } => {
            engine.receiver(receiver)?.accept(delivery.id)?;
            counts.arrived += u32::from(delivery.payload.into_bytes() == MESSAGE);
        }
        Event::ConnectionClosed => counts.closed += 1,
        _ => {}
    }
    Ok(())
}
