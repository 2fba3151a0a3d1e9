//! The lock tokens of Service Bus, which are delivery-tags.
//!
//! Sources: the protocol guide of Service Bus; the SDK for Go and its AMQP library, which found the order of the bytes.

use crate::types::{DeliveryTag, Uuid};

/// The lock of a message that was received and not yet settled. Its UUID names it in management operations.
///
/// Service Bus writes it as the delivery-tag, in the order of a .NET GUID: the first three groups have their least
/// significant byte first.
///
/// ```
/// use amqp_proto::{extensions::azure::LockToken, types::DeliveryTag};
///
/// let tag = DeliveryTag::from(0x00010203_04050607_08090a0b_0c0d0e0f_u128.to_be_bytes());
/// let token = LockToken::of(&tag).ok_or("no lock token")?;
/// assert_eq!(token.uuid().to_string(), "03020100-0504-0706-0809-0a0b0c0d0e0f");
/// assert_eq!(DeliveryTag::from(token), tag);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockToken(Uuid);

impl LockToken {
    /// Reads the token of a delivery. Returns `None` if its tag has not 16 bytes, as for a message without a lock.
    pub fn of(tag: &DeliveryTag) -> Option<Self> {
        let bytes: [u8; 16] = tag.as_bytes().try_into().ok()?;
        Some(Self(Uuid::from_bytes(in_other_order(bytes))))
    }

    /// Returns the UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for LockToken {
    /// Wraps the UUID of an answer, such as that of a deferred message.
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl From<LockToken> for DeliveryTag {
    /// Returns the tag of a delivery with this lock: the server's half.
    fn from(token: LockToken) -> Self {
        in_other_order(token.0.to_bytes()).into()
    }
}

/// Converts between the order of a .NET GUID and that of RFC 4122. Twice is the same bytes again.
const fn in_other_order(bytes: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}
