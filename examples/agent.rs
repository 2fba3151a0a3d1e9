//! The classic program in callbacks: when the connection is open, open a session; when that is, a sender and a
//! receiver; when a message has made its round, let go of everything and see it closed.
//!
//! Nothing to set up: the broker, one queue, runs in a thread of the same program, over TCP on the loopback device.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    rc::Rc,
    thread,
    time::Duration,
};

use amqp_proto::{
    CommandError, Connection, ConnectionConfig, CreditPolicy, Event, Instant, Progress, ReceiverConfig,
    SenderConfig, SenderId,
    callback::{Agent, ConnectionHandle, ReceiverHandle, SenderHandle, SessionHandle, Settings},
    frame::Payload,
    message::{Body, Message},
    sasl::Offer,
};
use bytes::{Buf, BytesMut};

const MESSAGES: usize = 5;

/// What the program holds: to let go of a handle is to close what it stands for.
#[derive(Default)]
struct Program {
    connection: Option<ConnectionHandle>,
    session: Option<SessionHandle>,
    sender: Option<SenderHandle>,
    receiver: Option<ReceiverHandle>,
    messages: usize,
    failed: bool,
}

/// One function manages everything.
fn manage(program: &Rc<RefCell<Program>>, event: &str, error_detail: Option<&str>) {
    println!("{event}{}", error_detail.map(|detail| format!(": {detail}")).unwrap_or_default());
    let mut this = program.borrow_mut();
    match event {
        "CONNECTION_OPEN" => {
            this.session = this.connection.as_ref().and_then(|connection| connection.open_session(None).ok());
        }
        "SESSION_OPEN" => {
            let Some(session) = &this.session else { return };
            let sender = session.open_sender("queue", None).ok();
            let on_message = program.clone();
            let receiver = session.open_receiver("queue", None, move |delivery| {
                let body = delivery.message().and_then(|message| message.body());
                let Ok(Body::Data(octets)) = body else { return delivery.reject(None) };
                println!("received {}", String::from_utf8_lossy(&octets.into_bytes()));
                delivery.accept();
                on_message.borrow_mut().received();
            });
            (this.sender, this.receiver) = (sender, receiver.ok());
        }
        "SENDER_OPEN" => {
            let Some(sender) = &this.sender else { return };
            for number in 1..=MESSAGES {
                let message = Message::builder().data(format!("message {number}")).build();
                let told = sender.send_then(message, move |state| println!("message {number}: {state:?}"));
                told.unwrap_or_else(|error| eprintln!("message {number} was not queued: {error}"));
            }
        }
        _ if error_detail.is_some() => {
            this.failed = true;
            this.let_go();
        }
        _ => {}
    }
}

impl Program {
    /// After the last message everything goes, from inside the callback.
    fn received(&mut self) {
        self.messages += 1;
        if self.messages == MESSAGES {
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        self.receiver = None;
        self.sender = None;
        self.session = None;
        self.connection = None;
    }
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("amqp://{}", listener.local_addr()?);
    let broker = thread::spawn(move || serve(listener.accept()?.0));

    let mut agent = Agent::new(Settings::new("agent"));
    let program = Rc::new(RefCell::new(Program::default()));
    let held = program.clone();
    let connection = agent
        .open_connection(&url, move |event, detail| manage(&held, event, detail))
        .map_err(io::Error::other)?;
    let (id, endpoint) = (connection.id(), connection.endpoint().ok_or(ErrorKind::NotConnected)?);
    program.borrow_mut().connection = Some(connection);

    let mut transport = TcpStream::connect((endpoint.host.as_str(), endpoint.port))?;
    let (clock, mut read) = (std::time::Instant::now(), BytesMut::new());
    let now = || Instant::from_millis(u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX));
    loop {
        agent.pump(now());
        // A large message is put into frames as what comes before it is written.
        while let Some(mut output) = agent.output(id, now()).filter(|output| !output.is_empty()) {
            write_all(&mut transport, &mut output)?;
        }
        if agent.is_closed(id) {
            break;
        }
        let wait = agent.next_timeout().map(|at| at.saturating_since(now()));
        match read_some(&mut transport, &mut read, wait)? {
            Some(0) => agent.eof(id, now()),
            Some(_) => {
                while agent.input(id, now(), &mut read) == Progress::DrainEvents {
                    agent.pump(now());
                }
            }
            None => {}
        }
    }
    drop(transport);
    broker.join().map_err(|_| ErrorKind::Other)??;

    let program = program.borrow();
    let done = program.messages == MESSAGES && !program.failed;
    println!("{} messages received, {:?}", program.messages, agent.counts());
    if done { Ok(()) } else { Err(io::Error::other("not all went as it should")) }
}

fn write_all(transport: &mut TcpStream, output: &mut impl Buf) -> io::Result<()> {
    while output.has_remaining() {
        transport.write_all(output.chunk())?;
        output.advance(output.chunk().len());
    }
    Ok(())
}

/// Reads what there is, and waits for it at most so long: how many octets, or `None` if the time is up.
fn read_some(
    transport: &mut TcpStream,
    into: &mut BytesMut,
    wait: Option<Duration>,
) -> io::Result<Option<usize>> {
    transport.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
    let mut block = [0; 4096];
    match transport.read(&mut block) {
        Ok(count) => {
            into.extend_from_slice(&block[..count]);
            Ok(Some(count))
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A broker with one queue, for one connection.
fn serve(mut transport: TcpStream) -> io::Result<()> {
    let config =
        ConnectionConfig::server("broker").auto_accept_sessions(true).sasl(Offer::accept_anonymous());
    let mut engine = Connection::new(config);
    let (mut queue, mut consumers): (VecDeque<Payload>, Vec<SenderId>) = Default::default();
    let (mut read, now, mut tag) = (BytesMut::new(), Instant::default(), 0_u32);
    let mut progress = Progress::NeedInput;
    while !engine.is_closed() {
        if progress == Progress::NeedInput && read_some(&mut transport, &mut read, None)? == Some(0) {
            engine.handle_eof(now);
        }
        progress = engine.handle_input(now, &mut read);
        while let Some(event) = engine.poll_event() {
            serve_event(&mut engine, &event, &mut queue, &mut consumers).map_err(io::Error::other)?;
        }
        for consumer in &consumers {
            while let Some(message) = queue.front()
                && let Ok(mut link) = engine.sender(*consumer)
                && link.send(tag, message.clone()).is_ok()
            {
                queue.pop_front();
                tag += 1;
            }
        }
        while !engine.poll_transmit(now).is_empty() {
            write_all(&mut transport, &mut engine.poll_transmit(now))?;
        }
    }
    Ok(())
}

fn serve_event(
    engine: &mut Connection,
    event: &Event,
    queue: &mut VecDeque<Payload>,
    consumers: &mut Vec<SenderId>,
) -> Result<(), CommandError> {
    match event {
        Event::ReceiverRequested { receiver, .. } => {
            engine.accept_receiver(*receiver, ReceiverConfig::new().credit(CreditPolicy::Auto(10)))
        }
        Event::SenderRequested { sender, .. } => {
            consumers.push(*sender);
            engine.accept_sender(*sender, SenderConfig::new())
        }
        Event::Delivery { receiver, delivery } => {
            let mut link = engine.receiver(*receiver)?;
            queue.push_back(link.take(*delivery)?.payload);
            link.accept(*delivery)
        }
        _ => Ok(()),
    }
}
