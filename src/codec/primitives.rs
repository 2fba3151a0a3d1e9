//! Every primitive type in every encoding, decoded by type (1.6).

use bytes::Bytes;

use super::{Decode, DecodeErrorKind, Decoder, Encode, Encoder, borrowed::DecodeRef, format_code};
use crate::types::{
    AnnotationKey, Channel, Decimal32, Decimal64, Decimal128, DeliveryNumber, DeliveryTag, Double, Float,
    Handle, MessageFormat, Milliseconds, Seconds, SequenceNo, Str, Symbol, TextRef, Timestamp, TransactionId,
    TransferNumber, Uuid,
};

/// One row a type: its standard name, then each code with how to decode what follows it.
macro_rules! decodes {
    ($($name:ty, $standard:literal { $($code:ident => |$rest:ident, $decoder:ident| $decode:expr;)* })*) => {$(
        impl Decode for $name {
            #[inline(always)]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                match code {
                    $(format_code::$code => {
                        let ($rest, $decoder) = (rest, decoder);
                        $decode
                    })*
                    found => decoder.wrong_type($standard, found, rest),
                }
            }
        }
    )*};
}

decodes! {
    bool, "boolean" {
        TRUE => |rest, _decoder| Some((true, rest));
        FALSE => |rest, _decoder| Some((false, rest));
        BOOLEAN => |rest, decoder| match fixed(rest, decoder, |[byte]| byte)? {
            (0, after) => Some((false, after)),
            (1, after) => Some((true, after)),
            (byte, _) => decoder.fail(DecodeErrorKind::InvalidBoolean(byte), rest),
        };
    }
    u8, "ubyte" { UBYTE => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes); }
    u16, "ushort" { USHORT => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes); }
    u32, "uint" {
        SMALLUINT => |rest, decoder| fixed(rest, decoder, |[byte]| byte.into());
        UINT0 => |rest, _decoder| Some((0, rest));
        UINT => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes);
    }
    u64, "ulong" {
        SMALLULONG => |rest, decoder| fixed(rest, decoder, |[byte]| byte.into());
        ULONG0 => |rest, _decoder| Some((0, rest));
        ULONG => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes);
    }
    i8, "byte" { BYTE => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes); }
    i16, "short" { SHORT => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes); }
    i32, "int" {
        SMALLINT => |rest, decoder| fixed(rest, decoder, |[byte]| byte.cast_signed().into());
        INT => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes);
    }
    i64, "long" {
        SMALLLONG => |rest, decoder| fixed(rest, decoder, |[byte]| byte.cast_signed().into());
        LONG => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes);
    }
    Float, "float" {
        FLOAT => |rest, decoder| fixed(rest, decoder, |bytes| Self::from_bits(u32::from_be_bytes(bytes)));
    }
    Double, "double" {
        DOUBLE => |rest, decoder| fixed(rest, decoder, |bytes| Self::from_bits(u64::from_be_bytes(bytes)));
    }
    Decimal32, "decimal32" { DECIMAL32 => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes); }
    Decimal64, "decimal64" { DECIMAL64 => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes); }
    Decimal128, "decimal128" { DECIMAL128 => |rest, decoder| fixed(rest, decoder, Self::from_be_bytes); }
    char, "char" {
        CHAR => |rest, decoder| {
            let (point, after) = fixed(rest, decoder, u32::from_be_bytes)?;
            match Self::from_u32(point) {
                Some(char) => Some((char, after)),
                None => decoder.fail(DecodeErrorKind::InvalidChar(point), rest),
            }
        };
    }
    Timestamp, "timestamp" {
        TIMESTAMP => |rest, decoder| {
            fixed(rest, decoder, |bytes| Self::from_millis(i64::from_be_bytes(bytes)))
        };
    }
    Uuid, "uuid" { UUID => |rest, decoder| fixed(rest, decoder, Self::from_bytes); }
    DeliveryTag, "delivery-tag" {
        VBIN8 => |rest, decoder| {
            let (bytes, after) = decoder.sized(false, rest)?;
            short(Self::try_copy(bytes), "delivery-tag", rest, after, decoder)
        };
        VBIN32 => |rest, decoder| {
            let (bytes, after) = decoder.sized(true, rest)?;
            short(Self::try_copy(bytes), "delivery-tag", rest, after, decoder)
        };
    }
    TransactionId, "transaction-id" {
        VBIN8 => |rest, decoder| {
            let (bytes, after) = decoder.sized(false, rest)?;
            short(Self::try_copy(bytes), "transaction-id", rest, after, decoder)
        };
        VBIN32 => |rest, decoder| {
            let (bytes, after) = decoder.sized(true, rest)?;
            short(Self::try_copy(bytes), "transaction-id", rest, after, decoder)
        };
    }
    AnnotationKey, "symbol or ulong" {
        SYM8 => |rest, decoder| Symbol::decode_as(format_code::SYM8, rest, decoder).map(annotation_key);
        SYM32 => |rest, decoder| Symbol::decode_as(format_code::SYM32, rest, decoder).map(annotation_key);
        SMALLULONG => |rest, decoder| fixed(rest, decoder, |[byte]| Self::Ulong(byte.into()));
        ULONG0 => |rest, _decoder| Some((Self::Ulong(0), rest));
        ULONG => |rest, decoder| fixed(rest, decoder, |bytes| Self::Ulong(u64::from_be_bytes(bytes)));
    }
}

/// Types of which [`DecodeRef`] keeps the value itself.
macro_rules! kept {
    ($($name:ty),* $(,)?) => {$(
        impl<'a> DecodeRef<'a> for $name {
            type Ref = Self;

            #[inline(always)]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                Self::decode_as(code, rest, decoder)
            }
        }
    )*};
}

kept!(bool, u8, u16, u32, u64, Timestamp, Uuid, DeliveryTag, TransactionId);

fn annotation_key((symbol, rest): (Symbol, &[u8])) -> (AnnotationKey, &[u8]) {
    (AnnotationKey::Symbol(symbol), rest)
}

/// Decodes a value of a fixed width.
#[inline(always)]
fn fixed<'a, const N: usize, T>(
    rest: &'a [u8],
    decoder: &mut Decoder<'a>,
    make: impl FnOnce([u8; N]) -> T,
) -> Option<(T, &'a [u8])> {
    match rest.split_first_chunk() {
        Some((bytes, rest)) => Some((make(*bytes), rest)),
        None => decoder.truncated(rest),
    }
}

/// Returns a binary that fits its type (2.8.7, 4.5.4), or refuses it.
#[inline(always)]
fn short<'a, T>(
    try_copy: Option<T>,
    name: &'static str,
    rest: &'a [u8],
    after: &'a [u8],
    decoder: &mut Decoder<'a>,
) -> Option<(T, &'a [u8])> {
    match try_copy {
        Some(value) => Some((value, after)),
        None => decoder.fail(DecodeErrorKind::TooLong(name), rest),
    }
}

/// Types of variable width: of what they are made, what is borrowed of them and how that is checked.
macro_rules! variables {
    ($($name:ty, $standard:literal, $narrow:ident | $wide:ident, $borrowed:ty, $check:expr, $error:ident;)*) => {$(
        impl Decode for $name {
            #[inline]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                let (bytes, after) = match code {
                    format_code::$narrow => decoder.sized(false, rest)?,
                    format_code::$wide => decoder.sized(true, rest)?,
                    found => return decoder.wrong_type($standard, found, rest),
                };
                match Self::try_from(decoder.share(bytes)) {
                    Ok(value) => Some((value, after)),
                    #[allow(unreachable_patterns, reason = "any bytes are a binary")]
                    Err(_) => decoder.fail(DecodeErrorKind::$error, rest),
                }
            }
        }

        impl<'a> DecodeRef<'a> for $name {
            type Ref = $borrowed;

            #[inline(always)]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self::Ref, &'a [u8])> {
                let (bytes, after) = match code {
                    format_code::$narrow => decoder.sized(false, rest)?,
                    format_code::$wide => decoder.sized(true, rest)?,
                    found => return decoder.wrong_type($standard, found, rest),
                };
                match $check(bytes) {
                    Some(borrowed) => Some((borrowed, after)),
                    None => decoder.fail(DecodeErrorKind::$error, rest),
                }
            }
        }
    )*};
}

variables! {
    Bytes, "binary", VBIN8 | VBIN32, &'a [u8], Some, Truncated;
    Str, "string", STR8 | STR32, TextRef<'a>, TextRef::string, InvalidUtf8;
    Symbol, "symbol", SYM8 | SYM32, TextRef<'a>, TextRef::symbol, InvalidSymbol;
}

/// Types that are another type on the wire.
macro_rules! wrappers {
    ($($name:ty as $inner:ty;)*) => {$(
        impl Decode for $name {
            #[inline(always)]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                <$inner>::decode_as(code, rest, decoder).map(|(value, rest)| (Self::new(value), rest))
            }
        }

        impl Encode for $name {
            #[inline]
            fn encode(&self, encoder: &mut Encoder<'_>) {
                self.get().encode(encoder);
            }
        }
    )*};
}

kept!(Channel, Handle, Seconds, Milliseconds, MessageFormat, SequenceNo, DeliveryNumber, TransferNumber);

wrappers! {
    Channel as u16;
    Handle as u32;
    Seconds as u32;
    Milliseconds as u32;
    MessageFormat as u32;
    SequenceNo as u32;
    DeliveryNumber as u32;
    TransferNumber as u32;
}

macro_rules! encodes {
    ($($name:ty: |$value:ident, $encoder:ident| $write:expr;)*) => {$(
        impl Encode for $name {
            #[inline]
            fn encode(&self, $encoder: &mut Encoder<'_>) {
                let $value = self;
                $write;
            }
        }
    )*};
}

encodes! {
    bool: |value, encoder| encoder.u8(if *value { format_code::TRUE } else { format_code::FALSE });
    u8: |value, encoder| encoder.array([format_code::UBYTE, *value]);
    u16: |value, encoder| encoder.fixed(format_code::USHORT, value.to_be_bytes());
    u32: |value, encoder| match u8::try_from(*value) {
        Ok(0) => encoder.u8(format_code::UINT0),
        Ok(small) => encoder.array([format_code::SMALLUINT, small]),
        Err(_) => {
            let [a, b, c, d] = value.to_be_bytes();
            encoder.array([format_code::UINT, a, b, c, d]);
        }
    };
    u64: |value, encoder| match u8::try_from(*value) {
        Ok(0) => encoder.u8(format_code::ULONG0),
        Ok(small) => encoder.array([format_code::SMALLULONG, small]),
        Err(_) => encoder.fixed(format_code::ULONG, value.to_be_bytes()),
    };
    i8: |value, encoder| encoder.array([format_code::BYTE, value.cast_unsigned()]);
    i16: |value, encoder| encoder.fixed(format_code::SHORT, value.to_be_bytes());
    i32: |value, encoder| match i8::try_from(*value) {
        Ok(small) => encoder.array([format_code::SMALLINT, small.cast_unsigned()]),
        Err(_) => encoder.fixed(format_code::INT, value.to_be_bytes()),
    };
    i64: |value, encoder| match i8::try_from(*value) {
        Ok(small) => encoder.array([format_code::SMALLLONG, small.cast_unsigned()]),
        Err(_) => encoder.fixed(format_code::LONG, value.to_be_bytes()),
    };
    Float: |value, encoder| encoder.fixed(format_code::FLOAT, value.to_bits().to_be_bytes());
    Double: |value, encoder| encoder.fixed(format_code::DOUBLE, value.to_bits().to_be_bytes());
    Decimal32: |value, encoder| encoder.fixed(format_code::DECIMAL32, value.to_be_bytes());
    Decimal64: |value, encoder| encoder.fixed(format_code::DECIMAL64, value.to_be_bytes());
    Decimal128: |value, encoder| encoder.fixed(format_code::DECIMAL128, value.to_be_bytes());
    char: |value, encoder| encoder.fixed(format_code::CHAR, u32::from(*value).to_be_bytes());
    Timestamp: |value, encoder| encoder.fixed(format_code::TIMESTAMP, value.as_millis().to_be_bytes());
    Uuid: |value, encoder| encoder.fixed(format_code::UUID, value.to_bytes());
    Bytes: |value, encoder| encoder.variable(format_code::VBIN8, format_code::VBIN32, value);
    [u8]: |value, encoder| encoder.variable(format_code::VBIN8, format_code::VBIN32, value);
    str: |value, encoder| encoder.variable(format_code::STR8, format_code::STR32, value.as_bytes());
    Str: |value, encoder| encoder.variable(format_code::STR8, format_code::STR32, value.as_bytes());
    Symbol: |value, encoder| encoder.variable(format_code::SYM8, format_code::SYM32, value.as_bytes());
    DeliveryTag: |value, encoder| {
        let (bytes, length) = value.padded();
        encoder.array([format_code::VBIN8, length]);
        encoder.array_start(bytes, length.into());
    };
    TransactionId: |value, encoder| encoder.variable(format_code::VBIN8, format_code::VBIN32, value.as_bytes());
    AnnotationKey: |value, encoder| match value {
        AnnotationKey::Symbol(key) => key.encode(encoder),
        AnnotationKey::Ulong(key) => key.encode(encoder),
    };
}
