//! The functions for bytes, events and time.

use std::slice;

use crate::{AmqpEvent, AmqpStatus, bytes, engine::AmqpEngine, store, with};

/// Passes bytes that were read. `now` is in milliseconds, of a clock that never goes back.
///
/// Input that cannot be taken yet is kept: call it again, with no bytes, after events and output.
///
/// # Safety
/// As for `amqp_open`. The input is null or as many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_input(
    engine: *mut AmqpEngine,
    now: u64,
    input: *const u8,
    input_len: usize,
) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            engine.input(now, bytes(input, input_len)?);
            Some(AmqpStatus::Ok)
        })
    }
}

/// Notes the end of the input.
///
/// # Safety
/// The handle is one that is not freed and not in use elsewhere, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_end_of_input(engine: *mut AmqpEngine, now: u64) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            engine.end_of_input(now);
            Some(AmqpStatus::Ok)
        })
    }
}

/// Notes that output cannot be written.
///
/// # Safety
/// The handle is one that is not freed and not in use elsewhere, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_output_lost(engine: *mut AmqpEngine, now: u64) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            engine.output_lost(now);
            Some(AmqpStatus::Ok)
        })
    }
}

/// Fills the buffer with output, and stores the number of bytes: 0 if there is none. They count as written.
///
/// # Safety
/// As for `amqp_open`. The buffer is null or has the capacity, and `written` is null or a place for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_output(
    engine: *mut AmqpEngine,
    now: u64,
    buffer: *mut u8,
    capacity: usize,
    written: *mut usize,
) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            store(written, 0)?;
            if buffer.is_null() || isize::try_from(capacity).is_err() {
                return None;
            }
            // The caller need not have initialised the buffer.
            buffer.write_bytes(0, capacity);
            store(written, engine.output(now, slice::from_raw_parts_mut(buffer, capacity)))?;
            Some(AmqpStatus::Ok)
        })
    }
}

/// Stores the next event. NONE if there is none.
///
/// # Safety
/// As for `amqp_open`. The event is null or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_poll_event(engine: *mut AmqpEngine, event: *mut AmqpEvent) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            if event.is_null() {
                return None;
            }
            match engine.poll_event() {
                Some(next) => store(event, next).map(|()| AmqpStatus::Ok),
                None => Some(AmqpStatus::None),
            }
        })
    }
}

/// Returns the milliseconds until `amqp_handle_timeout` is due, and UINT64_MAX if it never is.
///
/// # Safety
/// The handle is one that is not freed and not in use elsewhere, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_timeout(engine: *mut AmqpEngine, now: u64) -> u64 {
    let mut timeout = u64::MAX;
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            timeout = engine.timeout(now);
            Some(AmqpStatus::Ok)
        })
    };
    timeout
}

/// Handles what is due.
///
/// # Safety
/// The handle is one that is not freed and not in use elsewhere, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amqp_handle_timeout(engine: *mut AmqpEngine, now: u64) -> AmqpStatus {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |engine| {
            engine.handle_timeout(now);
            Some(AmqpStatus::Ok)
        })
    }
}
