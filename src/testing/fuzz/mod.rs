//! The bodies of the fuzz targets: each takes any bytes and panics where the crate breaks its word.

mod connection_bytes;
mod connection_ops;
mod coverage;
mod decode_value;
mod engine;
mod pair;
mod script;
mod split_frame;
mod wire;

pub use connection_bytes::connection_bytes;
pub use connection_ops::connection_ops;
pub use coverage::{Coverage, Gathered};
pub use decode_value::decode_value;
pub use pair::pair;
pub use split_frame::split_frame;

/// Inputs out of nothing, the same ones each time: so many, of up to 256 bytes.
#[cfg(test)]
fn inputs(count: u64) -> impl Iterator<Item = alloc::vec::Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || script::xorshift(&mut state);
    (0..count).map(move |_| (0..next()).map(|_| next()).collect())
}

/// That the body gets everywhere by so many inputs out of nothing.
#[cfg(test)]
fn reaches_everything(body: fn(&[u8]) -> Coverage, count: u64) {
    let mut gathered = Gathered::due_after(count);
    for input in inputs(count) {
        let run = std::panic::catch_unwind(|| body(&input));
        assert!(run.is_ok(), "fails on {input:?}");
        if let Some(line) = gathered.add(&run.unwrap()) {
            std::println!("{line}");
        }
    }
    assert_eq!(gathered.coverage().missing_events(), [""; 0]);
}
