//! What a row costs more than another that does the same with less around it.

use std::fmt::Write as _;

use super::Found;
use crate::target::Target;

/// The row that another is measured by.
pub fn base<'a>(found: &Found, all: &'a [Found]) -> Option<&'a Found> {
    let base = found.targets.iter().find_map(|target| match target {
        Target::TimesRow(_, base) => Some(base),
        _ => None,
    })?;
    all.iter().find(|found| found.work == *base)
}

fn percent(figure: f64, base: f64) -> String {
    format!("{:+.0} %", (figure / base - 1.0) * 100.0)
}

/// Writes the section, unless there is nothing in it.
pub fn write(text: &mut String, all: &[Found]) -> std::fmt::Result {
    let pairs: Vec<_> = all.iter().filter_map(|found| Some((found, base(found, all)?))).collect();
    if pairs.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n## Growth\n\n| work | beside | ours | peer | peer's |\n|---|---|---:|---|---:|")?;
    for (found, base) in pairs {
        let ours = percent(found.ours.median, base.ours.median);
        for peer in &found.peers {
            let Some(same) = base.peers.iter().find(|other| other.name == peer.name) else { continue };
            let theirs = percent(peer.cost.median, same.cost.median);
            writeln!(text, "| {} | {} | {ours} | {} | {theirs} |", found.work, base.work, peer.name)?;
        }
    }
    Ok(())
}
