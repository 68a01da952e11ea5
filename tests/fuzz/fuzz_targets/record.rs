//! Runs libFuzzer on records.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::record(data));
