//! Filters of amqp.org's registry, and the SQL filter.

use alloc::vec::Vec;

use super::{Filter, FilterDescriptor, names};
use crate::{
    message::ApplicationProperties,
    types::{Map, Str, Value},
};

impl Filter {
    /// Returns a selector in the syntax of JMS, under the key that Artemis, Event Hubs and Qpid's brokers know.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::{Filter, FilterDescriptor};
    ///
    /// let filter = Filter::selector("amqp.annotation.x-opt-offset > '@latest'");
    /// assert_eq!(filter.descriptor(), Some(&FilterDescriptor::Code(0x0000_468C_0000_0004)));
    /// ```
    pub fn selector(text: impl Into<Str>) -> Self {
        Self::new(names::SELECTOR, FilterDescriptor::Code(0x0000_468C_0000_0004), text.into())
    }

    /// Returns the text of a selector, or `None` if the filter is another one.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::Filter;
    ///
    /// assert_eq!(Filter::selector("a = 1").selector_text(), Some("a = 1"));
    /// assert_eq!(Filter::no_local().selector_text(), None);
    /// ```
    pub fn selector_text(&self) -> Option<&str> {
        let is_selector =
            self.is(&names::SELECTOR) || (self.descriptor.is_none() && self.name == names::JMS_SELECTOR);
        if is_selector { self.value.as_str() } else { None }
    }

    /// Returns the filter that keeps messages of the same connection away.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::{Filter, names};
    ///
    /// assert_eq!(Filter::no_local().name(), &names::NO_LOCAL);
    /// ```
    pub fn no_local() -> Self {
        Self::new(names::NO_LOCAL, FilterDescriptor::Code(0x0000_468C_0000_0003), Vec::<Value>::new())
    }

    /// Returns the filter on an equal subject: a direct binding of AMQP 0-10.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::{Filter, names};
    ///
    /// assert_eq!(Filter::direct_binding("invoices").name(), &names::DIRECT_BINDING);
    /// ```
    pub fn direct_binding(key: impl Into<Str>) -> Self {
        Self::new(names::DIRECT_BINDING, FilterDescriptor::Code(0x0000_468C_0000_0000), key.into())
    }

    /// Returns the filter on a pattern of the subject, with `*` and `#`: a topic binding of AMQP 0-10.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::{Filter, names};
    ///
    /// assert_eq!(Filter::topic_binding("invoices.#").name(), &names::TOPIC_BINDING);
    /// ```
    pub fn topic_binding(pattern: impl Into<Str>) -> Self {
        Self::new(names::TOPIC_BINDING, FilterDescriptor::Code(0x0000_468C_0000_0001), pattern.into())
    }

    /// Returns the filter on application-properties: a headers binding of AMQP 0-10.
    ///
    /// The entry `x-match` decides if `all` or `any` of the others must be equal.
    ///
    /// ```
    /// use amqp_proto::{extensions::filters::{Filter, names}, message::ApplicationProperties};
    ///
    /// let entries = ApplicationProperties::new().with("x-match", "all").with("colour", "blue");
    /// assert_eq!(Filter::headers_binding(entries).name(), &names::HEADERS_BINDING);
    /// ```
    pub fn headers_binding(entries: ApplicationProperties) -> Self {
        let entries: Map<Str> = entries.into_iter().collect();
        Self::new(names::HEADERS_BINDING, FilterDescriptor::Code(0x0000_468C_0000_0002), entries)
    }

    /// Returns the filter with an expression of AMQP SQL, under the key that RabbitMQ demands.
    ///
    /// ```
    /// use amqp_proto::extensions::filters::{Filter, FilterDescriptor};
    ///
    /// let filter = Filter::sql("p.subject LIKE 'invoice%' AND region IN ('eu', 'us')");
    /// assert_eq!(filter.name(), "sql-filter");
    /// assert_eq!(filter.descriptor(), Some(&FilterDescriptor::Code(0x120)));
    /// ```
    pub fn sql(text: impl Into<Str>) -> Self {
        Self::new(names::SQL_KEY, FilterDescriptor::Code(0x120), text.into())
    }
}
