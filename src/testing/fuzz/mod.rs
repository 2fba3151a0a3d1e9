//! The bodies of the fuzz targets: each takes any octets and panics where the crate breaks its word.

mod connection_bytes;
mod connection_ops;
mod decode_value;
mod engine;
mod script;
mod split_frame;
mod wire;

pub use connection_bytes::connection_bytes;
pub use connection_ops::connection_ops;
pub use decode_value::decode_value;
pub use split_frame::split_frame;

/// Inputs out of nothing, the same ones each time: so many, of up to 256 octets.
#[cfg(test)]
fn inputs(count: u64) -> impl Iterator<Item = alloc::vec::Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        // Xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count).map(move |_| (0..next() % 256).map(|_| next().to_be_bytes()[0]).collect())
}

/// That the body gets everywhere by inputs out of nothing.
#[cfg(test)]
fn reaches_everything(run: fn(&[u8]) -> engine::Coverage, count: u64) {
    use crate::state::{ConnectionState, LinkState, SessionState};

    let mut coverage = engine::Coverage::default();
    for input in inputs(count) {
        let run = std::panic::catch_unwind(|| run(&input));
        assert!(run.is_ok(), "fails on {input:?}");
        coverage.add(run.unwrap());
    }
    std::println!("{coverage:#?}");
    assert_eq!((coverage.received, coverage.written), (0x1ff, 0x1ff), "performatives, by bits");
    // Some states are only passed through: what is received there is answered in the same step.
    let missing = |all: &[SessionState]| {
        all.iter().filter(|state| !coverage.sessions.contains(state)).copied().collect::<alloc::vec::Vec<_>>()
    };
    assert_eq!(missing(SessionState::ALL), [SessionState::EndRcvd]);
    let missing: alloc::vec::Vec<_> =
        LinkState::ALL.iter().filter(|state| !coverage.links.contains(state)).collect();
    assert_eq!(missing, [&LinkState::DetachRcvd]);
    let missing: alloc::vec::Vec<_> =
        ConnectionState::ALL.iter().filter(|state| !coverage.connections.contains(state)).collect();
    assert_eq!(missing, [&ConnectionState::HeaderRcvd, &ConnectionState::CloseRcvd]);
    let missing: alloc::vec::Vec<_> =
        crate::Event::NAMES.iter().filter(|name| !coverage.events.contains(*name)).collect();
    assert_eq!(missing, [&"SASL_PENDING"]);
}
