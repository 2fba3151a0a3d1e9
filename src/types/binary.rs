//! Short binaries that are copied, not shared: delivery tags and transaction ids (2.8.7, 4.5.4).

use core::fmt;

use thiserror::Error;

/// The standard's bound for a delivery tag or a transaction id, in octets.
const MAX: usize = 32;

/// More than 32 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} octets; the standard allows 32")]
pub struct TooLong(pub usize);

macro_rules! short_binaries {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            octets: [u8; MAX],
            len: u8,
        }

        impl $name {
            /// The longest one, in octets.
            pub const MAX_LEN: usize = MAX;

            /// Copies the octets.
            ///
            /// # Errors
            /// [`TooLong`] for more than 32.
            pub fn new(octets: &[u8]) -> Result<Self, TooLong> {
                let mut this = Self::default();
                let place = this.octets.get_mut(..octets.len()).ok_or(TooLong(octets.len()))?;
                // Eight octets are the most common, and not worth a call.
                match <&mut [u8; 8]>::try_from(&mut *place).ok().zip(octets.first_chunk()) {
                    Some((place, octets)) => *place = *octets,
                    None => place.copy_from_slice(octets),
                }
                this.len = u8::try_from(octets.len()).unwrap_or(u8::MAX);
                Ok(this)
            }

            /// The octets.
            pub fn as_bytes(&self) -> &[u8] {
                self.octets.get(..usize::from(self.len)).unwrap_or_default()
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
            type Error = TooLong;

            fn try_from(octets: &[u8]) -> Result<Self, TooLong> {
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
        (&self.octets, self.len)
    }
}
