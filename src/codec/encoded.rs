//! Composites kept as the bytes that they were decoded from.

use alloc::boxed::Box;
use core::{marker::PhantomData, ops::Range};

use super::{
    Decode, DecodeLimits, Decoder, Descriptor, Encode, Encoder, FieldDecoder, format_code, from_slice,
    skip::skip_value,
};

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
        EncodedField(&self.bytes).fields()
    }

    /// Returns the values that begin at this offset.
    #[inline]
    pub(crate) fn values_at(&self, offset: u32) -> EncodedField<'_> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        EncodedField(self.bytes.get(offset..).unwrap_or_default())
    }

    /// Returns a part of the bytes.
    pub(crate) fn get(&self, range: &Range<u32>) -> &[u8] {
        let end = |end: u32| usize::try_from(end).unwrap_or(usize::MAX);
        self.bytes.get(end(range.start)..end(range.end)).unwrap_or_default()
    }
}

impl<'a> EncodedField<'a> {
    /// Returns the first fields of a composite; `None` for those that are null or left out.
    #[inline]
    pub(crate) fn fields<const N: usize>(self) -> [Option<Self>; N] {
        let mut fields = [None; N];
        // The limits do not matter: stepping over values uses none up.
        let decoder = &mut Decoder::from_slice(self.0, DecodeLimits::DEFAULT);
        let Some(list) = decoder.behind_descriptor(self.0) else { return fields };
        let Some((mut list, _)) = FieldDecoder::enter(list, decoder, "", usize::MAX) else { return fields };
        for field in &mut fields {
            *field = list.optional_encoded(decoder).flatten().map(EncodedField);
        }
        fields
    }

    /// Returns one field of a composite, counted from 0, and what is behind it; `None` if it is null or left out.
    #[inline]
    pub(crate) fn starting_at(self, index: u32) -> Option<Self> {
        let (count, mut rest) = match self.0 {
            [format_code::DESCRIBED, format_code::SMALLULONG, _, format_code::LIST8, _, count, rest @ ..] => {
                (u32::from(*count), rest)
            }
            _ => self.wide_list()?,
        };
        if count <= index {
            return None;
        }
        for _ in 0..index {
            skip_value(&mut rest).ok()?;
        }
        (rest.first() != Some(&format_code::NULL)).then_some(Self(rest))
    }

    /// Returns the value that is `count` values further on in the same list, and what is behind it. Behind the last there
    /// are no bytes.
    #[inline(always)]
    pub(crate) fn skip(self, count: u32) -> Self {
        let mut rest = self.0;
        for _ in 0..count {
            if skip_value(&mut rest).is_err() {
                return Self(&[]);
            }
        }
        Self(rest)
    }

    /// Returns the descriptor and the number of fields of a composite, and what is behind it, if it has the encoding that
    /// nearly all senders use.
    #[inline(always)]
    pub(crate) fn usual_composite(self) -> Option<(u8, u8, Self)> {
        use format_code::{DESCRIBED, LIST0, LIST8, SMALLULONG};
        match self.0 {
            [DESCRIBED, SMALLULONG, descriptor, LIST8, size, fields @ ..] => {
                Some((*descriptor, *fields.first()?, Self(fields.get(usize::from(*size)..)?)))
            }
            [DESCRIBED, SMALLULONG, descriptor, LIST0, rest @ ..] => Some((*descriptor, 0, Self(rest))),
            _ => None,
        }
    }

    /// Returns the number of fields of a composite, and their bytes.
    #[cold]
    #[inline(never)]
    fn wide_list(self) -> Option<(u32, &'a [u8])> {
        let decoder = &mut Decoder::from_slice(self.0, DecodeLimits::DEFAULT);
        let list = decoder.behind_descriptor(self.0)?;
        decoder.enter_any([format_code::LIST8, format_code::LIST32], "list", list).flatten()
    }

    /// Returns the values of a map.
    #[cold]
    pub(crate) fn map_values(self) -> impl Iterator<Item = Self> {
        let mut decoder = Decoder::from_slice(self.0, DecodeLimits::DEFAULT);
        let map = decoder.enter_any([format_code::MAP8, format_code::MAP32], "map", self.0);
        let (count, mut rest) = map.flatten().unwrap_or_default();
        (0..count / 2).map_while(move |_| {
            let value = decoder.skip(rest)?;
            rest = decoder.skip(value)?;
            Some(Self(value.get(..value.len().saturating_sub(rest.len()))?))
        })
    }

    /// Returns the descriptor, if the value is described.
    #[cold]
    pub(crate) fn descriptor(self) -> Option<Descriptor> {
        Decoder::from_slice(self.0, DecodeLimits::DEFAULT).descriptor().ok()
    }

    /// True if it is the boolean of this value.
    pub(crate) fn is_true(self) -> bool {
        matches!(self.0, [format_code::TRUE, ..] | [format_code::BOOLEAN, 1, ..])
    }

    /// Returns the format code of the value.
    pub(crate) fn code(self) -> Option<u8> {
        self.0.first().copied()
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
