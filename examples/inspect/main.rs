//! Decodes AMQP bytes and prints a line for each protocol header, frame or message section, with its offset.
//!
//! ```sh
//! cargo run --example inspect -- capture.bin             # one direction of a connection
//! cargo run --example inspect -- capture.pcapng          # every connection of a capture, both directions
//! cargo run --example inspect -- --html page.html capture.pcap
//! tcpdump -i lo -U -w - port 5672 | cargo run --example inspect -- --follow -
//! cargo run --example inspect -- --message --json -      # one encoded message, from standard input
//! ```
//!
//! In a capture it follows both ends by an `Observer`, and marks what breaks the standard and who waits.
//!
//! Bad input ends it with the error, its offset and the AMQP condition on standard error, and with exit code 1.

#[path = "../common/advice.rs"]
mod advice;
mod capture;
mod frames;
mod json;
mod line;
mod page;
mod raw;
mod report;
mod tcp;

use std::{
    fs::{self, File},
    io::{self, BufWriter, Cursor, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use advice::{AnyError, about};
use bytes::Bytes;
use clap::{CommandFactory as _, Parser, error::ErrorKind};

/// Decode AMQP: one direction of a connection, one message, or a packet capture.
#[derive(Parser)]
struct Arguments {
    /// Read one encoded message, not frames.
    #[arg(long, conflicts_with_all = ["html", "follow"])]
    message: bool,
    /// Print a JSON object per line.
    #[arg(long)]
    json: bool,
    /// Write a page with the frames of a capture as a diagram, in place of lines; the first 32 MiB of them.
    #[arg(long, value_name = "OUT", conflicts_with_all = ["json", "follow"])]
    html: Option<PathBuf>,
    /// Print each frame as soon as it has arrived.
    #[arg(long)]
    follow: bool,
    /// Take the connections of this port for AMQP, whatever they begin with, and no others.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// The file to read; `-` is standard input.
    file: PathBuf,
}

/// True if both are the same file, by whatever names.
fn is_same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| fs::canonicalize(other).is_ok_and(|other| one == other))
}

fn run(arguments: &Arguments) -> Result<(), AnyError> {
    let mut input: Box<dyn Read + Send> = if arguments.file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&arguments.file)?)
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut first = Vec::new();
    (&mut input).take(4).read_to_end(&mut first)?;
    let is_capture = !arguments.message && capture::begins(&first);
    if is_capture {
        capture::read_head(&mut input, &mut first)?;
    }
    let mut input = Cursor::new(first).chain(input);
    if is_capture {
        let style = match (&arguments.html, arguments.json) {
            (Some(_), _) => report::Style::Page,
            (None, true) => report::Style::Json,
            (None, false) => report::Style::Text,
        };
        let mut report = report::Report::new(style, &mut out, arguments.follow);
        capture::read(input, arguments.port, &mut report)?;
        let data = report.finish()?;
        if let Some(path) = &arguments.html {
            let written = File::create(path).and_then(|mut file| page::write(&mut file, &data));
            written.map_err(|error| about(path.display(), error))?;
        }
    } else if arguments.html.is_some() {
        return Err(about("a page needs both directions of a connection", "pass a pcap or pcapng capture"));
    } else if arguments.follow {
        raw::follow(input, arguments.json, &mut out).map_err(raw::advised)?;
    } else {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        let bytes = Bytes::from(bytes);
        if arguments.message {
            raw::print_message(&bytes, arguments.json, &mut out).map_err(raw::advised)?;
        } else {
            raw::print(&bytes, arguments.json, &mut out).map_err(raw::advised)?;
        }
    }
    Ok(out.flush()?)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.html.as_ref().is_some_and(|page| is_same(page, &arguments.file)) {
        let what = "--html would overwrite the capture that it is made of: name another file";
        Arguments::command().error(ErrorKind::ArgumentConflict, what).exit();
    }
    advice::end(format_args!("inspect: {}", arguments.file.display()), run(&arguments))
}
