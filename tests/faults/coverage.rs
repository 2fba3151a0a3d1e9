//! That no fault is forgotten: each has a test named by its id, and another for a second of its kind.

use std::{collections::BTreeSet, fs, path::Path};

/// The faults of each kind, numbered from 1.
const KINDS: [(&str, u8); 7] =
    [("fa", 9), ("fb", 9), ("fc", 13), ("fd", 12), ("fe", 9), ("ff", 6), ("fg", 4)];

/// Changes that no test noticed: one test each.
const MUTANTS: u8 = 22;

/// Tests that are not there yet. One that has been written must leave this list.
const MISSING: &str = "";

/// Adds the first part of each test's name in the sources of a folder: `fa1b` of `fa1b_a_name`.
fn add_ids(folder: &Path, ids: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            add_ids(&path, ids);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("a source");
            let mut in_test = false;
            for line in source.lines().map(str::trim) {
                in_test |= line == "#[test]";
                let Some((_, name)) = line.split_once("fn ").filter(|_| in_test) else { continue };
                in_test = false;
                ids.extend(name.split_once('_').map(|(id, _)| id.to_owned()));
            }
        }
    }
}

#[test]
fn every_fault_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut written = BTreeSet::new();
    for folder in ["src", "tests", "examples"] {
        add_ids(&root.join(folder), &mut written);
    }
    let of_kind = |(kind, last): (&'static str, u8)| {
        (1..=last).flat_map(move |number| ["", "b"].map(|second| format!("{kind}{number}{second}")))
    };
    let mutants = (1..=MUTANTS).map(|number| format!("fh{number:02}"));
    let wanted: BTreeSet<String> = KINDS.into_iter().flat_map(of_kind).chain(mutants).collect();
    let missing: BTreeSet<String> = MISSING.split_whitespace().map(str::to_owned).collect();

    let forgotten: Vec<_> = wanted.difference(&written).filter(|id| !missing.contains(*id)).collect();
    assert!(forgotten.is_empty(), "no test is named by these: {forgotten:?}");
    let outdated: Vec<_> =
        missing.iter().filter(|id| written.contains(*id) || !wanted.contains(*id)).collect();
    assert!(outdated.is_empty(), "these are not missing: {outdated:?}");
}
