//! Counters that many threads increment concurrently, without contention for a cache line.
//!
//! When a thread counts for the first time, it takes a stripe. The stripe belongs to this thread until the
//! thread ends. So the thread adds with a load and a store, and no other thread writes between the two. If
//! there are more threads than stripes, the other threads share one more stripe and add to it atomically. No
//! count is lost in either case.
//!
//! No crate is used: the crates with striped counters add atomically, which is too slow for a hit. The
//! counters here also return the new count, which decides whether a hit is sampled.

use std::cell::Cell;

use super::cause::LatestCause;
use super::count::{COUNTS, Count, Sums};
use super::latency::Histogram;
use crate::sys::sync::{AtomicBool, Ordering, StatisticU64};

/// Number of stripes that belong to one thread each.
const OWN_STRIPES: usize = 31;

/// The counters of one keyspace, with load times and the latest causes.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    own: [Stripe; OWN_STRIPES],
    shared: Stripe,
    pub(crate) load_times: Histogram,
    /// Whether a warning was logged about a loaded value of this keyspace that could not be cached.
    pub(crate) has_told_uncacheable: AtomicBool,
    /// Whether a warning was logged about a value of this keyspace that was too large for the file.
    pub(crate) has_told_too_large: AtomicBool,
    pub(crate) uncacheable_cause: LatestCause,
    pub(crate) too_large_cause: LatestCause,
    pub(crate) undecodable_cause: LatestCause,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe([StatisticU64; COUNTS]);

impl Counters {
    /// Returns counters that continue from `earlier`. No thread may still add to `earlier`. A warning is
    /// logged again, because it may have another cause now.
    pub(crate) fn continuing(earlier: &Self) -> Self {
        let shared = Stripe::default();
        for (counter, sum) in shared.0.iter().zip(earlier.sums().0) {
            counter.store(sum, Ordering::Relaxed);
        }
        Self {
            shared,
            load_times: earlier.load_times.copy(),
            uncacheable_cause: earlier.uncacheable_cause.copy(),
            too_large_cause: earlier.too_large_cause.copy(),
            undecodable_cause: earlier.undecodable_cause.copy(),
            ..Self::default()
        }
    }

    #[inline]
    pub(crate) fn add(&self, count: Count) {
        self.number(count);
    }

    /// Increments a count. Returns the new count in the stripe of this thread.
    #[inline]
    pub(crate) fn number(&self, count: Count) -> u64 {
        match self.number_as_owner(count) {
            Some(number) => number,
            None => self.number_slowly(count),
        }
    }

    /// Like [`number`](Self::number), but does nothing and returns `None` if this thread owns no stripe.
    #[inline]
    pub(crate) fn number_as_owner(&self, count: Count) -> Option<u64> {
        self.own.get(STRIPE.get()).map(|stripe| stripe.add_as_owner(count))
    }

    /// Does the same as [`number`](Self::number), for a thread that has not taken a stripe yet, or uses the
    /// shared stripe.
    #[cold]
    fn number_slowly(&self, count: Count) -> u64 {
        if STRIPE.get() == NOT_TAKEN {
            // `try_with` fails if the thread is ending and has released its stripe.
            STRIPE.set(OWNED.try_with(|owned| owned.0).ok().flatten().unwrap_or(SHARED));
        }
        match self.own.get(STRIPE.get()) {
            Some(stripe) => stripe.add_as_owner(count),
            None => self
                .shared
                .0
                .get(count as usize)
                .map_or(0, |counter| counter.fetch_add(1, Ordering::Relaxed).wrapping_add(1)),
        }
    }

    pub(crate) fn sums(&self) -> Sums {
        let mut sums = [0_u64; COUNTS];
        // Before a thread counts in a stripe, `TAKEN` is greater than the index of that stripe. So the loop
        // reads the stripe of every count that happened before this call.
        let taken = usize::try_from(TAKEN.load(Ordering::Relaxed)).unwrap_or(OWN_STRIPES);
        for stripe in self.own.iter().take(taken).chain([&self.shared]) {
            for (sum, counter) in sums.iter_mut().zip(&stripe.0) {
                *sum = sum.wrapping_add(counter.load(Ordering::Relaxed));
            }
        }
        Sums(sums)
    }
}

/// The free stripes, as a bit mask. A thread changes the mask when the thread first counts and when it ends.
/// No lock protects the mask, because a forked child may change it, and could find the lock held forever.
static FREE: StatisticU64 = StatisticU64::new((1 << OWN_STRIPES) - 1);

/// One more than the highest stripe that was ever taken. A thread takes the first free stripe, so no stripe
/// from this number on has a count.
static TAKEN: StatisticU64 = StatisticU64::new(0);

impl Stripe {
    /// Increments a count. Only the thread that owns the stripe is allowed to call this.
    #[inline]
    fn add_as_owner(&self, count: Count) -> u64 {
        let Some(counter) = self.0.get(count as usize) else { return 0 };
        // No other thread writes to this stripe while this thread lives. The next owner of the stripe sees
        // the count through `FREE`.
        let number = counter.load(Ordering::Relaxed).wrapping_add(1);
        counter.store(number, Ordering::Relaxed);
        number
    }
}

/// Special values of `STRIPE`, for a thread that has not counted yet, and for a thread that uses the shared
/// stripe.
const NOT_TAKEN: usize = usize::MAX;
const SHARED: usize = usize::MAX - 1;

/// The stripe of a thread, until the thread ends. `None` if the thread uses the shared stripe.
struct Owned(Option<usize>);

std::thread_local! {
    /// The index of the thread's stripe. This copy of `OWNED` is faster to read, because it is initialized
    /// at compile time.
    static STRIPE: Cell<usize> = const { Cell::new(NOT_TAKEN) };
    static OWNED: Owned = Owned::take();
}

impl Owned {
    fn take() -> Self {
        let without_first = |free: u64| (free != 0).then(|| free & (free - 1));
        // Acquire: pairs with the Release in `drop`, so that this thread continues from the counts of the
        // stripe's last owner.
        let before = FREE.fetch_update(Ordering::Acquire, Ordering::Relaxed, without_first);
        let stripe = before.ok().map(u64::trailing_zeros);
        if let Some(stripe) = stripe {
            TAKEN.fetch_max(u64::from(stripe) + 1, Ordering::Relaxed);
        }
        Self(stripe.map(|stripe| stripe as usize))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Anything that the ending thread still counts goes to the shared stripe.
        STRIPE.set(SHARED);
        if let Some(stripe) = self.0 {
            FREE.fetch_or(1 << stripe, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn no_count_is_lost_when_there_are_more_threads_than_stripes() {
        let counters = Counters::default();
        let threads = 2 * OWN_STRIPES;
        for _ in 0..2 {
            let all_count = Barrier::new(threads);
            thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        counters.add(Count::Misses);
                        // All threads live at the same time, so some must use the shared stripe. In the
                        // second round, each stripe has had an earlier owner.
                        all_count.wait();
                        for _ in 0..1_000 {
                            counters.add(Count::Misses);
                        }
                    });
                }
            });
        }
        assert_eq!(counters.sums().of(Count::Misses), 2 * 1_001 * threads as u64);
        assert_eq!(counters.sums().of(Count::Loads), 0);
        assert!(counters.shared.0.iter().any(|counter| counter.load(Ordering::Relaxed) > 0));
    }
}
