//! Values that left memory, and how they are dropped.
//!
//! A user's `Drop` may panic. If two of a list did while the list is dropped, the process would abort, so
//! they are dropped one by one, each with its panic caught. The first panic goes on when all are dropped: it
//! belongs to the caller.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use smallvec::SmallVec;

use super::Value;

/// Values that left memory, for their last holder to drop. The writer hands them on: a user's `Drop` may wait
/// for the writer.
#[derive(Debug, Default)]
pub(crate) struct Remains(SmallVec<[Value; 2]>);

impl Remains {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes what others have.
    pub(crate) fn append(&mut self, mut others: Self) {
        self.0.extend(std::mem::take(&mut others.0));
    }

    pub(super) fn extend(&mut self, values: SmallVec<[Value; 2]>) {
        self.0.extend(values);
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        let mut first = None;
        for value in self.0.drain(..) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                first.get_or_insert(panic);
            }
        }
        if let Some(panic) = first
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
