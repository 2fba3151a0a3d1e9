//! The evaluation of filters on the property sections: AMQP Filter Expressions v1.0 CSD01, 4.1.1 and 4.2.

use alloc::collections::BTreeMap;

use super::{ApplicationPropertiesFilter, PropertiesFilter, TextMatch};
use crate::{
    message::{Message, MessageError},
    spec::messaging::{MessageId, Properties},
    types::{Str, Value},
};

impl TextMatch {
    /// True if a property with this text is wanted.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::TextMatch;
    ///
    /// assert!(TextMatch::prefix("inv").matches("invoice"));
    /// assert!(!TextMatch::from("inv").matches("invoice"));
    /// ```
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => text == wanted.as_str(),
            Self::Prefix(wanted) => text.starts_with(wanted.as_str()),
            Self::Suffix(wanted) => text.ends_with(wanted.as_str()),
        }
    }
}

impl PropertiesFilter {
    /// True if a message passes: the server's half. A property that the message does not have is wanted by null only.
    ///
    /// # Errors
    /// [`MessageError`] if the properties section is malformed.
    ///
    /// ```
    /// use amqp_proto::{extensions::filters::{PropertiesFilter, TextMatch}, message::Message};
    ///
    /// let message = Message::try_from(Message::builder().subject("invoice.new").value("text").build())?;
    /// assert!(PropertiesFilter::new().subject(TextMatch::prefix("invoice.")).matches(&message)?);
    /// assert!(!PropertiesFilter::new().subject("invoice.").matches(&message)?);
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    pub fn matches(&self, message: &Message) -> Result<bool, MessageError> {
        let properties = message.properties()?.unwrap_or_default();
        Ok(self.values().iter().all(|(name, wanted)| is_wanted(wanted, &property(&properties, name))))
    }
}

impl ApplicationPropertiesFilter {
    /// True if a message passes: the server's half. A message without one of the properties does not.
    ///
    /// # Errors
    /// [`MessageError`] if the application-properties section is malformed.
    ///
    /// ```
    /// use amqp_proto::{extensions::filters::ApplicationPropertiesFilter, message::Message};
    ///
    /// let message = Message::builder().application_property("tries", 3_i64).value("text");
    /// let message = Message::try_from(message.build())?;
    /// // Numbers are compared by their value.
    /// assert!(ApplicationPropertiesFilter::new().value("tries", 3_u8).matches(&message)?);
    /// # Ok::<(), amqp_proto::message::MessageError>(())
    /// ```
    pub fn matches(&self, message: &Message) -> Result<bool, MessageError> {
        let properties = message.application_properties()?.unwrap_or_default();
        // Peers make both, and may make both large: no property is compared with each wanted one.
        let wanted: BTreeMap<&Str, &Value> = self.values().iter().collect();
        let is_match =
            |name: &Str, value: &Value| wanted.get(name).is_some_and(|wanted| is_wanted(wanted, value));
        Ok(properties.iter().filter(|(name, value)| is_match(name, value)).count() == wanted.len())
    }
}

/// 4.1.1: null matches everything, texts have modifiers, and numbers are compared across their types.
fn is_wanted(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::Null, _) => true,
        (Value::String(text), value) => {
            let wanted = TextMatch::parse(text);
            value.as_str().is_some_and(|value| wanted.is_some_and(|wanted| wanted.matches(value)))
        }
        (Value::Symbol(text), value) => value == text.as_str(),
        (wanted, value) => match (wanted.as_i128(), value.as_i128()) {
            (Some(wanted), Some(value)) => wanted == value,
            (None, None) if wanted.as_f64().is_none() => wanted == value,
            _ => as_double(wanted).is_some() && as_double(wanted) == as_double(value),
        },
    }
}

/// Returns a number of any type, rounded.
fn as_double(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_i128().map(|number| number as f64))
}

/// Returns a property by its name, or null.
fn property(properties: &Properties, name: &str) -> Value {
    let identity = |id: &Option<MessageId>| match id.clone() {
        None => Value::Null,
        Some(MessageId::Ulong(number)) => number.into(),
        Some(MessageId::Uuid(uuid)) => uuid.into(),
        Some(MessageId::Binary(bytes)) => bytes.into(),
        Some(MessageId::String(text)) => text.into(),
    };
    match name {
        "message-id" => identity(&properties.message_id),
        "user-id" => properties.user_id.clone().into(),
        "to" => properties.to.clone().into(),
        "subject" => properties.subject.clone().into(),
        "reply-to" => properties.reply_to.clone().into(),
        "correlation-id" => identity(&properties.correlation_id),
        "content-type" => properties.content_type.clone().into(),
        "content-encoding" => properties.content_encoding.clone().into(),
        "absolute-expiry-time" => properties.absolute_expiry_time.into(),
        "creation-time" => properties.creation_time.into(),
        "group-id" => properties.group_id.clone().into(),
        "group-sequence" => properties.group_sequence.map(|number| number.get()).into(),
        "reply-to-group-id" => properties.reply_to_group_id.clone().into(),
        _ => Value::Null,
    }
}
