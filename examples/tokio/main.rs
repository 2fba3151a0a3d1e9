//! A client and a server on tokio, over TLS, in one process: reconnecting, back-pressure, and a graceful end.
//!
//! The server drops the first connection half-way, as a crash would. The client connects again, and sends again what
//! has no outcome. At the end the server closes its connections, and waits for them. [`driver`] is all that is needed
//! between an engine and tokio.

#[path = "../common/advice.rs"]
mod advice;
mod driver;
mod server;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Arguments,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use advice::{AnyError, about};
use amqp_proto::{
    CommandError, Connection, ConnectionConfig, DeliveryId, Event, SenderConfig, SenderId, SessionConfig,
    message::Message,
    sasl::{Mechanism, Tunnel},
    spec::delivery_state::DeliveryState,
};
use driver::Driver;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{self, timeout},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{ClientConfig, RootCertStore, ServerConfig, pki_types::PrivatePkcs8KeyDer},
};

type Result<T> = std::result::Result<T, AnyError>;

/// The number of messages.
const COUNT: u64 = 100;
/// The number of connections that the client tries.
const TRIES: u32 = 5;
/// The time that a TLS handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time without a frame after which the other side counts as lost.
const IDLE: Duration = Duration::from_secs(30);

/// Prints a line.
fn print(line: Arguments<'_>) -> Result<()> {
    writeln!(io::stdout(), "{line}").map_err(|error| about("standard output", error))
}

/// Sends all messages, over as many connections as it takes. A message without an outcome is sent again.
async fn client(server: SocketAddr, tls: TlsConnector) -> Result<()> {
    let mut left: BTreeSet<u64> = (0..COUNT).collect();
    let mut pause = Duration::from_millis(50);
    for _ in 0..TRIES {
        match send_all(server, &tls, &mut left).await {
            Ok(()) if left.is_empty() => return Ok(()),
            Ok(()) => print(format_args!("client: the server has closed, {} messages left", left.len()))?,
            Err(error) => print(format_args!("client: {error}, {} messages left", left.len()))?,
        }
        time::sleep(pause).await;
        pause *= 2;
    }
    Err(about(format!("{server}: {TRIES} connections failed"), "see the lines before it for the reasons"))
}

/// Sends what is left over one connection, and removes what is accepted.
async fn send_all(server: SocketAddr, tls: &TlsConnector, left: &mut BTreeSet<u64>) -> Result<()> {
    let socket = timeout(PATIENCE, TcpStream::connect(server)).await??;
    socket.set_nodelay(true)?;
    let stream = timeout(PATIENCE, tls.connect("localhost".try_into()?, socket)).await??;
    let config = ConnectionConfig::client("tokio-client").hostname("localhost").idle_timeout(IDLE);
    let mut engine = Connection::new(config.sasl(Mechanism::plain("user", "password")));
    engine.set_tunnel(Tunnel::new().protected(true).server_name("localhost"))?;
    engine.open()?;
    let session = engine.begin(SessionConfig::new())?;
    engine.session(session)?.attach_sender(SenderConfig::to("queue"))?;

    let mut driver = Driver::new(stream, engine);
    let mut unsent = left.iter().copied().collect();
    let (mut unsettled, mut failure) = (BTreeMap::new(), None);
    while let Some(event) = driver.next_event().await {
        match event {
            Event::SenderReady { sender } => {
                send(driver.engine(), sender, &mut unsent, &mut unsettled)?;
            }
            // 2.6.7: what there is goes first, as far as the credit reaches.
            Event::SenderDrain { sender } => {
                send(driver.engine(), sender, &mut unsent, &mut unsettled)?;
                if let Ok(mut sender) = driver.engine().sender(sender) {
                    // The receiver may have taken it back.
                    let _ = sender.drained();
                }
            }
            Event::DeliverySettled { first, last, state, .. } => {
                for (_, number) in unsettled.range(first..=last) {
                    if state != Some(DeliveryState::ACCEPTED) {
                        return Err(format!("message {number}: {state:?}").into());
                    }
                    left.remove(number);
                }
            }
            event => {
                print(format_args!("client: {}", event.name()))?;
                // The last event of a connection that failed is its own, after those of its links and sessions.
                failure = event.error_detail().map(|detail| detail.to_string()).or(failure);
            }
        }
        if left.is_empty() && driver.engine().is_open() {
            driver.engine().close(None)?;
        }
    }
    // A peer that does not read it keeps nobody.
    let _ = timeout(PATIENCE, driver.shutdown()).await;
    failure.map_or(Ok(()), |failure| Err(failure.into()))
}

/// Sends as far as the peer's credit and the room in the output reach. `SENDER_READY` follows when there is more.
fn send(
    engine: &mut Connection,
    sender: SenderId,
    unsent: &mut VecDeque<u64>,
    unsettled: &mut BTreeMap<DeliveryId, u64>,
) -> std::result::Result<(), CommandError> {
    // If the link has ended meanwhile, its last event is on the way, and has the reason.
    let Ok(mut link) = engine.sender(sender) else { return Ok(()) };
    while let Some(number) = unsent.front() {
        let message = Message::builder().message_id(*number).data(format!("message {number}"));
        match link.send(*number, message.build()) {
            Ok(delivery) => unsettled.insert(delivery, *number),
            Err(error) if error.is_temporary() => break,
            Err(error) => return Err(error),
        };
        unsent.pop_front();
    }
    Ok(())
}

/// Makes a certificate for "localhost", for the server to show and the client to trust.
fn certificate() -> Result<(TlsAcceptor, TlsConnector)> {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let mut trusted = RootCertStore::empty();
    trusted.add(own.cert.der().clone())?;
    let server = ServerConfig::builder().with_no_client_auth();
    let client = ClientConfig::builder().with_root_certificates(trusted).with_no_client_auth();
    let server = server.with_single_cert(vec![own.cert.der().clone()], key.into())?;
    Ok((Arc::new(server).into(), Arc::new(client).into()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    advice::end("tokio", start().await)
}

async fn start() -> Result<()> {
    let (acceptor, connector) = certificate()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(());
    let server = tokio::spawn(server::run(listener, acceptor, stopped));
    client(address, connector).await?;
    stop.send(())?;
    server.await?
}
