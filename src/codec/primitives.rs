//! Every primitive type in every encoding, read by type (1.6).

use bytes::Bytes;

use super::{Decode, DecodeError, DecodeErrorKind, Decoder, Encode, Encoder, format_code, usual};
use crate::types::{
    AnnotationKey, Channel, Decimal32, Decimal64, Decimal128, DeliveryNumber, DeliveryTag, Double, Float,
    Handle, MessageFormat, Milliseconds, Seconds, SequenceNo, Str, Symbol, Timestamp, TransactionId,
    TransferNumber, Uuid,
};

impl Decoder<'_> {
    #[cold]
    pub(crate) fn wrong_type(&self, expected: &'static str, found: u8) -> DecodeError {
        let kind = match found {
            format_code::DESCRIBED => DecodeErrorKind::WrongType { expected, found },
            _ if format_code::lookup(found).is_none() => DecodeErrorKind::UnknownCode(found),
            _ => DecodeErrorKind::WrongType { expected, found },
        };
        // The code has been read already: the fault lies with it.
        kind.at(self.offset().saturating_sub(1))
    }

    #[inline]
    fn variable(&mut self, wide: bool) -> Result<Bytes, DecodeError> {
        let count = self.length(wide)?;
        self.share(count)
    }

    #[inline]
    fn length(&mut self, wide: bool) -> Result<usize, DecodeError> {
        let at = self.offset();
        let length = if wide { self.u32()? } else { self.u8()?.into() };
        usize::try_from(length).map_err(|_| DecodeErrorKind::Truncated.at(at))
    }
}

/// One row a type: its standard name, then each code with how to read what follows it, and the short way if there is
/// one.
macro_rules! decodes {
    ($(
        $name:ty, $standard:literal { $($code:ident => |$decoder:ident| $read:expr;)* }
        $(=> |$rest:ident $(, $shared:ident)?| $usual:expr;)?
    )*) => {$(
        impl Decode for $name {
            #[inline]
            fn decode_as(code: u8, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                match code {
                    $(format_code::$code => { let $decoder = decoder; $read })*
                    found => Err(decoder.wrong_type($standard, found)),
                }
            }

            $(
                #[inline(always)]
                fn usual<'a>($rest: &'a [u8], _decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                    $(let $shared = &*_decoder;)?
                    $usual
                }
            )?
        }
    )*};
}

decodes! {
    bool, "boolean" {
        TRUE => |_decoder| Ok(true);
        FALSE => |_decoder| Ok(false);
        BOOLEAN => |decoder| {
            let at = decoder.offset();
            match decoder.u8()? {
                0 => Ok(false),
                1 => Ok(true),
                byte => Err(DecodeErrorKind::InvalidBoolean(byte).at(at)),
            }
        };
    } => |rest| usual::boolean(rest);
    u8, "ubyte" { UBYTE => |decoder| decoder.u8(); } => |rest| usual::ubyte(rest);
    u16, "ushort" { USHORT => |decoder| decoder.u16(); }
    u32, "uint" {
        SMALLUINT => |decoder| decoder.u8().map(Self::from);
        UINT0 => |_decoder| Ok(0);
        UINT => |decoder| decoder.u32();
    } => |rest| usual::uint(rest);
    u64, "ulong" {
        SMALLULONG => |decoder| decoder.u8().map(Self::from);
        ULONG0 => |_decoder| Ok(0);
        ULONG => |decoder| decoder.u64();
    } => |rest| usual::ulong(rest);
    i8, "byte" { BYTE => |decoder| decoder.u8().map(u8::cast_signed); }
    i16, "short" { SHORT => |decoder| decoder.u16().map(u16::cast_signed); }
    i32, "int" {
        SMALLINT => |decoder| decoder.u8().map(|byte| byte.cast_signed().into());
        INT => |decoder| decoder.u32().map(u32::cast_signed);
    }
    i64, "long" {
        SMALLLONG => |decoder| decoder.u8().map(|byte| byte.cast_signed().into());
        LONG => |decoder| decoder.u64().map(u64::cast_signed);
    }
    Float, "float" { FLOAT => |decoder| decoder.u32().map(Self::from_bits); }
    Double, "double" { DOUBLE => |decoder| decoder.u64().map(Self::from_bits); }
    Decimal32, "decimal32" { DECIMAL32 => |decoder| decoder.array().map(Self::from_be_bytes); }
    Decimal64, "decimal64" { DECIMAL64 => |decoder| decoder.array().map(Self::from_be_bytes); }
    Decimal128, "decimal128" { DECIMAL128 => |decoder| decoder.array().map(Self::from_be_bytes); }
    char, "char" {
        CHAR => |decoder| {
            let at = decoder.offset();
            let point = decoder.u32()?;
            Self::from_u32(point).ok_or(DecodeErrorKind::InvalidChar(point).at(at))
        };
    }
    Timestamp, "timestamp" {
        TIMESTAMP => |decoder| decoder.u64().map(|millis| Self::from_millis(millis.cast_signed()));
    } => |rest| usual::timestamp(rest);
    Uuid, "uuid" { UUID => |decoder| decoder.array().map(Self::from_bytes); } => |rest| usual::uuid(rest);
    Bytes, "binary" {
        VBIN8 => |decoder| decoder.variable(false);
        VBIN32 => |decoder| decoder.variable(true);
    } => |rest, decoder| usual::binary(rest, decoder);
    Str, "string" {
        STR8 => |decoder| string(false, decoder);
        STR32 => |decoder| string(true, decoder);
    } => |rest, decoder| usual::string(rest, decoder);
    Symbol, "symbol" {
        SYM8 => |decoder| symbol(false, decoder);
        SYM32 => |decoder| symbol(true, decoder);
    } => |rest, decoder| usual::symbol(rest, decoder);
    DeliveryTag, "delivery-tag" {
        VBIN8 => |decoder| short(false, decoder, "delivery-tag");
        VBIN32 => |decoder| short(true, decoder, "delivery-tag");
    } => |rest| usual::delivery_tag(rest);
    TransactionId, "transaction-id" {
        VBIN8 => |decoder| short(false, decoder, "transaction-id");
        VBIN32 => |decoder| short(true, decoder, "transaction-id");
    }
    AnnotationKey, "symbol or ulong" {
        SYM8 => |decoder| symbol(false, decoder).map(Self::Symbol);
        SYM32 => |decoder| symbol(true, decoder).map(Self::Symbol);
        SMALLULONG => |decoder| decoder.u8().map(|byte| Self::Ulong(byte.into()));
        ULONG0 => |_decoder| Ok(Self::Ulong(0));
        ULONG => |decoder| decoder.u64().map(Self::Ulong);
    }
}

fn string(wide: bool, decoder: &mut Decoder<'_>) -> Result<Str, DecodeError> {
    let at = decoder.offset();
    Str::try_from(decoder.variable(wide)?).map_err(|_| DecodeErrorKind::InvalidUtf8.at(at))
}

fn symbol(wide: bool, decoder: &mut Decoder<'_>) -> Result<Symbol, DecodeError> {
    let at = decoder.offset();
    Symbol::try_from(decoder.variable(wide)?).map_err(|_| DecodeErrorKind::InvalidSymbol.at(at))
}

#[inline]
fn short<'r, T: TryFrom<&'r [u8]>>(
    wide: bool,
    decoder: &mut Decoder<'r>,
    name: &'static str,
) -> Result<T, DecodeError> {
    let at = decoder.offset();
    let count = decoder.length(wide)?;
    // 2.8.7, 4.5.4: refused by its declared length, before the bytes are looked at.
    T::try_from(decoder.take(count)?).map_err(|_| DecodeErrorKind::TooLong(name).at(at))
}

/// Types that are another type on the wire.
macro_rules! wrappers {
    ($($name:ty as $inner:ty;)*) => {$(
        impl Decode for $name {
            #[inline]
            fn decode_as(code: u8, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                <$inner>::decode_as(code, decoder).map(Self::new)
            }

            #[inline(always)]
            fn usual<'a>(rest: &'a [u8], decoder: &mut Decoder<'a>) -> Option<(Self, &'a [u8])> {
                <$inner>::usual(rest, decoder).map(|(value, rest)| (Self::new(value), rest))
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
    u8: |value, encoder| encoder.raw(&[format_code::UBYTE, *value]);
    u16: |value, encoder| encoder.fixed(format_code::USHORT, value.to_be_bytes());
    u32: |value, encoder| match u8::try_from(*value) {
        Ok(0) => encoder.u8(format_code::UINT0),
        Ok(small) => encoder.raw(&[format_code::SMALLUINT, small]),
        Err(_) => encoder.fixed(format_code::UINT, value.to_be_bytes()),
    };
    u64: |value, encoder| match u8::try_from(*value) {
        Ok(0) => encoder.u8(format_code::ULONG0),
        Ok(small) => encoder.raw(&[format_code::SMALLULONG, small]),
        Err(_) => encoder.fixed(format_code::ULONG, value.to_be_bytes()),
    };
    i8: |value, encoder| encoder.raw(&[format_code::BYTE, value.cast_unsigned()]);
    i16: |value, encoder| encoder.fixed(format_code::SHORT, value.to_be_bytes());
    i32: |value, encoder| match i8::try_from(*value) {
        Ok(small) => encoder.raw(&[format_code::SMALLINT, small.cast_unsigned()]),
        Err(_) => encoder.fixed(format_code::INT, value.to_be_bytes()),
    };
    i64: |value, encoder| match i8::try_from(*value) {
        Ok(small) => encoder.raw(&[format_code::SMALLLONG, small.cast_unsigned()]),
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
    DeliveryTag: |value, encoder| encoder.variable(format_code::VBIN8, format_code::VBIN32, value.as_bytes());
    TransactionId: |value, encoder| encoder.variable(format_code::VBIN8, format_code::VBIN32, value.as_bytes());
    AnnotationKey: |value, encoder| match value {
        AnnotationKey::Symbol(key) => key.encode(encoder),
        AnnotationKey::Ulong(key) => key.encode(encoder),
    };
}
