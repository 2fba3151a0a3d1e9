//! The bodies of the fuzz targets: each takes any octets and panics where the crate breaks its word.

mod decode_value;
mod split_frame;

pub use decode_value::decode_value;
pub use split_frame::split_frame;
