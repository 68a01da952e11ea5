//! Runs libFuzzer on records of a cache file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::record(data));
