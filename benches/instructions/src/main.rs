//! Repeats one kind of work, so that `run` can have its instructions counted. It is the work of the comparison with
//! peers.
//!
//! `instructions ROW COUNT` warms up, which costs the same for any COUNT, and then does the work of the row COUNT times.
//! `instructions ROW COUNT LOOPS` adds LOOPS turns of an empty loop to each repetition, to imitate a slower engine.
//! `instructions --list` prints each row and the COUNT that suits it.

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
