//! The name of the node that an address means.

use amqp_proto::types::Str;
use percent_encoding::percent_decode_str;

/// Returns the name of a node: `amqp://host/q`, `amqps://host:5671/q`, `/q` and `q` are the same one. `None` if nothing
/// is left.
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
    Some(name).filter(|name| !name.is_empty())
}
