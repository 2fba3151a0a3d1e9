//! A performative of the peer's as it came, to be decoded again when somebody asks for it.

use alloc::boxed::Box;

use bytes::Bytes;

use crate::codec::{Decode, DecodeLimits, Encode, Encoder, format_code, from_bytes};

/// The body of a frame that has been decoded and acted upon, copied to size. Its bytes take up a fraction of what its
/// fields do, and hold no read buffer alive.
#[derive(Debug)]
pub(crate) struct Told(Box<[u8]>);

/// A value that is encoded already.
#[derive(Clone, Copy)]
pub(crate) struct Encoded<'a>(&'a [u8]);

impl Told {
    /// The body of a frame that has turned out to be good.
    pub(crate) fn new(body: &[u8]) -> Self {
        Self(Box::from(body))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The performative, by the limits that it has been decoded with before.
    pub(crate) fn decode<T: Decode>(&self, limits: DecodeLimits) -> Option<T> {
        from_bytes(&Bytes::copy_from_slice(&self.0), limits).ok()
    }

    /// The first fields; `None` for those that are null or left out.
    pub(crate) fn fields<const N: usize>(&self) -> [Option<Encoded<'_>>; N] {
        let mut fields = [None; N];
        let Some((mut rest, count)) = self.list() else { return fields };
        for field in fields.iter_mut().take(count) {
            let Some(after) = skip(rest) else { break };
            let bytes = rest.get(..rest.len().saturating_sub(after.len())).unwrap_or_default();
            *field = (bytes != [format_code::NULL]).then_some(Encoded(bytes));
            rest = after;
        }
        fields
    }

    /// The list that carries the fields, and how many they are.
    fn list(&self) -> Option<(&[u8], usize)> {
        match &*self.0 {
            // Nearly every peer writes it so.
            [format_code::DESCRIBED, format_code::SMALLULONG, _, format_code::LIST8, _, count, rest @ ..] => {
                Some((rest, usize::from(*count)))
            }
            [format_code::DESCRIBED, rest @ ..] => enter(skip(rest)?),
            _ => None,
        }
    }

    /// The bytes of a string or symbol, with where they are.
    pub(crate) fn text(&self, text: &Encoded<'_>) -> Option<(u32, u32)> {
        let head = match *text.0.first()? {
            format_code::STR8 | format_code::SYM8 => 2,
            _ => 5,
        };
        let from = text.0.get(head..)?;
        let at = from.as_ptr().addr().checked_sub(self.0.as_ptr().addr())?;
        Some((u32::try_from(at).ok()?, u32::try_from(from.len()).ok()?))
    }

    /// Bytes of it.
    pub(crate) fn raw(&self, at: u32, len: u32) -> &[u8] {
        let (at, len) =
            (usize::try_from(at).unwrap_or(usize::MAX), usize::try_from(len).unwrap_or(usize::MAX));
        self.0.get(at..at.saturating_add(len)).unwrap_or_default()
    }
}

impl Encode for Encoded<'_> {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        encoder.raw(self.0);
    }
}

/// What follows the value that comes next: 1.2 lets the upper half of a format code tell how long it is.
fn skip(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    // Nearly every descriptor is a small number.
    while let [format_code::DESCRIBED, format_code::SMALLULONG, _, described @ ..] = rest {
        rest = described;
    }
    // A descriptor and the value it describes are two more to come.
    let mut due = 1_usize;
    while let Some(left) = due.checked_sub(1) {
        due = left;
        let (code, after) = rest.split_first()?;
        if *code == format_code::DESCRIBED {
            due = due.saturating_add(2);
            rest = after;
            continue;
        }
        rest = match code >> 4 {
            0x4 => after,
            0x5 => after.get(1..)?,
            0x6 => after.get(2..)?,
            0x7 => after.get(4..)?,
            0x8 => after.get(8..)?,
            0x9 => after.get(16..)?,
            width => {
                let (size, after) = size(width % 2 == 1, after)?;
                after.get(size..)?
            }
        };
    }
    Some(rest)
}

/// A size or a count of one byte or four.
fn size(wide: bool, bytes: &[u8]) -> Option<(usize, &[u8])> {
    if wide {
        let (size, rest) = bytes.split_first_chunk()?;
        return Some((usize::try_from(u32::from_be_bytes(*size)).ok()?, rest));
    }
    let (size, rest) = bytes.split_first()?;
    Some((usize::from(*size), rest))
}

/// The items of the list that comes next, and how many they are.
fn enter(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (code, rest) = bytes.split_first()?;
    let wide = match *code {
        format_code::LIST0 => return Some((rest, 0)),
        found => found == format_code::LIST32,
    };
    let (_, rest) = size(wide, rest)?;
    let (count, rest) = size(wide, rest)?;
    Some((rest, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::to_vec,
        spec::{
            performatives::Attach,
            terminus::{Source, Target},
        },
        types::{Fields, Symbol, Value},
    };
    use alloc::{boxed::Box, vec};

    fn attach() -> Attach {
        let properties = Fields::new().with(Symbol::from_static("key"), Value::from(vec![Value::Null]));
        Attach {
            name: "a name".into(),
            source: Some(Box::new(Source::at("x".repeat(300).as_str()))),
            target: Some(Target::at("node").into()),
            initial_delivery_count: Some(7.into()),
            max_message_size: Some(u64::MAX),
            properties: Some(properties),
            ..Attach::default()
        }
    }

    #[test]
    fn fields_are_found_by_their_places_in_any_encoding() {
        let attach = attach();
        let small = to_vec(&attach);
        let told = Told::new(&small);
        assert_eq!(told.decode::<Attach>(DecodeLimits::DEFAULT), Some(attach.clone()));
        let fields = told.fields::<15>().map(|field| field.map(|field| to_vec(&field)));
        let expected = [
            Some(to_vec(&attach.name)),
            Some(to_vec(&attach.handle)),
            Some(to_vec(&attach.role)),
            None,
            None,
            attach.source.as_ref().map(to_vec),
            attach.target.as_ref().map(to_vec),
            None,
            None,
            attach.initial_delivery_count.as_ref().map(to_vec),
            attach.max_message_size.as_ref().map(to_vec),
            None,
            None,
            attach.properties.as_ref().map(to_vec),
            None,
        ];
        assert_eq!(fields, expected);
        // A symbolic descriptor, a list of the wide form, and a name of the wide form.
        let mut wide = vec![0x00, 0xa3, 3, b'a', b'b', b'c', 0xd0, 0, 0, 0, 15, 0, 0, 0, 2];
        wide.extend([0xb1, 0, 0, 0, 4, b'n', b'a', b'm', b'e', 0x43]);
        let told = Told::new(&wide);
        let [name, handle, role] = told.fields();
        let name = name.and_then(|name| told.text(&name)).unwrap();
        assert_eq!(told.raw(name.0, name.1), b"name");
        assert_eq!((handle.map(|handle| to_vec(&handle)), role.is_none()), (Some(vec![0x43]), true));
    }

    #[test]
    fn bytes_that_are_no_performative_have_no_fields() {
        let whole = to_vec(&attach());
        for end in 0..whole.len() {
            let told = Told::new(&whole[..end]);
            assert!(told.fields::<14>()[13].is_none(), "{end} bytes");
        }
        assert!(Told::new(&[0x43]).fields::<1>()[0].is_none());
    }
}
