//! The name of the node that an address means.

use amqp_proto::types::Str;
use percent_encoding::percent_decode_str;

/// Returns the name of a node: `amqp://host/q`, `amqps://host:5671/q`, `/q` and `q` are the same one. `None` if nothing
/// is left.
///
/// The addresses of Event Hubs `q/Partitions/0` and `q/ConsumerGroups/any/Partitions/0` mean `q` too.
pub fn node_name(address: &Str) -> Option<Str> {
    let name = match address.split_once("://") {
        Some((scheme, rest)) if ["amqp", "amqps"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            let path = rest.split_once('/').map_or("", |(_, path)| path);
            percent_decode_str(path).decode_utf8().ok()?.trim_start_matches('/').into()
        }
        // Mostly the address is the name, and is shared.
        _ if !address.starts_with('/') => address.clone(),
        _ => address.trim_start_matches('/').into(),
    };
    let name = match name.strip_suffix(PARTITION) {
        Some(hub) => hub_of(hub).into(),
        None => name,
    };
    Some(name).filter(|name| !name.is_empty())
}

/// The only partition of each event hub: the queue itself.
const PARTITION: &str = "/Partitions/0";
const GROUPS: &str = "/ConsumerGroups/";

/// Returns the hub of a group of consumers, or of a partition's producers.
fn hub_of(address: &str) -> &str {
    address.rsplit_once(GROUPS).map_or(address, |(hub, _)| hub)
}

/// True if a group of consumers of an event hub reads at this address: events stay for other groups.
pub fn is_consumer_group(address: &Str) -> bool {
    address.strip_suffix(PARTITION).is_some_and(|address| address.contains(GROUPS))
}
