//! Filters of RabbitMQ's streams.
//!
//! Source: RabbitMQ's documentation of stream filtering, and `rabbit_amqp_session.erl`. The server knows these
//! descriptors as symbols only, and texts as strings only.

use alloc::vec::Vec;

use super::{Filter, FilterDescriptor, names};
use crate::{
    extensions::status::items,
    types::{Str, Symbol, Timestamp, Value},
};

/// The place in a RabbitMQ stream that a receiver starts from.
///
/// ```
/// use amqp_proto::{extensions::filters::{Filter, StreamOffset}, spec::terminus::Source};
///
/// let mut source = Source::at("/queues/orders");
/// Filter::from(StreamOffset::Offset(1000)).add_to(&mut source);
/// let filters = Filter::read(source.filter.as_ref());
/// assert_eq!(filters.iter().find_map(StreamOffset::of), Some(StreamOffset::Offset(1000)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamOffset {
    /// The first message that the stream still has.
    First,
    /// The first message of the last chunk.
    Last,
    /// The first message that is published after the attach. RabbitMQ's default.
    Next,
    /// The message with this offset, or the next one that there is.
    Offset(u64),
    /// The chunk of this time. RabbitMQ rounds down to seconds.
    Timestamp(Timestamp),
    /// As far back as this text, such as `10m`, `7D` or `1Y`.
    Interval(Str),
}

impl StreamOffset {
    /// Reads the offset of a filter, or returns `None` if the filter is another one.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::{Filter, StreamOffset};
    ///
    /// assert_eq!(StreamOffset::of(&StreamOffset::Next.into()), Some(StreamOffset::Next));
    /// assert_eq!(StreamOffset::of(&Filter::no_local()), None);
    /// ```
    pub fn of(filter: &Filter) -> Option<Self> {
        if !filter.is(&names::STREAM_OFFSET) {
            return None;
        }
        match filter.value.as_str() {
            Some("first") => Some(Self::First),
            Some("last") => Some(Self::Last),
            Some("next") => Some(Self::Next),
            Some(text) => Some(Self::Interval(text.into())),
            None => match &filter.value {
                Value::Timestamp(time) => Some(Self::Timestamp(*time)),
                number => number.as_i128()?.try_into().ok().map(Self::Offset),
            },
        }
    }
}

impl From<StreamOffset> for Filter {
    fn from(offset: StreamOffset) -> Self {
        let value: Value = match offset {
            StreamOffset::First => "first".into(),
            StreamOffset::Last => "last".into(),
            StreamOffset::Next => "next".into(),
            // RabbitMQ's clients write a long, which holds every offset that a stream can have.
            StreamOffset::Offset(offset) => i64::try_from(offset).map_or(offset.into(), Value::Long),
            StreamOffset::Timestamp(time) => time.into(),
            StreamOffset::Interval(text) => text.into(),
        };
        by_symbol(names::STREAM_OFFSET, value)
    }
}

impl Filter {
    /// Returns the filter on the chunks of a stream that have messages with one of these filter values.
    ///
    /// A Bloom filter decides, so other messages of such a chunk arrive too.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::Filter;
    ///
    /// let filter = Filter::stream_filter(["invoices", "orders"]);
    /// assert_eq!(filter.stream_filter_values(), ["invoices", "orders"]);
    /// ```
    pub fn stream_filter<T: Into<Str>>(values: impl IntoIterator<Item = T>) -> Self {
        let values: Value = values.into_iter().map(Into::into).collect();
        by_symbol(names::STREAM_FILTER, values)
    }

    /// Returns the values of a stream filter, one or a list. It is empty for another filter.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::Filter;
    ///
    /// assert!(Filter::no_local().stream_filter_values().is_empty());
    /// ```
    pub fn stream_filter_values(&self) -> Vec<&str> {
        if !self.is(&names::STREAM_FILTER) {
            return Vec::new();
        }
        match self.value.as_str() {
            Some(text) => [text].into(),
            None => items(&self.value).unwrap_or_default().iter().filter_map(Value::as_str).collect(),
        }
    }

    /// Returns the filter that decides about messages without a filter value. RabbitMQ's default is false.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::{Filter, names};
    ///
    /// assert_eq!(Filter::stream_match_unfiltered(true).name(), &names::STREAM_MATCH_UNFILTERED);
    /// ```
    pub fn stream_match_unfiltered(matches: bool) -> Self {
        by_symbol(names::STREAM_MATCH_UNFILTERED, matches.into())
    }
}

fn by_symbol(name: Symbol, value: Value) -> Filter {
    Filter::new(name.clone(), FilterDescriptor::Name(name), value)
}
