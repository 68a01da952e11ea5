//! The changes that untyped handles make with the types of an open keyspace.
//!
//! Such a change stores a value under the number of the keyspace, and the registry does not count it as a
//! handle. So a thread that replaces the keyspace by another version waits for these changes:
//!
//! 1. A change enters. It is refused while the keyspace is being replaced, and after that.
//! 2. A thread that replaces the keyspace lets no further change enter, and waits until all changes have
//!    left. After a limited time it gives up: changes may enter again, and the old version stays open.
//! 3. The thread registers the new version, and removes the entries of the old one from memory.
//! 4. If (3) fails, the old version stays open, and changes may enter again.
//!
//! If (3) came before (2), a change could store an entry after (3). Then the file would have an entry of a
//! retired keyspace, or memory would have a value of another type than its keyspace.
//!
//! A change may run the application's code: it decodes a value, and drops values. This code may wait for
//! the thread that waits in (2), for example because it opens a keyspace of the same name. With an
//! unlimited wait in (2), neither of these threads would ever go on. If the code itself replaces the
//! keyspace, (2) would wait for its own thread, so (2) gives up at once.

use crate::sys::clock::Deadline;
use crate::sys::sync::thread::ThreadId;
use crate::sys::sync::{Condvar, Mutex, thread};

#[derive(Debug, Default)]
pub(crate) struct TypedChanges {
    running: Mutex<RunningChanges>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct RunningChanges {
    /// The thread of each change.
    threads: Vec<ThreadId>,
    /// Whether the keyspace is being replaced, or was replaced.
    is_closed: bool,
}

/// A change that has entered. It leaves when this value is dropped.
#[cfg(feature = "untyped")]
#[derive(Debug)]
pub(crate) struct TypedChange<'a>(&'a TypedChanges);

#[cfg(feature = "untyped")]
impl Drop for TypedChange<'_> {
    fn drop(&mut self) {
        let mut running = self.0.running.lock();
        let me = thread::current().id();
        if let Some(place) = running.threads.iter().position(|thread| *thread == me) {
            running.threads.swap_remove(place);
        }
        drop(running);
        self.0.left.notify_all();
    }
}

impl TypedChanges {
    /// Runs step 1. Returns `None` if the change is refused. The returned value must be dropped on the
    /// calling thread.
    #[cfg(feature = "untyped")]
    pub(crate) fn enter(&self) -> Option<TypedChange<'_>> {
        let mut running = self.running.lock();
        if running.is_closed {
            return None;
        }
        running.threads.push(thread::current().id());
        Some(TypedChange(self))
    }

    /// Runs step 2. Returns whether all changes have left before the deadline. If not, further changes may
    /// enter.
    pub(super) fn close(&self, deadline: Deadline) -> bool {
        let mut running = self.running.lock();
        if running.threads.contains(&thread::current().id()) {
            return false;
        }
        running.is_closed = true;
        while !running.threads.is_empty() && !deadline.is_over() {
            self.left.wait_for(&mut running, deadline.left());
        }
        running.is_closed = running.threads.is_empty();
        running.is_closed
    }

    /// Runs step 4.
    pub(super) fn reopen(&self) {
        self.running.lock().is_closed = false;
    }
}

#[cfg(all(test, feature = "untyped", not(shuttle)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sys::sync::{AtomicBool, Ordering};

    fn later() -> Deadline {
        Deadline::after(Duration::from_hours(1))
    }

    #[test]
    fn a_replacement_waits_for_the_changes_and_lets_none_enter() {
        let (changes, has_left) = (TypedChanges::default(), AtomicBool::new(false));
        let first = changes.enter().unwrap();
        let second = changes.enter().unwrap();
        assert!(!changes.close(later()), "the thread is inside two changes");
        drop(second);
        assert!(!changes.close(later()), "and still inside one");
        thread::scope(|scope| {
            let replacement = scope.spawn(|| {
                assert!(changes.close(later()));
                assert!(has_left.load(Ordering::SeqCst), "it has waited");
            });
            while changes.enter().is_some() {
                thread::yield_now();
            }
            has_left.store(true, Ordering::SeqCst);
            drop(first);
            replacement.join().unwrap();
        });
        assert!(changes.enter().is_none());
        changes.reopen();
        assert!(changes.enter().is_some());
    }

    #[test]
    fn a_replacement_gives_up_on_a_change_that_waits_for_it() {
        let changes = TypedChanges::default();
        let change = changes.enter().unwrap();
        thread::scope(|scope| {
            let replacement = scope.spawn(|| changes.close(Deadline::after(Duration::from_millis(1))));
            // The change ends only after the replacement has.
            assert!(!replacement.join().unwrap());
        });
        assert!(changes.enter().is_some(), "the old version stays open");
        drop(change);
        assert!(changes.close(later()));
    }
}
