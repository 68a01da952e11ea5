//! The rule for a panic of a user's code in work that no caller asked for: the panic reaches no caller.
//!
//! Such code is the `Drop` of a value that the cache drops, an event listener, the waker of a task, and a
//! loader on a thread of the cache. Any call may drop a value of any key, for example when an insert evicts
//! it. So its panic concerns no caller. If it reached one, it would replace the result of a call that has
//! already changed the cache, and hide an error such as `NotDurable`. The panic hook has reported the panic
//! before it is caught.
//!
//! [`run_caught`] runs such code. A call may own the last handle of a value that it has read, so it keeps the
//! handle in a [`HeldValue`]. Code that needs the text of a panic catches the panic itself, and passes the
//! payload to [`drop_panic`].
//!
//! The payload of a panic may be a user's value, too, and its `Drop` may panic again. A payload whose `Drop`
//! panics is leaked with the second panic. Otherwise the panics could go on without end.

use std::any::Any;
use std::ops::Deref;
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

/// A value of the user that a call holds. However the call ends, a panic of the value's `Drop` is caught,
/// even during another panic. The caller must not drop this under a lock.
#[derive(Debug)]
pub(crate) struct HeldValue<T>(Option<T>);

impl<T> HeldValue<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// Returns the value. The caller must return it or hold it again, because its `Drop` is no longer caught.
    pub(crate) fn into_inner(mut self) -> T {
        self.0.take().expect("only dropping or consuming the holder takes the value out")
    }
}

impl<T> Deref for HeldValue<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only dropping or consuming the holder takes the value out")
    }
}

impl<T> Drop for HeldValue<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            drop_caught(value);
        }
    }
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

    #[test]
    fn a_held_value_may_panic_while_a_panic_unwinds_and_a_value_that_is_taken_out_is_not_dropped() {
        let unwound = catch_unwind(|| {
            let _held = (HeldValue::new(PanicsAgain(1)), HeldValue::new(PanicsAgain(1)));
            std::panic::resume_unwind(Box::new(7));
        });
        assert_eq!(unwound.unwrap_err().downcast_ref(), Some(&7));
        let taken_out = HeldValue::new(PanicsAgain(1)).into_inner();
        assert_eq!(taken_out.0, 1);
        std::mem::forget(taken_out);
    }
}
