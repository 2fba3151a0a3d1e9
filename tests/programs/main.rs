//! The example programs as people run them: what clients, peers and the system can do to them.
//!
//! Tests of faults found from outside are named by the id of the fault.
#![cfg(unix)]

mod advice;
mod agent;
mod attacks;
mod azure;
mod broker;
mod certificates;
mod clients;
mod costs;
mod filters;
mod inspect;
mod lifetimes;
mod logins;
mod loops;
mod messages;
mod relay;
mod router;
mod services;
mod stacks;
mod stopping;
mod support;
mod texts;
mod tls;
mod unheard;
mod websocket;
