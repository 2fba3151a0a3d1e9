//! Memory: what an end of each thing holds, and how often the allocator is asked.

mod allocations;
mod held;

use std::{fs, io, path::Path};

/// Reads the counts of the allocator, which only one of the programs links in.
#[derive(Clone, Copy)]
pub struct Counter {
    /// Times that it was asked for memory, since the beginning.
    pub allocations: fn() -> u64,
    /// Bytes in use.
    pub live: fn() -> u64,
}

/// One thing measured, here and at a peer.
pub struct Found {
    pub what: String,
    pub ours: f64,
    pub peer: String,
    pub theirs: f64,
    /// The upper bound for ours.
    pub target: Option<f64>,
}

/// The name of the file that the results go to.
pub const FILE: &str = "heap.tsv";

/// Measures, and writes down what is found. The program can't measure what it has not got, so every peer that
/// allocates through the C library is counted alike.
pub fn run(counter: Counter, quick: bool, out: &Path) -> io::Result<()> {
    let found = held::all(counter, quick).into_iter().chain(allocations::all(counter));
    let mut text = String::from("what\tours\tpeer\tpeer_value\ttarget\n");
    for Found { what, ours, peer, theirs, target } in found {
        eprintln!("{what}: {ours:.2}; {peer} {theirs:.2}");
        let target = target.map(|most| most.to_string()).unwrap_or_default();
        text.push_str(&format!("{what}\t{ours:.2}\t{peer}\t{theirs:.2}\t{target}\n"));
    }
    fs::create_dir_all(out)?;
    fs::write(out.join(FILE), text)
}
