//! Sends messages to an address and counts their outcomes.
//!
//! ```sh
//! cargo run --example send -- amqp://localhost/queue --count 1000 --size 100
//! cargo run --example send -- amqp://localhost/queue --property colour=blue --property size:=3
//! cargo run --example send -- amqps://user:password@localhost/queue --ca ca.pem
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
#[path = "common/stream.rs"]
mod stream;
#[path = "common/tls_client.rs"]
mod tls_client;

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use advice::about;
use amqp_proto::{
    CommandError, Event, SendOptions, SenderConfig, SenderId, Timeouts,
    frame::Payload,
    message::Message,
    spec::{
        definitions::{AmqpError, SenderSettleMode},
        delivery_state::DeliveryState,
    },
};
use clap::Parser;
use client::{Client, Connect, Result, check_open, unless_late};
use dial::Place;
use entry::Entry;
use indicatif::{ProgressBar, ProgressDrawTarget};

/// Send messages to an AMQP address.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// The number of messages.
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// Bytes of each body, which begins with the message's number.
    #[arg(long, value_name = "BYTES", default_value_t = 100, conflicts_with = "body")]
    size: usize,
    /// The same text as every body.
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// An application-property of each message; may be repeated. KEY=TEXT is a string, KEY:=VALUE a boolean, a long or
    /// a double.
    #[arg(long = "property", value_name = "KEY=TEXT", value_parser = Entry::parse)]
    properties: Vec<Entry>,
    /// The subject of each message.
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// Send settled: nothing is confirmed, and a message that the peer cannot take ends the link with an error. A router
    /// in between answers the end of the link before its server has.
    #[arg(long)]
    settled: bool,
    /// Messages per second at most.
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,
    /// Give up after this many milliseconds in which there is neither credit nor an outcome. The close takes up to 10 s more.
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
}

fn rate(text: &str) -> std::result::Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && f64::is_finite(rate) => Ok(rate),
        _ => Err("not a number above 0".into()),
    }
}

#[derive(Default)]
struct Counts {
    sent: u64,
    accepted: u64,
    rejected: u64,
    released: u64,
    modified: u64,
    /// Settled without an outcome.
    unclear: u64,
    /// The receiver's reason for the first rejection that has one.
    reason: Option<AmqpError>,
}

impl Counts {
    fn confirmed(&self) -> u64 {
        self.accepted + self.rejected + self.released + self.modified + self.unclear
    }

    fn settled(&mut self, count: u64, state: Option<&DeliveryState>) {
        let counter = match state {
            Some(DeliveryState::Accepted(_)) => &mut self.accepted,
            Some(DeliveryState::Rejected(rejected)) => {
                if let (None, Some(error)) = (&self.reason, &rejected.error) {
                    self.reason = Some(error.clone());
                }
                &mut self.rejected
            }
            Some(DeliveryState::Released(_)) => &mut self.released,
            Some(DeliveryState::Modified(_)) => &mut self.modified,
            _ => &mut self.unclear,
        };
        *counter += count;
    }
}

fn message(arguments: &Arguments, number: u64) -> Result<Payload> {
    let mut builder = Message::builder().message_id(number);
    if let Some(subject) = &arguments.subject {
        builder = builder.subject(subject.as_str());
    }
    for Entry { name, value } in &arguments.properties {
        builder = builder.application_property(name, value);
    }
    if let Some(body) = &arguments.body {
        return Ok(builder.data(body.clone()).build());
    }
    let mut body = Vec::new();
    body.try_reserve_exact(arguments.size.max(20))
        .map_err(|error| about(format!("--size: {error}"), "pass less"))?;
    write!(body, "{number:010}")?;
    body.resize(arguments.size, b'x');
    Ok(builder.data(body).build())
}

/// Sends as many messages as possible now. Returns the time of the next one if the rate delays it.
fn fill(
    client: &mut Client,
    sender: SenderId,
    arguments: &Arguments,
    counts: &mut Counts,
    start: Instant,
) -> Result<Option<Instant>> {
    // If the link is gone, an event with the reason is queued.
    let Ok(mut sender) = client.peer.connection.sender(sender) else { return Ok(None) };
    while counts.sent < arguments.count {
        if let Some(rate) = arguments.rate {
            let wait = Duration::try_from_secs_f64(counts.sent as f64 / rate);
            let due = wait.ok().and_then(|wait| start.checked_add(wait));
            let due = due.ok_or_else(|| about("--rate: the next message has no time", "pass more"))?;
            if due > Instant::now() {
                return Ok(Some(due));
            }
        }
        let options = SendOptions::new().settled(arguments.settled);
        match sender.send_with(counts.sent, message(arguments, counts.sent)?, &options) {
            Ok(_) => counts.sent += 1,
            // SENDER_READY follows when it can go on. If the link is ending, an event with the reason is queued.
            Err(error) if error.is_temporary() || matches!(error, CommandError::IllegalState(_)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

fn send(
    client: &mut Client,
    place: &Place,
    arguments: &Arguments,
    counts: &mut Counts,
    bar: &ProgressBar,
) -> Result<()> {
    let mode = if arguments.settled { SenderSettleMode::Settled } else { SenderSettleMode::Unsettled };
    let config = SenderConfig::to(&*place.address).snd_settle_mode(mode);
    let sender = client.session()?.attach_sender(config)?;
    let (mut open, mut due, mut start) = (false, None, Instant::now());
    let patience = arguments.timeout.map(Duration::from_millis);
    // The time of the last outcome or message, or of a message's turn.
    let mut last = Instant::now();
    while !open || counts.sent < arguments.count || (!arguments.settled && counts.confirmed() < counts.sent) {
        // Between messages of a rate nobody waits for the peer, once it has confirmed those before.
        let waits = due.is_none() || (!arguments.settled && counts.confirmed() < counts.sent);
        let give_up = patience.filter(|_| waits).and_then(|patience| last.checked_add(patience));
        let event = client.next_event(due.into_iter().chain(give_up).min())?;
        let is_turn = due.is_some_and(|due| due <= Instant::now());
        if is_turn {
            last = Instant::now();
        }
        match event {
            Some(Event::SenderOpen { .. }) => (open, start, last) = (true, Instant::now(), Instant::now()),
            Some(Event::DeliverySettled { first, last: until, state, .. }) => {
                last = Instant::now();
                counts.settled(first.through(until), state.as_ref());
                bar.set_position(counts.confirmed());
                continue;
            }
            Some(Event::SenderDrain { .. }) => {
                // What there is goes first, as far as the credit reaches.
                if open {
                    fill(client, sender, arguments, counts, start)?;
                }
                // The receiver may have taken it back.
                unless_late(client.peer.connection.sender(sender).and_then(|mut sender| sender.drained()))?;
            }
            Some(event) => check_open(&event)?,
            None if client.peer.connection.is_closed() => {
                return Err(about("the connection is over", "start it again"));
            }
            None => {}
        }
        let sent = counts.sent;
        due = if open { fill(client, sender, arguments, counts, start)? } else { None };
        if counts.sent > sent {
            last = Instant::now();
        } else if !is_turn && give_up.is_some_and(|give_up| give_up <= Instant::now()) {
            let waited = arguments.timeout.unwrap_or_default();
            let what = format!("neither credit nor an outcome in {waited} ms");
            return Err(about(what, "receive from the address to make room, or raise --timeout"));
        }
        if arguments.settled {
            bar.set_position(counts.sent);
        }
    }
    if arguments.settled { end(client, sender, patience) } else { Ok(()) }
}

/// Closes the link, and waits for the peer's answer. That has the reason if the peer has ended the link for a message: of
/// those that are settled, nothing else reports it.
fn end(client: &mut Client, sender: SenderId, patience: Option<Duration>) -> Result<()> {
    unless_late(client.peer.connection.sender(sender).and_then(|mut sender| sender.close(None)))?;
    // As long as for the answer to a close, at least. Without a time-out, the engine's for a detach ends it.
    let patience = patience.map(|patience| patience.max(Timeouts::default().close.unwrap_or_default()));
    loop {
        // A slow peer takes what was sent before.
        let until = patience.and_then(|patience| client.written_at.checked_add(patience));
        match client.next_event(until)? {
            Some(Event::SenderClosed { .. }) => return Ok(()),
            Some(event) => check_open(&event)?,
            None if client.peer.connection.is_closed() => {
                return Err(about("the connection is over", "start it again"));
            }
            None if patience.is_some_and(|patience| client.written_at.elapsed() >= patience) => {
                let what = "the peer did not answer the end of the link";
                return Err(about(what, "see its log, or raise --timeout"));
            }
            None => {}
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let place = Place::parse(&arguments.connect.url)?;
    let mut client =
        Client::connect(&place, &arguments.connect, "send", Timeouts::default(), arguments.timeout)?;
    let (mut counts, start) = (Counts::default(), Instant::now());
    // Nothing is drawn unless standard error is a terminal.
    let bar = ProgressBar::with_draw_target(Some(arguments.count), ProgressDrawTarget::stderr());
    let done = send(&mut client, &place, arguments, &mut counts, &bar);
    let done = client.close(done, arguments.settled);
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let Counts { sent, accepted, rejected, released, modified, unclear, reason } = counts;
    writeln!(
        io::stdout(),
        "sent {sent} accepted {accepted} rejected {rejected} released {released} modified {modified} in {seconds:.3} s, {:.0} msg/s",
        sent as f64 / seconds.max(f64::EPSILON),
    )?;
    if !arguments.settled && accepted == arguments.count {
        // Whatever came after that: the messages have arrived.
        return Ok(());
    }
    done?;
    if !arguments.settled {
        let what = format!(
            "{} of {sent} were not accepted, {unclear} of them settled without an outcome",
            sent - accepted
        );
        return Err(match reason {
            Some(reason) => about(what, reason),
            None => about(what, "see the peer's log for the reason, and send again"),
        });
    }
    Ok(())
}

fn main() -> ExitCode {
    advice::end("send", run(&Arguments::parse()))
}
