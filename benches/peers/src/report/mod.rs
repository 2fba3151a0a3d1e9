//! What was found: tab-separated values, a table, plots.

mod curves;
mod growth;
mod missed;
mod ratios;
mod style;
mod table;
mod tsv;

use std::{io, path::Path};

pub use tsv::Results;

use crate::{measure::Cost, row::Point, target::Target};

/// The figures of one row.
pub struct Found {
    pub work: String,
    pub ours: Cost,
    pub ours_instructions: Option<u64>,
    pub peers: Vec<FoundPeer>,
    pub main: bool,
    pub point: Option<Point>,
    pub targets: Vec<Target>,
}

/// The figures of one peer in a row.
pub struct FoundPeer {
    pub name: String,
    pub cost: Cost,
    pub instructions: Option<u64>,
}

impl FoundPeer {
    /// Returns the peer's time as a multiple of this engine's.
    pub fn ratio(&self, ours: Cost) -> f64 {
        self.cost.median / ours.median
    }
}

/// Writes the table and the plots of all that was found.
pub fn write(all: &[Found], out: &Path) -> io::Result<()> {
    let plots = ratios::plot(all, out).and_then(|ratios| {
        let curves = curves::plot(all, out)?;
        Ok(ratios.into_iter().chain(curves).collect::<Vec<_>>())
    });
    let plots = plots.map_err(|error| io::Error::other(error.to_string()))?;
    table::write(all, &plots, out)
}
