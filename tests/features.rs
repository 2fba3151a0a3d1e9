//! docs/features.md has every row and column, and the tests, examples and public items that it names exist.

#[path = "common/named.rs"]
mod named;

use std::{collections::BTreeMap, fs};

use named::{fault_of, quoted, root};

const HEADING: &str = "| # | feature | ours | proton-c | protonj2 | fe2o3-amqp | ntex-amqp | go-amqp | rhea | uamqp-c | ramqp |";

fn document() -> String {
    fs::read_to_string(root().join("docs/features.md")).expect("docs/features.md is there")
}

/// Returns the cells of the rows of features: a number, the feature, our verdict and those of eight others.
fn rows(document: &str) -> Vec<[&str; 11]> {
    let mut in_table = false;
    let mut rows = Vec::new();
    for line in document.lines() {
        if !line.starts_with('|') {
            in_table = false;
        } else if line == HEADING {
            in_table = true;
        } else if in_table && !line.starts_with("|---") {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            rows.push(cells.try_into().unwrap_or_else(|_| panic!("not eleven cells: {line}")));
        }
    }
    rows
}

/// Returns the items of all lists, with their continuation lines.
fn items(document: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let mut in_item = false;
    for line in document.lines() {
        if let Some(item) = line.strip_prefix("- ") {
            items.push(item.into());
            in_item = true;
        } else if let (true, Some(rest), Some(item)) = (in_item, line.strip_prefix("  "), items.last_mut()) {
            item.extend([" ", rest]);
        } else {
            in_item = false;
        }
    }
    items
}

/// Returns what shows each row, by its number: an item that opens with a number and a colon, and then a backquote or
/// an example.
fn shown(document: &str) -> BTreeMap<String, String> {
    let items = items(document);
    let shown = items.iter().filter_map(|item| item.split_once(": "));
    let shown = shown.filter(|(_, text)| text.starts_with('`') || text.starts_with("example "));
    shown.map(|(number, text)| (number.into(), text.into())).collect()
}

/// True if the list of public items has one of this path.
fn is_public(api: &str, path: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    api.match_indices(path).any(|(at, _)| {
        let (before, behind) = (&api[..at], &api[at + path.len()..]);
        !before.ends_with(|c| is_name(c) || c == ':')
            && !behind.starts_with(is_name)
            && !behind.starts_with("::")
    })
}

fn is_example(name: &str) -> bool {
    let examples = root().join("examples");
    examples.join(format!("{name}.rs")).is_file() || examples.join(name).join("main.rs").is_file()
}

/// Returns the fault of a path, an example or a public item.
fn fault_of_evidence(api: &str, evidence: &str) -> Option<String> {
    let name = quoted(evidence).next().unwrap_or_default();
    if evidence.starts_with("example `") {
        return (!is_example(name)).then(|| format!("no example {name}"));
    }
    if name.contains("::") {
        return (!is_public(api, name)).then(|| format!("no public item {name}"));
    }
    if !evidence.starts_with('`') {
        return Some(format!("neither a path, an example nor an item: {evidence}"));
    }
    fault_of(evidence)
}

fn api() -> String {
    fs::read_to_string(root().join("docs/api.txt")).expect("docs/api.txt is there")
}

#[test]
fn rows_are_numbered_without_a_gap() {
    let document = document();
    let numbers: Vec<&str> = rows(&document).iter().map(|row| row[0]).collect();
    let expected = (1..=122).map(|n| n.to_string()).chain((1..=24).map(|n| format!("EX{n}")));
    assert_eq!(numbers, expected.collect::<Vec<_>>());
}

#[test]
fn every_cell_has_a_verdict() {
    const VERDICTS: &[&str] = &["yes", "part", "no", "n/a"];
    let document = document();
    for [number, feature, ours, others @ ..] in rows(&document) {
        assert!(!feature.is_empty(), "{number}");
        assert!(VERDICTS.contains(&ours) || ours == "not yet", "{number}: {ours}");
        for other in others {
            assert!(VERDICTS.contains(&other) || other == "?", "{number}: {other}");
        }
    }
}

#[test]
fn every_yes_of_ours_is_shown_and_anything_else_explained() {
    let document = document();
    let (shown, items) = (shown(&document), items(&document));
    let faults: Vec<String> = rows(&document)
        .iter()
        .filter_map(|[number, _, ours, ..]| {
            let is_explained = || items.iter().any(|item| item.starts_with(&format!("{number}, ours")));
            match *ours {
                "yes" => (!shown.contains_key(*number)).then(|| format!("{number}: nothing shows it")),
                _ => (!is_explained()).then(|| format!("{number}: {ours} without a remark")),
            }
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_test_example_and_item_that_shows_a_row_exists() {
    let (document, api) = (document(), api());
    let shown = shown(&document);
    assert!(shown.len() > 100, "{} rows are shown", shown.len());
    let faults: Vec<String> = shown
        .iter()
        .flat_map(|(number, text)| {
            let faults = text.split("; ").filter_map(|evidence| fault_of_evidence(&api, evidence));
            faults.map(move |fault| format!("{number}: {fault}"))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_path_and_item_in_the_document_exists() {
    let (document, api) = (document(), api());
    let is_path =
        |name: &str| ["tests/", "src/", "examples/", "docs/"].iter().any(|folder| name.starts_with(folder));
    let gone = quoted(&document).filter(|name| match name {
        name if is_path(name) => !root().join(name).exists(),
        name if name.contains("::") => !is_public(&api, name),
        _ => false,
    });
    let gone: Vec<&str> = gone.collect();
    assert!(gone.is_empty(), "{gone:?}");
}

#[test]
fn evidence_that_is_not_there_is_a_fault() {
    let api = api();
    for (evidence, is_there) in [
        ("example `quickstart`", true),
        ("example `slowstart`", false),
        ("`Connection::begin`", true),
        ("`Connection::beg`", false),
        ("`Connection::no_such_command`", false),
        ("`Cause::Lost`", true),
        ("`use::Lost`", false),
        ("`tests/features.rs` `every_cell_has_a_verdict`", true),
        ("`tests/features.rs` `every_cell_has`", false),
        ("`tests/no_such_file.rs`", false),
        ("`tests/hostile` F08, F08b", true),
        ("`tests/hostile` F99", false),
        ("somewhere", false),
    ] {
        assert_eq!(fault_of_evidence(&api, evidence).is_none(), is_there, "{evidence}");
    }
}

#[test]
fn readme_counts_what_the_document_has() {
    let document = document();
    let rows: Vec<_> = rows(&document).into_iter().filter(|row| row[0].parse::<u32>().is_ok()).collect();
    let yes = |column: usize| rows.iter().filter(|row| row[column] == "yes").count();
    let due: Vec<usize> = std::iter::once(rows.len()).chain((2..11).map(yes)).collect();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, table) = readme.split_once("<!-- features -->").unwrap();
    let (table, _) = table.split_once("<!-- end of features -->").unwrap();
    let numbers =
        |line: &str| line.split('|').filter_map(|cell| cell.trim().parse().ok()).collect::<Vec<usize>>();
    let groups = table.lines().map(numbers).filter(|numbers| numbers.len() == due.len()).collect::<Vec<_>>();
    let (all, groups) = groups.split_last().unwrap();
    let sums: Vec<usize> =
        (0..due.len()).map(|column| groups.iter().map(|group| group[column]).sum()).collect();
    assert_eq!((all, &sums), (&due, &due));
}
