//! Handles input that a peer chooses, so that `run --growth` can see that its cost for a byte does not grow with its
//! length. A program of its own: what else calls the engine changes what the compiler makes of it.
//!
//! `growth INPUT SIZE TIMES` handles an input of SIZE bytes TIMES times; `growth --list` prints the inputs.

mod messages;
mod observed;
mod wire;

use std::{env, process::ExitCode};

/// Handles an input once.
type Work = Box<dyn Fn()>;

/// A kind of input.
struct Input {
    name: &'static str,
    /// Makes an input of this many bytes.
    prepare: Box<dyn Fn(usize) -> Work>,
}

fn inputs() -> Vec<Input> {
    wire::inputs().into_iter().chain(observed::inputs()).chain(messages::inputs()).collect()
}

/// Makes the input once, whatever `times` is.
fn run(name: &str, size: &str, times: &str) -> Option<()> {
    let input = inputs().into_iter().find(|input| input.name == name)?;
    let work = (input.prepare)(size.parse().ok()?);
    for _ in 0..times.parse::<u32>().ok()? {
        work();
    }
    Some(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => {
            inputs().iter().for_each(|input| println!("{}", input.name));
            Some(())
        }
        [name, size, times] => run(name, size, times),
        _ => None,
    };
    if done.is_some() {
        return ExitCode::SUCCESS;
    }
    eprintln!("usage: growth INPUT SIZE TIMES | growth --list");
    ExitCode::from(2)
}
