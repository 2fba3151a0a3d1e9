//! A server whose addresses are tasks, as in `server.js`:
//!
//! `sink/COUNT/SIZE` takes messages, `source/COUNT/SIZE/DELAY` sends them after DELAY ms, `fail/connection`,
//! `fail/session` and `fail/link` answer the attach and end that endpoint with an error. Prints READY and the port, then
//! one line of JSON for each sink and source that has gone.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use fe2o3_amqp::{
    Receiver, Sendable, Sender,
    acceptor::{
        ConnectionAcceptor, LinkAcceptor, LinkEndpoint, ListenerConnectionHandle, ListenerSessionHandle,
        SaslAnonymousMechanism, SaslPlainMechanism, SessionAcceptor, scram::SingleScramCredential,
    },
    auth::scram::{ScramAuthenticator, ScramVersion},
    link::delivery::DeliveryFut,
    types::{
        definitions::{AmqpError, Error},
        messaging::{AmqpValue, Body, Data, Message, Outcome},
        primitives::Value,
    },
};
use interop_common::{Content, Options, Result, check, content};
use tokio::net::{TcpListener, TcpStream};

use crate::bytes;

/// Outcomes that are awaited at once.
const UNDER_WAY: usize = 100;

#[derive(Clone, Copy)]
enum Endpoint {
    Connection,
    Session,
}

fn error() -> Error {
    Error::new(AmqpError::ResourceLimitExceeded, Some("the peer has had enough".into()), None)
}

fn numbers(address: &str) -> (usize, usize, u64) {
    let mut words = address.split('/').skip(1).map(|word| word.parse().unwrap_or(0));
    let mut next = || words.next().unwrap_or(0);
    (next() as usize, next() as usize, next())
}

fn report(address: &str, done: usize, accepted: usize, wrong: Option<String>) {
    let wrong = wrong.map_or("null".to_owned(), |text| format!("{text:?}"));
    println!(r#"{{"address": "{address}", "done": {done}, "accepted": {accepted}, "wrong": {wrong}}}"#);
}

async fn sink(mut receiver: Receiver, address: &str) {
    let (_, size, _) = numbers(address);
    let (mut done, mut wrong) = (0, None);
    while let Ok(delivery) = receiver.recv::<Body<Value>>().await {
        let fault = bytes(&delivery).and_then(|bytes| check(&bytes, done, size, true));
        wrong = wrong.or(fault.err().map(|error| error.to_string()));
        done += 1;
        // The peer may have detached behind messages that it sent settled; they are there to take.
        let _ = receiver.accept(&delivery).await;
    }
    let _ = receiver.close().await;
    report(address, done, 0, wrong);
}

async fn send(
    sender: &mut Sender,
    n: usize,
    size: usize,
) -> Result<DeliveryFut<std::result::Result<Outcome, fe2o3_amqp::link::SendError>>> {
    Ok(match content(n, size) {
        Content::Text(text) => {
            let message: Sendable<AmqpValue<String>> =
                Sendable::builder().message(Message::builder().value(text).build()).build();
            sender.send_batchable(message).await?
        }
        Content::Binary(bytes) => {
            let message: Sendable<Data> =
                Sendable::builder().message(Message::builder().data(bytes).build()).build();
            sender.send_batchable(message).await?
        }
    })
}

async fn source(mut sender: Sender, address: &str) {
    let (count, size, delay) = numbers(address);
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let (mut done, mut accepted, mut wrong, mut under_way) = (0, 0, None, VecDeque::new());
    while done < count || !under_way.is_empty() {
        if done < count {
            match send(&mut sender, done, size).await {
                Ok(outcome) => under_way.push_back(outcome),
                Err(error) => {
                    wrong = Some(error.to_string());
                    break;
                }
            }
            done += 1;
        }
        if (under_way.len() >= UNDER_WAY || done == count)
            && let Some(oldest) = under_way.pop_front()
        {
            match oldest.await {
                Ok(Outcome::Accepted(_)) => accepted += 1,
                other => wrong = wrong.or(Some(format!("{other:?}"))),
            }
        }
    }
    sender.on_detach().await;
    let _ = sender.close().await;
    report(address, done, accepted, wrong);
}

/// Serves the links of a session until it ends. Returns the endpoint that is to fail, if a task asked for it, and the
/// link, which is closed when it is dropped.
async fn serve_session(session: &mut ListenerSessionHandle) -> Option<(Endpoint, LinkEndpoint)> {
    let links = LinkAcceptor::new();
    while let Ok(link) = links.accept(session).await {
        let address = match &link {
            LinkEndpoint::Sender(sender) => {
                sender.source().as_ref().and_then(|source| source.address.clone())
            }
            LinkEndpoint::Receiver(receiver) => {
                receiver.target().as_ref().and_then(|target| target.address.clone())
            }
        };
        let address = address.unwrap_or_default();
        let ends = match &*address {
            "fail/connection" => Some(Endpoint::Connection),
            "fail/session" => Some(Endpoint::Session),
            _ => None,
        };
        if let Some(endpoint) = ends {
            if matches!(endpoint, Endpoint::Session) {
                let _ = session.end_with_error(error()).await;
            }
            return Some((endpoint, link));
        }
        match link {
            LinkEndpoint::Sender(sender) if address == "fail/link" => {
                let _ = sender.close_with_error(error()).await;
            }
            LinkEndpoint::Receiver(receiver) if address == "fail/link" => {
                let _ = receiver.close_with_error(error()).await;
            }
            LinkEndpoint::Sender(sender) => drop(tokio::spawn(async move { source(sender, &address).await })),
            LinkEndpoint::Receiver(receiver) => {
                drop(tokio::spawn(async move { sink(receiver, &address).await }))
            }
        }
    }
    let _ = session.on_end().await;
    None
}

async fn serve_connection(mut connection: ListenerConnectionHandle) {
    let sessions = SessionAcceptor::new();
    while let Ok(mut session) = sessions.accept(&mut connection).await {
        // One session at a time is all that our programs ask for.
        if let Some((Endpoint::Connection, _link)) = serve_session(&mut session).await {
            let _ = connection.close_with_error(error()).await;
            return;
        }
    }
    let _ = connection.on_close().await;
}

async fn accept(
    socket: TcpStream,
    given: &Options,
    scram: Option<Arc<SingleScramCredential>>,
) -> Result<ListenerConnectionHandle> {
    let mut builder = ConnectionAcceptor::builder().container_id("fe2o3-server");
    if let Some(size) = given.max_frame_size {
        builder = builder.max_frame_size(size);
    }
    if let Some(millis) = given.idle_timeout {
        builder = builder.idle_time_out(millis);
    }
    Ok(match (&*given.sasl, scram) {
        (_, Some(scram)) => {
            builder.sasl_acceptor(ScramAuthenticator::new(scram)).build().accept(socket).await?
        }
        ("plain", _) => {
            let users = SaslPlainMechanism::new(given.user.clone(), given.password.clone());
            builder.sasl_acceptor(users).build().accept(socket).await?
        }
        ("none", _) => builder.build().accept(socket).await?,
        _ => builder.sasl_acceptor(SaslAnonymousMechanism {}).build().accept(socket).await?,
    })
}

pub async fn serve(given: &Options) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", given.port)).await?;
    let version = match &*given.sasl {
        "scram-sha-1" => Some(ScramVersion::Sha1),
        "scram-sha-256" => Some(ScramVersion::Sha256),
        _ => None,
    };
    let scram = match version {
        Some(version) => Some(Arc::new(SingleScramCredential::new(&given.user, &given.password, version)?)),
        None => None,
    };
    println!("READY {}", given.port);
    loop {
        let (socket, _) = listener.accept().await?;
        let (given, scram) = (given.clone(), scram.clone());
        tokio::spawn(async move {
            match accept(socket, &given, scram).await {
                Ok(connection) => serve_connection(connection).await,
                Err(error) => eprintln!("refused: {error}"),
            }
        });
    }
}
