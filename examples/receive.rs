//! Receives messages from an address, accepts them and prints their bodies, one per line.
//!
//! ```sh
//! cargo run --example receive -- amqp://localhost/queue --count 10
//! cargo run --example receive -- amqp://localhost/queue --drain       # take what is there, and no more
//! ```

#[path = "common/client.rs"]
mod client;
#[path = "common/peer.rs"]
mod peer;

use std::{
    io::{self, BufWriter, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use amqp_proto::{
    Delivery, Event, ReceiverConfig, ReceiverId, Timeouts,
    message::{Body, Message, ParseOptions},
    spec::{definitions::SenderSettleMode, messaging::MESSAGE_FORMAT},
    types::Value,
};
use clap::Parser;
use client::{Client, Connect, Place, Result, check_open};
use indicatif::{ProgressBar, ProgressDrawTarget};

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

fn print(delivery: Delivery, out: &mut impl Write) -> Result<()> {
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
    out: &mut impl Write,
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
    while more {
        match client.next_event(until)? {
            Some(Event::ReceiverOpen { .. }) if arguments.drain => {
                more = drain(client, receiver, arguments, *received)?;
            }
            Some(Event::ReceiverOpen { .. }) => more = top_up(client, receiver, arguments, *received)?,
            Some(Event::Delivery { receiver, delivery }) => {
                let Ok(mut link) = client.peer.connection.receiver(receiver) else { continue };
                link.accept(delivery.id)?;
                *received += 1;
                bar.set_position(*received);
                until = timeout.map(|timeout| Instant::now() + timeout);
                if !arguments.quiet {
                    print(delivery, out)?;
                }
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
            None => break,
        }
    }
    Ok(())
}

fn run(arguments: &Arguments) -> Result<()> {
    let place = Place::parse(&arguments.connect.url)?;
    let timeouts = Timeouts::default().drain(Duration::from_millis(arguments.drain_timeout));
    let mut client = Client::connect(&place, &arguments.connect, "receive", timeouts)?;
    let (mut received, start) = (0, Instant::now());
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    // Nothing is drawn unless standard error is a terminal.
    let bar = ProgressBar::with_draw_target(arguments.count, ProgressDrawTarget::stderr());
    let done = receive(&mut client, &place, arguments, &mut received, &mut out, &bar);
    let done = client.close(done);
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    writeln!(
        out,
        "received {received} in {seconds:.3} s, {:.0} msg/s",
        received as f64 / seconds.max(f64::EPSILON)
    )?;
    out.flush()?;
    done?;
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
