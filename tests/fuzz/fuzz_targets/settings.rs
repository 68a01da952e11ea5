//! Runs libFuzzer on settings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::settings(data));
