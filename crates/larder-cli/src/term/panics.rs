//! Decides which panics are printed.
//!
//! redb may panic on a damaged file. larder catches this panic and reports the damage, so the panic itself is
//! not printed.
//!
//! The message of a panic on the main thread is stored, and printed only if the panic ends the command,
//! because `top` may still use the whole screen. Rust's default hook prints a panic of another thread
//! immediately, unless it comes from redb.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

/// The exit code of a Rust program after a panic.
const PANICKED: u8 = 101;

/// Runs a command, and prints the panic that ends it, if any. A panic that the command catches on the main
/// thread is not printed.
pub(crate) fn report_uncaught(command: impl FnOnce() -> ExitCode) -> ExitCode {
    static LAST: Mutex<String> = Mutex::new(String::new());
    let (main, default_hook) = (thread::current().id(), take_hook());
    set_hook(Box::new(move |panic| {
        let is_of_store = panic.location().is_some_and(|place| is_of_store(Path::new(place.file())));
        if thread::current().id() != main {
            if !is_of_store {
                default_hook(panic);
            }
        } else if let Ok(mut last) = LAST.lock() {
            *last = panic.to_string();
        }
    }));
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| {
        let last = LAST.lock().map_or_else(|_| String::new(), |last| last.clone());
        super::escape::warn(&format!("larder: it failed, which is a bug of larder: {last}"));
        ExitCode::from(PANICKED)
    })
}

/// Returns whether a source file is in a directory `redb`, or in one such as `redb-4.1.0`.
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
    fn only_source_files_of_redb_are_taken_as_the_stores() {
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
