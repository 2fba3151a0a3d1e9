//! A message as it lies in its payload.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use bytes::Bytes;

use super::{
    BodyKind, Forward, MessageBuilder, MessageError, MessageErrorKind, NoBody, Section, SectionKind,
    cursor::Cursor,
    scan::{Layout, next_section, scan, scan_usual},
};
use crate::{
    codec::{DecodeError, DecodeErrorKind, DecodeLimits, Decoder},
    frame::Payload,
    spec::messaging::Header,
};

/// How a message is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseOptions {
    /// Bounds on the values of each section.
    pub limits: DecodeLimits,
    /// How many sections a message may have. Default 10 000: an empty data section takes five bytes, so a
    /// payload could have very many.
    pub max_sections: u32,
    /// Whether a message without a body is refused. Default true, as 3.2 has it; some senders leave the body out
    /// where it would be empty.
    pub body_required: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self { limits: DecodeLimits::DEFAULT, max_sections: 10_000, body_required: true }
    }
}

/// A message whose sections have been found but not decoded (3.2).
///
/// [`parse`](Self::parse) checks which sections there are, their order, their types and that each ends where it
/// says. What is in a section is checked when it is asked for, or all at once by [`validate`](Self::validate).
///
/// A payload in several chunks reads the same as one in a single chunk. The chunks of the body are never copied
/// together for the sake of another section: if the sections before the body do not lie in the first chunk, or the
/// footer not in one chunk, `parse` joins those sections alone. A body of data is given as its chunks; an amqp-value
/// or amqp-sequence that spans chunks is joined by the call that decodes it.
///
/// Everything taken out of a message shares its bytes, and so keeps the block alive that they were read into
/// (see the [module](crate::message)).
#[derive(Clone, Debug)]
pub struct Message {
    pub(super) first: Bytes,
    more: Option<Box<More>>,
    layout: Layout,
    pub(super) limits: DecodeLimits,
}

/// What a message in several chunks has beside the first: the other chunks, and the sections around the body, each
/// group in one piece.
#[derive(Clone, Debug)]
struct More {
    rest: Vec<Bytes>,
    /// From the start of the payload up to the body at least.
    head: Bytes,
    /// The footer.
    foot: Bytes,
}

impl Message {
    /// Finds the sections of a payload of message-format 0.
    ///
    /// # Errors
    /// [`MessageError`] where the payload is not a message as 3.2 has it, as far as that shows without decoding
    /// the values.
    pub fn parse(payload: impl Into<Payload>, options: &ParseOptions) -> Result<Self, MessageError> {
        Self::from_payload(payload.into(), options)
    }

    #[inline]
    fn from_payload(payload: Payload, options: &ParseOptions) -> Result<Self, MessageError> {
        if payload.only_chunk().is_none() {
            return Self::from_chunks(payload, options);
        }
        let first = payload.into_bytes();
        let mut message = Self { first, more: None, layout: Layout::default(), limits: options.limits };
        if !scan_usual(&message.first, options, &mut message.layout) {
            message.layout = scan(&mut Cursor::over(&message.first, &[]), options)?;
        }
        Ok(message)
    }

    /// Sees to it that the sections before the body lie in one piece, and so does the footer.
    #[cold]
    fn from_chunks(mut payload: Payload, options: &ParseOptions) -> Result<Self, MessageError> {
        let first = payload.take_chunk(usize::MAX);
        let mut rest = Vec::new();
        while !payload.is_empty() {
            rest.push(payload.take_chunk(usize::MAX));
        }
        let layout = scan(&mut Cursor::over(&first, &rest), options)?;
        let more = More { rest, head: first.clone(), foot: Bytes::new() };
        let mut message = Self { first, more: Some(Box::new(more)), layout, limits: options.limits };
        let body = message.layout.start(SectionKind::Data);
        let head = (body > message.first.len()).then(|| message.slice(0..body).into_bytes());
        let foot = message.slice(message.foot_start()..message.len()).into_bytes();
        if let Some(more) = &mut message.more {
            more.foot = foot;
            more.head = head.unwrap_or_else(|| message.first.clone());
        }
        Ok(message)
    }

    /// Creates a message of sections before the body, which have been found.
    pub(super) const fn from_head(head: Bytes, layout: Layout, limits: DecodeLimits) -> Self {
        Self { first: head, more: None, layout, limits }
    }

    /// The chunks after the first.
    #[inline]
    fn rest(&self) -> &[Bytes] {
        self.more.as_ref().map(|more| more.rest.as_slice()).unwrap_or_default()
    }

    /// Starts a new message.
    #[must_use]
    pub fn builder() -> MessageBuilder<NoBody> {
        MessageBuilder::new()
    }

    /// How many bytes the message has.
    pub fn len(&self) -> usize {
        self.layout.end(SectionKind::Footer)
    }

    /// Whether the message has no byte, which only [`ParseOptions::body_required`] = false lets pass.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many sections the message has.
    pub const fn section_count(&self) -> u32 {
        self.layout.count
    }

    /// The bytes of the sections of a kind: of one, or of all the data or amqp-sequence sections together.
    pub fn range(&self, kind: SectionKind) -> Option<Range<usize>> {
        self.layout.range(kind)
    }

    /// Returns the form of the body. `None` passes [`parse`](Self::parse) only if [`ParseOptions::body_required`] is
    /// false.
    pub const fn body_kind(&self) -> Option<BodyKind> {
        match self.layout.body {
            Some(SectionKind::Data) => Some(BodyKind::Data),
            Some(SectionKind::Sequence) => Some(BodyKind::Sequence),
            Some(_) => Some(BodyKind::Value),
            None => None,
        }
    }

    /// The sections in order, each with its place in the payload. Their numbers, from 0, are those that a delivery
    /// in the state `received` counts by (3.4.1).
    pub fn sections(&self) -> impl Iterator<Item = Section> + '_ {
        let mut cursor = Cursor::over(&self.first, self.rest());
        core::iter::from_fn(move || next_section(&mut cursor))
    }

    /// A cursor over the sections of a kind, if there are any.
    #[inline]
    pub(super) fn cursor_at(&self, kind: SectionKind) -> Option<Cursor<'_>> {
        let range = self.layout.range(kind)?;
        let mut cursor = match &self.more {
            None => return Some(Cursor::within(&self.first, range)),
            Some(more) => Cursor::over(&self.first, &more.rest),
        };
        cursor.skip(range.start).ok()?;
        cursor.stop_at(range.end);
        Some(cursor)
    }

    /// The message as it came, sharing its bytes.
    pub fn payload(&self) -> Payload {
        self.slice(0..self.len())
    }

    /// The bytes of the bare message (3.2): properties, application-properties and body.
    pub fn bare_message_range(&self) -> Range<usize> {
        self.layout.start(SectionKind::Properties)..self.layout.start(SectionKind::Footer)
    }

    /// The bare message (3.2), which no intermediary may change, sharing its bytes.
    pub fn bare_message(&self) -> Payload {
        self.slice(self.bare_message_range())
    }

    /// Starts a payload for the next hop: the bare message unchanged, the sections around it as changed.
    pub const fn forward(&self) -> Forward<'_> {
        Forward::new(self)
    }

    /// Returns the payload for the next hop with another header and without delivery-annotations, which are for one
    /// hop (3.2.2). The rest is shared, not copied. [`forward`](Self::forward) makes other changes.
    pub fn with_header(&self, header: Header) -> Payload {
        Forward::payload_with_header(self, header)
    }

    /// A copy in one chunk that holds nothing else alive.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self {
            first: self.payload().detach().into_bytes(),
            more: None,
            layout: self.layout.clone(),
            limits: self.limits,
        }
    }

    /// Decodes every section, and fails where any of them is not as the standard has it.
    ///
    /// # Errors
    /// The first [`MessageError`] in the order of the sections.
    pub fn validate(&self) -> Result<(), MessageError> {
        self.header()?;
        self.delivery_annotations()?;
        self.message_annotations()?;
        self.properties()?;
        self.application_properties()?;
        if self.layout.body.is_some() {
            self.body()?;
        }
        self.footer()?;
        Ok(())
    }

    fn foot_start(&self) -> usize {
        self.layout.start(SectionKind::Footer)
    }

    /// A part of the message, sharing its bytes.
    pub(super) fn slice(&self, range: Range<usize>) -> Payload {
        let mut part = Payload::new();
        let mut start = 0_usize;
        for chunk in core::iter::once(&self.first).chain(self.rest()) {
            let end = start.saturating_add(chunk.len());
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                part.push(chunk.slice(from.saturating_sub(start)..to.saturating_sub(start)));
            }
            if end >= range.end {
                break;
            }
            start = end;
        }
        part
    }

    /// The bytes in which a section other than the body lies, and their offset in the payload.
    #[inline]
    pub(super) fn source(&self, kind: SectionKind) -> (&Bytes, usize) {
        match &self.more {
            None => (&self.first, 0),
            Some(more) if kind == SectionKind::Footer => (&more.foot, self.foot_start()),
            Some(more) => (&more.head, 0),
        }
    }

    /// Decodes a section other than the body.
    #[inline]
    pub(super) fn read<T>(
        &self,
        kind: SectionKind,
        read: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, MessageError> {
        let Some(range) = self.layout.range(kind) else { return Ok(None) };
        let (source, base) = self.source(kind);
        self.read_in(source, base, range, read).map(Some)
    }

    #[inline]
    pub(super) fn reader<'a>(&self, source: &'a Bytes) -> Decoder<'a> {
        Decoder::new(source, self.limits)
    }

    /// Decodes a range of the payload that lies in `source`, which begins at the offset `base`.
    pub(super) fn read_in<T>(
        &self,
        source: &Bytes,
        base: usize,
        range: Range<usize>,
        read: impl FnOnce(&mut Decoder<'_>) -> Result<T, DecodeError>,
    ) -> Result<T, MessageError> {
        let mut reader = self.reader(source);
        let whole = |reader: &mut Decoder<'_>| {
            reader.take(range.start.saturating_sub(base))?;
            reader.enter(range.len())?;
            let value = read(reader)?;
            // 1.2: a section that says it is longer than its value hides bytes.
            reader.finish()?;
            Ok(value)
        };
        whole(&mut reader).map_err(|DecodeError { kind, offset }: DecodeError| {
            MessageErrorKind::Decode(kind).at(offset.saturating_add(base))
        })
    }

    /// The error for a body that is not there.
    pub(super) fn no_body(&self) -> MessageError {
        MessageErrorKind::NoBody.at(self.foot_start())
    }
}

impl TryFrom<Payload> for Message {
    type Error = MessageError;

    fn try_from(payload: Payload) -> Result<Self, MessageError> {
        Self::parse(payload, &ParseOptions::default())
    }
}

/// Reads the descriptor of a section whose kind is known from the scan.
pub(super) fn enter_section(reader: &mut Decoder<'_>) -> Result<(), DecodeError> {
    let code = reader.code()?;
    if code != crate::codec::format_code::DESCRIBED {
        return Err(reader.error(DecodeErrorKind::WrongType { expected: "section", found: code }));
    }
    reader.descriptor().map(|_| ())
}
