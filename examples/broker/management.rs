//! The operations of the management nodes. READ and QUERY are about queues; `event_hubs.rs` and `service_bus.rs` have
//! those of Azure.

use amqp_proto::{
    extensions::{
        Status,
        management::{Entity, Operation, QueryResult},
    },
    message::{Message, MessageError},
    types::{Map, Str, Value},
};

use crate::{address::node_name, event_hubs, node::Node, queue::Queue};

/// The status and the body of an answer.
pub type Answer = (Status, Value);

/// What an operation changes, once its answer is on its way.
pub type Change = Box<dyn FnOnce(&mut Node)>;

const QUEUE: &str = "queue";

/// The most attributes that a query may ask for.
const COLUMNS: usize = 64;

/// The most rows in the answer to a query. A client asks for more by `offset`.
const ROWS: usize = 1000;

impl Node {
    /// Returns the answer to a request, and what it changes. `own` is the queue that the management node belongs to.
    pub(crate) fn operate(
        &mut self,
        peer: usize,
        own: Option<&Str>,
        request: &Message,
    ) -> Result<(Answer, Option<Change>), MessageError> {
        let Some(operation) = Operation::parse(request)? else {
            return Ok((failed(400, "the request names no operation"), None));
        };
        let answer = match (operation.name(), own) {
            ("READ", own) => self.read(own, &operation),
            ("QUERY", _) => self.query(&operation),
            (name, Some(queue)) if name.starts_with("com.microsoft:") => {
                return Ok(match self.service_bus(peer, queue, &operation) {
                    Ok((answer, change)) => (answer, Some(change)),
                    Err(answer) => (answer, None),
                });
            }
            _ => failed(501, "the operation is not one of this node"),
        };
        Ok((answer, None))
    }

    fn read(&self, own: Option<&Str>, operation: &Operation) -> Answer {
        let name = match operation.entity() {
            Some(Entity::Name(name) | Entity::Identity(name)) => node_name(&name.into()),
            None => own.cloned(),
        };
        let Some(name) = name else { return failed(400, "the request names no entity") };
        let queue = self.get(&name);
        let attributes = match operation.entity_type() {
            None | Some(QUEUE) => queue.map(|queue| attributes(&name, queue)),
            _ => event_hubs::read(operation, &name, queue, self.services.started),
        };
        attributes.map_or_else(|| failed(404, "there is no such entity"), ok)
    }

    fn query(&self, operation: &Operation) -> Answer {
        let property = |name: &str| operation.properties().get(name);
        let is_of_queues = property("entityType").is_none_or(|kind| kind.as_str() == Some(QUEUE));
        let number = |name| property(name).and_then(|value| usize::try_from(value.as_i128()?).ok());
        let (offset, count) = (number("offset").unwrap_or(0), number("count").unwrap_or(ROWS).min(ROWS));
        let asked = operation.body_value().as_map().and_then(|map| map.get(&Value::from("attributeNames")));
        let asked = asked.map(texts).filter(|names| !names.is_empty());
        let queues = self.queues().filter(|_| is_of_queues).skip(offset).take(count);
        if asked.as_ref().is_some_and(|names| names.len() > COLUMNS) {
            return failed(400, "the query asks for too many attributes");
        }
        let names = asked.unwrap_or_else(|| NAMES.map(Str::from_static).to_vec());
        let rows = queues.map(|(name, queue)| {
            let attributes = attributes(name, queue);
            names.iter().map(|name| attributes.get(name).cloned().unwrap_or_default()).collect()
        });
        ok(QueryResult::new(names.clone(), rows.collect::<Vec<Vec<Value>>>()).to_value())
    }
}

/// The attributes of a queue.
const NAMES: [&str; 10] = [
    "name",
    "type",
    "messages",
    "consumers",
    "producers",
    "unsettled",
    "deferred",
    "scheduled",
    "enqueued",
    "bytes",
];

/// Returns the values of a queue's attributes in the order of [`NAMES`].
fn values(name: &Str, queue: &Queue) -> [Value; NAMES.len()] {
    let count = |count: usize| Value::from(count as u64);
    [
        name.clone().into(),
        QUEUE.into(),
        count(queue.available.len()),
        count(queue.consumers.len()),
        count(queue.producers_len()),
        count(queue.acquired),
        count(queue.parked.deferred_len()),
        count(queue.parked.scheduled_len()),
        queue.last_number().into(),
        count(queue.room().used()),
    ]
}

fn attributes(name: &Str, queue: &Queue) -> Map<Str> {
    NAMES.into_iter().map(Str::from_static).zip(values(name, queue)).collect()
}

/// Returns the texts of a list or an array.
fn texts(value: &Value) -> Vec<Str> {
    items(value).iter().filter_map(|item| item.as_str().map(Str::from)).collect()
}

/// Returns the items of a list or an array.
pub fn items(value: &Value) -> &[Value] {
    value.as_list().or_else(|| value.as_array().map(|array| array.items())).unwrap_or_default()
}

pub fn ok(body: impl Into<Value>) -> Answer {
    (Status::new(200).description("OK"), body.into())
}

pub fn failed(code: i32, what: &'static str) -> Answer {
    (Status::new(code).description(what), Value::Null)
}
