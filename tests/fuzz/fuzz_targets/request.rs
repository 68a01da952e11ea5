//! Runs libFuzzer on requests in the Redis protocol.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::request(data));
