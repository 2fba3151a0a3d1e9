//! Receives messages from an address, accepts them and prints their bodies, one per line.
//!
//! ```sh
//! cargo run --example receive -- amqp://localhost/queue --count 10
//! cargo run --example receive -- amqp://localhost/queue --drain       # take what is there, and no more
//! cargo run --example receive -- amqp://localhost/queue --filter "colour = 'blue'"
//! cargo run --example receive -- amqp://localhost/queues%2Fstream --offset first
//! cargo run --example receive -- amqps://localhost/queue --ca ca.pem --cert me.pem --key me.key
//! ```

#[path = "common/advice.rs"]
mod advice;
#[path = "common/client.rs"]
mod client;
#[path = "common/dial.rs"]
mod dial;
#[path = "common/entry.rs"]
mod entry;
#[path = "common/login.rs"]
mod login;
#[path = "common/peer.rs"]
mod peer;
#[path = "common/pem.rs"]
mod pem;
#[path = "common/printer.rs"]
mod printer;
#[path = "common/stream.rs"]
mod stream;
#[path = "common/tls_client.rs"]
mod tls_client;
#[path = "common/wanted.rs"]
mod wanted;

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use advice::about;
use amqp_proto::{
    Event, ReceiverConfig, ReceiverId, Timeouts,
    extensions::filters::Filter,
    spec::{definitions::SenderSettleMode, terminus::Target},
};
use clap::Parser;
use client::{Client, Connect, Result, check_open, unless_late};
use dial::Place;
use indicatif::{ProgressBar, ProgressDrawTarget};
use printer::Printer;
use wanted::Wanted;

/// The time for messages that are on their way when the program ends.
const STOP: Duration = Duration::from_secs(5);

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
    #[command(flatten)]
    wanted: Wanted,
    /// Do not print the bodies.
    #[arg(long)]
    quiet: bool,
    /// Give up after this many milliseconds without a message. Then messages that are on their way are taken, for up to 5 s;
    /// the close takes up to 10 s more.
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

/// The credit that the sender was given.
#[derive(Default)]
struct Granted {
    /// That of all messages so far, those that have been received among them.
    total: u64,
    /// What is left of it is asked back.
    is_draining: bool,
}

impl Granted {
    /// Returns the number of messages that are on their way, or that may still be sent. `Receiver::credit` would leave out
    /// those that wait for this program.
    fn ahead(&self, received: u64) -> u64 {
        self.total.saturating_sub(received)
    }
}

/// Tops up the credit when half is used. Returns true if more messages are due.
fn top_up(
    client: &mut Client,
    receiver: ReceiverId,
    arguments: &Arguments,
    received: u64,
    granted: &mut Granted,
) -> Result<bool> {
    let due = arguments.due(received);
    // If the link is gone, an event with the reason is queued.
    let Ok(mut receiver) = client.peer.connection.receiver(receiver) else { return Ok(true) };
    let ahead = granted.ahead(received);
    if !arguments.drain && !granted.is_draining && due > 0 && ahead <= u64::from(due / 2) {
        let more = u64::from(due) - ahead;
        granted.total += more;
        unless_late(receiver.add_credit(u32::try_from(more).unwrap_or(u32::MAX)))?;
    }
    Ok(due > 0)
}

/// Asks for a drain if credit was used up by messages that their sender has aborted, of which no event says so. They may be on
/// their way as well: a drain ends behind them.
fn look(client: &mut Client, receiver: ReceiverId, received: u64, granted: &mut Granted) -> Result<()> {
    let Ok(mut receiver) = client.peer.connection.receiver(receiver) else { return Ok(()) };
    if !granted.is_draining && granted.ahead(received) > receiver.credit().into() {
        granted.is_draining = true;
        unless_late(receiver.drain())?;
    }
    Ok(())
}

/// Fails if a filter that was asked for is not in force.
fn check_filters(client: &Client, receiver: ReceiverId, filters: &[Filter]) -> Result<()> {
    // If the link is gone, an event with the reason is queued.
    let Ok(link) = client.peer.connection.receiver_ref(receiver) else { return Ok(()) };
    let source = link.remote_attach().and_then(|attach| attach.source);
    wanted::check(filters, source.and_then(|source| source.filter).as_ref())
}

/// Asks for a round of messages and a drain behind it. Returns true if more messages are due.
fn drain(client: &mut Client, receiver: ReceiverId, arguments: &Arguments, received: u64) -> Result<bool> {
    let due = arguments.due(received);
    let Ok(mut receiver) = client.peer.connection.receiver(receiver) else { return Ok(true) };
    if due > 0 {
        unless_late(receiver.set_credit(due).and_then(|()| receiver.drain()))?;
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
    let filters = arguments.wanted.filters()?;
    let source = wanted::source(&place.address, &filters);
    let config = ReceiverConfig::new().source(source).target(Target::default()).snd_settle_mode(mode);
    let receiver = client.session()?.attach_receiver(config)?;
    let timeout = arguments.timeout.map(Duration::from_millis);
    let mut until = timeout.map(|timeout| Instant::now() + timeout);
    let mut more = arguments.due(0) > 0;
    // The number of messages received when the last drain was asked for.
    let mut round = 0_u64;
    let mut is_open = false;
    let mut has_settled = arguments.settled;
    let mut granted = Granted::default();
    while more {
        let mut event = client.poll_event()?;
        if event.is_none() {
            // Before it waits. The peer has no part in the time that this takes.
            let before = Instant::now();
            printer.flush(client)?;
            until = until.map(|until| until + before.elapsed());
            let look = (is_open && !arguments.drain).then(|| Instant::now() + LOOK);
            event = client.next_event([until, look].into_iter().flatten().min())?;
        }
        if matches!(event, Some(Event::ReceiverOpen { .. })) {
            is_open = true;
            check_filters(client, receiver, &filters)?;
        }
        match event {
            Some(Event::ReceiverOpen { .. }) if arguments.drain => {
                more = drain(client, receiver, arguments, *received)?;
            }
            Some(Event::ReceiverOpen { .. }) => {
                more = top_up(client, receiver, arguments, *received, &mut granted)?;
            }
            Some(Event::Delivery { receiver, delivery }) => {
                *received += 1;
                bar.set_position(*received);
                has_settled |= delivery.settled;
                printer.print(client, receiver, delivery)?;
                until = timeout.map(|timeout| Instant::now() + timeout);
                more = top_up(client, receiver, arguments, *received, &mut granted)?;
            }
            Some(Event::ReceiverDrained { timed_out, .. }) if !arguments.drain => {
                granted.is_draining = false;
                if !timed_out {
                    granted.total = *received;
                }
                more = top_up(client, receiver, arguments, *received, &mut granted)?;
            }
            Some(Event::ReceiverDrained { timed_out: true, .. }) => {
                let what = format!("no end of the drain in {} ms", arguments.drain_timeout);
                return Err(about(what, "raise --drain-timeout, or see the peer's log"));
            }
            // Credit left unused means that the sender has no more messages.
            Some(Event::ReceiverDrained { receiver, .. }) => {
                let used_up = *received >= round.saturating_add(arguments.due(round).into());
                round = *received;
                more = used_up && drain(client, receiver, arguments, *received)?;
            }
            Some(event) => check_open(&event)?,
            None if client.peer.connection.is_closed() => {
                return Err(about("the connection is over", "start it again"));
            }
            None if !is_open => {
                let waited = arguments.timeout.unwrap_or_default();
                let what = format!("the link was not opened in {waited} ms");
                return Err(about(what, "raise --timeout, or see the peer's log"));
            }
            None if until.is_none_or(|until| Instant::now() < until) => {
                look(client, receiver, *received, &mut granted)?;
            }
            None => {
                stop(client, receiver, has_settled, received, printer)?;
                if arguments.drain {
                    let waited = arguments.timeout.unwrap_or_default();
                    let what = format!("no message in {waited} ms, and no end");
                    return Err(about(what, "raise --timeout, or see the peer's log"));
                }
                break;
            }
        }
    }
    Ok(())
}

/// Takes the credit back, and takes what has been sent on it: nobody else gets messages that are settled. It is no error if
/// the peer does not say when that is over, unless it `has_settled` messages before.
fn stop(
    client: &mut Client,
    receiver: ReceiverId,
    mut has_settled: bool,
    received: &mut u64,
    printer: &mut Printer,
) -> Result<()> {
    // If the link is gone, an event with the reason is queued.
    if let Ok(mut link) = client.peer.connection.receiver(receiver) {
        unless_late(link.set_credit(0).and_then(|()| link.drain()))?;
    }
    let until = Instant::now() + STOP;
    loop {
        let failed = match client.next_event(Some(until))? {
            Some(Event::Delivery { receiver, delivery }) => {
                *received += 1;
                has_settled |= delivery.settled;
                printer.print(client, receiver, delivery)?;
                continue;
            }
            Some(Event::ReceiverDrained { timed_out: false, .. }) => return Ok(()),
            Some(Event::ReceiverDrained { .. }) | None => {
                Err(about("settled messages may be on their way", "the peer ends no drain: see its log"))
            }
            Some(event) => check_open(&event),
        };
        match failed {
            Ok(()) => {}
            Err(_) if !has_settled => return Ok(()),
            failed => return failed,
        }
    }
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
    shown.map_err(|error| about("standard output", error))?;
    if let Some(error) = printer.unreadable {
        return Err(about("a message that is malformed was rejected", error));
    }
    match arguments.count {
        Some(count) if received < count => {
            let what = format!("{received} of {count} messages came");
            Err(about(what, "send more, or pass a smaller --count or a longer --timeout"))
        }
        _ => Ok(()),
    }
}

fn main() -> ExitCode {
    advice::end("receive", run(&Arguments::parse()))
}
