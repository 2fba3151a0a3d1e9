//! One direction of a connection: bytes to headers and frames, however they are cut.

use core::fmt;

use bytes::{Buf as _, Bytes, BytesMut};

use crate::frame::{FrameError, FrameHeader, FrameKind, ProtocolHeader, ProtocolId, parse_header};

/// The kind of the next bytes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Header,
    Frames,
    /// TLS, which nobody can read, or bytes behind some that could not be read.
    Opaque,
}

/// A direction's bytes that make no whole frame yet.
pub(super) struct Stream {
    buffer: BytesMut,
    /// The place of the buffer's first byte.
    offset: u64,
    /// Bytes of a large frame that are yet to be skipped.
    skip: u64,
    phase: Phase,
    /// A header has been seen in this direction.
    pub(super) has_header: bool,
}

impl fmt::Debug for Stream {
    /// Shows no bytes: a part of a SASL frame can be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("buffered", &self.buffer.len())
            .field("offset", &self.offset)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

/// The next part of a stream, with its place and size.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) offset: u64,
    pub(super) size: u32,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Header(ProtocolHeader),
    /// A frame's body; `None` if it is larger than the observer's limit.
    Frame(FrameHeader, Option<Bytes>),
    /// Neither a header nor a frame, where a stream must have a header.
    NoHeader,
    /// The stream goes on with frames, without a header: its beginning was not observed.
    Joined,
    BadFrame(FrameError),
}

impl Stream {
    pub(super) fn new() -> Self {
        Self { buffer: BytesMut::new(), offset: 0, skip: 0, phase: Phase::Header, has_header: false }
    }

    /// Adds bytes, all of which are either kept until their frame is whole, or dropped.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.phase == Phase::Opaque {
            self.offset = self.offset.saturating_add(len(bytes));
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn advance(&mut self, size: usize) -> Bytes {
        let size = size.min(self.buffer.len());
        self.offset = self.offset.saturating_add(u64::try_from(size).unwrap_or(u64::MAX));
        self.buffer.split_to(size).freeze()
    }

    /// Takes the next part off the bytes, or returns `None` until it is whole.
    pub(super) fn next(&mut self, max_frame: u32) -> Option<Part> {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(self.buffer.len());
        self.advance(skipped);
        self.skip = self.skip.saturating_sub(u64::try_from(skipped).unwrap_or(u64::MAX));
        // Eight bytes decide what follows, so the answer does not depend on how the input is cut.
        let first: [u8; 8] = *self.buffer.first_chunk()?;
        let offset = self.offset;
        let header = ProtocolHeader::from_bytes(first);
        match (self.phase, header) {
            (Phase::Opaque, _) => {
                self.advance(usize::MAX);
                None
            }
            (_, Some(header)) => {
                self.advance(ProtocolHeader::SIZE);
                let is_readable = header == ProtocolHeader::AMQP || header == ProtocolHeader::SASL;
                self.phase = if is_readable { Phase::Frames } else { Phase::Opaque };
                self.has_header = true;
                Some(Part { offset, size: 8, content: Content::Header(header) })
            }
            (Phase::Header, None) => {
                let is_frame =
                    parse_header(&first, u32::MAX).is_ok() && u32::from_be_bytes(size_of(first)) <= max_frame;
                self.phase = if is_frame { Phase::Frames } else { Phase::Opaque };
                let content = if is_frame { Content::Joined } else { Content::NoHeader };
                Some(Part { offset, size: 0, content })
            }
            (Phase::Frames, None) => self.next_frame(first, max_frame),
        }
    }

    fn next_frame(&mut self, first: [u8; 8], max_frame: u32) -> Option<Part> {
        let offset = self.offset;
        let size = u32::from_be_bytes(size_of(first));
        let header = match parse_header(&first, u32::MAX) {
            // A frame of eight bytes is whole.
            Ok(Some(header)) => header,
            Ok(None) if size <= max_frame => parse_header(&self.buffer, u32::MAX).ok().flatten()?,
            Ok(None) => {
                let [.., words, kind, high, low] = first;
                let header = FrameHeader {
                    size: usize::try_from(size).unwrap_or(usize::MAX),
                    body: usize::from(words).saturating_mul(4),
                    kind: if kind == 0 { FrameKind::Amqp } else { FrameKind::Sasl },
                    channel: u16::from_be_bytes([high, low]),
                };
                self.skip = size.into();
                return Some(Part { offset, size, content: Content::Frame(header, None) });
            }
            Err(error) => {
                self.phase = Phase::Opaque;
                return Some(Part { offset, size: 0, content: Content::BadFrame(error) });
            }
        };
        let mut frame = self.advance(header.size);
        frame.advance(header.body.min(frame.len()));
        Some(Part { offset, size, content: Content::Frame(header, Some(frame)) })
    }

    /// After the outcome of SASL, or in answer to another header, a header comes next.
    pub(super) fn expect_header(&mut self) {
        if self.phase == Phase::Frames {
            self.phase = Phase::Header;
        }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }
}

/// True if frames of the protocol behind this header can be read.
pub(super) fn is_known(header: ProtocolHeader) -> bool {
    [ProtocolId::Amqp, ProtocolId::Sasl, ProtocolId::Tls]
        .iter()
        .any(|id| header == ProtocolHeader { id: id.code(), ..ProtocolHeader::AMQP })
}

const fn size_of(first: [u8; 8]) -> [u8; 4] {
    let [a, b, c, d, ..] = first;
    [a, b, c, d]
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
