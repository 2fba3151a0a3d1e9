//! A client and a server connection for `smoke.mjs`, which carries the bytes between them.
//!
//! An end is 0 for the client and 1 for the server. Bytes pass through one buffer in the module's memory.

use std::cell::RefCell;

use amqp_proto::{Connection, ConnectionConfig, Event, Instant};
use bytes::Buf;

const NOW: Instant = Instant::from_millis(0);

thread_local! {
    static ENDS: RefCell<[Connection; 2]> = RefCell::new([
        Connection::new(ConnectionConfig::client("wasm-client")),
        Connection::new(ConnectionConfig::server("wasm-server")),
    ]);
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn with<T>(end: usize, run: impl FnOnce(&mut Connection, &mut Vec<u8>) -> T) -> T {
    ENDS.with_borrow_mut(|ends| BUFFER.with_borrow_mut(|buffer| run(&mut ends[end], buffer)))
}

/// Opens the client. Returns 1 if that was possible.
#[unsafe(no_mangle)]
pub extern "C" fn open() -> u32 {
    with(0, |client, _| client.open().is_ok().into())
}

/// Makes the buffer `len` bytes long and returns its address.
#[unsafe(no_mangle)]
pub extern "C" fn buffer(len: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(len, 0);
        buffer.as_mut_ptr()
    })
}

/// Fills the buffer with what an end has to write and returns the number of bytes.
#[unsafe(no_mangle)]
pub extern "C" fn output(end: usize) -> usize {
    with(end, |connection, buffer| {
        buffer.clear();
        let mut transmit = connection.poll_transmit(NOW);
        while transmit.has_remaining() {
            let chunk = transmit.chunk();
            let len = chunk.len();
            buffer.extend_from_slice(chunk);
            transmit.advance(len);
        }
        buffer.len()
    })
}

/// Hands the buffer to an end, which answers a request to open. Returns the number of bytes that it left.
#[unsafe(no_mangle)]
pub extern "C" fn input(end: usize) -> usize {
    with(end, |connection, buffer| {
        let mut unread = buffer.as_slice();
        let _ = connection.handle_input(NOW, &mut unread);
        while let Some(event) = connection.poll_event() {
            if matches!(event, Event::ConnectionRequested) {
                connection.open().expect("the peer asked for it");
            }
        }
        unread.len()
    })
}

/// Returns 1 if an end is open.
#[unsafe(no_mangle)]
pub extern "C" fn is_open(end: usize) -> u32 {
    with(end, |connection, _| connection.is_open().into())
}
