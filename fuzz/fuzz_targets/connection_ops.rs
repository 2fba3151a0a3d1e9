#![no_main]

use std::sync::Mutex;

use amqp_proto::testing::fuzz::Gathered;

/// All that this process has reached. Within so many runs everything there is must have been, whatever corpus they
/// began with; a minute gives several times as many.
static GATHERED: Mutex<Gathered> = Mutex::new(Gathered::due_after(20_000));

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let run = amqp_proto::testing::fuzz::connection_ops(data);
    if let Some(line) = GATHERED.lock().unwrap().add(&run) {
        eprintln!("{line}");
    }
});
