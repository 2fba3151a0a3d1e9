//! ramqp as a client, and ramqp-broker as a server.
//!
//! `interop-ramqp send|receive --port P --address A --count N [--size B] [--settled]
//! [--sasl anonymous|plain|scram-sha-1|scram-sha-256] [--user U] [--password P] [--max-frame-size N] [--idle-timeout MS]`
//! `interop-ramqp server --port P [--sasl any|plain|scram-sha-256] [--user U] [--password P] [--max-frame-size N]`

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::Parser as _;
use interop_common::{Arguments, Content, Job, Options, Result, check, content, exit, received, sent};
use ramqp::{
    Config, Connection, Message,
    codec::{Value, to_bytes},
    sasl::{SaslProfile, ScramMechanism},
    types::{
        definitions::SenderSettleMode,
        messaging::{Body, DeliveryState},
    },
};
use ramqp_broker::{Broker, BrokerConfig, StaticPlain, StaticScram};

/// Messages whose outcomes are awaited at once.
const UNDER_WAY: usize = 100;

fn profile(given: &Options) -> Result<SaslProfile> {
    let (username, password) = (given.user.clone(), given.password.clone());
    Ok(match &*given.sasl {
        "anonymous" => SaslProfile::Anonymous,
        "plain" => SaslProfile::Plain { authcid: username, passwd: password },
        "scram-sha-1" => SaslProfile::Scram { mechanism: ScramMechanism::Sha1, username, password },
        "scram-sha-256" => SaslProfile::Scram { mechanism: ScramMechanism::Sha256, username, password },
        other => return Err(format!("ramqp has no {other}").into()),
    })
}

async fn connect(given: &Options) -> Result<Connection> {
    let mut config = Config::default();
    if let Some(size) = given.max_frame_size {
        config.connection.max_frame_size = size;
    }
    if let Some(millis) = given.idle_timeout {
        config.connection.idle_timeout = Some(Duration::from_millis(millis.into()));
    }
    if given.settled {
        config.link.sender_settle_mode = SenderSettleMode::Settled;
    }
    let url = format!("amqp://127.0.0.1:{}", given.port);
    Ok(Connection::builder(&url).config(config).sasl(profile(given)?).connect().await?)
}

fn message(n: usize, size: usize) -> Message {
    match content(n, size) {
        Content::Text(text) => Message::text(text),
        Content::Binary(bytes) => Message::data(bytes),
    }
}

async fn send(given: &Options) -> Result<String> {
    let connection = connect(given).await?;
    let session = connection.begin_session().await?;
    let producer = Arc::new(session.create_producer(&given.address).await?);
    let mut accepted = 0;
    // In order: a send returns with the outcome, so the next ones are begun before it. One that goes settled returns when
    // it is written; what `send_settled` has only queued is lost in a detach.
    let mut under_way = std::collections::VecDeque::new();
    for n in 0..given.count + UNDER_WAY {
        if n < given.count {
            let (producer, settled) = (producer.clone(), given.settled);
            let body = to_bytes(&message(n, given.size)).freeze();
            under_way.push_back(tokio::spawn(async move { producer.send_bytes(body, settled).await }));
        }
        if n + 1 >= UNDER_WAY || n >= given.count {
            let Some(oldest) = under_way.pop_front() else { continue };
            match oldest.await?? {
                DeliveryState::Accepted(_) => accepted += usize::from(!given.settled),
                other => return Err(format!("{other:?}").into()),
            }
        }
    }
    let producer = Arc::into_inner(producer).ok_or("a send is under way")?;
    producer.detach().await?;
    session.end().await?;
    connection.close().await?;
    Ok(sent(given.count, accepted))
}

async fn receive(given: &Options) -> Result<String> {
    let connection = connect(given).await?;
    let session = connection.begin_session().await?;
    let mut consumer = session.create_consumer(&given.address).await?;
    for n in 0..given.count {
        let delivery = consumer.recv().await?;
        let bytes = match delivery.message()?.body {
            Body::Value(Value::String(text)) => text.into_bytes(),
            Body::Data(parts) => parts.concat(),
            other => return Err(format!("message {n}: {other:?}").into()),
        };
        check(&bytes, n, given.size, false)?;
        if !given.settled {
            consumer.accept(&delivery).await?;
        }
    }
    consumer.detach().await?;
    session.end().await?;
    connection.close().await?;
    Ok(received(given.count))
}

async fn serve(given: &Options) -> Result<String> {
    let mut config = BrokerConfig::default();
    if let Some(size) = given.max_frame_size {
        config.connection.max_frame_size = size;
    }
    if let Some(millis) = given.idle_timeout {
        config.connection.idle_timeout = Some(Duration::from_millis(millis.into()));
    }
    let broker = Broker::new(config);
    let broker =
        match &*given.sasl {
            "plain" => broker
                .with_authenticator(Arc::new(StaticPlain::new().with_user(&*given.user, &*given.password))),
            "scram-sha-256" => broker
                .with_authenticator(Arc::new(StaticScram::new().with_user(&*given.user, &given.password))),
            _ => broker,
        };
    let bound = broker.bind(&format!("127.0.0.1:{}", given.port)).await?;
    println!("READY {}", given.port);
    bound.run().await?;
    Ok(String::new())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit(match &Arguments::parse().job {
        Job::Send(given) => send(given).await,
        Job::Receive(given) => receive(given).await,
        Job::Server(given) => serve(given).await,
    })
}
