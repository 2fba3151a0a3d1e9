//! Every primitive type in every encoding, read by type (1.6).

use bytes::Bytes;

use super::{Decode, DecodeError, DecodeErrorKind, Encode, Reader, Writer, code, usual};
use crate::types::{
    AnnotationKey, Channel, Decimal32, Decimal64, Decimal128, DeliveryNumber, DeliveryTag, Double, Float,
    Handle, MessageFormat, Milliseconds, Seconds, SequenceNo, Str, Symbol, Timestamp, TransactionId,
    TransferNumber, Uuid,
};

impl Reader<'_> {
    #[cold]
    pub(crate) fn wrong_type(&self, expected: &'static str, found: u8) -> DecodeError {
        let kind = match found {
            code::DESCRIBED => DecodeErrorKind::WrongType { expected, found },
            _ if code::lookup(found).is_none() => DecodeErrorKind::UnknownCode(found),
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
        $name:ty, $standard:literal { $($code:ident => |$reader:ident| $read:expr;)* }
        $(=> |$rest:ident $(, $shared:ident)?| $usual:expr;)?
    )*) => {$(
        impl Decode for $name {
            #[inline]
            fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match code {
                    $(code::$code => { let $reader = reader; $read })*
                    found => Err(reader.wrong_type($standard, found)),
                }
            }

            $(
                #[inline(always)]
                fn usual<'a>($rest: &'a [u8], _reader: &mut Reader<'a>) -> Option<(Self, &'a [u8])> {
                    $(let $shared = &*_reader;)?
                    $usual
                }
            )?
        }
    )*};
}

decodes! {
    bool, "boolean" {
        TRUE => |_reader| Ok(true);
        FALSE => |_reader| Ok(false);
        BOOLEAN => |reader| {
            let at = reader.offset();
            match reader.u8()? {
                0 => Ok(false),
                1 => Ok(true),
                octet => Err(DecodeErrorKind::InvalidBoolean(octet).at(at)),
            }
        };
    } => |rest| usual::boolean(rest);
    u8, "ubyte" { UBYTE => |reader| reader.u8(); } => |rest| usual::ubyte(rest);
    u16, "ushort" { USHORT => |reader| reader.u16(); }
    u32, "uint" {
        SMALLUINT => |reader| reader.u8().map(Self::from);
        UINT0 => |_reader| Ok(0);
        UINT => |reader| reader.u32();
    } => |rest| usual::uint(rest);
    u64, "ulong" {
        SMALLULONG => |reader| reader.u8().map(Self::from);
        ULONG0 => |_reader| Ok(0);
        ULONG => |reader| reader.u64();
    } => |rest| usual::ulong(rest);
    i8, "byte" { BYTE => |reader| reader.u8().map(u8::cast_signed); }
    i16, "short" { SHORT => |reader| reader.u16().map(u16::cast_signed); }
    i32, "int" {
        SMALLINT => |reader| reader.u8().map(|octet| octet.cast_signed().into());
        INT => |reader| reader.u32().map(u32::cast_signed);
    }
    i64, "long" {
        SMALLLONG => |reader| reader.u8().map(|octet| octet.cast_signed().into());
        LONG => |reader| reader.u64().map(u64::cast_signed);
    }
    Float, "float" { FLOAT => |reader| reader.u32().map(Self::from_bits); }
    Double, "double" { DOUBLE => |reader| reader.u64().map(Self::from_bits); }
    Decimal32, "decimal32" { DECIMAL32 => |reader| reader.octets().map(Self::from_be_bytes); }
    Decimal64, "decimal64" { DECIMAL64 => |reader| reader.octets().map(Self::from_be_bytes); }
    Decimal128, "decimal128" { DECIMAL128 => |reader| reader.octets().map(Self::from_be_bytes); }
    char, "char" {
        CHAR => |reader| {
            let at = reader.offset();
            let point = reader.u32()?;
            Self::from_u32(point).ok_or(DecodeErrorKind::InvalidChar(point).at(at))
        };
    }
    Timestamp, "timestamp" {
        TIMESTAMP => |reader| reader.u64().map(|millis| Self::from_millis(millis.cast_signed()));
    } => |rest| usual::timestamp(rest);
    Uuid, "uuid" { UUID => |reader| reader.octets().map(Self::from_bytes); } => |rest| usual::uuid(rest);
    Bytes, "binary" {
        VBIN8 => |reader| reader.variable(false);
        VBIN32 => |reader| reader.variable(true);
    } => |rest, reader| usual::binary(rest, reader);
    Str, "string" {
        STR8 => |reader| string(false, reader);
        STR32 => |reader| string(true, reader);
    } => |rest, reader| usual::string(rest, reader);
    Symbol, "symbol" {
        SYM8 => |reader| symbol(false, reader);
        SYM32 => |reader| symbol(true, reader);
    } => |rest, reader| usual::symbol(rest, reader);
    DeliveryTag, "delivery-tag" {
        VBIN8 => |reader| short(false, reader, "delivery-tag");
        VBIN32 => |reader| short(true, reader, "delivery-tag");
    } => |rest| usual::delivery_tag(rest);
    TransactionId, "transaction-id" {
        VBIN8 => |reader| short(false, reader, "transaction-id");
        VBIN32 => |reader| short(true, reader, "transaction-id");
    }
    AnnotationKey, "symbol or ulong" {
        SYM8 => |reader| symbol(false, reader).map(Self::Symbol);
        SYM32 => |reader| symbol(true, reader).map(Self::Symbol);
        SMALLULONG => |reader| reader.u8().map(|octet| Self::Ulong(octet.into()));
        ULONG0 => |_reader| Ok(Self::Ulong(0));
        ULONG => |reader| reader.u64().map(Self::Ulong);
    }
}

fn string(wide: bool, reader: &mut Reader<'_>) -> Result<Str, DecodeError> {
    let at = reader.offset();
    Str::try_from(reader.variable(wide)?).map_err(|_| DecodeErrorKind::InvalidUtf8.at(at))
}

fn symbol(wide: bool, reader: &mut Reader<'_>) -> Result<Symbol, DecodeError> {
    let at = reader.offset();
    Symbol::try_from(reader.variable(wide)?).map_err(|_| DecodeErrorKind::InvalidSymbol.at(at))
}

#[inline]
fn short<'r, T: TryFrom<&'r [u8]>>(
    wide: bool,
    reader: &mut Reader<'r>,
    name: &'static str,
) -> Result<T, DecodeError> {
    let at = reader.offset();
    let count = reader.length(wide)?;
    // 2.8.7, 4.5.4: refused by its declared length, before the octets are looked at.
    T::try_from(reader.take(count)?).map_err(|_| DecodeErrorKind::TooLong(name).at(at))
}

/// Types that are another type on the wire.
macro_rules! wrappers {
    ($($name:ty as $inner:ty;)*) => {$(
        impl Decode for $name {
            #[inline]
            fn decode_as(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                <$inner>::decode_as(code, reader).map(Self::new)
            }

            #[inline(always)]
            fn usual<'a>(rest: &'a [u8], reader: &mut Reader<'a>) -> Option<(Self, &'a [u8])> {
                <$inner>::usual(rest, reader).map(|(value, rest)| (Self::new(value), rest))
            }
        }

        impl Encode for $name {
            #[inline]
            fn encode(&self, writer: &mut Writer<'_>) {
                self.get().encode(writer);
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
    ($($name:ty: |$value:ident, $writer:ident| $write:expr;)*) => {$(
        impl Encode for $name {
            #[inline]
            fn encode(&self, $writer: &mut Writer<'_>) {
                let $value = self;
                $write;
            }
        }
    )*};
}

encodes! {
    bool: |value, writer| writer.u8(if *value { code::TRUE } else { code::FALSE });
    u8: |value, writer| writer.octets(&[code::UBYTE, *value]);
    u16: |value, writer| writer.fixed(code::USHORT, value.to_be_bytes());
    u32: |value, writer| match u8::try_from(*value) {
        Ok(0) => writer.u8(code::UINT0),
        Ok(small) => writer.octets(&[code::SMALLUINT, small]),
        Err(_) => writer.fixed(code::UINT, value.to_be_bytes()),
    };
    u64: |value, writer| match u8::try_from(*value) {
        Ok(0) => writer.u8(code::ULONG0),
        Ok(small) => writer.octets(&[code::SMALLULONG, small]),
        Err(_) => writer.fixed(code::ULONG, value.to_be_bytes()),
    };
    i8: |value, writer| writer.octets(&[code::BYTE, value.cast_unsigned()]);
    i16: |value, writer| writer.fixed(code::SHORT, value.to_be_bytes());
    i32: |value, writer| match i8::try_from(*value) {
        Ok(small) => writer.octets(&[code::SMALLINT, small.cast_unsigned()]),
        Err(_) => writer.fixed(code::INT, value.to_be_bytes()),
    };
    i64: |value, writer| match i8::try_from(*value) {
        Ok(small) => writer.octets(&[code::SMALLLONG, small.cast_unsigned()]),
        Err(_) => writer.fixed(code::LONG, value.to_be_bytes()),
    };
    Float: |value, writer| writer.fixed(code::FLOAT, value.to_bits().to_be_bytes());
    Double: |value, writer| writer.fixed(code::DOUBLE, value.to_bits().to_be_bytes());
    Decimal32: |value, writer| writer.fixed(code::DECIMAL32, value.to_be_bytes());
    Decimal64: |value, writer| writer.fixed(code::DECIMAL64, value.to_be_bytes());
    Decimal128: |value, writer| writer.fixed(code::DECIMAL128, value.to_be_bytes());
    char: |value, writer| writer.fixed(code::CHAR, u32::from(*value).to_be_bytes());
    Timestamp: |value, writer| writer.fixed(code::TIMESTAMP, value.as_millis().to_be_bytes());
    Uuid: |value, writer| writer.fixed(code::UUID, value.to_bytes());
    Bytes: |value, writer| writer.variable(code::VBIN8, code::VBIN32, value);
    [u8]: |value, writer| writer.variable(code::VBIN8, code::VBIN32, value);
    str: |value, writer| writer.variable(code::STR8, code::STR32, value.as_bytes());
    Str: |value, writer| writer.variable(code::STR8, code::STR32, value.as_bytes());
    Symbol: |value, writer| writer.variable(code::SYM8, code::SYM32, value.as_bytes());
    DeliveryTag: |value, writer| writer.variable(code::VBIN8, code::VBIN32, value.as_bytes());
    TransactionId: |value, writer| writer.variable(code::VBIN8, code::VBIN32, value.as_bytes());
    AnnotationKey: |value, writer| match value {
        AnnotationKey::Symbol(key) => key.encode(writer),
        AnnotationKey::Ulong(key) => key.encode(writer),
    };
}
