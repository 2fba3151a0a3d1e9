//! A client of each on tokio over loopback TCP: the driver of the example `tokio`, and fe2o3-amqp. Both talk to the
//! broker of this crate's examples, which runs in a process of its own.

use std::{
    collections::VecDeque,
    error::Error,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, ReceiverConfig, SenderConfig, SessionConfig,
    message::Message, sasl::Mechanism, spec::delivery_state::DeliveryState,
};
use bytes::Bytes;
use clap::Parser;
use driver::Driver;
use fe2o3_amqp::{
    Sendable,
    link::receiver::CreditMode,
    sasl_profile::SaslProfile,
    types::{messaging as fe2o3_messaging, primitives::Binary},
};
use rustix::time::{ClockId, clock_gettime};
use tokio::{net::TcpStream, runtime};

#[path = "../../../../examples/tokio/driver.rs"]
mod driver;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The credit of a receiver, and the messages that a sender has under way.
const CREDIT: u32 = 1000;
const QUEUE: &str = "queue";

/// Compares two clients on tokio.
#[derive(Parser)]
struct Arguments {
    /// The example `broker`, built in release.
    broker: PathBuf,
    /// The messages of a round.
    #[arg(long, default_value_t = 20_000)]
    count: u32,
    /// The rounds; the median of them counts.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

#[derive(Clone, Copy)]
enum Work {
    /// Sends messages, and waits for the outcome of each.
    Send,
    /// Receives messages, and accepts each.
    Receive,
}

/// The broker, which ends with this.
struct Broker(Child, SocketAddr);

/// What a round took.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Took {
    /// Of this process.
    cpu: f64,
    wall: f64,
}

impl Broker {
    fn start(program: &Path) -> Result<Self> {
        let arguments =
            ["--listen", "127.0.0.1:0", "--max-queue-bytes", "4000000000", "--max-bytes", "4000000000"];
        let mut child =
            Command::new(program).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().ok_or("no address")?.parse()?;
        Ok(Self(child, address))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

async fn ours(address: SocketAddr, work: Work, count: u32, payload: &Bytes) -> Result<()> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let mut engine = Connection::new(ConnectionConfig::client("ours").sasl(Mechanism::anonymous()));
    engine.open()?;
    let session = engine.begin(SessionConfig::new())?;
    match work {
        Work::Send => drop(engine.session(session)?.attach_sender(SenderConfig::to(QUEUE))?),
        Work::Receive => {
            let config = ReceiverConfig::from(QUEUE).credit(CreditPolicy::Auto(CREDIT));
            engine.session(session)?.attach_receiver(config)?;
        }
    }
    let mut driver = Driver::new(socket, engine);
    let (mut sent, mut done) = (0, 0);
    while let Some(event) = driver.next_event().await {
        match event {
            Event::SenderReady { sender } => {
                while sent < count {
                    let message = Message::builder().data(payload.clone()).build();
                    match driver.engine().sender(sender)?.send(sent, message) {
                        Ok(_) => sent += 1,
                        Err(error) if error.is_temporary() => break,
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Event::DeliverySettled { first, last, state, .. } => {
                if state != Some(DeliveryState::ACCEPTED) {
                    return Err(format!("{state:?}").into());
                }
                done += u32::try_from(first.through(last))?;
            }
            Event::Delivery { receiver, delivery } => {
                let message = Message::try_from(delivery.payload)?;
                assert_eq!(message.body_as::<Bytes>()?.len(), payload.len());
                driver.engine().receiver(receiver)?.accept(delivery.id)?;
                done += 1;
            }
            event => {
                if let Some(detail) = event.error_detail() {
                    return Err(detail.to_string().into());
                }
            }
        }
        if done == count && driver.engine().is_open() {
            driver.engine().close(None)?;
        }
    }
    if done == count { Ok(()) } else { Err("the broker closed early".into()) }
}

async fn fe2o3(address: SocketAddr, work: Work, count: u32, payload: &Bytes) -> Result<()> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let mut connection = fe2o3_amqp::Connection::builder()
        .container_id("fe2o3")
        .max_frame_size(64 << 10)
        .sasl_profile(SaslProfile::Anonymous)
        .open_with_stream(socket)
        .await?;
    let mut session = fe2o3_amqp::Session::begin(&mut connection).await?;
    match work {
        Work::Send => {
            let mut sender = fe2o3_amqp::Sender::attach(&mut session, "sender", QUEUE).await?;
            let mut under_way = VecDeque::new();
            for _ in 0..count {
                let data = fe2o3_messaging::Data(Binary::from(payload.to_vec()));
                let message = Sendable::builder().message(fe2o3_messaging::Message::from(data)).build();
                under_way.push_back(sender.send_batchable(message).await?);
                if under_way.len() >= CREDIT as usize
                    && let Some(oldest) = under_way.pop_front()
                {
                    oldest.await?.accepted_or("not accepted")?;
                }
            }
            for outcome in under_way {
                outcome.await?.accepted_or("not accepted")?;
            }
            sender.close().await?;
        }
        Work::Receive => {
            let mut receiver = fe2o3_amqp::Receiver::builder()
                .name("receiver")
                .source(QUEUE)
                .credit_mode(CreditMode::Auto(CREDIT))
                .attach(&mut session)
                .await?;
            for _ in 0..count {
                let delivery = receiver.recv::<fe2o3_messaging::Data>().await?;
                assert_eq!(delivery.body().0.len(), payload.len());
                receiver.accept(&delivery).await?;
            }
            receiver.close().await?;
        }
    }
    session.end().await?;
    connection.close().await?;
    Ok(())
}

/// Does the work once with each, on brokers of their own.
fn round(arguments: &Arguments, work: Work, size: usize) -> Result<[Took; 2]> {
    let payload = Bytes::from(vec![b'x'; size]);
    let mut took = [Took { cpu: 0.0, wall: 0.0 }; 2];
    for (side, took) in took.iter_mut().enumerate() {
        let broker = Broker::start(&arguments.broker)?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        if matches!(work, Work::Receive) {
            runtime.block_on(ours(broker.1, Work::Send, arguments.count, &payload))?;
        }
        let (cpu, wall) = (cpu_time(), Instant::now());
        match side {
            0 => runtime.block_on(ours(broker.1, work, arguments.count, &payload))?,
            _ => runtime.block_on(fe2o3(broker.1, work, arguments.count, &payload))?,
        }
        let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(arguments.count);
        *took = Took { cpu: each(cpu_time() - cpu), wall: each(wall.elapsed()) };
    }
    Ok(took)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    println!("| work | processor time, ours | fe2o3-amqp | ratio | time, ours | fe2o3-amqp | ratio |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for (work, name) in [(Work::Send, "sent and accepted"), (Work::Receive, "received and accepted")] {
        for (size, text) in [(100, "100 B"), (1 << 10, "1 KiB"), (32 << 10, "32 KiB")] {
            let rounds: Vec<_> =
                (0..arguments.rounds).map(|_| round(&arguments, work, size)).collect::<Result<_>>()?;
            let of = |side: usize, part: fn(&Took) -> f64| {
                median(rounds.iter().filter_map(|round| round.get(side)).map(part).collect())
            };
            // The ratio of each round, since the machine's speed changes between them.
            let ratio = |part: fn(&Took) -> f64| {
                median(rounds.iter().map(|[ours, peer]| part(peer) / part(ours)).collect())
            };
            let (cpu, wall): (fn(&Took) -> f64, fn(&Took) -> f64) = (|took| took.cpu, |took| took.wall);
            println!(
                "| {text}, {name} | {:.2} µs | {:.2} µs | {:.1} | {:.2} µs | {:.2} µs | {:.1} |",
                of(0, cpu),
                of(1, cpu),
                ratio(cpu),
                of(0, wall),
                of(1, wall),
                ratio(wall)
            );
        }
    }
    Ok(())
}
