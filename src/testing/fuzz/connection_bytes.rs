//! A connection and any bytes.

use super::{
    coverage::Coverage,
    engine::Engine,
    script::{Peer, Script},
};

/// Gives bytes to a connection whose application answers what it is asked: frames that are well formed, such
/// frames with an byte changed, and bytes that are none. Says what has been reached.
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
            let mut bytes = peer.next(&mut engine.wire, &mut script);
            if what & 0xf == 0 {
                let at = usize::from(script.byte()).checked_rem(bytes.len()).unwrap_or(0);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= script.byte();
                }
            }
            // In pieces, now and then.
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
    fn everything_is_reached_from_nothing() {
        super::super::reaches_everything(super::connection_bytes, 8000);
    }
}
