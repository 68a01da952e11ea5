//! Values that have left memory, and the code that drops them.
//!
//! A user's `Drop` may panic. The values are dropped one by one, and each panic is caught
//! ([`crate::sys::user_code`]). So dropping a list never panics, and no call of the cache can lose its result
//! to the `Drop` of a value.
//!
//! A caller that removes many values drops them in batches ([`EvictedValues::drop_if_many`]). Otherwise the
//! removed values would keep their memory until the end of the call. If other threads wait for a caller's
//! turn, the caller keeps all values until its turn has ended ([`EvictedValues::kept`]), because a `Drop` may
//! wait for the same turn.

use crate::memory::entry::Value;
use crate::memory::few::Few;
use crate::sys::user_code::drop_caught;

/// Values that have left memory. They are dropped with this list. The writer thread hands the list to
/// another thread, because a user's `Drop` may wait for the writer thread.
#[derive(Debug, Default)]
pub(crate) struct EvictedValues {
    values: Few<Value>,
    /// Whether no value is dropped before the list is.
    keeps_all: bool,
}

/// Maximum number of values that a removal keeps until its commit.
pub(super) const MAX_WAITING: usize = 1024;

impl EvictedValues {
    /// Returns an empty list that keeps all of its values until it is dropped.
    pub(crate) fn kept() -> Self {
        Self { values: Few::default(), keeps_all: true }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.values.append(&mut others.values);
    }

    pub(crate) fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    #[inline]
    pub(super) fn take(&mut self, values: &mut Few<Value>) {
        self.values.append(values);
    }

    /// Drops the values if there are more than [`MAX_WAITING`], unless the list keeps all. The caller
    /// must not hold a lock.
    pub(super) fn drop_if_many(&mut self) {
        if !self.keeps_all && self.values.len() > MAX_WAITING {
            self.drop_values();
        }
    }

    #[inline]
    fn drop_values(&mut self) {
        self.values.drain(drop_caught);
    }
}

impl Drop for EvictedValues {
    #[inline]
    fn drop(&mut self) {
        self.drop_values();
    }
}
