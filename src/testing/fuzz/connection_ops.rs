//! A connection, well-formed frames, and commands in any order.

use alloc::vec::Vec;

use super::{
    engine::{Coverage, Engine},
    script::{Peer, Script},
};

/// Gives well-formed frames to a connection, and commands on any ids that have been there, in any order.
///
/// # Panics
/// Where a frame written would not be taken by a peer, the events break their grammar, or what is queued grows
/// without end.
pub fn connection_ops(data: &[u8]) {
    let _ = run(data);
}

fn run(data: &[u8]) -> Coverage {
    let mut script = Script::new(data);
    let mut engine = Engine::new(script.byte(), script.byte());
    let mut peer = Peer::default();
    let mut octets = Vec::new();
    peer.prelude(script.below(6), &mut octets);
    if octets.len() > 8 {
        let _ = engine.connection.open();
    }
    engine.feed(&octets);
    while !script.is_over() {
        match script.below(5) {
            0 | 1 => {
                let octets = peer.next(&mut script);
                engine.feed(&octets);
            }
            2 | 3 => engine.command(&mut script),
            _ => engine.step(),
        }
    }
    engine.finish(peer.sent)
}

#[cfg(test)]
mod tests {
    #[test]
    fn everything_is_reached_from_nothing() {
        super::super::reaches_everything(super::run, 4000);
    }
}
