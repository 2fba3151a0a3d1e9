//! The filters in place, compared with those asked for (3.5.3).

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::Filter;
use crate::{
    extensions::status::items,
    spec::terminus::FilterSet,
    types::{Map, Symbol, Value},
};

/// The result of [`in_force`].
///
/// ```
/// use amqp_proto::extensions::filters::{Filter, in_force};
///
/// let asked = [Filter::no_local()];
/// let result = in_force(&asked, None);
/// assert!(result.in_force.is_empty());
/// assert_eq!(result.missing[0].filter, &asked[0]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InForce<'a> {
    /// The filters that the peer has in place.
    pub in_force: Vec<&'a Filter>,
    /// The filters that it has not.
    pub missing: Vec<Missing<'a>>,
    /// The keys of filters in place that nobody asked for, such as defaults of the node.
    pub added: Vec<Symbol>,
}

/// A filter that was asked for and is not in place. See [`InForce`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missing<'a> {
    /// The filter.
    pub filter: &'a Filter,
    /// The reason.
    pub reason: MissingReason,
}

/// The reason why a filter counts as missing.
///
/// ```
/// use amqp_proto::{extensions::filters::{Filter, MissingReason, in_force, names}, spec::terminus::FilterSet};
///
/// let answered = FilterSet::new().with(names::SELECTOR, "colour = 'red'");
/// let asked = [Filter::selector("colour = 'blue'")];
/// assert_eq!(in_force(&asked, Some(&answered)).missing[0].reason, MissingReason::OtherValue);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissingReason {
    /// The answer has no such filter, or the null filter.
    Absent,
    /// The answer has a filter of another type under this key.
    OtherType,
    /// The answer has a filter of this type with another value.
    OtherValue,
}

/// Compares the filters asked for with those of the peer's attach.
///
/// 3.5.3: the sending end sets the filter in place, and the receiving end must check it, and detach if it does not do.
///
/// RabbitMQ 4.0 answers with every filter that it was asked for, also with one that it does not support.
///
/// Reading is tolerant. A value may be without its descriptor, and descriptors may be symbolic or numeric. Texts may be
/// strings or symbols, integers of any width, and lists may be arrays. A null value that was asked for leaves the choice
/// to the peer, so any value is in force for it.
///
/// ```
/// use amqp_proto::{extensions::filters::{Filter, in_force, names}, spec::terminus::FilterSet};
///
/// let asked = [Filter::selector("colour = 'blue'"), Filter::no_local()];
/// let answered = FilterSet::new().with(names::SELECTOR, "colour = 'blue'");
/// let result = in_force(&asked, Some(&answered));
/// assert_eq!(result.in_force, [&asked[0]]);
/// assert_eq!(result.missing[0].filter, &asked[1]);
/// ```
pub fn in_force<'a>(asked: &'a [Filter], answered: Option<&FilterSet>) -> InForce<'a> {
    let answered = Filter::read(answered);
    let by_name: BTreeMap<&Symbol, &Filter> = answered.iter().map(|filter| (&filter.name, filter)).collect();
    let mut result = InForce::default();
    let mut matched = BTreeSet::new();
    for filter in asked {
        let found = find(filter, &by_name);
        matched.extend(found.map(|found| &found.name));
        match reason(filter, found) {
            None => result.in_force.push(filter),
            Some(reason) => result.missing.push(Missing { filter, reason }),
        }
    }
    let added = answered.iter().map(|filter| &filter.name).filter(|name| !matched.contains(name));
    result.added.extend(added.cloned());
    result
}

/// Returns the answer to a filter: that with its key, else that with its descriptor as the key.
fn find<'f>(filter: &Filter, answered: &BTreeMap<&Symbol, &'f Filter>) -> Option<&'f Filter> {
    let found = answered.get(&filter.name).or_else(|| {
        let name = filter.descriptor.as_ref()?.symbol()?;
        answered.get(&name)
    });
    found.copied()
}

fn reason(filter: &Filter, found: Option<&Filter>) -> Option<MissingReason> {
    let Some(found) = found else { return Some(MissingReason::Absent) };
    let has_type = match (&filter.descriptor, &found.descriptor) {
        (Some(asked), Some(answered)) => asked.is_same_type(answered),
        _ => true,
    };
    if !has_type {
        Some(MissingReason::OtherType)
    } else if !filter.value.is_null() && !is_same(&filter.value, &found.value) {
        Some(MissingReason::OtherValue)
    } else {
        None
    }
}

/// True if two values mean the same. Their depth is bounded by the limits they were decoded with.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Map(one), Value::Map(other)) => is_same_map(one, other),
        (Value::List(_) | Value::Array(_), Value::List(_) | Value::Array(_)) => {
            let (one, other) = (items(one).unwrap_or_default(), items(other).unwrap_or_default());
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (one, other) => {
            let is_same_text = one.as_str().is_some() && one.as_str() == other.as_str();
            let is_same_number = one.as_i128().is_some() && one.as_i128() == other.as_i128();
            one == other || is_same_text || is_same_number
        }
    }
}

fn is_same_map(one: &Map, other: &Map) -> bool {
    let value_of = |key| other.iter().find(|(name, _)| is_same(key, name)).map(|(_, value)| value);
    one.len() == other.len()
        && one.iter().all(|(key, value)| value_of(key).is_some_and(|other| is_same(value, other)))
}
