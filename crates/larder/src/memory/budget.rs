//! The memory budget: the weight of clean entries, for the whole cache.
//!
//! Weight is reserved before an entry becomes clean and is given back after it left, so the sum is never above the capacity,
//! not even for a moment, and a large value may take the room of entries in every shard.

use crate::sync::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Budget {
    capacity: u64,
    used: AtomicU64,
}

impl Budget {
    pub(crate) const fn new(capacity: u64) -> Self {
        Self { capacity, used: AtomicU64::new(0) }
    }

    pub(crate) const fn capacity(&self) -> u64 {
        self.capacity
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    // Relaxed throughout: the number guards no other memory; its own modification order keeps the bound.
    pub(crate) fn try_reserve(&self, weight: u64) -> bool {
        let fits = |used: u64| used.checked_add(weight).filter(|&sum| sum <= self.capacity);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    pub(crate) fn release(&self, weight: u64) {
        self.used.fetch_sub(weight, Ordering::Relaxed);
    }
}
