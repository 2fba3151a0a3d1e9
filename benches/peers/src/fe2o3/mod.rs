//! fe2o3-amqp: its types and codec, and the whole library on a tokio runtime of one thread.

pub mod codec;
pub mod message;
pub mod transfers;
