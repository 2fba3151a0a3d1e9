//! Raw bytes: one direction of a connection, or one message.

use std::{
    error::Error,
    fmt,
    io::{self, Read, Write},
};

use amqp_proto::{
    DecodeLimits,
    codec::{Decode as _, DecodeError, Decoder, from_bytes},
    frame::{FrameError, FrameKind, ProtocolHeader, parse_header},
    message::{Message, MessageError, ParseOptions, Section, SectionKind},
    spec::{definitions::ErrorCondition, performatives::Performative, sasl::SaslFrame},
    types::Value,
};
use bytes::{Buf as _, Bytes, BytesMut};
use serde_json::Value as Json;

use crate::{
    advice::{AnyError, about},
    json,
    line::Line,
};

/// An error of the input, and its offset.
#[derive(Debug)]
pub struct Invalid {
    what: String,
    offset: usize,
    condition: ErrorCondition,
    /// The bytes are right as far as they go.
    pub is_cut: bool,
}

impl Error for Invalid {}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} ({})", self.what, self.offset, self.condition)
    }
}

impl Invalid {
    fn framing(what: impl ToString, offset: usize) -> Self {
        Self { what: what.to_string(), offset, condition: ErrorCondition::FramingError, is_cut: false }
    }

    fn cut(what: &str, offset: usize) -> Self {
        Self { is_cut: true, ..Self::framing(what, offset) }
    }

    /// Offsets of decode errors count from the start of their value.
    fn decoding(error: DecodeError, start: usize) -> Self {
        let offset = start.saturating_add(error.offset);
        Self { what: error.kind.to_string(), offset, condition: ErrorCondition::DecodeError, is_cut: false }
    }
}

impl From<MessageError> for Invalid {
    fn from(error: MessageError) -> Self {
        Self {
            what: error.kind.to_string(),
            offset: error.offset,
            condition: ErrorCondition::DecodeError,
            is_cut: false,
        }
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
        let header = header.ok_or_else(|| Invalid::cut("a protocol header is cut short", offset))?;
        let (name, content) = (header.to_string(), Json::Null);
        return Ok(Line { offset, size: 8, kind: "header", name, channel: None, content });
    }
    let head = parse_header(&rest, u32::MAX)
        .map_err(|error: FrameError| Invalid::framing(error, offset))?
        .ok_or_else(|| Invalid::cut("a frame is cut short", offset))?;
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

/// Adds what to do about bytes that are not what they should be.
pub fn advised(error: AnyError) -> AnyError {
    match error.is::<Invalid>() {
        true => {
            about(error, "pass one direction of a connection from its start, or --message for one message")
        }
        false => error,
    }
}

/// Prints a line for each section of a message.
pub fn print_message(bytes: &Bytes, as_json: bool, out: &mut impl Write) -> Result<(), AnyError> {
    let message = Message::parse(bytes.clone(), &ParseOptions::default()).map_err(Invalid::from)?;
    for each in message.sections() {
        section(bytes, &each)?.print(as_json, out)?;
    }
    message.validate().map_err(Invalid::from)?;
    Ok(())
}

/// Prints a line for each header and frame.
pub fn print(bytes: &Bytes, as_json: bool, out: &mut impl Write) -> Result<(), AnyError> {
    let mut offset = 0;
    while offset < bytes.len() {
        let line = next(bytes, offset)?;
        offset += line.size;
        line.print(as_json, out)?;
    }
    Ok(())
}

/// Prints a line for each header and frame as soon as it is whole, until the input ends.
pub fn follow(mut input: impl Read, as_json: bool, out: &mut impl Write) -> Result<(), AnyError> {
    let (mut held, mut passed, mut block) = (BytesMut::new(), 0, vec![0; 1 << 16]);
    loop {
        let count = match input.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count?,
        };
        held.extend_from_slice(&block[..count]);
        let whole = held.clone().freeze();
        let mut offset = 0;
        while offset < whole.len() {
            match next(&whole, offset) {
                Ok(mut line) => {
                    offset += line.size;
                    line.offset += passed;
                    line.print(as_json, out)?;
                }
                Err(error) if error.is_cut && count > 0 => break,
                Err(error) => {
                    let offset = error.offset.saturating_add(passed);
                    return Err(Invalid { offset, ..error }.into());
                }
            }
        }
        out.flush()?;
        if count == 0 {
            return Ok(());
        }
        held.advance(offset);
        passed += offset;
    }
}
