//! Compares the engine with its peers.

use std::{io, path::PathBuf};

use amqp_proto_peers::run::{Request, run};
use clap::Parser;

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
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    run(&Request { quick: arguments.quick, only: &arguments.only, out: &arguments.out })
}
