//! The fuzz target that feeds arbitrary bytes to a connection.

use super::{
    coverage::Coverage,
    engine::Engine,
    script::{Peer, Script},
};

/// Feeds a connection well-formed frames, frames with one byte changed, and arbitrary bytes. Its application answers
/// every request. Returns the coverage.
///
/// # Panics
/// If the connection writes a frame that a peer would refuse, its events break their grammar, or a queue grows without
/// bound.
pub fn connection_bytes(data: &[u8]) -> Coverage {
    let mut script = Script::extended(data);
    let setting = script.byte();
    let mut engine = Engine::new(setting, script.byte());
    let mut peer = Peer::default();
    let prelude = peer.prelude(script.below(6), engine.sasl_side());
    if setting & 1 == 0 {
        engine.open(&mut script);
    }
    engine.begin_tls();
    for bytes in prelude {
        engine.feed(&bytes);
        engine.step();
    }
    while !script.is_over() {
        let what = script.byte();
        if what >= 0xe0 {
            engine.feed(script.take(usize::from(what & 0x1f)));
        } else if what >= 0xc0 {
            engine.command(&mut script);
        } else {
            let mut bytes = peer.next(&mut engine.output, &mut script);
            if what & 0xf == 0 {
                let at = usize::from(script.byte()).checked_rem(bytes.len()).unwrap_or(0);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= script.byte();
                }
            }
            // Sometimes in two pieces.
            let cut = if what & 0x10 == 0 { bytes.len() } else { usize::from(script.below(24)) };
            let (head, tail) = bytes.split_at_checked(cut).unwrap_or((&bytes, &[]));
            engine.feed(head);
            engine.step();
            engine.feed(tail);
        }
        engine.step();
    }
    engine.finish()
}

#[cfg(test)]
mod tests {
    #[test]
    fn pseudo_random_inputs_reach_every_state_and_event() {
        super::super::reaches_everything(super::connection_bytes, 8000);
    }
}
