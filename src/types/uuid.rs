//! Universally unique identifiers (1.6.18).

use core::{fmt, str::FromStr};

use thiserror::Error;

/// The error of a [`Uuid`] parsed from text of another form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a UUID is 32 hexadecimal digits in groups of 8-4-4-4-12")]
pub struct UuidError;

/// A UUID (1.6.18; RFC 4122): 16 bytes in the order of RFC 4122, 4.1.2.
///
/// The text form is the hyphenated one of RFC 4122, 3. It is written in lower case and read in either case.
///
/// ```
/// use amqp_proto::types::{Uuid, UuidError};
///
/// let uuid: Uuid = "00112233-4455-6677-8899-AABBCCDDEEFF".parse()?;
/// assert_eq!(uuid.to_u128(), 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
/// assert_eq!(uuid.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
/// # Ok::<(), UuidError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// The length of the text form, in bytes.
    const TEXT_LEN: usize = 36;

    /// Wraps the bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Wraps the bytes of a number, most significant first.
    pub const fn from_u128(number: u128) -> Self {
        Self(number.to_be_bytes())
    }

    /// Returns the bytes as a number, most significant first.
    pub const fn to_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl FromStr for Uuid {
    type Err = UuidError;

    /// Parses the hyphenated form; braces, a URN prefix and omitted hyphens are errors.
    fn from_str(text: &str) -> Result<Self, UuidError> {
        let text: &[u8; Self::TEXT_LEN] = text.as_bytes().try_into().map_err(|_| UuidError)?;
        let mut number = 0_u128;
        for (position, byte) in text.iter().enumerate() {
            if matches!(position, 8 | 13 | 18 | 23) {
                if *byte != b'-' {
                    return Err(UuidError);
                }
            } else {
                let digit = char::from(*byte).to_digit(16).ok_or(UuidError)?;
                number = number << 4 | u128::from(digit);
            }
        }
        Ok(Self::from_u128(number))
    }
}

impl TryFrom<&str> for Uuid {
    type Error = UuidError;

    fn try_from(text: &str) -> Result<Self, UuidError> {
        text.parse()
    }
}

impl From<[u8; 16]> for Uuid {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl From<Uuid> for [u8; 16] {
    fn from(uuid: Uuid) -> Self {
        uuid.0
    }
}

impl From<u128> for Uuid {
    fn from(number: u128) -> Self {
        Self::from_u128(number)
    }
}

impl From<Uuid> for u128 {
    fn from(uuid: Uuid) -> Self {
        uuid.to_u128()
    }
}

impl AsRef<[u8]> for Uuid {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}
