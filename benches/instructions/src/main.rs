//! Does a piece of work so many times, for `run` to have its instructions counted.
//!
//! `instructions ROW COUNT` warms up, which is the same whatever COUNT is, and then does the work of a row COUNT
//! times; `instructions --list` prints each row and how often it is worth doing. The work is that of the comparison
//! with peers. `instructions ROW COUNT LOOPS` loops so often each time besides, which is what a slower engine looks
//! like.

use std::{env, hint::black_box, process::ExitCode};

#[expect(dead_code, reason = "the comparison has other rows too")]
#[path = "../../ours/mod.rs"]
mod ours;
mod rows;

use rows::{ROWS, Row};

fn list() -> ExitCode {
    for Row { name, count, .. } in ROWS {
        println!("{name}\t{count}");
    }
    ExitCode::SUCCESS
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

fn work(name: &str, count: &str, loops: &str) -> Result<(), String> {
    let row = ROWS.iter().find(|row| row.name == name).ok_or_else(|| format!("no such row: {name}"))?;
    let (count, loops) = (number(count)?, number(loops)?);
    let mut work = (row.setup)();
    work(row.count);
    work(count);
    for turn in 0..count * loops {
        black_box(turn);
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => return list(),
        [name, count] => work(name, count, "0"),
        [name, count, loops] => work(name, count, loops),
        _ => Err("usage: instructions ROW COUNT [LOOPS] | instructions --list".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::from(2)
        }
    }
}
