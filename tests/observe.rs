//! The observer: a case for each rule and each stall, engines that break none, and faults planted among their frames.

#[path = "observe/bytes.rs"]
mod bytes;
#[path = "observe/engines.rs"]
mod engines;
#[path = "observe/rules.rs"]
mod rules;
#[path = "observe/stalls.rs"]
mod stalls;
#[path = "observe/wire.rs"]
mod wire;
