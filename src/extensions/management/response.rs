//! The answers of a management node.

use alloc::vec::Vec;

use super::operation::ATTRIBUTE_NAMES;
use crate::{
    extensions::{
        Status, StatusError,
        status::{items, parse_answer, texts},
    },
    frame::Payload,
    message::Message,
    types::{Map, Str, Value},
};

/// The answer of a management node: a status, and the message it came in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: Status,
    /// The message, with the body that depends on the operation.
    pub message: Message,
}

impl Response {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`StatusError`] if the message is malformed or has no status code.
    pub fn parse(payload: Payload) -> Result<Self, StatusError> {
        let message = parse_answer(payload)?;
        Ok(Self { status: Status::read(&message)?, message })
    }

    /// Returns the body as the answer to a query, or `None` if it has another form.
    pub fn query_result(&self) -> Option<QueryResult> {
        QueryResult::from_value(self.message.body_as::<Value>().ok()?)
    }
}

/// The answer to [`Operation::query`](super::Operation::query): names of attributes, and a row for each entity.
///
/// ```
/// use amqp_proto::{extensions::management::QueryResult, types::Value};
///
/// let result = QueryResult::new(["name", "depth"], [vec!["orders".into(), 7_u32.into()]]);
/// let depth = result.rows().find(|row| row.get("name").is_some_and(|name| *name == "orders"));
/// assert_eq!(depth.and_then(|row| row.get("depth")), Some(&Value::Uint(7)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryResult {
    attribute_names: Vec<Str>,
    results: Vec<Vec<Value>>,
}

impl QueryResult {
    /// Returns a result with these rows: the server's half.
    pub fn new<N: Into<Str>>(
        attribute_names: impl IntoIterator<Item = N>,
        rows: impl IntoIterator<Item = Vec<Value>>,
    ) -> Self {
        Self {
            attribute_names: attribute_names.into_iter().map(Into::into).collect(),
            results: rows.into_iter().collect(),
        }
    }

    /// Reads the body of an answer: `attributeNames` and `results`, each a list or an array, as each row is.
    ///
    /// Returns `None` for a body of another form.
    pub fn from_value(body: Value) -> Option<Self> {
        let Value::Map(map) = body else { return None };
        let attribute_names = texts(map.get(ATTRIBUTE_NAMES)?);
        let rows = items(map.get(RESULTS)?)?.iter().map(|row| items(row).map(<[Value]>::to_vec));
        Some(Self { attribute_names, results: rows.collect::<Option<_>>()? })
    }

    /// Returns the body of an answer.
    pub fn to_value(&self) -> Value {
        let names: Value = self.attribute_names.iter().cloned().collect();
        let results: Value = self.results.iter().cloned().map(Value::List).collect();
        Map::<Str>::new().with(ATTRIBUTE_NAMES, names).with(RESULTS, results).into()
    }

    /// Returns the names of the attributes, in the order of a row's values.
    pub fn attribute_names(&self) -> &[Str] {
        &self.attribute_names
    }

    /// Returns the rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = QueryRow<'_>> {
        self.results.iter().map(|values| QueryRow { names: &self.attribute_names, values })
    }
}

/// One entity of a [`QueryResult`].
#[derive(Clone, Copy, Debug)]
pub struct QueryRow<'a> {
    names: &'a [Str],
    values: &'a [Value],
}

impl<'a> QueryRow<'a> {
    /// Returns the value of an attribute. It is null if the entity does not have it.
    pub fn get(&self, attribute: &str) -> Option<&'a Value> {
        // No further than the row: a peer may write many names, and as many rows without values.
        self.names.iter().zip(self.values).find(|(name, _)| **name == attribute).map(|(_, value)| value)
    }

    /// Returns the values in the order of the attributes' names.
    pub const fn values(&self) -> &'a [Value] {
        self.values
    }
}

const RESULTS: &str = "results";
