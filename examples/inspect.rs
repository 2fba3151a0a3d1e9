//! Decodes AMQP bytes and prints a line for each protocol header, frame or message section, with its offset.
//!
//! ```sh
//! cargo run --example inspect -- capture.bin             # one direction of a connection
//! cargo run --example inspect -- --message --json -      # one encoded message, from standard input
//! ```
//!
//! Bad input ends it with the error, its offset and the AMQP condition on standard error, and with exit code 1.

#[path = "common/json.rs"]
mod json;
#[path = "common/line.rs"]
mod line;

use std::{
    error::Error,
    fmt, fs,
    io::{self, BufWriter, Read as _, Write},
    path::PathBuf,
    process::ExitCode,
};

use amqp_proto::{
    DecodeLimits,
    codec::{Decode as _, DecodeError, Decoder, from_bytes},
    frame::{FrameError, FrameKind, ProtocolHeader, parse_header},
    message::{Message, MessageError, ParseOptions, Section, SectionKind},
    spec::{definitions::ErrorCondition, performatives::Performative, sasl::SaslFrame},
    types::Value,
};
use bytes::Bytes;
use clap::Parser;
use line::Line;
use serde_json::Value as Json;

/// Decode raw AMQP bytes: one direction of a connection, or one message.
#[derive(Parser)]
struct Arguments {
    /// Read one encoded message, not frames.
    #[arg(long)]
    message: bool,
    /// Print a JSON object per line.
    #[arg(long)]
    json: bool,
    /// The file to read; `-` is standard input.
    file: PathBuf,
}

/// An error of the input, and its offset.
#[derive(Debug)]
struct Invalid {
    what: String,
    offset: usize,
    condition: ErrorCondition,
}

impl Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} ({})", self.what, self.offset, self.condition)
    }
}

impl Invalid {
    fn framing(what: impl ToString, offset: usize) -> Self {
        Self { what: what.to_string(), offset, condition: ErrorCondition::FramingError }
    }

    /// Offsets of decode errors count from the start of their value.
    fn decoding(error: DecodeError, start: usize) -> Self {
        let offset = start.saturating_add(error.offset);
        Self { what: error.kind.to_string(), offset, condition: ErrorCondition::DecodeError }
    }
}

impl From<MessageError> for Invalid {
    fn from(error: MessageError) -> Self {
        Self { what: error.kind.to_string(), offset: error.offset, condition: ErrorCondition::DecodeError }
    }
}

/// Returns the name and fields of a frame's performative or SASL frame, checked, with the size of its payload.
fn body(kind: FrameKind, body: &Bytes) -> Result<(String, Json), DecodeError> {
    let mut reader = Decoder::new(body, DecodeLimits::DEFAULT);
    let name = match kind {
        // 2.4.5: an empty frame keeps the connection alive.
        FrameKind::Amqp if body.is_empty() => return Ok(("empty".into(), Json::Null)),
        FrameKind::Amqp => {
            let performative = Performative::decode(&mut reader)?;
            // 2.6.14: only a transfer has a payload.
            if !matches!(performative, Performative::Transfer(_)) {
                reader.finish()?;
            }
            performative.type_name().to_lowercase()
        }
        FrameKind::Sasl => {
            let frame = SaslFrame::decode(&mut reader)?;
            reader.finish()?;
            frame.type_name().replace("Sasl", "sasl-").to_lowercase()
        }
    };
    let payload = reader.take_rest();
    let described = body.slice(..body.len().saturating_sub(payload.len()));
    let mut content = json::fields(&from_bytes::<Value>(&described, DecodeLimits::DEFAULT)?);
    if let (Json::Object(content), false) = (&mut content, payload.is_empty()) {
        content.insert("payload".into(), format!("{} bytes", payload.len()).into());
    }
    Ok((name, content))
}

/// Returns the header or frame at an offset.
fn next(bytes: &Bytes, offset: usize) -> Result<Line, Invalid> {
    let rest = bytes.slice(offset..);
    if ProtocolHeader::may_begin(&rest) {
        let header = rest.first_chunk().and_then(|bytes| ProtocolHeader::from_bytes(*bytes));
        let header = header.ok_or_else(|| Invalid::framing("a protocol header is cut short", offset))?;
        let (name, content) = (header.to_string(), Json::Null);
        return Ok(Line { offset, size: 8, kind: "header", name, channel: None, content });
    }
    let head = parse_header(&rest, u32::MAX)
        .map_err(|error: FrameError| Invalid::framing(error, offset))?
        .ok_or_else(|| Invalid::framing("a frame is cut short", offset))?;
    let (name, content) = body(head.kind, &rest.slice(head.body..head.size))
        .map_err(|error| Invalid::decoding(error, offset.saturating_add(head.body)))?;
    let (kind, channel) = match head.kind {
        FrameKind::Amqp => ("frame", Some(head.channel)),
        FrameKind::Sasl => ("sasl-frame", None),
    };
    Ok(Line { offset, size: head.size, kind, name, channel, content })
}

fn section(bytes: &Bytes, section: &Section) -> Result<Line, Invalid> {
    let invalid = |error| Invalid::decoding(error, section.range.start);
    let content = if section.kind == SectionKind::Data {
        let data: Bytes =
            from_bytes(&bytes.slice(section.value.clone()), DecodeLimits::DEFAULT).map_err(invalid)?;
        json::bytes(&data)
    } else {
        let whole = bytes.slice(section.range.clone());
        json::fields(&from_bytes::<Value>(&whole, DecodeLimits::DEFAULT).map_err(invalid)?)
    };
    let (offset, size) = (section.range.start, section.range.len());
    Ok(Line { offset, size, kind: "section", name: section.kind.name().into(), channel: None, content })
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut bytes = Vec::new();
    if arguments.file.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = fs::read(&arguments.file)?;
    }
    let bytes = Bytes::from(bytes);
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.message {
        let message = Message::parse(bytes.clone(), &ParseOptions::default()).map_err(Invalid::from)?;
        for each in message.sections() {
            section(&bytes, &each)?.print(arguments.json, &mut out)?;
        }
        message.validate().map_err(Invalid::from)?;
    } else {
        let mut offset = 0;
        while offset < bytes.len() {
            let line = next(&bytes, offset)?;
            offset += line.size;
            line.print(arguments.json, &mut out)?;
        }
    }
    Ok(out.flush()?)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed standard error is no reason to panic.
            let _ = writeln!(io::stderr(), "inspect: {}: {error}", arguments.file.display());
            ExitCode::FAILURE
        }
    }
}
