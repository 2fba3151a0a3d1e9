//! Values as words without blanks, and back.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{fmt::Write as _, time::Duration};

use bytes::Bytes;

use crate::{
    CreditPolicy, DeliveryId, Instant, ReceiverId, SaslPolicy, SenderId, SessionId, Side, TlsHeader,
    codec::{DecodeLimits, from_slice, to_vec},
    frame::Payload,
    ids::LinkKey,
    spec::{
        definitions::{AmqpError, ReceiverSettleMode, SenderSettleMode},
        delivery_state::{DeliveryState, Modified},
        terminus::{Source, TargetArchetype},
    },
    types::{DeliveryTag, Fields, MessageFormat, Multiple, SequenceNo, Str, Symbol},
};

/// A value with a text of one word.
pub(super) trait Text: Sized {
    /// Appends the word.
    fn write(&self, out: &mut String);

    /// Returns the value of a word, or `None` if it is not one of this type.
    fn parse(word: &str) -> Option<Self>;
}

pub(super) fn text(value: &impl Text) -> String {
    let mut out = String::new();
    value.write(&mut out);
    out
}

/// Appends bytes in hex.
pub(super) fn write_hex(bytes: &[u8], out: &mut String) {
    out.push_str("0x");
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

/// Returns the bytes of a word in hex.
pub(super) fn parse_hex(word: &str) -> Option<Vec<u8>> {
    let (pairs, []) = word.strip_prefix("0x")?.as_bytes().as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

macro_rules! numbers {
    ($($ty:ty)*) => {$(
        impl Text for $ty {
            fn write(&self, out: &mut String) {
                let _ = write!(out, "{self}");
            }

            fn parse(word: &str) -> Option<Self> {
                word.parse().ok()
            }
        }
    )*};
}

numbers! { bool u16 u32 u64 usize }

/// Types that convert to and from another one with a text.
macro_rules! by {
    ($($ty:ty as $other:ty: $to:expr, $from:expr;)*) => {$(
        impl Text for $ty {
            fn write(&self, out: &mut String) {
                let to: fn(&Self) -> $other = $to;
                to(self).write(out);
            }

            fn parse(word: &str) -> Option<Self> {
                let from: fn($other) -> Option<Self> = $from;
                from(<$other>::parse(word)?)
            }
        }
    )*};
}

/// The parts of a link's id, as [`LinkKey`] packs them.
fn link_key(id: u64) -> LinkKey {
    let [a, b, c, d, e, f, g, h] = id.to_be_bytes();
    LinkKey {
        generation: u32::from_be_bytes([a, b, c, d]),
        session: u16::from_be_bytes([e, f]),
        handle: u16::from_be_bytes([g, h]),
    }
}

by! {
    SessionId as u64: |id| (*id).into(), |id| {
        let [.., b, c, d, e, f, g] = id.to_be_bytes();
        Some(Self::new(u32::from_be_bytes([b, c, d, e]), u16::from_be_bytes([f, g])))
    };
    SenderId as u64: |id| (*id).into(), |id| Some(link_key(id).sender());
    ReceiverId as u64: |id| (*id).into(), |id| Some(link_key(id).receiver());
    DeliveryId as u64: |id| (*id).into(), |id| {
        let [a, b, c, d, e, f, g, h] = id.to_be_bytes();
        Some(Self::new(u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
    };
    Instant as u64: |at| at.as_millis(), |millis| Some(Self::from_millis(millis));
    SequenceNo as u32: |number| number.get(), |number| Some(Self::new(number));
    MessageFormat as u32: |format| format.get(), |format| Some(Self::new(format));
    Payload as Bytes: |payload| payload.clone().into_bytes(), |bytes| Some(bytes.into());
    DeliveryTag as Bytes: |tag| Bytes::copy_from_slice(tag.as_ref()), |bytes| Self::new(&bytes).ok();
    Symbol as Str: |symbol| symbol.as_str().into(), |text| text.as_str().parse().ok();
}

impl Text for Bytes {
    fn write(&self, out: &mut String) {
        write_hex(self, out);
    }

    fn parse(word: &str) -> Option<Self> {
        parse_hex(word).map(Into::into)
    }
}

/// In quotes; anything but ASCII letters, digits and common marks as `%` and two hex digits for each byte.
impl Text for Str {
    fn write(&self, out: &mut String) {
        out.push('"');
        for byte in self.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~:/@$+*!?&".contains(&byte) {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02x}");
            }
        }
        out.push('"');
    }

    fn parse(word: &str) -> Option<Self> {
        let quoted = word.strip_prefix('"')?.strip_suffix('"')?;
        let mut parts = quoted.split('%');
        let mut bytes = Vec::from(parts.next()?);
        for part in parts {
            let (digits, rest) = part.split_at_checked(2)?;
            bytes.append(&mut parse_hex(&format!("0x{digits}"))?);
            bytes.extend_from_slice(rest.as_bytes());
        }
        Some(core::str::from_utf8(&bytes).ok()?.into())
    }
}

impl Text for Duration {
    fn write(&self, out: &mut String) {
        match (self.as_nanos() % 1_000_000, self.as_millis()) {
            (0, millis) => {
                let _ = write!(out, "{millis}ms");
            }
            _ => {
                let _ = write!(out, "{}ns", self.as_nanos());
            }
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let nanos: u128 = match word.strip_suffix("ms") {
            Some(millis) => millis.parse::<u128>().ok()?.checked_mul(1_000_000)?,
            None => word.strip_suffix("ns")?.parse().ok()?,
        };
        let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
        Some(Self::new(seconds, u32::try_from(nanos % 1_000_000_000).ok()?))
    }
}

impl<T: Text> Text for Option<T> {
    fn write(&self, out: &mut String) {
        match self {
            Some(value) => value.write(out),
            None => out.push_str("none"),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        if word == "none" { Some(None) } else { T::parse(word).map(Some) }
    }
}

impl<T: Text> Text for Box<T> {
    fn write(&self, out: &mut String) {
        T::write(self, out);
    }

    fn parse(word: &str) -> Option<Self> {
        T::parse(word).map(Self::new)
    }
}

/// In brackets, with commas between the values.
impl<T: Text> Text for Vec<T> {
    fn write(&self, out: &mut String) {
        let values: Vec<String> = self.iter().map(text).collect();
        let _ = write!(out, "[{}]", values.join(","));
    }

    fn parse(word: &str) -> Option<Self> {
        let values = word.strip_prefix('[')?.strip_suffix(']')?;
        if values.is_empty() { Some(Self::new()) } else { values.split(',').map(T::parse).collect() }
    }
}

impl<T: Text + Clone> Text for Multiple<T> {
    fn write(&self, out: &mut String) {
        self.to_vec().write(out);
    }

    fn parse(word: &str) -> Option<Self> {
        Vec::parse(word).map(|values| values.into_iter().collect())
    }
}

/// The encoding of the standard, in hex.
macro_rules! encoded {
    ($($ty:ty)*) => {$(
        impl Text for $ty {
            fn write(&self, out: &mut String) {
                write_hex(&to_vec(self), out);
            }

            fn parse(word: &str) -> Option<Self> {
                from_slice(&parse_hex(word)?, DecodeLimits::DEFAULT).ok()
            }
        }
    )*};
}

encoded! { AmqpError DeliveryState Modified Fields Source TargetArchetype }

macro_rules! choices {
    ($($ty:ident { $($variant:ident)* })*) => {$(
        impl Text for $ty {
            fn write(&self, out: &mut String) {
                out.push_str(match self {
                    $(Self::$variant => stringify!($variant),)*
                });
            }

            fn parse(word: &str) -> Option<Self> {
                match word {
                    $(stringify!($variant) => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    )*};
}

choices! {
    Side { Client Server }
    SaslPolicy { Required Optional }
    TlsHeader { Never Optional Required }
    SenderSettleMode { Unsettled Settled Mixed }
    ReceiverSettleMode { First Second }
}

impl Text for CreditPolicy {
    fn write(&self, out: &mut String) {
        match self {
            Self::Manual => out.push_str("Manual"),
            Self::Auto(credit) => out.push_str(&format!("Auto:{}", credit)),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        match word.split_once(':') {
            None if word == "Manual" => Some(Self::Manual),
            Some(("Auto", credit)) => credit.parse().ok().map(Self::Auto),
            _ => None,
        }
    }
}
