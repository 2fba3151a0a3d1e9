//! The fields of a message's header, with their defaults (3.2.1).

use super::{Message, MessageError};
use crate::{spec::messaging::Header, types::Milliseconds};

/// The fields of the header (3.2.1). If the field or the whole section is absent, these methods return the standard's
/// default. [`header`](Self::header) returns the fields as they are, absent or not.
///
/// ```
/// use amqp_proto::message::{Message, ParseOptions};
///
/// let payload = Message::builder().durable(true).data("hello").build();
/// let message = Message::parse(payload, &ParseOptions::default())?;
/// assert_eq!((message.durable()?, message.priority()?, message.ttl()?), (true, 4, None));
/// # Ok::<(), amqp_proto::message::MessageError>(())
/// ```
impl Message {
    /// True if the message must survive a failure; false by default.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a header.
    pub fn durable(&self) -> Result<bool, MessageError> {
        self.header_or_default().map(|header| header.is_durable())
    }

    /// Returns the relative priority, [4](Header::DEFAULT_PRIORITY) by default.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a header.
    pub fn priority(&self) -> Result<u8, MessageError> {
        self.header_or_default().map(|header| header.priority_or_default())
    }

    /// Returns the time to live. By default there is none: the message does not expire.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a header.
    pub fn ttl(&self) -> Result<Option<Milliseconds>, MessageError> {
        self.header_or_default().map(|header| header.ttl)
    }

    /// True if no other link has acquired the message before; false by default.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a header.
    pub fn first_acquirer(&self) -> Result<bool, MessageError> {
        self.header_or_default().map(|header| header.is_first_acquirer())
    }

    /// Returns the number of unsuccessful earlier delivery attempts, 0 by default.
    ///
    /// # Errors
    /// [`MessageError`] if the section is not a header.
    pub fn delivery_count(&self) -> Result<u32, MessageError> {
        self.header_or_default().map(|header| header.delivery_count_or_default())
    }

    fn header_or_default(&self) -> Result<Header, MessageError> {
        self.header().map(Option::unwrap_or_default)
    }
}
