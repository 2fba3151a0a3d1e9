//! A run: the rows that were asked for, one after the other.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    instructions,
    measure::{Effort, measure},
    plan,
    report::{self, Found, FoundPeer, Results},
    row::Row,
};

/// The rows and figures that are asked for.
pub struct Request<'a> {
    /// The main rows only, and a short time for each.
    pub quick: bool,
    /// Only rows with this in their name.
    pub only: &'a str,
    /// The folder for what is found.
    pub out: &'a Path,
    /// Count instructions, in the rows that have them.
    pub instructions: bool,
}

impl Request<'_> {
    fn wants(&self, row: &Row) -> bool {
        (row.main || !self.quick) && row.work.contains(self.only)
    }

    fn effort(&self) -> Effort {
        let slice = Duration::from_millis(if self.quick { 5 } else { 40 });
        Effort { rounds: if self.quick { 9 } else { 15 }, slice }
    }
}

fn run_row(row: Row, request: &Request<'_>) -> Option<Found> {
    let costs = measure(&row, request.effort());
    // Each count takes two processes: a quick run leaves the peers out.
    let counted = match (request.instructions && row.counted, request.quick) {
        (false, _) => 0,
        (true, true) => 1,
        (true, false) => usize::MAX,
    };
    let sides = costs.into_iter().enumerate().map(|(side, cost)| {
        let instructions = (side < counted).then(|| instructions::count(&row, side, cost)).flatten();
        (cost, instructions)
    });
    let mut sides = sides.collect::<Vec<_>>().into_iter();
    let (ours, ours_instructions) = sides.next()?;
    let peers = row.peers.into_iter().zip(sides);
    let peers = peers.map(|(peer, (cost, instructions))| FoundPeer { name: peer.name, cost, instructions });
    Some(Found {
        work: row.work,
        ours,
        ours_instructions,
        peers: peers.collect(),
        main: row.main,
        point: row.point,
        targets: row.targets,
    })
}

/// Prints a line of progress.
fn tell(found: &Found, took: Duration) {
    let ours = found.ours;
    eprint!("{}: {:.1} ns [{:.1} to {:.1}]", found.work, ours.median, ours.least, ours.most);
    for peer in &found.peers {
        let cost = peer.cost;
        eprint!("; {} {:.1} ns [{:.1} to {:.1}]", peer.name, cost.median, cost.least, cost.most);
        eprint!(", {:.2} times", peer.ratio(ours));
    }
    eprintln!(" ({:.1} s)", took.as_secs_f64());
}

/// Measures, and writes down what is found.
pub fn run(request: &Request<'_>) -> io::Result<()> {
    fs::create_dir_all(request.out)?;
    let mut results = Results::create(&request.out.join("results.tsv"))?;
    let mut all = Vec::new();
    for row in plan::rows().into_iter().filter(|row| request.wants(row)) {
        let start = Instant::now();
        let Some(found) = run_row(row, request) else { continue };
        tell(&found, start.elapsed());
        results.add(&found)?;
        all.push(found);
    }
    report::write(&all, request.out)
}
