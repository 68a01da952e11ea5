//! Runs libFuzzer on sequences of cache operations.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::operations(data));
