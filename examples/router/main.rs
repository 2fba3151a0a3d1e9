//! A router: for each client it opens a connection to a server, and mirrors sessions, links and deliveries both ways.
//!
//! ```sh
//! cargo run --example broker -- --listen 127.0.0.1:5672
//! cargo run --example router -- --listen 127.0.0.1:5673 --to 127.0.0.1:5672
//! cargo run --example send -- amqp://127.0.0.1:5673/queue --count 1000
//! ```
//!
//! This file has the connections; [`mirror`] has sessions and all ends, [`links`] requests and events of links,
//! [`route`] and [`held`] deliveries, [`credit`] what lets them in, and [`configs`] the settings of a counterpart.
//! [`driver`] is that of the example `tokio`. Nothing here queues without a bound: a sender gets no more credit than the
//! receiver behind the router has granted, and a long delivery is read as fast as it is written. A connection whose messages
//! wait for a slow one, and take up more than 64 MiB, is closed; if long deliveries take up all that is left to it, so that
//! none of its sessions is heard, it has ten times `--timeout` to go on.

#[path = "../common/advice.rs"]
mod advice;
mod configs;
mod credit;
#[path = "../tokio/driver.rs"]
mod driver;
mod held;
mod links;
#[path = "../common/log.rs"]
mod log;
mod mirror;
mod route;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use advice::{AnyError, about};
use amqp_proto::{
    Connection, ConnectionConfig, Event,
    sasl::Mechanism,
    spec::definitions::{AmqpError, ErrorCondition},
};
use clap::Parser;
use driver::Driver;
use log::Log;
use mirror::Mirror;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{self, timeout},
};

/// The time to connect to the server.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time without a frame after which either side counts as lost.
const IDLE: Duration = Duration::from_secs(60);

/// The number of times `--timeout` for which long deliveries may stop all sessions.
const STALLED: u32 = 10;
/// The least time between two looks is a quarter of this.
const LEAST_LOOK: Duration = Duration::from_millis(100);

type Result<T> = std::result::Result<T, AnyError>;

/// Connect each client to a server, and pass on what either of them sends.
#[derive(Parser)]
struct Arguments {
    /// The address to listen on; port 0 for any that is free.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5673")]
    listen: SocketAddr,
    /// The server.
    #[arg(long, value_name = "ADDR")]
    to: SocketAddr,
    /// Behind the end of one connection, give up the other if nothing happens on it for this many milliseconds. Close both if
    /// long deliveries that are not taken stop all sessions for ten times as long: kernels report only every megabyte or so
    /// that a slow peer takes.
    #[arg(long, value_name = "MS", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    advice::end("router", run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<()> {
    let at = |error| about(format!("--listen {}", arguments.listen), error);
    let listener = TcpListener::bind(arguments.listen).await.map_err(at)?;
    let listening = writeln!(io::stdout(), "listening on {}", listener.local_addr()?);
    listening.map_err(|error| about("standard output", error))?;
    let (log, patience) = (Arc::new(Log::new()), Duration::from_millis(arguments.timeout));
    loop {
        let Ok((socket, client)) = listener.accept().await else {
            // Such as too many open files, which others may close.
            time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let result = serve(socket, arguments.to, patience, &log).await;
            log.line(format!("{client}: {}", result.unwrap_or_else(|error| error.to_string())));
        });
    }
}

/// Serves one client. Returns how its connection ended, as text.
async fn serve(
    socket: TcpStream,
    to: SocketAddr,
    patience: Duration,
    log: &Log,
) -> std::result::Result<String, std::io::Error> {
    socket.set_nodelay(true)?;
    let config = ConnectionConfig::server("router").sasl(Mechanism::anonymous_server()).idle_timeout(IDLE);
    let mut client = Driver::new(socket, Connection::new(config));
    // The client's open names the host that it wants, and is answered when the server has answered ours.
    loop {
        match client.next_event().await {
            Some(Event::ConnectionRequested) => break,
            Some(event) => {
                log.line(format!("{}: {}", event.name(), event.error_detail().unwrap_or_default()));
            }
            None => return Ok("never opened".into()),
        }
    }
    match connect(client.engine(), to).await {
        Ok(server) => Ok(pass_on(client, server, patience).await),
        Err(error) => {
            let error = AmqpError::described(ErrorCondition::ConnectionForced, format!("{to}: {error}"));
            // An error means that the connection is ending already.
            let _ = client.engine().close(Some(error.clone()));
            while client.next_event().await.is_some() {}
            Ok(error.to_string())
        }
    }
}

/// Connects to the server, as the client that wants to be connected.
async fn connect(client: &Connection, to: SocketAddr) -> Result<Driver<TcpStream>> {
    let socket = timeout(PATIENCE, TcpStream::connect(to)).await??;
    socket.set_nodelay(true)?;
    let open = client.remote_open().ok_or("the client has not opened")?;
    // Servers tell links apart by their names and the container's id (2.6.1).
    let mut config = ConnectionConfig::client(open.container_id.clone())
        .sasl(Mechanism::anonymous())
        .idle_timeout(IDLE)
        .channel_max(open.channel_max.into())
        .desired_capabilities(open.desired_capabilities.iter().cloned());
    if let Some(hostname) = &open.hostname {
        config = config.hostname(hostname.clone());
    }
    if let Some(properties) = &open.properties {
        config = config.properties(properties.clone());
    }
    let mut engine = Connection::new(config);
    engine.open()?;
    Ok(Driver::new(socket, engine))
}

/// Passes on what happens on either connection until both have ended. Returns how that began.
async fn pass_on(mut client: Driver<TcpStream>, mut server: Driver<TcpStream>, patience: Duration) -> String {
    let (mut mirror, mut is_open, mut end) = (Mirror::default(), [true; 2], None::<String>);
    // For each side, the time since which its input has waited until long deliveries are passed on.
    let mut stalled = [None; 2];
    while is_open != [false; 2] {
        for (stalled, driver) in stalled.iter_mut().zip([&client, &server]) {
            *stalled =
                if driver.waits_for_reading() { stalled.or_else(|| Some(Instant::now())) } else { None };
        }
        let is_stalled = stalled.iter().flatten().any(|since| since.elapsed() >= STALLED * patience);
        if is_stalled && end.is_none() {
            let what = "long deliveries that were not taken in time stop all sessions";
            let error = AmqpError::described(ErrorCondition::ResourceLimitExceeded, what);
            // An error means that it is ending.
            let _ = [&mut client, &mut server].map(|driver| driver.engine().close(Some(error.clone())));
            end = Some(what.into());
        }
        // Both are driven all the time: one that waits for the other still has its timers and its heartbeats.
        let (side, event) = tokio::select! {
            event = client.next_event(), if is_open[0] => (0, event),
            event = server.next_event(), if is_open[1] => (1, event),
            // Looks at both again.
            () = time::sleep(patience.max(LEAST_LOOK) / 4), if end.is_none() => continue,
            () = time::sleep(patience), if end.is_some() => {
                let what = "what was left for this end was not taken in time";
                let error = AmqpError::described(ErrorCondition::ConnectionForced, what);
                // An error means that it is ending. It ends by its own timer.
                let closed = [&mut client, &mut server].map(|driver| driver.engine().close(Some(error.clone())));
                let late = ", and what was left was not taken in time";
                let is_closed = closed.iter().any(|closed| closed.is_ok());
                if let Some(end) = end.as_mut().filter(|end| is_closed && !end.ends_with(late)) {
                    end.push_str(late);
                }
                continue;
            }
        };
        stalled[side] = None;
        let Some(event) = event else {
            is_open[side] = false;
            // An error means that the transport is lost, which is as good.
            let _ = if side == 0 { client.shutdown().await } else { server.shutdown().await };
            continue;
        };
        if let Event::ConnectionClosed | Event::ConnectionError(_) = event {
            let detail = event.error_detail().unwrap_or_default();
            end.get_or_insert(format!("{} {} {detail}", ["client", "server"][side], event.name()));
        }
        let [near, far] = match side {
            0 => [client.engine(), server.engine()],
            _ => [server.engine(), client.engine()],
        };
        mirror.handle(side, near, far, event);
    }
    end.unwrap_or_default()
}
