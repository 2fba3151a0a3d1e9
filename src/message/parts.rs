//! The sections before and after the body, decoded whole.

use super::{ApplicationProperties, Message, MessageError, SectionKind};
use crate::{
    codec::Decode,
    spec::messaging::{Header, Properties},
    types::Annotations,
};

impl Message {
    /// Returns the header (3.2.1). `None` is equivalent to a header without fields.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a header.
    pub fn header(&self) -> Result<Option<Header>, MessageError> {
        self.read(SectionKind::Header, Header::decode)
    }

    /// Returns the delivery-annotations (3.2.2). `None` is equivalent to an empty map.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a map with symbols or ulongs as keys (3.2.10).
    pub fn delivery_annotations(&self) -> Result<Option<Annotations>, MessageError> {
        self.map(SectionKind::DeliveryAnnotations)
    }

    /// Returns the message-annotations (3.2.3). `None` is equivalent to an empty map.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a map with symbols or ulongs as keys (3.2.10).
    pub fn message_annotations(&self) -> Result<Option<Annotations>, MessageError> {
        self.map(SectionKind::MessageAnnotations)
    }

    /// Returns all properties (3.2.4). Each has its own accessor, which does not decode the others.
    ///
    /// # Errors
    /// [`MessageError`] if the section is malformed (3.2.4).
    pub fn properties(&self) -> Result<Option<Properties>, MessageError> {
        self.read(SectionKind::Properties, Properties::decode)
    }

    /// Returns the application-properties (3.2.5). `None` is equivalent to an empty map.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a map from strings to simple values.
    pub fn application_properties(&self) -> Result<Option<ApplicationProperties>, MessageError> {
        self.map(SectionKind::ApplicationProperties)
    }

    /// Returns the footer (3.2.9). `None` is equivalent to an empty map.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a map with symbols or ulongs as keys (3.2.10).
    pub fn footer(&self) -> Result<Option<Annotations>, MessageError> {
        self.map(SectionKind::Footer)
    }

    fn map<M: Decode>(&self, kind: SectionKind) -> Result<Option<M>, MessageError> {
        self.read(kind, |decoder| {
            decoder.skip_descriptor()?;
            M::decode(decoder)
        })
    }
}
