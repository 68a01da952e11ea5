//! The counts of a cache file, over all processes that have opened it.

use serde::{Deserialize, Serialize};

/// Declares the struct, and functions that convert it to and from numbers in field order.
macro_rules! cumulative_stats {
    (
        $(#[$attribute:meta])*
        pub struct CumulativeStats {
            $($(#[$doc:meta])* pub $count:ident: u64,)+
        }
    ) => {
        $(#[$attribute])*
        pub struct CumulativeStats {
            $($(#[$doc])* pub $count: u64,)+
        }

        const COUNTS: usize = [$(stringify!($count)),+].len();

        impl CumulativeStats {
            /// Returns the counts in the order in which the file stores them.
            pub(crate) fn numbers(&self) -> [u64; COUNTS] {
                [$(self.$count),+]
            }

            /// Converts the numbers of a file to counts. Missing numbers are zero. Additional numbers, which
            /// a later version has written, are ignored.
            pub(crate) fn of(numbers: impl IntoIterator<Item = u64>) -> Self {
                let mut numbers = numbers.into_iter();
                $(let $count = numbers.next().unwrap_or(0);)+
                Self { $($count),+ }
            }
        }
    };
}

// The order is part of the file format, so new counts come last.
cumulative_stats! {
    /// Counts since the file was created. The counts are stored with every commit, so a crash loses the
    /// counts since the last commit.
    ///
    /// The counts start at zero in a file of an older larder version without these counts, and if the counts
    /// in the file are damaged.
    #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(default)]
    #[non_exhaustive]
    pub struct CumulativeStats {
        /// How often the file was opened as a cache.
        pub openings: u64,
        /// Lookups answered from memory.
        pub memory_hits: u64,
        /// Lookups answered from disk.
        pub disk_hits: u64,
        /// Lookups that neither memory nor the disk could answer.
        pub misses: u64,
        /// Loads that were begun: a [`LoadLease`](crate::LoadLease) is one load, and a loader of several keys
        /// is one load for each key.
        pub loads: u64,
        /// Loads that failed: the loader returned an error or panicked, or the lease was dropped without a
        /// result.
        pub load_failures: u64,
        /// Disk hits that were copied into memory.
        pub promotions: u64,
        /// Values that the application stored, including the values of atomic changes and of touches. The
        /// values of loaders are counted only under `loads`.
        pub inserts: u64,
        /// Removals by the application, counted as in [`Stats::invalidations`](crate::Stats::invalidations).
        pub invalidations: u64,
        /// Entries evicted from memory for room.
        pub memory_evictions: u64,
        /// Expired entries removed from memory.
        pub memory_expirations: u64,
        /// Entries evicted from disk for room.
        pub disk_evictions: u64,
        /// Expired entries deleted from disk.
        pub disk_expirations: u64,
        /// Committed transactions.
        pub commits: u64,
        /// How often the store failed.
        pub faults: u64,
        /// How often the file was found damaged and was replaced.
        pub quarantines: u64,
        /// Lookups that found a record whose value could not be decoded. Each of them was a miss.
        pub undecodable: u64,
        /// Loaded values that could not be cached.
        pub uncacheable: u64,
        /// Loaded or promoted values that were not cached, for example because their key was written or
        /// invalidated in the meantime, because the load passed its deadline, or because another lookup had
        /// already cached the value.
        pub voided_fills: u64,
        /// Failed loads that were answered with a stale value, and answers with a stale value during a
        /// cool-down.
        pub stale_answers: u64,
        /// Lookups answered with a cached absence: the source has no value. They are not part of
        /// [`requests`](Self::requests).
        pub absent_answers: u64,
        /// Refreshes that were started.
        pub refreshes: u64,
        /// Refreshes that were not started, because the pool and its queue were full
        /// ([`load_threads`](crate::CacheBuilder::load_threads)), because the maximum number of tasks was
        /// running ([`load_tasks`](crate::CacheBuilder::load_tasks)), or because no thread or task could be
        /// started.
        pub refreshes_refused: u64,
    }
}

impl CumulativeStats {
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self::of(self.numbers().into_iter().zip(other.numbers()).map(|(one, more)| one.saturating_add(more)))
    }

    /// Returns the counts since the moment at which `earlier` was read.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let pairs = self.numbers().into_iter().zip(earlier.numbers());
        Self::of(pairs.map(|(now, then)| now.saturating_sub(then)))
    }

    /// Returns the number of lookups: memory hits, disk hits and misses.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.memory_hits.saturating_add(self.disk_hits).saturating_add(self.misses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_counts_in_their_order() {
        let counts = CumulativeStats::of(1..=COUNTS as u64);
        assert!(counts.numbers().into_iter().eq(1..=COUNTS as u64));
        assert_eq!(
            (counts.openings, counts.misses, counts.voided_fills, counts.refreshes_refused),
            (1, 4, 19, 23)
        );
        assert_eq!(CumulativeStats::of([7, 5]).since(&CumulativeStats::of([4, 6])), CumulativeStats::of([3]));
        assert_eq!(CumulativeStats::of([7]).plus(&counts).openings, 8);
        assert_eq!(CumulativeStats::of([0, u64::MAX]).plus(&counts).memory_hits, u64::MAX);
    }
}
