//! Tab-separated values, a line for each row and peer, written as they come.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use super::Found;

/// The file that the results go to.
pub struct Results(File);

fn optional(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

impl Results {
    /// Starts the file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create(path)?;
        writeln!(file, "work\tours_ns\tpeer\tpeer_ns\tratio\tours_instr\tpeer_instr")?;
        Ok(Self(file))
    }

    /// Adds what a row came to.
    pub fn add(&mut self, found: &Found) -> io::Result<()> {
        let (work, ours) = (&found.work, found.ours.median);
        let instructions = optional(found.ours_instructions);
        for peer in &found.peers {
            let (name, ns, ratio) = (&peer.name, peer.cost.median, peer.ratio(found.ours));
            let theirs = optional(peer.instructions);
            writeln!(self.0, "{work}\t{ours:.1}\t{name}\t{ns:.1}\t{ratio:.2}\t{instructions}\t{theirs}")?;
        }
        if found.peers.is_empty() {
            writeln!(self.0, "{work}\t{ours:.1}\t\t\t\t{instructions}\t")?;
        }
        self.0.flush()
    }
}
