#![no_main]

use std::sync::Mutex;

use amqp_proto::testing::fuzz::CoverageGoal;

/// The coverage of this process. It must be complete within this number of runs, whatever the corpus; a minute has
/// several times as many.
static GOAL: Mutex<CoverageGoal> = Mutex::new(CoverageGoal::within(20_000));

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let run = amqp_proto::testing::fuzz::connection_bytes(data);
    if let Some(line) = GOAL.lock().unwrap().add(&run) {
        eprintln!("{line}");
    }
});
