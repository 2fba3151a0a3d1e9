//! Randomness of the system.

use rustls::crypto::ring;

/// Fills a buffer with random bytes.
pub fn fill(buffer: &mut [u8]) {
    let filled = ring::default_provider().secure_random.fill(buffer);
    assert!(filled.is_ok(), "the system has no randomness");
}
