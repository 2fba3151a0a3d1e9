//! Buffers that the kernel owns while it works on them, in the manner of io_uring: sends messages to a broker and
//! receives them again, one operation of each kind in flight.
//!
//! ```sh
//! cargo run --example broker -- --listen 127.0.0.1:5672
//! cargo run --example owned_buffers -- 127.0.0.1:5672
//! ```
//!
//! [`ring`] has the operations, this file the loop and the messages. compio submits the operations: to io_uring if the
//! kernel allows it, else it does them itself when the socket is ready. The first line that is printed names the one that
//! is in use; the code is the same.
//!
//! Nothing is copied on the way. A filled buffer becomes a chunk of [`Chunks`], whose payloads are slices of it. Output
//! is taken by `next_chunk`: a large payload reaches the kernel in the memory that the application handed to `send`.

#[path = "../common/advice.rs"]
mod advice;
mod ring;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use advice::{AnyError, about};
use amqp_proto::{
    Cause, CommandError, Connection, ConnectionConfig, Event, LinkId, Progress, ReceiverConfig, SenderConfig,
    SenderId, SessionConfig, frame::Chunks, message::Message, sasl::Mechanism,
    spec::delivery_state::DeliveryState,
};
use bytes::{Buf as _, Bytes, BytesMut};
use compio::{BufResult, driver::DriverType, net::TcpStream, runtime::Runtime, time};
use ring::{Completion, Ring};

type Result<T> = std::result::Result<T, AnyError>;

/// The number of messages, and the bytes of each.
const COUNT: u64 = 200;
const SIZE: usize = 100_000;
/// The size of the blocks that are read into, and the space that a read must at least have.
const BLOCK: usize = 256 * 1024;
const LEAST: usize = 16 * 1024;
const QUEUE: &str = "owned_buffers";
/// The time for the connect, and the time without an outcome or a message after which the broker is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The messages that are sent, and their progress.
struct Job {
    engine: Connection,
    payload: Bytes,
    sent: u64,
    settled: u64,
    received: u64,
    /// Bytes of payloads that the kernel got in the memory that they were sent from.
    uncopied: usize,
}

impl Job {
    /// Moves the bytes until the connection has ended. See the loop in the crate's documentation.
    async fn run(&mut self, socket: TcpStream) -> Result<()> {
        let start = Instant::now();
        let now = || {
            amqp_proto::Instant::from_millis(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))
        };
        let mut ring = Ring::new(socket);
        let (mut input, mut progress) = (Chunks::default(), Progress::NeedInput);
        let mut spare = Some(BytesMut::new());
        let (mut done, mut last) = (0, start);
        loop {
            while let Some(event) = self.engine.poll_event() {
                self.on_event(event)?;
            }
            if !ring.is_writing()
                && let Some(chunk) = self.engine.poll_transmit(now()).next_chunk()
            {
                if self.payload.as_ptr_range().contains(&chunk.as_ptr()) {
                    self.uncopied += chunk.len();
                }
                ring.submit_write(chunk);
                // Taken output makes room, which may raise events.
                continue;
            }
            if !ring.is_writing() && self.engine.is_closed() {
                let is_done = self.settled.min(self.received) == COUNT;
                return is_done
                    .then_some(())
                    .ok_or_else(|| about("the broker closed early", "see its log, and start again"));
            }
            if progress == Progress::NeedInput {
                if let Some(mut buffer) = spare.take() {
                    // Messages that are not dropped yet share the block. If there are none, it is used again.
                    if buffer.capacity() < LEAST {
                        buffer.reserve(BLOCK);
                    }
                    ring.submit_read(buffer);
                }
            } else if !ring.is_writing() || progress == Progress::DrainEvents {
                // Events or output were in the way, and are there no more.
                progress = self.engine.handle_input(now(), &mut input);
                continue;
            }
            if done < self.settled + self.received {
                (done, last) = (self.settled + self.received, Instant::now());
            } else if last.elapsed() >= PATIENCE {
                return Err(about("neither an outcome nor a message came", "see the broker's log"));
            }
            let after = |at: amqp_proto::Instant| start + at.saturating_since(amqp_proto::Instant::default());
            let deadline = self.engine.poll_timeout().map(after);
            ring.set_deadline(deadline.into_iter().chain([last + PATIENCE]).min());
            match ring.completion().await {
                Completion::Read(BufResult(Ok(count), mut buffer)) if count > 0 => {
                    input.push(buffer.split().freeze());
                    spare = Some(buffer);
                }
                Completion::Read(_) => self.engine.handle_eof(now()),
                Completion::Written(BufResult(Ok(count), mut chunk)) => {
                    chunk.advance(count);
                    if chunk.has_remaining() {
                        ring.submit_write(chunk);
                    }
                }
                // The peer's last frames may still be there to read.
                Completion::Written(_) => self.engine.output_lost(now()),
                Completion::Deadline => {}
            }
            progress = self.engine.handle_input(now(), &mut input);
            self.engine.handle_timeout(now());
        }
    }

    fn on_event(&mut self, event: Event) -> Result<()> {
        match &event {
            Event::SenderReady { sender } => self.send(*sender)?,
            Event::DeliverySettled { link: LinkId::Sender(_), first, last, state } => {
                if *state != Some(DeliveryState::ACCEPTED) {
                    return Err(format!("a message was not accepted but {state:?}").into());
                }
                self.settled += first.through(*last);
            }
            Event::Delivery { receiver, delivery } => {
                self.engine.receiver(*receiver)?.accept(delivery.id)?;
                self.received += 1;
            }
            event => {
                // The connection's own event follows those of its children, and has the reason.
                if let Some(failure) = event.failure().filter(|failure| failure.cause != Cause::Parent) {
                    return Err(about(event.name(), failure.clone()));
                }
            }
        }
        if (self.settled, self.received) == (COUNT, COUNT) && self.engine.is_open() {
            self.engine.close(None)?;
        }
        Ok(())
    }

    /// Sends as far as credit and room reach. `SENDER_READY` follows when there is more.
    fn send(&mut self, sender: SenderId) -> Result<()> {
        while self.sent < COUNT {
            let message = Message::builder().message_id(self.sent).data(self.payload.clone()).build();
            match self.engine.sender(sender).and_then(|mut link| link.send(self.sent, message)) {
                Ok(_) => self.sent += 1,
                // A link that has ended has its last event on the way.
                Err(error) if error.is_temporary() || error == CommandError::UnknownLink => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

async fn client(broker: String) -> Result<Job> {
    let connected = time::timeout(PATIENCE, TcpStream::connect(&broker)).await;
    let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let socket = connected.map_err(|error| about(broker, error))?;
    socket.set_nodelay(true)?;
    let config = ConnectionConfig::client("owned-buffers").idle_timeout(Duration::from_secs(60));
    let mut engine = Connection::new(config.sasl(Mechanism::anonymous()));
    engine.open()?;
    let session = engine.begin(SessionConfig::new())?;
    engine.session(session)?.attach_sender(SenderConfig::to(QUEUE))?;
    let receiver = engine.session(session)?.attach_receiver(ReceiverConfig::from(QUEUE))?;
    // Exactly as many as are sent: an earlier run may have left some in the queue.
    engine.receiver(receiver)?.set_credit(u32::try_from(COUNT)?)?;
    let payload = Bytes::from(vec![b'x'; SIZE]);
    let mut job = Job { engine, payload, sent: 0, settled: 0, received: 0, uncopied: 0 };
    job.run(socket).await?;
    Ok(job)
}

fn main() -> ExitCode {
    advice::end("owned_buffers", start())
}

fn start() -> Result<()> {
    let missing = || about("there is no argument", "pass the address of a broker, as 127.0.0.1:5672");
    let broker = env::args().nth(1).ok_or_else(missing)?;
    let runtime = Runtime::new()?;
    print(match runtime.driver_type() {
        DriverType::IoUring => "operations by io_uring".into(),
        other => format!("operations by {other:?}: the kernel does not allow io_uring"),
    })?;
    let job = runtime.block_on(client(broker))?;
    print(format!("{} messages sent and received, {} payload bytes uncopied", job.received, job.uncopied))
}

fn print(line: String) -> Result<()> {
    writeln!(io::stdout(), "{line}").map_err(|error| about("standard output", error))
}
