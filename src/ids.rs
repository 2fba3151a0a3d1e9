//! Ids of sessions, links and deliveries.
//!
//! No id is used twice on a connection, so a stale one is an error and never names something newer.

use core::fmt;

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:x}", self.0)
            }
        }
    )*};
}

ids! {
    /// A session of a connection.
    SessionId;
    /// A sending link of a connection.
    SenderId;
    /// A receiving link of a connection.
    ReceiverId;
    /// A delivery on a connection. Consecutive deliveries of a session, in one direction, have consecutive ids until
    /// the delivery-id on the wire wraps.
    DeliveryId;
}

/// A link of a connection, in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkId {
    /// A sending link.
    Sender(SenderId),
    /// A receiving link.
    Receiver(ReceiverId),
}

impl From<SenderId> for LinkId {
    fn from(id: SenderId) -> Self {
        Self::Sender(id)
    }
}

impl From<ReceiverId> for LinkId {
    fn from(id: ReceiverId) -> Self {
        Self::Receiver(id)
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sender(id) => write!(f, "sender {id}"),
            Self::Receiver(id) => write!(f, "receiver {id}"),
        }
    }
}

/// A slot, and a generation that tells sessions in the same slot apart.
impl SessionId {
    pub(crate) const fn new(generation: u32, slot: u16) -> Self {
        Self(((generation as u64) << 16) | slot as u64)
    }

    pub(crate) const fn slot(self) -> u16 {
        let [.., high, low] = self.0.to_be_bytes();
        u16::from_be_bytes([high, low])
    }
}

/// The parts of a link's id: a generation, which no other link has, and the slots of its session and of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkKey {
    pub(crate) generation: u32,
    pub(crate) session: u16,
    pub(crate) handle: u16,
}

impl LinkKey {
    const fn pack(self) -> u64 {
        ((self.generation as u64) << 32) | ((self.session as u64) << 16) | self.handle as u64
    }

    const fn unpack(id: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = id.to_be_bytes();
        Self {
            generation: u32::from_be_bytes([a, b, c, d]),
            session: u16::from_be_bytes([e, f]),
            handle: u16::from_be_bytes([g, h]),
        }
    }

    pub(crate) const fn sender(self) -> SenderId {
        SenderId(self.pack())
    }

    pub(crate) const fn receiver(self) -> ReceiverId {
        ReceiverId(self.pack())
    }
}

impl From<LinkId> for LinkKey {
    fn from(id: LinkId) -> Self {
        match id {
            LinkId::Sender(SenderId(id)) | LinkId::Receiver(ReceiverId(id)) => Self::unpack(id),
        }
    }
}

/// An epoch, and the delivery-id on the wire (2.7.5), which wraps within a session: the epoch changes with it.
impl DeliveryId {
    pub(crate) const fn new(epoch: u32, number: u32) -> Self {
        Self(((epoch as u64) << 32) | number as u64)
    }

    /// Returns the number of deliveries in `self..=last`, a range that an event names.
    ///
    /// ```
    /// # use amqp_proto::Event;
    /// fn settled(event: &Event) -> u64 {
    ///     match event {
    ///         Event::DeliverySettled { first, last, .. } => first.through(*last),
    ///         _ => 0,
    ///     }
    /// }
    /// ```
    pub const fn through(self, last: Self) -> u64 {
        last.0.saturating_sub(self.0).saturating_add(1)
    }

    pub(crate) const fn epoch(self) -> u32 {
        let [a, b, c, d, ..] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    pub(crate) const fn number(self) -> u32 {
        let [.., a, b, c, d] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_returns_the_parts_that_it_was_made_of() {
        assert_eq!(SessionId::new(7, 65535).slot(), 65535);
        let key = LinkKey { generation: u32::MAX, session: 1, handle: 2 };
        assert_eq!(LinkKey::from(LinkId::from(key.sender())), key);
        let id = DeliveryId::new(3, u32::MAX);
        assert_eq!((id.epoch(), id.number()), (3, u32::MAX));
    }
}
