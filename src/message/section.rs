//! The kinds of section and their order (3.2).

use core::{fmt, ops::Range};

use crate::{
    codec::format_code,
    spec::messaging::{
        AMQP_SEQUENCE, AMQP_VALUE, APPLICATION_PROPERTIES, DATA, DELIVERY_ANNOTATIONS, FOOTER, Header,
        MESSAGE_ANNOTATIONS, Properties, SECTIONS,
    },
};

/// A kind of section, in the order of a message (3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionKind {
    /// `header` (3.2.1)
    Header,
    /// `delivery-annotations` (3.2.2)
    DeliveryAnnotations,
    /// `message-annotations` (3.2.3)
    MessageAnnotations,
    /// `properties` (3.2.4)
    Properties,
    /// `application-properties` (3.2.5)
    ApplicationProperties,
    /// `data` (3.2.6)
    Data,
    /// `amqp-sequence` (3.2.7)
    Sequence,
    /// `amqp-value` (3.2.8)
    Value,
    /// `footer` (3.2.9)
    Footer,
}

/// The kind and the position of one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The kind.
    pub kind: SectionKind,
    /// The range of bytes of the whole section: descriptor and value.
    pub range: Range<usize>,
    /// The range of bytes of the section's value, from its format code on.
    pub value: Range<usize>,
}

/// The number of positions in the order of a message. The three forms of a body share one.
pub(super) const POSITIONS: usize = 7;

impl SectionKind {
    /// Every kind, in the order of a message.
    pub const ALL: &'static [Self] = &[
        Self::Header,
        Self::DeliveryAnnotations,
        Self::MessageAnnotations,
        Self::Properties,
        Self::ApplicationProperties,
        Self::Data,
        Self::Sequence,
        Self::Value,
        Self::Footer,
    ];

    /// Returns the standard's name of the section.
    pub fn name(self) -> &'static str {
        let code = self.code();
        SECTIONS.iter().find(|(_, number, _)| *number == code).map_or("section", |(name, _, _)| name)
    }

    /// Returns the numeric descriptor.
    pub const fn code(self) -> u64 {
        match self {
            Self::Header => Header::CODE,
            Self::DeliveryAnnotations => DELIVERY_ANNOTATIONS,
            Self::MessageAnnotations => MESSAGE_ANNOTATIONS,
            Self::Properties => Properties::CODE,
            Self::ApplicationProperties => APPLICATION_PROPERTIES,
            Self::Data => DATA,
            Self::Sequence => AMQP_SEQUENCE,
            Self::Value => AMQP_VALUE,
            Self::Footer => FOOTER,
        }
    }

    /// Returns the kind with this numeric descriptor.
    pub const fn from_code(code: u64) -> Option<Self> {
        Some(match code {
            Header::CODE => Self::Header,
            DELIVERY_ANNOTATIONS => Self::DeliveryAnnotations,
            MESSAGE_ANNOTATIONS => Self::MessageAnnotations,
            Properties::CODE => Self::Properties,
            APPLICATION_PROPERTIES => Self::ApplicationProperties,
            DATA => Self::Data,
            AMQP_SEQUENCE => Self::Sequence,
            AMQP_VALUE => Self::Value,
            FOOTER => Self::Footer,
            _ => return None,
        })
    }

    /// True for the three forms of a body.
    pub const fn is_body(self) -> bool {
        matches!(self, Self::Data | Self::Sequence | Self::Value)
    }

    /// True if a message may have several sections of this kind (3.2).
    pub const fn is_repeatable(self) -> bool {
        matches!(self, Self::Data | Self::Sequence)
    }

    /// True if the section's value may have this format code, by the type that the section restricts (3.2.1 to 3.2.9).
    /// An amqp-value section may contain any value, but those with a descriptor need more than this check.
    #[inline]
    pub(super) const fn holds(self, code: u8) -> bool {
        match self {
            Self::Header | Self::Properties | Self::Sequence => {
                matches!(code, format_code::LIST0 | format_code::LIST8 | format_code::LIST32)
            }
            Self::Data => matches!(code, format_code::VBIN8 | format_code::VBIN32),
            Self::Value => code != format_code::DESCRIBED,
            Self::DeliveryAnnotations
            | Self::MessageAnnotations
            | Self::ApplicationProperties
            | Self::Footer => matches!(code, format_code::MAP8 | format_code::MAP32),
        }
    }

    /// Returns the name of the type that the section restricts.
    pub(super) const fn value_type(self) -> &'static str {
        match self {
            Self::Header | Self::Properties | Self::Sequence => "list",
            Self::Data => "binary",
            Self::Value => "value",
            Self::DeliveryAnnotations
            | Self::MessageAnnotations
            | Self::ApplicationProperties
            | Self::Footer => "map",
        }
    }

    /// Returns the position in the order of a message.
    pub(super) const fn position(self) -> usize {
        match self {
            Self::Header => 0,
            Self::DeliveryAnnotations => 1,
            Self::MessageAnnotations => 2,
            Self::Properties => 3,
            Self::ApplicationProperties => 4,
            Self::Data | Self::Sequence | Self::Value => 5,
            Self::Footer => 6,
        }
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
