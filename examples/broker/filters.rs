//! The filters of a consumer (3.5.8): which of those asked for are in force, and which messages pass them.

use amqp_proto::{
    extensions::filters::{
        ApplicationPropertiesFilter, Filter, FilterDescriptor, PropertiesFilter, TextMatch, names,
    },
    message::{Message, MessageError},
    spec::terminus::FilterSet,
    types::{Kind, Value},
};

use crate::{selector::Selector, stored::Stored};

/// The most comparisons for one message. A filter that needs more is not in force.
const COMPARISONS: usize = 32;

/// The names of properties that a filter may compare (3.2.4).
const PROPERTIES: [&str; 13] = [
    "message-id",
    "user-id",
    "to",
    "subject",
    "reply-to",
    "correlation-id",
    "content-type",
    "content-encoding",
    "absolute-expiry-time",
    "creation-time",
    "group-id",
    "group-sequence",
    "reply-to-group-id",
];

/// A filter that the broker evaluates.
enum Test {
    NoLocal,
    Selector(Selector),
    Properties(PropertiesFilter),
    ApplicationProperties(ApplicationPropertiesFilter),
}

/// The filters in force. A message passes if it passes each.
#[derive(Default)]
pub struct Filters {
    tests: Vec<Test>,
    /// The comparisons for one message, at most.
    comparisons: usize,
}

impl Filters {
    /// Returns the filters that can be evaluated, and the answer to those asked for: 3.5.3 wants those in force.
    ///
    /// `last` is the number of the last message that was enqueued.
    pub fn of(asked: Option<&FilterSet>, last: u64) -> (Self, Option<FilterSet>) {
        let (mut tests, mut in_force) = (Vec::new(), FilterSet::new());
        let mut left = COMPARISONS;
        for (name, value) in asked.into_iter().flatten() {
            let one = FilterSet::new().with(name.clone(), value.clone());
            let Some(filter) = Filter::read(Some(&one)).pop() else { continue };
            let Some(test) = Test::of(&filter, last) else { continue };
            let Some(rest) = left.checked_sub(test.comparisons()) else { continue };
            left = rest;
            tests.push(test);
            in_force.insert(name.clone(), value.clone());
        }
        let answer = Some(in_force).filter(|filters| !filters.is_empty());
        (Self { tests, comparisons: COMPARISONS - left }, answer)
    }

    /// Returns the number of comparisons for one message, at most.
    pub fn comparisons(&self) -> usize {
        self.comparisons
    }

    /// True if a message passes on a link of this connection.
    pub fn pass(&self, peer: usize, number: u64, stored: &Stored) -> bool {
        if self.tests.iter().any(|test| matches!(test, Test::NoLocal)) && stored.from == peer {
            return false;
        }
        if self.tests.iter().all(|test| matches!(test, Test::NoLocal)) {
            return true;
        }
        // A message that cannot be read has nothing to compare.
        stored.message().is_some_and(|message| {
            self.tests.iter().all(|test| test.pass(number, stored, &message).unwrap_or(false))
        })
    }
}

impl Test {
    /// Returns the test of a filter, or `None` if the broker cannot evaluate it.
    fn of(filter: &Filter, last: u64) -> Option<Self> {
        if let Some(text) = filter.selector_text() {
            return Selector::parse(text, last).map(Self::Selector);
        }
        if let Some(properties) = PropertiesFilter::of(filter) {
            let is_known = |name: &str, value| PROPERTIES.contains(&name) && is_readable(value);
            let all_known = properties.values().iter().all(|(name, value)| is_known(name, value));
            return all_known.then_some(Self::Properties(properties));
        }
        if let Some(properties) = ApplicationPropertiesFilter::of(filter) {
            let all_readable = properties.values().values().all(is_readable);
            return all_readable.then_some(Self::ApplicationProperties(properties));
        }
        let no_local = FilterDescriptor::Name(names::NO_LOCAL);
        filter.descriptor()?.is_same_type(&no_local).then_some(Self::NoLocal)
    }

    /// Returns the number of comparisons. One without any looks into the message all the same.
    fn comparisons(&self) -> usize {
        let comparisons = match self {
            Self::NoLocal => 1,
            Self::Selector(selector) => selector.comparisons(),
            Self::Properties(properties) => properties.values().len(),
            Self::ApplicationProperties(properties) => properties.values().len(),
        };
        comparisons.max(1)
    }

    fn pass(&self, number: u64, stored: &Stored, message: &Message) -> Result<bool, MessageError> {
        match self {
            Self::NoLocal => Ok(true),
            Self::Selector(selector) => selector.matches(number, stored.enqueued, message),
            Self::Properties(properties) => properties.matches(message),
            Self::ApplicationProperties(properties) => properties.matches(message),
        }
    }
}

/// True if a wanted value has no modifier that is unknown here, and can be a property's: others are not kept.
fn is_readable(value: &Value) -> bool {
    // 3.2.5: the values of application-properties are of simple types, as are properties (3.2.4).
    let is_simple = !matches!(value.kind(), Kind::List | Kind::Map | Kind::Array | Kind::Described);
    is_simple && !matches!(value, Value::String(text) if TextMatch::parse(text).is_none())
}
