//! The rule for a panic of a user's code in work that no caller asked for: the panic ends in this module.
//!
//! Such code is the `Drop` of a value that leaves the cache, an event listener, the waker of a task, and a
//! loader on a thread of the cache. Any call may drop a value of any key, for example when an insert evicts
//! it. So its panic concerns no caller. If it reached one, it would replace the result of a call that has
//! already changed the cache, and hide an error such as `NotDurable`. The panic hook has reported the panic
//! before it is caught.
//!
//! The payload of a panic may be a user's value, too, and its `Drop` may panic again. A payload whose `Drop`
//! panics is leaked with the second panic. Otherwise the panics could go on without end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code of the user. Catches a panic.
pub(crate) fn run_caught(code: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(code)) {
        drop_panic(panic);
    }
}

/// Drops a value of the user. Catches a panic of its `Drop`. The caller must not hold a lock.
pub(crate) fn drop_caught<T>(value: T) {
    run_caught(|| drop(value));
}

/// Drops the payload of a caught panic.
pub(crate) fn drop_panic(panic: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value whose `Drop` panics, with a payload whose `Drop` panics in the same way.
    struct PanicsAgain(u32);

    impl Drop for PanicsAgain {
        fn drop(&mut self) {
            if self.0 > 0 {
                std::panic::panic_any(PanicsAgain(self.0 - 1));
            }
        }
    }

    #[test]
    fn a_panic_whose_payload_panics_ends_here() {
        for depth in 0..4 {
            drop_caught(PanicsAgain(depth));
        }
    }
}
