//! Descriptors of filters, which are also their usual keys, and capabilities.
//!
//! Sources: amqp.org's registry of filters; AMQP Filter Expressions v1.0 CSD01; RabbitMQ's `amqp10_filter.hrl`.

use crate::types::Symbol;

symbols! {
    /// Filter: a direct binding of AMQP 0-10, code 0x0000468C00000000.
    DIRECT_BINDING = "apache.org:legacy-amqp-direct-binding:string";
    /// Filter: a topic binding of AMQP 0-10, code 0x0000468C00000001.
    TOPIC_BINDING = "apache.org:legacy-amqp-topic-binding:string";
    /// Filter: a headers binding of AMQP 0-10, code 0x0000468C00000002.
    HEADERS_BINDING = "apache.org:legacy-amqp-headers-binding:map";
    /// Filter: no messages of the same connection, code 0x0000468C00000003.
    NO_LOCAL = "apache.org:no-local-filter:list";
    /// Filter: a selector in the syntax of JMS, code 0x0000468C00000004.
    SELECTOR = "apache.org:selector-filter:string";
    /// The key under which Qpid JMS writes a selector.
    JMS_SELECTOR = "jms-selector";
    /// The key under which Qpid JMS writes a no-local filter.
    JMS_NO_LOCAL = "no-local";
    /// Filter: an expression of AMQP SQL, code 0x120.
    SQL = "amqp:sql-filter";
    /// The key that RabbitMQ demands of an expression of AMQP SQL.
    SQL_KEY = "sql-filter";
    /// Filter: values of the properties section, code 0x173.
    PROPERTIES = "amqp:properties-filter";
    /// Filter: values of the application-properties section, code 0x174.
    APPLICATION_PROPERTIES = "amqp:application-properties-filter";
    /// Filter of RabbitMQ: the place in a stream to start from.
    STREAM_OFFSET = "rabbitmq:stream-offset-spec";
    /// Filter of RabbitMQ: the filter values of wanted messages.
    STREAM_FILTER = "rabbitmq:stream-filter";
    /// Filter of RabbitMQ: messages without a filter value are wanted too.
    STREAM_MATCH_UNFILTERED = "rabbitmq:stream-match-unfiltered";
    /// Capability of a source: it supports selectors.
    SELECTOR_CAPABILITY = "APACHE.ORG:SELECTOR";
    /// Capability of a source: it supports no-local filters.
    NO_LOCAL_CAPABILITY = "APACHE.ORG:NO_LOCAL";
    /// Capability of a source: it supports the three legacy bindings.
    LEGACY_BINDINGS_CAPABILITY = "APACHE.ORG:LEGACY_AMQP_EXCHANGE_FILTERS";
    /// Capability: filters on both property sections are supported.
    PROPERTIES_CAPABILITY = "AMQP_FILTEX_PROP_V1_0";
    /// Capability: expressions of AMQP SQL are supported.
    SQL_CAPABILITY = "AMQP_FILTEX_SQL_V1_0";
}

/// The descriptors that have a numeric form.
pub(super) const DESCRIPTORS: [(u64, Symbol); 9] = [
    (0x0000_468C_0000_0000, DIRECT_BINDING),
    (0x0000_468C_0000_0001, TOPIC_BINDING),
    (0x0000_468C_0000_0002, HEADERS_BINDING),
    (0x0000_468C_0000_0003, NO_LOCAL),
    (0x0000_468C_0000_0004, SELECTOR),
    (0x120, SQL),
    (0x173, PROPERTIES),
    (0x174, APPLICATION_PROPERTIES),
    (0x0000_0137_0000_000C, Symbol::from_static("com.microsoft:session-filter")),
];
