//! What the broker keeps for the links of a connection, within the room that the connection has.

use std::{collections::BTreeMap, sync::Arc};

use amqp_proto::{
    codec::to_vec,
    spec::{
        definitions::{AmqpError, ErrorCondition},
        delivery_state::Outcome,
        terminus::{FilterSet, Source},
    },
    types::{Fields, Str, Value},
};

use crate::{
    barred,
    consumer::{Consumer, Inlet, Outlet},
    node::{Key, Link},
    room::{Charge, Room},
};

/// Bytes for a link beside what its peer has chosen: its entries in maps that may be half full, of which it is in
/// one of turns at a time.
const LINK: usize = 2
    * (size_of::<(Key, Link)>()
        + size_of::<(Outlet, Consumer)>()
        + size_of::<Inlet>()
        + size_of::<(u64, Outlet)>()
        + size_of::<Outlet>());

/// Bytes for a decoded value beside its text: its place in a list or a map that may be half full, and its allocations.
const VALUE: usize = 192;

/// Bytes for a comparison of a filter beside its text.
const COMPARISON: usize = 512;

/// The rooms of a connection.
pub struct Share {
    room: Arc<Room>,
    /// Within the other, for messages that are undeliverable on its links.
    barred: Arc<Room>,
}

/// The shares of all connections with links.
pub struct Shares {
    /// The room of each.
    most: usize,
    all: BTreeMap<usize, Share>,
}

impl Shares {
    pub fn new(most: usize) -> Self {
        Self { most, all: BTreeMap::new() }
    }

    fn of(&mut self, peer: usize) -> &Share {
        self.all.entry(peer).or_insert_with(|| {
            let room = Room::new(self.most, None);
            Share { barred: Room::new(barred::BYTES, Some(Arc::clone(&room))), room }
        })
    }

    /// Returns the room for messages that are undeliverable on the links of a connection.
    pub fn barred(&mut self, peer: usize) -> &Arc<Room> {
        &self.of(peer).barred
    }

    /// Takes room for a link, with this many bytes beside its own.
    pub fn take(&mut self, peer: usize, bytes: usize) -> Result<Charge, AmqpError> {
        self.of(peer).room.take(LINK.saturating_add(bytes)).ok_or_else(|| {
            let why = "the connection's links are too much to keep";
            AmqpError::described(ErrorCondition::ResourceLimitExceeded, why)
        })
    }

    /// Forgets a connection.
    pub fn forget(&mut self, peer: usize) {
        self.all.remove(&peer);
    }
}

/// Returns the bytes of an address and of the name that is made of it.
pub fn size_of_address(address: Option<&Str>) -> usize {
    2 * address.map_or(0, |address| address.len())
}

/// Returns the bytes that a consumer keeps of its source, at most, with filters of this many comparisons.
pub fn size_of_source(source: &Source, comparisons: usize) -> usize {
    let outcome = source.default_outcome.as_ref().map_or(0, size_of_outcome);
    let filters = source.filter.as_ref().map_or(0, |filters: &FilterSet| 2 * to_vec(filters).len());
    outcome + filters + comparisons * COMPARISON + size_of_address(source.address.as_ref())
}

fn size_of_outcome(outcome: &Outcome) -> usize {
    let fields = |fields: Option<&Fields>| {
        let entries = fields.into_iter().flat_map(|fields| fields.iter());
        entries.map(|(_, value)| VALUE + VALUE * values(value)).sum::<usize>()
    };
    let decoded = match outcome {
        Outcome::Modified(modified) => VALUE + fields(modified.message_annotations.as_ref()),
        Outcome::Rejected(rejected) => {
            2 * VALUE + fields(rejected.error.as_ref().and_then(|error| error.info.as_ref()))
        }
        _ => 0,
    };
    decoded + 2 * to_vec(outcome).len()
}

/// Returns the number of values in a value, with itself. An array of nulls has more of them than bytes.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::List(items) => items.iter().map(values).sum(),
        Value::Array(array) => array.items().iter().map(values).sum::<usize>() + array.items().len(),
        Value::Map(map) => map.iter().map(|(key, value)| values(key) + values(value)).sum(),
        Value::Described(described) => values(&described.descriptor) + values(&described.value),
        _ => 0,
    }
}
