//! What a keyspace counts, and the statistics in which each count appears: the one table of the counters.
//!
//! A new counter is a row here, and a documented field in each of the public structs that it names. The sums
//! follow from the row; a metric of it is a row in `ops/metrics/names.rs`. The fields themselves are not made
//! by the macro, because the structs are public documentation and say different things about one count.

use super::cumulative::CumulativeStats;
use super::{KeyspaceStats, Stats};

/// Room for counts in a stripe: two lines of the processor's cache.
pub(crate) const COUNTS: usize = 16;

/// A row is the count and its field in [`KeyspaceStats`], then the fields in [`Stats`] and in
/// [`CumulativeStats`] that include it, if any.
macro_rules! counts {
    ($($count:ident: $keyspace:ident $(, Stats $($stats:ident).+)? $(, CumulativeStats $cumulative:ident)?;)+) => {
        /// What a keyspace counts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Count {
            $($count,)+
        }

        const _: () = assert!([$(Count::$count),+].len() <= COUNTS);

        impl KeyspaceStats {
            /// Sets every field that a keyspace counts.
            pub(crate) fn set_counts(&mut self, sums: &Sums) {
                $(self.$keyspace = sums.of(Count::$count);)+
            }
        }

        impl Stats {
            /// Adds the counts of a keyspace. Its disk hits are left out, because the disk tier may be
            /// missing.
            pub(crate) fn add_counts(&mut self, keyspace: &KeyspaceStats) {
                $($(self.$($stats).+ += keyspace.$keyspace;)?)+
            }
        }

        impl CumulativeStats {
            /// Returns the counts of a keyspace.
            pub(crate) fn of_keyspace(sums: &Sums) -> Self {
                let mut counts = Self::default();
                $($(counts.$cumulative = sums.of(Count::$count);)?)+
                counts
            }
        }
    };
}

counts! {
    MemoryHits: memory_hits, Stats memory.hits, CumulativeStats memory_hits;
    DiskHits: disk_hits, CumulativeStats disk_hits;
    Misses: misses, Stats misses, CumulativeStats misses;
    Loads: loads, Stats loads, CumulativeStats loads;
    LoadFailures: load_failures, Stats load_failures, CumulativeStats load_failures;
    VoidedFills: voided_fills, Stats voided_fills, CumulativeStats voided_fills;
    Uncacheable: uncacheable, Stats uncacheable, CumulativeStats uncacheable;
    Promotions: promotions, Stats promotions, CumulativeStats promotions;
    Inserts: inserts, Stats inserts, CumulativeStats inserts;
    Invalidations: invalidations, Stats invalidations, CumulativeStats invalidations;
    Undecodable: undecodable, CumulativeStats undecodable;
    TooLargeForDisk: too_large_for_disk, Stats too_large_for_disk;
}

/// The sums of a keyspace's counts over all threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums(pub(super) [u64; COUNTS]);

impl Sums {
    pub(crate) fn of(&self, count: Count) -> u64 {
        self.0.get(count as usize).copied().unwrap_or(0)
    }
}
