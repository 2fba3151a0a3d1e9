//! Short binaries that are copied, not shared: delivery tags and transaction ids (2.8.7, 4.5.4).

use core::{fmt, num::NonZeroU8};

use thiserror::Error;

/// The standard's bound for a delivery tag or a transaction id, in octets.
const MAX: usize = 32;

/// More than 32 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} octets; the standard allows 32")]
pub struct BinaryLengthError(pub usize);

/// The octets with zeros behind them, if they are not too many. Four and eight are the most common, and not worth a
/// call.
#[inline(always)]
fn padded(octets: &[u8]) -> Option<[u8; MAX]> {
    if let Ok(octets) = octets.try_into() {
        return Some(words(u64::from_le_bytes(octets)));
    }
    if let Ok(octets) = octets.try_into() {
        return Some(words(u32::from_le_bytes(octets).into()));
    }
    let mut padded = [0; MAX];
    copied(octets, &mut padded)?;
    Some(padded)
}

#[inline(always)]
fn words(low: u64) -> [u8; MAX] {
    let mut padded = [0; MAX];
    if let Some(place) = padded.first_chunk_mut() {
        *place = low.to_le_bytes();
    }
    padded
}

#[inline(never)]
fn copied(octets: &[u8], padded: &mut [u8; MAX]) -> Option<()> {
    padded.get_mut(..octets.len())?.copy_from_slice(octets);
    Some(())
}

macro_rules! short_binaries {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            octets: [u8; MAX],
            /// One more than the octets there are, so that `None` has a place in it.
            end: NonZeroU8,
        }

        impl Default for $name {
            #[inline]
            fn default() -> Self {
                Self { octets: [0; MAX], end: NonZeroU8::MIN }
            }
        }

        impl $name {
            /// The longest one, in octets.
            pub const MAX_LEN: usize = MAX;

            /// Copies the octets.
            ///
            /// # Errors
            /// [`BinaryLengthError`] for more than 32.
            #[inline]
            pub fn new(octets: &[u8]) -> Result<Self, BinaryLengthError> {
                Self::try_copy(octets).ok_or(BinaryLengthError(octets.len()))
            }

            /// Copies the octets, if they are not too many.
            #[inline(always)]
            pub(crate) fn try_copy(octets: &[u8]) -> Option<Self> {
                let end = NonZeroU8::MIN.checked_add(u8::try_from(octets.len()).ok()?)?;
                Some(Self { octets: padded(octets)?, end })
            }

            /// The octets.
            pub fn as_bytes(&self) -> &[u8] {
                self.octets.get(..usize::from(self.end.get().saturating_sub(1))).unwrap_or_default()
            }
        }

        impl From<u32> for $name {
            /// The number's four octets, most significant first.
            fn from(number: u32) -> Self {
                Self::new(&number.to_be_bytes()).unwrap_or_default()
            }
        }

        impl From<u64> for $name {
            /// The number's eight octets, most significant first.
            fn from(number: u64) -> Self {
                Self::new(&number.to_be_bytes()).unwrap_or_default()
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = BinaryLengthError;

            fn try_from(octets: &[u8]) -> Result<Self, BinaryLengthError> {
                Self::new(octets)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                self.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.as_bytes().iter().try_for_each(|octet| write!(f, "{octet:02x}"))
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
    /// Names a delivery among the unsettled ones of its link (2.8.7): up to 32 octets.
    DeliveryTag;
    /// Names a transaction (4.5.4): up to 32 octets.
    TransactionId;
}

impl DeliveryTag {
    /// The octets with zeros behind them, and how many they are.
    #[inline]
    pub(crate) const fn padded(&self) -> (&[u8; MAX], u8) {
        (&self.octets, self.end.get().saturating_sub(1))
    }
}
