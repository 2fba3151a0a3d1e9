//! The typical message in Proton's hands.

use super::ffi;

/// A message object and the buffer that it is encoded to and decoded from.
pub struct Messages(*mut ffi::RawMessages);

impl Messages {
    /// The typical message, encoded once.
    pub fn new() -> Self {
        // SAFETY: no precondition; the result is never null (the C side aborts instead).
        Self(unsafe { ffi::peers_messages() })
    }

    /// Fills the message and encodes it.
    pub fn encode(&mut self, count: u64) {
        // SAFETY: the pointer lives until `drop`; so for the calls below.
        unsafe { ffi::peers_message_encode(self.0, count) }
    }

    /// Decodes the message and reads all of it.
    pub fn decode_all(&mut self, count: u64) {
        // SAFETY: as above.
        unsafe { ffi::peers_message_decode_all(self.0, count) }
    }

    /// Decodes the message and reads its address.
    pub fn decode_one(&mut self, count: u64) {
        // SAFETY: as above.
        unsafe { ffi::peers_message_decode_one(self.0, count) }
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        // SAFETY: as above; nobody else has the pointer.
        unsafe { ffi::peers_free_messages(self.0) }
    }
}
