//! An in-memory broker: queues made on first use, consumers that compete or browse, redelivery.
//!
//! ```sh
//! cargo run --example broker -- --listen 127.0.0.1:5672
//! cargo run --example broker -- --listen 127.0.0.1:0 --user guest:secret
//! cargo run --example broker -- --listen 127.0.0.1:5671 --tls server.pem server.key --token claim
//! ```
//!
//! One thread, one poll loop, one engine per connection. It ends at SIGTERM, when deliveries are settled and
//! connections closed. A client that puts a token at `$cbs` is taken for one of Azure: its messages have numbers and lock
//! tokens, and what is undeliverable for it is deferred.
//!
//! In this folder, and in `../common/`:
//!
//! | file | |
//! |---|---|
//! | `server.rs`, `door.rs`, `signals.rs`, `../common/log.rs` | the loop, clients that come, signals, lines on standard error |
//! | `tls_server.rs`, `../common/{stream, pem, subject}.rs` | TLS on a socket, certificates, their subjects |
//! | `users.rs`, `scram_server.rs`, `../common/random.rs` | logins |
//! | `peers.rs`, `../common/peer.rs` | all connections, a connection with its socket |
//! | `../common/advice.rs` | the line of an error that ends it |
//! | `node.rs`, `events.rs`, `attach.rs`, `address.rs` | the queues, events, links, names of queues |
//! | `queue.rs`, `available.rs`, `consumer.rs`, `barred.rs` | a queue, its messages, a link that takes them, those that it cannot |
//! | `serve.rs`, `settle.rs` | the handing out of messages, the outcomes of deliveries |
//! | `stored.rs`, `room.rs`, `share.rs` | a message, the memory that messages may take, and that links may |
//! | `store.rs`, `letter.rs`, `dead_letter.rs`, `parked.rs` | messages that arrive, what `--strict` refuses, rejected, deferred and scheduled ones |
//! | `filters.rs`, `selector.rs`, `lifetime.rs` | filters of consumers, the end of dynamic queues |
//! | `services.rs`, `tokens.rs`, `requests.rs` | links to `$cbs` and `$management`, tokens, requests |
//! | `management.rs`, `event_hubs.rs`, `service_bus.rs`, `service_bus_body.rs` | operations of `$management` |

mod address;
#[path = "../common/advice.rs"]
mod advice;
mod attach;
mod available;
mod barred;
mod consumer;
mod dead_letter;
mod door;
mod event_hubs;
mod events;
mod filters;
mod letter;
mod lifetime;
#[path = "../common/log.rs"]
mod log;
mod management;
mod node;
mod parked;
#[path = "../common/peer.rs"]
mod peer;
mod peers;
#[path = "../common/pem.rs"]
mod pem;
mod queue;
#[cfg(feature = "scram")]
#[path = "../common/random.rs"]
mod random;
mod requests;
mod room;
#[cfg(feature = "scram")]
mod scram_server;
mod selector;
mod serve;
mod server;
mod service_bus;
mod service_bus_body;
mod services;
mod settle;
mod share;
mod signals;
mod store;
mod stored;
#[path = "../common/stream.rs"]
mod stream;
mod tls_server;
mod tokens;
mod users;
mod work;

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use advice::{AnyError, about};
use amqp_proto::{ConnectionConfig, Limits, Timeouts, Tolerance, types::Symbol};
use clap::Parser;
use mio::Events;
use server::Broker;
use users::Logins;

/// Less would leave no room for a message.
fn connection_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes @ 131_072..) => Ok(bytes),
        _ => Err("less than 131072, or no number".into()),
    }
}

/// Keep messages in memory and pass them on.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 for any that is free.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5672")]
    listen: SocketAddr,
    #[command(flatten)]
    logins: Logins,
    /// Serve over TLS, with this certificate and private key, as PEM.
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    tls: Option<Vec<PathBuf>>,
    /// Ask clients for certificates that one in this PEM file vouches for: they log in with SASL EXTERNAL.
    #[arg(long, value_name = "CA", requires = "tls")]
    client_ca: Option<PathBuf>,
    /// The largest frame to accept, in bytes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(512..))]
    max_frame_size: Option<u32>,
    /// Close connections that are silent for this many milliseconds; 0 for never.
    #[arg(long, value_name = "MS", default_value_t = 60_000, value_parser = peer::idle_timeout)]
    idle_timeout: u64,
    /// The time to log in and to open a connection, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    open_timeout: u64,
    /// The most connections at a time.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    max_connections: usize,
    /// The most bytes of messages in a queue.
    #[arg(long, value_name = "N", default_value_t = 128 << 20)]
    max_queue_bytes: usize,
    /// The most bytes of all queues.
    #[arg(long, value_name = "N", default_value_t = 256 << 20)]
    max_bytes: usize,
    /// The most bytes that a connection may take up beside the queues, 128 KiB at least, and as many again for what is kept
    /// of its links; no message may be larger.
    #[arg(long, value_name = "N", default_value_t = 16 << 20, value_parser = connection_bytes)]
    max_connection_bytes: usize,
    /// After SIGTERM, the time to settle deliveries before connections are closed, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    grace: u64,
    /// Keep to the letter of the standard, and take none of the departures that common peers make.
    #[arg(long)]
    strict: bool,
}

fn config(arguments: &Arguments) -> ConnectionConfig {
    let patience = Duration::from_millis(arguments.open_timeout);
    let limits = Limits::default()
        .max_held_bytes(arguments.max_connection_bytes)
        .max_held_bytes_per_session(arguments.max_connection_bytes);
    let mut config = ConnectionConfig::server(format!("broker-{}", std::process::id()))
        .limits(limits)
        .auto_accept_sessions(true)
        .offered_capabilities([Symbol::from_static("ANONYMOUS-RELAY")])
        .timeouts(Timeouts::default().sasl(patience).open(patience))
        .idle_timeout(Duration::from_millis(arguments.idle_timeout));
    if let Some(size) = arguments.max_frame_size {
        config = config.max_frame_size(size);
    }
    if arguments.strict {
        config = config.tolerance(Tolerance::strict());
    }
    arguments.logins.offer(config, arguments.client_ca.is_some())
}

/// Serves until it ends. Returns what to report then.
fn run(broker: &mut Broker) -> Result<Option<String>, AnyError> {
    let mut out = io::stdout();
    if let Some(door) = &broker.door {
        writeln!(out, "listening on {}", door.address()?)?;
        out.flush()?;
    }
    let mut ready = Events::with_capacity(256);
    while !broker.close() {
        match (broker.turn(&mut ready)?, broker.close_at) {
            (0, _) => {}
            (1, None) => broker.stop(),
            _ => {
                let what = "a second signal to end: connections are dropped";
                return Err(about(what, "signal once, and wait as long as --grace"));
            }
        }
    }
    let left = broker.node.messages();
    Ok((left > 0).then(|| format!("broker: {left} messages were left in queues")))
}

fn main() -> ExitCode {
    let mut broker = match Broker::new(&Arguments::parse()) {
        Ok(broker) => broker,
        Err(error) => return advice::end("broker", Err(error)),
    };
    let (last, code) = match run(&mut broker) {
        Ok(last) => (last, ExitCode::SUCCESS),
        Err(error) => (Some(advice::line("broker", error)), ExitCode::FAILURE),
    };
    broker.log.end(last);
    code
}
