//! Runs libFuzzer on encoded values.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::value(data));
