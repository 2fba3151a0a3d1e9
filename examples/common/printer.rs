//! The printing of messages' bodies, and their settlement once they are printed.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Write},
};

use amqp_proto::{
    Delivery, DeliveryId, ReceiverId,
    message::{Body, Message, ParseOptions},
    spec::{
        definitions::{AmqpError, ErrorCondition},
        messaging::MESSAGE_FORMAT,
    },
    types::Value,
};

use crate::{
    advice::{AnyError, about},
    client::{Client, Result, unless_late},
};

/// Bytes of bodies to collect before they are written.
const BATCH: usize = 64 << 10;

/// Writes bodies, and accepts a message once its body has been written.
pub struct Printer {
    out: Box<dyn Write>,
    quiet: bool,
    bytes: Vec<u8>,
    /// Deliveries that are not settled yet, each with the end of its body in `bytes`.
    waiting: VecDeque<(ReceiverId, DeliveryId, usize)>,
    pub printed: u64,
    /// Why the first message was rejected that could not be read.
    pub unreadable: Option<AnyError>,
}

impl Printer {
    pub fn new(quiet: bool) -> Result<Self> {
        Ok(Self {
            out: output()?,
            quiet,
            bytes: Vec::new(),
            waiting: VecDeque::new(),
            printed: 0,
            unreadable: None,
        })
    }

    /// Takes a message, whose body is written by the next [`flush`](Self::flush) at the latest.
    pub fn print(&mut self, client: &mut Client, receiver: ReceiverId, delivery: Delivery) -> Result<()> {
        let (id, start) = (delivery.id, self.bytes.len());
        let done = if self.quiet { Ok(()) } else { format(delivery, &mut self.bytes) };
        if let Err(error) = done {
            // Whoever gets it next cannot read it either.
            self.bytes.truncate(start);
            let reason = AmqpError::described(ErrorCondition::DecodeError, error.to_string());
            let link = client.peer.connection.receiver(receiver);
            unless_late(link.and_then(|mut link| link.reject(id, Some(reason))))?;
            self.unreadable = self.unreadable.take().or(Some(error));
            return Ok(());
        }
        self.waiting.push_back((receiver, id, self.bytes.len()));
        if self.bytes.len() >= BATCH { self.flush(client) } else { Ok(()) }
    }

    /// Writes the bodies and accepts their messages. At an error, those not written as a whole are released.
    pub fn flush(&mut self, client: &mut Client) -> Result<()> {
        let mut written = 0;
        let done = loop {
            if written == self.bytes.len() {
                break self.out.flush();
            }
            match self.out.write(&self.bytes[written..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        for (receiver, id, end) in self.waiting.drain(..) {
            if end > written {
                release(client, receiver, id);
                continue;
            }
            self.printed += 1;
            unless_late(client.peer.connection.receiver(receiver).and_then(|mut link| link.accept(id)))?;
        }
        self.bytes.clear();
        done.map_err(|error| about("standard output", error))
    }
}

/// Releases a delivery: another receiver may take it.
fn release(client: &mut Client, receiver: ReceiverId, id: DeliveryId) {
    // An error means that the link has ended, and the delivery with it.
    let _ = client.peer.connection.receiver(receiver).and_then(|mut link| link.release(id));
}

/// Returns standard output without a buffer, so that bytes that are taken have been written.
#[cfg(unix)]
fn output() -> Result<Box<dyn Write>> {
    use std::os::fd::AsFd as _;
    Ok(Box::new(std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?)))
}

#[cfg(not(unix))]
fn output() -> Result<Box<dyn Write>> {
    Ok(Box::new(io::stdout()))
}

fn format(delivery: Delivery, out: &mut impl Write) -> Result<()> {
    let settings = ParseOptions { body_required: false, ..ParseOptions::default() };
    if delivery.message_format != MESSAGE_FORMAT {
        delivery.payload.chunks().try_for_each(|chunk| out.write_all(chunk))?;
    } else {
        let message = Message::parse(delivery.payload, &settings)?;
        match message.body_kind().map(|_| message.body()).transpose()? {
            Some(Body::Data(bytes)) => bytes.chunks().try_for_each(|chunk| out.write_all(chunk))?,
            Some(Body::Value(Value::String(text))) => out.write_all(text.as_bytes())?,
            Some(Body::Value(Value::Binary(bytes))) => out.write_all(&bytes)?,
            Some(Body::Value(value)) => write!(out, "{value:?}")?,
            Some(Body::Sequence(sections)) => write!(out, "{sections:?}")?,
            None => {}
        }
    }
    Ok(out.write_all(b"\n")?)
}
