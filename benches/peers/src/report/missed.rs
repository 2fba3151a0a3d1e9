//! Which targets are missed, and by how much.

use std::fmt::Write as _;

use super::Found;
use crate::target::Target;

/// Returns what a target allows and what the row took, in the same unit. `None` if the row was not measured.
fn measured(target: &Target, found: &Found, all: &[Found]) -> Option<(f64, f64)> {
    let ours = found.ours.median;
    let row = |name: &str| all.iter().find(|other| other.work == name);
    match target {
        Target::Nanoseconds(most) => Some((*most, ours)),
        Target::Instructions(most) => Some((*most as f64, found.ours_instructions? as f64)),
        // The program that measures memory has its own list.
        Target::Allocations(_) => None,
        Target::TimesPeer(most, name) => {
            let peer = found.peers.iter().find(|peer| peer.name.starts_with(name))?;
            Some((*most, ours / peer.cost.median))
        }
        Target::TimesRow(most, name) => Some((*most, ours / row(name)?.ours.median)),
        Target::TimesInstructions(most, name) => {
            Some((*most, found.ours_instructions? as f64 / row(name)?.ours_instructions? as f64))
        }
    }
}

/// A line for each target missed, in the rows and in what the program that measures memory has left.
fn lines(all: &[Found], memory: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |work: &str, target: &str, (most, is): (f64, f64)| {
        if is > most {
            // There is no saying how many times nothing something is.
            let factor = if most > 0.0 { format!("{:.2}", is / most) } else { String::new() };
            let places = if is < 10.0 { 2 } else { 0 };
            lines.push(format!("| {work} | {target} | {is:.places$} | {factor} |"));
        }
    };
    for found in all {
        for target in &found.targets {
            if let Some(measured) = measured(target, found, all) {
                line(&found.work, &target.words(), measured);
            }
        }
    }
    for words in memory.unwrap_or_default().lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()) {
        let [what, ours, .., target] = words[..] else { continue };
        if let (Ok(is), Ok(most)) = (ours.parse(), target.parse()) {
            line(what, target, (most, is));
        }
    }
    // Each peer of a row for memory has a line of its own; what is ours is the same in all of them.
    lines.dedup();
    lines
}

/// Writes the section.
pub fn write(text: &mut String, all: &[Found], memory: Option<&str>) -> std::fmt::Result {
    let lines = lines(all, memory);
    writeln!(text, "\n## Targets missed\n")?;
    if lines.is_empty() {
        return writeln!(text, "None of those that were measured.");
    }
    writeln!(text, "| work | target | ours | times the target |\n|---|---|---:|---:|\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::{
        measure::Cost,
        report::{Found, FoundPeer},
        target::Target,
    };

    fn cost(median: f64) -> Cost {
        Cost { median, least: median, most: median }
    }

    fn found(work: &str, ours: f64, instructions: u64, targets: Vec<Target>) -> Found {
        let peer = FoundPeer { name: "memcpy of it".into(), cost: cost(100.0), instructions: None };
        Found {
            work: work.into(),
            ours: cost(ours),
            ours_instructions: Some(instructions),
            peers: vec![peer],
            main: true,
            point: None,
            targets,
        }
    }

    #[test]
    fn a_target_is_missed_by_what_is_above_it_and_by_nothing_else() {
        let kept = vec![
            Target::Nanoseconds(150.0),
            Target::Instructions(1000),
            Target::TimesPeer(1.5, "memcpy"),
            Target::TimesRow(1.5, "base".into()),
            Target::TimesInstructions(1.25, "base".into()),
        ];
        let missed = vec![
            Target::Nanoseconds(120.0),
            Target::Instructions(500),
            Target::TimesPeer(1.2, "memcpy"),
            Target::TimesRow(1.2, "base".into()),
            Target::TimesInstructions(1.1, "base".into()),
        ];
        let rows = |targets| [found("base", 100.0, 800, Vec::new()), found("more", 150.0, 1000, targets)];
        assert_eq!(lines(&rows(kept), None), Vec::<String>::new());
        let factors: Vec<String> = lines(&rows(missed), None)
            .iter()
            .filter_map(|line| line.trim_end_matches(" |").rsplit(' ').next().map(str::to_owned))
            .collect();
        assert_eq!(factors, ["1.25", "2.00", "1.25", "1.25", "1.14"]);
    }

    #[test]
    fn memory_is_held_to_its_targets_once() {
        let memory = "what\tours\tpeer\tpeer_value\ttarget\n\
            link\t600.00\tA\t1\t512\n\
            allocations\t0.50\tA\t1\t0\n\
            allocations\t0.50\tB\t1\t0\n\
            session\t512.00\tA\t1\t512\n\
            other\t600.00\tA\t1\t\n";
        let due = ["| link | 512 | 600 | 1.17 |", "| allocations | 0 | 0.50 |  |"];
        assert_eq!(lines(&[], Some(memory)), due);
    }
}
