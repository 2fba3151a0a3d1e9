//! Messages end to end: a client and a server as tasks on one thread, and between them the stream in memory that
//! ntex-io has for tests, which copies bytes in and out, one copy more than elsewhere.

use std::{cell::Cell, collections::VecDeque, hint::black_box, rc::Rc};

use ntex_amqp::{
    AmqpServiceConfig, SenderLink,
    client::Connector,
    error::LinkError,
    server::{Handshake, Router, Server},
    types::{Link, Outcome, Transfer},
};
use ntex_bytes::Bytes;
use ntex_io::{Io, IoBoxed, testing::IoTest};
use ntex_service::{
    Pipeline, boxed,
    cfg::{Configuration, SharedCfg},
    fn_service,
};
use tokio::{
    runtime::{Builder, Runtime},
    task::{LocalSet, spawn_local, yield_now},
};

use crate::plan::{CREDIT, Load};

const ADDRESS: &str = "queue/orders";

/// The number of messages that have arrived.
type Arrived = Rc<Cell<u64>>;

fn config(load: Load) -> SharedCfg {
    let config = AmqpServiceConfig::new().set_max_frame_size(load.max_frame_size);
    SharedCfg::new("amqp").add(config).into()
}

/// A server that accepts whatever comes.
async fn serve(stream: IoBoxed, arrived: Arrived) {
    let router = Router::<()>::builder().service(ADDRESS, async move |link: &Link<()>| {
        let (arrived, link) = (arrived.clone(), link.receiver().clone());
        Ok::<_, LinkError>(boxed::service(fn_service(async move |transfer: Transfer| {
            black_box(&transfer);
            // By default it grants a credit of 50, and again when that is used up.
            if arrived.get().is_multiple_of(u64::from(CREDIT / 2)) {
                link.set_link_credit(CREDIT);
            }
            arrived.set(arrived.get() + 1);
            Ok::<_, LinkError>(Outcome::Accept)
        })))
    });
    let server = Server::builder(|handshake: Handshake| async move {
        match handshake {
            Handshake::Amqp(amqp) => amqp.open().await.map(|open| open.ack(())).map_err(|_| ()),
            Handshake::Sasl(_) => Err(()),
        }
    });
    let served = Pipeline::new((), server.build(router.build())).call(stream).await;
    panic!("the server has ended: {:?}", served.err());
}

async fn open(load: Load, arrived: Arrived) -> SenderLink {
    let (near, far) = IoTest::create();
    // Enough for all that a run sends.
    near.remote_buffer_cap(usize::MAX);
    far.remote_buffer_cap(usize::MAX);
    spawn_local(serve(IoBoxed::from(Io::new(far, config(load))), arrived));
    let near = Io::new(near, config(load));
    let settings = near.cfg().ctx().get();
    let connector = Connector::<String, ()>::new();
    let client = connector.negotiate(IoBoxed::from(near), None, settings).await.expect("opened");
    let connection = client.sink();
    spawn_local(client.start_default());
    let session = connection.open_session().await.expect("begun");
    session.build_sender_link("link-00000000", ADDRESS).attach().await.expect("attached")
}

async fn send(link: &SenderLink, payload: &Bytes, load: Load, count: u64) {
    let mut under_way = VecDeque::new();
    for _ in 0..count {
        let transfer = link.transfer(payload.clone());
        let transfer = if load.settled { transfer.settled() } else { transfer };
        let delivery = transfer.send().await.expect("the link is open");
        if load.settled {
            continue;
        }
        under_way.push_back(delivery);
        if under_way.len() as u64 >= load.batch
            && let Some(oldest) = under_way.pop_front()
        {
            oldest.wait().await.expect("accepted");
        }
    }
    for delivery in under_way {
        delivery.wait().await.expect("accepted");
    }
}

/// Where the tasks run. ntex has timers for each thread, which are of the runtime that was the first there, so there is
/// no other.
struct Place {
    runtime: Runtime,
    tasks: LocalSet,
}

impl Place {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { runtime, tasks: LocalSet::new() }
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.tasks.block_on(&self.runtime, future)
    }
}

thread_local! {
    /// Never dropped: its tasks would look for what has gone with the thread before them.
    static PLACE: &'static Place = Box::leak(Box::new(Place::new()));
}

/// Sends messages until `count` more have arrived, and their outcomes with them.
pub fn transfers(load: Load) -> impl FnMut(u64) {
    let place = PLACE.with(|place| *place);
    let arrived = Arrived::default();
    let link = place.run(open(load, arrived.clone()));
    let payload = Bytes::from(vec![b'x'; load.payload]);
    move |count| {
        let goal = arrived.get() + count;
        place.run(async {
            send(&link, &payload, load, count).await;
            while arrived.get() < goal {
                yield_now().await;
            }
        });
    }
}
