//! The options that the peers' programs share with `client.js` and `client.py`, and the bodies that all of them agree on.

use std::{error::Error, process::ExitCode};

use clap::{Parser, Subcommand};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Parser)]
pub struct Arguments {
    #[command(subcommand)]
    pub job: Job,
}

#[derive(Subcommand)]
pub enum Job {
    /// Sends numbered messages; the last line of output is the outcomes in JSON.
    Send(Options),
    /// Receives and checks numbered messages; the last line of output is their number in JSON.
    Receive(Options),
    /// Serves; the first line of output is READY and the port.
    Server(Options),
}

#[derive(Clone, clap::Args)]
pub struct Options {
    #[arg(long)]
    pub port: u16,
    #[arg(long, default_value = "queue")]
    pub address: String,
    #[arg(long, default_value_t = 1)]
    pub count: usize,
    #[arg(long, default_value_t = 10)]
    pub size: usize,
    #[arg(long)]
    pub settled: bool,
    #[arg(long)]
    pub drain: bool,
    #[arg(long, default_value = "anonymous")]
    pub sasl: String,
    #[arg(long, default_value = "guest")]
    pub user: String,
    #[arg(long, default_value = "guest")]
    pub password: String,
    #[arg(long)]
    pub max_frame_size: Option<u32>,
    #[arg(long)]
    pub idle_timeout: Option<u32>,
}

/// The body of a message: short ones are strings, long ones binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Text(String),
    Binary(Vec<u8>),
}

const SHORT: usize = 64;

/// Returns the bytes of message number `n`: its number, then a run of letters that depends on it.
fn text(n: usize, size: usize) -> Vec<u8> {
    let number = format!("{n:010}").into_bytes();
    let number = &number[number.len().saturating_sub(size)..];
    let letters = (n % 26..).map(|letter| b'a' + (letter % 26) as u8);
    // The run of 26 letters begins again with its own first one.
    let run = letters.take(26).collect::<Vec<_>>().into_iter().cycle();
    number.iter().copied().chain(run).take(size).collect()
}

/// Returns the body of message number `n`.
pub fn content(n: usize, size: usize) -> Content {
    let bytes = text(n, size);
    match String::from_utf8(bytes) {
        Ok(text) if size <= SHORT => Content::Text(text),
        Ok(text) => Content::Binary(text.into_bytes()),
        Err(_) => unreachable!("digits and letters"),
    }
}

/// Returns an error unless this is the body of message number `n`. Of one that another program made up (`any`) only the
/// size is known, and that it begins with its number.
pub fn check(got: &[u8], n: usize, size: usize, any: bool) -> Result<()> {
    let due = text(n, size);
    let same = if any { size.min(10) } else { size };
    if got.len() != size || got[..same] != due[..same] {
        let start = String::from_utf8_lossy(&got[..got.len().min(16)]).into_owned();
        return Err(format!("message {n}: {} bytes {start:?} where {size} were due", got.len()).into());
    }
    Ok(())
}

/// Returns the last line of a sender.
pub fn sent(count: usize, accepted: usize) -> String {
    format!(r#"{{"sent": {count}, "accepted": {accepted}}}"#)
}

/// Returns the last line of a receiver.
pub fn received(count: usize) -> String {
    format!(r#"{{"received": {count}}}"#)
}

/// Prints the last line, or the reason why there is none.
pub fn exit(outcome: Result<String>) -> ExitCode {
    match outcome {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}: {error:?}");
            ExitCode::FAILURE
        }
    }
}
