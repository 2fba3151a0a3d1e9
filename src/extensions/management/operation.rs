//! The operations of a management node, as requests.

use core::fmt;

use super::{NODE_NAME, NODE_TYPE};
use crate::{
    message::{ApplicationProperties, Message, MessageBuilder, MessageError, SimpleValue, ValueBody},
    types::{Map, Str, Value},
};

/// The entity that an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity<'a> {
    /// The one of this name, which is unique for its type.
    Name(&'a str),
    /// The one of this identity, which is unique at the node and does not change.
    Identity(&'a str),
}

/// A request for an operation: application-properties and a body.
///
/// `Debug` shows neither the values of the properties nor the body, which may have secrets: Azure's `security_token`
/// is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Operation {
    properties: ApplicationProperties,
    body: Value,
}

impl Operation {
    /// Returns an operation of any name, with an empty map as body, such as `com.microsoft:peek-message`.
    pub fn new(name: impl Into<Str>) -> Self {
        let properties = ApplicationProperties::new().with(OPERATION, name.into());
        Self { properties, body: Value::Map(Map::new()) }
    }

    /// Returns an operation on an entity.
    fn on(name: &'static str, entity_type: &str, entity: Entity<'_>) -> Self {
        let operation = Self::new(Str::from_static(name)).property(TYPE, entity_type);
        match entity {
            Entity::Name(name) => operation.property(NAME, name),
            Entity::Identity(identity) => operation.property(IDENTITY, identity),
        }
    }

    /// Returns an operation on the node itself, for the entities of one type or of all.
    fn of_node(name: &'static str, entity_type: Option<&str>) -> Self {
        let operation = Self::on(name, NODE_TYPE, Entity::Name(NODE_NAME));
        match entity_type {
            Some(entity_type) => operation.property(ENTITY_TYPE, entity_type),
            None => operation,
        }
    }

    /// CREATE: makes an entity with these attributes.
    pub fn create(entity_type: &str, name: &str, attributes: Map<Str>) -> Self {
        Self::on("CREATE", entity_type, Entity::Name(name)).body(attributes)
    }

    /// READ: asks for the attributes of an entity.
    pub fn read(entity_type: &str, entity: Entity<'_>) -> Self {
        Self::on("READ", entity_type, entity)
    }

    /// UPDATE: changes these attributes of an entity. A null deletes one.
    pub fn update(entity_type: &str, entity: Entity<'_>, attributes: Map<Str>) -> Self {
        Self::on("UPDATE", entity_type, entity).body(attributes)
    }

    /// DELETE: removes an entity.
    pub fn delete(entity_type: &str, entity: Entity<'_>) -> Self {
        Self::on("DELETE", entity_type, entity)
    }

    /// QUERY: asks for these attributes of all entities of a type; without names for all attributes.
    pub fn query<'a>(entity_type: Option<&str>, attribute_names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Value = attribute_names.into_iter().collect();
        Self::of_node("QUERY", entity_type).body(Map::<Str>::new().with(ATTRIBUTE_NAMES, names))
    }

    /// GET-TYPES: asks for the types of entities, with those that each extends.
    pub fn types(entity_type: Option<&str>) -> Self {
        Self::of_node("GET-TYPES", entity_type)
    }

    /// GET-ATTRIBUTES: asks for the names of the attributes of each type.
    pub fn attributes(entity_type: Option<&str>) -> Self {
        Self::of_node("GET-ATTRIBUTES", entity_type)
    }

    /// GET-OPERATIONS: asks for the operations of each type.
    pub fn operations(entity_type: Option<&str>) -> Self {
        Self::of_node("GET-OPERATIONS", entity_type)
    }

    /// GET-ANNOTATIONS: asks for the annotations that each type has.
    pub fn annotations(entity_type: Option<&str>) -> Self {
        Self::of_node("GET-ANNOTATIONS", entity_type)
    }

    /// GET-MGMT-NODES: asks for the addresses of other management nodes.
    pub fn nodes() -> Self {
        Self::of_node("GET-MGMT-NODES", None)
    }

    /// REGISTER: makes another management node known to this one.
    pub fn register(address: &str) -> Self {
        Self::of_node("REGISTER", None).property(ADDRESS, address)
    }

    /// DEREGISTER: takes that back.
    pub fn deregister(address: &str) -> Self {
        Self::of_node("DEREGISTER", None).property(ADDRESS, address)
    }

    /// Sets an application-property, such as Azure's `com.microsoft:tracking-id`, `com.microsoft:server-timeout` and
    /// `security_token`.
    #[must_use]
    pub fn property(mut self, name: impl Into<Str>, value: impl Into<SimpleValue>) -> Self {
        self.properties.insert(name, value);
        self
    }

    /// Asks for texts in these languages, the most wanted first (RFC 5646), such as `en de-CH`.
    #[must_use]
    pub fn locales(self, locales: impl Into<Str>) -> Self {
        self.property("locales", locales.into())
    }

    /// Limits the answer to a query to `count` rows from this one on.
    #[must_use]
    pub fn page(self, offset: u32, count: u32) -> Self {
        self.property("offset", offset).property("count", count)
    }

    /// Replaces the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Value>) -> Self {
        self.body = body.into();
        self
    }

    /// Returns the name of the operation.
    pub fn name(&self) -> &str {
        self.text(OPERATION).unwrap_or_default()
    }

    /// Returns the type of the entity.
    pub fn entity_type(&self) -> Option<&str> {
        self.text(TYPE)
    }

    /// Returns the entity. If it has both an identity and a name, the identity counts.
    pub fn entity(&self) -> Option<Entity<'_>> {
        let name = || self.text(NAME).map(Entity::Name);
        self.text(IDENTITY).map(Entity::Identity).or_else(name)
    }

    /// Returns the application-properties.
    pub const fn properties(&self) -> &ApplicationProperties {
        &self.properties
    }

    /// Returns the body.
    pub const fn body_value(&self) -> &Value {
        &self.body
    }

    /// Returns the request, which still needs a message-id and a `reply-to`.
    pub fn to_message(&self) -> MessageBuilder<ValueBody> {
        Message::builder().application_properties(&self.properties).value(&self.body)
    }

    /// Reads a request: the server's half. Returns `None` if it names no operation.
    ///
    /// Data sections are read as one binary, amqp-sequence sections as one list.
    ///
    /// # Errors
    /// [`MessageError`] if the message is malformed.
    pub fn parse(request: &Message) -> Result<Option<Self>, MessageError> {
        request.validate()?;
        let properties = request.application_properties()?.unwrap_or_default();
        let body = request.body_as::<Value>().unwrap_or_default();
        let operation = Self { properties, body };
        Ok(operation.text(OPERATION).is_some().then_some(operation))
    }

    /// Returns the text of an application-property. Azure's SDK for Python sends binaries.
    fn text(&self, name: &str) -> Option<&str> {
        let value = self.properties.get(name)?;
        value.as_str().or_else(|| core::str::from_utf8(value.as_bytes()?).ok())
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("name", &self.name())
            .field("entity_type", &self.entity_type())
            .field("entity", &self.entity())
            .finish_non_exhaustive()
    }
}

const OPERATION: &str = "operation";
const TYPE: &str = "type";
const NAME: &str = "name";
const IDENTITY: &str = "identity";
const ENTITY_TYPE: &str = "entityType";
const ADDRESS: &str = "address";
pub(super) const ATTRIBUTE_NAMES: &str = "attributeNames";
