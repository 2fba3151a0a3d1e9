//! A lazily decoded message.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use bytes::Bytes;

use super::{
    BodyKind, Forward, MessageBuilder, MessageError, MessageErrorKind, NoBody, Section, SectionKind,
    cursor::Cursor,
    scan::{Layout, next_section, scan, scan_typical},
};
use crate::{
    codec::{DecodeError, DecodeLimits, Decoder, skip::Source as _},
    frame::Payload,
    spec::messaging::Header,
};

/// Options for reading a message.
///
/// ```
/// use amqp_proto::message::{Message, ParseOptions};
///
/// // Some senders leave an empty body out.
/// let lenient = ParseOptions { body_required: false, ..ParseOptions::default() };
/// let message = Message::parse(vec![0x00, 0x53, 0x70, 0x45], &lenient)?;
/// assert_eq!(message.body_kind(), None);
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseOptions {
    /// Bounds on the values in each section. By default [tolerant](DecodeLimits::tolerant) of what common peers write.
    pub limits: DecodeLimits,
    /// The maximum number of sections. Default 10 000. An empty data section takes five bytes, so without a
    /// limit a payload could contain millions.
    pub max_sections: u32,
    /// True if a message without a body is malformed. Default true, as in 3.2. Some senders leave an empty body out.
    pub body_required: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self { limits: DecodeLimits::DEFAULT.tolerant(true), max_sections: 10_000, body_required: true }
    }
}

/// A message whose sections have been found but not decoded (3.2).
///
/// [`parse`](Self::parse) checks the order, the types and the sizes of the sections. The accessors check the contents
/// of a section when they decode it, [`validate`](Self::validate) checks all contents.
///
/// A payload in several chunks reads the same as one in a single chunk. If the sections before the body span chunks,
/// or the footer does, `parse` copies those sections together, but never the body. Data is returned in its chunks. An
/// amqp-value or amqp-sequence section that spans chunks is joined by the call that decodes it.
///
/// All parts of a message share its bytes, and keep the block alive that contains them (see the
/// [module](crate::message)).
///
/// | to read | call |
/// |---|---|
/// | one field of the header, with its default | [`durable`](Self::durable), [`priority`](Self::priority), [`ttl`](Self::ttl), ... |
/// | one property | [`message_id`](Self::message_id), [`to`](Self::to), [`subject`](Self::subject), ... |
/// | one entry of a map | [`application_property`](Self::application_property), [`message_annotation`](Self::message_annotation), ... |
/// | a whole section | [`header`](Self::header), [`properties`](Self::properties), [`footer`](Self::footer), ... |
/// | the body | [`body_as`](Self::body_as), [`body`](Self::body), [`data_sections`](Self::data_sections), [`sequence_elements`](Self::sequence_elements) |
/// | the head before the body has arrived | [`HeadParser`](super::HeadParser) |
///
/// | to send | call |
/// |---|---|
/// | a new message | [`builder`](Self::builder) |
/// | a changed copy, or a reply | [`to_builder`](Self::to_builder), [`reply`](Self::reply) |
/// | the same bare message, to the next hop | [`forward`](Self::forward) |
#[derive(Clone, Debug)]
pub struct Message {
    pub(super) first: Bytes,
    /// Present if the payload has several chunks.
    chunked: Option<Box<Chunked>>,
    layout: Layout,
    pub(super) limits: DecodeLimits,
}

/// The parts of a message in several chunks: the chunks after the first, and the sections around the body, made
/// contiguous.
#[derive(Clone, Debug)]
struct Chunked {
    rest: Vec<Bytes>,
    /// Where each of them ends in the payload.
    ends: Vec<usize>,
    /// The payload from its start to the body or beyond.
    head: Bytes,
    /// The footer.
    footer: Bytes,
}

impl Message {
    /// Finds the sections of a payload of message-format 0.
    ///
    /// # Errors
    /// [`MessageError`] if the payload is not a message (3.2). Values inside sections are not decoded.
    pub fn parse(payload: impl Into<Payload>, options: &ParseOptions) -> Result<Self, MessageError> {
        Self::from_payload(payload.into(), options)
    }

    #[inline]
    fn from_payload(payload: Payload, options: &ParseOptions) -> Result<Self, MessageError> {
        let first = match payload.into_only_chunk() {
            Ok(chunk) => chunk,
            Err(payload) => return Self::from_chunks(payload, options),
        };
        let mut message = Self { first, chunked: None, layout: Layout::default(), limits: options.limits };
        if !scan_typical(&message.first, options, &mut message.layout) {
            message.layout = scan(&mut Cursor::over(&message.first, &[]), options)?;
        }
        Ok(message)
    }

    /// Finds the sections in several chunks, and makes those around the body contiguous.
    #[cold]
    fn from_chunks(mut payload: Payload, options: &ParseOptions) -> Result<Self, MessageError> {
        let first = payload.take_chunk(usize::MAX);
        let mut rest = Vec::new();
        while !payload.is_empty() {
            rest.push(payload.take_chunk(usize::MAX));
        }
        let layout = scan(&mut Cursor::over(&first, &rest), options)?;
        let ends = rest.iter().scan(first.len(), |end, chunk| {
            *end = end.saturating_add(chunk.len());
            Some(*end)
        });
        let ends = ends.collect();
        let chunked = Chunked { rest, ends, head: first.clone(), footer: Bytes::new() };
        let mut message = Self { first, chunked: Some(Box::new(chunked)), layout, limits: options.limits };
        let body = message.layout.start(SectionKind::Data);
        let head = (body > message.first.len()).then(|| message.slice(0..body).into_bytes());
        let footer = message.slice(message.footer_start()..message.len()).into_bytes();
        if let Some(chunked) = &mut message.chunked {
            chunked.footer = footer;
            chunked.head = head.unwrap_or_else(|| message.first.clone());
        }
        Ok(message)
    }

    /// Creates a message of sections before the body, which have been found.
    pub(super) const fn from_head(head: Bytes, layout: Layout, limits: DecodeLimits) -> Self {
        Self { first: head, chunked: None, layout, limits }
    }

    /// Returns the chunks after the first.
    #[inline]
    fn rest(&self) -> &[Bytes] {
        self.chunked.as_ref().map(|chunked| chunked.rest.as_slice()).unwrap_or_default()
    }

    /// Starts a new message.
    ///
    /// ```
    /// use amqp_proto::message::{Message, ParseOptions};
    ///
    /// let payload = Message::builder().durable(true).to("queue").data("hello").build();
    /// let message = Message::parse(payload, &ParseOptions::default())?;
    /// assert_eq!(message.to()?.as_deref(), Some("queue"));
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    #[must_use]
    pub fn builder() -> MessageBuilder<NoBody> {
        MessageBuilder::new()
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.layout.end(SectionKind::Footer)
    }

    /// True if the message has no bytes. Such a message passes [`parse`](Self::parse) only if
    /// [`ParseOptions::body_required`] is false.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of sections.
    pub const fn section_count(&self) -> u32 {
        self.layout.count
    }

    /// Returns the range of bytes of a section, or of all data or amqp-sequence sections together.
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

    /// Returns the sections in order, with their positions in the payload. The state `received` of a delivery counts
    /// them by their index, from 0 (3.4.1).
    pub fn sections(&self) -> impl Iterator<Item = Section> + '_ {
        let mut cursor = Cursor::over(&self.first, self.rest());
        core::iter::from_fn(move || next_section(&mut cursor))
    }

    /// Returns a cursor over the sections of a kind, if there are any.
    #[inline]
    pub(super) fn cursor_at(&self, kind: SectionKind) -> Option<Cursor<'_>> {
        let range = self.layout.range(kind)?;
        let mut cursor = match &self.chunked {
            None => return Some(Cursor::within(&self.first, range)),
            Some(chunked) => Cursor::over(&self.first, &chunked.rest),
        };
        cursor.drop_front(range.start)?;
        cursor.stop_at(range.end);
        Some(cursor)
    }

    /// Returns the encoded message, shared.
    pub fn payload(&self) -> Payload {
        self.slice(0..self.len())
    }

    /// Returns the range of bytes of the bare message (3.2): properties, application-properties and body.
    pub fn bare_message_range(&self) -> Range<usize> {
        self.layout.start(SectionKind::Properties)..self.layout.start(SectionKind::Footer)
    }

    /// Returns the encoded bare message (3.2), shared. No intermediary may change it.
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

    /// Returns a copy in one chunk, which keeps no other memory alive.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self {
            first: self.payload().detach().into_bytes(),
            chunked: None,
            layout: self.layout.clone(),
            limits: self.limits,
        }
    }

    /// Decodes every section.
    ///
    /// # Errors
    /// The first [`MessageError`] in the order of the sections, if any is malformed.
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

    fn footer_start(&self) -> usize {
        self.layout.start(SectionKind::Footer)
    }

    /// Returns a part of the message, shared.
    pub(super) fn slice(&self, range: Range<usize>) -> Payload {
        let mut part = Payload::new();
        let mut push = |chunk: &Bytes, end: usize| {
            let start = end.saturating_sub(chunk.len());
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                part.push(chunk.slice(from.saturating_sub(start)..to.saturating_sub(start)));
            }
        };
        push(&self.first, self.first.len());
        if let Some(chunked) = &self.chunked {
            // Found by their ends: a message may have many sections in many chunks.
            let first = chunked.ends.partition_point(|end| *end <= range.start);
            let chunks = chunked.rest.iter().skip(first).zip(chunked.ends.iter().skip(first));
            let is_within = |(chunk, end): &(&Bytes, &usize)| end.saturating_sub(chunk.len()) < range.end;
            chunks.take_while(is_within).for_each(|(chunk, end)| push(chunk, *end));
        }
        part
    }

    /// Returns contiguous bytes that contain a section other than the body, and their offset in the payload.
    #[inline]
    pub(super) fn source(&self, kind: SectionKind) -> (&Bytes, usize) {
        match &self.chunked {
            None => (&self.first, 0),
            Some(chunked) if kind == SectionKind::Footer => (&chunked.footer, self.footer_start()),
            Some(chunked) => (&chunked.head, 0),
        }
    }

    /// Decodes a section other than the body.
    #[inline]
    pub(super) fn read<'m, T>(
        &'m self,
        kind: SectionKind,
        read: impl FnOnce(&mut Decoder<'m>) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, MessageError> {
        let Some((mut decoder, base)) = self.decoder(kind) else { return Ok(None) };
        // 1.2: a section that declares more bytes than its value has would hide the rest.
        let value = read(&mut decoder).and_then(|value| decoder.finish().map(|()| value));
        value.map(Some).map_err(|error| MessageError::in_part(error, base))
    }

    /// Returns a decoder of a section other than the body, and the offset in the payload from which its offsets count.
    #[inline(always)]
    pub(super) fn decoder(&self, kind: SectionKind) -> Option<(Decoder<'_>, usize)> {
        let range = self.layout.range(kind)?;
        let (source, base) = self.source(kind);
        let range = range.start.saturating_sub(base)..range.end.saturating_sub(base);
        Some((Decoder::within(source, range, self.limits), base))
    }

    /// Returns a decoder of a section before the body, whose offsets are those in the payload.
    #[inline(always)]
    pub(super) fn head_decoder(&self, kind: SectionKind) -> Option<Decoder<'_>> {
        self.decoder(kind).map(|(decoder, _)| decoder)
    }

    /// Returns the error of a missing body.
    pub(super) fn no_body(&self) -> MessageError {
        MessageErrorKind::NoBody.at(self.footer_start())
    }
}

impl TryFrom<Payload> for Message {
    type Error = MessageError;

    fn try_from(payload: Payload) -> Result<Self, MessageError> {
        Self::parse(payload, &ParseOptions::default())
    }
}
