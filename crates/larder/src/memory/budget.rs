//! The memory budget: the limit on the weight of all clean entries of the cache.
//!
//! Weight is reserved before an entry becomes clean, and given back after the entry has left memory. So the
//! sum is never above the capacity, not even for a moment. The budget is shared by all shards, so a large
//! value may replace entries in any shard. A dirty value that is larger than the write buffer reserves the
//! excess here: see [`Reservation`].

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

    /// Returns the reserved weight. This weight is never more than the capacity.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    // All accesses are relaxed. The number guards no other memory, and its own modification order is enough
    // to keep the sum below the capacity.
    pub(super) fn try_reserve(&self, weight: u64) -> bool {
        let fits = |used: u64| used.checked_add(weight).filter(|&sum| sum <= self.capacity);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// Reserves the free weight, up to `most`. Returns the reserved weight.
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

/// Weight that is reserved in the budget and belongs to no clean entry. Dropping the reservation gives its
/// remaining weight back.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Budget>,
    held: AtomicU64,
}

impl Reservation {
    /// Makes a reservation of no weight.
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, held: AtomicU64::new(0) }
    }

    /// Adds free weight of the budget until this reservation has `weight`. Returns whether the reservation
    /// now has that weight.
    ///
    /// If the free weight is too small, the reservation keeps the free weight that it got. Otherwise other
    /// callers that need room at the same time could reserve this weight.
    pub(super) fn grow_to(&mut self, weight: u64) -> bool {
        let held = self.held();
        let got = self.budget.reserve_up_to(weight.saturating_sub(held));
        self.held.store(held + got, Ordering::Relaxed);
        held + got >= weight
    }

    /// Passes up to `most` bytes of the weight on to an entry that becomes clean. Returns the passed weight.
    /// The entry gives that weight back when it leaves memory.
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
