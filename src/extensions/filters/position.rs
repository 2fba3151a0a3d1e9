//! The place in a partition of Event Hubs, as a selector.
//!
//! Source: the SDKs of Event Hubs and AMQP.Net Lite's notes on them.

use alloc::{format, string::String};

use super::Filter;
use crate::types::{Str, Timestamp};

/// The place in a partition of an event hub that a receiver starts from.
///
/// ```
/// use amqp_proto::extensions::filters::{EventPosition, Filter};
///
/// let position = EventPosition::Sequence { number: 7, inclusive: true };
/// let filter = Filter::from(position);
/// assert_eq!(filter.selector_text(), Some("amqp.annotation.x-opt-sequence-number >= '7'"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventPosition {
    /// The first event that the partition still has.
    Earliest,
    /// The first event that is sent after the attach.
    Latest,
    /// The event behind this offset, or the one at it.
    Offset {
        /// The annotation `x-opt-offset` of an event.
        offset: Str,
        /// True to start at the event itself.
        inclusive: bool,
    },
    /// The event behind this sequence number, or the one with it.
    Sequence {
        /// The annotation `x-opt-sequence-number` of an event.
        number: i64,
        /// True to start at the event itself.
        inclusive: bool,
    },
    /// The first event that was enqueued after this time.
    Enqueued(Timestamp),
}

impl EventPosition {
    /// Returns the text of the selector.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::EventPosition;
    ///
    /// assert_eq!(EventPosition::Latest.to_selector(), "amqp.annotation.x-opt-offset > '@latest'");
    /// ```
    pub fn to_selector(&self) -> String {
        let operator = |inclusive: bool| if inclusive { ">=" } else { ">" };
        match self {
            Self::Earliest => selector("offset", ">", "-1"),
            Self::Latest => selector("offset", ">", "@latest"),
            // A quote within a text of a selector is doubled.
            Self::Offset { offset, inclusive } => {
                selector("offset", operator(*inclusive), &offset.as_str().replace('\'', "''"))
            }
            Self::Sequence { number, inclusive } => {
                selector("sequence-number", operator(*inclusive), &format!("{number}"))
            }
            Self::Enqueued(time) => selector("enqueued-time", ">", &format!("{}", time.as_millis())),
        }
    }
}

fn selector(annotation: &str, operator: &str, value: &str) -> String {
    format!("amqp.annotation.x-opt-{annotation} {operator} '{value}'")
}

impl From<EventPosition> for Filter {
    fn from(position: EventPosition) -> Self {
        Self::selector(position.to_selector())
    }
}
