//! The memory budget: the weight of clean entries, for the whole cache.
//!
//! Weight is reserved before an entry becomes clean and is given back after it left, so the sum is never
//! above the capacity, not even for a moment, and a large value may take the room of entries in every shard.
//! A dirty value that is larger than the write buffer reserves here what the buffer is too small for: see
//! [`Reservation`].

use crate::sys::sync::{Arc, AtomicU64, Ordering};

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

    /// Returns what is reserved: never more than the capacity.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    // Relaxed throughout: the number guards no other memory; its own modification order keeps the bound.
    pub(crate) fn try_reserve(&self, weight: u64) -> bool {
        let fits = |used: u64| used.checked_add(weight).filter(|&sum| sum <= self.capacity);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// Reserves what there is, up to `most`; how much that is.
    fn reserve_up_to(&self, most: u64) -> u64 {
        let left = |used: u64| most.min(self.capacity.saturating_sub(used));
        let take = |used: u64| Some(used + left(used));
        let (Ok(used) | Err(used)) = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        left(used)
    }

    pub(crate) fn release(&self, weight: u64) {
        self.used.fetch_sub(weight, Ordering::Relaxed);
    }
}

/// Weight that is reserved in the budget and belongs to no clean entry. Dropping it gives back what is left
/// of it.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Budget>,
    held: AtomicU64,
}

impl Reservation {
    /// Nothing yet.
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, held: AtomicU64::new(0) }
    }

    /// Adds what the budget has, until this is `weight`. Answers whether it is.
    ///
    /// It keeps what it has got, so that others who need room at the same time can't take it again.
    pub(super) fn grow_to(&mut self, weight: u64) -> bool {
        let held = self.held();
        let got = self.budget.reserve_up_to(weight.saturating_sub(held));
        self.held.store(held + got, Ordering::Relaxed);
        held + got >= weight
    }

    /// Passes up to `most` on to an entry that becomes clean; how much that is. The entry gives it back when
    /// it leaves.
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
