//! Drives this engine against RabbitMQ 4 where `send` and `receive` do not reach.
//!
//! `interop-ours PORT CASE`, or `interop-ours PORT make QUEUE classic|quorum|stream`: exit 0 if the case holds, else 1 and
//! a reason on standard error. Each case has queues and exchanges of its own, under its name, and logs in as guest.

mod client;
mod management;
mod messages;
mod streams;

use std::process::ExitCode;

use amqp_proto::{ConnectionConfig, extensions::rabbitmq::QueueDeclaration};
use client::{Client, Result};

type Case = fn(&mut Client) -> Result<()>;

const CASES: [(&str, Case); 15] = [
    ("at-once", management::at_once),
    ("declare", management::declare),
    ("purge-and-delete", management::purge_and_delete),
    ("bind", management::bind),
    ("headers-binding", management::headers_binding),
    ("anonymous-terminus", messages::anonymous_terminus),
    ("unroutable", messages::unroutable),
    ("full", messages::full),
    ("outcomes", messages::outcomes),
    ("dead-letter", messages::dead_letter),
    ("volatile-queue", messages::volatile_queue),
    ("stream-offset", streams::offset),
    ("stream-next", streams::next),
    ("stream-filter", streams::filter),
    ("stream-later-filters", streams::later_filters),
];

fn run() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (port, words) = words.split_first().ok_or("interop-ours PORT CASE")?;
    let mut client = Client::connect(port.parse()?, ConnectionConfig::client("interop"))?;
    match words {
        ["make", queue, kind] => {
            let declaration = QueueDeclaration::new().argument("x-queue-type", *kind);
            management::declared(&mut client, queue, &declaration)?;
        }
        [name] => {
            let case = CASES.iter().find(|(case, _)| case == name);
            case.ok_or_else(|| format!("no case {name}"))?.1(&mut client)?;
        }
        _ => return Err("interop-ours PORT CASE".into()),
    }
    client.close()
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns an error with both values unless they are the same.
fn same<T: PartialEq + std::fmt::Debug>(got: T, due: T, subject: &str) -> Result<()> {
    if got == due { Ok(()) } else { Err(format!("{subject}: {got:?} where {due:?} was due").into()) }
}
