//! Messages end to end: a client and an acceptor on one thread, an in-memory stream of tokio's between them. That
//! stream copies bytes in and out, one copy more than elsewhere.

use std::collections::VecDeque;

use fe2o3_amqp::{
    Connection, Receiver, Sendable, Sender, Session,
    acceptor::{ConnectionAcceptor, LinkAcceptor, LinkEndpoint, SessionAcceptor},
    connection::ConnectionHandle,
    link::receiver::CreditMode,
    session::SessionHandle,
    types::{
        definitions::SenderSettleMode,
        messaging::{Data, Message, Source, Target},
    },
};
use tokio::runtime::{Builder, Runtime};

use crate::plan::{CREDIT, Load};

/// Bytes that the stream holds each way.
const STREAM: usize = 256 << 10;

/// An open link, and all that has to be kept for it.
struct Link {
    sender: Sender,
    receiver: Receiver,
    _connections: (ConnectionHandle<()>, fe2o3_amqp::acceptor::ListenerConnectionHandle),
    _sessions: (SessionHandle<()>, fe2o3_amqp::acceptor::ListenerSessionHandle),
}

async fn open(load: Load) -> Link {
    let (near, far) = tokio::io::duplex(STREAM);
    let acceptor =
        ConnectionAcceptor::builder().container_id("server").max_frame_size(load.max_frame_size).build();
    let client = Connection::builder().container_id("client").max_frame_size(load.max_frame_size);
    let (server, client) = tokio::join!(acceptor.accept(far), client.open_with_stream(near));
    let (mut server, mut client) = (server.expect("accepted"), client.expect("opened"));
    let sessions = SessionAcceptor::new();
    let (theirs, ours) = tokio::join!(sessions.accept(&mut server), Session::begin(&mut client));
    let (mut theirs, mut ours) = (theirs.expect("accepted"), ours.expect("begun"));
    let mode = if load.settled { SenderSettleMode::Settled } else { SenderSettleMode::Unsettled };
    let links = LinkAcceptor::new();
    let sender = Sender::builder()
        .name("link-00000000")
        .source(Source::builder().address("src").build())
        .target(Target::builder().address("queue/orders").build())
        .sender_settle_mode(mode)
        .attach(&mut ours);
    let (receiver, sender) = tokio::join!(links.accept(&mut theirs), sender);
    let Ok(LinkEndpoint::Receiver(mut receiver)) = receiver else { panic!("no receiver") };
    receiver.set_credit_mode(CreditMode::Auto(CREDIT));
    receiver.set_credit(CREDIT).await.expect("the link is open");
    Link {
        sender: sender.expect("attached"),
        receiver,
        _connections: (client, server),
        _sessions: (ours, theirs),
    }
}

async fn send(sender: &mut Sender, payload: &[u8], load: Load, count: u64) {
    let mut under_way = VecDeque::new();
    for _ in 0..count {
        let message = Message::builder().data(payload).build();
        let message: Sendable<Data> = Sendable::builder().message(message).settled(load.settled).build();
        let outcome = sender.send_batchable(message).await.expect("the link is open");
        if load.settled {
            outcome.await.expect("settled by being sent");
            continue;
        }
        under_way.push_back(outcome);
        if under_way.len() as u64 >= load.batch
            && let Some(oldest) = under_way.pop_front()
        {
            oldest.await.expect("accepted");
        }
    }
    for outcome in under_way {
        outcome.await.expect("accepted");
    }
}

async fn receive(receiver: &mut Receiver, count: u64) {
    for _ in 0..count {
        let delivery = receiver.recv::<Data>().await.expect("a message");
        // Pre-settled ones too: credit is topped up by this call alone.
        receiver.accept(&delivery).await.expect("the link is open");
    }
}

/// Sends messages until `count` more have arrived, and their outcomes with them.
pub fn transfers(load: Load) -> impl FnMut(u64) {
    let runtime: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut link = runtime.block_on(open(load));
    let payload = vec![b'x'; load.payload];
    move |count| {
        let Link { sender, receiver, .. } = &mut link;
        runtime.block_on(async {
            tokio::join!(send(sender, &payload, load, count), receive(receiver, count));
        });
    }
}
