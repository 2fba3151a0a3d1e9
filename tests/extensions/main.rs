//! The extensions, over two connections joined in memory, each against a small server of its kind.

mod azure;
mod cbs;
mod filters;
mod management;
mod pair;
mod rabbitmq;
mod redirect;
mod requests;
mod support;
