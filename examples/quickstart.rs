//! A client and a server in one process, over loopback TCP: connect, send and settle messages both ways, close.
//!
//! Prints every event of both sides by its name. [`run`] is the whole loop around an engine; all else is what one
//! does with events.

use std::{
    error::Error,
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use amqp_proto::{
    Attach, Begin, Config, Connection, Event, LinkId, Progress, SenderId,
    message::{Body, Message, ParseOptions},
};
use bytes::{Buf as _, BytesMut};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How many messages go each way.
const COUNT: u64 = 3;

/// Moves bytes between socket and engine and hands events to `handle`, until the connection is closed.
fn run(
    mut socket: TcpStream,
    mut connection: Connection,
    mut handle: impl FnMut(&mut Connection, Event) -> Result<()>,
) -> Result<()> {
    // The engine has no clock: it is told what time it is.
    let start = Instant::now();
    let now = || amqp_proto::Instant::from_millis(start.elapsed().as_millis() as u64);
    let mut input = BytesMut::new();
    let mut progress = Progress::NeedInput;
    let mut block = vec![0; 64 * 1024];
    loop {
        loop {
            // 1. Events, answered by commands.
            while let Some(event) = connection.poll_event() {
                handle(&mut connection, event)?;
            }
            // 2. Output: what the commands and the protocol want to be sent. What is written makes room, which may
            //    bring events and more output; so both until there is neither.
            let mut out = connection.transmit(now());
            if out.is_empty() {
                break;
            }
            while out.has_remaining() {
                let written = socket.write(out.chunk())?;
                out.advance(written);
            }
        }
        if connection.is_closed() {
            break;
        }
        // 3. Time and input: wait for bytes no longer than to the next deadline. Nothing is read where the engine
        //    has stopped short, for events to be polled or output to be written first.
        if progress == Progress::NeedInput {
            let left = connection.poll_timeout().map(|deadline| deadline.saturating_since(now()));
            socket.set_read_timeout(left.map(|left| left.max(Duration::from_millis(1))))?;
            match socket.read(&mut block) {
                Ok(0) => connection.handle_eof(now()),
                Ok(count) => input.extend_from_slice(&block[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    connection.handle_timeout(now());
                }
                Err(error) => return Err(error.into()),
            }
        }
        // 4. Whole frames are taken out of the buffer; the rest stays for next time.
        progress = connection.handle_input(now(), &mut input);
    }
    Ok(())
}

/// Prints an event, with the text of the message where it is one; the delivery is accepted.
fn show(who: &str, connection: &mut Connection, event: &Event) -> Result<()> {
    let detail = match event {
        Event::Delivery { receiver, delivery } => {
            let mut receiver = connection.receiver(*receiver)?;
            let message = Message::parse(receiver.take(*delivery)?.payload, &ParseOptions::default())?;
            receiver.accept(*delivery)?;
            let Body::Value(value) = message.body()? else { return Err("an amqp-value is due".into()) };
            format!(" {value:?}")
        }
        Event::Settled { state: Some(state), .. } => format!(" {}", state.type_name()),
        event => event.error_detail().map(|detail| format!(" {detail}")).unwrap_or_default(),
    };
    println!("{who} {}{detail}", event.name());
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

/// How many deliveries an event settles on a link that we send on.
fn settled(event: &Event) -> u64 {
    match event {
        Event::Settled { link: LinkId::Sender(_), first, last, .. } => {
            u64::from(*last) - u64::from(*first) + 1
        }
        _ => 0,
    }
}

/// Asks for a session and two links at once, then sends, receives, and closes when both are done.
fn client(socket: TcpStream) -> Result<()> {
    let mut connection = Connection::new(Config::client("quickstart-client").hostname("localhost"));
    connection.open()?;
    let session = connection.begin(Begin::new())?;
    connection.session(session)?.attach_sender(Attach::to("requests"))?;
    let receiver = connection.session(session)?.attach_receiver(Attach::from("replies"))?;
    connection.receiver(receiver)?.set_credit(COUNT as u32)?;

    let (mut received, mut confirmed) = (0, 0);
    run(socket, connection, |connection, event| {
        show("client", connection, &event)?;
        confirmed += settled(&event);
        match event {
            // The server has given credit.
            Event::SenderReady { sender } => send_all(connection, sender, "request")?,
            Event::Delivery { .. } => received += 1,
            Event::SessionClosed { .. } => connection.close(None)?,
            _ => {}
        }
        if (received, confirmed) == (COUNT, COUNT) && connection.session_is_open(session) {
            connection.session(session)?.end(None)?;
        }
        Ok(())
    })
}

/// Accepts whatever the client asks for, gives it credit, and sends on the link that it receives on.
fn server(socket: TcpStream) -> Result<()> {
    let connection = Connection::new(Config::server("quickstart-server"));
    run(socket, connection, |connection, event| {
        show("server", connection, &event)?;
        match event {
            Event::ConnectionRequested => connection.open()?,
            Event::SessionRequested { session } => connection.accept_session(session, Begin::new())?,
            Event::ReceiverRequested { receiver, .. } => {
                connection.accept_receiver(receiver, Attach::new())?;
                connection.receiver(receiver)?.set_credit(COUNT as u32)?;
            }
            Event::SenderRequested { sender, .. } => connection.accept_sender(sender, Attach::new())?,
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
