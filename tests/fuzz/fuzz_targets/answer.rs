//! Runs libFuzzer on answers in Redis' protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::answer(data));
