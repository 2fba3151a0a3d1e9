//! A connection and any octets.

use super::{
    coverage::Coverage,
    engine::Engine,
    script::{Peer, Script},
};

/// Gives octets to a connection whose application answers what it is asked: frames that are well formed, such
/// frames with an octet changed, and octets that are none. Says what has been reached.
///
/// # Panics
/// Where a frame written would not be taken by a peer, the events break their grammar, or what is queued grows
/// without end.
pub fn connection_bytes(data: &[u8]) -> Coverage {
    let mut script = Script::stretched(data);
    let setting = script.byte();
    let mut engine = Engine::new(setting, script.byte());
    let mut peer = Peer::default();
    let prelude = peer.prelude(script.below(6), engine.security());
    if setting & 1 == 0 {
        engine.set_off(&mut script);
    }
    for octets in prelude {
        engine.feed(&octets);
        engine.step();
    }
    while !script.is_over() {
        let what = script.byte();
        if what >= 0xe0 {
            engine.feed(script.take(usize::from(what & 0x1f)));
        } else if what >= 0xc0 {
            engine.command(&mut script);
        } else {
            let mut octets = peer.next(&mut engine.wire, &mut script);
            if what & 0xf == 0 {
                let at = usize::from(script.byte()).checked_rem(octets.len()).unwrap_or(0);
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= script.byte();
                }
            }
            // In pieces, now and then.
            let cut = if what & 0x10 == 0 { octets.len() } else { usize::from(script.below(24)) };
            let (head, tail) = octets.split_at_checked(cut).unwrap_or((&octets, &[]));
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
    fn everything_is_reached_from_nothing() {
        super::super::reaches_everything(super::connection_bytes, 8000);
    }
}
