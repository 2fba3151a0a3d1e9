//! AMQP values (Part 1), with no idea of bytes.
//!
//! Numbers of the protocol are newtypes, text is validated once and then shared, and everything that the
//! type system can express fits in a [`Value`].

mod array;
mod decimal;
mod described;
mod float;
mod map;
mod multiple;
mod number;
mod serial;
mod short_binary;
mod string;
mod timestamp;
mod uuid;
mod value;

#[cfg(test)]
mod tests;

pub use array::{Array, ArrayError};
pub use decimal::{Decimal32, Decimal64, Decimal128};
pub use described::Described;
pub use float::{Double, Float};
pub use map::{AnnotationKey, Annotations, Fields, Map};
pub use multiple::Multiple;
pub use number::{
    Channel, DeliveryNumber, Handle, MessageFormat, Milliseconds, Seconds, SequenceNo, TransferNumber,
};
pub use serial::Serial;
pub use short_binary::{BinaryLengthError, DeliveryTag, TransactionId};
pub use string::{Str, Symbol, SymbolError, TextRef, Utf8Error};
pub use timestamp::Timestamp;
pub use uuid::Uuid;
pub use value::{Kind, Value};
