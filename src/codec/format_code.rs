//! The format codes (1.6): one table, which names the constants too.

use crate::types::Kind;

/// The layout of the bytes after a format code (1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// As many bytes as the width (1.2.1).
    Fixed,
    /// A size of that width, then as many bytes (1.2.2).
    Variable,
    /// A size and a count of that width, then the elements, each with its constructor (1.2.3).
    Compound,
    /// A size and a count of that width, one constructor, then the elements without theirs (1.2.4).
    Array,
}

/// One encoding of one primitive type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatCode {
    /// The byte on the wire.
    pub code: u8,
    /// The type encoded.
    pub kind: Kind,
    /// The layout of what follows.
    pub category: Category,
    /// Bytes of the value, or of its size field.
    pub width: u8,
}

/// The byte before a descriptor and the value it describes (1.2).
pub const DESCRIBED: u8 = 0x00;

macro_rules! format_codes {
    ($($name:ident = $code:literal, $kind:ident, $category:ident, $width:literal;)*) => {
        $(
            #[doc = concat!("`", stringify!($kind), "`, ", stringify!($category), " ", stringify!($width), ".")]
            pub const $name: u8 = $code;
        )*

        /// Every format code of the standard.
        pub const FORMAT_CODES: &[FormatCode] = &[
            $(FormatCode { code: $code, kind: Kind::$kind, category: Category::$category, width: $width },)*
        ];
    };
}

format_codes! {
    NULL       = 0x40, Null,       Fixed,    0;
    BOOLEAN    = 0x56, Boolean,    Fixed,    1;
    TRUE       = 0x41, Boolean,    Fixed,    0;
    FALSE      = 0x42, Boolean,    Fixed,    0;
    UBYTE      = 0x50, Ubyte,      Fixed,    1;
    USHORT     = 0x60, Ushort,     Fixed,    2;
    UINT       = 0x70, Uint,       Fixed,    4;
    SMALLUINT  = 0x52, Uint,       Fixed,    1;
    UINT0      = 0x43, Uint,       Fixed,    0;
    ULONG      = 0x80, Ulong,      Fixed,    8;
    SMALLULONG = 0x53, Ulong,      Fixed,    1;
    ULONG0     = 0x44, Ulong,      Fixed,    0;
    BYTE       = 0x51, Byte,       Fixed,    1;
    SHORT      = 0x61, Short,      Fixed,    2;
    INT        = 0x71, Int,        Fixed,    4;
    SMALLINT   = 0x54, Int,        Fixed,    1;
    LONG       = 0x81, Long,       Fixed,    8;
    SMALLLONG  = 0x55, Long,       Fixed,    1;
    FLOAT      = 0x72, Float,      Fixed,    4;
    DOUBLE     = 0x82, Double,     Fixed,    8;
    DECIMAL32  = 0x74, Decimal32,  Fixed,    4;
    DECIMAL64  = 0x84, Decimal64,  Fixed,    8;
    DECIMAL128 = 0x94, Decimal128, Fixed,    16;
    CHAR       = 0x73, Char,       Fixed,    4;
    TIMESTAMP  = 0x83, Timestamp,  Fixed,    8;
    UUID       = 0x98, Uuid,       Fixed,    16;
    VBIN8      = 0xa0, Binary,     Variable, 1;
    VBIN32     = 0xb0, Binary,     Variable, 4;
    STR8       = 0xa1, String,     Variable, 1;
    STR32      = 0xb1, String,     Variable, 4;
    SYM8       = 0xa3, Symbol,     Variable, 1;
    SYM32      = 0xb3, Symbol,     Variable, 4;
    LIST0      = 0x45, List,       Fixed,    0;
    LIST8      = 0xc0, List,       Compound, 1;
    LIST32     = 0xd0, List,       Compound, 4;
    MAP8       = 0xc1, Map,        Compound, 1;
    MAP32      = 0xd1, Map,        Compound, 4;
    ARRAY8     = 0xe0, Array,      Array,    1;
    ARRAY32    = 0xf0, Array,      Array,    4;
}

/// Returns the table's row for a code, or `None` if the standard does not assign it.
#[inline]
pub fn lookup(code: u8) -> Option<FormatCode> {
    BY_CODE.get(usize::from(code)).copied().flatten()
}

/// The table's rows by their codes.
static BY_CODE: [Option<FormatCode>; 256] = by_code();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated while compiling")]
const fn by_code() -> [Option<FormatCode>; 256] {
    let mut rows = [None; 256];
    let mut at = 0;
    while at < FORMAT_CODES.len() {
        rows[FORMAT_CODES[at].code as usize] = Some(FORMAT_CODES[at]);
        at += 1;
    }
    rows
}
