//! Values that left memory, and how they are dropped.
//!
//! A user's `Drop` may panic. If two of a list did while the list is dropped, the process would abort, so
//! they are dropped one by one, each with its panic caught. The first panic goes on when all are dropped: it
//! belongs to the caller.
//!
//! Whoever lets go of very many drops a batch of them now and then ([`EvictedValues::drop_if_many`]): held to the
//! end they would take as much memory again as they did in the cache.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use smallvec::SmallVec;

use super::slot::Value;

/// Values that left memory, for their last holder to drop. The writer hands them on: a user's `Drop` may wait
/// for the writer.
#[derive(Debug, Default)]
pub(crate) struct EvictedValues {
    values: SmallVec<[Value; 2]>,
    /// The first panic of those that were dropped already.
    panic: Option<Box<dyn Any + Send>>,
}

/// Values that may wait to be dropped until a removal is committed.
pub(super) const MAX_WAITING: usize = 1024;

impl EvictedValues {
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.panic.is_none()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Takes what others have.
    pub(crate) fn append(&mut self, mut others: Self) {
        self.values.extend(std::mem::take(&mut others.values));
        if let Some(panic) = others.panic.take() {
            self.panic.get_or_insert(panic);
        }
    }

    pub(super) fn extend(&mut self, values: SmallVec<[Value; 2]>) {
        self.values.extend(values);
    }

    /// Drops the values if they are many. A panic of one goes on when the rest is dropped. No lock is held at
    /// the call.
    pub(super) fn drop_if_many(&mut self) {
        if self.values.len() > MAX_WAITING {
            self.drop_values();
        }
    }

    fn drop_values(&mut self) {
        for value in std::mem::take(&mut self.values) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                self.panic.get_or_insert(panic);
            }
        }
    }
}

impl Drop for EvictedValues {
    fn drop(&mut self) {
        self.drop_values();
        if let Some(panic) = self.panic.take()
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
