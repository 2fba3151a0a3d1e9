//! The bodies of the fuzz targets. Each accepts any bytes, and panics if the crate breaks a promise. [`Peer`] is for targets
//! of your own.

mod connection_bytes;
mod connection_ops;
mod coverage;
mod decode_value;
mod engine;
mod output_checker;
mod pair;
mod peer;
mod sasl_exchange;
mod script;
mod split_frame;

pub use connection_bytes::connection_bytes;
pub use connection_ops::connection_ops;
pub use coverage::{Coverage, CoverageGoal};
pub use decode_value::decode_value;
pub use pair::pair;
pub use peer::Peer;
pub use sasl_exchange::sasl_exchange;
pub use split_frame::split_frame;

/// Returns `count` pseudo-random inputs of up to 255 bytes, the same ones each time.
#[cfg(test)]
fn inputs(count: u64) -> impl Iterator<Item = alloc::vec::Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || script::xorshift(&mut state);
    (0..count).map(move |_| (0..next()).map(|_| next()).collect())
}

/// Fails unless the body reaches every performative, state and event within `count` pseudo-random inputs.
#[cfg(test)]
fn reaches_everything(body: fn(&[u8]) -> Coverage, count: u64) {
    let mut goal = CoverageGoal::within(count);
    for input in inputs(count) {
        let run = std::panic::catch_unwind(|| body(&input));
        assert!(run.is_ok(), "fails on {input:?}");
        if let Some(line) = goal.add(&run.unwrap()) {
            std::println!("{line}");
        }
    }
    assert_eq!(goal.coverage().missing_events(), [""; 0]);
}
