//! A C API over the engine, which [`engine`] drives in safe Rust. [`api`] and [`transport`] have the functions, this file their
//! types and checks: all that is unsafe.
//!
//! Each function checks what can be checked: a null pointer, a length, text that is not UTF-8. No panic crosses: one would
//! be a bug of the engine, is caught, and reported as a status. A handle belongs to one thread at a time.

mod api;
mod engine;
mod transport;

use std::{
    ffi::{CStr, c_char},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr, slice,
};

use engine::AmqpEngine;

/// The result of a call.
#[repr(C)]
#[derive(Clone, Copy, PartialEq)]
pub enum AmqpStatus {
    /// It is done.
    Ok,
    /// Not now: without credit, or with too much output. An event of the kind READY follows.
    Again,
    /// There is no event.
    None,
    /// A pointer is null, a length is no length, a text is not UTF-8, or a number names nothing.
    Invalid,
    /// The engine refuses it: the connection or link is not open, or the message is too large.
    Failed,
    /// A bug: the call has panicked. The handle can only be freed.
    Panicked,
}

/// The kind of an event.
#[repr(C)]
#[derive(Clone, Copy, PartialEq)]
pub enum AmqpEventKind {
    /// The connection is open.
    Open,
    /// A message can be sent on the link.
    Ready,
    /// A message has arrived on the link: accept its delivery.
    Message,
    /// Messages of ours were accepted.
    Accepted,
    /// Messages of ours were rejected, released, modified, or settled without an outcome.
    Refused,
    /// The connection, a session or a link has failed; the text has the reason.
    Error,
    /// The connection has ended without an error.
    Closed,
    /// Another event; the text has its name.
    Other,
}

/// An event. What it points to is valid until the next call with the same handle.
#[repr(C)]
pub struct AmqpEvent {
    pub kind: AmqpEventKind,
    pub link: u64,
    /// The first delivery, and the number of deliveries, which have consecutive numbers.
    pub delivery: u64,
    pub count: u64,
    /// The event's name, and its error.
    pub text: *const c_char,
    /// The body of a message, if it is of bytes.
    pub body: *const u8,
    pub body_len: usize,
}

/// Runs a call on a handle. Returns `Invalid` if it is null or the call returns nothing.
///
/// # Safety
/// The handle is null, or one that a function of this file has returned and that is not freed, and not in use elsewhere.
unsafe fn with(
    engine: *mut AmqpEngine,
    call: impl FnOnce(&mut AmqpEngine) -> Option<AmqpStatus>,
) -> AmqpStatus {
    // SAFETY: a handle that is not null is a box of ours, which nobody else uses meanwhile.
    let Some(engine) = (unsafe { engine.as_mut() }) else { return AmqpStatus::Invalid };
    match catch_unwind(AssertUnwindSafe(|| call(engine))) {
        Ok(status) => status.unwrap_or(AmqpStatus::Invalid),
        Err(_) => AmqpStatus::Panicked,
    }
}

/// Returns a text, unless it is null or not UTF-8.
///
/// # Safety
/// The pointer is null or that of a text with a NUL at its end, unchanged during the call.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    // SAFETY: it is not null, so it is a text with an end.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })?.to_str().ok()
}

/// Returns bytes, unless the pointer is null or the length is none.
///
/// # Safety
/// The pointer is null or that of as many bytes, unchanged during the call.
unsafe fn bytes<'a>(bytes: *const u8, len: usize) -> Option<&'a [u8]> {
    let is_slice = !bytes.is_null() && isize::try_from(len).is_ok();
    // SAFETY: it is not null, the length fits, and the caller promises the bytes.
    is_slice.then(|| unsafe { slice::from_raw_parts(bytes, len) })
}

/// Stores a result for the caller. Returns nothing if the pointer is null.
///
/// # Safety
/// The pointer is null or that of a place for the value.
unsafe fn store<T>(place: *mut T, value: T) -> Option<()> {
    // SAFETY: it is not null, so the caller promises the place.
    (!place.is_null()).then(|| unsafe { place.write(value) })
}

fn handle(make: impl FnOnce() -> Option<AmqpEngine>) -> *mut AmqpEngine {
    let engine = catch_unwind(AssertUnwindSafe(make)).ok().flatten();
    engine.map_or(ptr::null_mut(), |engine| Box::into_raw(Box::new(engine)))
}
