//! A client's end of SCRAM: the strongest hash first, and those that are bound to TLS in front.

use amqp_proto::sasl::{Mechanism, ScramHash};
use rustls::crypto::ring;

pub fn mechanisms(user: &str, password: &str) -> Vec<Mechanism> {
    let scram = [ScramHash::Sha512, ScramHash::Sha256]
        .map(|hash| Mechanism::scram(hash, user, password, random))
        .to_vec();
    scram.iter().cloned().map(Mechanism::plus).chain(scram.clone()).collect()
}

/// Fills a buffer from the randomness of the system.
fn random(buffer: &mut [u8]) {
    let filled = ring::default_provider().secure_random.fill(buffer);
    assert!(filled.is_ok(), "the system has no randomness");
}
