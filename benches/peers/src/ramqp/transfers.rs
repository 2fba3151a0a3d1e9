//! Messages end to end: the driver of a client, and a server made of the same engine, on one thread with an in-memory
//! stream of tokio's between them. That stream copies bytes in and out, one copy more than elsewhere.
//!
//! ramqp only connects by URL, so the client's commands are those of its `Producer`, without the handshakes before the
//! open; and its only server is a broker, so the other end does what its `Consumer` does.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use ramqp::connection::driver::Driver;
use ramqp_core::{
    codec::to_bytes,
    config::{Config, CreditMode},
    connection::negotiate::build_open,
    error::SendError,
    ids::{ChannelId, Handle, SessionId},
    observe::{EventBus, noop_metrics},
    proto::{DriverCommand, LinkEvent},
    session::state::Session,
    transport::frame::{Frame, FrameBody, FramedTransport},
    types::{
        definitions::{Role, SenderSettleMode},
        messaging::{Accepted, DeliveryState, Message, Source, Target, TargetArchetype},
        performatives::{Attach, Begin, Performative},
    },
};
use tokio::{
    io::DuplexStream,
    runtime::{Builder, Runtime},
    sync::{Semaphore, mpsc, oneshot},
};

use crate::plan::{CREDIT, Load};

/// Bytes that the stream holds each way.
const STREAM: usize = 256 << 10;

fn config(load: Load) -> Arc<Config> {
    let mut config = Config::default();
    config.connection.max_frame_size = load.max_frame_size;
    Arc::new(config)
}

/// The receiving end.
struct Server {
    transport: FramedTransport<DuplexStream>,
    config: Arc<Config>,
    session: Option<Session>,
    links: mpsc::Sender<LinkEvent>,
    /// One permit for each message received.
    received: Arc<Semaphore>,
    /// Messages since credit was last granted.
    consumed: u32,
}

impl Server {
    async fn run(mut self, mut events: mpsc::Receiver<LinkEvent>) {
        loop {
            tokio::select! {
                biased;
                frame = self.transport.read_frame() => match frame {
                    Ok(frame) => self.on_frame(frame).await,
                    Err(_) => return,
                },
                event = events.recv() => {
                    let mut next = event;
                    while let Some(event) = next {
                        self.on_link_event(event);
                        next = events.try_recv().ok();
                    }
                }
            }
            if self.transport.flush().await.is_err() {
                return;
            }
        }
    }

    async fn on_frame(&mut self, frame: Frame) {
        let FrameBody::Amqp(performative, payload) = frame.body else { return };
        match performative {
            Performative::Open(_) => {
                let open = build_open(&self.config.connection);
                self.transport.queue_amqp(0, &Performative::Open(open), None);
            }
            Performative::Begin(begin) => {
                let (ends, _) = mpsc::unbounded_channel();
                let id = SessionId(0);
                let settings = &self.config.session;
                let (session, answer) =
                    Session::accept_peer_begin(id, 0, frame.channel, &begin, settings, ends, noop_metrics());
                self.session = Some(session);
                self.transport.queue_amqp(0, &Performative::Begin(answer), None);
            }
            Performative::Attach(attach) => {
                let session = self.session.as_mut().expect("begun");
                let (links, transport) = (self.links.clone(), &mut self.transport);
                let accepted =
                    session.accept_peer_attach(attach, CreditMode::Manual, CREDIT, None, links, transport);
                accepted.expect("attached");
            }
            performative => {
                let max = self.config.connection.max_frame_size as usize;
                let session = self.session.as_mut().expect("begun");
                let handled = session.handle_link_frame(performative, payload, &mut self.transport, max);
                handled.await.expect("a frame of the same engine");
            }
        }
    }

    /// Accepts a message, and tops up credit when half of it has been used.
    fn on_link_event(&mut self, event: LinkEvent) {
        let (LinkEvent::Delivery(delivery), Some(session)) = (event, &mut self.session) else { return };
        let (handle, id) = (delivery.handle.value(), delivery.delivery_id);
        if !delivery.settled {
            let state = DeliveryState::Accepted(Accepted::default());
            session.send_disposition(handle, id, None, state, true, &mut self.transport);
        }
        self.consumed += 1;
        if self.consumed >= CREDIT / 2 {
            session.grant_credit(handle, self.consumed, &mut self.transport);
            self.consumed = 0;
        }
        self.received.add_permits(1);
    }
}

/// An open link, and all that has to be kept for it.
struct Link {
    commands: mpsc::Sender<DriverCommand>,
    channel: ChannelId,
    handle: Handle,
    received: Arc<Semaphore>,
    _events: mpsc::Receiver<LinkEvent>,
}

async fn open(load: Load) -> Link {
    let (near, far) = tokio::io::duplex(STREAM);
    let config = config(load);
    let received = Arc::new(Semaphore::new(0));
    let (links, events) = mpsc::channel(2 * CREDIT as usize);
    let transport = FramedTransport::new(far, load.max_frame_size);
    let server = Server {
        transport,
        config: config.clone(),
        session: None,
        links,
        received: received.clone(),
        consumed: 0,
    };
    tokio::spawn(server.run(events));

    let (commands, queue) = mpsc::channel(config.connection.command_buffer);
    let transport = FramedTransport::new(near, load.max_frame_size);
    let driver = Driver::open(transport, config.clone(), noop_metrics(), EventBus::default(), queue).await;
    tokio::spawn(driver.expect("opened").run());

    let (reply, answer) = oneshot::channel();
    let (ends, _) = mpsc::unbounded_channel();
    let begin = Begin {
        incoming_window: config.session.incoming_window,
        outgoing_window: config.session.outgoing_window,
        handle_max: config.session.handle_max,
        ..Begin::default()
    };
    let begin = DriverCommand::BeginSession { begin: Box::new(begin), events: ends, reply };
    commands.send(begin).await.expect("the driver runs");
    let channel = answer.await.expect("answered").expect("begun").channel;

    let (reply, answer) = oneshot::channel();
    let (events, kept) = mpsc::channel(64);
    let attach = Attach {
        name: "link-00000000".into(),
        role: Role::Sender,
        snd_settle_mode: if load.settled { SenderSettleMode::Settled } else { SenderSettleMode::Unsettled },
        source: Some(Source::new("src")),
        target: Some(TargetArchetype::from(Target::new("queue/orders"))),
        initial_delivery_count: Some(0),
        ..Attach::default()
    };
    let attach = DriverCommand::AttachLink {
        channel,
        attach: Box::new(attach),
        credit_mode: CreditMode::Manual,
        events,
        reply,
    };
    commands.send(attach).await.expect("the driver runs");
    let handle = answer.await.expect("answered").expect("attached").handle;
    Link { commands, channel, handle, received, _events: kept }
}

async fn send(link: &Link, payload: &Bytes, load: Load, count: u64) {
    let mut under_way: VecDeque<oneshot::Receiver<Result<DeliveryState, SendError>>> = VecDeque::new();
    for _ in 0..count {
        let (reply, outcome) = oneshot::channel();
        let transfer = DriverCommand::SendTransfer {
            channel: link.channel,
            handle: link.handle,
            body: to_bytes(&Message::data(payload.clone())).freeze(),
            settled: load.settled,
            message_format: 0,
            state: None,
            reply: Some(reply),
        };
        link.commands.send(transfer).await.expect("the driver runs");
        under_way.push_back(outcome);
        if under_way.len() as u64 >= load.batch
            && let Some(oldest) = under_way.pop_front()
        {
            oldest.await.expect("answered").expect("accepted");
        }
    }
    for outcome in under_way {
        outcome.await.expect("answered").expect("accepted");
    }
}

/// Sends messages until `count` more have arrived, and their outcomes with them.
pub fn transfers(load: Load) -> impl FnMut(u64) {
    let runtime: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let link = runtime.block_on(open(load));
    let payload = Bytes::from(vec![b'x'; load.payload]);
    move |count| {
        runtime.block_on(async {
            send(&link, &payload, load, count).await;
            // Permits are counted by 32 bits.
            for _ in 0..count {
                link.received.acquire().await.expect("never closed").forget();
            }
        });
    }
}
