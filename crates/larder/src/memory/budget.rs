//! The memory budget: the limit on the weight of all clean entries of the cache.
//!
//! Weight is reserved before an entry becomes clean, and released after the entry has left memory. So the
//! weight of the clean entries never exceeds the capacity, even briefly. All shards share the budget, so a
//! large value may displace entries of any shard. A dirty value that is larger than the write buffer reserves
//! its excess here: see [`Reservation`].

use crate::sys::sync::{Arc, AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct Budget {
    capacity: u64,
    used: AtomicU64,
}

impl Budget {
    pub(super) const fn new(capacity: u64) -> Self {
        Self { capacity, used: AtomicU64::new(0) }
    }

    pub(super) const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Returns the reserved weight, which never exceeds the capacity.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    // Relaxed ordering is enough: no other memory depends on `used`, and each reservation checks the sum
    // atomically.
    pub(super) fn try_reserve(&self, weight: u64) -> bool {
        let fits = |used: u64| used.checked_add(weight).filter(|&sum| sum <= self.capacity);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// Reserves as much free weight as there is, up to `most`. Returns the reserved weight.
    fn reserve_up_to(&self, most: u64) -> u64 {
        let left = |used: u64| most.min(self.capacity.saturating_sub(used));
        let take = |used: u64| Some(used + left(used));
        let (Ok(used) | Err(used)) = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        left(used)
    }

    pub(super) fn release(&self, weight: u64) {
        self.used.fetch_sub(weight, Ordering::Relaxed);
    }
}

/// Reserved weight that belongs to no clean entry. Dropping the reservation releases its remaining weight.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Budget>,
    held: AtomicU64,
}

impl Reservation {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, held: AtomicU64::new(0) }
    }

    /// Reserves free weight until this reservation holds `weight`. Returns whether it now holds this
    /// weight.
    ///
    /// If the free weight is too small, the reservation keeps the weight that it could reserve. Otherwise
    /// concurrent callers could reserve this weight first.
    pub(super) fn grow_to(&mut self, weight: u64) -> bool {
        let held = self.held();
        let got = self.budget.reserve_up_to(weight.saturating_sub(held));
        self.held.store(held + got, Ordering::Relaxed);
        held + got >= weight
    }

    /// Transfers up to `most` bytes of this weight to an entry that becomes clean. Returns the transferred
    /// weight. The entry releases that weight when it leaves memory.
    pub(super) fn pass_on(&self, most: u64) -> u64 {
        let take = |held: u64| Some(held - held.min(most));
        let (Ok(held) | Err(held)) = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        held.min(most)
    }

    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.release(self.held());
    }
}
