//! Measures memory, with an allocator that counts.

fn main() {}
