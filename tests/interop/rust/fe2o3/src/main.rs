//! fe2o3-amqp as a client, and as a server whose addresses are tasks.
//!
//! `interop-fe2o3 send|receive --port P --address A --count N [--size B] [--settled] [--drain]
//! [--sasl none|anonymous|plain|scram-sha-1|scram-sha-256] [--user U] [--password P] [--max-frame-size N] [--idle-timeout MS]`
//! `interop-fe2o3 server --port P [--sasl none|any|plain|scram-sha-1|scram-sha-256] ...`

mod client;
mod server;

use std::process::ExitCode;

use clap::Parser as _;
use fe2o3_amqp::{
    Delivery,
    types::{messaging::Body, primitives::Value},
};
use interop_common::{Arguments, Job, Result, exit};

/// Returns the bytes of a message: of a string, or of its data sections.
fn bytes(delivery: &Delivery<Body<Value>>) -> Result<Vec<u8>> {
    match delivery.body() {
        Body::Value(value) => match &value.0 {
            Value::String(text) => Ok(text.clone().into_bytes()),
            other => Err(format!("a body that is {other:?}").into()),
        },
        Body::Data(parts) => Ok(parts.iter().flat_map(|part| part.0.iter().copied()).collect()),
        other => Err(format!("a body that is {other:?}").into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    exit(match &Arguments::parse().job {
        Job::Send(given) => client::send(given).await,
        Job::Receive(given) => client::receive(given).await,
        Job::Server(given) => server::serve(given).await,
    })
}
