//! Values that have left memory, and the code that drops them.
//!
//! A user's `Drop` may panic. The values are dropped one by one, and each panic is caught
//! ([`crate::sys::user_code`]). So dropping a list never panics, and no call of the cache can lose its result
//! to the `Drop` of a value.
//!
//! A range removal hands over its values in batches ([`EvictedValues::hand_over_if_many`]). Otherwise the
//! removed values would keep their memory until the end of the call. The values must not be dropped during
//! the range removal: see [`super::purge`].

use crate::memory::entry::Value;
use crate::memory::few::Few;
use crate::sys::user_code::drop_caught;

/// Values that have left memory. They are dropped with this list. The writer thread and a range removal hand
/// the list to another thread, because a user's `Drop` may wait for them.
#[derive(Debug, Default)]
pub(crate) struct EvictedValues {
    values: Few<Value>,
}

/// Maximum number of values that a removal keeps until its commit.
pub(super) const MAX_WAITING: usize = 1024;

impl EvictedValues {
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

    /// Passes the values to `hand_over` if there are more than [`MAX_WAITING`].
    pub(super) fn hand_over_if_many(&mut self, hand_over: &impl Fn(Self)) {
        if self.values.len() > MAX_WAITING {
            hand_over(std::mem::take(self));
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
