//! Panics inside the store, on a damaged file: larder catches them and tells of damage, so nothing else is said of them.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::ExitCode;
use std::sync::Mutex;

/// What Rust exits with after a panic.
const PANICKED: u8 = 101;

/// Runs a command. A panic that nobody catches is told; those that are caught are not.
pub(crate) fn told_if_uncaught(command: impl FnOnce() -> ExitCode) -> ExitCode {
    static LAST: Mutex<String> = Mutex::new(String::new());
    set_hook(Box::new(|panic| {
        if let Ok(mut last) = LAST.lock() {
            *last = panic.to_string();
        }
    }));
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| {
        let last = LAST.lock().map_or_else(|_| String::new(), |last| last.clone());
        eprintln!("larder: it failed, which is a bug of larder: {last}");
        ExitCode::from(PANICKED)
    })
}
