//! The forms that the body of a message builder has, as types (3.2).

use alloc::vec::Vec;

use bytes::Bytes;

use super::encoded::binary_head;
use crate::{
    codec::{Encode, Encoder},
    frame::Payload,
    spec::messaging::{AMQP_SEQUENCE, AMQP_VALUE, DATA},
    types::Value,
};

/// From this size on, the payload shares bytes of the body instead of copying them.
const BY_REFERENCE: usize = 1024;

/// The builder has no body yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBody(pub(super) ());

/// The body consists of data sections (3.2.6).
#[derive(Clone, Debug)]
pub struct DataBody {
    first: Bytes,
    rest: Vec<Bytes>,
}

/// The body consists of amqp-sequence sections (3.2.7).
#[derive(Clone, Debug)]
pub struct SequenceBody(Vec<u8>);

/// The body is an amqp-value section (3.2.8).
#[derive(Clone, Debug)]
pub struct ValueBody(Vec<u8>);

/// The body is that of another message, in any form, and shares its bytes.
#[derive(Clone, Debug)]
pub struct SharedBody(Payload);

/// The states of a builder that has a body, so that it can build a message.
pub trait HasBody: sealed::Sections {}

mod sealed {
    use alloc::vec::Vec;

    use bytes::Bytes;

    pub trait Sections {
        /// Returns the bytes that all sections need in a buffer, or a few more.
        fn size(&self) -> usize;
        /// Writes all sections. Bytes to be shared go to `share`, with the buffer of what precedes them.
        fn write(&self, out: &mut Vec<u8>, share: &mut dyn FnMut(&mut Vec<u8>, &Bytes));
    }
}

impl HasBody for DataBody {}
impl HasBody for SequenceBody {}
impl HasBody for ValueBody {}
impl HasBody for SharedBody {}

impl DataBody {
    pub(super) const fn new(first: Bytes) -> Self {
        Self { first, rest: Vec::new() }
    }

    pub(super) fn push(&mut self, data: Bytes) {
        self.rest.push(data);
    }
}

impl SequenceBody {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn push(&mut self, elements: &[Value]) {
        let mut encoder = Encoder::new(&mut self.0);
        encoder.describe(AMQP_SEQUENCE);
        elements.encode(&mut encoder);
    }
}

impl ValueBody {
    pub(super) fn new(value: &impl Encode) -> Self {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes);
        encoder.describe(AMQP_VALUE);
        value.encode(&mut encoder);
        Self(bytes)
    }
}

impl SharedBody {
    pub(super) const fn new(sections: Payload) -> Self {
        Self(sections)
    }
}

impl sealed::Sections for DataBody {
    fn size(&self) -> usize {
        let section = |data: &Bytes| if data.len() < BY_REFERENCE { data.len().saturating_add(8) } else { 8 };
        self.rest.iter().fold(section(&self.first), |sum, data| sum.saturating_add(section(data)))
    }

    fn write(&self, out: &mut Vec<u8>, share: &mut dyn FnMut(&mut Vec<u8>, &Bytes)) {
        for data in core::iter::once(&self.first).chain(&self.rest) {
            let mut encoder = Encoder::new(out);
            encoder.describe(DATA);
            if data.len() < BY_REFERENCE {
                data.encode(&mut encoder);
            } else {
                binary_head(data.len(), out);
                share(out, data);
            }
        }
    }
}

impl sealed::Sections for SequenceBody {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn write(&self, out: &mut Vec<u8>, _: &mut dyn FnMut(&mut Vec<u8>, &Bytes)) {
        out.extend_from_slice(&self.0);
    }
}

impl sealed::Sections for ValueBody {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn write(&self, out: &mut Vec<u8>, _: &mut dyn FnMut(&mut Vec<u8>, &Bytes)) {
        out.extend_from_slice(&self.0);
    }
}

impl sealed::Sections for SharedBody {
    fn size(&self) -> usize {
        let copied = self.0.chunks().map(Bytes::len).filter(|len| *len < BY_REFERENCE);
        copied.fold(0, usize::saturating_add)
    }

    fn write(&self, out: &mut Vec<u8>, share: &mut dyn FnMut(&mut Vec<u8>, &Bytes)) {
        for chunk in self.0.chunks() {
            if chunk.len() < BY_REFERENCE {
                out.extend_from_slice(chunk);
            } else {
                share(out, chunk);
            }
        }
    }
}
