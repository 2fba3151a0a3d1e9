//! Composites kept as the bytes that they were decoded from.

use alloc::boxed::Box;
use core::{marker::PhantomData, ops::Range};

use super::{Decode, DecodeLimits, Decoder, Encode, Encoder, FieldDecoder, from_slice, skip::Source as _};

/// A composite (1.4) that has been checked, as its encoded bytes, copied to size. They take up a fraction of the memory
/// that its fields would, and hold no read buffer alive.
#[derive(Debug, PartialEq)]
pub(crate) struct Encoded<T> {
    bytes: Box<[u8]>,
    ty: PhantomData<fn() -> T>,
}

/// A field of a composite, encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EncodedField<'a>(&'a [u8]);

impl<T: Decode> Encoded<T> {
    /// Keeps the body of a frame that has been decoded or checked.
    pub(crate) fn new(body: &[u8]) -> Self {
        Self { bytes: Box::from(body), ty: PhantomData }
    }

    /// Returns the number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Decodes the composite, within the limits that it was checked with.
    pub(crate) fn decode(&self, limits: DecodeLimits) -> Option<T> {
        from_slice(&self.bytes, limits).ok()
    }

    /// Returns the first fields; `None` for those that are null or left out.
    pub(crate) fn fields<const N: usize>(&self) -> [Option<EncodedField<'_>>; N] {
        let mut fields = [None; N];
        // The limits do not matter: stepping over values uses none up.
        let decoder = &mut Decoder::from_slice(&self.bytes, DecodeLimits::DEFAULT);
        let Some(list) = decoder.behind_descriptor(&self.bytes) else { return fields };
        let Some((mut list, _)) = FieldDecoder::enter(list, decoder, "", usize::MAX) else { return fields };
        for field in &mut fields {
            *field = list.optional_encoded(decoder).flatten().map(EncodedField);
        }
        fields
    }

    /// Returns where the bytes of a field are that is a binary, a string or a symbol, for [`get`](Self::get).
    pub(crate) fn range_of(&self, field: EncodedField<'_>) -> Option<Range<u32>> {
        let mut bytes = field.0;
        // 1.2.2: the upper half of the code is 0xb if the length has four bytes.
        let wide = bytes.next()? >> 4 == 0xb;
        let length = bytes.size(wide)?;
        // The field is a part of the bytes, so the difference of the addresses is its offset.
        let start = bytes.as_ptr().addr().checked_sub(self.bytes.as_ptr().addr())?;
        Some(u32::try_from(start).ok()?..u32::try_from(start.checked_add(length)?).ok()?)
    }

    /// Returns a part of the bytes.
    pub(crate) fn get(&self, range: &Range<u32>) -> &[u8] {
        let end = |end: u32| usize::try_from(end).unwrap_or(usize::MAX);
        self.bytes.get(end(range.start)..end(range.end)).unwrap_or_default()
    }
}

impl<T> Encode for Encoded<T> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        encoder.raw(&self.bytes);
    }
}

impl Encode for EncodedField<'_> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        encoder.raw(self.0);
    }
}
