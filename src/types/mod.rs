//! AMQP values (Part 1) and the numbers of the protocol (2.8), independent of their encoding.
//!
//! [`Value`] holds a value of any type; each type also stands alone, as Rust's own if Rust has it:
//!
//! | AMQP | Rust | section |
//! |---|---|---|
//! | null | [`Value::Null`], or `None` | 1.6.1 |
//! | boolean | `bool` | 1.6.2 |
//! | ubyte, ushort, uint, ulong | `u8`, `u16`, `u32`, `u64` | 1.6.3 to 1.6.6 |
//! | byte, short, int, long | `i8`, `i16`, `i32`, `i64` | 1.6.7 to 1.6.10 |
//! | float, double | [`Float`], [`Double`]; `f32`, `f64` | 1.6.11, 1.6.12 |
//! | decimal32, decimal64, decimal128 | [`Decimal32`], [`Decimal64`], [`Decimal128`] | 1.6.13 to 1.6.15 |
//! | char | `char` | 1.6.16 |
//! | timestamp | [`Timestamp`] | 1.6.17 |
//! | uuid | [`Uuid`] | 1.6.18 |
//! | binary | `Bytes` of the crate `bytes` | 1.6.19 |
//! | string | [`Str`] | 1.6.20 |
//! | symbol | [`Symbol`] | 1.6.21 |
//! | list | `Vec<Value>` | 1.6.22 |
//! | map | [`Map`]; [`Fields`] and [`Annotations`] by their keys | 1.6.23 |
//! | array | [`Array`] | 1.6.24 |
//! | described type | [`Described`] | 1.1.2 |

mod accessors;
mod annotation_key;
mod array;
mod conversions;
mod decimal;
mod described;
mod duration;
mod escaped;
mod float;
mod heap_size;
mod map;
mod multiple;
mod number;
mod serial;
mod short_binary;
mod string;
#[cfg(feature = "std")]
mod system_time;
mod text_ref;
mod timestamp;
mod uuid;
mod value;

#[cfg(test)]
mod tests;

pub use annotation_key::AnnotationKey;
pub use array::{Array, ArrayError};
pub use conversions::ValueTypeError;
pub use decimal::{Decimal32, Decimal64, Decimal128};
pub use described::Described;
pub use duration::DurationError;
pub(crate) use escaped::{Escaped, Quoted};
pub use float::{Double, Float};
pub(crate) use heap_size::HeapSize;
pub use map::{Annotations, Fields, Map, MapIter};
pub use multiple::Multiple;
pub use number::{
    Channel, DeliveryNumber, Handle, MessageFormat, Milliseconds, Seconds, SequenceNo, TransferNumber,
};
pub use serial::Serial;
pub use short_binary::{BinaryLengthError, DeliveryTag, TransactionId};
pub use string::{Str, Symbol, SymbolError, Utf8Error};
#[cfg(feature = "std")]
pub use system_time::TimestampError;
pub use text_ref::TextRef;
pub use timestamp::Timestamp;
pub use uuid::{Uuid, UuidError};
pub use value::{Kind, Value};
