//! Two connections in memory: a message goes from the one to the other, and its outcome comes back.

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, Event, Instant, ReceiverConfig, SenderConfig,
    SessionConfig,
    sasl::{Mechanism, ScramHash, ScramKeys},
};
use bytes::{Buf, BytesMut};

const MESSAGE: &[u8] = b"hello";

/// Writes what one end has to say into the buffer, and gives the buffer to the other end.
fn carry(from: &mut Connection, to: &mut Connection, wire: &mut BytesMut, now: Instant) {
    let mut transmit = from.poll_transmit(now);
    while transmit.has_remaining() {
        let count = transmit.chunk().len();
        wire.extend_from_slice(transmit.chunk());
        transmit.advance(count);
    }
    let _ = to.handle_input(now, wire);
}

/// A program with a source of randomness would fill the buffer from it.
fn entropy(buffer: &mut [u8]) {
    buffer.fill(7);
}

/// From open to close, behind a login by SCRAM. Whether the message arrived, was accepted, and both ends closed without an error.
pub fn holds() -> Result<bool, CommandError> {
    let keys = ScramKeys::derive(ScramHash::Sha256, "pencil", b"salt", 4096);
    let ours = Mechanism::scram(ScramHash::Sha256, "user", "pencil", entropy);
    let theirs = Mechanism::scram_server(ScramHash::Sha256, move |_| Some(keys.clone()), [7; 32], entropy);
    let mut client = Connection::new(ConnectionConfig::client("client").sasl(ours));
    let config = ConnectionConfig::server("server").auto_accept_sessions(true).sasl(theirs);
    let mut server = Connection::new(config);
    client.open()?;
    let session = client.begin(SessionConfig::new())?;
    client.session(session)?.attach_sender(SenderConfig::to("queue"))?;

    let (mut up, mut down) = (BytesMut::new(), BytesMut::new());
    let (mut arrived, mut accepted, mut closed) = (false, false, 0);
    for millis in 0..16 {
        let now = Instant::from_millis(millis);
        carry(&mut client, &mut server, &mut up, now);
        while let Some(event) = server.poll_event() {
            match event {
                Event::ReceiverRequested { receiver, .. } => {
                    server.accept_receiver(receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(1)))?;
                }
                Event::Delivery { receiver, delivery } => {
                    server.receiver(receiver)?.accept(delivery.id)?;
                    arrived = delivery.payload.into_bytes() == MESSAGE;
                }
                Event::ConnectionClosed => closed += 1,
                _ => {}
            }
        }
        carry(&mut server, &mut client, &mut down, now);
        while let Some(event) = client.poll_event() {
            match event {
                Event::SenderReady { sender } if !accepted => {
                    client.sender(sender)?.send(1_u32, MESSAGE)?;
                }
                Event::DeliverySettled { state, .. } => {
                    accepted = state.is_some_and(|state| state.is_terminal());
                    client.close(None)?;
                }
                Event::ConnectionClosed => closed += 1,
                _ => {}
            }
        }
    }
    let known = server.sasl_identity().is_some_and(|user| user == "user");
    Ok(known && arrived && accepted && closed == 2 && client.is_closed() && server.is_closed())
}
