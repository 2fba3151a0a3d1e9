//! Filters on the property sections: AMQP Filter Expressions v1.0 CSD01, part 4.

use alloc::{format, string::String};

use super::{Filter, FilterDescriptor, names};
use crate::{
    message::SimpleValue,
    spec::messaging::MessageId,
    types::{Fields, Map, Str, Symbol, Timestamp, Value},
};

/// A text that a property is compared with.
///
/// ```
/// use amqp_proto::extensions::filters::TextMatch;
///
/// assert_eq!(TextMatch::from("blue").to_expression(), "blue");
/// assert_eq!(TextMatch::from("&blue").to_expression(), "&&blue");
/// assert_eq!(TextMatch::prefix("bl").to_expression(), "&p:bl");
/// assert_eq!(TextMatch::suffix("ue").to_expression(), "&s:ue");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextMatch {
    /// The property is this text.
    Exact(Str),
    /// The property starts with this text.
    Prefix(Str),
    /// The property ends with this text.
    Suffix(Str),
}

impl TextMatch {
    /// Returns the match of properties that start with a text.
    pub fn prefix(text: impl Into<Str>) -> Self {
        Self::Prefix(text.into())
    }

    /// Returns the match of properties that end with a text.
    pub fn suffix(text: impl Into<Str>) -> Self {
        Self::Suffix(text.into())
    }

    /// Returns the text on the wire, with its modifier. An ampersand in front is doubled.
    pub fn to_expression(&self) -> String {
        match self {
            Self::Exact(text) if text.starts_with('&') => format!("&{text}"),
            Self::Exact(text) => text.as_str().into(),
            Self::Prefix(text) => format!("&p:{text}"),
            Self::Suffix(text) => format!("&s:{text}"),
        }
    }

    /// Reads the text on the wire, or returns `None` for a modifier that is not known.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::TextMatch;
    ///
    /// assert_eq!(TextMatch::parse("&p:bl"), Some(TextMatch::prefix("bl")));
    /// assert_eq!(TextMatch::parse("&x:bl"), None);
    /// ```
    pub fn parse(expression: &str) -> Option<Self> {
        let Some(rest) = expression.strip_prefix('&') else { return Some(expression.into()) };
        if let Some(text) = rest.strip_prefix("p:") {
            Some(Self::prefix(text))
        } else if let Some(text) = rest.strip_prefix("s:") {
            Some(Self::suffix(text))
        } else {
            rest.starts_with('&').then(|| rest.into())
        }
    }
}

impl<T: Into<Str>> From<T> for TextMatch {
    /// Returns the match of a whole text.
    fn from(text: T) -> Self {
        Self::Exact(text.into())
    }
}

/// A filter on values of the properties section. A message passes if all of them match.
///
/// RabbitMQ evaluates at most 16, and none at all if one has another type than the property.
///
/// ```
/// use amqp_proto::extensions::filters::{Filter, PropertiesFilter, TextMatch, names};
///
/// let properties = PropertiesFilter::new().subject(TextMatch::prefix("invoice.")).group_sequence(7);
/// let filter = Filter::from(properties);
/// assert_eq!(filter.name(), &names::PROPERTIES);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertiesFilter(Fields);

macro_rules! properties {
    ($($(#[$meta:meta])* $name:ident = $key:literal, $value:ident: $ty:ty => $encoded:expr;)*) => {
        impl PropertiesFilter {
            $(
                $(#[$meta])*
                #[must_use]
                pub fn $name(mut self, $value: $ty) -> Self {
                    const KEY: Symbol = Symbol::from_static($key);
                    self.0.insert(KEY, $encoded);
                    self
                }
            )*
        }
    };
}

properties! {
    /// Wants this message-id.
    message_id = "message-id", id: impl Into<MessageId> => identity(id.into());
    /// Wants this user-id.
    user_id = "user-id", id: &[u8] => id;
    /// Wants this text in `to`.
    to = "to", text: impl Into<TextMatch> => text.into().to_expression();
    /// Wants this subject.
    subject = "subject", text: impl Into<TextMatch> => text.into().to_expression();
    /// Wants this text in `reply-to`.
    reply_to = "reply-to", text: impl Into<TextMatch> => text.into().to_expression();
    /// Wants this correlation-id.
    correlation_id = "correlation-id", id: impl Into<MessageId> => identity(id.into());
    /// Wants this content-type.
    content_type = "content-type", content: Symbol => content;
    /// Wants this content-encoding.
    content_encoding = "content-encoding", encoding: Symbol => encoding;
    /// Wants this absolute-expiry-time.
    absolute_expiry_time = "absolute-expiry-time", time: Timestamp => time;
    /// Wants this creation-time.
    creation_time = "creation-time", time: Timestamp => time;
    /// Wants this group-id.
    group_id = "group-id", text: impl Into<TextMatch> => text.into().to_expression();
    /// Wants this group-sequence.
    group_sequence = "group-sequence", number: u32 => number;
    /// Wants this reply-to-group-id.
    reply_to_group_id = "reply-to-group-id", text: impl Into<TextMatch> => text.into().to_expression();
}

/// Returns an id as a reference value. A string is one of those texts that may have a modifier.
fn identity(id: MessageId) -> Value {
    match id {
        MessageId::String(text) => TextMatch::Exact(text).to_expression().into(),
        MessageId::Ulong(number) => number.into(),
        MessageId::Uuid(uuid) => uuid.into(),
        MessageId::Binary(bytes) => bytes.into(),
    }
}

impl PropertiesFilter {
    /// Returns a filter without a value, to which they are added.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the values of a filter, or returns `None` if the filter is another one.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::{Filter, PropertiesFilter};
    ///
    /// let wanted = PropertiesFilter::new().to("orders");
    /// assert_eq!(PropertiesFilter::of(&Filter::from(wanted.clone())), Some(wanted));
    /// assert_eq!(PropertiesFilter::of(&Filter::no_local()), None);
    /// ```
    pub fn of(filter: &Filter) -> Option<Self> {
        if !filter.is(&names::PROPERTIES) {
            return None;
        }
        Fields::try_from(filter.value.as_map()?.clone()).ok().map(Self)
    }

    /// Returns the values by the names of their properties.
    pub const fn values(&self) -> &Fields {
        &self.0
    }
}

impl From<PropertiesFilter> for Filter {
    fn from(properties: PropertiesFilter) -> Self {
        Self::new(names::PROPERTIES, FilterDescriptor::Code(0x173), properties.0)
    }
}

/// A filter on values of the application-properties section. A message passes if all of them match.
///
/// ```
/// use amqp_proto::extensions::filters::{ApplicationPropertiesFilter, Filter, TextMatch, names};
///
/// let properties = ApplicationPropertiesFilter::new().text("region", TextMatch::suffix("-eu")).value("tries", 3_u32);
/// let filter = Filter::from(properties);
/// assert_eq!(filter.name(), &names::APPLICATION_PROPERTIES);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationPropertiesFilter(Map<Str>);

impl ApplicationPropertiesFilter {
    /// Returns a filter without a value, to which they are added.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wants this text in a property.
    #[must_use]
    pub fn text(mut self, name: impl Into<Str>, text: impl Into<TextMatch>) -> Self {
        self.0.insert(name, text.into().to_expression());
        self
    }

    /// Wants this value in a property. A string is wanted as it is; for parts of one see [`text`](Self::text).
    #[must_use]
    pub fn value(mut self, name: impl Into<Str>, value: impl Into<SimpleValue>) -> Self {
        let value = match value.into().into_value() {
            Value::String(text) => TextMatch::Exact(text).to_expression().into(),
            value => value,
        };
        self.0.insert(name, value);
        self
    }

    /// Reads the values of a filter, or returns `None` if the filter is another one.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::{ApplicationPropertiesFilter, Filter};
    ///
    /// let wanted = ApplicationPropertiesFilter::new().value("tries", 3_u32);
    /// assert_eq!(ApplicationPropertiesFilter::of(&Filter::from(wanted.clone())), Some(wanted));
    /// ```
    pub fn of(filter: &Filter) -> Option<Self> {
        if !filter.is(&names::APPLICATION_PROPERTIES) {
            return None;
        }
        Map::<Str>::try_from(filter.value.as_map()?.clone()).ok().map(Self)
    }

    /// Returns the values by the names of their properties.
    pub const fn values(&self) -> &Map<Str> {
        &self.0
    }
}

impl From<ApplicationPropertiesFilter> for Filter {
    fn from(properties: ApplicationPropertiesFilter) -> Self {
        Self::new(names::APPLICATION_PROPERTIES, FilterDescriptor::Code(0x174), properties.0)
    }
}
