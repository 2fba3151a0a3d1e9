//! SPEC_NOTES.md names files, tests and rows of tests: all of them exist.

#[path = "common/named.rs"]
mod named;

use std::fs;

use named::{fault_of, quoted, root};

fn notes() -> String {
    fs::read_to_string(root().join("SPEC_NOTES.md")).expect("SPEC_NOTES.md is there")
}

/// The cells of the rows that say what is kept, where, and by which test.
fn rows(notes: &str) -> Vec<[&str; 4]> {
    let (_, tables) = notes.split_once("<!-- end of tables -->").expect("the state tables' end is marked");
    let rows = tables.lines().filter(|line| line.starts_with("| ")).filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let cells: [&str; 4] = cells.try_into().unwrap_or_else(|_| panic!("not four cells: {line}"));
        (cells[0] != "ids").then_some(cells)
    });
    rows.collect()
}

#[test]
fn every_test_named_exists() {
    let notes = notes();
    let rows = rows(&notes);
    assert!(rows.len() > 100, "{} rows are found", rows.len());
    let mut faults = Vec::new();
    for [ids, _, _, tests] in rows {
        if tests == "no test yet" {
            continue;
        }
        for entry in tests.split(';').map(str::trim) {
            if !entry.starts_with('`') {
                faults.push(format!("{ids}: no path in {entry:?}"));
            } else if let Some(fault) = fault_of(entry) {
                faults.push(format!("{ids}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_file_named_exists() {
    let notes = notes();
    let mut faults = Vec::new();
    for [ids, _, places, _] in rows(&notes) {
        let gone = quoted(places).filter(|place| !root().join("src").join(place).is_file());
        faults.extend(gone.map(|place| format!("{ids}: src/{place} is not there")));
        if quoted(places).next().is_none() {
            faults.push(format!("{ids}: nowhere"));
        }
    }
    let paths = quoted(&notes).filter(|text| text.ends_with(".rs") || text.starts_with("tests/"));
    let gone = paths.filter(|path| !root().join(path).exists() && !root().join("src").join(path).exists());
    faults.extend(gone.map(|path| format!("{path} is not there")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The section, a hyphen and the number, or `T` for the statements of its tables; the section may be left out where it
/// is that of the id before.
#[test]
fn every_row_says_which_statements_it_is_about() {
    let is_section = |text: &str| text.split('.').all(|part| part.parse::<u8>().is_ok());
    let is_number = |text: &str| {
        let digits = text.strip_prefix('T').unwrap_or(text);
        text == "T" || (digits.len() == 2 && digits.parse::<u8>().is_ok())
    };
    let is_id = |text: &str| match text.split_once('-') {
        Some((section, number)) => is_section(section) && is_number(number),
        None => is_number(text),
    };
    let notes = notes();
    for [ids, ..] in rows(&notes) {
        assert!(ids.contains('-'), "{ids}");
        for id in ids.split([';', ',']).flat_map(|range| range.split(" to ")).map(str::trim) {
            assert!(is_id(id), "{ids}: {id}");
        }
    }
}
