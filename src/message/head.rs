//! The head of a message whose body is still arriving (3.2).

use alloc::vec::Vec;

use bytes::Bytes;

use super::{
    Message, MessageError, MessageErrorKind, ParseOptions, SectionKind, cursor::Cursor, scan::Layout,
};
use crate::{
    codec::{DecodeError, DecodeErrorKind, format_code, skip::Source as _},
    frame::Payload,
};

/// The sections before the body: header, annotations, properties and application-properties.
///
/// [`HeadParser`] returns it as soon as these are complete.
#[derive(Clone, Debug)]
pub struct MessageHead {
    /// The sections before the body, as a message without a body. [`Message::len`] is the size of the head.
    pub message: Message,
    /// The section that follows the head: the first of the body, or a footer in a message without a body. `None` if
    /// the message ends there.
    pub next: Option<SectionKind>,
    /// The bytes behind the head that have arrived, shared. They begin with the descriptor of `next`.
    pub rest: Payload,
}

/// Reads the head of a message from the first chunks of its payload, as a streamed delivery returns them.
///
/// Each byte is looked at a bounded number of times, however the payload is cut. The chunks of the head are held
/// until it is complete. Limit them by the max-message-size of the link, or give up by
/// [`needed`](Self::needed), which grows as soon as a section declares its size.
///
/// ```
/// use amqp_proto::message::{HeadParser, Message, ParseOptions, SectionKind};
///
/// let payload = Message::builder().to("queue").data("a large body").build().into_bytes();
///
/// let mut parser = HeadParser::new(&ParseOptions::default());
/// assert!(parser.push(payload.slice(..5))?.is_none());
/// let head = parser.push(payload.slice(5..20))?.expect("this contains the start of the body");
/// assert_eq!(head.message.to()?.as_deref(), Some("queue"));
/// assert_eq!((head.message.len(), head.next), (15, Some(SectionKind::Data)));
/// assert_eq!(head.rest.into_bytes(), payload.slice(15..20));
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HeadParser {
    options: ParseOptions,
    chunks: Vec<Bytes>,
    /// The bytes in all chunks.
    received: usize,
    /// The bytes without which the next step cannot be taken.
    needed: usize,
    /// The sections that are complete, and the last of them.
    layout: Layout,
    last: Option<SectionKind>,
}

/// The next step in a head.
enum Step {
    /// A section of the head is complete.
    Section,
    /// The head is complete, and this section follows.
    Body(SectionKind),
    /// The payload must have this many bytes for the next step.
    Incomplete(usize),
}

impl HeadParser {
    /// Creates a parser for one message.
    #[must_use]
    pub fn new(options: &ParseOptions) -> Self {
        Self {
            options: *options,
            chunks: Vec::new(),
            received: 0,
            needed: 1,
            layout: Layout::default(),
            last: None,
        }
    }

    /// Returns the number of bytes of the payload, from its start, that are needed at least for the head.
    pub const fn needed(&self) -> usize {
        self.needed
    }

    /// Adds the next bytes of the payload. Returns the head if it is complete, and `None` if bytes are missing.
    ///
    /// The head is complete when the descriptor of the next section has arrived. The parser is then as new, ready for
    /// another message.
    ///
    /// # Errors
    /// [`MessageError`] if the head is malformed: the error that [`Message::parse`] would return for the whole
    /// payload. Its offset counts from the start of the payload. The parser is then as new.
    pub fn push(&mut self, bytes: impl Into<Payload>) -> Result<Option<MessageHead>, MessageError> {
        for chunk in bytes.into().chunks() {
            self.received = self.received.saturating_add(chunk.len());
            self.chunks.push(chunk.clone());
        }
        while self.received >= self.needed {
            match self.step() {
                Ok(Step::Section) => {}
                Ok(Step::Body(kind)) => return Ok(Some(self.take_head(kind))),
                Ok(Step::Incomplete(needed)) => self.needed = needed.max(self.received.saturating_add(1)),
                Err(error) => {
                    *self = Self::new(&self.options);
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    /// Ends the payload, if [`push`](Self::push) has not returned a head: the delivery is complete. Returns the head
    /// of a message without a body. The parser is then as new.
    ///
    /// # Errors
    /// [`MessageError`] if the payload ends inside a section, or without a body although
    /// [`ParseOptions::body_required`] is true.
    pub fn finish(&mut self) -> Result<MessageHead, MessageError> {
        let parser = core::mem::replace(self, Self::new(&self.options));
        let payload: Payload = parser.chunks.into_iter().collect();
        let message = Message::parse(payload, &parser.options)?;
        Ok(MessageHead { message, next: None, rest: Payload::new() })
    }

    /// Reads the next section, which begins at the end of the last one.
    fn step(&mut self) -> Result<Step, MessageError> {
        let Some((first, rest)) = self.chunks.split_first() else { return Ok(Step::Incomplete(1)) };
        let mut cursor = Cursor::over(first, rest);
        let at = self.layout.end(SectionKind::Footer);
        if cursor.drop_front(at).is_none() || cursor.left() == 0 {
            return Ok(Step::Incomplete(at.saturating_add(1)));
        }
        if self.layout.count >= self.options.max_sections {
            return Err(MessageErrorKind::TooManySections.at(at));
        }
        let descriptor = cursor.clone();
        let kind = match cursor.section_kind() {
            Ok(kind) => kind,
            Err(error) => return Self::incomplete(error, Self::end_of_symbol(descriptor).unwrap_or(at)),
        };
        self.layout.admit(kind, self.last).map_err(|error| error.at(at))?;
        if kind.is_body() || kind == SectionKind::Footer {
            return Ok(Step::Body(kind));
        }
        let value = cursor.clone();
        if let Err(error) = cursor.section_value(kind) {
            return Self::incomplete(error, Self::end_of_value(value).unwrap_or(at));
        }
        self.layout.count = self.layout.count.saturating_add(1);
        self.layout.end_at(kind, cursor.offset());
        self.last = Some(kind);
        Ok(Step::Section)
    }

    /// Converts an error of the cursor: [`Step::Incomplete`] if bytes are missing, else the error.
    fn incomplete(error: DecodeError, needed: usize) -> Result<Step, MessageError> {
        match error.kind {
            DecodeErrorKind::Truncated => Ok(Step::Incomplete(needed)),
            _ => Err(error.into()),
        }
    }

    /// Returns the end of a symbolic descriptor by the size that it declares.
    fn end_of_symbol(mut cursor: Cursor<'_>) -> Option<usize> {
        cursor.drop_front(1)?;
        let size = match cursor.next()? {
            format_code::SYM8 => cursor.size(false)?,
            format_code::SYM32 => cursor.size(true)?,
            _ => 0,
        };
        Some(cursor.offset().saturating_add(size))
    }

    /// Returns the end of a list or map by the size that it declares.
    fn end_of_value(mut cursor: Cursor<'_>) -> Option<usize> {
        let code = cursor.next()?;
        // 1.2: the codes 0xcX have a size of one byte, 0xdX one of four bytes.
        let size = cursor.size(code >> 4 == 0xd)?;
        Some(cursor.offset().saturating_add(size))
    }

    /// Returns the head, which is complete, and leaves a parser as new.
    fn take_head(&mut self, next: SectionKind) -> MessageHead {
        let parser = core::mem::replace(self, Self::new(&self.options));
        let mut layout = parser.layout;
        layout.body = None;
        let mut left = layout.end(SectionKind::Footer);
        let (mut head, mut rest) = (Payload::new(), Payload::new());
        for mut chunk in parser.chunks {
            let part = chunk.split_to(left.min(chunk.len()));
            left = left.saturating_sub(part.len());
            head.push(part);
            rest.push(chunk);
        }
        MessageHead {
            message: Message::from_head(head.into_bytes(), layout, parser.options.limits),
            next: Some(next),
            rest,
        }
    }
}
