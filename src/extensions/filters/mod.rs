//! Filters of a source (3.5.8): typed, each with the descriptor and the encoding that brokers expect.
//!
//! | filter | source | spoken by | here |
//! |---|---|---|---|
//! | selector, no-local, legacy bindings | amqp.org's registry of filters | Qpid, Artemis, Event Hubs, RabbitMQ 4.2 | [`Filter::selector`] and others |
//! | properties, SQL | AMQP Filter Expressions v1.0 CSD01 | RabbitMQ 4.1 | [`PropertiesFilter`], [`ApplicationPropertiesFilter`], [`Filter::sql`] |
//! | stream offset and filter | RabbitMQ's documentation | RabbitMQ | [`StreamOffset`], [`Filter::stream_filter`] |
//! | event position | SDKs of Event Hubs | Event Hubs, IoT Hub | [`EventPosition`] |
//!
//! A peer drops the filters that it does not support, and answers with those in place. 3.5.3 makes the receiver check
//! them, which [`in_force()`] does:
//!
//! ```
//! use amqp_proto::{
//!     CommandError, Connection, ReceiverConfig, ReceiverId, SessionId,
//!     extensions::filters::{Filter, StreamOffset, in_force},
//!     spec::terminus::Source,
//! };
//!
//! fn filters() -> [Filter; 2] {
//!     [StreamOffset::First.into(), Filter::stream_filter(["invoices"])]
//! }
//!
//! fn attach(connection: &mut Connection, session: SessionId) -> Result<ReceiverId, CommandError> {
//!     let mut source = Source::at("/queues/orders");
//!     filters().into_iter().for_each(|filter| filter.add_to(&mut source));
//!     connection.session(session)?.attach_receiver(ReceiverConfig::new().source(source))
//! }
//!
//! fn on_open(connection: &mut Connection, receiver: ReceiverId) -> Result<(), CommandError> {
//!     let attach = connection.receiver_ref(receiver)?.remote_attach();
//!     let answered = attach.and_then(|attach| attach.source).and_then(|source| source.filter);
//!     if !in_force(&filters(), answered.as_ref()).missing.is_empty() {
//!         connection.receiver(receiver)?.close(None)?;
//!     }
//!     Ok(())
//! }
//! ```

mod apache;
mod expressions;
mod in_force;
mod matching;
pub mod names;
mod position;
mod stream;

pub use expressions::{ApplicationPropertiesFilter, PropertiesFilter, TextMatch};
pub use in_force::{InForce, Missing, MissingReason, in_force};
pub use position::EventPosition;
pub use stream::StreamOffset;

use alloc::vec::Vec;

use crate::{
    spec::terminus::{FilterSet, Source},
    types::{Described, Symbol, Value},
};

/// The type of a filter: the descriptor of its value.
///
/// ```
/// use amqp_proto::extensions::filters::FilterDescriptor;
///
/// let by_code = FilterDescriptor::Code(0x0000_468C_0000_0004);
/// let by_name = FilterDescriptor::Name("apache.org:selector-filter:string".parse()?);
/// assert!(by_code.is_same_type(&by_name));
/// # Ok::<(), amqp_proto::types::SymbolError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterDescriptor {
    /// A numeric descriptor.
    Code(u64),
    /// A symbolic descriptor.
    Name(Symbol),
}

impl FilterDescriptor {
    /// True if both stand for the same type, also if only one of them is the symbolic form.
    pub fn is_same_type(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Code(code), Self::Name(name)) | (Self::Name(name), Self::Code(code)) => {
                names::DESCRIPTORS.iter().any(|(known, text)| known == code && text == name)
            }
            (one, other) => one == other,
        }
    }

    /// Returns the symbolic form, if there is one or if it is known for the code.
    fn symbol(&self) -> Option<Symbol> {
        match self {
            Self::Name(name) => Some(name.clone()),
            Self::Code(code) => {
                names::DESCRIPTORS.into_iter().find(|(known, _)| known == code).map(|(_, name)| name)
            }
        }
    }
}

/// A named filter of a source: a key of its filter set, and a value with its descriptor.
///
/// ```
/// use amqp_proto::{extensions::filters::Filter, spec::terminus::Source};
///
/// let mut source = Source::at("orders");
/// Filter::selector("colour = 'blue'").add_to(&mut source);
/// let filters = Filter::read(source.filter.as_ref());
/// assert_eq!(filters, [Filter::selector("colour = 'blue'")]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    name: Symbol,
    /// None if a peer has left it out.
    descriptor: Option<FilterDescriptor>,
    value: Value,
}

impl Filter {
    /// Returns a filter of any type, such as one of a broker's own.
    ///
    /// ```
    /// use amqp_proto::{extensions::filters::{Filter, FilterDescriptor}, types::{Symbol, Value}};
    ///
    /// const SESSION: Symbol = Symbol::from_static("com.microsoft:session-filter");
    /// let next_free = Filter::new(SESSION, FilterDescriptor::Code(0x0000_0137_0000_000C), Value::Null);
    /// assert_eq!(next_free.name(), &SESSION);
    /// ```
    pub fn new(name: Symbol, descriptor: FilterDescriptor, value: impl Into<Value>) -> Self {
        Self { name, descriptor: Some(descriptor), value: value.into() }
    }

    /// Returns the filter with this key in the filter set. Qpid JMS and RabbitMQ look at some keys.
    ///
    /// ```
    /// use amqp_proto::{extensions::filters::{Filter, names}};
    ///
    /// let selector = Filter::selector("colour = 'blue'").named(names::JMS_SELECTOR);
    /// assert_eq!(selector.name(), &names::JMS_SELECTOR);
    /// ```
    #[must_use]
    pub fn named(mut self, name: Symbol) -> Self {
        self.name = name;
        self
    }

    /// Returns the key in the filter set.
    pub const fn name(&self) -> &Symbol {
        &self.name
    }

    /// Returns the type, or `None` if a peer wrote the value without a descriptor.
    pub const fn descriptor(&self) -> Option<&FilterDescriptor> {
        self.descriptor.as_ref()
    }

    /// Returns the value without its descriptor.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// True if the filter has this type. A filter without a descriptor is taken by its key.
    fn is(&self, name: &Symbol) -> bool {
        match &self.descriptor {
            Some(descriptor) => descriptor.is_same_type(&FilterDescriptor::Name(name.clone())),
            None => self.name == *name,
        }
    }

    /// Adds the filter to those of a source. It replaces one with the same key.
    ///
    /// ```
    /// use amqp_proto::{extensions::filters::Filter, spec::terminus::Source};
    ///
    /// let mut source = Source::at("orders");
    /// Filter::no_local().add_to(&mut source);
    /// assert!(source.filter.is_some_and(|set| set.contains_key("apache.org:no-local-filter:list")));
    /// ```
    pub fn add_to(self, source: &mut Source) {
        let value = match self.descriptor {
            Some(FilterDescriptor::Code(code)) => Described::new(code, self.value).into(),
            Some(FilterDescriptor::Name(name)) => Described::new(name, self.value).into(),
            None => self.value,
        };
        source.filter.get_or_insert_default().insert(self.name, value);
    }

    /// Reads the filters of a source. The null filter restricts nothing (3.5.8), and is left out.
    ///
    /// A value without a descriptor is read too: Service Bus and RabbitMQ's clients write such values.
    ///
    /// ```
    /// use amqp_proto::{extensions::filters::{Filter, names}, spec::terminus::FilterSet};
    ///
    /// let answered = FilterSet::new().with(names::SELECTOR, "colour = 'blue'");
    /// let [filter] = &Filter::read(Some(&answered))[..] else { panic!("one filter") };
    /// assert_eq!(filter.selector_text(), Some("colour = 'blue'"));
    /// ```
    pub fn read(set: Option<&FilterSet>) -> Vec<Self> {
        set.into_iter().flatten().filter_map(|(name, value)| Self::of(name, value)).collect()
    }

    /// Reads one entry of a filter set.
    fn of(name: &Symbol, value: &Value) -> Option<Self> {
        let (descriptor, value) = match value {
            Value::Null => return None,
            Value::Described(described) => {
                let descriptor = match &described.descriptor {
                    Value::Symbol(name) => FilterDescriptor::Name(name.clone()),
                    code => FilterDescriptor::Code(code.as_u64()?),
                };
                (Some(descriptor), described.value.clone())
            }
            value => (None, value.clone()),
        };
        Some(Self { name: name.clone(), descriptor, value })
    }
}
