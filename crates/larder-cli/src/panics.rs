//! Panics inside the store, on a damaged file: larder catches them and reports damage, so the command says nothing else about them.
//!
//! A panic of the first thread is remembered, and told if it ends the command: the terminal may be in the hands of `top` until then.
//! A panic of another thread is told at once, as Rust does it, unless it is the store's.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

/// What Rust exits with after a panic.
const PANICKED: u8 = 101;

/// Runs a command. A panic that ends it is told; those that are caught are not.
pub(crate) fn told_if_uncaught(command: impl FnOnce() -> ExitCode) -> ExitCode {
    static LAST: Mutex<String> = Mutex::new(String::new());
    let (first, as_ever) = (thread::current().id(), take_hook());
    set_hook(Box::new(move |panic| {
        let is_of_store = panic.location().is_some_and(|place| is_of_store(Path::new(place.file())));
        if thread::current().id() != first {
            if !is_of_store {
                as_ever(panic);
            }
        } else if let Ok(mut last) = LAST.lock() {
            *last = panic.to_string();
        }
    }));
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| {
        let last = LAST.lock().map_or_else(|_| String::new(), |last| last.clone());
        crate::guard::warn(&format!("larder: it failed, which is a bug of larder: {last}"));
        ExitCode::from(PANICKED)
    })
}

/// Whether a source file is redb's: of a directory such as `redb-3.1.0`.
fn is_of_store(file: &Path) -> bool {
    file.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part == "redb"
            || part
                .strip_prefix("redb-")
                .is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_store_is_told_from_every_other() {
        for ours in
            ["/home/x/.cargo/registry/src/index/redb-4.1.0/src/tree_store/page.rs", "vendor/redb/src/db.rs"]
        {
            assert!(is_of_store(Path::new(ours)), "{ours}");
        }
        for other in
            ["crates/larder/src/disk/store/redb_store/mod.rs", "src/redb.rs", "/x/redb-derive-1.0/src/lib.rs"]
        {
            assert!(!is_of_store(Path::new(other)), "{other}");
        }
    }
}
