//! Receives messages from an address, accepts them and prints their bodies, one per line.
//!
//! ```sh
//! cargo run --example receive -- amqp://localhost/queue --count 10
//! cargo run --example receive -- amqp://localhost/queue --drain       # take what is there, and no more
//! cargo run --example receive -- amqps://localhost/queue --ca ca.pem --cert me.pem --key me.key
//! ```

#[path = "common/client.rs"]
mod client;
#[path = "common/dial.rs"]
mod dial;
#[path = "common/login.rs"]
mod login;
#[path = "common/peer.rs"]
mod peer;
#[path = "common/pem.rs"]
mod pem;
#[path = "common/stream.rs"]
mod stream;
#[path = "common/tls_client.rs"]
mod tls_client;

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use amqp_proto::{
    Delivery, DeliveryId, Event, ReceiverConfig, ReceiverId, Timeouts,
    message::{Body, Message, ParseOptions},
    spec::{definitions::SenderSettleMode, messaging::MESSAGE_FORMAT},
    types::Value,
};
use clap::Parser;
use client::{Client, Connect, Result, check_open};
use dial::Place;
use indicatif::{ProgressBar, ProgressDrawTarget};

/// The time between two looks at the credit while no message comes.
const LOOK: Duration = Duration::from_secs(1);

/// Receive messages from an AMQP address.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// The number of messages; without it there is no end.
    #[arg(long)]
    count: Option<u64>,
    /// The number of messages that the peer may send ahead.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    credit: u32,
    /// Ask for settled deliveries: nothing is confirmed.
    #[arg(long)]
    settled: bool,
    /// Take what is there and do not wait for more.
    #[arg(long)]
    drain: bool,
    /// The time that the sender has to end a drain, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    drain_timeout: u64,
    /// Do not print the bodies.
    #[arg(long)]
    quiet: bool,
    /// Give up after this many milliseconds without a message.
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
}

impl Arguments {
    /// Returns the credit to keep after this many messages.
    fn due(&self, received: u64) -> u32 {
        let left = self.count.map_or(u64::MAX, |count| count.saturating_sub(received));
        u32::try_from(left).unwrap_or(u32::MAX).min(self.credit)
    }
}

/// Bytes of bodies to collect before they are written.
const BATCH: usize = 64 << 10;

/// Writes bodies, and accepts a message once its body has been written.
struct Printer {
    out: Box<dyn Write>,
    quiet: bool,
    bytes: Vec<u8>,
    /// Deliveries that are not settled yet, each with the end of its body in `bytes`.
    waiting: VecDeque<(ReceiverId, DeliveryId, usize)>,
    printed: u64,
}

impl Printer {
    fn new(quiet: bool) -> Result<Self> {
        Ok(Self { out: output()?, quiet, bytes: Vec::new(), waiting: VecDeque::new(), printed: 0 })
    }

    /// Takes a message, whose body is written by the next [`flush`](Self::flush) at the latest.
    fn print(&mut self, client: &mut Client, receiver: ReceiverId, delivery: Delivery) -> Result<()> {
        let (id, start) = (delivery.id, self.bytes.len());
        let done = if self.quiet { Ok(()) } else { format(delivery, &mut self.bytes) };
        if done.is_err() {
            self.bytes.truncate(start);
            release(client, receiver, id);
            return done;
        }
        self.waiting.push_back((receiver, id, self.bytes.len()));
        if self.bytes.len() >= BATCH { self.flush(client) } else { Ok(()) }
    }

    /// Writes the bodies and accepts their messages. At an error, those not written as a whole are released.
    fn flush(&mut self, client: &mut Client) -> Result<()> {
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
            // If the link is gone, an event with the reason is queued.
            if let Ok(mut link) = client.peer.connection.receiver(receiver) {
                link.accept(id)?;
            }
        }
        self.bytes.clear();
        done.map_err(|error| format!("standard output: {error}").into())
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

/// Tops up the credit when half is used. Returns true if more messages are due.
fn top_up(client: &mut Client, receiver: ReceiverId, arguments: &Arguments, received: u64) -> Result<bool> {
    let due = arguments.due(received);
    // If the link is gone, an event with the reason is queued.
    let Ok(mut receiver) = client.peer.connection.receiver(receiver) else { return Ok(true) };
    if due > 0 && !arguments.drain && receiver.credit() <= due / 2 {
        receiver.set_credit(due)?;
    }
    Ok(due > 0)
}

/// Asks for a round of messages and a drain behind it. Returns true if more messages are due.
fn drain(client: &mut Client, receiver: ReceiverId, arguments: &Arguments, received: u64) -> Result<bool> {
    let due = arguments.due(received);
    let Ok(mut receiver) = client.peer.connection.receiver(receiver) else { return Ok(true) };
    if due > 0 {
        receiver.set_credit(due)?;
        receiver.drain()?;
    }
    Ok(due > 0)
}

fn receive(
    client: &mut Client,
    place: &Place,
    arguments: &Arguments,
    received: &mut u64,
    printer: &mut Printer,
    bar: &ProgressBar,
) -> Result<()> {
    let mode = if arguments.settled { SenderSettleMode::Settled } else { SenderSettleMode::Mixed };
    let config = ReceiverConfig::from(&*place.address).snd_settle_mode(mode);
    let receiver = client.session()?.attach_receiver(config)?;
    let timeout = arguments.timeout.map(Duration::from_millis);
    let mut until = timeout.map(|timeout| Instant::now() + timeout);
    let mut more = arguments.due(0) > 0;
    // The number of messages received when the last drain was asked for.
    let mut round = 0_u64;
    let mut is_open = false;
    while more {
        let mut event = client.poll_event()?;
        if event.is_none() {
            // Before it waits.
            printer.flush(client)?;
            // A message that its sender aborts uses up credit, and no event says so.
            let look = (is_open && !arguments.drain).then(|| Instant::now() + LOOK);
            event = client.next_event([until, look].into_iter().flatten().min())?;
        }
        is_open |= matches!(event, Some(Event::ReceiverOpen { .. }));
        match event {
            Some(Event::ReceiverOpen { .. }) if arguments.drain => {
                more = drain(client, receiver, arguments, *received)?;
            }
            Some(Event::ReceiverOpen { .. }) => more = top_up(client, receiver, arguments, *received)?,
            Some(Event::Delivery { receiver, delivery }) => {
                *received += 1;
                bar.set_position(*received);
                until = timeout.map(|timeout| Instant::now() + timeout);
                printer.print(client, receiver, delivery)?;
                more = top_up(client, receiver, arguments, *received)?;
            }
            Some(Event::ReceiverDrained { timed_out: true, .. }) => {
                return Err(format!("no end of the drain in {} ms", arguments.drain_timeout).into());
            }
            // Credit left unused means that the sender has no more messages.
            Some(Event::ReceiverDrained { receiver, .. }) => {
                let used_up = *received >= round.saturating_add(arguments.due(round).into());
                round = *received;
                more = used_up && drain(client, receiver, arguments, *received)?;
            }
            Some(event) => check_open(&event)?,
            None if client.peer.connection.is_closed() => return Err("the connection is over".into()),
            None if !is_open => {
                let waited = arguments.timeout.unwrap_or_default();
                return Err(format!("the link was not opened in {waited} ms").into());
            }
            None if until.is_none_or(|until| Instant::now() < until) => {
                more = top_up(client, receiver, arguments, *received)?;
            }
            None => break,
        }
    }
    Ok(())
}

fn run(arguments: &Arguments) -> Result<()> {
    let place = Place::parse(&arguments.connect.url)?;
    let timeouts = Timeouts::default().drain(Duration::from_millis(arguments.drain_timeout));
    let mut client = Client::connect(&place, &arguments.connect, "receive", timeouts, arguments.timeout)?;
    let (mut received, start) = (0, Instant::now());
    let mut printer = Printer::new(arguments.quiet)?;
    // Nothing is drawn unless standard error is a terminal.
    let bar = ProgressBar::with_draw_target(arguments.count, ProgressDrawTarget::stderr());
    let done = receive(&mut client, &place, arguments, &mut received, &mut printer, &bar);
    // Messages that came before an error are printed and accepted; the first error is the reason.
    let flushed = printer.flush(&mut client);
    let done = done.and(flushed);
    let done = client.close(done, false);
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let received = printer.printed;
    let shown = writeln!(
        io::stdout(),
        "received {received} in {seconds:.3} s, {:.0} msg/s",
        received as f64 / seconds.max(f64::EPSILON)
    );
    done?;
    shown?;
    match arguments.count {
        Some(count) if received < count => Err(format!("{received} of {count} messages came").into()),
        _ => Ok(()),
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "receive: {error}");
            ExitCode::FAILURE
        }
    }
}
