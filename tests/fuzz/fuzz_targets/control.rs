//! Runs libFuzzer on requests to the control socket.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larder_fuzz::control(data));
