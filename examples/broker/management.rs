//! The operations of the management nodes. READ and QUERY are about queues; `event_hubs.rs` and `service_bus.rs` have
//! those of Azure.

use std::collections::BTreeSet;

use amqp_proto::{
    extensions::{
        Status,
        management::{Entity, Operation, QueryResult},
    },
    message::{Message, MessageError},
    types::{Map, Str, Value},
};

use crate::{address::node_name, event_hubs, node::Node, queue::Queue, services::WAITING_BYTES, work::Work};

/// The answer to an operation.
pub struct Answer {
    pub status: Status,
    pub body: Value,
    /// The number of rows of a query.
    pub count: Option<i32>,
}

/// What an operation changes, once its answer is on its way.
pub type Change = Box<dyn FnOnce(&mut Node)>;

const QUEUE: &str = "queue";

/// The most attributes that a query may ask for.
const COLUMNS: usize = 64;

/// The most rows in the answer to a query, which has fewer if they are large. A client asks for more by `offset`.
const ROWS: usize = 1000;

/// Bytes of a row beside its values, and of a value that is not a name.
const ROW: usize = 16;
const VALUE: usize = 10;

impl Node {
    /// Returns the answer to a request, and what it changes. `own` is the queue that the management node belongs to.
    pub(crate) fn operate(
        &mut self,
        peer: usize,
        own: Option<&Str>,
        request: &Message,
        work: &mut Work,
    ) -> Result<(Answer, Option<Change>), MessageError> {
        let Some(operation) = Operation::parse(request)? else {
            return Ok((failed(400, "the request names no operation"), None));
        };
        let answer = match (operation.name(), own) {
            ("READ", own) => self.read(own, &operation),
            ("QUERY", _) => self.query(&operation, work),
            (name, Some(queue)) if name.starts_with("com.microsoft:") => {
                return Ok(match self.service_bus(peer, queue, &operation, work) {
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

    fn query(&self, operation: &Operation, work: &mut Work) -> Answer {
        let property = |name: &str| operation.properties().get(name);
        let is_of_queues = property("entityType").is_none_or(|kind| kind.as_str() == Some(QUEUE));
        let number = |name| property(name).and_then(|value| usize::try_from(value.as_i128()?).ok());
        let (offset, count) = (number("offset").unwrap_or(0), number("count").unwrap_or(ROWS).min(ROWS));
        let asked = operation.body_value().as_map().and_then(|map| map.get(&Value::from("attributeNames")));
        let asked = asked.map(texts).filter(|names| !names.is_empty());
        if asked.as_ref().is_some_and(|names| names.len() > COLUMNS) {
            return failed(400, "the query asks for too many attributes");
        }
        let names = asked.unwrap_or_else(|| NAMES.map(Str::from_static).to_vec());
        if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
            return failed(400, "the query names an attribute twice");
        }
        // Nothing is skipped to find that there is no more.
        let count = if is_of_queues && offset < self.queues().len() { count } else { 0 };
        let Some(rows) = self.rows(&names, offset, count, work) else {
            return failed(413, "the attributes of a queue are too large for an answer");
        };
        let count = i32::try_from(rows.len()).ok();
        Answer { count, ..ok(QueryResult::new(names, rows).to_value()) }
    }

    /// Returns the rows of queues from one on: as many as an answer has room for, or `None` if not even the first has.
    fn rows(&self, names: &[Str], offset: usize, count: usize, work: &mut Work) -> Option<Vec<Vec<Value>>> {
        let column = |name: &Str| NAMES.iter().position(|known| *name == *known);
        let columns: Vec<Option<usize>> = names.iter().map(column).collect();
        let (mut rows, has_name) = (Vec::new(), columns.contains(&Some(0)));
        if count > 0 {
            work.look(offset);
        }
        for (name, queue) in self.queues().skip(offset).take(count) {
            work.look(1 + columns.len() / NAMES.len());
            let (own, beside) = (if has_name { name.len() } else { 0 }, ROW + VALUE * columns.len());
            if own + beside > WAITING_BYTES && rows.is_empty() {
                return None;
            }
            if !work.add(own, beside) {
                break;
            }
            let values = values(name, queue);
            let value = |at: &Option<usize>| at.and_then(|at| values.get(at).cloned()).unwrap_or_default();
            rows.push(columns.iter().map(value).collect());
        }
        Some(rows)
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
    answered(Status::new(200).description("OK"), body)
}

pub fn failed(code: i32, what: &'static str) -> Answer {
    answered(Status::new(code).description(what), Value::Null)
}

pub fn answered(status: Status, body: impl Into<Value>) -> Answer {
    Answer { status, body: body.into(), count: None }
}
