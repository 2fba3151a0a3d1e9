//! The rules of the source tree, checked on the tree itself.
//!
//! Every module at the top of `src/` has a rank. A module may name modules of lower rank and its own folder,
//! nothing else, whichever way the path is spelled: in a `use`, inline, through `super::super::`, through a name
//! that `lib.rs` re-exports, or through the `$crate::` of a macro it invokes. `lib.rs` itself is the table of
//! contents: it names all.
//!
//! Code under `#[cfg(test)]` keeps the same order with one exception: it may also name `crate::testing`, so that
//! a unit test can use the strategies and the simulated peers. The bans on clocks, threads and cells do not bind it.
//!
//! The same walk checks what a reader of the tree would otherwise have to remember: how long a file may be, what
//! the engine may not contain, how a state changes. `layout/rules.rs` holds the rules and the table of ranks,
//! `layout/routers.rs` those of the routers, `layout/planted.rs` the tests of the checker itself, one planted fault of each kind.

#[path = "layout/planted.rs"]
mod planted;
#[path = "layout/routers.rs"]
mod routers;
#[path = "layout/rules.rs"]
mod rules;
#[path = "layout/tokens.rs"]
mod tokens;

use rules::{Fault, NOT_BUILT_YET, RANKS, check};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Marks of unfinished work, spelled in halves so that this file does not contain them.
fn unfinished_marks() -> [&'static str; 4] {
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("#[ign", "ore")]
}

/// Openings of paths that exist on one machine only.
fn machine_paths() -> [&'static str; 6] {
    [
        concat!("/wo", "rk/"),
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
        concat!("/tmp", "/w/"),
        concat!("../sha", "red"),
    ]
}

fn crate_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of the checkout that git tracks, or, in an unpacked package, all files of the source folders.
fn tracked_files() -> Vec<String> {
    let listed = Command::new("git").arg("-C").arg(crate_root()).args(["ls-files", "-z"]).output();
    match listed {
        Ok(listed) if listed.status.success() && !listed.stdout.is_empty() => {
            let names = String::from_utf8(listed.stdout).unwrap();
            names
                .split_terminator('\0')
                .map(str::to_owned)
                .filter(|name| crate_root().join(name).is_file())
                .collect()
        }
        _ => ["src", "tests", "examples", "benches"].iter().flat_map(|folder| files_below(folder)).collect(),
    }
}

fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(crate_root().join(&folder)) else { continue };
        for entry in entries {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn source_tree() -> BTreeMap<String, String> {
    let names = files_below("src").into_iter().filter(|name| name.ends_with(".rs"));
    names.map(|name| (name.clone(), std::fs::read_to_string(crate_root().join(name)).unwrap())).collect()
}

fn report(faults: &[Fault]) {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} faults in the tree:\n{}\n", lines.len(), lines.join("\n"));
}

#[test]
fn the_tree_keeps_its_rules() {
    report(&check(&source_tree()));
}

/// The table and the folders agree in both directions; a module without a rank is a fault of [`check`].
#[test]
fn every_ranked_module_exists() {
    let files = source_tree();
    let exists = |module: &str| {
        [format!("src/{module}.rs"), format!("src/{module}/mod.rs")]
            .iter()
            .any(|file| files.contains_key(file))
    };
    let names = || RANKS.iter().map(|(module, _)| *module);
    let missing: Vec<_> = names().filter(|name| !exists(name) && !NOT_BUILT_YET.contains(name)).collect();
    assert!(missing.is_empty(), "ranked, but neither built nor in NOT_BUILT_YET: {missing:?}");
    let built: Vec<_> = NOT_BUILT_YET.iter().filter(|name| exists(name)).collect();
    assert!(built.is_empty(), "built: take them off NOT_BUILT_YET: {built:?}");
    assert!(RANKS.is_sorted_by_key(|(name, rank)| (*rank, *name)), "RANKS is kept in order");
}

#[test]
fn tracked_files_name_no_machine_and_no_unfinished_work() {
    let mut faults = Vec::new();
    for file in tracked_files() {
        let bytes = std::fs::read(crate_root().join(&file)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for (index, line) in text.lines().enumerate() {
            let mut fault = |text: String| faults.push(Fault { file: file.clone(), line: index + 1, text });
            for path in machine_paths().iter().filter(|path| line.contains(**path)) {
                fault(format!("names a path of one machine: {path}"));
            }
            let rust = file.ends_with(".rs") && !file.starts_with("src/");
            for mark in unfinished_marks().iter().filter(|mark| rust && line.contains(**mark)) {
                fault(format!("unfinished: {mark}"));
            }
        }
    }
    report(&faults);
}
