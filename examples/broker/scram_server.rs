//! The broker's end of SCRAM.

use std::{collections::HashMap, sync::Arc};

use amqp_proto::sasl::{Mechanism, ScramHash, ScramKeys};

use super::random;

/// RFC 7677, 4: the least. The passwords are in the memory of this program anyway.
const ITERATIONS: u32 = 4096;

/// Returns a mechanism for each hash, and those that are bound to TLS in front.
pub fn mechanisms(users: &Arc<[(String, String)]>) -> Vec<Mechanism> {
    let scram = [ScramHash::Sha512, ScramHash::Sha256, ScramHash::Sha1].map(|hash| {
        let keys: HashMap<String, ScramKeys> = users
            .iter()
            .map(|(name, password)| {
                let mut salt = [0; 16];
                random::fill(&mut salt);
                (name.clone(), ScramKeys::derive(hash, password, &salt, ITERATIONS))
            })
            .collect();
        let mut decoy = [0; 32];
        random::fill(&mut decoy);
        Mechanism::scram_server(hash, move |user| keys.get(user).cloned(), decoy, random::fill)
    });
    scram.iter().cloned().map(Mechanism::plus).chain(scram.clone()).collect()
}
