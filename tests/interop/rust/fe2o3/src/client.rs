//! The client.

use std::collections::VecDeque;

use fe2o3_amqp::{
    Connection, Receiver, Sendable, Sender, Session,
    connection::ConnectionHandle,
    link::receiver::CreditMode,
    sasl_profile::{SaslProfile, SaslScramSha1, SaslScramSha256},
    session::SessionHandle,
    types::{
        definitions::SenderSettleMode,
        messaging::{AmqpValue, Body, Data, Message, Outcome},
        primitives::Value,
    },
};
use interop_common::{Content, Options, Result, check, content, received, sent};

use crate::bytes;

/// Messages whose outcomes are awaited at once, and the credit of a receiver.
const UNDER_WAY: usize = 100;
/// More than one task ever drains.
const CREDIT: u32 = 200;

async fn open(given: &Options) -> Result<(ConnectionHandle<()>, SessionHandle<()>)> {
    let (user, password) = (given.user.clone(), given.password.clone());
    let profile = match &*given.sasl {
        "none" => None,
        "anonymous" => Some(SaslProfile::Anonymous),
        "plain" => Some(SaslProfile::Plain { username: user, password }),
        "scram-sha-1" => Some(SaslProfile::ScramSha1(SaslScramSha1::new(user, password))),
        "scram-sha-256" => Some(SaslProfile::ScramSha256(SaslScramSha256::new(user, password))),
        other => return Err(format!("fe2o3-amqp has no {other}").into()),
    };
    let mut builder = Connection::builder().container_id("fe2o3");
    if let Some(profile) = profile {
        builder = builder.sasl_profile(profile);
    }
    if let Some(size) = given.max_frame_size {
        builder = builder.max_frame_size(size);
    }
    if let Some(millis) = given.idle_timeout {
        builder = builder.idle_time_out(millis);
    }
    let url = format!("amqp://127.0.0.1:{}", given.port);
    let mut connection = builder.open(&*url).await?;
    let session = Session::begin(&mut connection).await?;
    Ok((connection, session))
}

pub async fn send(given: &Options) -> Result<String> {
    let (mut connection, mut session) = open(given).await?;
    let mode = if given.settled { SenderSettleMode::Settled } else { SenderSettleMode::Unsettled };
    let mut sender = Sender::builder()
        .name("sender")
        .target(given.address.as_str())
        .sender_settle_mode(mode)
        .attach(&mut session)
        .await?;
    let (mut accepted, mut under_way) = (0, VecDeque::new());
    for n in 0..given.count + UNDER_WAY {
        if n < given.count {
            let outcome = match content(n, given.size) {
                Content::Text(text) => {
                    let message = Message::builder().value(text).build();
                    let message: Sendable<AmqpValue<String>> =
                        Sendable::builder().message(message).settled(given.settled).build();
                    sender.send_batchable(message).await?
                }
                Content::Binary(bytes) => {
                    let message = Message::builder().data(bytes).build();
                    let message: Sendable<Data> =
                        Sendable::builder().message(message).settled(given.settled).build();
                    sender.send_batchable(message).await?
                }
            };
            under_way.push_back(outcome);
        }
        if n + 1 >= UNDER_WAY || n >= given.count {
            let Some(oldest) = under_way.pop_front() else { continue };
            match oldest.await? {
                Outcome::Accepted(_) => accepted += 1,
                other => return Err(format!("{other:?}").into()),
            }
        }
    }
    sender.close().await?;
    session.end().await?;
    connection.close().await?;
    // What was sent settled counts as accepted in fe2o3-amqp.
    Ok(sent(given.count, if given.settled { 0 } else { accepted }))
}

pub async fn receive(given: &Options) -> Result<String> {
    let (mut connection, mut session) = open(given).await?;
    let credit = if given.drain { CreditMode::Manual } else { CreditMode::Auto(CREDIT) };
    let mode = if given.settled { SenderSettleMode::Settled } else { SenderSettleMode::Unsettled };
    let mut receiver = Receiver::builder()
        .name("receiver")
        .source(given.address.as_str())
        .sender_settle_mode(mode)
        .credit_mode(credit)
        .attach(&mut session)
        .await?;
    if given.drain {
        receiver.set_credit(CREDIT).await?;
        receiver.drain().await?;
    }
    for n in 0..given.count {
        let delivery = receiver.recv::<Body<Value>>().await?;
        check(&bytes(&delivery)?, n, given.size, false)?;
        // Settled ones too: credit is topped up by this call alone.
        receiver.accept(&delivery).await?;
    }
    receiver.close().await?;
    session.end().await?;
    connection.close().await?;
    Ok(received(given.count))
}
