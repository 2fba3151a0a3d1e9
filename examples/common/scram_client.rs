//! A client's end of SCRAM: the strongest hash first, and those that are bound to TLS in front.

use amqp_proto::sasl::{Mechanism, ScramHash};

use super::random;

pub fn mechanisms(user: &str, password: &str) -> Vec<Mechanism> {
    let scram = [ScramHash::Sha512, ScramHash::Sha256, ScramHash::Sha1]
        .map(|hash| Mechanism::scram(hash, user, password, random::fill))
        .to_vec();
    scram.iter().cloned().map(Mechanism::plus).chain(scram.clone()).collect()
}
