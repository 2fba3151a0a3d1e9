#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amqp_proto::testing::fuzz::sasl_exchange(data));
