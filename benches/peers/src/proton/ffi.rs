//! What the C files beside this one offer: `pair.h`, and the typical message.

use std::ffi::{c_char, c_void};

/// `pair` of `pair.h`.
#[repr(C)]
pub struct RawPair {
    _private: [u8; 0],
}

/// `messages` of `message.c`.
#[repr(C)]
pub struct RawMessages {
    _private: [u8; 0],
}

unsafe extern "C" {
    pub fn peers_pair(max_frame_size: u32, credit: u32) -> *mut RawPair;
    pub fn peers_free(pair: *mut RawPair);
    pub fn peers_add_session(pair: *mut RawPair, links: usize);
    pub fn peers_forget_links(pair: *mut RawPair);
    pub fn peers_hold(pair: *mut RawPair, hold: usize, at_random: bool);
    pub fn peers_send(
        pair: *mut RawPair,
        payload: *const c_void,
        size: usize,
        settled: bool,
        batch: u64,
        count: u64,
    );
    pub fn peers_begin_end(pair: *mut RawPair, count: u64);
    pub fn peers_attach_detach(pair: *mut RawPair, count: u64);

    pub fn peers_messages() -> *mut RawMessages;
    pub fn peers_free_messages(messages: *mut RawMessages);
    pub fn peers_message_encode(messages: *mut RawMessages, count: u64);
    pub fn peers_message_decode_all(messages: *mut RawMessages, count: u64);
    pub fn peers_message_decode_one(messages: *mut RawMessages, count: u64);
    pub fn peers_version() -> *const c_char;
}
