//! Compares the engine with its peers.

use std::{io, path::PathBuf};

use amqp_proto_peers::{
    instructions::Task,
    plan,
    run::{Request, run},
};
use clap::{Parser, Subcommand};

/// Compares the engine with its peers.
#[derive(Parser)]
struct Arguments {
    /// The main rows only, and a short time for each.
    #[arg(long)]
    quick: bool,
    /// Only rows with this in their name.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// The folder for what is found.
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Do not count instructions.
    #[arg(long)]
    no_instructions: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// The process that this program starts to have its instructions counted.
    #[command(hide = true)]
    Child { work: String, side: usize, warm: u64, count: u64 },
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Command::Child { work, side, warm, count }) = arguments.command {
        Task { work: &work, side, warm, count }.run(plan::rows());
        return Ok(());
    }
    run(&Request {
        quick: arguments.quick,
        only: &arguments.only,
        out: &arguments.out,
        instructions: !arguments.no_instructions,
    })
}
