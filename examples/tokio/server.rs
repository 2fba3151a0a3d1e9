//! The server: a task for each client.

use std::time::Duration;

use amqp_proto::{
    Connection, ConnectionConfig, CreditPolicy, Event, ReceiverConfig,
    sasl::{Mechanism, Tunnel},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{IDLE, PATIENCE, Result, driver::Driver, print};

/// The number of deliveries after which the first connection is lost.
const LOST_AFTER: u64 = 40;

/// Accepts clients until it is stopped, then waits until their connections have ended.
pub async fn run(listener: TcpListener, tls: TlsAcceptor, mut stop: watch::Receiver<()>) -> Result<()> {
    let (mut clients, mut lost_after) = (JoinSet::new(), Some(LOST_AFTER));
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    clients.spawn(serve(socket, tls.clone(), lost_after.take(), stop.clone()));
                }
                // Such as too many open files, which others may close.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
            Some(client) = clients.join_next() => report(client)?,
            _ = stop.changed() => break,
        }
    }
    while let Some(client) = clients.join_next().await {
        report(client)?;
    }
    Ok(())
}

/// Prints why a client could not be served: that ends no other, and not the server.
fn report(client: std::result::Result<Result<()>, JoinError>) -> Result<()> {
    client?.or_else(|error| print(format_args!("server: {error}")))
}

/// Accepts all messages of one client. With `lost_after`, it drops the connection at that delivery.
async fn serve(
    socket: TcpStream,
    tls: TlsAcceptor,
    lost_after: Option<u64>,
    mut stop: watch::Receiver<()>,
) -> Result<()> {
    socket.set_nodelay(true)?;
    let stream = timeout(PATIENCE, tls.accept(socket)).await??;
    let login = Mechanism::plain_server(|credentials| credentials.matches("user", "password"));
    let config = ConnectionConfig::server("tokio-server").auto_accept_sessions(true).idle_timeout(IDLE);
    let mut engine = Connection::new(config.sasl(login.protected_only()));
    engine.set_tunnel(Tunnel::new().protected(true))?;
    let mut driver = Driver::new(stream, engine);
    let mut received = 0;
    loop {
        // `next_event` is cancel-safe: nothing is lost if the other branch is taken.
        let event = tokio::select! {
            event = driver.next_event() => event,
            Ok(()) = stop.changed() => {
                driver.engine().close(None)?;
                continue;
            }
        };
        match event {
            Some(Event::ReceiverRequested { receiver, .. }) => {
                // A client may be 10 messages ahead of this loop.
                let config = ReceiverConfig::new().credit(CreditPolicy::Auto(10));
                driver.engine().accept_receiver(receiver, config)?;
            }
            Some(Event::Delivery { receiver, delivery }) => {
                received += 1;
                if lost_after == Some(received) {
                    print(format_args!("server: drops the connection"))?;
                    return Ok(());
                }
                driver.engine().receiver(receiver)?.accept(delivery.id)?;
            }
            Some(event) => print(format_args!("server: {}", event.name()))?,
            None => return Ok(()),
        }
    }
}
