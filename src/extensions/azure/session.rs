//! Sessions of Service Bus: the filter that asks for one, and the answer.
//!
//! Sources: the SDKs of Service Bus; azure-amqp #231, which shows that the service answers without a descriptor.

use super::{names, timestamp_from_ticks};
use crate::{
    extensions::filters::{Filter, FilterDescriptor},
    spec::terminus::Source,
    types::{Fields, Str, Timestamp, Value},
};

const DESCRIPTOR: FilterDescriptor = FilterDescriptor::Code(0x0000_0137_0000_000C);

/// The session whose messages a receiver wants. The receiver has the session's lock until it is closed.
///
/// The group-id of a message is its session.
///
/// ```
/// use amqp_proto::{
///     ReceiverConfig,
///     extensions::{azure::SessionFilter, filters::Filter},
///     spec::terminus::Source,
/// };
///
/// let mut source = Source::at("orders");
/// Filter::from(SessionFilter::Named("customer-7".into())).add_to(&mut source);
/// let config = ReceiverConfig::from("orders").source(source);
/// # assert!(format!("{config:?}").contains("customer-7"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionFilter {
    /// This session, of an id of 128 characters at most.
    Named(Str),
    /// The next session that has messages and no receiver.
    Next,
}

impl SessionFilter {
    /// Reads the session that a receiver asks for: the server's half. Returns `None` without such a filter.
    ///
    /// ```
    /// use amqp_proto::{
    ///     extensions::{azure::SessionFilter, filters::Filter},
    ///     spec::terminus::Source,
    /// };
    ///
    /// let mut source = Source::at("orders");
    /// assert_eq!(SessionFilter::of(&source), None);
    /// Filter::from(SessionFilter::Next).add_to(&mut source);
    /// assert_eq!(SessionFilter::of(&source), Some(SessionFilter::Next));
    /// ```
    pub fn of(source: &Source) -> Option<Self> {
        // A null without a descriptor is not read as a filter, and asks for no session.
        match find(source)?.value() {
            Value::Null => Some(Self::Next),
            value => value.as_str().map(|session| Self::Named(session.into())),
        }
    }
}

impl From<SessionFilter> for Filter {
    fn from(filter: SessionFilter) -> Self {
        let session = match filter {
            SessionFilter::Named(session) => Value::String(session),
            SessionFilter::Next => Value::Null,
        };
        Self::new(names::SESSION_FILTER, DESCRIPTOR, session)
    }
}

/// Returns the session that the service has locked, from the source of its attach. Returns `None` if there is none.
///
/// The service writes the filter without its descriptor; a value with one is read too.
///
/// ```
/// use amqp_proto::{
///     extensions::azure::{accepted_session, names},
///     spec::terminus::{FilterSet, Source},
/// };
///
/// let filter = FilterSet::new().with(names::SESSION_FILTER, "customer-7");
/// let source = Source { filter: Some(filter), ..Source::at("orders") };
/// assert_eq!(accepted_session(&source).as_deref(), Some("customer-7"));
/// ```
pub fn accepted_session(source: &Source) -> Option<Str> {
    find(source)?.value().as_str().map(Str::from)
}

fn find(source: &Source) -> Option<Filter> {
    let mut filters = Filter::read(source.filter.as_ref()).into_iter();
    filters.find(|filter| match filter.descriptor() {
        Some(descriptor) => descriptor.is_same_type(&DESCRIPTOR),
        None => *filter.name() == names::SESSION_FILTER,
    })
}

/// Returns the end of the lock of a session, from the properties of the service's attach.
///
/// ```
/// use amqp_proto::{
///     extensions::azure::{locked_until, names, ticks_from_timestamp},
///     types::{Fields, Timestamp},
/// };
///
/// let end = Timestamp::from_millis(1_700_000_000_000);
/// let properties = Fields::new().with(names::LOCKED_UNTIL_UTC, ticks_from_timestamp(end));
/// assert_eq!(locked_until(&properties), Some(end));
/// ```
pub fn locked_until(properties: &Fields) -> Option<Timestamp> {
    let ticks = properties.get(names::LOCKED_UNTIL_UTC.as_str()).and_then(Value::as_i64);
    ticks.map(timestamp_from_ticks)
}
