//! Runs libFuzzer on URLs that contain settings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::url(data));
