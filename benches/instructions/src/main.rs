//! Does a piece of work so many times, for `run` to have its instructions counted.
//!
//! `instructions ROW COUNT` warms up, which is the same whatever COUNT is, and then does the work of a row COUNT
//! times; `instructions --list` prints each row and how often it is worth doing. The work is that of the comparison
//! with peers.

use std::{env, process::ExitCode};

#[expect(dead_code, reason = "the comparison has other rows too")]
#[path = "../../peers/src/ours/mod.rs"]
mod ours;
#[path = "../../peers/src/plan/load.rs"]
mod plan;
mod rows;

use rows::{ROWS, Row};

fn list() -> ExitCode {
    for Row { name, count, .. } in ROWS {
        println!("{name}\t{count}");
    }
    ExitCode::SUCCESS
}

fn work(name: &str, count: &str) -> Result<(), String> {
    let row = ROWS.iter().find(|row| row.name == name).ok_or_else(|| format!("no such row: {name}"))?;
    let count = count.parse().map_err(|error| format!("{count}: {error}"))?;
    let mut work = (row.setup)();
    work(row.count);
    work(count);
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => return list(),
        [name, count] => work(name, count),
        _ => Err("usage: instructions ROW COUNT | instructions --list".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::from(2)
        }
    }
}
