//! Every primitive type in every encoding, decoded by type (1.6).

use bytes::Bytes;

use super::{Decode, DecodeErrorKind, DecodeRef, Decoder, Encode, Encoder, format_code};
use crate::types::{
    AnnotationKey, Channel, Decimal32, Decimal64, Decimal128, DeliveryNumber, DeliveryTag, Double, Float,
    Handle, MessageFormat, Milliseconds, Seconds, SequenceNo, Str, Symbol, TextRef, Timestamp, TransactionId,
    TransferNumber, Uuid,
};

impl Decode for bool {
    #[inline(always)]
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        match (code, rest) {
            (format_code::TRUE, rest) | (format_code::BOOLEAN, [1, rest @ ..]) => Some((true, rest)),
            (format_code::FALSE, rest) | (format_code::BOOLEAN, [0, rest @ ..]) => Some((false, rest)),
            (format_code::BOOLEAN, [byte, ..]) => decoder.fail(DecodeErrorKind::InvalidBoolean(*byte), rest),
            (format_code::BOOLEAN, []) => decoder.truncated(rest),
            (found, rest) => decoder.wrong_type("boolean", found, rest),
        }
    }
}

impl Encode for bool {
    #[inline]
    fn encode(&self, encoder: &mut Encoder<'_>) {
        encoder.u8(if *self { format_code::TRUE } else { format_code::FALSE });
    }
}

/// Integers with a code of one byte for small values, and some with one for zero.
macro_rules! compact_integers {
    ($($name:ident, $standard:literal, $code:ident by $write:ident | $small_code:ident as $small:ident $(| $zero:ident)?;)*) => {$(
        impl Decode for $name {
            #[inline(always)]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                match code {
                    format_code::$small_code => fixed(rest, decoder, |byte| $small::from_be_bytes(byte).into()),
                    $(format_code::$zero => Some((0, rest)),)?
                    format_code::$code => fixed(rest, decoder, Self::from_be_bytes),
                    found => decoder.wrong_type($standard, found, rest),
                }
            }
        }

        impl Encode for $name {
            #[inline]
            fn encode(&self, encoder: &mut Encoder<'_>) {
                match $small::try_from(*self) {
                    $(Ok(0) => encoder.u8(format_code::$zero),)?
                    Ok(small) => {
                        let [byte] = small.to_be_bytes();
                        encoder.array([format_code::$small_code, byte]);
                    }
                    Err(_) => encoder.$write(format_code::$code, self.to_be_bytes()),
                }
            }
        }
    )*};
}

compact_integers! {
    u32, "uint", UINT by word | SMALLUINT as u8 | UINT0;
    u64, "ulong", ULONG by fixed | SMALLULONG as u8 | ULONG0;
    i32, "int", INT by fixed | SMALLINT as i8;
    i64, "long", LONG by fixed | SMALLLONG as i8;
}

/// Types with one code, of which any bytes are a value, with the conversions from and to the bytes.
macro_rules! fixed_width {
    ($($name:ident, $standard:literal, $code:ident, $from:expr, $to:expr;)*) => {$(
        impl Decode for $name {
            #[inline(always)]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                match code {
                    format_code::$code => fixed(rest, decoder, $from),
                    found => decoder.wrong_type($standard, found, rest),
                }
            }
        }

        impl Encode for $name {
            #[inline]
            fn encode(&self, encoder: &mut Encoder<'_>) {
                encoder.fixed(format_code::$code, $to(*self));
            }
        }
    )*};
}

fixed_width! {
    u8, "ubyte", UBYTE, Self::from_be_bytes, Self::to_be_bytes;
    u16, "ushort", USHORT, Self::from_be_bytes, Self::to_be_bytes;
    i8, "byte", BYTE, Self::from_be_bytes, Self::to_be_bytes;
    i16, "short", SHORT, Self::from_be_bytes, Self::to_be_bytes;
    Float, "float", FLOAT, |bytes| Self::from_bits(u32::from_be_bytes(bytes)), |it: Self| it.to_bits().to_be_bytes();
    Double, "double", DOUBLE, |bytes| Self::from_bits(u64::from_be_bytes(bytes)), |it: Self| it.to_bits().to_be_bytes();
    Decimal32, "decimal32", DECIMAL32, Self::from_be_bytes, Self::to_be_bytes;
    Decimal64, "decimal64", DECIMAL64, Self::from_be_bytes, Self::to_be_bytes;
    Decimal128, "decimal128", DECIMAL128, Self::from_be_bytes, Self::to_be_bytes;
    Timestamp, "timestamp", TIMESTAMP, |bytes| Self::from_millis(i64::from_be_bytes(bytes)), |it: Self| it.as_millis().to_be_bytes();
    Uuid, "uuid", UUID, Self::from_bytes, Self::to_bytes;
}

impl Decode for char {
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        if code != format_code::CHAR {
            return decoder.wrong_type("char", code, rest);
        }
        let (point, after) = fixed(rest, decoder, u32::from_be_bytes)?;
        match Self::from_u32(point) {
            Some(char) => Some((char, after)),
            None => decoder.fail(DecodeErrorKind::InvalidChar(point), rest),
        }
    }
}

impl Encode for char {
    fn encode(&self, encoder: &mut Encoder<'_>) {
        encoder.fixed(format_code::CHAR, u32::from(*self).to_be_bytes());
    }
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

/// A type of variable width: its name, its narrow and its wide format code, and the error for invalid bytes.
struct Variable {
    name: &'static str,
    codes: [u8; 2],
    error: DecodeErrorKind,
}

const BINARY: Variable = Variable {
    name: "binary",
    codes: [format_code::VBIN8, format_code::VBIN32],
    // Any bytes are a binary, so this is never noted.
    error: DecodeErrorKind::Truncated,
};
const STRING: Variable = Variable {
    name: "string",
    codes: [format_code::STR8, format_code::STR32],
    error: DecodeErrorKind::InvalidUtf8,
};
const SYMBOL: Variable = Variable {
    name: "symbol",
    codes: [format_code::SYM8, format_code::SYM32],
    error: DecodeErrorKind::InvalidSymbol,
};
/// A binary of at most 32 bytes (2.8.7).
const DELIVERY_TAG: Variable =
    Variable { name: "delivery-tag", error: DecodeErrorKind::TooLong("delivery-tag"), ..BINARY };
/// A binary of at most 32 bytes (4.5.4).
const TRANSACTION_ID: Variable =
    Variable { name: "transaction-id", error: DecodeErrorKind::TooLong("transaction-id"), ..BINARY };

/// Decodes a value of variable width; `make` converts its bytes.
#[inline(always)]
fn variable<'a, T>(
    ty: &Variable,
    code: u8,
    rest: &'a [u8],
    decoder: &mut Decoder<'a>,
    make: impl FnOnce(&'a [u8], &Decoder<'a>) -> Option<T>,
) -> Option<(T, &'a [u8])> {
    let [narrow, wide] = ty.codes;
    let (bytes, after) = match code {
        code if code == narrow => decoder.sized(false, rest)?,
        code if code == wide => decoder.sized(true, rest)?,
        found => return decoder.wrong_type(ty.name, found, rest),
    };
    match make(bytes, decoder) {
        Some(value) => Some((value, after)),
        None => decoder.fail(ty.error, rest),
    }
}

macro_rules! variable_width {
    ($($name:ident, $row:ident, $borrowed:ty, $check:expr;)*) => {$(
        impl Decode for $name {
            #[inline]
            fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                variable(&$row, code, rest, decoder, |bytes, decoder| decoder.share(bytes).try_into().ok())
            }
        }

        impl<'a> DecodeRef<'a> for $name {
            type Ref = $borrowed;

            #[inline(always)]
            fn decode_ref(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self::Ref, &'a [u8])> {
                variable(&$row, code, rest, decoder, |bytes, _| $check(bytes))
            }
        }
    )*};
}

variable_width! {
    Bytes, BINARY, &'a [u8], Some;
    Str, STRING, TextRef<'a>, TextRef::string;
    Symbol, SYMBOL, TextRef<'a>, TextRef::symbol;
}

impl Decode for DeliveryTag {
    #[inline(always)]
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        variable(&DELIVERY_TAG, code, rest, decoder, |bytes, _| Self::try_copy(bytes))
    }
}

impl Encode for DeliveryTag {
    #[inline]
    fn encode(&self, encoder: &mut Encoder<'_>) {
        let (bytes, length) = self.padded();
        encoder.array([format_code::VBIN8, length]);
        encoder.array_start(bytes, length.into());
    }
}

impl Decode for TransactionId {
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        variable(&TRANSACTION_ID, code, rest, decoder, |bytes, _| Self::try_copy(bytes))
    }
}

/// Types that are encoded as the bytes of another.
macro_rules! bytes_of {
    ($($name:ty, $row:ident, |$value:ident| $bytes:expr;)*) => {$(
        impl Encode for $name {
            #[inline]
            fn encode(&self, encoder: &mut Encoder<'_>) {
                let $value = self;
                encoder.variable($row.codes, $bytes);
            }
        }
    )*};
}

bytes_of! {
    Bytes, BINARY, |bytes| bytes;
    [u8], BINARY, |bytes| bytes;
    TransactionId, BINARY, |id| id.as_bytes();
    str, STRING, |text| text.as_bytes();
    Str, STRING, |text| text.as_bytes();
    Symbol, SYMBOL, |text| text.as_bytes();
}

impl Decode for AnnotationKey {
    #[inline(always)]
    fn decode_as<'a>(code: u8, rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
        match code {
            format_code::SYM8 | format_code::SYM32 => {
                Symbol::decode_as(code, rest, decoder).map(|(key, rest)| (Self::Symbol(key), rest))
            }
            format_code::SMALLULONG | format_code::ULONG0 | format_code::ULONG => {
                u64::decode_as(code, rest, decoder).map(|(key, rest)| (Self::Ulong(key), rest))
            }
            found => decoder.wrong_type("symbol or ulong", found, rest),
        }
    }
}

impl Encode for AnnotationKey {
    #[inline]
    fn encode(&self, encoder: &mut Encoder<'_>) {
        match self {
            Self::Symbol(key) => key.encode(encoder),
            Self::Ulong(key) => key.encode(encoder),
        }
    }
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

decoded_by_value!(bool, u8, u16, u32, u64, Timestamp, Uuid, DeliveryTag, TransactionId);
decoded_by_value!(Channel, Handle, Seconds, Milliseconds, MessageFormat);
decoded_by_value!(SequenceNo, DeliveryNumber, TransferNumber);
