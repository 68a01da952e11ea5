//! Values that have left memory, and the code that drops them.
//!
//! A user's `Drop` may panic. If two values panicked while one list is dropped, the process would abort. So
//! the values are dropped one by one, and each panic is caught. After all values are dropped, the first
//! panic resumes in the caller.
//!
//! A caller that removes many values drops them in batches ([`EvictedValues::drop_if_many`]). Otherwise the
//! removed values would keep their memory until the end of the call. If other threads wait for a caller's
//! turn, the caller keeps all values until its turn has ended ([`EvictedValues::kept`]), because a `Drop` may
//! wait for the same turn.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use smallvec::SmallVec;

use crate::memory::entry::Value;

/// Values that have left memory. They are dropped with this list. The writer thread hands the list to
/// another thread, because a user's `Drop` may wait for the writer thread.
#[derive(Debug, Default)]
pub(crate) struct EvictedValues {
    values: SmallVec<[Value; 2]>,
    /// The first panic of a value that is already dropped.
    panic: Option<Box<dyn Any + Send>>,
    /// Whether no value is dropped before the list is.
    keeps_all: bool,
}

/// Maximum number of values that a removal keeps until its commit.
pub(super) const MAX_WAITING: usize = 1024;

impl EvictedValues {
    /// Returns an empty list that keeps all of its values until it is dropped.
    pub(crate) fn kept() -> Self {
        Self { values: SmallVec::new(), panic: None, keeps_all: true }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.panic.is_none()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.values.extend(std::mem::take(&mut others.values));
        if let Some(panic) = others.panic.take() {
            self.panic.get_or_insert(panic);
        }
    }

    pub(crate) fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    #[inline]
    pub(super) fn take(&mut self, values: &mut SmallVec<[Value; 2]>) {
        // Usually there is one value.
        if values.len() == 1
            && let Some(value) = values.pop()
        {
            self.values.push(value);
        } else if !values.is_empty() {
            self.values.append(values);
        }
    }

    /// Drops the values if there are more than [`MAX_WAITING`], unless the list keeps all. If a value panics,
    /// the panic resumes when this list is dropped. The caller must not hold a lock.
    pub(super) fn drop_if_many(&mut self) {
        if !self.keeps_all && self.values.len() > MAX_WAITING {
            self.drop_values();
        }
    }

    fn drop_values(&mut self) {
        if self.values.len() == 1 {
            if let Some(value) = self.values.pop() {
                self.drop_value(value);
            }
        } else if !self.values.is_empty() {
            for value in std::mem::take(&mut self.values) {
                self.drop_value(value);
            }
        }
    }

    fn drop_value(&mut self, value: Value) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
            self.panic.get_or_insert(panic);
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
