//! The table, in Markdown.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Found, growth, missed};
use crate::{heap, target::Target, versions};

/// The build profile in `Cargo.toml`, for this engine and the peers in Rust alike.
const PROFILE: &str = "release, fat LTO, one codegen unit";

/// Returns the name of the processor, if the system has it.
fn processor() -> String {
    let facts = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        facts.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    name.map_or_else(|| "an unknown processor".into(), |(_, name)| name.into())
}

fn head(text: &mut String) -> std::fmt::Result {
    writeln!(text, "# This engine and its peers\n")?;
    writeln!(text, "- Processor: {}. Compiler: {}.", processor(), env!("RUSTC_VERSION"))?;
    writeln!(
        text,
        "- This engine, fe2o3-amqp, serde_amqp, ntex-amqp, ntex-amqp-codec, ramqp and ramqp-core: {PROFILE}."
    )?;
    writeln!(text, "- {}: the shared library as Debian ships it.", versions::proton())?;
    writeln!(
        text,
        "- Both ends of a connection run on one thread. ns are the median of that thread's own time over all rounds, \
         each of them this engine and then every peer; the ratio is the peer's ns to ours. Instructions are counted \
         by cachegrind, user space alone.\n"
    )
}

fn optional(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// In words, what the table's own figures are held to.
pub fn target(found: &Found) -> String {
    let shown = found.targets.iter().filter(|target| !matches!(target, Target::Allocations(_)));
    shown.map(Target::words).collect::<Vec<_>>().join("; ")
}

fn rows(text: &mut String, all: &[Found]) -> std::fmt::Result {
    writeln!(
        text,
        "| work | target | ours, ns [least, most] | peer | peer, ns [least, most] | ratio | ours, instructions | peer, instructions |"
    )?;
    writeln!(text, "|---|---|---:|---|---:|---:|---:|---:|")?;
    for found in all {
        let ours = found.ours;
        let mine = format!(
            "{} | {} | {:.0} [{:.0}, {:.0}]",
            found.work,
            target(found),
            ours.median,
            ours.least,
            ours.most
        );
        let counted = optional(found.ours_instructions);
        for peer in &found.peers {
            let (cost, ratio) = (peer.cost, peer.ratio(ours));
            let theirs = format!("{} | {:.0} [{:.0}, {:.0}]", peer.name, cost.median, cost.least, cost.most);
            writeln!(
                text,
                "| {mine} | {theirs} | {ratio:.2} | {counted} | {} |",
                optional(peer.instructions)
            )?;
        }
    }
    Ok(())
}

/// Writes the table of the memory program's figures, if it has run.
fn memory(text: &mut String, found: Option<&str>) -> std::fmt::Result {
    let Some(found) = found else { return Ok(()) };
    writeln!(
        text,
        "\n## Memory\n\n| what | ours | peer | peer's | ratio | target |\n|---|---:|---|---:|---:|---:|"
    )?;
    for line in found.lines().skip(1) {
        let mut cells: Vec<&str> = line.split('\t').collect();
        let figure = |at: usize| cells.get(at).and_then(|cell| cell.parse::<f64>().ok());
        // There is no ratio to nothing.
        let ratio = figure(1).filter(|ours| *ours > 0.0).zip(figure(3)).map(|(ours, theirs)| theirs / ours);
        let ratio = ratio.map(|ratio| format!("{ratio:.1}")).unwrap_or_default();
        cells.insert(4.min(cells.len()), &ratio);
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    writeln!(
        text,
        "\nBytes are those of heap blocks in use, as rounded by the allocator. A read buffer is Proton's own, and the \
         caller's of this engine: it counts here where the engine keeps a part of it, and so all of it."
    )
}

fn pictures(text: &mut String, plots: &[PathBuf]) -> std::fmt::Result {
    for plot in plots {
        let name = plot.file_name().unwrap_or_default().to_string_lossy();
        let title = name.trim_end_matches(".svg").replace('-', " ");
        writeln!(text, "\n![{title}]({name})")?;
    }
    Ok(())
}

/// Writes `table.md`.
pub fn write(all: &[Found], plots: &[PathBuf], out: &Path) -> io::Result<()> {
    let found = fs::read_to_string(out.join(heap::FILE)).ok();
    let mut text = String::new();
    let written = head(&mut text)
        .and_then(|()| rows(&mut text, all))
        .and_then(|()| growth::write(&mut text, all))
        .and_then(|()| memory(&mut text, found.as_deref()))
        .and_then(|()| missed::write(&mut text, all, found.as_deref()))
        .and_then(|()| pictures(&mut text, plots));
    written.map_err(io::Error::other)?;
    fs::write(out.join("table.md"), text)
}
