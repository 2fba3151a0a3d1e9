//! The kind of a frame, found without decoding its performative.

use super::performatives::{
    Attach, Begin, Close, Detach, Disposition, End, Flow, Open, Performative, Transfer,
};
use crate::codec::{Decode, DecodeError, DecodeLimits, Decoder, format_code, skip};

macro_rules! kinds {
    ($($kind:ident),*) => {
        /// The performative that a frame's body starts with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind {
            $($kind,)*
            /// No performative.
            Unknown,
        }

        impl Kind {
            #[inline(always)]
            const fn from_code(code: u64) -> Self {
                match code {
                    $($kind::CODE => Self::$kind,)*
                    _ => Self::Unknown,
                }
            }

            /// Returns the performative's name.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($kind),)*
                    Self::Unknown => "",
                }
            }
        }
    };
}

kinds!(Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close);

impl Kind {
    /// Returns the kind of a body whose descriptor is in its smallest form, or `None`. Works on the first bytes alone.
    #[inline(always)]
    pub(crate) fn peek(body: &[u8]) -> Option<Self> {
        match body {
            [format_code::DESCRIBED, format_code::SMALLULONG, number, ..] => {
                Some(Self::from_code((*number).into()))
            }
            _ => None,
        }
    }

    /// Returns the kind of a whole body, whatever the encoding of its descriptor.
    #[cold]
    pub(crate) fn of(body: &[u8]) -> Self {
        let [format_code::DESCRIBED, rest @ ..] = body else { return Self::Unknown };
        let mut rest = rest;
        match skip::descriptor(&mut rest, Performative::TYPES) {
            Ok(Some(number)) => Self::from_code(number),
            _ => Self::Unknown,
        }
    }

    /// True for the kinds that a session handles.
    #[inline(always)]
    pub(crate) const fn is_for_session(self) -> bool {
        matches!(self, Self::Attach | Self::Flow | Self::Transfer | Self::Disposition | Self::Detach)
    }

    /// True for the kinds that end a link, a session or the connection.
    #[inline(always)]
    pub(crate) const fn is_ending(self) -> bool {
        matches!(self, Self::Detach | Self::End | Self::Close)
    }
}

/// Checks the body of a frame that is kept or ignored.
///
/// # Errors
/// Those of decoding it.
pub(crate) fn check_body(body: &[u8], limits: DecodeLimits) -> Result<(), DecodeError> {
    let mut decoder = Decoder::from_slice(body, limits);
    match Performative::decode(&mut decoder)? {
        // 2.3.2: only a transfer has a payload behind it.
        Performative::Transfer(_) => Ok(()),
        _ => decoder.finish(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::to_vec;
    use alloc::vec::Vec;

    #[test]
    fn a_kind_is_found_in_every_encoding_of_its_descriptor() {
        for (name, code, symbol) in Performative::TYPES {
            let [.., low] = code.to_be_bytes();
            let length = u8::try_from(symbol.len()).unwrap();
            let descriptors: [Vec<u8>; 4] = [
                [0x53, low].to_vec(),
                [&[0x80][..], &code.to_be_bytes()].concat(),
                [&[0xa3, length][..], symbol.as_bytes()].concat(),
                [&[0xb3, 0, 0, 0, length][..], symbol.as_bytes()].concat(),
            ];
            for descriptor in descriptors {
                let body = [&[0][..], &descriptor, &[0x45]].concat();
                let kind = Kind::of(&body);
                assert_eq!(alloc::format!("{kind:?}"), *name);
                let peeked = Kind::peek(&body);
                assert!(peeked.is_none_or(|peeked| peeked == kind));
                assert_eq!(peeked.is_some(), descriptor.len() == 2);
                for end in 0..descriptor.len() {
                    assert_eq!(Kind::of(&body[..=end]), Kind::Unknown, "{descriptor:?} cut to {end}");
                }
            }
        }
        assert_eq!(Kind::of(&to_vec(&7_u32)), Kind::Unknown);
        assert_eq!(Kind::of(&[0, 0x53, 0x19, 0x45]), Kind::Unknown);
    }
}
