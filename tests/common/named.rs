//! Files, tests and rows of tests that a document names.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Returns the folder of the crate.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the texts between backquotes.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Returns the source of a file, or all sources of a folder.
fn source(path: &str) -> Option<String> {
    let path = root().join(path);
    if path.is_file() {
        return fs::read_to_string(path).ok();
    }
    let mut files: Vec<PathBuf> = fs::read_dir(path).ok()?.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    Some(files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect())
}

/// Splits a row's id into its letter and number; `L36b` has the number 36.
fn row_number(id: &str) -> Option<(&str, u32)> {
    let (letter, rest) = id.split_at_checked(1)?;
    let number = rest.trim_end_matches(|c: char| c.is_ascii_lowercase());
    (letter.as_bytes()[0].is_ascii_uppercase() && number.len() == 2).then_some((letter, number.parse().ok()?))
}

/// Returns the fault of an entry, if there is one. An entry is a path, then names of tests in backquotes or ids of rows.
pub fn fault_of(entry: &str) -> Option<String> {
    let path = quoted(entry).next()?;
    let Some(source) = source(path) else { return Some(format!("{path} is not there")) };
    let names = entry.strip_prefix(&format!("`{path}`"))?;
    let items = names.split(',').map(str::trim).filter(|item| !item.is_empty());
    for item in items {
        if let Some(test) = item.strip_prefix('`').and_then(|item| item.strip_suffix('`')) {
            if !source.contains(&format!("fn {test}(")) {
                return Some(format!("no test {test} in {path}"));
            }
            continue;
        }
        let ids: Vec<String> = match item.split_once(" to ") {
            None if row_number(item).is_some() => vec![item.into()],
            None => return Some(format!("neither a test nor a row: {item}")),
            Some((first, last)) => match (row_number(first), row_number(last)) {
                (Some((letter, first)), Some((same, last))) if letter == same && first < last => {
                    (first..=last).map(|number| format!("{letter}{number:02}")).collect()
                }
                _ => return Some(format!("no range of rows: {item}")),
            },
        };
        if let Some(missing) = ids.iter().find(|id| !source.contains(&format!("\"{id}\""))) {
            return Some(format!("no row {missing} in {path}"));
        }
    }
    None
}
