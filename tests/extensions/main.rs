//! The extensions, over two connections joined in memory, each against a small server of its kind.

mod azure;
mod azure_batch;
mod azure_messages;
mod azure_operations;
mod cbs;
mod filters;
mod jms;
mod management;
mod pair;
mod rabbitmq;
mod redirect;
mod relay;
mod requests;
mod support;
