//! The sections before and after the body, decoded whole.

use super::{ApplicationProperties, Message, MessageError, SectionKind};
use crate::{
    codec::Decode,
    spec::messaging::{Header, Properties},
    types::Annotations,
};

impl Message {
    /// The header (3.2.1); `None` stands for one with no field set.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a header.
    pub fn header(&self) -> Result<Option<Header>, MessageError> {
        self.read(SectionKind::Header, Header::decode)
    }

    /// The delivery-annotations (3.2.2); `None` is as good as empty.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a map with symbols or ulongs as keys (3.2.10).
    pub fn delivery_annotations(&self) -> Result<Option<Annotations>, MessageError> {
        self.map(SectionKind::DeliveryAnnotations)
    }

    /// The message-annotations (3.2.3); `None` is as good as empty.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a map with symbols or ulongs as keys (3.2.10).
    pub fn message_annotations(&self) -> Result<Option<Annotations>, MessageError> {
        self.map(SectionKind::MessageAnnotations)
    }

    /// The properties (3.2.4), all of them. Each has an accessor of its own that does not decode the others.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not as 3.2.4 has it.
    pub fn properties(&self) -> Result<Option<Properties>, MessageError> {
        self.read(SectionKind::Properties, Properties::decode)
    }

    /// The application-properties (3.2.5); `None` is as good as empty.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a map from strings to simple values.
    pub fn application_properties(&self) -> Result<Option<ApplicationProperties>, MessageError> {
        self.map(SectionKind::ApplicationProperties)
    }

    /// The footer (3.2.9).
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a map with symbols or ulongs as keys (3.2.10).
    pub fn footer(&self) -> Result<Option<Annotations>, MessageError> {
        self.map(SectionKind::Footer)
    }

    fn map<M: Decode>(&self, kind: SectionKind) -> Result<Option<M>, MessageError> {
        self.read(kind, |reader| {
            reader.skip_descriptor()?;
            M::decode(reader)
        })
    }
}
