//! One direction of a connection, as it is recorded: without the SASL layer, and with a comment for each frame.

use alloc::{format, string::String, vec::Vec};

use bytes::{Buf as _, BytesMut};

use crate::{frame::ProtocolHeader, testing::Frame};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A protocol header comes next.
    Header,
    /// Frames of SASL, up to the header of AMQP.
    Sasl,
    /// Behind a SASL frame that cannot be read. It may hold secrets all the same.
    BrokenSasl,
    /// Frames of AMQP.
    Frames,
    /// Bytes that are recorded as they are, such as those behind a frame that cannot be read.
    Opaque,
    /// Behind a header of something else, or a SASL layer where there can be none. It may hold secrets, and the connection
    /// has failed or reads on behind TLS.
    LeftOut,
}

pub(super) struct Stream {
    /// The mark of this direction's comments.
    mark: char,
    phase: Phase,
    /// Bytes that make no whole header or frame yet.
    buffer: BytesMut,
    keeps_secrets: bool,
}

impl Stream {
    pub(super) fn new(mark: char, keeps_secrets: bool) -> Self {
        Self { mark, phase: Phase::Header, buffer: BytesMut::new(), keeps_secrets }
    }

    /// Drops the bytes that make no whole frame: the caller took them back.
    pub(super) fn drop_incomplete(&mut self) {
        self.buffer.clear();
    }

    /// Expects a header: TLS is done.
    pub(super) fn expect_header(&mut self) {
        self.buffer.clear();
        self.phase = Phase::Header;
    }

    /// Returns the bytes to record, and appends a comment for each header and frame that they complete.
    ///
    /// Bytes of the SASL layer are left out. Until a header is whole, so are its bytes: they follow with the rest.
    pub(super) fn pass(&mut self, bytes: &[u8], comments: &mut String) -> Vec<u8> {
        let mut recorded = Vec::new();
        if self.keeps_secrets || matches!(self.phase, Phase::Frames | Phase::Opaque) {
            recorded.extend_from_slice(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        loop {
            match self.phase {
                Phase::Header => {
                    if !self.pass_header(&mut recorded, comments) {
                        return recorded;
                    }
                }
                Phase::Frames if !self.keeps_secrets && begins_sasl(&self.buffer) => {
                    let secret = self.buffer.len().saturating_sub(ProtocolHeader::SIZE);
                    recorded.truncate(recorded.len().saturating_sub(secret));
                    self.phase = Phase::LeftOut;
                }
                Phase::Sasl if self.buffer.starts_with(b"AMQP") => self.phase = Phase::Header,
                Phase::Sasl | Phase::Frames => match Frame::take(&mut self.buffer) {
                    Ok(Some(frame)) => {
                        self.comment(&format!("{frame}"), comments);
                    }
                    Ok(None) => return recorded,
                    Err(error) => {
                        self.comment(&format!("{error}"), comments);
                        let is_sasl = self.phase == Phase::Sasl;
                        self.phase = if is_sasl { Phase::BrokenSasl } else { Phase::Opaque };
                    }
                },
                Phase::BrokenSasl | Phase::Opaque | Phase::LeftOut => {
                    self.buffer.clear();
                    return recorded;
                }
            }
        }
    }

    /// Decides by a header what follows. Returns false until it is whole.
    fn pass_header(&mut self, recorded: &mut Vec<u8>, comments: &mut String) -> bool {
        let header = self.buffer.first_chunk().copied().and_then(ProtocolHeader::from_bytes);
        if header == Some(ProtocolHeader::SASL) {
            self.buffer.advance(ProtocolHeader::SIZE);
            self.phase = Phase::Sasl;
            return true;
        }
        if header.is_none() && ProtocolHeader::may_begin(&self.buffer) {
            return false;
        }
        let is_amqp = header == Some(ProtocolHeader::AMQP);
        if !self.keeps_secrets {
            let shown = if is_amqp { usize::MAX } else { ProtocolHeader::SIZE };
            recorded.extend(self.buffer.iter().take(shown));
        }
        if let Some(header) = header {
            self.comment(&format!("{}", Frame::Header(header)), comments);
            self.buffer.advance(ProtocolHeader::SIZE);
        }
        self.phase = match (is_amqp, self.keeps_secrets) {
            (true, _) => Phase::Frames,
            (false, true) => Phase::Opaque,
            (false, false) => Phase::LeftOut,
        };
        true
    }

    fn comment(&self, text: &str, comments: &mut String) {
        comments.push_str(&format!("# {} {text}\n", self.mark));
    }

    /// True if this direction has, or had, a SASL layer that is left out.
    pub(super) fn leaves_out_sasl(&self) -> bool {
        !self.keeps_secrets && matches!(self.phase, Phase::Sasl | Phase::BrokenSasl)
    }
}

/// True if bytes in the place of a frame begin a protocol header or a SASL frame (2.3.1, 5.3.1).
fn begins_sasl(bytes: &[u8]) -> bool {
    bytes.starts_with(b"AMQP") || bytes.get(5) == Some(&1)
}
