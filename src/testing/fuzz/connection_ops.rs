//! A connection, well-formed frames, and commands in any order.

use super::{
    coverage::Coverage,
    engine::Engine,
    script::{Peer, Script},
};

/// Gives well-formed frames to a connection, and commands on any ids that have been there, in any order; says what has been reached.
///
/// # Panics
/// Where a frame written would not be taken by a peer, the events break their grammar, or what is queued grows
/// without end.
pub fn connection_ops(data: &[u8]) -> Coverage {
    let mut script = Script::stretched(data);
    let mut engine = Engine::new(script.byte(), script.byte());
    let mut peer = Peer::default();
    let prelude = peer.prelude(script.below(6), engine.security());
    if script.below(4) > 0 {
        engine.set_off(&mut script);
    }
    for bytes in prelude {
        engine.feed(&bytes);
        // A SASL exchange may have to be answered before anything else can come.
        if engine.security().is_some() {
            engine.step();
        }
    }
    while !script.is_over() {
        match script.below(5) {
            0 | 1 => {
                let bytes = peer.next(&mut engine.wire, &mut script);
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
    fn everything_is_reached_from_nothing() {
        super::super::reaches_everything(super::connection_ops, 8000);
    }
}
