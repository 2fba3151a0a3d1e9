//! The functions for connections, links and messages.

use std::ffi::c_char;

use crate::{
    AmqpStatus, bytes,
    engine::{AmqpEngine, status},
    handle, store, text, with,
};

/// Makes the engine of a client. Returns null for texts that are null or not UTF-8. Free it with `amqp_free`.
///
/// A peer that is silent for 60 s fails the connection. Credit and outcomes have no deadline: those are the caller's.
///
/// # Safety
/// The texts are null or end with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_client(
    container_id: *const c_char,
    hostname: *const c_char,
) -> *mut AmqpEngine {
    // SAFETY: the caller's promise.
    let texts = unsafe { (text(container_id), text(hostname)) };
    handle(|| Some(AmqpEngine::client(texts.0?, texts.1?)))
}

/// Makes the engine of a server, as `amqp_client` does. It accepts whatever links its client asks for.
///
/// # Safety
/// The text is null or ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_server(container_id: *const c_char) -> *mut AmqpEngine {
    // SAFETY: the caller's promise.
    let container_id = unsafe { text(container_id) };
    handle(|| Some(AmqpEngine::server(container_id?)))
}

/// Frees a handle. Null is allowed.
///
/// # Safety
/// The handle is null, or one that is not freed and never used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_free(engine: *mut AmqpEngine) {
    if !engine.is_null() {
        // SAFETY: it is a box of ours, and the caller uses it no more.
        drop(unsafe { Box::from_raw(engine) });
    }
}

/// Opens the connection.
///
/// # Safety
/// The handle is one that is not freed and not in use elsewhere, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_open(engine: *mut AmqpEngine) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe { with(engine, |engine| Some(engine.open())) }
}

/// Closes the connection. The output has to be written, and CLOSED follows.
///
/// # Safety
/// The handle is one that is not freed and not in use elsewhere, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_close(engine: *mut AmqpEngine) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe { with(engine, |engine| Some(engine.close())) }
}

/// Returns true when all is over: close the transport.
///
/// # Safety
/// The handle is one that is not freed and not in use elsewhere, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_is_closed(engine: *mut AmqpEngine) -> bool {
    let mut is_closed = true;
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            is_closed = engine.is_closed();
            Some(AmqpStatus::Ok)
        })
    };
    is_closed
}

/// Attaches a link to send to an address, and stores its number.
///
/// # Safety
/// As for `amqp_open`. The text is null or ends with a NUL, and `link` is null or a place for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_attach_sender(
    engine: *mut AmqpEngine,
    address: *const c_char,
    link: *mut u64,
) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            let result = engine.attach_sender(text(address)?);
            store(link, *result.as_ref().unwrap_or(&0))?;
            Some(status(result))
        })
    }
}

/// Attaches a link to receive from an address, and stores its number. The peer may be `credit` messages ahead.
///
/// # Safety
/// As for `amqp_attach_sender`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_attach_receiver(
    engine: *mut AmqpEngine,
    address: *const c_char,
    credit: u32,
    link: *mut u64,
) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            let result = engine.attach_receiver(text(address)?, credit);
            store(link, *result.as_ref().unwrap_or(&0))?;
            Some(status(result))
        })
    }
}

/// Sends a message with these bytes as its body, and stores the number of its delivery. AGAIN without credit.
///
/// # Safety
/// As for `amqp_open`. The body is null or as many bytes, and `delivery` is null or a place for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_send(
    engine: *mut AmqpEngine,
    link: u64,
    body: *const u8,
    body_len: usize,
    delivery: *mut u64,
) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            let result = engine.send(link, bytes(body, body_len)?);
            store(delivery, *result.as_ref().unwrap_or(&0))?;
            Some(status(result))
        })
    }
}

/// Accepts a message.
///
/// # Safety
/// The handle is one that is not freed and not in use elsewhere, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_accept(engine: *mut AmqpEngine, delivery: u64) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe { with(engine, |engine| Some(engine.accept(delivery))) }
}
