//! Protocol headers (2.2).

use core::fmt;

/// The protocol spoken after a protocol header (2.2, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolId {
    /// AMQP frames.
    Amqp,
    /// A TLS handshake (5.2).
    Tls,
    /// SASL frames (5.3).
    Sasl,
}

/// A protocol header: the eight bytes with which each layer of a connection begins (2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolHeader {
    /// The protocol.
    pub id: u8,
    /// The major version.
    pub major: u8,
    /// The minor version.
    pub minor: u8,
    /// The revision.
    pub revision: u8,
}

impl ProtocolId {
    /// Returns the protocol-id in the header.
    pub const fn code(self) -> u8 {
        match self {
            Self::Amqp => 0,
            Self::Tls => 2,
            Self::Sasl => 3,
        }
    }
}

impl ProtocolHeader {
    /// The size of a protocol header, in bytes.
    pub const SIZE: usize = 8;
    /// AMQP 1.0.0.
    pub const AMQP: Self = Self::version_1_0_0(ProtocolId::Amqp);
    /// TLS 1.0.0 (5.2).
    pub const TLS: Self = Self::version_1_0_0(ProtocolId::Tls);
    /// SASL 1.0.0 (5.3).
    pub const SASL: Self = Self::version_1_0_0(ProtocolId::Sasl);

    const fn version_1_0_0(id: ProtocolId) -> Self {
        Self { id: id.code(), major: 1, minor: 0, revision: 0 }
    }

    /// Returns the header's bytes.
    pub const fn to_bytes(self) -> [u8; Self::SIZE] {
        [b'A', b'M', b'Q', b'P', self.id, self.major, self.minor, self.revision]
    }

    /// Returns the header in these bytes, or `None` if they are not one.
    pub const fn from_bytes(bytes: [u8; Self::SIZE]) -> Option<Self> {
        match bytes {
            [b'A', b'M', b'Q', b'P', id, major, minor, revision] => Some(Self { id, major, minor, revision }),
            _ => None,
        }
    }

    /// True if these bytes can be the beginning of a header. So a peer that sends anything else is refused at its first
    /// wrong byte (2.2).
    pub fn may_begin(bytes: &[u8]) -> bool {
        bytes.iter().zip(b"AMQP").all(|(byte, due)| byte == due)
    }
}

impl fmt::Display for ProtocolHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            0 => f.write_str("AMQP")?,
            2 => f.write_str("TLS")?,
            3 => f.write_str("SASL")?,
            id => write!(f, "protocol {id}")?,
        }
        write!(f, " {}.{}.{}", self.major, self.minor, self.revision)
    }
}
