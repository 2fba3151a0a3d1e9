//! The fuzz target that mixes well-formed frames and commands in any order.

use super::{
    coverage::Coverage,
    engine::Engine,
    script::{Peer, Script},
};

/// Feeds a connection well-formed frames, and runs commands on current and stale ids, in any order. Returns the
/// coverage.
///
/// # Panics
/// If the connection writes a frame that a peer would refuse, its events break their grammar, or a queue grows without
/// bound.
pub fn connection_ops(data: &[u8]) -> Coverage {
    let mut script = Script::extended(data);
    let mut engine = Engine::new(script.byte(), script.byte());
    let mut peer = Peer::default();
    let prelude = peer.prelude(script.below(6), engine.sasl_side());
    if script.below(4) > 0 {
        engine.open(&mut script);
    }
    engine.begin_tls();
    for bytes in prelude {
        engine.feed(&bytes);
        // The SASL exchange may need an answer before the connection accepts the next bytes.
        if engine.sasl_side().is_some() {
            engine.step();
        }
    }
    while !script.is_over() {
        match script.below(5) {
            0 | 1 => {
                let bytes = peer.next(&mut engine.output, &mut script);
                engine.feed(&bytes);
            }
            2 | 3 => engine.command(&mut script),
            _ => engine.step(),
        }
    }
    engine.finish()
}

#[cfg(test)]
mod tests {
    #[test]
    fn pseudo_random_inputs_reach_every_state_and_event() {
        super::super::reaches_everything(super::connection_ops, 8000);
    }
}
