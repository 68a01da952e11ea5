//! Runs libFuzzer on whole files.
//!
//! libFuzzer ends the process at every panic, even at a caught one. The store panics on some damaged pages,
//! and the cache catches such a panic and treats it as damage (contract 5). So this target permits panics
//! inside the store.
#![no_main]

use std::panic;
use std::sync::Once;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static SPARE_THE_STORE: Once = Once::new();
    SPARE_THE_STORE.call_once(|| {
        let fatal = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_in_store = info.location().is_some_and(|place| place.file().contains("/redb-"));
            if !is_in_store {
                fatal(info);
            }
        }));
    });
    larder_fuzz::file(data);
});
