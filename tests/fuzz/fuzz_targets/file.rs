//! libFuzzer on whole files.
//!
//! libFuzzer ends the process at every panic, also at a caught one. The store panics at some damaged pages.
//! The cache catches that and takes it for damage (contract 5). So panics inside the store are allowed here.
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
