//! Runs libFuzzer on the settings of a cache.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::settings(data));
