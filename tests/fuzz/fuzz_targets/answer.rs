//! Runs libFuzzer on replies of a Redis server.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::answer(data));
