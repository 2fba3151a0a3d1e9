//! A client and a server in one process, over loopback TCP: connect, send and settle messages both ways, close.
//!
//! Prints every event of both sides by its name. [`run`] is the whole loop around an engine; the rest handles events.

use std::{
    error::Error,
    io::{self, ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use amqp_proto::{
    Connection, ConnectionConfig, Event, LinkId, Progress, ReceiverConfig, SenderConfig, SenderId,
    SessionConfig,
    message::{Message, ParseOptions},
    sasl::Mechanism,
    types::Value,
};
use bytes::{Buf as _, BytesMut};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The number of messages each way.
const COUNT: u64 = 3;

/// The time without a frame after which the other side counts as lost.
const IDLE: Duration = Duration::from_secs(30);

/// The time that a call on the socket waits while output is left. Both ends may be writing, and each has to read.
const TURN: Duration = Duration::from_millis(1);

/// Moves bytes between socket and engine and hands events to `handle`, until the connection is closed.
pub(crate) fn run(
    mut socket: TcpStream,
    mut connection: Connection,
    mut handle: impl FnMut(&mut Connection, Event) -> Result<()>,
) -> Result<()> {
    // Without this the kernel would hold back a small batch until the one before is acknowledged, for 40 ms or more.
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(TURN))?;
    // The engine has no clock: every call is passed the time.
    let start = Instant::now();
    let now = || amqp_proto::Instant::from_millis(start.elapsed().as_millis() as u64);
    let (mut input, mut block) = (BytesMut::new(), vec![0; 64 * 1024]);
    let (mut progress, mut writes) = (Progress::NeedInput, 0_u32);
    let mut result = Ok(());
    loop {
        // 1. Events, answered by commands.
        while let Some(event) = connection.poll_event() {
            let handled = handle(&mut connection, event);
            if let (Ok(()), Err(error)) = (&result, handled) {
                result = Err(error);
                // The peer gets the reason, not a broken transport. An error means that the connection is ending.
                let _ = connection.close(None);
            }
        }
        // 2. Output. Writing makes room, which may cause events and more output: repeat both until there is neither.
        let mut out = connection.poll_transmit(now());
        let is_left = out.has_remaining();
        if is_left {
            match socket.write(out.chunk()) {
                Ok(written) => {
                    out.advance(written);
                    writes += 1;
                    // Reading has its turn, whatever the peer takes.
                    if writes % 16 != 0 {
                        continue;
                    }
                }
                Err(error) if is_timeout(&error) => {} // The peer does not read now. Maybe it waits for us to read.
                // Nothing more can be written. The peer's last frames may still be there to read.
                Err(_) => {
                    connection.output_lost(now());
                    continue;
                }
            }
        }
        if connection.is_closed() {
            return result;
        }
        // 3. Input, unless the engine stopped early: then events must be polled, or output written, first.
        if progress == Progress::NeedInput {
            // A read waits until the next deadline at most. There always is one, for the idle time-out.
            let wait = connection.poll_timeout().map(|deadline| deadline.saturating_since(now()).max(TURN));
            socket.set_read_timeout(if is_left { Some(TURN) } else { wait })?;
            match socket.read(&mut block) {
                Ok(count) if count > 0 => input.extend_from_slice(&block[..count]),
                Err(error) if is_timeout(&error) => {}
                _ => connection.handle_eof(now()), // The end of the input, or an error.
            }
        }
        // 4. Whole frames leave the buffer. Then what is due: a peer whose frames waited was not silent.
        progress = connection.handle_input(now(), &mut input);
        connection.handle_timeout(now());
    }
}

/// True if nothing is wrong: the time was over, or a signal came.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Prints an event, with the message of a delivery, which is accepted.
fn show(who: &str, connection: &mut Connection, event: &Event) -> Result<()> {
    let detail = match event {
        Event::Delivery { receiver, delivery } => {
            connection.receiver(*receiver)?.accept(delivery.id)?;
            let message = Message::parse(delivery.payload.clone(), &ParseOptions::default())?;
            format!(" {:?}", message.body_as::<Value>()?)
        }
        Event::DeliverySettled { state: Some(state), .. } => format!(" {}", state.type_name()),
        event => event.error_detail().map(|detail| format!(" {detail}")).unwrap_or_default(),
    };
    writeln!(io::stdout(), "{who} {}{detail}", event.name())?;
    match event.error_detail() {
        Some(detail) => Err(detail.into()),
        None => Ok(()),
    }
}

fn send_all(connection: &mut Connection, sender: SenderId, text: &str) -> Result<()> {
    for number in 0..COUNT {
        let message = Message::builder().message_id(number).value(&*format!("{text} {number}"));
        // The delivery-tag names the delivery among the link's unsettled ones.
        connection.sender(sender)?.send(number, message.build())?;
    }
    Ok(())
}

/// Returns the number of our deliveries that an event settles.
fn settled(event: &Event) -> u64 {
    match event {
        Event::DeliverySettled { link: LinkId::Sender(_), first, last, .. } => first.through(*last),
        _ => 0,
    }
}

/// Asks for a session and two links at once, then sends and receives, and closes when both are done.
fn client(socket: TcpStream) -> Result<()> {
    let config = ConnectionConfig::client("quickstart-client").hostname("localhost").idle_timeout(IDLE);
    let mut connection = Connection::new(config.sasl(Mechanism::anonymous()));
    connection.open()?;
    let session = connection.begin(SessionConfig::new())?;
    connection.session(session)?.attach_sender(SenderConfig::to("requests"))?;
    let receiver = connection.session(session)?.attach_receiver(ReceiverConfig::from("replies"))?;
    connection.receiver(receiver)?.set_credit(COUNT as u32)?;

    let (mut received, mut confirmed) = (0, 0);
    run(socket, connection, |connection, event| {
        show("client", connection, &event)?;
        confirmed += settled(&event);
        match event {
            // The server has granted credit.
            Event::SenderReady { sender } => send_all(connection, sender, "request")?,
            Event::Delivery { .. } => received += 1,
            Event::SessionClosed { .. } => connection.close(None)?,
            _ => {}
        }
        if (received, confirmed) == (COUNT, COUNT)
            && connection.session_ref(session).is_ok_and(|session| session.is_open())
        {
            connection.session(session)?.end(None)?;
        }
        Ok(())
    })
}

/// Accepts all that the client asks for, grants it credit, and sends on the link that it receives on.
fn server(socket: TcpStream) -> Result<()> {
    let config = ConnectionConfig::server("quickstart-server").idle_timeout(IDLE);
    // Nearly all clients begin with a SASL layer, even without a password.
    let connection = Connection::new(config.sasl(Mechanism::anonymous_server()));
    run(socket, connection, |connection, event| {
        show("server", connection, &event)?;
        match event {
            Event::ConnectionRequested => connection.open()?,
            Event::SessionRequested { session } => {
                connection.accept_session(session, SessionConfig::new())?
            }
            Event::ReceiverRequested { receiver, .. } => {
                connection.accept_receiver(receiver, ReceiverConfig::new())?;
                connection.receiver(receiver)?.set_credit(COUNT as u32)?;
            }
            Event::SenderRequested { sender, .. } => connection.accept_sender(sender, SenderConfig::new())?,
            Event::SenderReady { sender } => send_all(connection, sender, "reply")?,
            _ => {}
        }
        Ok(())
    })
}

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || server(listener.accept()?.0));
    client(TcpStream::connect(address)?)?;
    server.join().map_err(|_| "the server's thread panicked")?
}
