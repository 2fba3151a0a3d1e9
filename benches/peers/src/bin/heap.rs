//! Measures memory, with an allocator that counts (`src/heap/count.c`).

use std::{io, path::PathBuf};

use amqp_proto_peers::heap::{Counter, run};
use clap::Parser;

/// Measures memory, here and at the peers.
#[derive(Parser)]
struct Arguments {
    /// Fewer of everything.
    #[arg(long)]
    quick: bool,
    /// The folder for what is found.
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
}

unsafe extern "C" {
    safe fn heap_allocations() -> u64;
    safe fn heap_live() -> u64;
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let counter = Counter { allocations: || heap_allocations(), live: || heap_live() };
    run(counter, arguments.quick, &arguments.out)
}
