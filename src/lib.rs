//! A sans-IO AMQP 1.0 engine.
#![no_std]
#![forbid(unsafe_code)]
