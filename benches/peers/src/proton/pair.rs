//! Two ends of a connection of Proton's.

use super::ffi;
use crate::plan::Load;

/// Two ends of a connection, with memcpy between them.
pub struct Pair(*mut ffi::RawPair);

impl Pair {
    /// Opens a connection, whose links are kept at this credit.
    pub fn new(max_frame_size: u32, credit: u32) -> Self {
        // SAFETY: no precondition; the result is never null (the C side aborts instead).
        Self(unsafe { ffi::peers_pair(max_frame_size, credit) })
    }

    /// Adds a session with this number of links, to send over or to keep.
    pub fn add_session(&mut self, links: usize) {
        // SAFETY: the pointer is a pair that lives until `drop`; so for all calls below.
        unsafe { ffi::peers_add_session(self.0, links) }
    }

    /// Frees the list of links, but not the links.
    pub fn forget_links(&mut self) {
        // SAFETY: as above.
        unsafe { ffi::peers_forget_links(self.0) }
    }

    /// Makes the receiver hold this number of deliveries unsettled.
    pub fn hold(&mut self, count: usize, at_random: bool) {
        // SAFETY: as above.
        unsafe { ffi::peers_hold(self.0, count, at_random) }
    }

    /// Sends messages until `count` more have arrived, and their outcomes with them.
    pub fn send(&mut self, payload: &[u8], load: Load, count: u64) {
        // SAFETY: as above; the payload is copied before the call returns.
        unsafe {
            ffi::peers_send(self.0, payload.as_ptr().cast(), payload.len(), load.settled, load.batch, count);
        }
    }

    /// Begins a session and ends it, one after the other.
    pub fn begin_end(&mut self, count: u64) {
        // SAFETY: as above.
        unsafe { ffi::peers_begin_end(self.0, count) }
    }

    /// Attaches a link and detaches it, one after the other.
    pub fn attach_detach(&mut self, count: u64) {
        // SAFETY: as above.
        unsafe { ffi::peers_attach_detach(self.0, count) }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // SAFETY: as above; nobody else has the pointer.
        unsafe { ffi::peers_free(self.0) }
    }
}
