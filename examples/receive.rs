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
    Delivery, Event, ReceiverConfig, ReceiverId, Timeouts,
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

/// A link that messages are received on.
struct Reception<'a> {
    client: &'a mut Client,
    printer: &'a mut Printer,
    bar: &'a ProgressBar,
    arguments: &'a Arguments,
    filters: Vec<Filter>,
    receiver: ReceiverId,
    is_open: bool,
    received: u64,
    /// The credit that the sender was given, that of the messages received included.
    granted: u64,
    /// What is left of the credit is asked back.
    is_draining: bool,
    /// Messages come settled: nobody else gets those that are on their way.
    has_settled: bool,
}

impl<'a> Reception<'a> {
    fn new(
        client: &'a mut Client,
        place: &Place,
        arguments: &'a Arguments,
        printer: &'a mut Printer,
        bar: &'a ProgressBar,
    ) -> Result<Self> {
        let mode = if arguments.settled { SenderSettleMode::Settled } else { SenderSettleMode::Mixed };
        let filters = arguments.wanted.filters()?;
        let source = wanted::source(&place.address, &filters);
        let config = ReceiverConfig::new().source(source).target(Target::default()).snd_settle_mode(mode);
        let receiver = client.session()?.attach_receiver(config)?;
        Ok(Self {
            client,
            printer,
            bar,
            arguments,
            filters,
            receiver,
            is_open: false,
            received: 0,
            granted: 0,
            is_draining: false,
            has_settled: arguments.settled,
        })
    }

    /// Receives messages until no more are due.
    fn run(&mut self) -> Result<()> {
        let timeout = self.arguments.timeout.map(Duration::from_millis);
        let mut until = timeout.map(|timeout| Instant::now() + timeout);
        let mut more = self.due() > 0;
        while more {
            let mut event = self.client.poll_event()?;
            if event.is_none() {
                // Before it waits. The peer has no part in the time that this takes.
                let before = Instant::now();
                self.printer.flush(self.client)?;
                until = until.map(|until| until + before.elapsed());
                let look = (self.is_open && !self.arguments.drain).then(|| Instant::now() + LOOK);
                event = self.client.next_event([until, look].into_iter().flatten().min())?;
            }
            more = match event {
                Some(event) => {
                    let is_delivery = matches!(event, Event::Delivery { .. });
                    let more = self.on_event(event)?;
                    if is_delivery {
                        until = timeout.map(|timeout| Instant::now() + timeout);
                    }
                    more
                }
                None => self.on_silence(until)?,
            };
        }
        Ok(())
    }

    /// Handles an event. Returns true if more messages are due.
    fn on_event(&mut self, event: Event) -> Result<bool> {
        match event {
            Event::ReceiverOpen { .. } => {
                self.is_open = true;
                self.check_filters()?;
                self.ask_for_more()
            }
            Event::Delivery { receiver, delivery } => {
                self.take(receiver, delivery)?;
                self.top_up()
            }
            Event::ReceiverDrained { timed_out, .. } if !self.arguments.drain => {
                self.is_draining = false;
                if !timed_out {
                    self.granted = self.received;
                }
                self.top_up()
            }
            Event::ReceiverDrained { timed_out: true, .. } => {
                let what = format!("no end of the drain in {} ms", self.arguments.drain_timeout);
                Err(about(what, "raise --drain-timeout, or see the peer's log"))
            }
            // Credit left unused means that the sender has no more messages.
            Event::ReceiverDrained { unused_credit, .. } => Ok(unused_credit == 0 && self.drain()?),
            event => check_open(&event).map(|()| true),
        }
    }

    /// Handles the time without an event, which may be too long now. Returns true if more messages are due.
    fn on_silence(&mut self, until: Option<Instant>) -> Result<bool> {
        let waited = self.arguments.timeout.unwrap_or_default();
        let advice = "raise --timeout, or see the peer's log";
        if self.client.peer.connection.is_closed() {
            return Err(about("the connection is over", "start it again"));
        }
        if !self.is_open {
            return Err(about(format!("the link was not opened in {waited} ms"), advice));
        }
        if until.is_none_or(|until| Instant::now() < until) {
            return self.look().map(|()| true);
        }
        self.stop()?;
        if self.arguments.drain {
            return Err(about(format!("no message in {waited} ms, and no end"), advice));
        }
        Ok(false)
    }

    fn due(&self) -> u32 {
        self.arguments.due(self.received)
    }

    /// Returns the number of messages that are on their way, or that may still be sent. `Receiver::credit` would leave out
    /// those that wait for this program.
    fn ahead(&self) -> u64 {
        self.granted.saturating_sub(self.received)
    }

    fn take(&mut self, receiver: ReceiverId, delivery: Delivery) -> Result<()> {
        self.received += 1;
        self.bar.set_position(self.received);
        self.has_settled |= delivery.settled;
        self.printer.print(self.client, receiver, delivery)
    }

    fn ask_for_more(&mut self) -> Result<bool> {
        if self.arguments.drain { self.drain() } else { self.top_up() }
    }

    /// Tops up the credit when half is used. Returns true if more messages are due.
    fn top_up(&mut self) -> Result<bool> {
        let (due, ahead) = (self.due(), self.ahead());
        // If the link is gone, an event with the reason is queued.
        let Ok(mut receiver) = self.client.peer.connection.receiver(self.receiver) else { return Ok(true) };
        if !self.arguments.drain && !self.is_draining && due > 0 && ahead <= u64::from(due / 2) {
            let more = u64::from(due) - ahead;
            self.granted += more;
            unless_late(receiver.add_credit(u32::try_from(more).unwrap_or(u32::MAX)))?;
        }
        Ok(due > 0)
    }

    /// Asks for a round of messages and a drain behind it. Returns true if more messages are due.
    fn drain(&mut self) -> Result<bool> {
        let due = self.due();
        let Ok(mut receiver) = self.client.peer.connection.receiver(self.receiver) else { return Ok(true) };
        if due > 0 {
            unless_late(receiver.set_credit(due).and_then(|()| receiver.drain()))?;
        }
        Ok(due > 0)
    }

    /// Asks for a drain if credit was used up by messages that their sender has aborted, of which no event says so. They may
    /// be on their way as well: a drain ends behind them.
    fn look(&mut self) -> Result<()> {
        let ahead = self.ahead();
        let Ok(mut receiver) = self.client.peer.connection.receiver(self.receiver) else { return Ok(()) };
        if !self.arguments.drain && !self.is_draining && ahead > receiver.credit().into() {
            self.is_draining = true;
            unless_late(receiver.drain())?;
        }
        Ok(())
    }

    /// Fails if a filter that was asked for is not in force.
    fn check_filters(&self) -> Result<()> {
        // If the link is gone, an event with the reason is queued.
        let Ok(link) = self.client.peer.connection.receiver_ref(self.receiver) else { return Ok(()) };
        let source = link.remote_attach().and_then(|attach| attach.source);
        wanted::check(&self.filters, source.and_then(|source| source.filter).as_ref())
    }

    /// Takes the credit back, and takes what has been sent on it: nobody else gets messages that are settled. It is no error
    /// if the peer does not say when that is over, unless there were such messages.
    fn stop(&mut self) -> Result<()> {
        // If the link is gone, an event with the reason is queued.
        if let Ok(mut link) = self.client.peer.connection.receiver(self.receiver) {
            unless_late(link.set_credit(0).and_then(|()| link.drain()))?;
        }
        let until = Instant::now() + STOP;
        loop {
            let done = match self.client.next_event(Some(until))? {
                Some(Event::Delivery { receiver, delivery }) => {
                    self.take(receiver, delivery)?;
                    continue;
                }
                Some(Event::ReceiverDrained { timed_out: false, .. }) => return Ok(()),
                Some(Event::ReceiverDrained { .. }) | None => {
                    Err(about("settled messages may be on their way", "the peer ends no drain: see its log"))
                }
                Some(event) => check_open(&event),
            };
            match done {
                Ok(()) => {}
                Err(_) if !self.has_settled => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let place = Place::parse(&arguments.connect.url)?;
    let timeouts = Timeouts::default().drain(Duration::from_millis(arguments.drain_timeout));
    let mut client = Client::connect(&place, &arguments.connect, "receive", timeouts, arguments.timeout)?;
    let start = Instant::now();
    let mut printer = Printer::new(arguments.quiet)?;
    // Nothing is drawn unless standard error is a terminal.
    let bar = ProgressBar::with_draw_target(arguments.count, ProgressDrawTarget::stderr());
    let reception = Reception::new(&mut client, &place, arguments, &mut printer, &bar);
    let done = reception.and_then(|mut reception| reception.run());
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
