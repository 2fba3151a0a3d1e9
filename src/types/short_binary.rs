//! Delivery tags and transaction ids (2.8.7, 4.5.4): binaries of at most 32 bytes, copied instead of shared.

use core::{fmt, num::NonZeroU8};

use thiserror::Error;

use super::Uuid;

/// The longest delivery tag and the longest transaction id, in bytes (2.8.7, 4.5.4).
const MAX: usize = 32;

/// The error of a [`DeliveryTag`] or a [`TransactionId`] made from more than 32 bytes (2.8.7, 4.5.4).
///
/// Holds the number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} bytes, more than the 32 that a delivery tag or a transaction id may have")]
pub struct BinaryLengthError(pub usize);

/// Copies the bytes and pads them with zeros; `None` if there are more than 32. Most tags have four or eight bytes,
/// which are not worth a call.
#[inline(always)]
fn zero_padded(bytes: &[u8]) -> Option<[u8; MAX]> {
    if let Ok(bytes) = bytes.try_into() {
        return Some(zero_padded_word(u64::from_le_bytes(bytes)));
    }
    if let Ok(bytes) = bytes.try_into() {
        return Some(zero_padded_word(u32::from_le_bytes(bytes).into()));
    }
    let mut padded = [0; MAX];
    copy_to_front(bytes, &mut padded)?;
    Some(padded)
}

#[inline(always)]
fn zero_padded_word(word: u64) -> [u8; MAX] {
    let mut padded = [0; MAX];
    if let Some(front) = padded.first_chunk_mut() {
        *front = word.to_le_bytes();
    }
    padded
}

#[inline(never)]
fn copy_to_front(bytes: &[u8], padded: &mut [u8; MAX]) -> Option<()> {
    padded.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(())
}

macro_rules! short_binaries {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        ///
        /// Equality, order and text form are those of the bytes; the text form is hexadecimal.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            bytes: [u8; MAX],
            /// One more than the length, so that `Option` of this type needs no room of its own.
            end: NonZeroU8,
        }

        impl Default for $name {
            /// Returns the empty one.
            #[inline]
            fn default() -> Self {
                Self { bytes: [0; MAX], end: NonZeroU8::MIN }
            }
        }

        impl $name {
            /// The greatest length, in bytes.
            pub const MAX_LEN: usize = MAX;

            /// Copies the bytes.
            ///
            /// # Errors
            /// [`BinaryLengthError`] for more than 32 bytes.
            #[inline]
            pub fn new(bytes: &[u8]) -> Result<Self, BinaryLengthError> {
                Self::try_copy(bytes).ok_or(BinaryLengthError(bytes.len()))
            }

            /// Copies the bytes; `None` for more than 32.
            #[inline(always)]
            pub(crate) fn try_copy(bytes: &[u8]) -> Option<Self> {
                let end = NonZeroU8::MIN.checked_add(u8::try_from(bytes.len()).ok()?)?;
                Some(Self { bytes: zero_padded(bytes)?, end })
            }

            /// Returns the bytes.
            pub fn as_bytes(&self) -> &[u8] {
                self.bytes.get(..usize::from(self.end.get().saturating_sub(1))).unwrap_or_default()
            }
        }

        impl From<u32> for $name {
            /// Returns the four bytes of the number, most significant first.
            fn from(number: u32) -> Self {
                number.to_be_bytes().into()
            }
        }

        impl From<u64> for $name {
            /// Returns the eight bytes of the number, most significant first.
            fn from(number: u64) -> Self {
                number.to_be_bytes().into()
            }
        }

        impl From<[u8; 4]> for $name {
            fn from(bytes: [u8; 4]) -> Self {
                Self::try_copy(&bytes).unwrap_or_default()
            }
        }

        impl From<[u8; 8]> for $name {
            fn from(bytes: [u8; 8]) -> Self {
                Self::try_copy(&bytes).unwrap_or_default()
            }
        }

        impl From<[u8; 16]> for $name {
            fn from(bytes: [u8; 16]) -> Self {
                Self::try_copy(&bytes).unwrap_or_default()
            }
        }

        impl From<[u8; MAX]> for $name {
            fn from(bytes: [u8; MAX]) -> Self {
                Self::try_copy(&bytes).unwrap_or_default()
            }
        }

        impl From<Uuid> for $name {
            /// Returns the 16 bytes of the UUID.
            fn from(uuid: Uuid) -> Self {
                uuid.to_bytes().into()
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = BinaryLengthError;

            fn try_from(bytes: &[u8]) -> Result<Self, BinaryLengthError> {
                Self::new(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )*};
}

short_binaries! {
    /// The name of a delivery among the unsettled ones of its link (2.8.7): at most 32 bytes.
    ///
    /// ```
    /// use amqp_proto::types::DeliveryTag;
    ///
    /// assert_eq!(DeliveryTag::from(7_u32), DeliveryTag::new(&[0, 0, 0, 7])?);
    /// assert!(DeliveryTag::new(&[0; 33]).is_err());
    /// # Ok::<(), amqp_proto::types::BinaryLengthError>(())
    /// ```
    DeliveryTag;
    /// The name of a transaction (4.5.4): at most 32 bytes.
    TransactionId;
}

impl DeliveryTag {
    /// Returns the bytes padded with zeros, and the length without the padding.
    #[inline]
    pub(crate) const fn padded(&self) -> (&[u8; MAX], u8) {
        (&self.bytes, self.end.get().saturating_sub(1))
    }
}
